"""A whole installation out of a snapshot: into an empty store of either engine.

What must not be as it was afterwards stands in `store.backup.settle`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from blake3 import blake3

from merpati.base.faults import Fault, Kind
from merpati.services.backup import snapshot
from merpati.services.backup.snapshot import Snapshot
from merpati.store import schema
from merpati.store.backup import rows, settle
from merpati.store.backup.repository import Repository
from merpati.store.blobs import BlobStore
from merpati.store.engine import Row, Store, Transaction

BATCH_BYTES: Final = 8 * 1024 * 1024

Progress = Callable[[str, int, int], None]


class Rebuilt(msgspec.Struct):
    """What a restore has come to."""

    messages: int = 0
    accounts: int = 0
    held: int = 0  # recipients elsewhere that wait for a decision
    lost: int = 0  # messages that were damaged before the backup


async def rebuild(
    repository: Repository, found: Snapshot, store: Store, blob_store: BlobStore, now: int,
    progress: Progress = lambda _what, _done, _total: None,
) -> Rebuilt:  # fmt: skip
    """Fill an empty store.

    Raises:
        Fault: EXISTS when it is not empty; CONFIG for a snapshot of a newer release; CORRUPT,
            NOT_FOUND when the backup is damaged; NO_SPACE, UNAVAILABLE. The store is of no use
            then.
    """
    manifest = found.manifest
    if manifest.schema > schema.migrations()[-1].version:
        raise Fault(Kind.CONFIG, f"{found.name} was taken by a newer release; upgrade this one")
    await store.write_long(_prepare, manifest.schema)
    total = sum(len(one.chunks) for one in manifest.tables)
    number = 0
    for stored in manifest.tables:
        await store.write_long(rows.empty, stored.table)
        for chunk in stored.chunks:
            progress(stored.table.name, number, total)
            number += 1
            data = await asyncio.to_thread(repository.get, chunk.digest)
            await store.write_long(rows.insert, stored.table, rows.load(data))
    result = Rebuilt()
    await _messages(repository, found, store, blob_store, result, progress)
    await store.write_long(settle.settle, manifest.sequences, now)
    await store.write(schema.migrate)
    result.accounts, result.held = await store.read(settle.counts)
    result.lost = len(manifest.lost)
    return result


async def _prepare(tx: Transaction, version: int) -> None:
    if await schema.version(tx):
        raise Fault(Kind.EXISTS, "the store is not empty; restore into a new one")
    await schema.migrate(tx, version)


async def _messages(
    repository: Repository, found: Snapshot, store: Store, blob_store: BlobStore,
    result: Rebuilt, progress: Progress,
) -> None:  # fmt: skip
    """The bytes of every message: into its file, or its row."""
    stored = found.stored("blob")
    at = {name: n for n, name in enumerate(stored.table.columns)}
    batch: list[Row] = []
    size = 0
    lost = {blob_id for blob_id, _ in found.manifest.lost}
    for row in snapshot.table(repository, stored):
        blob_id, digest, location = (row[at[name]] for name in ("id", "hash", "location"))
        if blob_id in lost:
            continue
        if location:
            await asyncio.to_thread(_write_file, repository, blob_store, digest, location)
        else:
            data = repository.get(digest)
            batch.append((blob_id, *blob_store.pack(data)))
            size += len(data)
        result.messages += 1
        if size >= BATCH_BYTES or len(batch) >= rows.PAGE:
            progress("messages", result.messages, found.manifest.blobs)
            await store.write_long(_add_bodies, batch)
            batch, size = [], 0
    await store.write_long(_add_bodies, batch)


async def _add_bodies(tx: Transaction, batch: Sequence[Row]) -> None:
    await tx.run_many("INSERT INTO body (blob_id, encoding, data) VALUES ($1, $2, $3)", batch)


def _write_file(
    repository: Repository, blob_store: BlobStore, digest: bytes, location: str
) -> None:
    path, file = blob_store.temporary()
    check = blake3()
    with os.fdopen(file, "wb") as out:
        for piece in repository.pieces(digest):
            check.update(piece)
            out.write(piece)
        out.flush()
        os.fsync(file)
    if check.digest() != digest:
        path.unlink()
        raise Fault(Kind.CORRUPT, f"{digest.hex()} of the backup is not what was stored")
    blob_store.place(path, location)
