"""What FETCH asks for: attributes, sections, decoded sections (RFC 3501 6.4.5, RFC 3516)."""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import strings
from merpati.wire.imap.lexer import Cursor

ITEMS_MAX: Final = 1000  # items of one FETCH; ours
FIELDS_MAX: Final = 1000  # header fields of one section; ours
REMEMBERED_MAX: Final = 512  # octets of a list of items that is remembered; ours
PART_DEPTH_MAX: Final = 50  # numbers of one part specifier; as deep as the MIME tree is read
NUMBER_MAX: Final = 2**32 - 1  # RFC 3501 9, number
OFFSET_MAX: Final = 2**63 - 1  # RFC 9051 9, number64


class Attribute(Enum):
    """An item that is the same for everyone who asks; the value is its name on the wire."""

    BODY = b"BODY"  # the structure without extension data
    BODYSTRUCTURE = b"BODYSTRUCTURE"
    EMAILID = b"EMAILID"  # RFC 8474 5.1
    ENVELOPE = b"ENVELOPE"
    FLAGS = b"FLAGS"
    INTERNALDATE = b"INTERNALDATE"
    MODSEQ = b"MODSEQ"  # RFC 7162 3.1.5
    PREVIEW = b"PREVIEW"  # RFC 8970
    RFC822_SIZE = b"RFC822.SIZE"
    SAVEDATE = b"SAVEDATE"  # RFC 8514
    THREADID = b"THREADID"  # RFC 8474 5.2
    UID = b"UID"

    __hash__ = object.__hash__  # in C: plans are looked up by them


class Text(Enum):
    """Which bytes of a message or part a section means."""

    ALL = b""
    HEADER = b"HEADER"
    FIELDS = b"HEADER.FIELDS"
    FIELDS_NOT = b"HEADER.FIELDS.NOT"
    TEXT = b"TEXT"
    MIME = b"MIME"


class Section(msgspec.Struct, frozen=True):
    r"""`BODY[...]<...>` and its old spellings RFC822, RFC822.HEADER and RFC822.TEXT.

    `part` is () for the message itself, (2, 1) for `2.1`. `fields` are the header
    names as written, for FIELDS and FIELDS_NOT. `partial` is (offset, length) in
    octets. `peek`: \Seen stays as it is. `label` is what the response calls it:
    `BODY[2.1.MIME]<0>`.
    """

    part: tuple[int, ...]
    text: Text
    fields: tuple[bytes, ...]
    partial: tuple[int, int] | None
    peek: bool
    label: bytes


class Binary(msgspec.Struct, frozen=True):
    r"""`BINARY[1.2]<0.1024>` and `BINARY.SIZE[1.2]` (RFC 3516 4.2): a part, decoded.

    `partial` counts octets of what was decoded. `size`: only how many there are.
    """

    part: tuple[int, ...]
    partial: tuple[int, int] | None
    peek: bool
    size: bool
    label: bytes


FetchItem = Attribute | Section | Binary

_TEXTS: Final = {text.value: text for text in Text}
_ATTRIBUTES: Final = {item.value: item for item in Attribute}
_FAST: Final = (Attribute.FLAGS, Attribute.INTERNALDATE, Attribute.RFC822_SIZE)
_MACROS: Final[dict[bytes, tuple[FetchItem, ...]]] = {
    b"FAST": _FAST,
    b"ALL": (*_FAST, Attribute.ENVELOPE),
    b"FULL": (*_FAST, Attribute.ENVELOPE, Attribute.BODY),
}
_OLD_SECTIONS: Final = {
    b"RFC822": Section((), Text.ALL, (), None, peek=False, label=b"RFC822"),
    b"RFC822.HEADER": Section((), Text.HEADER, (), None, peek=True, label=b"RFC822.HEADER"),
    b"RFC822.TEXT": Section((), Text.TEXT, (), None, peek=False, label=b"RFC822.TEXT"),
}
_SIMPLE: Final[dict[bytes, FetchItem]] = {**_ATTRIBUTES, **_OLD_SECTIONS}
_BINARIES: Final = {b"BINARY[": (False, False), b"BINARY.PEEK[": (True, False)} | {
    b"BINARY.SIZE[": (True, True)
}

_NAME: Final = re.compile(rb"[A-Za-z0-9.]+(\[)?")
_SPECIFIER: Final = re.compile(rb"((?:[1-9][0-9]{0,9}(?:\.|(?![0-9])))*)([A-Za-z][A-Za-z.]*)?")
_FIELD: Final = re.compile(rb"[!-9;-~]{1,255}")  # RFC 5322 3.6.8, field-name; the length is ours
_PARTIAL: Final = re.compile(rb"<([0-9]{1,19})\.([1-9][0-9]{0,18})>")


def read_items(cursor: Cursor) -> tuple[FetchItem, ...]:
    """The items of a FETCH, macros unfolded, each once, in the order asked for.

    A client asks for the same items all day, so short lists are remembered.

    Raises:
        SyntaxFault: as every reader of this package.
    """
    rest = cursor.line[cursor.at :]
    if len(rest) > REMEMBERED_MAX or rest.endswith(b"}"):  # a literal is not part of the line
        return _read_items(cursor)
    items, length = _remembered(rest)
    cursor.at += length
    return items


@lru_cache(maxsize=512)
def _remembered(rest: bytes) -> tuple[tuple[FetchItem, ...], int]:
    """Items at the beginning of a line, and how far they reach."""
    cursor = Cursor([rest])
    return _read_items(cursor), cursor.at


def _read_items(cursor: Cursor) -> tuple[FetchItem, ...]:
    if not cursor.take(b"("):
        match = cursor.match(_NAME, "something to fetch")
        name = match[0].upper()
        return _MACROS.get(name) or (_item(cursor, name),)
    items: list[FetchItem] = []
    while True:
        items.append(_item(cursor, cursor.match(_NAME, "something to fetch")[0].upper()))
        if cursor.take(b")"):
            return tuple(dict.fromkeys(items)) if len(items) > 1 else tuple(items)
        if len(items) == ITEMS_MAX:
            raise SyntaxFault(f"a FETCH may ask for at most {ITEMS_MAX} items")
        cursor.space()


def _item(cursor: Cursor, name: bytes) -> FetchItem:
    simple = _SIMPLE.get(name)
    if simple is not None:
        if simple is Attribute.PREVIEW:
            _preview_modifiers(cursor)
        return simple
    if name == b"BODY[":
        return _section(cursor, peek=False)
    if name == b"BODY.PEEK[":
        return _section(cursor, peek=True)
    if name in _BINARIES:
        peek, size = _BINARIES[name]
        return _binary(cursor, peek=peek, size=size)
    raise SyntaxFault("FETCH knows no such item")


def _preview_modifiers(cursor: Cursor) -> None:
    """`(LAZY)`, which changes nothing here: every preview is there (RFC 8970 4.1)."""
    if cursor.take(b" ("):
        while cursor.word("LAZY") == b"LAZY":
            if cursor.take(b")"):
                return
            cursor.space()
        raise SyntaxFault("expected LAZY")


def read_section(text: bytes) -> Section:
    """A section as URLs name it: `1.2.MIME`, `HEADER.FIELDS (To)` (RFC 5092 11, enc-section).

    Raises:
        SyntaxFault: no such section can be.
    """
    cursor = Cursor([text + b"]"])
    section = _section(cursor, peek=True)
    cursor.end()
    return section


def _binary(cursor: Cursor, *, peek: bool, size: bool) -> Binary:
    """What follows `BINARY[`: [section-part] "]" ["<" number "." nz-number ">"]."""
    match = cursor.match(_SPECIFIER, "a part")
    if match[2] or match[1].endswith(b"."):
        raise SyntaxFault("only parts are decoded, by their numbers")
    part = _part(match[1])
    cursor.expect(b"]")
    label = b"BINARY%b[%b]" % (b".SIZE" if size else b"", match[1])
    partial = None if size else _partial(cursor)
    if partial is not None:
        label += b"<%d>" % partial[0]
    return Binary(part, partial, peek, size, label)


def _section(cursor: Cursor, *, peek: bool) -> Section:
    """What follows `BODY[`: section-spec "]" ["<" number "." nz-number ">"]."""
    match = cursor.match(_SPECIFIER, "a section")
    part, text = _part(match[1]), _TEXTS.get((match[2] or b"").upper())
    dotted = match[1].endswith(b".")  # a dot stands between the numbers and the text, only there
    if text is None or (text is Text.MIME and not part) or dotted != bool(part and match[2]):
        raise SyntaxFault("a section is part numbers, HEADER, TEXT or MIME")
    specifier = match[1] + text.value
    fields: tuple[bytes, ...] = ()
    if text is Text.FIELDS or text is Text.FIELDS_NOT:
        cursor.space()
        fields, written = _fields(cursor)
        specifier += b" (" + written + b")"
    cursor.expect(b"]")
    label = b"BODY[" + specifier + b"]"
    partial = _partial(cursor)
    if partial is not None:
        label += b"<%d>" % partial[0]
    return Section(part, text, fields, partial, peek, label)


def _partial(cursor: Cursor) -> tuple[int, int] | None:
    """`<offset.length>`, if it comes."""
    if not cursor.comes(b"<"):
        return None
    match = cursor.match(_PARTIAL, "a range such as <0.1024>")
    partial = int(match[1]), int(match[2])
    if max(partial) > OFFSET_MAX:
        raise SyntaxFault("a range reaches beyond any message")
    return partial


def _part(specifier: bytes) -> tuple[int, ...]:
    if not specifier:
        return ()
    numbers = tuple(map(int, specifier.rstrip(b".").split(b".")))
    if len(numbers) > PART_DEPTH_MAX or max(numbers) > NUMBER_MAX:
        raise SyntaxFault("no message has such a part")
    return numbers


def _fields(cursor: Cursor) -> tuple[tuple[bytes, ...], bytes]:
    """The names of a header-list, and how the label writes them."""
    cursor.expect(b"(")
    fields: list[bytes] = []
    while True:
        field = cursor.astring()
        if not _FIELD.fullmatch(field):
            raise SyntaxFault("no header field has such a name")
        fields.append(field)
        if cursor.take(b")"):
            break
        if len(fields) == FIELDS_MAX:
            raise SyntaxFault(f"a section may name at most {FIELDS_MAX} header fields")
        cursor.space()
    return tuple(fields), b" ".join(map(strings.astring, fields))
