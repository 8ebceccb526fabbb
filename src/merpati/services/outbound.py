"""The queue runner: claims what is due, sends it on or delivers it here, records what came of it.

Every worker runs one. It claims recipients with a lease, groups them by destination and
lets lanes serve each destination (`services/lane.py`), one message after another on each.
What a try came to is recorded in the transaction that removes or defers the recipient,
together with the notice to the sender, if there is one: a crash in between only repeats
the try.

A destination that cannot be reached is left alone with all that waits for it, untouched:
a queue full of mail for a dead host costs one connection attempt a quarter hour. Only when
one of its messages is to be returned, or its sender warned, is that message looked at.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from merpati.base.clock import Clock
from merpati.base.faults import Fault
from merpati.base.log import Log
from merpati.base.secrets import Secret
from merpati.base.settings import setting
from merpati.base.tasks import Tasks
from merpati.model.delivery import Outcome, Result
from merpati.model.queue import HERE, QueueMessage, QueueRecipient, Tried
from merpati.services.courier import Courier
from merpati.services.deliver import Deliver
from merpati.services.lane import Backlog, Job, Lane, Limits, Step
from merpati.services.outcome import Recorder
from merpati.services.pace import Pace
from merpati.services.transport import Routes
from merpati.store import destinations, queue, suppression
from merpati.store.blobs import Stored
from merpati.store.engine import Store, Transaction

LEASE: Final = 3600  # seconds that what is claimed belongs to its worker
TRY_MAX: Final = 3000.0  # seconds; then a try is ended, long before its lease is
CLAIM: Final = 200  # recipients at once
BACKLOG: Final = 100  # messages of a destination that are enough for its lanes
BACKLOGS: Final = 2000  # messages claimed and not begun, of all destinations together
PER_LANE: Final = 20  # messages that are worth a connection more
STEPS: Final = 8  # messages at once for a destination of our own, of each worker
IDLE: Final = 60.0  # seconds between two looks at an empty queue, should an announcement be lost
BUSY: Final = 1.0  # seconds between two looks while lanes are at work
GATHER: Final = 0.01  # seconds; what comes meanwhile is claimed together
PAUSE: Final = 5.0  # seconds, after the store could not be asked
PACES_MAX: Final = 5000  # destinations whose pace is remembered
SUPPRESSED: Final = "It was not tried, for the server has said before: {reply}"
RETURNED: Final = "An administrator of this server returned the message."


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundSettings:
    """How mail is sent on to other servers."""

    connections: int = setting(50, "Outgoing connections of each worker at once.", minimum=1)
    connections_per_destination: int = setting(
        5, "Outgoing connections of each worker to one destination at once.", minimum=1
    )
    messages_per_connection: int = setting(100, "Messages sent over one connection.", minimum=1)
    linger: int = setting(
        2, "Keep an outgoing connection that has nothing to do for this long.", unit="s", minimum=0
    )
    port: int = setting(25, "The port other servers take mail on.", minimum=1, maximum=65535)
    routes: tuple[str, ...] = setting(
        (),
        "Destinations that go another way than the DNS says: a pattern and a way each;"
        " the first that fits counts.",
        example=["lists.example.org lmtp:///run/lists.sock", "* smtp://relay.example.net:587"],
    )
    credentials: tuple[Secret, ...] = setting(
        (),
        "Sign-ins for the hosts of routes: host, user and password each.",
        example=["relay.example.net user password"],
    )
    sources: tuple[str, ...] = setting(
        (),
        "Addresses of this machine to send from, in turn; any when empty.",
        example=["192.0.2.1", "2001:db8::1"],
    )
    suppress_for: int = setting(
        604_800,
        "Send nothing for this long to an address that its server says does not exist; 0: try.",
        unit="s",
        minimum=0,
    )

    def __post_init__(self) -> None:
        Routes(self.routes, self.credentials)


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
        steps: Mapping[str, Step] | None = None,
    ) -> None:
        """Prepares; `run` works. `steps` serve destinations of our own, such as `@list`."""
        self.lease = f"{name}/"  # ended, so that none is the beginning of another
        self.lease_for = LEASE * 1000
        self._store = store
        self._courier = courier
        self._steps: dict[str, Step] = {HERE: deliver.here, **(steps or {})}
        self._recorder = recorder
        self._clock = clock
        self._settings = settings
        self._limits = Limits(settings.messages_per_connection, settings.linger)
        self._tasks = tasks
        self._log = log
        self._woken = asyncio.Event()
        self._backlogs: dict[str, Backlog] = {}  # of the destinations that are being served
        self._paces: dict[str, Pace] = {}  # of destinations that do not take all we might send
        self._is_running = False
        self._telling = 0  # tasks that record what needs no try
        self._connections = asyncio.Semaphore(settings.connections)

    def wake(self) -> None:
        """There may be something due."""
        self._woken.set()

    @property
    def lanes(self) -> int:
        """How many are at work."""
        return sum(one.lanes for one in self._backlogs.values()) + self._telling

    async def run(self) -> None:
        """Work until cancelled. What this worker had claimed when it died is due at once."""
        try:
            while True:
                try:
                    await self._work()
                except Fault as fault:
                    self._log.warning("queue.waits", reason=fault.text)
                    await asyncio.sleep(PAUSE)
                except Exception:  # noqa: BLE001 -- mail must go on, whatever one round met
                    self._log.exception("queue.failed")
                    await asyncio.sleep(PAUSE)
        finally:
            self._is_running = False

    async def _work(self) -> None:
        """One round, and the wait for the next."""
        if not self._is_running:
            await self.recover()
            self._is_running = True
        self._woken.clear()
        if await self.round():
            await asyncio.sleep(GATHER)
        else:
            await self._sleep()

    async def recover(self) -> int:
        """Let go of what an earlier life of this worker had claimed; how many recipients."""
        now = int(self._clock.now() * 1000)
        return await self._store.write(queue.release_leases, self.lease, now)

    async def _sleep(self) -> None:
        due = await self._store.read(queue.next_due)
        wait = IDLE
        if due is not None and not self._full():  # a lane that ends wakes us
            # What is due and was not claimed waits for a busy destination.
            shortest = BUSY if self._backlogs else 0.05
            wait = min(IDLE, max(shortest, due / 1000 - self._clock.now()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._woken.wait()

    def _full(self) -> bool:
        if self.lanes >= self._settings.connections:
            return True
        return sum(len(one.jobs) for one in self._backlogs.values()) >= BACKLOGS

    async def round(self) -> bool:
        """Claim what is due and begin to serve it; whether there was anything."""
        if self._full():
            return False
        now = int(self._clock.now() * 1000)
        due, look = await self._store.read(queue.next_times)
        found = False
        if look <= now and not self._telling:
            found = await self._look(now)
        busy = self._busy()
        waiting = await self._store.read(destinations.due, now, busy, 1) if due <= now else []
        if waiting:
            claimed = await self._store.write(
                queue.claim, now, self.lease, now + self.lease_for, CLAIM, busy
            )
            await self._begin(claimed, now, frozenset())
            found = found or bool(claimed)
            self._catch_up(Counter(one.destination for one in claimed), busy)
        else:
            self._catch_up(Counter(), busy)
        return found

    def _catch_up(self, claimed: Counter[str], busy: Sequence[str]) -> None:
        """Where a claim has left nothing in the store, new mail is next."""
        if claimed.total() >= CLAIM:
            return  # it may not have come to all of them
        for backlog in self._backlogs.values():
            if backlog.is_behind and not any(
                name in busy or claimed[name] >= queue.SHARE for name in backlog.names
            ):
                backlog.is_behind = False

    # New mail for what is being served, see `queue.Taker`

    def wants(self, destination: str) -> bool:
        """Whether this worker is sending there now, and nothing older waits for it."""
        if not self._is_running:
            return False
        backlog = self._backlogs.get(self._key(destination))
        if backlog is None:
            return destination in self._steps
        if not backlog.answered or destination not in backlog.names:
            return False
        if len(backlog.jobs) >= BACKLOG:
            backlog.is_behind = True
        return not (backlog.is_behind or backlog.turns_away)

    def take(
        self, message: QueueMessage, recipients: Sequence[QueueRecipient], stored: Stored | None
    ) -> None:
        """New mail that was queued with our lease."""
        if not self._is_running:
            return  # our next life lets go of it
        if stored is not None and not all(one.destination in self._steps for one in recipients):
            self._courier.expect(stored)
        until = _try_ends()
        groups: dict[str, list[QueueRecipient]] = {}
        for one in recipients:
            groups.setdefault(one.destination, []).append(one)
        for destination, group in groups.items():
            self._serve(destination, [Job(message, group, until)])

    async def _look(self, now: int) -> bool:
        """Look at messages whose warning, or end, has come, wherever they wait."""
        claimed = await self._store.write(
            queue.claim_overdue, now, self.lease, now + self.lease_for, CLAIM
        )
        names = {one.destination for one in claimed}
        known = await self._store.read(destinations.find, sorted(names))
        down = (one.name for one in known.values() if one.failures)
        await self._begin(claimed, now, frozenset(down))
        return True

    def _busy(self) -> list[str]:
        """Destinations that have enough to do, or have not answered to a first message yet."""
        return [
            name
            for one in self._backlogs.values()
            if len(one.jobs) >= BACKLOG or not one.answered
            for name in one.names
        ]

    async def _begin(
        self, claimed: Sequence[QueueRecipient], now: int, failing: frozenset[str]
    ) -> None:
        """Let lanes serve what was claimed, but for what needs no try."""
        if not claimed:
            return
        until = _try_ends()
        messages = await self._store.read(
            queue.messages, sorted({one.message_id for one in claimed})
        )
        known = await self._store.read(_known, claimed, now, failing)
        untried: dict[int, list[Tried]] = {}
        jobs: dict[str, dict[int, list[QueueRecipient]]] = {}
        for one in claimed:
            if one.message_id not in messages:
                continue
            result = known.get((one.message_id, one.n))
            if result is not None:
                untried.setdefault(one.message_id, []).append(Tried(one, result))
            else:
                by_message = jobs.setdefault(one.destination, {})
                by_message.setdefault(one.message_id, []).append(one)
        for destination, by_message in jobs.items():
            self._serve(
                destination,
                [Job(messages[number], group, until) for number, group in by_message.items()],
            )
        if untried:
            self._telling += 1
            told = [(messages[number], tried) for number, tried in untried.items()]
            self._tasks.spawn(self._tell(told), "queue untried").add_done_callback(self._told)

    async def _tell(self, told: Sequence[tuple[QueueMessage, Sequence[Tried]]]) -> None:
        for message, tried in told:
            await self._recorder.record(message, tried)

    def _told(self, _: object) -> None:
        self._telling -= 1
        self.wake()

    def _serve(self, destination: str, jobs: list[Job]) -> None:
        """Give jobs to the lanes of a destination, the first of which may have to be made."""
        key = self._key(destination)
        backlog = self._backlogs.get(key)
        if backlog is None:
            backlog = self._backlogs[key] = self._backlog(key)
        backlog.add(jobs, destination)
        if backlog.answered:
            self._widen(backlog)
        elif not backlog.lanes:
            self._add_lane(backlog)

    def _key(self, destination: str) -> str:
        """What a destination shares its backlog with."""
        return destination if destination in self._steps else self._courier.way(destination)

    def _backlog(self, key: str) -> Backlog:
        if key in self._steps:  # which takes whatever comes
            backlog = Backlog(key, Pace(STEPS), self.wake)
            backlog.answered = True
            return backlog
        pace = self._paces.get(key) or Pace(self._settings.connections_per_destination)
        return Backlog(key, pace, self.wake)

    def _widen(self, backlog: Backlog) -> None:
        """Let as many lanes join as the destination takes and what waits for it is worth."""
        waiting = len(backlog.jobs)
        is_here = backlog.destination in self._steps
        wanted = backlog.lanes + waiting if is_here else 1 + waiting // PER_LANE
        for _ in range(min(backlog.pace.lanes, wanted) - backlog.lanes):
            self._add_lane(backlog)

    def _add_lane(self, backlog: Backlog) -> None:
        lane = Lane(
            backlog, self._courier, self._steps, self._recorder, self._connections, self._limits,
            self.lease, self._widen, self._log,
        )  # fmt: skip
        backlog.lanes += 1
        task = self._tasks.spawn(lane.run(), f"queue {backlog.destination}")
        task.add_done_callback(lambda _: self._ended(backlog))

    def _ended(self, backlog: Backlog) -> None:
        """A lane is done."""
        backlog.lanes -= 1
        self._note(backlog)
        if not backlog.lanes:
            if backlog.jobs:  # came while the last one was ending
                self._add_lane(backlog)
            else:
                del self._backlogs[backlog.destination]
        self.wake()

    def _note(self, backlog: Backlog) -> None:
        """Remember what a destination takes, while it is less than we might send."""
        name, pace = backlog.destination, backlog.pace
        if pace.is_free and name not in self._paces:
            return
        if pace.is_free:
            del self._paces[name]
            now = self._recorder.paced(sorted(backlog.names), 0, 0)
        else:
            if len(self._paces) >= PACES_MAX:
                self._paces.clear()
            self._paces[name] = pace
            now = self._recorder.paced(sorted(backlog.names), pace.lanes, pace.pause)
        self._tasks.spawn(now, f"queue pace of {name}")


def _try_ends() -> float:
    """When a try that begins now must have ended, on the loop's clock; the same for a minute.

    So lanes need not set their alarm anew for each message.
    """
    return asyncio.get_running_loop().time() // 60 * 60 + TRY_MAX


async def _known(
    tx: Transaction, claimed: Sequence[QueueRecipient], now: int, failing: frozenset[str]
) -> dict[queue.Pair, Result]:
    """What is known already about recipients that need no try."""
    known = {
        (one.message_id, one.n): Result(one.address, Outcome.PERMANENT, "5.0.0", RETURNED)
        for one in claimed
        if one.give_up
    }
    elsewhere = {one.address for one in claimed if "." in one.destination}
    gone = await suppression.suppressed(tx, elsewhere, now) if elsewhere else {}
    down = await destinations.find(tx, sorted(failing))
    for one in claimed:
        number = (one.message_id, one.n)
        if number in known:
            continue
        if one.address in gone:
            why = gone[one.address]
            known[number] = Result(
                one.address, Outcome.PERMANENT, why.status, SUPPRESSED.format(reply=why.reply),
                host=why.remote,
            )  # fmt: skip
        elif one.destination in down:
            last = down[one.destination]
            known[number] = Result(
                one.address, Outcome.TEMPORARY, last.status, last.reply, host=last.remote
            )
    return known
