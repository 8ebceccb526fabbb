r"""mbox files of all four kinds (RFC 4155 and what came before it), read and written.

An mbox is messages one after the other, each behind a line `From sender date` and followed by
an empty line. What differs is how a line of a message that begins with `From ` is told from it:

    mboxo    it is written `>From `; what was `>From ` before cannot be told from it
    mboxrd   every line of `>`s and `From ` gets one `>` more, so that reading takes one off
    mboxcl   as mboxo, and a field Content-Length says how long the body is
    mboxcl2  nothing is changed: Content-Length alone tells where the message ends

The line has a date, by which it is known. Where that of the first message has none, as some
programs write it, every line `From ` after an empty line and before a header begins a message.

A file that does not say which it is (`Kind.AUTO`) is read by its Content-Length fields where
they lead to the next message, else as mboxrd.

Flags stand in fields that are no part of the message: Status and X-Status of every program,
X-Keywords of Dovecot's and the University of Washington's, X-Mozilla-Status and -Keys of
Thunderbird's. Reading takes them out. Writing puts its own before all others, always the same
ones in the same order; where they stand so, nothing else of the header is touched, and the
message comes back byte for byte. A message whose last line has no end gets one, and a field
X-Last-Line to say so. Lines end in LF; a message for which that would not do (a
lone CR or LF in it) is written as it is, and its `From ` line ends in CRLF to say so.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire import pieces as parts
from merpati.wire.imap import flags
from merpati.wire.maildir import flags_keyword
from merpati.wire.mime import dates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from merpati.wire.pieces import Content

LINE_MAX: Final = 1000  # octets of a From_ line; ours
HEADER_MAX: Final = 256 * 1024  # octets in which fields of ours are looked for
NOBODY: Final = "MAILER-DAEMON"  # who sent what nobody sent, by custom

_FROM: Final = re.compile(
    rb"From (?P<sender>[^\r\n]{0,500}?) ?(?P<date>(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? [^\r\n]{10,60})"
)
_UNDATED: Final = re.compile(rb"\n\r?\n(?=From [^\r\n]{0,500}\r?\n[!-9;-~]{1,80}:)")
_DATE: Final = re.compile(rb"(?im)^Date:[ \t]*([^\r\n]{1,200})")
_QUOTED_ONCE: Final = re.compile(rb"(?m)^>(?=From )")
_QUOTED: Final = re.compile(rb"(?m)^>(?=>*+From )")
_TO_QUOTE_ONCE: Final = re.compile(rb"(?m)^(?=From )")
_TO_QUOTE: Final = re.compile(rb"(?m)^(?=>*+From )")
_EMPTY_LINE: Final = re.compile(rb"\n\r?\n")
_NO_HEADER: Final = re.compile(rb"\r?\n")
_LENGTH: Final = re.compile(rb"(?im)^Content-Length:[ \t]*([0-9]{1,15})[ \t]*\r?$")
# What `render` writes before everything else.
_OWN: Final = re.compile(
    rb"(?:Content-Length: [0-9]{1,15}\r?\n)?Status: (R?O?)\r?\nX-Status: ([ADFT]{0,4})\r?\n"
    rb"X-Keywords:([^\r\n]*)\r?\n(X-Last-Line: open\r?\n)?"
)
_FOREIGN: Final = re.compile(
    rb"(?im)^(Status|X-Status|X-Keywords|X-Mozilla-Status|X-Mozilla-Keys|X-Mozilla-Status2|X-UID"
    rb"|X-IMAP|X-IMAPbase|Content-Length):([^\r\n]*(?:\r?\n[ \t][^\r\n]*){0,100})\r?\n"
)
RETURN_PATH: Final = re.compile(rb"(?im)^Return-Path: ?<([^<>\s\x00]{0,320})>[ \t]*\r?\n")
_STATUS: Final = {"R": "$seen", "A": "$answered", "D": "$deleted", "F": "$flagged", "T": "$draft"}
_MOZILLA: Final = {
    0x1: "$seen", 0x2: "$answered", 0x4: "$flagged", 0x8: "$deleted", 0x1000: "$forwarded"
}  # fmt: skip
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST: Final = -60_000_000_000  # Unix seconds, in the year 68
_LATEST: Final = 250_000_000_000  # Unix seconds, in the year 9892
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_INTERNAL: Final = b"FOLDER INTERNAL DATA"  # subject of the first message of c-client's files


class Kind(Enum):
    """How lines that begin with `From ` are kept apart."""

    AUTO = "auto"
    MBOXO = "mboxo"
    MBOXRD = "mboxrd"
    MBOXCL = "mboxcl"
    MBOXCL2 = "mboxcl2"


_READ: Final = {Kind.MBOXO: _QUOTED_ONCE, Kind.MBOXCL: _QUOTED_ONCE, Kind.MBOXRD: _QUOTED}
_WRITE: Final = {Kind.MBOXO: _TO_QUOTE_ONCE, Kind.MBOXCL: _TO_QUOTE_ONCE, Kind.MBOXRD: _TO_QUOTE}
_WITH_LENGTH: Final = frozenset({Kind.AUTO, Kind.MBOXCL, Kind.MBOXCL2})


class Entry(msgspec.Struct, frozen=True):
    """Where a message lies in its file.

    Attributes:
        start: of its From_ line.
        message: of what follows that line.
        end: of the message, without the empty line behind it.
        date: of the From_ line, Unix seconds; None when it has none that can be read.
        verbatim: the message has its own line ends, not LF for CRLF.
        kind: how to read it; never AUTO.
    """

    start: int
    message: int
    end: int
    date: int | None
    verbatim: bool
    kind: Kind


class Marks(msgspec.Struct, frozen=True):
    """A message's header without the fields of its mailbox, and what those say.

    Attributes:
        header: up to where the rest of the message begins, still as in the file.
        keywords: stored keywords.
        internal: no message, but what a program notes about its file.
        rest: where in the file the rest begins.
        open_end: the message's last line has no end, though it has one in the file.
    """

    header: bytes
    keywords: frozenset[str]
    internal: bool
    rest: int
    open_end: bool = False


def entries(content: Content, kind: Kind = Kind.AUTO) -> Iterator[Entry]:
    """Every message of a file, in order.

    Raises:
        SyntaxFault: it does not begin with a From_ line, and is not empty.
    """
    start = 0
    while content[start : start + 1] in {b"\n", b"\r"}:
        start += 1
    if start == len(content):
        return
    if content[start : start + 5] != b"From ":
        raise SyntaxFault("it does not begin with a line From, so it is no mbox file")
    dated = _FROM.match(content[start : start + LINE_MAX]) is not None
    while start < len(content):
        entry, start = _entry(content, start, kind, dated=dated)
        yield entry


def marks(content: Content, entry: Entry) -> Marks:
    """The header of a message, and its flags."""
    message, end = entry.message, min(entry.end, entry.message + HEADER_MAX)
    head = content[message:end]
    own = _OWN.match(head)
    if own is not None:
        words = [_STATUS[chr(byte)] for byte in own[1].replace(b"O", b"") + own[2]]
        return Marks(
            b"", frozenset(words) | _keywords(own[3]), internal=False, rest=message + own.end(),
            open_end=own[4] is not None,
        )  # fmt: skip
    closing = _EMPTY_LINE.search(head)
    if head.startswith((b"\n", b"\r\n")):
        return Marks(b"", frozenset(), internal=False, rest=message)
    if closing is None and entry.end > end:  # a header of more than HEADER_MAX is left alone
        return Marks(b"", frozenset(), internal=False, rest=message)
    stop = closing.start() + 1 if closing is not None else len(head)
    header = head[:stop]
    keywords: set[str] = set()
    internal = _INTERNAL in header and re.search(rb"(?im)^X-IMAP(?:base)?:", header) is not None
    for field in _FOREIGN.finditer(header):
        keywords |= _meaning(field[1].lower(), field[2].strip())
    return Marks(_FOREIGN.sub(b"", header), frozenset(keywords), internal, message + stop)


def date_of(found: Marks) -> int | None:
    """When a message was written by its own word, Unix seconds; None when that is not told."""
    date = _DATE.search(found.header)
    return None if date is None else dates.timestamp(date[1])


def message(content: Content, entry: Entry, found: Marks) -> Iterator[bytes]:
    """A message as it was before it came into the file, with CRLF, in pieces."""
    quoting = _READ.get(entry.kind)
    lines = _with_header(content, entry, found)
    for plain in lines if quoting is None else _changed(lines, quoting, b"", b">"):
        yield plain if entry.verbatim else parts.to_crlf(plain)


def render(
    content: Content, kind: Kind, received_at: int, keywords: frozenset[str]
) -> Iterator[bytes]:
    """A message as it stands in a file of this kind, in pieces.

    Args:
        content: The message.
        kind: Any but AUTO.
        received_at: Unix seconds.
        keywords: Stored keywords.
    """
    regular = parts.is_regular(content)
    line_end = b"\n" if regular else b"\r\n"
    path = RETURN_PATH.match(content)
    sender = (path[1] if path is not None else b"") or NOBODY.encode()
    yield b"From " + sender + b" " + _asctime(received_at) + line_end
    if kind in {Kind.MBOXCL, Kind.MBOXCL2}:
        length = _body_length(content, kind, regular=regular)
        if length is not None:
            yield b"Content-Length: %d" % length + line_end
    yield _own_fields(keywords, line_end)
    if content[len(content) - 1 :] != b"\n":
        yield b"X-Last-Line: open" + line_end
    last = b"\n"
    for piece in _written(content, 0, kind, regular=regular):
        yield piece
        last = piece[-1:]
    yield line_end if last == b"\n" else line_end + line_end


def _entry(content: Content, start: int, kind: Kind, *, dated: bool) -> tuple[Entry, int]:
    """The message whose From_ line begins at `start`, and where the next one's does."""
    size = len(content)
    newline = content.find(b"\n", start)
    line_end = newline + 1 if newline >= 0 else size
    line = content[start : min(line_end, start + LINE_MAX)]
    verbatim = line.endswith(b"\r\n")
    found = _FROM.match(line)
    date = dates.timestamp(found["date"]) if found is not None else None
    if kind in _WITH_LENGTH:
        end = _by_length(content, line_end)
        if end is not None:
            its_kind = Kind.MBOXCL if kind is Kind.MBOXCL else Kind.MBOXCL2
            entry = Entry(start, line_end, end, date, verbatim, its_kind)
            return entry, _next(content, end)
    after = _separator(content, line_end) if dated else _undated(content, line_end)
    tail = content[max(line_end, after - 3) : after]
    kept = tail.removesuffix(b"\r\n") if tail.endswith(b"\r\n") else tail.removesuffix(b"\n")
    end = after - len(tail) + len(kept) if kept.endswith(b"\n") else after
    its_kind = Kind.MBOXRD if kind is Kind.AUTO else kind
    return Entry(start, line_end, end, date, verbatim, its_kind), after


def _separator(content: Content, at: int) -> int:
    """Where the next From_ line begins, or the end of the file."""
    if content[at : at + 5] == b"From " and _FROM.match(content[at : at + LINE_MAX]):
        return at
    found = content.find(b"\nFrom ", at)
    while found >= 0:
        if _FROM.match(content[found + 1 : found + 1 + LINE_MAX]):
            return found + 1
        found = content.find(b"\nFrom ", found + 1)
    return len(content)


def _undated(content: Content, at: int) -> int:
    """As `_separator`, for files whose From_ lines have no date."""
    found = _UNDATED.search(content, max(0, at - 1))
    return len(content) if found is None else found.end()


def _by_length(content: Content, message: int) -> int | None:
    """Where a message ends by its Content-Length, if that is where the next one begins."""
    head = content[message : message + HEADER_MAX]
    closing = _EMPTY_LINE.search(head)
    if closing is None:
        return None
    length = _LENGTH.search(head, 0, closing.end())
    if length is None:
        return None
    end = message + closing.end() + int(length[1])
    if end > len(content):
        return None
    after = content[end : end + LINE_MAX + 4].lstrip(b"\r\n")
    return end if not after or _FROM.match(after) else None


def _next(content: Content, end: int) -> int:
    """Where the From_ line behind a message that ends here begins."""
    while content[end : end + 1] in {b"\n", b"\r"}:
        end += 1
    return end


def _with_header(content: Content, entry: Entry, found: Marks) -> Iterator[bytes]:
    if found.header:
        yield found.header
    end = entry.end
    if found.open_end and content[max(found.rest, end - 1) : end] == b"\n":
        end -= 2 if entry.verbatim else 1
    yield from parts.pieces(content, found.rest, max(found.rest, end))


def _meaning(name: bytes, value: bytes) -> set[str]:
    """The keywords that a field stands for."""
    if name in {b"status", b"x-status"}:
        return {_STATUS[char] for char in value.decode("latin-1")[:20] if char in _STATUS}
    if name in {b"x-keywords", b"x-mozilla-keys"}:
        return set(_keywords(value))
    if name == b"x-mozilla-status" and re.fullmatch(rb"[0-9A-Fa-f]{1,8}", value):
        bits = int(value, 16)
        return {keyword for bit, keyword in _MOZILLA.items() if bits & bit}
    return set()


def _keywords(value: bytes) -> frozenset[str]:
    found = (flags_keyword(word) for word in value[:HEADER_MAX].split()[: flags.FLAGS_MAX])
    return frozenset(keyword for keyword in found if keyword)


def _own_fields(keywords: frozenset[str], line_end: bytes) -> bytes:
    status = b"RO" if "$seen" in keywords else b"O"
    others = "".join(
        letter for letter, keyword in sorted(_STATUS.items())
        if letter != "R" and keyword in keywords
    )  # fmt: skip
    words = b"".join(
        b" " + flags.flag(keyword) for keyword in sorted(keywords - set(_STATUS.values()))
    )
    lines = (b"Status: " + status, b"X-Status: " + others.encode(), b"X-Keywords:" + words)
    return line_end.join(lines) + line_end


def _written(content: Content, start: int, kind: Kind, *, regular: bool) -> Iterator[bytes]:
    """A message from `start` on, as it stands in the file."""
    quoting = _WRITE.get(kind)
    lines = parts.pieces(content, start, len(content))
    for plain in lines if quoting is None else _changed(lines, quoting, b">", b"From "):
        yield parts.to_lf(plain) if regular else plain


def _changed(
    lines: Iterator[bytes], pattern: re.Pattern[bytes], by: bytes, needed: bytes
) -> Iterator[bytes]:
    """Pieces with a change at the beginning of lines; `needed` stands wherever it applies."""
    at_line = True
    for piece in lines:
        if needed not in piece:
            yield piece
        elif at_line:
            yield pattern.sub(by, piece)
        else:  # an endless line goes on: its first octets begin none
            yield pattern.sub(by, b"." + piece)[1:]
        at_line = piece.endswith(b"\n")


def _body_length(content: Content, kind: Kind, *, regular: bool) -> int | None:
    """Octets of the body in the file; None without one."""
    found = _NO_HEADER.match(content) or _EMPTY_LINE.search(content)
    if found is None:
        return None
    return sum(map(len, _written(content, found.end(), kind, regular=regular)))


def _asctime(seconds: int) -> bytes:
    """`Sat Jan  3 01:05:34 1996`, in UTC (RFC 4155)."""
    date = _EPOCH + timedelta(seconds=min(max(seconds, _EARLIEST), _LATEST))
    return (
        f"{_DAYS[date.weekday()]} {_MONTHS[date.month - 1]} {date.day:2}"
        f" {date.hour:02}:{date.minute:02}:{date.second:02} {date.year:04}"
    ).encode()
