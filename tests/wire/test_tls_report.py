from __future__ import annotations

import email.policy
import gzip
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire import tls_report
from merpati.wire.smtp.paths import parse_address
from merpati.wire.tls_report import (
    AppliedPolicy,
    DateRange,
    FailureDetails,
    Letter,
    PolicyReport,
    Report,
    Summary,
)

REPORT = Report(
    "Example Inc.",
    DateRange("2026-01-01T00:00:00Z", "2026-01-01T23:59:59Z"),
    "tls@example.org",
    "2026-01-01T00:00:00Z_there.test",
    (
        PolicyReport(
            AppliedPolicy("sts", "there.test", ("version: STSv1", "mode: testing"), "mx.a"),
            Summary(5326, 303),
            (FailureDetails("certificate-expired", 100, "192.0.2.1", "mx.there.test"),),
        ),
    ),
)  # fmt: skip
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
COUNTS = st.integers(0, 2**53 - 1)
REPORTS = st.builds(
    Report,
    TEXTS,
    st.builds(DateRange, TEXTS, TEXTS),
    TEXTS,
    TEXTS,
    st.lists(
        st.builds(
            PolicyReport,
            st.builds(AppliedPolicy, TEXTS, TEXTS, st.lists(TEXTS, max_size=2).map(tuple), TEXTS),
            st.builds(Summary, COUNTS, COUNTS),
            st.lists(st.builds(FailureDetails, TEXTS, COUNTS, TEXTS), max_size=2).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
)


@given(REPORTS)
def test_a_report_that_is_written_is_read_the_same(report: Report) -> None:
    assert tls_report.parse(tls_report.pack(report)) == report
    assert tls_report.parse(tls_report.encode(report)) == report


@given(st.binary(max_size=200))
def test_any_bytes_are_a_report_or_a_syntax_fault(data: bytes) -> None:
    for content in (data, b'{"policies":[' + data, gzip.compress(data), b"\x1f\x8b" + data):
        try:
            tls_report.parse(content)
        except SyntaxFault:
            continue


@given(st.binary(max_size=200))
def test_any_bytes_are_places_or_a_syntax_fault(data: bytes) -> None:
    for record in (data, b"v=TLSRPTv1; rua=" + data):
        try:
            places = tls_report.parse_record(record)
        except SyntaxFault:
            continue
        assert tls_report.parse_record(tls_report.encode_record(places)) == places


def test_the_json_has_the_names_of_the_rfc() -> None:
    found = json.loads(tls_report.encode(REPORT))
    assert found["organization-name"] == "Example Inc."
    assert found["date-range"]["start-datetime"] == "2026-01-01T00:00:00Z"
    [policy] = found["policies"]
    assert policy["policy"]["policy-string"] == ["version: STSv1", "mode: testing"]
    assert policy["summary"]["total-failure-session-count"] == 303
    assert policy["failure-details"][0]["receiving-mx-hostname"] == "mx.there.test"


@pytest.mark.parametrize(
    ("record", "places"),
    [
        ("v=TLSRPTv1;rua=mailto:a@b.test", ("mailto:a@b.test",)),
        ("v=TLSRPTv1; new=1; rua=mailto:a@b.test , https://c.test/d?e=f;",
         ("mailto:a@b.test", "https://c.test/d?e=f")),
        ("v=TLSRPTv1; rua=http://a.test,ftp://b.test,MAILTO:a@b.test", ("MAILTO:a@b.test",)),
    ],
)  # fmt: skip
def test_a_record_gives_its_places(record: str, places: tuple[str, ...]) -> None:
    assert tls_report.parse_record(record.encode()) == places


@pytest.mark.parametrize(
    "record",
    ["", "v=TLSRPTv1", "v=TLSRPTv2; rua=mailto:a@b", "v=TLSRPTv1; rua=", "v=TLSRPTv1; rua=a@b",
     "v=TLSRPTv1; rua=http://a.test", "v=TLSRPTv1; rua=mailto:é@b", "v=TLSRPTv1; rua=mailto:a"],
)  # fmt: skip
def test_a_record_without_a_usable_place_is_refused(record: str) -> None:
    with pytest.raises(SyntaxFault):
        tls_report.parse_record(record.encode())


def test_two_records_are_none() -> None:
    record = b"v=TLSRPTv1; rua=mailto:a@b.test"
    assert tls_report.read_record([b"other", record]) == ("mailto:a@b.test",)
    assert tls_report.read_record([record, record]) == ()


def test_a_mailto_place_is_an_address_and_an_https_place_is_none() -> None:
    assert str(tls_report.mail_address("mailto:a%2Bb@c.test?subject=x")) == "a+b@c.test"
    assert tls_report.mail_address("https://c.test/") is None
    with pytest.raises(SyntaxFault):
        tls_report.mail_address("mailto:a%0D%0Ab@c.test")


def test_what_other_senders_write_is_read_too() -> None:
    text = json.dumps(
        {
            "organization-name": "B", "report-id": "1", "added-later": {"a": [1]},
            "policies": [
                {"policy": {"policy-type": "sts", "mx-host": "*.b.test", "policy-string": None},
                 "summary": {"total-successful-session-count": "7"}, "failure-details": None}
            ],
        }
    )  # fmt: skip
    [one] = tls_report.parse(text.encode()).policies
    assert one.summary.total_successful_session_count == 7
    assert tls_report.hosts(one.policy) == ("*.b.test",)


@pytest.mark.parametrize(
    "text",
    ["[]", "{", '{"policies":[{"summary":{"total-failure-session-count":-1}}]}',
     '{"policies":[{"summary":{"total-failure-session-count":9007199254740992}}]}',
     '{"organization-name":5.5}', '{"a":' * 5000],
)  # fmt: skip
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(SyntaxFault):
        tls_report.parse(text.encode())


def test_a_report_that_unpacks_to_too_much_is_refused() -> None:
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = bomb.compress(b" " * (tls_report.MAX_REPORT + 1)) + bomb.flush()
    assert len(packed) < 20_000
    with pytest.raises(SyntaxFault, match="larger"):
        tls_report.parse(packed)


def test_the_letter_carries_the_report_in_the_form_of_the_rfc() -> None:
    letter = Letter(
        domain="there.test", submitter="example.org", sender=parse_address("tls@example.org"),
        recipient=parse_address("reports@there.test"), message_id="1@example.org", date=0,
    )  # fmt: skip
    packed = tls_report.pack(REPORT)
    name = tls_report.file_name(letter, REPORT, 0, 86399)
    composed = tls_report.compose(letter, packed, name, REPORT.report_id)
    read = email.message_from_bytes(composed, policy=email.policy.default)
    assert read.get_content_type() == "multipart/report"
    assert read.get_param("report-type") == "tlsrpt"
    assert read["TLS-Report-Domain"] == "there.test"
    assert read["TLS-Report-Submitter"] == "example.org"
    text, attached = read.iter_parts()
    assert "there.test" in text.get_content()
    assert attached.get_content_type() == "application/tlsrpt+gzip"
    assert attached.get_filename() == (
        "example.org!there.test!0!86399!2026-01-01T00_00_00Z_there.test.json.gz"
    )
    assert tls_report.parse(attached.get_content()) == REPORT
    assert tls_report.attached(composed) == packed
    assert tls_report.attached(b"Subject: none\r\n\r\n") is None
    assert max(map(len, composed.split(b"\r\n"))) <= 998
