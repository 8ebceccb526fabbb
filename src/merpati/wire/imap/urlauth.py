"""URLAUTH: URLs that let others fetch a message or a part of it (RFC 4467, RFC 5524)."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import names, strings
from merpati.wire.imap.commands import Command
from merpati.wire.imap.responses import Code

if TYPE_CHECKING:
    from collections.abc import Iterable

    from merpati.wire.imap.arguments import Arguments

URLS_MAX: Final = 100  # of one command; ours
INTERNAL: Final = b"INTERNAL"  # the one mechanism there is (RFC 4467 2)


class UrlParameter(Enum):
    """What URLFETCH tells of a URL (RFC 5524 3)."""

    BODY = b"BODY"
    BINARY = b"BINARY"
    BODYPARTSTRUCTURE = b"BODYPARTSTRUCTURE"


class Wanted(msgspec.Struct, frozen=True):
    """A URL of URLFETCH, and what to tell of it; nothing named stands for the plain answer."""

    url: bytes
    parameters: frozenset[UrlParameter] = frozenset()


class GenUrlAuth(Command, frozen=True):
    """GENURLAUTH (RFC 4467 7): URLs without tokens, and the mechanism wanted for each."""

    urls: tuple[tuple[bytes, bytes], ...]


class UrlFetch(Command, frozen=True):
    """URLFETCH (RFC 4467 7)."""

    urls: tuple[Wanted, ...]


class ResetKey(Command, frozen=True):
    """RESETKEY (RFC 4467 7): of one mailbox, or of all; `mechanisms` none for all of them."""

    mailbox: str | None = None
    mechanisms: tuple[bytes, ...] = ()


_PARAMETERS: Final = {parameter.value: parameter for parameter in UrlParameter}


def read_genurlauth(a: Arguments) -> Command:
    """1*(SP url-rump SP mechanism)."""
    found: list[tuple[bytes, bytes]] = []
    while not a.done() or not found:
        _limit(found)
        a.space()
        url = a.astring()
        a.space()
        found.append((url, a.word("a mechanism")))
    return GenUrlAuth(a.tag, tuple(found))


def read_urlfetch(a: Arguments) -> Command:
    """1*(SP url-full), or in parentheses with what is wanted of it (RFC 5524 6)."""
    found: list[Wanted] = []
    while not a.done() or not found:
        _limit(found)
        a.space()
        if not a.take(b"("):
            found.append(Wanted(a.astring()))
            continue
        url = a.astring()
        parameters: set[UrlParameter] = set()
        while not a.take(b")"):
            a.space()
            parameters.add(a.option(_PARAMETERS, "BODY, BINARY or BODYPARTSTRUCTURE"))
        if {UrlParameter.BODY, UrlParameter.BINARY} <= parameters:
            raise SyntaxFault("BODY and BINARY exclude each other")
        found.append(Wanted(url, frozenset(parameters)))
    return UrlFetch(a.tag, tuple(found))


def read_resetkey(a: Arguments) -> Command:
    """[SP mailbox *(SP mechanism)]."""
    if a.done():
        return ResetKey(a.tag)
    mailbox = a.mailbox()
    mechanisms: list[bytes] = []
    while a.take(b" "):
        _limit(mechanisms)
        mechanisms.append(a.word("a mechanism"))
    return ResetKey(a.tag, names.canonical(mailbox), tuple(mechanisms))


def genurlauth(urls: Iterable[bytes]) -> bytes:
    """`* GENURLAUTH url ...` with their tokens."""
    return b"* GENURLAUTH %b\r\n" % b" ".join(map(strings.astring, urls))


def urlmech(mechanisms: Iterable[bytes] = (INTERNAL,)) -> Code:
    """[URLMECH INTERNAL]: how URLs can be authorised here (RFC 4467 8)."""
    return Code(b"URLMECH " + b" ".join(mechanisms))


def _limit(found: list[tuple[bytes, bytes]] | list[Wanted] | list[bytes]) -> None:
    if len(found) == URLS_MAX:
        raise SyntaxFault(f"at most {URLS_MAX} at once")
