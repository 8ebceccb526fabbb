"""Compression behind the intake: nothing is lost, nothing is done twice, steps go on."""

from __future__ import annotations

from pathlib import Path

from merpati.services.digest import digest
from merpati.store import blobs, emails, packing
from merpati.store.blobs import BlobStore, Encoding
from merpati.store.engine import Store, Transaction
from tests.support.ids import CountingIds

TEXTS = [b"Subject: hello\r\n\r\n" + b"the same words again and again %d\r\n" % n * 400
         for n in range(packing.STEP + 5)]  # fmt: skip


async def test_bodies_are_compressed_step_by_step_and_read_back_the_same(
    store: Store, tmp_path: Path
) -> None:
    blob_store = BlobStore(tmp_path / "blobs", CountingIds())
    ids = [await _keep(store, blob_store, text) for text in TEXTS]
    short = await _keep(store, blob_store, b"too short to win")
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


async def test_what_is_only_passed_on_is_left_as_it_came(store: Store, tmp_path: Path) -> None:
    blob_store = BlobStore(tmp_path / "blobs", CountingIds())
    passed_on, _ = await store.write(blobs.insert, blob_store.inline(TEXTS[0]), 1)
    kept = await _keep(store, blob_store, TEXTS[1])
    assert await packing.step(store, blob_store) == 1
    found = {
        one.blob_id: one.encoding for one in await store.read(blobs.find_many, [passed_on, kept])
    }
    assert found == {passed_on: Encoding.PLAIN, kept: Encoding.ZSTD_1}


async def _keep(store: Store, blob_store: BlobStore, text: bytes) -> int:
    """A body as one has it that came into a mailbox."""

    async def unit(tx: Transaction) -> int:
        blob_id, _ = await blobs.insert(tx, blob_store.inline(text), 1)
        await emails.insert_message(tx, blob_id, digest(text, 0))
        return blob_id

    return await store.write(unit)
