"""Emails that go from one account's mailbox to another's, or come back from where they were kept.

They become new emails there: the identity of an email is its account's (RFC 8621 4.1.1).
Their bytes are not touched; only who holds them changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from merpati.model import rights as letters
from merpati.model import uids as uid_sets
from merpati.model.change import ChangeKind
from merpati.store import blobs, changes, emails, quota
from merpati.store.engine import Dialect, Row, Transaction, id_list, one_of


async def transfer(
    tx: Transaction,
    source_account: int,
    source: int,
    target_account: int,
    target: int,
    uids: Sequence[int],
    *,
    rights: str = letters.ALL,
    move: bool = False,
    now: int | None = None,
) -> tuple[int, list[int], list[int]]:
    """Copy or move emails between mailboxes, of two accounts as a rule: to new emails there.

    `rights` are those of whoever does it in the target: a keyword that they do not let
    them set is not set (RFC 4314 4).

    Returns:
        The modseq in the target's account, the old UIDs and, in the same order, the new ones.

    Raises:
        Fault: OVER_QUOTA of the target's account; the unit has to end with it.
    """
    await _lock(tx, source_account, target_account)
    rows = await emails.fetch(
        tx, source_account, source, uids,
        ("uid", "email_id", "thread_id", "blob_id", "received_at", "size", "keywords",
         "sent_day", "delay"),
    )  # fmt: skip
    if not rows:
        return 0, [], []
    allowed = cache(lambda keywords: letters.settable(keywords, rights))
    adopted = [(*row[1:6], allowed(row[6]), *row[7:]) for row in rows]
    if move:  # first, so that the room they took in the domain is there for them
        await _leave(tx, source_account, source, rows)
    else:
        await blobs.retain(tx, [row[3] for row in rows])
    modseq, new = await adopt(tx, target_account, target, adopted, now)
    return modseq, [row[0] for row in rows], new


async def adopt(
    tx: Transaction, account_id: int, mailbox_id: int, rows: Sequence[Row], now: int | None
) -> tuple[int, list[int]]:
    """Make new emails in a mailbox of what were emails elsewhere; their blobs are held already.

    Args:
        tx: The transaction.
        account_id: Whose the mailbox is.
        mailbox_id: The mailbox.
        rows: email_id, thread_id, blob_id, received_at, size, keywords, sent_day and delay of
            each.
        now: When they come into the mailbox, Unix milliseconds.

    Returns:
        The modseq, and the UIDs in the order of the rows.

    Raises:
        Fault: OVER_QUOTA; NOT_FOUND when the mailbox is gone.
    """
    size = sum(row[4] for row in rows)
    modseq = await quota.take(tx, account_id, size, len(rows))
    unseen = sum(not emails.is_seen(row[5]) for row in rows)
    uids = await emails.count_in(tx, account_id, mailbox_id, modseq, len(rows), unseen, size)
    adopted = []
    for uid, (email_id, thread_id, *rest) in zip(uids, rows, strict=True):
        new = emails.first_id(mailbox_id, uid)
        # A thread has one id in all accounts, but for an email that is a thread by itself.
        adopted.append((uid, new, new if thread_id == email_id else thread_id, *rest))
    await emails.insert_rows(tx, account_id, mailbox_id, modseq, adopted, now)
    return modseq, uids


async def _lock(tx: Transaction, *accounts: int) -> None:
    """Lock the rows of accounts in one order, so that two transfers never wait in a ring."""
    if tx.dialect is not Dialect.SQLITE:
        await tx.rows(
            f"SELECT id FROM account WHERE {one_of(tx, 'id', 1)} ORDER BY id FOR UPDATE",
            id_list(tx, accounts),
        )


async def _leave(tx: Transaction, account_id: int, mailbox_id: int, rows: list[Row]) -> None:
    """Take emails out of a mailbox whose blobs others hold now: rows of `transfer`."""
    old = [row[0] for row in rows]
    size = sum(row[5] for row in rows)
    await tx.run(
        "DELETE FROM mailbox_email WHERE account_id = $1 AND mailbox_id = $2"
        f" AND {one_of(tx, 'uid', 3)}",
        account_id, mailbox_id, id_list(tx, old),
    )  # fmt: skip
    await emails.forget_places(tx, account_id, mailbox_id, rows)
    modseq = await quota.give_back(tx, account_id, size, len(rows))
    unseen = sum(not emails.is_seen(row[6]) for row in rows)
    await emails.count_out(tx, account_id, mailbox_id, modseq, len(rows), unseen, size)
    await changes.log(
        tx, account_id, modseq, 0, ChangeKind.EMAILS_REMOVED, mailbox_id,
        uid_sets.compress(old), uid_sets.compress(sorted(row[1] for row in rows)),
        (row[2] for row in rows),
    )  # fmt: skip
