"""Leases: work that must be done once is claimed, by any worker on any node.

A lease that was taken by a worker that died runs out. So what it covers must bear to be done
twice, or must be finished in the transaction that makes it so.
"""

from __future__ import annotations

from merpati.store.engine import Transaction


async def claim(tx: Transaction, name: str, holder: str, now: int, ends_at: int) -> bool:
    """Take a lease, unless somebody has it; times are Unix milliseconds."""
    row = await tx.row(
        "INSERT INTO lease (name, holder, ends_at) VALUES ($1, $2, $4)"
        " ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, ends_at = excluded.ends_at"
        " WHERE lease.ends_at <= $3 RETURNING name",
        name, holder, now, ends_at,
    )  # fmt: skip
    return row is not None


async def extend(tx: Transaction, name: str, holder: str, ends_at: int) -> bool:
    """Keep a lease for longer, also one left by the holder's last life; False when it has none."""
    return bool(
        await tx.run(
            "UPDATE lease SET ends_at = $3 WHERE name = $1 AND holder = $2", name, holder, ends_at
        )
    )


async def release(tx: Transaction, name: str, holder: str) -> None:
    """Give a lease back before its time, if it is still the holder's."""
    await tx.run("DELETE FROM lease WHERE name = $1 AND holder = $2", name, holder)


async def held(tx: Transaction, name: str, now: int) -> bool:
    """Whether somebody has a lease."""
    return bool(await tx.value("SELECT 1 FROM lease WHERE name = $1 AND ends_at > $2", name, now))


async def forget(tx: Transaction, now: int) -> int:
    """Remove leases that have run out; how many."""
    return await tx.run("DELETE FROM lease WHERE ends_at <= $1", now)
