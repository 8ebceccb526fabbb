from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire import srs
from merpati.wire.smtp.paths import Path, parse_address

KEY = b"0123456789abcdef"
OTHER = b"fedcba9876543210"
DAY = 20_000
ANI = parse_address("ani@example.com")

SENDERS = st.builds(
    Path,
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40),
    st.sampled_from(["example.com", "a.b", "xn--bcher-kva.test", "sub.example-1.org"]),
).filter(lambda path: not srs.is_srs(path.local))


@given(SENDERS, st.integers(0, 100_000), st.integers(0, srs.DAYS_VALID))
def test_a_rewritten_sender_leads_back_while_it_is_valid(sender: Path, day: int, age: int) -> None:
    path = srs.forward(sender, "here.test", KEY, day)
    assert path.domain == "here.test"
    assert srs.is_srs(path.local)
    assert srs.reverse(path.local, [OTHER, KEY], day + age) == sender
    with pytest.raises(SyntaxFault, match="valid for"):
        srs.reverse(path.local, [KEY], day + srs.DAYS_VALID + 1)


@given(SENDERS, st.data())
def test_one_changed_character_is_noticed(sender: Path, data: st.DataObject) -> None:
    local = srs.forward(sender, "here.test", KEY, DAY).local
    at = data.draw(st.integers(5, len(local) - 1))
    other = data.draw(st.sampled_from("abcxyz0189="))
    changed = local[:at] + other + local[at + 1 :]
    if changed.lower() == local.lower():
        return
    with pytest.raises(SyntaxFault):
        srs.reverse(changed, [KEY], DAY)


@given(SENDERS)
def test_the_key_of_another_host_is_of_no_use(sender: Path) -> None:
    local = srs.forward(sender, "here.test", OTHER, DAY).local
    with pytest.raises(SyntaxFault, match="not made here"):
        srs.reverse(local, [KEY], DAY)


def test_the_case_of_what_comes_back_does_not_matter() -> None:
    local = srs.forward(parse_address("Ani.W@example.com"), "here.test", KEY, DAY).local
    assert srs.reverse(local.lower(), [KEY], DAY) == parse_address("ani.w@example.com")
    assert srs.reverse(local.upper(), [KEY], DAY).domain == "example.com"


def test_the_second_forwarder_keeps_the_first_and_the_third_too() -> None:
    first = srs.forward(ANI, "first.test", OTHER, DAY)
    second = srs.forward(first, "second.test", KEY, DAY)
    assert second.local.startswith("SRS1=")
    assert "=first.test==" in second.local
    third = srs.forward(second, "third.test", KEY, DAY)
    assert len(str(third)) <= len(str(second)) + 1  # paths do not grow
    assert "second.test" not in str(third)
    for path in (second, third):
        back = srs.reverse(path.local, [KEY], DAY + 100)  # only the first looks at the day
        assert back == first
    assert srs.reverse(first.local, [OTHER], DAY) == ANI


@pytest.mark.parametrize("separator", ["-", "+"])
def test_other_separators_of_other_hosts_are_kept(separator: str) -> None:
    first = Path(f"SRS0{separator}opaque{separator}x", "first.test")
    second = srs.forward(first, "second.test", KEY, DAY)
    assert srs.reverse(second.local, [KEY], DAY) == first


def test_an_international_domain_travels_in_a_labels() -> None:
    path = srs.forward(parse_address("ani@bücher.test"), "here.test", KEY, DAY)
    assert "=xn--bcher-kva.test=ani" in path.local


@pytest.mark.parametrize(
    "local",
    [
        "SRS0",
        "SRS0=",
        "SRS0=AAAAAA=AA=x",
        "SRS1=AAAAAA=x=y",
        "ani",
        "",
        "SRS2=A=B=C=D",
        "SRS0=====",
    ],
)
def test_what_is_none_is_refused(local: str) -> None:
    with pytest.raises(SyntaxFault):
        srs.reverse(local, [KEY], DAY)


@pytest.mark.parametrize("address", ["", "postmaster", "ani@[192.0.2.1]"])
def test_what_has_no_domain_cannot_be_rewritten(address: str) -> None:
    with pytest.raises(SyntaxFault):
        srs.forward(parse_address(address), "here.test", KEY, DAY)
