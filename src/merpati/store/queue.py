"""The queue: messages with recipients that are still to be served.

A recipient's row is its whole state. It is due at `next_at`; a worker that claims it
moves `next_at` to the end of its lease and signs it, so a worker that dies merely lets
the lease run out. Serving a recipient deletes its row in the transaction that records
the outcome, so nothing is done twice. docs/design/queue.md has the table of states.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from merpati.model.queue import QueueMessage, QueueRecipient
from merpati.store import blobs
from merpati.store.engine import Dialect, Row, Topic, Transaction, id_list, one_of

MESSAGE_COLUMNS: Final = (
    "id, trace, blob_id, sender, account_id, smtputf8, received_at, expires_at, warn_at"
)
RECIPIENT_COLUMNS: Final = (
    "message_id, n, address, destination, held, attempts, next_at, status, reply, remote"
)


async def add(
    tx: Transaction,
    *,
    trace: str,
    blob_id: int,
    sender: str,
    account_id: int,
    smtputf8: bool,
    received_at: int,
    expires_at: int,
    warn_at: int,
    recipients: Sequence[tuple[str, str]],
) -> int:
    """Queue a message whose blob the caller has counted once; due at once.

    Args:
        tx: The transaction.
        trace: The message's trace id.
        blob_id: Its bytes.
        sender: The return path; empty for a bounce.
        account_id: Of the local sender, else 0.
        smtputf8: Whether it needs a next hop with SMTPUTF8.
        received_at: Unix milliseconds.
        expires_at: When it is returned.
        warn_at: When the sender is told of a delay; 0: never.
        recipients: Address and destination of each.

    Returns:
        The queue id.
    """
    message_id: int = await tx.value(
        "INSERT INTO queue_message (trace, blob_id, sender, account_id, smtputf8, received_at,"
        " expires_at, warn_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
        trace, blob_id, sender, account_id, int(smtputf8), received_at, expires_at, warn_at,
    )  # fmt: skip
    await tx.run_many(
        "INSERT INTO queue_recipient (message_id, n, address, destination, held, attempts,"
        " next_at, lease, status, reply, remote) VALUES ($1, $2, $3, $4, 0, 0, $5, '', '', '', '')",
        [(message_id, n, address, destination, received_at)
         for n, (address, destination) in enumerate(recipients)],
    )  # fmt: skip
    tx.announce(Topic.QUEUE, 0)
    return message_id


async def claim(
    tx: Transaction, now: int, lease: str, lease_ends: int, limit: int, busy: Sequence[str] = ()
) -> list[QueueRecipient]:
    """Take up to `limit` due recipients for one worker, the longest due first.

    Args:
        tx: The transaction.
        now: Unix milliseconds.
        lease: Who takes them.
        lease_ends: When others may take them again.
        limit: How many at most.
        busy: Destinations that have all the connections they may have now.
    """
    lock = "" if tx.dialect is Dialect.SQLITE else " FOR UPDATE SKIP LOCKED"
    others = "".join(f" AND destination <> ${n}" for n in range(5, 5 + len(busy)))
    rows = await tx.rows(
        "WITH due AS MATERIALIZED (SELECT message_id, n FROM queue_recipient"
        f" WHERE held = 0 AND next_at <= $1{others} ORDER BY next_at LIMIT $4{lock})"
        " UPDATE queue_recipient SET next_at = $2, lease = $3, attempts = attempts + 1"
        " WHERE (message_id, n) IN (SELECT message_id, n FROM due)"
        f" RETURNING {RECIPIENT_COLUMNS}",
        now, lease_ends, lease, limit, *busy,
    )  # fmt: skip
    return sorted((_recipient(row) for row in rows), key=lambda one: (one.message_id, one.n))


async def messages(tx: Transaction, ids: Sequence[int]) -> dict[int, QueueMessage]:
    """Queued messages by id; those that are gone are missing."""
    rows = await tx.rows(
        f"SELECT {MESSAGE_COLUMNS} FROM queue_message WHERE {one_of(tx, 'id', 1)}",
        id_list(tx, ids),
    )
    return {row[0]: _message(row) for row in rows}


async def finish(tx: Transaction, message_id: int, numbers: Sequence[int]) -> list[int]:
    """These recipients are served, or given up; returns those that were still here.

    An empty answer means another worker has finished them: the caller must not act twice.
    """
    rows = await tx.rows(
        f"DELETE FROM queue_recipient WHERE message_id = $1 AND {one_of(tx, 'n', 2)} RETURNING n",
        message_id, id_list(tx, numbers),
    )  # fmt: skip
    if rows and not await tx.row(
        "SELECT 1 FROM queue_recipient WHERE message_id = $1 LIMIT 1", message_id
    ):
        blob_id = await tx.value(
            "DELETE FROM queue_message WHERE id = $1 RETURNING blob_id", message_id
        )
        await blobs.release(tx, [blob_id])
    return sorted(row[0] for row in rows)


async def defer(
    tx: Transaction,
    message_id: int,
    numbers: Sequence[int],
    next_at: int,
    *,
    status: str,
    reply: str,
    remote: str,
) -> None:
    """Try these recipients again at `next_at`."""
    await tx.run(
        "UPDATE queue_recipient SET next_at = $3, lease = '', status = $4, reply = $5, remote = $6"
        f" WHERE message_id = $1 AND {one_of(tx, 'n', 2)}",
        message_id, id_list(tx, numbers), next_at, status, reply, remote,
    )  # fmt: skip
    tx.announce(Topic.QUEUE, 0)


async def defer_destination(
    tx: Transaction, destination: str, now: int, next_at: int, status: str, reply: str
) -> int:
    """A destination cannot be reached: what else is due for it waits too, untried.

    Messages that are about to be returned or warned about are left to be looked at.
    """
    return await tx.run(
        "UPDATE queue_recipient SET next_at = $3, status = $4, reply = $5"
        " WHERE destination = $1 AND held = 0 AND lease = '' AND next_at <= $2"
        " AND message_id NOT IN (SELECT id FROM queue_message"
        " WHERE expires_at <= $2 OR (warn_at > 0 AND warn_at <= $2))",
        destination, now, next_at, status, reply,
    )  # fmt: skip


async def warned(tx: Transaction, message_id: int) -> bool:
    """The sender is being told of the delay; False when that was done before."""
    return bool(
        await tx.run(
            "UPDATE queue_message SET warn_at = 0 WHERE id = $1 AND warn_at > 0", message_id
        )
    )


async def next_due(tx: Transaction) -> int | None:
    """When the next recipient is due, Unix milliseconds, or None when none waits."""
    due: int | None = await tx.value("SELECT min(next_at) FROM queue_recipient WHERE held = 0")
    return due


async def release_leases(tx: Transaction, prefix: str, now: int) -> int:
    """What workers of this name had claimed when they died is due again."""
    return await tx.run(
        "UPDATE queue_recipient SET lease = '', next_at = $2"
        " WHERE lease <> '' AND substr(lease, 1, $3) = $1",
        prefix, now, len(prefix),
    )  # fmt: skip


# For the administrator


async def listing(
    tx: Transaction, limit: int = 1000
) -> list[tuple[QueueMessage, list[QueueRecipient]]]:
    """The oldest queued messages with their recipients."""
    rows = await tx.rows(
        f"SELECT {MESSAGE_COLUMNS} FROM queue_message ORDER BY id LIMIT $1",
        limit,
    )
    found = [_message(row) for row in rows]
    recipients: dict[int, list[QueueRecipient]] = {message.id: [] for message in found}
    for row in await tx.rows(
        f"SELECT {RECIPIENT_COLUMNS} FROM queue_recipient WHERE {one_of(tx, 'message_id', 1)}"
        " ORDER BY message_id, n",
        id_list(tx, recipients),
    ):
        recipients[row[0]].append(_recipient(row))
    return [(message, recipients[message.id]) for message in found]


async def show(
    tx: Transaction, message_id: int
) -> tuple[QueueMessage, list[QueueRecipient]] | None:
    """One queued message with its recipients, or None."""
    message = (await messages(tx, [message_id])).get(message_id)
    if message is None:
        return None
    rows = await tx.rows(
        f"SELECT {RECIPIENT_COLUMNS} FROM queue_recipient WHERE message_id = $1 ORDER BY n",
        message_id,
    )
    return message, [_recipient(row) for row in rows]


async def retry(tx: Transaction, message_id: int, now: int) -> int:
    """Make the waiting recipients of a message (0: of all) due now; how many."""
    count = await tx.run(
        "UPDATE queue_recipient SET next_at = $2"
        " WHERE (message_id = $1 OR $1 = 0) AND held = 0 AND lease = ''",
        message_id, now,
    )  # fmt: skip
    tx.announce(Topic.QUEUE, 0)
    return count


async def hold(tx: Transaction, message_id: int, *, held: bool) -> int:
    """Hold the recipients of a message (0: of all), or release them; how many changed."""
    count = await tx.run(
        "UPDATE queue_recipient SET held = $2 WHERE (message_id = $1 OR $1 = 0) AND held <> $2",
        message_id, int(held),
    )  # fmt: skip
    tx.announce(Topic.QUEUE, 0)
    return count


async def expire(tx: Transaction, message_id: int, now: int) -> bool:
    """Let a message be returned to its sender at once; whether it was there."""
    found = await tx.run("UPDATE queue_message SET expires_at = $2 WHERE id = $1", message_id, now)
    await tx.run(
        "UPDATE queue_recipient SET held = 0, next_at = $2 WHERE message_id = $1 AND lease = ''",
        message_id, now,
    )  # fmt: skip
    tx.announce(Topic.QUEUE, 0)
    return found > 0


async def delete(tx: Transaction, message_id: int) -> int:
    """Forget a message and tell nobody; how many recipients it had."""
    rows = await tx.rows("SELECT n FROM queue_recipient WHERE message_id = $1", message_id)
    return len(await finish(tx, message_id, [row[0] for row in rows]))


def _message(row: Row) -> QueueMessage:
    message_id, trace, blob_id, sender, account_id, smtputf8, *times = row
    return QueueMessage(message_id, trace, blob_id, sender, account_id, bool(smtputf8), *times)


def _recipient(row: Row) -> QueueRecipient:
    message_id, n, address, destination, held, *rest = row
    return QueueRecipient(message_id, n, address, destination, bool(held), *rest)
