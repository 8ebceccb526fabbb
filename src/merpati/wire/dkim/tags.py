"""The tag list that signatures and key records are written in (RFC 6376 3.2).

    tag-list  = tag-spec *( ";" tag-spec ) [ ";" ]
    tag-spec  = [FWS] tag-name [FWS] "=" [FWS] tag-value [FWS]
    tag-name  = ALPHA *( ALPHA / DIGIT / "_" )
    tag-value = [ tval *( 1*(WSP / FWS) tval ) ]     ; printable, without ";"

Names count with their case, and none may stand twice. UTF-8 in values is that of RFC 8616.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Mapping
from typing import Final

from merpati.base.faults import SyntaxFault

MAX_BYTES: Final = 16_384
"""Octets of a tag list; an RSA-4096 signature of a hundred fields has under 4,000."""
MAX_TAGS: Final = 64
"""RFC 6376 names eleven."""
LINE_WANTED: Final = 76

_NAMES: Final = re.compile(rb"[^:]+:?")
FWS: Final = b" \t\r\n"
_NAME: Final = re.compile(rb"[A-Za-z][A-Za-z0-9_]*")
_ALLOWED: Final = FWS + bytes(range(0x21, 0x7F)) + bytes(range(0x80, 0x100))

Tags = dict[bytes, bytes]


def parse(data: bytes) -> Tags:
    """The tags by name, in the order of the list; values without white space around them.

    Raises:
        SyntaxFault: it is not a tag list.
    """
    if len(data) > MAX_BYTES:
        raise SyntaxFault(f"the tag list has more than {MAX_BYTES} octets")
    if data.translate(None, _ALLOWED):
        raise SyntaxFault("a control character stands in the tag list")
    specs = data.split(b";", MAX_TAGS + 1)
    if len(specs) > 1 and not specs[-1].strip(FWS):
        specs.pop()
    if len(specs) > MAX_TAGS:
        raise SyntaxFault(f"the tag list has more than {MAX_TAGS} tags")
    tags: Tags = {}
    for spec in specs:
        name, equals, value = spec.partition(b"=")
        name = name.strip(FWS)
        if not equals or not _NAME.fullmatch(name):
            raise SyntaxFault(f"{shown(spec)} is not a tag: name=value is wanted")
        if name in tags:
            raise SyntaxFault(f"the tag {shown(name)} stands twice")
        tags[name] = value.strip(FWS)
    return tags


def render(tags: Mapping[bytes, bytes]) -> bytes:
    """The list on one line; `parse` reads it back."""
    return b"; ".join(name + b"=" + value for name, value in tags.items())


def fold(field_name: bytes, tags: Tags) -> bytes:
    """A header field that holds the list, folded, with its CRLF.

    White space is put between tags, after the colons of "h", and anywhere in the base64 of
    "b" and "bh", which are the places where it means nothing.
    """
    done: list[bytes] = []
    line = field_name + b":"
    last = next(reversed(tags))
    for name, value in tags.items():
        spec = name + b"=" + value + (b"" if name == last else b";")
        if len(line) + len(spec) < LINE_WANTED:
            line += b" " + spec
            continue
        space = b" "
        for piece in _pieces(name, spec):
            if len(line) + len(space) + len(piece) <= LINE_WANTED:
                line += space + piece
            else:
                done.append(line)
                line = b"\t" + piece
            space = b""
    return b"\r\n".join((*done, line)) + b"\r\n"


def _pieces(name: bytes, spec: bytes) -> list[bytes]:
    """A tag cut where a line may end."""
    if name == b"h":
        return _NAMES.findall(spec)
    return cut(spec) if name in {b"b", b"bh"} else [spec]


def cut(spec: bytes) -> list[bytes]:
    """What may be folded anywhere, as lines that leave room for a white space before each."""
    return [spec[n : n + LINE_WANTED - 2] for n in range(0, len(spec), LINE_WANTED - 2)]


def without(value: bytes, name: bytes) -> bytes:
    """A list as it stands, but with nothing after the "=" of one of its tags."""
    specs = value.split(b";")
    for n, spec in enumerate(specs):
        before, equals, _ = spec.partition(b"=")
        if before.strip(FWS) == name:
            specs[n] = before + equals
            break
    return b";".join(specs)


def require(tags: Tags, name: bytes) -> bytes:
    """The value of a tag that must be there. Raises `SyntaxFault` when it is not, or empty."""
    value = tags.get(name)
    if not value:
        raise SyntaxFault(f"the tag {shown(name)} is {'missing' if value is None else 'empty'}")
    return value


def read_words(value: bytes) -> list[bytes]:
    """Words between colons, in lower case, without white space."""
    return value.translate(None, FWS).lower().split(b":")


def read_number(tags: Tags, name: bytes) -> int | None:
    """A number of up to 12 digits (RFC 6376 3.5 on "t"), or None without the tag.

    Raises:
        SyntaxFault: it is not one.
    """
    value = tags.get(name)
    if value is None:
        return None
    if not value.isdigit() or len(value) > 12:
        raise SyntaxFault(f"the tag {shown(name)} is not a number")
    return int(value)


def read_base64(value: bytes) -> bytes:
    """Octets from base64 with white space in any place. Raises `SyntaxFault`."""
    try:
        data = a2b_base64(value.translate(None, FWS), strict_mode=True)
    except Error:
        data = b""
    if not data:
        raise SyntaxFault(f"{shown(value)} is not base64")
    return data


def base64(data: bytes) -> bytes:
    """Octets as base64."""
    return b2a_base64(data, newline=False)


def shown(value: bytes) -> str:
    """A peer's octets for a sentence: printable, in quotes, short."""
    text = value[:40].decode("ascii", "replace").strip()
    return '"' + "".join(c if c.isprintable() else "?" for c in text) + '"'
