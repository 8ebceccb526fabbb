"""Addresses that send on to others. "@domain" is the catch-all of a domain."""

from __future__ import annotations

import argparse

from merpati.app.commands import session
from merpati.app.commands.session import Session, say
from merpati.services.administration import aliases
from merpati.store import directory


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati alias add|list|remove`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="send mail for ADDRESS on to TARGETs")
    add.add_argument("address", help='such as sales@example.org, or "@example.org" for all else')
    add.add_argument("target", nargs="+")
    session.add_config_option(add)
    listing = actions.add_parser("list", help="all aliases")
    session.add_config_option(listing)
    session.add_json_option(listing)
    remove = actions.add_parser("remove", help="remove an alias, or some of its targets")
    remove.add_argument("address")
    remove.add_argument("target", nargs="*")
    session.add_config_option(remove)


def run(args: argparse.Namespace) -> None:
    """Do it."""
    session.with_session(args, lambda one: ACTIONS[args.action](one, args))


async def _add(one: Session, args: argparse.Namespace) -> None:
    await one.store.write(aliases.add, one.actor, one.now, args.address, args.target)
    say(f"Mail for {args.address} goes to {', '.join(args.target)} too.")


async def _list(one: Session, args: argparse.Namespace) -> None:
    found = await one.store.read(directory.aliases)
    if args.json:
        session.print_json([{"address": a.address, "targets": a.targets} for a in found])
        return
    rows = [(alias.address, ", ".join(alias.targets)) for alias in found]
    session.print_table(
        ("address", "goes to"), rows, "No alias yet: merpati alias add ADDRESS TARGET"
    )


async def _remove(one: Session, args: argparse.Namespace) -> None:
    await one.store.write(aliases.remove, one.actor, one.now, args.address, args.target)
    say(f"Removed from {args.address}: {', '.join(args.target) or 'everything'}.")


ACTIONS = {"add": _add, "list": _list, "remove": _remove}
