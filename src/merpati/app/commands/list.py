"""Mailing lists: who they reach, who may post, and posts that wait for an owner."""

from __future__ import annotations

import argparse
import sys
from typing import Any

import msgspec

from merpati.app.commands import session
from merpati.app.commands.session import Session, say
from merpati.app.installation import ServerSettings
from merpati.app.language import tell
from merpati.base.faults import Fault, Kind
from merpati.base.metrics import Metrics
from merpati.model.mailing_list import (
    Audience,
    Joining,
    MailingList,
    Others,
    Person,
    Posting,
    Replies,
)
from merpati.services.accept import Accept, QueueSettings
from merpati.services.administration import lists as administration
from merpati.services.administration.lists import Flag, ListRules, NewList
from merpati.services.letters import Letters
from merpati.services.moderation import Moderation
from merpati.services.route import AddressSettings, Router
from merpati.store import directory, lists


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati list create|show|list|set|remove|add-member|...`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = _action(actions, "create", "make a list")
    create.add_argument("--owner", action="append", default=[], help="who runs it; repeatable")
    _add_rules(create)
    session.add_json_option(_action(actions, "show", "one list with its rules and people"))
    listing = actions.add_parser("list", help="all lists", description="all lists")
    session.add_config_option(listing)
    session.add_json_option(listing)
    _add_rules(_action(actions, "set", "change the rules of a list"))
    remove = _action(actions, "remove", "remove a list with its members and held posts")
    remove.add_argument("--yes", action="store_true", help="really remove it")
    for name, text in (
        ("add-member", "add members, or end their suspension; - reads addresses, one a line"),
        ("remove-member", "remove members"),
        ("owner", "let people run a list; with --remove no longer"),
        ("poster", "let people post who are no members; with --remove no longer"),
    ):
        action = _action(actions, name, text)
        action.add_argument("person", nargs="+", help="an address, here or elsewhere")
        if name in {"owner", "poster"}:
            action.add_argument("--remove", action="store_true")
    held = _action(actions, "held", "posts that wait for an owner")
    session.add_json_option(held)
    for name, text in (
        ("approve", "let a held post go to the members"),
        ("reject", "throw a held post away, and tell its author"),
    ):
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument("number", type=int, nargs="+", help="from: merpati list held")
        session.add_config_option(action)


def _action(actions: Any, name: str, text: str) -> argparse.ArgumentParser:
    action: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
    action.add_argument("address", help="of the list")
    session.add_config_option(action)
    return action


def _add_rules(action: argparse.ArgumentParser) -> None:
    words = {
        "posting": (Posting, "who may post"),
        "others": (Others, "what becomes of posts by others"),
        "joining": (Joining, "who may join by mail: nobody, who confirms, who an owner admits"),
        "audience": (Audience, "whom it reaches: its members, or every such account"),
        "replies": (Replies, "where answers go"),
    }
    action.add_argument("--name", help="as shown")
    action.add_argument("--language", choices=("en", "id"), help="of what it writes to people")
    for word, (values, text) in words.items():
        action.add_argument(f"--{word}", choices=[one.value for one in values], help=text)
    action.add_argument(
        "--moderated", choices=("yes", "no"), help="hold every post until an owner approves"
    )
    action.add_argument("--archive", help="the account that gets a copy of every post, or none")


def run(args: argparse.Namespace) -> int | None:
    """Do it."""
    return session.with_session(args, lambda one: ACTIONS[args.action](one, args))


async def _create(one: Session, args: argparse.Namespace) -> None:
    token = _moderation(one).token
    new = NewList(address=args.address, owners=args.owner, **_rules(args))
    made = await one.store.write(administration.create, one.actor, one.now, new, token)
    say(f"The list {made.address} is ready.")
    if not args.audience or args.audience == Audience.NAMED.value:
        say(f"Add its members: merpati list add-member {made.address} ADDRESS ...")
    if not args.owner:
        say("It has no owner, so the domain's administrators run it:")
        say(f"  merpati list owner {made.address} ADDRESS")


async def _list(one: Session, args: argparse.Namespace) -> None:
    found = await one.store.read(lists.all_lists)
    if args.json:
        session.print_json(
            [_plain(each) | {"members": members, "held": held} for each, members, held in found]
        )
        return
    rows = [
        (
            each.address,
            each.title,
            members if each.audience is Audience.NAMED else each.audience.value,
            each.posting.value,
            tell("yes" if each.moderated else "no"),
            held,
        )
        for each, members, held in found
    ]
    headings = ("list", "name", "members", "posting", "moderated", "held")
    session.print_table(headings, rows, "No list yet: merpati list create ADDRESS")


async def _show(one: Session, args: argparse.Namespace) -> None:
    found = await one.store.read(lists.named, args.address)
    people = await one.store.read(lists.people, found.id)
    archive = await one.store.read(directory.account_by_id, found.archive_id)
    plain = _plain(found) | {"archive": archive.address if archive else ""}
    if args.json:
        session.print_json(plain | {"people": [_person(person) for person in people]})
        return
    for name, value in plain.items():
        say(f"{tell(name):10} {_word(value)}")
    say("")
    rows = [(person.address, *_marks(person)) for person in people]
    empty = f"Nobody yet: merpati list add-member {found.address} ADDRESS"
    session.print_table(("person", "is", "bounces"), rows, empty)


async def _set(one: Session, args: argparse.Namespace) -> int:
    rules = _rules(args)
    if not rules:
        say("Nothing to change; see: merpati list set --help")
        return 2
    found = await one.store.write(
        administration.change, one.actor, one.now, args.address, ListRules(**rules)
    )
    say(f"The list {found.address} is changed.")
    return 0


async def _remove(one: Session, args: argparse.Namespace) -> int:
    found = await one.store.read(lists.named, args.address)
    people = await one.store.read(lists.people, found.id)
    if not args.yes:
        say(f"This forgets {found.address} and the {len(people)} people it knows; add --yes.")
        return 1
    await one.store.write_long(administration.remove, one.actor, one.now, found.address)
    say(f"The list {found.address} is removed.")
    return 0


async def _add_member(one: Session, args: argparse.Namespace) -> None:
    found = await one.store.read(lists.named, args.address)
    if found.audience is not Audience.NAMED:
        text = f"{found.address} reaches every account it is for; first type: merpati list set"
        raise Fault(Kind.DENIED, f"{text} {found.address} --audience named")
    people = [word for word in args.person if word != "-"]
    if "-" in args.person:
        people += [line.strip() for line in sys.stdin if line.strip()]
    count = await _set_flag(one, found, people, "member", value=True)
    say(f"{count} of {len(people)} added to {found.address}.")


async def _remove_member(one: Session, args: argparse.Namespace) -> None:
    found = await one.store.read(lists.named, args.address)
    count = await _set_flag(one, found, args.person, "member", value=False)
    if not count:
        text = f"none of them is a member of {found.address}; see: merpati list show"
        raise Fault(Kind.NOT_FOUND, f"{text} {found.address}")
    say(f"{count} of {len(args.person)} removed from {found.address}.")


async def _owner(one: Session, args: argparse.Namespace) -> None:
    found = await one.store.read(lists.named, args.address)
    await _set_flag(one, found, args.person, "owner", value=not args.remove)
    owners = await one.store.read(lists.owners, found.id)
    say(f"{found.address} is run by {', '.join(owners) or 'the administrators'}.")


async def _poster(one: Session, args: argparse.Namespace) -> None:
    found = await one.store.read(lists.named, args.address)
    await _set_flag(one, found, args.person, "poster", value=not args.remove)
    word = "may post no longer" if args.remove else "may post"
    say(f"{', '.join(args.person)} {word} to {found.address}.")
    if found.posting is not Posting.NAMED and not args.remove:
        say(f"This counts with: merpati list set {found.address} --posting named")


async def _held(one: Session, args: argparse.Namespace) -> None:
    found = await one.store.read(lists.named, args.address)
    posts = await one.store.read(lists.held, found.id)
    if args.json:
        session.print_json(
            [
                {"number": post.id, "author": post.author, "subject": post.subject,
                 "received_at": post.received_at, "trace": post.trace}
                for post in posts
            ]
        )  # fmt: skip
        return
    rows = [
        (post.id, session.show_time(post.received_at), post.author, post.subject) for post in posts
    ]
    headings = ("number", "came", "author", "subject")
    session.print_table(headings, rows, f"No post to {found.address} waits.")


async def _approve(one: Session, args: argparse.Namespace) -> None:
    for number in args.number:
        owned = await _decide(one, number, approve=True)
        say(f"Post {number} goes to the members of {owned.address}.")


async def _reject(one: Session, args: argparse.Namespace) -> None:
    for number in args.number:
        owned = await _decide(one, number, approve=False)
        say(f"Post {number} to {owned.address} is thrown away.")


async def _decide(one: Session, number: int, *, approve: bool) -> MailingList:
    return await administration.decide(
        one.store, one.actor, one.now, _moderation(one), number, approve=approve,
        lifetime=one.config[QueueSettings].lifetime,
    )  # fmt: skip


async def _set_flag(
    one: Session, found: MailingList, people: list[str], flag: Flag, *, value: bool
) -> int:
    token = _moderation(one).token
    return await one.store.write_long(
        administration.set_people, one.actor, one.now, found.address, people, flag, token,
        value=value,
    )  # fmt: skip


def _rules(args: argparse.Namespace) -> dict[str, Any]:
    """The rules that the options set."""
    names = ("name", "language", "posting", "others", "joining", "audience", "replies")
    given = {name: value for name in names if (value := getattr(args, name)) is not None}
    if args.moderated is not None:
        given["moderated"] = args.moderated == "yes"
    if args.archive is not None:
        given["archive"] = "" if args.archive == "none" else args.archive
    rules = msgspec.convert(given, ListRules)
    return {name: getattr(rules, name) for name in given}


def _moderation(one: Session) -> Moderation:
    """What decides held posts, as the server has it."""
    hostname = one.config[ServerSettings].hostname
    router = Router(one.store, hostname, one.clock, one.config[AddressSettings])
    accept = Accept(
        one.store, one.blobs, one.clock, one.ids, hostname, one.config[QueueSettings], Metrics()
    )
    letters = Letters(accept, router, one.blobs, one.clock, one.ids, hostname)
    return Moderation(router, letters, one.clock, one.ids)


def _plain(one: MailingList) -> dict[str, Any]:
    return {
        "address": one.address,
        "name": one.title,
        "language": one.language,
        "posting": one.posting.value,
        "others": one.others.value,
        "moderated": one.moderated,
        "joining": one.joining.value,
        "audience": one.audience.value,
        "replies": one.replies.value,
    }


def _person(one: Person) -> dict[str, Any]:
    return {
        "address": one.address,
        "member": one.is_member,
        "owner": one.is_owner,
        "may_post": one.may_post,
        "suspended": one.suspended,
        "bounces": one.bounces,
    }


def _word(value: object) -> object:
    if isinstance(value, bool):
        return tell("yes" if value else "no")
    return value or tell("none")


def _marks(one: Person) -> tuple[str, int]:
    words = (
        ("owner", one.is_owner), ("suspended", one.suspended),
        ("member", one.is_member and not one.suspended), ("may post", one.may_post),
    )  # fmt: skip
    return ", ".join(tell(word) for word, true in words if true), one.bounces


ACTIONS = {
    "create": _create,
    "show": _show,
    "list": _list,
    "set": _set,
    "remove": _remove,
    "add-member": _add_member,
    "remove-member": _remove_member,
    "owner": _owner,
    "poster": _poster,
    "held": _held,
    "approve": _approve,
    "reject": _reject,
}
