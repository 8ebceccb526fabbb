"""ENVELOPE: a message's main header fields in IMAP's form (RFC 3501 7.4.2).

Encoded words stay as they are: decoding them is the client's part. Only what RFC 5322
calls quoting is removed. Addresses are read with one regular expression for the
common forms, and word by word where that one gives up.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from merpati.wire.imap.strings import QUOTED_MAX, nstring, string
from merpati.wire.mime import headers as header_fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from merpati.wire.mime.headers import Headers

MAX_ADDRESSES: Final = 5_000  # of one field; nobody reads further
REMEMBERED: Final = 200  # bytes; a field of no more is not read anew each time it comes

KEYS: Final = frozenset(
    b"date subject from sender reply-to to cc bcc in-reply-to message-id".split()
)
RECIPIENTS: Final = frozenset(b"to cc bcc".split())  # of which several count as one

_ATOM: Final = rb'[^\x00-\x20"(),:;<>@\[\]\\\x7f]++'  # with dots, as in most local parts
_SIMPLE = re.compile(
    rb'[ \t]*+(?:(?:"([^"\\]*+)"|(%b(?:[ \t]++%b)*))?[ \t]*+<(%b)@(%b)>|(%b)@(%b))[ \t]*+(?:,|\Z)'
    % ((_ATOM,) * 6)
)
# The same in ASCII and with spaces only where they are kept, so that all of it can
# stand in quotes as it is.
_ASCII_ATOM: Final = rb"[!#-'*+\-./0-9=?A-Z^-~]++"
_COMMON = re.compile(
    rb'(?:(?:"([ !#-\[\]-~]*+)"|(%b(?: %b)*)|) ?<(%b)@(%b)>|(%b)@(%b))(?:, ?|\Z)'
    % ((_ASCII_ATOM,) * 6)
)
_TOKEN = re.compile(
    rb'"(?P<quoted>[^"\\]*+(?:\\.[^"\\]*+)*)"?'
    rb"|(?P<atom>%b)|(?P<literal>\[[^\]]*+\]?)|(?P<space>[ \t\r\n]++)|(?P<special>.)" % _ATOM,
    re.DOTALL,
)
_NEXT = re.compile(rb"[ \t\r\n,;]*+")
_NEXT_IN_GROUP = re.compile(rb"[ \t\r\n,]*+")
_PAREN = re.compile(rb"\\.|[()]", re.DOTALL)
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)

_GROUP_END: Final = b"(NIL NIL NIL NIL)"


def envelope(headers: Headers) -> bytes:
    """The ENVELOPE of the message with that header.

    Repeated recipient fields count as one; of other repeated fields the first counts.
    """
    fields = [(field.name, field.raw_value) for field in headers.fields]
    return of_values(header_fields.choose(fields, KEYS, RECIPIENTS))


def of_values(values: Mapping[bytes, bytes]) -> bytes:
    """The ENVELOPE with those values of `KEYS`, unfolded, from `headers.collect`.

    Sender and Reply-To fall back to From where they are missing or empty.
    """
    get = values.get
    author = addresses(get(b"from"))
    # Most mail has neither, and of the recipients only To.
    sender = addresses(values[b"sender"]) if b"sender" in values else b"NIL"
    reply_to = addresses(values[b"reply-to"]) if b"reply-to" in values else b"NIL"
    return b"(%b %b %b %b %b %b %b %b %b %b)" % (
        nstring(get(b"date")),
        nstring(get(b"subject")),
        author,
        sender if sender != b"NIL" else author,
        reply_to if reply_to != b"NIL" else author,
        addresses(get(b"to")),
        addresses(get(b"cc")),
        addresses(get(b"bcc")),
        nstring(get(b"in-reply-to")),
        nstring(get(b"message-id")),
    )


def addresses(value: bytes | None) -> bytes:
    """An unfolded address field as a list of address structures, or NIL."""
    if not value:
        return b"NIL"
    return _remembered(value) if len(value) <= REMEMBERED else _structures(value)


def _structures(value: bytes) -> bytes:
    out: list[bytes] = []
    at, size, group = 0, len(value), False
    while at < size and len(out) < MAX_ADDRESSES:
        common = _COMMON.match(value, at)
        if common and common.end() - at <= QUOTED_MAX:
            quoted, phrase, local, domain, bare_local, bare_domain = common.groups()
            if bare_local:
                out.append(b'(NIL NIL "%b" "%b")' % (bare_local, bare_domain))
            elif name := quoted or phrase:
                out.append(b'("%b" NIL "%b" "%b")' % (name, local, domain))
            else:
                out.append(b'(NIL NIL "%b" "%b")' % (local, domain))
            at = common.end()
            continue
        at = (_NEXT_IN_GROUP if group else _NEXT).match(value, at).end()  # type: ignore[union-attr]  # matches anything
        if at == size:
            break
        if simple := _SIMPLE.match(value, at):
            quoted, phrase, local, domain, bare_local, bare_domain = simple.groups()
            out.append(
                _address(
                    quoted or _one_line(phrase), None, local or bare_local, domain or bare_domain
                )
            )
            at = simple.end()
            continue
        found = _Address()
        at, end = found.read(value, at)
        if end == b":":
            if group:
                out.append(_GROUP_END)
            out.append(b"(NIL NIL %b NIL)" % string(found.phrase()))
            group = True
            continue
        found.write(out)
        if end == b";" and group:
            out.append(_GROUP_END)
            group = False
    if group:
        out.append(_GROUP_END)
    return b"(%b)" % b"".join(out) if out else b"NIL"


# The same people write, and are written to, again and again.
_remembered: Final = lru_cache(maxsize=1024)(_structures)


class _Address:
    """One address, or the name of a group, read word by word."""

    __slots__ = ("angle", "comment", "words")

    def __init__(self) -> None:
        self.words: list[bytes] = []  # outside of angle brackets
        self.angle: list[bytes] | None = None  # inside of them
        self.comment = b""

    def read(self, value: bytes, at: int) -> tuple[int, bytes]:
        """Read up to what ends the address; gives the place after it, and what it was."""
        words, inside = self.words, False
        while token := _TOKEN.match(value, at):
            at = token.end()
            kind, text = token.lastgroup, token[0]
            if kind == "quoted":
                words.append(_ESCAPE.sub(rb"\1", token["quoted"]))
            elif kind == "space":
                words.append(b" ")
            elif kind != "special":
                words.append(text)
            elif text == b"(":
                end = _comment_end(value, at)
                self.comment = value[at : end - 1].strip()
                at = end
            elif text == b"<" and self.angle is None:
                words = self.angle = []
                inside = True
            elif text == b">":
                words, inside = [], False  # what follows the address is lost
            elif text in b",;:" and not (inside and text != b";"):
                return at, text
            else:
                words.append(text)
        return at, b""

    def phrase(self) -> bytes:
        return _one_line(b"".join(self.words)) or b""

    def write(self, out: list[bytes]) -> None:
        """Add the address to a list of address structures, if there is one."""
        if self.angle is not None:
            words, name = self.angle, self.phrase() or self.comment
        elif b"@" in self.words:
            words, name = self.words, self.comment
        else:
            phrase = self.phrase()
            if phrase:  # without any address: a NIL host would begin a group
                one_word = b" " not in phrase
                mailbox, name = (phrase, self.comment) if one_word else (b"", phrase)
                out.append(_address(name, None, mailbox, b""))
            return
        words = [word for word in words if word != b" "]
        route = None
        if words[:1] == [b"@"] and b":" in words:  # RFC 5322 4.4, obs-route
            colon = words.index(b":")
            route, words = b"".join(words[:colon]), words[colon + 1 :]
        local, domain = words, []
        if b"@" in words:
            at = len(words) - 1 - words[::-1].index(b"@")
            local, domain = words[:at], words[at + 1 :]
        if name or local or domain:
            out.append(_address(name, route, b"".join(local), b"".join(domain)))


def _address(name: bytes | None, route: bytes | None, mailbox: bytes, host: bytes) -> bytes:
    return b"(%b %b %b %b)" % (nstring(name or None), nstring(route), string(mailbox), string(host))


def _one_line(phrase: bytes | None) -> bytes | None:
    """A phrase with one space where there was any white space."""
    return b" ".join(phrase.split()) if phrase else phrase


def _comment_end(value: bytes, at: int) -> int:
    """The place after the comment that was opened just before `at`; they nest."""
    depth = 1
    for paren in _PAREN.finditer(value, at):
        depth += {b"(": 1, b")": -1}.get(paren[0], 0)
        if depth == 0:
            return paren.end()
    return len(value) + 1
