"""The emails of threads."""

from __future__ import annotations

from collections.abc import Iterable

from merpati.store.engine import Transaction, id_list, one_of


async def members(
    tx: Transaction, account_id: int, thread_ids: Iterable[int]
) -> dict[int, list[tuple[int, int, int]]]:
    """Email, mailbox and time of arrival of what belongs to these threads, the oldest first."""
    rows = await tx.rows(
        "SELECT thread_id, email_id, mailbox_id, received_at FROM mailbox_email"
        f" WHERE account_id = $1 AND {one_of(tx, 'thread_id', 2)}"
        " ORDER BY received_at, email_id",
        account_id, id_list(tx, thread_ids),
    )  # fmt: skip
    found: dict[int, list[tuple[int, int, int]]] = {}
    for thread_id, *member in rows:
        found.setdefault(thread_id, []).append((member[0], member[1], member[2]))
    return found
