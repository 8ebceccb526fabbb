from __future__ import annotations

from merpati.wire.spf.survey import MAX_WALK, survey
from tests.support.zone import Zone


def test_every_term_is_counted_with_what_it_leads_to() -> None:
    zone = Zone(
        {
            "example.org": {"TXT": "v=spf1 mx ip4:192.0.2.1 include:a.example exists:%{i}.x -all"},
            "a.example": {"TXT": "v=spf1 a include:b.example include:%{d}.c.example ~all"},
            "b.example": {"TXT": "v=spf1 mx redirect=c.example"},
            "c.example": {"TXT": "v=spf1 ip4:192.0.2.2 -all redirect=d.example"},
        }
    )
    zone.set("example.org", "TXT", "v=spf1 mx ip4:192.0.2.1 include:a.example exists:%{i}.x.y -all")
    found = zone.answer(survey("example.org"))
    assert found.costs == (("mx", 1), ("include:a.example", 6), ("exists:%{i}.x.y", 1))
    assert found.lookups == 8
    assert found.faults == ()


def test_a_domain_without_record_has_none() -> None:
    found = Zone({}).answer(survey("example.org"))
    assert (found.record, found.lookups, found.faults) == (None, 0, ())


def test_what_is_wrong_deep_inside_is_told() -> None:
    zone = Zone(
        {
            "example.org": {"TXT": "v=spf1 include:a.example include:gone.example -all"},
            "a.example": {"TXT": "v=spf1 ipv4:192.0.2.1 -all"},
        }
    )
    missing, broken = sorted(zone.answer(survey("example.org")).faults, reverse=True)
    assert broken.startswith('the SPF record of a.example is broken: "ipv4:192.0.2.1" is wrong')
    assert missing.endswith('has "include:gone.example", and gone.example publishes no SPF record')


def test_two_records_are_one_too_many() -> None:
    zone = Zone({"example.org": {"TXT": ["v=spf1 -all", "v=spf1 mx -all"]}})
    found = zone.answer(survey("example.org"))
    assert found.record is None
    assert "2 SPF records" in found.faults[0]


def test_a_ring_of_includes_ends() -> None:
    zone = Zone({"example.org": {"TXT": "v=spf1 include:example.org include:example.org -all"}})
    assert zone.answer(survey("example.org")).lookups == MAX_WALK


def test_a_failing_dns_is_no_fault_of_the_record() -> None:
    zone = Zone({"example.org": {"TXT": "v=spf1 include:a.example -all"}}, failing=["a.example"])
    found = zone.answer(survey("example.org"))
    assert found.failure
    assert found.faults == ()
