"""Mailboxes that several people share: their members, and what each may do."""

from __future__ import annotations

import argparse
from typing import Any

from msgspec import UNSET

from merpati.app.commands import session
from merpati.app.commands.session import Session, say
from merpati.model import rights
from merpati.model.account import Account, AccountKind
from merpati.services.administration import membership
from merpati.services.administration.membership import (
    SEND_WORDS,
    SENDS,
    MemberChange,
    NewShared,
    SharedChange,
)
from merpati.store import directory, members
from merpati.store.members import Member

RIGHTS_HELP = "none, read, write or all, or letters of RFC 4314"


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati shared add|list|show|set|member|remove`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = _action(actions, "add", "make a shared mailbox")
    add.add_argument("--name", help="as members see it; without: the part before the @")
    add.add_argument("--quota", type=session.parse_size, default=0, help="such as 2GB; 0: none")
    add.add_argument("--language", choices=("en", "id"), default="en")
    listing = actions.add_parser(
        "list", help="all shared mailboxes", description="all shared mailboxes"
    )
    session.add_config_option(listing)
    session.add_json_option(listing)
    session.add_json_option(_action(actions, "show", "one shared mailbox with its members"))
    change = _action(actions, "set", "change a shared mailbox")
    change.add_argument("--name")
    change.add_argument("--quota", type=session.parse_size, help="such as 2GB; 0: none")
    change.add_argument("--messages", type=int, help="how many emails it may hold; 0: any number")
    change.add_argument("--address", dest="add_address", help="one more address that leads to it")
    member = actions.add_parser("member", help="who belongs to it", description="who belongs to it")
    whats = member.add_subparsers(dest="what", required=True, metavar="ACTION")
    put = _action(whats, "add", "let somebody be a member, or change what a member may do")
    put.add_argument("member", help="an address, `anyone` in the domain, or @DOMAIN")
    put.add_argument("--rights", help=f"{RIGHTS_HELP}; for a new member: write")
    put.add_argument("--send", choices=tuple(SENDS), help="send with its addresses")
    gone = _action(whats, "remove", "let somebody be a member no longer")
    gone.add_argument("member")
    remove = _action(actions, "remove", "erase a shared mailbox with all its mail")
    remove.add_argument("--yes", action="store_true", help="really erase it")


def _action(actions: Any, name: str, text: str) -> argparse.ArgumentParser:
    action: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
    action.add_argument("address")
    session.add_config_option(action)
    return action


def run(args: argparse.Namespace) -> int | None:
    """Do it."""
    name = f"member {args.what}" if args.action == "member" else args.action
    return session.with_session(args, lambda one: ACTIONS[name](one, args))


async def _add(one: Session, args: argparse.Namespace) -> None:
    new = NewShared(
        address=args.address, name=args.name or "", quota=args.quota, language=args.language
    )
    account = await one.store.write(membership.add, one.actor, one.now, new)
    say(f"{account.address} is ready; its members will see it as Shared/{account.name}.")
    say(f"Add members: merpati shared member add {account.address} NAME@DOMAIN")


async def _list(one: Session, args: argparse.Namespace) -> None:
    accounts = await one.store.read(directory.accounts)
    found = [account for account in accounts if account.kind is AccountKind.SHARED]
    people = {account.id: await one.store.read(members.listing, account.id) for account in found}
    if args.json:
        session.print_json([_plain(account, people[account.id]) for account in found])
        return
    rows = [
        (account.address, account.name, len(people[account.id]), account.emails,
         session.show_size(account.used))
        for account in found
    ]  # fmt: skip
    headings = ("address", "name", "members", "emails", "used")
    session.print_table(headings, rows, "No shared mailbox yet: merpati shared add ADDRESS")


async def _show(one: Session, args: argparse.Namespace) -> None:
    account = await one.store.read(members.shared, args.address)
    people = await one.store.read(members.listing, account.id)
    addresses = await one.store.read(directory.addresses, account.id)
    if args.json:
        session.print_json({**_plain(account, people), "addresses": addresses})
        return
    say(f"{account.address}  Shared/{account.name}")
    say(f"addresses  {', '.join(addresses)}")
    say(f"storage    {session.show_size(account.used)} in {account.emails} emails")
    say("")
    rows = [(one.name, rights.level(one.rights), SEND_WORDS[one.send]) for one in people]
    headings = ("member", "rights", "sends")
    add = f"No member yet: merpati shared member add {account.address} NAME@DOMAIN"
    session.print_table(headings, rows, add)


async def _set(one: Session, args: argparse.Namespace) -> int:
    account = await one.store.read(members.shared, args.address)
    given = {"name": args.name, "quota": args.quota, "quota_emails": args.messages}
    changes = {name: value for name, value in given.items() if value is not None}
    if not (changes or args.add_address):
        say("Nothing to change; see: merpati shared set --help")
        return 2
    if changes:
        wanted = SharedChange(**changes)
        await one.store.write(membership.change, one.actor, one.now, account.address, wanted)
    if args.add_address:
        await one.store.write(directory.add_address, account.id, args.add_address)
    say(f"{account.address} is changed.")
    return 0


async def _add_member(one: Session, args: argparse.Namespace) -> None:
    account = await one.store.read(members.shared, args.address)
    wanted = MemberChange(rights=args.rights or UNSET, send=args.send or UNSET)
    await one.store.write(
        membership.put_member, one.actor, one.now, account.address, args.member, wanted
    )
    say(f"{args.member} is a member of {account.address}.")


async def _remove_member(one: Session, args: argparse.Namespace) -> None:
    account = await one.store.read(members.shared, args.address)
    await one.store.write(
        membership.remove_member, one.actor, one.now, account.address, args.member
    )
    say(f"{args.member} is no member of {account.address} any more.")


async def _remove(one: Session, args: argparse.Namespace) -> int:
    account = await one.store.read(members.shared, args.address)
    if not args.yes:
        say(f"This erases {account.emails} emails of {account.address} for good; add --yes.")
        return 1
    await one.store.write_long(membership.remove, one.actor, one.now, account.address)
    say(f"{account.address} and its {account.emails} emails are erased.")
    return 0


def _plain(account: Account, people: list[Member]) -> dict[str, Any]:
    return {
        "address": account.address,
        "name": account.name,
        "quota": account.quota,
        "used": account.used,
        "emails": account.emails,
        "members": [
            {"member": one.name, "rights": one.rights, "send": one.send.value} for one in people
        ],
    }


ACTIONS = {
    "add": _add,
    "list": _list,
    "show": _show,
    "set": _set,
    "member add": _add_member,
    "member remove": _remove_member,
    "remove": _remove,
}
