"""Whom accounts write to: the addresses in their sent mail, and how often and when.

Nothing of it is written when a message is sent. Whoever asks has the mail that has come to the
sent mailbox since the last time read first, in pieces; so it holds what mail programs put there
by IMAP, too, and costs those nothing who never ask.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from merpati.store.engine import Transaction

KEPT: Final = 5000  # correspondents of an account


class Correspondent(msgspec.Struct, frozen=True, rename="camel"):
    """Somebody who was written to.

    Attributes:
        email: the address, in lower case.
        name: as it was last written; empty: none.
        letters: how many went there.
        last_at: when the last one went, Unix milliseconds.
    """

    email: str
    name: str
    letters: int
    last_at: int


async def listing(tx: Transaction, account_id: int, limit: int) -> list[Correspondent]:
    """Those an account wrote to last."""
    rows = await tx.rows(
        "SELECT address, name, letters, last_at FROM correspondent WHERE account_id = $1"
        " ORDER BY last_at DESC, address LIMIT $2",
        account_id, limit,
    )  # fmt: skip
    return [Correspondent(*row) for row in rows]


async def first(tx: Transaction, account_id: int, addresses: Sequence[str]) -> str | None:
    """The first of these, as it is given, that an account wrote to."""
    sql = "SELECT 1 FROM correspondent WHERE account_id = $1 AND address = $2"
    for address in addresses:
        if await tx.value(sql, account_id, address.lower()):
            return address
    return None


async def read_up_to(tx: Transaction, account_id: int, mailbox_id: int) -> int:
    """The last UID of the sent mailbox whose mail has been counted; 0: none."""
    row = await tx.row(
        "SELECT uid FROM correspondents_read WHERE account_id = $1 AND mailbox_id = $2",
        account_id, mailbox_id,
    )  # fmt: skip
    return int(row[0]) if row else 0


async def count(
    tx: Transaction, account_id: int, mailbox_id: int, uid: int, met: Sequence[Correspondent]
) -> None:
    """Add letters that were read, up to a UID; each address is in `met` once."""
    await tx.run_many(
        "INSERT INTO correspondent (account_id, address, name, letters, last_at)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account_id, address) DO UPDATE SET"
        " letters = correspondent.letters + excluded.letters,"
        " name = CASE WHEN excluded.name <> '' THEN excluded.name ELSE correspondent.name END,"
        " last_at = CASE WHEN excluded.last_at > correspondent.last_at"
        " THEN excluded.last_at ELSE correspondent.last_at END",
        [(account_id, one.email, one.name, one.letters, one.last_at) for one in met],
    )
    await tx.run(
        "INSERT INTO correspondents_read (account_id, mailbox_id, uid) VALUES ($1, $2, $3)"
        " ON CONFLICT (account_id) DO UPDATE SET mailbox_id = excluded.mailbox_id,"
        " uid = excluded.uid",
        account_id, mailbox_id, uid,
    )  # fmt: skip
    oldest = await tx.value(
        "SELECT last_at FROM correspondent WHERE account_id = $1"
        " ORDER BY last_at DESC LIMIT 1 OFFSET $2",
        account_id, KEPT,
    )  # fmt: skip
    if oldest is not None:
        sql = "DELETE FROM correspondent WHERE account_id = $1 AND last_at <= $2"
        await tx.run(sql, account_id, oldest)


async def forget(tx: Transaction, account_id: int, address: str) -> bool:
    """Forget somebody until they are written to again; False when they were not known."""
    sql = "DELETE FROM correspondent WHERE account_id = $1 AND address = $2"
    return bool(await tx.run(sql, account_id, address.lower()))
