"""Complaints (ARF): mail of strangers that is told in words."""

from __future__ import annotations

from merpati.base.faults import SyntaxFault
from merpati.wire.reports import complaint

HEAD: bytes = b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n"
FIELDS: bytes = (
    b"Feedback-Type: abuse\r\nUser-Agent: Fbl/1\r\nVersion: 1\r\n"
    b"Original-Mail-From: <ana@a.test>\r\nOriginal-Rcpt-To: <x@b.test>\r\n"
)
SEEDS: list[bytes] = [
    HEAD + b"Content-Type: message/feedback-report\r\n\r\n" + FIELDS + b"\r\n--b\r\n"
    b"Content-Type: message/rfc822\r\n\r\nMessage-ID: <1@a.test>\r\n\r\nbody\r\n--b--\r\n",
    b"Content-Type: message/feedback-report\r\n\r\n" + FIELDS,
]
DICTIONARY: list[bytes] = [
    b"Content-Type: message/feedback-report",
    b"Content-Type: text/rfc822-headers\r\n\r\nMessage-ID: <a@b>",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Feedback-Type: fraud\r\n",
    b"\r\n--b",
]


def target(data: bytes) -> None:
    try:
        found = complaint.read(data)
    except SyntaxFault:
        return
    if found is not None:
        assert found.kind in complaint.KINDS
        told = complaint.sentence(found.kind, found.reporter, found.recipient, "ana@a.test")
        assert told.isprintable() or "\n" not in told
        assert "\x1b" not in told + found.message_id
