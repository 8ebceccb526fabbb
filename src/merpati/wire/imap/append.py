"""APPEND, read while its messages are still to come (RFC 3501 6.3.11, RFC 3502).

A message is streamed to a blob and never held by the reader. When `feed` announces
a literal and the command's name (`reader.head()`) is `APPEND`:

    command = append.first(reader, literal)
    if command is None: ...            # only the mailbox's name: read it as any literal
    message = command.message
    while message is not None:         # refuse here what is too large, before "+ go ahead"
        ...                            # stream message.size bytes
        reader.leave()
        line = await connection.read_line(...)
        message = append.following(line, command.tag, reader.feed(line))
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import dates
from merpati.wire.imap.arguments import Arguments
from merpati.wire.imap.commands import Append, AppendMessage
from merpati.wire.imap.lexer import BadCommand, head_of

if TYPE_CHECKING:
    from merpati.wire.imap.lexer import CommandReader, Literal

_NAME_COMES: Final = re.compile(rb" ~?\{")
_DATE_TIME: Final = re.compile(rb'"([^"\\]{26})"')
_LITERAL: Final = re.compile(rb"~?\{[0-9]{1,19}\+?\}")


def first(reader: CommandReader, literal: Literal, *, utf8: bool = False) -> Append | None:
    """The APPEND whose message is `literal`, just announced; None if it is the mailbox's name.

    Raises:
        BadCommand: this is no APPEND; the literal, if not synchronising, comes all the same.
    """
    head = head_of(reader.parts[0])
    if head is None or head[3].upper() != b"APPEND" or head[2]:
        raise BadCommand("expected APPEND", head[1] if head else None)
    arguments = Arguments(reader.parts, head.end(), head[1], utf8=utf8)
    if len(reader.parts) == 1 and _NAME_COMES.match(arguments.line, arguments.at):
        return None
    try:
        mailbox = arguments.mailbox()
        arguments.space()
        return Append(head[1], mailbox, _message(arguments, literal))
    except SyntaxFault as fault:
        raise BadCommand(fault.text, head[1]) from None


def following(line: bytes, tag: bytes, literal: Literal | None) -> AppendMessage | None:
    """What follows a message: None at the end of the command, or another one (RFC 3502).

    `line` is the rest of the line behind the message, `literal` what `feed` said of it.

    Raises:
        BadCommand: neither the end nor a message.
    """
    if not line:
        return None
    arguments = Arguments([line], 0, tag)
    try:
        arguments.space()
        return _message(arguments, literal)
    except SyntaxFault as fault:
        raise BadCommand(fault.text, tag) from None


def _message(arguments: Arguments, literal: Literal | None) -> AppendMessage:
    """[flag-list SP] [date-time SP] literal; the literal ends the line."""
    keywords: tuple[str, ...] = ()
    date = None
    if arguments.comes(b"("):
        keywords = arguments.keywords()
        arguments.space()
    if arguments.comes(b'"'):
        date = dates.parse_date_time(arguments.match(_DATE_TIME, "a date and time")[1])
        arguments.space()
    if literal is None or not _LITERAL.fullmatch(arguments.line, arguments.at):
        raise SyntaxFault("expected the message as a literal")
    return AppendMessage(keywords, date, literal.size, literal.synchronising, literal.binary)
