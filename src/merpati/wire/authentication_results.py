"""Authentication-Results: what a host found out about who sent a message (RFC 8601).

    Authentication-Results: mx.example.org;
        dkim=pass header.d=example.com header.s=2027 header.a=rsa-sha256;
        dmarc=pass (p=reject) header.from=example.com

The name in front (the authserv-id) is all that a reader can hold on to; so whoever receives
mail takes away every field that bears its own name before it writes one (RFC 8601 5). `forged`
finds them, however the name is written.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.mime import comments, words
from merpati.wire.smtp.paths import Path, parse_domain

if TYPE_CHECKING:
    import mmap

NAME: Final = b"Authentication-Results"
MAX_VALUE: Final = 64 * 1024
"""Octets of one field that are read; those of large providers have 2,000."""
MAX_RESULTS: Final = 200
"""Results of one field that are read."""
MAX_COPIED: Final = 256 * 1024
"""Octets of a header that are copied, which makes it quick to see that nothing is there."""
LINE_WANTED: Final = 78  # RFC 5322 2.1.1
MAX_TEXT: Final = 300  # characters of one value, reason or comment that is written

# value = token / quoted-string (RFC 2045 5.1); a property's value may be an address as well.
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+")
_PVALUE: Final = re.compile(r"[!#$%&'*+\-./0-9:=?@A-Z^_`a-z{|}~\[\]]+")
_UNSAFE: Final = re.compile(r"[^ -~]")

_QUOTED: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*"'
_WORD: Final = rb"[A-Za-z0-9][A-Za-z0-9_-]*+"
# What stands between two semicolons, comments aside.
_PIECE: Final = re.compile(rb'(?:[^";]++|' + _QUOTED + rb")*", re.DOTALL)
_ID: Final = re.compile(rb"\s*+(" + _QUOTED + rb'|[^\s";=()]++)(?:\s++([0-9]++))?\s*+', re.DOTALL)
_METHOD: Final = re.compile(
    rb"\s*+(" + _WORD + rb")\s*+(?:/\s*+[0-9]++\s*+)?=\s*+(" + _WORD + rb")(?=\s|\Z)"
)
_REASON: Final = re.compile(
    rb"\s*+reason\s*+=\s*+(" + _QUOTED + rb'|[^\s";]++)', re.DOTALL | re.IGNORECASE
)
_PROPERTY: Final = re.compile(
    rb"\s*+(" + _WORD + rb")\s*+\.\s*+(" + _WORD + rb")\s*+=\s*+"
    rb'((?:[^\s"]++|' + _QUOTED + rb")+)",
    re.DOTALL,
)  # fmt: skip
_IN_QUOTES: Final = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*)"', re.DOTALL)
_QUOTED_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)

# The field under any name that some reader may take for it, as far as the next one.
_LIKE_NAME: Final = re.compile(
    rb"^(?![ \t])[^!-~\r\n]*+authentication-results[^!-~]*+:([^\n]*+(?:\n[ \t][^\n]*+)*)\n?",
    re.IGNORECASE | re.MULTILINE,
)
_HOST: Final = re.compile(r"[A-Za-z0-9._\x80-\U0010ffff-]+")


class Property(msgspec.Struct, frozen=True):
    """What a result rests on: `smtp.mailfrom=a@example.org`."""

    type: str  # ptype: smtp, header, body, policy
    name: str
    value: str


class MethodResult(msgspec.Struct, frozen=True):
    """What one method came to: `dkim=pass reason="..." header.d=example.org`.

    Attributes:
        method: lower case.
        result: lower case.
        reason: in words, or empty.
        properties: in order.
        comment: for people, written behind the result; not read back.
    """

    method: str
    result: str
    reason: str = ""
    properties: tuple[Property, ...] = ()
    comment: str = ""


class AuthenticationResults(msgspec.Struct, frozen=True):
    """One field: who says so, and what."""

    authserv_id: str
    results: tuple[MethodResult, ...] = ()


# Writing


def render(found: AuthenticationResults) -> bytes:
    """The whole field, folded, with CRLF; whatever the values hold."""
    return b"%b: %b\r\n" % (NAME, render_value(found))


def render_value(found: AuthenticationResults) -> bytes:
    """The value from the authserv-id on, folded, as ARC-Authentication-Results holds it."""
    lines = [_value(found.authserv_id)]
    for one in found.results:
        lines[-1] += ";"
        line = ""
        for word in _words(one):
            if line and len(line) + len(word) + len("\t ;") > LINE_WANTED:
                lines.append(line)
                line = f" {word}"
            else:
                line = f"{line} {word}" if line else word
        lines.append(line)
    if not found.results:
        lines[-1] += "; none"
    return "\r\n\t".join(lines).encode("ascii")


def _words(one: MethodResult) -> list[str]:
    found = [f"{one.method}={one.result}"]
    if one.comment:
        found.append(f"({_comment(one.comment)})")
    if one.reason:
        found.append(f"reason={_quoted(one.reason)}")
    found += [f"{part.type}.{part.name}={_value(part.value, _PVALUE)}" for part in one.properties]
    return found


def _value(text: str, plain: re.Pattern[str] = _TOKEN) -> str:
    return text if len(text) <= MAX_TEXT and plain.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    return '"' + _clean(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _comment(text: str) -> str:
    return _clean(text).replace("\\", "/").replace("(", "[").replace(")", "]")


def _clean(text: str) -> str:
    return _UNSAFE.sub("?", text[:MAX_TEXT])


# Reading


def parse(value: bytes) -> AuthenticationResults:
    """What a field's value says; comments are passed over.

    Raises:
        SyntaxFault: it is not written as RFC 8601 2.2 has it.
    """
    if len(value) > MAX_VALUE:
        raise SyntaxFault(f"the field is longer than {MAX_VALUE} bytes")
    pieces = _pieces(comments.mask(value))
    first = _ID.fullmatch(pieces[0])
    if first is None:
        raise SyntaxFault("the field does not say who it is from")
    if first[2] not in {None, b"1"}:
        raise SyntaxFault("only version 1 of Authentication-Results is known")
    if len(pieces) > MAX_RESULTS + 2:
        raise SyntaxFault(f"the field has more than {MAX_RESULTS} results")
    bare = [piece for piece in pieces[1:] if not piece.isspace() and piece]
    if [piece.strip().lower() for piece in bare] == [b"none"]:
        bare = []
    return AuthenticationResults(_text(first[1]), tuple(map(_result, bare)))


def _pieces(value: bytes) -> list[bytes]:
    pieces: list[bytes] = []
    at = 0
    while True:
        match = _PIECE.match(value, at)
        assert match is not None  # it matches the empty text
        pieces.append(match[0])
        at = match.end()
        if at == len(value):
            return pieces
        if value[at : at + 1] != b";":
            raise SyntaxFault("a quoted string in the field is not closed")
        at += 1


def _result(piece: bytes) -> MethodResult:
    method = _METHOD.match(piece)
    if method is None:
        raise SyntaxFault("a result must be written method=result")
    at = method.end()
    reason = ""
    if (why := _REASON.match(piece, at)) is not None:
        reason = _text(why[1])
        at = why.end()
    properties: list[Property] = []
    while found := _PROPERTY.match(piece, at):
        kind, name = found[1].decode().lower(), found[2].decode().lower()
        properties.append(Property(kind, name, _text(found[3])))
        at = found.end()
    if piece[at:].strip():
        raise SyntaxFault("a property must be written type.name=value")
    return MethodResult(
        method[1].decode().lower(), method[2].decode().lower(), reason, tuple(properties)
    )


def _text(raw: bytes) -> str:
    """A value without its quotes, also where only a local part has them."""
    text = raw.decode("utf-8", "replace").replace("\r\n", "")
    if '"' not in text:
        return text
    return _IN_QUOTES.sub(lambda match: _QUOTED_PAIR.sub(r"\1", match[1]), text)


# Forged fields


def forged(
    content: bytes | mmap.mmap, authserv_ids: Collection[str]
) -> tuple[tuple[int, int], ...]:
    """Where the fields stand that claim to be ours, or that nobody can read (RFC 8601 5).

    A message that begins in the middle of a field goes on with whatever is put above it, so
    that must not be what we found out: our Received field stands in between.

    Args:
        content: A message that came from elsewhere.
        authserv_ids: The names we write, or wrote: host names.

    Returns:
        Start and end of each, in order; nearly always none.
    """
    end = content.find(b"\r\n\r\n")
    end = end + 2 if end >= 0 else len(content)
    slices: list[tuple[int, int]] = []
    if end > MAX_COPIED or b"authentication-results" in content[:end].lower():
        ours = {_normal(one) for one in authserv_ids}
        slices += [
            found.span()
            for found in _LIKE_NAME.finditer(content, 0, end)
            if not (claimed := _claimed(found[1])) or claimed in ours
        ]
    return tuple(slices)


def without(content: bytes | mmap.mmap, slices: Sequence[tuple[int, int]]) -> Iterator[memoryview]:
    """The message without some of its bytes, as pieces that are not copied."""
    view = memoryview(content)
    at = 0
    for start, end in slices:
        yield view[at:start]
        at = end
    yield view[at:]


def _claimed(value: bytes) -> str:
    """Whose name a field bears, in normal form; nothing when it cannot be told."""
    match = _ID.match(comments.mask(value[:MAX_VALUE]))
    return _normal(_text(match[1])) if match is not None else ""


def _normal(name: str) -> str:
    """A host name in lower case and A-labels, however it was written."""
    if "=?" in name:
        name = words.decode(name.encode())
    host = _HOST.match(name.strip())
    bare = host[0].rstrip(".") if host else ""
    try:
        return Path("", parse_domain(bare)).ascii_domain()
    except SyntaxFault:
        return bare.lower()
