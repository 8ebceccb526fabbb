"""The strings and words that ManageSieve lines are made of (RFC 5804 4).

A line comes in pieces: text, and after each `{size+}` at the end of a text the octets of a
literal, so `[text]`, `[text, literal, text]` and so on. `announced` says how large the
literal is that a text ends with, which a session asks before it reads on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from merpati.base.faults import SyntaxFault

if TYPE_CHECKING:
    from collections.abc import Sequence

QUOTED_LIMIT: Final = 1024  # octets between the quotes, RFC 5804 4
NUMBER_LIMIT: Final = 4_294_967_295  # RFC 5804 4: 32 bits

# The client does not wait for a leave to go on; `+` is demanded of it (RFC 5804 4), and
# sieveshell of old leaves it out.
_LITERAL: Final = re.compile(rb"\{([0-9]{1,10})\+?\}\Z")
_TOKEN: Final = re.compile(
    rb'[ \t]*(?:"((?:[^"\\\x00\r\n]|\\["\\])*)"|([A-Za-z][A-Za-z0-9_.+-]{0,63})|([0-9]{1,10}))'
    rb"(?=[ \t]|\Z)"
)
_BLANK: Final = re.compile(rb"[ \t]*\Z")
_ESCAPED: Final = re.compile(r"\\(.)")
_SPECIAL: Final = re.compile(r'(["\\])')


class Word(str):
    """An atom, such as the name of a command; a plain `str` is a string."""

    __slots__ = ()


Token = Word | str | bytes | int
"""A word, a quoted string, a literal's octets, or a number."""


def announced(text: bytes) -> int | None:
    """The size of the literal that follows a text, in octets, or None.

    Raises:
        SyntaxFault: it is no number of 32 bits.
    """
    found = _LITERAL.search(text[-13:])
    if found is None:
        return None
    size = int(found[1])
    if size > NUMBER_LIMIT:
        raise SyntaxFault("a literal has 4294967295 octets at most")
    return size


def tokens(pieces: Sequence[bytes]) -> list[Token]:
    """What a command consists of.

    Args:
        pieces: Texts without line ends, each but the last followed by its literal.

    Raises:
        SyntaxFault: neither words, strings nor numbers, with spaces between.
    """
    found: list[Token] = []
    for n in range(0, len(pieces), 2):
        text = pieces[n]
        if n + 1 < len(pieces):
            text = _LITERAL.sub(b"", text)
            if text and text[-1:] not in b" \t":
                raise SyntaxFault("a space must stand before a literal")
        if n and text and text[:1] not in b" \t":
            raise SyntaxFault("a space must follow a literal")
        _split(text, found)
        if n + 1 < len(pieces):
            found.append(pieces[n + 1])
    return found


def _split(text: bytes, found: list[Token]) -> None:
    at = 0
    while not _BLANK.match(text, at):
        token = _TOKEN.match(text, at)
        if token is None:
            raise SyntaxFault("expected words, numbers and strings in double quotes")
        quoted, word, number = token.groups()
        if word is not None:
            found.append(Word(word.decode("ascii")))
        elif number is not None:
            if int(number) > NUMBER_LIMIT:
                raise SyntaxFault("a number is 4294967295 at most")
            found.append(int(number))
        else:
            if len(quoted) > QUOTED_LIMIT:
                raise SyntaxFault(f"a quoted string has {QUOTED_LIMIT} octets at most")
            found.append(_ESCAPED.sub(r"\1", decode(quoted)))
        at = token.end()


def decode(octets: bytes) -> str:
    """UTF-8 to text. Raises SyntaxFault for anything else."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise SyntaxFault("strings must be in UTF-8") from None


def quote(text: str) -> bytes:
    """A string as a server sends it: quoted, or a literal where that cannot be."""
    octets = text.encode("utf-8", "replace")
    if len(octets) <= QUOTED_LIMIT and not any(each in octets for each in (b"\r", b"\n", b"\0")):
        return _SPECIAL.sub(r"\\\1", text).encode("utf-8", "replace").join((b'"', b'"'))
    return literal(octets)


def literal(octets: bytes, *, client: bool = False) -> bytes:
    """Octets as a literal; a client's carries the `+`."""
    return b"{%d%b}\r\n%b" % (len(octets), b"+" if client else b"", octets)
