"""Which message a report is about: a DSN (RFC 3464) or a receipt (RFC 8098)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from merpati.wire.mime import headers, text
from merpati.wire.mime.subject import message_ids

if TYPE_CHECKING:
    import mmap

    from merpati.wire.mime.tree import Part

DSN: Final = "delivery-status"
MDN: Final = "disposition-notification"
READ_MAX: Final = 256 * 1024  # octets of a part that are looked at
_ORIGINAL: Final = b"original-message-id"
_ID: Final = b"message-id"


def kind(root: Part) -> str:
    """What a message reports: `DSN`, `MDN`, or an empty string when it is no such report."""
    if (root.type, root.subtype) != ("multipart", "report"):
        return ""
    said = root.param("report-type").lower()
    return said if said in (DSN, MDN) else ""


def about(buffer: bytes | mmap.mmap, root: Part) -> bytes | None:
    """The id of the message that a report is about, with angle brackets; None: it is not said.

    A receipt says it; a DSN brings the message or its header along (RFC 6522 3).
    """
    if not kind(root):
        return None
    for part in root.children:
        found = _within(buffer, part)
        ids = message_ids(found.strip())[:1]
        if ids:
            return ids[0]
    return None


def _within(buffer: bytes | mmap.mmap, part: Part) -> bytes:
    if part.children and part.type == "message":
        inner = part.children[0]
        fields = headers.collect(buffer, inner.header_start, inner.body_start, {_ID})
        return fields.get(_ID, b"")
    key = _ORIGINAL if part.type == "message" and part.subtype.endswith(MDN) else _ID
    if key == _ID and not part.subtype.endswith(("rfc822-headers", "global-headers", "rfc822")):
        return b""
    if part.size > READ_MAX:
        return b""
    data = text.content(buffer, part)
    end = data.find(b"\r\n\r\n")
    return headers.collect(data, 0, end if end >= 0 else len(data), {key}).get(key, b"")
