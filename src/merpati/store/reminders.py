"""Emails that come up at a time: snoozed ones, and sent ones that wait for an answer.

A row says what is to come and when; that an email lies in the mailbox for snoozed mail is said
by the mailbox alone. So whoever takes it out of there, by whatever protocol, has ended it: the
row is void then, and goes when its time comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from merpati.store.engine import Row, Transaction, id_list, one_of

COLUMNS: Final = "account_id, email_id, kind, due_at, since, mailboxes, keywords"


class Kind(StrEnum):
    """Why an email comes up."""

    SNOOZE = "snooze"
    FOLLOW_UP = "follow-up"


class Reminder(msgspec.Struct, frozen=True, kw_only=True):
    """One of them; times are Unix milliseconds.

    Attributes:
        since: what came to its thread after it may be an answer.
        mailboxes: where a snoozed email comes back to.
        keywords: those that are set (True) or taken (False) then.
    """

    account_id: int
    email_id: int
    kind: Kind
    due_at: int
    since: int = 0
    mailboxes: tuple[int, ...] = ()
    keywords: Mapping[str, bool] = {}


_keywords: Final = msgspec.json.Decoder(dict[str, bool])


def _read(row: Row) -> Reminder:
    return Reminder(
        account_id=row[0], email_id=row[1], kind=Kind(row[2]), due_at=row[3], since=row[4],
        mailboxes=tuple(map(int, row[5].split())), keywords=_keywords.decode(row[6]),
    )  # fmt: skip


async def put(tx: Transaction, one: Reminder) -> None:
    """Keep a reminder, in place of another one of its kind."""
    await tx.run(
        f"INSERT INTO reminder ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)"
        " ON CONFLICT (account_id, email_id, kind) DO UPDATE SET due_at = excluded.due_at,"
        " since = excluded.since, mailboxes = excluded.mailboxes, keywords = excluded.keywords",
        one.account_id, one.email_id, one.kind.value, one.due_at, one.since,
        " ".join(map(str, one.mailboxes)), msgspec.json.encode(one.keywords).decode(),
    )  # fmt: skip


async def drop(tx: Transaction, one: Reminder) -> bool:
    """Forget a reminder; False when another has done so, or has put it off, meanwhile."""
    return bool(
        await tx.run(
            "DELETE FROM reminder WHERE account_id = $1 AND email_id = $2 AND kind = $3"
            " AND due_at = $4",
            one.account_id, one.email_id, one.kind.value, one.due_at,
        )
    )  # fmt: skip


async def of(
    tx: Transaction, account_id: int, emails: Iterable[int]
) -> dict[tuple[int, Kind], Reminder]:
    """The reminders of some emails, by email and kind."""
    rows = await tx.rows(
        f"SELECT {COLUMNS} FROM reminder WHERE account_id = $1 AND {one_of(tx, 'email_id', 2)}",
        account_id, id_list(tx, emails),
    )  # fmt: skip
    return {(one.email_id, one.kind): one for one in map(_read, rows)}


async def due(tx: Transaction, now: int, limit: int) -> list[Reminder]:
    """Those whose time has come, the longest ago first."""
    rows = await tx.rows(
        f"SELECT {COLUMNS} FROM reminder WHERE due_at <= $1 ORDER BY due_at LIMIT $2", now, limit
    )
    return [_read(row) for row in rows]


async def put_off(tx: Transaction, one: Reminder, until: int) -> None:
    """Try one again later that could not be carried out."""
    if await drop(tx, one):
        await put(tx, msgspec.structs.replace(one, due_at=until))
