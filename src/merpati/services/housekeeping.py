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
from merpati.store import events, garbage, packing
from merpati.store.blobs import BlobStore
from merpati.store.engine import Store

GARBAGE_EVERY: Final = 600.0  # seconds
PACKING_EVERY: Final = 30.0
PAUSE: Final = 0.2  # seconds between two steps: never flat out beside the intake
ENTRY_EVERY: Final = 60.0
HISTORY_EVERY: Final = 3600.0
HISTORY_KEPT: Final = 90 * 86400  # seconds that the trace of a message is kept


class Housekeeping:
    """The periodic work of one worker."""

    def __init__(self, store: Store, blob_store: BlobStore, clock: Clock, log: Log) -> None:
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

    async def collect_garbage(self) -> None:
        """Remove blobs that nobody holds any more."""
        count = await garbage.collect(self._store, self._blobs)
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

    async def forget_history(self) -> None:
        """Remove traces older than `HISTORY_KEPT`."""
        oldest = oldest_trace(int((self._clock.now() - HISTORY_KEPT) * 1000))
        while await self._store.write_long(events.forget, oldest):
            continue
