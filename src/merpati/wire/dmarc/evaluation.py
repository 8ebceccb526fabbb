"""Whether a message passes DMARC, and what the owner of its domain wants when not (RFC 9989 5.3).

A message passes when SPF or a DKIM signature passed for a domain that is *aligned* with the
author's: the same domain, or, where the record does not insist on that, one of the same
organization. Where an answer of the DNS that decides is missing, nobody can say.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.asking import Asking, Question
from merpati.wire.dkim.verifier import DkimResult, DkimVerdict
from merpati.wire.dmarc.discovery import DnsFailure, Policies, Records
from merpati.wire.dmarc.record import Policy, Record
from merpati.wire.smtp.paths import Path, parse_domain
from merpati.wire.spf.verdict import SpfResult, SpfVerdict

MAX_IDENTIFIERS: Final = 10
"""Domains of passing signatures that are compared; more are the same signer again."""


class DmarcVerdict(Enum):
    """The results of RFC 9989 9.2, as Authentication-Results writes them."""

    PASS = "pass"  # noqa: S105 -- the word of the RFC
    FAIL = "fail"
    NONE = "none"  # the domain has no policy, or the message has no author's domain
    TEMPERROR = "temperror"
    PERMERROR = "permerror"  # the record is there and cannot be used


class DmarcResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a message came to.

    Attributes:
        verdict: the result.
        domain: the author's domain, in A-labels.
        reason: why, in words.
        policy: what the owner wants done with this message; NONE unless it failed.
        published: the same before a test (t=y) makes it milder.
        found_at: the domain whose record applies; empty without one.
        record: that record.
        spf_aligned: SPF passed for an aligned domain. With TEMPERROR: for the author's
            domain itself, so that the message would pass whatever the record says.
        dkim_aligned: the same for DKIM.
    """

    verdict: DmarcVerdict
    domain: str
    reason: str
    policy: Policy = Policy.NONE
    published: Policy = Policy.NONE
    found_at: str = ""
    record: Record | None = None
    spf_aligned: bool = False
    dkim_aligned: bool = False


def evaluate(from_domain: str, spf: SpfResult, dkim: Sequence[DkimResult]) -> Asking[DmarcResult]:
    """What DMARC says of a message.

    Args:
        from_domain: The author's domain (`wire.mime.author`), in A-labels.
        spf: What SPF said of MAIL FROM.
        dkim: What DKIM said of each signature.
    """
    records = Records()
    spf_passed = _domains([spf.domain] if spf.verdict is SpfVerdict.PASS else [])
    dkim_passed = _domains(one.domain for one in dkim if one.verdict is DkimVerdict.PASS)
    policies = Policies(from_domain, "", None, "")
    try:
        policies = yield from records.discover(from_domain)
        if policies.record is None:
            reason = f"neither {from_domain} nor a domain above it has a DMARC policy"
            return DmarcResult(verdict=DmarcVerdict.NONE, domain=from_domain, reason=reason)
        if not policies.record.usable:
            return _unusable(policies, policies.record)
        test = _Alignment(records, policies, policies.record)
        by_spf = yield from test.any(spf_passed, strict=policies.record.strict_spf)
        by_dkim = yield from test.any(dkim_passed, strict=policies.record.strict_dkim)
        if not (by_spf or by_dkim):
            test.raise_failure()
            yield from _raise_if_waiting(test, policies.record, spf, dkim)
        return (yield from _decided(policies, policies.record, by_spf, by_dkim, spf, dkim))
    except DnsFailure as failure:
        return DmarcResult(
            verdict=DmarcVerdict.TEMPERROR,
            domain=from_domain,
            reason=str(failure),
            found_at=policies.found_at,
            record=policies.record,
            spf_aligned=from_domain in spf_passed,
            dkim_aligned=from_domain in dkim_passed,
        )


def _decided(
    policies: Policies, record: Record, by_spf: str, by_dkim: str, spf: SpfResult,
    dkim: Sequence[DkimResult],
) -> Asking[DmarcResult]:  # fmt: skip
    """Pass, or fail with the policy that then holds."""
    published = policy = Policy.NONE
    if by_spf or by_dkim:
        verdict = DmarcVerdict.PASS
        reason = " and ".join(
            [f"SPF vouches for {by_spf}"] * bool(by_spf)
            + [f"DKIM vouches for {by_dkim}"] * bool(by_dkim)
        )
    else:
        verdict = DmarcVerdict.FAIL
        reason = _why_failed(policies.domain, spf, dkim)
        published = yield from _policy(policies, record)
        policy = published.milder if record.testing else published
    return DmarcResult(
        verdict=verdict,
        domain=policies.domain,
        reason=reason,
        policy=policy,
        published=published,
        found_at=policies.found_at,
        record=record,
        spf_aligned=bool(by_spf),
        dkim_aligned=bool(by_dkim),
    )


def _policy(policies: Policies, record: Record) -> Asking[Policy]:
    if policies.found_at == policies.domain:
        return record.p
    here, absent = record.for_subdomains(exists=True), record.for_subdomains(exists=False)
    if here is absent:
        return here
    answer = yield Question(policies.domain, "A")
    if answer.failure:
        raise DnsFailure(f"whether {policies.domain} exists is not known: {answer.failure}")
    return here if answer.exists else absent


def _unusable(policies: Policies, record: Record) -> DmarcResult:
    return DmarcResult(
        verdict=DmarcVerdict.PERMERROR,
        domain=policies.domain,
        reason=f"the DMARC record of {policies.found_at} is wrong: {'; '.join(record.problems)}",
        found_at=policies.found_at,
        record=record,
    )


class _Alignment:
    """Compares authenticated domains with the author's (RFC 9989 4.10.2)."""

    def __init__(self, records: Records, policies: Policies, record: Record) -> None:
        self._records = records
        self._author = policies.domain
        self._organization = policies.organization
        self._record = record
        self._failure: DnsFailure | None = None

    def any(self, domains: Sequence[str], *, strict: bool) -> Asking[str]:
        """The first of the domains that is aligned, else nothing."""
        if self._author in domains:
            return self._author
        if strict:
            return ""
        for domain in domains:
            try:
                if (yield from self._relaxed(domain)):
                    return domain
            except DnsFailure as failure:
                self._failure = failure
        return ""

    def raise_failure(self) -> None:
        """Some domain might have been aligned."""
        if self._failure is not None:
            raise self._failure

    def _relaxed(self, domain: str) -> Asking[bool]:
        # The organization stands above both, or is one of them; so most need no question.
        if domain.rpartition(".")[2] != self._author.rpartition(".")[2]:
            return False
        if not self._organization:
            self._organization = yield from self._records.organization(self._author)
        if domain != self._organization and not domain.endswith(f".{self._organization}"):
            return False
        return (yield from self._records.organization(domain)) == self._organization


def _raise_if_waiting(
    test: _Alignment, record: Record, spf: SpfResult, dkim: Sequence[DkimResult]
) -> Asking[None]:
    """A check without a result might have helped; then nobody can say that the message fails."""
    if spf.verdict is SpfVerdict.TEMPERROR and (
        yield from test.any(_domains([spf.domain]), strict=record.strict_spf)
    ):
        raise DnsFailure(f"SPF could not be checked: {spf.reason}")
    waiting = [one for one in dkim if one.verdict is DkimVerdict.TEMPERROR]
    domains = _domains(one.domain for one in waiting)
    if (yield from test.any(domains, strict=record.strict_dkim)):
        raise DnsFailure(f"DKIM could not be checked: {waiting[0].reason}")


def _domains(names: Iterable[str]) -> list[str]:
    """Each domain once, in A-labels; what is no domain vouches for nobody."""
    found: dict[str, None] = {}
    for name in names:
        try:
            found[Path("", parse_domain(name)).ascii_domain()] = None
        except SyntaxFault:
            continue
        if len(found) == MAX_IDENTIFIERS:
            break
    return list(found)


def _why_failed(author: str, spf: SpfResult, dkim: Sequence[DkimResult]) -> str:
    parts = []
    if spf.verdict is SpfVerdict.PASS:
        parts.append(f"SPF passed for {spf.domain}, which is not of its organization")
    else:
        parts.append(f"SPF says {spf.verdict.value}")
    passed = _domains(one.domain for one in dkim if one.verdict is DkimVerdict.PASS)
    if passed:
        parts.append(f"the signature is that of {passed[0]}, which is not either")
    elif dkim:
        parts.append(f"the DKIM signature is not valid ({dkim[0].reason})")
    else:
        parts.append("there is no DKIM signature")
    return f"nothing vouches for {author}: {', and '.join(parts)}"
