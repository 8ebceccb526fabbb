from __future__ import annotations

import pytest

from merpati.wire.iprev import MAX_NAMES, IprevVerdict, iprev
from tests.support.zone import Zone

REVERSE = "7.2.0.192.in-addr.arpa"
SIX = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"


@pytest.mark.parametrize(
    ("zone", "verdict", "name"),
    [
        (
            {REVERSE: {"PTR": "mx.example"}, "mx.example": {"A": "192.0.2.7"}},
            IprevVerdict.PASS,
            "mx.example",
        ),
        (
            {REVERSE: {"PTR": ["a.example", "mx.example"]}, "mx.example": {"A": "192.0.2.7"}},
            IprevVerdict.PASS,
            "mx.example",
        ),
        (
            {REVERSE: {"PTR": "mx.example"}, "mx.example": {"A": "192.0.2.8"}},
            IprevVerdict.FAIL,
            "mx.example",
        ),
        ({}, IprevVerdict.PERMERROR, ""),
    ],
)
def test_there_and_back(zone: dict[str, dict[str, str]], verdict: IprevVerdict, name: str) -> None:
    found = Zone(zone).answer(iprev("192.0.2.7"))
    assert (found.verdict, found.name) == (verdict, name)


def test_ipv6_and_ipv4_written_as_ipv6() -> None:
    zone = Zone({
        SIX: {"PTR": "six.example"},
        "six.example": {"AAAA": "2001:db8:0::1"},
        REVERSE: {"PTR": "mx.example"},
        "mx.example": {"A": "192.0.2.7"},
    })  # fmt: skip
    assert zone.answer(iprev("2001:DB8::1")).verdict is IprevVerdict.PASS
    assert zone.answer(iprev("::ffff:192.0.2.7")).verdict is IprevVerdict.PASS


def test_silence_of_the_dns_is_temporary() -> None:
    assert Zone({}, failing=[REVERSE]).answer(iprev("192.0.2.7")).verdict is IprevVerdict.TEMPERROR
    zone = Zone({REVERSE: {"PTR": "mx.example"}}, failing=["mx.example"])
    assert zone.answer(iprev("192.0.2.7")).verdict is IprevVerdict.TEMPERROR


def test_an_address_with_a_thousand_names_costs_few_questions() -> None:
    zone = Zone({REVERSE: {"PTR": [f"n{n}.example" for n in range(1000)]}})
    assert zone.answer(iprev("192.0.2.7")).verdict is IprevVerdict.FAIL
    assert len(zone.questions) == MAX_NAMES + 1


def test_a_local_client_has_no_name() -> None:
    assert Zone({}).answer(iprev("unix")).verdict is IprevVerdict.PERMERROR
