"""What others report about mail in the name of our domains: who sends it, and whether it passes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from merpati.app.commands import session
from merpati.app.commands.session import Session, say
from merpati.app.installation import ServerSettings
from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.services import dmarc_digest
from merpati.store import directory, reports
from merpati.wire.reports import aggregate, failure, parcel
from merpati.wire.reports.aggregate import Report

DAYS = 7


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati report show|read`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    text = "tell what the reports of the last days say"
    show = actions.add_parser("show", help=text, description=text)
    show.add_argument("domain", nargs="?", help="one of our domains; default: all of them")
    show.add_argument("--days", type=int, default=DAYS, help=f"how far back; default {DAYS}")
    session.add_json_option(show)
    text = "take in reports: mails, or files as they were attached (.xml, .gz, .zip); tell failures"
    read = actions.add_parser("read", help=text, description=text)
    read.add_argument("file", nargs="+", help='"-" is standard input')
    for action in (show, read):
        action.add_argument("--language", choices=("en", "id"), help="default: the server's")
        session.add_config_option(action)


def run(args: argparse.Namespace) -> None:
    """Do it."""
    session.with_session(args, lambda one: ACTIONS[args.action](one, args))


async def _show(one: Session, args: argparse.Namespace) -> None:
    known = [domain.name for domain in await one.store.read(directory.domains)]
    reported = await one.store.read(reports.reported_domains)
    names = [args.domain.lower()] if args.domain else sorted({*known, *reported})
    if args.domain and names[0] not in {*known, *reported}:
        raise Fault(Kind.NOT_FOUND, f"{args.domain} is not served here")
    found = [
        await dmarc_digest.summary(one.store, name, args.days, one.clock.now()) for name in names
    ]
    if args.json:
        session.print_json([msgspec.to_builtins(summary) for summary in found])
        return
    language = args.language or one.config[ServerSettings].language
    for number, name in enumerate(names):
        if number:
            say("")
        now = one.clock.now()
        for line in await dmarc_digest.tell(one.store, name, args.days, now, language):
            say(line)


async def _read(one: Session, args: argparse.Namespace) -> None:
    language = args.language or one.config[ServerSettings].language
    for name in args.file:
        data = _bytes(name)
        found = failure.read(data)
        if found is not None:
            for line in failure.sentences(found, language):
                say(line)
            continue
        for report in _reports(name, data):
            kept = await dmarc_digest.keep(one.store, report, one.clock.now())
            about = f"{report.org_name} about {report.published.domain}, {report.report_id}"
            say(f"{'kept' if kept else 'known already, or not about us'}: {about}")


def _bytes(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as problem:
        raise Fault(Kind.NOT_FOUND, f"{name} cannot be read: {problem.strerror}") from None


def _reports(name: str, data: bytes) -> list[Report]:
    """The reports in a file, which may be one, or a mail with one."""
    try:
        return [aggregate.parse(parcel.unpack(data))]
    except SyntaxFault as fault:
        try:
            return dmarc_digest.read_mail(data)
        except SyntaxFault:
            raise SyntaxFault(f"{name}: {fault.text}") from None


ACTIONS = {"show": _show, "read": _read}
