"""Message disposition notifications (RFC 8098) as the objects of RFC 9007, both ways."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from merpati.wire.jmap import email_body, email_fields, email_headers
from merpati.wire.jmap.email_headers import CONVENIENT
from merpati.wire.jmap.faults import wrong
from merpati.wire.mime import charsets, headers, text
from merpati.wire.mime.tree import Part

if TYPE_CHECKING:
    import mmap

ACTIONS: Final = ("manual-action", "automatic-action")
SENDINGS: Final = ("mdn-sent-manually", "mdn-sent-automatically")
TYPES: Final = ("deleted", "dispatched", "displayed", "processed")
REPORT_MAX: Final = 100_000  # octets of the report's own fields

_TEXTS: Final = ("subject", "textBody", "reportingUA", "finalRecipient")
_SERVER_SET: Final = ("mdnGateway", "originalRecipient", "originalMessageId", "error")
_KNOWN: Final = frozenset({
    "forEmailId", "includeOriginalMessage", "disposition", "extensionFields", *_TEXTS,
    *_SERVER_SET,
})  # fmt: skip
_LINE: Final = re.compile(r"[^\x00-\x1f\x7f]{0,998}")
_FIELD: Final = re.compile(r"[!-9;-~]{1,100}")
_DISPOSITION: Final = re.compile(
    r"\s*([^/;\s]+)\s*/\s*([^;\s]+)\s*;\s*([^/,\s]+)(?:\s*/\s*([^\s].*))?", re.IGNORECASE
)


def check(given: Mapping[str, Any]) -> None:
    """Whether an MDN may be sent so (RFC 9007 2.1). Raises SetFault invalidProperties."""
    bad = [name for name in given if name not in _KNOWN or name in _SERVER_SET]
    bad += [
        name
        for name in _TEXTS
        if given.get(name) is not None
        and not (
            isinstance(given[name], str) and (name == "textBody" or _LINE.fullmatch(given[name]))
        )
    ]
    if not isinstance(given.get("forEmailId"), str):
        bad.append("forEmailId")
    if not isinstance(given.get("includeOriginalMessage", False), bool | None):
        bad.append("includeOriginalMessage")
    if not _is_disposition(given.get("disposition")):
        bad.append("disposition")
    extensions = given.get("extensionFields")
    if extensions is not None and not (
        isinstance(extensions, dict)
        and all(
            _FIELD.fullmatch(name) and isinstance(value, str) and _LINE.fullmatch(value)
            for name, value in extensions.items()
        )
    ):
        bad.append("extensionFields")
    if bad:
        raise wrong("these properties are unknown, missing or have a wrong value", *bad)


def _is_disposition(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"actionMode", "sendingMode", "type"}
        and value["actionMode"] in ACTIONS
        and value["sendingMode"] in SENDINGS
        and value["type"] in TYPES
    )


def report(mdn: Mapping[str, Any]) -> bytes:
    """The fields of the message/disposition-notification part (RFC 8098 3)."""
    how = mdn["disposition"]
    rows = [
        ("Reporting-UA", mdn.get("reportingUA")),
        ("Original-Recipient", mdn.get("originalRecipient")),
        ("Final-Recipient", mdn.get("finalRecipient")),
        ("Original-Message-ID", mdn.get("originalMessageId")),
        ("Disposition", f"{how['actionMode']}/{how['sendingMode']}; {how['type']}"),
        *(mdn.get("extensionFields") or {}).items(),
    ]
    return b"".join(
        email_fields.field(name, value.encode("utf-8", "replace")) for name, value in rows if value
    )


def read(buffer: bytes | mmap.mmap, root: Part) -> dict[str, Any] | None:
    """The MDN that a message is; None when it is none (RFC 9007 2.2)."""
    if (root.type, root.subtype) != ("multipart", "report"):
        return None
    parts = list(root.children)
    kinds = [f"{part.type}/{part.subtype}" for part in parts]
    if "message/disposition-notification" not in kinds:
        return None
    own = text.content(buffer, parts[kinds.index("message/disposition-notification")])
    known = dict(_fields(own[:REPORT_MAX]))
    match = _DISPOSITION.match(known.pop("disposition", ("", ""))[1])
    if match is None or "final-recipient" not in known:
        return None
    top = headers.split(buffer, root.header_start, root.body_start).fields
    shown = email_body.shown(email_body.numbered(root)).text
    body = None
    if shown and shown[0].part.type == "text":
        part = shown[0].part
        said = charsets.decode(text.content(buffer, part), part.param("charset"))
        body = said.replace("\r\n", "\n")
    errors = known.pop("error", None)
    return {
        "subject": email_headers.value(top, CONVENIENT["subject"]),
        "textBody": body,
        "includeOriginalMessage": any(kind.startswith("message/rfc822") for kind in kinds)
        or "text/rfc822-headers" in kinds,
        "reportingUA": known.pop("reporting-ua", ("", None))[1],
        "disposition": {
            "actionMode": match[1].lower(),
            "sendingMode": match[2].lower(),
            "type": match[3].lower(),
        },
        "mdnGateway": known.pop("mdn-gateway", ("", None))[1],
        "originalRecipient": known.pop("original-recipient", ("", None))[1],
        "finalRecipient": known.pop("final-recipient")[1],
        "originalMessageId": known.pop("original-message-id", ("", None))[1],
        "error": [errors[1]] if errors else None,
        "extensionFields": dict(known.values()) or None,
    }


def _fields(own: bytes) -> Iterator[tuple[str, tuple[str, str]]]:
    """The fields of a report: by their lower-case names, their names and values."""
    for field in headers.split(own).fields:
        if field.name:
            name = field.name.decode("latin-1")
            value = headers.unfold(field.raw_value).strip().decode("utf-8", "replace")
            yield name.lower(), (name, value)
