"""The parameters of MAIL and RCPT (RFC 5321 4.1.1.11), typed: one row for each that is known.

A parameter of an extension is a field of `MailParameters` or `RcptParameters` and a row in
`_MAIL` or `_RCPT`: its keyword, its field, and how its value is read and written. Whether
a server offers the extension is not decided here. What is not known is kept as it came.

Text in xtext (RFC 3461 4) is decoded here and encoded again when it is written.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec import Struct

from merpati.base.faults import SyntaxFault
from merpati.wire.smtp.paths import parse_address

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE_DIGITS_LIMIT: Final = 20  # RFC 1870 3
ENVID_LIMIT: Final = 100  # characters of xtext, RFC 3461 4.4
ORCPT_LIMIT: Final = 500  # characters with its type, RFC 3461 4.2
PRIORITY_LIMIT: Final = 9  # RFC 6710 6


class Body(Enum):
    """What the content is declared to be (RFC 6152, RFC 3030)."""

    SEVEN_BIT = "7BIT"
    EIGHT_BIT_MIME = "8BITMIME"
    BINARY_MIME = "BINARYMIME"


class DeliverBy(Struct, frozen=True):
    """BY of RFC 2852.

    Attributes:
        seconds: from now, and below zero when the time has passed on the way.
        mode: "R" to return it then, "N" to notify and go on.
        trace: whether each relay is to be reported.
    """

    seconds: int
    mode: str
    trace: bool = False


class MailParameters(Struct, frozen=True):
    """The parameters of MAIL.

    Attributes:
        size: octets declared by the client (RFC 1870), or `None`.
        body: `None` when not declared.
        smtputf8: the client asks for RFC 6531 handling.
        auth: who submitted the message first (RFC 4954 5): an address, empty
            for `<>` (not known), `None` when not given.
        others: keyword in upper case and value of every other parameter.
        ret: "FULL" or "HDRS" (RFC 3461 4.3), or empty.
        envid: RFC 3461 4.4, or empty.
        by: RFC 2852.
        hold_for: seconds to hold it back (RFC 4865); 0: not said.
        hold_until: Unix seconds (RFC 4865); 0: not said.
        priority: -9 to 9 (RFC 6710), or `None`.
        require_tls: RFC 8689.
    """

    size: int | None = None
    body: Body | None = None
    smtputf8: bool = False
    auth: str | None = None
    others: tuple[tuple[str, str | None], ...] = ()
    ret: str = ""
    envid: str = ""
    by: DeliverBy | None = None
    hold_for: int = 0
    hold_until: int = 0
    priority: int | None = None
    require_tls: bool = False


class RcptParameters(Struct, frozen=True):
    """The parameters of RCPT.

    Attributes:
        others: keyword in upper case and value of each that is not known.
        notify: "NEVER", or words of SUCCESS, FAILURE, DELAY with commas
            (RFC 3461 4.1); empty when not given.
        orcpt: `rfc822;address`, decoded (RFC 3461 4.2); empty when not given.
    """

    others: tuple[tuple[str, str | None], ...] = ()
    notify: str = ""
    orcpt: str = ""


NO_MAIL_PARAMETERS: Final = MailParameters()
NO_RCPT_PARAMETERS: Final = RcptParameters()


class _Known(NamedTuple):
    """One parameter: its field, and its value read and written (None: it has no value)."""

    field: str
    read: Callable[[str | None], Any]
    write: Callable[[Any], str | None]


# esmtp-param = esmtp-keyword [ "=" esmtp-value ], RFC 5321 4.1.2 and RFC 6531 3.3
_PARAMETER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*(?:=[!-<>-~\u0080-\U0010ffff]+)?")
_SIZE: Final = re.compile(rf"[0-9]{{1,{SIZE_DIGITS_LIMIT}}}")
_XTEXT: Final = re.compile(r"(?:[!-*,-<>-~\u0080-\U0010ffff]|\+[0-9A-F]{2})*")  # RFC 3461 4
_HEXCHAR: Final = re.compile(r"\+([0-9A-F]{2})")
_TO_XTEXT: Final = re.compile(r"[\x00- +=\x7f]")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# EmbeddedUnicodeChar of an address of type utf-8, RFC 6533 3.
_UNICODE: Final = re.compile(r"\\x\{([0-9A-F]{2,6})\}")
_NO_QCHAR: Final = re.compile(r"[^!-*,-<>-\[\]-~]")
_ADDRESS_TYPE: Final = re.compile(r"[A-Za-z0-9-]{1,40}")
_BODIES: Final = {body.value: body for body in Body}
_NOTIFY: Final = re.compile(r"NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY)){0,2}")
_BY: Final = re.compile(r"([+-]?[0-9]{1,9});([RN])(T?)", re.IGNORECASE)  # RFC 2852 4
_INTERVAL: Final = re.compile(r"[1-9][0-9]{0,8}")  # RFC 4865 3
_PRIORITY: Final = re.compile(r"-?[0-9]")
_DATE_TIME: Final = re.compile(  # RFC 3339 5.6
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(?:Z|([+-])(\d\d):(\d\d))",
    re.ASCII | re.IGNORECASE,
)


def parse_mail(text: str) -> MailParameters:
    """The parameters of MAIL.

    Raises:
        SyntaxFault: one of them is wrong, or stands there twice.
    """
    fields, others = _parse(text, _MAIL)
    found = MailParameters(others=others, **fields)
    if found.hold_for and found.hold_until:
        raise SyntaxFault("HOLDFOR and HOLDUNTIL exclude each other")  # RFC 4865 4.1
    return found


def parse_rcpt(text: str) -> RcptParameters:
    """The parameters of RCPT.

    Raises:
        SyntaxFault: one of them is wrong, or stands there twice.
    """
    fields, others = _parse(text, _RCPT)
    return RcptParameters(others=others, **fields)


def encode_mail(params: MailParameters) -> str:
    """The parameters with a space before each."""
    return "" if params is NO_MAIL_PARAMETERS else _encode(params, _MAIL, NO_MAIL_PARAMETERS)


def encode_rcpt(params: RcptParameters) -> str:
    """The parameters with a space before each."""
    return "" if params is NO_RCPT_PARAMETERS else _encode(params, _RCPT, NO_RCPT_PARAMETERS)


def parse_xtext(value: str, what: str) -> str:
    """Text from xtext (RFC 3461 4).

    Raises:
        SyntaxFault: it is none, or has control characters in it; `what` names it.
    """
    if value and _XTEXT.fullmatch(value):
        if "+" in value:
            value = _HEXCHAR.sub(lambda found: chr(int(found[1], 16)), value)
        if not _CONTROL.search(value):
            return value
    raise SyntaxFault(f"{what} must be xtext (RFC 3461 4)")


def to_xtext(text: str) -> str:
    """Text in xtext."""
    return _TO_XTEXT.sub(lambda found: f"+{ord(found[0]):02X}", text)


def _parse(
    text: str, known: dict[str, _Known]
) -> tuple[dict[str, Any], tuple[tuple[str, str | None], ...]]:
    """Fields and their values, and the parameters that are not known."""
    fields: dict[str, Any] = {}
    others: dict[str, str | None] = {}
    for word in text.split():
        keyword, equals, value = word.partition("=")
        plain = keyword.isalnum() and value.isalnum() and word.isascii()
        if not plain and not _PARAMETER.fullmatch(word):
            raise SyntaxFault("a parameter must be KEYWORD or KEYWORD=value")
        keyword = keyword.upper()
        row = known.get(keyword)
        if keyword in others or (row is not None and row.field in fields):
            raise SyntaxFault(f"the parameter {keyword} is given twice")
        given = value if equals else None
        if row is None:
            others[keyword] = given
        else:
            fields[row.field] = row.read(given)
    return fields, tuple(others.items())


def _encode(
    params: MailParameters | RcptParameters,
    known: dict[str, _Known],
    absent: MailParameters | RcptParameters,
) -> str:
    words = [
        (keyword, row.write(value))
        for keyword, row in known.items()
        if (value := getattr(params, row.field)) != getattr(absent, row.field)
    ]
    words += params.others
    return "".join(f" {key}" if value is None else f" {key}={value}" for key, value in words)


def _size(value: str | None) -> int:
    if not _SIZE.fullmatch(value or ""):
        raise SyntaxFault("SIZE must be a number of octets")
    return int(value or "")


def _body(value: str | None) -> Body:
    body = _BODIES.get((value or "").upper())
    if body is None:
        raise SyntaxFault("BODY must be 7BIT, 8BITMIME or BINARYMIME")
    return body


def _flag(keyword: str, field: str) -> _Known:
    def read(value: str | None) -> bool:
        if value is not None:
            raise SyntaxFault(f"{keyword} takes no value")
        return True

    return _Known(field, read, lambda _value: None)


def _auth(value: str | None) -> str:
    """An address in xtext, or `<>` (RFC 4954 5)."""
    if value == "<>":
        return ""
    try:
        return str(parse_address(parse_xtext(value or "", "AUTH")))
    except SyntaxFault:
        raise SyntaxFault("AUTH must be an address in xtext, or <>") from None


def _ret(value: str | None) -> str:
    word = (value or "").upper()
    if word not in {"FULL", "HDRS"}:
        raise SyntaxFault("RET must be FULL or HDRS")
    return word


def _envid(value: str | None) -> str:
    if len(value or "") > ENVID_LIMIT:
        raise SyntaxFault(f"ENVID is longer than {ENVID_LIMIT} characters")
    return parse_xtext(value or "", "ENVID")


def _by(value: str | None) -> DeliverBy:
    found = _BY.fullmatch(value or "")
    if found is None:
        raise SyntaxFault("BY must be seconds;R or seconds;N, with a T behind it or not")
    by = DeliverBy(int(found[1]), found[2].upper(), bool(found[3]))
    if by.mode == "R" and by.seconds <= 0:
        raise SyntaxFault("BY with mode R must leave more than 0 seconds")  # RFC 2852 4
    return by


def _write_by(by: DeliverBy) -> str:
    return f"{by.seconds};{by.mode}{'T' if by.trace else ''}"


def _hold_for(value: str | None) -> int:
    if not _INTERVAL.fullmatch(value or ""):
        raise SyntaxFault("HOLDFOR must be a number of seconds")
    return int(value or "")


def _hold_until(value: str | None) -> int:
    found = _DATE_TIME.fullmatch(value or "")
    try:
        if found is not None:
            *parts, sign, hours, minutes = found.groups()
            moment = datetime(*map(int, parts), tzinfo=UTC)  # type: ignore[arg-type,misc]
            if sign:
                ahead = timedelta(hours=int(hours), minutes=int(minutes))
                moment += -ahead if sign == "+" else ahead
            if moment.timestamp() > 0:
                return int(moment.timestamp())
    except (ValueError, OverflowError):
        pass
    raise SyntaxFault("HOLDUNTIL must be a date and time such as 2030-01-31T08:00:00Z (RFC 3339)")


def _write_hold_until(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _priority(value: str | None) -> int:
    if not _PRIORITY.fullmatch(value or ""):
        raise SyntaxFault(
            f"MT-PRIORITY must be a number from -{PRIORITY_LIMIT} to {PRIORITY_LIMIT}"
        )
    return int(value or "")


def _notify(value: str | None) -> str:
    words = (value or "").upper()
    if not _NOTIFY.fullmatch(words) or len(set(words.split(","))) <= words.count(","):
        raise SyntaxFault("NOTIFY must be NEVER, or SUCCESS, FAILURE and DELAY with commas")
    return words


def _orcpt(value: str | None) -> str:
    kind, _, text = (value or "").partition(";")
    if not _ADDRESS_TYPE.fullmatch(kind):
        raise SyntaxFault("ORCPT must be a type and an address: rfc822;name@example.com")
    text = parse_xtext(text, "ORCPT")
    if kind.lower() == "utf-8":
        text = _UNICODE.sub(_character, text)
        if _CONTROL.search(text):
            raise SyntaxFault("ORCPT has control characters in it")
    found = f"{kind.lower()};{text}"
    if max(len(value or ""), len(write_orcpt(found))) > ORCPT_LIMIT:
        raise SyntaxFault(f"ORCPT is longer than {ORCPT_LIMIT} characters")
    return found


def _character(found: re.Match[str]) -> str:
    point = int(found[1], 16)
    return chr(point) if point <= 0x10FFFF else "\x00"


def write_orcpt(value: str, *, utf8: bool = True) -> str:
    """The value of ORCPT, in xtext.

    `utf8` says whether it may be written in UTF-8; else what is not ASCII is embedded
    (RFC 6533 3).
    """
    kind, _, text = value.partition(";")
    if not (utf8 or text.isascii()):
        return f"utf-8;{_NO_QCHAR.sub(_embedded, text)}"
    if kind == "utf-8":
        text = text.replace("\\", r"\x{5C}")
    return f"{kind};{to_xtext(text)}"


def _embedded(found: re.Match[str]) -> str:
    return rf"\x{{{ord(found[0]):02X}}}"


_MAIL: Final[dict[str, _Known]] = {
    "SIZE": _Known("size", _size, str),
    "BODY": _Known("body", _body, lambda body: str(body.value)),
    "SMTPUTF8": _flag("SMTPUTF8", "smtputf8"),
    "AUTH": _Known("auth", _auth, lambda address: to_xtext(address) or "<>"),
    "RET": _Known("ret", _ret, str),
    "ENVID": _Known("envid", _envid, to_xtext),
    "BY": _Known("by", _by, _write_by),
    "HOLDFOR": _Known("hold_for", _hold_for, str),
    "HOLDUNTIL": _Known("hold_until", _hold_until, _write_hold_until),
    "MT-PRIORITY": _Known("priority", _priority, str),
    "REQUIRETLS": _flag("REQUIRETLS", "require_tls"),
}

_RCPT: Final[dict[str, _Known]] = {
    "NOTIFY": _Known("notify", _notify, str),
    "ORCPT": _Known("orcpt", _orcpt, write_orcpt),
}

MAIL_FIELDS: Final = {keyword: row.field for keyword, row in _MAIL.items()}
"""The field of `MailParameters` that holds each known parameter."""
RCPT_FIELDS: Final = {keyword: row.field for keyword, row in _RCPT.items()}
"""The same of `RcptParameters`."""
