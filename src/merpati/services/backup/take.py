"""Taking a snapshot of a store that is in use.

First all tables in one read transaction, so that they fit together; then the messages that they
name, which never change. Nothing is collected as garbage meanwhile: a lease says that a backup
runs (`store.garbage.KEPT`). Whatever was acknowledged before the transaction began is in it.
"""

from __future__ import annotations

import asyncio
import contextlib
from array import array
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import msgspec

from merpati import __version__
from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.services.backup.snapshot import FORMAT, File, Manifest, stamp
from merpati.store import blobs, garbage, leases
from merpati.store.backup import rows
from merpati.store.backup.repository import Repository
from merpati.store.blobs import BlobStore, Stored
from merpati.store.engine import Store, Transaction

LEASE: Final = 600_000  # ms; a backup that dies holds back garbage for no longer
EXTEND_EVERY: Final = 60.0  # seconds
BATCH: Final = 100  # messages read in one query: their bodies in rows are at most 128 KB each
LOST_SHOWN: Final = 1000

Progress = Callable[[str, int, int], None]
"""Told what is copied, how far it is, and how far it goes."""


class Taken(msgspec.Struct, frozen=True):
    """What was taken: the snapshot's name, messages and bytes in it, bytes that were new."""

    name: str
    created_at: int
    blobs: int
    octets: int
    written: int
    lost: list[tuple[int, str]]


class Source(msgspec.Struct, frozen=True):
    """What is backed up: a store with its blobs, and files beside it."""

    store: Store
    blob_store: BlobStore
    hostname: str
    files: list[File]


async def take(
    source: Source, repository: Repository, clock: Clock,
    progress: Progress = lambda _what, _done, _total: None,
) -> Taken:  # fmt: skip
    """Take a snapshot.

    Raises:
        Fault: IN_USE while another backup runs; NO_SPACE, UNAVAILABLE. What was written by then
            stays, and the next run goes on behind it.
    """
    run = _Run(source, repository, progress)
    async with _lease(source.store, clock, f"backup to {repository.folder}"):
        created_at = int(clock.now() * 1000)
        tables = await source.store.scan(run.tables)
        await run.bodies()
        for table in run.following:
            tables.append(await source.store.scan(rows.dump, table, repository.put))
        sequences = await source.store.read(rows.sequences)
        manifest = Manifest(
            format=FORMAT, created_at=created_at, hostname=source.hostname, version=__version__,
            engine=source.store.dialect.value, schema=run.schema, tables=tables,
            sequences=sequences, blobs=run.blobs, octets=run.octets, lost=run.lost[:LOST_SHOWN],
            files=source.files,
        )  # fmt: skip
    name = await asyncio.to_thread(repository.add_snapshot, stamp(created_at), manifest)
    return Taken(name, created_at, run.blobs, run.octets, repository.written, run.lost)


class _Run:
    """One backup under way."""

    def __init__(self, source: Source, repository: Repository, progress: Progress) -> None:
        self.source = source
        self.repository = repository
        self.progress = progress
        self.schema = 0
        self.blobs = 0
        self.octets = 0
        self.missing = array("q")  # ids of messages that the repository lacks
        self.following: list[rows.Table] = []
        self.lost: list[tuple[int, str]] = []

    async def tables(self, tx: Transaction) -> list[rows.Stored]:
        """All tables but those that follow. A unit of work: it may run twice."""
        self.schema = await tx.value("SELECT max(version) FROM schema_version")
        known = await rows.tables(tx)
        self.following = [one for one in known if one.name in rows.FOLLOWING]
        at_once = [one for one in known if one.name not in rows.FOLLOWING]
        stored = []
        for number, table in enumerate(at_once):
            self.progress(table.name, number, len(at_once))
            stored.append(await rows.dump(tx, table, self.repository.put))
        await self._list_blobs(tx)
        return stored

    async def _list_blobs(self, tx: Transaction) -> None:
        self.blobs = self.octets = 0
        self.missing = array("q")
        after = 0
        while found := await tx.rows(
            "SELECT id, hash, size FROM blob WHERE id > $1 ORDER BY id LIMIT $2", after, rows.PAGE
        ):
            after = found[-1][0]
            self.blobs += len(found)
            self.octets += sum(row[2] for row in found)
            self.missing.extend(row[0] for row in found if not self.repository.has(row[1]))

    async def bodies(self) -> None:
        """The messages that the repository lacks, a batch at a time."""
        for first in range(0, len(self.missing), BATCH):
            self.progress("messages", first, len(self.missing))
            found = await self.source.store.scan(
                blobs.find_hashed, self.missing[first : first + BATCH]
            )
            await asyncio.to_thread(self._keep, found)

    def _keep(self, found: Sequence[tuple[bytes, Stored]]) -> None:
        for digest, stored in found:
            try:
                content = self.source.blob_store.read(stored)
            except Fault as fault:
                self.lost.append((stored.blob_id, fault.text))
                continue
            if blobs.content_hash(content) != digest:
                self.lost.append((stored.blob_id, "its bytes are not what was stored"))
                continue
            self.repository.put(content, digest)


@contextlib.asynccontextmanager
async def _lease(store: Store, clock: Clock, holder: str) -> AsyncIterator[None]:
    """Hold back the collection of garbage. Raises Fault IN_USE, UNAVAILABLE when it was lost."""

    def until() -> int:
        return int(clock.now() * 1000) + LEASE

    now = int(clock.now() * 1000)
    # The repository is locked: a lease for it was left by a run that is dead.
    claimed = await store.write(leases.claim, garbage.KEPT, holder, now, until())
    if not claimed and not await store.write(leases.extend, garbage.KEPT, holder, until()):
        text = "a backup to another place runs, or was broken off less than ten minutes ago"
        raise Fault(Kind.IN_USE, text)

    async def extend() -> None:
        while True:
            await asyncio.sleep(EXTEND_EVERY)
            await store.write(leases.extend, garbage.KEPT, holder, until())

    keeper = asyncio.create_task(extend())
    try:
        yield
        if not await store.write(leases.extend, garbage.KEPT, holder, until()):
            text = "the backup was held up for so long that it may not be whole; run it again"
            raise Fault(Kind.UNAVAILABLE, text)
    finally:
        keeper.cancel()
        await store.write(leases.release, garbage.KEPT, holder)
