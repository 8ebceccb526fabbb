"""POP3 command lines (RFC 1939, 2449, 2595, 5034, 6856) to values and back.

`parse` takes one line without its CRLF and gives a struct per verb; `encode`
writes one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from merpati.base.faults import SyntaxFault

if TYPE_CHECKING:
    from collections.abc import Callable

COMMAND_LINE_LIMIT: Final = 255  # octets including the CRLF, RFC 2449 4

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_NUMBER: Final = re.compile(r"[0-9]{1,10}")
_LANGUAGE: Final = re.compile(r"\*|[A-Za-z0-9*]{1,8}(?:-[A-Za-z0-9*]{1,8}){0,8}")  # RFC 4647 2
_MECHANISM: Final = re.compile(r"[A-Z0-9_-]{1,20}")  # RFC 4422 3.1


class User(Struct, frozen=True):
    """The mailbox to log in to."""

    name: str


class Pass(Struct, frozen=True):
    """Its password, as it came; spaces belong to it."""

    password: str

    def __repr__(self) -> str:
        """Without the password."""
        return "Pass(...)"


class Auth(Struct, frozen=True):
    """SASL (RFC 5034).

    Attributes:
        mechanism: in upper case, or `None` to ask for the list (RFC 1734 as
            used by old clients).
        initial: initial response, still in base64, `=` for an empty one.
    """

    mechanism: str | None = None
    initial: bytes | None = None

    def __repr__(self) -> str:
        """Without the initial response, which holds a password."""
        return f"Auth({self.mechanism!r}, {'...' if self.initial else self.initial!r})"


class Capa(Struct, frozen=True):
    """Asks for the capabilities (RFC 2449 5)."""


class Stls(Struct, frozen=True):
    """Asks for TLS (RFC 2595 4)."""


class Stat(Struct, frozen=True):
    """Asks for the number of messages and their octets."""


class List(Struct, frozen=True):
    """Asks for the octets of one message, or of each when `number` is `None`."""

    number: int | None = None


class Uidl(Struct, frozen=True):
    """Asks for the unique id of one message, or of each when `number` is `None`."""

    number: int | None = None


class Retr(Struct, frozen=True):
    """Asks for a message."""

    number: int


class Dele(Struct, frozen=True):
    """Marks a message to be deleted at QUIT."""

    number: int


class Top(Struct, frozen=True):
    """Asks for a message's header and the first `lines` of its body."""

    number: int
    lines: int


class Noop(Struct, frozen=True):
    """Does nothing."""


class Rset(Struct, frozen=True):
    """Takes the marks of DELE off."""


class Utf8(Struct, frozen=True):
    """Says that the client takes headers in UTF-8 (RFC 6856 2)."""


class Lang(Struct, frozen=True):
    """Asks for another language, or for the list when `tag` is `None` (RFC 6856 3)."""

    tag: str | None = None


class Quit(Struct, frozen=True):
    """Ends the session, and deletes what is marked."""


Command = (
    User | Pass | Auth | Capa | Stls | Stat | List | Uidl | Retr | Dele | Top | Noop | Rset | Quit
    | Utf8 | Lang
)  # fmt: skip


def parse(line: bytes) -> Command:
    """The command in `line`, which comes without its CRLF.

    Raises:
        SyntaxFault: no such command, wrong arguments, too long, or not UTF-8.
    """
    if len(line) > COMMAND_LINE_LIMIT - 2:
        raise SyntaxFault(f"the line is longer than {COMMAND_LINE_LIMIT} octets")
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise SyntaxFault("commands must be in ASCII or UTF-8") from None
    if not text.isprintable() and _CONTROL.search(text):  # the first is quick and too strict
        raise SyntaxFault("commands must not contain control characters")
    verb, _, argument = text.partition(" ")
    parser = _PARSERS.get(verb.upper())
    if parser is None:
        raise SyntaxFault("no such command")
    return parser(argument)


def encode(command: Command) -> bytes:
    """The line for `command`, without CRLF.

    Raises:
        SyntaxFault: a field holds a control character, which could smuggle a
            second command.
    """
    match command:
        case User(argument) | Pass(argument):
            arguments = [argument]
        case Auth(mechanism, initial):
            arguments = [mechanism or "", (initial or b"").decode("latin-1")]
        case List(number) | Uidl(number) | Retr(number) | Dele(number):
            arguments = [] if number is None else [str(number)]
        case Lang(tag):
            arguments = [] if tag is None else [tag]
        case Top(number, lines):
            arguments = [str(number), str(lines)]
        case _:
            arguments = []
    verb = type(command).__name__.upper()
    text = " ".join([verb, *(argument for argument in arguments if argument)])
    if not text.isprintable() and _CONTROL.search(text):
        raise SyntaxFault("a command must not contain control characters")
    return text.encode()


def _numbers(argument: str, least: int, most: int) -> list[int]:
    """Between `least` and `most` numbers; message numbers are checked by the session."""
    words = argument.split()
    if not least <= len(words) <= most:
        raise SyntaxFault("wrong number of arguments")
    if not all(_NUMBER.fullmatch(word) for word in words):
        raise SyntaxFault("expected a number of at most ten digits")
    return [int(word) for word in words]


def _parse_top(argument: str) -> Top:
    number, lines = _numbers(argument, 2, 2)
    return Top(number, lines)


def _parse_user(argument: str) -> User:
    name = argument.strip(" ")
    if not name:
        raise SyntaxFault("USER needs a name")
    return User(name)


def _parse_pass(argument: str) -> Pass:
    if not argument:
        raise SyntaxFault("PASS needs a password")
    return Pass(argument)


def _parse_auth(argument: str) -> Auth:
    words = argument.split()
    if not words:
        return Auth()
    mechanism = words[0].upper()
    if len(words) > 2 or not _MECHANISM.fullmatch(mechanism) or not words[-1].isascii():
        raise SyntaxFault("expected AUTH mechanism [initial-response]")
    return Auth(mechanism, words[1].encode("ascii") if len(words) == 2 else None)


def _parse_lang(argument: str) -> Lang:
    words = argument.split()
    if len(words) > 1 or (words and not _LANGUAGE.fullmatch(words[0])):
        raise SyntaxFault("expected LANG or LANG tag")
    return Lang(words[0] if words else None)


def _with_number(make: type[Retr | Dele]) -> Callable[[str], Command]:
    return lambda argument: make(*_numbers(argument, 1, 1))


def _with_optional_number(make: type[List | Uidl]) -> Callable[[str], Command]:
    return lambda argument: make(*_numbers(argument, 0, 1))


def _without_argument(command: Command) -> Callable[[str], Command]:
    def parse_nothing(argument: str) -> Command:
        if argument.strip(" "):
            raise SyntaxFault("this command takes no argument")
        return command

    return parse_nothing


_PARSERS: Final[dict[str, Callable[[str], Command]]] = {
    "USER": _parse_user,
    "PASS": _parse_pass,
    "AUTH": _parse_auth,
    "CAPA": _without_argument(Capa()),
    "STLS": _without_argument(Stls()),
    "STAT": _without_argument(Stat()),
    "LIST": _with_optional_number(List),
    "UIDL": _with_optional_number(Uidl),
    "RETR": _with_number(Retr),
    "DELE": _with_number(Dele),
    "TOP": _parse_top,
    "NOOP": _without_argument(Noop()),
    "RSET": _without_argument(Rset()),
    "UTF8": _without_argument(Utf8()),
    "LANG": _parse_lang,
    "QUIT": _without_argument(Quit()),
}
