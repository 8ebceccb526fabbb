"""Aggregate reports: files of strangers, packed and not; what is read can be written again."""

from __future__ import annotations

from merpati.base.faults import SyntaxFault
from merpati.wire.reports import aggregate, parcel

XML: bytes = (
    b'<?xml version="1.0"?><feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0"><report_metadata>'
    b"<org_name>a</org_name><report_id>1</report_id><date_range><begin>1</begin><end>2</end>"
    b"</date_range></report_metadata><policy_published><domain>example.org</domain><p>none</p>"
    b"</policy_published><record><row><source_ip>192.0.2.1</source_ip><count>3</count>"
    b"<policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>fail</spf>"
    b"<reason><type>other</type></reason></policy_evaluated></row><identifiers><header_from>"
    b"example.org</header_from></identifiers><auth_results><dkim><domain>example.org</domain>"
    b"<selector>s</selector><result>pass</result></dkim><spf><domain>x</domain><result>fail"
    b"</result></spf></auth_results></record></feedback>"
)
SEEDS: list[bytes] = [XML, parcel.pack(XML)]
DICTIONARY: list[bytes] = [
    b"<!DOCTYPE a [<!ENTITY a 'b'>]>",
    b"&a;",
    b"<record>",
    b"</record>",
    b"<![CDATA[",
    b"]]>",
    b"<!--",
    b"PK\x03\x04",
    b'encoding="utf-16"',
]


def target(data: bytes) -> None:
    try:
        report = aggregate.parse(parcel.unpack(data))
    except SyntaxFault:
        return
    again = aggregate.parse(aggregate.render(report))
    assert len(again.rows) == len(report.rows)
    assert sum(row.count for row in again.rows) == sum(row.count for row in report.rows)
    assert again.published.domain == report.published.domain
