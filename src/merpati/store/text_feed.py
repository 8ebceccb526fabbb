"""What the text index is made from: the emails that came to a mailbox after a UID."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from merpati.store.blobs import Stored
from merpati.store.engine import Transaction, id_list, one_of

Place = tuple[int, int, int, int]
"""Account, blob, mailbox and UID of an email."""


class Source(msgspec.Struct, frozen=True):
    """A message to be read."""

    stored: Stored
    structure: bytes  # empty when it is not known
    envelope: bytes  # prepared; empty when it is not known


async def mailboxes(tx: Transaction, account_ids: Sequence[int] = ()) -> list[tuple[int, int, int]]:
    """Account, mailbox and last UID given, of these accounts or of all, where there was any."""
    which = f"WHERE uidnext > 1 AND {one_of(tx, 'account_id', 1)}" if account_ids else (
        "WHERE uidnext > 1 AND $1 IS NULL"
    )  # fmt: skip
    rows = await tx.rows(
        f"SELECT account_id, id, uidnext - 1 FROM mailbox {which} ORDER BY account_id, id",
        id_list(tx, account_ids) if account_ids else None,
    )
    return [(account_id, mailbox_id, last) for account_id, mailbox_id, last in rows]


async def after(
    tx: Transaction, account_id: int, mailbox_id: int, uid: int, limit: int
) -> tuple[list[Place], int]:
    """The first emails of a mailbox above a UID, and up to which UID that is all."""
    last: int | None = await tx.value(
        "SELECT uidnext - 1 FROM mailbox WHERE account_id = $1 AND id = $2", account_id, mailbox_id
    )
    rows = await tx.rows(
        "SELECT blob_id, uid FROM mailbox_email WHERE account_id = $1 AND mailbox_id = $2"
        " AND uid > $3 ORDER BY uid LIMIT $4",
        account_id, mailbox_id, uid, limit,
    )  # fmt: skip
    found = [(account_id, blob_id, mailbox_id, uid) for blob_id, uid in rows]
    if len(rows) == limit:
        return found, rows[-1][1]
    return found, last or uid


async def after_each(
    tx: Transaction, begins: Iterable[tuple[int, int, int]], limit: int, share: int
) -> tuple[list[Place], list[tuple[int, int, int]]]:
    """`after` for several mailboxes: at most `share` emails of each, until there are `limit`.

    Args:
        tx: The transaction.
        begins: Account, mailbox and UID.
        limit: How many emails in all, about.
        share: How many of one mailbox.

    Returns:
        The emails, and by account and mailbox up to which UID that is all.
    """
    places: list[Place] = []
    done: list[tuple[int, int, int]] = []
    for account_id, mailbox_id, uid in begins:
        found, upto = await after(tx, account_id, mailbox_id, uid, min(limit - len(places), share))
        places += found
        done.append((account_id, mailbox_id, upto))
        if len(places) >= limit:
            break
    return places, done


async def sources(tx: Transaction, blob_ids: Sequence[int]) -> list[Source]:
    """The messages of these blobs that are still there."""
    rows = await tx.rows(
        "SELECT b.id, b.size, b.location, coalesce(c.encoding, 0), coalesce(c.data, $2),"
        " coalesce(m.structure, $2), coalesce(m.envelope, $2)"
        " FROM blob b LEFT JOIN body c ON c.blob_id = b.id"
        f" LEFT JOIN message m ON m.blob_id = b.id WHERE {one_of(tx, 'b.id', 1)}",
        id_list(tx, blob_ids), b"",
    )  # fmt: skip
    return [Source(Stored(*row[:5]), row[5], row[6]) for row in rows]


async def count_of(tx: Transaction, account_id: int) -> int:
    """How many emails an account holds, as often as they lie in a mailbox."""
    found = await tx.value("SELECT sum(total) FROM mailbox WHERE account_id = $1", account_id)
    return int(found or 0)


async def spots_of(tx: Transaction, account_id: int) -> set[tuple[int, int]]:
    """Mailbox and UID of all emails of an account."""
    rows = await tx.rows(
        "SELECT mailbox_id, uid FROM mailbox_email WHERE account_id = $1", account_id
    )
    return {(mailbox_id, uid) for mailbox_id, uid in rows}


async def blobs_of(tx: Transaction, account_id: int) -> set[int]:
    """The blobs of all emails of an account."""
    rows = await tx.rows(
        "SELECT DISTINCT blob_id FROM mailbox_email WHERE account_id = $1", account_id
    )
    return {blob_id for (blob_id,) in rows}
