"""A connection as a server has it, with a real socket at the other end."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from merpati.base.faults import Fault, Kind
from merpati.net.reaper import Reaper
from merpati.net.stream import Connection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine


TICK = 0.02  # seconds between two looks of the reaper


@asynccontextmanager
async def linked() -> AsyncIterator[tuple[Connection, socket.socket]]:
    """A connection over loopback, and the client's non-blocking end of it."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
    peer.setblocking(False)
    accepted.setblocking(False)
    connection = Connection(loop, Reaper(TICK))
    await loop.connect_accepted_socket(lambda: connection, accepted)
    try:
        yield connection, peer
    finally:
        connection.abort()
        peer.close()
        await asyncio.sleep(0)


async def send(peer: socket.socket, data: bytes) -> None:
    """Sends all of `data` from the client's end."""
    await asyncio.get_running_loop().sock_sendall(peer, data)


async def receive(peer: socket.socket, size: int = 65536) -> bytes:
    """What comes next at the client's end; empty at its end."""
    async with asyncio.timeout(30):
        return await asyncio.get_running_loop().sock_recv(peer, size)


async def until(condition: Callable[[], bool]) -> None:
    """Waits until `condition` holds, for half a minute at most."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 -- it watches what has no event
            await asyncio.sleep(0.005)


async def fails(work: Coroutine[Any, Any, object], kind: Kind) -> Fault:
    """The fault with which `work` must end."""
    with pytest.raises(Fault) as caught:
        async with asyncio.timeout(30):
            await work
    assert caught.value.kind is kind
    return caught.value
