"""TLS reports and the records that ask for them: what was read is written back the same."""

from __future__ import annotations

from merpati.base.faults import SyntaxFault
from merpati.wire import tls_advice, tls_report

SEEDS: list[bytes] = [
    b"v=TLSRPTv1; rua=mailto:tls@example.org,https://reports.example.org/v1",
    (
        b'{"organization-name":"A","date-range":{"start-datetime":"2026-01-01T00:00:00Z",'
        b'"end-datetime":"2026-01-01T23:59:59Z"},"contact-info":"a@b","report-id":"1",'
        b'"policies":[{"policy":{"policy-type":"sts","policy-string":["version: STSv1"],'
        b'"policy-domain":"b.org","mx-host":"*.b.org"},"summary":{"total-successful-session-count":5,'
        b'"total-failure-session-count":"3"},"failure-details":[{"result-type":"certificate-expired",'
        b'"sending-mta-ip":"192.0.2.1","receiving-mx-hostname":"mx.b.org","failed-session-count":3}]}]}'
    ),
    tls_report.pack(tls_report.Report(report_id="1")),
]
DICTIONARY: list[bytes] = [b"null", b"[]", b"{}", b"1e9", b'"sts-policy-invalid"', b"mailto:a@b"]


def target(data: bytes) -> None:
    try:
        places = tls_report.parse_record(data)
    except SyntaxFault:
        pass
    else:
        assert tls_report.parse_record(tls_report.encode_record(places)) == places
    try:
        report = tls_report.parse(data)
    except SyntaxFault:
        return
    assert tls_report.parse(tls_report.pack(report)) == report
    for language in tls_advice.LANGUAGES:
        assert all("\n" not in line for line in tls_advice.sentences(report, language))
