from __future__ import annotations

import pytest

from merpati.base.faults import SyntaxFault
from merpati.wire.dmarc.destinations import MAX_DESTINATIONS, Destinations, mailbox, verified
from tests.support.zone import Zone


def check(zone: Zone, *uris: str) -> Destinations:
    return zone.answer(verified(uris, "blue.example.com"))


def test_an_address_in_the_organization_needs_no_question_but_the_walk() -> None:
    zone = Zone({"_dmarc.example.com": {"TXT": "v=DMARC1; p=none"}})
    found = check(zone, "mailto:r@blue.example.com", "mailto:r@example.com")
    assert found == Destinations(("r@blue.example.com", "r@example.com"), ())
    assert not any("_report" in one.name for one in zone.questions)


def test_an_address_elsewhere_must_agree() -> None:
    name = "blue.example.com._report._dmarc.red.example.net"
    assert check(Zone({name: {"TXT": "v=DMARC1;"}}), "mailto:r@red.example.net").addresses == (
        "r@red.example.net",
    )
    refused = check(Zone({name: {"TXT": "hello"}}), "mailto:r@red.example.net")
    assert refused.addresses == ()
    assert "does not say that it wants reports about blue.example.com" in refused.refused[0]


def test_it_may_name_another_address_at_the_same_host_only() -> None:
    name = "blue.example.com._report._dmarc.red.example.net"
    same = Zone({name: {"TXT": "v=DMARC1; rua=mailto:other@red.example.net"}})
    assert check(same, "mailto:r@red.example.net").addresses == ("other@red.example.net",)
    victim = Zone({name: {"TXT": "v=DMARC1; rua=mailto:other@victim.example"}})
    assert check(victim, "mailto:r@red.example.net").addresses == ()


def test_what_cannot_be_asked_now_is_told_apart_from_a_refusal() -> None:
    zone = Zone({}, failing=["blue.example.com._report._dmarc.red.example.net"])
    found = check(zone, "mailto:r@red.example.net")
    assert found.addresses == found.refused == ()
    assert "red.example.net" in found.failure


def test_a_name_that_is_too_long_cannot_agree() -> None:
    host = ".".join(["a" * 60] * 4)
    assert "too long" in check(Zone({}), f"mailto:r@{host}").refused[0]


def test_no_more_addresses_than_the_limit_get_a_report() -> None:
    uris = [f"mailto:r{n}@blue.example.com" for n in range(MAX_DESTINATIONS + 2)]
    found = check(Zone({}), *uris)
    assert len(found.addresses) == MAX_DESTINATIONS
    assert len(found.refused) == 2


@pytest.mark.parametrize(
    "uri",
    ["https://x.example/", "mailto:", "mailto:postmaster", "mailto:a@[192.0.2.1]",
     "mailto:a%0d%0aRCPT@b.example", "mailto:%ff@b.example", "mailto:a@b c"],
)  # fmt: skip
def test_other_uris_are_refused(uri: str) -> None:
    with pytest.raises(SyntaxFault):
        mailbox(uri)


def test_what_is_percent_encoded_is_read() -> None:
    assert str(mailbox("mailto:a%2Bb%21c@x.example?subject=hi")) == "a+b!c@x.example"
