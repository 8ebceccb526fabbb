"""What a submitted message lacks is added, and what only its writer may see is left out.

A mail program may leave the date and the name of a message to the server it submits to
(RFC 6409 8), and printers do; but many servers refuse mail without them, or without From.
Bcc names recipients whom the others are not to see (RFC 5322 3.6.3).

A message that begins in the middle of a field would go on with what is put above it, such as
another author; so that is left out too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from merpati.wire import trace

if TYPE_CHECKING:
    import mmap

_FIELD: Final = re.compile(rb"^(date|from|message-id)[ \t]*+:", re.IGNORECASE | re.MULTILINE)
_BEHEADED: Final = re.compile(rb"\A(?:[ \t][^\n]*+(?:\n|\Z))+")
_HIDDEN: Final = re.compile(
    rb"^(?:resent-)?bcc[ \t]*+:[^\n]*+(?:\n|\Z)(?:[ \t][^\n]*+(?:\n|\Z))*",
    re.IGNORECASE | re.MULTILINE,
)


class Completion(NamedTuple):
    """How a message changes.

    Attributes:
        added: fields, each with its CRLF, to stand above it.
        dropped: slices of the message, in order.
    """

    added: bytes
    dropped: tuple[tuple[int, int], ...]


def complete(content: bytes | mmap.mmap, author: str, message_id: str, now: float) -> Completion:
    """What is to be done about a submitted message.

    Args:
        content: As it came.
        author: The address for a missing From.
        message_id: For a missing Message-ID, without angle brackets.
        now: Unix seconds.
    """
    header = _header(content)
    there = {found[1].lower() for found in _FIELD.finditer(header)}
    added = ""
    if b"date" not in there:
        added += f"Date: {trace.date_time(now)}\r\n"
    if b"from" not in there:
        added += f"From: <{author}>\r\n"
    if b"message-id" not in there:
        added += f"Message-ID: <{message_id}>\r\n"
    hidden = [*_BEHEADED.finditer(header), *_HIDDEN.finditer(header)]
    return Completion(added.encode(), tuple([found.span() for found in hidden]))


def _header(content: bytes | mmap.mmap) -> bytes:
    """The header, with the CRLF of its last line."""
    if content[:2] == b"\r\n":
        return b""
    end = content.find(b"\r\n\r\n", 0, trace.HOPS_SCAN_LIMIT)
    return content[: end + 2 if end >= 0 else trace.HOPS_SCAN_LIMIT]
