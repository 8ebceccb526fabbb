"""The keys that sign mail of a domain: what to publish, and their rotation."""

from __future__ import annotations

import argparse
from typing import Any, Final

import msgspec

from merpati.app.commands import session
from merpati.app.commands.session import Session, say
from merpati.app.installation import DnsSettings
from merpati.app.language import tell
from merpati.base.faults import Fault, Kind
from merpati.base.log import Level, Log, Sink
from merpati.net.dns import Resolver
from merpati.services.rotation import CHECK_AFTER, KEEP_PUBLISHED, SETTLE, Rotation, make_key
from merpati.services.sign import DkimSettings
from merpati.store import directory, signing
from merpati.store.signing import ACTIVE, NEXT, RETIRED, StoredKey
from merpati.wire.dkim import keys

ACTIONS_HELP: Final = (
    ("list", "all keys, and how far each has come"),
    ("show", "the records of a domain to publish"),
    ("check", "ask the DNS for the keys of a domain now"),
    ("rotate", "make the next keys of a domain"),
    ("retire", "stop signing with a key at once"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati dkim list|show|check|rotate|retire`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in ACTIONS_HELP:
        action = actions.add_parser(name, help=text, description=text)
        session.add_config_option(action)
        if name == "list":
            action.add_argument("domain", nargs="?", default="")
        else:
            action.add_argument("domain")
        if name == "rotate":
            action.add_argument("--kind", choices=keys.KINDS, help="only the key of this kind")
        if name == "retire":
            action.add_argument("selector")
        if name in {"list", "show"}:
            session.add_json_option(action)


def run(args: argparse.Namespace) -> None:
    """Do it."""
    session.with_session(args, lambda one: ACTIONS[args.action](one, args))


async def _list(one: Session, args: argparse.Namespace) -> None:
    name = await one.store.read(directory.served, args.domain) if args.domain else ""
    found = await one.store.read(signing.keys, name)
    if args.json:
        session.print_json([_plain(key) for key in found])
        return
    rows = [
        (key.domain, key.selector, key.kind, tell(key.state), session.show_time(key.state_at),
         tell(status(key, one.now)))
        for key in found
    ]  # fmt: skip
    empty = "No key yet: the server makes them, or: merpati dkim rotate DOMAIN"
    session.print_table(("domain", "selector", "kind", "state", "since", "dns"), rows, empty)


def status(key: StoredKey, now: int) -> str:
    """What the DNS has of a key, and what to do about it."""
    if key.state == RETIRED:
        until = key.state_at + KEEP_PUBLISHED * 1000
        if not key.published_at:
            return "gone"
        if now < until:
            return f"keep its record until {session.show_time(until)[:10]}"
        return "remove its record"
    if not key.published_at:
        return "publish it" if key.state == NEXT else "NOT PUBLISHED: publish it"
    if key.state == NEXT:
        begins = key.published_at + SETTLE * 1000
        return f"published; signs from {session.show_time(begins)[11:16]} on"
    return "published"


async def _show(one: Session, args: argparse.Namespace) -> None:
    name = await one.store.read(directory.served, args.domain)
    await _print_records(one, name, as_json=args.json)


async def _print_records(one: Session, domain: str, *, as_json: bool = False) -> None:
    found = await one.store.read(signing.keys, domain)
    wanted = [key for key in found if key.state != RETIRED]
    if as_json:
        session.print_json([_plain(key) for key in wanted])
        return
    if not wanted:
        say(f"{domain} has no key yet. Make one: merpati dkim rotate {domain}")
    for key in wanted:
        say(f"; {key.state} {key.kind} key: {status(key, one.now)}")
        say(f"{key.name}. IN TXT {keys.quote(key.record)}")


async def _check(one: Session, args: argparse.Namespace) -> None:
    domain = await one.store.read(directory.served, args.domain)
    resolver = Resolver(one.config[DnsSettings].endpoints() or None, one.clock)
    log = Log(Sink(one.clock, level=Level.ERROR))
    rotation = Rotation(one.store, resolver, one.clock, one.config[DkimSettings], log)
    try:
        for key in await one.store.read(signing.keys, domain):
            if key.state != RETIRED:
                await rotation.check_key(key)
    finally:
        await resolver.close()
    args.json = False
    await _list(one, args)


async def _rotate(one: Session, args: argparse.Namespace) -> None:
    domain = await one.store.read(directory.served, args.domain)
    for kind in [args.kind] if args.kind else keys.KINDS:
        try:
            selector = await make_key(one.store, domain, kind, one.now)
        except Fault as fault:
            if fault.kind is not Kind.EXISTS:
                raise
            say(f"There is a next {kind} key already; it waits to be published.")
        else:
            say(f"Made the {kind} key {selector}.")
    say("Publish what is marked so; a key signs once the DNS shows it:")
    say("")
    await _print_records(one, domain)


async def _retire(one: Session, args: argparse.Namespace) -> None:
    domain = await one.store.read(directory.served, args.domain)
    found = await one.store.read(signing.keys, domain)
    key = next((key for key in found if key.selector == args.selector), None)
    if key is None:
        text = f"{domain} has no key {args.selector}; see: merpati dkim list {domain}"
        raise Fault(Kind.NOT_FOUND, text)
    check_at = one.now + CHECK_AFTER[RETIRED] * 1000
    await one.store.write(signing.retire, key.id, one.now, check_at)
    say(f"{key.selector} signs no more. If it was stolen, remove its record from the DNS now:")
    say(f"  {key.name}")
    if key.state == ACTIVE and not any(
        other.kind == key.kind and other.state == NEXT for other in found
    ):
        say(f"No {key.kind} key follows it. Make one: merpati dkim rotate {domain}")


def _plain(key: StoredKey) -> dict[str, Any]:
    return msgspec.structs.asdict(key) | {"name": key.name}


ACTIONS: Final = {
    "list": _list,
    "show": _show,
    "check": _check,
    "rotate": _rotate,
    "retire": _retire,
}
