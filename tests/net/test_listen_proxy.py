"""A listener behind a load balancer that speaks the PROXY protocol."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from merpati.base.clock import SystemClock
from merpati.base.log import Level, Log, Sink
from merpati.base.networks import Networks
from merpati.net.listen import Gate, Listener, ListenerSpec, bind
from merpati.net.reaper import Reaper
from merpati.net.stream import Connection
from merpati.net.tls import make_self_signed, server_context
from merpati.wire.proxy import Proxied, encode
from tests.support.sockets import TICK, until

BALANCER = Networks(["127.0.0.1"])
ANN = encode(Proxied("192.0.2.7", 50000, "198.51.100.1", 25))


async def tell(connection: Connection) -> None:
    """Says who has connected, and one line again."""
    connection.write(f"{connection.peer} {connection.peer_port} {connection.local}\r\n".encode())
    connection.write(await connection.read_line(100) + b"\r\n")


@asynccontextmanager
async def serving(
    gate: Gate | None = None,
    context: ssl.SSLContext | None = None,
    proxies: Networks = BALANCER,
) -> AsyncIterator[int]:
    [sock] = bind(ListenerSpec(name="test", host="127.0.0.1"))
    port: int = sock.getsockname()[1]
    listener = Listener(
        sock, tell, name="test", reaper=Reaper(TICK), gate=gate or Gate(10, 10),
        log=Log(Sink(SystemClock(), level=Level.ERROR)), context=context, proxies=proxies,
        refusal=lambda fault: b"421 " + fault.text.encode() + b"\r\n",
    ).start()  # fmt: skip
    yield port
    await listener.drain(0)
    assert listener.failed == 0


async def talk(port: int, *pieces: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(0.01)
    async with asyncio.timeout(30):
        answer = await reader.read()
    writer.close()
    return answer


async def test_the_address_in_the_header_is_the_clients() -> None:
    async with serving() as port:
        expected = b"192.0.2.7 50000 198.51.100.1\r\nhello\r\n"
        assert await talk(port, ANN + b"hello\r\n") == expected
        assert await talk(port, *(bytes([byte]) for byte in ANN), b"hello\r\n") == expected


async def test_a_balancer_that_sends_no_header_is_cut_off() -> None:
    async with serving() as port:
        assert await talk(port, b"EHLO c\r\n") == b""


async def test_a_header_from_anywhere_else_is_only_a_line() -> None:
    async with serving(proxies=Networks(["192.0.2.0/24"])) as port:
        assert (await talk(port, ANN)).startswith(b"127.0.0.1 ")


async def test_a_health_check_is_the_balancers_own() -> None:
    async with serving() as port:
        assert (await talk(port, encode(Proxied()) + b"hello\r\n")).startswith(b"127.0.0.1 ")


async def test_clients_of_a_balancer_are_counted_each_by_its_own_address() -> None:
    gate = Gate(10, 1)
    async with serving(gate) as port:
        held = await asyncio.open_connection("127.0.0.1", port)
        held[1].write(ANN)
        async with asyncio.timeout(30):
            await held[0].readline()
        assert (
            await talk(port, ANN)
            == b"421 Too many connections from 192.0.2.7; close some first.\r\n"
        )
        other = encode(Proxied("192.0.2.8", 50000, "198.51.100.1", 25))
        assert (await talk(port, other + b"hello\r\n")).startswith(b"192.0.2.8 ")
        held[1].close()
        await until(lambda: gate._inside.active == 0)
        assert (await talk(port, ANN + b"hello\r\n")).startswith(b"192.0.2.7 ")


@pytest.mark.parametrize("together", [True, False])
async def test_tls_begins_right_behind_the_header(tmp_path: Path, *, together: bool) -> None:
    chain, key = make_self_signed(["localhost"], SystemClock().now())
    (tmp_path / "c").write_bytes(chain)
    (tmp_path / "k").write_bytes(key)
    client = ssl.create_default_context(cadata=chain.decode())
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client.wrap_bio(incoming, outgoing, server_hostname="localhost")
    async with serving(context=server_context(tmp_path / "c", tmp_path / "k")) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        waiting = ANN
        if not together:
            writer.write(waiting)
            await asyncio.sleep(0.02)
            waiting = b""
        async with asyncio.timeout(30):
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    writer.write(waiting + outgoing.read())
                    waiting = b""
                    incoming.write(await reader.read(65_536))
            tls.write(b"hello\r\n")
            writer.write(outgoing.read())
            answer = b""
            while not answer.endswith(b"hello\r\n"):
                try:
                    answer += tls.read()
                except ssl.SSLWantReadError:
                    incoming.write(await reader.read(65_536))
        assert answer == b"192.0.2.7 50000 198.51.100.1\r\nhello\r\n"
        writer.close()
