"""DMARC failure reports: mail of strangers that is told in words."""

from __future__ import annotations

from merpati.base.faults import SyntaxFault
from merpati.wire.reports import failure

HEAD: bytes = b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n"
FIELDS: bytes = (
    b"Feedback-Type: auth-failure\r\nReported-Domain: a.test\r\nAuth-Failure: dmarc\r\n"
    b"Source-IP: 192.0.2.1\r\nDKIM-Domain: a.test\r\nDKIM-Selector: s\r\n"
)
SEEDS: list[bytes] = [
    HEAD + b"Content-Type: message/feedback-report\r\n\r\n" + FIELDS + b"\r\n--b--\r\n",
    b"Content-Type: message/feedback-report\r\n\r\n" + FIELDS,
]
DICTIONARY: list[bytes] = [
    b"Content-Type: message/feedback-report",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Delivery-Result: reject\r\n",
    b"Auth-Failure: bodyhash\r\n",
    b"\r\n--b",
]


def target(data: bytes) -> None:
    try:
        found = failure.read(data)
    except SyntaxFault:
        return
    if found is not None:
        told = " ".join(failure.sentences(found))
        assert "\n" not in told
        assert "\x1b" not in told
