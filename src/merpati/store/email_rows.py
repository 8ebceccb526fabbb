"""Rows of many emails of a mailbox at once, for results that are sorted and kept."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, pairwise
from operator import le, lt
from typing import Final, NamedTuple

from merpati.model import criteria as c
from merpati.model.message import DELETED
from merpati.store import email_marks, emails, finding
from merpati.store.engine import Dialect, Row, Transaction, among

ARRIVAL: Final = "received_at"


class Columns(NamedTuple):
    """Emails in order: their ids, what they are sorted by, their threads."""

    ids: Sequence[int]
    keys: Sequence[int]
    threads: Sequence[int]


async def ordered(
    tx: Transaction,
    account_id: int,
    mailbox_ids: Sequence[int],
    wanted: c.Criterion,
    key: str,
    *,
    descending: bool,
) -> Columns:
    """The emails of mailboxes that meet a criterion which `finding.by_rows`, as JMAP shows them.

    They are ordered by a column of numbers, then by id, in one direction; each comes once.
    """
    if not mailbox_ids:
        return Columns((), (), ())
    inside, value = among(tx, "e.mailbox_id", 2, mailbox_ids)
    where, values = finding.where(tx, (account_id, value), await _shown(tx, account_id, wanted))
    way = "DESC" if descending else "ASC"
    names = [f"e.{name}" for name in ("email_id", key, "thread_id")]
    table = f"FROM mailbox_email e WHERE e.account_id = $1 AND {inside} AND {where}"
    columns: list[list[int]] = []
    if len(mailbox_ids) == 1 and key == ARRIVAL:  # mostly they lie there in that order
        columns = await finding.gathered(tx, names, table, "", values)
        if not _is_ordered(columns[1], columns[0]):
            columns = []
        elif descending:
            columns = [column[::-1] for column in columns]
    if not columns:
        order = f"ORDER BY e.{key} {way}, e.email_id {way}"
        columns = await finding.gathered(tx, names, table, order, values)
    ids = columns[0]
    if len(mailbox_ids) > 1 and len(set(ids)) < len(ids):  # one in two mailboxes comes twice
        last = [True, *[one != other for one, other in pairwise(ids)]]
        columns = [[one for one, new in zip(each, last, strict=True) if new] for each in columns]
    return Columns(*columns)


def _is_ordered(keys: list[int], ids: list[int]) -> bool:
    """Whether emails are in the order of their keys, and those with the same key of their ids."""
    return all(map(le, keys, islice(keys, 1, None))) and all(map(lt, ids, islice(ids, 1, None)))


async def matching(
    tx: Transaction, account_id: int, mailbox_id: int, wanted: c.Criterion, columns: Sequence[str]
) -> list[Row]:
    """The rows that meet a criterion which `finding.by_rows`, by UID, of those JMAP shows."""
    shown = await _shown(tx, account_id, wanted)
    where, values = finding.where(tx, (account_id, mailbox_id), shown)
    names = ", ".join(emails.COLUMNS[name] for name in columns)
    return await tx.rows(
        f"SELECT {names} FROM mailbox_email e WHERE e.account_id = $1 AND e.mailbox_id = $2"
        f" AND {where} ORDER BY e.uid",
        *values,
    )


async def uids(tx: Transaction, account_id: int, mailbox_id: int) -> list[int]:
    """Every UID that JMAP shows, ascending."""
    found = await emails.uids_of(tx, account_id, mailbox_id)
    marked = set(await emails.deleted(tx, account_id, mailbox_id))
    return [uid for uid in found if uid not in marked] if marked else found


async def rows(
    tx: Transaction, account_id: int, mailbox_id: int, wanted: Sequence[int], columns: Sequence[str]
) -> list[Row]:
    """The rows of these ascending UIDs."""
    return await emails.fetch(tx, account_id, mailbox_id, wanted, tuple(columns))


async def _shown(tx: Transaction, account_id: int, wanted: c.Criterion) -> c.Criterion:
    """A criterion that leaves out what JMAP does not show; mostly, there is nothing of that."""
    if not await email_marks.are_any(tx, account_id):
        return wanted
    return c.And((c.Not(c.Keyword(DELETED)), wanted))


async def threads_with(
    tx: Transaction, account_id: int, keyword: str
) -> dict[int, tuple[int, int]]:
    """For each thread in which an email has a keyword: how many have it, of how many."""
    find = "instr" if tx.dialect is Dialect.SQLITE else "strpos"
    found = await tx.rows(
        f"SELECT e.thread_id, sum(CASE WHEN {find}(' ' || e.keywords || ' ', ' ' || $2 || ' ') > 0"
        " THEN 1 ELSE 0 END) AS held, count(*) FROM mailbox_email e WHERE e.account_id = $1"
        f" AND {emails.SHOWN} GROUP BY e.thread_id",
        account_id, keyword,
    )  # fmt: skip
    return {row[0]: (int(row[1]), int(row[2])) for row in found if row[1]}
