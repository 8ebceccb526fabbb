"""Addresses elsewhere that do not exist: for a while nothing is sent there.

Sending on and on to mailboxes that are gone is what receivers take for spam. An address
gets here when its server says for good that there is no such mailbox, stays for a time,
and leaves at once when the administrator says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from merpati.model.queue import Suppression
from merpati.store.engine import Dialect, Transaction

COLUMNS: Final = "address, since, until, count, status, reply, remote"


async def suppress(
    tx: Transaction, address: str, now: int, until: int, *, status: str, reply: str, remote: str
) -> None:
    """Send nothing to an address until a time, Unix milliseconds."""
    await tx.run(
        "INSERT INTO suppression (address, since, until, count, status, reply, remote)"
        " VALUES ($1, $2, $3, 1, $4, $5, $6) ON CONFLICT (address) DO UPDATE SET"
        " until = excluded.until, count = suppression.count + 1, status = excluded.status,"
        " reply = excluded.reply, remote = excluded.remote",
        address.lower(), now, until, status, reply, remote,
    )  # fmt: skip


async def suppressed(tx: Transaction, addresses: Iterable[str], now: int) -> dict[str, Suppression]:
    """Those of some addresses to which nothing is to be sent now, by address as it was given."""
    lower = {one.lower(): one for one in addresses}
    if len(lower) == 1:  # as nearly always; compared plainly, at half the cost
        rows = await tx.rows(
            f"SELECT {COLUMNS} FROM suppression WHERE until > $1 AND address = $2", now, *lower
        )
        return {lower[row[0]]: Suppression(*row) for row in rows}
    rows = await tx.rows(
        f"SELECT {COLUMNS} FROM suppression WHERE until > $1 AND {one_of_texts(tx, 'address', 2)}",
        now, text_list(tx, lower),
    )  # fmt: skip
    return {lower[row[0]]: Suppression(*row) for row in rows}


async def listing(
    tx: Transaction, now: int, *, pattern: str = "", limit: int = 1000
) -> list[Suppression]:
    """What is suppressed now, by address; `*` in the pattern stands for anything."""
    rows = await tx.rows(
        f"SELECT {COLUMNS} FROM suppression WHERE until > $1 AND address LIKE $2 ESCAPE '\\'"
        " ORDER BY address LIMIT $3",
        now, like(pattern or "*"), limit,
    )  # fmt: skip
    return [Suppression(*row) for row in rows]


async def remove(tx: Transaction, addresses: Sequence[str]) -> int:
    """Send to these addresses again; how many were suppressed."""
    count = 0
    for address in addresses:
        count += await tx.run("DELETE FROM suppression WHERE address = $1", address.lower())
    return count


async def forget(tx: Transaction, now: int) -> int:
    """Remove those whose time is over, and that have not come back for as long again."""
    return await tx.run("DELETE FROM suppression WHERE until + (until - since) < $1", now)


def one_of_texts(tx: Transaction, column: str, parameter: int) -> str:
    """SQL for "column is one of the texts of this parameter"; pass it `text_list(...)`."""
    if tx.dialect is Dialect.SQLITE:
        return f"{column} IN (SELECT value FROM json_each(${parameter}))"
    return f"{column} = ANY(${parameter}::text[])"


def text_list(tx: Transaction, texts: Iterable[str]) -> Any:
    """Texts as the one parameter that `one_of_texts` expects."""
    if tx.dialect is Dialect.SQLITE:
        return msgspec.json.encode(list(texts)).decode()
    return list(texts)


def like(pattern: str) -> str:
    """A pattern with `*` as SQL's LIKE has it, in lower case, escaped by a backslash."""
    escaped = pattern.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%")
