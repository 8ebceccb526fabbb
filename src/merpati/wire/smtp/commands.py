"""SMTP command lines (RFC 5321 4.1) to values and back.

`parse` takes one line without its CRLF, whatever the peer put in it, and gives
a struct per verb; `encode` writes one for the client side. Verbs are a table,
so an extension is a struct, a parser and a row. `wire.smtp.parameters` knows
the parameters of MAIL and RCPT.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from merpati.base.faults import SyntaxFault
from merpati.wire.smtp import parameters, xclient
from merpati.wire.smtp.parameters import (
    NO_MAIL_PARAMETERS,
    NO_RCPT_PARAMETERS,
    MailParameters,
    RcptParameters,
)
from merpati.wire.smtp.paths import Path, parse_domain, parse_path
from merpati.wire.smtp.quirks import TOLERATED, Quirk, Quirks
from merpati.wire.smtp.xclient import Xclient

if TYPE_CHECKING:
    from collections.abc import Callable

# RFC 5321 4.5.3.1.4 asks for 512 at least, and extensions add to it (AUTH alone
# 500, RFC 4954 3); octets including the CRLF.
COMMAND_LINE_LIMIT: Final = 2048
AUTH_LINE_LIMIT: Final = 12288  # octets including the CRLF, RFC 4954 4
RECIPIENTS_MINIMUM: Final = 100  # a server must accept so many, RFC 5321 4.5.3.1.8
CHUNK_DIGITS_LIMIT: Final = 20  # of BDAT, RFC 3030 2
KEPT_LINES: Final = 2048  # remembered by `recall`; with what they mean about 2 MB
KEPT_LENGTH: Final = 128  # octets of the longest
BAD_RECIPIENT: Final = "5.1.3"  # of its syntax, RFC 3463 3.2
BAD_SENDER: Final = "5.1.7"
CLIENT_NAME_LIMIT: Final = 255  # octets, RFC 5321 4.5.3.1.2


class UnknownCommand(SyntaxFault):
    """No such verb, or no end of the line (RFC 5321 4.5.3.1.9): 500, where others are 501."""


class Ehlo(Struct, frozen=True):
    """The client's name, or address literal, as it came; safe to put in a Received field."""

    name: str


class Helo(Struct, frozen=True):
    """The same without extensions."""

    name: str


class Lhlo(Struct, frozen=True):
    """The same over LMTP (RFC 2033 4.1)."""

    name: str


class Mail(Struct, frozen=True):
    """Begins a message from `path`, which may be null."""

    path: Path
    params: MailParameters = NO_MAIL_PARAMETERS


class Rcpt(Struct, frozen=True):
    """Adds a recipient, which is never null."""

    path: Path
    params: RcptParameters = NO_RCPT_PARAMETERS


class Data(Struct, frozen=True):
    """Asks for the 354 that the message may follow."""


class Bdat(Struct, frozen=True):
    """Says that `size` octets of the message follow; the last ones, or not (RFC 3030 2)."""

    size: int
    last: bool = False


class Rset(Struct, frozen=True):
    """Forgets the message begun."""


class Quit(Struct, frozen=True):
    """Ends the session."""


class StartTls(Struct, frozen=True):
    """Asks for TLS (RFC 3207)."""


class Noop(Struct, frozen=True):
    """Does nothing, whatever the text."""

    text: str = ""


class Help(Struct, frozen=True):
    """Asks for help on a topic, or at all."""

    text: str = ""


class Vrfy(Struct, frozen=True):
    """Asks whether a mailbox exists; `smtputf8`: the answer may be in UTF-8 (RFC 6531 3.7.4.2)."""

    text: str
    smtputf8: bool = False


class Expn(Struct, frozen=True):
    """Asks for the members of a list; as Vrfy."""

    text: str
    smtputf8: bool = False


class Etrn(Struct, frozen=True):
    """Asks to send what waits for a domain (RFC 1985 5); `@domain`: and those below it."""

    name: str


class Auth(Struct, frozen=True):
    """Begins a SASL exchange (RFC 4954 4).

    Attributes:
        mechanism: in upper case.
        initial: the initial response, still in base64 (`=` for an empty one),
            or `None`; `wire.sasl` decodes it.
    """

    mechanism: str
    initial: bytes | None = None

    def __repr__(self) -> str:
        """Without the initial response, which holds a password."""
        return f"Auth({self.mechanism!r}, {'...' if self.initial else self.initial!r})"


Greeting = Ehlo | Helo | Lhlo
Command = (
    Greeting | Mail | Rcpt | Data | Bdat | Rset | Quit | StartTls | Noop | Help | Vrfy | Expn
    | Etrn | Auth | Xclient
)  # fmt: skip

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# A path in its brackets, with ">" and spaces only inside of quotes; the rest are parameters.
_PATH: Final = r'( *)(<[^"> ]*+(?:"[^"\\]*+(?:\\[ -~][^"\\]*+)*"[^"> ]*+)*>)(?: +(.*))?'
_FROM: Final = re.compile(r"(?i:FROM):" + _PATH)
_TO: Final = re.compile(r"(?i:TO):" + _PATH)
# RFC 6531 3.3: what is not ASCII may stand in all of them.
# Names clients really send: domains, address literals, Windows names. Nothing
# that could end a comment or a field.
_CLIENT_NAME: Final = re.compile(r"[A-Za-z0-9._:\u0080-\U0010ffff-]+|\[[A-Za-z0-9.:]+\]")
_MECHANISM: Final = re.compile(r"[A-Z0-9_-]{1,20}")  # RFC 4422 3.1
# What nearly every MAIL and RCPT looks like; whatever differs goes the long way.
_LABEL: Final = rb"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_FAST: Final = re.compile(
    rb"(?:(RCPT TO)|MAIL FROM):<([A-Za-z0-9_+-]{1,32}(?:\.[A-Za-z0-9_+-]{1,31})?)"
    rb"@((?:" + _LABEL + rb"\.){1,3}" + _LABEL + rb")>(?: ([!-~ ]{0,500}))?",
    re.IGNORECASE,
)
_BDAT: Final = re.compile(rf"([0-9]{{1,{CHUNK_DIGITS_LIMIT}}})(?: +(LAST))?", re.IGNORECASE)


def recall(line: bytes) -> Command:
    """As `parse`, remembering the lines that come again and again: RCPT of a known mailbox.

    Raises:
        UnknownCommand, SyntaxFault: as `parse`.
    """
    # A line with a password in it is not kept.
    if len(line) > KEPT_LENGTH or line[:4].upper() == b"AUTH":
        return parse(line)
    return _kept(line)


def parse(line: bytes, quirks: Quirks = TOLERATED) -> Command:
    """The command in `line`, which comes without its CRLF.

    Raises:
        UnknownCommand: there is no such verb, or the line is too long (500 5.5.2).
        SyntaxFault: it is not UTF-8, or its arguments are wrong (501 5.5.4; an address:
            5.1.3, or 5.1.7 of the sender).
    """
    found = _FAST.fullmatch(line)
    if found is not None:
        recipient, local, domain, params = found.groups()
        path = Path(local.decode(), domain.lower().decode())
        if params:
            words = params.decode()
            if recipient:
                return Rcpt(path, parameters.parse_rcpt(words))
            return Mail(path, parameters.parse_mail(words))
        return Rcpt(path) if recipient else Mail(path)
    return _parse_at_length(line, quirks)


def _parse_at_length(line: bytes, quirks: Quirks) -> Command:
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise SyntaxFault("commands must be in ASCII or UTF-8") from None
    if not text.isprintable() and _CONTROL.search(text):  # the first is quick and too strict
        text = text.rstrip("\t ")
        if _CONTROL.search(text):
            raise SyntaxFault("commands must not contain control characters")
    verb, _, argument = text.partition(" ")
    verb = verb.upper()
    if len(line) > COMMAND_LINE_LIMIT - 2 and (verb != "AUTH" or len(line) > AUTH_LINE_LIMIT - 2):
        raise UnknownCommand(f"the line is longer than {COMMAND_LINE_LIMIT} octets")
    parser = _PARSERS.get(verb)
    if parser is None:
        raise UnknownCommand("no such command")
    # RFC 5321 4.1.1: white space before the CRLF is tolerated.
    return parser(argument.rstrip(" "), quirks)


def encode(command: Command) -> bytes:
    """The line for `command`, without CRLF.

    Raises:
        SyntaxFault: a field holds a control character, which could smuggle a
            second command.
    """
    match command:
        case Ehlo(name) | Helo(name) | Lhlo(name) | Etrn(name):
            text = f"{type(command).__name__.upper()} {name}"
        case Mail(path, params):
            text = f"MAIL FROM:<{path}>{parameters.encode_mail(params)}"
        case Rcpt(path, params):
            text = f"RCPT TO:<{path}>{parameters.encode_rcpt(params)}"
        case Bdat(size, last):
            text = f"BDAT {size}{' LAST' if last else ''}"
        case Xclient():
            text = f"XCLIENT {xclient.encode(command)}"
        case Vrfy(argument, utf8) | Expn(argument, utf8):
            text = f"{type(command).__name__.upper()} {argument}{' SMTPUTF8' if utf8 else ''}"
        case Noop(argument) | Help(argument):
            verb = type(command).__name__.upper()
            text = f"{verb} {argument}" if argument else verb
        case Auth(mechanism, initial):
            text = f"AUTH {mechanism}"
            if initial is not None:
                text = f"{text} {initial.decode('latin-1')}"
        case _:
            text = type(command).__name__.upper()
    if not text.isprintable() and _CONTROL.search(text):
        raise SyntaxFault("a command must not contain control characters")
    return text.encode()


def _parse_mail(argument: str, quirks: Quirks) -> Mail:
    path, params = _split_path(_FROM, "MAIL FROM:<address>", argument, quirks)
    if not path.domain and path.local:
        raise SyntaxFault("a sender must have a domain", BAD_SENDER)
    return Mail(path, parameters.parse_mail(params) if params else NO_MAIL_PARAMETERS)


def _parse_rcpt(argument: str, quirks: Quirks) -> Rcpt:
    path, params = _split_path(_TO, "RCPT TO:<address>", argument, quirks)
    if path.is_null:
        raise SyntaxFault("the null path cannot receive mail", BAD_RECIPIENT)
    return Rcpt(path, parameters.parse_rcpt(params) if params else NO_RCPT_PARAMETERS)


def _split_path(
    pattern: re.Pattern[str], usage: str, argument: str, quirks: Quirks
) -> tuple[Path, str | None]:
    """The path of MAIL or RCPT, and the text of its parameters."""
    found = pattern.fullmatch(argument)
    if found is None:
        raise SyntaxFault(f"expected {usage}")
    space, path, params = found.groups()
    if space and Quirk.SPACE_AFTER_COLON not in quirks:
        raise SyntaxFault(f"expected {usage} with no space after the colon")
    try:
        return parse_path(path, quirks), params
    except SyntaxFault as fault:
        raise SyntaxFault(fault.text, BAD_SENDER if pattern is _FROM else BAD_RECIPIENT) from None


def _client_name(argument: str) -> str:
    if not _CLIENT_NAME.fullmatch(argument) or len(argument.encode()) > CLIENT_NAME_LIMIT:
        raise SyntaxFault("expected one name: a domain, or an address in [brackets]")
    return argument


def _parse_bdat(argument: str, _quirks: Quirks) -> Bdat:
    found = _BDAT.fullmatch(argument)
    if found is None:
        raise SyntaxFault("expected BDAT size [LAST]")
    return Bdat(int(found[1]), bool(found[2]))


def _parse_etrn(argument: str, quirks: Quirks) -> Etrn:
    """RFC 1985 5.1; a queue of another kind (`#name`) is not kept here."""
    at = argument[:1] if argument[:1] == "@" else ""
    if "#" in argument[:1] or argument[len(at) :].startswith("["):
        raise SyntaxFault("expected ETRN domain")
    return Etrn(at + parse_domain(argument[len(at) :], quirks))


def _parse_auth(argument: str, _quirks: Quirks) -> Auth:
    mechanism, _, initial = argument.partition(" ")
    mechanism = mechanism.upper()
    if not _MECHANISM.fullmatch(mechanism) or " " in initial or not initial.isascii():
        raise SyntaxFault("expected AUTH mechanism [initial-response]")
    return Auth(mechanism, initial.encode("ascii") if initial else None)


def _without_argument(command: Command) -> Callable[[str, Quirks], Command]:
    def parse_nothing(argument: str, _quirks: Quirks) -> Command:
        if argument:
            raise SyntaxFault("this command takes no argument")
        return command

    return parse_nothing


def _with_text(make: type[Vrfy | Expn]) -> Callable[[str, Quirks], Command]:
    def parse_text(argument: str, _quirks: Quirks) -> Command:
        if not argument:
            raise SyntaxFault("this command needs an argument")
        text, _, last = argument.rpartition(" ")
        if text and last.upper() == "SMTPUTF8":
            return make(text.rstrip(" "), smtputf8=True)
        return make(argument)

    return parse_text


_PARSERS: Final[dict[str, Callable[[str, Quirks], Command]]] = {
    "EHLO": lambda argument, _quirks: Ehlo(_client_name(argument)),
    "HELO": lambda argument, _quirks: Helo(_client_name(argument)),
    "LHLO": lambda argument, _quirks: Lhlo(_client_name(argument)),
    "MAIL": _parse_mail,
    "RCPT": _parse_rcpt,
    "DATA": _without_argument(Data()),
    "BDAT": _parse_bdat,
    "RSET": _without_argument(Rset()),
    "QUIT": _without_argument(Quit()),
    "STARTTLS": _without_argument(StartTls()),
    "NOOP": lambda argument, _quirks: Noop(argument),
    "HELP": lambda argument, _quirks: Help(argument),
    "VRFY": _with_text(Vrfy),
    "EXPN": _with_text(Expn),
    "ETRN": _parse_etrn,
    "AUTH": _parse_auth,
    "XCLIENT": lambda argument, _quirks: xclient.parse(argument),
}

_kept: Final = lru_cache(KEPT_LINES)(parse)
