from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from merpati.base.faults import Fault, Kind
from merpati.net.connect import connect, connect_unix
from merpati.net.reaper import Reaper

if TYPE_CHECKING:
    from pathlib import Path


async def test_it_connects_from_the_address_asked_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = await connect(Reaper(), *server.getsockname(), source="127.0.0.2", within=5)
        accepted, peer = server.accept()
        assert peer[0] == connection.local == "127.0.0.2"
        assert connection.peer_port == server.getsockname()[1]
        accepted.sendall(b"220 hello\r\n")
        assert await connection.read_line(100) == b"220 hello"
        accepted.close()
        await connection.close()


async def test_a_refusal_is_unavailable_and_says_where() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Fault, match=f"127.0.0.1 port {port} cannot be reached: .*refused") as no:
        await connect(Reaper(), "127.0.0.1", port)
    assert no.value.kind is Kind.UNAVAILABLE


async def test_silence_is_a_timeout() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:  # fill the queue, so that the next gets no answer
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        await asyncio.sleep(0.01)
        with pytest.raises(Fault, match="did not answer within") as slow:
            await connect(Reaper(), *server.getsockname(), within=0.1)
        assert slow.value.kind is Kind.TIMEOUT
        for filler in fillers:
            filler.close()


async def test_it_connects_to_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "lmtp")
    with pytest.raises(Fault, match="cannot be reached: no such file") as missing:
        await connect_unix(Reaper(), path)
    assert missing.value.kind is Kind.UNAVAILABLE
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        connection = await connect_unix(Reaper(), path)
        assert connection.peer == "unix"
        await connection.close()
