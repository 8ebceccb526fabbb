"""What must be done now and then: garbage, old history, forgotten leases.

Every worker runs it; each act is safe to be done by several at once.
"""

from __future__ import annotations

import asyncio
from typing import Final

from merpati.base.clock import Clock
from merpati.base.ids import oldest_trace
from merpati.base.log import Log
from merpati.base.tasks import Tasks
from merpati.services.configuration import apply as configuration
from merpati.services.moderation import HELD_DAYS
from merpati.store import (
    api_messages,
    destinations,
    events,
    expunged,
    garbage,
    handovers,
    lists,
    packing,
    sieve,
    suppression,
    uploads,
)
from merpati.store.blobs import BlobStore
from merpati.store.engine import Store

GARBAGE_EVERY: Final = 600.0  # seconds
PACKING_EVERY: Final = 30.0
PAUSE: Final = 0.2  # seconds between two steps: never flat out beside the intake
ENTRY_EVERY: Final = 60.0
HISTORY_EVERY: Final = 3600.0
DESTINATIONS_KEPT: Final = 30 * 86_400_000  # ms that a destination is remembered unused
HISTORY_KEPT: Final = 90 * 86400  # seconds that the trace of a message is kept


class Housekeeping:
    """The periodic work of one worker."""

    def __init__(
        self, store: Store, blob_store: BlobStore, clock: Clock, log: Log, restore_days: int = 14
    ) -> None:
        """`restore_days`: how long removed mail is kept (services/restore.py)."""
        self._restore_kept = restore_days * 86_400_000
        self._store = store
        self._blobs = blob_store
        self._clock = clock
        self._log = log

    def start(self, tasks: Tasks) -> None:
        """Begin; ends with the tasks."""
        tasks.every(GARBAGE_EVERY, self.collect_garbage, "garbage")
        tasks.every(PACKING_EVERY, self.pack, "packing")
        tasks.every(ENTRY_EVERY, self.enter_young, "trace-entry")
        tasks.every(HISTORY_EVERY, self.forget_history, "history")
        tasks.every(HISTORY_EVERY, self.forget_destinations, "destinations")
        tasks.every(HISTORY_EVERY, self.forget_held_posts, "held posts")
        tasks.every(HISTORY_EVERY, self.forget_seen, "sieve memory")
        tasks.every(HISTORY_EVERY, self.forget_expunged, "removed mail")
        tasks.every(HISTORY_EVERY, self.forget_uploads, "uploads")
        tasks.every(HISTORY_EVERY, self.forget_handovers, "handed-over accounts")
        tasks.every(HISTORY_EVERY, self.note_configuration, "configuration")

    async def collect_garbage(self) -> None:
        """Remove blobs that nobody holds any more."""
        now = int(self._clock.now() * 1000)
        count = await garbage.collect(self._store, self._blobs, now)
        if count:
            self._log.info("blobs.collected", count=count)

    async def pack(self) -> None:
        """Compress what was taken over since the last time."""
        done = await packing.step(self._store, self._blobs)
        while done == packing.STEP:
            await asyncio.sleep(PAUSE)
            done = await packing.step(self._store, self._blobs)

    async def enter_young(self) -> None:
        """Enter new messages under the names they concern, a few hundred at a time."""
        more = True
        while more:
            now = int(self._clock.now() * 1000)
            more = await self._store.write_long(events.enter_young, now)
            await asyncio.sleep(PAUSE)

    async def forget_destinations(self) -> None:
        """Drop what is known of destinations and addresses that nobody writes to any more."""
        now = int(self._clock.now() * 1000)
        await self._store.write(suppression.forget, now)
        forgotten = 1
        while forgotten:
            forgotten = await self._store.write(destinations.forget, now - DESTINATIONS_KEPT)
            await asyncio.sleep(PAUSE)

    async def forget_held_posts(self) -> None:
        """Drop posts to mailing lists that no owner has decided about for too long."""
        before = int((self._clock.now() - HELD_DAYS * 86400) * 1000)
        count = await self._store.write(lists.forget, before)
        if count:
            self._log.info("lists.forgotten", count=count)

    async def forget_expunged(self) -> None:
        """Let go of removed mail that has been kept for as long as the settings say."""
        before = int(self._clock.now() * 1000) - self._restore_kept
        count, step = 0, expunged.STEP
        while step == expunged.STEP:
            step = await self._store.write_long(expunged.forget, before)
            count += step
            await asyncio.sleep(PAUSE)
        if count:
            self._log.info("expunged.forgotten", count=count)

    async def forget_uploads(self) -> None:
        """Let go of uploaded files that are older than a day."""
        gone = 1
        while gone:
            gone = await self._store.write(uploads.expire, int(self._clock.now() * 1000))
            await asyncio.sleep(PAUSE)

    async def forget_handovers(self) -> None:
        """Let go of what would bring back accounts that were handed over long ago."""
        await self._store.write(handovers.expire, int(self._clock.now() * 1000))

    async def note_configuration(self) -> None:
        """Keep what administrators have changed one by one as a version to return to."""
        await self._store.write_long(configuration.note, int(self._clock.now() * 1000))

    async def forget_seen(self) -> None:
        """Drop what Sieve scripts need to remember no longer: whom they answered, what they saw."""
        more = True
        while more:
            more = await self._store.write_long(sieve.forget, int(self._clock.now() * 1000))
            await asyncio.sleep(PAUSE)

    async def forget_history(self) -> None:
        """Remove traces older than `HISTORY_KEPT`."""
        oldest = oldest_trace(int((self._clock.now() - HISTORY_KEPT) * 1000))
        while await self._store.write_long(events.forget, oldest):
            continue
        before = int((self._clock.now() - HISTORY_KEPT) * 1000)
        while await self._store.write(api_messages.forget, before):
            continue
