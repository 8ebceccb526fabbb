"""What proves who somebody is, and the secrets that all workers of an installation share."""

from __future__ import annotations

from merpati.store import web_sessions
from merpati.store.engine import Topic, Transaction


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


async def change_password(
    tx: Transaction, account_id: int, password: str, session_id: int = 0
) -> None:
    """Give an account another password; all sessions end but one (0: all)."""
    await tx.run("UPDATE account SET password = $2 WHERE id = $1", account_id, password)
    await web_sessions.end_others(tx, account_id, session_id)
    tx.announce(Topic.DIRECTORY, 0)
