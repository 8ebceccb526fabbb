from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire.mime import report, tree


def letter(kind: str, part: bytes) -> bytes:
    return (
        b"Content-Type: multipart/report; report-type=%b; boundary=b\r\n\r\n"
        b"--b\r\n\r\nwords\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        b"Message-ID: <not-this@x>\r\n\r\n--b\r\nContent-Type: %b\r\n--b--\r\n"
    ) % (kind.encode(), part)


@pytest.mark.parametrize(
    ("part", "about"),
    [
        (b"message/rfc822\r\n\r\nMessage-ID: <a@x>\r\n\r\nhi\r\n", b"<a@x>"),
        (b"message/global\r\n\r\nMessage-ID: <a@x>\r\n\r\nhi\r\n", b"<a@x>"),
        (b"text/rfc822-headers\r\n\r\nMessage-ID:\r\n <a@x>\r\n", b"<a@x>"),
        ((b"text/rfc822-headers\r\nContent-Transfer-Encoding: base64\r\n\r\nTWVzc2FnZS1JRDog"
         b"PGFAeD4NCg==\r\n"), b"<a@x>"),
        (b"message/disposition-notification\r\n\r\nOriginal-Message-ID: <a@x>\r\n", b"<a@x>"),
        (b"message/disposition-notification\r\n\r\nMessage-ID: <a@x>\r\n", None),
        (b"text/plain\r\n\r\nMessage-ID: <a@x>\r\n", None),
    ],
)  # fmt: skip
def test_a_report_says_what_it_is_about(part: bytes, about: bytes | None) -> None:
    for kind in (report.DSN, report.MDN):
        raw = letter(kind, part)
        root = tree.parse(raw)
        assert report.kind(root) == kind
        assert report.about(raw, root) == about
    raw = letter("feedback-report", part)
    assert report.about(raw, tree.parse(raw)) is None


@given(st.binary(max_size=300))
def test_any_bytes_are_read(part: bytes) -> None:
    raw = letter(report.DSN, b"text/rfc822-headers\r\n\r\n" + part)
    found = report.about(raw, tree.parse(raw))
    assert found is None or (found[:1], found[-1:]) == (b"<", b">")
