"""A connection without a socket: bytes go in, the session runs, and what it sent comes out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from merpati.net.reaper import Reaper
from merpati.net.stream import Connection


class MemoryTransport(asyncio.Transport):
    """Keeps what is written, and always takes it at once."""

    def __init__(self, connection: Connection, peer: str) -> None:
        super().__init__({"peername": (peer, 50_000), "sockname": ("127.0.0.1", 110)})
        self._connection = connection
        self._closing = False
        self.sent = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            asyncio.get_running_loop().call_soon(self._connection.connection_lost, None)

    def abort(self) -> None:
        self.close()

    def pause_reading(self) -> None:
        """All of it is there already."""

    def resume_reading(self) -> None:
        """The same."""


async def converse(
    run: Callable[[Connection], Awaitable[Any]],
    data: bytes,
    *,
    peer: str = "127.0.0.1",
    size: int = 65_536,
    within: float = 10.0,
) -> bytes:
    """What a session says to a client that sends `data`, `size` bytes at a time, and leaves."""
    loop = asyncio.get_running_loop()
    connection = Connection(loop, Reaper())
    transport = MemoryTransport(connection, peer)
    connection.connection_made(transport)
    async with asyncio.timeout(within):
        session = asyncio.ensure_future(run(connection))
        for start in range(0, len(data), size):
            if transport.is_closing():
                break
            connection.data_received(data[start : start + size])
            await asyncio.sleep(0)
        connection.eof_received()
        try:
            await session
        finally:
            connection.abort()
            await asyncio.sleep(0)
    return bytes(transport.sent)
