from __future__ import annotations

import pytest

from merpati.services.diagnose.marks import Mark, mark
from merpati.services.diagnose.publish import Record
from merpati.wire.asking import Answer

SPF = ("TXT", '"v=spf1 mx -all"')


@pytest.mark.parametrize(
    ("wanted", "answer", "expected"),
    [
        (SPF, Answer((b"v=spf1 mx -all",)), Mark.PUBLISHED),
        (SPF, Answer((b"v=spf1 include:x.test -all",)), Mark.OTHER),
        (SPF, Answer((b"google-site-verification=1",)), Mark.MISSING),
        (SPF, Answer(failure="timeout"), Mark.UNKNOWN),
        (("TXT", '"v=DMARC1; p=none"'), Answer((b"v=DMARC1; p=reject",)), Mark.PUBLISHED),
        (("TXT", '"v=DKIM1; p=abc" "def"'), Answer((b"v=DKIM1; p=abcdef",)), Mark.PUBLISHED),
        (("MX", "10 Mail.a.test."), Answer(((10, "mail.a.test"),)), Mark.PUBLISHED),
        (("MX", "10 mail.a.test."), Answer(((5, "other.test"),)), Mark.OTHER),
        (("A", "<IPv4 address>"), Answer(("192.0.2.1",)), Mark.PUBLISHED),
        (("A", "<IPv4 address>"), Answer(()), Mark.MISSING),
        (("SRV", "0 1 993 m.test."), Answer(((0, 1, 993, "m.test"),)), Mark.PUBLISHED),
        (("TLSA", "3 1 1 ab01"), Answer(((3, 1, 1, b"\xab\x01"),)), Mark.PUBLISHED),
        (("CAA", '0 issue "ca.test"'), Answer(((0, "issue", "ca.test"),)), Mark.PUBLISHED),
    ],
)
def test_a_record_is_marked_by_what_the_dns_has(
    wanted: tuple[str, str], answer: Answer, expected: Mark
) -> None:
    assert mark(Record("a.test.", *wanted, "x"), answer) is expected
