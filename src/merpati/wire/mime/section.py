"""Which bytes of a message an IMAP section such as BODY[2.1.MIME] names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from merpati.wire.mime import headers

if TYPE_CHECKING:
    import mmap
    from collections.abc import Collection

    from merpati.wire.mime.tree import Part

Text = Literal["HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT", "TEXT", "MIME"]


def find(root: Part, numbers: tuple[int, ...]) -> Part | None:
    """The part with that number, or None (RFC 9051 6.4.5.1).

    A message that is no multipart has one part, itself, with the number 1. Parts of a
    message/rfc822 part are numbered as if that message stood alone.
    """
    message: Part | None = root  # whose parts the next number counts
    part = root
    for number in numbers:
        if message is None:
            return None
        if message.type == "multipart":
            if not 0 < number <= len(message.children):
                return None
            part = message.children[number - 1]
        elif number == 1:
            part = message
        else:
            return None
        message = part
        if part.type != "multipart":
            message = part.children[0] if part.children else None
    return part


def locate(root: Part, numbers: tuple[int, ...], text: Text | None) -> tuple[int, int] | None:
    """Where the section stands in the message (start, end), or None if there is none.

    The range of HEADER.FIELDS and HEADER.FIELDS.NOT is the header that `fields`
    chooses from. Text kinds are in upper case (RFC 9051 9, section-msgtext).
    """
    part = find(root, numbers)
    if part is None:
        return None
    if text == "MIME":
        return (part.header_start, part.body_start) if numbers else None
    if not numbers:
        if text is None:
            return part.header_start, part.body_end
    elif text is None:
        return part.body_start, part.body_end
    elif part.type == "message" and part.children:
        part = part.children[0]
    else:
        return None
    if text == "TEXT":
        return part.body_start, part.body_end
    return part.header_start, part.body_start


def fields(
    buffer: bytes | mmap.mmap,
    where: tuple[int, int],
    names: Collection[bytes],
    *,
    exclude: bool = False,
) -> bytes:
    """The header fields of those names, or all others, as written, and the empty line.

    `where` is the header's range, as from `locate`; case of `names` is ignored. What ends
    without an empty line does so here, too (RFC 9051 6.4.5.1).
    """
    keys = {name.lower() for name in names}
    chosen = b"".join(
        buffer[field.start : field.end]
        for field in headers.split(buffer, *where).fields
        if (field.key in keys) is not exclude
    )
    if not _ends_empty(buffer, *where):
        return chosen
    if chosen and not chosen.endswith(b"\n"):
        chosen += b"\r\n"
    return chosen + b"\r\n"


def _ends_empty(buffer: bytes | mmap.mmap, start: int, end: int) -> bool:
    """Whether the last line of a header is empty."""
    tail = b"\n" + buffer[max(start, end - 4) : end]
    return tail.endswith((b"\n\r\n", b"\n\n"))
