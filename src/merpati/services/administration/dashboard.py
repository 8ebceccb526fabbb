"""Numbers for a person who looks whether all is well, now and over time.

Each worker adds what its counters have grown by to the hour it is; how much there is (storage,
queue) is written by whichever worker takes the lease. Hours are kept for more than a year.
"""

from __future__ import annotations

from collections import Counter
from time import process_time
from typing import Final

from msgspec import Struct

from merpati.base.clock import Clock
from merpati.base.metrics import Metrics
from merpati.base.tasks import Tasks
from merpati.store import habits, leases, queue_admin, samples
from merpati.store.engine import Store, Transaction
from merpati.store.samples import DAY, HOUR, MINUTE

EVERY: Final = 60.0  # seconds between two looks at the counters
LEVELS: Final = 300_000  # ms between two looks at how much there is
KEPT: Final = 400 * 24 * HOUR  # ms: a year to compare
MINUTES_KEPT: Final = 24 * HOUR  # ms; older ones are in the hours
LEASE: Final = "dashboard"

# Series and the counter, and label values, it is made from.
COUNTED: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "mail.in": ("merpati_messages_accepted_total", ("peer",)),
    "mail.submitted": ("merpati_messages_accepted_total", ("user",)),
    "sign-ins": ("merpati_logins_total", ("*", "ok")),
    "sign-ins.failed": ("merpati_logins_total", ("*", "failed")),
    "sign-ins.throttled": ("merpati_logins_total", ("*", "throttled")),
    "mail.bytes": ("merpati_bytes_accepted_total", ()),
    "mail.refused": ("merpati_messages_judged_total", ("refuse", "*")),
    "mail.junk": ("merpati_messages_judged_total", ("quarantine", "*")),
    "mail.sent": ("merpati_deliveries_total", ("delivered",)),
    "mail.deferred": ("merpati_deliveries_total", ("temporary",)),
    "mail.failed": ("merpati_deliveries_total", ("permanent",)),
}
LEVEL_NAMES: Final = ("storage", "emails", "accounts", "queue", "queue.held")
STARTS: Final = "starts"  # of worker processes
CPU: Final = "cpu"  # milliseconds of all workers
NAMES: Final = (*COUNTED, *LEVEL_NAMES, STARTS, CPU)
STEPS: Final = {"minute": MINUTE, "hour": HOUR, "day": DAY}


class Point(Struct, frozen=True, rename="camel"):
    """A minute, an hour or a day (UTC): Unix milliseconds of its beginning, and its number."""

    at: int
    value: int


class Numbers(Struct, frozen=True, rename="camel", kw_only=True):
    """How things stand now; the queue is counted in recipients."""

    storage: int
    emails: int
    accounts: int
    queue_due: int
    queue_waiting: int
    queue_held: int
    queue_failing: int
    frozen: int


class Dashboard(Struct, frozen=True, rename="camel", kw_only=True):
    """How things stand, and how they went; `step` is milliseconds between two points."""

    step: int

    now: Numbers
    series: dict[str, list[Point]]


class Sampling:
    """Writes down, in one worker, what is counted."""

    def __init__(self, name: str, store: Store, metrics: Metrics, clock: Clock) -> None:
        """`name` is the worker's."""
        self._name = name
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._seen: Counter[str] = Counter({STARTS: -1})  # this start is the first thing to count
        self._cpu = process_time()

    def start(self, tasks: Tasks) -> None:
        """Look now and then, until the worker ends."""
        tasks.every(EVERY, self.look, "dashboard", jitter=0.2)

    async def look(self) -> None:
        """Write what came since the last look, and how much there is if nobody just did."""
        now = int(self._clock.now() * 1000)
        hour = now - now % HOUR
        counted = self._counted()
        minute = now - now % MINUTE
        grown = {
            name: value - self._seen[name]
            for name, value in counted.items()
            if value > self._seen[name]
        }
        if grown:
            await self._store.write(samples.add, hour, minute, grown)
            self._seen = counted
        if await self._store.write(leases.claim, LEASE, self._name, now, now + LEVELS):
            await self._store.write(samples.put, hour, minute, await self._levels(now))
            await self._store.write(samples.forget, now - KEPT, now - MINUTES_KEPT)

    async def _levels(self, now: int) -> dict[str, int]:
        found = await self._store.scan(samples.levels)
        counts = await self._store.scan(queue_admin.counts, now)
        waiting = counts.due + counts.waiting + counts.leased + counts.failing
        return {**found, "queue": waiting, "queue.held": counts.held}

    def _counted(self) -> Counter[str]:
        families = {one.name: one for one in self._metrics.snapshot()}
        counted: Counter[str] = Counter({STARTS: 0, CPU: int((process_time() - self._cpu) * 1000)})
        for name, (family, pattern) in COUNTED.items():
            series = families[family].series if family in families else {}
            counted[name] = sum(
                int(cells[0])
                for labels, cells in series.items()
                if all(want in {"*", have} for want, have in zip(pattern, labels, strict=False))
            )
        return counted


async def show(store: Store, now: int, hours: int, step: str = "hour") -> Dashboard:
    """How things stand, and the last hours by the minute, the hour or the day.

    Minutes are known of the last day alone. What a day had is the sum of its hours; how much
    there was, the most of them.
    """
    length = STEPS[step]
    since = now - now % length - (hours * HOUR - length) // length * length
    if step == "minute":
        found = await store.scan(samples.minutes, NAMES, since)
    else:
        found = await store.scan(samples.series, NAMES, since)
    if step == "day":
        found = {name: _daily(points, name in LEVEL_NAMES) for name, points in found.items()}
    series = {name: [Point(*one) for one in points] for name, points in found.items()}
    return Dashboard(step=length, now=await _numbers(store, now), series=series)


def _daily(points: list[tuple[int, int]], is_level: bool) -> list[tuple[int, int]]:
    days: dict[int, int] = {}
    for at, value in points:
        day = at - at % DAY
        days[day] = max(days.get(day, 0), value) if is_level else days.get(day, 0) + value
    return sorted(days.items())


async def _numbers(store: Store, now: int) -> Numbers:
    async def unit(tx: Transaction) -> Numbers:
        levels = await samples.levels(tx)
        counts = await queue_admin.counts(tx, now)
        frozen = await habits.freezes(tx, ended=False, limit=1000)
        return Numbers(
            storage=levels["storage"], emails=levels["emails"], accounts=levels["accounts"],
            queue_due=counts.due + counts.leased, queue_waiting=counts.waiting,
            queue_held=counts.held, queue_failing=counts.failing, frozen=len(frozen),
        )  # fmt: skip

    return await store.scan(unit)
