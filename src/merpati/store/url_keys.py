"""Keys that authorise URLs of messages (RFC 4467): one for each mailbox and user."""

from __future__ import annotations

from merpati.store.engine import Transaction


async def get(tx: Transaction, account_id: int, mailbox_id: int, user_id: int) -> bytes | None:
    """The key of a user for a mailbox in an account, or None when there is none."""
    found: bytes | None = await tx.value(
        "SELECT key FROM urlauth_key"
        " WHERE account_id = $1 AND mailbox_id = $2 AND user_id = $3",
        account_id, mailbox_id, user_id,
    )  # fmt: skip
    return found


async def make(
    tx: Transaction, account_id: int, mailbox_id: int, user_id: int, key: bytes
) -> bytes:
    """The key that is there, or else this one, from now on."""
    await tx.run(
        "INSERT INTO urlauth_key (account_id, mailbox_id, user_id, key) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT DO NOTHING",
        account_id, mailbox_id, user_id, key,
    )  # fmt: skip
    found = await get(tx, account_id, mailbox_id, user_id)
    assert found is not None
    return found


async def forget(tx: Transaction, account_id: int, mailbox_id: int, user_id: int) -> None:
    """Make void what a user gave away of one mailbox."""
    await tx.run(
        "DELETE FROM urlauth_key WHERE account_id = $1 AND mailbox_id = $2 AND user_id = $3",
        account_id, mailbox_id, user_id,
    )  # fmt: skip


async def forget_all(tx: Transaction, user_id: int) -> None:
    """Make void all that a user gave away, of the own mailboxes and of others'."""
    await tx.run("DELETE FROM urlauth_key WHERE user_id = $1", user_id)
