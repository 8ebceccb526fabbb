"""Compressing bodies after they have been taken over, so that no sender waits for it.

Compression cost a fifth of the CPU of taking a 4 KB message over (bench/run.py intake,
with and without), and nobody needs it before 250. So bodies are stored as they came, and a
pass over what mailboxes hold follows behind, a few at a time, remembering how far it has come.

Mail that is only passed on is soon gone, and left as it is: there is a row in `message` for
what came into a mailbox alone. Mail that had waited for long when it came there, and was
overtaken, takes more room than it might and is no worse for it.
"""

from __future__ import annotations

import asyncio
from typing import Final

from merpati.store.blobs import BlobStore, Encoding
from merpati.store.engine import Row, Store, Transaction

NAME: Final = "packing"
STEP: Final = 50  # bodies; together a few MB


async def step(store: Store, blob_store: BlobStore) -> int:
    """Compress the next bodies; how many were looked at. Safe to be done by several at once.

    One in a file is looked at as well, and is as small as it gets.
    """
    rows = await store.scan(_next)
    if rows:
        packed = await asyncio.to_thread(_pack, blob_store, rows)
        await store.write_long(_put, packed, rows[-1][0])
    return len(rows)


def _pack(blob_store: BlobStore, rows: list[Row]) -> list[tuple[int, int, bytes]]:
    packed = []
    for blob_id, encoding, data in rows:
        if encoding == Encoding.PLAIN:
            now, smaller = blob_store.pack(data)
            if now != Encoding.PLAIN:
                packed.append((blob_id, int(now), smaller))
    return packed


async def _next(tx: Transaction) -> list[Row]:
    return await tx.rows(
        "SELECT m.blob_id, b.encoding, b.data FROM message m"
        " LEFT JOIN body b ON b.blob_id = m.blob_id WHERE m.blob_id >"
        " coalesce((SELECT value FROM progress WHERE name = $1), 0) ORDER BY m.blob_id LIMIT $2",
        NAME, STEP,
    )  # fmt: skip


async def _put(tx: Transaction, packed: list[tuple[int, int, bytes]], last: int) -> None:
    await tx.run_many(
        "UPDATE body SET encoding = $2, data = $3"
        f" WHERE blob_id = $1 AND encoding = {Encoding.PLAIN:d}",
        packed,
    )
    await tx.run(
        "INSERT INTO progress (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE"
        " SET value = excluded.value WHERE excluded.value > progress.value",
        NAME, last,
    )  # fmt: skip
