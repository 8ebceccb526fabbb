"""Backups as the administration sees them: how they stand, beginning one, bringing back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Final

from msgspec import Meta, Struct

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.base.ids import Ids
from merpati.services.backup import routine, snapshot
from merpati.services.backup.bring import Bringing
from merpati.services.backup.keep import BackupSettings
from merpati.store.backup import runs
from merpati.store.backup.repository import Repository, open_repository
from merpati.store.backup.runs import Run
from merpati.store.backup.target import find_place
from merpati.store.blobs import BlobStore
from merpati.store.engine import Store

LATE: Final = 2 * 86_400_000  # ms; a daily backup that is older has failed at least once
RUNS: Final = 20  # shown
NO_TARGET: Final = "no backups are set up: set target or bucket in [backup] of merpati.toml"


class BackupView(Struct, frozen=True, rename="camel", kw_only=True):
    """How backups stand. Times are Unix milliseconds.

    `target` is empty when there are no regular backups; `last_good` and `verified_at` are 0 when
    there was none yet; `problem` is the last run's, if it has one.
    """

    target: str
    time: str
    encrypted: bool
    last_good: int
    verified_at: int
    running: bool
    problem: str
    runs: list[Run]


class BackedUp(Struct, frozen=True, rename="camel"):
    """A mailbox in a snapshot."""

    name: str
    emails: int


class BackedUpAccount(Struct, frozen=True, rename="camel"):
    """What a snapshot has of an account; `snapshots` are all there are, the latest first."""

    snapshot: str
    snapshots: list[str]
    mailboxes: list[BackedUp]


class BringBack(Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What to bring back: of which snapshot (the latest when empty), which mailbox (or all)."""

    snapshot: Annotated[str, Meta(max_length=100)] = ""
    mailbox: Annotated[str, Meta(max_length=1000)] = ""


class BroughtBack(Struct, frozen=True, rename="camel"):
    """What came back; `there` counts the emails that were not needed."""

    snapshot: str
    restored: int
    there: int
    mailboxes: list[str]
    account_made: bool


class Desk:
    """Where backups are looked after."""

    def __init__(
        self, store: Store, blob_store: BlobStore, clock: Clock, ids: Ids,
        settings: BackupSettings, begin: Callable[[], Awaitable[None]],
    ) -> None:  # fmt: skip
        """`begin` takes a backup in a process of its own."""
        self._store = store
        self._blobs = blob_store
        self._clock = clock
        self._ids = ids
        self._settings = settings
        self._begin = begin
        self._task: asyncio.Task[None] | None = None

    async def show(self) -> BackupView:
        """How they stand."""
        return await standing(self._store, self._settings)

    async def begin(self) -> None:
        """Take one now. Raises Fault CONFIG without a target, IN_USE while one runs."""
        if not self._settings.place:
            raise Fault(Kind.CONFIG, NO_TARGET)
        last = await self._store.read(runs.last, self._settings.place)
        now = int(self._clock.now() * 1000)
        running = last and not last.ended_at and now - last.started_at < routine.BROKEN_OFF
        if running or (self._task is not None and not self._task.done()):
            raise Fault(Kind.IN_USE, "a backup runs already")
        self._task = asyncio.ensure_future(self._begin())

    async def of_account(self, address: str, name: str = "") -> BackedUpAccount:
        """What the backup has of an account. Raises Fault NOT_FOUND, CONFIG, CORRUPT."""
        async with self._repository() as repository:
            found = await asyncio.to_thread(snapshot.find, repository, name)
            bringing = Bringing(repository, found, self._store, self._blobs, self._clock)
            kept = await asyncio.to_thread(bringing.mailboxes, address)
            boxes = [BackedUp(one.path, one.total) for one in kept]
            return BackedUpAccount(found.name, repository.snapshots()[::-1], boxes)

    async def bring(self, address: str, wanted: BringBack) -> BroughtBack:
        """Bring an account or mailbox back. Raises as `Bringing.bring`."""
        async with self._repository() as repository:
            found = await asyncio.to_thread(snapshot.find, repository, wanted.snapshot)
            bringing = Bringing(repository, found, self._store, self._blobs, self._clock)
            done = await bringing.bring(address, mailbox=wanted.mailbox)
        boxes = sorted(name for name, count in done.report.mailboxes.items() if count)
        return BroughtBack(found.name, done.report.added, done.there, boxes, done.made)

    @asynccontextmanager
    async def _repository(self) -> AsyncIterator[Repository]:
        if not self._settings.place:
            raise Fault(Kind.CONFIG, NO_TARGET)
        secret = routine.passphrase(self._settings.passphrase_file)
        place = find_place(self._settings.place, self._ids, self._settings.bucket_key_file)
        repository = await asyncio.to_thread(open_repository, place, self._ids, secret)
        try:
            yield repository
        finally:
            await asyncio.to_thread(repository.close)


async def standing(store: Store, settings: BackupSettings) -> BackupView:
    """How regular backups stand."""
    target = settings.place
    listed = await store.read(runs.listing, RUNS)
    good = await store.read(runs.last, target, good=True)
    last = next((one for one in listed if one.target == target), None)
    return BackupView(
        target=target, time=settings.time, encrypted=settings.passphrase_file is not None,
        last_good=good.started_at if good and target else 0,
        verified_at=good.verified_at if good and target else 0,
        running=last is not None and not last.ended_at, problem=last.problem if last else "",
        runs=listed,
    )  # fmt: skip
