"""Mailboxes elsewhere, by POP3 or IMAP, whose mail is fetched into accounts here."""

from __future__ import annotations

import argparse
import asyncio
import inspect
import os
import re
import time
from typing import Any, Final

from merpati.app.commands import session
from merpati.app.commands.session import Session, say
from merpati.app.language import tell
from merpati.base.faults import Fault, Kind
from merpati.base.secrets import Secret
from merpati.net.imap_client import ImapClient
from merpati.net.pop3_client import Pop3Client
from merpati.net.reaper import Reaper
from merpati.net.remote import SECURITIES, Account, Remote
from merpati.services.sealing import Sealing
from merpati.store import collector, directory, remote
from merpati.store.collector import Collector, Wanted
from merpati.store.engine import Transaction
from merpati.store.remote import RemoteMessage

PORTS: Final = {
    ("pop3", "tls"): 995, ("pop3", "starttls"): 110, ("pop3", "none"): 110,
    ("imap", "tls"): 993, ("imap", "starttls"): 143, ("imap", "none"): 143,
}  # fmt: skip
PASSWORD_VARIABLE: Final = "MERPATI_COLLECTOR_PASSWORD"  # noqa: S105 -- the name of a variable
EVERY_MIN: Final = 60  # seconds; providers close the door to who asks more often
RUN_SECONDS: Final = 60.0
SHOWN: Final = 20  # messages that are not here; all of them with --json
UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600}


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati collector add|list|show|set|run|remove`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="fetch from a mailbox", description=inspect.getdoc(_add))
    add.add_argument("address", help="the account here")
    add.add_argument("--host", required=True)
    add.add_argument("--user", required=True, help="the name there")
    _options(add, protocol="pop3", security="tls", folder="INBOX", every=300)
    add.add_argument(
        "--domain", default="", help="multi-drop: it holds the mail of this whole domain"
    )
    add.add_argument("--no-check", action="store_true", help="do not sign in there now")
    session.add_config_option(add)
    listing = actions.add_parser("list", help="all, or those of an account")
    listing.add_argument("address", nargs="?", default="")
    session.add_config_option(listing)
    session.add_json_option(listing)
    show = _numbered(actions, "show", "one with its state")
    session.add_json_option(show)
    change = _numbered(actions, "set", "change one")
    change.add_argument("--host")
    change.add_argument("--user")
    change.add_argument("--password", action="store_true", help="read a new password")
    change.add_argument("--enable", action="store_true")
    change.add_argument("--disable", action="store_true", help="fetch no longer, for now")
    _options(change)
    _numbered(actions, "run", "have the server look at once, and say what came of it")
    _numbered(actions, "remove", "fetch no longer; what is there stays there")


def _options(action: argparse.ArgumentParser, **defaults: Any) -> None:
    action.add_argument("--protocol", choices=("pop3", "imap"), default=defaults.get("protocol"))
    action.add_argument("--port", type=int, help="default: the standard one")
    action.add_argument("--security", choices=SECURITIES, default=defaults.get("security"))
    action.add_argument(
        "--verify", choices=("yes", "no"), help="whether its certificate must be good; default: yes"
    )
    action.add_argument("--folder", default=defaults.get("folder"), help="of IMAP")
    action.add_argument(
        "--every", type=_seconds, default=defaults.get("every"), help="such as 5m or 1h"
    )
    keep = action.add_mutually_exclusive_group()
    keep.add_argument("--leave", action="store_true", help="leave everything there; the default")
    keep.add_argument("--delete", action="store_true", help="remove there what is here")
    keep.add_argument("--delete-after", type=int, metavar="DAYS", help="remove it so much later")


def _numbered(actions: Any, name: str, text: str) -> argparse.ArgumentParser:
    action: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
    action.add_argument("number", type=int, help="of merpati collector list")
    session.add_config_option(action)
    return action


def run(args: argparse.Namespace) -> int | None:
    """Do it."""
    return session.with_session(args, lambda one: ACTIONS[args.action](one, args))


async def _add(one: Session, args: argparse.Namespace) -> None:
    """Fetch from a mailbox elsewhere.

    The password is read from standard input, or from MERPATI_COLLECTOR_PASSWORD.
    """
    account = await one.store.read(directory.account, args.address)
    if args.domain:
        await one.store.read(directory.domain, args.domain)
    _check_every(args.every)
    port = args.port or PORTS[args.protocol, args.security]
    verify = args.verify != "no"
    password = Secret(_password(args.user))
    server = Remote(args.host, port, args.security, verify)
    if not args.no_check:
        await _sign_in(args.protocol, server, Account(args.user, password.reveal()))
    sealing = Sealing(one.config.data, one.ids)
    wanted = Wanted(
        account_id=account.id, protocol=args.protocol, host=args.host, port=port,
        security=args.security, verify=verify, name=args.user,
        password=sealing.close(password, f"{args.host} {args.user}"), folder=args.folder,
        keep_days=_keep_days(args, -1), every=args.every, domain=args.domain.lower(),
    )  # fmt: skip
    number = await one.store.write(collector.add, wanted, one.now)
    say(f"Collector {number} fetches from {args.user} at {args.host} for {account.address}.")


async def _list(one: Session, args: argparse.Namespace) -> None:
    account_id = 0
    if args.address:
        account_id = (await one.store.read(directory.account, args.address)).id
    found = await one.store.read(collector.listing, account_id)
    addresses = await one.store.read(_addresses, [each.account_id for each in found])
    if args.json:
        session.print_json([_plain(each, addresses) for each in found])
        return
    rows = [
        (
            str(each.id), addresses.get(each.account_id) or tell("gone"), each.protocol, each.host,
            each.name, each.collected, tell(_state(each)),
        )
        for each in found
    ]  # fmt: skip
    headings = ("number", "account", "", "host", "user", "collected", "state")
    session.print_table(headings, rows, "No collector yet: merpati collector add --help")


async def _show(one: Session, args: argparse.Namespace) -> None:
    """One with its state, and what of it could not be had, or is left there."""
    each = await one.store.read(collector.get, args.number)
    addresses = await one.store.read(_addresses, [each.account_id])
    missing = await one.store.read(remote.not_here, each.account_id, each.source)
    plain = _plain(each, addresses)
    if args.json:
        rows = [{"name": m.name, "tries": m.tries, "problem": m.problem} for m in missing]
        session.print_json({**plain, "not_here": rows})
        return
    for key, value in plain.items():
        say(f"{tell(key):11} {tell(str(value))}")
    for message in missing[:SHOWN]:
        say(f"{message.name}: {tell(_why(message))}")
    if len(missing) > SHOWN:
        say(f"... and {len(missing) - SHOWN} more; --json names them")


async def _set(one: Session, args: argparse.Namespace) -> int | None:
    each = await one.store.read(collector.get, args.number)
    names = ("protocol", "port", "security", "folder", "every", "host")
    changes: dict[str, str | int | bytes] = {
        name: value for name in names if (value := getattr(args, name)) is not None
    }
    old = PORTS[each.protocol, each.security]
    new = PORTS[args.protocol or each.protocol, args.security or each.security]
    if args.port is None and each.port == old != new:
        changes["port"] = new
    if args.user:
        changes["name"] = args.user
    if args.verify:
        changes["verify"] = int(args.verify == "yes")
    keep = _keep_days(args, None)
    if keep is not None:
        changes["keep_days"] = keep
    if args.enable or args.disable:
        changes["disabled"] = int(args.disable)
    if args.every:
        _check_every(args.every)
    sealing = Sealing(one.config.data, one.ids)
    host, user = args.host or each.host, args.user or each.name
    if args.password:
        changes["password"] = sealing.close(Secret(_password(user)), f"{host} {user}")
    elif (host, user) != (each.host, each.name):  # it is sealed for where it goes
        changes["password"] = sealing.close(
            sealing.open(each.password, each.purpose), f"{host} {user}"
        )
    if not changes:
        say("Nothing to change; see: merpati collector set --help")
        return 2
    await one.store.write(collector.change, each.id, changes, one.now)
    say(f"Collector {each.id} is changed.")
    return None


async def _run(one: Session, args: argparse.Namespace) -> int:
    before = await one.store.read(collector.get, args.number)
    if before.disabled:
        raise Fault(Kind.DENIED, "it is disabled; see: merpati collector set --enable")
    await one.store.write(collector.change, before.id, {}, one.now)
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline:
        await asyncio.sleep(0.3)
        now = await one.store.read(collector.get, args.number)
        if now.failures or now.checked_at > before.checked_at:
            say(f"{now.collected - before.collected} messages; {_state(now)}")
            return int(bool(now.failures))
    say("No worker has looked yet; is the server running? See: merpati collector list")
    return 1


async def _remove(one: Session, args: argparse.Namespace) -> None:
    async def unit(tx: Transaction) -> None:
        each = await collector.get(tx, args.number)
        await remote.forget_source(tx, each.account_id, each.source)
        await collector.remove(tx, each.id)

    await one.store.write(unit)
    say(f"Collector {args.number} is removed; what is there stays there.")


async def _sign_in(protocol: str, server: Remote, account: Account) -> None:
    """Raise Fault with the server's own words when it lets us not in."""
    reaper = Reaper()
    if protocol == "imap":
        await (await ImapClient.connect(server, account, reaper, 30.0)).close()
    else:
        await (await Pop3Client.connect(server, account, reaper, 30.0)).quit()


def _password(user: str) -> str:
    password = os.environ.get(PASSWORD_VARIABLE, "")
    return password or session.read_password(user, from_stdin=True)[0]


def _keep_days(args: argparse.Namespace, default: Any) -> Any:
    if args.delete_after is not None:
        return max(0, args.delete_after)
    return 0 if args.delete else -1 if args.leave else default


def _seconds(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,6})([smh]?)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 300, 5m or 1h")
    return int(match[1]) * UNITS[match[2]]


def _check_every(seconds: int) -> None:
    if seconds < EVERY_MIN:
        raise Fault(Kind.SYNTAX, f"--every is at least {EVERY_MIN} seconds")


async def _addresses(tx: Transaction, account_ids: list[int]) -> dict[int, str]:
    found = [await directory.account_by_id(tx, account_id) for account_id in set(account_ids)]
    return {one.id: one.address for one in found if one is not None}


def _state(each: Collector) -> str:
    if each.disabled:
        return "disabled"
    if each.failures:
        return f"failed {each.failures} times: {each.problem}"
    when = session.show_time(each.checked_at) if each.checked_at else ""
    if each.problem:
        return f"fetched {when}; {each.problem}"
    return f"fetched {when}" if when else "not yet fetched"


def _why(message: RemoteMessage) -> str:
    """Why a message is not here, and what becomes of it."""
    if message.tries:
        return f"tried {message.tries} times, and tried again: {message.problem}"
    return f"left there: {message.problem}"


def _plain(each: Collector, addresses: dict[int, str]) -> dict[str, Any]:
    return {
        "number": each.id,
        "account": addresses.get(each.account_id, ""),
        "protocol": each.protocol,
        "host": each.host,
        "port": each.port,
        "security": each.security,
        "verify": each.verify,
        "user": each.name,
        "folder": each.folder,
        "keep_days": each.keep_days,
        "every": each.every,
        "domain": each.domain,
        "disabled": each.disabled,
        "collected": each.collected,
        "failures": each.failures,
        "state": _state(each),
        "next_at": each.next_at,
    }


ACTIONS = {
    "add": _add, "list": _list, "show": _show, "set": _set, "run": _run, "remove": _remove
}  # fmt: skip
