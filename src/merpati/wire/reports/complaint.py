"""Complaints about single messages of ours, as others report them: RFC 5965, told in words.

A `multipart/report` whose second part, `message/feedback-report`, holds fields, and whose third is
the message or its header. Of that only its Message-ID is taken: it says which message it was.
Failure reports have the same form and stand in `failure`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.mime import headers, text, tree

if TYPE_CHECKING:
    import mmap

    from merpati.wire.mime.tree import Part

REPORT_MAX: Final = 65_536  # octets of the part with the fields, and of a header
VALUE_MAX: Final = 255  # characters of one value that is kept
PARTS_MAX: Final = 50  # of a message, in which the report is looked for
KINDS: Final = ("abuse", "fraud", "virus", "other")  # RFC 5965 7.3; "not-spam" is praise

_KEYS: Final = frozenset(
    {b"feedback-type", b"user-agent", b"version", b"original-mail-from", b"original-rcpt-to",
     b"reporting-mta", b"source-ip", b"reported-domain"}
)  # fmt: skip
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_MESSAGE_ID: Final = re.compile(rb"<[!-;=?-~]{1,250}>")


class Complaint(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's complaint about one message.

    Attributes:
        kind: "abuse" (spam), "fraud", "virus" or "other".
        message_id: of the message, with its angle brackets; empty: not said.
        sender: its return path; empty: not said.
        recipient: who complains, where that is told at all.
        reporter: the server or program that passes it on; empty: not said.
    """

    kind: str
    message_id: str = ""
    sender: str = ""
    recipient: str = ""
    reporter: str = ""


def read(message: bytes | mmap.mmap) -> Complaint | None:
    """The complaint that a message is; None when it is none, or says that something is no spam.

    Raises:
        SyntaxFault: it is a feedback report that does not say of which type (RFC 5965 3.1).
    """
    parts = _parts(tree.parse(message))
    part = next((one for one in parts if _is(one, "message", "feedback-report")), None)
    if part is None:
        return None
    if part.size > REPORT_MAX:
        raise SyntaxFault(f"a complaint has {REPORT_MAX} octets at most")
    fields = text.content(message, part)
    found = headers.collect(fields, 0, len(fields), _KEYS)
    kind = _value(found, b"feedback-type").lower()
    if not kind:
        raise SyntaxFault("the feedback report does not say of which type it is")
    if kind in {"auth-failure", "not-spam"}:
        return None
    reporter = _value(found, b"reporting-mta").rpartition(";")[2].strip()
    return Complaint(
        kind=kind if kind in KINDS else "other",
        message_id=_message_id(message, parts),
        sender=_value(found, b"original-mail-from").strip("<>"),
        recipient=_value(found, b"original-rcpt-to").strip("<>"),
        reporter=reporter or _value(found, b"user-agent"),
    )


def _parts(root: Part) -> list[Part]:
    """The parts of a message, none of a message in it."""
    found: list[Part] = []
    waiting = [root]
    while waiting and len(found) < PARTS_MAX:
        part = waiting.pop(0)
        found.append(part)
        if part.type == "multipart":
            waiting += part.children
    return found


def _is(part: Part, type_: str, subtype: str) -> bool:
    return (part.type, part.subtype) == (type_, subtype)


def _message_id(message: bytes | mmap.mmap, parts: Sequence[Part]) -> str:
    for part in parts:
        if _is(part, "message", "rfc822") or _is(part, "text", "rfc822-headers"):
            head = text.content(message, part)[:REPORT_MAX]
            raw = headers.collect(head, 0, len(head), {b"message-id"}).get(b"message-id", b"")
            found = _MESSAGE_ID.search(raw)
            return found[0].decode("ascii") if found else ""
    return ""


def _value(found: Mapping[bytes, bytes], key: bytes) -> str:
    """A value fit to be shown: one line, no longer than `VALUE_MAX`."""
    raw = found.get(key, b"")[: 4 * VALUE_MAX].decode("utf-8", "replace")
    return _CONTROLS.sub("", raw).strip()[:VALUE_MAX]


def sentence(kind: str, reporter: str, recipient: str, account: str, language: str = "en") -> str:
    """A complaint about a message of an account in words; English for a language we have not."""
    words = _WORDS["id" if language == "id" else "en"]
    who = recipient or words["somebody"]
    by = words["by"].format(reporter=reporter) if reporter else ""
    return words["said"].format(who=who, by=by, account=account, what=words[kind])


ADVICE: Final = {
    "en": (
        "Ask the sender where the address came from, and take it from the list at once. Many"
        " complaints in a day mean a stolen password or a bought list: see Stopped accounts."
    ),
    "id": (
        "Tanyakan kepada pengirim dari mana alamat itu, dan segera keluarkan dari daftarnya. Banyak"
        " keluhan dalam sehari berarti kata sandi dicuri atau daftar dibeli: lihat Akun terhenti."
    ),
}

_WORDS: Final = {
    "en": {
        "somebody": "Somebody",
        "by": " (by {reporter})",
        "said": "{who} complains{by} about a message of {account}: {what}.",
        "abuse": "it is spam",
        "fraud": "it is fraud",
        "virus": "it has a virus",
        "other": "something is wrong with it",
    },
    "id": {
        "somebody": "Seseorang",
        "by": " (lewat {reporter})",
        "said": "{who} mengeluh{by} tentang surat dari {account}: {what}.",
        "abuse": "itu spam",
        "fraud": "itu penipuan",
        "virus": "ada virusnya",
        "other": "ada yang tidak beres",
    },
}
