"""mbox files: messages or a `SyntaxFault`; what is written is read back the same."""

from __future__ import annotations

from merpati.base.faults import SyntaxFault
from merpati.wire import mbox
from merpati.wire.mbox import Kind

SEEDS: list[bytes] = [
    b"From a@b.id Tue Nov 14 22:13:20 2023\nSubject: x\nStatus: RO\n\n>From me\n\n",
    b"From - Tue Nov 14 22:13:20 2023\r\nContent-Length: 5\r\n\r\nhello\r\n\r\n",
    b"From x Tue, 14 Nov 2023 22:13:20 +0000\nX-Mozilla-Status: 0001\n\nFrom y\n",
]
DICTIONARY: list[bytes] = [
    b"\nFrom a Tue Nov 14 22:13:20 2023\n",
    b"Content-Length: ",
    b"X-Keywords: ",
    b"X-IMAPbase: 1 2\n",
    b">From ",
]


def target(data: bytes) -> None:
    for kind in Kind:
        try:
            for entry in mbox.entries(data, kind):
                b"".join(mbox.message(data, entry, mbox.marks(data, entry)))
        except SyntaxFault:
            break
    message = b"A: b\r\n\r\n" + data.replace(b"\r", b"").replace(b"\n", b"\r\n") + b"\r\n"
    for kind in (Kind.MBOXRD, Kind.MBOXCL2):
        written = b"".join(mbox.render(message, kind, 1_700_000_000, frozenset({"$seen"})))
        found = list(mbox.entries(written * 2, kind))
        if len(found) != 2:
            raise AssertionError(kind)
        marks = mbox.marks(written, found[0])
        if b"".join(mbox.message(written, found[0], marks)) != message:
            raise AssertionError(kind)
