"""Messages that programs have sent through the API, and the keys they gave them.

A program that heard no answer asks again with the same key, and is told of the message that
was sent the first time.
"""

from __future__ import annotations

from typing import Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.store.engine import Transaction

_AT_ONCE: Final = 1000  # rows removed in one transaction


class Sent(msgspec.Struct, frozen=True):
    """A message, and what was asked for with its key."""

    trace: str
    digest: bytes


async def add(
    tx: Transaction, account_id: int, trace: str, at: int, key: str, digest: bytes
) -> None:
    """Note a message. Raises Fault TOO_MANY when one was sent with this key."""
    done = await tx.run(
        "INSERT INTO api_message (account_id, trace, at, key, digest)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        account_id, trace, at, key, digest,
    )  # fmt: skip
    if not done:
        raise Fault(Kind.TOO_MANY, "a message with this idempotency key is being sent")


async def find(tx: Transaction, account_id: int, key: str) -> Sent | None:
    """What was sent with a key."""
    row = await tx.row(
        "SELECT trace, digest FROM api_message WHERE account_id = $1 AND key = $2 AND key <> ''",
        account_id, key,
    )  # fmt: skip
    return None if row is None else Sent(row[0], bytes(row[1]))


async def listing(tx: Transaction, account_id: int, before: str = "", limit: int = 50) -> list[str]:
    """The traces of an account's messages, the latest first, from before one of them on."""
    rows = await tx.rows(
        "SELECT trace FROM api_message WHERE account_id = $1 AND ($2 = '' OR trace < $2)"
        " ORDER BY trace DESC LIMIT $3",
        account_id, before, limit,
    )  # fmt: skip
    return [row[0] for row in rows]


async def forget(tx: Transaction, before: int) -> int:
    """Remove some of those sent before a time; how many rows."""
    return await tx.run(
        "DELETE FROM api_message WHERE (account_id, trace) IN"
        " (SELECT account_id, trace FROM api_message WHERE at < $1 LIMIT $2)",
        before, _AT_ONCE,
    )  # fmt: skip
