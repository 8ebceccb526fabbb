"""Messages that programs send through the API: the way of every submission, and their ends.

A program may send under the addresses of its account, and a token may name fewer. What it
sends twice with one idempotency key is sent once: the key is written in the transaction that
takes the message in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final, Literal

import msgspec
from msgspec import Struct

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.base.ids import oldest_trace
from merpati.model.account import Account
from merpati.model.arrival import Arrival, Origin, Route
from merpati.model.event import Event, EventKind
from merpati.model.senders import Senders
from merpati.services.accept import Accept
from merpati.services.administration import composing, trace_words, tracing
from merpati.services.administration.composing import NewMessage, RawMessage
from merpati.services.administration.tracing import Step
from merpati.services.authorship import senders_of
from merpati.services.guard import Guard
from merpati.services.route import Router
from merpati.store import api_messages, events
from merpati.store.engine import Store, Transaction
from merpati.wire.mime import headers
from merpati.wire.mime.addresses import Mailbox
from merpati.wire.smtp.paths import Path, parse_address

PROTOCOL: Final = "HTTP"
EVENT_MESSAGES: Final = 500  # messages whose steps are looked through for events
EVENT_AGE: Final = 7 * 86_400_000  # ms: by then the last step of a message is taken
_HIDDEN: Final = frozenset({b"bcc", b"resent-bcc", b"return-path"})

State = Literal["queued", "delivered", "deferred", "bounced", "suppressed"]
Happening = Literal["accepted", "delivered", "deferred", "bounced", "suppressed"]

# What became of a recipient, by its last step.
STATES: Final[dict[EventKind, State]] = {
    EventKind.QUEUED: "queued",
    EventKind.SENT: "delivered",
    EventKind.DELIVERED: "delivered",
    EventKind.FILTERED: "delivered",
    EventKind.OBEYED: "delivered",
    EventKind.HELD: "deferred",
    EventKind.DEFERRED: "deferred",
    EventKind.FAILED: "bounced",
    EventKind.ENDED: "bounced",
    EventKind.REFUSED: "bounced",
}


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


class MessageEvent(Struct, frozen=True, rename="camel", kw_only=True):
    """What happened to a message; of `accepted` the address is the sender's."""

    at: int
    id: str
    kind: Happening
    address: str
    text: str
    advice: str


class Sending:
    """Takes messages over from programs, for one worker."""

    def __init__(
        self, store: Store, accept: Accept, router: Router, guard: Guard | None, clock: Clock,
        hostname: str, message_size: int = 52_428_800,
    ) -> None:  # fmt: skip
        """`message_size`: bytes of a message at most."""
        self._store = store
        self._accept = accept
        self._router = router
        self._guard = guard
        self._clock = clock
        self._hostname = hostname
        self._message_size = message_size

    async def send(
        self, user: Account, peer: str, new: NewMessage, only: Iterable[str] = ()
    ) -> MessageState:
        """Compose a message and take it over; it is durable on return.

        Args:
            user: Who sends.
            peer: The address the request came from.
            new: The message.
            only: Of the caller's addresses those that may be used; none: all.

        Raises:
            Fault: SYNTAX; DENIED for a sender that is not the caller's, or an account that
                was stopped; NOT_FOUND for a recipient who would be here and is not; EXISTS
                for another message with its key; TOO_MANY, TOO_LARGE, OVER_QUOTA, NO_SPACE,
                UNAVAILABLE.
        """
        senders = await self._senders(user, only)
        author = composing.person(new.from_) if new.from_ else _default(user, senders)
        sender = parse_address(author.address)

        def write(trace_id: str) -> bytes:
            message_id = f"<{trace_id}@{self._hostname}>"
            return composing.compose(new, author, message_id, self._clock.now())

        people = [*new.to, *new.cc, *new.bcc]
        return await self._take(user, peer, senders, sender, people, write, new)

    async def send_raw(
        self, user: Account, peer: str, new: RawMessage, only: Iterable[str] = ()
    ) -> MessageState:
        """As `send`, for a message that is whole."""
        senders = await self._senders(user, only)
        sender = parse_address(new.sender or _default(user, senders).address)

        def write(_trace_id: str) -> bytes:
            content = composing.whole(new.content)
            fields = headers.split(content).fields
            start = fields[-1].end if fields else 0
            kept = [content[one.start : one.end] for one in fields if one.key not in _HIDDEN]
            return b"".join([*kept, content[start:]])

        return await self._take(user, peer, senders, sender, new.recipients, write, new)

    async def _take(
        self, user: Account, peer: str, senders: Senders, sender: Path, people: Sequence[str],
        write: Callable[[str], bytes], new: NewMessage | RawMessage,
    ) -> MessageState:  # fmt: skip
        key = new.idempotency_key
        digest = await asyncio.to_thread(_digest, new)
        if key and (known := await self._known(user, key, digest)):
            return await self.state(known, user)
        if not senders.may(str(sender)):
            text = f"{sender} is no address of yours, or not one that this token sends for"
            raise Fault(Kind.DENIED, text)
        paths = list(dict.fromkeys(map(composing.path, people)))
        routes = await self._routes(user, paths, peer)
        trace_id, spool = self._accept.begin()
        origin = Origin(
            peer=peer, helo="", protocol=PROTOCOL, account_id=user.id, account=user.address
        )
        utf8 = not all(one.is_ascii for one in (sender, *paths))
        arrival = Arrival(str(sender), routes, origin, smtputf8=utf8, senders=senders)

        async def note(tx: Transaction) -> None:
            now = int(self._clock.now() * 1000)
            await api_messages.add(tx, user.id, trace_id, now, key, digest)

        try:
            spool.add(await asyncio.to_thread(self._written, write, trace_id))
            await self._accept.take(trace_id, spool, arrival, note)
        except Fault:
            # The same request may have come twice at once; the other has sent it.
            if key and (known := await self._known(user, key, digest)):
                return await self.state(known, user)
            raise
        finally:
            spool.discard()
        return await self.state(trace_id, user)

    def _written(self, write: Callable[[str], bytes], trace_id: str) -> bytes:
        content = write(trace_id)
        if len(content) > self._message_size:
            most = self._message_size
            raise Fault(Kind.TOO_LARGE, f"the message may have {most} bytes at most")
        return content

    async def _routes(self, user: Account, paths: Sequence[Path], peer: str) -> tuple[Route, ...]:
        if not paths:
            raise Fault(Kind.SYNTAX, "say to whom: to, cc or bcc")
        if len(paths) > composing.RECIPIENTS_MAX:
            most = composing.RECIPIENTS_MAX
            raise Fault(Kind.TOO_MANY, f"a message has at most {most} recipients")
        routes = tuple([await self._router.route(one, relay=True) for one in paths])
        if self._guard is not None:
            await self._guard.check(user.id, routes, peer)
        return routes

    async def _senders(self, user: Account, only: Iterable[str]) -> Senders:
        found = await self._store.read(senders_of, user, self._router.settings)
        chosen = {one.lower() for one in only}
        if not chosen:
            return found
        return msgspec.structs.replace(found, own=found.own & chosen, any_author=False)

    async def _known(self, user: Account, key: str, digest: bytes) -> str:
        """The message that was sent with a key; empty: none. Raises Fault EXISTS."""
        sent = await self._store.read(api_messages.find, user.id, key)
        if sent is not None and sent.digest != digest:
            raise Fault(Kind.EXISTS, "another message was sent with this idempotency key")
        return sent.trace if sent is not None else ""

    # What became of them

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

    async def listing(self, user: Account, before: str, limit: int) -> list[MessageState]:
        """What the caller has sent through the API, the latest first."""
        found = await self._store.read(api_messages.listing, user.id, before, limit)
        return [await self.state(one, user) for one in found]

    async def happened(
        self, user: Account, since: int, kind: str, limit: int
    ) -> list[MessageEvent]:
        """What happened from a moment on to messages sent through the API, in order of time."""

        async def unit(tx: Transaction) -> list[Event]:
            oldest = oldest_trace(max(since - EVENT_AGE, 0))
            latest = await api_messages.listing(tx, user.id, limit=EVENT_MESSAGES)
            some = [one for one in latest if one >= oldest]
            return [step for one in some for step in await events.of_trace(tx, one)]

        steps = [one for one in await self._store.scan(unit) if one.at >= since]
        steps.sort(key=lambda step: (step.at, step.trace))
        told = [_event(one, known, user.language) for one in steps if (known := _happening(one))]
        return [one for one in told if kind in {"", one.kind}][:limit]


def _default(user: Account, senders: Senders) -> Mailbox:
    """Who a message is from that does not say so."""
    if user.address.lower() in senders.own or not senders.own:
        address, name = user.address, user.name
    else:
        address, name = min(senders.own), ""
    known = composing.person(address)
    return Mailbox(name, known.local, known.domain)


def _digest(new: NewMessage | RawMessage) -> bytes:
    return sha256(msgspec.json.encode(new)).digest()


def _happening(step: Event) -> Happening | None:
    """What a step is for a program; None: nothing."""
    if step.kind is EventKind.SUBMITTED:
        return "accepted"
    state = _state(step)
    return None if state is None or state == "queued" else state


def _state(step: Event) -> State | None:
    state = STATES.get(step.kind)
    if state == "bounced" and trace_words.was_suppressed(step):
        return "suppressed"
    return state


def _event(step: Event, kind: Happening, language: str) -> MessageEvent:
    return MessageEvent(
        at=step.at, id=step.trace, kind=kind, address=step.about,
        text=trace_words.sentence(step, language), advice=trace_words.advice(step, language),
    )  # fmt: skip


def _states(history: list[Event], language: str) -> list[RecipientState]:
    """The last word on each recipient."""
    last = {step.about: (step, state) for step in history if (state := _state(step))}
    return [
        RecipientState(
            address=address, state=state, at=step.at,
            text=trace_words.sentence(step, language), advice=trace_words.advice(step, language),
        )
        for address, (step, state) in last.items()
    ]  # fmt: skip
