"""DEFLATE on a connection (RFC 4978, RFC 1951), small while idle and safe against bombs.

What goes out is compressed burst by burst: each ends at a byte boundary and refers to nothing
before it, so between two bursts there is no compressor at all, and what one response holds
cannot be guessed from the length of another (as CRIME did). What comes in needs the last
32 KiB of the peer's stream, about 42 KiB of memory for each connection that has sent
something. It is inflated no further than the session reads, however much a few bytes
stand for.
"""

from __future__ import annotations

import zlib
from typing import Final

LEVEL: Final = 3  # of nine; higher ones cost far more than they save on mail
SMALL: Final = 8192  # bytes of a burst up to which a small window does
WINDOW: Final = -15  # the sign: bare, without a zlib header
SMALL_WINDOW: Final = -12
SMALL_MEMORY: Final = 6
STEP: Final = 65_536  # bytes inflated at once


class Deflate:
    """Both directions of one connection's compression."""

    __slots__ = ("_inflate", "_waiting", "ended", "waiting")

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(WINDOW)
        self._waiting = b""
        self.waiting = False  # whether there is something to inflate
        self.ended = False  # whether the peer has ended its compression

    def feed(self, data: bytes) -> None:
        """Take what the peer sent; `inflate` gives it."""
        self._waiting = self._waiting + data if self._waiting else data
        self.waiting = not self.ended

    def inflate(self) -> bytes:
        """Some of the peer's plain bytes, at most `STEP`; may be none.

        Raises:
            ValueError: this is no DEFLATE.
        """
        try:
            plain = self._inflate.decompress(self._waiting, STEP)
        except zlib.error as error:
            raise ValueError("the compressed data is damaged") from error
        if self._inflate.eof:
            self.ended, self.waiting = True, False
            self._waiting = self._inflate.unused_data
            return plain
        self._waiting = self._inflate.unconsumed_tail
        self.waiting = bool(self._waiting) or len(plain) == STEP  # zlib may hold some back
        return plain

    def rest(self) -> bytes:
        """What came after the end of the peer's compression: nothing of it is compressed."""
        return self._waiting if self.ended else b""


def deflated(data: bytes) -> bytes:
    """One burst, to be read by itself or as the continuation of others."""
    if len(data) <= SMALL:
        packer = zlib.compressobj(LEVEL, zlib.DEFLATED, SMALL_WINDOW, SMALL_MEMORY)
    else:
        packer = zlib.compressobj(LEVEL, zlib.DEFLATED, WINDOW)
    return packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)
