"""Whom a message in a box for a whole domain was meant for, by what servers noted in its header.

The envelope is gone when mail waits in a POP3 box, so it has to be found again: in the fields
that servers on the way add for this very purpose, else in the `for` clause of the Received
fields. To and Cc are never looked at: they do not name who was a blind copy or is on a mailing
list, and do name others who have had the message already, so mail would be lost and doubled.
"""

from __future__ import annotations

import re
from typing import Final

from merpati.wire.mime import headers

RECIPIENTS_MAX: Final = 50  # of one message; ours
HEADER_MAX: Final = 256 * 1024  # octets looked at

# In the order of trust: who writes the first knows the address as it was given in the envelope.
FIELDS: Final = (b"x-original-to", b"x-envelope-to", b"envelope-to", b"x-rcpt-to", b"delivered-to")
_ADDRESS: Final = re.compile(rb"[^\s<>,;:\"()@\\\x00-\x1f]{1,64}@[A-Za-z0-9.-]{1,255}")
_FOR: Final = re.compile(rb"\bfor\s+<?([^\s<>,;:\"()@\\\x00-\x1f]{1,64}@[A-Za-z0-9.-]{1,255})")


def recipients(message: bytes, domain: str) -> list[str]:
    """The addresses of a domain that a message was meant for, each once; empty: nobody knows."""
    found = headers.split(message[:HEADER_MAX])
    wanted = domain.lower()
    for key in FIELDS:
        named = [
            match[0] for value in found.get_all(key) for match in _ADDRESS.finditer(value[:10_000])
        ]
        if ours := _of(named, wanted):
            return ours
    for value in found.get_all(b"received"):  # the last server's comes first
        if ours := _of(_FOR.findall(value[:10_000]), wanted):
            return ours
    return []


def _of(addresses: list[bytes], domain: str) -> list[str]:
    """Those of the domain, in lower case, each once."""
    texts = (address.decode("utf-8", "replace").lower() for address in addresses)
    ours = dict.fromkeys(text for text in texts if text.rpartition("@")[2] == domain)
    return list(ours)[:RECIPIENTS_MAX]
