"""What became of the emails of an account since a moment, out of its change log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from merpati.model import uids as uid_sets
from merpati.model.change import ChangeKind
from merpati.store import changes, email_marks, email_places, emails
from merpati.store.email_marks import Turn
from merpati.store.engine import Row, Transaction

STEP_MAX: Final = 20_000  # rows of one query
REMOVALS: Final = (ChangeKind.EMAILS_REMOVED, ChangeKind.MAILBOX_DESTROYED)


class EmailChange(msgspec.Struct, frozen=True):
    """An email that changed.

    Attributes:
        modseq: of the last change.
        email_id: of the email.
        created: the modseq it came to be with; None when it is gone.
        thread_id: of its thread; 0 when the log says it (`threads_left`).
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
    log = await _read_log(tx, account_id, modseq)
    gone, born = log.gone, log.born
    there: dict[int, list[tuple[int, Row]]] = {}
    shown: dict[int, int] = {}
    for mailbox_id, row in await _changed_rows(tx, account_id, modseq, log.flagged):
        uid, _, email_id, thread_id, added, keywords = row
        turn = log.turns.get(mailbox_id, {}).get(uid)
        if not email_marks.is_marked(keywords):
            there.setdefault(email_id, []).append((mailbox_id, row))
            if turn is not None and turn.was_marked:
                shown[email_id] = turn.modseq
        elif turn is not None and not turn.was_marked:
            gone[email_id] = EmailChange(turn.modseq, email_id, None, thread_id)
            if email_id == emails.first_id(mailbox_id, uid):
                born[email_id] = added
    for email_id in there:
        gone.pop(email_id, None)
    # One that left a mailbox may still be in another.
    still = await email_places.find(tx, account_id, gone, ("modseq", "thread_id", "added"))
    for email_id, held in still.items():
        at = gone.pop(email_id).modseq
        uid, _, _, thread_id, added = held[0].row
        there[email_id] = [(held[0].mailbox_id, (uid, at, email_id, thread_id, added, ""))]
    moved = [
        email_id
        for email_id, places in there.items()
        if all(email_id != emails.first_id(box, row[0]) for box, row in places)
    ]
    moved += [email_id for email_id, one in gone.items() if one.thread_id and email_id not in born]
    created = await email_places.created(tx, account_id, moved) if moved else {}
    created |= await _shown_anew(tx, account_id, modseq, shown, log.turns)
    # Who does not know of one that came since need not hear that it went.
    told = [
        one
        for one in gone.values()
        if born.get(one.email_id, created.get(one.email_id, 0)) <= modseq
    ]
    for email_id, places in there.items():
        last = max(row[1] for _, row in places)
        first = created.get(email_id)
        if first is None:
            first = min(row[4] for _, row in places)
        told.append(EmailChange(last, email_id, first, places[0][1][3]))
    return told, current


class _Log(NamedTuple):
    """What the log says of the emails of an account since a moment.

    Attributes:
        gone: those that left a mailbox.
        born: the modseqs with which some of them came.
        flagged: UIDs in each mailbox whose keywords changed.
        turns: what became of marks there, by UID.
    """

    gone: dict[int, EmailChange]
    born: dict[int, int]
    flagged: dict[int, list[str]]
    turns: dict[int, dict[int, Turn]]


async def _read_log(tx: Transaction, account_id: int, modseq: int) -> _Log:
    gone: dict[int, EmailChange] = {}
    born: dict[int, int] = {}
    flagged: dict[int, list[str]] = {}
    marks: dict[int, list[tuple[int, str, str]]] = {}
    rows = await tx.rows(
        "SELECT modseq, kind, mailbox_id, uids, emails, born FROM change"
        " WHERE account_id = $1 AND modseq >= $2 AND kind IN ($3, $4, $5, $6) ORDER BY modseq",
        account_id, modseq, int(ChangeKind.KEYWORDS_CHANGED), int(ChangeKind.DELETED_CHANGED),
        *map(int, REMOVALS),
    )  # fmt: skip
    for at, kind, mailbox_id, uids, ids, its_born in rows:
        if kind == ChangeKind.KEYWORDS_CHANGED:
            flagged.setdefault(mailbox_id, []).append(uids)
        elif kind == ChangeKind.DELETED_CHANGED:
            marks.setdefault(mailbox_id, []).append((at, uids, ids))
        else:
            for one in uid_sets.expand(ids):
                gone[one] = EmailChange(at, one, None, 0)
            born |= _births(its_born)
    turns = {box: email_marks.turns(each, modseq) for box, each in marks.items()}
    return _Log(gone, born, flagged, turns)


async def _changed_rows(
    tx: Transaction, account_id: int, modseq: int, flagged: Mapping[int, list[str]]
) -> list[tuple[int, Row]]:
    """The rows that came or changed, each with its mailbox."""
    rows: list[tuple[int, Row]] = []
    for (mailbox_id,) in await tx.rows(
        "SELECT id FROM mailbox WHERE account_id = $1 AND modseq >= $2", account_id, modseq
    ):
        found = await _added(tx, account_id, mailbox_id, modseq)
        if mailbox_id in flagged:
            known = {row[0] for row in found}
            wanted = [one for one in uid_sets.union(flagged[mailbox_id]) if one not in known]
            found += await emails.fetch(tx, account_id, mailbox_id, wanted, COLUMNS)
        rows += [(mailbox_id, row) for row in found]
    return rows


async def _shown_anew(
    tx: Transaction,
    account_id: int,
    modseq: int,
    shown: Mapping[int, int],
    turns: Mapping[int, Mapping[int, Turn]],
) -> dict[int, int]:
    """Those of emails that no mailbox showed before, and the modseq since which one does."""
    if not shown:
        return {}
    found = {}
    for email_id, places in (
        await email_places.find(tx, account_id, shown, ("added",))
    ).items():  # fmt: skip
        known = [
            turn is None or not turn.was_marked
            for box, row in places
            if row[2] <= modseq
            for turn in [turns.get(box, {}).get(row[0])]
        ]
        if not any(known):
            found[email_id] = shown[email_id]
    return found


async def threads_left(
    tx: Transaction, account_id: int, modseq: int, found: Iterable[EmailChange]
) -> dict[int, int]:
    """The threads that an email has left with this modseq or later, and when at last.

    Emails that came since do not count. `found` is what `since` tells: of what IMAP has marked,
    the log does not say the threads.
    """
    rows = await tx.rows(
        "SELECT modseq, threads, emails, born FROM change WHERE account_id = $1"
        " AND modseq >= $2 AND threads <> '' ORDER BY modseq",
        account_id, modseq,
    )  # fmt: skip
    left = {
        one: at
        for at, threads, email_ids, born in rows
        if not _came_since(email_ids, _births(born), modseq)
        for one in uid_sets.expand(threads)
    }
    for one in found:
        if one.created is None and one.thread_id:
            left[one.thread_id] = max(one.modseq, left.get(one.thread_id, 0))
    return left


def _births(text: str) -> dict[int, int]:
    """With which modseq emails came that are gone, of a row of the log."""
    pairs = [one.partition(":") for one in text.split()]
    return {int(email_id): int(came) for email_id, _, came in pairs}


def _came_since(email_ids: str, born: Mapping[int, int], modseq: int) -> bool:
    """Whether all emails of a row of the log came after a modseq."""
    return all(born.get(one, 0) > modseq for one in uid_sets.expand(email_ids))


COLUMNS: Final = ("uid", "modseq", "email_id", "thread_id", "added", "keywords")


async def _added(tx: Transaction, account_id: int, mailbox_id: int, modseq: int) -> list[Row]:
    """The rows of what came with this modseq or later: both rise together in a mailbox."""
    found: list[Row] = []
    below, step = 1 << 62, 4
    while True:
        rows: Sequence[Row] = await tx.rows(
            "SELECT uid, modseq, email_id, thread_id, added, keywords FROM mailbox_email"
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
