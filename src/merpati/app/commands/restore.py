"""`merpati account expunged` and `account undelete`: mail that somebody has removed."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime
from typing import Any, Final

from merpati.app.commands import session
from merpati.app.commands.session import Session, say
from merpati.base.clock import SystemClock
from merpati.base.faults import Fault, Kind
from merpati.services.administration.accounts import note_restored
from merpati.services.restore import Restore
from merpati.store import directory
from merpati.store.restore import Removed

_AGO: Final = re.compile(r"([0-9]{1,4})([hd])")
_HOUR: Final = 3_600_000  # ms


def configure(action: argparse.ArgumentParser) -> None:
    """The options of both."""
    action.add_argument("--mailbox", default="", help="of this mailbox and those below it only")
    action.add_argument("--since", default="", help="removed since: 2026-11-22, or 12h or 3d ago")


async def expunged(one: Session, args: argparse.Namespace) -> None:
    """What can be restored."""
    account = await one.store.read(directory.account, args.address)
    since = _since(args.since, one.now)
    found = await Restore(one.store, SystemClock()).summary(
        account.id, mailbox=args.mailbox, since=since
    )
    if args.json:
        session.print_json([_plain(each) for each in found])
        return
    rows = [
        (
            each.path,
            each.emails,
            session.show_size(each.size),
            _moment(each.latest),
            "deleted" if each.gone else "",
        )
        for each in found
    ]
    headings = ("mailbox", "emails", "size", "last removed", "")
    session.print_table(headings, rows, "Nothing can be restored.")


async def undelete(one: Session, args: argparse.Namespace) -> None:
    """Put it back."""
    account = await one.store.read(directory.account, args.address)
    if not args.mailbox and not args.since:
        raise Fault(Kind.SYNTAX, "say what: --mailbox NAME, or --since WHEN, or both")
    since = _since(args.since, one.now)

    async def note(emails: int, boxes: list[str]) -> None:
        await one.store.write(note_restored, one.actor, one.now, account.address, emails, boxes)
        say(f"{emails} emails are back in {', '.join(boxes)}.")

    done = await Restore(one.store, SystemClock()).restore(
        account.id, mailbox=args.mailbox, since=since, note=note
    )
    if not done.mailboxes:
        say("Nothing can be restored.")


def _since(text: str, now: int) -> int:
    """A moment, Unix milliseconds. Raises Fault SYNTAX."""
    if not text:
        return 0
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return now - int(ago[1]) * _HOUR * (24 if ago[2] == "d" else 1)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Fault(Kind.SYNTAX, f"{text!r}: write 2026-11-22, 12h or 3d") from None
    return int((at if at.tzinfo else at.astimezone()).timestamp() * 1000)


def _moment(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def _plain(one: Removed) -> dict[str, Any]:
    return {
        "mailbox": one.path,
        "deleted": one.gone,
        "emails": one.emails,
        "bytes": one.size,
        "last_removed": one.latest,
    }
