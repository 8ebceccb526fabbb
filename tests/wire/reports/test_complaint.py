from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.reports import complaint, failure
from merpati.wire.reports.complaint import Complaint


def report(fields: str, third: str = "message/rfc822") -> bytes:
    """A report as mailbox providers send it (RFC 5965 appendix B.2, in its form)."""
    return (
        "From: <abuse@provider.test>\r\nTo: <abuse@a.test>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nThis is an email abuse report.\r\n"
        f"--b\r\nContent-Type: message/feedback-report\r\n\r\n{fields}\r\n"
        f"--b\r\nContent-Type: {third}\r\n\r\nFrom: <ana@a.test>\r\nSubject: Offer\r\n"
        "Message-ID: <1234@a.test>\r\n\r\nBuy\r\n--b--\r\n"
    ).encode()


FIELDS = (
    "Feedback-Type: abuse\r\nUser-Agent: SomeGenerator/1.0\r\nVersion: 1\r\n"
    "Original-Mail-From: <ana@a.test>\r\nOriginal-Rcpt-To: <x@provider.test>\r\n"
    "Reporting-MTA: dns; fbl.provider.test\r\n"
)


@pytest.mark.parametrize("third", ["message/rfc822", "text/rfc822-headers"])
def test_a_complaint_says_which_message_and_who(third: str) -> None:
    assert complaint.read(report(FIELDS, third)) == Complaint(
        kind="abuse", message_id="<1234@a.test>", sender="ana@a.test",
        recipient="x@provider.test", reporter="fbl.provider.test",
    )  # fmt: skip


def test_what_is_not_said_is_empty_and_an_unknown_type_is_another() -> None:
    bare = b"Content-Type: message/feedback-report\r\n\r\nFeedback-Type: opt-out\r\n"
    assert complaint.read(bare) == Complaint(kind="other")


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure"])
def test_praise_and_failed_authentication_are_no_complaints(kind: str) -> None:
    assert complaint.read(report(f"Feedback-Type: {kind}\r\n")) is None
    assert complaint.read(b"Subject: hello\r\n\r\nhello\r\n") is None


def test_a_complaint_is_no_failure_report() -> None:
    assert failure.read(report(FIELDS)) is None


def test_a_report_without_a_type_or_too_large_is_refused() -> None:
    for fields in ("Version: 1\r\n", FIELDS + "X: " + "y" * 70_000 + "\r\n"):
        with pytest.raises(SyntaxFault):
            complaint.read(report(fields))


def test_it_is_told_in_two_languages() -> None:
    said = ("abuse", "fbl.provider.test", "", "ana@a.test")
    assert complaint.sentence(*said) == (
        "Somebody complains (by fbl.provider.test) about a message of ana@a.test: it is spam."
    )
    assert complaint.sentence(*said, language="id").endswith("surat dari ana@a.test: itu spam.")


@given(st.binary(max_size=3000))
def test_any_bytes_give_a_complaint_none_or_a_fault(data: bytes) -> None:
    for message in (data, report("Feedback-Type: abuse\r\n").replace(b"Buy", data)):
        try:
            found = complaint.read(message)
        except SyntaxFault:
            continue
        assert found is None or found.kind in complaint.KINDS
