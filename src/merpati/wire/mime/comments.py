"""Comments in structured header fields (RFC 5322 3.2.2): where they are.

Comments nest, so no regular expression describes them; one pass with a stack
of open brackets finds them all, however deep. A bracket that is never closed
opens no comment.
"""

from __future__ import annotations

import re
from typing import Final

# A quoted string hides brackets, but only outside comments.
_OUTSIDE: Final = re.compile(rb'\\.|"[^"\\]*+(?:\\.[^"\\]*+)*"|\(', re.DOTALL)
_INSIDE: Final = re.compile(rb"\\.|[()]", re.DOTALL)


def spans(raw: bytes) -> list[tuple[int, int]]:
    """Offsets of the outermost closed comments, brackets included, in order."""
    if b"(" not in raw:
        return []
    found: list[tuple[int, int]] = []
    opened: list[int] = []
    at = 0
    while match := (_INSIDE if opened else _OUTSIDE).search(raw, at):
        at = match.end()
        bracket = match.group()
        if bracket == b"(":
            opened.append(match.start())
        elif bracket == b")":
            start = opened.pop()
            while found and found[-1][0] > start:
                found.pop()  # it lies within this one
            found.append((start, at))
    return found


def mask(raw: bytes) -> bytes:
    """The value with as many spaces in place of each comment, so offsets stay."""
    kept: list[bytes] = []
    at = 0
    for start, end in spans(raw):
        kept += (raw[at:start], b" " * (end - start))
        at = end
    kept.append(raw[at:])
    return b"".join(kept)
