"""Annotations of mailboxes and of the server (RFC 5464): their commands and responses.

The name of an entry is kept in lower case, since it does not matter (RFC 5464 3.2).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import names, strings
from merpati.wire.imap.commands import Command
from merpati.wire.imap.lexer import BadCommand
from merpati.wire.imap.responses import Code

if TYPE_CHECKING:
    from collections.abc import Iterable

    from merpati.wire.imap.arguments import Arguments

ENTRY_MAX: Final = 255  # octets of a name; ours
ENTRIES_MAX: Final = 100  # in one command; ours
NUMBER_MAX: Final = 2**32 - 1

# RFC 5464 3.2: no empty component, no wildcard, no control character, ASCII only.
_ENTRY: Final = re.compile(rb"/(?:private|shared)(?:/[!-$&-)+-.0-~ ]++)*", re.IGNORECASE)
_DEPTHS: Final = {b"0": 0, b"1": 1, b"INFINITY": -1}

TOOMANY: Final = Code(b"METADATA TOOMANY")
NOPRIVATE: Final = Code(b"METADATA NOPRIVATE")


class TooLarge(BadCommand):
    """A SETMETADATA with a literal that is not read: `tag NO [METADATA MAXSIZE n]`."""


class GetMetadata(Command, frozen=True):
    """GETMETADATA (RFC 5464 4.2).

    Attributes:
        mailbox: Empty: the server's.
        entries: Names in lower case.
        max_size: Values with more octets are not sent; None: all are.
        depth: Levels below the entries that are wanted too: 0, 1, or -1 for all.
    """

    mailbox: str
    entries: tuple[str, ...]
    max_size: int | None = None
    depth: int = 0


class SetMetadata(Command, frozen=True):
    """SETMETADATA (RFC 5464 4.3): values by the names of entries; None removes one."""

    mailbox: str
    values: dict[str, bytes | None]


def longentries(size: int) -> Code:
    """[METADATA LONGENTRIES n]: how large the largest value was that MAXSIZE left out."""
    return Code(b"METADATA LONGENTRIES %d" % size)


def maxsize(size: int) -> Code:
    """[METADATA MAXSIZE n]: how large a value may be."""
    return Code(b"METADATA MAXSIZE %d" % size)


def read_get(a: Arguments) -> Command:
    """The arguments of GETMETADATA; the options before the mailbox, or after it.

    The grammar of RFC 5464 5 has them before, its examples and many clients after.
    """
    a.space()
    options: dict[bytes, int] = {}
    if a.comes(b"("):
        options = _options(a)
        a.space()
    mailbox = a.name()
    a.space()
    if a.comes(b"(") and not options and not a.line.startswith(b"(/", a.at) and _optional(a):
        options = _options(a)
        a.space()
    entries = a.list_of(lambda: entry(a), empty=False) if a.comes(b"(") else (entry(a),)
    if len(entries) > ENTRIES_MAX:
        raise SyntaxFault(f"at most {ENTRIES_MAX} entries in one command")
    wanted = tuple(dict.fromkeys(entries))
    return GetMetadata(a.tag, mailbox, wanted, options.get(b"MAXSIZE"), options.get(b"DEPTH", 0))


def read_set(a: Arguments) -> Command:
    """The arguments of SETMETADATA."""
    mailbox = a.mailbox()
    a.space()
    values = a.list_of(lambda: _value(a), empty=False)
    if len(values) > ENTRIES_MAX:
        raise SyntaxFault(f"at most {ENTRIES_MAX} entries in one command")
    return SetMetadata(a.tag, mailbox, dict(values))


def entry(a: Arguments) -> str:
    """The name of one entry."""
    raw = a.astring()
    if len(raw) > ENTRY_MAX or not _ENTRY.fullmatch(raw):
        raise SyntaxFault("an entry is named /private/... or /shared/...")
    return raw.decode("ascii").lower()


def metadata(name: str, values: Iterable[tuple[str, bytes | None]], *, utf8: bool = False) -> bytes:
    """`* METADATA name (entry value ...)` (RFC 5464 4.4.1)."""
    pairs = [b"%b %b" % (strings.astring(key.encode()), _written(value)) for key, value in values]
    return b"* METADATA %b (%b)\r\n" % (_mailbox(name, utf8=utf8), b" ".join(pairs))


def changed(name: str, entries: Iterable[str], *, utf8: bool = False) -> bytes:
    """`* METADATA name entry ...`, unasked (RFC 5464 4.4.2)."""
    told = [_mailbox(name, utf8=utf8), *[strings.astring(key.encode()) for key in entries]]
    return b"* METADATA %b\r\n" % b" ".join(told)


def _optional(a: Arguments) -> bool:
    """Whether options come next, and not entries in quotes or literals."""
    after = a.line[a.at + 1 : a.at + 8].upper()
    return after.startswith((b"MAXSIZE", b"DEPTH"))


def _options(a: Arguments) -> dict[bytes, int]:
    found = a.list_of(lambda: _option(a), empty=False)
    options = dict(found)
    if len(options) < len(found):
        raise SyntaxFault("an option is given twice")
    return options


def _option(a: Arguments) -> tuple[bytes, int]:
    name = a.word("MAXSIZE or DEPTH")
    a.space()
    if name == b"MAXSIZE":
        return name, a.number(NUMBER_MAX)
    if name == b"DEPTH":
        return name, a.option(_DEPTHS, "0, 1 or infinity")
    raise SyntaxFault("expected MAXSIZE or DEPTH")


def _value(a: Arguments) -> tuple[str, bytes | None]:
    name = entry(a)
    a.space()
    return name, a.nstring8()


def _written(value: bytes | None) -> bytes:
    if value is not None and b"\0" in value:
        return b"~{%d}\r\n%b" % (len(value), value)  # literal8, RFC 3516
    return strings.nstring(value)


def _mailbox(name: str, *, utf8: bool) -> bytes:
    return strings.string(names.encode(name, utf8), utf8=utf8)
