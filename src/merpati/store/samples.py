"""Numbers over time, by the hour: what came and went, and how much there is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from merpati.store.audit import one_of_texts, text_list
from merpati.store.engine import Transaction

HOUR: Final = 3_600_000  # ms
_AT_ONCE: Final = 1000  # rows removed in one transaction


async def add(tx: Transaction, hour: int, counts: Mapping[str, int]) -> None:
    """Add to what was counted in an hour, which is Unix milliseconds at its beginning."""
    await tx.run_many(
        "INSERT INTO sample (name, at, value) VALUES ($1, $2, $3)"
        " ON CONFLICT (name, at) DO UPDATE SET value = sample.value + excluded.value",
        [(name, hour, value) for name, value in sorted(counts.items())],
    )


async def put(tx: Transaction, hour: int, levels: Mapping[str, int]) -> None:
    """Say how much there is in an hour; the last word of it stays."""
    await tx.run_many(
        "INSERT INTO sample (name, at, value) VALUES ($1, $2, $3)"
        " ON CONFLICT (name, at) DO UPDATE SET value = excluded.value",
        [(name, hour, value) for name, value in sorted(levels.items())],
    )


async def series(
    tx: Transaction, names: Collection[str], since: int
) -> dict[str, list[tuple[int, int]]]:
    """Hours from a moment on with their numbers, in order, by name."""
    rows = await tx.rows(
        f"SELECT name, at, value FROM sample WHERE at >= $1 AND {one_of_texts(tx, 'name', 2)}"
        " ORDER BY name, at",
        since, text_list(names),
    )  # fmt: skip
    found: dict[str, list[tuple[int, int]]] = {name: [] for name in names}
    for name, at, value in rows:
        found[name].append((at, value))
    return found


async def levels(tx: Transaction) -> dict[str, int]:
    """How much there is now of what only grows with mail and accounts."""
    row = await tx.row(
        "SELECT CAST(coalesce(sum(used), 0) AS BIGINT), CAST(coalesce(sum(emails), 0) AS BIGINT),"
        " count(*) FROM account"
    )
    assert row is not None
    return {"storage": row[0], "emails": row[1], "accounts": row[2]}


async def forget(tx: Transaction, before: int) -> int:
    """Remove some of the hours before this time; how many rows."""
    return await tx.run(
        "DELETE FROM sample WHERE (name, at) IN"
        " (SELECT name, at FROM sample WHERE at < $1 LIMIT $2)",
        before, _AT_ONCE,
    )  # fmt: skip
