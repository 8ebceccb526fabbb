"""Taking a snapshot of a store that is in use.

First all tables in one read transaction, so that they fit together; then the messages that they
name, which never change. Nothing is collected as garbage meanwhile: a lease says that a backup
runs (`store.garbage.KEPT`). Whatever was acknowledged before the transaction began is in it.

While a transaction reads, SQLite's write-ahead log cannot be used again and grows. So nothing but
reading is done in it: which messages are missing is looked up later, rows that never change are
read in short transactions behind it, and what goes to a bucket waits in a file here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from array import array
from collections.abc import AsyncIterator, Callable, Sequence
from typing import BinaryIO, Final

import msgspec

from merpati import __version__
from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.services.backup.snapshot import FORMAT, File, Manifest, stamp
from merpati.store import blobs, garbage, leases
from merpati.store.backup import rows
from merpati.store.backup.repository import Repository
from merpati.store.blobs import BlobStore, Stored
from merpati.store.engine import Row, Store, Transaction

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
    async with _lease(source.store, clock, f"backup to {repository.place.name}"):
        created_at = int(clock.now() * 1000)
        if repository.place.is_remote:
            repository.spool(spool_file(source.blob_store))
        tables = await source.store.scan(run.tables)
        await asyncio.to_thread(repository.send)
        await run.find_missing()
        await run.bodies()
        for table in run.following:
            tables.append(await run.follow(table))
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
        self.last = 0  # the greatest id of a message
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
        counted = await tx.row(
            "SELECT count(*), coalesce(sum(size), 0), coalesce(max(id), 0) FROM blob"
        )
        assert counted is not None
        self.blobs, self.octets, self.last = (int(number) for number in counted)
        return stored

    async def find_missing(self) -> None:
        """Which messages of the snapshot the repository lacks: none of them goes meanwhile."""
        after = 0
        while found := await self.source.store.scan(_hashes, after, self.last):
            after = found[-1][0]
            await asyncio.to_thread(self._look_for, found)

    def _look_for(self, found: Sequence[Row]) -> None:
        self.missing.extend(row[0] for row in found if not self.repository.has(row[1]))

    async def follow(self, table: rows.Table) -> rows.Stored:
        """A table whose rows never change, in short transactions."""
        dumping = rows.Dumping(table, self.repository.put)
        while dumping.goes_on:
            found = await self.source.store.scan(rows.page, table, dumping.last)
            await asyncio.to_thread(dumping.take, found)
        return await asyncio.to_thread(dumping.end)

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


def spool_file(blob_store: BlobStore) -> BinaryIO:
    """A file on the disk of the blobs that has no name any more: it goes with the process."""
    path, file = blob_store.temporary()
    path.unlink()
    return os.fdopen(file, "r+b")


async def _hashes(tx: Transaction, after: int, last: int) -> Sequence[Row]:
    return await tx.rows(
        "SELECT id, hash FROM blob WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3",
        after, last, rows.PAGE,
    )  # fmt: skip


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
