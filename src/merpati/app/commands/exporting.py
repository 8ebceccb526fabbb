"""Write an account's mail to files that other programs read, byte for byte.

A second run writes only what is new, and brings flags up to date. The server may run meanwhile.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from merpati.app.commands import session
from merpati.app.commands.check import Bar
from merpati.app.commands.session import Session, say
from merpati.app.installation import ServerSettings
from merpati.app.language import tell
from merpati.base.faults import Fault, Kind
from merpati.services.moving.export import Exported, MaildirFormat, MboxFormat, export
from merpati.services.moving.intake import whoever_runs
from merpati.store import directory
from merpati.wire.mbox import Kind as MboxKind

DONE: Final = 0
FAILED: Final = 1
SHOWN: Final = 20


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati export maildir|mbox`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="FORMAT")
    for name, text in (
        ("maildir", "a Maildir++ with all folders"),
        ("mbox", "a directory with an mbox file for each folder"),
    ):
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument("address", help="whose mail")
        action.add_argument("path", type=Path, help="the directory; made when it is not there")
        action.add_argument("--dry-run", action="store_true", help="count, write nothing")
        if name == "mbox":
            kinds = [kind.value for kind in MboxKind if kind is not MboxKind.AUTO]
            action.add_argument(
                "--kind", choices=kinds, default="mboxrd", help="how lines with From are quoted"
            )
        session.add_config_option(action)
        session.add_json_option(action)


def run(args: argparse.Namespace) -> int:
    """Do it."""
    return session.with_session(args, lambda one: _export(one, args))


async def _export(one: Session, args: argparse.Namespace) -> int:
    account = await one.store.read(directory.account, args.address)
    bar = Bar(shown=sys.stderr.isatty())
    done = 0

    def show(path: str, count: int) -> None:
        nonlocal done
        done += count
        bar.show(path, done, account.emails)

    try:
        target: MaildirFormat | MboxFormat
        if args.action == "mbox":
            target = MboxFormat(args.path, MboxKind(args.kind), dry_run=args.dry_run)
        else:
            target = MaildirFormat(args.path, one.config[ServerSettings].hostname)
        report = await export(one.store, one.blobs, account.id, target, show, dry_run=args.dry_run)
    except PermissionError as error:
        file, user = error.filename or args.path, whoever_runs()
        text = (
            f"{file} cannot be written by the user {user}, as whom this runs; choose a directory"
            " of theirs"
        )
        raise Fault(Kind.DENIED, text) from error
    except OSError as error:
        text = f"{error.filename or args.path} cannot be written: {error.strerror}"
        raise Fault(Kind.UNAVAILABLE, text) from error
    finally:
        bar.clear()
    _tell(report, args)
    return FAILED if report.skipped else DONE


def _tell(report: Exported, args: argparse.Namespace) -> None:
    if args.json:
        skipped = [{"name": name, "reason": reason} for name, reason in report.skipped]
        session.print_json(
            {"written": report.written, "known": report.known, "bytes": report.octets,
             "mailboxes": report.mailboxes, "skipped": skipped}
        )  # fmt: skip
        return
    if args.dry_run:
        say(f"{sum(report.mailboxes.values())} emails in {len(report.mailboxes)} mailboxes.")
        return
    size = session.show_size(report.octets)
    say(
        f"{args.address}: {report.written} written ({size}), {report.known} were there already,"
        f" {len(report.skipped)} could not be read."
    )
    for name, reason in report.skipped[:SHOWN]:
        say(f"  {name}: {tell(reason)}")
