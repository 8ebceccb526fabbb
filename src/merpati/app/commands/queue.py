"""Mail that waits to be sent on, or to be delivered here."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from typing import Any, Final

from merpati.app.commands import session
from merpati.app.commands.session import Session, say
from merpati.app.language import tell
from merpati.base.faults import Fault, Kind
from merpati.base.values import duration
from merpati.model.queue import Destination, QueueMessage, QueueRecipient, Rule, Suppression
from merpati.services import transport
from merpati.services.administration import queue as administration
from merpati.services.administration.queue import NewRule, Order
from merpati.store import destinations, queue, queue_admin, queue_rules, suppression
from merpati.store.queue_admin import Selection

LIST_MAX: Final = 1000  # messages, unless --limit says otherwise
ACTS: Final = {
    "retry": "try again now",
    "hold": "keep, and do not try",
    "release": "undo hold",
    "reroute": "send by another host or destination",
    "bounce": "return to the sender now",
    "delete": "forget, telling nobody",
}
Work = Callable[[Session, argparse.Namespace], Awaitable[int | None]]


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati queue list|show|destinations|retry|hold|...|rules|suppressed`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add(actions, "list", "the oldest messages", _list, select=True)
    show = _add(actions, "show", "one message with its recipients", _show)
    show.add_argument("id", type=int)
    _add(actions, "destinations", "where mail goes, and how that is going", _destinations)
    _add(actions, "status", "how many recipients are in which state", _status)
    for name, text in ACTS.items():
        act = _add(actions, name, text, _act, select=True)
        if name == "reroute":
            act.add_argument("--to", required=True, metavar="WAY", help=transport.ADVICE)
        if name == "hold":
            act.add_argument("--reason", default="held by an administrator", help="shown in lists")
    rules = actions.add_parser("rules", help="what holds new mail", description="What holds mail.")
    _configure_rules(rules.add_subparsers(dest="verb", required=True, metavar="VERB"))
    gone = actions.add_parser(
        "suppressed",
        help="addresses that nothing is sent to, for they do not exist",
        description="Addresses that nothing is sent to, for their servers say they do not exist.",
    )
    _configure_suppressed(gone.add_subparsers(dest="verb", required=True, metavar="VERB"))


def _configure_rules(verbs: Any) -> None:
    _add(verbs, "list", "all rules", _list_rules)
    add = _add(verbs, "add", "hold new mail that fits", _add_rule)
    add.add_argument("--sender", default="", metavar="PATTERN", help="such as *@example.org")
    add.add_argument("--recipient", default="", metavar="PATTERN", help="such as *@example.net")
    add.add_argument("--destination", default="", metavar="PATTERN", help="such as *.example.net")
    add.add_argument("--reason", required=True, help="shown beside what is held")
    remove = _add(verbs, "remove", "forget a rule; what it holds stays held", _remove_rule)
    remove.add_argument("id", type=int)


def _configure_suppressed(verbs: Any) -> None:
    listing = _add(verbs, "list", "which, and why", _list_suppressed)
    listing.add_argument("pattern", nargs="?", default="", help="such as *@example.net")
    remove = _add(verbs, "remove", "send to them again", _remove_suppressed)
    remove.add_argument("address", nargs="+")


def _add(
    actions: Any, name: str, text: str, work: Work, *,
    select: bool = False,
) -> argparse.ArgumentParser:  # fmt: skip
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
    session.add_config_option(parser)
    session.add_json_option(parser)
    parser.set_defaults(work=work)
    if select:
        parser.add_argument("id", nargs="*", help="queue ids, or: all")
        parser.add_argument("--sender", default="", metavar="PATTERN", help="<> is the null path")
        parser.add_argument("--recipient", default="", metavar="PATTERN")
        parser.add_argument(
            "--destination", default="", metavar="PATTERN", help="here: mailboxes of this server"
        )
        parser.add_argument(
            "--older", default="", metavar="TIME", help="queued longer ago than this: 30m, 2h, 1d"
        )
        parser.add_argument("--rule", type=int, default=0, metavar="ID", help="held by this rule")
        if name == "list":
            parser.add_argument("--held", action="store_true", default=None, help="held alone")
            parser.add_argument("--limit", type=int, default=LIST_MAX, metavar="N")
    return parser


def run(args: argparse.Namespace) -> int | None:
    """Do it."""
    work: Work = args.work
    return session.with_session(args, lambda one: work(one, args))


def _selection(one: Session, args: argparse.Namespace) -> Selection:
    """What the options pick.

    Raises:
        Fault: SYNTAX, for an id or time that is none.
    """
    ids = () if args.id == ["all"] else tuple(_number(text) for text in args.id)
    before = 0
    if args.older:
        try:
            before = one.now - int(duration(args.older) * 1000)
        except ValueError as problem:
            raise Fault(Kind.SYNTAX, f"--older {args.older}: {problem}") from None
    return Selection(
        ids=ids,
        sender=args.sender,
        recipient=args.recipient,
        destination=args.destination,
        before=before,
        rule_id=args.rule,
        held=getattr(args, "held", None),
    )


async def _list(one: Session, args: argparse.Namespace) -> None:
    found = await one.store.scan(queue_admin.select, _selection(one, args), args.limit)
    names = sorted({each.destination for _, group in found for each in group})
    known = await one.store.scan(destinations.find, names)
    if args.json:
        session.print_json([_plain(message, group, known) for message, group in found])
        return
    rows = [
        (
            message.id,
            session.show_time(message.received_at),
            message.sender or "<>",
            recipient.address,
            _when(recipient, known),
            recipient.attempts,
            administration.why(recipient, known)[:60],
        )
        for message, recipients in found
        for recipient in recipients
    ]
    headings = ("id", "since", "from", "to", "next try", "tries", "last answer")
    session.print_table(headings, rows, "The queue is empty.")
    if len(found) >= args.limit:
        say(f"These are the oldest {args.limit}; --limit shows more, patterns pick.")


async def _show(one: Session, args: argparse.Namespace) -> None:
    found = await one.store.read(queue.show, args.id)
    if found is None:
        raise Fault(Kind.NOT_FOUND, f"there is no message {args.id} in the queue")
    message, recipients = found
    known = await one.store.read(destinations.find, [each.destination for each in recipients])
    if args.json:
        session.print_json(_plain(message, recipients, known))
        return
    say(f"message   {message.id}, trace {message.trace}")
    say(f"from      {message.sender or '<>'}")
    say(f"since     {session.show_time(message.received_at)}")
    say(f"returned  {session.show_time(message.expires_at)}, unless delivered before")
    if message.options.priority:
        say(f"priority  {message.options.priority}")
    for recipient in recipients:
        say("")
        say(f"to        {recipient.address}")
        say(f"by        {recipient.destination or 'this server'}")
        say(f"next try  {_when(recipient, known)}, after {recipient.attempts} so far")
        if recipient.held:
            say(f"held      {recipient.reason}")
        say(f"answer    {administration.answer(recipient, known)}")
        if recipient.remote:
            say(f"of        {recipient.remote}")


async def _destinations(one: Session, args: argparse.Namespace) -> None:
    found = await one.store.scan(queue_admin.health)
    if args.json:
        session.print_json([
            {
                "destination": each.name, "waiting": waiting, "held": held,
                "failures": each.failures, "next_at": _next_at(each, waiting),
                "succeeded_at": each.succeeded_at or None, "failed_at": each.failed_at or None,
                "status": each.status, "reply": each.reply, "remote": each.remote,
                "connections": each.lanes or None, "pause_ms": each.pause,
            }
            for each, waiting, held in found
        ])  # fmt: skip
        return
    rows = [
        (
            each.name or "here",
            waiting,
            held,
            _moment(each.succeeded_at),
            _moment(each.failed_at),
            _moment(_next_at(each, waiting) or 0),
            f"{each.lanes}, every {each.pause / 1000:g} s" if each.lanes else "all",
            each.reply[:60] if each.failures else "",
        )
        for each, waiting, held in found
    ]
    headings = (
        "destination", "waiting", "held", "last success", "last failure", "next try",
        "connections", "trouble",
    )  # fmt: skip
    session.print_table(headings, rows, "Nothing has been sent yet.")


async def _status(one: Session, args: argparse.Namespace) -> None:
    counts = await one.store.scan(queue_admin.counts, one.now)
    if args.json:
        session.print_json(counts)
        return
    say(f"due now                      {counts.due}")
    say(f"waiting for their next try   {counts.waiting}")
    say(f"being tried                  {counts.leased}")
    say(f"held                         {counts.held}")
    say(f"for unreachable destinations {counts.failing}")


async def _act(one: Session, args: argparse.Namespace) -> int:
    selection = _selection(one, args)
    if selection == Selection() and args.id != ["all"]:
        text = f"say which: queue ids, --sender, --destination ..., or: queue {args.action} all"
        raise Fault(Kind.SYNTAX, text)
    if args.action == "delete" and args.id == ["all"] and selection == Selection():
        raise Fault(Kind.SYNTAX, "to delete everything, name a pattern: --recipient '*'")
    order = Order(act=args.action, reason=getattr(args, "reason", ""), to=getattr(args, "to", ""))
    done = await administration.act(one.store, one.actor, one.now, order, selection)
    total, tried = done.recipients, done.destinations
    if args.json:
        session.print_json({"recipients": total, "destinations": tried})
    else:
        also = f", and {tried} unreachable destinations are tried" if tried else ""
        if not total and not tried and selection.ids:
            raise Fault(
                Kind.NOT_FOUND,
                "nothing of that is in the queue, or all of it is so already;"
                " see: merpati queue list",
            )
        say(f"{args.action}: {total} recipients{also}.")
    everything = selection == Selection()
    return 0 if total or tried or everything else 1


async def _list_rules(one: Session, args: argparse.Namespace) -> None:
    found: list[Rule] = await one.store.read(queue_rules.rules)
    if args.json:
        session.print_json(found)
        return
    rows = [
        (each.id, each.sender or "*", each.recipient or "*", each.destination or "*", each.reason)
        for each in found
    ]
    headings = ("id", "sender", "recipient", "destination", "reason")
    session.print_table(headings, rows, "No rule holds new mail.")


async def _add_rule(one: Session, args: argparse.Namespace) -> None:
    new = NewRule(
        sender=args.sender, recipient=args.recipient, destination=args.destination,
        reason=args.reason,
    )  # fmt: skip
    number = await one.store.write(administration.add_rule, one.actor, one.now, new)
    if args.json:
        session.print_json({"id": number})
    else:
        say(f"rule {number} holds new mail that fits; undo: merpati queue rules remove {number}")


async def _remove_rule(one: Session, args: argparse.Namespace) -> int:
    await one.store.write(administration.remove_rule, one.actor, one.now, args.id)
    say(f"rule {args.id} is gone; what it held: merpati queue release --rule {args.id}")
    return 0


async def _list_suppressed(one: Session, args: argparse.Namespace) -> None:
    found: list[Suppression] = await one.store.read(
        suppression.listing, one.now, pattern=args.pattern
    )
    if args.json:
        session.print_json(found)
        return
    rows = [
        (each.address, session.show_time(each.until), each.count, each.reply[:60]) for each in found
    ]
    headings = ("address", "until", "failures", "answer")
    session.print_table(headings, rows, "No address is suppressed.")


async def _remove_suppressed(one: Session, args: argparse.Namespace) -> int:
    count = await one.store.write(suppression.remove, args.address)
    say(f"{count} addresses are sent to again.")
    return 0 if count else 1


def _number(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise Fault(Kind.SYNTAX, f"{text!r} is no queue id; see: merpati queue list")
    return int(text)


def _when(one: QueueRecipient, known: dict[str, Destination]) -> str:
    if one.held:
        return tell("held")
    return session.show_time(administration.next_try(one, known))


def _next_at(one: Destination, waiting: int) -> int | None:
    return one.due_at if waiting and one.due_at < destinations.NEVER else None


def _moment(at: int) -> str:
    return session.show_time(at) if at else tell("never")


def _plain(
    message: QueueMessage, recipients: list[QueueRecipient], known: dict[str, Destination]
) -> dict[str, Any]:
    return {
        "id": message.id,
        "trace": message.trace,
        "sender": message.sender,
        "received_at": message.received_at,
        "expires_at": message.expires_at,
        "priority": message.options.priority,
        "recipients": [
            {
                "address": one.address,
                "destination": one.destination,
                "held": one.held,
                "reason": one.reason,
                "attempts": one.attempts,
                "next_at": administration.next_try(one, known),
                "status": one.status,
                "reply": administration.why(one, known) if one.reply or not one.held else "",
                "remote": one.remote,
            }
            for one in recipients
        ],
    }
