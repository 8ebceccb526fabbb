"""The S/MIME properties of an Email (RFC 9219 4): judged when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from merpati.services.smime import Smime, Verdict
from merpati.wire.jmap import email_headers
from merpati.wire.jmap.values import is_bool, utc_date
from merpati.wire.mime import headers
from merpati.wire.smime import message

if TYPE_CHECKING:
    import mmap

    from merpati.base.clock import Clock
    from merpati.services.finding.contents import Judge
    from merpati.wire.mime.tree import Part

CAPABILITY: Final = "urn:ietf:params:jmap:smimeverify"
VERIFIED: Final = "signed/verified"
CONDITIONS: Final = {
    CAPABILITY: dict.fromkeys(
        ("hasSmime", "hasVerifiedSmime", "hasVerifiedSmimeAtDelivery"), is_bool
    )
}
PROPERTIES: Final = ("smimeStatus", "smimeStatusAtDelivery", "smimeErrors", "smimeVerifiedAt")
NONE: Final[dict[str, Any]] = dict.fromkeys(PROPERTIES)


def told(
    smime: Smime, content: bytes | mmap.mmap, root: Part, received_at: int, now: int
) -> dict[str, Any]:
    """The properties, null for a message without S/MIME. Takes a millisecond or two.

    Args:
        smime: Who judges.
        content: The message.
        root: Its structure.
        received_at: When it came, Unix milliseconds: certificates may have expired since.
        now: Unix milliseconds.
    """
    if not message.is_smime(root):
        return dict(NONE)
    senders = _senders(content, root)
    verdict = smime.verdict(content, root, senders, now / 1000)
    if verdict is None:
        return dict(NONE)
    then = verdict
    if verdict.status != VERIFIED:
        then = smime.verdict(content, root, senders, received_at / 1000) or verdict
    return {
        "smimeStatus": verdict.status,
        "smimeStatusAtDelivery": then.status,
        "smimeErrors": list(verdict.errors) or None,
        "smimeVerifiedAt": None if _is_unknown(verdict) else utc_date(now),
    }


def judge(smime: Smime, clock: Clock) -> Judge:
    """What tells searches which signatures are good."""

    def good(content: bytes | mmap.mmap, root: Part, received_at: int) -> tuple[bool, bool]:
        found = told(smime, content, root, received_at, int(clock.now() * 1000))
        now, then = found["smimeStatus"], found["smimeStatusAtDelivery"]
        return now == VERIFIED, then == VERIFIED

    return good


def _is_unknown(verdict: Verdict) -> bool:
    return verdict.status == "unknown"


def _senders(content: bytes | mmap.mmap, root: Part) -> list[str]:
    """The addresses of From and Sender (RFC 8551 1.3, RFC 8550 3)."""
    fields = headers.split(content, root.header_start, root.body_start).fields
    return [
        str(address["email"])
        for field in fields
        if field.key in (b"from", b"sender")
        for address in email_headers.flat(field.raw_value)
    ]
