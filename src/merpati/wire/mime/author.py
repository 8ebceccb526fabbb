"""Whose message it is: the one domain that every reader of its From agrees on (RFC 9989 5.3.1).

Mail programs differ over broken headers: which of two From fields counts, where a quoted
string ends, what an encoded word may hold. Whoever has one program check the sender and
another show it can pass for somebody else. So the header is read here in every way that is
known to be in use, and a domain is given only when all of them come to the same one; else a
`Doubt` and its reason. The readings:

- the grammar of RFC 5322, quoted strings and comments put aside: every "@" left must be that
  of an address with a domain;
- angle brackets taken first, also inside quotes and comments;
- backslashes without a meaning;
- encoded words decoded before the addresses are looked for;
- our own reading (`mime.addresses`), which is what our users are shown.

Oddities that change nothing for the domain are let pass: a comma without quotes in a name, a
group (RFC 6854) whose members are all of one domain, the address repeated before the angle
brackets.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.mime import addresses, comments, words
from merpati.wire.mime.headers import MAX_BYTES
from merpati.wire.smtp.paths import Path, parse_domain

if TYPE_CHECKING:
    import mmap

MAX_FROM: Final = 8_192
"""Bytes of a From field; a line may have 998 (RFC 5322 2.1.1), and most have 60."""

# A line that some program reads as From: with white space, 8-bit or control characters
# around the name, or a fold before the colon.
_LIKE_FROM: Final = re.compile(rb"\n(?![ \t])([^!-~\r\n]*+from[^!-~]*+):", re.IGNORECASE)
# A line that is neither a field nor its continuation: some end the header there.
_NO_FIELD: Final = re.compile(rb"\n(?![!-9;-~]++[ \t]*+:|[ \t]++[^ \t\r\n])")
_FIELD_END: Final = re.compile(rb"\n(?![ \t])")
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

# Also a quoted string that is never closed, to the end: else each quote would be tried.
_QUOTED: Final = re.compile(rb'"([^"\\]*+(?:\\.[^"\\]*+)*)(?:"(@)?|\\?\Z)', re.DOTALL)
_ENCODED_WORD: Final = re.compile(rb"=\?[^?\s]{1,60}\?[bBqQ]\?[^?]*+\?=")
_DECISIVE: Final = re.compile(rb"[@<>,;:()\[\]\\]")  # in a quoted local part

# What quoted strings and encoded words are replaced by, so that neither can hide anything.
_QUOTED_MARK: Final = b"\x02"
_WORD_MARK: Final = b"\x01"

_DOMAIN: Final = rb"[A-Za-z0-9._\x80-\xff-]++|\[[^\[\]\s<>@]*+\]"
_ADDRESS: Final = re.compile(
    rb"(?:(?<=[\s<,;:])|\A)(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\x80-\xff-]++|\x02)"
    rb"@(" + _DOMAIN + rb")(?=\s*+(?:[<>,;]|\Z))"  # "a@b c" is a@bc to some
)
_ANGLE: Final = re.compile(rb"<([^<>]*+)>")
_LOOSE_DOMAIN: Final = re.compile(rb"@\s*+([^\s@<>,;:()\"\\]*+)")


class Doubt(Enum):
    """Why a message has no author that all agree on."""

    MISSING = "missing"  # no From field
    REPEATED = "repeated"  # more than one, or what some take for one
    HEADER = "header"  # a header that not all read to its From field
    SYNTAX = "syntax"  # a From that is no list of addresses
    NO_ADDRESS = "no-address"  # a From without any address
    DOMAINS = "domains"  # addresses of several domains
    HIDDEN = "hidden"  # a name that some take for another address


class Author(msgspec.Struct, frozen=True):
    """Who a message says it is from.

    Attributes:
        domain: of its From, in A-labels and lower case, a literal in its brackets;
            empty when there is a doubt.
        address: the first address, for show; empty when there is a doubt.
        doubt: why there is no author, else None.
        reason: the same in words.
    """

    domain: str
    address: str = ""
    doubt: Doubt | None = None
    reason: str = ""


class _Doubted(Exception):  # noqa: N818 -- it ends one reading, nobody outside sees it
    def __init__(self, doubt: Doubt, reason: str) -> None:
        super().__init__(reason)
        self.doubt = doubt


def author(content: bytes | mmap.mmap) -> Author:
    """The author of a message with CRLF line ends; never raises.

    Args:
        content: The message as it came, without fields of our own above it.
    """
    try:
        value = _from_value(content)
        return _of_value(value)
    except _Doubted as doubted:
        return Author("", doubt=doubted.doubt, reason=str(doubted))


@lru_cache(maxsize=512)  # most mail is from somebody who has just written
def _of_value(value: bytes) -> Author:
    domain = _domain(value)
    return Author(domain, _shown(value, domain))


# The field


def _from_value(content: bytes | mmap.mmap) -> bytes:
    """The value of the one From field, unfolded."""
    header = _header(content)
    fields = list(_LIKE_FROM.finditer(header))
    if not fields:
        raise _Doubted(Doubt.MISSING, "the message has no From field")
    if len(fields) > 1:
        raise _Doubted(Doubt.REPEATED, "the message has more than one From field")
    field = fields[0]
    if len(field[1]) != len("from"):
        raise _Doubted(Doubt.HEADER, "the name of its From field is not written as it must be")
    found = _FIELD_END.search(header, field.end())
    end = found.start() if found else len(header)
    if end - field.end() > MAX_FROM:
        raise _Doubted(Doubt.SYNTAX, f"its From field is longer than {MAX_FROM} bytes")
    if _NO_FIELD.search(header, 0, end):
        raise _Doubted(Doubt.HEADER, "there is a line above or in its From field that is no field")
    value = header[field.end() : end].replace(b"\r\n", b"").rstrip(b"\r")
    if _CONTROLS.search(value):
        raise _Doubted(Doubt.SYNTAX, "there are control characters in its From field")
    return value


def _header(content: bytes | mmap.mmap) -> bytes:
    """The header, with a line feed above it, so that each line begins behind one."""
    if content[:2] == b"\r\n":
        return b""
    if content[:1] in {b" ", b"\t"}:  # it would be folded into whatever is put above it
        raise _Doubted(Doubt.HEADER, "its first line begins with white space")
    end = content.find(b"\r\n\r\n", 0, MAX_BYTES)
    if end < 0:
        if len(content) > MAX_BYTES:
            raise _Doubted(Doubt.HEADER, f"its header is longer than {MAX_BYTES} bytes")
        end = len(content)
    header = b"\n" + content[:end]
    lines = header.count(b"\r\n")
    if lines + 1 != header.count(b"\n") or lines != header.rstrip(b"\r").count(b"\r"):
        raise _Doubted(Doubt.HEADER, "there are line ends in its header that not all take for one")
    if b"\0" in header:
        raise _Doubted(Doubt.HEADER, "there is a NUL in its header")
    return header


# The value


def _domain(value: bytes) -> str:
    """The one domain of a From value."""
    bare, aside = _put_aside(value)
    found = _ADDRESS.findall(bare)
    if len(found) != bare.count(b"@"):
        raise _Doubted(Doubt.SYNTAX, "not all of its From field is an address")
    if not found:
        raise _Doubted(Doubt.NO_ADDRESS, "there is no address in its From field")
    domain = _normal(found[0])
    if not domain:
        raise _Doubted(Doubt.SYNTAX, "the domain in its From field is not one")
    for other in found[1:]:
        if _normal(other) != domain:
            raise _Doubted(Doubt.DOMAINS, "its From field names addresses of several domains")
    for text in (*aside, *_ANGLE.findall(value), *_decoded(value)):
        if any(_normal(other) != domain for other in _LOOSE_DOMAIN.findall(text)):
            reason = "a name in its From field looks like the address of somebody else"
            raise _Doubted(Doubt.HIDDEN, reason)
    return domain


def _put_aside(value: bytes) -> tuple[bytes, list[bytes]]:
    """The value with marks for what is quoted or encoded, and the texts to look at apart."""
    aside: list[bytes] = []
    if b"(" in value or b")" in value:
        aside = [value[start:end] for start, end in comments.spans(value)]
        value = comments.mask(value)

    def mark(quoted: re.Match[bytes]) -> bytes:
        text, at = quoted.groups()
        if quoted[0][len(text) + 1 : len(text) + 2] != b'"':
            raise _Doubted(Doubt.SYNTAX, "a quote in its From field is not closed")
        if at:
            if _DECISIVE.search(text):
                raise _Doubted(Doubt.SYNTAX, "the address in its From field is a riddle")
            return _QUOTED_MARK + at
        if b"\\" in text:
            aside.append(text)
        return _QUOTED_MARK

    if b'"' in value:
        value = _QUOTED.sub(mark, value)
    if b"=?" in value:
        value = _ENCODED_WORD.sub(_WORD_MARK, value)
    if any(one in value for one in (b"(", b")", b"\\")):
        raise _Doubted(Doubt.SYNTAX, "a bracket in its From field is not closed")
    return value, aside


def _decoded(value: bytes) -> list[bytes]:
    """What encoded words hold that may be taken for addresses."""
    if b"=?" not in value:
        return []
    if words.holds_controls(value):
        raise _Doubted(Doubt.HIDDEN, "an encoded name in its From field holds control characters")
    pieces = [words.decode(b" ".join(_ENCODED_WORD.findall(value))), words.decode(value)]
    found = []
    text = pieces[0].encode("utf-8", "replace")
    if any(one in text for one in (b"<", b">", b",", b";")):
        found.append(text)
    found += _ANGLE.findall(pieces[1].encode("utf-8", "replace"))
    return found


def _normal(raw: bytes) -> str:
    """A domain in A-labels and lower case; nothing for what is none."""
    try:
        return Path("", parse_domain(raw.decode())).ascii_domain()
    except (SyntaxFault, UnicodeDecodeError):
        return ""


def _shown(value: bytes, domain: str) -> str:
    """The first address as our users see it, which must be of that domain, like all others."""
    mailboxes = [
        one
        for one in addresses.parse_list(value)
        if isinstance(one, addresses.Mailbox) and one.domain
    ]
    if not mailboxes or any(_normal(one.domain.encode()) != domain for one in mailboxes):
        raise _Doubted(Doubt.SYNTAX, "its From field can be read in more than one way")
    return mailboxes[0].address
