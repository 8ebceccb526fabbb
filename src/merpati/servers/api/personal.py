"""Operations on what is one's own: what one may administer, one's mail's roads, sending."""

from __future__ import annotations

from msgspec import Struct

from merpati.base.faults import Fault, Kind
from merpati.model.administration import Right
from merpati.servers.api.operation import Call, Operation, Who
from merpati.servers.api.queries import Asked, SentEvents, SentMessages
from merpati.services.administration import tracing
from merpati.services.administration.composing import NewMessage, RawMessage
from merpati.services.administration.queue import SuppressionView
from merpati.services.administration.sending import MessageEvent, MessageState
from merpati.services.administration.tracing import Road
from merpati.store import suppression

MESSAGE_MAX = 64 << 20  # bytes: 45 MB of files in base64, and what is around them


class Me(Struct, frozen=True, rename="camel", kw_only=True):
    """Who asks, and what they may administer."""

    address: str
    name: str
    language: str
    administrator: bool
    domains: dict[str, list[Right]]


async def show_me(call: Call) -> Me:
    """The caller."""
    return Me(
        address=call.user.address, name=call.user.name, language=call.user.language,
        administrator=call.scope.everything,
        domains={
            name: sorted(rights, key=lambda one: one.value)
            for name, rights in call.scope.domains.items()
        },
    )  # fmt: skip


async def trace_own(call: Call) -> list[Road]:
    """What the caller sent, and what came for the caller."""
    asked: Asked = call.query
    theirs = await tracing.own(call.store, call.user)
    found = await tracing.find(call.store, asked.what, asked.last, call.now)
    shown = [seen for one in found if (seen := tracing.seen_by(one, theirs))]
    return [tracing.road(one, call.language) for one in shown]


async def send(call: Call) -> MessageState:
    """It is durable before this answers."""
    new: NewMessage = call.body
    return await call.services.sending.send(call.user, call.actor.peer, new, call.senders)


async def send_raw(call: Call) -> MessageState:
    """It is durable before this answers."""
    new: RawMessage = call.body
    return await call.services.sending.send_raw(call.user, call.actor.peer, new, call.senders)


async def list_sent(call: Call) -> list[MessageState]:
    """The latest first."""
    asked: SentMessages = call.query
    return await call.services.sending.listing(call.user, asked.before, asked.limit)


async def list_events(call: Call) -> list[MessageEvent]:
    """In order of time."""
    asked: SentEvents = call.query
    return await call.services.sending.happened(call.user, asked.since, asked.kind, asked.limit)


async def show_suppressed(call: Call) -> SuppressionView:
    """Why nothing is sent to an address."""
    found = await call.store.read(suppression.suppressed, [call.address], call.now)
    if call.address not in found:
        raise Fault(Kind.NOT_FOUND, f"{call.address} is not suppressed")
    return SuppressionView.of(found[call.address])


async def show_sent(call: Call) -> MessageState:
    """What became of it."""
    return await call.services.sending.state(call.path["id"], call.user)


OPERATIONS = (
    Operation(
        method="GET", path="/me", name="showMe", topic="me", does=show_me, who=Who.USER,
        answer=Me, text="Who I am, and what I may administer.",
    ),
    Operation(
        method="GET", path="/me/trace", name="traceOwn", topic="me", does=trace_own,
        who=Who.USER, query=Asked, answer=list[Road],
        text="The roads of messages that I have sent, or that came for me.",
    ),
    Operation(
        method="POST", path="/messages", name="sendMessage", topic="sending", does=send,
        who=Who.USER, status=202, body=NewMessage, answer=MessageState, body_max=MESSAGE_MAX,
        text="Send a message; it is durable when this answers.",
    ),
    Operation(
        method="POST", path="/messages/raw", name="sendRawMessage", topic="sending",
        does=send_raw, who=Who.USER, status=202, body=RawMessage, answer=MessageState,
        body_max=MESSAGE_MAX, text="Send a whole message as it is (RFC 5322), in base64.",
    ),
    Operation(
        method="GET", path="/messages", name="listSent", topic="sending", does=list_sent,
        who=Who.USER, query=SentMessages, answer=list[MessageState],
        text="What I have sent through the API in the last 90 days, the latest first.",
    ),
    Operation(
        method="GET", path="/messages/events", name="listMessageEvents", topic="sending",
        does=list_events, who=Who.USER, query=SentEvents, answer=list[MessageEvent],
        text="What happened to messages that I have sent through the API, in order of time.",
    ),
    Operation(
        method="GET", path="/suppressions/{address}", name="showSuppressed", topic="sending",
        does=show_suppressed, who=Who.USER, answer=SuppressionView,
        text="Why nothing is sent to an address elsewhere at present, and until when.",
    ),
    Operation(
        method="GET", path="/messages/{id}", name="showSent", topic="sending", does=show_sent,
        who=Who.USER, answer=MessageState,
        text="What became of a message, recipient by recipient, with all its steps.",
    ),
)  # fmt: skip
