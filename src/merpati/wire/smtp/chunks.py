"""The BDAT stream (RFC 3030): counted octets, in which only the line ends are looked at.

There is no end marker to forge and no dot to remove. What remains is that a CR or LF on its
own would, once the message is sent on by DATA, be taken for a line end by somebody: the
same policy as in `wire.smtp.data` holds. In a binary message they are data below its header.
"""

from __future__ import annotations

from typing import Final

from merpati.base.faults import SyntaxFault
from merpati.wire import newlines
from merpati.wire.smtp.data import BareNewlines

_CRLF: Final = b"\r\n"
_EMPTY_LINE: Final = b"\r\n\r\n"


class ChunkDecoder:
    """Judges the line ends of a message that comes in counted parts.

    Attributes:
        size: octets of the message so far, held ones included.
        fault: why the message must be refused (550 5.6.0), or `None`; nothing is
            given out from then on.
    """

    __slots__ = ("_end", "_held", "_in_body", "_policy", "_position", "fault", "size")

    def __init__(self, policy: BareNewlines = BareNewlines.REFUSE) -> None:
        self.size = 0
        self.fault: SyntaxFault | None = None
        self._policy = policy
        self._held = b""  # a CR whose LF may be next
        self._position = 0
        self._in_body = False
        self._end = _CRLF  # the last octets of the header so far; imagined: the line before it

    def feed(self, data: bytes) -> bytes:
        """Takes the next octets; gives those that are judged."""
        self.size += len(data)
        if self.fault is not None:
            return b""
        data = self._held + data
        self._held = b"\r" if data.endswith(b"\r") else b""
        return self._judged(data[: len(data) - len(self._held)])

    def finish(self) -> bytes:
        """The last octets, once all have been fed."""
        held, self._held = self._held, b""
        return self._judged(held) if self.fault is None else b""

    def _judged(self, piece: bytes) -> bytes:
        judged = piece
        if self._policy is BareNewlines.KEEP:
            judged = b"" if self._in_body else self._header(piece)
        bare = newlines.first_bare(judged) if judged else -1
        if bare >= 0 and self._policy is not BareNewlines.NORMALISE:
            name = "CR" if piece[bare] == 13 else "LF"
            self.fault = SyntaxFault(
                f"lines must end with CRLF, and octet {self._position + bare} is a {name}"
                " on its own"
            )
            return b""
        self._position += len(piece)
        return piece if bare < 0 else newlines.normalise(piece)

    def _header(self, piece: bytes) -> bytes:
        """What of a piece of a binary message belongs to its header."""
        known = len(self._end)
        seen = self._end + piece
        end = seen.find(_EMPTY_LINE)
        if end < 0:
            self._end = seen[-len(_EMPTY_LINE) + 1 :]
            return piece
        self._in_body = True
        return piece[: end + len(_EMPTY_LINE) - known]
