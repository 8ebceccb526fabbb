"""Notification by mail: what a mailto URI asks for (RFC 6068, as RFC 5436 uses it)."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

import msgspec

from merpati.wire.mime.addresses import judge

MAX_URI: Final = 8_000  # characters
MAX_RECIPIENTS: Final = 10  # of one notification

_URI: Final = re.compile(r"mailto:([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.IGNORECASE)
_BROKEN: Final = re.compile(r"%(?![0-9A-Fa-f]{2})|[\x00-\x20\x7f]")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]+")
_FIELD: Final = re.compile(r"[!-9;-~]{1,80}")
# RFC 5436 2.7: the notification's own, which a URI may not set
_OWN: Final = frozenset(
    {
        *("from", "sender", "date", "message-id", "received", "return-path", "auto-submitted"),
        *("mime-version", "content-type", "content-transfer-encoding", "content-disposition"),
        *("dkim-signature", "arc-seal", "authentication-results", "delivered-to", "reply-to"),
    }
)


class MailTo(msgspec.Struct, frozen=True):
    """A notification as its URI describes it.

    Attributes:
        to, cc, bcc: addr-specs.
        subject, body: as given, or empty; `subject` is one line.
        fields: other header fields, names as written, values in one line.
    """

    to: tuple[str, ...]
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    subject: str = ""
    body: str = ""
    fields: tuple[tuple[str, str], ...] = ()


def parse(uri: str) -> MailTo | None:
    """What a mailto URI asks for; None when it is none, or names nobody or too many."""
    found = _URI.fullmatch(uri) if len(uri) <= MAX_URI else None
    if found is None or _BROKEN.search(uri):
        return None
    to = _addresses(found[1])
    more: dict[str, list[str]] = {"cc": [], "bcc": []}
    subject = body = ""
    fields: list[tuple[str, str]] = []
    for pair in (found[2] or "").split("&"):
        name, _, raw = pair.partition("=")
        name = unquote(name)
        key = name.lower()
        value = unquote(raw)
        line = _CONTROLS.sub(" ", value).strip()
        if key == "to":
            to += _addresses(raw)
        elif key in more:
            more[key] += _addresses(raw)
        elif key == "subject":
            subject = line
        elif key == "body":
            body = value
        elif key and key not in _OWN and _FIELD.fullmatch(name):
            fields.append((name, line))
    everybody = to + more["cc"] + more["bcc"]
    if not everybody or len(everybody) > MAX_RECIPIENTS or "" in everybody:
        return None
    return MailTo(tuple(to), tuple(more["cc"]), tuple(more["bcc"]), subject, body, tuple(fields))


def _addresses(raw: str) -> list[str]:
    """The addresses of a list in a URI; one "" where it is none, or has routes or groups."""
    if not raw:
        return []
    text = unquote(raw)  # its commas may be encoded, too
    found = judge(text.encode("utf-8", "replace"))
    wrong = not found or ";" in text or any(written for _, written in found)
    if '"' not in text:
        wrong = wrong or {text.count(",") + 1, text.count("@")} != {len(found)}
    return [""] if wrong else [one.addr_spec for one, _ in found]
