"""POP3 responses (RFC 1939 3, RFC 2449 8): status lines, lists, and message bodies.

A body goes out as it was stored but for its dots, which are doubled by one
`replace`, not line by line.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from merpati.base.faults import SyntaxFault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

RESPONSE_LINE_LIMIT: Final = 512  # octets including the CRLF, RFC 1939 3
UNIQUE_ID_LIMIT: Final = 70  # octets, RFC 1939 7

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_STATUS: Final = re.compile(r"(\+OK|-ERR)(?: (?:\[([!-Z^-~/ ]{1,64})\] ?)?(.*))?", re.DOTALL)


class Code(Enum):
    """Extended response codes (RFC 2449 8.1, RFC 3206)."""

    NONE = ""
    LOGIN_DELAY = "LOGIN-DELAY"
    IN_USE = "IN-USE"
    SYS_TEMP = "SYS/TEMP"
    SYS_PERM = "SYS/PERM"
    AUTH = "AUTH"
    UTF8 = "UTF8"  # RFC 6856 5


class Status(Struct, frozen=True):
    """A status line as a client reads it.

    Attributes:
        ok: `+OK` rather than `-ERR`.
        code: the extended response code in upper case, or empty.
        text: what follows, control characters replaced by a space.
    """

    ok: bool
    code: str = ""
    text: str = ""


def ok(text: str = "") -> bytes:
    """`+OK`, with a text of one line; control characters in it become spaces."""
    return _line("+OK", text)


def err(text: str, code: Code = Code.NONE) -> bytes:
    """`-ERR`, with its extended response code and a text of one line."""
    return _line(f"-ERR [{code.value}]" if code is not Code.NONE else "-ERR", text)


def challenge(data: bytes) -> bytes:
    """The continuation line of AUTH; `data` is in base64 already (RFC 5034 4)."""
    return b"+ " + data + b"\r\n"


def listing(text: str, lines: Iterable[str]) -> bytes:
    """A multi-line response of short lines, as of CAPA, LIST and UIDL.

    No line may begin with a dot; those of the three commands never do.
    """
    rows = [ok(text), *(f"{line}\r\n".encode() for line in lines), b".\r\n"]
    return b"".join(rows)


def stuff(body: bytes) -> bytes:
    """`body` with dots doubled at line starts, its last line ended, and the closing dot."""
    if b"\n." in body:
        body = body.replace(b"\n.", b"\n..")
    if body[:1] == b".":
        body = b"." + body
    return body + (b".\r\n" if body[-2:] == b"\r\n" or not body else b"\r\n.\r\n")


def message(body: bytes) -> bytes:
    """All of RETR's or TOP's answer for a body that is at hand."""
    return b"+OK %d octets\r\n" % len(body) + stuff(body)


def stuff_pieces(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same for a body that comes in pieces.

    A lone CR or LF stays what it is, so that what comes out is what was stored. A dot
    after a lone LF is doubled too: clients that take the LF for a line end would take
    the dot for the end of the answer, and they take the second dot off again.
    """
    tail = b"\r\n"
    for piece in pieces:
        if not piece:
            continue
        if tail.endswith(b"\n") and piece.startswith(b"."):
            yield b"."
        yield piece.replace(b"\n.", b"\n..") if b"." in piece else piece
        tail = (tail + piece[-2:])[-2:]
    yield b".\r\n" if tail == b"\r\n" else b"\r\n.\r\n"


def parse_status(line: bytes) -> Status:
    """The status line a server sent, without its CRLF.

    Raises:
        SyntaxFault: it is not one, or longer than `RESPONSE_LINE_LIMIT`.
    """
    text = line.decode("utf-8", "replace")
    found = _STATUS.fullmatch(text)
    if found is None or len(line) > RESPONSE_LINE_LIMIT - 2:
        raise SyntaxFault("expected +OK or -ERR")
    code = (found[2] or "").upper()
    return Status(found[1] == "+OK", code, _CONTROL.sub(" ", found[3] or ""))


def _line(status: str, text: str) -> bytes:
    """One line within the limit, whatever the text."""
    clean = _CONTROL.sub(" ", text[:RESPONSE_LINE_LIMIT])
    line = f"{status} {clean}".rstrip(" ").encode()
    if len(line) > RESPONSE_LINE_LIMIT - 2:
        line = line[: RESPONSE_LINE_LIMIT - 2].decode("utf-8", "ignore").encode()
    return line + b"\r\n"
