"""Emails in mailboxes: adding, listing, keywords, copying, moving, removing.

Every act on many emails is a fixed number of statements, however many they are, and at
most one row of the change log: its uids are a set. What was added is not logged, since each
row says with which modseq it came.

An email is its rows in `mailbox_email`, one for each mailbox that holds it. IMAP's COPY
makes a new email of the same blob, since IMAP lets the copies' flags differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from functools import cache, lru_cache
from typing import Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.model import uids as uid_sets
from merpati.model.change import ChangeKind
from merpati.model.message import SEEN, Digest
from merpati.store import blobs, changes
from merpati.store.engine import Dialect, Row, Topic, Transaction, among, id_list, one_of

# What `fetch` can return, by name.
COLUMNS: Final = {
    "uid": "e.uid",
    "modseq": "e.modseq",
    "email_id": "e.email_id",
    "thread_id": "e.thread_id",
    "blob_id": "e.blob_id",
    "received_at": "e.received_at",
    "size": "e.size",
    "keywords": "e.keywords",
    "structure": "m.structure",
    "envelope": "m.envelope",
    "bodystructure": "m.bodystructure",
    "sent_at": "m.sent_at",
    "preview": "m.preview",
    "location": "b.location",
    "encoding": "coalesce(c.encoding, 0)",
    "data": "c.data",
}
INSERT_ROW: Final = (
    "INSERT INTO mailbox_email (account_id, mailbox_id, uid, modseq, added, email_id, thread_id,"
    " blob_id, received_at, size, keywords) VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9, $10)"
)
DENSE: Final = 4  # a range query may visit so many rows for each one wanted


class Placement(msgspec.Struct, frozen=True):
    """Where a copy of a message goes."""

    account_id: int
    mailbox_id: int
    keywords: str = ""


class Placed(msgspec.Struct, frozen=True):
    """A copy that has been stored."""

    account_id: int
    mailbox_id: int
    uid: int
    modseq: int
    email_id: int


class Added(msgspec.Struct, frozen=True):
    """What `add` did."""

    placed: list[Placed]
    refused: list[int]  # accounts without room, or gone
    superfluous: bool  # the body's own file is to be removed after the commit


class Change(Enum):
    """How keywords are combined with those an email has."""

    SET = "set"
    ADD = "add"
    REMOVE = "remove"


async def add(
    tx: Transaction,
    body: blobs.Body,
    digest: Digest,
    placements: Sequence[Placement],
    received_at: int,
) -> Added:
    """Store one message for any number of accounts, in as many statements as for one.

    Args:
        tx: The transaction.
        body: The message's bytes, ready.
        digest: What parsing found in them.
        placements: At most one for each account.
        received_at: Unix milliseconds.
    """
    accounts = {placement.account_id: placement for placement in placements}
    counters = await _take_numbers(tx, body.size, list(accounts))
    refused = [account_id for account_id in accounts if account_id not in counters]
    if not counters:
        return Added([], refused, bool(body.location))
    blob_id, superfluous = await blobs.insert(tx, body, len(counters))
    await insert_message(tx, blob_id, digest)
    threads = await _threads(tx, digest.thread_refs, counters)
    uids = await _take_uids(tx, body.size, [accounts[account_id] for account_id in counters])
    placed = []
    email_rows = []
    for account_id, (modseq, email_id) in counters.items():
        target, uid = accounts[account_id], uids[account_id]
        placed.append(Placed(account_id, target.mailbox_id, uid, modseq, email_id))
        email_rows.append(
            (account_id, target.mailbox_id, uid, modseq, email_id, threads[account_id], blob_id,
             received_at, body.size, target.keywords)
        )  # fmt: skip
        tx.announce(Topic.ACCOUNT, account_id)
    await tx.run_many(INSERT_ROW, email_rows)
    return Added(placed, refused, superfluous)


async def fetch(
    tx: Transaction,
    account_id: int,
    mailbox_id: int,
    uids: Sequence[int],
    columns: tuple[str, ...],
) -> list[Row]:
    """Rows of the emails with these ascending UIDs that exist, by UID; uid is the first column."""
    assert columns[0] == "uid"
    if not uids:
        return []
    first, last = uids[0], uids[-1]
    if last - first + 1 <= DENSE * len(uids):
        rows = await tx.rows(
            _select(columns, "e.uid BETWEEN $3 AND $4"), account_id, mailbox_id, first, last
        )
        if last - first + 1 > len(uids):
            wanted = set(uids)
            rows = [row for row in rows if row[0] in wanted]
        return rows
    return await tx.rows(
        _select(columns, one_of(tx, "e.uid", 3)), account_id, mailbox_id, id_list(tx, uids)
    )


async def uids_of(tx: Transaction, account_id: int, mailbox_id: int, after: int = 0) -> list[int]:
    """Every UID of a mailbox above `after`, ascending."""
    rows = await tx.rows(
        "SELECT uid FROM mailbox_email WHERE account_id = $1 AND mailbox_id = $2 AND uid > $3"
        " ORDER BY uid",
        account_id, mailbox_id, after,
    )  # fmt: skip
    return [row[0] for row in rows]


async def first_unseen(tx: Transaction, account_id: int, mailbox_id: int) -> int | None:
    """The lowest UID without $seen, or None."""
    found: int | None = await tx.value(
        "SELECT uid FROM mailbox_email WHERE account_id = $1 AND mailbox_id = $2"
        " AND (' ' || keywords || ' ') NOT LIKE '% $seen %' ORDER BY uid LIMIT 1",
        account_id, mailbox_id,
    )  # fmt: skip
    return found


async def deleted(tx: Transaction, account_id: int, mailbox_id: int) -> list[int]:
    r"""The UIDs of a mailbox that are marked \Deleted, ascending."""
    rows = await tx.rows(
        "SELECT uid FROM mailbox_email WHERE account_id = $1 AND mailbox_id = $2"
        " AND (' ' || keywords || ' ') LIKE '% $deleted %' ORDER BY uid",
        account_id, mailbox_id,
    )  # fmt: skip
    return [row[0] for row in rows]


async def set_keywords(
    tx: Transaction,
    account_id: int,
    mailbox_id: int,
    uids: Sequence[int],
    how: Change,
    keywords: frozenset[str],
    unchanged_since: int | None = None,
) -> tuple[int, list[tuple[int, str]], list[int]]:
    """Change the keywords of emails.

    Returns:
        The modseq of the act (0 when nothing changed); UID and keywords of each email
        that was found and, with `unchanged_since`, was not changed later; and the UIDs
        that were.
    """
    rows = await fetch(tx, account_id, mailbox_id, uids, ("uid", "keywords", "modseq"))
    modified: list[int] = []
    if unchanged_since is not None:
        modified = [row[0] for row in rows if row[2] > unchanged_since]
        rows = [row for row in rows if row[2] <= unchanged_since]
    combine = _combination(how, keywords)
    by_change: dict[tuple[str, str], list[int]] = {}
    now: list[tuple[int, str]] = []
    for uid, old, _ in rows:
        new = combine(old)
        now.append((uid, new))
        if new != old:
            by_change.setdefault((old, new), []).append(uid)
    if not by_change:
        return 0, now, modified
    modseq = await changes.next_modseq(tx, account_id)
    unseen = 0
    changed: list[int] = []
    for (old, new), group in by_change.items():
        await tx.run(
            "UPDATE mailbox_email SET keywords = $3, modseq = $4"
            f" WHERE account_id = $1 AND mailbox_id = $2 AND {one_of(tx, 'uid', 5)}",
            account_id, mailbox_id, new, modseq, id_list(tx, group),
        )  # fmt: skip
        unseen += (is_seen(old) - is_seen(new)) * len(group)
        changed.extend(group)
    await tx.run(
        "UPDATE mailbox SET modseq = $3, unseen = unseen + $4 WHERE account_id = $1 AND id = $2",
        account_id, mailbox_id, modseq, unseen,
    )  # fmt: skip
    await changes.log(
        tx, account_id, modseq, 0, ChangeKind.KEYWORDS_CHANGED, mailbox_id,
        uid_sets.compress(sorted(changed)),
    )  # fmt: skip
    return modseq, now, modified


async def remove(
    tx: Transaction, account_id: int, mailbox_id: int, uids: Sequence[int]
) -> tuple[int, list[int]]:
    """Take emails out of a mailbox for good; the modseq of the act and the UIDs removed."""
    rows = sorted(
        await tx.rows(
            "DELETE FROM mailbox_email WHERE account_id = $1 AND mailbox_id = $2"
            f" AND {one_of(tx, 'uid', 3)} RETURNING uid, email_id, blob_id, size, keywords",
            account_id,
            mailbox_id,
            id_list(tx, uids),
        )
    )
    if not rows:
        return 0, []
    gone = [row[0] for row in rows]
    size = sum(row[3] for row in rows)
    await blobs.release(tx, [row[2] for row in rows])
    await tx.run(
        "UPDATE account SET used = used - $2, emails = emails - $3 WHERE id = $1",
        account_id, size, len(rows),
    )  # fmt: skip
    modseq = await changes.next_modseq(tx, account_id)
    unseen = sum(not is_seen(row[4]) for row in rows)
    await _count_out(tx, account_id, mailbox_id, modseq, len(rows), unseen, size)
    await changes.log(
        tx, account_id, modseq, 0, ChangeKind.EMAILS_REMOVED, mailbox_id,
        uid_sets.compress(gone), uid_sets.compress(sorted(row[1] for row in rows)),
    )  # fmt: skip
    return modseq, gone


async def move(
    tx: Transaction, account_id: int, source: int, target: int, uids: Sequence[int]
) -> tuple[int, list[int], list[int]]:
    """Move emails to another mailbox of the account; they keep their identity.

    Returns:
        The modseq, the old UIDs and, in the same order, the new ones.
    """
    rows = sorted(
        await tx.rows(
            "DELETE FROM mailbox_email WHERE account_id = $1 AND mailbox_id = $2"
            f" AND {one_of(tx, 'uid', 3)} RETURNING uid, email_id, thread_id, blob_id,"
            " received_at, size, keywords",
            account_id,
            source,
            id_list(tx, uids),
        )
    )
    if not rows:
        return 0, [], []
    old = [row[0] for row in rows]
    modseq = await changes.next_modseq(tx, account_id)
    size = sum(row[5] for row in rows)
    unseen = sum(not is_seen(row[6]) for row in rows)
    await _count_out(tx, account_id, source, modseq, len(rows), unseen, size)
    new = await _count_in(tx, account_id, target, modseq, len(rows), unseen, size)
    moved = [(uid, *row[1:]) for uid, row in zip(new, rows, strict=True)]
    await _insert_rows(tx, account_id, target, modseq, moved)
    await changes.log(
        tx, account_id, modseq, 0, ChangeKind.EMAILS_REMOVED, source, uid_sets.compress(old)
    )
    return modseq, old, new


async def copy(
    tx: Transaction, account_id: int, source: int, target: int, uids: Sequence[int]
) -> tuple[int, list[int], list[int]]:
    """Copy emails to a mailbox of the account as new emails of the same bytes.

    Returns:
        The modseq, the UIDs copied and, in the same order, those of the copies.

    Raises:
        Fault: OVER_QUOTA; nothing is copied then.
    """
    rows = await fetch(
        tx, account_id, source, uids,
        ("uid", "thread_id", "blob_id", "received_at", "size", "keywords"),
    )  # fmt: skip
    if not rows:
        return 0, [], []
    size = sum(row[4] for row in rows)
    counters = await tx.row(
        "UPDATE account SET modseq = modseq + 1, next_email = next_email + $3, used = used + $2,"
        " emails = emails + $3 WHERE id = $1 AND (quota = 0 OR used + $2 <= quota)"
        " RETURNING modseq, next_email - $3",
        account_id, size, len(rows),
    )  # fmt: skip
    if counters is None:
        raise Fault(Kind.OVER_QUOTA, "the copies would exceed the quota; delete some mail first")
    modseq, email_id = counters
    unseen = sum(not is_seen(row[5]) for row in rows)
    new = await _count_in(tx, account_id, target, modseq, len(rows), unseen, size)
    copies = [
        (uid, email_id + n, *row[1:]) for n, (uid, row) in enumerate(zip(new, rows, strict=True))
    ]
    await _insert_rows(tx, account_id, target, modseq, copies)
    await blobs.retain(tx, [row[2] for row in rows])
    tx.announce(Topic.ACCOUNT, account_id)
    return modseq, [row[0] for row in rows], new


def is_seen(keywords: str) -> bool:
    """Whether stored keywords hold $seen."""
    return SEEN in keywords and SEEN in keywords.split(" ")


@lru_cache(maxsize=256)
def _select(columns: tuple[str, ...], where: str) -> str:
    """A query over the tables that these columns need and no others."""
    needed = {COLUMNS[name].removeprefix("coalesce(")[0] for name in columns}
    joins = ""
    if "m" in needed:
        joins += " LEFT JOIN message m ON m.blob_id = e.blob_id"
    if "b" in needed:
        joins += " LEFT JOIN blob b ON b.id = e.blob_id"
    if "c" in needed:
        joins += " LEFT JOIN body c ON c.blob_id = e.blob_id"
    wanted = ", ".join(COLUMNS[name] for name in columns)
    return (
        f"SELECT {wanted} FROM mailbox_email e{joins}"
        f" WHERE e.account_id = $1 AND e.mailbox_id = $2 AND {where} ORDER BY e.uid"
    )


def _combination(how: Change, keywords: frozenset[str]) -> Callable[[str], str]:
    """A function from stored keywords to stored keywords, computed once for each form."""

    @cache
    def combine(old: str) -> str:
        held = set(old.split())
        if how is Change.SET:
            held = set(keywords)
        elif how is Change.ADD:
            held |= keywords
        else:
            held -= keywords
        return " ".join(sorted(held))

    return combine


async def insert_message(tx: Transaction, blob_id: int, digest: Digest) -> None:
    """Keep what parsing found in a blob."""
    await tx.run(
        "INSERT INTO message (blob_id, structure, envelope, bodystructure, sent_at, preview)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        blob_id, digest.structure, digest.envelope, digest.bodystructure, digest.sent_at,
        digest.preview,
    )  # fmt: skip


async def _threads(
    tx: Transaction, refs: tuple[int, ...], counters: dict[int, tuple[int, int]]
) -> dict[int, int]:
    """The thread of a new email in each account (RFC 8621 3: a shared message id and subject).

    A thread's id is the ref of its first message, so one that answers nothing has the id of
    its own thread, and what answers it finds that without a row being kept. Only replies
    leave rows, for those that know no more than their parent. An email that no other can
    refer to is a thread by itself.
    """
    if not refs:
        return {account_id: email_id for account_id, (_, email_id) in counters.items()}
    first = refs[1] if len(refs) > 1 else refs[0]
    threads = dict.fromkeys(counters, first)
    if len(refs) == 1:
        return threads
    rows = await tx.rows(
        "SELECT account_id, min(thread_id) FROM thread_ref"
        f" WHERE {one_of(tx, 'account_id', 1)} AND {one_of(tx, 'ref', 2)} GROUP BY account_id",
        id_list(tx, counters), id_list(tx, refs),
    )  # fmt: skip
    threads.update(rows)
    await tx.run_many(
        "INSERT INTO thread_ref (account_id, ref, thread_id) VALUES ($1, $2, $3)"
        " ON CONFLICT DO NOTHING",
        [(account_id, ref, thread) for account_id, thread in threads.items() for ref in refs],
    )
    return threads


async def _take_numbers(
    tx: Transaction, size: int, wanted: Sequence[int]
) -> dict[int, tuple[int, int]]:
    """Modseq and email id of a new email in each account that is there and has room for it.

    Reading and then writing costs less than half of RETURNING, which SQLite first collects
    in a table of its own.
    """
    which, ids = among(tx, "id", 1, wanted)
    lock = "" if tx.dialect is Dialect.SQLITE else " FOR UPDATE"
    rows = await tx.rows(
        f"SELECT id, modseq + 1, next_email FROM account WHERE {which}"
        f" AND disabled = 0 AND (quota = 0 OR used + $2 <= quota){lock}",
        ids, size,
    )  # fmt: skip
    counters = {account_id: (modseq, email_id) for account_id, modseq, email_id in rows}
    if counters:
        which, ids = among(tx, "id", 1, list(counters))
        await tx.run(
            "UPDATE account SET modseq = modseq + 1, next_email = next_email + 1,"
            f" used = used + $2, emails = emails + 1 WHERE {which}",
            ids, size,
        )  # fmt: skip
    return counters


async def _take_uids(tx: Transaction, size: int, placements: Sequence[Placement]) -> dict[int, int]:
    """The next UID in each account's target mailbox, its counters raised.

    The accounts' rows are ours already, so nobody comes between reading and writing.

    Raises:
        Fault: NOT_FOUND when a mailbox is gone.
    """
    groups: dict[tuple[int, bool], list[int]] = {}
    for placement in placements:
        key = (placement.mailbox_id, is_seen(placement.keywords))
        groups.setdefault(key, []).append(placement.account_id)
    uids: dict[int, int] = {}
    for (mailbox_id, seen), accounts in groups.items():
        which, ids = among(tx, "account_id", 1, accounts)
        rows = await tx.rows(
            f"SELECT account_id, uidnext FROM mailbox WHERE id = $2 AND {which}", ids, mailbox_id
        )
        if len(rows) != len(accounts):
            raise Fault(Kind.NOT_FOUND, "the mailbox is gone")
        await tx.run(
            "UPDATE mailbox SET uidnext = uidnext + 1, total = total + 1, unseen = unseen + $3,"
            " size = size + $4, modseq = (SELECT modseq FROM account WHERE id = mailbox.account_id)"
            f" WHERE id = $2 AND {which}",
            ids, mailbox_id, int(not seen), size,
        )  # fmt: skip
        uids.update(rows)
    return uids


async def _count_out(
    tx: Transaction, account_id: int, mailbox_id: int, modseq: int, total: int, unseen: int,
    size: int,
) -> None:  # fmt: skip
    await tx.run(
        "UPDATE mailbox SET total = total - $4, unseen = unseen - $5, size = size - $6,"
        " modseq = $3 WHERE account_id = $1 AND id = $2",
        account_id, mailbox_id, modseq, total, unseen, size,
    )  # fmt: skip


async def _count_in(
    tx: Transaction, account_id: int, mailbox_id: int, modseq: int, total: int, unseen: int,
    size: int,
) -> list[int]:  # fmt: skip
    """Raise a mailbox's counters for new emails; the UIDs they get."""
    uidnext = await tx.value(
        "UPDATE mailbox SET uidnext = uidnext + $4, total = total + $4, unseen = unseen + $5,"
        " size = size + $6, modseq = $3 WHERE account_id = $1 AND id = $2 RETURNING uidnext",
        account_id, mailbox_id, modseq, total, unseen, size,
    )  # fmt: skip
    if uidnext is None:
        raise Fault(Kind.NOT_FOUND, "the mailbox is gone")
    return list(range(uidnext - total, uidnext))


async def _insert_rows(
    tx: Transaction, account_id: int, mailbox_id: int, modseq: int, rows: list[Row]
) -> None:
    """Rows of (uid, email_id, thread_id, blob_id, received_at, size, keywords)."""
    await tx.run_many(INSERT_ROW, [
        (account_id, mailbox_id, row[0], modseq, *row[1:]) for row in rows
    ])  # fmt: skip
