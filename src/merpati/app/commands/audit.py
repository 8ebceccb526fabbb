"""Who changed what: every change of an administrator, and taking one back."""

from __future__ import annotations

import argparse
from typing import Any

import msgspec

from merpati.app.commands import session
from merpati.app.commands.session import Session, say
from merpati.app.language import tell
from merpati.services.administration import undoing
from merpati.store import audit
from merpati.store.audit import Entry


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati audit list|show|undo`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = _action(actions, "list", "changes, the latest first")
    listing.add_argument("search", nargs="?", default="", help="a part of who, what or whom")
    listing.add_argument("--last", type=int, default=50, help="at most so many")
    show = _action(actions, "show", "one change: from what, into what, can it be taken back")
    undo = _action(actions, "undo", "take a change back; that can be taken back as well")
    for one in (show, undo):
        one.add_argument("number", type=int, help="of audit list")


def _action(actions: Any, name: str, text: str) -> argparse.ArgumentParser:
    action: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
    session.add_config_option(action)
    session.add_json_option(action)
    return action


def run(args: argparse.Namespace) -> None:
    """Do it."""
    session.with_session(args, lambda one: ACTIONS[args.action](one, args))


async def _list(one: Session, args: argparse.Namespace) -> None:
    found = await one.store.scan(audit.listing, search=args.search, limit=args.last)
    if args.json:
        session.print_json(found)
        return
    rows = [
        (each.id, session.show_time(each.at), each.who, each.action, each.subject)
        for each in found
    ]  # fmt: skip
    headings = ("number", "at", "who", "what", "whom")
    session.print_table(headings, rows, "Nothing has been changed yet.")


async def _show(one: Session, args: argparse.Namespace) -> None:
    entry = await one.store.read(audit.find, args.number)
    reason = await one.store.read(undoing.why_not, entry)
    if args.json:
        plain = msgspec.to_builtins(entry)
        session.print_json({**plain, "why_not": reason})
        return
    say(f"{session.show_time(entry.at)}  {entry.who}  {entry.action}  {entry.subject}")
    rows = [
        (name, _value(entry.before, name), _value(entry.after, name))
        for name in sorted({*entry.before, *entry.after})
    ]
    if rows:
        session.print_table(("what", "before", "after"), rows, "")
    if entry.undoes:
        say(f"It takes back change {entry.undoes}.")
    if entry.undone_by:
        say(f"It was taken back by change {entry.undone_by}.")
    say(reason or f"To take it back: merpati audit undo {entry.id}")


async def _undo(one: Session, args: argparse.Namespace) -> None:
    done: Entry = await undoing.undo(one.store, one.actor, one.now, args.number, one.ids.token)
    if args.json:
        session.print_json(done)
        return
    say(f"Change {args.number} of {done.subject} is taken back, by change {done.id}.")


def _value(side: dict[str, Any], name: str) -> str:
    if name not in side:
        return "-"
    value = side[name]
    if isinstance(value, bool):
        return tell("yes" if value else "no")
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


ACTIONS = {"list": _list, "show": _show, "undo": _undo}
