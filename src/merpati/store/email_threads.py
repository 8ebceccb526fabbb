"""Which thread a new email belongs to."""

from __future__ import annotations

from collections.abc import Collection

from merpati.store.engine import Transaction, id_list, one_of


async def assign(
    tx: Transaction, refs: tuple[int, ...], accounts: Collection[int]
) -> dict[int, int]:
    """The thread of a new email in each account (RFC 8621 3: a shared message id and subject).

    A thread's id is the ref of its first message, so one that answers nothing has the id of
    its own thread, and what answers it finds that without a row being kept. Only replies
    leave rows, for those that know no more than their parent. An email that no other can
    refer to is a thread by itself, and not among those returned.
    """
    if not refs:
        return {}
    first = refs[1] if len(refs) > 1 else refs[0]
    threads = dict.fromkeys(accounts, first)
    if len(refs) == 1:
        return threads
    rows = await tx.rows(
        "SELECT account_id, min(thread_id) FROM thread_ref"
        f" WHERE {one_of(tx, 'account_id', 1)} AND {one_of(tx, 'ref', 2)} GROUP BY account_id",
        id_list(tx, accounts), id_list(tx, refs),
    )  # fmt: skip
    threads.update(rows)
    await tx.run_many(
        "INSERT INTO thread_ref (account_id, ref, thread_id) VALUES ($1, $2, $3)"
        " ON CONFLICT DO NOTHING",
        [(account_id, ref, thread) for account_id, thread in threads.items() for ref in refs],
    )
    return threads


async def with_ref(tx: Transaction, account_id: int, ref: int) -> set[int]:
    """The threads that an email with this ref may be in."""
    rows = await tx.rows(
        "SELECT thread_id FROM thread_ref WHERE account_id = $1 AND ref = $2", account_id, ref
    )
    return {ref, *(row[0] for row in rows)}
