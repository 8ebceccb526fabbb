r"""What IMAP has marked \Deleted: JMAP shows none of it, nor counts it (RFC 8621 4.1.1).

The mark is a keyword of a row, `$deleted`; an email whose rows all bear it is not there for
JMAP. So to mark one destroys it there, and to take the mark away creates it anew. When that was,
is a row of the log beside the one that IMAP reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from merpati.model import uids as uid_sets
from merpati.model.change import ChangeKind
from merpati.model.message import DELETED
from merpati.store import changes, emails, marked
from merpati.store.engine import Transaction

ROW: Final = 1  # the number of the row of the log within its act


class Turn(NamedTuple):
    """Marks that came and went: whether one was there before, and the modseq of the last."""

    was_marked: bool
    modseq: int


class LeftOut(NamedTuple):
    """Emails of a mailbox that are not counted: of all, and of those nobody has seen."""

    total: int
    unseen: int


NONE: Final = LeftOut(0, 0)
_IS_DRAFT: Final = "(' ' || keywords || ' ') LIKE '% $draft %'"
_LEFT_OUT: Final = (
    f"coalesce(sum(CASE WHEN {emails.IS_DELETED} THEN 1 ELSE 0 END), 0),"
    " coalesce(sum(CASE WHEN (' ' || keywords || ' ') LIKE '% $seen %' THEN 0 ELSE 1 END), 0)"
)


def is_marked(keywords: str) -> bool:
    """Whether stored keywords hold $deleted."""
    return DELETED in keywords and DELETED in keywords.split(" ")


async def log_turned(
    tx: Transaction,
    account_id: int,
    mailbox_id: int,
    modseq: int,
    uids: Sequence[int],
    held: Sequence[str],
    different: Mapping[str, str],
    changed: str,
) -> None:
    """Log which emails whose keywords changed have been marked, or are not any more.

    `held` are their keywords before, `different` what those became that changed, and `changed`
    the set of the UIDs of these.
    """
    turned = {old: new for old, new in different.items() if is_marked(old) is not is_marked(new)}
    came = {old for old, new in turned.items() if is_marked(new)}
    texts = [
        marked.those(uids, held, different, changed, group)
        for group in (came, turned.keys() - came)
    ]
    await log(tx, account_id, mailbox_id, modseq, *texts)


async def log(
    tx: Transaction, account_id: int, mailbox_id: int, modseq: int, marked: str, shown: str = ""
) -> None:
    """Log that emails have been marked, or came so, and that others are not any more: UID sets."""
    if marked or shown:
        kind = ChangeKind.DELETED_CHANGED
        await changes.log(tx, account_id, modseq, ROW, kind, mailbox_id, marked, shown)


def turns(rows: Iterable[tuple[int, str, str]], since: int) -> dict[int, Turn]:
    """By UID what became of the marks in a mailbox since a modseq.

    Rows as `log` wrote them, by modseq; what came with `since` itself is known to most.
    """
    found: dict[int, Turn] = {}
    for modseq, came, shown in rows:
        for text, was_marked in ((came, False), (shown, True)):
            for uid in uid_sets.expand(text) if text else ():
                known = found.get(uid)
                if known is not None and known.modseq > since:
                    found[uid] = Turn(known.was_marked, modseq)
                else:
                    found[uid] = Turn(was_marked, modseq)
    return found


async def left_out(tx: Transaction, account_id: int) -> dict[int, LeftOut]:
    """What is not counted of mailboxes: what is marked, and of drafts that they are not read.

    RFC 8621 2 says that a draft is not unread.
    """
    found = {}
    for mailbox_id, ranges in await marked.everywhere(tx, account_id):
        counts = await marked.select(
            tx, account_id, mailbox_id, ranges, _LEFT_OUT, f"({emails.IS_DELETED} OR {_IS_DRAFT})"
        )
        total, unseen = (int(sum(each)) for each in zip(*counts, strict=True))
        if total or unseen:
            found[mailbox_id] = LeftOut(total, unseen)
    return found


async def are_any(tx: Transaction, account_id: int) -> bool:
    """Whether anything in an account is marked."""
    where = f"{emails.IS_DELETED} LIMIT 1"
    for mailbox_id, ranges in await marked.everywhere(tx, account_id):
        if await marked.select(tx, account_id, mailbox_id, ranges, "1", where):
            return True
    return False
