"""Prepared envelopes: whatever a header says, its ENVELOPE is read back."""

from __future__ import annotations

from contextlib import suppress

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import envelope, prepared
from merpati.wire.mime import headers

LETTER: bytes = (
    b'Date: Mon, 1 Jan 2024 10:00:00 +0700\r\nFrom: "Ani B" <ani@a.example>\r\n'
    b"To: bob@c.example, team: x@y.example;\r\nSubject: caf\xe9 =?utf-8?q?caf=C3=A9?=\r\n"
    b"Message-ID: <1@a>\r\nIn-Reply-To: <0@a>\r\n\r\n"
)
SEEDS: list[bytes] = [
    LETTER,
    b'From: <@a,@b:c@d>\r\nCc: (a (b) c) "x\\"y" <z@[1.2.3.4]>, ,;\r\n\r\n',
    b'({3}\r\na"b NIL (("a" NIL "b" "c")(NIL NIL NIL NIL)) NIL NIL NIL NIL NIL NIL "x\\\\")',
]
DICTIONARY: list[bytes] = [b"NIL", b"{3}\r\n", b'\\"', b"((", b"))", b'" "', b"Subject: ", b"To: "]


def target(data: bytes) -> None:
    with suppress(SyntaxFault):
        prepared.read(data)
    found = headers.split(data)
    read = prepared.read(envelope.envelope(found))
    subject = found.get(b"subject")
    # A literal holds no NUL (wire/imap/strings.py).
    assert read.subject == (subject.replace(b"\0", b"\x80") if subject else subject)
    for people in (read.author, read.to, read.cc, read.bcc):
        prepared.written(people)
        prepared.displayed(people)
