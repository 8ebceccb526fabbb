"""The files of blobs; their rows are in tests/contracts/test_blobs.py."""

from __future__ import annotations

import contextlib
import mmap
import os
from pathlib import Path

import pytest
from blake3 import blake3

from merpati.base.faults import Fault, Kind
from merpati.store.blobs import COMPRESS_MIN, INLINE_MAX, BlobStore, Encoding, Stored, hash_of

LARGE = os.urandom(INLINE_MAX * 6)
MAIL = b"From: ani@example.org\r\nTo: budi@example.org\r\nSubject: hello\r\n\r\nhello hello\r\n" * 4
LONG = MAIL * (1 + COMPRESS_MIN // len(MAIL))


@pytest.fixture
def folder(tmp_path: Path, blob_store: BlobStore) -> Path:
    return tmp_path / "blobs"


def files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


async def test_a_small_message_never_touches_the_disk(blob_store: BlobStore, folder: Path) -> None:
    spool = blob_store.spool()
    spool.add(MAIL[:50])
    spool.add(MAIL[50:])
    assert spool.content() == MAIL
    body = await spool.finish()
    assert files(folder) == []
    assert (body.size, body.location) == (len(MAIL), "")
    assert body.hash == blake3(MAIL).digest()
    assert (body.encoding, body.data) == (Encoding.PLAIN, MAIL)
    assert blob_store.read(Stored(1, body.size, "", body.encoding, body.data)) == MAIL


async def test_a_large_message_lies_in_a_file_named_by_its_hash(
    blob_store: BlobStore, folder: Path
) -> None:
    spool = blob_store.spool()
    for start in range(0, len(LARGE), 10_000):
        spool.add(LARGE[start : start + 10_000])
    content = spool.content()
    assert isinstance(content, mmap.mmap)
    assert content[:] == LARGE
    body = await spool.finish()
    assert files(folder) == [body.location]
    assert (body.size, body.data) == (len(LARGE), b"")
    assert hash_of(body.location) == body.hash == blake3(LARGE).digest()
    assert (folder / body.location).stat().st_mode & 0o777 == 0o600
    read = blob_store.read(Stored(1, body.size, body.location, 0, b""))
    assert read[:] == LARGE
    ((location, age),) = blob_store.files()
    assert location == body.location
    assert age < 60


async def test_the_same_bytes_twice_are_two_files_until_their_rows_decide(
    blob_store: BlobStore, folder: Path
) -> None:
    bodies = []
    for _ in range(2):
        spool = blob_store.spool()
        spool.add(LARGE)
        bodies.append(await spool.finish())
    assert bodies[0].location != bodies[1].location
    blob_store.remove(bodies[1].location)
    blob_store.remove(bodies[1].location)  # gone already: nothing to do
    assert files(folder) == [bodies[0].location]


async def test_a_discarded_message_leaves_nothing(blob_store: BlobStore, folder: Path) -> None:
    for content in (MAIL, LARGE, b""):
        spool = blob_store.spool()
        spool.add(content)
        spool.discard()
        spool.discard()
        assert files(folder) == []
    finished = blob_store.spool()
    finished.add(LARGE)
    await finished.finish()
    finished.discard()  # too late: it has its file
    assert len(files(folder)) == 1


async def test_a_full_disk_leaves_nothing_and_says_so(
    blob_store: BlobStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async def store_it() -> None:
        spool = blob_store.spool()
        spool.add(LARGE)
        await spool.finish()

    for call in ("write", "fsync"):
        with monkeypatch.context() as patched:
            patched.setattr(os, call, full)
            with pytest.raises(Fault) as caught:
                await store_it()
        assert caught.value.kind is Kind.NO_SPACE
        assert files(folder) == []


async def test_a_file_that_is_gone_cut_or_longer_is_corrupt(
    blob_store: BlobStore, folder: Path
) -> None:
    spool = blob_store.spool()
    spool.add(LARGE)
    body = await spool.finish()
    stored = Stored(1, body.size, body.location, 0, b"")
    for content in (LARGE[:-1], LARGE + b"x", b"", None):
        if content is None:
            (folder / body.location).unlink()
        else:
            (folder / body.location).write_bytes(content)
        with pytest.raises(Fault) as caught:
            blob_store.read(stored)
        assert caught.value.kind is Kind.CORRUPT


async def test_a_damaged_row_is_corrupt_and_no_bomb(blob_store: BlobStore) -> None:
    packed = blob_store.pack(LONG)[1]
    damaged = bytes([*packed[:8], packed[8] ^ 0xFF, *packed[9:]])
    bomb = blob_store.pack(b"\x00" * 10_000_000)[1]
    with contextlib.suppress(Fault):  # else its hash shows it
        assert blob_store.read(Stored(1, len(LONG), "", Encoding.ZSTD_1, damaged)) != LONG
    for data, encoding, size in (
        (packed, Encoding.ZSTD_1, len(LONG) - 1),
        (LONG[:-1], Encoding.PLAIN, len(LONG)),
        (bomb, Encoding.ZSTD_1, 100),
    ):
        with pytest.raises(Fault) as caught:
            blob_store.read(Stored(1, size, "", encoding, data))
        assert caught.value.kind is Kind.CORRUPT


def test_too_little_space_is_a_fault(
    blob_store: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.statvfs(".")
    values = list(real)
    values[4] = 10  # f_bavail
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(values))
    with pytest.raises(Fault) as caught:
        blob_store.check_space()
    assert caught.value.kind is Kind.NO_SPACE


@pytest.mark.parametrize("name", ["", "ab", "ab/cd.x", "zz/" + "0" * 62 + ".x", "../etc/passwd"])
def test_names_that_are_no_blob_have_no_hash(name: str) -> None:
    assert hash_of(name) is None
