r"""Where an email is, by its id: the mailboxes that hold it, and its row in each.

An email's id is the mailbox and the UID where it first came; neither is ever given again in
its account. So most are found by their id alone. One that was moved, or that lies in several
mailboxes, has a row in `email_place` for each of its other places.

A row that IMAP has marked \Deleted is no place: JMAP shows none (RFC 8621 4.1.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from merpati.store import emails
from merpati.store.engine import Row, Transaction, id_list, one_of


class Held(NamedTuple):
    """An email in one mailbox: the columns that were asked for, after `uid` and `email_id`."""

    mailbox_id: int
    row: Row


def first_place(email_id_: int) -> tuple[int, int]:
    """The mailbox and the UID where an email first came."""
    return email_id_ >> emails.UID_BITS, email_id_ & (1 << emails.UID_BITS) - 1


async def find(
    tx: Transaction, account_id: int, ids: Iterable[int], columns: tuple[str, ...] = ()
) -> dict[int, list[Held]]:
    """The places of those of these emails that exist, their rows with `columns`."""
    wanted = set(ids)
    first: dict[int, list[int]] = {}
    for one in wanted:
        mailbox_id, uid = first_place(one)
        first.setdefault(mailbox_id, []).append(uid)
    found: dict[int, list[Held]] = {}
    await _gather(tx, account_id, first, wanted, columns, found)
    others = await tx.rows(
        f"SELECT mailbox_id, uid FROM email_place WHERE account_id = $1"
        f" AND {one_of(tx, 'email_id', 2)}",
        account_id, id_list(tx, wanted),
    )  # fmt: skip
    moved: dict[int, list[int]] = {}
    for mailbox_id, uid in others:
        moved.setdefault(mailbox_id, []).append(uid)
    await _gather(tx, account_id, moved, wanted, columns, found)
    return found


async def _gather(
    tx: Transaction,
    account_id: int,
    places: Mapping[int, Sequence[int]],
    wanted: set[int],
    columns: tuple[str, ...],
    found: dict[int, list[Held]],
) -> None:
    for mailbox_id, uids in places.items():
        rows = await emails.fetch(
            tx, account_id, mailbox_id, sorted(uids), ("uid", "email_id", *columns), shown=True
        )
        for row in rows:
            if row[1] in wanted:  # another one may have come to that mailbox by a move
                found.setdefault(row[1], []).append(Held(mailbox_id, row))


async def created(tx: Transaction, account_id: int, ids: Iterable[int]) -> dict[int, int]:
    """The modseq with which emails came to be that are not where they first came."""
    rows = await tx.rows(
        f"SELECT email_id, max(created) FROM email_place WHERE account_id = $1"
        f" AND {one_of(tx, 'email_id', 2)} GROUP BY email_id",
        account_id, id_list(tx, ids),
    )  # fmt: skip
    return dict(rows)


async def add(
    tx: Transaction, account_id: int, places: Iterable[tuple[int, int, int, int]]
) -> None:
    """Note further places: email id, mailbox, UID, and the modseq it came to be with."""
    await tx.run_many(
        "INSERT INTO email_place (account_id, email_id, mailbox_id, uid, created)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account_id, email_id, mailbox_id)"
        " DO UPDATE SET uid = excluded.uid",
        [(account_id, *place) for place in places],
    )


async def every(tx: Transaction, account_id: int, limit: int) -> list[int]:
    """The emails of an account, each once, up to a number of rows."""
    rows = await tx.rows(
        f"SELECT e.email_id FROM mailbox_email e WHERE e.account_id = $1 AND {emails.SHOWN}"
        " LIMIT $2",
        account_id, limit,
    )  # fmt: skip
    return list(dict.fromkeys(row[0] for row in rows))
