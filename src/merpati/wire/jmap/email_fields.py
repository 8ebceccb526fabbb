"""Header fields written from the forms of RFC 8621 4.1.2: what `email_headers` reads back.

A value can never begin another field: line ends in text become spaces, and in raw values
they must be folds.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from merpati.base.faults import SyntaxFault
from merpati.wire.jmap.email_headers import Wanted
from merpati.wire.jmap.values import is_date
from merpati.wire.mime import addresses, dates, words
from merpati.wire.mime.addresses import Entry, GroupEnd, GroupStart, Mailbox

LINE: Final = 76  # octets a line should have at most (RFC 5322 2.1.1 wants 78)
LINE_MAX: Final = 998  # octets a line may have without its end, RFC 5322 2.1.1
VALUE_MAX: Final = 1_000_000  # octets of one field; ours
LISTS: Final = frozenset({"Addresses", "GroupedAddresses", "MessageIds", "URLs"})
ADDRESSES_MAX: Final = addresses.MAX_ADDRESSES

_FOLDS: Final = re.compile(r"(?:[^\x00\r\n]|\r?\n(?=[ \t][^\r\n]*[^\s]))*")
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_BREAKS: Final = re.compile(r"[\r\n]+")
_MESSAGE_ID: Final = re.compile(r"[^\s<>\x00-\x1f\x7f]+")
_URL: Final = re.compile(r"[^\s<>\x00-\x1f\x7f]+")
_WORD: Final = re.compile(rb"[ \t]*[^ \t]+")


class NotThatFormError(ValueError):
    """A value that does not have the form of its property."""


def lines(name: str, what: Wanted, value: Any) -> list[bytes]:
    """The fields that a property stands for, each with its CRLF; none for null.

    Args:
        name: of the field as it is to be written.
        what: the property.
        value: of it; an empty list makes no field: RFC 5322 knows none without a value.

    Raises:
        NotThatFormError: the value has not the form of the property.
    """
    if value is None:
        return []
    if what.is_all and not isinstance(value, list):
        raise NotThatFormError
    values = value if what.is_all else [value]
    return [_line(name, what.form, one) for one in values if one != [] or what.form not in LISTS]


def _line(name: str, form: str, value: Any) -> bytes:
    try:
        written = FORMS[form](value)
    except SyntaxFault:
        raise NotThatFormError from None
    if len(written) > VALUE_MAX:
        raise NotThatFormError
    return field(name, written, raw=form == "Raw")


def field(name: str, value: bytes, *, raw: bool = False) -> bytes:
    """A field with its CRLF, folded; a raw value follows the colon as it is."""
    if raw and max(map(len, value.split(b"\r\n"))) + len(name) < LINE_MAX:
        return b"%b:%b\r\n" % (name.encode(), value)
    return fold(b"%b: %b" % (name.encode(), value.strip(b" \t"))) + b"\r\n"


def fold(line: bytes) -> bytes:
    """A field on lines of some `LINE` octets, folded at its spaces."""
    if len(line) <= LINE:
        return line
    pieces: list[bytes] = []
    length = 0
    for word in _WORD.findall(line):
        # A name's colon and its first word stay together: a line of white space is none.
        if length + len(word) > LINE and len(pieces) > 1 and word[:1] in b" \t":
            pieces.append(b"\r\n")
            length = 0
        pieces.append(word)
        length += len(word)
    return b"".join(pieces)


def _raw(value: Any) -> bytes:
    if not isinstance(value, str) or not _FOLDS.fullmatch(value):
        raise NotThatFormError
    return _encoded(_LINE_END.sub("\r\n", value))


def _text(value: Any) -> bytes:
    if not isinstance(value, str):
        raise NotThatFormError
    line = _BREAKS.sub(" ", value)
    return words.encode(line if line.isascii() else unicodedata.normalize("NFC", line))


def _is_address(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() <= {"name", "email"}
        and isinstance(value.get("email"), str)
        and (value.get("name") is None or isinstance(value["name"], str))
    )


def _mailbox(value: Any) -> Mailbox:
    """A mailbox, also of somebody's address that is not yet written to its end."""
    if not _is_address(value):
        raise NotThatFormError
    name = _BREAKS.sub(" ", value.get("name") or "").strip()
    return addresses.mailbox(name, value["email"].strip())


def _addresses(value: Any) -> bytes:
    if not isinstance(value, list) or len(value) > ADDRESSES_MAX:
        raise NotThatFormError
    return addresses.format(map(_mailbox, value))


def _grouped(value: Any) -> bytes:
    if not isinstance(value, list):
        raise NotThatFormError
    entries: list[Entry] = []
    for group in value:
        if not (
            isinstance(group, dict)
            and group.keys() <= {"name", "addresses"}
            and isinstance(group.get("addresses"), list)
            and (group.get("name") is None or isinstance(group["name"], str))
        ):
            raise NotThatFormError
        members = map(_mailbox, group["addresses"])
        name = group.get("name")
        entries += members if name is None else (GroupStart(name), *members, GroupEnd())
    if len(entries) > ADDRESSES_MAX:
        raise NotThatFormError
    return addresses.format(entries)


def _angled(pattern: re.Pattern[str], separator: str) -> Callable[[Any], bytes]:
    def write(value: Any) -> bytes:
        if not (
            isinstance(value, list)
            and value
            and all(isinstance(one, str) and pattern.fullmatch(one) for one in value)
        ):
            raise NotThatFormError
        return _encoded(separator.join(f"<{one}>" for one in value))

    return write


def _date(value: Any) -> bytes:
    if not is_date(value):
        raise NotThatFormError
    moment = datetime.fromisoformat(value.replace(":60", ":59"))
    offset = moment.utcoffset()
    assert offset is not None
    return dates.format(int(moment.timestamp()), int(offset.total_seconds()) // 60)


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        raise NotThatFormError from None


FORMS: Final[Mapping[str, Callable[[Any], bytes]]] = {
    "Raw": _raw,
    "Text": _text,
    "Addresses": _addresses,
    "GroupedAddresses": _grouped,
    "MessageIds": _angled(_MESSAGE_ID, " "),
    "Date": _date,
    "URLs": _angled(_URL, ", "),
}


def names(fields: Iterable[bytes]) -> set[str]:
    """The names of written fields, in lower case."""
    return {one.partition(b":")[0].decode().lower() for one in fields}
