"""Domains whose mail is at home here."""

from __future__ import annotations

import argparse

from merpati.app.commands import session
from merpati.app.commands.session import Session, say
from merpati.store import directory


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati domain add|list|show|remove`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (
        ("add", "serve a domain"),
        ("list", "all domains"),
        ("show", "one domain with its addresses"),
        ("remove", "serve a domain no longer"),
    ):
        action = actions.add_parser(name, help=text, description=text)
        session.add_config_option(action)
        if name != "list":
            action.add_argument("domain")
        if name in {"list", "show"}:
            session.add_json_option(action)


def run(args: argparse.Namespace) -> None:
    """Do it."""
    session.with_session(args, lambda one: ACTIONS[args.action](one, args))


async def _add(one: Session, args: argparse.Namespace) -> None:
    domain = await one.store.write(directory.add_domain, args.domain, one.now)
    say(f"{domain.name} is served here now. Publish its records: merpati dns {domain.name}")


async def _list(one: Session, args: argparse.Namespace) -> None:
    found = await one.store.read(directory.domains)
    if args.json:
        session.print_json([{"name": domain.name} for domain in found])
        return
    rows = []
    for domain in found:
        accounts = await one.store.read(directory.accounts, domain.name)
        rows.append((domain.name, len(accounts)))
    session.print_table(("domain", "accounts"), rows, "No domain yet: merpati domain add NAME")


async def _show(one: Session, args: argparse.Namespace) -> None:
    domain = await one.store.read(directory.domain, args.domain)
    accounts = await one.store.read(directory.accounts, domain.name)
    if args.json:
        addresses = [account.address for account in accounts]
        session.print_json({"name": domain.name, "accounts": addresses})
        return
    say(domain.name)
    for account in accounts:
        say(f"  {account.address}")


async def _remove(one: Session, args: argparse.Namespace) -> None:
    await one.store.write(directory.remove_domain, args.domain)
    say(f"{args.domain} is no longer served here.")


ACTIONS = {"add": _add, "list": _list, "show": _show, "remove": _remove}
