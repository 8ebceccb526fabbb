"""The queue by destination: which are due, which cannot be reached, and what they said.

`due_at` is a lower bound: nothing of a destination is to be tried before it. Adding,
deferring and releasing lower it, claiming raises it to what comes next. While a
destination *fails* (`failures` > 0) it is the time of the next attempt to reach it, and
no mail lowers it: so mail for a host that is down is not looked at, however much it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from merpati.model.queue import Destination
from merpati.store.engine import Topic, Transaction

NEVER: Final = 1 << 62  # ms
COLUMNS: Final = (
    "name, due_at, failures, failed_at, succeeded_at, status, reply, remote, lanes, pause"
)


async def lower(tx: Transaction, names: Iterable[str], due_at: int) -> None:
    """Something of these destinations is due at `due_at`. One that fails is left alone."""
    for name in names:
        found = await tx.row("SELECT due_at, failures FROM queue_destination WHERE name = $1", name)
        if found is None:
            await tx.run(
                "INSERT INTO queue_destination (name, due_at, failures, failed_at, succeeded_at,"
                " status, reply, remote, lanes, pause)"
                " VALUES ($1, $2, 0, 0, 0, '', '', '', 0, 0)"
                " ON CONFLICT (name) DO UPDATE SET due_at = excluded.due_at",
                name, due_at,
            )  # fmt: skip
        elif found[0] > due_at and not found[1]:
            await tx.run("UPDATE queue_destination SET due_at = $2 WHERE name = $1", name, due_at)


async def due(tx: Transaction, now: int, busy: Sequence[str], limit: int) -> list[tuple[str, bool]]:
    """Destinations that are due, the longest first; name, and whether it fails.

    Args:
        tx: The transaction.
        now: Unix milliseconds.
        busy: Names to leave out.
        limit: How many at most.
    """
    rows = await tx.rows(
        "SELECT name, failures FROM queue_destination WHERE due_at <= $1 ORDER BY due_at LIMIT $2",
        now, limit + len(busy),
    )  # fmt: skip
    others = set(busy)
    return [(row[0], row[1] > 0) for row in rows if row[0] not in others][:limit]


async def set_due(tx: Transaction, name: str, due_at: int) -> None:
    """Nothing of it is to be tried before this."""
    await tx.run("UPDATE queue_destination SET due_at = $2 WHERE name = $1", name, due_at)


async def find(tx: Transaction, names: Sequence[str]) -> dict[str, Destination]:
    """What is known of some destinations, by name."""
    found = {}
    for name in names:
        row = await tx.row(f"SELECT {COLUMNS} FROM queue_destination WHERE name = $1", name)
        if row is not None:
            found[name] = Destination(*row)
    return found


async def failed(
    tx: Transaction, name: str, now: int, next_at: int, status: str, reply: str, remote: str
) -> None:
    """It could not be reached; all that waits for it waits until `next_at`, untouched."""
    await tx.run(
        "UPDATE queue_destination SET due_at = $3, failures = failures + 1, failed_at = $2,"
        " status = $4, reply = $5, remote = $6 WHERE name = $1",
        name, now, next_at, status, reply, remote,
    )  # fmt: skip


async def reached(tx: Transaction, names: Sequence[str], now: int) -> None:
    """They let us in: what waits for them is due."""
    for name in names:
        await tx.run(
            "UPDATE queue_destination SET failures = 0, succeeded_at = $2,"
            " due_at = CASE WHEN failures > 0 THEN $2 ELSE due_at END WHERE name = $1",
            name, now,
        )  # fmt: skip
    tx.announce(Topic.QUEUE, 0)


async def paced(tx: Transaction, names: Sequence[str], lanes: int, pause: int) -> None:
    """How much a worker sends there at once now."""
    for name in names:
        await tx.run(
            "UPDATE queue_destination SET lanes = $2, pause = $3 WHERE name = $1",
            name, lanes, pause,
        )  # fmt: skip


async def forget(tx: Transaction, before: int, limit: int = 500) -> int:
    """Remove destinations for which nothing waits, and nothing was sent since `before`."""
    return await tx.run(
        "DELETE FROM queue_destination WHERE name IN (SELECT name FROM queue_destination d"
        " WHERE failed_at < $1 AND succeeded_at < $1 AND NOT EXISTS"
        " (SELECT 1 FROM queue_recipient r WHERE r.destination = d.name) LIMIT $2)",
        before, limit,
    )  # fmt: skip
