from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from merpati.store import blobs, garbage
from merpati.store.blobs import GARBAGE_AGE, BlobStore
from merpati.store.engine import Store, Transaction
from tests.support import store as stores

LARGE = b"x" * (blobs.INLINE_MAX + 1)


async def put(store: Store, blob_store: BlobStore, content: bytes) -> tuple[int, str]:
    """A blob with one holder; its id and file."""
    spool = blob_store.spool()
    spool.add(content)
    body = await spool.finish()
    blob_id, superfluous = await store.write(blobs.insert, body, 1)
    assert not superfluous
    return blob_id, body.location


def age(folder: Path, seconds: float) -> None:
    """Make every file of a folder so old."""
    then = time.time() - seconds
    for file in folder.rglob("*"):
        if file.is_file():
            os.utime(file, (then, then))


def files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


async def rows(tx: Transaction) -> list[Any]:
    return [row[0] for row in await tx.rows("SELECT id FROM blob ORDER BY id")]


@pytest.fixture
def folder(tmp_path: Path, blob_store: BlobStore) -> Path:
    return tmp_path / "blobs"


async def test_what_nobody_holds_goes_and_the_rest_stays(
    store: Store, blob_store: BlobStore, folder: Path
) -> None:
    kept, file = await put(store, blob_store, LARGE)
    gone = [
        (await put(store, blob_store, LARGE + b"y"))[0],
        (await put(store, blob_store, b"z"))[0],
    ]
    await store.write(blobs.release, gone)
    age(folder, GARBAGE_AGE + 60)  # age alone makes no garbage of a file that is named
    assert await garbage.collect(store, blob_store) == 2
    assert await store.read(rows) == [kept]
    assert files(folder) == [file]
    assert await garbage.collect(store, blob_store) == 0


async def test_more_garbage_than_one_write_takes(store: Store, blob_store: BlobStore) -> None:
    count = garbage.ROWS + 5

    async def unit(tx: Transaction) -> None:
        for n in range(count):
            await blobs.insert(tx, stores.body(str(n)), 0)

    await store.write(unit)
    assert await garbage.collect(store, blob_store) == count
    assert await store.read(rows) == []


async def test_a_crash_between_row_and_file_leaves_a_file_that_goes_later(
    store: Store, blob_store: BlobStore, folder: Path
) -> None:
    blob_id, file = await put(store, blob_store, LARGE)
    await store.write(blobs.release, [blob_id])
    assert await store.write(blobs.collect) == [file]  # and then it crashed
    assert await garbage.collect(store, blob_store) == 0  # young: it might belong to a delivery
    assert files(folder) == [file]
    age(folder, GARBAGE_AGE + 60)
    assert await garbage.collect(store, blob_store) == 1
    assert files(folder) == []


async def test_a_crash_between_file_and_row_leaves_a_file_that_goes_later(
    store: Store, blob_store: BlobStore, folder: Path
) -> None:
    _, named = await put(store, blob_store, LARGE)
    spool = blob_store.spool()  # the same bytes again: the other row's file is not to go with it
    spool.add(LARGE)
    body = await spool.finish()  # and then it crashed
    age(folder, GARBAGE_AGE + 60)
    assert body.location != named
    assert await garbage.unnamed_files(store, blob_store) == [body.location]
    assert await garbage.collect(store, blob_store) == 1
    assert files(folder) == [named]


async def test_a_spool_file_of_a_dead_session_goes_and_a_young_one_stays(
    store: Store, blob_store: BlobStore, folder: Path
) -> None:
    dead = blob_store.spool()
    dead.add(LARGE)
    age(folder, GARBAGE_AGE + 60)
    alive = blob_store.spool()
    alive.add(LARGE)
    assert await garbage.collect(store, blob_store) == 1
    assert len(files(folder)) == 1
    body = await alive.finish()
    assert files(folder) == [body.location]


async def test_files_that_are_not_ours_are_left_alone(
    store: Store, blob_store: BlobStore, folder: Path
) -> None:
    (folder / "ab" / "notes.txt").write_text("an administrator's")
    (folder / "ab" / ("g" * 62 + ".x")).write_text("no hash")
    (folder / "lost+found").mkdir()
    age(folder, GARBAGE_AGE + 60)
    assert await garbage.collect(store, blob_store) == 0
    assert len(files(folder)) == 2
