"""Transfer encodings undone from any place on, for readers that want a piece of a large part.

`text.stream` undoes an encoding from its beginning. Here each piece comes with a `Mark`: the
place in the encoded bytes where reading can begin again. An `Index` made of marks finds the
piece around any decoded offset, so a client that fetches an attachment bit by bit costs
what the bits cost. What is wrong is read as `text` reads it: nothing here raises.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

import msgspec

from merpati.wire.mime import text

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator

    from merpati.wire.mime.tree import Part

STEP: Final = 1024 * 1024  # decoded bytes between two marks of an index
PLAIN: Final = frozenset({"7bit", "8bit", "binary"})
KNOWN: Final = PLAIN | {"base64", "quoted-printable"}


class Mark(msgspec.Struct, frozen=True):
    """Where decoding stands: offset in the message, decoded bytes before it, what is held over."""

    encoded: int
    decoded: int
    held: bytes = b""


class Index(msgspec.Struct, frozen=True):
    """What a whole run over a part has found.

    `size` is in decoded bytes; `has_nul`: they hold a NUL; `is_ascii`: they hold nothing else
    than ASCII. `marks` ascend.
    """

    size: int
    has_nul: bool
    is_ascii: bool
    marks: tuple[Mark, ...]

    def before(self, offset: int) -> Mark:
        """The last mark at or before a decoded offset."""
        at = bisect_right(self.marks, offset, key=lambda mark: mark.decoded)
        return self.marks[max(at - 1, 0)]


class Survey:
    """The making of an `Index`, piece by piece."""

    __slots__ = ("_has_nul", "_is_ascii", "_marks", "_size")

    def __init__(self, part: Part) -> None:
        self._marks = [begin(part)]
        self._size = 0
        self._has_nul = False
        self._is_ascii = True

    def add(self, piece: bytes, mark: Mark) -> None:
        """Take a piece, and the mark after it."""
        self._size += len(piece)
        self._has_nul = self._has_nul or b"\0" in piece
        self._is_ascii = self._is_ascii and piece.isascii()
        if mark.decoded >= self._marks[-1].decoded + STEP:
            self._marks.append(mark)

    def index(self) -> Index:
        """What was found."""
        return Index(self._size, self._has_nul, self._is_ascii, tuple(self._marks))


def begin(part: Part) -> Mark:
    """The mark of a part's first byte."""
    return Mark(part.body_start, 0)


def decode(buffer: bytes | mmap.mmap, part: Part, mark: Mark) -> Iterator[tuple[bytes, Mark]]:
    """The part from a mark on, decoded in pieces, each with the mark after it.

    An encoding that is not in `KNOWN` is left as it is.
    """
    end, chunk = part.body_end, text.CHUNK
    undo = _UNDO.get(part.encoding)
    at, decoded, held = mark.encoded, mark.decoded, mark.held
    while at < end:
        data = buffer[at : min(at + chunk, end)]
        at += len(data)
        if undo is not None:
            data, held = undo(held + data, is_last=at == end)
        decoded += len(data)
        yield data, Mark(at, decoded, held)


_UNDO: Final = {"base64": text.undo_base64, "quoted-printable": text.undo_quoted_printable}
