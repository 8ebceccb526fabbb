"""The parts of a message as JMAP shows them (RFC 8621 4.1.4): body parts, their values.

A part's id is its place among all parts in the order of their headers, so that it can be
told from the stored structure alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from merpati.wire.jmap import email_headers
from merpati.wire.jmap.email_headers import Wanted
from merpati.wire.mime import charsets, comments, headers, text

if TYPE_CHECKING:
    import mmap

    from merpati.wire.mime.tree import Part

DEFAULTS: Final = (
    "partId", "blobId", "size", "name", "type", "charset", "disposition", "cid", "language",
    "location",
)  # fmt: skip
PROPERTIES: Final = frozenset({*DEFAULTS, "headers", "subParts"})
_INLINE_MEDIA: Final = frozenset({"image", "audio", "video"})
_UNENCODED: Final = frozenset({"7bit", "8bit", "binary"})
_OPEN_TAG: Final = re.compile(r"<(?:[A-Za-z/!?][^<>]*)?\Z")

Buffer = "bytes | mmap.mmap"
BlobId = Callable[[int], str | None]


class Numbered(NamedTuple):
    """A part with its place."""

    n: int
    part: Part
    children: tuple[Numbered, ...]

    @property
    def is_multipart(self) -> bool:
        """Whether it has parts instead of a body; those of message/rfc822 are its own affair."""
        return self.part.type == "multipart"


class Shown(NamedTuple):
    """What of a message is read, and what is attached to it."""

    text: list[Numbered]
    html: list[Numbered]
    attachments: list[Numbered]


def numbered(root: Part) -> Numbered:
    """The tree with its numbers: as `all_parts` of the same tree counts them."""
    count = 0

    def walk(part: Part) -> Numbered:
        nonlocal count
        n = count
        count += 1
        # The depth of a tree is bounded: wire.mime.tree.MAX_DEPTH.
        return Numbered(n, part, tuple(walk(child) for child in part.children))

    return walk(root)


def shown(root: Numbered) -> Shown:
    """Which parts are the body as text, as HTML, and which are attachments.

    The steps of RFC 8621 4.1.4.
    """
    found = Shown([], [], [])
    _sort_out([root], "mixed", in_alternative=False, html=found.html, plain=found.text, found=found)
    return found


def _sort_out(
    parts: Sequence[Numbered],
    around: str,
    *,
    in_alternative: bool,
    html: list[Numbered] | None,
    plain: list[Numbered] | None,
    found: Shown,
) -> None:
    texts = -1 if plain is None else len(plain)
    htmls = -1 if html is None else len(html)
    for n, one in enumerate(parts):
        part = one.part
        if one.is_multipart:
            _sort_out(
                one.children, part.subtype,
                in_alternative=in_alternative or part.subtype == "alternative",
                html=html, plain=plain, found=found,
            )  # fmt: skip
        elif not _is_inline(part, n, around):
            found.attachments.append(one)
        elif around == "alternative":
            kind = (part.type, part.subtype)
            if kind == ("text", "plain") and plain is not None:
                plain.append(one)
            elif kind == ("text", "html") and html is not None:
                html.append(one)
            elif kind not in (("text", "plain"), ("text", "html")):
                found.attachments.append(one)
        else:
            if in_alternative and (part.type, part.subtype) == ("text", "plain"):
                html = None
            if in_alternative and (part.type, part.subtype) == ("text", "html"):
                plain = None
            if plain is not None:
                plain.append(one)
            if html is not None:
                html.append(one)
            if (plain is None or html is None) and part.type in _INLINE_MEDIA:
                found.attachments.append(one)
    if around == "alternative" and plain is not None and html is not None:
        if texts == len(plain) and htmls != len(html):
            plain += html[htmls:]
        elif htmls == len(html) and texts != len(plain):
            html += plain[texts:]


def _is_inline(part: Part, n: int, around: str) -> bool:
    """Whether a part is of the body rather than attached."""
    media = part.type in _INLINE_MEDIA
    readable = part.type == "text" and part.subtype in ("plain", "html")
    if part.disposition == "attachment" or not (readable or media):
        return False
    return n == 0 or (around != "related" and (media or not part.filename))


def has_attachment(found: Shown) -> bool:
    """Whether a person would say that something is attached."""
    return any(
        not (one.part.disposition == "inline" and one.part.id) and not _is_signature(one.part)
        for one in found.attachments
    )


def _is_signature(part: Part) -> bool:
    return part.type == "application" and part.subtype in ("pgp-signature", "pkcs7-signature")


# A part as an object


def size(buffer: bytes | mmap.mmap, part: Part) -> int:
    """Octets without the transfer encoding."""
    if part.encoding in _UNENCODED:
        return part.size
    return sum(map(len, text.stream(buffer, part)))


def body_part(
    buffer: bytes | mmap.mmap,
    one: Numbered,
    names: Iterable[str],
    fields: Mapping[str, Wanted],
    blob_id: BlobId,
) -> dict[str, Any]:
    """An EmailBodyPart.

    Args:
        buffer: the message.
        one: the part.
        names: the properties to tell.
        fields: what those of them mean that are about header fields.
        blob_id: of a part's number.
    """
    told: dict[str, Any] = {}
    part = one.part
    lines: list[headers.Field] | None = None
    for name in names:
        if name in fields or name == "headers":
            if lines is None:
                lines = headers.split(buffer, part.header_start, part.body_start).fields
                lines = [line for line in lines if line.name]
            told[name] = (
                all_headers(lines)
                if name == "headers"
                else email_headers.value(lines, fields[name])
            )
        elif name == "subParts":
            told[name] = None
            if one.is_multipart:
                told[name] = [
                    body_part(buffer, child, names, fields, blob_id) for child in one.children
                ]
        else:
            told[name] = _property(buffer, one, name, blob_id)
    return told


def _property(buffer: bytes | mmap.mmap, one: Numbered, name: str, blob_id: BlobId) -> Any:
    part = one.part
    match name:
        case "partId":
            return None if one.is_multipart else str(one.n)
        case "blobId":
            return None if one.is_multipart else blob_id(one.n)
        case "size":
            return 0 if one.is_multipart else size(buffer, part)
        case "name":
            return part.filename or None
        case "type":
            return f"{part.type}/{part.subtype}"
        case "charset":
            declared = part.param("charset")
            return (declared or "us-ascii") if part.type == "text" else declared or None
        case "disposition":
            return part.disposition or None
        case "cid":
            said = comments.mask(part.id.encode()).decode()
            return said.strip().removeprefix("<").removesuffix(">") or None
        case "language":
            return part.language or None
        case "location":
            return part.location or None
    raise KeyError(name)


def all_headers(fields: Iterable[headers.Field]) -> list[dict[str, str]]:
    """The `headers` property."""
    return [
        {
            "name": field.name.decode("utf-8", "replace"),
            "value": email_headers.raw(field.raw_value),
        }
        for field in fields
    ]


def body_value(buffer: bytes | mmap.mmap, part: Part, most: int) -> dict[str, Any]:
    """An EmailBodyValue; `most` octets of UTF-8, 0 for all of them."""
    data = text.content(buffer, part)
    label = part.param("charset")
    said = charsets.decode(data, label)
    problem = "\ufffd" in said or (bool(label) and not charsets.known(label))
    if not problem and label.strip("\"' \t").lower() in _ASCII and not data.isascii():
        problem = True  # "" says US-ASCII, too
    said = said.replace("\r\n", "\n")
    short = said
    if most and len(said) * 4 > most:
        encoded = said.encode()
        if len(encoded) > most:
            short = encoded[:most].decode("utf-8", "ignore")
            if part.subtype == "html":
                short = _OPEN_TAG.sub("", short)
    return {
        "value": short,
        "isEncodingProblem": problem or part.encoding not in _KNOWN_ENCODINGS,
        "isTruncated": short is not said,
    }


_ASCII: Final = frozenset({"", "us-ascii", "ascii"})
_KNOWN_ENCODINGS: Final = _UNENCODED | {
    "base64", "quoted-printable", "x-uuencode", "uuencode", "x-uue",
}  # fmt: skip
