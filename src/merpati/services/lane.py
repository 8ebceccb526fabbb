"""One lane of the queue: serves what was claimed for a destination, one message after another.

The first lane of a destination finds out whether it can be reached at all. Only then do
others join it, all taking from the same batch; else everything in it shares the one answer.

A lane ends before the lease of its batch does, so that no other worker can be trying the
same recipients. What it has not come to by then is due again at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from merpati.base.faults import Fault
from merpati.base.log import Log
from merpati.model.delivery import Outcome, Result
from merpati.model.queue import QueueMessage, QueueRecipient
from merpati.net.smtp_client import Session
from merpati.services.courier import Courier, Unreachable
from merpati.services.deliver import Deliver
from merpati.services.outcome import Recorder, Tried

INTERRUPTED: Final = Result(
    "", Outcome.TEMPORARY, "4.4.1", "it took too long and was interrupted; it will be tried again"
)
DEFECT: Final = "an internal error, which the log explains, stopped the try"


class Job(msgspec.Struct, frozen=True):
    """One message and those of its recipients that share a destination."""

    message: QueueMessage
    recipients: list[QueueRecipient]


class Batch:
    """What was claimed at once for one destination.

    Attributes:
        destination: The domain; empty: here.
        jobs: What no lane has begun.
        until: When every lane must have ended, on the loop's clock.
        reached: A lane has been let in.
    """

    __slots__ = ("destination", "jobs", "reached", "until")

    def __init__(self, destination: str, jobs: list[Job], until: float) -> None:
        self.destination = destination
        self.jobs = deque(jobs)
        self.until = until
        self.reached = False


class Lane:
    """Serves a batch over one connection at a time."""

    def __init__(
        self,
        batch: Batch,
        courier: Courier,
        deliver: Deliver,
        recorder: Recorder,
        connections: asyncio.Semaphore,
        messages_per_connection: int,
        reached: Callable[[Batch], None],
        log: Log,
    ) -> None:
        """Prepares; `run` serves. `reached` is called when the destination lets this lane in."""
        self._batch = batch
        self._courier = courier
        self._deliver = deliver
        self._recorder = recorder
        self._connections = connections
        self._messages_per_connection = messages_per_connection
        self._reached = reached
        self._log = log
        self._job: Job | None = None  # the one that is being tried

    async def run(self) -> None:
        """Serve until nothing is left of the batch, or its time is over."""
        batch = self._batch
        try:
            async with asyncio.timeout_at(batch.until):
                while batch.jobs:
                    await self._serve()
        except TimeoutError:
            self._log.warning("queue.interrupted", destination=batch.destination)
            if self._job is not None:
                await self._record_all(self._job, INTERRUPTED)
            left = [(job.message, job.recipients) for job in batch.jobs]
            batch.jobs.clear()
            await self._recorder.release(left)

    async def _serve(self) -> None:
        """Go on with the batch; a defect costs the message that met it, not the others."""
        try:
            if not self._batch.destination:
                await self._serve_here()
            else:
                async with self._connections:
                    await self._serve_there()
        except Exception as problem:  # noqa: BLE001 -- one bad message must not stop the queue
            await self._failed(problem)

    async def _failed(self, problem: Exception) -> None:
        jobs = self._batch.jobs
        job = self._job or (jobs.popleft() if jobs else None)
        self._job = None
        log = self._log.bind(destination=self._batch.destination)
        if job is not None:
            log = log.bind(trace=job.message.trace)
        text = DEFECT
        if isinstance(problem, Fault):
            text = problem.text
            log.warning("queue.failed", reason=text)
        else:
            log.defect("queue.failed", problem)
        if job is not None:
            await self._recorder.put_off(job.message, job.recipients, text)

    async def _serve_here(self) -> None:
        while self._batch.jobs:
            job = self._job = self._batch.jobs.popleft()
            await self._deliver.here(job.message, job.recipients)
            self._job = None

    async def _serve_there(self) -> None:
        """One connection after another; a destination without any answers for all jobs."""
        batch = self._batch
        while batch.jobs:
            refusal = await self._send()
            if refusal is None:
                continue
            while batch.jobs:
                job = self._job = batch.jobs.popleft()
                await self._record_all(job, refusal)
                self._job = None
            if refusal.outcome is Outcome.TEMPORARY:
                await self._recorder.defer_destination(batch.destination, refusal)

    async def _send(self) -> Result | None:
        """Send jobs over one connection; what the destination says to all others, if anything."""
        try:
            session = await self._courier.connect(self._batch.destination)
        except Unreachable as fault:
            return fault.why
        if not self._batch.reached:
            self._batch.reached = True
            self._reached(self._batch)
        try:
            refusal = await self._send_over(session)
            await session.quit()
        finally:
            session.abort()
        return refusal

    async def _send_over(self, session: Session) -> Result | None:
        jobs = self._batch.jobs
        delivered = False
        for _ in range(self._messages_per_connection):
            if not jobs:
                return None
            job = self._job = jobs.popleft()
            tried = await self._courier.send(session, job.message, job.recipients)
            if _was_closed(session, tried):
                jobs.appendleft(job)
                return None
            if tried:
                await self._recorder.record(job.message, tried)
            self._job = None
            delivered = delivered or any(one.result.outcome is Outcome.DELIVERED for one in tried)
            if not session.usable:
                last = tried[-1].result if tried else None
                # RFC 5321 3.8: it shuts down, or wants no more of us for now.
                full = last is not None and last.code == 421 and not delivered
                return last if full else None
        return None

    async def _record_all(self, job: Job, why: Result) -> None:
        await self._recorder.record(
            job.message,
            [
                Tried(one, msgspec.structs.replace(why, recipient=one.address))
                for one in job.recipients
            ],
        )


def _was_closed(session: Session, tried: list[Tried]) -> bool:
    """Whether the server had closed the connection after an earlier message, without a word.

    Many do. The message was not tried then, and gets a connection of its own.
    """
    return (
        session.sent > 1
        and not session.usable
        and bool(tried)
        and all(one.result.step == "MAIL" and not one.result.code for one in tried)
    )
