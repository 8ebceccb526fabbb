"""ENVELOPE, BODY and BODYSTRUCTURE, written once when a message is stored.

A client that opens a folder asks for these for every message in it, so delivery
writes them beside the message as the very bytes that FETCH will send.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from merpati.wire.imap.envelope import KEYS, RECIPIENTS, envelope, of_values
from merpati.wire.imap.strings import string
from merpati.wire.mime import headers as header_fields

if TYPE_CHECKING:
    import mmap
    from collections.abc import Callable

    from merpati.wire.mime.tree import Part

__all__ = ["body", "bodystructure", "envelope"]

# A multipart has at least one body (RFC 3501 9, body-type-mpart); this stands for none.
_NO_BODY: Final = b'"text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0'
_NO_ENVELOPE: Final = b"(" + b" ".join([b"NIL"] * 10) + b")"
# The names that nearly all parts are made of, as `string` writes them.
_COMMON: Final = (
    "text plain html calendar message rfc822 multipart mixed alternative related report signed "
    "application octet-stream pdf image jpeg png gif 7bit 8bit quoted-printable base64 "
    "charset us-ascii utf-8 UTF-8 iso-8859-1 format flowed boundary name filename "
    "attachment inline"
)


class _Written(dict[str, bytes]):
    """Texts as `string` writes them; those that are not in it are written when asked for."""

    def __missing__(self, text: str) -> bytes:
        return string(text.encode("utf-8", "replace"))


_NAMES: Final = _Written({name: b'"%b"' % name.encode() for name in _COMMON.split()})
_TEXTS: Final = _Written({"": b"NIL"})
_NO_EXTENSION: Final = b" NIL NIL NIL NIL"


def bodystructure(part: Part, buffer: bytes | mmap.mmap) -> bytes:
    """The BODYSTRUCTURE of a message, with extension data (RFC 3501 7.4.2)."""
    out: list[bytes] = []
    _write(out.append, part, buffer, extensible=True)
    return b"".join(out)


def body(part: Part, buffer: bytes | mmap.mmap) -> bytes:
    """The BODY of a message: its BODYSTRUCTURE without extension data."""
    out: list[bytes] = []
    _write(out.append, part, buffer, extensible=False)
    return b"".join(out)


# The recursion is bounded by the depth of a tree (mime.tree.MAX_DEPTH).
def _write(
    put: Callable[[bytes], None], part: Part, buffer: bytes | mmap.mmap, *, extensible: bool
) -> None:
    put(b"(")
    if part.type == "multipart":
        for child in part.children:
            _write(put, child, buffer, extensible=extensible)
        if not part.children:
            _write_nothing(put, extensible=extensible)
        put(b" " + _NAMES[part.subtype])
        if extensible:
            put(b" %b%b" % (_parameters(part.params), _extension(part)))
    else:
        put(_fields(part))
        if part.type == "text":
            put(b" %d" % part.lines)
        elif part.type == "message" and part.subtype in {"rfc822", "global"}:
            if part.children:
                inner = part.children[0]
                header = inner.header_start, inner.body_start
                values = header_fields.collect(buffer, *header, KEYS, RECIPIENTS)
                put(b" %b " % of_values(values))
                _write(put, inner, buffer, extensible=extensible)
            else:
                put(b" %b " % _NO_ENVELOPE)
                _write_nothing(put, extensible=extensible)
            put(b" %d" % part.lines)
        if extensible:
            put(b" %b%b" % (_TEXTS[part.md5], _extension(part)))
    put(b")")


def _write_nothing(put: Callable[[bytes], None], *, extensible: bool) -> None:
    """Stand in for a body where the grammar wants one and there is none."""
    put(b"(%b%b)" % (_NO_BODY, _NO_EXTENSION if extensible else b""))


def _fields(part: Part) -> bytes:
    """The type and the fields every single part has (RFC 3501 9, body-fields)."""
    pairs = part.params
    if part.type == "text" and not part.param("charset"):
        pairs = [*pairs, ("charset", "us-ascii")]  # RFC 2046 4.1.2: what it has by default
    return b"%b %b %b %b %b %b %d" % (
        _NAMES[part.type],
        _NAMES[part.subtype],
        _parameters(pairs),
        _TEXTS[part.id],
        _TEXTS[part.description],
        _NAMES[part.encoding],
        part.size,
    )


def _extension(part: Part) -> bytes:
    """Disposition, language and location, each after a space."""
    if not (part.disposition or part.language or part.location):
        return b" NIL NIL NIL"
    disposition = language = b"NIL"
    if part.disposition:
        disposition = b"(%b %b)" % (
            _NAMES[part.disposition],
            _parameters(part.disposition_params),
        )
    if part.language:
        language = b"(%b)" % b" ".join([_NAMES[tag] for tag in part.language])
    return b" %b %b %b" % (disposition, language, _TEXTS[part.location])


def _parameters(pairs: list[tuple[str, str]]) -> bytes:
    """A parameter list; what is not ASCII as RFC 2231 4 writes it, so that it stays 7-bit."""
    if not pairs:
        return b"NIL"
    out: list[bytes] = []
    for name, value in pairs:
        if value.isascii():
            out += _NAMES[name], _NAMES[value]
        else:
            out += _NAMES[name + "*"], b"\"utf-8''%b\"" % quote(value, safe="").encode()
    return b"(%b)" % b" ".join(out)
