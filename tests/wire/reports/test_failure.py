"""Failure reports (RFC 9991 in the form of RFC 6591), read and told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.reports import failure
from merpati.wire.reports.failure import Failure, read, sentences

FIELDS = (
    "Feedback-Type: auth-failure\r\nUser-Agent: Watcher/1\r\nVersion: 1\r\n"
    "Original-Mail-From: <eve@elsewhere.test>\r\nSource-IP: 192.0.2.1\r\n"
    "Reported-Domain: Here.test\r\nAuth-Failure: dmarc\r\nDelivery-Result: reject\r\n"
    "Identity-Alignment: none\r\nReporting-MTA: dns; mx.there.test\r\n"
)


def mail(fields: str = FIELDS, kind: str = "message/feedback-report") -> bytes:
    """A report with the failed message behind it."""
    return (
        "From: reports@there.test\r\nContent-Type: multipart/report;"
        " report-type=feedback-report; boundary=b\r\n\r\n--b\r\n\r\nFor people.\r\n"
        f"--b\r\nContent-Type: {kind}\r\n\r\n{fields}\r\n"
        "--b\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: secret\r\n--b--\r\n"
    ).encode()


def test_what_a_report_says_is_read() -> None:
    assert read(mail()) == Failure(
        domain="here.test", kind="dmarc", source="192.0.2.1", sender="eve@elsewhere.test",
        reporter="mx.there.test", result="reject", aligned="none",
    )  # fmt: skip


@pytest.mark.parametrize(
    "message",
    [
        b"Subject: a letter\r\n\r\nhello\r\n",
        mail(kind="message/delivery-status"),
        mail(FIELDS.replace("auth-failure", "abuse")),
    ],
)
def test_what_is_no_failure_report_is_left_to_others(message: bytes) -> None:
    assert read(message) is None


@pytest.mark.parametrize("field", ["Reported-Domain: Here.test\r\n", "Auth-Failure: dmarc\r\n"])
def test_one_that_does_not_say_what_it_must_is_refused(field: str) -> None:
    with pytest.raises(SyntaxFault):
        read(mail(FIELDS.replace(field, "")))


def test_an_endless_one_is_refused() -> None:
    with pytest.raises(SyntaxFault, match="at most"):
        read(mail(FIELDS + "X: y\r\n" * failure.REPORT_MAX))


def test_it_is_told_in_both_languages_with_what_to_do() -> None:
    found = read(mail())
    assert found is not None
    assert sentences(found) == [
        (
            "mx.there.test got a message in the name of here.test from 192.0.2.1,"
            " with the return path eve@elsewhere.test."
        ),
        (
            "It failed: neither SPF nor a signature stood for the author's domain (DMARC)."
            " It was refused."
        ),
        (
            "If 192.0.2.1 is yours, add it to SPF or let it sign; if not, somebody forges your"
            " name, and a DMARC policy of reject stops that."
        ),
    ]
    told = sentences(found, "id")
    assert told[0].startswith("mx.there.test menerima pesan atas nama here.test")
    assert told[1].endswith("Pesan itu ditolak.")


def test_a_broken_signature_names_the_key_to_look_at() -> None:
    one = Failure(domain="here.test", kind="bodyhash", signer="here.test", selector="s1")
    told = sentences(one)
    assert told[0] == "Another mail server got a message in the name of here.test."
    assert "(d=here.test, s1._domainkey.here.test)" in told[1]
    assert "merpati doctor" in told[2]


def test_words_of_strangers_cannot_write_on_the_terminal() -> None:
    fields = FIELDS.replace("eve@elsewhere.test", "\x1b[31m\u2028" + "e" * 999)
    found = read(mail(fields))
    assert found is not None
    assert len(found.sender) <= failure.VALUE_MAX
    assert found.sender.isprintable()


@given(st.binary(max_size=400))
def test_any_bytes_are_a_report_or_a_fault(noise: bytes) -> None:
    for message in (noise, mail().replace(b"dmarc", noise), mail()[:200] + noise):
        try:
            found = read(message)
        except SyntaxFault:
            continue
        if found is not None:
            assert all(isinstance(one, str) for one in sentences(found, "id"))
