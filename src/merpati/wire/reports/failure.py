"""Failure reports about single messages in the name of our domains, told in a sentence or two.

RFC 9991, in the form of RFC 6591 and RFC 5965: a `multipart/report` whose second part,
`message/feedback-report`, holds fields. Whatever of the failed message comes along is left
alone: it is not ours, and may be anything. Such reports are read and never made here; why
stands in docs/design/judging.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.mime import headers, text, tree

if TYPE_CHECKING:
    import mmap

    from merpati.wire.mime.tree import Part

REPORT_MAX: Final = 65_536  # octets of the part with the fields
VALUE_MAX: Final = 255  # characters of one value that is told
PARTS_MAX: Final = 50  # of a message, in which the report is looked for

_KEYS: Final = frozenset(
    {b"feedback-type", b"auth-failure", b"source-ip", b"reported-domain", b"original-mail-from",
     b"delivery-result", b"identity-alignment", b"dkim-domain", b"dkim-selector",
     b"arrival-date", b"user-agent", b"reporting-mta"}
)  # fmt: skip
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One message that failed, as somebody else saw it.

    Attributes:
        domain: in whose name it was (Reported-Domain).
        kind: what failed (Auth-Failure): "dmarc", "spf", "signature", "bodyhash", "revoked" ...
        source: the address it came from; empty: not said.
        sender: its return path; empty: not said.
        reporter: the server that saw it; empty: not said.
        result: what was done with it (Delivery-Result): "delivered", "spam", "policy",
            "reject", "other"; empty: not said.
        aligned: what had been aligned (RFC 9991: "dkim", "spf"); "none".
        signer: the domain of the signature that failed.
        selector: and its selector.
    """

    domain: str
    kind: str
    source: str = ""
    sender: str = ""
    reporter: str = ""
    result: str = ""
    aligned: str = ""
    signer: str = ""
    selector: str = ""


def read(message: bytes | mmap.mmap) -> Failure | None:
    """The failure report that a message is; None when it is none.

    Raises:
        SyntaxFault: it lacks what a failure report must say (RFC 6591 3.1).
    """
    part = _report(tree.parse(message))
    if part is None:
        return None
    if part.size > REPORT_MAX:
        raise SyntaxFault(f"a failure report has {REPORT_MAX} octets at most")
    fields = text.content(message, part)
    found = headers.collect(fields, 0, len(fields), _KEYS)
    if _value(found, b"feedback-type").lower() != "auth-failure":
        return None  # a complaint about spam (RFC 5965), or something newer
    domain, kind = _value(found, b"reported-domain"), _value(found, b"auth-failure")
    if not domain or not kind:
        raise SyntaxFault("the failure report does not say what failed, or in whose name")
    reporter = _value(found, b"reporting-mta").rpartition(";")[2].strip()
    return Failure(
        domain=domain.lower().rstrip("."),
        kind=kind.lower(),
        source=_value(found, b"source-ip"),
        sender=_value(found, b"original-mail-from").strip("<>"),
        reporter=reporter or _value(found, b"user-agent"),
        result=_value(found, b"delivery-result").lower(),
        aligned=_value(found, b"identity-alignment").lower(),
        signer=_value(found, b"dkim-domain").lower(),
        selector=_value(found, b"dkim-selector"),
    )


def _report(root: Part) -> Part | None:
    waiting, seen = [root], 0
    while waiting and seen < PARTS_MAX:
        part = waiting.pop(0)
        seen += 1
        if (part.type, part.subtype) == ("message", "feedback-report"):
            return part
        if part.type == "multipart":
            waiting += part.children
    return None


def _value(found: Mapping[bytes, bytes], key: bytes) -> str:
    """A value fit to be shown: one line, no longer than `VALUE_MAX`."""
    raw = found.get(key, b"")[: 4 * VALUE_MAX].decode("utf-8", "replace")
    return _CONTROLS.sub("", raw).strip()[:VALUE_MAX]


def sentences(failure: Failure, language: str = "en") -> list[str]:
    """The report in words, and what to do; English for a language we do not have."""
    words = _WORDS["id" if language == "id" else "en"]
    reporter = failure.reporter or words["somebody"]
    origin = words["from"].format(source=failure.source) if failure.source else ""
    path = words["sender"].format(sender=failure.sender) if failure.sender else ""
    why = words.get(f"kind-{failure.kind}") or words["kind"].format(kind=failure.kind)
    signature = failure.kind in {"signature", "bodyhash", "revoked"}
    if signature and failure.signer:
        key = f"{failure.selector}._domainkey.{failure.signer}" if failure.selector else ""
        why += f" (d={failure.signer}{', ' + key if key else ''})"
    fate = words.get(f"result-{failure.result}", "")
    told = [
        words["seen"].format(reporter=reporter, domain=failure.domain, origin=origin, path=path),
        words["why"].format(why=why) + (f" {fate}" if fate else ""),
    ]
    told.append(words["mend" if signature else "ours"].format(source=failure.source or "?"))
    return told


_WORDS: Final = {
    "en": {
        "somebody": "Another mail server",
        "seen": "{reporter} got a message in the name of {domain}{origin}{path}.",
        "from": " from {source}",
        "sender": ", with the return path {sender}",
        "why": "It failed: {why}.",
        "kind": "{kind}",
        "kind-dmarc": "neither SPF nor a signature stood for the author's domain (DMARC)",
        "kind-spf": "its address may not send for that domain (SPF)",
        "kind-signature": "its signature is wrong (DKIM)",
        "kind-bodyhash": "it was changed after it was signed (DKIM)",
        "kind-revoked": "the key of its signature is revoked (DKIM)",
        "result-delivered": "It was delivered all the same.",
        "result-spam": "It was put with the junk.",
        "result-policy": "It was treated as a policy there says.",
        "result-reject": "It was refused.",
        "ours": (
            "If {source} is yours, add it to SPF or let it sign; if not, somebody forges your name,"
            " and a DMARC policy of reject stops that."
        ),
        "mend": (
            "See that the key is published as this server signs with it (merpati doctor), and that"
            " nothing behind it changes messages."
        ),
    },
    "id": {
        "somebody": "Server surat lain",
        "seen": "{reporter} menerima pesan atas nama {domain}{origin}{path}.",
        "from": " dari {source}",
        "sender": ", dengan alamat pengirim {sender}",
        "why": "Pesan itu gagal: {why}.",
        "kind": "{kind}",
        "kind-dmarc": "baik SPF maupun tanda tangan tidak mewakili domain penulisnya (DMARC)",
        "kind-spf": "alamat asalnya tidak boleh mengirim untuk domain itu (SPF)",
        "kind-signature": "tanda tangannya salah (DKIM)",
        "kind-bodyhash": "isinya berubah setelah ditandatangani (DKIM)",
        "kind-revoked": "kunci tanda tangannya sudah dicabut (DKIM)",
        "result-delivered": "Pesan itu tetap disampaikan.",
        "result-spam": "Pesan itu ditaruh di folder sampah.",
        "result-policy": "Pesan itu diperlakukan menurut aturan di sana.",
        "result-reject": "Pesan itu ditolak.",
        "ours": (
            "Jika {source} milik Anda, tambahkan ke SPF atau biarkan ia menandatangani; jika bukan,"
            " ada yang memalsukan nama Anda, dan kebijakan DMARC reject menghentikannya."
        ),
        "mend": (
            "Pastikan kunci yang diterbitkan sama dengan yang dipakai server ini (merpati doctor),"
            " dan tidak ada yang mengubah pesan sesudahnya."
        ),
    },
}
