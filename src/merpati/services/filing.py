"""Carrying out what a Sieve script decided, in the transaction that delivers the message.

The decision was made before (services/filter.py), so here nothing waits but the store. What
may have changed in between is looked at again: whether a mailbox is there, whether somebody
has been answered. Nothing that goes wrong here costs mail: what cannot be filed where the
script wants it lies in INBOX, and the trace says why.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from merpati.base.faults import Fault
from merpati.model import object_ids, rights
from merpati.model.arrival import NO_OPTIONS, Arrival, Options, RecipientOptions, Route
from merpati.model.event import Event, EventKind
from merpati.model.mailbox import INBOX_ID
from merpati.model.message import Digest
from merpati.model.queue import QueueMessage
from merpati.services.route import Router
from merpati.store import blobs, emails, events, mailboxes, places, queue, sieve
from merpati.store.blobs import Body
from merpati.store.engine import Transaction
from merpati.store.sieve import Memory

if TYPE_CHECKING:  # `merpati sendmail` starts quickly without it
    from merpati.model.verdict import Judgement

DID_MAX: Final = 20  # lines of one script that the trace keeps
LIFETIME: Final = 432_000_000  # ms that what a script sends is tried
REJECTED: Final = "5.7.1"  # RFC 5429 2.1.1: refused by the wish of the recipient


class Version(msgspec.Struct, frozen=True):
    """A message as a script made it: its bytes, ready for their row, and what they hold."""

    body: Body
    digest: Digest


class Filing(msgspec.Struct, frozen=True):
    """One copy to be filed.

    Attributes:
        path: As the script names the mailbox; empty: where mail goes without a script.
        keywords: As they are stored.
        create: Whether to make the mailbox.
        role: Prefer the mailbox with this role.
        mailbox_id: Prefer the one with this id, as programs see it.
        version: Which of the decision's; -1: the message as it came.
    """

    path: str = ""
    keywords: str = ""
    create: bool = False
    role: str = ""
    mailbox_id: str = ""
    version: int = -1


class Sending(msgspec.Struct, frozen=True, kw_only=True):
    """One message that a script sends.

    Attributes:
        what: "redirect", "vacation" or "notify", for the trace.
        recipients: Addresses.
        sender: Its return path; empty: none, since nobody wants to hear of its failure.
        domain: The one of ours that it goes on from, which may rewrite the return path.
        account_id: Whose it is; 0: it is another's message that goes on.
        once: What is remembered of it; when it is remembered already, nothing is sent.
        until: How long it is remembered, Unix milliseconds.
        options: Of the message (RFC 6009).
        wishes: Of its recipients.
        fcc: Where a copy is filed (RFC 8580).
    """

    what: str
    version: Version
    recipients: tuple[str, ...]
    sender: str = ""
    domain: str = ""
    account_id: int = 0
    once: tuple[str, ...] = ()
    memory: Memory = Memory.ANSWERED
    until: int = 0
    smtputf8: bool = False
    options: Options = NO_OPTIONS
    wishes: RecipientOptions | None = None
    fcc: Filing | None = None


class Seen(msgspec.Struct, frozen=True):
    """A message that `duplicate` is to know from now on (RFC 7352)."""

    words: tuple[str, ...]
    until: int  # ms


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What scripts came to for one account and one message.

    Attributes:
        account_id: Whose scripts.
        address: The account's primary address.
        recipient: The address that the message came for.
        script: The name of the script.
        role: Of the mailbox where mail goes without a script: "junk", or empty for INBOX.
        reject: Why the message is refused; empty: it is not.
        by_letter: The reason is not ASCII, and the script wants it said as it is (RFC 5429 2.2).
        did: What the script did, in lines, for the trace.
        fault: Why it failed; empty: it did not.
    """

    account_id: int
    address: str
    recipient: str
    script: str
    role: str = ""
    reject: str = ""
    by_letter: bool = False
    filings: tuple[Filing, ...] = ()
    versions: tuple[Version, ...] = ()
    sendings: tuple[Sending, ...] = ()
    seen: tuple[Seen, ...] = ()
    did: tuple[str, ...] = ()
    fault: str = ""

    @property
    def bodies(self) -> list[Body]:
        """All that was written for it, and is to be removed when it is not kept."""
        made = [*self.versions, *(one.version for one in self.sendings)]
        return [one.body for one in made if one.body.location]


class Arriving(msgspec.Struct, frozen=True):
    """What scripts decide about a message whose sender waits.

    Attributes:
        decisions: of the accounts that take it.
        refused: the recipients refused by themselves, with what each is told; none but where
            each is answered by itself.
    """

    decisions: list[Decision] = []
    refused: dict[str, Fault] = {}


class Carried(msgspec.Struct):
    """What became of a decision.

    Attributes:
        refused: There is no room: nothing was done, and all of it is to be tried again.
        superfluous: Nobody holds the message's own bytes because of it.
        unused: Files to be removed after the commit.
    """

    refused: bool = False
    superfluous: bool = True
    unused: list[str] = []
    steps: list[Event] = []


class Total(msgspec.Struct):
    """What became of all decisions about one message; fields as those of `Carried`."""

    served: set[int] = set()
    refused: list[int] = []
    placed: bool = False
    superfluous: bool = True
    steps: list[Event] = []


class Filtering(Protocol):
    """Sieve, as those see it who deliver mail: services/filter.py."""

    async def arriving(
        self, trace: str, content: bytes | mmap.mmap, found: Digest, arrival: Arrival,
        verdict: Judgement | None, now: int,
    ) -> Arriving:  # fmt: skip
        """What scripts decide while the sender waits. Raises Fault DENIED: all refuse it."""

    async def queued(
        self, message: QueueMessage, content: bytes | mmap.mmap, found: Digest, route: Route,
        now: int,
    ) -> list[Decision]:  # fmt: skip
        """What they decide about a message from the queue; refusals are among it."""

    async def carry_out(
        self, tx: Transaction, trace: str, decisions: Sequence[Decision], body: Body,
        found: Digest, now: int, unused: list[str] | None = None,
    ) -> Total:  # fmt: skip
        """All decisions about a message, in the transaction that stores it."""


class _Place(msgspec.Struct, frozen=True):
    """Where a copy goes."""

    account_id: int
    mailbox_id: int
    name: str


class Onward(Protocol):
    """What makes mail go on from one of our addresses (services/forward.py)."""

    async def sealed(self, home: str, content: bytes | mmap.mmap) -> Body:
        """The message as it goes on."""

    async def return_path(self, tx: Transaction, sender: str, domain: str) -> str:
        """Under which return path."""


class Filer:
    """Carries out decisions of one worker."""

    def __init__(self, router: Router, onward: Onward) -> None:
        self._router = router
        self._onward = onward

    async def carry_out(
        self, tx: Transaction, trace: str, decision: Decision, original: Version, now: int
    ) -> Carried:
        """File, send and remember what a decision says; the message's copy comes first."""
        done = Carried(unused=[], steps=[])
        problems: list[str] = []
        copies = await self._file(tx, trace, decision, original, now, done, problems)
        if done.refused:
            done.unused = [body.location for body in decision.bodies]
            done.steps = []
            return done
        for sending in decision.sendings:
            await self._send(tx, trace, decision, sending, now, done, problems)
        for one in decision.seen:
            await sieve.extend(tx, decision.account_id, Memory.SEEN, one.words, one.until)
        detail: dict[str, Any] = {
            "script": decision.script,
            "did": list(decision.did[:DID_MAX]),
            "problems": problems,
            "fault": decision.fault,
        }
        known = {key: value for key, value in detail.items() if value}
        step = Event(trace, now, EventKind.FILTERED, decision.recipient, decision.account_id, known)
        done.steps = [step, *copies, *done.steps]
        return done

    async def _file(
        self, tx: Transaction, trace: str, decision: Decision, original: Version, now: int,
        done: Carried, problems: list[str],
    ) -> list[Event]:  # fmt: skip
        """Put copies where they belong, those of the account itself first: they may be refused."""
        filed: set[tuple[int, int, int]] = set()
        wanted: list[tuple[Filing, _Place]] = []
        for filing in decision.filings:
            place = await self._place(tx, decision, filing, now, problems)
            key = (place.account_id, place.mailbox_id, filing.version)
            if key not in filed:
                filed.add(key)
                wanted.append((filing, place))
        wanted.sort(key=lambda pair: pair[1].account_id != decision.account_id)
        filed_into: list[str] = []
        first = 0
        for filing, place in wanted:
            version = original if filing.version < 0 else decision.versions[filing.version]
            target = emails.Placement(place.account_id, place.mailbox_id, filing.keywords)
            added = await emails.add(tx, version.body, version.digest, [target], now)
            if filing.version < 0:
                done.superfluous = done.superfluous and added.superfluous
            elif added.superfluous:
                done.unused.append(version.body.location)
            if not added.placed:
                if not filed_into:
                    done.refused = True
                    return []
                problems.append(f"there was no room for another copy in {place.name}")
                continue
            filed_into.append(place.name)
            first = first or added.placed[0].uid
        if not filed_into:
            return []
        detail = {"mailbox": ", ".join(filed_into), "uid": first}
        return [
            Event(trace, now, EventKind.DELIVERED, decision.recipient, decision.account_id, detail)
        ]

    async def _place(
        self, tx: Transaction, decision: Decision, filing: Filing, now: int, problems: list[str]
    ) -> _Place:
        """The mailbox of a filing, or INBOX with the reason among the problems."""
        owner = decision.account_id
        home = _Place(owner, INBOX_ID, "INBOX")
        if filing.mailbox_id:
            number = object_ids.read_mailbox(filing.mailbox_id)
            found = await mailboxes.counters(tx, owner, number) if number else None
            if found is not None:
                return _Place(owner, found.id, found.name)
        role = filing.role or (decision.role if not filing.path else "")
        if role:
            used = await mailboxes.by_role(tx, owner, role)
            if used is not None:
                return _Place(owner, used, "Junk" if role == "junk" else role.capitalize())
        if not filing.path:
            return home
        place = await places.find(tx, owner, filing.path)
        if place is not None:
            if rights.without(rights.INSERT, place.rights):
                problems.append(f"{filing.path} takes no mail from {decision.address}")
                return home
            return _Place(place.account_id, place.mailbox.id, filing.path)
        if not filing.create:
            problems.append(f'there is no mailbox "{filing.path}"')
            return home
        try:
            spot = await places.above(tx, owner, filing.path, rights.CREATE)
            made = await mailboxes.create(tx, spot.account_id, spot.path, now, role=filing.role)
        except Fault as fault:
            problems.append(fault.text)
            return home
        return _Place(spot.account_id, made.id, filing.path)

    async def _send(
        self, tx: Transaction, trace: str, decision: Decision, sending: Sending, now: int,
        done: Carried, problems: list[str],
    ) -> None:  # fmt: skip
        """Queue what a script sends, unless it was sent already."""
        body, owner = sending.version.body, decision.account_id
        if sending.once and not await sieve.remember(
            tx, owner, sending.memory, sending.once, now, sending.until
        ):
            if body.location:
                done.unused.append(body.location)
            return
        recipients = await self._destinations(tx, sending.recipients, problems)
        if recipients:
            sender = sending.sender
            if sending.domain:
                sender = await self._onward.return_path(tx, sender, sending.domain)
            blob_id, superfluous = await blobs.insert(tx, body, 1)
            if superfluous:
                done.unused.append(body.location)
            await queue.add(
                tx, trace=trace, blob_id=blob_id, sender=sender,
                account_id=sending.account_id,
                smtputf8=sending.smtputf8 or not sender.isascii(), received_at=now,
                expires_at=now + LIFETIME, warn_at=0, recipients=recipients,
                options=sending.options, is_own=bool(sending.account_id),
                recipient_options=(
                    {address: sending.wishes for address, _ in recipients}
                    if sending.wishes is not None else None
                ),
            )  # fmt: skip
            done.steps += [
                Event(trace, now, EventKind.QUEUED, address, owner,
                      {"destination": destination or "here", "script": sending.what})
                for address, destination in recipients
            ]  # fmt: skip
        elif body.location and sending.fcc is None:
            done.unused.append(body.location)
        if sending.fcc is not None:
            place = await self._place(tx, decision, sending.fcc, now, problems)
            target = emails.Placement(place.account_id, place.mailbox_id, sending.fcc.keywords)
            await emails.add(tx, body, sending.version.digest, [target], now)

    async def _destinations(
        self, tx: Transaction, addresses: Sequence[str], problems: list[str]
    ) -> list[tuple[str, str]]:
        found = []
        for address in dict.fromkeys(addresses):
            try:
                found.append((address, await self._router.destination(tx, address)))
            except Fault as fault:
                problems.append(f"{address}: {fault.text}")
        return found


async def refuse(tx: Transaction, trace: str, decision: Decision, now: int) -> None:
    """Tell the trace that a message was refused in the session, by a script."""
    detail = {"script": decision.script, "said": decision.reject}
    step = Event(trace, now, EventKind.REFUSED, decision.recipient, decision.account_id, detail)
    await events.record(tx, [step])
