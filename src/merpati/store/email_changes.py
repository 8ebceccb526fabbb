"""What became of the emails of an account since a moment, out of its change log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from merpati.model import uids as uid_sets
from merpati.model.change import ChangeKind
from merpati.store import changes, email_places, emails
from merpati.store.engine import Row, Transaction

STEP_MAX: Final = 20_000  # rows of one query
REMOVALS: Final = (ChangeKind.EMAILS_REMOVED, ChangeKind.MAILBOX_DESTROYED)


class EmailChange(msgspec.Struct, frozen=True):
    """An email that changed.

    Attributes:
        modseq: of the last change.
        email_id: of the email.
        created: the modseq it came to be with; None when it is gone.
        thread_id: of its thread; 0 when that is not known any more.
    """

    modseq: int
    email_id: int
    created: int | None
    thread_id: int


async def since(tx: Transaction, account_id: int, modseq: int) -> tuple[list[EmailChange], int]:
    """The emails that changed with this modseq or later, each once, and the modseq now.

    Of those that came after `modseq` and went again, most are left out.
    """
    current = await changes.current(tx, account_id)
    if current < modseq:
        return [], current
    gone: dict[int, EmailChange] = {}
    born: dict[int, int] = {}
    flagged: dict[int, list[str]] = {}
    rows = await tx.rows(
        "SELECT modseq, kind, mailbox_id, uids, emails, born FROM change"
        " WHERE account_id = $1 AND modseq >= $2 AND kind IN ($3, $4, $5)",
        account_id, modseq, int(ChangeKind.KEYWORDS_CHANGED), *map(int, REMOVALS),
    )  # fmt: skip
    for at, kind, mailbox_id, uids, email_ids, its_born in rows:
        if kind == ChangeKind.KEYWORDS_CHANGED:
            flagged.setdefault(mailbox_id, []).append(uids)
        for one in uid_sets.expand(email_ids) if email_ids else ():
            gone[one] = EmailChange(at, one, None, 0)
        born |= _births(its_born)
    there: dict[int, list[tuple[int, Row]]] = {}
    for mailbox_id, its_modseq in await tx.rows(
        "SELECT id, modseq FROM mailbox WHERE account_id = $1 AND modseq >= $2", account_id, modseq
    ):
        assert its_modseq
        found = await _added(tx, account_id, mailbox_id, modseq)
        if mailbox_id in flagged:
            known = {row[0] for row in found}
            wanted = [one for one in uid_sets.union(flagged[mailbox_id]) if one not in known]
            found += await emails.fetch(tx, account_id, mailbox_id, wanted, COLUMNS)
        for row in found:
            there.setdefault(row[2], []).append((mailbox_id, row))
    for email_id in there:
        gone.pop(email_id, None)
    # One that left a mailbox may still be in another.
    still = await email_places.find(tx, account_id, gone, COLUMNS[1:2] + COLUMNS[3:])
    for email_id, held in still.items():
        at = gone.pop(email_id).modseq
        row = held[0].row
        there[email_id] = [(held[0].mailbox_id, (row[0], at, email_id, row[3], row[4]))]
    # Who does not know of one that came since need not hear that it went.
    told = [one for one in gone.values() if born.get(one.email_id, 0) <= modseq]
    moved = [
        email_id
        for email_id, places in there.items()
        if all(email_id != emails.first_id(box, row[0]) for box, row in places)
    ]
    created = await email_places.created(tx, account_id, moved) if moved else {}
    for email_id, places in there.items():
        last = max(row[1] for _, row in places)
        first = created.get(email_id)
        if first is None:
            first = min(row[4] for _, row in places)
        told.append(EmailChange(last, email_id, first, places[0][1][3]))
    return told, current


async def threads_left(tx: Transaction, account_id: int, modseq: int) -> dict[int, int]:
    """The threads that an email has left with this modseq or later, and when at last.

    Emails that came since do not count.
    """
    rows = await tx.rows(
        "SELECT modseq, threads, emails, born FROM change WHERE account_id = $1"
        " AND modseq >= $2 AND threads <> '' ORDER BY modseq",
        account_id, modseq,
    )  # fmt: skip
    return {
        one: at
        for at, threads, email_ids, born in rows
        if not _came_since(email_ids, _births(born), modseq)
        for one in uid_sets.expand(threads)
    }


def _births(text: str) -> dict[int, int]:
    """With which modseq emails came that are gone, of a row of the log."""
    pairs = [one.partition(":") for one in text.split()]
    return {int(email_id): int(came) for email_id, _, came in pairs}


def _came_since(email_ids: str, born: Mapping[int, int], modseq: int) -> bool:
    """Whether all emails of a row of the log came after a modseq."""
    return all(born.get(one, 0) > modseq for one in uid_sets.expand(email_ids))


COLUMNS: Final = ("uid", "modseq", "email_id", "thread_id", "added")


async def _added(tx: Transaction, account_id: int, mailbox_id: int, modseq: int) -> list[Row]:
    """The rows of what came with this modseq or later: both rise together in a mailbox."""
    found: list[Row] = []
    below, step = 1 << 62, 4
    while True:
        rows: Sequence[Row] = await tx.rows(
            "SELECT uid, modseq, email_id, thread_id, added FROM mailbox_email"
            " WHERE account_id = $1 AND mailbox_id = $2 AND uid < $3 ORDER BY uid DESC LIMIT $4",
            account_id, mailbox_id, below, step,
        )  # fmt: skip
        for row in rows:
            if row[4] < modseq:
                return found
            found.append(row)
        if len(rows) < step:
            return found
        below, step = rows[-1][0], min(step * 8, STEP_MAX)
