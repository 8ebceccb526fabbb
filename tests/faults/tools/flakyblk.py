"""A block device that remembers every write and flush, for power cuts of a real file system.

It is one file on FUSE (spoken over /dev/fuse directly, without a library) under
a loop device, and so needs neither device-mapper nor a kernel module; it does
need root, /dev/fuse and /dev/loop-control.

    with FlakyDisk(64) as disk:
        disk.make_file_system()
        disk.mount(folder)
        ...                                      # the server works in `folder`
        disk.mark("m000001")                     # after each acknowledgement
        disk.fail(flush="eio")                   # or "lie"; write="eio" or "enospc"
        disk.detach()
        for image in disk.crashes(points=50): ...

A crash image holds every write up to the last flush before its point, and of
the writes after that none, all, some, or some torn at 4,096 bytes (what disks
of today write whole; torn at 512, ext4's own superblock would not mount). Mount
it, which replays the journal, list the mail, compare with the marks.
"""

from __future__ import annotations

import ctypes
import errno
import os
import random
import shutil
import struct
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TEAR: Final = 4096
_REQUEST_BYTES: Final = 1 << 21
_DISK, _ROOT = 2, 1  # the two nodes of the file system
_HEAD: Final = struct.Struct("<IIQQ")
_libc: Final = ctypes.CDLL(None, use_errno=True)


class Op(IntEnum):
    """The requests of the FUSE protocol that the kernel sends for one plain file."""

    LOOKUP = 1
    FORGET = 2
    GETATTR = 3
    SETATTR = 4
    OPEN = 14
    READ = 15
    WRITE = 16
    STATFS = 17
    RELEASE = 18
    FSYNC = 20
    FLUSH = 25
    INIT = 26
    OPENDIR = 27
    READDIR = 28
    RELEASEDIR = 29
    FSYNCDIR = 30
    ACCESS = 34
    INTERRUPT = 36
    DESTROY = 38
    BATCH_FORGET = 42
    FALLOCATE = 43


class RefusalError(OSError):
    """The error number a request is answered with."""


@dataclass(frozen=True, slots=True)
class Event:
    """A write (`length` bytes at `offset`, kept at `at` of the log), a flush or a mark."""

    kind: Literal["write", "flush", "mark"]
    offset: int = 0
    length: int = 0
    at: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Crash:
    """One state of the disk: the image file (used again for the next), what was marked before."""

    image: Path
    marks: list[str]
    state: str


def _run(*command: str | Path) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def usable() -> str:
    """What this machine lacks for such a disk; empty when nothing."""
    if os.geteuid() != 0:
        return "not root"
    for device in ("/dev/fuse", "/dev/loop-control"):
        if not Path(device).exists():
            return f"no {device}"
    return ""


class FlakyDisk:
    """The device. A context manager: leaving it unmounts and removes everything."""

    def __init__(self, megabytes: int = 64, *, seed: int = 1) -> None:
        self._size = megabytes << 20
        self._chance = random.Random(seed)
        shm = Path("/dev/shm")
        self._folder = Path(tempfile.mkdtemp(prefix="flakyblk.", dir=shm if shm.is_dir() else None))
        self._fuse_folder = self._folder / "fuse"
        self._fuse_folder.mkdir()
        self._live = os.open(self._folder / "live", os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(self._live, self._size)
        self._log = (self._folder / "log").open("wb")
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self._first = 0  # the first event after mounting
        self._fail_write = self._fail_flush = ""
        self._fail_from = 0
        self._fuse = -1
        self._device: str | None = None
        self._mounted: Path | None = None
        self.writes = self.flushes = 0
        self.failed = 0

    # -- the file system with one file ----------------------------------------------------

    def _attributes(self, node: int) -> bytes:
        mode, size = (0o40755, 0) if node == _ROOT else (0o100600, self._size)
        return struct.pack("<6Q10I", node, size, size // 512, *[0] * 6, mode, 1, 0, 0, 0, 4096, 0)

    def _serve(self) -> None:
        while True:
            try:
                request = os.read(self._fuse, _REQUEST_BYTES)
            except OSError as error:
                if error.errno in {errno.EINTR, errno.EAGAIN, errno.ENOENT}:
                    continue
                return  # ENODEV: unmounted
            _length, number, unique, node = _HEAD.unpack_from(request)
            out, failure = b"", 0
            try:
                answer = self._answer(number, node, request[40:])
            except RefusalError as error:
                failure = error.errno or errno.EIO
            else:
                if answer is None:
                    continue
                out = answer
            with suppress(OSError):  # the request was interrupted, or all is unmounted
                os.write(self._fuse, struct.pack("<IiQ", 16 + len(out), -failure, unique) + out)

    def _answer(self, number: int, node: int, rest: bytes) -> bytes | None:
        """The body of the reply; None for requests that have none."""
        match number:
            case Op.INIT:
                _major, _minor, ahead, flags = struct.unpack_from("<4I", rest)
                flags &= 1 | 1 << 5 | 1 << 22
                sizes = (16, 12, 1 << 20, 1, 256, 0)
                return struct.pack("<4I2H2I2H8I", 7, 31, ahead, flags, *sizes, *[0] * 8)
            case Op.FORGET | Op.BATCH_FORGET | Op.INTERRUPT:
                return None
            case Op.LOOKUP:
                if rest.rstrip(b"\0") != b"disk":
                    raise RefusalError(errno.ENOENT, "no such file")
                return struct.pack("<4Q2I", _DISK, 0, 60, 60, 0, 0) + self._attributes(_DISK)
            case Op.GETATTR | Op.SETATTR:
                return struct.pack("<Q2I", 60, 0, 0) + self._attributes(node)
            case Op.OPEN | Op.OPENDIR:
                return struct.pack("<Q2I", 1, 0, 0)
            case Op.READ:
                _handle, offset, length = struct.unpack_from("<QQI", rest)
                return os.pread(self._live, length, offset)
            case Op.WRITE:
                return self._write(rest)
            case Op.FSYNC | Op.FSYNCDIR:
                return self._flush()
            case Op.STATFS:
                return struct.pack("<5Q10I", *[0] * 5, 4096, 255, 4096, *[0] * 7)
            case Op.FLUSH | Op.RELEASE | Op.RELEASEDIR | Op.ACCESS | Op.DESTROY | Op.READDIR:
                return b""
            case Op.FALLOCATE:
                raise RefusalError(errno.EOPNOTSUPP, "not offered")
            case _:
                raise RefusalError(errno.ENOSYS, "unknown request")

    def _write(self, rest: bytes) -> bytes:
        _handle, offset, length = struct.unpack_from("<QQI", rest)
        data = rest[40 : 40 + length]
        with self._lock:
            self.writes += 1
            if self._fail_write and self.writes > self._fail_from:
                self.failed += 1
                number = errno.ENOSPC if self._fail_write == "enospc" else errno.EIO
                raise RefusalError(number, "told to fail")
            os.pwrite(self._live, data, offset)
            self._events.append(Event("write", offset, length, self._log.tell()))
            self._log.write(data)
        return struct.pack("<2I", length, 0)

    def _flush(self) -> bytes:
        with self._lock:
            self.flushes += 1
            if self._fail_flush and self.flushes > self._fail_from:
                self.failed += 1
                if self._fail_flush == "lie":
                    return b""
                raise RefusalError(errno.EIO, "told to fail")
            self._events.append(Event("flush"))
        return b""

    # -- life -----------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._fuse = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self._fuse},rootmode=40000,user_id=0,group_id=0,max_read=131072"
        folder = os.fsencode(self._fuse_folder)
        if _libc.mount(b"flakyblk", folder, b"fuse", 6, options.encode()):
            raise OSError(ctypes.get_errno(), "mount of fuse")
        threading.Thread(target=self._serve, daemon=True).start()
        self._device = _run("losetup", "-f", "--show", self._fuse_folder / "disk")
        return self

    def __exit__(self, *_error: object) -> None:
        self.detach()
        self._log.close()
        os.close(self._live)
        shutil.rmtree(self._folder, ignore_errors=True)

    def make_file_system(self, kind: str = "ext4", *options: str) -> None:
        assert self._device is not None
        _run(f"mkfs.{kind}", "-q", *options, self._device)

    def mount(self, folder: Path) -> None:
        """From here on crash points are taken."""
        assert self._device is not None
        folder.mkdir(parents=True, exist_ok=True)
        _run("mount", "-o", "noatime", self._device, folder)
        self._mounted = folder
        _run("sync", "-f", folder)
        with self._lock:
            self._first = len(self._events)

    def mark(self, text: str) -> None:
        """Notes a moment, such as an acknowledgement."""
        with self._lock:
            self._events.append(Event("mark", text=text))

    def fail(self, *, write: str = "", flush: str = "", after: int = 0) -> None:
        """Lets every write (`eio`, `enospc`) or flush (`eio`, `lie`) fail, after so many more."""
        with self._lock:
            self._fail_write, self._fail_flush = write, flush
            self._fail_from = after + (self.writes if write else self.flushes)

    def heal(self) -> None:
        with self._lock:
            self._fail_write = self._fail_flush = ""

    def detach(self) -> None:
        """Takes the device away, as it stands; crash images can be made afterwards."""
        if self._device is None:
            return
        if self._mounted is not None:
            subprocess.run(["umount", "-l", self._mounted], capture_output=True, check=False)
        for _ in range(50):
            subprocess.run(["losetup", "-d", self._device], capture_output=True, check=False)
            if self._device not in _run("losetup", "-a"):
                break
            time.sleep(0.1)
        subprocess.run(["umount", "-l", self._fuse_folder], capture_output=True, check=False)
        os.close(self._fuse)
        self._device = self._mounted = None
        self._log.flush()

    # -- crash images ---------------------------------------------------------------------

    def _put(self, log: int, target: int, events: Sequence[Event], *, torn: bool = False) -> None:
        for event in events:
            data = os.pread(log, event.length, event.at)
            if not torn:
                os.pwrite(target, data, event.offset)
                continue
            for start in range(0, len(data), TEAR):
                if self._chance.random() < 0.5:
                    os.pwrite(target, data[start : start + TEAR], event.offset + start)

    def _points(self, count: int) -> list[int]:
        """Half of them right after a mark."""
        events = list(enumerate(self._events[self._first :], self._first + 1))
        marks = [at for at, event in events if event.kind == "mark"]
        others = [at for at, event in events if event.kind != "mark"]
        picked = self._chance.sample(marks, min(len(marks), count // 2))
        others = self._chance.sample(others, min(len(others), count - len(picked)))
        return sorted({*picked, *others})

    def _states(self, tail: Sequence[Event], variants: int) -> list[tuple[str, list[Event]]]:
        states: list[tuple[str, list[Event]]] = [("none", [])]
        if tail:
            states.append(("all", list(tail)))
        for _ in range(variants if tail else 0):
            states.append(("some", [event for event in tail if self._chance.random() < 0.5]))
            states.append(("torn", [event for event in tail if self._chance.random() < 0.7]))
        return states

    def crashes(self, *, points: int = 50, variants: int = 2) -> Iterator[Crash]:
        """The states a power cut could have left, at so many moments."""
        image, done = self._folder / "crash", 0
        log = os.open(self._folder / "log", os.O_RDONLY)
        base = os.open(self._folder / "base", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        os.ftruncate(base, self._size)
        for point in self._points(points):
            before = self._events[:point]
            flushed = max((at + 1 for at, e in enumerate(before) if e.kind == "flush"), default=0)
            hard = before[done:flushed]
            self._put(log, base, [event for event in hard if event.kind == "write"])
            done = max(done, flushed)
            marks = [event.text for event in before if event.kind == "mark"]
            tail = [event for event in before[flushed:] if event.kind == "write"]
            for state, events in self._states(tail, variants):
                # A new file each time: as long as anybody looks at the loop device of the last one,
                # a mount of the same file takes that device again, and what it remembers.
                image.unlink(missing_ok=True)
                _run("cp", "--sparse=always", self._folder / "base", image)
                target = os.open(image, os.O_RDWR)
                self._put(log, target, events, torn=state == "torn")
                os.close(target)
                yield Crash(image, marks, state)
        os.close(base)
        os.close(log)


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    """A crash image mounted at `folder`, its journal replayed."""
    folder.mkdir(parents=True, exist_ok=True)
    _run("mount", "-o", "loop", image, folder)
    try:
        yield folder
    finally:
        _run("umount", folder)
