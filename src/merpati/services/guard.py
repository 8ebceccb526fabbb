"""The outbound guard: limits on mail out, and stolen passwords found before they become spam.

Each submitted message is counted in the transaction that takes it over, and judged there by
`model/habit.py`. When an account's mail is no longer like its own, the message at hand is
taken and held, and from that commit on the account may send nothing more; it can go on
reading. What follows can be done by any worker and after any crash: what else waits in the
queue is held, then the owner and the administrators get a letter. Nothing is lost, and a
false alarm is undone by one command.

All that an account submits, to people here too, is counted in memory by all workers together;
what a domain sends is counted in memory and written every few seconds, so that its accounts
do not wait for one row: its limits are kept to about what the workers send in that time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.base.log import Log
from merpati.base.metrics import Metrics
from merpati.base.networks import LOOPBACK, Networks
from merpati.base.settings import setting
from merpati.base.tasks import Tasks
from merpati.model import habit as habits_of
from merpati.model.arrival import Origin, Route
from merpati.model.habit import Count, Flow, Limits, Reason, Sending
from merpati.model.queue import STEP
from merpati.services.hourly_limits import HourlyLimits
from merpati.services.letters import Letters
from merpati.services.notify import Notify
from merpati.store import directory, habits, queue_admin
from merpati.store.engine import Store, Topic, Transaction
from merpati.store.habits import Freeze, Standing
from merpati.store.queue_admin import AT_ONCE, Selection
from merpati.wire import guard_letters
from merpati.wire.mime.addresses import Mailbox

HELD: Final = "held by the outbound guard; see: merpati guard list"
WRITE_EVERY: Final = 5.0  # seconds between two writes of what domains send
LOOK_EVERY: Final = 60.0  # should an announcement be lost, or a worker have died
PRUNE_EVERY: Final = 6 * 3600.0
REMEMBERED: Final = 1.0  # seconds that `check` goes by what it has read; `record` looks again
REMEMBERED_MAX: Final = 10_000  # accounts, domains

Leaving = Sequence[tuple[str, str]]
"""Addresses with their destinations (model/queue.py)."""

_LIMITS: Final = {  # what a sender is told that has reached one, by its name
    "messages_per_hour": "messages in an hour",
    "messages_per_day": "messages in a day",
    "recipients_per_hour": "recipients in an hour",
    "recipients_per_day": "recipients in a day",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardSettings:
    """How much mail may leave, and when an account is taken for stolen.

    A single account or domain has its own by `merpati guard set`.
    """

    watch: bool = setting(
        True, "Stop an account from sending when its mail is unlike its own: a stolen password."
    )
    unwatched: tuple[str, ...] = setting(
        LOOPBACK,
        "Networks from which submissions are neither counted nor judged: programs of ours.",
        example=list(LOOPBACK),
    )
    strangers_per_hour: int = setting(
        200,
        "People elsewhere whom an account may write to for the first time in an hour; with more"
        " it is stopped. Less under odd circumstances, more where that is habit; 0: any.",
        minimum=0,
    )
    strangers_per_day: int = setting(600, "The same in a day; 0: any.", minimum=0)
    messages_per_hour: int = setting(
        500, "Messages to other domains from one account in an hour; 0: any.", minimum=0
    )
    messages_per_day: int = setting(3000, "The same in a day; 0: any.", minimum=0)
    recipients_per_hour: int = setting(
        2000, "Recipients elsewhere named by one account in an hour; 0: any.", minimum=0
    )
    recipients_per_day: int = setting(10_000, "The same in a day; 0: any.", minimum=0)
    all_messages_per_hour: int = setting(
        2000, "Messages from one account in an hour, to people here or elsewhere; 0: any.",
        minimum=0,
    )  # fmt: skip
    all_recipients_per_hour: int = setting(
        10_000, "Recipients named by one account in an hour, here or elsewhere; 0: any.", minimum=0
    )
    domain_messages_per_hour: int = setting(
        0, "Messages to other domains from all accounts of a domain in an hour; 0: any.", minimum=0
    )
    domain_messages_per_day: int = setting(0, "The same in a day; 0: any.", minimum=0)
    domain_recipients_per_hour: int = setting(
        20_000, "Recipients elsewhere named by all accounts of a domain in an hour; 0: any.",
        minimum=0,
    )  # fmt: skip
    domain_recipients_per_day: int = setting(100_000, "The same in a day; 0: any.", minimum=0)

    def __post_init__(self) -> None:
        try:
            Networks(self.unwatched)
        except ValueError as problem:
            raise ValueError(f"unwatched {problem}") from None

    def limits(self) -> Limits:
        """Of an account that has none of its own."""
        return Limits(
            messages_per_hour=self.messages_per_hour,
            messages_per_day=self.messages_per_day,
            recipients_per_hour=self.recipients_per_hour,
            recipients_per_day=self.recipients_per_day,
            strangers_per_hour=self.strangers_per_hour,
            strangers_per_day=self.strangers_per_day,
        )

    def domain_limits(self) -> Limits:
        """Of a domain that has none of its own."""
        return Limits(
            messages_per_hour=self.domain_messages_per_hour,
            messages_per_day=self.domain_messages_per_day,
            recipients_per_hour=self.domain_recipients_per_hour,
            recipients_per_day=self.domain_recipients_per_day,
        )


@dataclass(slots=True)
class _Domain:
    """What this worker knows of a domain: as it was stored, and what came since."""

    flow: Flow
    limits: Limits
    messages: int = 0
    recipients: int = 0


class Guard:
    """Watches what leaves; one for each worker."""

    def __init__(
        self,
        store: Store,
        letters: Letters,
        clock: Clock,
        settings: GuardSettings,
        metrics: Metrics,
        log: Log,
        shared: HourlyLimits,
    ) -> None:
        self._store = store
        self._letters = letters
        self._clock = clock
        self._watch = settings.watch
        self._unwatched = Networks(settings.unwatched)
        self._limits = settings.limits()
        self._domain_limits = settings.domain_limits()
        self._messages = shared.hourly("account messages", settings.all_messages_per_hour)
        self._recipients = shared.hourly("account recipients", settings.all_recipients_per_hour)
        self._log = log
        self._domains: dict[int, _Domain] = {}
        self._homes: dict[int, int] = {}  # the domains of accounts
        self._standings: dict[int, tuple[float, Standing]] = {}
        self._refused = metrics.counter(
            "merpati_guard_refused_total", "Submissions refused by the outbound guard.", ("why",)
        )
        self._frozen = metrics.counter(
            "merpati_guard_frozen_total", "Accounts stopped from sending, once people were told."
        )

    def start(self, tasks: Tasks, notify: Notify) -> None:
        """Begin the periodic work; ends with the tasks."""

        def changed() -> None:
            self.forget()
            tasks.spawn(self.settle(), "guard")

        notify.listen(Topic.DIRECTORY, 0, changed)
        tasks.spawn(self.settle(), "guard")
        tasks.every(LOOK_EVERY, self.settle, "guard")
        tasks.every(WRITE_EVERY, self.flush, "guard counts")
        tasks.every(PRUNE_EVERY, self.prune, "guard memory")

    def forget(self) -> None:
        """The directory has changed, or who may send."""
        self._homes, self._standings = {}, {}
        self._domains = {key: one for key, one in self._domains.items() if one.messages}

    # On the path of every submission

    async def check(self, account_id: int, recipients: Sequence[Route], peer: str) -> None:
        """Whether an account may submit a message, by whatever protocol, before it is read.

        Args:
            account_id: Who is signed in.
            recipients: Of the message.
            peer: The client's address, for the log.

        Raises:
            Fault: DENIED while the account is frozen; TOO_MANY beyond a limit.
        """
        now = self._now()
        until, standing = self._standings.get(account_id, (0.0, habits.NOTHING_KNOWN))
        if until < self._clock.monotonic():
            standing = await self._store.read(habits.standing, account_id)
            if len(self._standings) >= REMEMBERED_MAX:
                self._standings = {}
            self._standings[account_id] = (self._clock.monotonic() + REMEMBERED, standing)
        counted = peer not in self._unwatched
        leaving = sum(len(_leaving(route.remote)) for route in recipients) if counted else 0
        why = ""
        try:
            if standing.frozen_at:
                why = "frozen"
                raise await self._store.read(_frozen, account_id)
            why = "account"
            if counted:
                self._count(account_id, len(recipients))
            if leaving:
                _within(standing, leaving, habits.with_own(self._limits, standing.own), now)
                why = "domain"
                await self._check_domain(account_id, leaving, now)
        except Fault as fault:
            self._refused.inc(why)
            self._log.info("guard.refused", account=account_id, peer=peer, reason=fault.text)
            raise

    def _count(self, account_id: int, recipients: int) -> None:
        """Count a message of the account, wherever it goes."""
        for limit, cost, what in (
            (self._messages, 1, "messages"),
            (self._recipients, recipients, "recipients"),
        ):
            if limit is not None and not limit.take(str(account_id), cost):
                text = f"your account has reached its limit of {what} in an hour; try again later"
                raise Fault(Kind.TOO_MANY, text, "4.7.1")

    async def _check_domain(self, account_id: int, recipients: int, now: int) -> None:
        """Count a message for the account's domain, if there is room for it."""
        one = self._domains.get(self._homes.get(account_id, 0))
        if one is None:
            one = await self._domain(account_id)
        flow = one.flow
        if one.messages:
            flow = habits_of.flowed(flow, Count(one.messages, one.recipients), now)
        limit = habits_of.beyond(flow, recipients, one.limits, now)
        if limit:
            raise _too_many("your domain", limit)
        one.messages += 1
        one.recipients += recipients

    async def _domain(self, account_id: int) -> _Domain:
        if len(self._homes) >= REMEMBERED_MAX or len(self._domains) >= REMEMBERED_MAX:
            await self.flush()
            self._homes, self._domains = {}, {}
        domain_id = await self._store.read(habits.domain_of, account_id)
        flow, own = await self._store.read(habits.outflow, domain_id)
        fresh = _Domain(flow, habits.with_own(self._domain_limits, own))
        self._homes[account_id] = domain_id
        return self._domains.setdefault(domain_id, fresh)

    async def record(self, tx: Transaction, origin: Origin, recipients: Leaving, now: int) -> str:
        """Count a message in the transaction that takes it over, and judge it.

        Args:
            tx: The transaction.
            origin: Who submits it, and from where.
            recipients: Those it is queued for.
            now: Unix milliseconds.

        Returns:
            Why the message is to be held in the queue; empty: it may leave.

        Raises:
            Fault: DENIED, TOO_MANY, as `check`; others may have been faster since.
        """
        account_id = origin.account_id
        leaving = _leaving(recipients)
        if not account_id or not leaving or origin.peer in self._unwatched:
            return ""
        standing = await habits.standing(tx, account_id)
        if standing.frozen_at:
            raise await _frozen(tx, account_id)
        limits = habits.with_own(self._limits, standing.own)
        _within(standing, len(leaving), limits, now)
        strangers = await habits.meet(tx, account_id, [address for address, _ in leaving], now)
        sending = Sending(len(leaving), strangers, habits_of.network_of(origin.peer))
        habit = habits_of.after(standing.habit, sending, now)
        await habits.write(tx, account_id, habit)
        if not self._watch:
            return ""
        reasons = habits_of.judge(habit, limits, now)
        if not reasons:
            return ""
        await freeze(tx, account_id, now, reasons, origin.peer)
        return HELD

    async def failed(self, tx: Transaction, account_id: int, failures: int, now: int) -> None:
        """Mail of an account has failed for good, for so many recipients."""
        if not await habits.domain_of(tx, account_id):
            return  # it is gone
        standing = await habits.standing(tx, account_id)
        habit = habits_of.after_failures(standing.habit, failures, now)
        await habits.write(tx, account_id, habit)
        if self._watch and not standing.frozen_at:
            limits = habits.with_own(self._limits, standing.own)
            if reasons := habits_of.judge(habit, limits, now):
                await freeze(tx, account_id, now, reasons, "")

    # Behind it

    async def settle(self) -> None:
        """Hold what waits of accounts that were frozen, then tell people."""
        for one in await self._store.read(habits.untold):
            waiting = Selection(account_id=one.account_id)
            while await self._store.write_long(queue_admin.hold, waiting, HELD) == AT_ONCE:
                continue
            if await self._store.write(self._tell, one):
                self._frozen.inc()
                self._log.warning("guard.frozen", account=one.account_id, peer=one.peer)

    async def _tell(self, tx: Transaction, one: Freeze) -> bool:
        if not await habits.tell(tx, one.account_id, one.at):
            return False
        account = await directory.account_by_id(tx, one.account_id)
        if account is None:
            return True
        domain = account.address.rpartition("@")[2]
        home = await directory.domain(tx, domain)
        administrators = await directory.administrators(tx, home.id)
        held = await queue_admin.count(tx, Selection(account_id=account.id, reason=HELD))
        letters = [("owner", account.address, account.language)]
        for address in administrators:
            person = await directory.find_account(tx, address)
            letters.append(("administrator", address, person.language if person else "en"))
        for letter, to, language in letters:
            sentences = [
                guard_letters.reason(why.code, why.fields, language) for why in one.reasons
            ]
            subject, text = guard_letters.write(
                letter, language, address=account.address, reasons=sentences, held=held,
                peer=one.peer, administrator=administrators[0],
            )  # fmt: skip
            await self._letters.send(tx, Mailbox("", "postmaster", domain), [to], subject, text)
        return True

    async def flush(self) -> None:
        """Write what domains have sent, and read what others have written."""
        for domain_id, one in list(self._domains.items()):
            if not one.messages:
                continue
            count = Count(one.messages, one.recipients)
            one.messages = one.recipients = 0
            try:
                one.flow, own = await self._store.write(_add_outflow, domain_id, count, self._now())
                one.limits = habits.with_own(self._domain_limits, own)
            except Fault:
                one.messages += count.messages
                one.recipients += count.recipients
                raise

    async def prune(self) -> None:
        """Forget recipients of long ago."""
        last = await self._store.write_long(habits.prune, 0, self._now())
        while last:
            last = await self._store.write_long(habits.prune, last, self._now())

    def _now(self) -> int:
        return int(self._clock.now() * 1000)


async def freeze(
    tx: Transaction, account_id: int, now: int, reasons: list[Reason], peer: str
) -> bool:
    """Stop an account from sending; workers hold its mail and tell people. False: it was so."""
    done = await habits.freeze(tx, account_id, now, reasons, peer)
    tx.announce(Topic.DIRECTORY, 0)
    return done


async def release(tx: Transaction, account_id: int, now: int, *, learn: bool) -> bool:
    """Let an account send again, as if it had sent nothing today; False when it might already.

    Its held mail is the caller's to release or to delete, by `of_guard`.

    Args:
        tx: The transaction.
        account_id: Which.
        now: Unix milliseconds.
        learn: It was a false alarm: what was seen is this person's habit.
    """
    standing = await habits.standing(tx, account_id)
    if not await habits.thaw(tx, account_id, now):
        return False
    habit = habits_of.cleared(habits_of.at(standing.habit, now), learn=learn)
    await habits.write(tx, account_id, habit)
    tx.announce(Topic.DIRECTORY, 0)
    return True


def of_guard(account_id: int) -> Selection:
    """What the guard holds of an account's mail."""
    return Selection(account_id=account_id, reason=HELD)


def _leaving(recipients: Leaving) -> Leaving:
    """Those whose mail leaves this server by itself, not by a list or a forward."""
    return [one for one in recipients if one[1] and not one[1].startswith(STEP)]


def _within(standing: Standing, recipients: int, limits: Limits, now: int) -> None:
    if limit := habits_of.beyond(standing.habit, recipients, limits, now):
        raise _too_many("your account", limit)


async def _frozen(tx: Transaction, account_id: int) -> Fault:
    account = await directory.account_by_id(tx, account_id)
    address = account.address if account else "the account"
    return Fault(Kind.DENIED, guard_letters.refusal(address), "5.7.1")


def _too_many(whose: str, limit: str) -> Fault:
    span = "the next hour" if limit.endswith("hour") else "tomorrow"
    text = f"{whose} has reached its limit of {_LIMITS[limit]} to other domains; try again {span}"
    return Fault(Kind.TOO_MANY, text, "4.7.1")


async def _add_outflow(
    tx: Transaction, domain_id: int, count: Count, now: int
) -> tuple[Flow, dict[str, int]]:
    flow, own = await habits.outflow(tx, domain_id)
    flow = habits_of.flowed(flow, count, now)
    await habits.write_outflow(tx, domain_id, flow)
    return flow, own
