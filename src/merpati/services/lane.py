"""One lane of the queue: serves what was claimed for a destination, one message after another.

What was claimed and not begun is the destination's *backlog*, from which all of its lanes
take. The first lane finds out whether the destination takes mail at all; only when it has
answered to a message do others join. When it lets nobody in, one message has been tried;
the rest of the backlog is given back untouched, and waits for the destination. What is
served here needs no such caution: a few messages are at work at once, and so their
transactions are made durable together.

A lane does not wait until an outcome is durable before it sends the next message, but
never runs far ahead: what was sent and is not recorded is what a crash sends twice.

Each job ends before its lease does, so that no other worker can be trying the same
recipients. What is not begun by then is due again at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import msgspec

from merpati.base.faults import Fault
from merpati.base.log import Log
from merpati.model.delivery import Outcome, Result
from merpati.model.queue import QueueMessage, QueueRecipient, Tried
from merpati.services.courier import Courier, Parcel, Session, Unreachable
from merpati.services.outcome import Recorder
from merpati.services.pace import Pace, is_too_much
from merpati.wire.smtp.limits import announced

AHEAD: Final = 4  # messages that a lane has sent and that are not yet recorded
LOW: Final = 50  # messages of a backlog at which more is fetched, before its lanes are idle
TOO_MANY: Final = "4.5.3"  # recipients of one message
INTERRUPTED: Final = Result(
    "", Outcome.TEMPORARY, "4.4.1", "it took too long and was interrupted; it will be tried again"
)
DEFECT: Final = "an internal error, which the log explains, stopped the try"


# Serves recipients of a message whose destination is here: delivery, the expansion of a list.
Step = Callable[[QueueMessage, Sequence[QueueRecipient]], Awaitable[None]]


class Limits(msgspec.Struct, frozen=True):
    """Of one connection."""

    messages: int = 100
    linger: float = 0.0  # seconds that it is kept with nothing to do


class Job(msgspec.Struct, frozen=True):
    """One message and those of its recipients that share a destination.

    `until` is when the try must have ended, on the loop's clock.
    """

    message: QueueMessage
    recipients: list[QueueRecipient]
    until: float


class Backlog:
    """What was claimed for one destination, and the lanes that serve it.

    Attributes:
        destination: See model/queue.py; a relay, when several destinations go by it.
        names: The destinations that have been claimed for it.
        jobs: What no lane has begun.
        pace: How much the destination takes at once.
        lanes: How many are at work.
        answered: The destination has answered to a message.
        takes_next: It has not closed a connection over which a next message was begun.
        is_behind: More of it waits in the store, which comes before what is new.
        turns_away: The destination has let nobody in since it last answered: what is new waits.
    """

    __slots__ = (
        "_low", "_news", "answered", "destination", "is_behind", "jobs", "lanes", "names", "pace",
        "takes_next", "turns_away",
    )  # fmt: skip

    def __init__(self, destination: str, pace: Pace, low: Callable[[], None] | None = None) -> None:
        """`low` is called when what is left falls to `LOW` messages."""
        self.destination = destination
        self.names: set[str] = {destination}
        self.jobs: deque[Job] = deque()
        self.pace = pace
        self.lanes = 0
        self.answered = False
        self.takes_next = True
        self.is_behind = False
        self.turns_away = False
        self._low = low
        self._news = asyncio.Event()

    def take(self) -> Job | None:
        """The next job, which is the caller's from now on."""
        if not self.jobs:
            return None
        job = self.jobs.popleft()
        if len(self.jobs) == LOW and self._low is not None:
            self._low()
        return job

    def add(self, jobs: list[Job], name: str = "") -> None:
        """More was claimed, for the destination `name` when it is not this one itself."""
        self.names.add(name or self.destination)
        self.jobs.extend(jobs)
        self._news.set()

    async def more(self, seconds: float) -> bool:
        """Whether there is a job, or comes one within so many seconds."""
        if not self.jobs and seconds > 0:
            self._news.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._news.wait()
            except TimeoutError:
                return False
        return bool(self.jobs)


class Lane:
    """Serves a backlog over one connection at a time."""

    def __init__(
        self,
        backlog: Backlog,
        courier: Courier,
        steps: Mapping[str, Step],
        recorder: Recorder,
        connections: asyncio.Semaphore,
        limits: Limits,
        lease: str,
        answered: Callable[[Backlog], None],
        log: Log,
    ) -> None:
        """Prepares; `run` serves.

        Args:
            backlog: What to serve.
            courier: Connects and sends.
            steps: Serve destinations that are here, by destination.
            recorder: Makes outcomes durable.
            connections: One for each connection that the worker may have.
            limits: Of one connection.
            lease: Who has claimed the backlog.
            answered: Called when the destination first answers to a message.
            log: Where trouble is told.
        """
        self._backlog = backlog
        self._courier = courier
        self._steps = steps
        self._recorder = recorder
        self._connections = connections
        self._limits = limits
        self._lease = lease
        self._answered = answered
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._job: Job | None = None  # the one that is being tried
        self._next: Job | None = None  # is opened behind it
        self._parcel: Parcel | None = None  # of the next one
        self._recording: deque[asyncio.Future[None]] = deque()
        self._stopped = False  # the others are enough

    async def run(self) -> None:
        """Serve until nothing is left of the backlog, or others are enough for it."""
        while self._backlog.jobs and not self._is_superfluous():
            try:
                await self._serve()
            except TimeoutError:
                await self._interrupted()
            except Exception as problem:  # noqa: BLE001 -- one bad message must not stop the queue
                await self._failed(problem)
        while self._recording:
            await self._recording.popleft()

    def _is_superfluous(self) -> bool:
        return self._stopped or self._backlog.lanes > self._backlog.pace.lanes

    def _take(self) -> Job | None:
        self._job = self._next or self._backlog.take()
        self._next = None
        return self._job

    async def _serve(self) -> None:
        """Go on with the backlog, as far as one connection leads."""
        backlog = self._backlog
        if backlog.destination in self._steps:
            await self._serve_here(self._steps[backlog.destination])
            return
        async with asyncio.timeout_at(backlog.jobs[0].until):
            await self._connections.acquire()
        try:
            if backlog.jobs:  # others may have come to all of them meanwhile
                await self._serve_there()
        finally:
            self._connections.release()

    async def _serve_here(self, step: Step) -> None:
        while job := self._take():
            async with asyncio.timeout_at(job.until):
                await step(job.message, job.recipients)
            self._job = None

    async def _serve_there(self) -> None:
        destination = self._backlog.destination
        try:
            async with asyncio.timeout_at(self._backlog.jobs[0].until):
                session = await self._courier.connect(destination)
        except Unreachable as fault:
            await self._turned_away(fault.why, self._take())
            return
        try:
            refusal = await self._send_over(session)
            await session.quit()
        finally:
            session.abort()
            self._put_back()
        if refusal is not None:
            await self._turned_away(refusal, None)

    async def _send_over(self, session: Session) -> Result | None:
        """Send jobs over one connection; what the destination says to all others, if anything."""
        backlog = self._backlog
        has_taken = False
        async with asyncio.timeout_at(None) as limit:
            for n in range(self._most(session)):
                if self._next is None and not await self._may_go_on():
                    return None
                job = self._take()
                if job is None:
                    continue  # another lane was quicker
                if limit.when() != job.until:
                    limit.reschedule(job.until)
                begun = self._parcel is not None
                parcel = self._parcel or await self._pack(job)
                self._parcel = await self._pack_next(session, n)
                tried = await self._courier.send(session, parcel, self._parcel)
                if _was_closed(session, tried):
                    backlog.takes_next = backlog.takes_next and not begun
                    backlog.jobs.appendleft(job)
                    self._job = None
                    return None
                taken = self._learn(tried)
                has_taken = has_taken or taken
                tried = self._again(job, tried, taken=taken)
                await self._record(job, tried)
                if not session.usable:
                    last = tried[-1].result if tried else None
                    # RFC 5321 3.8: it shuts down, or wants no more of us for now.
                    full = last is not None and last.code == 421 and not has_taken
                    return last if full else None
        return None

    def _most(self, session: Session) -> int:
        """Messages for one connection, of which the other side may want fewer (RFC 9422 4.1)."""
        ours = self._limits.messages
        return min(ours, announced(session.features).messages or ours)

    async def _may_go_on(self) -> bool:
        """Wait for the next message and its turn; False when this connection has done enough."""
        backlog = self._backlog
        if not backlog.jobs and not await backlog.more(self._linger()):
            return False
        if self._is_superfluous():
            return False
        if backlog.pace.pause:
            await asyncio.sleep(backlog.pace.turn(self._loop.time()))
        return True

    async def _pack(self, job: Job) -> Parcel:
        coming = (one.message for one in self._backlog.jobs)
        return await self._courier.parcel(job.message, job.recipients, coming)

    async def _pack_next(self, session: Session, n: int) -> Parcel | None:
        """The message to open behind the one that is sent as the `n`-th over a connection.

        From here on nothing but trouble keeps it from being sent: it is the lane's.
        """
        backlog = self._backlog
        if (
            not (backlog.answered and backlog.takes_next)
            or n + 1 >= self._most(session)
            or "PIPELINING" not in session.features
            or self._is_superfluous()
            or backlog.pace.pause
        ):
            return None
        self._next = backlog.take()
        if self._next is None:
            return None
        parcel = await self._pack(self._next)
        return parcel if parcel.envelope is not None else None

    def _put_back(self) -> None:
        """The message that was to be next is not sent over this connection."""
        self._parcel = None
        if self._next is not None:
            self._backlog.takes_next = False
            self._backlog.jobs.appendleft(self._next)
            self._next = None

    def _linger(self) -> float:
        return 0.0 if self._connections.locked() else self._limits.linger

    def _learn(self, tried: list[Tried]) -> bool:
        """What a message tells about the destination; whether anybody was taken."""
        backlog = self._backlog
        taken = False
        too_much = False
        answered = False
        for one in tried:
            taken = taken or one.result.outcome is Outcome.DELIVERED
            too_much = too_much or is_too_much(one.result)
            answered = answered or (one.result.code not in (0, 421)) or taken
        if too_much and not taken:
            backlog.pace.refused(self._loop.time())
        elif taken:
            backlog.pace.taken()
        if answered:
            backlog.turns_away = False
        if answered and not backlog.answered:
            backlog.answered = True
            self._recording.append(self._recorder.reached(sorted(backlog.names)))
            self._answered(backlog)
        return taken

    def _again(self, job: Job, tried: list[Tried], *, taken: bool) -> list[Tried]:
        """Recipients that were too many at once go in the next transaction.

        The server has said so in a reply (RFC 5321 4.5.3.1.10), and took others, or before
        it was given them (RFC 9422). Gives what is to be recorded.
        """
        over = [
            one.recipient
            for one in tried
            if one.result.status == TOO_MANY and (taken or not one.result.code)
        ]
        if not over:
            return tried
        self._backlog.jobs.appendleft(Job(job.message, over, job.until))
        again = {one.n for one in over}
        return [one for one in tried if one.recipient.n not in again]

    async def _record(self, job: Job, tried: list[Tried]) -> None:
        """Make it durable; what went well while the next message is on its way."""
        if self._recorder.is_plain(tried):
            self._recording.append(self._recorder.served(job.message, tried))
        elif tried:
            await self._recorder.record(job.message, tried)
        self._job = None
        while len(self._recording) > AHEAD:
            await self._recording.popleft()

    async def _turned_away(self, why: Result, tried: Job | None) -> None:
        """The destination lets this lane in no more: what that means for the others.

        `tried` is the job for which it was asked; None: its outcome is recorded already.
        """
        backlog = self._backlog
        if why.outcome is Outcome.PERMANENT:
            while tried is not None:
                await self._recorder.record(tried.message, _all_of(tried, why))
                tried = self._take()
            return
        self._job = None
        if backlog.answered and backlog.lanes > 1:
            if tried is not None:
                backlog.jobs.appendleft(tried)
            backlog.pace.refused(self._loop.time())
            self._stopped = True
            return
        backlog.turns_away = True
        left = [(job.message, job.recipients) for job in backlog.jobs]
        backlog.jobs.clear()
        await self._recorder.turned_away(
            sorted(backlog.names), why, left, self._lease, soon=backlog.answered
        )
        if tried is not None:
            await self._recorder.record(tried.message, _all_of(tried, why))

    async def _interrupted(self) -> None:
        """Time is over: for the job that is being tried, or for those that waited too long."""
        self._log.warning("queue.interrupted", destination=self._backlog.destination)
        job, self._job = self._job, None
        if job is not None:
            await self._recorder.record(job.message, _all_of(job, INTERRUPTED))
        late: list[Job] = []
        now = self._loop.time()
        while self._backlog.jobs and self._backlog.jobs[0].until <= now:
            late.append(self._backlog.jobs.popleft())
        await self._recorder.give_back([(job.message, job.recipients) for job in late], self._lease)

    async def _failed(self, problem: Exception) -> None:
        """A defect costs the message that met it, not the others."""
        jobs = self._backlog.jobs
        job = self._job or (jobs.popleft() if jobs else None)
        self._job = None
        log = self._log.bind(destination=self._backlog.destination)
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


def _all_of(job: Job, why: Result) -> list[Tried]:
    return [
        Tried(one, msgspec.structs.replace(why, recipient=one.address)) for one in job.recipients
    ]


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
