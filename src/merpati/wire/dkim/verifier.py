"""Whether the signatures of a message hold (RFC 6376 6), as a rule that asks the DNS.

Every signature gets a verdict of its own, with its reason in words; one that fails says
nothing more than one that is not there (RFC 6376 6.3), so it is the good ones that matter.

What is stricter here than the RFC, and why:

- `l=` is not believed: the hash must be that of the whole body. A signature that covers
  only its beginning lets anybody append what a reader sees first (RFC 6376 8.2).
- Every From field must be signed. One that was put above the signed one is what mail
  programs show (RFC 6376 8.15).
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum
from typing import Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.asking import Asking, Question
from merpati.wire.dkim import keys
from merpati.wire.dkim import tags as tag_list
from merpati.wire.dkim.canonical import Buffer
from merpati.wire.dkim.content import Content
from merpati.wire.dkim.keys import KeyRecord
from merpati.wire.dkim.signature import Signature, parse
from merpati.wire.mime.headers import Field

MAX_SIGNATURES: Final = 8
"""Signatures looked at, from the top; each costs a DNS question (RFC 6376 6.1: a limit is wise)."""
MAX_RECORDS: Final = 4
"""Records tried at one selector, which should have one (RFC 6376 3.6.2.2)."""
LAST_TIME: Final = 253_402_300_799  # the year 9999 ends

SINGLE: Final = (b"from", b"sender", b"reply-to", b"to", b"cc", b"subject", b"date")
"""Fields that a message has once (RFC 5322 3.6), and that a reader sees."""


class DkimVerdict(Enum):
    """The results of RFC 8601 2.7.1."""

    NONE = "none"  # not signed; never the verdict on a signature
    PASS = "pass"  # noqa: S105 -- the word of RFC 8601
    FAIL = "fail"  # the message was changed, or the signature is forged
    POLICY = "policy"  # a good signature of a kind that is not accepted
    NEUTRAL = "neutral"  # cannot be read, or its domain is only testing
    TEMPERROR = "temperror"  # the DNS does not answer
    PERMERROR = "permerror"  # no key, expired, From not signed


class DkimResult(msgspec.Struct, frozen=True):
    """What came of one signature.

    Attributes:
        verdict: of RFC 8601 2.7.1.
        reason: why, in words; for a pass what to know about it, or empty.
        domain: d= with A-labels; empty when the signature could not be read.
        selector: s=.
        algorithm: a=.
        identity: i=.
        bits: of the key; 0 when there was none.
        testing: the key says t=y.
        covers_from: every From field of the message is signed.
        signature: the first 8 characters of b=, which tell signatures apart (RFC 6008).
    """

    verdict: DkimVerdict
    reason: str
    domain: str = ""
    selector: str = ""
    algorithm: str = ""
    identity: str = ""
    bits: int = 0
    testing: bool = False
    covers_from: bool = False
    signature: str = ""


class Unverified(Exception):  # noqa: N818 -- not an error: the verdict on one signature
    """A signature does not hold: the verdict and its reason."""

    def __init__(self, verdict: DkimVerdict, reason: str) -> None:
        super().__init__(reason)
        self.verdict: Final = verdict
        self.reason: Final = reason


def verify(content: Buffer | Content, now: int) -> Asking[tuple[DkimResult, ...]]:
    """The verdicts on the signatures of a message, from the top; none, if it has none.

    Args:
        content: The message with CRLF line ends.
        now: Unix seconds.
    """
    if not isinstance(content, Content):
        content = Content(content)
    results: tuple[DkimResult, ...] = ()
    for field in content.named(b"dkim-signature")[:MAX_SIGNATURES]:
        results += ((yield from _verify_field(content, field, now)),)
    return results


def _verify_field(content: Content, field: Field, now: int) -> Asking[DkimResult]:
    try:
        signature = parse(field.raw_value)
    except SyntaxFault as fault:
        return DkimResult(DkimVerdict.NEUTRAL, f"the signature cannot be read: {fault.text}")
    verdict, bits, testing = DkimVerdict.PASS, 0, False
    covers_from = _covers(signature, content, b"from")
    try:
        _check_terms(content, signature, now, covers_from=covers_from)
        key = yield from fetch_key(signature.key_name, signature.algorithm)
        bits, testing = key.bits, key.testing
        check_key(key)
        _check_identity(signature, key)
        check_fields(content, field, signature, key)
        check_body(content, signature)
        reason = _remarks(content, signature, key)
    except Unverified as unverified:
        verdict, reason = unverified.verdict, unverified.reason
        if testing and verdict is DkimVerdict.FAIL:  # RFC 6376 3.6.1: as if it were unsigned
            verdict, reason = DkimVerdict.NEUTRAL, f"{reason}; the domain is only testing DKIM"
    return DkimResult(
        verdict=verdict,
        reason=reason,
        domain=signature.domain,
        selector=signature.selector,
        algorithm=signature.algorithm,
        identity=signature.identity,
        bits=bits,
        testing=testing,
        covers_from=covers_from,
        signature=tag_list.base64(signature.signature[:6]).decode(),
    )


def _check_terms(content: Content, signature: Signature, now: int, *, covers_from: bool) -> None:
    """What can be told without the key."""
    if not content.whole:
        raise Unverified(DkimVerdict.PERMERROR, "the header is too long to be verified")
    if b"from" not in signature.signed:
        raise Unverified(DkimVerdict.PERMERROR, "the From field is not signed")
    if not covers_from:
        raise Unverified(DkimVerdict.POLICY, "a From field stands there that is not signed")
    if signature.expires_at is not None and signature.expires_at < now:
        moment = datetime.fromtimestamp(min(signature.expires_at, LAST_TIME), UTC)
        reason = f"the signature expired on {moment:%Y-%m-%d %H:%M} UTC"
        raise Unverified(DkimVerdict.PERMERROR, reason)


def fetch_key(name: str, algorithm: str) -> Asking[KeyRecord]:
    """The key that a signature names.

    Raises:
        Unverified: there is none for this algorithm, or nobody can tell at the moment.
    """
    answer = yield Question(name, "TXT")
    if answer.failure:
        raise Unverified(DkimVerdict.TEMPERROR, f"the key is not to be had: {answer.failure}")
    if not answer.records:
        raise Unverified(DkimVerdict.PERMERROR, f"there is no key at {name}")
    kind, _, digest = algorithm.partition("-")
    reason = ""
    for record in answer.records[:MAX_RECORDS]:
        try:
            key = keys.parse_record(record)
        except SyntaxFault as fault:
            reason = reason or f"the key at {name} is of no use: {fault.text}"
            continue
        if key.public is None:
            reason = f"the key at {name} was revoked"
        elif key.kind != kind:
            reason = f"the key at {name} is for {key.kind}"
        elif key.hashes and digest.encode() not in key.hashes:
            reason = f"the key at {name} does not allow {digest}"
        elif not {b"*", b"email"}.intersection(key.services):
            reason = f"the key at {name} is not for mail"
        else:
            return key
    raise Unverified(DkimVerdict.PERMERROR, reason)


def check_key(key: KeyRecord) -> None:
    """Raises `Unverified` for a key too short to prove anything."""
    if key.kind == keys.RSA and key.bits < keys.MIN_BITS:
        reason = f"an RSA key of {key.bits} bits is too short to prove anything (RFC 8301)"
        raise Unverified(DkimVerdict.POLICY, reason)


def _check_identity(signature: Signature, key: KeyRecord) -> None:
    if key.strict and signature.identity.rpartition("@")[2] != signature.domain:
        reason = "the key does not serve identities below its domain (t=s)"
        raise Unverified(DkimVerdict.PERMERROR, reason)


def check_fields(content: Content, field: Field, signature: Signature, key: KeyRecord) -> None:
    """Raises `Unverified` unless the signature is that of the fields it names."""
    digest = hash_fields(content, field, signature)
    if not key.verifies(signature.signature, digest):
        reason = "the signature does not match: signed fields were changed, or it is forged"
        raise Unverified(DkimVerdict.FAIL, reason)


def hash_fields(content: Content, field: Field, signature: Signature) -> bytes:
    """What a signature signs: the fields it names and its own (RFC 6376 3.7)."""
    form = signature.header_form
    parts = [content.canonical(one, form) for one in content.select(signature.signed)]
    parts.append(content.unsigned(field, form))
    return keys.digest_of(parts)


def check_body(content: Content, signature: Signature) -> None:
    """Raises `Unverified` unless the signature's hash is that of the whole body."""
    if content.hash_body(signature.body_form) == signature.body_hash:
        return
    if signature.length is not None:
        reason = (
            f"the signature covers only the first {signature.length} octets of the body,"
            " and so says nothing about the rest (l=)"
        )
        raise Unverified(DkimVerdict.POLICY, reason)
    raise Unverified(DkimVerdict.FAIL, "the body was changed after it was signed")


def _covers(signature: Signature, content: Content, key: bytes) -> bool:
    return 0 < len(content.named(key)) <= signature.signed.count(key)


def _remarks(content: Content, signature: Signature, key: KeyRecord) -> str:
    """What to know about a good signature."""
    found = []
    if key.kind == keys.RSA and key.bits < keys.GOOD_BITS:
        found.append(f"the key is weak: {key.bits} bits")
    if key.testing:
        found.append("the domain is only testing DKIM")
    doubled = [
        one.decode().capitalize()
        for one in SINGLE
        if len(content.named(one)) > 1 and 0 < signature.signed.count(one) < len(content.named(one))
    ]
    if doubled:
        found.append(f"not all of these fields are signed: {', '.join(doubled)}")
    return "; ".join(found)
