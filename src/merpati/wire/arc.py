"""The Authenticated Received Chain (RFC 8617): what each host on the way saw, and its seal.

A host that passes mail on adds one set of three fields with the next instance number:

    ARC-Authentication-Results   what it found out about who sent the message
    ARC-Message-Signature        a signature of the message as it left, like DKIM's
    ARC-Seal                     a signature of all sets so far, and whether they held (cv=)

The chain proves that these hosts say so, not that they tell the truth: who believes which
of them is for policy to decide. The newest message signature must still hold; the older ones
need not, for they are of the message before it was changed on the way.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, TypeVar

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.asking import Asking
from merpati.wire.dkim import signer, verifier
from merpati.wire.dkim import tags as tag_list
from merpati.wire.dkim.canonical import Buffer, relax_field
from merpati.wire.dkim.content import Content
from merpati.wire.dkim.keys import SigningKey, digest_of
from merpati.wire.dkim.signature import (
    Signature,
    read_algorithm,
    read_common,
    read_domain,
    read_selector,
)
from merpati.wire.dkim.tags import require
from merpati.wire.dkim.verifier import DkimVerdict, Unverified
from merpati.wire.mime.headers import Field, unfold

T = TypeVar("T")

MAX_SETS: Final = 50  # RFC 8617 5.2 step 2

RESULTS: Final = b"arc-authentication-results"
MESSAGE_SIGNATURE: Final = b"arc-message-signature"
SEAL: Final = b"arc-seal"
SIGNED: Final = (*signer.SIGNED, b"dkim-signature")

# arc-info = instance [CFWS] ";" authres-payload (RFC 8617 4.1.1)
_RESULTS: Final = re.compile(
    rb"[ \t\r\n]*+i[ \t\r\n]*+=[ \t\r\n]*+([1-9][0-9]?)[ \t\r\n]*+;(.*+)", re.DOTALL
)
_INSTANCE: Final = re.compile(rb"[1-9][0-9]?")


class ArcVerdict(Enum):
    """The status of a chain (RFC 8617 4.4)."""

    NONE = "none"
    PASS = "pass"  # noqa: S105 -- the word of RFC 8617
    FAIL = "fail"


class ArcResult(msgspec.Struct, frozen=True):
    """What came of the chain of a message.

    Attributes:
        verdict: its status.
        reason: why it fails, in words; empty otherwise.
        instance: how many sets there are.
        ended: its newest seal says itself that the chain had failed; nothing may be added.
        temporary: it fails because the DNS does not answer.
        sealers: the domain of each seal, the first host's first; empty unless it passes.
        results: what each host found, as an Authentication-Results value, in that order.
    """

    verdict: ArcVerdict
    reason: str = ""
    instance: int = 0
    ended: bool = False
    temporary: bool = False
    sealers: tuple[str, ...] = ()
    results: tuple[bytes, ...] = ()


class _Seal(msgspec.Struct, frozen=True):
    """An ARC-Seal (RFC 8617 4.1.3)."""

    algorithm: str
    key_name: str
    domain: str
    signature: bytes
    status: bytes  # cv=


class _Set(msgspec.Struct, frozen=True):
    """The three fields of one instance, read."""

    results_field: Field
    results: bytes
    signature_field: Field
    signature: Signature
    seal_field: Field
    seal: _Seal

    @property
    def fields(self) -> tuple[Field, Field, Field]:
        """As a seal covers them (RFC 8617 5.1.1)."""
        return self.results_field, self.signature_field, self.seal_field


def validate(content: Buffer | Content, now: int) -> Asking[ArcResult]:
    """The status of a message's chain (RFC 8617 5.2).

    Args:
        content: The message with CRLF line ends.
        now: Unix seconds; a seal does not expire, so nothing is compared with it yet.
    """
    del now
    if not isinstance(content, Content):
        content = Content(content)
    total = max(len(content.named(key)) for key in (RESULTS, MESSAGE_SIGNATURE, SEAL))
    if not total:
        return ArcResult(ArcVerdict.NONE)
    ended = temporary = False
    try:
        sets = _read(content, total)
        ended = sets[-1].seal.status == b"fail"
        _check_statuses(sets)
        yield from _check_message(content, sets[-1])
        for n in range(len(sets), 0, -1):
            yield from _check_seal(content, sets[:n])
    except SyntaxFault as fault:
        reason = fault.text
    except Unverified as unverified:
        reason, temporary = unverified.reason, unverified.verdict is DkimVerdict.TEMPERROR
    else:
        return ArcResult(
            ArcVerdict.PASS,
            instance=total,
            sealers=tuple(one.seal.domain for one in sets),
            results=tuple(one.results for one in sets),
        )
    return ArcResult(ArcVerdict.FAIL, reason, min(total, MAX_SETS), ended, temporary)


def _read(content: Content, total: int) -> list[_Set]:
    """The sets in order. Raises `SyntaxFault` unless they are complete, 1 to the last."""
    if total > MAX_SETS or not content.whole:
        raise SyntaxFault(f"the chain has more than {MAX_SETS} sets, or the header is too long")
    results: dict[int, tuple[Field, bytes]] = {}
    signatures: dict[int, tuple[Field, Signature]] = {}
    seals: dict[int, tuple[Field, _Seal]] = {}
    for field in content.named(RESULTS):
        match = _RESULTS.fullmatch(field.raw_value)
        if match is None:
            raise SyntaxFault("ARC-Authentication-Results has no instance")
        _put(results, int(match[1]), (field, unfold(match[2])))
    for field in content.named(MESSAGE_SIGNATURE):
        tags = tag_list.parse(field.raw_value)
        _put(signatures, _instance(tags), (field, _message_signature(tags)))
    for field in content.named(SEAL):
        tags = tag_list.parse(field.raw_value)
        _put(seals, _instance(tags), (field, _seal(tags)))
    wanted = set(range(1, total + 1))
    if not set(results) == set(signatures) == set(seals) == wanted:
        raise SyntaxFault("a set of the chain is not complete")
    return [_Set(*results[n], *signatures[n], *seals[n]) for n in sorted(wanted)]


def _put(found: dict[int, T], n: int, value: T) -> None:
    if n in found:
        raise SyntaxFault(f"the chain has two fields of one kind for instance {n}")
    found[n] = value


def _instance(tags: tag_list.Tags) -> int:
    value = require(tags, b"i")
    if not _INSTANCE.fullmatch(value):
        raise SyntaxFault("the instance of a set is not a number from 1 to 50")
    return int(value)


def _message_signature(tags: tag_list.Tags) -> Signature:
    # Sealers that leave "c" out mean what ARC-Seal always has, not what RFC 6376 says.
    signature = read_common(tags, b"relaxed/relaxed")
    if SEAL in signature.signed:
        raise SyntaxFault("ARC-Message-Signature covers a seal (RFC 8617 4.1.2)")
    return signature


def _seal(tags: tag_list.Tags) -> _Seal:
    if b"h" in tags or b"bh" in tags:
        raise SyntaxFault("a seal names fields, or a body hash (RFC 8617 4.1.3)")
    status = require(tags, b"cv").lower()
    if status not in {b"none", b"pass", b"fail"}:
        raise SyntaxFault("a seal does not say whether the chain held")
    tag_list.read_number(tags, b"t")
    domain = read_domain(tags)
    return _Seal(
        algorithm=read_algorithm(tags),
        key_name=f"{read_selector(tags)}._domainkey.{domain}",
        domain=domain,
        signature=tag_list.read_base64(require(tags, b"b")),
        status=status,
    )


def _check_statuses(sets: list[_Set]) -> None:
    """What the seals say of the chain before them: the first none, all others pass."""
    for n, one in enumerate(sets, 1):
        if one.seal.status == b"fail":
            raise SyntaxFault(f"{one.seal.domain} found the chain broken (instance {n})")
        if (one.seal.status == b"none") is not (n == 1):
            raise SyntaxFault(f"the seal of instance {n} cannot say cv={one.seal.status.decode()}")


def _check_message(content: Content, one: _Set) -> Asking[None]:
    """The newest message signature holds."""
    signature = one.signature
    key = yield from verifier.fetch_key(signature.key_name, signature.algorithm)
    verifier.check_key(key)
    verifier.check_body(content, signature)
    verifier.check_fields(content, one.signature_field, signature, key)


def _check_seal(content: Content, sets: list[_Set]) -> Asking[None]:
    """The seal of the last of these sets holds."""
    seal = sets[-1].seal
    key = yield from verifier.fetch_key(seal.key_name, seal.algorithm)
    verifier.check_key(key)
    parts = [content.canonical(field, "relaxed") for one in sets for field in one.fields]
    parts[-1] = content.unsigned(sets[-1].seal_field, "relaxed")
    if not key.verifies(seal.signature, digest_of(parts)):
        reason = f"the seal of {seal.domain} (instance {len(sets)}) does not match"
        raise Unverified(DkimVerdict.FAIL, reason)


def seal(
    content: Buffer | Content, key: SigningKey, results: bytes, chain: ArcResult, now: int
) -> bytes:
    """The next set of a chain, as three fields with their CRLFs, to stand above the message.

    Args:
        content: The message as it is passed on.
        key: To sign and seal with.
        results: What this host found out: the value of its Authentication-Results, from its
            name on.
        chain: What `validate` said of the message when it came.
        now: Unix seconds.

    Returns:
        Nothing when the chain must not grow: it is full, or its end is sealed already.

    Raises:
        SyntaxFault: the message does not have the chain that `chain` tells of.
    """
    if not isinstance(content, Content):
        content = Content(content)
    instance = chain.instance + 1
    if chain.ended or instance > MAX_SETS or not content.whole:
        return b""
    number = {b"i": b"%d" % instance}
    value = b" i=%d; %s" % (instance, unfold(results).replace(b"; ", b";\r\n "))
    names = signer.covered(content, SIGNED)
    tags = number | signer.signature_tags(key, names, now)
    signature = signer.seal_fields(b"ARC-Message-Signature", tags, content, names, key)
    parts = []
    if chain.verdict is ArcVerdict.PASS:
        sets = _read(content, chain.instance)
        parts = [content.canonical(field, "relaxed") for one in sets for field in one.fields]
    # RFC 8617 5.1.2: the seal of a chain that failed covers its own set alone.
    parts.append(relax_field(RESULTS, value))
    parts.append(relax_field(MESSAGE_SIGNATURE, signature.partition(b":")[2][:-2]))
    tags = number | {
        b"a": key.algorithm.encode(),
        b"cv": chain.verdict.value.encode(),
        b"d": key.domain.encode(),
        b"s": key.selector.encode(),
        b"t": b"%d" % now,
    }
    sealed = signer.finish(b"ARC-Seal", tags, parts, key)
    return sealed + signature + b"ARC-Authentication-Results:" + value + b"\r\n"
