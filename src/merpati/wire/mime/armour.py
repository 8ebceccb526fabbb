"""Binary parts made fit for readers of lines: base64 instead of `binary` (RFC 3516 4.4).

IMAP and POP3 hand messages out as lines without NUL. A message that was stored with binary
parts is therefore rewritten on its way in: such a part is encoded, and its header says so.
BINARY[...] undoes that, so nothing is lost.
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
_KEY: Final = b"content-transfer-encoding"


class Edit(msgspec.Struct, frozen=True):
    """Bytes from `start` to `end` become `text`, or base64 of themselves when that is None."""

    start: int
    end: int
    text: bytes | None


def edits(buffer: bytes | mmap.mmap, root: Part) -> list[Edit]:
    """What is to be changed, ascending; nothing for a message without binary parts."""
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


def _fields(buffer: bytes | mmap.mmap, part: Part) -> Iterator[Edit]:
    """The fields that tell the encoding: the first says base64, there is no other."""
    text = FIELD
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
