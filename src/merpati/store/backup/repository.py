"""A repository of backups: packs with objects, and a manifest for each snapshot, in some place.

    merpati-backup.json         what this is; the sealed key, when it is encrypted
    packs/ab/abcd...            objects one after the other, then their index; named after its hash
    snapshots/20261122T023000.000Z-0123456789abcdef   a manifest, named after time and hash

An object is bytes under the name of their hash, and lies here once, however many snapshots need
it. A file is whole and durable before it has its name, and packs come before the manifest that
needs them. So a backup that is broken off at any point leaves packs that the next one finds, and
never a snapshot that is not whole. Nothing is ever written over.

What is damaged is missed, and written anew by the next backup. A network that fails is no damage:
such a fault ends whatever is being done.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO, Final

import apsw
import msgspec

from merpati.base.faults import Fault, Kind
from merpati.base.ids import Ids
from merpati.base.secrets import Secret
from merpati.store.backup import seal
from merpati.store.backup.place import Held, Place
from merpati.store.backup.seal import Seal, Wrapped
from merpati.store.blobs import content_hash

FORMAT: Final = 1
ABOUT: Final = "merpati-backup.json"
PACKS: Final = "packs"
SNAPSHOTS: Final = "snapshots"
OURS: Final = frozenset({ABOUT, PACKS, SNAPSHOTS})
PACK_SIZE: Final = 16 * 1024 * 1024  # bytes of objects in a pack; held in memory meanwhile
PIECE: Final = 4 * 1024 * 1024  # larger contents are several objects
MAGIC: Final = b"merpati\1"
FOOTER: Final = len(MAGIC) + 8  # its end: the length of the index, then the magic
WASTE: Final = 0.5  # a pack is written anew when less than this share of it is needed
TAIL: Final = 64 * 1024  # bytes of a pack that are read first: its index, most of the time
LANES: Final = 8  # indexes of a remote place that are read at the same time

_WHOLE: Final = b"\0"
_PIECES: Final = b"\1"


class About(msgspec.Struct, frozen=True):
    """What a repository says of itself."""

    format: int
    key: Wrapped | None = None


class Pack(msgspec.Struct, frozen=True):
    """A file of objects: its number while the repository is open, its name, its bytes."""

    number: int
    name: str
    size: int


Entry = tuple[bytes, int, int, bool]  # name, offset, length, whether it lists pieces


class Repository:
    """One open repository. Whatever asks its place raises what `Place` does."""

    def __init__(self, place: Place, seal_: Seal, ids: Ids) -> None:
        """Use `open_repository`."""
        self.place: Final = place
        self.damaged: list[str] = []  # names of packs that cannot be read
        self.written = 0  # bytes
        self._seal = seal_
        self._ids = ids
        self._packs: list[Pack] = []
        self._held: list[bytes] = []
        self._held_size = 0
        self._entries: list[Entry] = []
        self._names: set[bytes] = set()  # of what is held, and of what waits
        self._spool: BinaryIO | None = None
        self._waiting: list[tuple[Pack, list[Entry]]] = []  # in the spool
        # A temporary database spills to the disk: a million objects take no memory to speak of.
        self._index = apsw.Connection("")
        self._index.execute(
            "CREATE TABLE object (name BLOB PRIMARY KEY, pack INTEGER,"
            " at INTEGER, length INTEGER, pieces INTEGER) WITHOUT ROWID;"
            "CREATE TABLE needed (name BLOB PRIMARY KEY) WITHOUT ROWID; BEGIN"
        )  # and no commit: it is ours alone
        self._add_packs(place.files(PACKS))

    def close(self) -> None:
        """Let go of it."""
        self._index.close()
        if self._spool is not None:
            self._spool.close()
        self.place.close()

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
        """Write what is held; all that was `put` is durable then, but for what `spool` keeps."""
        if not self._entries:
            return
        index = msgspec.msgpack.encode(self._entries)
        tail = index + len(index).to_bytes(8, "big") + MAGIC
        data = b"".join([*self._held, tail])
        name = hashlib.sha256(data).hexdigest()
        pack = Pack(len(self._packs) + len(self._waiting), _path(name), len(data))
        entries = self._entries
        self._held, self._entries, self._held_size = [], [], 0
        if self._spool is not None:
            self._spool.write(data)
            self._waiting.append((pack, entries))
            return
        self._write(pack.name, data)
        self._names.clear()
        self._enter(pack, entries)

    def spool(self, file: BinaryIO) -> None:
        """Let packs wait in a file of this machine until `send`: a transaction must not wait."""
        self._spool = file

    def send(self) -> None:
        """Write what waits."""
        if self._spool is None:
            return
        self.flush()
        with self._spool as spool:
            self._spool = None
            spool.seek(0)
            for pack, entries in self._waiting:
                self._write(pack.name, spool.read(pack.size))
                self._enter(pack, entries)
        self._waiting.clear()
        self._names.clear()

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
            raise Fault(Kind.NOT_FOUND, f"{name.hex()} is missing in {self.place.name}")
        number, at, length, _ = place
        pack = self._packs[number].name
        try:
            data = self.place.part(pack, at, length)
        except Fault as fault:
            if is_damage(fault):
                raise Fault(Kind.CORRUPT, fault.text) from fault
            raise
        if len(data) != length:
            raise Fault(Kind.CORRUPT, f"{self.place.shown(pack)} is too short")
        return data

    def _place(self, name: bytes) -> tuple[int, int, int, int] | None:
        return self._index.execute(
            "SELECT pack, at, length, pieces FROM object WHERE name = ?", (name,)
        ).fetchone()

    # Packs

    def _add_packs(self, files: Sequence[Held]) -> None:
        lanes = LANES if self.place.is_remote else 1
        with ThreadPoolExecutor(lanes, thread_name_prefix="merpati-backup") as pool:
            for file, entries in zip(files, pool.map(self._index_of, files), strict=True):
                if entries is None:
                    self.damaged.append(file.name)
                else:
                    self._enter(Pack(len(self._packs), file.name, file.size), entries)

    def _index_of(self, file: Held) -> list[Entry] | None:
        """What is in a pack; None when it is damaged."""
        try:
            return _read_index(self.place, file)
        except (ValueError, msgspec.DecodeError):
            return None
        except Fault as fault:
            if is_damage(fault):
                return None
            raise

    def _enter(self, pack: Pack, entries: list[Entry]) -> None:
        self._packs.append(pack)
        self._index.executemany(
            "INSERT OR REPLACE INTO object VALUES (?, ?, ?, ?, ?)",
            ((name, pack.number, at, length, lists) for name, at, length, lists in entries),
        )

    def packs(self) -> list[Pack]:
        """Every pack that can be read."""
        return [one for one in self._packs if one.name]

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
        going: list[Pack] = []
        for one in self.packs():
            if used_of.get(one.number, 0) >= WASTE * one.size:
                continue
            rows: list[Any] = self._index.execute(
                "SELECT name, pieces FROM object JOIN needed USING (name) WHERE pack = ?"
                " ORDER BY at",
                (one.number,),
            ).fetchall()
            for name, lists in rows:
                self._hold(name, self._packed(name), lists=bool(lists))
            going.append(one)
        self.flush()
        self._index.execute("DELETE FROM needed")
        self.place.check_lock()
        for one in going:
            self.place.remove(one.name)
            self._index.execute("DELETE FROM object WHERE pack = ?", (one.number,))
            self._packs[one.number] = Pack(one.number, "", 0)
        for name in self.damaged:
            self.place.remove(name)
        self.damaged.clear()
        return sum(one.size for one in going)

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
        return [one.name.rpartition("/")[2] for one in self.place.files(SNAPSHOTS)]

    def add_snapshot(self, stamp: str, manifest: Any) -> str:
        """Write a manifest; the snapshot is there with it. Its name."""
        self.flush()
        data = msgspec.msgpack.encode(manifest)
        sealed = self._seal.close(stamp.encode(), data, self._ids.bytes(seal.NONCE_SIZE))
        name = f"{stamp}-{hashlib.sha256(sealed).hexdigest()[:16]}"
        self.place.check_lock()
        self._write(f"{SNAPSHOTS}/{name}", sealed)
        return name

    def read_snapshot(self, name: str, kind: type[Any]) -> Any:
        """A manifest. Raises Fault NOT_FOUND, CORRUPT."""
        path = f"{SNAPSHOTS}/{name}"
        stamp, _, check = name.partition("-")
        sealed = self.place.read(path)
        if hashlib.sha256(sealed).hexdigest()[:16] != check:
            raise Fault(Kind.CORRUPT, f"{self.place.shown(path)} is damaged")
        try:
            return msgspec.msgpack.decode(self._seal.open(stamp.encode(), sealed), type=kind)
        except msgspec.DecodeError as error:
            text = f"{self.place.shown(path)} cannot be read: {error}"
            raise Fault(Kind.CORRUPT, text) from error

    def remove_snapshot(self, name: str) -> None:
        """Forget a snapshot; `prune` frees what it alone needed."""
        self.place.remove(f"{SNAPSHOTS}/{name}")

    def _write(self, name: str, data: bytes) -> None:
        self.place.write(name, data)
        self.written += len(data)


def open_repository(
    place: Place, ids: Ids, passphrase: Secret | None = None, *, write: bool = False
) -> Repository:
    """Open a repository; with `write` alone, and made when there is none. It closes the place.

    Raises:
        Fault: NOT_FOUND; EXISTS for a place of something else; IN_USE; AUTH_FAILED without the
            passphrase; CONFIG for one of a newer release, or that others could read; and what
            `Place` raises.
    """
    try:
        if _about(place) is None:
            _prepare(place, write=write)
        place.lock(write=write)
        about = _about(place)
        key = _make(place, ids, passphrase) if about is None else _key(place, about, passphrase)
        return Repository(place, Seal(key), ids)
    except BaseException:
        place.close()
        raise


def digest_of(place: Place, pack: str) -> str:
    """The SHA-256 of a whole pack in hexadecimal, which is its name."""
    return hashlib.sha256(place.read(pack)).hexdigest()


def is_damage(fault: Fault) -> bool:
    """Whether a fault of reading says that something is damaged or gone, and not out of reach."""
    return fault.kind in {Kind.NOT_FOUND, Kind.CORRUPT}


def _path(name: str) -> str:
    return f"{PACKS}/{name[:2]}/{name}"


def _read_index(place: Place, file: Held) -> list[Entry]:
    tail = place.tail(file.name, TAIL)
    length = int.from_bytes(tail[-FOOTER : -len(MAGIC)], "big")
    if len(tail) < FOOTER or not tail.endswith(MAGIC) or length > file.size - FOOTER:
        raise ValueError("it does not end as a pack does")
    if length > len(tail) - FOOTER:
        tail = place.tail(file.name, length + FOOTER)
    return msgspec.msgpack.decode(tail[-FOOTER - length : -FOOTER], type=list[Entry])


def _about(place: Place) -> About | None:
    try:
        return msgspec.json.decode(place.read(ABOUT), type=About)
    except Fault as fault:
        if fault.kind is Kind.NOT_FOUND:
            return None
        raise
    except msgspec.DecodeError as error:
        raise Fault(Kind.CORRUPT, f"{place.shown(ABOUT)} is damaged: {error}") from error


def _prepare(place: Place, *, write: bool) -> None:
    if not write:
        raise Fault(Kind.NOT_FOUND, f"{place.name} is no backup: there is no {ABOUT} in it")
    place.prepare(OURS)


def _make(place: Place, ids: Ids, passphrase: Secret | None) -> bytes:
    if place.is_remote and not passphrase:
        text = (
            f"{place.name} is not on this machine, and what goes there is encrypted: name the file"
            " of a passphrase, passphrase_file in [backup] or --passphrase-file"
        )
        raise Fault(Kind.CONFIG, text)
    key, wrapped = seal.new_key(ids, passphrase) if passphrase else (b"", None)
    place.write(ABOUT, msgspec.json.encode(About(FORMAT, wrapped)))
    return key


def _key(place: Place, found: About, passphrase: Secret | None) -> bytes:
    if found.format > FORMAT:
        text = f"{place.shown(ABOUT)} is of a newer release; upgrade this one"
        raise Fault(Kind.CONFIG, text)
    if found.key is None:
        return b""
    if not passphrase:
        text = f"{place.name} is encrypted; name the file of its passphrase: --passphrase-file"
        raise Fault(Kind.AUTH_FAILED, text)
    return seal.unwrap(found.key, passphrase)
