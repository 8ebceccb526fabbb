"""SMTP command lines (RFC 5321 4.1) to values and back.

`parse` takes one line without its CRLF, whatever the peer put in it, and gives
a struct per verb; `encode` writes one for the client side. Verbs are a table,
so an extension (BDAT, LHLO) is a struct, a parser and a row.

Parameters this server knows are checked and typed; others are kept as they
came, for the server to answer 555.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from merpati.base.faults import SyntaxFault
from merpati.wire.smtp.paths import Path, parse_address, parse_path
from merpati.wire.smtp.quirks import TOLERATED, Quirk, Quirks

if TYPE_CHECKING:
    from collections.abc import Callable

# RFC 5321 4.5.3.1.4 asks for 512 at least, and extensions add to it (AUTH alone
# 500, RFC 4954 3); octets including the CRLF.
COMMAND_LINE_LIMIT: Final = 2048
AUTH_LINE_LIMIT: Final = 12288  # octets including the CRLF, RFC 4954 4
RECIPIENTS_MINIMUM: Final = 100  # a server must accept so many, RFC 5321 4.5.3.1.8
SIZE_DIGITS_LIMIT: Final = 20  # RFC 1870 3
CLIENT_NAME_LIMIT: Final = 255  # octets, RFC 5321 4.5.3.1.2


class UnknownCommand(SyntaxFault):
    """A verb that is not in the table: 500, where other faults are 501."""


class Body(Enum):
    """What the content is declared to be (RFC 6152, RFC 3030)."""

    SEVEN_BIT = "7BIT"
    EIGHT_BIT_MIME = "8BITMIME"
    BINARY_MIME = "BINARYMIME"


class MailParameters(Struct, frozen=True):
    """The parameters of MAIL.

    Attributes:
        size: octets declared by the client (RFC 1870), or `None`.
        body: `None` when not declared.
        smtputf8: the client asks for RFC 6531 handling.
        auth: who submitted the message first (RFC 4954 5): an address, empty
            for `<>` (not known), `None` when not given.
        others: keyword in upper case and value of every other parameter.
    """

    size: int | None = None
    body: Body | None = None
    smtputf8: bool = False
    auth: str | None = None
    others: tuple[tuple[str, str | None], ...] = ()


class RcptParameters(Struct, frozen=True):
    """The parameters of RCPT: keyword in upper case and value of each; none is known yet."""

    others: tuple[tuple[str, str | None], ...] = ()


class Ehlo(Struct, frozen=True):
    """The client's name, or address literal, as it came; safe to put in a Received field."""

    name: str


class Helo(Struct, frozen=True):
    """The same without extensions."""

    name: str


class Mail(Struct, frozen=True):
    """Begins a message from `path`, which may be null."""

    path: Path
    params: MailParameters = MailParameters()


class Rcpt(Struct, frozen=True):
    """Adds a recipient, which is never null."""

    path: Path
    params: RcptParameters = RcptParameters()


class Data(Struct, frozen=True):
    """Asks for the 354 that the message may follow."""


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
    """Asks whether a mailbox exists."""

    text: str


class Expn(Struct, frozen=True):
    """Asks for the members of a list."""

    text: str


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


Command = (
    Ehlo | Helo | Mail | Rcpt | Data | Rset | Quit | StartTls | Noop | Help | Vrfy | Expn | Auth
)

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# A path in its brackets, with ">" and spaces only inside of quotes; the rest are parameters.
_PATH: Final = r'( *)(<[^"> ]*+(?:"(?:[^"\\]|\\[ -~])*+"[^"> ]*+)*+>)(?: +(.*))?'
_FROM: Final = re.compile(r"(?i:FROM):" + _PATH)
_TO: Final = re.compile(r"(?i:TO):" + _PATH)
# esmtp-param = esmtp-keyword [ "=" esmtp-value ], RFC 5321 4.1.2 and RFC 6531 3.3
_PARAMETER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*(?:=[!-<>-~\u0080-\U0010ffff]+)?")
_SIZE: Final = re.compile(rf"[0-9]{{1,{SIZE_DIGITS_LIMIT}}}")
# Names clients really send: domains, address literals, Windows names. Nothing
# that could end a comment or a field.
_CLIENT_NAME: Final = re.compile(r"[A-Za-z0-9._:\u0080-\U0010ffff-]+|\[[A-Za-z0-9.:]+\]")
_MECHANISM: Final = re.compile(r"[A-Z0-9_-]{1,20}")  # RFC 4422 3.1
_XTEXT: Final = re.compile(r"(?:[!-*,-<>-~\u0080-\U0010ffff]|\+[0-9A-F]{2})*")  # RFC 3461 4
_HEXCHAR: Final = re.compile(r"\+([0-9A-F]{2})")
_TO_XTEXT: Final = re.compile(r"[\x00- +=\x7f]")
_BODIES: Final = {body.value: body for body in Body}
_NO_MAIL_PARAMETERS: Final = MailParameters()
_NO_RCPT_PARAMETERS: Final = RcptParameters()


def parse(line: bytes, quirks: Quirks = TOLERATED) -> Command:
    """The command in `line`, which comes without its CRLF.

    Raises:
        UnknownCommand: there is no such verb (500 5.5.2).
        SyntaxFault: its arguments are wrong (501 5.5.4), or the line is too
            long or not UTF-8 (500 5.5.2).
    """
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
        raise SyntaxFault(f"the line is longer than {COMMAND_LINE_LIMIT} octets")
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
        case Ehlo(name) | Helo(name):
            text = f"{type(command).__name__.upper()} {name}"
        case Mail(path, params):
            text = f"MAIL FROM:<{path}>{_encode_mail_parameters(params)}"
        case Rcpt(path, params):
            text = f"RCPT TO:<{path}>{_encode_others(params.others)}"
        case Noop(argument) | Help(argument) | Vrfy(argument) | Expn(argument):
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
        raise SyntaxFault("a sender must have a domain")
    return Mail(path, _parse_mail_parameters(params) if params else _NO_MAIL_PARAMETERS)


def _parse_rcpt(argument: str, quirks: Quirks) -> Rcpt:
    path, params = _split_path(_TO, "RCPT TO:<address>", argument, quirks)
    if path.is_null:
        raise SyntaxFault("the null path cannot receive mail")
    if params:
        return Rcpt(path, RcptParameters(tuple(_split_parameters(params).items())))
    return Rcpt(path, _NO_RCPT_PARAMETERS)


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
    return parse_path(path, quirks), params


def _split_parameters(text: str) -> dict[str, str | None]:
    """Keyword in upper case to value, in their order."""
    parameters: dict[str, str | None] = {}
    for word in text.split():
        keyword, equals, value = word.partition("=")
        plain = keyword.isalnum() and value.isalnum() and word.isascii()
        if not plain and not _PARAMETER.fullmatch(word):
            raise SyntaxFault("a parameter must be KEYWORD or KEYWORD=value")
        keyword = keyword.upper()
        if keyword in parameters:
            raise SyntaxFault(f"the parameter {keyword} is given twice")
        parameters[keyword] = value if equals else None
    return parameters


def _parse_mail_parameters(text: str) -> MailParameters:
    """The parameters of MAIL, known ones typed."""
    parameters = _split_parameters(text)
    size: int | None = None
    body: Body | None = None
    auth: str | None = None
    if "SIZE" in parameters:
        value = parameters.pop("SIZE") or ""
        if not _SIZE.fullmatch(value):
            raise SyntaxFault("SIZE must be a number of octets")
        size = int(value)
    if "BODY" in parameters:
        body = _BODIES.get((parameters.pop("BODY") or "").upper())
        if body is None:
            raise SyntaxFault("BODY must be 7BIT, 8BITMIME or BINARYMIME")
    smtputf8 = "SMTPUTF8" in parameters
    if smtputf8 and parameters.pop("SMTPUTF8") is not None:
        raise SyntaxFault("SMTPUTF8 takes no value")
    if "AUTH" in parameters:
        auth = _parse_auth_parameter(parameters.pop("AUTH") or "")
    return MailParameters(size, body, smtputf8, auth, tuple(parameters.items()))


def _parse_auth_parameter(value: str) -> str:
    """AUTH= of MAIL: an address in xtext, or `<>` (RFC 4954 5)."""
    if value == "<>":
        return ""
    if not value or not _XTEXT.fullmatch(value):
        raise SyntaxFault("AUTH must be an address in xtext, or <>")
    try:
        plain = _HEXCHAR.sub(lambda found: chr(int(found[1], 16)), value)
        return str(parse_address(plain))
    except SyntaxFault:
        raise SyntaxFault("AUTH must be an address in xtext, or <>") from None


def _encode_mail_parameters(params: MailParameters) -> str:
    """The parameters with a space before each."""
    text = ""
    if params.size is not None:
        text += f" SIZE={params.size}"
    if params.body is not None:
        text += f" BODY={params.body.value}"
    if params.smtputf8:
        text += " SMTPUTF8"
    if params.auth is not None:
        xtext = _TO_XTEXT.sub(lambda found: f"+{ord(found[0]):02X}", params.auth)
        text += f" AUTH={xtext or '<>'}"
    return text + _encode_others(params.others)


def _encode_others(others: tuple[tuple[str, str | None], ...]) -> str:
    return "".join(f" {key}" if value is None else f" {key}={value}" for key, value in others)


def _client_name(argument: str) -> str:
    if not _CLIENT_NAME.fullmatch(argument) or len(argument.encode()) > CLIENT_NAME_LIMIT:
        raise SyntaxFault("expected one name: a domain, or an address in [brackets]")
    return argument


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
        return make(argument)

    return parse_text


_PARSERS: Final[dict[str, Callable[[str, Quirks], Command]]] = {
    "EHLO": lambda argument, _quirks: Ehlo(_client_name(argument)),
    "HELO": lambda argument, _quirks: Helo(_client_name(argument)),
    "MAIL": _parse_mail,
    "RCPT": _parse_rcpt,
    "DATA": _without_argument(Data()),
    "RSET": _without_argument(Rset()),
    "QUIT": _without_argument(Quit()),
    "STARTTLS": _without_argument(StartTls()),
    "NOOP": lambda argument, _quirks: Noop(argument),
    "HELP": lambda argument, _quirks: Help(argument),
    "VRFY": _with_text(Vrfy),
    "EXPN": _with_text(Expn),
    "AUTH": _parse_auth,
}
