"""What a part says: transfer decoding, text for people, and text to search in.

Everything here reads in pieces of bounded size, whatever the size of the message,
and takes broken encodings for what they were meant to be: in received mail a
wrong byte must not hide the rest of the text.
"""

from __future__ import annotations

import binascii
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from merpati.wire.mime import charsets, headers, words
from merpati.wire.text import markup

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator

    from merpati.wire.mime.headers import Headers
    from merpati.wire.mime.tree import Part

CHUNK: Final = 256 * 1024  # bytes of an encoded body that are decoded at once
PREVIEW: Final = 200  # characters; RFC 8970 3.1 allows 256
OVERLAP: Final = 1_000  # characters that a chunk of searchable text repeats of the last
# Encoded bytes looked at for a preview: more only where the first ones say too little.
_PREVIEW_BYTES: Final = (2 * 1024, 16 * 1024, 64 * 1024)
# Characters that hold a preview of ordinary text, with a word to spare.
_GLANCE: Final = PREVIEW + 100
# Encodings that leave text as it is, and charsets that read ASCII as ASCII.
_UNENCODED: Final = frozenset({"7bit", "8bit", "binary"})
_OVER_ASCII: Final = frozenset({"", "us-ascii", "utf-8", "iso-8859-1", "iso-8859-15"}) | {
    "windows-1252", "windows-1251", "windows-1250", "iso-8859-2", "koi8-r", "gb2312"
}  # fmt: skip
_PREVIEW_PARTS: Final = 8  # text parts tried until one has words
_READABLE: Final = frozenset({"plain", "html", "markdown", "enriched"})

_NOT_BASE64: Final = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
)
_HIGH_BYTES: Final = bytes(range(0x80, 0x100))
# RFC 2045 6.7 (3): white space at the end of a line was added on the way, after the
# "=" of a soft line break, too.
_SOFT_BREAK = re.compile(rb"=[ \t]*+\r?(?:\n|\Z)|(?<![ \t])[ \t]++(?=\r?\n|\Z)|=\r(?!\n)")

# Fillers that newsletters put behind their preheader text, and control characters.
_UNSEEN = re.compile(
    "[\0-\x1f\x7f\u00ad\u034f\u061c\u115f\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\ufffc]+"
)
_QUOTED_LINE = re.compile(r"^>[^\n]*+\n?", re.MULTILINE)
_RULE = re.compile(r"[-=_*~#][-=_*~#]{3,}+")  # a search for the first alone is quick


def content(buffer: bytes | mmap.mmap, part: Part) -> bytes:
    """The body of a part without its transfer encoding; all of it in memory."""
    return b"".join(stream(buffer, part))


def stream(buffer: bytes | mmap.mmap, part: Part) -> Iterator[bytes]:
    """The body of a part without its transfer encoding, in pieces.

    An encoding that is not known is left as it is (RFC 2045 6.4).
    """
    return _decoded(buffer, part.body_start, part.body_end, part.encoding)


def _decoded(buffer: bytes | mmap.mmap, start: int, end: int, encoding: str) -> Iterator[bytes]:
    if encoding == "base64":
        return _base64(buffer, start, end)
    if encoding == "quoted-printable":
        return _quoted_printable(buffer, start, end)
    if encoding in {"x-uuencode", "uuencode", "x-uue"}:
        return _uuencode(buffer, start, end)
    return _identity(buffer, start, end)


def _identity(buffer: bytes | mmap.mmap, start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, CHUNK):
        yield buffer[at : min(at + CHUNK, end)]


def _base64(buffer: bytes | mmap.mmap, start: int, end: int) -> Iterator[bytes]:
    rest = b""
    for at in range(start, end, CHUNK):
        piece = rest + buffer[at : min(at + CHUNK, end)]
        decoded, rest = undo_base64(piece, is_last=at + CHUNK >= end)
        yield decoded


def undo_base64(data: bytes, *, is_last: bool) -> tuple[bytes, bytes]:
    """Base64 with anything else between its characters, padded anywhere or nowhere.

    Returns:
        What it says, and what is to stand before the next piece.
    """
    data = data.translate(None, _NOT_BASE64)
    rest = b""
    if not is_last:
        odd = (len(data) - data.rfind(b"=") - 1) % 4
        data, rest = data[: len(data) - odd], data[len(data) - odd :]
    # Padding ends what was encoded in one go; there may be more of them.
    return b"".join([_quads(run) for run in data.split(b"=") if len(run) > 1]), rest


def _quads(run: bytes) -> bytes:
    """Decode base64 without padding; a single character at the end holds no byte."""
    odd = len(run) % 4
    if odd == 1:
        run = run[:-1]
    return binascii.a2b_base64(run + b"==" if odd else run)


def _quoted_printable(buffer: bytes | mmap.mmap, start: int, end: int) -> Iterator[bytes]:
    rest = b""
    for at in range(start, end, CHUNK):
        piece = rest + buffer[at : min(at + CHUNK, end)]
        decoded, rest = undo_quoted_printable(piece, is_last=at + CHUNK >= end)
        yield decoded


def undo_quoted_printable(data: bytes, *, is_last: bool) -> tuple[bytes, bytes]:
    """Quoted-printable; what is no encoding stands for itself.

    Returns:
        What it says, and what is to stand before the next piece.
    """
    rest = b""
    if not is_last:
        cut = data.rfind(b"\n") + 1
        if not cut:  # a line this long: any place will do that is not within "=XX"
            mark = data.rfind(b"=", len(data) - 2)
            cut = mark if mark >= 0 else len(data)
        data, rest = data[:cut], data[cut:]
    return binascii.a2b_qp(_SOFT_BREAK.sub(_soft_break, data)), rest


def _soft_break(match: re.Match[bytes]) -> bytes:
    # A lone CR ends no line; `a2b_qp` would take the rest of the line with it.
    return b"=3D\r" if match[0] == b"=\r" and match.end() < len(match.string) else b""


def _uuencode(buffer: bytes | mmap.mmap, start: int, end: int) -> Iterator[bytes]:
    """What stands between "begin" and "end"; lines that are no uuencoding are left out."""
    rest, begun = b"", False
    for at in range(start, end, CHUNK):
        *lines, rest = (rest + buffer[at : min(at + CHUNK, end)]).split(b"\n")
        if at + CHUNK >= end:
            lines.append(rest)
        out: list[bytes] = []
        for line in lines:
            if not begun:
                begun = line.startswith(b"begin ")
            elif line.rstrip() == b"end":
                yield b"".join(out)
                return
            else:
                with suppress(binascii.Error):
                    out.append(binascii.a2b_uu(line))
        yield b"".join(out)


def text(buffer: bytes | mmap.mmap, part: Part) -> Iterator[str]:
    """The text of a text part in pieces, in the charset it declares or seems to have."""
    return _texts(buffer, part, part.body_end)


def _texts(buffer: bytes | mmap.mmap, part: Part, end: int) -> Iterator[str]:
    label = part.param("charset")
    wide = label[:4].lower() in {"utf-", "ucs-"} and label[4:5] in {"1", "2", "3", "4"}
    rest = b""
    for piece in _decoded(buffer, part.body_start, end, part.encoding):
        data = rest + piece
        # A line end is no part of a character in any charset but the wide ones.
        cut = len(data) & ~3 if wide else data.rfind(b"\n") + 1
        data, rest = data[:cut], data[cut:]
        if data:
            yield charsets.decode(data, label)
        if len(rest) > CHUNK:
            cut = _last_whole(rest)
            yield charsets.decode(rest[:cut], label)
            rest = rest[cut:]
    if rest and end < part.body_end:  # cut short, perhaps within a character
        rest = rest[: _last_whole(rest)]
    if rest:
        yield charsets.decode(rest, label)


def _last_whole(data: bytes) -> int:
    """A place near the end of the text where no character is torn, in most charsets."""
    after_ascii = len(data.rstrip(_HIGH_BYTES))
    if after_ascii > len(data) // 2:
        return after_ascii
    for at in range(len(data) - 1, max(0, len(data) - 4), -1):
        if data[at] & 0xC0 != 0x80:  # the first byte of a character in UTF-8
            return at
    return len(data)


def preview(buffer: bytes | mmap.mmap, root: Part) -> str:
    """How the message's text begins, on one line of at most `PREVIEW` characters.

    It comes from the first text part that has words and is no attachment. Quoted
    lines are passed over when there are others. Empty when there is no such text.
    """
    tried = 0
    for part in _parts(root) if root.children else (root,):
        if part.type != "text" or part.subtype not in _READABLE or part.disposition == "attachment":
            continue
        line = _glance(buffer, part) or _first_line(buffer, part)
        tried += 1
        if line or tried == _PREVIEW_PARTS:
            return line.rstrip()
    return ""


def _first_line(buffer: bytes | mmap.mmap, part: Part) -> str:
    """The preview of one part; empty when it has no words."""
    for limit in _PREVIEW_BYTES:
        end = min(part.body_end, part.body_start + limit)
        said = "".join(_texts(buffer, part, end))
        if part.subtype == "html":
            said = markup.visible(said)
        fresh = _QUOTED_LINE.sub("", said) if ">" in said else said
        line = _one_line(fresh) or _one_line(said)
        if len(line) == PREVIEW or end == part.body_end:
            break
    return line


def _glance(buffer: bytes | mmap.mmap, part: Part) -> str:
    """The preview of a part that begins with enough plain ASCII text, or is no more than that.

    Else an empty string.
    """
    at = part.body_start
    data = buffer[at : min(at + _GLANCE, part.body_end)]
    if (
        data.isascii()
        and part.subtype == "plain"
        and part.encoding in _UNENCODED
        and part.param("charset").lower() in _OVER_ASCII
        and not (b"\n>" in data or data.startswith(b">"))
    ):
        said = data.decode("ascii").split()
        if len(data) < _GLANCE:  # that is all of it
            return _shown(said)
        line = _shown(said[:-1])  # the last word may be torn
        return line if len(line) == PREVIEW else ""
    return ""


def _one_line(said: str) -> str:
    if len(said) > _GLANCE:
        line = _shown(said[:_GLANCE].split()[:-1])  # the last word may be torn
        if len(line) == PREVIEW:
            return line
    # Fillers may stand between the words, so a few times more than can be shown.
    return _shown(said.split(None, 2 * PREVIEW)[: 2 * PREVIEW])


def _shown(said: list[str]) -> str:
    """The first words without what says nothing."""
    line = " ".join(said)[: 5 * PREVIEW]
    plain = line.isascii() and line.isprintable()
    shown = _RULE.sub("", line if plain else _UNSEEN.sub("", line))
    if shown != line:
        shown = " ".join(shown.split())
    return shown[:PREVIEW]


def searchable(buffer: bytes | mmap.mmap, root: Part) -> Iterator[str]:
    """All the text in a message's body, in chunks, as SEARCH BODY looks through it.

    That is the text parts, HTML without its markup, and the headers of messages
    within the message, with encoded words decoded. A chunk repeats the last `OVERLAP`
    characters of the one before it in the same part, so that a string up to that
    length is found wherever it stands.
    """
    for part in _parts(root):
        if part.type == "message" and part.children:
            inner = part.children[0]
            found = headers.split(buffer, inner.header_start, inner.body_start)
            yield header_text(found)
        elif part.type == "text":
            pieces = text(buffer, part)
            last = ""
            for piece in markup.visible_pieces(pieces) if part.subtype == "html" else pieces:
                yield last + piece
                last = piece[-OVERLAP:]


def header_text(found: Headers) -> str:
    """A header with its encoded words decoded, a field a line, as SEARCH TEXT reads it."""
    return "\n".join(
        [
            f"{words.decode(field.name)}: {words.decode(field.raw_value).strip()}"
            for field in found.fields
        ]
    )


def _parts(root: Part) -> Iterator[Part]:
    """A part and all below it, in the order of the message."""
    waiting = [root]
    while waiting:
        part = waiting.pop()
        yield part
        waiting.extend(reversed(part.children))
