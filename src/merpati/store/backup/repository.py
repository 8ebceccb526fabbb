"""A repository of backups: a folder of packs with objects, and a manifest for each snapshot.

    merpati-backup.json         what this is; the sealed key, when it is encrypted
    packs/ab/abcd...            objects one after the other, then their index; named after its hash
    snapshots/20261122T023000.000Z-0123456789abcdef   a manifest, named after time and hash
    incoming/                   files being written

An object is bytes under the name of their hash, and lies here once, however many snapshots need
it. A file is whole and synced before it gets its name, and packs come before the manifest that
needs them. So a backup that is broken off at any point leaves packs that the next one finds, and
never a snapshot that is not whole. Nothing is ever written over.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import mmap
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec

from merpati.base.faults import Fault, Kind
from merpati.base.ids import Ids
from merpati.base.secrets import Secret
from merpati.store.backup import seal
from merpati.store.backup.seal import Seal, Wrapped
from merpati.store.blobs import content_hash
from merpati.store.sqlite import disk_is_full

FORMAT: Final = 1
ABOUT: Final = "merpati-backup.json"
PACK_SIZE: Final = 16 * 1024 * 1024  # bytes of objects in a pack; held in memory meanwhile
PIECE: Final = 4 * 1024 * 1024  # larger contents are several objects
MAGIC: Final = b"merpati\1"
FOOTER: Final = len(MAGIC) + 8  # its end: the length of the index, then the magic
WASTE: Final = 0.5  # a pack is written anew when less than this share of it is needed
READ: Final = 1024 * 1024

_WHOLE: Final = b"\0"
_PIECES: Final = b"\1"


class About(msgspec.Struct, frozen=True):
    """What a repository says of itself."""

    format: int
    key: Wrapped | None = None


class Pack(msgspec.Struct, frozen=True):
    """A file of objects: its number while the repository is open, and its name."""

    number: int
    name: str


Entry = tuple[bytes, int, int, bool]  # name, offset, length, whether it lists pieces


class Repository:
    """One open repository. Raises Fault NO_SPACE, UNAVAILABLE wherever it writes."""

    def __init__(self, folder: Path, seal_: Seal, ids: Ids, lock: int) -> None:
        """Use `open_repository`."""
        self.folder: Final = folder
        self.damaged: list[str] = []  # packs that cannot be read
        self.written = 0  # bytes
        self._seal = seal_
        self._ids = ids
        self._lock = lock
        self._packs: list[Pack] = []
        self._held: list[bytes] = []
        self._held_size = 0
        self._entries: list[Entry] = []
        self._names: set[bytes] = set()  # of what is held
        # A temporary database spills to the disk: a million objects take no memory to speak of.
        self._index = apsw.Connection("")
        self._index.execute(
            "CREATE TABLE object (name BLOB PRIMARY KEY, pack INTEGER,"
            " at INTEGER, length INTEGER, pieces INTEGER) WITHOUT ROWID;"
            "CREATE TABLE needed (name BLOB PRIMARY KEY) WITHOUT ROWID; BEGIN"
        )  # and no commit: it is ours alone
        for path in sorted((folder / "packs").glob("??/*")):
            self._add_pack(path.name)

    def close(self) -> None:
        """Let go of it."""
        self._index.close()
        os.close(self._lock)

    # Objects

    def has(self, digest: bytes) -> bool:
        """Whether the content with this hash is here."""
        name = self._seal.name(digest)
        return name in self._names or self._place(name) is not None

    def put(self, data: bytes | mmap.mmap, digest: bytes = b"") -> bytes:
        """Keep a content, unless it is here; its hash, which need not be computed again."""
        digest = digest or content_hash(data)
        if self.has(digest):
            return digest
        if len(data) <= PIECE:
            self._put(self._seal.name(digest), _WHOLE + data[:])
        else:
            pieces = b"".join(self.put(data[at : at + PIECE]) for at in range(0, len(data), PIECE))
            self._put(self._seal.name(digest), _PIECES + pieces)
        return digest

    def pieces(self, digest: bytes) -> Iterator[bytes]:
        """A content in pieces. Raises Fault NOT_FOUND, CORRUPT."""
        data = self._get(self._seal.name(digest))
        if data[:1] == _WHOLE:
            yield data[1:]
            return
        for at in range(1, len(data), 32):
            yield self._get(self._seal.name(data[at : at + 32]))[1:]

    def get(self, digest: bytes) -> bytes:
        """A content that fits into memory, its hash looked at. Raises Fault NOT_FOUND, CORRUPT."""
        data = b"".join(self.pieces(digest))
        if content_hash(data) != digest:
            raise Fault(Kind.CORRUPT, f"{digest.hex()} is not what was stored")
        return data

    def flush(self) -> None:
        """Write what is held; all that was `put` is durable then."""
        if not self._entries:
            return
        index = msgspec.msgpack.encode(self._entries)
        tail = index + len(index).to_bytes(8, "big") + MAGIC
        data = b"".join([*self._held, tail])
        name = hashlib.sha256(data).hexdigest()
        self._write(self.folder / "packs" / name[:2] / name, data)
        entries = self._entries
        self._held, self._entries, self._held_size = [], [], 0
        self._names.clear()
        self._enter(name, entries)

    def _put(self, name: bytes, data: bytes) -> None:
        packed = self._seal.close(name, data, self._ids.bytes(seal.NONCE_SIZE))
        self._hold(name, packed, lists=data[:1] == _PIECES)

    def _hold(self, name: bytes, packed: bytes, *, lists: bool) -> None:
        self._entries.append((name, self._held_size, len(packed), lists))
        self._names.add(name)
        self._held.append(packed)
        self._held_size += len(packed)
        if self._held_size >= PACK_SIZE:
            self.flush()

    def _get(self, name: bytes) -> bytes:
        if name in self._names:
            self.flush()
        return self._seal.open(name, self._packed(name))

    def _packed(self, name: bytes) -> bytes:
        place = self._place(name)
        if place is None:
            raise Fault(Kind.NOT_FOUND, f"{name.hex()} is missing in {self.folder}")
        pack, at, length, _ = place
        path = self._path(self._packs[pack].name)
        try:
            with path.open("rb") as file:
                data = os.pread(file.fileno(), length, at)
        except OSError as error:
            raise Fault(Kind.CORRUPT, f"{path} cannot be read: {error.strerror}") from error
        if len(data) != length:
            raise Fault(Kind.CORRUPT, f"{path} is too short")
        return data

    def _place(self, name: bytes) -> tuple[int, int, int, int] | None:
        return self._index.execute(
            "SELECT pack, at, length, pieces FROM object WHERE name = ?", (name,)
        ).fetchone()

    # Packs

    def _path(self, name: str) -> Path:
        return self.folder / "packs" / name[:2] / name

    def _add_pack(self, name: str) -> None:
        try:
            self._enter(name, _read_index(self._path(name)))
        except (OSError, ValueError, msgspec.DecodeError):
            self.damaged.append(str(self._path(name)))

    def _enter(self, name: str, entries: list[Entry]) -> None:
        number = len(self._packs)
        self._packs.append(Pack(number, name))
        self._index.executemany(
            "INSERT OR REPLACE INTO object VALUES (?, ?, ?, ?, ?)",
            ((name_, number, at, length, lists) for name_, at, length, lists in entries),
        )

    def packs(self) -> list[Path]:
        """Every pack that can be read."""
        return [self._path(one.name) for one in self._packs]

    def prune(self, needed: Iterable[bytes]) -> int:
        """Remove what no snapshot needs, given the contents that they do; how many bytes went.

        What a pack still has of use is written anew before it goes. Packs that are damaged go
        too: what they held is missed already.
        """
        self._index.executemany(
            "INSERT OR IGNORE INTO needed VALUES (?)",
            ((name,) for name in self._with_pieces(needed)),
        )
        used_of: dict[int, int] = dict(
            self._index.execute(
                "SELECT pack, sum(length) FROM object JOIN needed USING (name) GROUP BY pack"
            )
        )
        going: list[Path] = []
        for one in list(self._packs):
            path, used = self._path(one.name), used_of.get(one.number, 0)
            if used >= WASTE * path.stat().st_size:
                continue
            rows: list[Any] = self._index.execute(
                "SELECT name, pieces FROM object JOIN needed USING (name) WHERE pack = ?",
                (one.number,),
            ).fetchall()
            for name, lists in rows:
                self._hold(name, self._packed(name), lists=bool(lists))
            going.append(path)
        self.flush()
        self._index.execute("DELETE FROM needed")
        freed = 0
        for path in [*going, *map(Path, self.damaged)]:
            freed += path.stat().st_size
            path.unlink()
        gone = {path.name for path in going}
        for one in self._packs:
            if one.name in gone:
                self._index.execute("DELETE FROM object WHERE pack = ?", (one.number,))
        self._packs = [one if one.name not in gone else Pack(one.number, "") for one in self._packs]
        self.damaged.clear()
        return freed

    def _with_pieces(self, needed: Iterable[bytes]) -> Iterator[bytes]:
        for digest in needed:
            name = self._seal.name(digest)
            place = self._place(name)
            yield name
            if place is not None and place[3]:
                data = self._get(name)
                for at in range(1, len(data), 32):
                    yield self._seal.name(data[at : at + 32])

    # Snapshots

    def snapshots(self) -> list[str]:
        """The names of all snapshots, the oldest first."""
        return sorted(path.name for path in (self.folder / "snapshots").iterdir())

    def add_snapshot(self, stamp: str, manifest: Any) -> str:
        """Write a manifest; the snapshot is there with it. Its name."""
        self.flush()
        data = msgspec.msgpack.encode(manifest)
        sealed = self._seal.close(stamp.encode(), data, self._ids.bytes(seal.NONCE_SIZE))
        name = f"{stamp}-{hashlib.sha256(sealed).hexdigest()[:16]}"
        self._write(self.folder / "snapshots" / name, sealed)
        return name

    def read_snapshot(self, name: str, kind: type[Any]) -> Any:
        """A manifest. Raises Fault NOT_FOUND, CORRUPT."""
        path = self.folder / "snapshots" / name
        stamp, _, check = name.partition("-")
        try:
            sealed = path.read_bytes()
            if hashlib.sha256(sealed).hexdigest()[:16] != check:
                raise Fault(Kind.CORRUPT, f"{path} is damaged")
            return msgspec.msgpack.decode(self._seal.open(stamp.encode(), sealed), type=kind)
        except FileNotFoundError as error:
            raise Fault(Kind.NOT_FOUND, f"there is no snapshot {name}") from error
        except (OSError, msgspec.DecodeError) as error:
            raise Fault(Kind.CORRUPT, f"{path} cannot be read: {error}") from error

    def remove_snapshot(self, name: str) -> None:
        """Forget a snapshot; `prune` frees what it alone needed."""
        (self.folder / "snapshots" / name).unlink(missing_ok=True)

    def _write(self, path: Path, data: bytes) -> None:
        """A file that is durable under its name, or not there."""
        temporary = self.folder / "incoming" / self._ids.token(12)
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            temporary.rename(path)
            for folder in (path.parent, path.parent.parent):
                _sync_folder(folder)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise fault_of(self.folder, error) from error
        self.written += len(data)


def open_repository(
    folder: Path, ids: Ids, passphrase: Secret | None = None, *, write: bool = False
) -> Repository:
    """Open a repository; with `write` alone, and made when there is none.

    Raises:
        Fault: NOT_FOUND; EXISTS for a folder of something else; IN_USE; AUTH_FAILED without the
            passphrase; CONFIG for one of a newer release; NO_SPACE, UNAVAILABLE.
    """
    about = folder / ABOUT
    try:
        if not about.is_file():
            if not write:
                raise Fault(Kind.NOT_FOUND, f"{folder} is no backup: there is no {ABOUT} in it")
            key = _make(folder, ids, passphrase)
        else:
            key = _key(about, passphrase)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise fault_of(folder, error) from error
    try:
        fcntl.flock(lock, (fcntl.LOCK_EX if write else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        text = f"{folder} is in use by another backup or restore; wait until that has ended"
        raise Fault(Kind.IN_USE, text) from error
    if write:
        for left in (folder / "incoming").iterdir():
            left.unlink()
    return Repository(folder, Seal(key), ids, lock)


def read_entries(path: Path) -> tuple[str, list[Entry]]:
    """The SHA-256 of a whole pack in hexadecimal, and its index. Raises OSError, ValueError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(READ):
            digest.update(chunk)
    return digest.hexdigest(), _read_index(path)


def fault_of(folder: Path, error: OSError) -> Fault:
    """What an error of the backup's disk is to whoever runs it."""
    if disk_is_full(error):
        return Fault(
            Kind.NO_SPACE,
            f"the disk of {folder} is full; make room and run it again: it goes on where it ended",
        )
    name = error.filename or folder
    return Fault(Kind.UNAVAILABLE, f"{name} cannot be used: {error.strerror or error}")


def _read_index(path: Path) -> list[Entry]:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - FOOTER))
        tail = file.read()
        length = int.from_bytes(tail[:8], "big")
        if len(tail) < FOOTER or tail[8:] != MAGIC or length > size - FOOTER:
            raise ValueError("it does not end as a pack does")
        file.seek(size - FOOTER - length)
        return msgspec.msgpack.decode(file.read(length), type=list[Entry])


def _make(folder: Path, ids: Ids, passphrase: Secret | None) -> bytes:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(one.name not in {"lost+found", "incoming", "packs", "snapshots", "lock"}
           for one in folder.iterdir()):  # fmt: skip
        text = f"{folder} has other files in it; name a new or empty folder for the backup"
        raise Fault(Kind.EXISTS, text)
    for name in ("incoming", "packs", "snapshots"):
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    key, wrapped = seal.new_key(ids, passphrase) if passphrase else (b"", None)
    temporary = folder / "incoming" / ABOUT
    temporary.write_bytes(msgspec.json.encode(About(FORMAT, wrapped)))
    temporary.chmod(0o600)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.rename(folder / ABOUT)
    _sync_folder(folder)
    return key


def _key(about: Path, passphrase: Secret | None) -> bytes:
    try:
        found = msgspec.json.decode(about.read_bytes(), type=About)
    except msgspec.DecodeError as error:
        raise Fault(Kind.CORRUPT, f"{about} is damaged: {error}") from error
    if found.format > FORMAT:
        raise Fault(Kind.CONFIG, f"{about} is of a newer release; upgrade this one")
    if found.key is None:
        return b""
    if not passphrase:
        text = f"{about.parent} is encrypted; name the file of its passphrase: --passphrase-file"
        raise Fault(Kind.AUTH_FAILED, text)
    return seal.unwrap(found.key, passphrase)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
