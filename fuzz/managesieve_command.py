"""ManageSieve commands and responses: a value or a `SyntaxFault`, written back the same."""

from __future__ import annotations

from contextlib import suppress

from merpati.base.faults import SyntaxFault
from merpati.wire.managesieve import commands, responses, strings

SEEDS: list[bytes] = [
    b'AUTHENTICATE "PLAIN" "AGEAYg=="\r\n',
    b'PUTSCRIPT "a \\"b\\\\" {5+}\r\nkeep;\r\n',
    b'HAVESPACE "a" 4294967295\r\n',
    b'RENAMESCRIPT {1+}\r\na "b"\r\n',
    b'NOOP "tag"\r\n',
    b'OK (WARNINGS) "line 8"\r\n',
    b"NO (QUOTA/MAXSCRIPTS) {3}\r\nno!\r\n",
    b'OK (TAG "x")\r\n',
    b'"script" ACTIVE\r\n',
]
DICTIONARY: list[bytes] = [b"CHECKSCRIPT", b"SETACTIVE", b"UNAUTHENTICATE", b"{0+}", b"BYE"]


def target(data: bytes) -> None:
    with suppress(SyntaxFault):
        responses.parse(_pieces(data))
    try:
        command = commands.parse(_pieces(data))
    except SyntaxFault:
        return
    if commands.parse(_pieces(commands.encode(command))) != command:
        raise AssertionError(command)


def _pieces(data: bytes) -> list[bytes]:
    """Texts and literals, as a session reads them."""
    pieces = []
    while True:
        text, _, data = data.partition(b"\r\n")
        pieces.append(text)
        size = strings.announced(text)
        if size is None or len(pieces) > 7:
            return pieces if size is None else [*pieces, b"", b""]
        pieces.append(data[:size])
        data = data[size:]
