"""The queue runner: claims what is due, sends it on or delivers it here, records what came of it.

Every worker runs one. It claims recipients with a lease, groups them by destination and
serves each destination over few connections, one message after another on each. What a
try came to is recorded in the transaction that removes or defers the recipient, together
with the notice to the sender, if there is one: a crash in between only repeats the try.

A destination that cannot be reached at all takes everything due for it along to its next
try, so a queue full of mail for a dead host costs one connection attempt a quarter hour.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from merpati.base.clock import Clock
from merpati.base.faults import Fault
from merpati.base.log import Log
from merpati.base.settings import setting
from merpati.base.tasks import Tasks
from merpati.model.delivery import Outcome, Result
from merpati.model.queue import QueueMessage, QueueRecipient
from merpati.services.courier import Courier, Unreachable
from merpati.services.deliver import Deliver
from merpati.services.outcome import Recorder, Tried
from merpati.store import queue
from merpati.store.engine import Store, Transaction

LEASE: Final = 3600  # seconds; longer than any try may take (RFC 5321 4.5.3.2 adds up to 40 min)
CLAIM: Final = 200  # recipients at once
IDLE: Final = 60.0  # seconds between two looks at an empty queue, should an announcement be lost
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


class Job(msgspec.Struct, frozen=True):
    """One message and those of its recipients that share a destination."""

    message: QueueMessage
    recipients: list[QueueRecipient]


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
        self._name = name
        self._store = store
        self._courier = courier
        self._deliver = deliver
        self._recorder = recorder
        self._clock = clock
        self._settings = settings
        self._tasks = tasks
        self._log = log
        self._woken = asyncio.Event()
        self._active: dict[str, int] = {}  # connections in use by destination

    def wake(self) -> None:
        """There may be something due."""
        self._woken.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                self._woken.clear()
                if not await self._round():
                    await self._sleep()
            except Fault as fault:
                self._log.warning("queue.waits", reason=fault.text)
                await asyncio.sleep(PAUSE)

    async def _sleep(self) -> None:
        due = await self._store.read(queue.next_due)
        wait = IDLE
        if due is not None:
            wait = min(IDLE, max(0.05, due / 1000 - self._clock.now()))
        if self._full():  # a connection that ends wakes us
            wait = IDLE
        try:
            await asyncio.wait_for(self._woken.wait(), wait)
        except TimeoutError:
            return

    def _full(self) -> bool:
        return sum(self._active.values()) >= self._settings.connections

    async def _round(self) -> bool:
        """Claim what is due and begin to serve it; whether there was anything."""
        if self._full():
            return False
        now = int(self._clock.now() * 1000)
        due = await self._store.read(queue.next_due)
        if due is None or due > now:
            return False
        limit = self._settings.connections_per_destination
        busy = [name for name, count in self._active.items() if count >= limit]
        claimed = await self._store.write(
            queue.claim, now, self._name, now + LEASE * 1000, CLAIM, busy
        )
        if not claimed:
            return False
        messages = await self._store.read(
            queue.messages, sorted({one.message_id for one in claimed})
        )
        for destination, jobs in _by_destination(claimed, messages).items():
            self._begin(destination, jobs)
        return True

    def _begin(self, destination: str, jobs: list[Job]) -> None:
        """Serve jobs of one destination over as many connections as it may have."""
        free = self._settings.connections_per_destination - self._active.get(destination, 0)
        lanes = max(1, min(free, -(-len(jobs) // self._settings.messages_per_connection)))
        for lane in range(lanes):
            self._active[destination] = self._active.get(destination, 0) + 1
            part = jobs[lane::lanes]
            task = self._tasks.spawn(self._serve(destination, part), f"queue {destination}")
            task.add_done_callback(self._end_of(destination))

    def _end_of(self, destination: str) -> Callable[[object], None]:
        """What happens when a connection to a destination is done."""

        def ended(_task: object) -> None:
            left = self._active[destination] - 1
            if left:
                self._active[destination] = left
            else:
                del self._active[destination]
            self.wake()

        return ended

    async def _serve(self, destination: str, jobs: list[Job]) -> None:
        """Deliver jobs of one destination, over one connection after another."""
        if not destination:
            for job in jobs:
                await self._deliver.here(job.message, job.recipients)
            return
        size = self._settings.messages_per_connection
        for start in range(0, len(jobs), size):
            await self._send(destination, jobs[start : start + size])

    async def _send(self, destination: str, jobs: list[Job]) -> None:
        """Send jobs over one connection; a destination without any defers or fails them all."""
        try:
            session = await self._courier.connect(destination)
        except Unreachable as fault:
            for job in jobs:
                await self._record_all(job, fault.why)
            if fault.why.outcome is Outcome.TEMPORARY:
                await self._recorder.defer_destination(destination, fault.why)
            return
        try:
            for job in jobs:
                if session.usable:
                    tried = await self._courier.send(session, job.message, job.recipients)
                    if tried:
                        await self._recorder.record(job.message, tried)
                else:  # the other server had enough; the rest is due again at once
                    await self._store.write(_due_again, job, int(self._clock.now() * 1000))
            await session.quit()
        finally:
            session.abort()

    async def _record_all(self, job: Job, why: Result) -> None:
        tried = [
            Tried(one, msgspec.structs.replace(why, recipient=one.address))
            for one in job.recipients
        ]
        await self._recorder.record(job.message, tried)


async def _due_again(tx: Transaction, job: Job, now: int) -> None:
    numbers = [one.n for one in job.recipients]
    await queue.defer(tx, job.message.id, numbers, now, status="", reply="", remote="")


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
