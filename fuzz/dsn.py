"""Notifications built from hostile texts and originals keep their three parts."""

from __future__ import annotations

from merpati.wire.dsn import Action, Recipient, Report, compose
from merpati.wire.smtp.paths import Path

SEEDS: list[bytes] = [
    b"550 5.1.1 no such user\0From: a@b\r\nMessage-ID: <a@b>\r\n\r\nbody",
    b"a\r\n--=_x\r\nb: c\0\r\n\r\n\r\n",
    b"\xc3\xa9\xff\0S: \xff\r\n",
]


def target(data: bytes) -> None:
    text, _, original = data.partition(b"\0")
    said = text.decode("utf-8", "surrogateescape")
    for local in ("a", "é"):
        recipient = Recipient(
            address=Path(local, "example.net"),
            action=Action.FAILED,
            status=said[:7],
            diagnostic=said,
            remote=said,
            last_attempt=0.0,
        )
        report = Report(
            reporting_mta="mx.example.com",
            postmaster=Path("postmaster", "example.com"),
            sender=Path("me", "example.com"),
            message_id="1@mx.example.com",
            date=0.0,
            arrival=0.0,
            recipients=(recipient,),
            original=original,
            envelope_id=said,
            language=said[:2],
        )
        notification = compose(report)
        head, _, rest = notification.partition(b"\r\n\r\n")
        boundary = head.split(b'boundary="')[1].split(b'"')[0]
        if rest.count(b"--" + boundary) != 4 or not rest.endswith(b"--" + boundary + b"--\r\n"):
            raise AssertionError(notification)
        if any(len(line) > 998 for line in notification.split(b"\r\n")):
            raise AssertionError(notification)
