"""Mail that waits: shown, and acted upon."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, structs

from merpati.base.faults import Fault, Kind
from merpati.model.administration import Actor
from merpati.model.queue import Destination, QueueMessage, QueueRecipient, Rule, Suppression
from merpati.services import transport
from merpati.store import audit, destinations, queue, queue_admin, queue_rules, suppression
from merpati.store.engine import Store, Transaction
from merpati.store.queue_admin import Selection

Act = Literal["retry", "hold", "release", "reroute", "bounce", "delete"]
HELD_BY_HAND = "held by an administrator"
FIRST_TRY = "waits for its first try"
Pattern = Annotated[str, Meta(max_length=320, description="`*` stands for anything.")]


class RecipientView(Struct, frozen=True, rename="camel", kw_only=True):
    """One recipient of a message in the queue. Times are Unix milliseconds."""

    address: str
    destination: str
    held: bool
    attempts: int
    next_at: int
    answer: str
    status: str
    remote: str


class MessageView(Struct, frozen=True, rename="camel", kw_only=True):
    """A message in the queue with its recipients. Times are Unix milliseconds."""

    id: int
    trace: str
    sender: str
    received_at: int
    expires_at: int
    recipients: list[RecipientView]


class SuppressionView(Struct, frozen=True, rename="camel", kw_only=True):
    """An address that nothing is sent to until then, and why. Times are Unix milliseconds."""

    address: str
    since: int
    until: int
    count: int
    status: str
    reply: str

    @classmethod
    def of(cls, one: Suppression) -> SuppressionView:
        """As shown."""
        return cls(
            address=one.address, since=one.since, until=one.until, count=one.count,
            status=one.status, reply=one.reply,
        )  # fmt: skip


class Order(Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """An act on what is picked: by ids, or by patterns, all of which have to fit."""

    act: Act
    ids: Annotated[list[int], Meta(max_length=1000)] = []
    sender: Pattern = ""
    recipient: Pattern = ""
    destination: Pattern = ""
    rule: int = 0
    older_than: Annotated[int, Meta(ge=0, description="Queued longer ago: seconds.")] = 0
    everything: bool = False
    reason: Annotated[str, Meta(max_length=200)] = HELD_BY_HAND
    to: Annotated[str, Meta(max_length=300, description="For reroute: a host, or a way.")] = ""


class Done(Struct, frozen=True, rename="camel"):
    """How many recipients were acted upon, and how many destinations are tried at once."""

    recipients: int
    destinations: int = 0


class NewRule(Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """New mail that fits is held. An empty pattern fits all; one of them is not empty."""

    sender: Pattern = ""
    recipient: Pattern = ""
    destination: Pattern = ""
    reason: Annotated[str, Meta(min_length=1, max_length=200)]


async def views(tx: Transaction, selection: Selection, limit: int) -> list[MessageView]:
    """The oldest messages that are picked. For `Store.scan`."""
    found = await queue_admin.select(tx, selection, limit)
    names = sorted({each.destination for _, group in found for each in group})
    known = await destinations.find(tx, names)
    return [_view(message, group, known) for message, group in found]


async def view(tx: Transaction, message_id: int) -> MessageView:
    """One message. Raises Fault NOT_FOUND."""
    found = await queue.show(tx, message_id)
    if found is None:
        raise Fault(Kind.NOT_FOUND, f"there is no message {message_id} in the queue")
    message, recipients = found
    known = await destinations.find(tx, [each.destination for each in recipients])
    return _view(message, recipients, known)


def selection(order: Order, now: int) -> Selection:
    """What an order picks. Raises Fault SYNTAX when it does not say."""
    picked = Selection(
        ids=tuple(order.ids), sender=order.sender, recipient=order.recipient,
        destination=order.destination, rule_id=order.rule,
        before=now - order.older_than * 1000 if order.older_than else 0,
    )  # fmt: skip
    if picked == Selection() and not order.everything:
        raise Fault(Kind.SYNTAX, "say which: ids, a pattern, or everything")
    if order.act == "delete" and picked == Selection():
        raise Fault(Kind.SYNTAX, 'to delete everything, name a pattern: recipient "*"')
    return picked


async def act(store: Store, actor: Actor, now: int, order: Order, picked: Selection) -> Done:
    """Do it, some hundred recipients at a time, so that a queue of any length holds nobody up.

    Raises:
        Fault: SYNTAX for a reroute to what is no way.
    """
    to = way(order.to) if order.act == "reroute" else ""
    total = 0
    while count := await _some(store, order, picked, to, now):
        total += count
        if count < queue_admin.AT_ONCE:
            break
    tried = 0
    if order.act == "retry":
        tried = await store.write_long(queue_admin.attempt, picked, now)
    after: dict[str, object] = {
        name: value
        for name, value in structs.asdict(picked).items()
        if value not in ("", 0, (), None)
    }
    after["recipients"] = total
    if to:
        after["to"] = to
    if order.act == "hold":
        after["reason"] = order.reason

    async def note(tx: Transaction) -> None:
        await audit.record(tx, actor, now, f"queue.{order.act}", "queue", after=after)

    if total or tried:
        await store.write(note)
    return Done(total, tried)


def way(text: str) -> str:
    """A way, as `smtp://host`; a bare domain is a destination like any other."""
    if not text:
        raise Fault(Kind.SYNTAX, f"say where to: {transport.ADVICE}")
    return str(transport.parse(text)) if transport.is_way(text) else text.lower()


async def add_rule(tx: Transaction, actor: Actor, now: int, new: NewRule) -> int:
    """Hold new mail that fits; the rule's number. Raises Fault SYNTAX."""
    if not (new.sender or new.recipient or new.destination):
        text = "say what to hold: sender, recipient or destination; '*' is everything"
        raise Fault(Kind.SYNTAX, text)
    number = await queue_rules.add_rule(
        tx, sender=new.sender, recipient=new.recipient, destination=new.destination,
        reason=new.reason, now=now,
    )  # fmt: skip
    after = {"rule": number, **_pattern(new)}
    await audit.record(tx, actor, now, "queue.rule.add", "queue", after=after)
    return int(number)


async def remove_rule(tx: Transaction, actor: Actor, now: int, number: int) -> None:
    """Forget a rule; what it holds stays held. Raises Fault NOT_FOUND."""
    before = await rule(tx, number)
    await queue_rules.remove_rule(tx, number)
    await audit.record(tx, actor, now, "queue.rule.remove", "queue", before=before)


async def rule(tx: Transaction, number: int) -> dict[str, object]:
    """A rule as the audit has it. Raises Fault NOT_FOUND."""
    for one in await queue_rules.rules(tx):
        if one.id == number:
            return {"rule": number, **_pattern(one)}
    raise Fault(Kind.NOT_FOUND, f"there is no rule {number}; see: merpati queue rules list")


async def unsuppress(tx: Transaction, actor: Actor, now: int, address: str) -> None:
    """Send to an address again. Raises Fault NOT_FOUND."""
    known = await suppression.suppressed(tx, [address], now)
    if not await suppression.remove(tx, [address]):
        raise Fault(Kind.NOT_FOUND, f"{address} is not suppressed")
    before = suppressed(known.get(address))
    await audit.record(tx, actor, now, "queue.unsuppress", address, before=before)


async def suppress(tx: Transaction, actor: Actor, now: int, one: Suppression) -> None:
    """Send nothing to an address until then, as before it was taken off the list."""
    await suppression.suppress(
        tx, one.address, one.since, one.until, status=one.status, reply=one.reply,
        remote=one.remote,
    )  # fmt: skip
    await audit.record(tx, actor, now, "queue.suppress", one.address, after=suppressed(one))


def suppressed(one: Suppression | None) -> dict[str, object]:
    """An address of the list as the audit has it."""
    return (
        {}
        if one is None
        else {name: getattr(one, name) for name in ("since", "until", "status", "reply", "remote")}
    )


def _pattern(one: Rule | NewRule) -> dict[str, object]:
    return {name: getattr(one, name) for name in ("sender", "recipient", "destination", "reason")}


async def _some(store: Store, order: Order, picked: Selection, to: str, now: int) -> int:
    write = store.write_long
    match order.act:
        case "retry":
            return await write(queue_admin.retry, picked, now)
        case "hold":
            return await write(queue_admin.hold, picked, order.reason)
        case "release":
            return await write(queue_admin.release, picked, now)
        case "reroute":
            return await write(queue_admin.reroute, picked, to, now)
        case "bounce":
            return await write(queue_admin.bounce, picked, now)
        case _:
            return await write(queue_admin.delete, picked)


def _view(
    message: QueueMessage, recipients: list[QueueRecipient], known: dict[str, Destination]
) -> MessageView:
    return MessageView(
        id=message.id, trace=message.trace, sender=message.sender,
        received_at=message.received_at, expires_at=message.expires_at,
        recipients=[
            RecipientView(
                address=one.address, destination=one.destination, held=one.held,
                attempts=one.attempts, next_at=next_try(one, known), answer=why(one, known),
                status=one.status, remote=one.remote,
            )
            for one in recipients
        ],
    )  # fmt: skip


def next_try(one: QueueRecipient, known: dict[str, Destination]) -> int:
    """When a recipient is tried, Unix milliseconds: not before its destination is."""
    destination = known.get(one.destination)
    if destination is not None and destination.failures:
        return max(one.next_at, destination.due_at)
    return one.next_at


def why(one: QueueRecipient, known: dict[str, Destination]) -> str:
    """Why a recipient waits: what holds it, else the last answer."""
    return one.reason if one.held else answer(one, known)


def answer(one: QueueRecipient, known: dict[str, Destination]) -> str:
    """The last words about a recipient, or about its destination when it has none itself."""
    if one.reply:
        return one.reply
    destination = known.get(one.destination)
    if destination is not None and destination.failures:
        return destination.reply
    return FIRST_TRY
