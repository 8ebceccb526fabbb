"""Operations on mail on its way: the queue, the guard, roads, and what others report."""

from __future__ import annotations

import asyncio

from msgspec import Struct

from merpati.base.faults import Fault, Kind
from merpati.model.administration import Right
from merpati.model.queue import Rule, Suppression
from merpati.servers.api.operation import Call, Operation, Who
from merpati.servers.api.queries import Asked, Days, Ended, Pick
from merpati.services.administration import guarding, passwords, queue, reporting, tracing
from merpati.services.administration.guarding import FreezeView, Letting, Stop
from merpati.services.administration.queue import (
    Done,
    MessageView,
    NewRule,
    Order,
    SuppressionView,
)
from merpati.services.administration.reporting import ComplaintsView, DmarcView, TlsView
from merpati.services.administration.tracing import Road
from merpati.services.login import hash_password
from merpati.store import destinations, directory, queue_admin, queue_rules, suppression
from merpati.store.queue_admin import Selection


class DestinationView(Struct, frozen=True, rename="camel", kw_only=True):
    """Where mail goes, and how that is going. Times are Unix milliseconds, 0: never."""

    destination: str
    waiting: int
    held: int
    failures: int
    next_at: int
    succeeded_at: int
    failed_at: int
    status: str
    reply: str
    remote: str


class RuleView(Struct, frozen=True, rename="camel", kw_only=True):
    """New mail that fits is held."""

    id: int
    sender: str
    recipient: str
    destination: str
    reason: str


class NewRuleId(Struct, frozen=True, rename="camel", kw_only=True):
    """A rule that was made."""

    id: int


class LetGo(Struct, frozen=True, rename="camel", kw_only=True):
    """An account that may send again, and its password if one was made up."""

    released: bool
    recipients: int
    password: str


async def list_queue(call: Call) -> list[MessageView]:
    """The oldest first."""
    asked: Pick = call.query
    picked = Selection(
        sender=asked.sender, recipient=asked.recipient, destination=asked.destination,
        held=asked.held,
    )  # fmt: skip
    return await call.store.scan(queue.views, picked, asked.limit)


async def show_message(call: Call) -> MessageView:
    """One message."""
    return await call.store.read(queue.view, _number(call.path["id"]))


async def act(call: Call) -> Done:
    """On what is picked."""
    order: Order = call.body
    picked = queue.selection(order, call.now)
    return await queue.act(call.store, call.actor, call.now, order, picked)


async def list_destinations(call: Call) -> list[DestinationView]:
    """Those that fail first."""
    found = await call.store.scan(queue_admin.health)
    return [
        DestinationView(
            destination=one.name, waiting=waiting, held=held, failures=one.failures,
            next_at=one.due_at if waiting and one.due_at < destinations.NEVER else 0,
            succeeded_at=one.succeeded_at, failed_at=one.failed_at, status=one.status,
            reply=one.reply, remote=one.remote,
        )
        for one, waiting, held in found
    ]  # fmt: skip


async def list_rules(call: Call) -> list[RuleView]:
    """What holds new mail."""
    found: list[Rule] = await call.store.read(queue_rules.rules)
    return [
        RuleView(id=one.id, sender=one.sender, recipient=one.recipient,
                 destination=one.destination, reason=one.reason)
        for one in found
    ]  # fmt: skip


async def add_rule(call: Call) -> NewRuleId:
    """Hold new mail that fits."""
    new: NewRule = call.body
    return NewRuleId(id=await call.store.write(queue.add_rule, call.actor, call.now, new))


async def remove_rule(call: Call) -> None:
    """What it holds stays held."""
    await call.store.write(queue.remove_rule, call.actor, call.now, _number(call.path["id"]))


async def list_suppressed(call: Call) -> list[SuppressionView]:
    """Addresses that do not exist."""
    found: list[Suppression] = await call.store.scan(suppression.listing, call.now, pattern="")
    return [SuppressionView.of(one) for one in found]


async def unsuppress(call: Call) -> None:
    """Send to it again."""
    await call.store.write(queue.unsuppress, call.actor, call.now, call.address)


async def list_freezes(call: Call) -> list[FreezeView]:
    """Those that last, or all."""
    return await call.store.scan(guarding.freezes, call.language, ended=call.query.ended)


async def freeze(call: Call) -> None:
    """Stop somebody by hand."""
    stop: Stop = call.body
    account = await call.store.read(directory.account, call.address)
    await call.store.write(guarding.stop, call.actor, call.now, account, stop.reason)


async def release(call: Call) -> LetGo:
    """A password that somebody else may have is replaced."""
    how: Letting = call.body
    if how.false_alarm and how.password:
        raise Fault(Kind.SYNTAX, "choose one: falseAlarm or password")
    account = await call.store.read(directory.account, call.address)
    made_up, hashed = "", ""
    if how.password:
        hashed = await asyncio.to_thread(hash_password, passwords.prepare(how.password))
    elif not how.false_alarm and await call.store.read(guarding.needs_password, account):
        made_up = passwords.make_up()
        hashed = await asyncio.to_thread(hash_password, made_up)
    was, count = await guarding.let_go(call.store, call.actor, call.now, account, hashed, how)
    return LetGo(released=was, recipients=count, password=made_up if was else "")


async def trace(call: Call) -> list[Road]:
    """The latest first; a delegate sees what concerns their domains."""
    asked: Asked = call.query
    found = await tracing.find(call.store, asked.what, asked.last, call.now)
    domains = call.domains
    if domains is not None:
        theirs = tracing.of_domains(domains)
        found = [seen for one in found if (seen := tracing.seen_by(one, theirs))]
    return [tracing.road(one, call.language) for one in found]


async def show_dmarc(call: Call) -> DmarcView:
    """Of one domain."""
    name = await call.store.read(directory.served, call.domain)
    return await reporting.dmarc(call.store, name, call.query.days, call.now, call.language)


async def show_tls(call: Call) -> TlsView:
    """Of one domain."""
    name = await call.store.read(directory.served, call.domain)
    return await reporting.tls(call.store, name, call.query.days, call.now, call.language)


async def show_complaints(call: Call) -> ComplaintsView:
    """Of one domain."""
    name = await call.store.read(directory.served, call.domain)
    return await reporting.complained(call.store, name, call.query.days, call.now, call.language)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Fault(Kind.NOT_FOUND, f"{text[:40]!r} is no number")
    return int(text)


OPERATIONS = (
    Operation(
        method="GET", path="/queue", name="listQueue", topic="queue", does=list_queue,
        query=Pick, answer=list[MessageView], text="Mail that waits, the oldest first.",
    ),
    Operation(
        method="POST", path="/queue/act", name="actOnQueue", topic="queue", does=act, body=Order,
        answer=Done, text="Retry, hold, release, reroute, bounce or delete what is picked.",
    ),
    Operation(
        method="GET", path="/queue/destinations", name="listDestinations", topic="queue",
        does=list_destinations, answer=list[DestinationView],
        text="Where mail goes, and how that is going.",
    ),
    Operation(
        method="GET", path="/queue/rules", name="listQueueRules", topic="queue",
        does=list_rules, answer=list[RuleView], text="What holds new mail.",
    ),
    Operation(
        method="POST", path="/queue/rules", name="addQueueRule", topic="queue", does=add_rule,
        status=201, body=NewRule, answer=NewRuleId, text="Hold new mail that fits.",
    ),
    Operation(
        method="DELETE", path="/queue/rules/{id}", name="removeQueueRule", topic="queue",
        does=remove_rule, text="Forget a rule; what it holds stays held.",
    ),
    Operation(
        method="GET", path="/queue/suppressed", name="listSuppressed", topic="queue",
        does=list_suppressed, answer=list[SuppressionView],
        text="Addresses elsewhere that nothing is sent to, for they do not exist.",
    ),
    Operation(
        method="DELETE", path="/queue/suppressed/{address}", name="removeSuppressed",
        topic="queue", does=unsuppress, text="Send to an address again.",
    ),
    Operation(
        method="GET", path="/queue/messages/{id}", name="showQueued", topic="queue",
        does=show_message, answer=MessageView, text="One message with its recipients.",
    ),
    Operation(
        method="GET", path="/guard", name="listFreezes", topic="guard", does=list_freezes,
        query=Ended, answer=list[FreezeView], text="Accounts that may not send now, and why.",
    ),
    Operation(
        method="POST", path="/guard/{address}/freeze", name="freezeAccount", topic="guard",
        does=freeze, body=Stop, text="Stop an account from sending, and hold its mail.",
    ),
    Operation(
        method="POST", path="/guard/{address}/release", name="releaseAccount", topic="guard",
        does=release, body=Letting, answer=LetGo,
        text="Let an account send again, and let its held mail go.",
    ),
    Operation(
        method="GET", path="/trace", name="trace", topic="trace", does=trace, who=Who.DELEGATE,
        right=Right.TRACE, query=Asked, answer=list[Road],
        text="The roads of messages, by address, subject, Message-ID or trace id.",
    ),
    Operation(
        method="GET", path="/reports/{domain}/dmarc", name="showDmarc", topic="reports",
        does=show_dmarc, who=Who.DELEGATE, right=Right.REPORTS, query=Days, answer=DmarcView,
        text="What others report about mail in the name of a domain.",
    ),
    Operation(
        method="GET", path="/reports/{domain}/tls", name="showTls", topic="reports",
        does=show_tls, who=Who.DELEGATE, right=Right.REPORTS, query=Days, answer=TlsView,
        text="What others report about encryption on the way to a domain.",
    ),
    Operation(
        method="GET", path="/reports/{domain}/complaints", name="showComplaints", topic="reports",
        does=show_complaints, who=Who.DELEGATE, right=Right.REPORTS, query=Days,
        answer=ComplaintsView, text="What others complain about in mail of a domain's accounts.",
    ),
)  # fmt: skip
