"""IMAP commands: whatever a client sends makes a command or a BadCommand."""

from __future__ import annotations

from contextlib import suppress

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import append, parser, search
from merpati.wire.imap.commands import Append, Search
from merpati.wire.imap.lexer import BadCommand, CommandReader, Cursor, Limits, Literal

SEEDS: list[bytes] = [
    b"A1 UID FETCH 1:* (FLAGS UID BODY.PEEK[HEADER.FIELDS (From {2}\r\nTo)]<0.99>)",
    b"A2 LOGIN {4}\r\nuser {4+}\r\npass",
    b'A3 SEARCH RETURN (MIN) CHARSET UTF-8 OR NOT FROM "a" (UNSEEN 1:3,*) SINCE 1-Feb-1994',
    b'A4 LIST (SUBSCRIBED RECURSIVEMATCH) "" (a b%) RETURN (STATUS (SIZE))',
    b"A5 SELECT x (QRESYNC (1 2 3:4 (5 6)) CONDSTORE)",
    b'A6 APPEND x (\\Seen) "17-Jul-1996 02:44:25 -0700" {3}\r\nabc (\\Draft) ~{1+}\r\nx',
    b"A7 UID STORE 1,3:5 (UNCHANGEDSINCE 9) +FLAGS.SILENT (\\Deleted Work)",
    b'A8 ID ("name" "x" "os" NIL)',
    b"A9 AUTHENTICATE PLAIN AG1lAHg=",
    b"B0 SETACL Work -ani@example.org +lrswcd",
    b"B1 SETQUOTA x (STORAGE 10 MESSAGE 5)",
    b"B2 GETMETADATA (MAXSIZE 9 DEPTH infinity) INBOX (/private/a /shared/b)",
    b"B3 SETMETADATA INBOX (/private/a ~{3}\r\na\0b /shared/b NIL)",
    b'B1 SEARCH MODSEQ "/flags/\\\\seen" all 1 HEADER x "" $',
]
DICTIONARY: list[bytes] = [
    *(b"{3}\r\n", b"{0+}\r\n", b"~{1}\r\n", b'"', b"(", b")", b"NOT ", b"OR ", b"UID ", b"1:*,"),
    *(b"FETCH ", b"SEARCH ", b"STORE ", b"APPEND ", b"BODY[", b"RETURN (", b"NIL", b"$", b"%"),
]
LIMITS = Limits(line=64 * 1024, literal=4096, total=64 * 1024)


def target(data: bytes) -> None:
    reader = CommandReader(LIMITS)
    at = 0
    while True:
        line, found, _ = data[at:].partition(b"\r\n")
        at += len(line) + len(found)
        literal = reader.feed(line)
        with suppress(BadCommand, StopIteration):
            _messages(Append(b"t", "x", line, literal))
        if literal is None:
            break
        at += _send(reader, literal, data[at:])
    try:
        command = parser.parse(reader)
    except BadCommand:
        return
    if isinstance(command, Search):
        _check_printer(command)


def _send(reader: CommandReader, literal: Literal, rest: bytes) -> int:
    """Do as a session does with an announced literal; how many bytes of `rest` that took."""
    with suppress(BadCommand):
        append.first(reader, literal)
    if not literal.fits:
        reader.skip("too long")
        return min(literal.size, len(rest))
    reader.fill(rest[: literal.size].ljust(literal.size, b"."))
    return literal.size


def _messages(command: Append) -> None:
    """What would be read after it, as long as every line is like the first."""
    steps = append.messages(command)
    following = None
    for _ in range(20):
        step = steps.send(following)
        following = None
        if isinstance(step, append.Octets | append.UrlLiteral):
            following = append.Following(command.rest, command.literal, command.rest)


def _check_printer(command: Search) -> None:
    """What was searched for is written so that it reads the same."""
    wire = search.render(command.key)
    reader = CommandReader(Limits(line=1 << 20, literal=1 << 20, total=1 << 24))
    line, _, rest = wire.partition(b"\r\n")
    literal = reader.feed(line)
    while literal is not None:
        reader.fill(rest[: literal.size])
        line, _, rest = rest[literal.size :].partition(b"\r\n")
        literal = reader.feed(line)
    try:
        key = search.read_keys(Cursor(reader.parts))
    except SyntaxFault as fault:
        raise AssertionError(wire) from fault
    assert key == command.key
