"""Commands that change the session itself: COMPRESS, UNAUTHENTICATE, LANGUAGE; and UIDBATCHES."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import strings
from merpati.wire.imap.commands import Command
from merpati.wire.imap.responses import Code

if TYPE_CHECKING:
    from collections.abc import Iterable

    from merpati.wire.imap.arguments import Arguments

LANGUAGES_MAX: Final = 100  # tags in one LANGUAGE; ours
NUMBER_MAX: Final = 2**32 - 1  # nz-number, RFC 9051 9

_TAG: Final = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,10}|\*")  # RFC 4647 2.1


class Compress(Command, frozen=True):
    """COMPRESS (RFC 4978 3): the mechanism, in capitals."""

    mechanism: bytes


class Unauthenticate(Command, frozen=True):
    """UNAUTHENTICATE (RFC 8437 3)."""


class Language(Command, frozen=True):
    """LANGUAGE (RFC 5255 3.2): the wanted ones, the best first; none to ask which there are."""

    wanted: tuple[str, ...] = ()


class GetJmapAccess(Command, frozen=True):
    """GETJMAPACCESS (RFC 9698 3)."""


class UidBatches(Command, frozen=True):
    """UIDBATCHES (RFC 10022): UID ranges of so many messages each, the highest first.

    `wanted`: the first and the last batch to tell, counted from 1, or None for all.
    """

    size: int
    wanted: tuple[int, int] | None = None


COMPRESSIONACTIVE: Final = Code(b"COMPRESSIONACTIVE")  # RFC 4978 3
UIDREQUIRED: Final = Code(b"UIDREQUIRED")  # RFC 9586 3.1
TOOFEW: Final = Code(b"TOOFEW")  # RFC 10022
TOOMANY: Final = Code(b"TOOMANY")  # RFC 10022


def messagelimit(limit: int, lowest: int = 0) -> Code:
    """[MESSAGELIMIT n uid] (RFC 9738): only so many were looked at, down to this UID."""
    return Code(b"MESSAGELIMIT %d %d" % (limit, lowest) if lowest else b"MESSAGELIMIT %d" % limit)


def inprogress(tag: bytes, done: int, goal: int) -> Code:
    """[INPROGRESS ("tag" done goal)] (RFC 9585 4): a tag with a bracket is not named."""
    named = b"NIL" if b"]" in tag else strings.quoted(tag)
    return Code(b"INPROGRESS (%b %d %d)" % (named, done, goal))


def read_compress(a: Arguments) -> Command:
    """`COMPRESS DEFLATE`."""
    a.space()
    return Compress(a.tag, a.word("the name of a mechanism"))


def read_unauthenticate(a: Arguments) -> Command:
    """`UNAUTHENTICATE`."""
    return Unauthenticate(a.tag)


def read_get_jmap_access(a: Arguments) -> Command:
    """`GETJMAPACCESS`."""
    return GetJmapAccess(a.tag)


def read_language(a: Arguments) -> Command:
    """`LANGUAGE`, or `LANGUAGE` and language ranges."""
    wanted: list[str] = []
    while a.take(b" "):
        tag = a.astring().decode("utf-8", "replace")
        if not _TAG.fullmatch(tag) or len(wanted) == LANGUAGES_MAX:
            raise SyntaxFault("expected language tags such as id or en-GB")
        wanted.append(tag)
    return Language(a.tag, tuple(wanted))


def read_uid_batches(a: Arguments) -> Command:
    """`UIDBATCHES 2000`, or `UIDBATCHES 2000 1:20`."""
    a.space()
    size = a.number(NUMBER_MAX)
    if not a.take(b" "):
        return UidBatches(a.tag, size)
    first = a.number(NUMBER_MAX)
    a.expect(b":")
    last = a.number(NUMBER_MAX)
    if not size or not first:
        raise SyntaxFault("batches and their sizes are counted from 1")
    return UidBatches(a.tag, size, (first, last))


def languages(names: Iterable[str]) -> bytes:
    """`* LANGUAGE (EN ID)` (RFC 5255 3.3)."""
    return b"* LANGUAGE (%b)\r\n" % b" ".join(name.encode("ascii") for name in names)


def jmap_access(url: str) -> bytes:
    """`* JMAPACCESS "https://..."` (RFC 9698 3.2)."""
    return b"* JMAPACCESS %b\r\n" % strings.quoted(url.encode("ascii"))


def uid_batches(tag: bytes, ranges: Iterable[tuple[int, int]]) -> bytes:
    """`* UIDBATCHES (TAG "a") 99:50,49:1`, each batch as its highest and lowest UID."""
    told = b",".join([b"%d:%d" % pair for pair in ranges])
    space = b" " if told else b""
    return b"* UIDBATCHES (TAG %b)%b%b\r\n" % (strings.quoted(tag), space, told)
