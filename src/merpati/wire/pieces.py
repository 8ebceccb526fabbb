"""Messages of any size in pieces that end where a line does, and their line ends changed.

Files keep lines with LF, mail has CRLF. A piece can be changed by itself since no CRLF is cut
in two and every piece, but that of an endless line, begins with a line.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Final

from merpati.wire.newlines import has_bare

Content = bytes | mmap.mmap

SIZE: Final = 256 * 1024  # octets of a piece, at most


def pieces(content: Content, start: int, end: int) -> Iterator[bytes]:
    """The octets from `start` up to `end`, each piece cut behind a line end if it holds one."""
    at = start
    while at < end:
        piece = content[at : min(at + SIZE, end)]
        if at + len(piece) < end:
            cut = piece.rfind(b"\n") + 1
            if cut:
                piece = piece[:cut]
            elif piece.endswith(b"\r") and len(piece) > 1:
                piece = piece[:-1]
        yield piece
        at += len(piece)


def is_regular(content: Content) -> bool:
    """Whether all line ends are CRLF, so that `to_lf` loses nothing."""
    return not any(has_bare(piece) for piece in pieces(content, 0, len(content)))


def to_lf(piece: bytes) -> bytes:
    """CRLF made LF."""
    return piece.replace(b"\r\n", b"\n")


def to_crlf(piece: bytes) -> bytes:
    """LF made CRLF; what is one already stays."""
    return piece.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
