"""Numbers over time, by the hour and, of late, the minute: what came, and how much there is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from merpati.store.audit import one_of_texts, text_list
from merpati.store.engine import Transaction

MINUTE: Final = 60_000  # ms
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
_AT_ONCE: Final = 1000  # rows removed in one transaction


async def add(tx: Transaction, hour: int, minute: int, counts: Mapping[str, int]) -> None:
    """Add to what was counted in an hour and a minute: Unix milliseconds at their beginnings."""
    for table, at in (("sample", hour), ("sample_minute", minute)):
        await tx.run_many(
            f"INSERT INTO {table} (name, at, value) VALUES ($1, $2, $3)"
            f" ON CONFLICT (name, at) DO UPDATE SET value = {table}.value + excluded.value",
            [(name, at, value) for name, value in sorted(counts.items())],
        )


async def put(tx: Transaction, hour: int, minute: int, levels: Mapping[str, int]) -> None:
    """Say how much there is; the last word of an hour, and of a minute, stays."""
    for table, at in (("sample", hour), ("sample_minute", minute)):
        await tx.run_many(
            f"INSERT INTO {table} (name, at, value) VALUES ($1, $2, $3)"
            " ON CONFLICT (name, at) DO UPDATE SET value = excluded.value",
            [(name, at, value) for name, value in sorted(levels.items())],
        )


async def series(
    tx: Transaction, names: Collection[str], since: int
) -> dict[str, list[tuple[int, int]]]:
    """Hours from a moment on with their numbers, in order, by name."""
    return await _series(tx, "sample", names, since)


async def minutes(
    tx: Transaction, names: Collection[str], since: int
) -> dict[str, list[tuple[int, int]]]:
    """The same of minutes, which are kept for a shorter while."""
    return await _series(tx, "sample_minute", names, since)


async def _series(
    tx: Transaction, table: str, names: Collection[str], since: int
) -> dict[str, list[tuple[int, int]]]:
    rows = await tx.rows(
        f"SELECT name, at, value FROM {table} WHERE at >= $1 AND {one_of_texts(tx, 'name', 2)}"
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


async def forget(tx: Transaction, hours_before: int, minutes_before: int) -> int:
    """Remove some of the hours and minutes before these times; how many rows."""
    count = 0
    for table, before in (("sample", hours_before), ("sample_minute", minutes_before)):
        count += await tx.run(
            f"DELETE FROM {table} WHERE (name, at) IN"
            f" (SELECT name, at FROM {table} WHERE at < $1 LIMIT $2)",
            before, _AT_ONCE,
        )  # fmt: skip
    return count
