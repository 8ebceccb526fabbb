"""Header fields in the forms of RFC 8621 4.1.2, and the properties that stand for them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from merpati.wire.jmap.faults import invalid
from merpati.wire.mime import addresses, comments, dates, words
from merpati.wire.mime.addresses import GroupEnd, GroupStart

if TYPE_CHECKING:
    from merpati.wire.mime.headers import Field

# RFC 8621 4.1.2: a form is for its own fields, and for those that RFC 5322 and RFC 2369
# do not define.
_ADDRESSES: Final = frozenset({
    "from", "sender", "reply-to", "to", "cc", "bcc", "resent-from", "resent-sender",
    "resent-reply-to", "resent-to", "resent-cc", "resent-bcc",
})  # fmt: skip
_TEXTS: Final = frozenset({"subject", "comments", "keywords", "list-id"})
_IDS: Final = frozenset({"message-id", "in-reply-to", "references", "resent-message-id"})
_DATES: Final = frozenset({"date", "resent-date"})
_URLS: Final = frozenset({
    "list-help", "list-unsubscribe", "list-subscribe", "list-post", "list-owner", "list-archive",
})  # fmt: skip
_OTHERS: Final = frozenset({"return-path", "received"})
_DEFINED: Final = _ADDRESSES | (_TEXTS - {"list-id"}) | _IDS | _DATES | _URLS | _OTHERS

_PROPERTY: Final = re.compile(
    r"header:([!-9;-~]{1,255})"
    r"(?::as(Raw|Text|Addresses|GroupedAddresses|MessageIds|Date|URLs))?(:all)?"
)
# What else stands there are phrases of the obsolete syntax (RFC 5322 4.5.4).
_MESSAGE_ID: Final = re.compile(r"<([^<>]+)>")
_URL: Final = re.compile(r"\s*<([^<>]*)>\s*(?:,|\Z)")


class Wanted(NamedTuple):
    """A header property.

    Attributes:
        field: its name in lower case.
        form: "Raw", "Text", "Addresses", ...
        is_all: every field of the name, not only the last.
    """

    field: str
    form: str
    is_all: bool = False


# RFC 8621 4.1.3.
CONVENIENT: Final = {
    "messageId": Wanted("message-id", "MessageIds"),
    "inReplyTo": Wanted("in-reply-to", "MessageIds"),
    "references": Wanted("references", "MessageIds"),
    "sender": Wanted("sender", "Addresses"),
    "from": Wanted("from", "Addresses"),
    "to": Wanted("to", "Addresses"),
    "cc": Wanted("cc", "Addresses"),
    "bcc": Wanted("bcc", "Addresses"),
    "replyTo": Wanted("reply-to", "Addresses"),
    "subject": Wanted("subject", "Text"),
    "sentAt": Wanted("date", "Date"),
}


def wanted(name: str) -> Wanted | None:
    """The fields that a property is about, None for one that is about none.

    Raises:
        MethodFault: invalidArguments, for a form that the field cannot have.
    """
    found = CONVENIENT.get(name)
    if found is not None or not name.startswith("header:"):
        return found
    match = _PROPERTY.fullmatch(name)
    if match is None:
        raise invalid(f"{name[:100]!r} is no property of a header field", "properties")
    field, form, is_all = match[1].lower(), match[2] or "Raw", match[3] is not None
    if not may_have(field, form):
        raise invalid(f"{match[1]} cannot be read as {form}", "properties")
    return Wanted(field, form, is_all)


def may_have(field: str, form: str) -> bool:
    """Whether a field (lower case) can be read in a form (RFC 8621 4.1.2)."""
    if form == "Raw":
        return True
    own = _OWN[form]
    return field in own or field not in _DEFINED


def value(fields: Sequence[Field], what: Wanted) -> Any:
    """The value of a header property: of the last field of the name, or of all of them."""
    key = what.field.encode()
    read = FORMS[what.form]
    if what.is_all:
        return [read(field.raw_value) for field in fields if field.key == key]
    for field in reversed(fields):
        if field.key == key:
            return read(field.raw_value)
    return None


def raw(value_: bytes) -> str:
    """All after the colon, as it came, without octets 0 (RFC 8621 4.1.2.1)."""
    return value_.removesuffix(b"\r").replace(b"\0", b"").decode("utf-8", "replace")


def text(value_: bytes) -> str:
    """Unfolded, decoded where RFC 2047 lets an encoded word stand, in NFC (RFC 8621 4.1.2.2)."""
    found = words.decode(value_.lstrip(b" \t\r\n"), placed=True)
    return found if found.isascii() else unicodedata.normalize("NFC", found)


def flat(value_: bytes) -> list[dict[str, str | None]]:
    """The addresses, those of groups among them."""
    return [
        _address(entry)
        for entry in addresses.parse_list(value_)
        if not isinstance(entry, GroupStart | GroupEnd)
    ]


def grouped(value_: bytes) -> list[dict[str, Any]]:
    """The same by groups; those in no group that stand together are one without a name."""
    groups: list[dict[str, Any]] = []
    is_open = False  # a group without a name
    for entry in addresses.parse_list(value_):
        if isinstance(entry, GroupStart):
            groups.append({"name": entry.name or None, "addresses": []})
            is_open = True
        elif isinstance(entry, GroupEnd):
            is_open = False
        else:
            if not is_open and not (groups and groups[-1]["name"] is None):
                groups.append({"name": None, "addresses": []})
            groups[-1]["addresses"].append(_address(entry))
    return groups


def _address(entry: addresses.Mailbox) -> dict[str, str | None]:
    name = entry.name.strip()
    if name and not name.isascii():
        name = unicodedata.normalize("NFC", name)
    return {"name": name or None, "email": entry.addr_spec}


def ids(value_: bytes) -> list[str] | None:
    """Message ids without their angle brackets; None when there are none."""
    said = comments.mask(value_.translate(None, b"\r\n")).decode("utf-8", "replace")
    return ["".join(one.split()) for one in _MESSAGE_ID.findall(said)] or None


def date(value_: bytes) -> str | None:
    """The moment with its zone; None for what is no date."""
    moment = dates.parse(value_.translate(None, b"\r\n"))
    if moment is None:
        return None
    told = moment.replace(microsecond=0).isoformat()
    return told.replace("+00:00", "Z")


def urls(value_: bytes) -> list[str] | None:
    """What stands in angle brackets; None when it is no list of that."""
    said = comments.mask(value_.translate(None, b"\r\n")).decode("utf-8", "replace")
    found = []
    at = 0
    while at < len(said):
        match = _URL.match(said, at)
        if match is None:
            break
        found.append("".join(match[1].split()))
        at = match.end()
    return found or None


FORMS: Final[dict[str, Callable[[bytes], Any]]] = {
    "Raw": raw,
    "Text": text,
    "Addresses": flat,
    "GroupedAddresses": grouped,
    "MessageIds": ids,
    "Date": date,
    "URLs": urls,
}
_OWN: Final = {
    "Text": _TEXTS,
    "Addresses": _ADDRESSES,
    "GroupedAddresses": _ADDRESSES,
    "MessageIds": _IDS,
    "Date": _DATES,
    "URLs": _URLS,
}
