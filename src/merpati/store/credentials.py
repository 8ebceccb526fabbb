"""What proves who somebody is, and the secrets that all workers of an installation share."""

from __future__ import annotations

from merpati.store.engine import Transaction


async def secret(tx: Transaction, name: str) -> bytes | None:
    """A secret, or None when nobody has made it yet."""
    found = await tx.value("SELECT value FROM secret WHERE name = $1", name)
    return None if found is None else bytes(found)


async def make_secret(tx: Transaction, name: str, fresh: bytes) -> bytes:
    """A secret: `fresh`, unless somebody was quicker."""
    await tx.run(
        "INSERT INTO secret (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING", name, fresh
    )
    found = await secret(tx, name)
    assert found is not None
    return found


async def renew_password(tx: Transaction, account_id: int, old: str, new: str) -> bool:
    """Store the same password in another form, unless it was changed meanwhile."""
    changed = await tx.run(
        "UPDATE account SET password = $3 WHERE id = $1 AND password = $2", account_id, old, new
    )
    return changed == 1
