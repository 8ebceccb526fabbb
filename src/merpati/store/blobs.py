"""Message bytes: small ones in the database row, large ones in files, each stored once.

Order is everything. A file is complete and synced, and so is its folder, before the
row that names it is written; the row goes before the file is removed. So a crash can
leave a file without a row, which is garbage, and never a row without its file.

A file's name is its content's hash and a random end that only its writer knows. When
two deliveries store the same bytes at once, the row of the first wins and the second
removes its own file; and since no name is ever used twice, collecting garbage needs
no lock: a file that no row names, older than any delivery may take, is garbage.
"""

from __future__ import annotations

import asyncio
import contextlib
import mmap
import os
import sys
import time
from collections.abc import Iterator, Sequence
from enum import IntEnum
from importlib import resources
from pathlib import Path
from typing import Any, Final

import msgspec
from blake3 import blake3

from merpati.base.faults import Fault, Kind
from merpati.base.ids import Ids
from merpati.store.engine import Transaction, id_list, one_of
from merpati.store.mapped import Mapped
from merpati.store.sqlite import disk_is_full

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# A body up to this lies in the database: at 100 KB a row costs 1.9 ms of CPU in all, a file
# with its two fsyncs 2.7 ms (intake of 100 KB messages by 10 sessions).
INLINE_MAX: Final = 128 * 1024
COMPRESS_MIN: Final = 8 * 1024  # bytes; reading a packed body costs 30 µs more, whatever its size
LEVEL: Final = 3
GARBAGE_AGE: Final = 24 * 3600.0  # seconds; no delivery takes as long
CHUNK: Final = 256 * 1024
FREE_BYTES_MIN: Final = 16 * 1024 * 1024  # below this no new mail is taken
SPACE_CHECK_EVERY: Final = 0.5  # seconds; asking costs 25 µs, and a full disk is refused later too
FREE_FILES_MIN: Final = 1000


class Encoding(IntEnum):
    """How a body lies in its row."""

    PLAIN = 0
    ZSTD_1 = 1  # zstd with the first dictionary


class Body(msgspec.Struct, frozen=True):
    """Bytes that are ready for their row: inline, or already safe in a file."""

    hash: bytes
    size: int
    encoding: int
    data: bytes  # empty when in a file
    location: str  # empty when inline


class Stored(msgspec.Struct, frozen=True):
    """Where the bytes of a blob are, as its rows say."""

    blob_id: int
    size: int
    location: str
    encoding: int
    data: bytes


class Compression:
    """Compression of inline bodies with a dictionary of what mail is full of."""

    def __init__(self) -> None:
        words = (resources.files("merpati.store") / "mail.dictionary").read_bytes()
        self._dictionary = zstd.ZstdDict(words, is_raw=True)
        self._compress = zstd.ZstdCompressor(
            level=LEVEL, zstd_dict=self._dictionary.as_digested_dict
        )
        self._for_decompression: Any = self._dictionary.as_digested_dict

    def pack(self, data: bytes) -> tuple[int, bytes]:
        """The smaller of both forms."""
        if len(data) >= COMPRESS_MIN:
            packed = self._compress.compress(data, zstd.ZstdCompressor.FLUSH_FRAME)
            if len(packed) < len(data):
                return Encoding.ZSTD_1, packed
        return Encoding.PLAIN, data

    def unpack(self, encoding: int, data: bytes, size: int) -> bytes:
        """What `pack` took. Raises Fault CORRUPT when it is not `size` bytes any more."""
        if encoding == Encoding.ZSTD_1:
            try:
                decompressor = zstd.ZstdDecompressor(self._for_decompression)
                data = decompressor.decompress(data, max_length=size + 1)
            except zstd.ZstdError as error:
                raise Fault(Kind.CORRUPT, f"a stored message is damaged: {error}") from error
        if len(data) != size:
            raise Fault(Kind.CORRUPT, f"a stored message has {len(data)} bytes instead of {size}")
        return data


def content_hash(data: bytes | mmap.mmap) -> bytes:
    """What names these bytes in the store: BLAKE3, a tenth of SHA-256's cost."""
    return blake3(data).digest()


class Spool(msgspec.Struct, eq=False):
    """A message on its way in: in memory while small, in a temporary file from then on.

    `add` never blocks for long (the page cache takes the bytes); `finish` syncs in a thread.
    """

    _store: BlobStore
    _inline_max: int
    _chunks: list[bytes] = []
    _held: int = 0
    _file: int = -1
    _path: Path | None = None
    size: int = 0

    def add(self, chunk: bytes) -> None:
        """Take the next bytes. Raises Fault NO_SPACE, UNAVAILABLE."""
        self._chunks.append(chunk)
        self._held += len(chunk)
        self.size += len(chunk)
        if self._held > (CHUNK if self._path else self._inline_max):
            self._spill()

    def _spill(self) -> None:
        """Move what is held to the file."""
        held = b"".join(self._chunks)
        self._chunks.clear()
        self._held = 0
        try:
            if self._path is None:
                self._path, self._file = self._store.temporary()
            _write(self._file, held)
        except OSError as error:
            self.discard()
            raise _fault(error) from error

    def content(self) -> bytes | mmap.mmap:
        """The whole message for reading: bytes while small, else the file, mapped."""
        if self._path is None:
            if len(self._chunks) > 1:
                self._chunks = [b"".join(self._chunks)]
            return self._chunks[0] if self._chunks else b""
        if self._chunks:
            self._spill()
        return Mapped(self._file, 0, access=mmap.ACCESS_READ)

    async def prepend(self, prefix: bytes, drop: Sequence[tuple[int, int]] = ()) -> None:
        """Put our fields above a message that is whole, and leave slices of it out.

        Only now, for what the fields say depends on the message; a large one is copied to
        a new file.

        Args:
            prefix: What comes first.
            drop: Ascending slices of what was added, from and up to.

        Raises:
            Fault: NO_SPACE, UNAVAILABLE; the message is forgotten then.
        """
        if self._path is None:
            if drop:
                content = b"".join(self._chunks)
                self._chunks = [content[start:end] for start, end in _kept(drop, len(content))]
            self._chunks.insert(0, prefix)
            self._held = self.size = sum(map(len, self._chunks))
            return
        if self._chunks:
            self._spill()
        loop = asyncio.get_running_loop()
        old_path, old_file = self._path, self._file
        try:
            self._path, self._file = self._store.temporary()
            kept = _kept(drop, self.size)
            self.size = await loop.run_in_executor(None, _copy, old_file, self._file, prefix, kept)
        except OSError as error:
            self.discard()
            raise _fault(error) from error
        finally:
            os.close(old_file)
            old_path.unlink(missing_ok=True)

    async def finish(self) -> Body:
        """Make the bytes ready for their row; a large message is durable in its file now.

        Raises:
            Fault: NO_SPACE, UNAVAILABLE; nothing is left behind then.
        """
        if self._path is None:
            data = b"".join(self._chunks)
            self._chunks.clear()
            return self._store.inline(data)
        if self._chunks:
            self._spill()
        path, self._path = self._path, None
        file, self._file = self._file, -1
        loop = asyncio.get_running_loop()
        digest, location = await loop.run_in_executor(None, self._store.keep, file, path)
        return Body(digest, self.size, Encoding.PLAIN, b"", location)

    def discard(self) -> None:
        """Forget the message. Safe to call at any time, any number of times."""
        self._chunks.clear()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path = None


class BlobStore:
    """The blob folder of one installation."""

    def __init__(self, folder: Path, ids: Ids) -> None:
        self._folder = folder
        self._ids = ids
        self._incoming = folder / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (folder / "ff").is_dir():
            # Now, so that no delivery relies on a folder that is not yet durable.
            for n in range(256):
                (folder / f"{n:02x}").mkdir(exist_ok=True, mode=0o700)
            sync_folder(folder)
        self._compression = Compression()
        self._space_checked = float("-inf")

    def spool(self, inline_max: int = INLINE_MAX) -> Spool:
        """Begin to take a message; one of more than `inline_max` bytes goes to a file."""
        return Spool(self, inline_max)

    def inline(self, data: bytes) -> Body:
        """A small message, ready for its row: as it is, `store.packing` compresses it later."""
        return Body(content_hash(data), len(data), Encoding.PLAIN, data, "")

    def pack(self, data: bytes) -> tuple[int, bytes]:
        """The encoding and bytes of a small message in the least space."""
        return self._compression.pack(data)

    def temporary(self) -> tuple[Path, int]:
        """A new file to spool to, and its open descriptor."""
        path = self._incoming / self._ids.token(12)
        return path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def keep(self, file: int, path: Path) -> tuple[bytes, str]:
        """Sync a spooled file and name it after its hash. Blocks: run it in a thread.

        Returns:
            The hash, and the file's location.
        """
        target: Path | None = None
        try:
            with open(file, "rb", buffering=0) as spooled:
                os.fsync(file)
                spooled.seek(0)
                hasher = blake3()
                while chunk := spooled.read(CHUNK):
                    hasher.update(chunk)
            digest = hasher.digest()
            name = digest.hex()
            location = f"{name[:2]}/{name[2:]}.{self._ids.token(6)}"
            target = self._folder / location
            path.rename(target)
            sync_folder(target.parent)
        except OSError as error:
            path.unlink(missing_ok=True)
            if target is not None:
                target.unlink(missing_ok=True)
            raise _fault(error) from error
        return digest, location

    def place(self, path: Path, location: str) -> None:
        """Give a temporary file, synced, the name that a row has for it. Blocks.

        Raises:
            Fault: NO_SPACE, UNAVAILABLE.
        """
        target = self._folder / location
        try:
            path.rename(target)
            sync_folder(target.parent)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise _fault(error) from error

    def remove(self, location: str) -> None:
        """Remove the file of a row that is gone, or that another row made superfluous."""
        (self._folder / location).unlink(missing_ok=True)

    def has(self, location: str) -> bool:
        """Whether there is such a file."""
        return (self._folder / location).is_file()

    def read(self, stored: Stored) -> bytes | mmap.mmap:
        """The bytes of a blob: unpacked, or its file mapped.

        Raises:
            Fault: CORRUPT when the bytes are not what was stored.
        """
        if not stored.location:
            return self._compression.unpack(stored.encoding, stored.data, stored.size)
        try:
            with (self._folder / stored.location).open("rb") as file:
                content = Mapped(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            text = f"the file of a stored message cannot be read: {stored.location}: {error}"
            raise Fault(Kind.CORRUPT, text) from error
        if len(content) != stored.size:
            text = f"{stored.location} has {len(content)} bytes instead of {stored.size}"
            raise Fault(Kind.CORRUPT, text)
        return content

    def check_space(self) -> None:
        """Raise Fault NO_SPACE when the disk is too full to take new mail."""
        now = time.monotonic()
        if now < self._space_checked + SPACE_CHECK_EVERY:
            return
        found = os.statvfs(self._folder)
        # Some file systems count no files; they say 0 in all.
        few_files = found.f_files and found.f_favail < FREE_FILES_MIN
        if found.f_bavail * found.f_frsize < FREE_BYTES_MIN or few_files:
            raise Fault(Kind.NO_SPACE, "not enough disk space for new mail; try again later")
        self._space_checked = now

    def files(self) -> Iterator[tuple[str, float]]:
        """Every blob file: its location and age in seconds."""
        now = time.time()  # against the file system's own clock
        for folder in sorted(self._folder.iterdir()):
            if len(folder.name) == 2 and folder.is_dir():
                for file in sorted(folder.iterdir()):
                    with contextlib.suppress(FileNotFoundError):  # removed since
                        yield f"{folder.name}/{file.name}", now - file.stat().st_mtime

    def remove_abandoned(self) -> int:
        """Remove spool files that no session can still be writing; how many."""
        count = 0
        for file in self._incoming.iterdir():
            with contextlib.suppress(FileNotFoundError):  # finished since
                if time.time() - file.stat().st_mtime > GARBAGE_AGE:
                    file.unlink()
                    count += 1
        return count


# Rows


_INSERT: Final = "INSERT INTO blob (hash, size, refs, location) VALUES ($1, $2, $3, $4)"


async def insert(tx: Transaction, body: Body, refs: int) -> tuple[int, bool]:
    """Count `refs` more holders of these bytes, storing them when they are new.

    Returns:
        The blob's id, and whether the body's own file is superfluous and is to be
        removed after the commit.
    """
    blob = body.hash, body.size, refs, body.location
    blob_id = await tx.insert(f"{_INSERT} ON CONFLICT (hash) DO NOTHING", *blob)
    total, location = refs, body.location
    if blob_id is None:  # seldom; and it may be collected in this moment
        row = await tx.row(
            f"{_INSERT} ON CONFLICT (hash) DO UPDATE SET refs = blob.refs + excluded.refs"
            " RETURNING id, refs, location",
            *blob,
        )
        assert row is not None
        blob_id, total, location = row
    if total == refs and not location:  # new, or garbage not collected yet
        await tx.run(
            "INSERT INTO body (blob_id, encoding, data) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            blob_id, body.encoding, body.data,
        )  # fmt: skip
    return blob_id, bool(body.location) and location != body.location


async def find(tx: Transaction, blob_id: int) -> Stored | None:
    """Where the bytes of a blob are, or None when nobody holds them any more."""
    row = await tx.row(
        "SELECT b.id, b.size, b.location, coalesce(c.encoding, 0), coalesce(c.data, $2)"
        " FROM blob b LEFT JOIN body c ON c.blob_id = b.id WHERE b.id = $1",
        blob_id, b"",
    )  # fmt: skip
    return None if row is None else Stored(*row)


async def find_many(tx: Transaction, blob_ids: Sequence[int]) -> list[Stored]:
    """`find` for several blobs; those that are gone are missing."""
    rows = await tx.rows(
        "SELECT b.id, b.size, b.location, coalesce(c.encoding, 0), coalesce(c.data, $2)"
        " FROM blob b LEFT JOIN body c ON c.blob_id = b.id"
        f" WHERE {one_of(tx, 'b.id', 1)}",
        id_list(tx, blob_ids), b"",
    )  # fmt: skip
    return [Stored(*row) for row in rows]


def at_hand(blob_id: int, body: Body) -> Stored | None:
    """What `find` would say of bytes that were just inserted; None when they are in a file."""
    return None if body.location else Stored(blob_id, body.size, "", body.encoding, body.data)


async def find_hashed(tx: Transaction, blob_ids: Sequence[int]) -> list[tuple[bytes, Stored]]:
    """`find_many`, each with the hash that it was stored under."""
    rows = await tx.rows(
        "SELECT b.hash, b.id, b.size, b.location, coalesce(c.encoding, 0), coalesce(c.data, $2)"
        " FROM blob b LEFT JOIN body c ON c.blob_id = b.id"
        f" WHERE {one_of(tx, 'b.id', 1)}",
        id_list(tx, blob_ids), b"",
    )  # fmt: skip
    return [(digest, Stored(*stored)) for digest, *stored in rows]


async def body(tx: Transaction, blob_id: int) -> Body | None:
    """A stored blob as a body that can be given more holders, or None when it is gone."""
    row = await tx.row(
        "SELECT b.hash, b.size, coalesce(c.encoding, 0), coalesce(c.data, $2), b.location"
        " FROM blob b LEFT JOIN body c ON c.blob_id = b.id WHERE b.id = $1",
        blob_id,
        b"",
    )
    return None if row is None else Body(*row)


async def retain(tx: Transaction, blob_ids: list[int]) -> None:
    """Count one holder more for each id given (an id may stand several times)."""
    await tx.run_many("UPDATE blob SET refs = refs + 1 WHERE id = $1", [(n,) for n in blob_ids])


async def release(tx: Transaction, blob_ids: list[int]) -> None:
    """Count one holder less for each id given (an id may stand several times)."""
    await tx.run_many("UPDATE blob SET refs = refs - 1 WHERE id = $1", [(n,) for n in blob_ids])


async def collect(tx: Transaction, limit: int = 200) -> list[str]:
    """Delete blobs that nobody holds.

    Returns:
        For each its file, to be removed once this is durable; empty for one in its row.
    """
    rows = await tx.rows("SELECT id, location FROM blob WHERE refs = 0 LIMIT $1", limit)
    ids = [(row[0],) for row in rows]
    await tx.run_many("DELETE FROM body WHERE blob_id = $1", ids)
    await tx.run_many("DELETE FROM message WHERE blob_id = $1", ids)
    await tx.run_many("DELETE FROM blob WHERE id = $1", ids)
    return [row[1] for row in rows]


def hash_of(location: str) -> bytes | None:
    """The hash of what a file holds, from its name; None for a file that is not ours."""
    name = location.partition(".")[0].replace("/", "", 1)
    try:
        return bytes.fromhex(name) if len(name) == 64 else None
    except ValueError:
        return None


def _kept(drop: Sequence[tuple[int, int]], size: int) -> list[tuple[int, int]]:
    """What is left of `size` bytes without ascending slices."""
    edges = [0, *(edge for piece in drop for edge in piece), size]
    return [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if end > start]


def _copy(source: int, target: int, prefix: bytes, kept: list[tuple[int, int]]) -> int:
    """Write a prefix and parts of another file to a new one; its size."""
    _write(target, prefix)
    size = len(prefix)
    for start, end in kept:
        for at in range(start, end, CHUNK):
            _write(target, os.pread(source, min(CHUNK, end - at), at))
        size += end - start
    return size


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fault(error: OSError) -> Fault:
    if disk_is_full(error):
        return Fault(Kind.NO_SPACE, "the disk is full; try again later")
    return Fault(Kind.UNAVAILABLE, f"the message could not be stored: {error.strerror}")
