"""One backup from beginning to end: taken, old ones pruned, proven now and then, and noted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.base.ids import Ids
from merpati.base.secrets import Secret, read_key_file
from merpati.services.backup import keep, prove
from merpati.services.backup.keep import BackupSettings
from merpati.services.backup.take import Source, Taken, take
from merpati.store.backup import runs
from merpati.store.backup.place import Place
from merpati.store.backup.repository import Repository, open_repository
from merpati.store.backup.runs import Run
from merpati.store.engine import Store, Transaction

RETRY: Final = 3_600_000  # ms after which a backup that failed is tried again
BROKEN_OFF: Final = 6 * RETRY  # one that neither ended nor failed is dead by then, or is in use

Progress = Callable[[str, int, int], None]


class Routine(msgspec.Struct, frozen=True):
    """What a run needs."""

    source: Source
    settings: BackupSettings
    clock: Clock
    ids: Ids
    progress: Progress

    async def run(self, place: Place, passphrase: Secret | None, *, regular: bool) -> Taken:
        """Take a snapshot to a place; a `regular` one also prunes and proves what is there.

        Raises:
            Fault: IN_USE while another one runs to it; as `take`; CORRUPT when the proof failed.
        """
        store = self.source.store
        try:
            repository = await asyncio.to_thread(
                open_repository, place, self.ids, passphrase, write=True
            )
        except Fault as fault:
            if fault.kind is not Kind.IN_USE:  # else the other run tells how it went
                number = await store.write(runs.begin, place.name, self._now())
                await store.write(runs.end, number, self._now(), problem=fault.text)
            raise
        try:
            before = await store.read(runs.last, place.name, good=True)
            number = await store.write(runs.begin, place.name, self._now())
            try:
                taken = await take(self.source, repository, self.clock, self.progress)
            except Fault as fault:
                await store.write(runs.end, number, self._now(), problem=fault.text)
                raise
            problem = f"{len(taken.lost)} messages are damaged: merpati check" * bool(taken.lost)
            await store.write(
                runs.end, number, self._now(), taken.name, taken.blobs, taken.written, problem
            )
            if regular:
                await self._look_after(repository, before)
        finally:
            await asyncio.to_thread(repository.close)
        return taken

    async def _look_after(self, repository: Repository, before: Run | None) -> None:
        """Prune; and prove everything when that is due."""
        await asyncio.to_thread(keep.prune, repository, self.settings)
        every = self.settings.verify_every * 1000
        verified = before.verified_at if before is not None else 0
        if every and self._now() - verified >= every:
            await verify(self.source.store, repository, self._now, self.progress)
        elif verified:
            # What was proven is as it was; the files of this run were just written and synced.
            await self.source.store.write(runs.verified, repository.place.name, verified)

    def _now(self) -> int:
        return int(self.clock.now() * 1000)


async def verify(
    store: Store, repository: Repository, now: Callable[[], int], progress: Progress
) -> prove.Proof:
    """Prove a whole repository and note the result. Raises Fault CORRUPT with the first problem."""
    proof = await asyncio.to_thread(prove.prove, repository, progress)
    first = proof.problems[0] if proof.problems else ""
    await store.write(runs.verified, repository.place.name, now(), first)
    if first:
        raise Fault(Kind.CORRUPT, first)
    return proof


def passphrase(file: Path | None) -> Secret | None:
    """What stands in a passphrase file. Raises Fault CONFIG when it cannot be used."""
    if file is None:
        return None
    text = read_key_file(file).decode("utf-8", "replace").strip()
    if len(text) < 8:
        raise Fault(Kind.CONFIG, f"{file} is too short: write a passphrase of 8 characters or more")
    return Secret(text)


async def is_due(tx: Transaction, settings: BackupSettings, now: int) -> bool:
    """Whether the regular backup's moment has come since the last one began, or one failed."""
    if not settings.place:
        return False
    last = await runs.last(tx, settings.place)
    if last is None or last.started_at < due_at(settings, now):
        return True
    waited = now - last.started_at
    if not last.ended_at:
        return waited > BROKEN_OFF
    return not last.snapshot and waited > RETRY


def due_at(settings: BackupSettings, now: int) -> int:
    """The last moment at or before `now` at which a backup was due, in the machine's time."""
    local = datetime.fromtimestamp(now / 1000).astimezone()
    minute = settings.minute()
    due = local.replace(hour=minute // 60, minute=minute % 60, second=0, microsecond=0)
    if due > local:
        due -= timedelta(days=1)
    return int(time.mktime(due.replace(tzinfo=None).timetuple()) * 1000)
