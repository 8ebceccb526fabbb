"""Rows of many emails of a mailbox at once, for results that are sorted and kept."""

from __future__ import annotations

from collections.abc import Sequence

from merpati.model import criteria as c
from merpati.store import emails, finding
from merpati.store.engine import Dialect, Row, Transaction


async def matching(
    tx: Transaction, account_id: int, mailbox_id: int, wanted: c.Criterion, columns: Sequence[str]
) -> list[Row]:
    """The rows that meet a criterion which `finding.by_rows`, by UID."""
    where, values = finding.where(tx, (account_id, mailbox_id), wanted)
    names = ", ".join(emails.COLUMNS[name] for name in columns)
    return await tx.rows(
        f"SELECT {names} FROM mailbox_email e WHERE e.account_id = $1 AND e.mailbox_id = $2"
        f" AND {where} ORDER BY e.uid",
        *values,
    )


async def uids(tx: Transaction, account_id: int, mailbox_id: int) -> list[int]:
    """Every UID, ascending."""
    return await emails.uids_of(tx, account_id, mailbox_id)


async def rows(
    tx: Transaction, account_id: int, mailbox_id: int, wanted: Sequence[int], columns: Sequence[str]
) -> list[Row]:
    """The rows of these ascending UIDs."""
    return await emails.fetch(tx, account_id, mailbox_id, wanted, tuple(columns))


async def threads_with(
    tx: Transaction, account_id: int, keyword: str
) -> dict[int, tuple[int, int]]:
    """For each thread in which an email has a keyword: how many have it, of how many."""
    find = "instr" if tx.dialect is Dialect.SQLITE else "strpos"
    found = await tx.rows(
        f"SELECT thread_id, sum(CASE WHEN {find}(' ' || keywords || ' ', ' ' || $2 || ' ') > 0"
        " THEN 1 ELSE 0 END) AS held, count(*) FROM mailbox_email WHERE account_id = $1"
        " GROUP BY thread_id",
        account_id, keyword,
    )  # fmt: skip
    return {row[0]: (int(row[1]), int(row[2])) for row in found if row[1]}
