"""What a server says to our IMAP client: a response, or a `SyntaxFault`."""

from __future__ import annotations

from contextlib import suppress

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import client_responses
from merpati.wire.imap.client_responses import Data, ResponseReader, parse

SEEDS: list[bytes] = [
    b'* LIST (\\HasChildren \\Sent) "." "INBOX.Entw&APw-rfe"\r\n',
    b'* 3 FETCH (UID 7 FLAGS (\\Seen) INTERNALDATE "17-Jul-1996 02:44:25 -0700" BODY[] {3}\r\nabc)',
    b"m1 OK [APPENDUID 1 2] done\r\n",
    b"+ YWJj\r\n",
    b"* OK [UIDVALIDITY 17] yes\r\n",
]
DICTIONARY: list[bytes] = [b"BODY[", b"{2}\r\n", b"NIL", b"(", b")", b'"', b"* ", b"RFC822.SIZE"]


def target(data: bytes) -> None:
    with suppress(SyntaxFault):
        reader = ResponseReader()
        rest = data
        while True:
            line, _, rest = rest.partition(b"\r\n")
            size = reader.feed(line)
            if size is None:
                break
            if reader.is_body or size > len(rest):
                reader.leave()
            else:
                reader.fill(rest[:size])
                rest = rest[size:]
        found = parse(reader.parts)
        if isinstance(found, Data):
            client_responses.folder(found)
            client_responses.message(found)
