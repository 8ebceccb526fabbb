"""Rebuilds the states that a power cut could leave behind, from a faultio log, and judges each.

1. `Base.take(folder)`: what is durable before the server starts;
2. the server runs under faultio with a log, traffic is driven, it stops;
3. `check(base, log, listing, ...)`.

At each crash point, a moment of the log, an operation is either durable,
because a sync that covers it had returned, or in doubt. States per point:

- `min`: nothing in doubt happened; `max`: all of it did (as after kill -9);
- `meta`: names and sizes happened, data did not; `data`: the other way round;
- `drop`: all but one; `random`: subsets, their writes torn at 512 bytes.

Two models of the file system. `posix`: a name is durable only after a sync of
its folder, and a rename is an addition and a removal, each with its own folder.
`ext4`: any sync also commits every earlier operation on names, in order.

An acknowledgement is what the server sent that matches a pattern whose group 1
is the message's id. It must be listed in every state of a later crash point,
and nothing may be corrupt.
"""

from __future__ import annotations

import os
import random
import re
import struct
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal, Self

Model = Literal["posix", "ext4"]
Listing = Callable[[Path], list[str]]
Inode = tuple[int | str, int]  # the number, and which life of it

ACK: Final = re.compile(rb"^250 .*queued as (\S+)")
SECTOR: Final = 512
_MAGIC: Final = 0x464C5431
_HEAD: Final = struct.Struct("<II QQQ II q QQQ ii III")
_SYNC_FLAGS: Final = 0o4010000  # O_SYNC, O_DSYNC


class Kind(IntEnum):
    """The operations faultio records, by its numbers."""

    WRITE = 1
    FSYNC = 2
    TRUNCATE = 3
    CREATE = 4
    RENAME = 5
    LINK = 6
    UNLINK = 7
    MKDIR = 8
    RMDIR = 9
    SYMLINK = 10
    NET = 11
    SYNC_ALL = 12
    OPEN = 13


NAMES: Final = {Kind.CREATE, Kind.RENAME, Kind.LINK, Kind.UNLINK, Kind.MKDIR, Kind.RMDIR}
CHANGES: Final = NAMES | {Kind.WRITE, Kind.TRUNCATE}


@dataclass(frozen=True, slots=True)
class Operation:
    """One recorded call; `begin` and `end` are ticks of one counter over all processes."""

    kind: Kind
    begin: int
    end: int
    offset: int
    inode: Inode
    error: int
    flags: int
    path: str
    path2: str
    data: bytes
    index: int = -1


def _records(raw: bytes) -> Iterator[Operation]:
    at = 0
    while at + _HEAD.size <= len(raw):
        head = _HEAD.unpack_from(raw, at)
        (magic, kind, begin, end, _time, _pid, _tid, offset, _length, number) = head[:10]
        (_number2, error, flags, *lengths) = head[10:]
        if magic != _MAGIC:
            raise ValueError(f"no record at byte {at} of the log")
        at += _HEAD.size
        parts = []
        for length in lengths:
            parts.append(raw[at : at + length])
            at += length
        path, path2 = os.fsdecode(parts[0]), os.fsdecode(parts[1])
        inode = (number, 0)
        yield Operation(Kind(kind), begin, end, offset, inode, error, flags, path, path2, parts[2])


def read_log(path: Path) -> list[Operation]:
    """All operations in the order they ended.

    An inode number is used again as soon as its file is gone, so each creation
    begins another life of that number.
    """
    lives: Counter[int | str] = Counter()
    out = []
    for operation in sorted(_records(path.read_bytes()), key=lambda one: one.begin):
        number = operation.inode[0]
        if operation.kind in {Kind.CREATE, Kind.MKDIR} and not operation.error:
            lives[number] += 1
        out.append(replace(operation, inode=(number, lives[number])))
    return sorted(out, key=lambda one: one.end)


def _split_renames(operations: Sequence[Operation]) -> list[Operation]:
    """The POSIX view of a rename of a file: a name is added, another is taken away."""
    out = []
    for one in operations:
        if one.kind is Kind.RENAME and not Path(one.path2).is_dir():
            out.append(replace(one, kind=Kind.LINK, path=""))
            out.append(replace(one, kind=Kind.UNLINK, path2=""))
        else:
            out.append(one)
    return out


@dataclass
class Disk:
    """Names and contents, with every inode kept apart from its names."""

    root: str
    names: dict[str, Inode] = field(default_factory=dict)
    folders: set[str] = field(default_factory=lambda: {""})
    data: dict[Inode, bytes | bytearray] = field(default_factory=dict)
    _own: set[Inode] = field(default_factory=set)  # whose bytes no other `Disk` has

    @classmethod
    def take(cls, folder: Path) -> Self:
        """What stands below `folder` now, taken for durable."""
        disk = cls(str(folder.resolve()))
        for path in sorted(folder.resolve().rglob("*")):
            name = str(path.relative_to(disk.root))
            if path.is_dir():
                disk.folders.add(name)
            elif path.is_file():
                inode = (path.stat().st_ino, 0)
                disk.names[name] = inode
                disk.data[inode] = path.read_bytes()
        return disk

    def copy(self) -> Disk:
        """Another disk, which shares contents until one of the two changes them."""
        self._own.clear()
        return Disk(self.root, dict(self.names), set(self.folders), dict(self.data))

    def _content(self, inode: Inode, size: int) -> bytearray:
        """The bytes of a file, at least so many, to be changed in place.

        A copy for each write would cost the file's size thousands of times.
        """
        made = self.data.get(inode, b"")
        if inode not in self._own or not isinstance(made, bytearray):
            made = self.data[inode] = bytearray(made)
            self._own.add(inode)
        made.extend(bytes(max(0, size - len(made))))
        return made

    def _name(self, path: str) -> str:
        return os.path.relpath(path, self.root)

    def _write(self, operation: Operation, chance: random.Random | None) -> None:
        at, new = operation.offset, operation.data
        made = self._content(operation.inode, at + len(new))
        if chance is None:
            made[at : at + len(new)] = new
        else:
            for start in range(0, len(new), SECTOR):
                piece = new[start : start + SECTOR]
                if chance.random() < 0.5:
                    made[at + start : at + start + len(piece)] = piece

    def _rename(self, operation: Operation) -> None:
        old, new = self._name(operation.path), self._name(operation.path2)
        if old not in self.folders:
            self.names.pop(old, None)
            self.names[new] = operation.inode
            return
        below = f"{old}/"
        self.folders = {
            new + name[len(old) :] if name == old or name.startswith(below) else name
            for name in self.folders
        }
        self.names = {
            new + name[len(old) :] if name.startswith(below) else name: inode
            for name, inode in self.names.items()
        }

    def apply(self, operation: Operation, torn: random.Random | None = None) -> None:
        """Makes one operation happen; with `torn`, only some sectors of a write."""
        match operation.kind:
            case Kind.WRITE:
                self._write(operation, torn)
            case Kind.TRUNCATE:
                size = operation.offset
                del self._content(operation.inode, size)[size:]
            case Kind.CREATE:
                if operation.path:
                    self.names[self._name(operation.path)] = operation.inode
                self.data.setdefault(operation.inode, b"")
            case Kind.LINK:
                self.names[self._name(operation.path2)] = operation.inode
            case Kind.RENAME:
                self._rename(operation)
            case Kind.UNLINK:
                self.names.pop(self._name(operation.path), None)
            case Kind.MKDIR:
                self.folders.add(self._name(operation.path))
            case Kind.RMDIR:
                self.folders.discard(self._name(operation.path))
            case _:
                raise ValueError(f"{operation.kind.name} changes nothing")

    def digest(self) -> bytes:
        """Equal for equal states."""
        made = sha256(repr(sorted(self.folders)).encode())
        for name in sorted(self.names):
            made.update(os.fsencode(name) + b"\0")
            made.update(sha256(self.data.get(self.names[name], b"")).digest())
        return made.digest()

    def write(self, to: Path) -> None:
        """Puts the state on a real file system."""
        for name in sorted(self.folders):
            (to / name).mkdir(parents=True, exist_ok=True)
        for name, inode in self.names.items():
            path = to / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.data.get(inode, b""))


class _Durability:
    """When each operation became durable under a model."""

    def __init__(self, operations: Sequence[Operation], model: Model) -> None:
        self._model = model
        self._all: list[Operation] = []
        self._by_inode: dict[Inode, list[Operation]] = defaultdict(list)
        self._folders: dict[str, Inode] = {}
        for one in operations:
            if one.kind is Kind.MKDIR:
                self._folders[one.path] = one.inode
            if one.kind in {Kind.FSYNC, Kind.SYNC_ALL}:
                self._folders.setdefault(one.path, one.inode)
                if not one.error:
                    self._all.append(one)
                    self._by_inode[one.inode].append(one)

    @staticmethod
    def _first_end(syncs: Sequence[Operation], after: int) -> float:
        return min((sync.end for sync in syncs if sync.begin > after), default=float("inf"))

    def end_of(self, operation: Operation) -> float:
        """The tick from which the operation is durable; infinite for never."""
        whole = [sync for sync in self._all if sync.kind is Kind.SYNC_ALL]
        everything = self._first_end(whole, operation.end)
        if operation.kind in {Kind.WRITE, Kind.TRUNCATE}:
            if operation.kind is Kind.WRITE and operation.flags & _SYNC_FLAGS:
                return operation.end
            return min(everything, self._first_end(self._by_inode[operation.inode], operation.end))
        if self._model == "ext4":
            return self._first_end(self._all, operation.end)
        paths = [path for path in (operation.path, operation.path2) if path]
        if operation.kind is Kind.LINK:
            paths = [operation.path2]
        parents = [self._folders.get(str(Path(path).parent)) for path in paths]
        ends = [
            self._first_end(self._by_inode[parent], operation.end) if parent else float("inf")
            for parent in parents
        ]
        return min(everything, max(ends, default=float("inf")))


@dataclass(frozen=True)
class Failure:
    """A state that lost or spoilt something."""

    point: int
    state: str
    lost: list[str]
    corrupt: list[str]


@dataclass
class Report:
    """What `check` tried and found."""

    acknowledged: int = 0
    operations: int = 0
    points: int = 0
    states: int = 0
    failures: list[Failure] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.failures


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How many crash points and how many states at each."""

    points: int = 200
    drops: int = 8
    randoms: int = 4
    seed: int = 1


Plan = tuple[str, set[int], bool]  # name, operations in doubt that happened, torn


def _plans(
    doubtful: Sequence[Operation], model: Model, effort: Effort, chance: random.Random
) -> Iterator[Plan]:
    everything = {one.index for one in doubtful}
    names = [one.index for one in doubtful if one.kind in NAMES]
    rest = sorted(everything - set(names))
    yield "min", set(), False
    yield "max", everything, False
    yield "meta", set(names), False
    yield "data", set(rest), False
    for dropped in chance.sample(sorted(everything), min(effort.drops, len(everything))):
        taken = everything - {dropped}
        if model == "ext4" and dropped in names:  # journalled in order: the later ones go too
            taken -= {index for index in names if index > dropped}
        yield "drop", taken, False
    for _ in range(effort.randoms):
        taken = {index for index in rest if chance.random() < 0.5}
        if model == "ext4":
            taken.update(names[: chance.randint(0, len(names))])
        else:
            taken.update(index for index in names if chance.random() < 0.5)
        yield "random", taken, True


def _points(
    operations: Sequence[Operation], acks: Sequence[tuple[int, str]], effort: Effort
) -> list[int]:
    """The crash points: half of them right after an acknowledgement."""
    chance = random.Random(effort.seed)
    after_acks = [tick + 1 for tick, _name in acks]
    ends = {one.end + 1 for one in operations if one.kind in CHANGES | {Kind.FSYNC}}
    every = sorted(ends.union(after_acks))
    if len(every) <= effort.points:
        return every
    kept = chance.sample(after_acks, min(len(after_acks), effort.points // 2))
    return sorted({*kept, *chance.sample(every, effort.points - len(kept))})


def acknowledgements(
    operations: Sequence[Operation], pattern: re.Pattern[bytes]
) -> list[tuple[int, str]]:
    """When which message was acknowledged; several replies may have gone in one write."""
    return [
        (one.begin, found.group(1).decode())
        for one in operations
        if one.kind is Kind.NET and not one.error
        for found in re.finditer(pattern.pattern, one.data, re.MULTILINE)
    ]


def _judge(disk: Disk, listing: Listing, needed: set[str]) -> tuple[list[str], list[str]]:
    """What a state lost of the needed messages, and what in it is corrupt."""
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None) as folder:
        disk.write(Path(folder))
        listed = listing(Path(folder))
    return sorted(needed - set(listed)), [line for line in listed if line.startswith("CORRUPT")]


def check(
    base: Disk,
    log: Path,
    listing: Listing,
    *,
    model: Model = "ext4",
    ack: re.Pattern[bytes] = ACK,
    names: Mapping[str, str] | None = None,
    effort: Effort | None = None,
) -> Report:
    """Builds the states and lists each.

    Args:
        base: What was durable before the log begins.
        log: The file faultio wrote.
        listing: Lists what a folder holds: ids, and `CORRUPT ...` lines.
        model: Of the file system.
        ack: What an acknowledgement looks like; group 1 is its id.
        names: The listed id of each acknowledged id, where the two differ.
        effort: How many points and states.

    Raises:
        ValueError: The log holds no acknowledgement.
    """
    effort = effort or Effort()
    operations = read_log(log)
    if model == "posix":
        operations = _split_renames(operations)
    operations = [replace(one, index=index) for index, one in enumerate(operations)]
    acks = acknowledgements(operations, ack)
    if names is not None:
        acks = [(tick, names[name]) for tick, name in acks if name in names]
    if not acks:
        raise ValueError("the log holds no acknowledgement")
    durability = _Durability(operations, model)
    changes = [one for one in operations if one.kind in CHANGES and not one.error]
    durable = {one.index: durability.end_of(one) for one in changes}
    chance, seen = random.Random(effort.seed), set[tuple[bytes, int]]()
    points = _points(operations, acks, effort)
    report = Report(len({name for _tick, name in acks}), len(changes), len(points))
    for point in points:
        needed = {name for tick, name in acks if tick < point}
        live = [one for one in changes if one.begin < point]
        doubtful = [one for one in live if durable[one.index] >= point]
        unsure = {one.index for one in doubtful}
        for name, taken, torn in _plans(doubtful, model, effort, chance):
            disk = base.copy()
            for one in live:
                if one.index not in unsure:
                    disk.apply(one)
                elif one.index in taken:
                    disk.apply(one, chance if torn else None)
            key = (disk.digest(), len(needed))
            if key in seen:
                continue
            seen.add(key)
            report.states += 1
            lost, corrupt = _judge(disk, listing, needed)
            if lost or corrupt:
                report.failures.append(Failure(point, name, lost[:3], corrupt[:3]))
    return report
