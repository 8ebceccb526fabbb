"""Taking mail over: the one write path of every intake.

A message is spooled as it comes, judged if it is from outside, parsed once, and stored in
one transaction with all it leads to: its copies in the mailboxes here, its queue entries for
elsewhere, and its first steps of the trace. Only when that is durable may a server answer 250.

A stored message that came by SMTP begins with our Return-Path line; the outbound side
sends what follows it. So the same bytes serve mailboxes and queue.
"""

from __future__ import annotations

import mmap
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from msgspec import structs

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.base.ids import Ids
from merpati.base.metrics import Metrics
from merpati.base.settings import setting
from merpati.model.arrival import NO_RECIPIENT_OPTIONS, Arrival, Origin, RecipientOptions, Route
from merpati.model.event import Event, EventKind
from merpati.model.message import Digest
from merpati.model.queue import HERE
from merpati.model.verdict import Action, Judgement
from merpati.services import authorship, binary, completion, landing
from merpati.services.digest import Digester, outline
from merpati.store import blobs, directory, emails, events, queue
from merpati.store.blobs import BlobStore, Body, Spool
from merpati.store.engine import UNDONE, Store, Transaction
from merpati.wire import trace
from merpati.wire.authentication_results import forged
from merpati.wire.smtp.paths import parse_address

if TYPE_CHECKING:  # `merpati sendmail` does without a judge and without what that needs
    from merpati.services.filing import Decision, Filtering
    from merpati.services.judge import Judge
    from merpati.services.list_rules import ListRules
    from merpati.services.report_box import ReportBox

# Counts what one of ours sends elsewhere, and says why it is to be held; empty: it may leave.
Watch = Callable[[Transaction, Origin, Sequence[tuple[str, str]], int], Awaitable[str]]

# Hears of each step that a message takes, in the transaction that makes it so.
Tell = Callable[[Transaction, Sequence[Event]], Awaitable[None]]
# Writes something more in the transaction that takes a message in.
Note = Callable[[Transaction], Awaitable[None]]

REPORT_MAX: Final = 4 * 1024 * 1024  # bytes; what is larger is no report
HOPS_MAX: Final = 50  # Received fields, as Postfix; more is a loop (RFC 5321 6.3)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """How long, and how often, mail that cannot be delivered is tried again."""

    retry: int = setting(900, "Wait this long between two tries.", unit="s")
    lifetime: int = setting(
        432_000, "Return what could not be delivered after this long.", unit="s"
    )
    warn_after: int = setting(
        14_400, "Tell the sender of a delay after this long; 0: never.", unit="s"
    )


class Ready(NamedTuple):
    """A message that is whole, judged and durable, and that no row names yet."""

    body: Body
    found: Digest
    now: int  # ms
    verdict: Judgement | None
    decisions: Sequence[Decision]
    report: bytes  # of others about our domains, if it may be one
    refused: Mapping[str, Fault]  # recipients who are answered by themselves

    @property
    def locations(self) -> list[str]:
        """Files to be removed when it is not taken in after all."""
        bodies = [self.body, *(body for one in self.decisions for body in one.bodies)]
        return [one.location for one in bodies if one.location]


class Accept:
    """Takes messages over for the servers of one worker."""

    def __init__(
        self,
        store: Store,
        blob_store: BlobStore,
        clock: Clock,
        ids: Ids,
        hostname: str,
        settings: QueueSettings,
        metrics: Metrics,
        judge: Judge | None = None,
        reports: ReportBox | None = None,
        rules: ListRules | None = None,
    ) -> None:
        """`judge` looks at mail from outside; without one all of it is taken.

        `reports` reads those that others send about our domains; `rules` are those of the
        mailing lists, which refuse while the sender still listens.
        """
        self._rules = rules
        self.watch: Watch | None = None  # the guard, which writes letters through us
        self.tell: Tell | None = None  # writes down what programs are to be told
        self.taker: queue.Taker | None = None  # sends on at once what it is sending anyway
        self.filter: Filtering | None = None  # runs Sieve scripts, which send mail through us
        self._judge = judge
        self._reports = reports
        self._store = store
        self._blobs = blob_store
        self._clock = clock
        self._ids = ids
        self._hostname = hostname
        self._settings = settings
        self.digester = Digester()  # shared with whoever else takes messages in this worker
        self._taken = metrics.counter(
            "merpati_messages_accepted_total", "Messages taken over.", ("from",)
        )
        self._bytes = metrics.counter(
            "merpati_bytes_accepted_total", "Bytes of the messages taken over."
        )

    def begin(self) -> tuple[str, Spool]:
        """Begin a message: its trace id, and a spool for the bytes that the client sends.

        Raises:
            Fault: NO_SPACE when the disk is too full to take mail.
        """
        self._blobs.check_space()
        return self._ids.trace(), self._blobs.spool()

    async def take(
        self, trace_id: str, spool: Spool, arrival: Arrival, note: Note | None = None
    ) -> Mapping[str, Fault]:
        """Make a whole message durable and deliver what is deliverable here.

        `note` writes something more in the same transaction. Gives who has refused it, of those
        who are answered each by itself.

        Raises:
            Fault: OVER_QUOTA when every recipient is here and none has room; LOOP
                for a message that loops; DENIED, UNAVAILABLE for one that is judged so,
                and DENIED for one of an account from whom it may not be;
                NO_SPACE, UNAVAILABLE when it cannot be kept. Nothing of it is kept then.
        """
        ready = await self.prepare(trace_id, spool, arrival)
        verdict = ready.verdict
        if ready.refused:
            left = tuple([one for one in arrival.routes if one.address not in ready.refused])
            arrival = structs.replace(arrival, routes=left)
        await self.store(
            trace_id, ready.body, ready.found, arrival, ready.now, verdict, ready.decisions, note
        )
        if ready.report and verdict is not None and self._reports is not None:
            await self._reports.take(verdict, _addresses(arrival), ready.report)
        return ready.refused

    async def prepare(self, trace_id: str, spool: Spool, arrival: Arrival) -> Ready:
        """All of `take` but its transaction: then `take_in` is called in one of the caller's.

        Raises:
            Fault: as `take`; the spool is empty then, and its file gone.
        """
        now = int(self._clock.now() * 1000)
        try:
            content = spool.content()
            if trace.count_received(content[: trace.HOPS_SCAN_LIMIT]) >= HOPS_MAX:
                raise Fault(Kind.LOOP, f"it has passed {HOPS_MAX} servers: a mail loop")
            verdict = None
            if self._judge is not None and self._judge.minds(arrival.origin):
                verdict = await self._judged(self._judge, trace_id, content, arrival)
            drop = verdict.drop if verdict is not None else forged(content, (self._hostname,))
            report = self._report(content, arrival) if verdict is not None else b""
            fields = self._trace_fields(trace_id, arrival, verdict)
            if arrival.senders is not None:
                fields += await authorship.check(
                    self._store, content, arrival.senders, arrival.sender
                )
            if arrival.origin.account_id:
                author = arrival.sender or arrival.origin.account
                name = f"{trace_id}@{self._hostname}"
                whole = completion.complete(content, author, name, self._clock.now())
                fields += whole.added
                drop = tuple(sorted({*drop, *whole.dropped}))
            del content  # a mapped file takes memory for as long as it is mapped
            await spool.prepend(fields, drop)
            if arrival.binary:
                raw, spool = spool, await binary.in_lines(spool, self._blobs.spool())
                raw.discard()
            if self._rules is not None and any(map(_LIST, arrival.routes)):
                await self._rules.check(arrival, spool.content()[: trace.HOPS_SCAN_LIMIT])
            if any(route.accounts and not _waits(arrival, route) for route in arrival.routes):
                found = await self.digester.digest(spool.content(), now)
            else:
                found = outline(spool.content(), now)
            decided = None
            if self.filter is not None and any(map(_STAMPS, arrival.routes)):
                content = spool.content()
                decided = await self.filter.arriving(
                    trace_id, content, found, arrival, verdict, now
                )
                del content
            body = await spool.finish()
        finally:
            spool.discard()
        decisions, refused = (decided.decisions, decided.refused) if decided else ((), {})
        return Ready(body, found, now, verdict, decisions, report, refused)

    def _report(self, content: bytes | mmap.mmap, arrival: Arrival) -> bytes:
        """The message, if it may be a report of others about our domains."""
        if self._reports is None or len(content) > REPORT_MAX:
            return b""
        return bytes(content) if any(map(self._reports.wants, _addresses(arrival))) else b""

    async def _judged(
        self, judge: Judge, trace_id: str, content: bytes | mmap.mmap, arrival: Arrival
    ) -> Judgement:
        """What the judge says of a message from outside; its refusals are raised, and kept."""
        origin = arrival.origin
        sender = parse_address(arrival.sender)
        verdict = await judge.judge(sender, origin, content)
        if verdict.reply is None:
            return verdict
        now = int(self._clock.now() * 1000)
        text = " ".join(verdict.reply.lines)
        detail = {"peer": origin.peer, "helo": origin.helo, "said": text}
        step = Event(
            trace_id, now, EventKind.REFUSED, arrival.sender, 0, {**detail, **verdict.detail}
        )
        await self._store.write(events.record, [step])
        kind = Kind.DENIED if verdict.action is Action.REFUSE else Kind.UNAVAILABLE
        raise Fault(kind, text, verdict.reply.enhanced)

    def _trace_fields(self, trace_id: str, arrival: Arrival, verdict: Judgement | None) -> bytes:
        """What stands above the message as it came: Return-Path, verdicts, Received."""
        hop = _hop(self._hostname, arrival.origin)
        routes = arrival.routes
        only = _path(routes[0].address) if len(routes) == 1 else None
        received = trace.received(hop, trace_id, self._clock.now(), only)
        results = verdict.header if verdict is not None else b""
        return _return_path(arrival.sender) + results + received

    async def store(
        self, trace_id: str, body: Body, found: Digest, arrival: Arrival, now: int,
        verdict: Judgement | None = None, decisions: Sequence[Decision] = (),
        note: Note | None = None,
    ) -> None:  # fmt: skip
        """The transaction of `take`, for a message that is ready."""
        unused: list[str] = []

        async def noted(tx: Transaction) -> bool:
            if note is not None:
                await note(tx)
            return await self.take_in(
                tx, trace_id, body, found, arrival, now, verdict=verdict, decisions=decisions,
                unused=unused,
            )  # fmt: skip

        try:
            superfluous = await self._store.write(noted)
        except Fault as fault:
            if fault.kind in UNDONE:
                made = [each.location for one in decisions for each in one.bodies]
                for location in filter(None, [body.location, *made]):
                    self._blobs.remove(location)
            raise
        self.taken(body, arrival, [*unused, *([body.location] if superfluous else [])])

    def taken(self, body: Body, arrival: Arrival, unused: Sequence[str]) -> None:
        """A message was taken in, and is durable: what of its files no row names is removed."""
        for location in filter(None, unused):
            self._blobs.remove(location)
        self._taken.inc("user" if arrival.origin.account_id else "peer")
        self._bytes.inc(by=body.size)

    async def take_in(
        self, tx: Transaction, trace_id: str, body: Body, found: Digest, arrival: Arrival,
        now: int, *, patient: bool = False, verdict: Judgement | None = None,
        decisions: Sequence[Decision] = (), unused: list[str] | None = None,
    ) -> bool:  # fmt: skip
        """Everything a message leads to, in a transaction; whether its own file is superfluous.

        With `patient` a message that nobody has room for waits in the queue: nobody is
        there to hear OVER_QUOTA. `decisions` are those of the Sieve scripts of accounts
        here; accounts with scripts that have not run wait in the queue too, as all do
        where nothing runs scripts. `unused` takes the files that are to be removed after
        the commit.
        """
        addresses, own_addresses, remote, later = _led_to(arrival)
        steps = self._first_steps(trace_id, body, found, arrival, now)
        if verdict is not None:
            steps.append(Event(trace_id, now, EventKind.JUDGED, verdict.findings.author.domain, 0,
                               verdict.detail))  # fmt: skip
        superfluous, placed = True, False
        refused: list[int] = []
        plain, left = list(addresses), []
        if any(map(_STAMPS, arrival.routes)):
            scripted = {account_id for route in arrival.routes for account_id, _ in route.stamps}
            plain = [one for one in addresses if one not in scripted]
            left = [one for one in addresses if one in scripted]
        if plain:
            folders = [
                (one, route.folder)
                for route in arrival.routes if route.folder
                for one in route.accounts
            ]  # fmt: skip
            action = verdict.action if verdict is not None else None
            land = await landing.choose(tx, plain, folders, action)
            added = await emails.add(tx, body, found, land.placements, now)
            superfluous, refused, placed = added.superfluous, added.refused, bool(added.placed)
            steps += land.steps(trace_id, now, added, addresses)
        if left and self.filter is not None:
            done = await self.filter.carry_out(tx, trace_id, decisions, body, found, now, unused)
            steps += done.steps
            superfluous = superfluous and done.superfluous
            refused += done.refused
            placed = placed or done.placed
            left = [one for one in left if one not in done.served]
        if refused and not (placed or remote or later or left or patient):
            raise Fault(Kind.OVER_QUOTA, "the mailbox is full")
        if unserved := [*refused, *left]:
            later += await _for_here(tx, unserved, addresses, own_addresses)
        if waiting := [*later, *remote.items()]:
            if found.tls_optional:
                options = msgspec.structs.replace(arrival.options, tls_optional=True)
                arrival = msgspec.structs.replace(arrival, options=options)
            own = await self._queue(tx, trace_id, body, arrival, now, waiting)
            superfluous = superfluous and own
            steps += [
                Event(trace_id, now, EventKind.QUEUED, address, arrival.origin.account_id,
                      {"destination": destination or "here"})
                for address, destination in waiting
            ]  # fmt: skip
        await events.record(tx, steps)
        if self.tell is not None:
            await self.tell(tx, steps)
        return superfluous

    async def _queue(
        self, tx: Transaction, trace_id: str, body: Body, arrival: Arrival, now: int,
        recipients: list[tuple[str, str]],
    ) -> bool:  # fmt: skip
        held = await self.watch(tx, arrival.origin, recipients, now) if self.watch else ""
        blob_id, superfluous = await blobs.insert(tx, body, 1)
        warn_after = self._settings.warn_after
        await queue.add(
            tx,
            trace=trace_id,
            blob_id=blob_id,
            sender=arrival.sender,
            account_id=arrival.origin.account_id,
            smtputf8=arrival.smtputf8,
            received_at=now,
            expires_at=now + self._settings.lifetime * 1000,
            warn_at=now + warn_after * 1000 if warn_after and arrival.sender else 0,
            recipients=recipients,
            is_own=bool(arrival.origin.account_id) or not arrival.origin.peer,
            options=arrival.options,
            held=held,
            recipient_options=_wishes(arrival.routes),
            taker=self.taker,
            stored=None
            if body.location
            else blobs.Stored(blob_id, body.size, "", body.encoding, body.data),
        )
        return superfluous

    def _first_steps(
        self, trace_id: str, body: Body, found: Digest, arrival: Arrival, now: int
    ) -> list[Event]:
        origin = arrival.origin
        kind = EventKind.SUBMITTED if origin.account_id else EventKind.RECEIVED
        detail = {
            **_told(origin),
            "size": body.size,
            "to": [route.address for route in arrival.routes[:20]],
            "recipients": len(arrival.routes),
        }
        steps = [Event(trace_id, now, kind, arrival.sender, origin.account_id, detail)]
        if found.message_id:
            steps.append(
                Event(trace_id, now, EventKind.NAMED, found.message_id, origin.account_id,
                      {"subject": found.subject} if found.subject else {})
            )  # fmt: skip
        return steps


_LIST: Final = attrgetter("list_id")
_STAMPS: Final = attrgetter("stamps")
_path: Final = lru_cache(maxsize=4096)(parse_address)


@lru_cache(maxsize=4096)
def _return_path(sender: str) -> bytes:
    return trace.return_path(parse_address(sender))


@lru_cache(maxsize=1024)  # many messages come in by one session
def _hop(hostname: str, origin: Origin) -> trace.Hop:
    """How a message came in, as its Received field tells it."""
    return trace.Hop(
        host=hostname,
        protocol=origin.protocol,
        name=origin.helo,
        address="" if origin.account_id else origin.peer,
        tls_version=origin.tls_version,
        cipher=origin.cipher,
    )


@lru_cache(maxsize=1024)
def _told(origin: Origin) -> dict[str, str]:
    """What the trace tells of how a message came in."""
    detail = {
        "peer": origin.peer,
        "helo": origin.helo,
        "protocol": origin.protocol,
        "tls": origin.tls_version,
        "account": origin.account,
    }
    return {key: value for key, value in detail.items() if value}


def _addresses(arrival: Arrival) -> list[str]:
    return [route.address for route in arrival.routes]


def _waits(arrival: Arrival, route: Route) -> bool:
    """Whether a recipient here is served by the queue: with a report of success, or later."""
    if route.options is not NO_RECIPIENT_OPTIONS and "SUCCESS" in route.options.notify:
        return True
    return arrival.options.hold_until > 0


def _wishes(routes: tuple[Route, ...]) -> dict[str, RecipientOptions]:
    """What was asked for each recipient, by all addresses that it leads to elsewhere."""
    return {
        address: route.options
        for route in routes
        if route.options != NO_RECIPIENT_OPTIONS
        for address in (route.address, *(address for address, _ in route.remote))
    }


_LedTo = tuple[dict[int, str], dict[int, str], dict[str, str], list[tuple[str, str]]]


def _led_to(arrival: Arrival) -> _LedTo:
    """What the recipients lead to.

    Gives the address of each account here, those of them that lead nowhere else, addresses
    elsewhere with their destinations, and what is for here too, but not at once.
    """
    addresses: dict[int, str] = {}
    own: dict[int, str] = {}
    remote: dict[str, str] = {}
    later: list[tuple[str, str]] = []
    for route in arrival.routes:
        if route.accounts and _waits(arrival, route):
            later.append((route.address, HERE))
            continue
        for account_id in route.accounts:
            addresses.setdefault(account_id, route.address)
        if route.remote:
            remote.update(route.remote)
        elif len(route.accounts) == 1:
            own.setdefault(route.accounts[0], route.address)
    return addresses, own, remote, later


async def _for_here(
    tx: Transaction, accounts: Sequence[int], named: Mapping[int, str], own: Mapping[int, str]
) -> list[tuple[str, str]]:
    """Queue entries for accounts whose turn comes later, each by an address of its own.

    The address that the client `named` may be an alias of several, of whom the others have
    their copy already. If it is among the account's `own` it stays, with its detail.
    """
    waiting = []
    for account_id in accounts:
        account = await directory.account_by_id(tx, account_id)
        home = account.address if account else named[account_id]
        waiting.append((own.get(account_id, home), HERE))
    return waiting
