"""What is wrong and worth waking somebody; it is found, and closed, by the running server."""

from __future__ import annotations

import argparse

from merpati.app.commands import session
from merpati.app.commands.session import Session, say
from merpati.app.installation import ServerSettings
from merpati.services.administration import waking


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati alert list`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="what is wrong now")
    listing.add_argument("--all", action="store_true", help="also what was")
    session.add_config_option(listing)
    session.add_json_option(listing)


def run(args: argparse.Namespace) -> None:
    """Do it."""
    session.with_session(args, lambda one: _list(one, args))


async def _list(one: Session, args: argparse.Namespace) -> None:
    language = one.config[ServerSettings].language
    found = await waking.listing(one.store, language, ended=args.all)
    if args.json:
        session.print_json(found)
        return
    if not found:
        say("Nothing is wrong, as far as the server knows.")
    for each in found:
        until = f", until {session.show_time(each.closed_at)}" if each.closed_at else ""
        say(each.text)
        say(f"  since {session.show_time(each.opened_at)}{until}")
        if each.advice:
            say(f"  {each.advice}")
