"""What a notification about mail of ours says: is the address dead, or only slow?

Reports follow RFC 3464 or nothing at all. A report is looked at for its `Action` and
`Status` fields; a letter that is none, but came with the null path to an address that is
only a return path, counts as a failure too.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Final

from merpati.wire import list_headers

if TYPE_CHECKING:
    import mmap

SCAN_LIMIT: Final = 128 * 1024  # octets; a report stands before the original message

_ACTION: Final = re.compile(rb"^Action:[ \t]{0,20}([A-Za-z-]{1,20})", re.IGNORECASE | re.MULTILINE)


class Returned(Enum):
    """What became of the message that was sent."""

    FAILED = "failed"
    DELAYED = "delayed"  # or delivered: nothing to worry about
    AUTOMATIC = "automatic"  # an answer of a machine about something else


def read(content: bytes | mmap.mmap) -> Returned:
    """What a message that came to a return path says."""
    head = bytes(content[:SCAN_LIMIT])
    actions = {found.lower() for found in _ACTION.findall(head)}
    if b"failed" in actions:
        return Returned.FAILED
    if actions:
        return Returned.DELAYED
    facts = list_headers.read(head)
    report = re.search(rb"delivery|undeliver|returned|failure|bounce", head[:8192], re.IGNORECASE)
    return Returned.FAILED if report or not facts.replied else Returned.AUTOMATIC
