"""Sieve at delivery: what an account's scripts decide about a message, before it is stored.

A message runs through the scripts of all accounts here that have some, before the
transaction that stores it: then nothing of theirs holds up the writer, and when nobody
wants the message it is refused while its sender still listens. What was decided is carried
out in that transaction (services/filing.py).

The auto-reply of an account is a script too, made from its settings. It runs after the
account's own, by itself: a user's script keeps whatever it uses, `vacation` included, whose
answer then takes the place of the auto-reply's.

Programs are compiled when scripts are stored; what runs for an account is kept under its
stamp, which changes with everything that it is made of.
"""

from __future__ import annotations

import asyncio
import mmap
from collections import OrderedDict
from collections.abc import Generator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from merpati import __version__
from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.base.log import Log
from merpati.model.account import Account
from merpati.model.arrival import NO_OPTIONS, Arrival, Options, Route
from merpati.model.message import Digest
from merpati.model.queue import QueueMessage
from merpati.model.verdict import Action, Judgement
from merpati.services import filing, landing
from merpati.services.auto_reply import script_of
from merpati.services.filing import Arriving, Carried, Decision, Filer, Total, Version
from merpati.services.filter_answers import Answers, Surroundings
from merpati.services.filter_outcome import Outcomes, Subject
from merpati.services.scripts import SieveSettings, compiled_from, loaded
from merpati.store import directory, sieve
from merpati.store.blobs import Body
from merpati.store.engine import Store, Transaction
from merpati.store.sieve import Runs
from merpati.wire import list_headers
from merpati.wire.mime import tree
from merpati.wire.sieve import interpreter
from merpati.wire.sieve.actions import Outcome
from merpati.wire.sieve.budget import Limits
from merpati.wire.sieve.message import Envelope, Message
from merpati.wire.sieve.program import Program

KEPT_MAX: Final = 1000  # accounts whose programs are kept
LARGE: Final = 64 * 1024  # bytes; a longer message is looked through in a thread
SUSPECT: Final = 90.0  # how certain a quarantined message is spam, of 100
HEADER_SCAN: Final = 128 * 1024  # bytes of a message in which its header is looked for


class Prepared(msgspec.Struct, frozen=True):
    """What runs for an account.

    Attributes:
        account: Whose.
        addresses: All that lead to it.
        name: Of its active script; empty: it has none.
        program: That script; None: it has none, or none that can run.
        reply: The script of the auto-reply; None: it is off.
        broken: Why the active script cannot run in this release; empty: it can.
    """

    account: Account
    addresses: frozenset[str]
    name: str
    program: Program | None
    reply: Program | None
    broken: str = ""


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """One message at one recipient's door."""

    trace: str
    sender: str
    route: Route
    content: bytes | mmap.mmap
    root: tree.Part
    facts: list_headers.Facts
    items: dict[str, str]
    score: float | None
    now: int  # ms
    options: Options = NO_OPTIONS


class Filter:
    """Runs the scripts of one worker."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        outcomes: Outcomes,
        filer: Filer,
        hostname: str,
        separator: str,
        settings: SieveSettings,
        log: Log,
    ) -> None:
        """`separator` divides a mailbox from a detail."""
        self._store = store
        self._clock = clock
        self._outcomes = outcomes
        self._filer = filer
        self._hostname = hostname
        self._separator = separator
        self._log = log
        self._answers = Answers(store, loaded)
        self._limits = Limits(redirects=settings.redirects, notifications=settings.letters)
        self._kept: OrderedDict[tuple[int, int], Prepared] = OrderedDict()

    def forget(self) -> None:
        """Accounts, their addresses or everybody's scripts have changed."""
        self._kept.clear()

    # Deciding

    async def arriving(
        self, trace: str, content: bytes | mmap.mmap, found: Digest, arrival: Arrival,
        verdict: Judgement | None, now: int,
    ) -> Arriving:  # fmt: skip
        """What scripts decide about a message whose sender still waits for an answer.

        A refusal is raised if nobody takes it. Else it is of its recipient alone where each is
        answered by itself, as over LMTP, and otherwise left to the queue (RFC 5429 2.1).

        Raises:
            Fault: DENIED, everybody who would get it refuses it.
        """
        origin = arrival.origin
        score = None if verdict is None else score_of(verdict.action)
        items = self.environment(peer=origin.peer, helo=origin.helo)
        facts = list_headers.read(content)
        root = tree.decode(found.structure) if found.structure else tree.parse(content)
        decisions: dict[int, Decision] = {}
        others = False
        alone: list[Route] = []  # those whose scripts decide now about all there is
        for route in arrival.routes:
            stamped = dict(route.stamps)
            at_once = not (arrival.options.hold_until or "SUCCESS" in route.options.notify)
            if not at_once or route.remote or len(stamped) < len(route.accounts):
                others = True
            else:
                alone.append(route)
            for account_id, stamp in stamped.items():
                if not at_once or account_id in decisions:
                    continue
                one = Incoming(
                    trace=trace, sender=arrival.sender, route=route, content=content, root=root,
                    facts=facts, items=items, score=score, now=now,
                    options=arrival.options,
                )  # fmt: skip
                decision = await self.decide(account_id, stamp, one)
                if decision is None:
                    others = True
                else:
                    decisions[account_id] = decision
        refusing = [one for one in decisions.values() if _said(one, arrival)]
        if refusing and not others and len(refusing) == len(decisions):
            await self._store.write(filing.refuse, trace, refusing[0], now)
            raise Fault(Kind.DENIED, refusing[0].reject, filing.REJECTED)
        refused = {}
        if arrival.apart:
            refused = await self._refused(trace, arrival, alone, decisions, now)
        return Arriving([one for one in decisions.values() if not one.reject], refused)

    async def _refused(
        self, trace: str, arrival: Arrival, routes: Sequence[Route],
        decisions: Mapping[int, Decision], now: int,
    ) -> dict[str, Fault]:  # fmt: skip
        """The recipients of which every account refuses the message."""
        found = {}
        for route in routes:
            theirs = [decisions.get(account_id) for account_id, _ in route.stamps]
            first = theirs[0] if theirs else None
            if first is not None and all(_said(one, arrival) for one in theirs):
                await self._store.write(filing.refuse, trace, first, now)
                found[route.address] = Fault(Kind.DENIED, first.reject, filing.REJECTED)
        return found

    async def queued(
        self, message: QueueMessage, content: bytes | mmap.mmap, found: Digest, route: Route,
        now: int,
    ) -> list[Decision]:  # fmt: skip
        """The same about a message that waited in the queue; refusals are among them."""
        if not route.stamps:
            return []
        verdict = await self._store.read(landing.judged, message.trace)
        one = Incoming(
            trace=message.trace, sender=message.sender, route=route, content=content,
            root=tree.decode(found.structure), facts=list_headers.read(content),
            items=self.environment(), now=now,
            score=None if verdict is None else score_of(verdict),
            options=message.options,
        )  # fmt: skip
        decisions = [await self.decide(*stamped, one) for stamped in route.stamps]
        return [decision for decision in decisions if decision is not None]

    async def decide(self, account_id: int, stamp: int, one: Incoming) -> Decision | None:
        """What the scripts of one account decide; None when it is gone, or has none any more."""
        prepared = await self._prepared(account_id, stamp)
        if prepared is None:
            return None
        owner = prepared.account
        envelope = self._envelope(prepared, one)
        around = Surroundings(account_id, one.now, one.items, one.score)
        message = Message(one.content, one.root)
        addresses = prepared.addresses
        if len(one.route.accounts) == 1:  # the user's alone, with its detail
            addresses |= {one.route.address.lower()}
        subject = Subject(
            trace=one.trace, account=owner, addresses=addresses, sender=one.sender,
            recipient=one.route.address, wishes=one.route.options, content=one.content,
            facts=one.facts, root=one.root,
            script=prepared.name, role="junk" if (one.score or 0) >= SUSPECT else "", now=one.now,
        )  # fmt: skip
        outcome = await self._run(prepared.program, message, envelope, around, prepared.name)
        reply = None
        if prepared.reply is not None:
            reply = await self._run(prepared.reply, message, envelope, around)
        return await self._outcomes.decision(subject, outcome, reply, broken=prepared.broken)

    def environment(self, *, peer: str = "", helo: str = "") -> dict[str, str]:
        """The items of RFC 5183 4; `peer` and `helo` are of a client who still listens."""
        items = {
            "name": "Merpati",
            "version": __version__,
            "host": self._hostname,
            "domain": self._hostname.partition(".")[2] or self._hostname,
            "location": "MTA" if peer else "MDA",
            "phase": "during",
        }
        if peer:
            items |= {"remote-ip": peer, "remote-host": helo}
        return items

    async def _run(
        self, program: Program | None, message: Message, envelope: Envelope, around: Surroundings,
        name: str = "",
    ) -> Outcome | None:  # fmt: skip
        if program is None:
            return None
        return await self.run(program, message, envelope, around, name=name)

    async def run(
        self, program: Program, message: Message, envelope: Envelope, around: Surroundings,
        *, explain: bool = False, name: str = "",
    ) -> Outcome:  # fmt: skip
        """Run one program to its end; long messages are looked through in a thread."""
        steps = interpreter.run(
            program, message, envelope, self._limits, explained=explain, name=name
        )
        large = len(message.content) > LARGE
        answer: object = None
        while True:
            if large:
                question, outcome = await asyncio.to_thread(_advance, steps, answer)
            else:
                question, outcome = _advance(steps, answer)
            if outcome is not None:
                return outcome
            answer = await self._answers.answer(question, around)

    def _envelope(self, prepared: Prepared, one: Incoming) -> Envelope:
        options, wishes = one.options, one.route.options
        deadline = datetime.fromtimestamp(options.deliver_by / 1000, UTC)
        return Envelope(
            sender=one.sender,
            recipient=one.route.address,
            now=datetime.fromtimestamp(one.now / 1000, UTC).astimezone(),
            separators=self._separator,
            owner=prepared.account.address,
            notify=tuple(wishes.notify.split(",")) if wishes.notify else (),
            orcpt=wishes.orcpt,
            ret=options.ret,
            envid=options.envid,
            by_absolute=deadline if options.deliver_by else None,
            by_mode=options.by_mode,
            by_trace=options.by_trace,
        )

    async def _prepared(self, account_id: int, stamp: int) -> Prepared | None:
        """What runs for an account; it is read once for each stamp."""
        known = self._kept.get((account_id, stamp))
        if known is not None:
            return known
        found = await self._store.read(_load, account_id)
        if found is None:
            return None
        account, addresses, runs = found
        program, broken = None, ""
        if runs.name:
            try:
                program = await loaded(runs.source, runs.program)
            except Fault as fault:  # this release finds it wrong: mail is kept, the owner told
                broken = fault.text
                self._log.warning("sieve.broken", account=account_id, script=runs.name)
        reply = None
        if runs.reply is not None and runs.reply.is_enabled:
            reply = await compiled_from(script_of(runs.reply))
        made = Prepared(account, addresses, runs.name, program, reply, broken)
        self._kept[account_id, stamp] = made
        if len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return made

    # Carrying out

    async def carry_out(
        self, tx: Transaction, trace: str, decisions: Sequence[Decision], body: Body,
        found: Digest, now: int, unused: list[str] | None = None,
    ) -> Total:  # fmt: skip
        """All decisions about a message, in the transaction that stores it.

        Args:
            tx: The transaction.
            trace: The message's trace id.
            decisions: Of accounts that take it.
            body: Its bytes.
            found: What parsing found in them.
            now: Unix milliseconds.
            unused: Takes the files that are to be removed after the commit.
        """
        total = Total(served=set(), refused=[], steps=[])
        if unused is not None:
            unused.clear()  # the unit may be run again
        original = Version(body, found)
        for decision in decisions:
            done: Carried = await self._filer.carry_out(tx, trace, decision, original, now)
            total.served.add(decision.account_id)
            if done.refused:
                total.refused.append(decision.account_id)
            total.placed = total.placed or not done.refused
            total.superfluous = total.superfluous and done.superfluous
            total.steps += done.steps
            if unused is not None:
                unused += done.unused
        return total


def score_of(action: Action) -> float:
    """How certain it is that a message judged so is spam, of 100."""
    return SUSPECT if action is Action.QUARANTINE else 0.0


def _said(decision: Decision | None, arrival: Arrival) -> bool:
    """Whether it refuses the message, with a reason that the client can be told (RFC 5429 2.2)."""
    if decision is None or not decision.reject:
        return False
    return arrival.smtputf8 or not decision.by_letter


def _advance(steps: Generator[Any, object, Outcome], answer: object) -> tuple[Any, Outcome | None]:
    """The next question, or the outcome; a StopIteration cannot leave a thread."""
    try:
        return steps.send(answer), None
    except StopIteration as end:
        return None, end.value


async def _load(tx: Transaction, account_id: int) -> tuple[Account, frozenset[str], Runs] | None:
    runs = await sieve.runs(tx, account_id)
    account = await directory.account_by_id(tx, account_id)
    if runs is None or account is None or account.disabled:
        return None
    return account, frozenset(await directory.addresses(tx, account_id)), runs
