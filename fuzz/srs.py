"""Rewritten senders: any local part is refused or read, and what was made is read back."""

from __future__ import annotations

from merpati.base.faults import SyntaxFault
from merpati.wire import srs
from merpati.wire.smtp.paths import parse_address

SECRET = b"0123456789abcdef"
DAY = 20_000

SEEDS: list[bytes] = [
    b"ani@example.com",
    b"SRS0=ABCDEF=TI=example.com=ani@first.test",
    b"SRS1=ABCDEF=first.test==HHHHHH=TI=example.com=ani@second.test",
    b'"a=b c"@example.com',
    b"SRS0+ABCDEF=TI=example.com=ani+tag@first.test",
]
DICTIONARY: list[bytes] = [b"SRS0=", b"SRS1=", b"==", b"=+", b"=-", b"srs0-", b"SRS1+"]


def target(data: bytes) -> None:
    try:
        srs.reverse(data.decode("utf-8", "replace"), [SECRET], DAY)
    except SyntaxFault:
        pass
    else:
        raise AssertionError("forged")
    try:
        sender = parse_address(data.decode("utf-8", "replace"))
        path = srs.forward(sender, "here.test", SECRET, DAY)
    except SyntaxFault:
        return
    assert srs.is_srs(path.local)
    back = srs.reverse(parse_address(str(path)).local, [b"other", SECRET], DAY + srs.DAYS_VALID)
    if sender.local[:4].upper() == "SRS1" and back.local[:4] == "SRS0":
        assert sender.local.endswith(back.local[4:])  # straight to the first forwarder
    else:
        assert back.local[:4].upper() == sender.local[:4].upper()
        assert back.local[4:] == sender.local[4:]
        assert back.ascii_domain() == sender.ascii_domain()
