"""IMAP's strings, written: atom, quoted string or literal, whichever is safe.

Nothing that a peer or a message supplied reaches the wire except through this
module, so a CR, LF or NUL in it can never end a line or begin a response.
"""

from __future__ import annotations

import re
from typing import Final

# RFC 2683 3.2.1.5: clients keep lines to about 1,000 octets; longer text goes as a literal.
QUOTED_MAX: Final = 1000

# TEXT-CHAR but quoted-specials and CTL
_NEEDS_NO_ESCAPE: Final = re.compile(rb"[ !#-\[\]-~]{0,%d}+" % QUOTED_MAX)
_QUOTABLE: Final = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f]*+")  # TEXT-CHAR
_QUOTABLE_UTF8: Final = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f\x80-\xff]*+")
_SPECIALS: Final = re.compile(rb'(["\\])')
_ATOM: Final = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z^_`a-z|}~]++")


def string(text: bytes, *, utf8: bool = False) -> bytes:
    """Any bytes as `string`: quoted when short and 7-bit, else a literal (RFC 3501 4.3).

    `utf8`: the bytes are UTF-8 and the client takes that in quotes (RFC 9051 4.3).
    """
    if _NEEDS_NO_ESCAPE.fullmatch(text):
        return b'"%b"' % text
    if len(text) <= QUOTED_MAX and (_QUOTABLE_UTF8 if utf8 else _QUOTABLE).fullmatch(text):
        return b'"%b"' % _SPECIALS.sub(rb"\\\1", text)
    return literal(text)


def nstring(text: bytes | None) -> bytes:
    """`string`, or NIL for what does not exist."""
    return b"NIL" if text is None else string(text)


def quoted(text: bytes) -> bytes:
    """Bytes as a quoted string, for the places where the grammar takes no literal.

    Raises:
        ValueError: CR, LF, NUL or 8-bit bytes, which a quoted string cannot hold.
    """
    if not _QUOTABLE.fullmatch(text):
        raise ValueError("these bytes cannot stand in a quoted string")
    return b'"%b"' % _SPECIALS.sub(rb"\\\1", text)


def astring(text: bytes) -> bytes:
    """Any bytes as `astring`: bare when that is safe and cannot be taken for NIL."""
    if _ATOM.fullmatch(text) and len(text) <= QUOTED_MAX and text.upper() != b"NIL":
        return text
    return string(text)


def literal(text: bytes) -> bytes:
    """Any bytes as a literal.

    CHAR8 excludes NUL (RFC 3501 9) and the size must stay true, so a NUL is
    written as 0x80, a byte that is no character by itself in ASCII or UTF-8.
    """
    if b"\0" in text:
        text = text.replace(b"\0", b"\x80")
    return b"{%d}\r\n%b" % (len(text), text)
