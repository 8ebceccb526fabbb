"""How accounts' mail is shown to programs that fetch it by POP3."""

from __future__ import annotations

import argparse

import msgspec

from merpati.app.commands import session
from merpati.app.commands.session import Session, say
from merpati.store import directory, pop3
from merpati.store.pop3 import Policy


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati pop3 show|set`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser("show", help="what an account has chosen")
    show.add_argument("address")
    session.add_config_option(show)
    session.add_json_option(show)
    change = actions.add_parser("set", help="choose for an account")
    change.add_argument("address")
    change.add_argument(
        "--folders", metavar="NAMES", help="mailboxes that are shown, with commas; default: INBOX"
    )
    change.add_argument(
        "--expire", metavar="DAYS", help="remove mail so long after it was fetched, or never"
    )
    change.add_argument("--mark-seen", choices=("yes", "no"), help="fetching marks as seen")
    change.add_argument(
        "--hide-fetched", choices=("yes", "no"), help="show what was fetched once no more"
    )
    change.add_argument("--default", action="store_true", help="everything as it is for all")
    session.add_config_option(change)


def run(args: argparse.Namespace) -> int | None:
    """Do it."""
    return session.with_session(args, lambda one: ACTIONS[args.action](one, args))


async def _show(one: Session, args: argparse.Namespace) -> None:
    account = await one.store.read(directory.account, args.address)
    _tell(await one.store.read(pop3.policy, account.id), json=args.json)


async def _set(one: Session, args: argparse.Namespace) -> int | None:
    account = await one.store.read(directory.account, args.address)
    chosen = await one.store.read(pop3.policy, account.id)
    if args.default:
        chosen = pop3.DEFAULT
    if args.folders:
        names = tuple(name.strip() for name in args.folders.split(",") if name.strip())
        chosen = msgspec.structs.replace(chosen, folders=names or ("INBOX",))
    if args.expire is not None:
        if args.expire != "never" and not args.expire.isdecimal():
            say("--expire is a number of days, or never")
            return 2
        days = -1 if args.expire == "never" else int(args.expire)
        chosen = msgspec.structs.replace(chosen, expire_days=days)
    if args.mark_seen:
        chosen = msgspec.structs.replace(chosen, mark_seen=args.mark_seen == "yes")
    if args.hide_fetched:
        chosen = msgspec.structs.replace(chosen, hide_fetched=args.hide_fetched == "yes")
    await one.store.write(pop3.set_policy, account.id, chosen)
    _tell(chosen, json=False)
    return None


def _tell(chosen: Policy, *, json: bool) -> None:
    if json:
        session.print_json(chosen)
        return
    kept = "never" if chosen.expire_days < 0 else f"{chosen.expire_days} days after it was fetched"
    say(f"folders       {', '.join(chosen.folders)}")
    say(f"removed       {kept}")
    say(f"mark seen     {'yes' if chosen.mark_seen else 'no'}")
    say(f"hide fetched  {'yes' if chosen.hide_fetched else 'no'}")


ACTIONS = {"show": _show, "set": _set}
