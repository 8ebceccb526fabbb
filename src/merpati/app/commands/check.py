"""Look for damage in the store, and mend it. The server may run meanwhile.

Every row is held against the others, and every message is read and hashed. No mail is ever
deleted. The exit status is 1 while damage remains.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any, Final

from merpati.app.cli import DONE, FAILED
from merpati.app.commands import session
from merpati.app.commands.session import Session, say
from merpati.app.language import tell as told
from merpati.model.message import Digest
from merpati.services.digest import digest
from merpati.store import check
from merpati.store.check import Report

BAR: Final = 30  # characters
SHOWN: Final = 100  # damages listed; --json has more


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati check [--repair]`."""
    parser.add_argument("--repair", action="store_true", help="mend what can be mended")
    session.add_config_option(parser)
    session.add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    """Do it."""
    return session.with_session(args, lambda one: _check(one, args))


async def _check(one: Session, args: argparse.Namespace) -> int:
    def redigest(content: bytes) -> Digest:
        return digest(content, one.now)

    bar = Bar(shown=sys.stderr.isatty())
    try:
        report = await check.check(
            one.store, one.blobs, repair=args.repair, progress=bar.show, redigest=redigest
        )
    finally:
        bar.clear()
    if args.json:
        session.print_json(_plain(report))
    else:
        for line in tell(report, repair=args.repair):
            say(line)
    return FAILED if report.left else DONE


class Bar:
    """A progress bar on standard error, in one line that is written again and again."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown

    def show(self, what: str, done: int, total: int) -> None:
        """How far it is with what; a `total` of 0 is not known."""
        if self._shown:
            full = BAR * min(done, total) // total if total else 0
            sys.stderr.write(f"\r\x1b[K[{'#' * full:{BAR}}] {told(what)} {done}/{total or '?'}")
            sys.stderr.flush()

    def clear(self) -> None:
        """Leave the line empty."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")


def tell(report: Report, *, repair: bool) -> list[str]:
    """The report for people."""
    size = f"{_count(report.accounts, 'account')}, {_count(report.blobs, 'message')}"
    found = sum(report.found.values())
    if not found:
        return [f"{size}: all is well."]
    lines = [f"{size}: {_count(found, 'damage')} found, {found - report.left} mended."]
    lines += [
        f"  {'mended' if one.mended else 'left':6}  {one.damage.value}: {one.where}"
        for one in report.examples[:SHOWN]
    ]
    if found > SHOWN:
        lines.append(f"  ... and {found - SHOWN} more")
    if not repair:
        lines.append("What can be mended without losing mail is, with: merpati check --repair")
    elif report.left:
        lines.append("What is left needs a backup, or your decision; nothing of it was deleted.")
    return lines


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _plain(report: Report) -> dict[str, Any]:
    return {
        "accounts": report.accounts,
        "messages": report.blobs,
        "left": report.left,
        "found": {damage.name: count for damage, count in report.found.items()},
        "mended": {damage.name: count for damage, count in report.mended.items()},
        "damages": [
            {"damage": one.damage.name, "where": one.where, "mended": one.mended}
            for one in report.examples
        ],
    }
