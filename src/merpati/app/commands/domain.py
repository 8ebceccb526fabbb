"""Domains whose mail is at home here, and second names of them."""

from __future__ import annotations

import argparse

from msgspec import UNSET

from merpati.app.commands import session
from merpati.app.commands.session import Session, say
from merpati.services.administration import domains
from merpati.services.administration.domains import DomainChange
from merpati.services.rotation import make_keys
from merpati.store import directory, quota


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati domain add|list|show|set|remove|alias|unalias`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (
        ("add", "serve a domain"),
        ("list", "all domains"),
        ("show", "one domain with its addresses"),
        ("set", "limit what the accounts of a domain hold together"),
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
        if name == "set":
            action.add_argument(
                "--quota", type=session.parse_size, help="such as 500GB; 0: no limit"
            )
            action.add_argument("--messages", type=int, help="how many emails; 0: any number")
        if name in {"list", "show"}:
            session.add_json_option(action)


def run(args: argparse.Namespace) -> int | None:
    """Do it."""
    return session.with_session(args, lambda one: ACTIONS[args.action](one, args))


async def _add(one: Session, args: argparse.Namespace) -> None:
    domain = await one.store.write(domains.add, one.actor, one.now, args.domain)
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
    usage = await one.store.read(quota.of_domain, domain.id)
    if args.json:
        addresses = [account.address for account in accounts]
        session.print_json({
            "name": domain.name, "accounts": addresses, "aliases": aliases,
            "quota": usage.quota if usage else 0,
            "quota_emails": usage.quota_emails if usage else 0,
        })  # fmt: skip
        return
    say(f"{domain.name}  {', '.join(aliases)}".rstrip())
    if usage is not None:
        say(f"  {_used(usage)}")
    for account in accounts:
        say(f"  {account.address}")


async def _set(one: Session, args: argparse.Namespace) -> int:
    if args.quota is None and args.messages is None:
        say("Nothing to change; see: merpati domain set --help")
        return 2
    wanted = DomainChange(
        quota=UNSET if args.quota is None else args.quota,
        quota_emails=UNSET if args.messages is None else args.messages,
    )
    domain = await one.store.write(domains.change, one.actor, one.now, args.domain, wanted)
    usage = await one.store.read(quota.of_domain, domain.id)
    said = "has no limit" if usage is None else _used(usage)
    say(f"{domain.name}: {said}")
    return 0


def _used(usage: quota.Usage) -> str:
    size = f" of {session.show_size(usage.quota)}" if usage.quota else ""
    emails = f" of {usage.quota_emails}" if usage.quota_emails else ""
    return f"{session.show_size(usage.used)}{size}, {usage.emails}{emails} emails"


async def _remove(one: Session, args: argparse.Namespace) -> None:
    await one.store.write(domains.remove, one.actor, one.now, args.domain)
    say(f"{args.domain} is no longer served here.")


async def _alias(one: Session, args: argparse.Namespace) -> None:
    await one.store.write(domains.add_alias, one.actor, one.now, args.domain, args.target)
    say(f"Mail for {args.domain} goes to the same addresses of {args.target} now.")
    say(f"Publish its records: merpati dns {args.domain}")


async def _unalias(one: Session, args: argparse.Namespace) -> None:
    await one.store.write(domains.remove_alias, one.actor, one.now, args.domain)
    say(f"{args.domain} is no longer served here.")


ACTIONS = {
    "add": _add,
    "list": _list,
    "show": _show,
    "set": _set,
    "remove": _remove,
    "alias": _alias,
    "unalias": _unalias,
}
