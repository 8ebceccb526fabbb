from __future__ import annotations

import pytest

from merpati.base.faults import Fault, Kind
from merpati.services.diagnose import update
from merpati.services.diagnose.publish import Home, SigningRecord
from merpati.wire.mta_sts import Mode, Policy
from tests.support.zone import Value, Zone

KEY = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
HOME = Home(
    domain="a.test",
    hostname="mail.a.test",
    ports={"imaps": 993},
    keys=(SigningRecord("k._domainkey.a.test", KEY),),
    policy=Policy(Mode.TESTING, 86_400, ("mail.a.test",)),
    policy_id="7",
)


def plan(
    records: dict[str, dict[str, Value | list[Value]]], home: Home = HOME
) -> tuple[dict[tuple[str, str], list[str]], list[tuple[str, str]]]:
    """What is put, by name and type, and the names and types that are left."""
    found = Zone(records).answer(update.plan(home))
    put: dict[tuple[str, str], list[str]] = {}
    for one in found.put:
        put.setdefault((one.name, one.type), []).append(one.value)
    return put, [(one.name, one.type) for one in found.left]


def test_an_empty_zone_gets_everything_but_addresses() -> None:
    put, left = plan({})
    assert left == []
    assert put["a.test.", "MX"] == ["10 mail.a.test."]
    assert put["k._domainkey.a.test.", "TXT"] == [f'"{KEY}"']
    assert put["mta-sts.a.test.", "CNAME"] == ["mail.a.test."]
    assert put["_imaps._tcp.a.test.", "SRV"] == ["0 1 993 mail.a.test."]
    assert not any(kind in {"A", "AAAA"} for _, kind in put)


def test_what_is_there_already_is_neither_put_nor_told() -> None:
    put, left = plan(
        {
            "a.test": {"MX": "10 mail.a.test", "TXT": "v=spf1 mx -all"},
            "mta-sts.a.test": {"CNAME": "mail.a.test"},
        }
    )
    assert ("a.test.", "MX") not in put
    assert ("a.test.", "TXT") not in put
    assert ("mta-sts.a.test.", "CNAME") not in put
    assert left == []


def test_what_somebody_made_on_purpose_is_left_and_told() -> None:
    put, left = plan(
        {
            "a.test": {"MX": "10 mx.old.test", "TXT": "v=spf1 include:old.test -all"},
            "_dmarc.a.test": {"TXT": "v=DMARC1; p=reject"},
            "mta-sts.a.test": {"A": "192.0.2.80"},
        }
    )
    assert left == [
        ("a.test.", "MX"),
        ("a.test.", "TXT"),
        ("_dmarc.a.test.", "TXT"),
        ("mta-sts.a.test.", "CNAME"),
    ]
    assert not set(left) & set(put)


def test_spf_goes_beside_the_other_texts_of_its_name() -> None:
    put, _ = plan({"a.test": {"TXT": ['site="1"', "x" * 254 + '"', "x" * 300]}})
    assert put["a.test.", "TXT"] == [
        '"site=\\"1\\""',
        '"' + "x" * 254 + '\\""',
        f'"{"x" * 255}" "{"x" * 45}"',
        '"v=spf1 mx -all"',
    ]


def test_a_text_that_cannot_be_carried_along_stops_the_update() -> None:
    with pytest.raises(Fault) as caught:
        plan({"a.test": {"TXT": b"\x00\xff"}})
    assert caught.value.kind is Kind.UNSUPPORTED
    assert 'a.test. TXT "v=spf1 mx -all"' in caught.value.text


def test_an_old_key_of_ours_is_replaced() -> None:
    put, left = plan({"k._domainkey.a.test": {"TXT": "v=DKIM1; p="}})
    assert put["k._domainkey.a.test.", "TXT"] == [f'"{KEY}"']
    assert left == []


def test_nothing_is_planned_while_the_dns_cannot_tell() -> None:
    with pytest.raises(Fault) as caught:
        Zone({}, failing=["a.test"]).answer(update.plan(HOME))
    assert caught.value.kind is Kind.UNAVAILABLE


def test_a_server_named_as_its_domain_has_one_spf_record() -> None:
    put, _ = plan({}, Home(domain="a.test", hostname="a.test"))
    assert put["a.test.", "TXT"] == ['"v=spf1 mx -all"']
