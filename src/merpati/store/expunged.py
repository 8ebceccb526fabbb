"""Emails that were removed, for as long as they can be restored.

What EXPUNGE takes out of a mailbox moves here with its reference to the blob, in one
statement, and counts in no quota: a person whose mailbox is full must get room by deleting.
Housekeeping lets go of it after the days of the setting. A mailbox that is deleted leaves
its path, so that restoring makes it again.
"""

from __future__ import annotations

from typing import Any, Final

from merpati.store import blobs
from merpati.store.engine import Dialect, Transaction

STEP: Final = 500  # emails let go of in one write

# Milliseconds, for callers without a clock.
NOW: Final = {
    Dialect.SQLITE: "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
    Dialect.POSTGRESQL: "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
}


async def keep(
    tx: Transaction,
    account_id: int,
    mailbox_id: int,
    which: str,
    value: Any,
    now: int | None = None,
) -> None:
    """Note the emails of a mailbox that are about to be removed: those for which `which` holds.

    `which` is SQL over mailbox_email with `value` as its `$4`; `now` is Unix milliseconds.
    """
    at = "CAST($3 AS BIGINT)"
    await tx.run(
        "INSERT INTO expunged (account_id, mailbox_id, uid, email_id, thread_id, blob_id,"
        " received_at, size, keywords, sent_day, delay, expunged_at) SELECT account_id, mailbox_id,"
        " uid, email_id, thread_id, blob_id, received_at, size, keywords, sent_day, delay,"
        f" coalesce({at}, {NOW[tx.dialect]})"
        f" FROM mailbox_email WHERE account_id = $1 AND mailbox_id = $2 AND {which}"
        " ON CONFLICT DO NOTHING",
        account_id, mailbox_id, now, value,
    )  # fmt: skip


async def keep_mailbox(
    tx: Transaction, account_id: int, mailbox_id: int, path: str, role: str, rights: str,
    now: int | None,
) -> None:  # fmt: skip
    """As `keep`, for all emails of a mailbox that is about to be deleted.

    `rights` are as `rights.written` tells them.
    """
    await keep(tx, account_id, mailbox_id, "uid > $4", 0, now)
    await tx.run(
        "INSERT INTO removed_mailbox (account_id, mailbox_id, path, role, rights, removed_at)"
        f" VALUES ($1, $2, $3, $4, $5, coalesce(CAST($6 AS BIGINT), {NOW[tx.dialect]}))",
        account_id, mailbox_id, path, role, rights, now,
    )  # fmt: skip


async def forget(tx: Transaction, before: int) -> int:
    """Let go of some emails that were removed before a time, the oldest first; how many."""
    rows = await tx.rows(
        "SELECT account_id, mailbox_id, uid, blob_id FROM expunged WHERE expunged_at < $1"
        " ORDER BY expunged_at LIMIT $2",
        before, STEP,
    )  # fmt: skip
    await tx.run_many(
        "DELETE FROM expunged WHERE account_id = $1 AND mailbox_id = $2 AND uid = $3",
        [row[:3] for row in rows],
    )
    await blobs.release(tx, [row[3] for row in rows])
    if len(rows) < STEP:  # nothing older is left that such a mailbox could have held
        await tx.run("DELETE FROM removed_mailbox WHERE removed_at < $1", before)
    return len(rows)


async def forget_account(tx: Transaction, account_id: int) -> None:
    """Let go of everything that an account could restore."""
    await tx.run(
        "UPDATE blob SET refs = refs - held.n FROM (SELECT blob_id, count(*) AS n"
        " FROM expunged WHERE account_id = $1 GROUP BY blob_id) AS held WHERE id = held.blob_id",
        account_id,
    )
    await tx.run("DELETE FROM expunged WHERE account_id = $1", account_id)
    await tx.run("DELETE FROM removed_mailbox WHERE account_id = $1", account_id)
