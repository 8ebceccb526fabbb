"""Blobs that nobody holds any more: their rows go first, their files after that is durable.

So a crash leaves at most a file that no row names, and such files go once they are older
than any delivery may take.
"""

from __future__ import annotations

from merpati.store import blobs
from merpati.store.blobs import GARBAGE_AGE, BlobStore
from merpati.store.engine import Store


async def collect(store: Store, blob_store: BlobStore) -> int:
    """Remove what nobody holds; how many blobs and files went. Safe to run at any time."""
    count = 0
    while rows := await store.write(blobs.collect):
        count += len(rows)
        for location in filter(None, rows):
            blob_store.remove(location)
    named = await store.scan(blobs.locations)
    for location, age in list(blob_store.files()):
        if age > GARBAGE_AGE and location not in named:
            blob_store.remove(location)
            count += 1
    return count + blob_store.remove_abandoned()
