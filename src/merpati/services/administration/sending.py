"""Messages that programs send through the API: composed here, and followed to their end."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Sequence
from datetime import UTC, datetime
from email import policy
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.model.account import Account
from merpati.model.arrival import Arrival, Origin, Route
from merpati.model.event import Event, EventKind
from merpati.services.accept import Accept
from merpati.services.administration import trace_words, tracing
from merpati.services.administration.accounts import Address
from merpati.services.administration.tracing import Step
from merpati.services.guard import Guard
from merpati.services.route import Router
from merpati.store import directory, events, members
from merpati.store.engine import Store, Transaction
from merpati.store.members import Send
from merpati.wire.smtp.paths import Path, parse_address

RECIPIENTS_MAX: Final = 1000
TEXT_MAX: Final = 5_000_000  # characters
PROTOCOL: Final = "HTTP"

Line = Annotated[str, Meta(max_length=998, pattern=r"^[^\r\n\0]*$")]
Addresses = Annotated[list[Address], Meta(max_length=RECIPIENTS_MAX)]
State = Literal["queued", "delivered", "deferred", "failed"]

# What became of a recipient, by its last step.
STATES: Final[dict[EventKind, State]] = {
    EventKind.QUEUED: "queued",
    EventKind.SENT: "delivered",
    EventKind.DELIVERED: "delivered",
    EventKind.FILTERED: "delivered",
    EventKind.OBEYED: "delivered",
    EventKind.HELD: "deferred",
    EventKind.DEFERRED: "deferred",
    EventKind.FAILED: "failed",
    EventKind.ENDED: "failed",
    EventKind.REFUSED: "failed",
}


class Attachment(Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """A file that goes with a message; `content` is base64."""

    name: Line
    type: Annotated[str, Meta(pattern=r"^[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}$")]
    content: str


class NewMessage(Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """A message to be sent. Without `sender` it is from the caller's own address."""

    sender: Address | None = None
    sender_name: Line = ""
    to: Addresses = []
    cc: Addresses = []
    bcc: Addresses = []
    reply_to: Address | None = None
    subject: Line = ""
    text: Annotated[str, Meta(max_length=TEXT_MAX)] = ""
    html: Annotated[str, Meta(max_length=TEXT_MAX)] = ""
    attachments: Annotated[list[Attachment], Meta(max_length=50)] = []


class RecipientState(Struct, frozen=True, rename="camel", kw_only=True):
    """What became of one recipient; `at` is Unix milliseconds."""

    address: str
    state: State
    at: int
    text: str
    advice: str


class MessageState(Struct, frozen=True, rename="camel", kw_only=True):
    """A message that was sent: its id, what became of each recipient, and all steps."""

    id: str
    recipients: list[RecipientState]
    events: list[Step]


class Sending:
    """Takes messages over from programs, for one worker."""

    def __init__(
        self, store: Store, accept: Accept, router: Router, guard: Guard | None, clock: Clock,
        hostname: str,
    ) -> None:  # fmt: skip
        self._store = store
        self._accept = accept
        self._router = router
        self._guard = guard
        self._clock = clock
        self._hostname = hostname

    async def send(self, user: Account, peer: str, new: NewMessage) -> MessageState:
        """Take a message over; it is durable on return.

        Raises:
            Fault: SYNTAX; DENIED for a sender that is not the caller's, or an account that
                was stopped; NOT_FOUND for a recipient who would be here and is not; TOO_MANY,
                TOO_LARGE, OVER_QUOTA, NO_SPACE, UNAVAILABLE.
        """
        wanted = list(dict.fromkeys([*new.to, *new.cc, *new.bcc]))
        if not wanted:
            raise Fault(Kind.SYNTAX, "say to whom: to, cc or bcc")
        if len(wanted) > RECIPIENTS_MAX:
            raise Fault(Kind.TOO_MANY, f"a message has at most {RECIPIENTS_MAX} recipients")
        sender = await self._store.read(_own_address, user, new.sender or user.address)
        routes = [await self._router.route(parse_address(one), relay=True) for one in wanted]
        if self._guard is not None:
            await self._guard.check(user.id, routes, peer)
        trace_id, spool = self._accept.begin()
        try:
            content = self._compose(trace_id, sender, user, new)
            spool.add(content)
            paths = [parse_address(sender), *(parse_address(one) for one in wanted)]
            await self._accept.take(
                trace_id, spool, self._arrival(sender, routes, user, peer, paths)
            )
        finally:
            spool.discard()
        return await self.state(trace_id, user)

    async def state(self, trace_id: str, user: Account) -> MessageState:
        """What became of a message that the caller sent. Raises Fault NOT_FOUND."""
        history = await self._store.read(events.of_trace, trace_id)
        first = history[0] if history else None
        if first is None or first.kind is not EventKind.SUBMITTED or first.account_id != user.id:
            raise Fault(Kind.NOT_FOUND, f"you have sent no message {trace_id}")
        shown = tracing.seen_by(history, await tracing.own(self._store, user))
        return MessageState(
            id=trace_id, recipients=_states(shown, user.language),
            events=tracing.road(shown, user.language).steps,
        )  # fmt: skip

    def _arrival(
        self, sender: str, routes: Sequence[Route], user: Account, peer: str, paths: Sequence[Path]
    ) -> Arrival:
        origin = Origin(
            peer=peer, helo="", protocol=PROTOCOL, account_id=user.id, account=user.address
        )
        utf8 = not all(path.is_ascii for path in paths)
        return Arrival(sender, tuple(routes), origin, smtputf8=utf8)

    def _compose(self, trace_id: str, sender: str, user: Account, new: NewMessage) -> bytes:
        message = EmailMessage(policy=policy.SMTP.clone(utf8=False))
        try:
            name = new.sender_name or (user.name if sender == user.address else "")
            message["From"] = _named(name, sender)
            if new.to:
                message["To"] = ", ".join(new.to)
            if new.cc:
                message["Cc"] = ", ".join(new.cc)
            if new.reply_to:
                message["Reply-To"] = new.reply_to
            message["Subject"] = new.subject
            message["Date"] = format_datetime(datetime.fromtimestamp(self._clock.now(), UTC))
            message["Message-ID"] = f"<{trace_id}@{self._hostname}>"
            message.set_content(new.text or "")
            if new.html:
                message.add_alternative(new.html, subtype="html")
            for one in new.attachments:
                main, _, sub = one.type.partition("/")
                data = b64decode(one.content, validate=True)
                message.add_attachment(data, maintype=main, subtype=sub, filename=one.name)
            return message.as_bytes()
        except (ValueError, MessageError, Base64Error, LookupError) as error:
            raise Fault(Kind.SYNTAX, f"the message cannot be composed: {error}") from None


async def _own_address(tx: Transaction, user: Account, address: str) -> str:
    """An address that an account may send with. Raises Fault DENIED."""
    wanted = address.lower()
    own = [one.lower() for one in await directory.addresses(tx, user.id)]
    others = await members.senders(tx, user.id)
    if wanted not in own and others.get(wanted) is not Send.AS:
        raise Fault(Kind.DENIED, f"{address} is no address of yours")
    return wanted


def _named(name: str, address: str) -> str:
    if not name:
        return address
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}" <{address}>'


def _states(history: list[Event], language: str) -> list[RecipientState]:
    """The last word on each recipient."""
    last: dict[str, Event] = {}
    for step in history:
        if step.kind in STATES:
            last[step.about] = step
    return [
        RecipientState(
            address=address, state=STATES[step.kind], at=step.at,
            text=trace_words.sentence(step, language), advice=trace_words.advice(step, language),
        )
        for address, step in last.items()
    ]  # fmt: skip
