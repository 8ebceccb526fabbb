"""Compression behind the intake: nothing is lost, nothing is done twice, steps go on."""

from __future__ import annotations

from pathlib import Path

from merpati.store import blobs, packing
from merpati.store.blobs import BlobStore, Encoding
from merpati.store.engine import Store
from tests.support.ids import CountingIds

TEXTS = [b"Subject: hello\r\n\r\n" + b"the same words again and again %d\r\n" % n * 400
         for n in range(packing.STEP + 5)]  # fmt: skip


async def test_bodies_are_compressed_step_by_step_and_read_back_the_same(
    store: Store, tmp_path: Path
) -> None:
    blob_store = BlobStore(tmp_path / "blobs", CountingIds())
    ids = [(await store.write(blobs.insert, blob_store.inline(text), 1))[0] for text in TEXTS]
    short, _ = await store.write(blobs.insert, blob_store.inline(b"too short to win"), 1)
    assert await packing.step(store, blob_store) == packing.STEP
    assert await packing.step(store, blob_store) == 6
    assert await packing.step(store, blob_store) == 0
    for blob_id, text in zip(ids, TEXTS, strict=True):
        stored = await store.read(blobs.find, blob_id)
        assert stored is not None
        assert stored.encoding == Encoding.ZSTD_1
        assert len(stored.data) < len(text) / 2
        assert blob_store.read(stored) == text
    left = await store.read(blobs.find, short)
    assert left is not None
    assert left.encoding == Encoding.PLAIN
