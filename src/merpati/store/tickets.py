"""Things begun that wait for their next step: challenges, authorization codes, devices.

Whoever holds a ticket may take the step, on any worker. The store has only its hash.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any, Final, NamedTuple

from merpati.store.engine import Transaction

COLUMNS: Final = "kind, account_id, data, tries, used_at, expires_at"
STEP: Final = 1000  # rows removed at once


class Ticket(NamedTuple):
    """One as it stands; `account_id` is 0 while it is nobody's, times are milliseconds."""

    kind: str
    account_id: int
    data: dict[str, Any]
    tries: int
    used_at: int
    expires_at: int


def digest(token: str) -> bytes:
    """What a token is found by."""
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


async def issue(
    tx: Transaction, token: str, kind: str, account_id: int, data: dict[str, Any], expires_at: int
) -> None:
    """Keep a new one."""
    await tx.run(
        f"INSERT INTO ticket (hash, {COLUMNS}) VALUES ($1, $2, $3, $4, 0, 0, $5)",
        digest(token), kind, account_id, json.dumps(data), expires_at,
    )  # fmt: skip


async def find(tx: Transaction, token: str, kind: str, now: int) -> Ticket | None:
    """The one of this kind, used or not; None when there is none, or no longer."""
    row = await tx.row(
        f"SELECT {COLUMNS} FROM ticket WHERE hash = $1 AND kind = $2 AND expires_at > $3",
        digest(token), kind, now,
    )  # fmt: skip
    if row is None:
        return None
    kind, account_id, data, *rest = row
    return Ticket(kind, account_id, json.loads(data), *rest)


async def attempt(tx: Transaction, token: str, kind: str, most: int, now: int) -> Ticket | None:
    """As `find`, and one try more; None when it was used, or tried `most` times already."""
    counted = await tx.run(
        "UPDATE ticket SET tries = tries + 1 WHERE hash = $1 AND kind = $2 AND used_at = 0"
        " AND tries < $3 AND expires_at > $4",
        digest(token), kind, most, now,
    )  # fmt: skip
    return await find(tx, token, kind, now) if counted else None


async def use(tx: Transaction, token: str, kind: str, now: int) -> Ticket | None:
    """The one of this kind, from now on used; None when it was already, or there is none."""
    used = await tx.run(
        "UPDATE ticket SET used_at = $3 WHERE hash = $1 AND kind = $2 AND used_at = 0"
        " AND expires_at > $3",
        digest(token), kind, now,
    )  # fmt: skip
    return await find(tx, token, kind, now) if used else None


async def change(tx: Transaction, token: str, account_id: int, data: dict[str, Any]) -> None:
    """Let it be somebody's, with other data."""
    await tx.run(
        "UPDATE ticket SET account_id = $2, data = $3 WHERE hash = $1",
        digest(token), account_id, json.dumps(data),
    )  # fmt: skip


async def forget(tx: Transaction, now: int) -> bool:
    """Remove some that nobody can use any more; whether there may be others."""
    gone = await tx.run(
        "DELETE FROM ticket WHERE hash IN (SELECT hash FROM ticket WHERE expires_at <= $1"
        f" LIMIT {STEP})",
        now,
    )
    return gone == STEP
