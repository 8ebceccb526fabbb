"""Getting back what was removed: emails, and the mailboxes they were in (store/expunged.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from merpati.model.mailbox import SEPARATOR
from merpati.model.message import DELETED
from merpati.store import mailboxes, rights, transfer
from merpati.store.engine import Row, Transaction, id_list, one_of

STEP: Final = 500  # emails restored in one write


class Expunged(msgspec.Struct, frozen=True):
    """An email that can be restored.

    Attributes:
        path: Of its mailbox, where it is now or was when it was deleted.
        received_at: Unix milliseconds, as is `expunged_at`.
        size: In bytes.
        envelope: As `message.envelope` has it, prepared for IMAP; empty if it is lost.
    """

    mailbox_id: int
    path: str
    uid: int
    received_at: int
    expunged_at: int
    size: int
    envelope: bytes


class Removed(msgspec.Struct, frozen=True):
    """What can be restored to one mailbox.

    Attributes:
        path: Where the mailbox is, or was.
        gone: The mailbox itself was deleted.
        emails: How many.
        size: Of them all, in bytes.
        latest: When the last of them was removed, Unix milliseconds.
    """

    mailbox_id: int
    path: str
    gone: bool
    emails: int
    size: int
    latest: int


async def summary(tx: Transaction, account_id: int, since: int = 0) -> list[Removed]:
    """What can be restored of what was removed from a time on, by mailbox."""
    rows = await tx.rows(
        "SELECT mailbox_id, count(*), CAST(sum(size) AS BIGINT), max(expunged_at) FROM expunged"
        " WHERE account_id = $1 AND expunged_at >= $2 GROUP BY mailbox_id",
        account_id, since,
    )  # fmt: skip
    held = {row[0]: row[1:] for row in rows}
    found = [
        Removed(box.id, box.name, False, *held[box.id])
        for box in await mailboxes.listing(tx, account_id)
        if box.id in held
    ]
    for mailbox_id, path, removed_at in await tx.rows(
        "SELECT mailbox_id, path, removed_at FROM removed_mailbox"
        " WHERE account_id = $1 AND removed_at >= $2 ORDER BY path, mailbox_id",
        account_id, since,
    ):  # fmt: skip
        found.append(Removed(mailbox_id, path, True, *held.get(mailbox_id, (0, 0, removed_at))))
    return found


async def listing(
    tx: Transaction, account_id: int, mailbox: Removed, since: int = 0, limit: int = STEP
) -> list[Expunged]:
    """The emails that can be restored to one mailbox, the last removed first."""
    rows = await tx.rows(
        "SELECT e.uid, e.received_at, e.expunged_at, e.size, m.envelope FROM expunged e"
        " LEFT JOIN message m ON m.blob_id = e.blob_id WHERE e.account_id = $1"
        " AND e.mailbox_id = $2 AND e.expunged_at >= $3"
        " ORDER BY e.expunged_at DESC, e.uid DESC LIMIT $4",
        account_id, mailbox.mailbox_id, since, limit,
    )  # fmt: skip
    return [
        Expunged(
            mailbox.mailbox_id, mailbox.path, uid, received_at, expunged_at, size, found or b""
        )
        for uid, received_at, expunged_at, size, found in rows
    ]


def below(found: Sequence[Removed], path: str) -> list[Removed]:
    """Those of a mailbox, and of mailboxes that are or were below it. Raises Fault SYNTAX."""
    path = SEPARATOR.join(mailboxes.levels(path))  # INBOX may be spelt in any case
    prefix = path + SEPARATOR
    return [one for one in found if one.path == path or one.path.startswith(prefix)]


async def reopen(tx: Transaction, account_id: int, mailbox: Removed, now: int) -> int:
    """The id of the mailbox to restore to; it is made again if it was deleted.

    It has its old path and role, if nothing else has got them, and a new UIDVALIDITY. It is
    shared as the one above it, but with nobody who might not use it before.
    Raises Fault TOO_MANY.
    """
    there = await mailboxes.counters(tx, account_id, mailbox.mailbox_id)
    if there is not None:
        return there.id
    row = await tx.row(
        "SELECT role, rights FROM removed_mailbox WHERE account_id = $1 AND mailbox_id = $2",
        account_id, mailbox.mailbox_id,
    )  # fmt: skip
    role, held = row or ("", None)
    if role and await mailboxes.by_role(tx, account_id, role) is not None:
        role = ""
    found = await mailboxes.find(tx, account_id, mailbox.path)
    if found is None:
        found = await mailboxes.create(tx, account_id, mailbox.path, now, role=role)
        if held is not None:
            await rights.narrow(tx, account_id, found.id, held)
        await mailboxes.subscribe(tx, account_id, mailbox.path)
    elif role and not found.role:  # as when one below it came back first
        await mailboxes.set_role(tx, account_id, found.id, role)
    return found.id


async def restore(
    tx: Transaction,
    account_id: int,
    mailbox: Removed,
    now: int,
    *,
    since: int = 0,
    uids: Sequence[int] | None = None,
) -> int:
    """Put some emails back into their mailbox, as many as one write should; how many it were.

    They are new there: their UIDs are the next ones, and they are not marked deleted.

    Args:
        tx: The transaction.
        account_id: Whose they are.
        mailbox: Where they were.
        now: Unix milliseconds.
        since: Only what was removed from then on.
        uids: Only these, by the UIDs they had.

    Raises:
        Fault: OVER_QUOTA.
    """
    target = await reopen(tx, account_id, mailbox, now)
    chosen = "" if uids is None else f" AND {one_of(tx, 'uid', 5)}"
    parameters = [] if uids is None else [id_list(tx, uids)]
    rows = await tx.rows(
        "SELECT uid, email_id, thread_id, blob_id, received_at, size, keywords, sent_day, delay"
        " FROM expunged"
        f" WHERE account_id = $1 AND mailbox_id = $2 AND expunged_at >= $3{chosen}"
        " ORDER BY uid LIMIT $4",
        account_id, mailbox.mailbox_id, since, STEP, *parameters,
    )  # fmt: skip
    if rows:
        await transfer.adopt(tx, account_id, target, [_undeleted(row) for row in rows], now)
        await tx.run(
            "DELETE FROM expunged WHERE account_id = $1 AND mailbox_id = $2"
            f" AND {one_of(tx, 'uid', 3)}",
            account_id, mailbox.mailbox_id, id_list(tx, [row[0] for row in rows]),
        )  # fmt: skip
    if target != mailbox.mailbox_id:
        await _close(tx, account_id, mailbox.mailbox_id)
    return len(rows)


async def has_more(tx: Transaction, account_id: int, mailbox_id: int, since: int = 0) -> bool:
    """Whether any email of a mailbox that was removed from a time on can be restored."""
    found = await tx.value(
        "SELECT uid FROM expunged WHERE account_id = $1 AND mailbox_id = $2"
        " AND expunged_at >= $3 LIMIT 1",
        account_id, mailbox_id, since,
    )  # fmt: skip
    return found is not None


async def _close(tx: Transaction, account_id: int, mailbox_id: int) -> None:
    """Forget a mailbox that was made again, once nothing of it is left to restore."""
    await tx.run(
        "DELETE FROM removed_mailbox WHERE account_id = $1 AND mailbox_id = $2 AND NOT EXISTS"
        " (SELECT 1 FROM expunged e WHERE e.account_id = $1 AND e.mailbox_id = $2)",
        account_id, mailbox_id,
    )  # fmt: skip


def _undeleted(row: Row) -> Row:
    keywords = " ".join([word for word in row[6].split() if word != DELETED])
    return (*row[1:6], keywords, *row[7:])
