r"""What an IMAP server says, as a client reads it (RFC 3501 7 and 9, RFC 9051 7).

A response is a line, or several with literals between them; `ResponseReader` gathers one, and
the client decides what becomes of each literal: it is kept (`fill`), or it went elsewhere as
it came (`leave`), as a message does that would not fit into memory. `parse` then gives one of
three values. What stands in a response is a tree of bytes, None for NIL, and tuples for lists;
atoms, strings and literals are all bytes, since no client needs to know which it was.

Servers are read leniently (8-bit bytes in atoms, spaces too many), within the limits below.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import dates, names

LINE_MAX: Final = 128 * 1024  # octets; ours: a line of LIST or FETCH has a few hundred
LITERAL_MAX: Final = 1024 * 1024  # octets of one that is kept; ours
TOTAL_MAX: Final = 4 * 1024 * 1024  # octets of a response without what went elsewhere; ours
DEPTH_MAX: Final = 50  # lists within lists; ours
VALUES_MAX: Final = 100_000  # in one response; ours

Value = Any  # bytes, None, Elsewhere, or a tuple of values

_LITERAL_END: Final = re.compile(rb"~?\{([0-9]{1,18})\+?\}\Z")
_TOKEN: Final = re.compile(
    rb'(?P<open>\()|(?P<close>\))|"(?P<quoted>[^"\\\r\n]*+(?:\\.[^"\\\r\n]*+)*)"'
    rb"|(?P<literal>~?\{[0-9]{1,18}\+?\}\Z)"
    rb"|(?P<section>(?:BODY|BINARY|BINARY\.SIZE)\[[^\]\r\n]*\](?:<[0-9]{1,19}>)?)"
    rb'|(?P<atom>[^\x00-\x20(){"\x7f]+)',
    re.IGNORECASE,
)
_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)
_TAGGED: Final = re.compile(
    rb"(?P<tag>[!#$&',\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]{1,255}) (?P<word>OK|NO|BAD)"
    rb"(?: (?P<rest>.*))?",
    re.DOTALL | re.IGNORECASE,
)
_STATUS: Final = re.compile(
    rb"(?P<word>OK|NO|BAD|BYE|PREAUTH)(?: (?P<rest>.*))?\Z", re.DOTALL | re.IGNORECASE
)
_CODE: Final = re.compile(
    rb"\[(?P<name>[^\x00-\x20\]\x7f]{1,100})(?: (?P<arguments>[^\]\r\n]*))?\] ?"
)
_NUMBERED: Final = re.compile(rb"(?P<number>[0-9]{1,10}) (?P<name>[A-Za-z]{1,30})(?: |\Z)")
_NAMED: Final = re.compile(rb"(?P<name>[A-Za-z0-9-]{1,60})(?: |\Z)")
_UNSAFE: Final = re.compile(rb"[\x00\r\n]")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]+")


class Elsewhere(msgspec.Struct, frozen=True):
    """A literal whose octets went elsewhere as they came."""

    size: int


class Status(msgspec.Struct, frozen=True):
    """`tag OK [CODE arguments] text`, or with an empty tag `* OK ...`.

    Attributes:
        tag: empty: untagged.
        word: OK, NO, BAD, BYE or PREAUTH, in capitals.
        code: in capitals, or empty.
        arguments: of the code, as they came.
        text: for people; no control characters.
    """

    tag: bytes
    word: bytes
    code: bytes = b""
    arguments: bytes = b""
    text: str = ""


class Data(msgspec.Struct, frozen=True):
    """`* 12 FETCH (...)`, `* LIST (...) "/" name` and all their like.

    Attributes:
        name: in capitals.
        number: -1: none stands before the name.
        values: what follows.
    """

    name: bytes
    number: int
    values: tuple[Value, ...]


class Continuation(msgspec.Struct, frozen=True):
    """`+ text`: the server waits for more."""

    text: bytes


Response = Status | Data | Continuation


class Folder(msgspec.Struct, frozen=True):
    """A mailbox as LIST tells of it.

    Attributes:
        name: as the server wrote it, to be sent back.
        path: read, with `/` between its levels.
        attributes: in lower case, with their backslash.
    """

    name: bytes
    path: str
    attributes: frozenset[bytes]


class Namespaces(msgspec.Struct, frozen=True):
    """What mailboxes begin with (RFC 2342 5), as the server writes it.

    Attributes:
        personal: those of who is signed in.
        others: those of other users, and those that are shared.
    """

    personal: tuple[bytes, ...] = ()
    others: tuple[bytes, ...] = ()

    def is_others(self, name: bytes) -> bool:
        """Whether a mailbox is somebody else's: the longest beginning that fits says so."""
        if name.upper() == b"INBOX":
            return False
        theirs, own = (
            max((len(one) for one in prefixes if name.startswith(one)), default=-1)
            for prefixes in (self.others, self.personal)
        )
        return theirs > own


class Message(msgspec.Struct, frozen=True):
    """What FETCH tells of a message; None: it did not.

    Attributes:
        flags: as the server wrote them.
        date: INTERNALDATE, Unix seconds.
        size: RFC822.SIZE, octets.
        elsewhere: of its body; where that went the caller knows.
    """

    uid: int | None = None
    flags: tuple[bytes, ...] | None = None
    date: int | None = None
    size: int | None = None
    body: bytes | None = None
    elsewhere: bool = False


class ResponseReader:
    """Gathers one response."""

    __slots__ = ("_pending", "_taken", "parts")

    def __init__(self) -> None:
        self.parts: list[bytes | Elsewhere] = []
        self._pending: int | None = None
        self._taken = 0

    def feed(self, line: bytes) -> int | None:
        """Take a line without its CRLF; the size of the literal that follows, or None at the end.

        Raises:
            SyntaxFault: the response is longer than `TOTAL_MAX`.
        """
        assert self._pending is None, "a literal is due"
        self._count(len(line))
        self.parts.append(line)
        match = _LITERAL_END.search(line, max(0, len(line) - 24)) if line[-1:] == b"}" else None
        self._pending = int(match[1]) if match else None
        return self._pending

    @property
    def is_body(self) -> bool:
        """Whether the literal that is due is a message's body."""
        line = self.parts[-1]
        assert isinstance(line, bytes)
        before = line[: line.rfind(b"{")].rstrip(b"~ ").upper()
        return before.endswith((b"BODY[]", b"RFC822", b"BODY[]<0>"))

    def check(self, size: int) -> None:
        """Raise SyntaxFault for a literal that is too large to be kept."""
        if size > LITERAL_MAX:
            raise SyntaxFault("a literal is too large")

    def fill(self, data: bytes) -> None:
        """Take the octets of the literal."""
        assert self._pending == len(data), "not the literal that was announced"
        self._count(len(data))
        self.parts.append(data)
        self._pending = None

    def leave(self) -> None:
        """Go on without the octets, which went elsewhere."""
        assert self._pending is not None, "no literal is due"
        self.parts.append(Elsewhere(self._pending))
        self._pending = None

    def _count(self, size: int) -> None:
        self._taken += size + 64  # what each part weighs beyond its octets
        if self._taken > TOTAL_MAX:
            raise SyntaxFault("the server's answer is too long")


def parse(parts: list[bytes | Elsewhere]) -> Response:
    """The response in these parts: line, literal, line, ...

    Raises:
        SyntaxFault: it is none.
    """
    first = parts[0]
    if not isinstance(first, bytes):
        raise SyntaxFault("a response begins with a line")
    if first[:1] == b"+":
        return Continuation(first[1:].lstrip(b" "))
    if first[:2] == b"* ":
        status = _STATUS.match(first, 2)
        if status is not None:
            return _status(b"", status)
        return _data(parts)
    tagged = _TAGGED.fullmatch(first)
    if tagged is None:
        raise SyntaxFault("the server's answer is no IMAP response")
    return _status(tagged["tag"], tagged)


def folder(data: Data) -> Folder | None:
    """The mailbox that a LIST response tells of; None for one that cannot be read."""
    if len(data.values) < 3 or not isinstance(data.values[0], tuple):
        return None
    attributes, separator, name = data.values[:3]
    if not isinstance(name, bytes) or not name or _UNSAFE.search(name):
        return None  # one that holds a line end could not be asked for
    path = names.read(name)
    if isinstance(separator, bytes) and separator != b"/":
        level = separator.decode("latin-1")
        path = path.replace("/", "-").replace(level, "/") if level else path
    lower = frozenset(one.lower() for one in attributes if isinstance(one, bytes))
    return Folder(name, names.canonical(path), lower)


def namespaces(data: Data) -> Namespaces:
    """What a NAMESPACE response tells; what cannot be read of it is left out."""
    kinds = [
        tuple(
            one[0] for one in kind if isinstance(one, tuple) and one and isinstance(one[0], bytes)
        )
        if isinstance(kind, tuple)
        else ()
        for kind in (*data.values, None, None, None)[:3]
    ]
    return Namespaces(kinds[0], kinds[1] + kinds[2])


def message(data: Data) -> Message:
    """What a FETCH response tells. Raises SyntaxFault when its items are no pairs."""
    items = data.values[0] if data.values and isinstance(data.values[0], tuple) else ()
    if len(items) % 2:
        raise SyntaxFault("FETCH tells a name without a value")
    found: dict[str, Any] = {}
    for name, value in zip(items[::2], items[1::2], strict=True):
        if isinstance(name, bytes):
            _item(found, name.upper(), value)
    return Message(**found)


def _item(found: dict[str, Any], name: bytes, value: Value) -> None:
    if name == b"UID":
        found["uid"] = _number(value)
    elif name == b"RFC822.SIZE":
        found["size"] = _number(value)
    elif name == b"FLAGS" and isinstance(value, tuple):
        found["flags"] = tuple(one for one in value if isinstance(one, bytes))
    elif name == b"INTERNALDATE" and isinstance(value, bytes):
        found["date"] = dates.parse_date_time(value)
    elif name in {b"BODY[]", b"RFC822"}:
        if isinstance(value, Elsewhere):
            found["elsewhere"] = True
        elif isinstance(value, bytes):
            found["body"] = value


def _number(value: Value) -> int:
    if not isinstance(value, bytes) or not re.fullmatch(rb"[0-9]{1,19}", value):
        raise SyntaxFault("the server's answer has no number where one belongs")
    return int(value)


def _status(tag: bytes, match: re.Match[bytes]) -> Status:
    rest = match["rest"] or b""
    code = _CODE.match(rest)
    text = rest[code.end() :] if code is not None else rest
    return Status(
        tag,
        match["word"].upper(),
        code["name"].upper() if code is not None else b"",
        (code["arguments"] or b"") if code is not None else b"",
        _CONTROL.sub(" ", text.decode("utf-8", "replace"))[:1000],
    )


def _data(parts: list[bytes | Elsewhere]) -> Data:
    first = parts[0]
    assert isinstance(first, bytes)
    match = _NUMBERED.match(first, 2) or _NAMED.match(first, 2)
    if match is None:
        raise SyntaxFault("the server's answer is no IMAP response")
    number = int(match["number"]) if match.re is _NUMBERED else -1
    return Data(match["name"].upper(), number, _values(parts, match.end()))


def _values(parts: list[bytes | Elsewhere], at: int) -> tuple[Value, ...]:
    """What stands in a response from `at` on, lists within lists without recursion."""
    stack: list[list[Value]] = [[]]
    count = 0
    for n in range(0, len(parts), 2):
        line = parts[n]
        if not isinstance(line, bytes):
            raise SyntaxFault("a literal follows a literal")
        while at < len(line):
            if line[at] == 0x20:
                at += 1
                continue
            match = _TOKEN.match(line, at)
            if match is None:
                raise SyntaxFault("the server's answer has an octet where none belongs")
            at = match.end()
            count += 1
            if count > VALUES_MAX:
                raise SyntaxFault("the server's answer has too many values")
            literal = parts[n + 1] if n + 1 < len(parts) else None
            _token(stack, match, literal)
        at = 0
    if len(stack) != 1:
        raise SyntaxFault("a list of the server's answer does not end")
    return tuple(stack[0])


def _token(
    stack: list[list[Value]], match: re.Match[bytes], literal: bytes | Elsewhere | None
) -> None:
    kind = match.lastgroup
    if kind == "open":
        if len(stack) > DEPTH_MAX:
            raise SyntaxFault("the server's answer has too many lists within lists")
        stack.append([])
    elif kind == "close":
        if len(stack) == 1:
            raise SyntaxFault("a list of the server's answer ends that did not begin")
        closed = tuple(stack.pop())
        stack[-1].append(closed)
    elif kind == "quoted":
        text = match["quoted"]
        stack[-1].append(_ESCAPED.sub(rb"\1", text) if b"\\" in text else text)
    elif kind == "literal":
        if literal is None:
            raise SyntaxFault("a literal was announced that did not come")
        stack[-1].append(literal)
    else:
        text = match[0]
        stack[-1].append(None if text.upper() == b"NIL" else text)
