"""Files that clients uploaded: bytes held for a day under an account's own number."""

from __future__ import annotations

from typing import Final

import msgspec

from merpati.store import blobs
from merpati.store.engine import Transaction

LIFETIME: Final = 24 * 3600 * 1000  # milliseconds; RFC 8620 6.1 wants an hour at least
UPLOADS_MAX: Final = 1000  # of one account; the oldest go first
BYTES_MAX: Final = 1 << 30  # of one account


class Upload(msgspec.Struct, frozen=True):
    """An uploaded file."""

    id: int
    blob_id: int
    type: str
    size: int


async def add(
    tx: Transaction, account_id: int, body: blobs.Body, type_: str, now: int
) -> tuple[int, bool]:
    """Keep a file; its number, and whether the body's own file is superfluous."""
    blob_id, superfluous = await blobs.insert(tx, body, 1)
    row = await tx.row(
        "SELECT coalesce(max(id), 0) + 1, count(*), coalesce(sum(size), 0) FROM upload"
        " WHERE account_id = $1",
        account_id,
    )
    assert row is not None
    id_, count, size = row
    if count >= UPLOADS_MAX or size + body.size > BYTES_MAX:
        await _make_room(tx, account_id, count - UPLOADS_MAX + 1, size + body.size - BYTES_MAX)
    await tx.run(
        "INSERT INTO upload (account_id, id, blob_id, type, size, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        account_id, id_, blob_id, type_, body.size, now,
    )  # fmt: skip
    return id_, superfluous


async def find(tx: Transaction, account_id: int, id_: int) -> Upload | None:
    """An uploaded file, or None when there is none of that number any more."""
    row = await tx.row(
        "SELECT id, blob_id, type, size FROM upload WHERE account_id = $1 AND id = $2",
        account_id, id_,
    )  # fmt: skip
    return None if row is None else Upload(*row)


async def expire(tx: Transaction, now: int, limit: int = 200) -> int:
    """Let go of those that are older than a day; how many."""
    rows = await tx.rows(
        "SELECT account_id, id, blob_id FROM upload WHERE created_at < $1"
        " ORDER BY created_at LIMIT $2",
        now - LIFETIME, limit,
    )  # fmt: skip
    await tx.run_many(
        "DELETE FROM upload WHERE account_id = $1 AND id = $2", [row[:2] for row in rows]
    )
    await blobs.release(tx, [row[2] for row in rows])
    return len(rows)


async def _make_room(tx: Transaction, account_id: int, count: int, size: int) -> None:
    """Let the oldest go until so many, with so many bytes, are gone."""
    rows = await tx.rows(
        "SELECT id, blob_id, size FROM upload WHERE account_id = $1 ORDER BY id", account_id
    )
    gone = []
    for id_, blob_id, its_size in rows:
        if count <= 0 and size <= 0:
            break
        gone.append((id_, blob_id))
        count, size = count - 1, size - its_size
    await tx.run_many(
        "DELETE FROM upload WHERE account_id = $1 AND id = $2",
        [(account_id, id_) for id_, _ in gone],
    )
    await blobs.release(tx, [blob_id for _, blob_id in gone])
