"""What time it is elsewhere: one question to a time server (SNTP, RFC 5905 14)."""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING, Any, Final

from merpati.base.faults import Fault, Kind

if TYPE_CHECKING:
    from merpati.base.clock import Clock

PORT: Final = 123
EPOCH: Final = 2_208_988_800  # seconds from 1900, where NTP begins, to 1970
_QUESTION: Final = bytes([0x23]) + bytes(39)  # version 4, client; the time we send follows
_TIMES: Final = struct.Struct("!II")
_LENGTH: Final = 48


async def offset(address: str, clock: Clock, *, port: int = PORT, within: float = 5.0) -> float:
    """Seconds by which the time server at `address` is ahead of our clock; negative: behind.

    Raises:
        Fault: UNAVAILABLE, when it does not answer in time or not properly.
    """
    loop = asyncio.get_running_loop()
    reply: asyncio.Future[bytes] = loop.create_future()
    transport = None
    try:
        async with asyncio.timeout(within):
            transport, _ = await loop.create_datagram_endpoint(
                lambda: _Asking(reply), remote_addr=(address, port)
            )
            sent = clock.now()
            transport.sendto(_QUESTION + _encode(sent))
            answer = await reply
            arrived = clock.now()
    except TimeoutError:
        raise Fault(Kind.UNAVAILABLE, f"The time server {address} did not answer.") from None
    except OSError as error:
        text = f"The time server {address} cannot be reached: {error}."
        raise Fault(Kind.UNAVAILABLE, text) from error
    finally:
        if transport is not None:
            transport.close()
    if len(answer) < _LENGTH or answer[0] & 7 != 4 or not 0 < answer[1] < 16:
        raise Fault(Kind.UNAVAILABLE, f"The time server {address} does not know the time.")
    if answer[24:32] != _encode(sent):
        raise Fault(Kind.UNAVAILABLE, f"The time server {address} answered another question.")
    came, left = _decode(answer[32:40]), _decode(answer[40:48])
    return ((came - sent) + (left - arrived)) / 2


def _encode(seconds: float) -> bytes:
    whole = int(seconds)
    return _TIMES.pack((whole + EPOCH) & 0xFFFFFFFF, int((seconds - whole) * 2**32))


def _decode(data: bytes) -> float:
    """Unix seconds; NTP's seconds begin anew in 2036 (RFC 5905 6)."""
    seconds: int
    fraction: int
    seconds, fraction = _TIMES.unpack(data)
    era = 0 if seconds >> 31 else 2**32
    return float(seconds + era - EPOCH) + fraction / 2**32


class _Asking(asyncio.DatagramProtocol):
    def __init__(self, reply: asyncio.Future[bytes]) -> None:
        self._reply = reply

    def datagram_received(self, data: bytes, addr: Any) -> None:  # noqa: ARG002 -- connected
        if not self._reply.done():
            self._reply.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self._reply.done():
            self._reply.set_exception(exc)
