"""Take mail over from files of other programs, or from another IMAP server.

Every run goes on where the last one ended: nothing is added twice, and what was deleted here
since stays deleted. The server may run meanwhile.
"""

from __future__ import annotations

import argparse
import csv
import inspect
import os
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from merpati.app.commands import session
from merpati.app.commands.check import Bar
from merpati.app.commands.session import Session, say
from merpati.app.language import tell
from merpati.base.faults import Fault, Kind
from merpati.net.remote import SECURITIES, Account, Remote
from merpati.services.moving import maildirs, mboxes
from merpati.services.moving.intake import Incoming, Intake, Report, closed
from merpati.services.moving.servers import Compared, Copied, Job, Options, Servers
from merpati.store import directory, imported
from merpati.wire.mbox import Kind as MboxKind

DONE: Final = 0
FAILED: Final = 1
SHOWN: Final = 20  # names of what could not be read; all of them with --json
PORTS: Final = {"tls": 993, "starttls": 143, "none": 143}
KEYS: Final = ("host", "port", "security", "user", "password", "master", "target")
INTERRUPTED: Final = "broken off; what has come in stays. Run it again: it goes on where it ended"
PASSWORD_VARIABLE: Final = "MERPATI_IMPORT_PASSWORD"  # noqa: S105 -- the name of a variable


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati import maildir|mbox|imap|forget`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="SOURCE")
    for name, text in (
        ("maildir", "a Maildir or Maildir++, or a directory of them"),
        ("mbox", "an mbox file, or a directory of them"),
    ):
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument("address", help="the account that it becomes")
        action.add_argument("path", type=Path)
        _common(action)
        if name == "mbox":
            kinds = [kind.value for kind in MboxKind]
            action.add_argument(
                "--kind", choices=kinds, default="auto", help="how lines with From are quoted"
            )
            action.add_argument("--mailbox", default="", help="what a single file becomes")
    imap = actions.add_parser(
        "imap", help="accounts of another IMAP server", description=inspect.getdoc(_imap)
    )
    imap.add_argument("address", nargs="?", help="the account that it becomes")
    imap.add_argument("--accounts", type=Path, metavar="FILE", help="many: a CSV or TOML file")
    imap.add_argument("--host", default="", help="the other server")
    imap.add_argument("--port", type=int, default=0, help="default: 993, or 143 without tls")
    imap.add_argument("--security", choices=SECURITIES, default="tls")
    imap.add_argument("--no-verify", action="store_true", help="take any certificate")
    imap.add_argument("--authority", default="", metavar="FILE", help="PEM: whom to believe")
    imap.add_argument("--user", default="", help="the name there; default: ADDRESS")
    imap.add_argument(
        "--master", default="", help="who signs in for everybody; the password is theirs"
    )
    imap.add_argument("--jobs", type=int, default=4, help="accounts at once")
    imap.add_argument("--rate", type=session.parse_size, default=0, metavar="SIZE",
                      help="bytes in a second for each connection, such as 1MB")  # fmt: skip
    imap.add_argument(
        "--delete", action="store_true", help="remove what was copied and is there no longer"
    )
    imap.add_argument(
        "--everything",
        action="store_true",
        help="virtual folders (All Mail) and those of others too",
    )
    imap.add_argument("--no-compare", action="store_true", help="count nothing at the end")
    imap.add_argument("--hashes", action="store_true", help="compare by fetching all once more")
    _common(imap)
    forget = actions.add_parser(
        "forget", help="forget what was imported, so that the next run takes all of it again"
    )
    forget.add_argument("address")
    session.add_config_option(forget)


def _common(action: argparse.ArgumentParser) -> None:
    action.add_argument("--dry-run", action="store_true", help="read all, store nothing")
    action.add_argument(
        "--ignore-quota", action="store_true", help="more than the account may hold"
    )
    session.add_config_option(action)
    session.add_json_option(action)


def run(args: argparse.Namespace) -> int:
    """Do it."""
    try:
        return session.with_session(args, lambda one: ACTIONS[args.action](one, args))
    except KeyboardInterrupt:
        if args.action != "forget":
            sys.stderr.write(f"\nmerpati import: {tell(INTERRUPTED)}")
        raise


async def _maildir(one: Session, args: argparse.Namespace) -> int:
    report = Report()
    sources = maildirs.sources(args.path, report)
    folders = [(source.path, source.count, maildirs.messages(source)) for source in sources]
    return await _files(one, args, report, folders)


async def _mbox(one: Session, args: argparse.Namespace) -> int:
    report, kind = Report(), MboxKind(args.kind)
    sources = mboxes.sources(args.path, args.mailbox, report)
    folders = [(source.path, 0, mboxes.messages(source, kind, report)) for source in sources]
    return await _files(one, args, report, folders)


async def _files(
    one: Session, args: argparse.Namespace, report: Report,
    folders: list[tuple[str, int, Iterator[Incoming]]],
) -> int:  # fmt: skip
    """Mailboxes with their messages, and how many those are; 0: nobody knows before."""
    account = await one.store.read(directory.account, args.address)
    bar = Bar(shown=sys.stderr.isatty())
    total = sum(count for _, count, _ in folders)
    done = 0

    def show(path: str, count: int) -> None:
        nonlocal done
        done += count
        bar.show(path, done, total)

    intake = Intake(
        one.store, one.blobs, one.clock, account.id, ignore_quota=args.ignore_quota,
        dry_run=args.dry_run, progress=show, report=report,
    )  # fmt: skip
    problem = ""
    try:
        for path, _, messages in folders:
            await intake.take(path, await intake.mailbox(path), messages)
    except Fault as fault:
        problem = fault.text
    finally:
        bar.clear()
    if args.json:
        session.print_json(_plain(report, problem))
    else:
        _tell(report, account.address, dry_run=args.dry_run)
    return _end(problem, failed=bool(report.skipped_count))


async def _imap(one: Session, args: argparse.Namespace) -> int:
    """Copy accounts of another IMAP server, one or many at a time.

    One: its password is read from standard input, or from MERPATI_IMPORT_PASSWORD. Many: a
    CSV file whose first line names its columns, or a TOML file with [[account]] tables; of host,
    port, security, user, password, master and target (the account here) what all have in common
    may be given as options instead.
    """
    jobs = list(_jobs(args))
    bar = Bar(shown=sys.stderr.isatty())
    done = 0

    def show(target: str, path: str, count: int) -> None:
        nonlocal done
        done += count
        bar.show(f"{target} {path}", done, 0)

    options = Options(
        ignore_quota=args.ignore_quota, dry_run=args.dry_run, delete=args.delete,
        compare=not args.no_compare, hashes=args.hashes, bytes_per_second=args.rate,
        everything=args.everything,
    )  # fmt: skip
    servers = Servers(one.store, one.blobs, one.clock, options, show)
    try:
        found = await servers.copy_all(jobs, max(1, args.jobs))
    finally:
        bar.clear()
    if args.json:
        session.print_json([_plain_copied(copied) for copied in found])
    else:
        for copied in found:
            _tell_copied(copied, dry_run=args.dry_run)
    wrong = [copied.target for copied in found if _is_incomplete(copied)]
    if wrong:
        some = ", ".join(wrong[:SHOWN]) + (" ..." if len(wrong) > SHOWN else "")
        text = (
            f"{len(wrong)} of {len(found)} accounts not complete: {some}; mend what is said above"
            " and run it again: it goes on where it ended"
        )
        sys.stderr.write(f"merpati import: {tell(text)}\n")
    return FAILED if wrong else DONE


def _is_incomplete(copied: Copied) -> bool:
    return bool(
        copied.problem
        or copied.report.skipped_count
        or any(each.missing or each.differ for each in copied.compared)
    )


async def _forget(one: Session, args: argparse.Namespace) -> int:
    account = await one.store.read(directory.account, args.address)
    count = await one.store.write_long(imported.forget, account.id)
    say(f"Forgotten: {count} imported messages. The emails themselves stay.")
    return DONE


def _jobs(args: argparse.Namespace) -> Iterator[Job]:
    """The accounts to copy.

    Raises:
        Fault: CONFIG for a file that is wrong, with the line; SYNTAX for missing options.
    """
    if args.accounts is None:
        if not args.address or not args.host:
            text = "name the account and --host, or many with --accounts FILE"
            raise Fault(Kind.SYNTAX, text)
        password = os.environ.get(PASSWORD_VARIABLE, "")
        if not password:
            password, _ = session.read_password(args.user or args.address, from_stdin=True)
        yield _job(args, {"password": password, "target": args.address})
        return
    for number, row in enumerate(_rows(args.accounts), 1):
        try:
            yield _job(args, row)
        except Fault as fault:
            where = f"{args.accounts}: account {number}"
            raise Fault(fault.kind, f"{where}: {fault.text}") from None


def _rows(file: Path) -> list[dict[str, str]]:
    try:
        text = file.read_text("utf-8-sig")
        if file.suffix == ".toml":
            tables = tomllib.loads(text).get("account", [])
            return [{key: str(value) for key, value in table.items()} for table in tables]
        heading = text.partition("\n")[0]
        between = max(",;\t", key=heading.count)  # spreadsheets save what their country writes
        found = csv.DictReader(text.splitlines(), skipinitialspace=True, delimiter=between)
        rows = [
            {k.strip().lower(): (v or "").strip() for k, v in row.items() if k} for row in found
        ]
        return [row for row in rows if any(row.values())]
    except PermissionError:
        raise closed(file) from None
    except OSError as error:
        raise Fault(Kind.CONFIG, f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, AttributeError, csv.Error) as error:
        raise Fault(Kind.CONFIG, f"{file} is no CSV or TOML of accounts: {error}") from error


def _job(args: argparse.Namespace, row: dict[str, str]) -> Job:
    unknown = sorted(set(row) - set(KEYS))
    if unknown:
        raise Fault(Kind.CONFIG, f"no such column: {unknown[0]}; there are {', '.join(KEYS)}")
    target = row.get("target") or row.get("user", "")
    host = row.get("host") or args.host
    password = row.get("password") or os.environ.get(PASSWORD_VARIABLE, "")
    security = row.get("security") or args.security
    port = row.get("port") or args.port or PORTS.get(security, 0)
    missing = [name for name, value in (("target", target), ("host", host), ("password", password))
               if not value]  # fmt: skip
    if missing:
        raise Fault(Kind.CONFIG, f"{missing[0]} is missing")
    if security not in SECURITIES or not str(port).isdigit():
        raise Fault(Kind.CONFIG, f"security is one of {', '.join(SECURITIES)}, port a number")
    remote = Remote(host, int(port), security, verify=not args.no_verify, authority=args.authority)
    user = row.get("user") or args.user or target
    return Job(remote, Account(user, password, row.get("master") or args.master), target)


def _tell(report: Report, address: str, *, dry_run: bool) -> None:
    would = "would be added" if dry_run else "added"
    size = session.show_size(report.octets)
    say(
        f"{address}: {report.added} {would} ({size}), {report.known} were here already,"
        f" {report.skipped_count} could not be read."
    )
    for name, reason in report.skipped[:SHOWN]:
        say(f"  {name}: {tell(reason)}")
    if report.skipped_count > SHOWN:
        say(f"  ... and {report.skipped_count - SHOWN} more; --json names them")


def _tell_copied(copied: Copied, *, dry_run: bool) -> None:
    _tell(copied.report, copied.target, dry_run=dry_run)
    if copied.flags or copied.removed:
        say(f"  {copied.flags} flags brought up to date, {copied.removed} removed.")
    rows = [
        (
            each.folder, each.mailbox, each.there, each.here,
            session.show_size(each.octets_there), session.show_size(each.octets_here),
            tell(_standing(each)),
        )
        for each in copied.compared
    ]  # fmt: skip
    if rows:
        headings = ("folder", "mailbox", "there", "here", "size there", "size here", "")
        session.print_table(headings, rows, "")
    if copied.left_out:
        some = ", ".join(copied.left_out[:SHOWN]) + (" ..." if len(copied.left_out) > SHOWN else "")
        say(f"  left out: {some}; --everything takes them")
    if copied.problem:
        say(f"  broken off: {copied.problem}")


def _standing(each: Compared) -> str:
    if each.is_equal:
        return "equal"
    if each.missing:
        return f"{each.missing} missing"
    return f"{each.differ} differ" if each.differ else f"{each.gone_here} moved or deleted here"


def _plain(report: Report, problem: str) -> dict[str, Any]:
    return {
        "found": report.found,
        "added": report.added,
        "known": report.known,
        "bytes": report.octets,
        "mailboxes": report.mailboxes,
        "skipped": [{"name": name, "reason": reason} for name, reason in report.skipped],
        "problem": problem,
    }


def _plain_copied(copied: Copied) -> dict[str, Any]:
    return {
        "account": copied.target,
        **_plain(copied.report, copied.problem),
        "flags": copied.flags,
        "removed": copied.removed,
        "left_out": copied.left_out,
        "folders": copied.compared,
    }


def _end(problem: str, *, failed: bool) -> int:
    if problem:
        sys.stderr.write(f"merpati import: {tell(problem)}\n")
    return FAILED if problem or failed else DONE


ACTIONS = {"maildir": _maildir, "mbox": _mbox, "imap": _imap, "forget": _forget}
