"""The queue runner: claims what is due, sends it on or delivers it here, records what came of it.

Every worker runs one. It claims recipients with a lease, groups them by destination and
lets lanes serve each destination (`services/lane.py`), one message after another on each.
What a try came to is recorded in the transaction that removes or defers the recipient,
together with the notice to the sender, if there is one: a crash in between only repeats
the try.

A destination that cannot be reached at all takes everything due for it along to its next
try, so a queue full of mail for a dead host costs one connection attempt a quarter hour.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from merpati.base.clock import Clock
from merpati.base.faults import Fault
from merpati.base.log import Log
from merpati.base.settings import setting
from merpati.base.tasks import Tasks
from merpati.model.queue import QueueMessage, QueueRecipient
from merpati.services.courier import Courier
from merpati.services.deliver import Deliver
from merpati.services.lane import Batch, Job, Lane
from merpati.services.outcome import Recorder
from merpati.store import queue
from merpati.store.engine import Store

LEASE: Final = 3600  # seconds that what is claimed belongs to its worker
TRY_MAX: Final = 3000.0  # seconds; then a try is ended, long before its lease is
CLAIM: Final = 200  # recipients at once
IDLE: Final = 60.0  # seconds between two looks at an empty queue, should an announcement be lost
BUSY: Final = 1.0  # seconds between two looks while lanes are at work
PAUSE: Final = 5.0  # seconds, after the store could not be asked


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundSettings:
    """How mail is sent on to other servers."""

    connections: int = setting(50, "Outgoing connections of each worker at once.")
    connections_per_destination: int = setting(
        5, "Outgoing connections of each worker to one destination at once."
    )
    messages_per_connection: int = setting(20, "Messages sent over one connection.")
    port: int = setting(25, "The port other servers take mail on.", minimum=1, maximum=65535)


class QueueRunner:
    """Works the queue for one worker."""

    def __init__(
        self,
        name: str,
        store: Store,
        courier: Courier,
        deliver: Deliver,
        recorder: Recorder,
        clock: Clock,
        settings: OutboundSettings,
        tasks: Tasks,
        log: Log,
    ) -> None:
        self._lease = f"{name}/"  # ended, so that none is the beginning of another
        self._store = store
        self._courier = courier
        self._deliver = deliver
        self._recorder = recorder
        self._clock = clock
        self._settings = settings
        self._tasks = tasks
        self._log = log
        self._woken = asyncio.Event()
        self._active: dict[str, int] = {}  # lanes by destination
        self._reaching: set[str] = set()  # destinations that have not let anybody in yet
        self._connections = asyncio.Semaphore(settings.connections)

    def wake(self) -> None:
        """There may be something due."""
        self._woken.set()

    @property
    def lanes(self) -> int:
        """How many are at work."""
        return sum(self._active.values())

    async def run(self) -> None:
        """Work until cancelled. What this worker had claimed when it died is due at once."""
        recovered = False
        while True:
            try:
                if not recovered:
                    await self.recover()
                    recovered = True
                self._woken.clear()
                if not await self.round():
                    await self._sleep()
            except Fault as fault:
                self._log.warning("queue.waits", reason=fault.text)
                await asyncio.sleep(PAUSE)
            except Exception:  # noqa: BLE001 -- mail must go on, whatever one round met
                self._log.exception("queue.failed")
                await asyncio.sleep(PAUSE)

    async def recover(self) -> int:
        """Let go of what an earlier life of this worker had claimed; how many recipients."""
        now = int(self._clock.now() * 1000)
        return await self._store.write(queue.release_leases, self._lease, now)

    async def _sleep(self) -> None:
        due = await self._store.read(queue.next_due)
        wait = IDLE
        if due is not None and not self._full():  # a lane that ends wakes us
            # What is due and was not claimed waits for a busy destination.
            shortest = BUSY if self._active else 0.05
            wait = min(IDLE, max(shortest, due / 1000 - self._clock.now()))
        try:
            await asyncio.wait_for(self._woken.wait(), wait)
        except TimeoutError:
            return

    def _full(self) -> bool:
        return self.lanes >= self._settings.connections

    async def round(self) -> bool:
        """Claim what is due and begin to serve it; whether there was anything."""
        if self._full():
            return False
        now = int(self._clock.now() * 1000)
        due = await self._store.read(queue.next_due)
        if due is None or due > now:
            return False
        until = asyncio.get_running_loop().time() + TRY_MAX
        claimed = await self._store.write(
            queue.claim, now, self._lease, now + LEASE * 1000, CLAIM, self._busy()
        )
        if not claimed:
            return False
        messages = await self._store.read(
            queue.messages, sorted({one.message_id for one in claimed})
        )
        for destination, jobs in _by_destination(claimed, messages).items():
            self._begin(Batch(destination, jobs, until), 1)
        return True

    def _busy(self) -> list[str]:
        """Destinations that have all their lanes, or are still being reached for the first time."""
        limit = self._settings.connections_per_destination
        return [
            name for name, count in self._active.items() if count >= limit or name in self._reaching
        ]

    def _widen(self, batch: Batch) -> None:
        """A destination lets us in: let as many lanes join as its share and the batch allow."""
        self._reaching.discard(batch.destination)
        free = self._settings.connections_per_destination - self._active[batch.destination]
        wanted = -(-len(batch.jobs) // self._settings.messages_per_connection)
        self._begin(batch, min(free, wanted - 1))

    def _begin(self, batch: Batch, lanes: int) -> None:
        destination = batch.destination
        if destination and not batch.reached:
            self._reaching.add(destination)
        for _ in range(lanes):
            lane = Lane(
                batch, self._courier, self._deliver, self._recorder, self._connections,
                self._settings.messages_per_connection, self._widen, self._log,
            )  # fmt: skip
            self._active[destination] = self._active.get(destination, 0) + 1
            task = self._tasks.spawn(lane.run(), f"queue {destination}")
            task.add_done_callback(lambda _: self._ended(destination))

    def _ended(self, destination: str) -> None:
        """A lane is done."""
        self._reaching.discard(destination)
        left = self._active[destination] - 1
        if left:
            self._active[destination] = left
        else:
            del self._active[destination]
        self.wake()


def _by_destination(
    claimed: Sequence[QueueRecipient], messages: dict[int, QueueMessage]
) -> dict[str, list[Job]]:
    """Jobs by destination, in the order they were claimed."""
    jobs: dict[str, dict[int, list[QueueRecipient]]] = {}
    for one in claimed:
        if one.message_id in messages:
            jobs.setdefault(one.destination, {}).setdefault(one.message_id, []).append(one)
    return {
        destination: [Job(messages[number], group) for number, group in by_message.items()]
        for destination, by_message in jobs.items()
    }
