"""Binary parts made fit for readers of lines: base64 instead of `binary`.

RFC 3516 4.4, RFC 3030 3.

IMAP, POP3 and most mail servers hand messages on as lines without NUL. A message that comes with
binary parts is therefore rewritten on its way in: such a part is encoded, and its header says
so. BINARY[...] undoes that, so nothing is lost.
"""

from __future__ import annotations

from binascii import b2a_base64
from typing import TYPE_CHECKING, Final

import msgspec

from merpati.wire.mime import headers

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator

    from merpati.wire.mime.tree import Part


LINE: Final = 57  # bytes that 76 characters say (RFC 2045 6.8)
CHUNK: Final = LINE * 4096
FIELD: Final = b"Content-Transfer-Encoding: base64\r\n"
EIGHT_BIT: Final = b"Content-Transfer-Encoding: 8bit\r\n"
SIGNED: Final = ("multipart", "signed")  # whose parts may not be touched (RFC 1847 2.1)
_KEY: Final = b"content-transfer-encoding"


class Edit(msgspec.Struct, frozen=True):
    """Bytes from `start` to `end` become `text`, or base64 of themselves when that is None."""

    start: int
    end: int
    text: bytes | None


def edits(buffer: bytes | mmap.mmap, root: Part) -> list[Edit]:
    """What is to be changed, ascending; nothing for a message without NUL in a binary part."""
    found: list[Edit] = []
    waiting = [root]
    while waiting:
        part = waiting.pop()
        if part.children:
            waiting += reversed(part.children)
        elif part.encoding == "binary" and _has_nul(buffer, part):
            found += _fields(buffer, part)
            found.append(Edit(part.body_start, part.body_end, None))
    return found


def edits_for_transport(buffer: bytes | mmap.mmap, root: Part) -> list[Edit]:
    """The same for every part that is called binary, but for what a signature covers."""
    found: list[Edit] = []
    waiting = [root]
    while waiting:
        part = waiting.pop()
        if (part.type, part.subtype) == SIGNED:
            continue
        if part.encoding == "binary":
            field = EIGHT_BIT if part.children else FIELD
            found += _fields(buffer, part, field)
            if not part.children:
                found.append(Edit(part.body_start, part.body_end, None))
        waiting += reversed(part.children)
    return found


def apply(buffer: bytes | mmap.mmap, changes: list[Edit]) -> Iterator[bytes]:
    """The message with its edits, in pieces."""
    at = 0
    for edit in changes:
        yield from _pieces(buffer, at, edit.start)
        if edit.text is None:
            for start in range(edit.start, edit.end, CHUNK):
                yield _encoded(buffer[start : min(start + CHUNK, edit.end)])
        else:
            yield edit.text
        at = edit.end
    yield from _pieces(buffer, at, len(buffer))


def _fields(buffer: bytes | mmap.mmap, part: Part, text: bytes = FIELD) -> Iterator[Edit]:
    """The fields that tell the encoding: the first says what it is now, there is no other."""
    for field in headers.split(buffer, part.header_start, part.body_start).fields:
        if field.key == _KEY:
            yield Edit(field.start, field.end, text)
            text = b""


def _has_nul(buffer: bytes | mmap.mmap, part: Part) -> bool:
    return any(b"\0" in piece for piece in _pieces(buffer, part.body_start, part.body_end))


def _pieces(buffer: bytes | mmap.mmap, start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, CHUNK):
        yield buffer[at : min(at + CHUNK, end)]


def _encoded(data: bytes) -> bytes:
    text = b2a_base64(data, newline=False)
    return b"".join([text[at : at + 76] + b"\r\n" for at in range(0, len(text), 76)])
