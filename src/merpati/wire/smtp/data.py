"""The DATA stream (RFC 5321 4.1.1.4, 4.5.2): dots taken off, the end found, line ends policed.

Only the five octets CRLF "." CRLF end a message. Servers that also took
LF "." LF, or any mix, could be made to see two messages where their neighbour
saw one (SMTP smuggling, CVE-2023-51764 to 51766). Here a lone CR or LF never
ends anything: the message is read to its real end, and then refused, or, for
networks an administrator lists, kept with its line ends mended.

Theory. The decoder works on whole chunks. The stream is taken to start right
after a CRLF, so that a first line "." needs no case of its own. What a chunk
ends with may be the beginning of a line end, a dot to remove, or the end
marker: those at most four octets are *held* and put in front of the next
chunk. So every piece that is judged begins and ends outside of such a
sequence, and `find`, `replace` and the newline check can each look at it as a
whole.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Final

from merpati.base.faults import SyntaxFault
from merpati.wire import newlines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CRLF: Final = b"\r\n"
_DOT: Final = b"\r\n."
_END: Final = b"\r\n.\r\n"
# A line end with what may still become a dot to remove or the end marker.
_HELD: Final = re.compile(rb"(?:\r\n|\r|\n)(?:\.\r?)?\Z")
_HELD_LIMIT: Final = 4


class BareNewlines(Enum):
    """What becomes of a message in which a CR or LF stands alone."""

    REFUSE = "refuse"  # read to its end, discarded, `fault` set
    NORMALISE = "normalise"  # each becomes CRLF; seen: printers, scripts piping into nc
    # By BDAT: as REFUSE in the header; below it they are data (BODY=BINARYMIME, RFC 3030 3).
    # By DATA: as REFUSE.
    KEEP = "keep"


class DataDecoder:
    """Turns what follows the 354 reply into the message, chunk by chunk.

    Attributes:
        done: the end marker has been read; feed nothing more.
        rest: the octets after the end marker: pipelined commands.
        size: octets of the message given out so far.
        offence: the first lone CR or LF: its offset in the stream and the
            octet, whatever the policy; `None` while there is none.
        fault: why the message must be refused (550 5.6.0), or `None`. Chunks
            given out before it was found are to be thrown away; none follow.
    """

    __slots__ = (
        "_first",
        "_held",
        "_policy",
        "_position",
        "done",
        "fault",
        "offence",
        "rest",
        "size",
    )

    def __init__(self, policy: BareNewlines = BareNewlines.REFUSE) -> None:
        self.done = False
        self.rest = b""
        self.size = 0
        self.offence: tuple[int, bytes] | None = None
        self.fault: SyntaxFault | None = None
        self._policy = policy
        self._held = _CRLF  # imagined: the end of the DATA command's line
        self._position = -len(_CRLF)  # offset in the stream of the held octets
        self._first = True  # the imagined CRLF has not been taken off yet

    def feed(self, chunk: bytes) -> list[bytes]:
        """Takes the next octets from the peer; gives out the message's octets known so far."""
        assert not self.done, "the message has ended"
        data = self._held + chunk if self._held else chunk
        # One memchr decides for bodies in base64, which have no dots at all; to look from the
        # end takes half of the time.
        dot = data.rfind(_DOT) if b"." in data else -1
        if dot >= 0:
            dot = data.find(_DOT, 0, dot + len(_DOT))
        end = data.find(_END, dot) if dot >= 0 else -1
        if end >= 0:
            piece = data[: end + len(_CRLF)]
            self.done = True
            self.rest = data[end + len(_END) :]
            self._held = b""
        else:
            found = _HELD.search(data[-_HELD_LIMIT:])
            self._held = found[0] if found else b""
            piece = data[: len(data) - len(self._held)]
        if not piece:
            return []
        if self.fault is None:
            piece = self._clean(piece, dotted=0 <= dot < len(piece) - len(_CRLF))
        self._position += len(data) - len(self._held)
        if self.fault or not piece:
            return []
        self.size += len(piece)
        return [piece]

    def _clean(self, piece: bytes, *, dotted: bool) -> bytes:
        """`piece` with line ends judged, stuffed dots removed, and the imagined CRLF taken off."""
        bare = newlines.first_bare(piece)
        if bare >= 0:
            self._judge(self._position + bare, piece[bare : bare + 1])
            if self.fault:
                return b""
            piece = newlines.normalise(piece)
            dotted = True
        if dotted:
            piece = piece.replace(_DOT, _CRLF)
        if self._first:
            self._first = False
            return piece[len(_CRLF) :]
        return piece

    def _judge(self, offset: int, octet: bytes) -> None:
        """Records the first lone CR or LF, and faults the message if the policy says so."""
        if self.offence is None:
            self.offence = (offset, octet)
        if self._policy is not BareNewlines.NORMALISE:
            name = "CR" if octet == b"\r" else "LF"
            self.fault = SyntaxFault(
                f"lines must end with CRLF, and octet {offset} is a {name} on its own"
            )


def stuff(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The stream for a message: dots doubled at line starts, and the end marker.

    A last line without CRLF gets one. Nothing else is changed.

    Raises:
        SyntaxFault: a CR or LF stands alone. The caller, having sent part of
            the message, must drop the connection; `normalise` prevents it.
    """
    held = _CRLF  # imagined, as above
    first = True
    for chunk in chunks:
        data = held + chunk if held else chunk
        found = _HELD.search(data[-_HELD_LIMIT:])
        held = found[0] if found else b""
        piece = data[: len(data) - len(held)]
        if not piece:
            continue
        if newlines.has_bare(piece):
            raise SyntaxFault("the message has a CR or LF on its own and cannot be sent as it is")
        if b"." in piece:
            piece = piece.replace(_DOT, b"\r\n..")
        if first:
            first = False
            piece = piece[len(_CRLF) :]
        if piece:
            yield piece
    yield from _finish(held, first=first)


def _finish(held: bytes, *, first: bool) -> Iterator[bytes]:
    """What `stuff` still holds, its line end if it lacks one, and the end marker."""
    if newlines.has_bare(held):
        raise SyntaxFault("the message has a CR or LF on its own and cannot be sent as it is")
    if not held.endswith(_CRLF):
        held += _CRLF
    last = held.replace(_DOT, b"\r\n..") + b".\r\n"
    yield last[len(_CRLF) :] if first else last


def normalise(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same chunks with every lone CR or LF made a CRLF, also across their seams."""
    held = b""
    for chunk in chunks:
        data = held + chunk if held else chunk
        held = b"\r" if data.endswith(b"\r") else b""  # its LF may be in the next chunk
        piece = newlines.normalise(data[: len(data) - len(held)])
        if piece:
            yield piece
    if held:
        yield _CRLF
