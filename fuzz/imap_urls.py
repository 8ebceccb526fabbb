"""IMAP URLs: any bytes are one or a fault; what was read is written so that it reads the same."""

from __future__ import annotations

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import urls

SEEDS: list[bytes] = [
    b"imap://ana%40x.org;AUTH=*@mail.example.org:993/a/b;UIDVALIDITY=7/;UID=4/;SECTION=1.2.MIME",
    b"/INBOX/;UID=1/;SECTION=HEADER.FIELDS%20(To)/;PARTIAL=0.1024",
    b"imap://a@x/I/;UID=4;EXPIRE=2027-01-01T00:00:00Z;URLAUTH=user+b:internal:" + b"0a" * 33,
    b";UID=20",
]
DICTIONARY: list[bytes] = [
    *(b"imap://", b"/;UID=", b"/;SECTION=", b"/;PARTIAL=", b";UIDVALIDITY=", b";URLAUTH="),
    *(b"user+", b"submit+", b"authuser", b":internal:", b";EXPIRE=", b"%20", b"%2F", b"%3B", b"/"),
]


def target(data: bytes) -> None:
    try:
        found = urls.parse(data)
    except SyntaxFault:
        return
    again = urls.parse(urls.render(found))
    assert msgspec.structs.replace(again, rump=b"") == msgspec.structs.replace(found, rump=b"")
