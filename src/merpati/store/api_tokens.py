"""Tokens by which programs use the API in the name of an account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from merpati.store.engine import Row, Transaction

USED_EVERY: Final = 60_000  # ms; the last use is written no more often
_COLUMNS: Final = (
    "t.id, t.account_id, t.name, t.use, t.created_at, t.expires_at, t.used_at, t.senders"
)


class ApiToken(msgspec.Struct, frozen=True, rename="camel"):
    """One token, without its secret. Times are Unix milliseconds.

    Attributes:
        use: What it is for: "read", "full" or "send".
        expires_at: 0: never.
        used_at: Up to a minute behind; 0: never.
        senders: Addresses that it sends for; none: all of its account.
    """

    id: int
    account_id: int
    name: str
    use: str
    created_at: int
    expires_at: int
    used_at: int
    senders: tuple[str, ...] = ()


async def add(
    tx: Transaction, account_id: int, name: str, use: str, digest: bytes, now: int,
    expires_at: int, senders: Sequence[str] = (),
) -> ApiToken:  # fmt: skip
    """Keep a token by the SHA-256 of its secret."""
    number: int = await tx.value(
        "INSERT INTO api_token (account_id, name, use, digest, created_at, expires_at, used_at,"
        " senders) VALUES ($1, $2, $3, $4, $5, $6, 0, $7) RETURNING id",
        account_id, name, use, digest, now, expires_at, " ".join(senders),
    )  # fmt: skip
    return ApiToken(number, account_id, name, use, now, expires_at, 0, tuple(senders))


async def find(tx: Transaction, digest: bytes, now: int) -> ApiToken | None:
    """The token of a digest that is good now."""
    row = await tx.row(
        f"SELECT {_COLUMNS} FROM api_token t WHERE t.digest = $1"
        " AND (t.expires_at = 0 OR t.expires_at > $2)",
        digest, now,
    )  # fmt: skip
    return None if row is None else _token(row)


async def used(tx: Transaction, token_id: int, now: int) -> None:
    """Note its last use."""
    await tx.run("UPDATE api_token SET used_at = $2 WHERE id = $1", token_id, now)


async def listing(tx: Transaction, account_id: int = 0) -> list[tuple[str, ApiToken]]:
    """All tokens, or those of one account, each with the account's address."""
    rows = await tx.rows(
        f"SELECT r.local || '@' || d.name, {_COLUMNS} FROM api_token t"
        " JOIN address r ON r.account_id = t.account_id AND r.is_primary = 1"
        " JOIN domain d ON d.id = r.domain_id WHERE $1 = 0 OR t.account_id = $1 ORDER BY t.id",
        account_id,
    )
    return [(row[0], _token(row[1:])) for row in rows]


async def remove(tx: Transaction, token_id: int) -> ApiToken | None:
    """Make a token worthless; the one it was."""
    row = await tx.row(f"SELECT {_COLUMNS} FROM api_token t WHERE t.id = $1", token_id)
    await tx.run("DELETE FROM api_token WHERE id = $1", token_id)
    return None if row is None else _token(row)


def _token(row: Row) -> ApiToken:
    number, account_id, name, use, created_at, expires_at, used_at, senders = row
    return ApiToken(
        number, account_id, name, use, created_at, expires_at, used_at, tuple(senders.split())
    )
