"""Mail that waits to be sent on, or to be delivered here."""

from __future__ import annotations

import argparse
from typing import Any

from merpati.app.commands import session
from merpati.app.commands.session import Session, say
from merpati.base.faults import Fault, Kind
from merpati.model.queue import QueueMessage, QueueRecipient
from merpati.store import queue

VERBS = {
    "retry": "try again now",
    "hold": "keep, and do not try",
    "release": "undo hold",
    "bounce": "return to its sender now",
    "delete": "forget, telling nobody",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati queue list|show|retry|hold|release|bounce|delete`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="the oldest 1,000 messages")
    session.add_config_option(listing)
    session.add_json_option(listing)
    show = actions.add_parser("show", help="one message with its recipients")
    show.add_argument("id", type=int)
    session.add_config_option(show)
    session.add_json_option(show)
    for name, text in VERBS.items():
        action = actions.add_parser(name, help=text, description=text)
        several = name in {"retry", "hold", "release"}
        action.add_argument("id", nargs="+", help="queue ids" + (", or: all" if several else ""))
        session.add_config_option(action)


def run(args: argparse.Namespace) -> int | None:
    """Do it."""
    if args.action == "list":
        return session.with_session(args, lambda one: _list(one, args))
    if args.action == "show":
        return session.with_session(args, lambda one: _show(one, args))
    return session.with_session(args, lambda one: _act(one, args))


async def _list(one: Session, args: argparse.Namespace) -> None:
    found = await one.store.read(queue.listing)
    if args.json:
        session.print_json([_plain(message, recipients) for message, recipients in found])
        return
    rows = [
        (
            message.id,
            session.show_time(message.received_at),
            message.sender or "<>",
            recipient.address,
            "held" if recipient.held else session.show_time(recipient.next_at),
            recipient.attempts,
            recipient.reply[:60] or "waits for its first try",
        )
        for message, recipients in found
        for recipient in recipients
    ]
    headings = ("id", "since", "from", "to", "next try", "tries", "last answer")
    session.print_table(headings, rows, "The queue is empty.")


async def _show(one: Session, args: argparse.Namespace) -> None:
    found = await one.store.read(queue.show, args.id)
    if found is None:
        raise Fault(Kind.NOT_FOUND, f"there is no message {args.id} in the queue")
    message, recipients = found
    if args.json:
        session.print_json(_plain(message, recipients))
        return
    say(f"message   {message.id}, trace {message.trace}")
    say(f"from      {message.sender or '<>'}")
    say(f"since     {session.show_time(message.received_at)}")
    say(f"returned  {session.show_time(message.expires_at)}, unless delivered before")
    for recipient in recipients:
        say("")
        say(f"to        {recipient.address}")
        when = "held" if recipient.held else session.show_time(recipient.next_at)
        say(f"next try  {when}, after {recipient.attempts} so far")
        if recipient.reply:
            say(f"answer    {recipient.reply}")
        if recipient.remote:
            say(f"of        {recipient.remote}")


async def _act(one: Session, args: argparse.Namespace) -> int:
    ids = [0] if args.id == ["all"] else [_number(text) for text in args.id]
    status = 0
    for number in ids:
        count = await _do(one, args.action, number)
        what = f"message {number}" if number else "all messages"
        if count or not number:
            say(f"{args.action}: {what}, {count} recipients.")
        else:
            say(f"{args.action}: there is nothing to do for {what}.")
            status = 1
    return status


async def _do(one: Session, action: str, number: int) -> int:
    match action:
        case "retry":
            return await one.store.write(queue.retry, number, one.now)
        case "hold" | "release":
            return await one.store.write(queue.hold, number, held=action == "hold")
        case "bounce":
            found = await one.store.write(queue.expire, number, one.now)
            return int(found)
        case _:
            return await one.store.write(queue.delete, number)


def _number(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise Fault(Kind.SYNTAX, f"{text!r} is no queue id; see: merpati queue list")
    return int(text)


def _plain(message: QueueMessage, recipients: list[QueueRecipient]) -> dict[str, Any]:
    return {
        "id": message.id,
        "trace": message.trace,
        "sender": message.sender,
        "received_at": message.received_at,
        "expires_at": message.expires_at,
        "recipients": [
            {
                "address": one.address,
                "held": one.held,
                "attempts": one.attempts,
                "next_at": one.next_at,
                "status": one.status,
                "reply": one.reply,
                "remote": one.remote,
            }
            for one in recipients
        ],
    }
