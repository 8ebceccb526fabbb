"""Emails in mailboxes: adding, listing, copying, removing; `email_keywords` changes keywords.

Every act on many emails is a fixed number of statements, however many they are, and at
most one row of the change log: its uids are a set. What was added is not logged, since each
row says with which modseq it came.

An email is its rows in `mailbox_email`, one for each mailbox that holds it. IMAP's COPY
makes a new email of the same blob, since IMAP lets the copies' flags differ.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.model import uids as uid_sets
from merpati.model.change import ChangeKind
from merpati.model.message import DELETED, SEEN, Digest
from merpati.store import blobs, changes, email_threads, expunged, marked, quota
from merpati.store.engine import Row, Topic, Transaction, among, id_list, one_of, within

# What `fetch` can return, by name.
COLUMNS: Final = {
    "uid": "e.uid",
    "added": "e.added",
    "modseq": "e.modseq",
    "email_id": "e.email_id",
    "thread_id": "e.thread_id",
    "blob_id": "e.blob_id",
    "received_at": "e.received_at",
    "content": "e.blob_id || '-' || e.received_at",  # as in model.object_ids
    "saved_at": "coalesce(e.saved_at, e.received_at)",
    "size": "e.size",
    "keywords": "e.keywords",
    "sent_day": "e.sent_day",
    "delay": "e.delay",
    "sent_at": "e.received_at - e.delay",  # of the Date field, else when it came
    "structure": "m.structure",
    "envelope": "m.envelope",
    "bodystructure": "m.bodystructure",
    "preview": "m.preview",
    "refs": "m.refs",
    "location": "b.location",
    "encoding": "coalesce(c.encoding, 0)",
    "data": "c.data",
}
INSERT_ROW: Final = (
    "INSERT INTO mailbox_email (account_id, mailbox_id, uid, modseq, added, email_id, thread_id,"
    " blob_id, received_at, size, keywords, sent_day, delay, saved_at)"
    " VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
)
IS_DELETED: Final = "(' ' || keywords || ' ') LIKE '% $deleted %'"
LEAVING: Final = ("uid", "email_id", "size", "keywords", "thread_id", "added")
UID_BITS: Final = 32  # RFC 9051 9, uniqueid
# What JMAP shows: all but what IMAP has marked \Deleted (RFC 8621 4.1.1).
SHOWN: Final = "(' ' || e.keywords || ' ') NOT LIKE '% $deleted %'"
DAY_MS: Final = 86_400_000
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


async def add(
    tx: Transaction,
    body: blobs.Body,
    digest: Digest,
    placements: Sequence[Placement],
    received_at: int,
    saved_at: int | None = None,
    *,
    disabled: bool = False,
) -> Added:
    """Store one message for any number of accounts, in as many statements as for one.

    Args:
        tx: The transaction.
        body: The message's bytes, ready.
        digest: What parsing found in them.
        placements: At most one for each account.
        received_at: Unix milliseconds.
        saved_at: When it comes into the mailboxes, if that is another moment.
        disabled: Also for accounts that take no mail: somebody files it there.
    """
    accounts = {placement.account_id: placement for placement in placements}
    modseqs = await quota.take_each(tx, body.size, list(accounts), disabled=disabled)
    refused = [account_id for account_id in accounts if account_id not in modseqs]
    if not modseqs:
        return Added([], refused, bool(body.location))
    blob_id, superfluous = await blobs.insert(tx, body, len(modseqs))
    await insert_message(tx, blob_id, digest)
    threads = await email_threads.assign(tx, digest.thread_refs, modseqs)
    uids = await _take_uids(tx, body.size, [accounts[account_id] for account_id in modseqs])
    sent_day = _kept_day(digest.sent_day, received_at)
    delay = 0 if digest.sent_day is None else received_at - digest.sent_at
    placed = []
    email_rows = []
    for account_id, modseq in modseqs.items():
        target, uid = accounts[account_id], uids[account_id]
        email_id = first_id(target.mailbox_id, uid)
        placed.append(Placed(account_id, target.mailbox_id, uid, modseq, email_id))
        email_rows.append(
            (account_id, target.mailbox_id, uid, modseq, email_id,
             threads.get(account_id, email_id), blob_id, received_at, body.size, target.keywords,
             sent_day, delay, saved_at)
        )  # fmt: skip
        tx.announce(Topic.ACCOUNT, account_id)
    await tx.run_many(INSERT_ROW, email_rows)
    for one in placed:
        if marked.SIGN in accounts[one.account_id].keywords:
            await marked.extend(tx, one.account_id, one.mailbox_id, str(one.uid))
    return Added(placed, refused, superfluous)


async def fetch(
    tx: Transaction,
    account_id: int,
    mailbox_id: int,
    uids: Sequence[int],
    columns: tuple[str, ...],
    *,
    shown: bool = False,
) -> list[Row]:
    """Rows of the emails with these ascending UIDs that exist, by UID; uid is the first column.

    With `shown`, of those only that JMAP shows.
    """
    assert columns[0] == "uid"
    too = f" AND {SHOWN}" if shown else ""
    if not uids:
        return []
    first, last = uids[0], uids[-1]
    if last - first + 1 <= DENSE * len(uids):
        rows = await tx.rows(
            _select(columns, f"e.uid BETWEEN $3 AND $4{too}"), account_id, mailbox_id, first, last
        )
        if last - first + 1 > len(uids):
            wanted = set(uids)
            rows = [row for row in rows if row[0] in wanted]
        return rows
    return await tx.rows(
        _select(columns, one_of(tx, "e.uid", 3) + too), account_id, mailbox_id, id_list(tx, uids)
    )


async def uids_of(tx: Transaction, account_id: int, mailbox_id: int, after: int = 0) -> list[int]:
    """Every UID of a mailbox above `after`, ascending."""
    rows = await tx.rows(
        "SELECT uid FROM mailbox_email WHERE account_id = $1 AND mailbox_id = $2 AND uid > $3"
        " ORDER BY uid",
        account_id, mailbox_id, after,
    )  # fmt: skip
    return [row[0] for row in rows]


async def first_unseen(tx: Transaction, account_id: int, mailbox_id: int) -> int:
    """Which in the order of a mailbox, from 1, is the first email without $seen; else 0."""
    found: int = await tx.value(
        "SELECT count(*) FROM mailbox_email WHERE account_id = $1 AND mailbox_id = $2 AND uid <="
        " (SELECT uid FROM mailbox_email WHERE account_id = $1 AND mailbox_id = $2"
        " AND (' ' || keywords || ' ') NOT LIKE '% $seen %' ORDER BY uid LIMIT 1)",
        account_id, mailbox_id,
    )  # fmt: skip
    return found


async def deleted(tx: Transaction, account_id: int, mailbox_id: int) -> list[int]:
    r"""The UIDs of a mailbox that are marked \Deleted, ascending."""
    ranges = await marked.ranges(tx, account_id, mailbox_id)
    where = f"{IS_DELETED} ORDER BY uid"
    return [uid for (uid,) in await marked.select(tx, account_id, mailbox_id, ranges, "uid", where)]


async def deleted_size(tx: Transaction, account_id: int, mailbox_id: int) -> int:
    r"""Bytes of what is marked \Deleted in a mailbox (RFC 9208 5, DELETED-STORAGE)."""
    ranges = await marked.ranges(tx, account_id, mailbox_id)
    size = "CAST(coalesce(sum(size), 0) AS BIGINT)"
    sizes = await marked.select(tx, account_id, mailbox_id, ranges, size, IS_DELETED)
    return sum(one for (one,) in sizes)


async def remove_deleted(
    tx: Transaction,
    account_id: int,
    mailbox_id: int,
    only: Collection[int] | None = None,
    now: int | None = None,
) -> int:
    r"""As `remove`, of all emails marked \Deleted, or of those of these UIDs; the modseq."""
    ranges = await marked.ranges(tx, account_id, mailbox_id)
    found = await marked.select(
        tx, account_id, mailbox_id, ranges, ", ".join(LEAVING), f"{marked.HAS_SIGN} ORDER BY uid"
    )
    wanted = None if only is None else set(only)
    leaving = [
        row
        for row in found
        if DELETED in row[3].split(" ") and (wanted is None or row[0] in wanted)
    ]
    gone = {row[0] for row in leaving}
    left = uid_sets.compress([row[0] for row in found if row[0] not in gone])
    left = uid_sets.coarse(left, marked.RANGES_MAX)
    if left != ranges:
        await marked.replace(tx, account_id, mailbox_id, left)
    return await _take_out(tx, account_id, mailbox_id, leaving, now)


async def remove(
    tx: Transaction,
    account_id: int,
    mailbox_id: int,
    uids: Sequence[int],
    now: int | None = None,
) -> tuple[int, list[int]]:
    """Take emails out of a mailbox; they can be restored for a while (store/expunged.py).

    Args:
        tx: The transaction.
        account_id: The mailbox's account.
        mailbox_id: The mailbox.
        uids: Of the emails; others than are there do not matter.
        now: Unix milliseconds, else by the clock of the store.

    Returns:
        The modseq of the act and the UIDs removed.
    """
    rows = await fetch(tx, account_id, mailbox_id, sorted(uids), LEAVING)
    return await _take_out(tx, account_id, mailbox_id, rows, now), [row[0] for row in rows]


async def _take_out(
    tx: Transaction, account_id: int, mailbox_id: int, rows: list[Row], now: int | None
) -> int:
    """Remove emails whose rows of `LEAVING` were read; the modseq, 0 when there are none.

    Reading and then deleting costs half of RETURNING, which SQLite first collects in a table
    of its own.
    """
    if not rows:
        return 0
    gone = [row[0] for row in rows]
    kept, wanted = within(tx, "uid", 4, gone)
    await expunged.keep(tx, account_id, mailbox_id, kept, wanted, now)
    await delete_rows(tx, account_id, mailbox_id, gone)
    size = sum([row[2] for row in rows])
    await forget_places(tx, account_id, mailbox_id, rows)
    modseq = await quota.give_back(tx, account_id, size, len(rows))
    unseen = sum(not is_seen(row[3]) for row in rows)
    await count_out(tx, account_id, mailbox_id, modseq, len(rows), unseen, size)
    await changes.log(
        tx, account_id, modseq, 0, ChangeKind.EMAILS_REMOVED, mailbox_id,
        uid_sets.compress(gone), uid_sets.compress(sorted(row[1] for row in rows)),
        (row[4] for row in rows), births(mailbox_id, rows),
    )  # fmt: skip
    return modseq


async def delete_rows(
    tx: Transaction, account_id: int, mailbox_id: int, uids: Sequence[int]
) -> None:
    """Let go of the rows of a mailbox with these ascending UIDs, and of nothing else."""
    which, wanted = within(tx, "uid", 3, uids)
    await tx.run(
        f"DELETE FROM mailbox_email WHERE account_id = $1 AND mailbox_id = $2 AND {which}",
        account_id, mailbox_id, wanted,
    )  # fmt: skip


async def copy(
    tx: Transaction, account_id: int, source: int, target: int, uids: Sequence[int],
    now: int | None = None,
) -> tuple[int, list[int], list[int]]:  # fmt: skip
    """Copy emails to a mailbox of the account as new emails of the same bytes.

    Returns:
        The modseq, the UIDs copied and, in the same order, those of the copies.

    Raises:
        Fault: OVER_QUOTA; nothing is copied then.
    """
    rows = await fetch(
        tx, account_id, source, uids,
        ("uid", "thread_id", "blob_id", "received_at", "size", "keywords", "sent_day", "delay"),
    )  # fmt: skip
    if not rows:
        return 0, [], []
    size = sum(row[4] for row in rows)
    modseq = await quota.take(tx, account_id, size, len(rows))
    unseen = sum(not is_seen(row[5]) for row in rows)
    new = await count_in(tx, account_id, target, modseq, len(rows), unseen, size)
    copies = [(uid, first_id(target, uid), *row[1:]) for uid, row in zip(new, rows, strict=True)]
    await insert_rows(tx, account_id, target, modseq, copies, now)
    await blobs.retain(tx, [row[2] for row in rows])
    return modseq, [row[0] for row in rows], new


def _kept_day(sent_day: int | None, received_at: int) -> int | None:
    """The `sent_day` of a row: nothing where the moment it came tells it, as nearly always."""
    came = received_at // DAY_MS
    if sent_day is None:
        sent_day = came
    return None if sent_day == came and received_at >= 0 else sent_day


def first_id(mailbox_id: int, uid: int) -> int:
    """The id of an email that first comes there: neither number is ever given again.

    So an email is found by its id alone, but for those that `email_place` knows.
    """
    return mailbox_id << UID_BITS | uid


def births(mailbox_id: int, rows: Iterable[Row]) -> list[tuple[int, int]]:
    """Ids of emails and the modseqs they came with, of those that first came there.

    Rows by UID, which begin with it and the id and end with `added`.
    """
    return [(row[1], row[-1]) for row in rows if row[1] == first_id(mailbox_id, row[0])]


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


async def forget_places(
    tx: Transaction, account_id: int, mailbox_id: int, rows: Sequence[Row]
) -> None:
    """Emails have left a mailbox: rows of uid and email_id."""
    gone = [row[1] for row in rows if row[1] != first_id(mailbox_id, row[0])]
    if gone:
        await tx.run(
            "DELETE FROM email_place WHERE account_id = $1 AND mailbox_id = $2"
            f" AND {one_of(tx, 'email_id', 3)}",
            account_id, mailbox_id, id_list(tx, gone),
        )  # fmt: skip


async def insert_message(tx: Transaction, blob_id: int, digest: Digest) -> None:
    """Keep what parsing found in a blob."""
    await tx.run(
        "INSERT INTO message (blob_id, structure, envelope, bodystructure, preview, refs)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        blob_id, digest.structure, digest.envelope, digest.bodystructure, digest.preview,
        digest.references,
    )  # fmt: skip


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


async def count_out(
    tx: Transaction, account_id: int, mailbox_id: int, modseq: int, total: int, unseen: int,
    size: int,
) -> None:  # fmt: skip
    """Lower a mailbox's counters for emails that have left it."""
    await tx.run(
        "UPDATE mailbox SET total = total - $4, unseen = unseen - $5, size = size - $6,"
        " modseq = $3 WHERE account_id = $1 AND id = $2",
        account_id, mailbox_id, modseq, total, unseen, size,
    )  # fmt: skip


async def count_in(
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


async def insert_rows(
    tx: Transaction, account_id: int, mailbox_id: int, modseq: int, rows: list[Row],
    saved_at: int | None,
) -> None:  # fmt: skip
    """Rows of (uid, email_id, thread_id, blob_id, received_at, size, keywords, sent_day, delay)."""
    await tx.run_many(INSERT_ROW, [
        (account_id, mailbox_id, row[0], modseq, *row[1:], saved_at) for row in rows
    ])  # fmt: skip
    bearing = [row[0] for row in rows if marked.SIGN in row[6]]
    await marked.extend(tx, account_id, mailbox_id, uid_sets.compress(bearing))
