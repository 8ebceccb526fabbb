"""The right to write to a database file, and how far its log is on the disk.

Several processes write to one SQLite file, one at a time: who holds the *pen* writes. It is
passed on as soon as a transaction is in the log, before the disk has it, so that the next
writer works while the disk does, and the kernel makes one flush of what several wait for.
What is in the log can be seen by readers at once, and must not be told to anybody before a
power cut can no longer take it back (a UID that a client remembers would be given twice).
So three numbers lie in memory that all processes share: how many transactions were begun, are
written, and have reached the disk. Where the last is behind, a reader waits.

They lie in a file only to be shared. After a crash of the machine what they say may be old:
at worst somebody flushes once for nothing.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from pathlib import Path
from typing import Final

_BEGUN: Final = 0  # transactions about to be in the log, or in it
_WRITTEN: Final = 1  # those that are in it
_FLUSHED: Final = 2  # those that the disk has
_BYTES: Final = 24


class Pen:
    """One process's hand on the pen of a database file."""

    def __init__(self, database: Path, *, durable: bool = True) -> None:
        """`durable`: whether anybody waits for the disk; else all is taken for flushed."""
        self._file = os.open(f"{database}-pen", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(self._file).st_size < _BYTES:
            os.ftruncate(self._file, _BYTES)  # never shrinks what another process made
        self._memory = mmap.mmap(self._file, _BYTES)
        self._numbers = memoryview(self._memory).cast("Q")  # one aligned store each: never torn
        self._durable = durable
        self._log_path = f"{database}-wal"
        self._log: int | None = None

    def take(self) -> bool:
        """Take the pen, if nobody holds it."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def wait(self) -> None:
        """Take the pen when its holder gives it away. Blocks."""
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def give(self) -> None:
        """Let the next one write."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def begin(self) -> int:
        """Holding the pen, before COMMIT: the number of the transaction."""
        self._numbers[_BEGUN] += 1
        return self._numbers[_BEGUN]

    def end(self, number: int) -> None:
        """Holding the pen, after COMMIT or ROLLBACK of a transaction that `begin` has counted."""
        self._numbers[_WRITTEN] = number

    @property
    def seen(self) -> int:
        """After a snapshot: the youngest transaction that it may have shown."""
        return self._numbers[_BEGUN]

    def is_flushed(self, number: int) -> bool:
        """Whether the disk has a transaction, and all before it."""
        return not self._durable or self._numbers[_FLUSHED] >= number

    def flush(self) -> None:
        """Return once the disk has all that is in the log now. Blocks.

        Raises:
            OSError: The disk refused; nobody knows what it holds.
        """
        number = self._numbers[_WRITTEN]
        if self._log is None:
            self._log = os.open(self._log_path, os.O_RDWR | os.O_CLOEXEC)
        os.fdatasync(self._log)
        # Two who do this at once may leave the smaller number: then somebody flushes again.
        self._numbers[_FLUSHED] = max(number, self._numbers[_FLUSHED])

    def close(self) -> None:
        """Let go of the files."""
        self._numbers.release()
        self._memory.close()
        os.close(self._file)
        if self._log is not None:
            os.close(self._log)
