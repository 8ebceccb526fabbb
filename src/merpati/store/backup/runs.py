"""What the store knows of backups that were taken: for administrators, metrics and the doctor."""

from __future__ import annotations

import msgspec

from merpati.store.engine import Transaction

KEPT: int = 400  # runs


class Run(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One backup. Times are Unix milliseconds.

    `ended_at` is 0 while it runs, or when it was broken off; `verified_at` is 0 until all files
    that it needs were read again; `problem` is empty when it went well.
    """

    id: int
    target: str
    started_at: int
    ended_at: int
    snapshot: str
    messages: int
    written: int
    verified_at: int
    problem: str


_COLUMNS = "id, target, started_at, ended_at, snapshot, messages, written, verified_at, problem"


async def begin(tx: Transaction, target: str, now: int) -> int:
    """Note that a backup begins; its number."""
    await tx.run(
        "DELETE FROM backup_run WHERE id <= (SELECT coalesce(max(id), 0) FROM backup_run) - $1",
        KEPT,
    )
    number: int = await tx.value(
        "INSERT INTO backup_run (target, started_at, ended_at, snapshot, messages, written,"
        " verified_at, problem) VALUES ($1, $2, 0, '', 0, 0, 0, '') RETURNING id",
        target, now,
    )  # fmt: skip
    return number


async def end(
    tx: Transaction, number: int, now: int, snapshot: str = "", messages: int = 0,
    written: int = 0, problem: str = "",
) -> None:  # fmt: skip
    """Note how a backup went."""
    await tx.run(
        "UPDATE backup_run SET ended_at = $2, snapshot = $3, messages = $4, written = $5,"
        " problem = $6 WHERE id = $1",
        number, now, snapshot, messages, written, problem,
    )  # fmt: skip


async def verified(tx: Transaction, target: str, now: int, problem: str = "") -> None:
    """Note that a whole repository was read again: all its snapshots are proven, or not."""
    if problem:
        await tx.run(
            "UPDATE backup_run SET problem = $2 WHERE id ="
            " (SELECT max(id) FROM backup_run WHERE target = $1 AND snapshot <> '')",
            target, problem,
        )  # fmt: skip
    else:
        await tx.run(
            "UPDATE backup_run SET verified_at = $2 WHERE target = $1 AND snapshot <> ''",
            target, now,
        )  # fmt: skip


async def listing(tx: Transaction, limit: int = 50) -> list[Run]:
    """Backups, the latest first."""
    rows = await tx.rows(f"SELECT {_COLUMNS} FROM backup_run ORDER BY id DESC LIMIT $1", limit)
    names = [name.strip() for name in _COLUMNS.split(",")]
    return [Run(**dict(zip(names, row, strict=True))) for row in rows]


async def last(tx: Transaction, target: str = "", *, good: bool = False) -> Run | None:
    """The latest backup, to a target if one is named, or the latest that went well."""
    for one in await listing(tx, KEPT):
        if (not target or one.target == target) and (one.snapshot or not good):
            return one
    return None
