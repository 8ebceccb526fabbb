"""WebSocket (RFC 6455): the server's side of the handshake and of the frames.

`Decoder` takes bytes as they come and gives what they mean: messages whole, control frames
as they are. A client masks all it sends (5.3); what a server sends is not masked.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Final, NamedTuple

from merpati.base.faults import SyntaxFault

GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 1.3
VERSION: Final = "13"
KEY_SIZE: Final = 16  # RFC 6455 4.1
CONTROL_MAX: Final = 125  # RFC 6455 5.5
FRAGMENTS_MAX: Final = 100_000  # of one message, empty ones too
_FIN: Final = 0x80
_RESERVED: Final = 0x70
_MASKED: Final = 0x80
_SHORT_MAX: Final = 125
_TWO_BYTES: Final = 126
_EIGHT_BYTES: Final = 127


class Opcode(IntEnum):
    """What a frame is (RFC 6455 5.2)."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class Code(IntEnum):
    """Why a connection is closed (RFC 6455 7.4.1)."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL = 1002
    UNSUPPORTED = 1003
    NOT_GIVEN = 1005
    INVALID = 1007
    POLICY = 1008
    TOO_BIG = 1009
    FAILED = 1011


class Broken(SyntaxFault):
    """What came breaks the protocol; the connection ends with `code`."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code: Final = code


class Message(NamedTuple):
    """A whole message, or a control frame."""

    opcode: Opcode
    data: bytes


# The handshake (RFC 6455 4.2)


def accept(method: str, version: str, fields: Mapping[str, str]) -> str:
    """The answer to the key of a client that wants a WebSocket.

    Args:
        method: of the request.
        version: of HTTP, "1.1".
        fields: of the request, by lower-case names.

    Raises:
        SyntaxFault: it is not such a request, or of another version of the protocol.
    """
    connection = {one.strip() for one in fields.get("connection", "").lower().split(",")}
    upgrade = fields.get("upgrade", "").strip().lower()
    if method != "GET" or version != "1.1" or upgrade != "websocket" or "upgrade" not in connection:
        raise SyntaxFault("this is for WebSocket connections")
    if fields.get("sec-websocket-version", "").strip() != VERSION:
        raise SyntaxFault(f"only version {VERSION} of WebSocket is spoken here")
    key = fields.get("sec-websocket-key", "").strip()
    try:
        raw = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != KEY_SIZE:
        raise SyntaxFault("Sec-WebSocket-Key is not 16 bytes in base64")
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()  # noqa: S324 -- RFC 6455 4.2.2 says so; nothing depends on it


def head(accepted: str, protocol: str) -> bytes:
    """The answer that opens a WebSocket for a subprotocol."""
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accepted}\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"
    ).encode()


# Frames (RFC 6455 5)


def frame(opcode: Opcode, data: bytes) -> bytes:
    """A whole message or control frame, as a server sends it."""
    size = len(data)
    first = _FIN | opcode
    if size <= _SHORT_MAX:
        return bytes((first, size)) + data
    if size < 1 << 16:
        return bytes((first, _TWO_BYTES)) + size.to_bytes(2, "big") + data
    return bytes((first, _EIGHT_BYTES)) + size.to_bytes(8, "big") + data


def close(code: Code, reason: str = "") -> bytes:
    """A close frame."""
    text = reason.encode()[: CONTROL_MAX - 2].decode("utf-8", "ignore").encode()
    return frame(Opcode.CLOSE, code.to_bytes(2, "big") + text)


def close_code(data: bytes) -> int:
    """The code of a close frame's data (RFC 6455 5.5.1). Raises Broken."""
    if not data:
        return Code.NOT_GIVEN
    code = int.from_bytes(data[:2], "big")
    allowed = 1000 <= code <= 1014 and code not in {1004, 1005, 1006}
    if len(data) < 2 or not (allowed or 3000 <= code < 5000):
        raise Broken(Code.PROTOCOL, "the code of the close frame is none")
    return code


def mask(data: bytes, key: bytes) -> bytes:
    """Data masked, or unmasked, with a key of four bytes (RFC 6455 5.3)."""
    size = len(data)
    pad = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(pad, "little")).to_bytes(size, "little")


class Decoder:
    """Takes what a client sends; bounded by the largest message, and linear in what came."""

    __slots__ = ("_chunks", "_fragments", "_had", "_limit", "_opcode", "_parts", "_size")

    def __init__(self, limit: int) -> None:
        """`limit`: octets of a message."""
        self._limit = limit
        self._chunks: list[bytes] = []  # received, and no whole frame yet
        self._had = 0  # octets in them
        self._opcode: Opcode | None = None  # of a message in fragments
        self._parts: list[bytes] = []
        self._size = 0
        self._fragments = 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing is begun and not complete."""
        return not self._had and self._opcode is None

    def feed(self, data: bytes) -> Iterator[Message]:
        """What bytes complete; to be used up.

        Raises:
            Broken: they break the protocol, or a message is too big.
        """
        if self._had:
            self._chunks.append(data)
            self._had += len(data)
            needed = _needed(b"".join(self._chunks[:2])[:14], self._limit)
            if self._had < needed:
                return
            data = b"".join(self._chunks)
        self._chunks, self._had = [], 0
        start = 0
        while start < len(data):
            needed = _needed(data[start : start + 14], self._limit)
            if len(data) - start < needed:
                self._chunks, self._had = [data[start:]], len(data) - start
                return
            message = self._frame(data[start : start + needed])
            start += needed
            if message is not None:
                yield message

    def _frame(self, data: bytes) -> Message | None:
        """A whole frame: the message it completes, if it does."""
        final = bool(data[0] & _FIN)
        opcode = Opcode(data[0] & 0x0F)
        short = data[1] & 0x7F
        at = {_TWO_BYTES: 4, _EIGHT_BYTES: 10}.get(short, 2)
        payload = mask(data[at + 4 :], data[at : at + 4])
        if opcode >= Opcode.CLOSE:
            return Message(opcode, payload)
        if (opcode is Opcode.CONTINUATION) != (self._opcode is not None):
            raise Broken(Code.PROTOCOL, "the fragments of a message are out of order")
        if self._opcode is None and final:
            return _message(opcode, payload)
        self._opcode = self._opcode or opcode
        self._size += len(payload)
        self._fragments += 1
        if self._size > self._limit or self._fragments > FRAGMENTS_MAX:
            raise _too_big(self._limit)
        if payload:
            self._parts.append(payload)
        if not final:
            return None
        message = _message(self._opcode, b"".join(self._parts))
        self._opcode, self._parts, self._size, self._fragments = None, [], 0, 0
        return message


def _needed(head: bytes, limit: int) -> int:
    """How long the frame is that begins so; more than there is while that is not known."""
    if head[0] & _RESERVED:
        raise Broken(Code.PROTOCOL, "a reserved bit is set")
    opcode = head[0] & 0x0F
    if opcode not in _OPCODES:
        raise Broken(Code.PROTOCOL, "there is no such opcode")
    if len(head) < 2:
        return 2
    if not head[1] & _MASKED:
        raise Broken(Code.PROTOCOL, "a client masks its frames")
    size = head[1] & 0x7F
    if opcode >= Opcode.CLOSE and (size > CONTROL_MAX or not head[0] & _FIN):
        raise Broken(Code.PROTOCOL, "a control frame is short, and in one piece")
    at = {_TWO_BYTES: 4, _EIGHT_BYTES: 10}.get(size, 2)
    if at > 2:
        if len(head) < at:
            return at
        size = int.from_bytes(head[2:at], "big")
    if size > limit and opcode < Opcode.CLOSE:
        raise _too_big(limit)
    return at + 4 + size


_OPCODES: Final = frozenset(Opcode)


def _message(opcode: Opcode, data: bytes) -> Message:
    if opcode is Opcode.TEXT:
        try:
            data.decode()
        except UnicodeDecodeError:
            raise Broken(Code.INVALID, "a text message is not UTF-8") from None
    return Message(opcode, data)


def _too_big(limit: int) -> Broken:
    return Broken(Code.TOO_BIG, f"a message has at most {limit} bytes")
