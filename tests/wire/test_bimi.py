from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire import bimi
from merpati.wire.bimi import Bimi
from merpati.wire.dmarc import record
from merpati.wire.dmarc.evaluation import DmarcResult, DmarcVerdict
from tests.support.zone import Zone

LOGO = "https://example.org/logo.svg"


def passed(tags: str = "p=reject", domain: str = "mail.example.org") -> DmarcResult:
    return DmarcResult(
        verdict=DmarcVerdict.PASS, domain=domain, reason="", found_at="example.org",
        record=record.parse(b"v=DMARC1; " + tags.encode()),
    )  # fmt: skip


def zone(name: str = "default._bimi.example.org", text: str = f"v=BIMI1; l={LOGO}") -> Zone:
    return Zone({name: {"TXT": text}})


def test_the_logo_of_the_domain_comes_before_that_of_its_organization() -> None:
    dns = zone()
    assert dns.answer(bimi.look_up(passed())) == Bimi(LOGO, "", "example.org")
    dns.set("default._bimi.mail.example.org", "TXT", "v=BIMI1; l=https://x.example/a.svg; a=")
    assert dns.answer(bimi.look_up(passed())) == Bimi(
        "https://x.example/a.svg", "", "mail.example.org"
    )


def test_a_selector_chooses_among_logos() -> None:
    dns = zone("brand._bimi.example.org")
    assert dns.answer(bimi.look_up(passed())) is None
    chosen = bimi.selector(b"v=BIMI1; s=Brand")
    assert dns.answer(bimi.look_up(passed(), chosen)) is not None


@pytest.mark.parametrize("value", [b"", b"v=BIMI1", b"v=BIMI1; s=a.b", b"v=BIMI1; s=\xff", b"s=x"])
def test_a_selector_that_is_none_is_the_default(value: bytes) -> None:
    assert bimi.selector(value) == "default"


@pytest.mark.parametrize("tags", ["p=none", "p=reject; t=y", "p=reject; sp=none"])
def test_without_an_enforced_policy_nothing_is_asked(tags: str) -> None:
    dns = zone()
    assert dns.answer(bimi.look_up(passed(tags))) is None
    assert dns.questions == []


def test_a_message_that_did_not_pass_has_no_logo() -> None:
    result = DmarcResult(verdict=DmarcVerdict.NONE, domain="example.org", reason="")
    assert zone().answer(bimi.look_up(result)) is None


def test_a_domain_may_decline() -> None:
    dns = zone(text="v=BIMI1; l=; a=;")
    assert dns.answer(bimi.look_up(passed())) is None


@pytest.mark.parametrize(
    "text",
    ["l=http://x.example/a", "l=https://u@x.example/", "l=https://x.example:8080/", "l=//x", "a=",
     "l=https://[x/", "l=https:///x", "l=file:///etc/passwd", "l=https://x/" + "a" * 2000],
)  # fmt: skip
def test_other_urls_are_refused(text: str) -> None:
    with pytest.raises(SyntaxFault):
        bimi.parse(b"v=BIMI1; " + text.encode())
    assert zone(text=f"v=BIMI1; {text}").answer(bimi.look_up(passed())) is None


@given(st.binary(max_size=100).map(lambda tail: b"v=BIMI1;" + tail))
def test_any_bytes_are_a_record_or_a_syntax_fault(raw: bytes) -> None:
    try:
        found = bimi.parse(raw)
    except SyntaxFault:
        return
    assert found.logo.startswith("https://") or not found.logo
