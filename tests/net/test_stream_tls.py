from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING

import pytest

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.net.reaper import Reaper
from merpati.net.stream import Connection
from merpati.net.tls import client_context, server_context
from tests.support.sockets import fails, linked, send, until

if TYPE_CHECKING:
    from pathlib import Path


GO_AHEAD = b"220 go ahead\r\n"


def peer_tls(peer: socket.socket, name: str = "mail.example.org") -> ssl.SSLSocket:
    """Waits for the go-ahead and does the client's handshake; blocks, so a thread's work."""
    peer.settimeout(30)
    assert peer.recv(100) == GO_AHEAD
    return client_context(verify=False).wrap_socket(peer, server_hostname=name)


@pytest.fixture
def context(certificates: Path) -> ssl.SSLContext:
    return server_context(
        certificates / "mail.example.org.pem", certificates / "mail.example.org.key"
    )


async def test_starttls_goes_on_encrypted(context: ssl.SSLContext) -> None:
    async with linked() as (connection, peer):
        await send(peer, b"STARTTLS\r\n")
        await connection.read_line(10)

        def talk() -> bytes:
            with peer_tls(peer) as tls:
                tls.sendall(b"EHLO again\r\n")
                return tls.recv(100)

        talking = asyncio.create_task(asyncio.to_thread(talk))
        connection.write(GO_AHEAD)
        await connection.start_tls(context)
        assert await connection.read_line(100) == b"EHLO again"
        connection.write(b"250 ok\r\n")
        connection.flush()
        assert await talking == b"250 ok\r\n"
        assert connection.tls is not None
        assert connection.tls.version == "TLSv1.3"
        assert connection.tls.cipher.startswith("TLS_")
        assert connection.tls.server_name == "mail.example.org"
        fault = await fails(connection.read_line(100), Kind.CLOSED)
        assert "127.0.0.1 closed" in fault.text


async def test_commands_injected_before_tls_are_refused_and_dropped(
    context: ssl.SSLContext,
) -> None:
    async with linked() as (connection, peer):
        await send(peer, b"STARTTLS\r\nMAIL FROM:<eve@example.org>\r\n")
        assert await connection.read_line(10) == b"STARTTLS"
        connection.write(b"220 go ahead\r\n")
        with pytest.raises(SyntaxFault, match="clear text"):
            await connection.start_tls(context)
        assert connection.pending() == 0
        assert connection.tls is None


async def test_a_hello_that_comes_early_begins_the_handshake(context: ssl.SSLContext) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_context(verify=False).wrap_bio(incoming, outgoing)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    async with linked() as (connection, peer):
        await send(peer, b"STARTTLS\r\n" + outgoing.read())
        assert await connection.read_line(10) == b"STARTTLS"
        connection.write(GO_AHEAD)
        starting = asyncio.create_task(connection.start_tls(context, early=True))

        def talk() -> None:
            peer.settimeout(30)
            incoming.write(peer.recv(100_000).removeprefix(GO_AHEAD))
            while True:
                try:
                    tls.do_handshake()
                except ssl.SSLWantReadError:
                    incoming.write(peer.recv(100_000))
                else:
                    break
            tls.write(b"EHLO again\r\n")
            peer.sendall(outgoing.read())

        await asyncio.to_thread(talk)
        await starting
        assert await connection.read_line(100) == b"EHLO again"


async def test_a_command_that_comes_early_is_no_hello(context: ssl.SSLContext) -> None:
    async with linked() as (connection, peer):
        await send(peer, b"STARTTLS\r\nMAIL FROM:<eve@example.org>\r\n")
        assert await connection.read_line(10) == b"STARTTLS"
        await fails(connection.start_tls(context, early=True), Kind.CLOSED)
        assert connection.pending() == 0
        assert connection.tls is None


async def test_megabytes_pass_both_ways_over_tls(context: ssl.SSLContext) -> None:
    data = bytes(range(256)) * 20_000
    async with linked() as (connection, peer):

        def talk() -> bytes:
            with peer_tls(peer) as tls:
                tls.sendall(data)
                got = bytearray()
                while len(got) < len(data):
                    got += tls.recv(100_000)
                return bytes(got)

        talking = asyncio.create_task(asyncio.to_thread(talk))
        connection.write(GO_AHEAD)
        await connection.start_tls(context)
        body = await connection.read_exactly(len(data))
        assert body == data
        connection.write(body)
        await connection.drain()
        assert await talking == data
        assert connection.bytes_in == len(data)
        assert connection.bytes_out == len(GO_AHEAD) + len(data)


async def test_close_says_close_notify(context: ssl.SSLContext) -> None:
    async with linked() as (connection, peer):

        def talk() -> list[bytes]:
            with peer_tls(peer) as tls:  # recv would raise at an end without close_notify
                return [tls.recv(100), tls.recv(100)]

        talking = asyncio.create_task(asyncio.to_thread(talk))
        connection.write(GO_AHEAD)
        await connection.start_tls(context)
        connection.write(b"221 bye\r\n")
        await connection.close()
        assert await talking == [b"221 bye\r\n", b""]


async def test_a_silent_handshake_times_out(context: ssl.SSLContext) -> None:
    async with linked() as (connection, _):
        fault = await fails(connection.start_tls(context, within=0.05), Kind.TIMEOUT)
        assert "TLS handshake" in fault.text


async def test_a_handshake_that_is_none_is_closed_with_its_reason(context: ssl.SSLContext) -> None:
    async with linked() as (connection, peer):
        starting = asyncio.create_task(connection.start_tls(context))
        await asyncio.sleep(0.01)
        await send(peer, b"GET / HTTP/1.0\r\n\r\n")
        with pytest.raises(Fault, match=r"TLS handshake with .* failed: http request") as no:
            await starting
        assert no.value.kind is Kind.CLOSED
        assert isinstance(no.value.__cause__, ssl.SSLError)


async def test_a_peer_that_leaves_during_the_handshake_is_closed(context: ssl.SSLContext) -> None:
    async with linked() as (connection, peer):
        starting = asyncio.create_task(connection.start_tls(context))
        await asyncio.sleep(0.01)
        peer.close()
        with pytest.raises(Fault) as gone:
            await starting
        assert gone.value.kind is Kind.CLOSED


async def test_a_forged_record_ends_the_session(context: ssl.SSLContext) -> None:
    async with linked() as (connection, peer):
        raw = peer.dup()
        talking = asyncio.create_task(asyncio.to_thread(peer_tls, peer))
        connection.write(GO_AHEAD)
        await connection.start_tls(context)
        tls = await talking
        raw.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
        fault = await fails(connection.read_line(10), Kind.CLOSED)
        assert "TLS session with 127.0.0.1 failed" in fault.text
        raw.close()
        tls.close()


async def test_our_client_and_our_server_agree(context: ssl.SSLContext, certificates: Path) -> None:
    loop = asyncio.get_running_loop()
    trusting = client_context(verify=True)
    trusting.load_verify_locations(certificates / "mail.example.org.pem")
    async with linked() as (connection, peer):
        client = Connection(loop, Reaper(0.02))
        await loop.connect_accepted_socket(lambda: client, peer.dup())
        serving = asyncio.create_task(connection.start_tls(context))
        await asyncio.sleep(0)
        await client.start_tls(trusting, server_side=False, server_name="mail.example.org")
        await serving
        client.write(b"EHLO me\r\n")
        client.flush()
        assert await connection.read_line(10) == b"EHLO me"
        assert client.tls is not None
        assert client.tls.verified
        assert client.tls.server_name == "mail.example.org"
        pem = (certificates / "mail.example.org.pem").read_text()
        assert client.peer_chain() == [ssl.PEM_cert_to_DER_cert(pem)]
        await client.close()


async def test_a_certificate_for_another_name_fails_with_its_reason(
    context: ssl.SSLContext, certificates: Path
) -> None:
    loop = asyncio.get_running_loop()
    trusting = client_context(verify=True)
    trusting.load_verify_locations(certificates / "mail.example.org.pem")
    async with linked() as (connection, peer):
        client = Connection(loop, Reaper(0.02))
        await loop.connect_accepted_socket(lambda: client, peer.dup())
        serving = asyncio.create_task(connection.start_tls(context))
        await asyncio.sleep(0)
        work = client.start_tls(trusting, server_side=False, server_name="mx.example.net")
        fault = await fails(work, Kind.CLOSED)
        assert isinstance(fault.__cause__, ssl.SSLCertVerificationError)
        assert "mx.example.net" in fault.text
        with pytest.raises(Fault, match="alert"):
            await serving
        await until(lambda: client._transport is None)


async def test_a_name_that_is_none_is_a_fault_and_no_defect() -> None:
    async with linked() as (connection, _):
        work = connection.start_tls(
            client_context(verify=False), server_side=False, server_name="mx..example"
        )
        fault = await fails(work, Kind.CLOSED)
        assert "mx..example" in fault.text
