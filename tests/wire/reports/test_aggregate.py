from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.reports import aggregate
from merpati.wire.reports.aggregate import (
    Published,
    Reason,
    Report,
    Row,
    Signature,
    SpfCheck,
    parse,
    render,
)
from tests.support.growth import LINEAR, growth
from tests.support.programs import need

SCHEMA = Path(__file__).parents[2] / "corpora" / "dmarc" / "aggregate.xsd"
ROW = Row(
    source_ip="192.0.2.9",
    count=7,
    disposition="none",
    reasons=(Reason("mailing_list", "announce.lists.test"), Reason("other")),
    header_from="news.example.org",
    envelope_from="lists.test",
    signatures=(
        Signature("lists.test", "s1", "pass"),
        Signature("example.org", "s2", "fail", "the body was <changed> & more"),
    ),
    spf=SpfCheck("lists.test", "pass"),
)
REPORT = Report(
    org_name="Here",
    email="postmaster@here.test",
    report_id="2027-01-15.example.org@here.test",
    begin=1_800_000_000,
    end=1_800_086_399,
    published=Published(
        domain="example.org", p="reject", sp="none", np="quarantine", adkim="s", aspf="r", fo="1",
        testing="n", discovery_method="treewalk",
    ),
    rows=(ROW, Row(source_ip="2001:db8::1", count=1203, disposition="pass", dkim_aligned=True,
                   header_from="example.org", spf=SpfCheck("example.org", "pass"),
                   signatures=(Signature("example.org", "s2", "pass"),))),
    generator="Merpati",
)  # fmt: skip

NAMES = st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8}){0,3}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20)
ROWS = st.builds(
    Row,
    source_ip=st.ip_addresses().map(str),
    count=st.integers(0, 10**9),
    disposition=st.sampled_from(["none", "pass", "quarantine", "reject"]),
    dkim_aligned=st.booleans(),
    spf_aligned=st.booleans(),
    reasons=st.lists(st.builds(Reason, NAMES, TEXTS), max_size=2).map(tuple),
    header_from=NAMES,
    envelope_from=NAMES | st.just(""),
    signatures=st.lists(st.builds(Signature, NAMES, TEXTS, NAMES, TEXTS), max_size=2).map(tuple),
    spf=st.none() | st.builds(SpfCheck, NAMES, NAMES, TEXTS),
)


@settings(max_examples=30)
@given(st.lists(ROWS, min_size=1, max_size=2).map(tuple), TEXTS, TEXTS)
def test_what_is_written_reads_the_same(rows: tuple[Row, ...], name: str, error: str) -> None:
    report = msgspec.structs.replace(REPORT, rows=rows, org_name=name, error=error)
    assert parse(render(report)) == report


def test_the_schema_of_the_rfc_is_kept(tmp_path: Path) -> None:
    xmllint = need("xmllint")
    file = tmp_path / "report.xml"
    file.write_bytes(render(REPORT))
    subprocess.run([xmllint, "--noout", "--schema", SCHEMA, file], check=True, capture_output=True)


def test_what_no_xml_may_hold_becomes_a_question_mark() -> None:
    row = Row(source_ip="192.0.2.1", count=1, header_from="a\x00b\ud800c\uffff<>&]]>\"'")
    found = parse(render(msgspec.structs.replace(REPORT, rows=(row,))))
    assert found.rows[0].header_from == "a?b?c?<>&]]>\"'"


OLD = b"""<?xml version="1.0" encoding="UTF-8" ?>
<!-- the form of RFC 7489, as large providers still send it -->
<feedback>
  <report_metadata>
    <org_name>big.test</org_name><email>noreply@big.test</email>
    <extra_contact_info>https://big.test/help</extra_contact_info>
    <report_id>16018</report_id>
    <date_range><begin>1800000000</begin><end>1800086399</end></date_range>
  </report_metadata>
  <policy_published>
    <domain>Example.ORG</domain><adkim>r</adkim><aspf>r</aspf><p>none</p><sp>none</sp>
    <pct>100</pct>
  </policy_published>
  <record>
    <row><source_ip>192.0.2.9</source_ip><count>2</count>
      <policy_evaluated><disposition>none</disposition><dkim>fail</dkim><spf>pass</spf>
      </policy_evaluated></row>
    <identifiers><header_from>example.org</header_from></identifiers>
    <auth_results>
      <dkim><domain>x.test</domain><result>pass</result></dkim>
      <spf><domain>helo.test</domain><scope>helo</scope><result>none</result></spf>
      <spf><domain>example.org</domain><result>pass</result></spf>
    </auth_results>
    <x:more xmlns:x="urn:x"><x:row><x:count>99</x:count></x:row></x:more>
  </record>
</feedback>"""


def test_a_report_of_the_older_form_is_read() -> None:
    found = parse(OLD)
    assert found.published == Published(
        domain="example.org", p="none", sp="none", adkim="r", aspf="r"
    )
    assert found.rows == (
        Row(
            source_ip="192.0.2.9", count=2, spf_aligned=True, header_from="example.org",
            signatures=(Signature("x.test", "", "pass"),), spf=SpfCheck("example.org", "pass"),
        ),
    )  # fmt: skip


def test_prefixes_and_other_encodings_make_no_difference() -> None:
    text = render(REPORT).decode().replace("<", "<d:").replace("<d:/", "</d:")
    text = text.replace("<d:?xml", "<?xml").replace("xmlns=", "xmlns:d=")
    assert parse(text.encode()) == REPORT
    wide = text.replace("UTF-8", "UTF-16").encode("utf-16")
    assert parse(wide) == REPORT


BOMB = b"""<?xml version="1.0"?><!DOCTYPE feedback [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>
<feedback>&b;</feedback>"""


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"hello",
        b"<feedback/>",
        b"<feedback>",
        b"<html></html>",
        BOMB,
        b'<!DOCTYPE feedback SYSTEM "file:///etc/passwd"><feedback/>',
        b'<?xml version="1.0" encoding="nonsense"?><feedback/>',
        b'<?xml version="1.0" encoding="utf-7"?><feedback/>',
        b"<feedback>" + b"<a>" * 100,
        b"<feedback>&nbsp;</feedback>",
        OLD.replace(b"<count>2</count>", b"<count>-2</count>"),
        OLD.replace(b"<count>2</count>", b"<count>99999999999999999999</count>"),
        OLD.replace(b"192.0.2.9", b"nowhere"),
        OLD.replace(b"16018", b""),
        OLD.replace(b"1800000000", b"yesterday"),
    ],
)
def test_what_is_no_report_is_refused(raw: bytes) -> None:
    with pytest.raises(SyntaxFault):
        parse(raw)


def test_long_texts_are_cut() -> None:
    found = parse(OLD.replace(b"big.test</org_name>", b"x" * 100_000 + b"</org_name>"))
    assert len(found.org_name) == aggregate.MAX_TEXT


def test_too_many_records_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregate, "MAX_RECORDS", 1)
    with pytest.raises(SyntaxFault, match="more than 1 records"):
        parse(render(REPORT))


def test_too_large_a_report_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregate, "MAX_XML", 1000)
    with pytest.raises(SyntaxFault, match="larger than 1000 bytes"):
        parse(render(REPORT))


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda raw: b"<feedback>" + raw))
def test_any_bytes_are_a_report_or_a_syntax_fault(raw: bytes) -> None:
    with pytest.raises(SyntaxFault):
        parse(raw)


def _read(raw: bytes) -> None:
    with pytest.raises(SyntaxFault):
        parse(raw)


@pytest.mark.parametrize(
    ("start", "unit"),
    [
        (b"<feedback>", b"<a/>"),
        (b"<feedback ", b"a"),
        (b"<feedback><!--", b"x"),
        (b"<feedback>", b"x&amp;"),
        (b"<feedback><record>", b"<auth_results><dkim/></auth_results>"),
    ],
)
def test_time_grows_with_the_length(start: bytes, unit: bytes) -> None:
    assert growth(_read, unit, 500_000, start) <= LINEAR


def test_too_many_elements_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregate, "MAX_ELEMENTS", 10)
    with pytest.raises(SyntaxFault, match="more than 10 elements"):
        parse(render(REPORT))
