"""Domains whose mail is at home here, and second names of them."""

from __future__ import annotations

import argparse

from merpati.app.commands import session
from merpati.app.commands.session import Session, say
from merpati.services.rotation import make_keys
from merpati.store import directory


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati domain add|list|show|remove|alias|unalias`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (
        ("add", "serve a domain"),
        ("list", "all domains"),
        ("show", "one domain with its addresses"),
        ("remove", "serve a domain no longer"),
        ("alias", "let every address of DOMAIN be the same one of TARGET"),
        ("unalias", "let a domain be an alias no longer"),
    ):
        action = actions.add_parser(name, help=text, description=text)
        session.add_config_option(action)
        if name != "list":
            action.add_argument("domain")
        if name == "alias":
            action.add_argument("target", help="a domain that is served here")
        if name in {"list", "show"}:
            session.add_json_option(action)


def run(args: argparse.Namespace) -> None:
    """Do it."""
    session.with_session(args, lambda one: ACTIONS[args.action](one, args))


async def _add(one: Session, args: argparse.Namespace) -> None:
    domain = await one.store.write(directory.add_domain, args.domain, one.now)
    await make_keys(one.store, domain.name, one.now)
    say(f"{domain.name} is served here now. Publish its records: merpati dns {domain.name}")


async def _list(one: Session, args: argparse.Namespace) -> None:
    found = await one.store.read(directory.domains)
    names: dict[str, list[str]] = {domain.name: [] for domain in found}
    for name, target in await one.store.read(directory.domain_aliases):
        names[target].append(name)
    if args.json:
        session.print_json([{"name": name, "aliases": second} for name, second in names.items()])
        return
    rows: list[tuple[str, int | str]] = []
    for domain in found:
        accounts = await one.store.read(directory.accounts, domain.name)
        rows.append((domain.name, len(accounts)))
        rows += [(f"  {name}, an alias", "") for name in names[domain.name]]
    session.print_table(("domain", "accounts"), rows, "No domain yet: merpati domain add NAME")


async def _show(one: Session, args: argparse.Namespace) -> None:
    domain = await one.store.read(directory.domain, args.domain)
    accounts = await one.store.read(directory.accounts, domain.name)
    known = await one.store.read(directory.domain_aliases)
    aliases = [name for name, target in known if target == domain.name]
    if args.json:
        addresses = [account.address for account in accounts]
        session.print_json({"name": domain.name, "accounts": addresses, "aliases": aliases})
        return
    say(f"{domain.name}  {', '.join(aliases)}".rstrip())
    for account in accounts:
        say(f"  {account.address}")


async def _remove(one: Session, args: argparse.Namespace) -> None:
    await one.store.write(directory.remove_domain, args.domain)
    say(f"{args.domain} is no longer served here.")


async def _alias(one: Session, args: argparse.Namespace) -> None:
    await one.store.write(directory.add_domain_alias, args.domain, args.target, one.now)
    say(f"Mail for {args.domain} goes to the same addresses of {args.target} now.")
    say(f"Publish its records: merpati dns {args.domain}")


async def _unalias(one: Session, args: argparse.Namespace) -> None:
    await one.store.write(directory.remove_domain_alias, args.domain)
    say(f"{args.domain} is no longer served here.")


ACTIONS = {
    "add": _add,
    "list": _list,
    "show": _show,
    "remove": _remove,
    "alias": _alias,
    "unalias": _unalias,
}
