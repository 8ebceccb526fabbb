"""Programs that are told of what happens, by signed requests over HTTPS (Standard Webhooks).

Kinds: message.received, message.accepted, message.delivered, message.deferred,
message.bounced, message.suppressed, account.new-network, alert.opened, alert.closed,
complaint.received.
"""

from __future__ import annotations

import argparse
from typing import Any, get_args

import msgspec

from merpati.app.commands import session
from merpati.app.commands.session import Session, say
from merpati.app.language import tell
from merpati.base.faults import Fault, Kind
from merpati.base.ids import SystemIds
from merpati.services.administration.hooks import (
    Hooks,
    NewWebhook,
    TellingView,
    WebhookChange,
    WebhookView,
)
from merpati.services.happenings import TEST, Happening
from merpati.services.sealing import Sealing
from merpati.services.webhooks import WebhookSettings

KINDS = tuple(one for one in get_args(Happening) if one != TEST)
LOG = 20


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati webhook add|list|show|change|remove|test`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = _add(actions, "add", "tell a program")
    add.add_argument("url", help="https://...")
    add.add_argument("events", nargs="+", metavar="EVENT", help="kinds, or all")
    _add(actions, "list", "all webhooks")
    show = _add(actions, "show", "a webhook, and what it was told last")
    change = _add(actions, "change", "switch a webhook on or off, or change its kinds")
    switch = change.add_mutually_exclusive_group()
    switch.add_argument("--on", dest="enabled", action="store_true", default=None)
    switch.add_argument("--off", dest="enabled", action="store_false", default=None)
    change.add_argument("--events", nargs="+", metavar="EVENT")
    remove = _add(actions, "remove", "tell a program nothing more")
    test = _add(actions, "test", "have a program told that this is a test; the server must run")
    for one in (show, change, remove, test):
        one.add_argument("id", type=int)


def _add(actions: Any, name: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
    session.add_config_option(parser)
    session.add_json_option(parser)
    return parser


def run(args: argparse.Namespace) -> int | None:
    """Do it."""
    status: int | None = session.with_session(args, lambda one: ACTIONS[args.action](one, args))
    return status


def _hooks(one: Session) -> Hooks:
    ids = SystemIds(one.clock)
    sealing = Sealing(one.config.data, ids)
    return Hooks(one.store, sealing, one.config[WebhookSettings], one.clock, ids)


def _events(words: list[str]) -> list[Happening]:
    wanted = list(KINDS) if words == ["all"] else words
    try:
        return msgspec.convert(wanted, list[Happening])
    except msgspec.ValidationError:
        text = f"the kinds are {', '.join(KINDS)}, or all"
        raise Fault(Kind.SYNTAX, text) from None


async def _make(one: Session, args: argparse.Namespace) -> None:
    new = NewWebhook(url=args.url, events=_events(args.events))
    made = await _hooks(one).add(one.actor, new)
    if args.json:
        session.print_json(made)
        return
    say(f"Webhook {made.webhook.id}: {args.url} is told.")
    say(f"Its secret, shown only now: {made.secret}")


async def _list(one: Session, args: argparse.Namespace) -> None:
    found = await _hooks(one).listing()
    if args.json:
        session.print_json(found)
        return
    rows = [(each.id, each.url, len(each.events), tell(_standing(each))) for each in found]
    session.print_table(
        ("id", "url", "kinds", "how it goes"), rows,
        "No webhook yet: merpati webhook add URL EVENT...",
    )  # fmt: skip


async def _show(one: Session, args: argparse.Namespace) -> None:
    hooks = _hooks(one)
    log = await hooks.log(args.id, LOG)
    [found] = [each for each in await hooks.listing() if each.id == args.id]
    if args.json:
        session.print_json({"webhook": found, "deliveries": log})
        return
    say(f"{found.url}: {_standing(found)}")
    say(f"Told of: {', '.join(found.events)}")
    rows = [
        (session.show_time(each.at), each.kind, each.attempts, tell(_fate(each))) for each in log
    ]
    session.print_table(("at", "what", "tries", "answer"), rows, "It was told nothing yet.")


async def _change(one: Session, args: argparse.Namespace) -> None:
    wanted: dict[str, Any] = {}
    if args.enabled is not None:
        wanted["enabled"] = args.enabled
    if args.events:
        wanted["events"] = _events(args.events)
    changed = await _hooks(one).change(one.actor, args.id, WebhookChange(**wanted))
    say(f"{changed.webhook.url}: {_standing(changed.webhook)}")


async def _remove(one: Session, args: argparse.Namespace) -> None:
    await _hooks(one).remove(one.actor, args.id)
    say(f"Webhook {args.id} is removed.")


async def _test(one: Session, args: argparse.Namespace) -> int | None:
    told = await _hooks(one).test(args.id)
    if args.json:
        session.print_json(told)
    else:
        say(_fate(told) if told.tried_at else "It waits to be told: is the server running?")
    return None if 200 <= told.status < 300 else 1


def _standing(one: WebhookView) -> str:
    if not one.enabled:
        return "off, for it had taken nothing for days" if one.switched_off_at else "off"
    if one.failing_since:
        return f"fails since {session.show_time(one.failing_since)}: {one.problem}"
    return f"told at {session.show_time(one.told_at)}" if one.told_at else "told nothing yet"


def _fate(one: TellingView) -> str:
    if one.problem:
        again = f"; again at {session.show_time(one.due_at)}" if one.due_at else "; given up"
        return one.problem + again
    return f"taken ({one.status})" if one.tried_at else "waits"


ACTIONS = {
    "add": _make, "list": _list, "show": _show, "change": _change, "remove": _remove,
    "test": _test,
}  # fmt: skip
