"""A folder as the place of a repository; files are written in `incoming/` and renamed."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from merpati.base.faults import Fault, Kind
from merpati.base.ids import Ids
from merpati.store.backup.place import Held
from merpati.store.blobs import sync_folder
from merpati.store.sqlite import disk_is_full

INCOMING: Final = "incoming"
LOCK: Final = "lock"
_BESIDE: Final = frozenset({"lost+found", INCOMING, LOCK})


class Folder:
    """The place at a path."""

    is_remote = False

    def __init__(self, path: Path, ids: Ids) -> None:
        self.path: Final = path
        self.name: Final = str(path)
        self._ids = ids
        self._lock = -1

    def shown(self, name: str) -> str:
        """Its path."""
        return str(self.path / name)

    def prepare(self, ours: frozenset[str]) -> None:
        """As `Place.prepare`."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            others = {one.name for one in self.path.iterdir()} - _BESIDE - ours
            if not others:
                (self.path / INCOMING).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise fault_of(self.path, error) from error
        if others:
            text = f"{self.path} has other files in it; name a new or empty folder for the backup"
            raise Fault(Kind.EXISTS, text)

    def lock(self, *, write: bool) -> None:
        """As `Place.lock`; it goes with the process."""
        try:
            lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise fault_of(self.path, error) from error
        try:
            fcntl.flock(lock, (fcntl.LOCK_EX if write else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock)
            text = f"{self.path} is in use by another backup or restore; wait until that has ended"
            raise Fault(Kind.IN_USE, text) from error
        self._lock = lock
        if write:
            for left in (self.path / INCOMING).iterdir():
                left.unlink()

    def check_lock(self) -> None:
        """The system keeps it."""

    def files(self, folder: str) -> list[Held]:
        """As `Place.files`."""
        try:
            return [
                Held(str(path.relative_to(self.path)), path.stat().st_size)
                for path in sorted((self.path / folder).rglob("*"))
                if path.is_file()
            ]
        except OSError as error:
            raise fault_of(self.path, error) from error

    def read(self, name: str) -> bytes:
        """As `Place.read`."""
        return self._reading(name, lambda file: file.read())

    def part(self, name: str, at: int, length: int) -> bytes:
        """As `Place.part`."""
        return self._reading(name, lambda file: os.pread(file.fileno(), length, at))

    def tail(self, name: str, length: int) -> bytes:
        """As `Place.tail`."""

        def read(file: BinaryIO) -> bytes:
            file.seek(max(0, file.seek(0, os.SEEK_END) - length))
            return file.read()

        return self._reading(name, read)

    def write(self, name: str, data: bytes) -> None:
        """As `Place.write`."""
        path = self.path / name
        temporary = self.path / INCOMING / self._ids.token(12)
        try:
            folders = [self.path / one for one in path.relative_to(self.path).parents]
            for folder in reversed(folders):
                folder.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            temporary.rename(path)
            for folder in folders:
                sync_folder(folder)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise fault_of(self.path, error) from error

    def remove(self, name: str) -> None:
        """As `Place.remove`."""
        try:
            (self.path / name).unlink(missing_ok=True)
        except OSError as error:
            raise fault_of(self.path, error) from error

    def close(self) -> None:
        """As `Place.close`."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _reading(self, name: str, read: Callable[[BinaryIO], bytes]) -> bytes:
        try:
            with (self.path / name).open("rb") as file:
                return read(file)
        except FileNotFoundError as error:
            raise Fault(Kind.NOT_FOUND, f"there is no {self.path / name}") from error
        except OSError as error:
            text = f"{self.path / name} cannot be read: {error.strerror or error}"
            raise Fault(Kind.CORRUPT, text) from error


def fault_of(folder: Path, error: OSError) -> Fault:
    """What an error of the backup's disk is to whoever runs it."""
    if disk_is_full(error):
        return Fault(
            Kind.NO_SPACE,
            f"the disk of {folder} is full; make room and run it again: it goes on where it ended",
        )
    name = error.filename or folder
    return Fault(Kind.UNAVAILABLE, f"{name} cannot be used: {error.strerror or error}")
