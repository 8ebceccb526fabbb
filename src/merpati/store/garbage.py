"""What nobody holds any more, removed: rows first, then files, so that a crash leaves garbage only.

A file that no row names is garbage once it is older than any delivery may take. Its
name begins with its content's hash, so the row that might name it is one look-up away
and no list of all names is ever made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import Final

from merpati.store import blobs, leases
from merpati.store.blobs import GARBAGE_AGE, BlobStore
from merpati.store.engine import Store, Transaction

ROWS: Final = 200  # collected in one write, so that no delivery waits long behind it
FILES: Final = 1000  # looked at in one read
KEPT: Final = "backup"  # the lease under which nothing is collected: a backup reads what it names


async def collect(store: Store, blob_store: BlobStore, now: int = 0) -> int:
    """Remove blobs without holders, files without rows and spool files without sessions.

    Safe beside deliveries, in several workers at once, and when killed at any point:
    what is left over is found again.

    Nothing goes while a backup runs: `now` says which leases hold, Unix milliseconds.

    Returns:
        How many blobs and files went.
    """
    count = 0
    while True:
        gone = await store.write(_collect, now)
        for location in gone:
            if location:
                await asyncio.to_thread(blob_store.remove, location)
        count += len(gone)
        if len(gone) < ROWS:
            break
    for location in await unnamed_files(store, blob_store):
        await asyncio.to_thread(blob_store.remove, location)
        count += 1
    return count + await asyncio.to_thread(blob_store.remove_abandoned)


async def unnamed_files(store: Store, blob_store: BlobStore) -> list[str]:
    """Files older than any delivery that no row names."""
    found: list[str] = []
    files = blob_store.files()
    while chunk := await asyncio.to_thread(lambda: list(islice(files, FILES))):
        old = [location for location, age in chunk if age > GARBAGE_AGE]
        if old:
            named = await store.read(_named, old)
            found += [location for location in old if location not in named]
    return found


async def _collect(tx: Transaction, now: int) -> list[str]:
    """Delete some rows that nobody holds; the file of each, or an empty string."""
    if now and await leases.held(tx, KEPT, now):
        return []
    return await blobs.collect(tx, ROWS)


async def _named(tx: Transaction, files: Sequence[str]) -> set[str]:
    """Those of the files that a row names, and those that are not ours to judge."""
    named: set[str] = set()
    for location in files:
        digest = blobs.hash_of(location)
        if digest is None:
            named.add(location)
        else:
            named.add(await tx.value("SELECT location FROM blob WHERE hash = $1", digest))
    return named
