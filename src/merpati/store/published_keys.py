"""OpenPGP keys that accounts publish, for each address."""

from __future__ import annotations

import msgspec

from merpati.store.engine import Transaction
from merpati.wire import openpgp


class Published(msgspec.Struct, frozen=True, rename="camel"):
    """Which key an address has, and since when (Unix milliseconds)."""

    address: str
    fingerprint: str
    published_at: int


async def publish(
    tx: Transaction, account_id: int, address: str, key: bytes, fingerprint: str, now: int
) -> None:
    """Let an address have a key, in place of another."""
    local, _, domain = address.rpartition("@")
    await tx.run(
        "INSERT INTO published_key (account_id, address, domain, hash, key, fingerprint,"
        " published_at) VALUES ($1, $2, $3, $4, $5, $6, $7)"
        " ON CONFLICT (account_id, address) DO UPDATE SET key = excluded.key,"
        " fingerprint = excluded.fingerprint, published_at = excluded.published_at",
        account_id, address, domain, openpgp.directory_hash(local), key, fingerprint, now,
    )  # fmt: skip


async def listing(tx: Transaction, account_id: int) -> list[Published]:
    """What an account publishes."""
    rows = await tx.rows(
        "SELECT address, fingerprint, published_at FROM published_key WHERE account_id = $1"
        " ORDER BY address",
        account_id,
    )
    return [Published(*row) for row in rows]


async def withdraw(tx: Transaction, account_id: int) -> bool:
    """Publish nothing any more; whether there was anything."""
    return bool(await tx.run("DELETE FROM published_key WHERE account_id = $1", account_id))


async def find(tx: Transaction, domain: str, hash_: str) -> bytes:
    """The key of an address that is still its account's, by domain and hash; empty: none."""
    row = await tx.row(
        "SELECT k.key FROM published_key k JOIN account a ON a.id = k.account_id"
        " WHERE k.domain = $1 AND k.hash = $2 AND a.disabled = 0 AND EXISTS"
        " (SELECT 1 FROM address r JOIN domain d ON d.id = r.domain_id"
        " WHERE r.account_id = k.account_id AND r.local || '@' || d.name = k.address)",
        domain.lower(), hash_,
    )  # fmt: skip
    return bytes(row[0]) if row is not None else b""
