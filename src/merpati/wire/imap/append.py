"""APPEND and REPLACE, read while their messages are still to come.

RFC 3501 6.3.11 with MULTIAPPEND (RFC 3502), CATENATE (RFC 4469), BINARY (RFC 3516),
UTF8 (RFC 6855 4) and REPLACE (RFC 8508). A message is streamed to a blob and never held by
the reader. When `feed` announces a literal in a command of `COMMANDS`:

    command = append.first(reader, literal)
    if command is None: ...            # only the mailbox's name: read it as any literal

`messages(command)` then says step by step what comes: it yields what the session is to do,
and where that takes bytes from the client, it is sent what followed them:

    steps = append.messages(command)
    step = next(steps)
    ...
    step = steps.send(Following(line, literal))    # after Octets and UrlLiteral
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import dates
from merpati.wire.imap.arguments import Arguments
from merpati.wire.imap.commands import Append, Replace
from merpati.wire.imap.lexer import BadCommand, Literal, head_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from merpati.wire.imap.lexer import CommandReader

COMMANDS: Final = frozenset({b"APPEND", b"REPLACE", b"UID REPLACE"})
PARTS_MAX: Final = 1000  # of one CATENATE; ours

_NAME_COMES: Final = re.compile(rb" ~?\{[0-9]{1,19}\+?\}")
_DATE_TIME: Final = re.compile(rb'"([^"\\]{26})"')
_LITERAL: Final = re.compile(rb"~?\{[0-9]{1,19}\+?\}")


class Begin(msgspec.Struct, frozen=True):
    """A message begins: its flags as the store has them, its Unix timestamp or None for now."""

    keywords: tuple[str, ...]
    date: int | None


class Octets(msgspec.Struct, frozen=True):
    """The message goes on with a literal, to be streamed.

    `binary`: sent as `~{n}`, may hold NUL (RFC 3516 4.4). `utf8`: within UTF8 (RFC 6855 4).
    """

    size: int
    synchronising: bool
    binary: bool = False
    utf8: bool = False


class FromUrl(msgspec.Struct, frozen=True):
    """The message goes on with what a URL of CATENATE names."""

    url: bytes


class UrlLiteral(msgspec.Struct, frozen=True):
    """The URL comes as a literal: send its bytes in `Following.data`."""

    literal: Literal


class Finish(msgspec.Struct, frozen=True):
    """The message is whole."""


class Following(msgspec.Struct, frozen=True):
    """The line after a literal, what `feed` said of it, and the bytes of a `UrlLiteral`."""

    line: bytes
    literal: Literal | None
    data: bytes = b""


Step = Begin | Octets | FromUrl | UrlLiteral | Finish


def first(reader: CommandReader, literal: Literal, *, utf8: bool = False) -> Append | None:
    """The command in which `literal` was just announced; None if it is the mailbox's name.

    Raises:
        BadCommand: it cannot be read; the literal, if not synchronising, comes all the same.
    """
    head = head_of(reader.parts[0])
    if head is None or reader.head()[1] not in COMMANDS:
        raise BadCommand("expected APPEND or REPLACE", head[1] if head else None)
    arguments = Arguments(reader.parts, head.end(), head[1], head[2] is not None, utf8)
    replaces = head[3].upper() == b"REPLACE"
    try:
        number = replaced(arguments) if replaces else None
        if len(reader.parts) == 1 and _NAME_COMES.fullmatch(arguments.line, arguments.at):
            return None
        return whole(arguments, number, literal)
    except SyntaxFault as fault:
        raise BadCommand(fault.text, head[1]) from None


def replaced(arguments: Arguments) -> int:
    """The one message that a REPLACE names, 0 for `*` (RFC 8508 3.5)."""
    wanted = arguments.set()
    ranges = wanted.ranges
    if wanted.saved or len(ranges) != 1 or ranges[0][0] != ranges[0][1]:
        raise SyntaxFault("REPLACE takes one message")
    return ranges[0][0]


def whole(arguments: Arguments, number: int | None, literal: Literal | None) -> Append:
    """The command from its mailbox on; `number` as `replaced` found it, None for APPEND."""
    mailbox = arguments.mailbox()
    rest = arguments.line[arguments.at :]
    if not rest:
        raise SyntaxFault("expected a message")
    arguments.at = len(arguments.line)  # `messages` reads it
    tag, written = arguments.tag, arguments.written
    if number is not None:
        return Replace(tag, mailbox, rest, literal, written, arguments.uid, number)
    return Append(tag, mailbox, rest, literal, written)


def messages(command: Append) -> Generator[Step, Following | None, None]:
    """What the command brings, in order; see the module's head.

    Raises:
        BadCommand: what follows is not right. A literal that was announced last, if it is
            not synchronising, comes all the same.
    """
    try:
        yield from _Messages(command).steps()
    except SyntaxFault as fault:
        raise BadCommand(fault.text, command.tag) from None


class _Messages:
    """Where the reading of a command's messages stands."""

    __slots__ = ("_arguments", "_is_one", "_literal", "_tag")

    def __init__(self, command: Append) -> None:
        self._tag = command.tag
        self._is_one = isinstance(command, Replace)
        self._literal = command.literal
        self._arguments = Arguments([command.rest], 0, command.tag)

    def steps(self) -> Generator[Step, Following | None, None]:
        """1*append-message."""
        while True:
            self._arguments.space()
            yield from self._message()
            if not self._arguments.line[self._arguments.at :]:
                return
            if self._is_one:
                raise SyntaxFault("REPLACE takes one message")

    def _message(self) -> Generator[Step, Following | None, None]:
        """[flag-list SP] [date-time SP] append-data."""
        arguments = self._arguments
        keywords: tuple[str, ...] = ()
        date = None
        if arguments.comes(b"("):
            keywords = arguments.keywords()
            arguments.space()
        if arguments.comes(b'"'):
            date = dates.parse_date_time(arguments.match(_DATE_TIME, "a date and time")[1])
            arguments.space()
        begin = Begin(keywords, date)
        if arguments.take_word(b"CATENATE ("):
            yield begin
            yield from self._parts()
        elif arguments.take_word(b"UTF8 ("):
            yield begin
            yield from self._octets(utf8=True)
        else:
            self._expect_literal("expected the message as a literal")
            yield begin
            yield from self._octets()
        yield Finish()

    def _parts(self) -> Generator[Step, Following | None, None]:
        """cat-part *(SP cat-part) ")" (RFC 4469 5, RFC 6855 4)."""
        for _ in range(PARTS_MAX):
            arguments = self._arguments
            if arguments.take_word(b"TEXT "):
                yield from self._octets()
            elif arguments.take_word(b"UTF8 ("):
                yield from self._octets(utf8=True)
            elif arguments.take_word(b"URL "):
                yield from self._url()
            else:
                raise SyntaxFault("CATENATE takes URL and TEXT")
            if self._arguments.take(b")"):
                return
            self._arguments.space()
        raise SyntaxFault(f"CATENATE takes at most {PARTS_MAX} parts")

    def _octets(self, *, utf8: bool = False) -> Generator[Step, Following | None, None]:
        literal = self._expect_literal("expected a literal")
        self._go_on((yield Octets(literal.size, literal.synchronising, literal.binary, utf8)))
        if utf8:
            self._arguments.expect(b")")

    def _url(self) -> Generator[Step, Following | None, None]:
        if self._literal is not None and self._literal_here():
            following = yield UrlLiteral(self._literal)
            self._go_on(following)
            assert following is not None
            yield FromUrl(following.data)
        else:
            yield FromUrl(self._arguments.astring())

    def _literal_here(self) -> bool:
        return bool(_LITERAL.fullmatch(self._arguments.line, self._arguments.at))

    def _expect_literal(self, text: str) -> Literal:
        if self._literal is None or not self._literal_here():
            raise SyntaxFault(text)
        return self._literal

    def _go_on(self, following: Following | None) -> None:
        assert following is not None, "what came after the literal is due"
        self._arguments = Arguments([following.line], 0, self._tag)
        self._literal = following.literal
