"""What others complain about in mail of our accounts."""

from __future__ import annotations

from msgspec import Struct

from merpati.store.engine import Transaction


class Complained(Struct, frozen=True, kw_only=True):
    """A complaint about a message: its trace, the account that sent it and its address now.

    `received_at` is Unix milliseconds; `recipient` is who complains, if that was told.
    """

    account_id: int
    address: str = ""
    received_at: int
    trace: str
    kind: str
    reporter: str
    recipient: str


async def keep(tx: Transaction, one: Complained) -> bool:
    """Keep a complaint; False when it had come before."""
    row = await tx.row(
        "INSERT INTO complaint (account_id, received_at, trace, kind, reporter, recipient)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING id",
        one.account_id, one.received_at, one.trace, one.kind, one.reporter, one.recipient,
    )  # fmt: skip
    return row is not None


async def listing(tx: Transaction, domain: str, since: int, limit: int = 200) -> list[Complained]:
    """Complaints about accounts of a domain, the latest first."""
    rows = await tx.rows(
        "SELECT c.account_id, r.local || '@' || d.name, c.received_at, c.trace, c.kind, c.reporter,"
        " c.recipient FROM domain d JOIN address r ON r.domain_id = d.id AND r.is_primary = 1"
        " JOIN complaint c ON c.account_id = r.account_id"
        " WHERE d.name = $1 AND c.received_at >= $2"
        " ORDER BY c.received_at DESC, c.id DESC LIMIT $3",
        domain, since, limit,
    )  # fmt: skip
    names = ("account_id", "address", "received_at", "trace", "kind", "reporter", "recipient")
    return [Complained(**dict(zip(names, row, strict=True))) for row in rows]


async def forget(tx: Transaction, before: int) -> int:
    """Remove complaints that came before this, Unix milliseconds; how many."""
    return await tx.run("DELETE FROM complaint WHERE received_at < $1", before)
