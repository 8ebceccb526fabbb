from __future__ import annotations

import pytest

from merpati.wire.dkim.verifier import DkimResult, DkimVerdict
from merpati.wire.dmarc.evaluation import DmarcResult, DmarcVerdict, evaluate
from merpati.wire.dmarc.record import Policy
from merpati.wire.spf.verdict import SpfResult, SpfVerdict
from tests.support.zone import Zone

NO_SPF = SpfResult(SpfVerdict.NONE, "bounce.example.net", "it has no record")


def spf(domain: str, verdict: SpfVerdict = SpfVerdict.PASS) -> SpfResult:
    return SpfResult(verdict, domain, "because")


def dkim(domain: str, verdict: DkimVerdict = DkimVerdict.PASS) -> DkimResult:
    return DkimResult(verdict, "because", domain)


def judge(
    tags: str, domain: str = "example.com", by: SpfResult = NO_SPF, *signatures: DkimResult,
    **zone: str,
) -> DmarcResult:  # fmt: skip
    dns = Zone({"_dmarc.example.com": {"TXT": f"v=DMARC1; {tags}"}})
    for name, types in zone.items():
        dns.set(name.replace("_", "."), "A", types)
    return dns.answer(evaluate(domain, by, signatures))


@pytest.mark.parametrize(
    ("tags", "by", "signer", "aligned"),
    [
        ("p=reject", "example.com", "", (True, False)),
        ("p=reject", "bounce.example.com", "", (True, False)),
        ("p=reject", "EXAMPLE.com", "", (True, False)),
        ("p=reject; aspf=s", "bounce.example.com", "", (False, False)),
        ("p=reject; aspf=s", "example.com", "", (True, False)),
        ("p=reject", "", "example.com", (False, True)),
        ("p=reject", "", "news.example.com", (False, True)),
        ("p=reject; adkim=s", "", "news.example.com", (False, False)),
        ("p=reject; adkim=s; aspf=s", "a.example.com", "example.com", (False, True)),
        ("p=reject", "example.com", "example.com", (True, True)),
        ("p=reject", "example.net", "example.org", (False, False)),
        ("p=reject", "notexample.com", "com", (False, False)),
        ("p=reject", "example.com.evil.example", "xexample.com", (False, False)),
    ],
)
def test_alignment(tags: str, by: str, signer: str, aligned: tuple[bool, bool]) -> None:
    result = judge(
        tags, "example.com", spf(by) if by else NO_SPF, *([dkim(signer)] if signer else [])
    )
    assert (result.spf_aligned, result.dkim_aligned) == aligned
    assert result.verdict is (DmarcVerdict.PASS if any(aligned) else DmarcVerdict.FAIL)


@pytest.mark.parametrize("verdict", [one for one in SpfVerdict if one is not SpfVerdict.PASS])
def test_only_a_pass_of_spf_counts(verdict: SpfVerdict) -> None:
    assert not judge("p=reject", "example.com", spf("example.com", verdict)).spf_aligned


def test_one_good_signature_among_bad_ones_is_enough() -> None:
    signatures = [dkim("example.com", DkimVerdict.FAIL), dkim("x.example"), dkim("example.com")]
    result = judge("p=reject", "example.com", NO_SPF, *signatures)
    assert result.verdict is DmarcVerdict.PASS
    assert result.reason == "DKIM vouches for example.com"


def test_a_failure_says_who_vouched_for_what() -> None:
    result = judge("p=reject", "example.com", spf("list.example"), dkim("other.example"))
    assert result.policy is Policy.REJECT
    assert result.reason == (
        "nothing vouches for example.com: SPF passed for list.example, which is not of its"
        " organization, and the signature is that of other.example, which is not either"
    )


def test_domains_of_different_organizations_below_one_suffix_are_not_aligned() -> None:
    dns = Zone({
        "_dmarc.co.example": {"TXT": "v=DMARC1; psd=y; p=reject"},
        "_dmarc.good.co.example": {"TXT": "v=DMARC1; p=reject"},
    })  # fmt: skip
    result = dns.answer(evaluate("good.co.example", spf("bad.co.example"), ()))
    assert result.verdict is DmarcVerdict.FAIL


def test_an_organization_of_its_own_below_the_authors_is_not_aligned() -> None:
    dns = Zone({
        "_dmarc.example.com": {"TXT": "v=DMARC1; p=reject"},
        "_dmarc.customer.example.com": {"TXT": "v=DMARC1; p=none; psd=n"},
    })  # fmt: skip
    result = dns.answer(evaluate("example.com", spf("mail.customer.example.com"), ()))
    assert result.verdict is DmarcVerdict.FAIL


def test_internationalised_domains_are_compared_as_a_labels() -> None:
    dns = Zone({"_dmarc.xn--bcher-kva.example": {"TXT": "v=DMARC1; p=reject"}})
    result = dns.answer(evaluate("xn--bcher-kva.example", spf("Bücher.example"), ()))
    assert result.spf_aligned


@pytest.mark.parametrize(
    ("tags", "domain", "policy"),
    [
        ("p=reject; sp=none", "example.com", Policy.REJECT),
        ("p=reject; sp=none", "there.example.com", Policy.NONE),
        ("p=none; sp=quarantine; np=reject", "there.example.com", Policy.QUARANTINE),
        ("p=none; sp=quarantine; np=reject", "nowhere.example.com", Policy.REJECT),
        ("p=none; np=reject", "a.nowhere.example.com", Policy.REJECT),
        ("p=reject; np=none", "nowhere.example.com", Policy.NONE),
        ("p=reject", "nowhere.example.com", Policy.REJECT),
    ],
)
def test_the_policy_of_subdomains(tags: str, domain: str, policy: Policy) -> None:
    assert judge(tags, domain, there_example_com="192.0.2.1").policy is policy


def test_a_policy_under_test_counts_one_level_less() -> None:
    reject = judge("p=reject; t=y")
    assert (reject.published, reject.policy) == (Policy.REJECT, Policy.QUARANTINE)
    assert judge("p=quarantine; t=y").policy is Policy.NONE
    assert judge("p=none; t=y").policy is Policy.NONE


def test_without_a_policy_there_is_no_verdict() -> None:
    result = Zone({}).answer(evaluate("example.com", spf("example.com"), ()))
    assert (result.verdict, result.policy) == (DmarcVerdict.NONE, Policy.NONE)


def test_a_record_without_a_valid_policy_judges_nobody() -> None:
    result = judge("p=bounce")
    assert result.verdict is DmarcVerdict.PERMERROR
    assert result.policy is Policy.NONE
    assert 'p="bounce" is not none, quarantine or reject' in result.reason


def test_while_the_dns_is_silent_nobody_can_say() -> None:
    dns = Zone({}, failing=["_dmarc.example.com"])
    result = dns.answer(evaluate("example.com", spf("x.example"), ()))
    assert result.verdict is DmarcVerdict.TEMPERROR
    assert not result.spf_aligned
    own = dns.answer(evaluate("example.com", NO_SPF, (dkim("example.com"),)))
    assert own.verdict is DmarcVerdict.TEMPERROR
    assert own.dkim_aligned


def test_a_check_that_might_have_helped_and_waits_for_the_dns_makes_it_temporary() -> None:
    waiting = judge("p=reject", "example.com", spf("a.example.com", SpfVerdict.TEMPERROR))
    assert waiting.verdict is DmarcVerdict.TEMPERROR
    assert waiting.found_at == "example.com"
    signed = judge("p=reject", "example.com", NO_SPF, dkim("example.com", DkimVerdict.TEMPERROR))
    assert signed.verdict is DmarcVerdict.TEMPERROR
    foreign = judge("p=reject", "example.com", spf("x.example", SpfVerdict.TEMPERROR))
    assert foreign.verdict is DmarcVerdict.FAIL
    helped = judge(
        "p=reject", "example.com", spf("example.com", SpfVerdict.TEMPERROR), dkim("example.com")
    )
    assert helped.verdict is DmarcVerdict.PASS


def test_a_failing_question_about_one_domain_does_not_hide_another_that_passes() -> None:
    dns = Zone({"_dmarc.example.com": {"TXT": "v=DMARC1; p=reject"}},
               failing=["_dmarc.broken.example.com"])  # fmt: skip
    signatures = (dkim("broken.example.com"), dkim("fine.example.com"))
    assert dns.answer(evaluate("example.com", NO_SPF, signatures)).verdict is DmarcVerdict.PASS
    only = dns.answer(evaluate("example.com", NO_SPF, signatures[:1]))
    assert only.verdict is DmarcVerdict.TEMPERROR


def test_whether_a_subdomain_exists_is_asked_only_when_it_matters() -> None:
    dns = Zone({"_dmarc.example.com": {"TXT": "v=DMARC1; p=reject; np=none"}})
    dns.answer(evaluate("a.example.com", spf("a.example.com"), ()))
    assert all(one.type == "TXT" for one in dns.questions)


def test_a_hundred_signers_cost_a_bounded_number_of_questions() -> None:
    dns = Zone({"_dmarc.example.com": {"TXT": "v=DMARC1; p=reject"}})
    signers = [dkim(f"a{n}.b{n}.c{n}.example.com") for n in range(100)]
    result = dns.answer(evaluate("x.y.z.example.com", NO_SPF, signers))
    assert result.verdict is DmarcVerdict.PASS
    assert len(dns.questions) < 12
