"""WebSocket frames and handshakes: whatever comes is messages or a `SyntaxFault`, bounded."""

from __future__ import annotations

from contextlib import suppress

from merpati.base.faults import SyntaxFault
from merpati.wire import web_push, websocket

LIMIT = 2000
SEEDS: list[bytes] = [
    b"\x81\x85\0\0\0\0hello",
    b"\x01\x82\1\2\3\4ab\x89\x80\0\0\0\0\x80\x81\1\2\3\4c",
    b"\x88\x82\0\0\0\0\x03\xe8",
    b"\x82\xfe\x01\x00" + bytes(260),
    b"\x81\xff" + bytes(12),
    b"https://push.example.org:8443/a?b=c",
]


def read(data: bytes, size: int) -> tuple[list[websocket.Message], str]:
    """What it means when it comes in pieces of a size."""
    decoder = websocket.Decoder(LIMIT)
    found: list[websocket.Message] = []
    try:
        for start in range(0, len(data), size):
            found += decoder.feed(data[start : start + size])
    except websocket.Broken as fault:
        return found, fault.code.name
    return found, ""


def target(data: bytes) -> None:
    whole, end = read(data, max(1, len(data)))
    pieces, other = read(data, 1)
    if end == other and whole != pieces:
        raise AssertionError(whole, pieces)
    for message in whole:
        if len(message.data) > LIMIT:
            raise AssertionError(message)
        if message.opcode is websocket.Opcode.CLOSE:
            with suppress(SyntaxFault):
                websocket.close_code(message.data)
    with suppress(SyntaxFault):
        web_push.endpoint(data.decode("latin-1"))
    fields = dict.fromkeys(("connection", "upgrade", "sec-websocket-key"), data.decode("latin-1"))
    with suppress(SyntaxFault):
        websocket.accept("GET", "1.1", fields)
