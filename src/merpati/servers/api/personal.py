"""Operations on what is one's own: what one may administer, one's mail's roads, sending."""

from __future__ import annotations

from msgspec import Struct

from merpati.model.administration import Right
from merpati.servers.api.operation import Call, Operation, Who
from merpati.servers.api.queries import Asked
from merpati.services.administration import tracing
from merpati.services.administration.sending import MessageState, NewMessage
from merpati.services.administration.tracing import Road

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
    return await call.services.sending.send(call.user, call.actor.peer, new)


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
        method="GET", path="/messages/{id}", name="showSent", topic="sending", does=show_sent,
        who=Who.USER, answer=MessageState,
        text="What became of a message, recipient by recipient, with all its steps.",
    ),
)  # fmt: skip
