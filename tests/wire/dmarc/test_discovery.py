"""The tree walk, with the examples of RFC 9989 appendix B.4."""

from __future__ import annotations

import pytest

from merpati.wire.dmarc.discovery import MAX_QUERIES, DnsFailure, Policies, Records
from merpati.wire.dmarc.record import Policy
from tests.support.zone import Zone


def zone(**records: str) -> Zone:
    """Policies by domain, dots written as underscores."""
    return Zone(
        {f"_dmarc.{name.replace('_', '.')}": {"TXT": f"v=DMARC1; {tags}"}
         for name, tags in records.items()}
    )  # fmt: skip


def discover(where: Zone, domain: str) -> Policies:
    return where.answer(Records().discover(domain))


def organization(where: Zone, domain: str) -> str:
    return where.answer(Records().organization(domain))


def test_a_domain_with_a_record_takes_one_question() -> None:
    dns = zone(mail_example_com="p=reject", example_com="p=none")
    found = discover(dns, "mail.example.com")
    assert found.found_at == "mail.example.com"
    assert [one.name for one in dns.questions] == ["_dmarc.mail.example.com"]


def test_without_a_record_of_its_own_the_organizations_applies() -> None:
    dns = zone(mail_example_com="p=reject", example_com="p=quarantine")
    found = discover(dns, "a.mail.example.com")
    assert (found.found_at, found.organization) == ("example.com", "example.com")
    assert found.record is not None
    assert found.record.p is Policy.QUARANTINE


def test_the_simple_example() -> None:
    dns = zone(example_com="p=none", signing_example_com="p=none")
    assert organization(dns, "example.com") == "example.com"
    assert organization(dns, "signing.example.com") == "example.com"


def test_a_deep_domain_takes_eight_questions() -> None:
    dns = zone(example_com="p=none")
    assert organization(dns, "a.b.c.d.e.f.g.h.i.j.mail.example.com") == "example.com"
    assert [one.name for one in dns.questions] == [
        "_dmarc.a.b.c.d.e.f.g.h.i.j.mail.example.com",
        "_dmarc.g.h.i.j.mail.example.com",
        "_dmarc.h.i.j.mail.example.com",
        "_dmarc.i.j.mail.example.com",
        "_dmarc.j.mail.example.com",
        "_dmarc.mail.example.com",
        "_dmarc.example.com",
        "_dmarc.com",
    ]
    assert len(dns.questions) == MAX_QUERIES


def test_a_public_suffix_ends_the_walk() -> None:
    dns = zone(bank_example="p=reject; psd=y", giant_bank_example="p=none")
    assert organization(dns, "giant.bank.example") == "giant.bank.example"
    assert organization(dns, "mail.giant.bank.example") == "giant.bank.example"
    assert organization(dns, "mail.mega.bank.example") == "mega.bank.example"
    assert "_dmarc.example" not in {one.name for one in dns.questions}


def test_the_policy_of_a_public_suffix_holds_where_the_organization_has_none() -> None:
    dns = zone(bank_example="p=reject; psd=y", giant_bank_example="p=none")
    assert discover(dns, "mail.mega.bank.example").found_at == "bank.example"
    assert discover(dns, "mega.bank.example").found_at == "bank.example"
    assert discover(dns, "mail.giant.bank.example").found_at == "giant.bank.example"


def test_a_public_suffix_above_a_name_that_was_shortened_is_found() -> None:
    dns = zone(c_d_e_f_g_h_example="p=none; psd=y")
    assert organization(dns, "x.y.z.a.b.c.d.e.f.g.h.example") == "b.c.d.e.f.g.h.example"


def test_mail_of_a_public_suffix_itself_is_its_own() -> None:
    dns = zone(bank_example="p=reject; psd=y", example="p=none")
    assert organization(dns, "bank.example") == "bank.example"


def test_an_organization_may_say_that_it_is_one() -> None:
    dns = zone(mail_example_com="p=none; psd=n", example_com="p=none")
    assert organization(dns, "a.mail.example.com") == "mail.example.com"


def test_without_any_record_each_domain_is_its_own_organization() -> None:
    found = discover(zone(), "a.example.com")
    assert (found.record, found.found_at, found.organization) == (None, "", "a.example.com")


def test_two_records_at_one_name_are_as_good_as_none() -> None:
    dns = zone(example_com="p=none")
    dns.set("_dmarc.a.example.com", "TXT", "v=DMARC1; p=reject", "v=DMARC1; p=none")
    assert discover(dns, "a.example.com").found_at == "example.com"


def test_other_text_at_the_name_does_no_harm() -> None:
    dns = zone()
    dns.set("_dmarc.example.com", "TXT", "hello", "v=DMARC1; p=reject", "v=spf1 -all")
    assert discover(dns, "example.com").found_at == "example.com"


def test_a_question_without_an_answer_ends_the_walk() -> None:
    dns = zone()
    dns.failing = {"_dmarc.example.com"}
    with pytest.raises(DnsFailure, match=r"example\.com"):
        discover(dns, "a.example.com")


def test_walks_of_one_message_ask_each_name_once() -> None:
    dns = zone(example_com="p=none")
    records = Records()
    dns.answer(records.organization("a.example.com"))
    dns.answer(records.organization("b.example.com"))
    assert len(dns.questions) == len(set(dns.questions)) == 4
