"""Who signed in to an account, or tried to, when and from where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from merpati.store.engine import Transaction

HOUR: Final = 3_600_000  # ms
KEPT: Final = 90 * 24  # hours
SUCCESSES: Final = 400  # rows kept of an account
FAILURES: Final = 100  # apart, so that a stranger's attempts push nothing else out
COLUMNS: Final = "protocol, peer, means, what, success, client, first_at, at, count"


class SignInEvent(NamedTuple):
    """Equal attempts within an hour; times are Unix milliseconds."""

    protocol: str
    peer: str
    means: str
    what: str
    success: bool
    client: str
    first_at: int
    at: int
    times: int


async def enter(tx: Transaction, events: Sequence[tuple[int, SignInEvent]]) -> None:
    """Add events of accounts, and let go of what an account has too many of."""
    await tx.run_many(
        f"INSERT INTO sign_in_event (account_id, hour, {COLUMNS})"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
        " ON CONFLICT (account_id, hour, protocol, peer, means, what, success) DO UPDATE SET"
        " at = excluded.at, count = sign_in_event.count + excluded.count,"
        " client = excluded.client",
        [
            (account_id, one.at // HOUR, *one[:4], int(one.success), *one[5:])
            for account_id, one in events
        ],
    )
    for account_id in {account_id for account_id, _ in events}:
        for success, most in ((1, SUCCESSES), (0, FAILURES)):
            await tx.run(
                "DELETE FROM sign_in_event WHERE account_id = $1 AND success = $2 AND at < ("
                "SELECT e.at FROM sign_in_event e WHERE e.account_id = $1 AND e.success = $2"
                f" ORDER BY e.at DESC LIMIT 1 OFFSET {most - 1})",
                account_id, success,
            )  # fmt: skip


async def of_account(tx: Transaction, account_id: int, limit: int) -> list[SignInEvent]:
    """The newest events of an account, the newest first."""
    rows = await tx.rows(
        f"SELECT {COLUMNS} FROM sign_in_event WHERE account_id = $1 ORDER BY at DESC LIMIT $2",
        account_id, limit,
    )  # fmt: skip
    return [SignInEvent(*row)._replace(success=bool(row[4])) for row in rows]


async def peers(tx: Transaction, account_id: int) -> list[str]:
    """The addresses that an account was signed in to from."""
    rows = await tx.rows(
        "SELECT DISTINCT peer FROM sign_in_event WHERE account_id = $1 AND success = 1", account_id
    )
    return [row[0] for row in rows]


async def forget(tx: Transaction, now: int) -> None:
    """Remove what is older than `KEPT`."""
    await tx.run("DELETE FROM sign_in_event WHERE hour < $1", now // HOUR - KEPT)
