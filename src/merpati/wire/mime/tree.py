"""The structure of a message: its tree of parts, as byte offsets into it.

Theory. One walk through the message with a stack of open parts. Every open part
knows `stop`, the offset of the nearest line that looks like a delimiter of its
own boundary or of an ancestor's. A new multipart looks for its boundary only up
to the `stop` around it, so stops never grow with depth, the innermost one is the
next place where anything can happen, and each level reads each byte at most once,
inside `bytes.find`. Bodies are never split into lines.

The limits bound depth and number of parts, so time is linear in the size of the
message for any input. Nothing here raises: what breaks the rules of RFC 2046 is
read the way mail readers expect it, and what is beyond a limit stays opaque.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.mime import charsets, comments, headers, params

if TYPE_CHECKING:
    import mmap
    from collections.abc import Collection

MAX_DEPTH: Final = 100  # as Postfix and Dovecot; deeper mail exists only as an attack
MAX_PARTS: Final = 10_000  # as Dovecot
MAX_SEARCHES: Final = 50_000  # for a boundary; honest mail needs about two for each part
MAX_BOUNDARY: Final = 8_192  # RFC 2046 5.1.1 allows 70, and readers are expected to take more
MAX_HEADER: Final = headers.MAX_BYTES  # bytes of a part's header that are looked at
REMEMBERED: Final = 100  # bytes; a Content-Type of no more is not read anew each time it comes
_CHUNK: Final = 1 << 16  # bytes in which line ends are counted at once

_Pairs = list[tuple[str, str]]

_LINE: Final = 998  # RFC 5322 2.1.1

# What may follow a boundary in a line that holds nothing else (RFC 2046 5.1.1).
_EXACT = re.compile(rb"(?:--)?[ \t]*+\r?(?:\n|\Z)")
_BLANK_LINE = re.compile(rb"\n\r?\n")
# The first line of a header: none at all, or what some reader takes for a field.
# "From " opens an mbox entry.
_FIRST_LINE = re.compile(rb"(\r?\n)|[^\x00-\x20:]++[ \t]*+:|>?From |[ \t]")
_NOT_A_FIELD = re.compile(rb"\n(?![^\x00-\x20:]++[ \t]*+:|>?From |[ \t\r\n])")
# What most senders write: a value and parameters without escapes, comments,
# encoded words, or the extensions of RFC 2231. `params` reads all others.
_ATTRIBUTE: Final = rb"[!#$&'+\-.0-9A-Z^_`a-z|{}~]++"
_BARE: Final = rb"[!#-'*+\-.-:@-Z^-~]++"
_QUOTED: Final = rb"[ !#->@-\[\]-~]*+"
_PLAIN = re.compile(
    rb"%b(?:/%b)?[ \t]*+(?:;[ \t]*+%b=(?:%b|\"%b\")[ \t]*+)*;?"
    % (_ATTRIBUTE, _ATTRIBUTE, _ATTRIBUTE, _BARE, _QUOTED)
)
# Content-Type with at most one such parameter: in ordinary mail nearly every one.
_COMMON_TYPE = re.compile(
    rb"(%b)/(%b)(?:;[ \t]*+(%b)=(?:\"(%b)\"|(%b)))?;?"
    % (_ATTRIBUTE, _ATTRIBUTE, _ATTRIBUTE, _QUOTED, _BARE)
)
_PLAIN_PARAMETER = re.compile(r";[ \t]*+([^=]++)=(?:\"([^\"]*+)\"|([^; \t]++))")
_TYPE: Final = b"content-type"
_ENCODING: Final = b"content-transfer-encoding"
_DISPOSITION: Final = b"content-disposition"
_LANGUAGE: Final = b"content-language"
_TEXTS: Final = {
    b"content-id": "id",
    b"content-description": "description",
    b"content-md5": "md5",
    b"content-location": "location",
}
_SELDOM: Final = frozenset({_DISPOSITION, _LANGUAGE, *_TEXTS})
KEYS: Final = frozenset({_TYPE, _ENCODING}) | _SELDOM  # the fields that make a part
_NESTING: Final = frozenset({"multipart", "message"})  # types of parts that may have parts
_ENCODINGS: Final = {
    name.encode(): name for name in ("7bit", "8bit", "binary", "base64", "quoted-printable")
}
_MEDIA_TYPE = re.compile(r"([^\s()<>@,;:\\\"/\[\]?=]+)[ \t]*/[ \t]*([^\s()<>@,;:\\\"/\[\]?=]+)")
_TOKEN = re.compile(r"[^\s()<>,;:\\\"]+")


class Part(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One part of a message; the root stands for the whole message.

    Offsets count bytes from the start of the whole message. `header_start` to
    `body_start` is the header with its empty line, `body_start` to `body_end` the
    body without the line end that belongs to the delimiter after it. `lines`
    counts the line ends in the body of text and message parts, and is 0 elsewhere.

    `type`, `subtype`, `encoding` and `disposition` are lower case. Parameters
    are (name, value) pairs in order, names in lower case, values decoded. The other
    texts are the unfolded field bodies. A multipart has its parts as `children`, a
    message/rfc822 or message/global its one inner message.

    Fields are only ever added at the end, with a default: what older releases
    stored must stay readable.
    """

    header_start: int
    body_start: int
    body_end: int
    lines: int = 0
    type: str = "text"
    subtype: str = "plain"
    params: _Pairs = []
    encoding: str = "7bit"
    id: str = ""
    description: str = ""
    md5: str = ""
    disposition: str = ""
    disposition_params: _Pairs = []
    language: list[str] = []
    location: str = ""
    children: list[Part] = []

    @property
    def size(self) -> int:
        """Length of the body in bytes."""
        return self.body_end - self.body_start

    def param(self, name: str) -> str:
        """The Content-Type parameter of that lower-case name, or an empty string."""
        for key, value in self.params:
            if key == name:
                return value
        return ""

    @property
    def filename(self) -> str:
        """The name its sender gave an attachment, or an empty string (RFC 2183 2.3)."""
        for key, value in self.disposition_params:
            if key == "filename":
                return value
        return self.param("name")


_DECODER = msgspec.msgpack.Decoder(Part)
_ENCODER = msgspec.msgpack.Encoder()


def encode(part: Part) -> bytes:
    """The compact stored form of a tree."""
    return _ENCODER.encode(part)


def decode(data: bytes) -> Part:
    """The tree that `encode` stored.

    Raises:
        SyntaxFault: the bytes are something else.
    """
    try:
        return _DECODER.decode(data)
    except (msgspec.DecodeError, RecursionError) as fault:
        raise SyntaxFault("the stored structure of a message cannot be read") from fault


def parse(buffer: bytes | mmap.mmap) -> Part:
    """The tree of the message in `buffer`, for any bytes; never raises.

    A memory map is read in place, so the memory taken depends on the number of
    parts and not on the size of the message.
    """
    return read(buffer)[0]


def read(
    buffer: bytes | mmap.mmap, keys: Collection[bytes] = KEYS, joined: Collection[bytes] = ()
) -> tuple[Part, dict[bytes, bytes]]:
    """As `parse`, with what `headers.collect` gives of the message's own header, in one pass.

    Args:
        buffer: The message.
        keys: Names of fields in lower case, with `KEYS` among them.
        joined: As of `headers.collect`.
    """
    walk = _Walk(buffer, len(buffer), (keys, joined))
    walk.enter(0, digest=False)
    root = walk.nodes[0]
    if root.type not in _NESTING:  # as half of all mail
        root.body_end = walk.end
        return _part(root, walk.lines(root)), root.fields
    while (
        walk.stack[-1].stop < walk.end
        and len(walk.nodes) < MAX_PARTS
        and walk.searches < MAX_SEARCHES
    ):
        walk.delimiter(walk.stack[-1].stop)
    walk.leave(0, walk.end)
    return walk.tree(), root.fields


class _Node(msgspec.Struct, eq=False):
    """A part while its extent is not known yet."""

    parent: _Node | None
    header_start: int
    stop: int  # `own`, or else the parent's stop
    body_start: int = 0
    body_end: int = 0
    fields: dict[bytes, bytes] = {}
    type: str = "text"
    subtype: str = "plain"
    params: _Pairs = []
    needle: bytes = b""  # line end and delimiter, while more parts may come
    own: int = -1  # where `needle` stands next, if before the parent's stop
    parts: list[Part] = []  # finished children, last first


class _Walk(msgspec.Struct, eq=False):
    """The walk through one message."""

    buffer: bytes | mmap.mmap
    end: int
    wanted: tuple[Collection[bytes], Collection[bytes]]  # of the outermost header: keys, joined
    searches: int = 0
    nodes: list[_Node] = []  # every part, parents before children
    stack: list[_Node] = []  # the open ones, outermost first

    def enter(self, start: int, *, digest: bool) -> None:
        """Open the part whose header begins at `start`, and the messages inside it."""
        while True:
            parent = self.stack[-1] if self.stack else None
            node = _Node(parent, start, self.end if parent is None else parent.stop)
            self.nodes.append(node)
            self.stack.append(node)
            if digest:  # RFC 2046 5.1.5
                node.type, node.subtype = "message", "rfc822"
            self._read_header(node)
            if node.type == "multipart":
                self._open_multipart(node)
                return
            if node.type != "message" or node.subtype not in {"rfc822", "global"}:
                return
            if len(self.stack) >= MAX_DEPTH or len(self.nodes) >= MAX_PARTS:
                node.type, node.subtype = "application", "octet-stream"
                return
            # RFC 2046 5.2.1 forbids to encode a message; one that is encoded
            # nevertheless is a file to its readers.
            if _encoding(node.fields) in {"base64", "quoted-printable"}:
                return
            start, digest = node.body_start, False

    def _read_header(self, node: _Node) -> None:
        """Find where the header ends, and take from it what MIME defines."""
        buffer, start = self.buffer, node.header_start
        # The line end at `stop` belongs to the delimiter and may end the header, too.
        limit = min(node.stop + 1, self.end)
        reach = min(limit, start + MAX_HEADER)
        node.body_start = start
        first = _FIRST_LINE.match(buffer, start, reach)
        if first is None:
            return  # the empty line is missing, and the header with it
        if first[1]:
            node.body_start = first.end()
            return
        end = buffer.find(b"\n\r\n", start, reach)  # at a fifth of the cost of the pattern
        if end >= 0 and buffer.find(b"\n\n", start, end + 1) < 0:
            node.body_start = end + 3
        elif blank := _BLANK_LINE.search(buffer, start, limit):
            node.body_start = blank.end()
        elif stray := _NOT_A_FIELD.search(buffer, start, reach):
            node.body_start = stray.start() + 1  # the empty line is missing
        else:
            node.body_start = limit
        keys, joined = (KEYS, ()) if node.parent else self.wanted
        node.fields = headers.collect(buffer, start, node.body_start, keys, joined)
        if raw := node.fields.get(_TYPE):
            read = _remembered if len(raw) <= REMEMBERED else _media_type
            media_type, subtype, node.params = read(raw)
            if media_type:
                node.type, node.subtype = media_type, subtype

    def _open_multipart(self, node: _Node) -> None:
        """Look for the first delimiter of a multipart."""
        if len(self.stack) >= MAX_DEPTH:
            node.type, node.subtype = "application", "octet-stream"
            return
        boundary = dict(node.params).get("boundary", "")
        if not 0 < len(boundary) <= MAX_BOUNDARY:
            # RFC 2045 5.2: what cannot be understood is shown as plain text.
            node.type, node.subtype = "text", "plain"
            return
        node.needle = b"\n--" + boundary.encode()
        self._seek(node, node.body_start - 1, node.stop)

    def _seek(self, node: _Node, start: int, around: int) -> None:
        """Find the node's next stop, from `start` and not beyond the stop around it."""
        if node.needle:
            self.searches += 1
            node.own = self.buffer.find(node.needle, start, around + len(node.needle))
            node.stop = node.own if node.own >= 0 else around
        else:
            node.stop = around

    def delimiter(self, at: int) -> None:
        """Act on the line after the line end at `at`, which begins like a delimiter."""
        buffer, stack = self.buffer, self.stack
        first = len(stack)
        claims = []  # innermost first
        while first and stack[first - 1].stop == at:
            first -= 1
            if stack[first].own == at:
                claims.append(first)
        depth = claims[0] if len(claims) == 1 else self._choose(claims, at)
        node = stack[depth]
        after = at + len(node.needle)
        self.leave(depth + 1, at)
        final = buffer[after : after + 2] == b"--"
        if final:
            node.needle, node.own = b"", -1
        # Whoever stopped here looks on: the outer ones first, they bound the inner.
        for i in range(first, depth + 1):
            self._seek(stack[i], at + 1, stack[i - 1].stop if i else self.end)
        if not final:
            line_end = buffer.find(b"\n", after)
            start = self.end if line_end < 0 else line_end + 1
            self.enter(start, digest=node.subtype == "digest")

    def _choose(self, claims: list[int], at: int) -> int:
        """Which of several open multiparts, innermost first, a delimiter line is for.

        One boundary may begin with another, and RFC 2046 5.1.1 lets text follow a
        boundary in its line. So a line that is exactly a boundary is for that one,
        and any other for the longest. Equal boundaries belong to the innermost part.
        """
        longest = claims[0]
        for i in claims:
            after = at + len(self.stack[i].needle)
            if _EXACT.match(self.buffer, after, min(after + _LINE, self.end)):
                return i
            if len(self.stack[i].needle) > len(self.stack[longest].needle):
                longest = i
        return longest

    def leave(self, depth: int, at: int) -> None:
        """Close the open parts from that depth on; the line end at `at` is not theirs."""
        if at < self.end and at and self.buffer[at - 1] == 0x0D:
            at -= 1
        for node in reversed(self.stack[depth:]):
            # A part of which only an empty line is there ends after the line end at `at`.
            at = node.body_end = max(node.body_start, at)
        del self.stack[depth:]

    def tree(self) -> Part:
        """The finished tree, built from the leaves up."""
        before = self._lines_before()
        for node in reversed(self.nodes):
            if node.type == "message":
                lines = before[node.body_end] - before[node.body_start]
            else:
                lines = self.lines(node)
            part = _part(node, lines)
            if node.parent is not None:
                node.parent.parts.append(part)
        return part

    def lines(self, node: _Node) -> int:
        """The line ends in the body of a part without parts, which count if it is text."""
        if node.type != "text":
            return 0
        return _count_lines(self.buffer, node.body_start, node.body_end)

    def _lines_before(self) -> dict[int, int]:
        """The line ends before each offset where the body of a message part begins or ends.

        Messages nest, so counting each on its own would read the innermost many times.
        """
        messages = [node for node in self.nodes if node.type == "message"]
        points = {at for node in messages for at in (node.body_start, node.body_end)}
        total = previous = 0
        before = {}
        for point in sorted(points):
            total += _count_lines(self.buffer, previous, point)
            before[point] = total
            previous = point
        return before


def _part(node: _Node, lines: int) -> Part:
    """The finished form of a part whose children are finished."""
    node.parts.reverse()
    rest = {} if _SELDOM.isdisjoint(node.fields) else _seldom(node.fields)
    return Part(
        node.header_start,
        node.body_start,
        node.body_end,
        lines,
        node.type,
        node.subtype,
        node.params,
        _encoding(node.fields),
        children=node.parts,
        **rest,
    )


def _seldom(fields: dict[bytes, bytes]) -> dict[str, Any]:
    """What few parts have, as attributes of a `Part`."""
    found: dict[str, Any] = {
        name: _text(fields[key]) for key, name in _TEXTS.items() if key in fields
    }
    if _DISPOSITION in fields:
        found["disposition"], found["disposition_params"] = _parameters(fields[_DISPOSITION])
    if _LANGUAGE in fields:
        found["language"] = _TOKEN.findall(_text(comments.mask(fields[_LANGUAGE])))
    return found


def _media_type(raw: bytes) -> tuple[str, str, _Pairs]:
    """Type, subtype and parameters of a Content-Type; no types when it names none."""
    if common := _COMMON_TYPE.fullmatch(raw):
        media_type, subtype, name, quoted, bare = common.groups(b"")
        pairs = [(name.lower().decode(), (quoted or bare).decode())] if name else []
        return media_type.lower().decode(), subtype.lower().decode(), pairs
    value, pairs = _parameters(raw)
    media = _MEDIA_TYPE.match(value)
    return (media[1], media[2], pairs) if media else ("", "", pairs)


# All but those with boundaries are the same in most mail. Nobody changes the lists.
_remembered: Final = lru_cache(maxsize=256)(_media_type)


def _parameters(raw: bytes) -> tuple[str, _Pairs]:
    """The value in lower case, and the parameters, of an unfolded field such as Content-Type."""
    if _PLAIN.fullmatch(raw):
        text = raw.decode("ascii")
        value = text.partition(";")[0].rstrip().lower()
        pairs = [
            (name.lower(), quoted or bare) for name, quoted, bare in _PLAIN_PARAMETER.findall(text)
        ]
        if len(pairs) < 2 or len(dict(pairs)) == len(pairs) <= params.MAX_PARAMS:
            return value, pairs
    value, texts = params.parse(raw)
    return value, list(texts.items())


def _encoding(fields: dict[bytes, bytes]) -> str:
    """The content transfer encoding, in lower case; 7bit by default (RFC 2045 6.1)."""
    raw = fields.get(_ENCODING)
    if raw is None:
        return "7bit"
    known = _ENCODINGS.get(raw)
    if known is not None:
        return known
    token = _TOKEN.search(_text(comments.mask(raw)))
    return token[0].lower() if token else "7bit"


def _text(raw: bytes) -> str:
    """An unfolded field body as text: it is ASCII, or should be UTF-8, and may be anything."""
    return charsets.decode(raw)


def _count_lines(buffer: bytes | mmap.mmap, start: int, end: int) -> int:
    """The line ends in a range, without a copy of it all.

    `replace` finds them with memchr, while `count` looks at each byte: three times the cost.
    """
    lines = 0
    for at in range(start, end, _CHUNK):
        piece = buffer[at : min(at + _CHUNK, end)]
        lines += len(piece) - len(piece.replace(b"\n", b""))
    return lines
