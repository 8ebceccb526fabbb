"""People and their mailboxes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from merpati.app.commands import restore, session, sign_in
from merpati.app.commands.session import Session, say
from merpati.app.language import tell
from merpati.base.faults import Fault, Kind
from merpati.model.account import Account, AccountKind
from merpati.services.administration import accounts, handing_over, importing
from merpati.services.administration.accounts import AccountChange, NewAccount
from merpati.services.administration.handing_over import HandOver
from merpati.services.info import index
from merpati.services.login import hash_password
from merpati.store import app_passwords, directory, forwards, mailboxes
from merpati.store.engine import Transaction
from merpati.store.forwards import Habits
from merpati.wire.smtp.paths import parse_address

TABLE: Final = (
    "Make accounts from a table as spreadsheets save it (CSV). Its first line names the columns:"
    " address, and name, password, quota (2GB), language (en, id) as wanted. Passwords that are"
    " not given are made up and printed, once."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati account add|import|list|show|set|forward|app-password|sign-in|...`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = _action(actions, "add", "make an account")
    add.add_argument("--name", default="", help="the person's name")
    add.add_argument("--quota", type=session.parse_size, default=0, help="such as 2GB; 0: none")
    add.add_argument("--language", choices=("en", "id"), default="en")
    add.add_argument("--admin", action="store_true", help="may administer")
    add.add_argument("--password-stdin", action="store_true", help="read the password from stdin")
    table = actions.add_parser("import", help="make accounts from a table", description=TABLE)
    table.add_argument("file", type=Path, metavar="FILE.csv", help="the table, UTF-8")
    table.add_argument("--dry-run", action="store_true", help="say what would happen")
    session.add_config_option(table)
    session.add_json_option(table)
    listing = actions.add_parser("list", help="all accounts", description="all accounts")
    listing.add_argument("domain", nargs="?", default="", help="only of this domain")
    session.add_config_option(listing)
    session.add_json_option(listing)
    session.add_json_option(_action(actions, "show", "one account with its mailboxes"))
    _configure_set(_action(actions, "set", "change an account"))
    forward = _action(actions, "forward", "send an account's mail on to other addresses")
    forward.add_argument("target", nargs="*", help="where to; none: show what is set")
    forward.add_argument("--keep", action="store_true", help="a copy stays in the mailbox")
    forward.add_argument("--off", action="store_true", help="forward no longer")
    session.add_json_option(forward)
    info = _action(actions, "info", "answer requests for files: help, index, get NAME")
    info.add_argument("--folder", type=Path, help="the folder with the files")
    info.add_argument("--off", action="store_true", help="answer no longer")
    session.add_json_option(info)
    gone = _action(actions, "expunged", "removed mail that can be restored")
    restore.configure(gone)
    session.add_json_option(gone)
    restore.configure(_action(actions, "undelete", "restore removed mail, and its mailboxes"))
    sign_in.configure_app_password(_action(actions, "app-password", "passwords of single devices"))
    sign_in.configure(_action(actions, "sign-in", "how somebody signs in, and from where"))
    _action(actions, "disable", "let nobody sign in, and take no mail")
    _action(actions, "enable", "undo disable")
    over = _action(actions, "hand-over", "give the account of somebody who leaves to a successor")
    over.add_argument("to", help="the successor's address")
    over.add_argument("--reply", default="", help="what whoever writes to it is answered")
    over.add_argument("--dry-run", action="store_true", help="say what would happen")
    session.add_json_option(over)
    back = _action(actions, "hand-back", "undo hand-over, as one act")
    session.add_json_option(back)
    remove = _action(actions, "remove", "erase an account with all its mail")
    remove.add_argument("--yes", action="store_true", help="really erase it")


def _configure_set(change: argparse.ArgumentParser) -> None:
    change.add_argument("--name")
    change.add_argument("--quota", type=session.parse_size, help="such as 2GB; 0: none")
    change.add_argument(
        "--messages", type=int, dest="quota_emails", help="how many emails; 0: any number"
    )
    change.add_argument("--language", choices=("en", "id"))
    change.add_argument(
        "--address", dest="address_given", help="a new primary address; the old one stays an alias"
    )
    change.add_argument("--admin", choices=("yes", "no"))
    change.add_argument("--password", action="store_true", help="make a new password, print it")
    change.add_argument("--password-stdin", action="store_true", help="read a password from stdin")
    change.add_argument(
        "--revoke-all", action="store_true",
        help="with a new password: no app password works any longer, as after a theft",
    )  # fmt: skip


def _action(actions: Any, name: str, text: str) -> argparse.ArgumentParser:
    action: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
    action.add_argument("address")
    session.add_config_option(action)
    return action


def run(args: argparse.Namespace) -> int | None:
    """Do it."""
    return session.with_session(args, lambda one: ACTIONS[args.action](one, args))


async def _add(one: Session, args: argparse.Namespace) -> None:
    password, made_up = session.read_password(args.address, from_stdin=args.password_stdin)
    hashed = hash_password(password)

    new = NewAccount(
        address=args.address, name=args.name, admin=args.admin, quota=args.quota,
        language=args.language,
    )  # fmt: skip
    account = await one.store.write(accounts.add, one.actor, one.now, new, hashed)
    say(f"Account {account.address} is ready.")
    if made_up:
        say(f"Password, shown only now: {password}")


async def _import(one: Session, args: argparse.Namespace) -> int:
    try:
        text = args.file.read_text("utf-8-sig")
    except UnicodeDecodeError:
        wrong = f"{args.file} is not UTF-8: save it as CSV with UTF-8"
        raise Fault(Kind.SYNTAX, wrong) from None
    table = importing.Table(csv=text, dry_run=args.dry_run)
    done = await importing.run(one.store, one.actor, one.now, table)
    failed = len(done.rows) - done.made
    if args.json:
        session.print_json(done)
        return 1 if failed else 0
    rows = [(row.line, row.address, tell(row.problem) or row.password) for row in done.rows]
    headings = ("line", "address", "problem" if args.dry_run else "password, or problem")
    session.print_table(headings, rows, "The table has no lines below its heading.")
    if args.dry_run:
        say(f"{done.made} accounts can be made, {failed} cannot. Nothing is changed yet.")
    else:
        say(f"{done.made} accounts are made, {failed} could not be.")
    return 1 if failed else 0


async def _list(one: Session, args: argparse.Namespace) -> None:
    found = await one.store.read(directory.accounts, args.domain)
    if args.json:
        session.print_json([_plain(account) for account in found])
        return
    rows = [
        (
            account.address,
            account.name,
            account.emails,
            session.show_size(account.used),
            session.show_size(account.quota) if account.quota else tell("none"),
            _what(account),
        )
        for account in found
    ]
    headings = ("address", "name", "emails", "used", "quota", "")
    session.print_table(headings, rows, "No account yet: merpati account add ADDRESS")


async def _show(one: Session, args: argparse.Namespace) -> None:
    account = await one.store.read(directory.account, args.address)
    addresses = await one.store.read(directory.addresses, account.id)
    found = await one.store.read(mailboxes.listing, account.id)
    habits = await _habits(one, account)
    if args.json:
        plain = _plain(account)
        plain["forward"] = habits.targets
        plain["addresses"] = addresses
        plain["mailboxes"] = [
            {"name": box.name, "emails": box.total, "unseen": box.unseen, "bytes": box.size}
            for box in found
        ]
        session.print_json(plain)
        return
    quota = session.show_size(account.quota) if account.quota else "no limit"
    say(f"{account.address}  {account.name}")
    say(f"addresses  {', '.join(addresses)}")
    say(f"storage    {session.show_size(account.used)} in {account.emails} emails; {quota}")
    say(f"language   {account.language}")
    if habits.targets:
        kept = "; a copy stays" if habits.keep else ""
        say(f"forwards   to {', '.join(habits.targets)}{kept}")
    if habits.folder:
        say(f"answers    with files of {habits.folder}")
    if account.disabled:
        say("disabled   nobody can sign in")
    say("")
    rows = [(box.name, box.total, box.unseen, session.show_size(box.size)) for box in found]
    session.print_table(("mailbox", "emails", "unseen", "size"), rows, "")


async def _set(one: Session, args: argparse.Namespace) -> int:
    account = await one.store.read(directory.account, args.address)
    given: dict[str, Any] = {
        name: value
        for name in ("name", "quota", "quota_emails", "language")
        if (value := getattr(args, name)) is not None
    }
    if args.admin is not None:
        given["admin"] = args.admin == "yes"
    if args.address_given:
        given["address"] = args.address_given
    hashed = ""
    made_up = ""
    if account.kind is AccountKind.SHARED and (args.password or args.password_stdin):
        raise Fault(Kind.DENIED, f"nobody signs in to {account.address}: it is shared")
    if args.password or args.password_stdin:
        password, _ = session.read_password(args.address, from_stdin=args.password_stdin)
        hashed = hash_password(password)
        made_up = "" if args.password_stdin else password
    if args.revoke_all and not hashed:
        raise Fault(Kind.SYNTAX, "--revoke-all goes with --password or --password-stdin")
    if not given and not hashed:
        say("Nothing to change; see: merpati account set --help")
        return 2
    if hashed:
        await one.store.write(_set_password, one, account, hashed, args.revoke_all)
    if given:
        wanted = AccountChange(**given)
        await one.store.write(accounts.change, one.actor, one.now, account.address, wanted)
    say(f"Account {args.address_given or account.address} is changed.")
    if made_up:
        say(f"Password, shown only now: {made_up}")
    if hashed and (left := await one.store.read(app_passwords.of_account, account.id)):
        text = f"{len(left)} app passwords go on working; --revoke-all would have ended them, too."
        say(text)
    return 0


async def _set_password(
    tx: Transaction, one: Session, account: Account, hashed: str, revoke_all: bool
) -> None:
    await accounts.set_password(
        tx, one.actor, one.now, account.address, hashed, revoke_all=revoke_all
    )


async def _forward(one: Session, args: argparse.Namespace) -> None:
    account = await one.store.read(directory.account, args.address)
    targets = [str(parse_address(target)) for target in args.target]
    if "" in targets or account.address in targets:
        raise Fault(Kind.SYNTAX, "a target is another address, such as name@example.com")
    if args.off or targets:
        await one.store.write(
            accounts.forward, one.actor, one.now, account.address, targets, keep=args.keep
        )
    found = await _habits(one, account)
    if args.json:
        session.print_json({"address": account.address, "targets": found.targets,
                            "keep": found.keep})  # fmt: skip
    elif found.targets:
        copy = "and a copy stays" if found.keep else "and no copy stays"
        say(f"Mail for {account.address} goes on to {', '.join(found.targets)}, {copy}.")
    else:
        say(f"Mail for {account.address} stays here.")


async def _info(one: Session, args: argparse.Namespace) -> None:
    account = await one.store.read(directory.account, args.address)
    if args.folder is not None and not args.folder.is_dir():
        text = f"there is no folder {args.folder}; make it with: mkdir -p {args.folder}"
        raise Fault(Kind.NOT_FOUND, text)
    if args.off or args.folder is not None:
        folder = "" if args.off else str(args.folder.absolute())
        await one.store.write(accounts.hand_out, one.actor, one.now, account.address, folder)
    found = await _habits(one, account)
    if args.json:
        session.print_json({"address": account.address, "folder": found.folder})
    elif found.folder:
        count = len(index(Path(found.folder)))
        say(f"{account.address} hands out {count} files of {found.folder}.")
        say("To try it, write to it with the subject: index")
    else:
        say(f"{account.address} answers no requests.")


async def _habits(one: Session, account: Account) -> Habits:
    found = await one.store.read(forwards.habits, [account.id])
    return found.get(account.id, Habits(account.id, account.address, (), True, ""))


async def _disable(one: Session, args: argparse.Namespace) -> None:
    wanted = AccountChange(disabled=True)
    account = await one.store.write(accounts.change, one.actor, one.now, args.address, wanted)
    say(f"{account.address} is disabled: nobody can sign in, and no mail is taken for it.")


async def _enable(one: Session, args: argparse.Namespace) -> None:
    wanted = AccountChange(disabled=False)
    account = await one.store.write(accounts.change, one.actor, one.now, args.address, wanted)
    say(f"{account.address} is enabled.")


async def _hand_over(one: Session, args: argparse.Namespace) -> None:
    wanted = HandOver(to=args.to, reply=args.reply, dry_run=args.dry_run)
    done = await one.store.write_long(
        handing_over.hand_over, one.actor, one.now, args.address, wanted, one.ids.token
    )
    if args.json:
        session.print_json(done)
        return
    for step in done.steps:
        say(step)
    if args.dry_run:
        say("Nothing is changed yet.")
    else:
        say(f"To take it back: merpati account hand-back {done.address}")


async def _hand_back(one: Session, args: argparse.Namespace) -> None:
    done = await one.store.write_long(
        handing_over.hand_back, one.actor, one.now, args.address, one.ids.token
    )
    if args.json:
        session.print_json(done)
        return
    say(f"{done.address} is a person's account again, with its password.")
    for step in done.steps:
        say(step)


async def _remove(one: Session, args: argparse.Namespace) -> int:
    account = await one.store.read(directory.account, args.address)
    if not args.yes:
        say(f"This erases {account.emails} emails of {account.address} for good; add --yes.")
        return 1
    await one.store.write(accounts.remove, one.actor, one.now, account.address)
    say(f"{account.address} and its {account.emails} emails are erased.")
    return 0


def _what(account: Account) -> str:
    if account.disabled:
        return "disabled"
    if account.kind is AccountKind.SHARED:
        return "shared"
    return "admin" if account.is_admin else ""


def _plain(account: Account) -> dict[str, Any]:
    return {
        "address": account.address,
        "name": account.name,
        "admin": account.is_admin,
        "disabled": account.disabled,
        "language": account.language,
        "quota": account.quota,
        "quota_emails": account.quota_emails,
        "kind": account.kind.value,
        "used": account.used,
        "emails": account.emails,
    }


ACTIONS = {
    "add": _add,
    "import": _import,
    "list": _list,
    "show": _show,
    "set": _set,
    "forward": _forward,
    "info": _info,
    "expunged": restore.expunged,
    "undelete": restore.undelete,
    "app-password": sign_in.app_password,
    "sign-in": sign_in.run,
    "disable": _disable,
    "enable": _enable,
    "hand-over": _hand_over,
    "hand-back": _hand_back,
    "remove": _remove,
}
