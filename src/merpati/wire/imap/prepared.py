"""What a prepared ENVELOPE says: the fields of `envelope.of_values`, read back.

One regular expression takes apart what nearly all mail has. A literal, which only text
needs that no quotes can hold, is first turned into a quoted string that may hold anything:
nobody but this module reads it.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.mime import words

_STRING: Final = rb'(?:NIL|"[^"\\]*+(?:\\.[^"\\]*+)*")'
_LIST: Final = rb"(?:NIL|\((?:\(%b %b %b %b\))+\))" % ((_STRING,) * 4)
_ENVELOPE: Final = re.compile(
    rb"\((%b) (%b) (%b) %b %b (%b) (%b) (%b) (%b) (%b)\)"
    % (_STRING, _STRING, *((_LIST,) * 6), _STRING, _STRING),
    re.DOTALL,
)
_ADDRESS: Final = re.compile(rb"\((%b) %b (%b) (%b)\)" % ((_STRING,) * 4), re.DOTALL)
_LITERAL: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*"|~?\{(\d{1,9})\}\r\n', re.DOTALL)
_BACKSLASH: Final = ord("\\")
_SPECIAL: Final = re.compile(rb'(["\\])')
_ESCAPE: Final = re.compile(rb"\\(.)", re.DOTALL)


class Address(msgspec.Struct, frozen=True, gc=False):
    """One address structure: a group begins with one without a host, and ends with none at all.

    `name` has its encoded words; each is None for NIL.
    """

    name: bytes | None
    mailbox: bytes | None
    host: bytes | None


class Envelope(msgspec.Struct, frozen=True):
    """The fields that searching and sorting ask for; encoded words as they were."""

    date: bytes | None
    subject: bytes | None
    author: list[Address]  # From
    to: list[Address]
    cc: list[Address]
    bcc: list[Address]
    in_reply_to: bytes | None
    message_id: bytes | None


def read(envelope: bytes) -> Envelope:
    """The fields of a prepared ENVELOPE.

    Raises:
        SyntaxFault: it is none.
    """
    date, subject, author, to, cc, bcc, in_reply_to, message_id = fields(envelope)
    return Envelope(
        _text(date),
        _text(subject),
        addresses(author),
        addresses(to),
        addresses(cc),
        addresses(bcc),
        _text(in_reply_to),
        _text(message_id),
    )


def people(envelope: bytes) -> tuple[bytes, ...]:
    """From, To, Cc and Bcc as they stand there, for `addresses`: equal ones need one reading.

    Raises:
        SyntaxFault: it is no prepared ENVELOPE.
    """
    return fields(envelope)[2:6]


def fields(envelope: bytes) -> tuple[bytes, ...]:
    """Date, Subject, From, To, Cc, Bcc, In-Reply-To and Message-ID as they stand there.

    Raises:
        SyntaxFault: it is no prepared ENVELOPE.
    """
    found = _ENVELOPE.fullmatch(envelope)
    if found is None:
        found = _ENVELOPE.fullmatch(_without_literals(envelope))
    if found is None:
        raise SyntaxFault("this is no prepared envelope")
    return found.groups()


def addresses(token: bytes) -> list[Address]:
    """The addresses of a list as it stands in a prepared ENVELOPE; none for NIL."""
    if token == b"NIL":
        return []
    return [
        Address(_text(name), _text(mailbox), _text(host))
        for name, mailbox, host in _ADDRESS.findall(token)
    ]


def decoded(text: bytes | None) -> str:
    """A subject, a name or an address as people read it, in one line."""
    if not text:
        return ""
    if b"=?" not in text and text.isascii():
        plain = text.decode("ascii")
        return plain if plain.isprintable() else words.clean(plain)
    return words.decode(text)


def written(addresses: list[Address]) -> str:
    """A list of addresses as it stands in a header: `Ani <ani@a.example>, team: b@c.example;`."""
    pieces: list[str] = []
    for one in addresses:
        if one.mailbox is None:
            pieces.append(";")
        elif one.host is None:
            pieces.append(decoded(one.mailbox) + ":")
        elif one.name:
            pieces.append(f"{decoded(one.name)} <{_box(one)}>,")
        else:
            pieces.append(f"<{_box(one)}>,")
    return " ".join(pieces).removesuffix(",")


def _box(one: Address) -> str:
    return decoded((one.mailbox or b"") + b"@" + one.host if one.host else one.mailbox)


def displayed(addresses: list[Address]) -> str:
    """What RFC 5957 sorts by: the first address's name, else the address itself."""
    if not addresses:
        return ""
    first = addresses[0]
    if first.name:
        return decoded(first.name)
    return _box(first)


def _text(token: bytes) -> bytes | None:
    if token == b"NIL":
        return None
    text = token[1:-1]
    return _ESCAPE.sub(rb"\1", text) if _BACKSLASH in text else text


def _without_literals(envelope: bytes) -> bytes:
    """The same with a quoted string in place of each literal."""
    pieces: list[bytes] = []
    at = 0
    while found := _LITERAL.search(envelope, at):
        if found[1] is None:
            pieces.append(envelope[at : found.end()])
            at = found.end()
            continue
        end = found.end() + int(found[1])
        text = _SPECIAL.sub(rb"\\\1", envelope[found.end() : end])
        pieces.append(envelope[at : found.start()] + b'"' + text + b'"')
        at = end
    return b"".join(pieces) + envelope[at:]
