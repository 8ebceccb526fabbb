"""`merpati account app-password` and `account sign-in`: how somebody signs in."""

from __future__ import annotations

import argparse
from typing import Any, Final

from merpati.app.commands import session
from merpati.app.commands.session import Session, say
from merpati.app.language import tell
from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.services.app_passwords import PROTOCOLS, AppPasswords
from merpati.store import audit, directory, second_factors, sign_in_history, web_sessions
from merpati.store.app_passwords import AppPassword
from merpati.store.engine import Transaction

HISTORY: Final = 20  # rows shown
DEFAULT: Final = "imap,smtp"
DAY: Final = 86_400_000  # ms


def configure_app_password(action: argparse.ArgumentParser) -> None:
    """Arguments of `account app-password ADDRESS add|list|revoke`."""
    action.add_argument("what", choices=("add", "list", "revoke"))
    action.add_argument("id", nargs="?", default="", help="revoke: which one, as list shows it")
    action.add_argument("--name", default="", help="add: what device or program it is for")
    action.add_argument(
        "--for", dest="protocols", default=DEFAULT, metavar="PROTOCOLS",
        help=f"add: some of {','.join(PROTOCOLS)}; {DEFAULT} if not said",
    )  # fmt: skip
    action.add_argument(
        "--from", dest="networks", default="", metavar="NETWORKS",
        help="add: such as 192.0.2.0/24,2001:db8::/32; from anywhere if not said",
    )  # fmt: skip
    action.add_argument("--days", type=int, default=0, help="add: how long it is good; 0: for ever")
    session.add_json_option(action)


def configure(action: argparse.ArgumentParser) -> None:
    """Options of `account sign-in ADDRESS`."""
    action.add_argument("--end", action="store_true", help="end all sessions, in the browser too")
    action.add_argument(
        "--password-only", action="store_true",
        help="take away authenticator app, passkeys and recovery codes, of somebody who lost them",
    )  # fmt: skip
    action.add_argument(
        "--browser-only", choices=("yes", "no"),
        help="whether the account's own password works in the browser alone",
    )  # fmt: skip
    session.add_json_option(action)


async def app_password(one: Session, args: argparse.Namespace) -> None:
    """Make one, list them, or revoke one."""
    account = await one.store.read(directory.account, args.address)
    known = AppPasswords(one.store, one.clock, one.ids)
    if args.what == "add":
        if args.days < 0:
            raise SyntaxFault("--days is 0 or more")
        ends = one.now + args.days * DAY if args.days else 0
        networks = [word for word in args.networks.split(",") if word]
        made, password = await known.make(
            account.id, args.name or "from the command line", args.protocols.split(","), networks,
            ends,
        )  # fmt: skip
        await _audit(one, "app-password-added", account.address, name=made.name)
        if args.json:
            session.print_json({**_plain(made), "password": password})
            return
        say(f"App password of {account.address} for {', '.join(made.protocols)}, shown only now:")
        say(password)
    elif args.what == "revoke":
        if not args.id:
            raise SyntaxFault("say which one: merpati account app-password ADDRESS revoke ID")
        await known.revoke(account.id, args.id)
        await _audit(one, "app-password-revoked", account.address, id=args.id)
        say(f"App password {args.id} of {account.address} works no longer.")
    else:
        found = await known.of_account(account.id)
        if args.json:
            session.print_json([_plain(each) for each in found])
            return
        rows = [
            (
                each.id,
                each.name,
                ",".join(each.protocols),
                ",".join(each.networks) or tell("anywhere"),
                session.show_time(each.expires_at) if each.expires_at else tell("never"),
                session.show_time(each.used_at) if each.used_at else tell("never"),
            )
            for each in found
        ]
        headings = ("id", "name", "for", "from", "ends", "last used")
        session.print_table(headings, rows, "No app password yet.")


async def run(one: Session, args: argparse.Namespace) -> None:
    """Show how somebody signs in, or change it."""
    account = await one.store.read(directory.account, args.address)
    if args.password_only:
        await one.store.write(second_factors.remove_all, account.id)
        await _audit(one, "password-only", account.address)
        say(f"{account.address} signs in with the password alone.")
    if args.browser_only is not None:
        only = args.browser_only == "yes"
        if not only and (await one.store.read(second_factors.factors, account.id)).any:
            text = "there is a second factor; take it away first with --password-only"
            raise Fault(Kind.IN_USE, text)
        await one.store.write(second_factors.protect, account.id, browser_only=only)
        await _audit(one, "browser-only" if only else "everywhere", account.address)
        where = "in the browser alone" if only else "in every program"
        say(f"The password of {account.address} works {where}.")
    if args.end:
        await one.store.write(web_sessions.end_others, account.id, 0)
        await _audit(one, "sessions-ended", account.address)
        say(f"All sessions of {account.address} have ended.")
    if not (args.end or args.password_only or args.browser_only):
        await _show(one, account.id, as_json=args.json)


async def _show(one: Session, account_id: int, *, as_json: bool) -> None:
    has = await one.store.read(second_factors.factors, account_id)
    account = await one.store.read(directory.account_by_id, account_id)
    sessions = await one.store.read(web_sessions.of_account, account_id, one.now)
    history = await one.store.read(sign_in_history.of_account, account_id, HISTORY)
    assert account is not None
    if as_json:
        session.print_json(
            {
                "browser_only": account.browser_only,
                "totp": has.totp,
                "passkeys": has.passkeys,
                "recovery_codes": has.recovery_codes,
                "sessions": [each._asdict() for each in sessions],
                "history": [each._asdict() for each in history],
            }
        )
        return
    app = "an authenticator app" if has.totp else "no authenticator app"
    say(f"second factor  {app}, {has.passkeys} passkeys, {has.recovery_codes} recovery codes")
    say(f"password       {'in the browser alone' if account.browser_only else 'everywhere'}")
    say("")
    rows = [
        (session.show_time(each.used_at), each.kind, each.peer, each.client[:50])
        for each in sessions
    ]
    session.print_table(("last used", "session", "from", "client"), rows, "No session.")
    say("")
    events = [
        (
            session.show_time(each.at),
            "ok" if each.success else "failed",
            each.protocol,
            each.peer,
            f"{each.means} {each.what}".strip(),
            each.times,
        )
        for each in history
    ]
    headings = ("last at", "", "protocol", "from", "by", "times")
    session.print_table(headings, events, "Nobody has signed in yet.")


async def _audit(one: Session, what: str, address: str, **more: str) -> None:
    async def unit(tx: Transaction) -> None:
        await audit.record(tx, one.actor, one.now, f"sign-in.{what}", address, after=more)

    await one.store.write(unit)


def _plain(one: AppPassword) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "protocols": one.protocols,
        "networks": one.networks,
        "created_at": one.created_at,
        "expires_at": one.expires_at,
        "used_at": one.used_at,
        "used_from": one.used_from,
        "used_for": one.used_for,
    }
