"""The commands of ManageSieve (RFC 5804 2) to values and back.

`parse` takes the pieces of one command (see `strings`) and gives a struct for each kind;
`encode` writes one. Which of them are legal when is the server's (servers/managesieve/legal).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from merpati.base.faults import SyntaxFault
from merpati.wire.managesieve.strings import (
    QUOTED_LIMIT,
    Token,
    Word,
    decode,
    literal,
    quote,
    tokens,
)

LINE_LIMIT: Final = 8192  # octets; two names of 512 with every character escaped have room
NAME_LIMIT: Final = 128  # characters of a script's name, RFC 5804 1.6

_MECHANISM: Final = re.compile(r"[A-Z0-9_-]{1,20}")  # RFC 4422 3.1
# RFC 5804 1.6: no controls, no line and paragraph separators.
_FORBIDDEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Authenticate(Struct, frozen=True):
    """SASL (RFC 5804 2.1).

    Attributes:
        mechanism: in upper case.
        initial: initial response, still in base64; None: not given.
    """

    mechanism: str
    initial: bytes | None = None

    def __repr__(self) -> str:
        """Without the initial response, which holds a password."""
        return f"Authenticate({self.mechanism!r}, {'...' if self.initial else self.initial!r})"


class StartTls(Struct, frozen=True):
    """Asks for TLS (RFC 5804 2.2)."""


class Logout(Struct, frozen=True):
    """Ends the session (RFC 5804 2.3)."""


class Capability(Struct, frozen=True):
    """Asks for the capabilities (RFC 5804 2.4)."""


class HaveSpace(Struct, frozen=True):
    """Asks whether a script of so many octets would be taken (RFC 5804 2.5)."""

    name: str
    size: int


class PutScript(Struct, frozen=True):
    """Stores a script (RFC 5804 2.6)."""

    name: str
    content: bytes


class ListScripts(Struct, frozen=True):
    """Asks for the names of all scripts (RFC 5804 2.7)."""


class SetActive(Struct, frozen=True):
    """Makes a script the one that runs; the empty name: none (RFC 5804 2.8)."""

    name: str


class GetScript(Struct, frozen=True):
    """Asks for a script (RFC 5804 2.9)."""

    name: str


class DeleteScript(Struct, frozen=True):
    """Removes a script (RFC 5804 2.10)."""

    name: str


class RenameScript(Struct, frozen=True):
    """Gives a script another name (RFC 5804 2.11)."""

    old: str
    new: str


class CheckScript(Struct, frozen=True):
    """Asks whether a script is right, without storing it (RFC 5804 2.12)."""

    content: bytes


class Noop(Struct, frozen=True):
    """Does nothing; a tag comes back (RFC 5804 2.13)."""

    tag: str | None = None


class Unauthenticate(Struct, frozen=True):
    """Signs out, and keeps the connection (RFC 5804 2.14.1)."""


Command = (
    Authenticate | StartTls | Logout | Capability | HaveSpace | PutScript | ListScripts | SetActive
    | GetScript | DeleteScript | RenameScript | CheckScript | Noop | Unauthenticate
)  # fmt: skip

NAMES: Final[dict[type[Struct], str]] = {
    kind: kind.__name__.upper()
    for kind in (
        Authenticate, StartTls, Logout, Capability, HaveSpace, PutScript, ListScripts, SetActive,
        GetScript, DeleteScript, RenameScript, CheckScript, Noop, Unauthenticate,
    )
}  # fmt: skip

# Commands with a script among their arguments, so that a session takes so large a literal.
CARRIES_SCRIPT: Final = (b"PUTSCRIPT", b"CHECKSCRIPT")


def carries_script(line: bytes) -> bool:
    """Whether the first line of a command announces a script."""
    return line[:11].lstrip(b" \t").upper().startswith(CARRIES_SCRIPT)


def parse(pieces: Sequence[bytes]) -> Command:
    """The command that these pieces are.

    Raises:
        SyntaxFault: no such command, or wrong arguments.
    """
    found = tokens(pieces)
    if not found or not isinstance(found[0], Word):
        raise SyntaxFault("expected a command")
    parser = _PARSERS.get(found[0].upper())
    if parser is None:
        raise SyntaxFault("no such command")
    return parser(found[1:])


def encode(command: Command) -> bytes:
    """The line for a command, with its CRLF, scripts as literals.

    Raises:
        SyntaxFault: a name that none may have.
    """
    parts = [NAMES[type(command)].encode()]
    for field in command.__struct_fields__:
        value = getattr(command, field)
        if field == "initial" and value is not None:
            parts.append(_string(value))
        elif isinstance(value, bytes):
            parts.append(literal(value, client=True))
        elif isinstance(value, int):
            parts.append(b"%d" % value)
        elif value is not None:
            parts.append(_string(value.encode()))
    return b" ".join(parts) + b"\r\n"


def _string(octets: bytes) -> bytes:
    text = decode(octets)
    quoted = quote(text)
    return quoted if quoted.startswith(b'"') else literal(octets, client=True)


def check_name(name: str) -> str:
    """A script's name, if it may be one. Raises SyntaxFault."""
    if not name or len(name) > NAME_LIMIT or _FORBIDDEN.search(name):
        raise SyntaxFault(f"a script's name has 1 to {NAME_LIMIT} characters, none of control")
    return name


# Arguments


def _text(token: Token) -> str:
    """A string, however it was written."""
    if isinstance(token, bytes):
        if len(token) > LINE_LIMIT:
            raise SyntaxFault("the string is too long")
        return decode(token)
    if isinstance(token, int | Word):
        raise SyntaxFault("expected a string in double quotes")
    return token


def _script(token: Token) -> bytes:
    return token if isinstance(token, bytes) else _text(token).encode()


def _count(given: list[Token], least: int, most: int) -> None:
    if not least <= len(given) <= most:
        raise SyntaxFault("wrong number of arguments")


def _parse_authenticate(given: list[Token]) -> Authenticate:
    _count(given, 1, 2)
    mechanism = _text(given[0]).upper()
    if not _MECHANISM.fullmatch(mechanism):
        raise SyntaxFault("expected the name of a SASL mechanism")
    return Authenticate(mechanism, _script(given[1]) if len(given) == 2 else None)


def _parse_have_space(given: list[Token]) -> HaveSpace:
    _count(given, 2, 2)
    if not isinstance(given[1], int):
        raise SyntaxFault("expected a number of octets")
    return HaveSpace(check_name(_text(given[0])), given[1])


def _parse_put_script(given: list[Token]) -> PutScript:
    _count(given, 2, 2)
    return PutScript(check_name(_text(given[0])), _script(given[1]))


def _parse_check_script(given: list[Token]) -> CheckScript:
    _count(given, 1, 1)
    return CheckScript(_script(given[0]))


def _parse_set_active(given: list[Token]) -> SetActive:
    _count(given, 1, 1)
    name = _text(given[0])
    return SetActive(check_name(name) if name else "")


def _parse_rename_script(given: list[Token]) -> RenameScript:
    _count(given, 2, 2)
    return RenameScript(check_name(_text(given[0])), check_name(_text(given[1])))


def _parse_noop(given: list[Token]) -> Noop:
    _count(given, 0, 1)
    tag = _text(given[0]) if given else None
    if tag is not None and len(tag.encode()) > QUOTED_LIMIT:
        raise SyntaxFault(f"a tag has {QUOTED_LIMIT} octets at most")
    return Noop(tag)


def _with_name(make: type[GetScript | DeleteScript]) -> Callable[[list[Token]], Command]:
    def parse_name(given: list[Token]) -> Command:
        _count(given, 1, 1)
        return make(check_name(_text(given[0])))

    return parse_name


def _alone(command: Command) -> Callable[[list[Token]], Command]:
    def parse_nothing(given: list[Token]) -> Command:
        _count(given, 0, 0)
        return command

    return parse_nothing


_PARSERS: Final[dict[str, Callable[[list[Token]], Command]]] = {
    "AUTHENTICATE": _parse_authenticate,
    "STARTTLS": _alone(StartTls()),
    "LOGOUT": _alone(Logout()),
    "CAPABILITY": _alone(Capability()),
    "HAVESPACE": _parse_have_space,
    "PUTSCRIPT": _parse_put_script,
    "LISTSCRIPTS": _alone(ListScripts()),
    "SETACTIVE": _parse_set_active,
    "GETSCRIPT": _with_name(GetScript),
    "DELETESCRIPT": _with_name(DeleteScript),
    "RENAMESCRIPT": _parse_rename_script,
    "CHECKSCRIPT": _parse_check_script,
    "NOOP": _parse_noop,
    "UNAUTHENTICATE": _alone(Unauthenticate()),
}
