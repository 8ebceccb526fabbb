"""A file mapped for reading that keeps only what is being read in memory.

The pages of a mapped file count as a process's memory once they were looked at, for as long
as it is mapped: whoever parses or sends a message of 300 MB would seem to hold, and on a busy
machine would hold, all of it. So what goes through `find` and slices is counted, and every
few megabytes all pages are let go; the kernel still has them. Searching goes in windows, by
`bytes.find`, which is several times faster than that of `mmap` and lets other threads run
between two of them.
"""

from __future__ import annotations

import mmap
from typing import Any, Final, SupportsIndex

LET_GO: Final = 4 * 1024 * 1024  # bytes looked at, then their pages are let go
WINDOW_MIN: Final = 4 * 1024  # bytes of a search's first window; each is twice the one before
WINDOW_MAX: Final = 1024 * 1024


class Mapped(mmap.mmap):
    """Read-only bytes of a file; made like `mmap.mmap`."""

    _seen = 0

    def __getitem__(self, key: Any) -> Any:
        """A byte, or a copy of a slice."""
        found = super().__getitem__(key)
        if isinstance(found, bytes):
            self._look_at(len(found))
        return found

    def find(
        self,
        sub: Any,
        start: SupportsIndex | None = None,
        stop: SupportsIndex | None = None,
        /,
    ) -> int:
        """As `bytes.find`."""
        begin, end, _ = slice(start, stop).indices(len(self))
        window, more = WINDOW_MIN, len(sub) - 1
        for_slice = super().__getitem__
        at = begin
        while at + len(sub) <= end:
            piece = for_slice(slice(at, min(at + window + more, end)))
            found = piece.find(sub)
            self._look_at(len(piece))
            if found >= 0:
                return at + found
            at += window
            window = min(2 * window, WINDOW_MAX)
        return -1

    def _look_at(self, count: int) -> None:
        self._seen += count
        if self._seen > LET_GO:
            self._seen = 0
            self.madvise(mmap.MADV_DONTNEED)
