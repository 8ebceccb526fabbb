"""The rows of blobs; their files are in tests/store/test_blobs.py."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from merpati.store import blobs
from merpati.store.blobs import BlobStore
from merpati.store.engine import Store, Transaction
from tests.support import store as stores
from tests.support.ids import CountingIds


async def table(tx: Transaction) -> list[Any]:
    return await tx.rows(
        "SELECT b.id, b.refs, b.location, c.data FROM blob b"
        " LEFT JOIN body c ON c.blob_id = b.id ORDER BY b.id"
    )


async def test_a_blob_is_stored_once_and_counts_its_holders(store: Store) -> None:
    body = stores.body("text")
    assert await store.write(blobs.insert, body, 2) == (1, False)
    assert await store.write(blobs.insert, body, 3) == (1, False)
    assert await store.read(table) == [(1, 5, "", b"text")]
    assert await store.read(blobs.body, 1) == body
    await store.write(blobs.release, [1, 1])
    await store.write(blobs.retain, [1])
    assert await store.read(table) == [(1, 4, "", b"text")]


async def test_the_same_bytes_stored_at_once_count_every_holder(store: Store) -> None:
    body = stores.body("text")
    answers = await asyncio.gather(*(store.write(blobs.insert, body, 1) for _ in range(20)))
    assert {blob_id for blob_id, _ in answers} == {answers[0][0]}
    assert [row[1:] for row in await store.read(table)] == [(20, "", b"text")]


async def test_the_second_file_of_the_same_bytes_is_superfluous(store: Store) -> None:
    first, second = stores.body("big", "ab/one"), stores.body("big", "ab/two")
    assert await store.write(blobs.insert, first, 1) == (1, False)
    assert await store.write(blobs.insert, second, 1) == (1, True)
    assert await store.write(blobs.insert, stores.body("big"), 1) == (1, False)  # has no file
    assert await store.read(table) == [(1, 3, "ab/one", None)]


async def test_what_nobody_holds_is_collected_with_all_that_belongs_to_it(store: Store) -> None:
    account = await stores.add_account(store)
    await store.write(stores.add, account.id, "kept")
    for text, location in (("small", ""), ("large", "ab/file")):
        blob_id, _ = await store.write(blobs.insert, stores.body(text, location), 1)
        await store.write(blobs.release, [blob_id])
    assert sorted(await store.write(blobs.collect)) == ["", "ab/file"]
    assert await store.write(blobs.collect) == []
    assert [row[3] for row in await store.read(table)] == [b"kept"]

    async def messages(tx: Transaction) -> Any:
        return await tx.value("SELECT count(*) FROM message")

    assert await store.read(messages) == 1
    assert await store.read(blobs.find, 2) is None
    assert await store.read(blobs.body, 2) is None


async def test_garbage_that_is_wanted_again_is_garbage_no_more(store: Store) -> None:
    body = stores.body("back again")
    blob_id, _ = await store.write(blobs.insert, body, 1)
    await store.write(blobs.release, [blob_id])
    await store.write(blobs.insert, body, 1)
    assert await store.write(blobs.collect) == []
    assert await store.read(table) == [(blob_id, 1, "", b"back again")]


async def test_collecting_beside_deliveries_loses_nothing(store: Store) -> None:
    body = stores.body("comes and goes")

    async def deliver() -> None:
        for _ in range(15):
            blob_id, _ = await store.write(blobs.insert, body, 1)
            found = await store.read(blobs.find, blob_id)
            assert found is not None
            assert found.data == b"comes and goes"
            await store.write(blobs.release, [blob_id])

    async def collect() -> None:
        for _ in range(15):
            await store.write(blobs.collect)

    await asyncio.gather(deliver(), deliver(), collect(), collect())
    await store.write(blobs.collect)
    assert await store.read(table) == []


@pytest.mark.parametrize("size", [10, 5_000, 200_000])
async def test_any_message_is_read_back_as_it_came(store: Store, tmp_path: Path, size: int) -> None:
    blob_store = BlobStore(tmp_path / "blobs", CountingIds())
    content = (b"Received: from somewhere\r\n" * (size // 26 + 1))[:size]
    spool = blob_store.spool()
    for start in range(0, size, 1000):
        spool.add(content[start : start + 1000])
    body = await spool.finish()
    blob_id, _ = await store.write(blobs.insert, body, 1)
    stored = await store.read(blobs.find, blob_id)
    assert stored is not None
    assert bytes(blob_store.read(stored)) == content
    assert bool(stored.location) == (size > blobs.INLINE_MAX)
