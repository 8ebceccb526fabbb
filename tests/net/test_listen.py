from __future__ import annotations

import asyncio
import os
import resource
import socket
import ssl
import stat
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from merpati.base.clock import SystemClock
from merpati.base.faults import Fault, Kind
from merpati.base.log import Level, Log, Sink
from merpati.net.listen import Gate, Listener, ListenerSpec, bind
from merpati.net.reaper import Reaper
from merpati.net.tls import client_context, server_context
from tests.support.sockets import TICK, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from merpati.net.stream import Connection

    Handler = Callable[[Connection], Awaitable[None]]

LOOPBACK = ListenerSpec(name="test", host="127.0.0.1")


async def echo(connection: Connection) -> None:
    connection.write(b"220 hello\r\n")
    while True:
        line = await connection.read_line(100, idle=True)
        connection.write(line + b"\r\n")
        if line == b"QUIT":
            return


class Journal:
    """A real log, and what it wrote."""

    def __init__(self) -> None:
        self._end, write = os.pipe()
        os.set_blocking(self._end, False)
        self._write = write
        self.log = Log(Sink(SystemClock(), fd=write, level=Level.INFO, style="json"))

    def text(self) -> str:
        try:
            return os.read(self._end, 1_000_000).decode()
        except BlockingIOError:
            return ""

    def close(self) -> None:
        os.close(self._end)
        os.close(self._write)


@asynccontextmanager
async def serving(
    handler: Handler = echo,
    *,
    spec: ListenerSpec = LOOPBACK,
    gate: Gate | None = None,
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[tuple[Listener, Journal]]:
    journal = Journal()
    listener = Listener(
        bind(spec)[0],
        handler,
        name="test",
        reaper=Reaper(TICK),
        gate=gate or Gate(100, 100),
        log=journal.log,
        context=context,
        refusal=lambda fault: b"421 " + fault.text.encode() + b"\r\n",
    ).start()
    try:
        yield listener, journal
    finally:
        await listener.drain(0.05)
        journal.close()


def address(listener: Listener) -> tuple[str, int]:
    host, port = listener._sock.getsockname()[:2]
    return host, port


class Client:
    """One peer, through the loop's own streams."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, listener: Listener, context: ssl.SSLContext | None = None) -> Client:
        host, port = address(listener)
        name = "mail.example.org" if context else None
        return cls(*await asyncio.open_connection(host, port, ssl=context, server_hostname=name))

    async def line(self) -> bytes:
        async with asyncio.timeout(30):
            return await self.reader.readline()

    async def ask(self, line: bytes) -> bytes:
        self.writer.write(line + b"\r\n")
        return await self.line()

    async def leave(self) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()


# Sessions


async def test_each_client_gets_a_session() -> None:
    async with serving() as (listener, journal):
        clients = [await Client.to(listener) for _ in range(3)]
        for client in clients:
            assert await client.line() == b"220 hello\r\n"
            assert await client.ask(b"NOOP") == b"NOOP\r\n"
        assert listener.active == listener.accepted == 3
        for client in clients:
            assert await client.ask(b"QUIT") == b"QUIT\r\n"
            assert await client.line() == b""
            await client.leave()
        await until(lambda: listener.active == 0)
        assert journal.text() == ""


async def test_a_client_that_just_leaves_is_no_defect() -> None:
    async with serving() as (listener, journal):
        client = await Client.to(listener)
        await client.line()
        await client.leave()
        await until(lambda: listener.active == 0)
        assert listener.failed == 0
        assert journal.text() == ""


async def test_a_session_may_let_its_timeout_pass() -> None:
    async def impatient(connection: Connection) -> None:
        connection.deadline(0.03)
        await connection.read_line(10)

    async with serving(impatient) as (listener, journal):
        client = await Client.to(listener)
        assert await client.line() == b""
        await client.leave()
        assert listener.failed == 0
        assert journal.text() == ""


async def test_a_defect_is_logged_once_and_ends_only_its_session() -> None:
    async def broken(connection: Connection) -> None:
        if await connection.read_line(10) == b"BREAK":
            raise ZeroDivisionError("what a pity")
        connection.write(b"ok\r\n")

    async with serving(broken) as (listener, journal):
        other = await Client.to(listener)
        client = await Client.to(listener)
        with suppress(ConnectionError):
            assert await client.ask(b"BREAK") == b""
        assert await other.ask(b"NOOP") == b"ok\r\n"
        await client.leave()
        await other.leave()
        written = journal.text()
        assert written.count("session.failed") == 1
        assert "what a pity" in written
        assert "127.0.0.1" in written
        assert listener.failed == 1


async def test_an_unexpected_fault_is_a_defect() -> None:
    async def faulty(_: Connection) -> None:
        raise Fault(Kind.NO_SPACE, "The disk is full.")

    async with serving(faulty) as (listener, journal):
        client = await Client.to(listener)
        await until(lambda: listener.failed == 1)
        assert "The disk is full." in journal.text()
        await client.leave()


# Limits


async def test_the_gate_refuses_with_a_line_and_lets_in_again_after_a_leave() -> None:
    async with serving(gate=Gate(100, 2)) as (listener, _):
        clients = [await Client.to(listener) for _ in range(2)]
        for client in clients:
            await client.line()
        refused = await Client.to(listener)
        assert (
            await refused.line()
            == b"421 Too many connections from 127.0.0.1; close some first.\r\n"
        )
        assert await refused.line() == b""
        await refused.leave()
        assert (listener.accepted, listener.refused) == (2, 1)
        await clients[0].leave()
        await until(lambda: listener.active == 1)
        again = await Client.to(listener)
        assert await again.line() == b"220 hello\r\n"
        for client in (again, clients[1]):
            await client.leave()


def test_the_gate_counts_in_total_and_per_address() -> None:
    gate = Gate(3, 2)
    assert gate.enter("192.0.2.1") is None
    assert gate.enter("192.0.2.1") is None
    crowded = gate.enter("192.0.2.1")
    assert crowded is not None
    assert crowded.kind is Kind.TOO_MANY
    assert "192.0.2.1" in crowded.text
    assert gate.enter("192.0.2.2") is None
    full = gate.enter("192.0.2.3")
    assert full is not None
    assert full.text.startswith("Too many connections;")
    gate.leave("192.0.2.1")
    assert gate.enter("192.0.2.3") is None


async def test_running_out_of_descriptors_neither_spins_nor_ends_the_listener(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("merpati.net.listen.REST", 0.05)
    async with serving() as (listener, journal):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        client = socket.socket()
        client.setblocking(False)
        await asyncio.sleep(0)
        highest = client.fileno()
        fillers = []
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 5, hard))
        try:
            with suppress(OSError):  # which is EMFILE
                while True:
                    fillers.append(os.dup(2))
            await asyncio.get_running_loop().sock_connect(client, address(listener))
            await asyncio.sleep(0.2)
            assert listener.accepted == 0
            assert journal.text().count("listen.resting") == 1
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for filler in fillers:
                os.close(filler)
        await until(lambda: listener.accepted == 1)  # it had kept its place in the queue
        async with asyncio.timeout(30):
            greeting = await asyncio.get_running_loop().sock_recv(client, 100)
        assert greeting == b"220 hello\r\n"
        client.close()


# The end


async def test_drain_ends_idle_sessions_at_once_and_the_others_at_its_end() -> None:
    async def session(connection: Connection) -> None:
        if await connection.read_line(10, idle=True) == b"DATA":
            connection.write(b"354 go\r\n")
            await connection.read_line(10)

    async with serving(session) as (listener, journal):
        idle = await Client.to(listener)
        busy = await Client.to(listener)
        assert await busy.ask(b"DATA") == b"354 go\r\n"
        place = address(listener)
        draining = asyncio.create_task(listener.drain(0.1))
        assert await idle.line() == b""
        assert listener.active == 1
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*place)
        assert await draining == 1
        assert listener.active == 0
        assert journal.text() == ""
        for client in (idle, busy):
            await client.leave()


async def test_drain_cancels_a_session_that_does_not_wait_for_its_peer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("merpati.net.listen.LAST_CALL", 0.05)

    async def stuck(_: Connection) -> None:
        await asyncio.sleep(60)

    async with serving(stuck) as (listener, _):
        client = await Client.to(listener)
        await until(lambda: listener.active == 1)
        assert await listener.drain(0.01) == 1
        assert listener.active == 0
        await client.leave()


# TLS


@pytest.fixture
def context(certificates: Path) -> ssl.SSLContext:
    return server_context(
        certificates / "mail.example.org.pem", certificates / "mail.example.org.key"
    )


async def test_implicit_tls_comes_before_the_session(context: ssl.SSLContext) -> None:
    seen = []

    async def session(connection: Connection) -> None:
        seen.append(connection.tls)
        await echo(connection)

    async with serving(session, context=context) as (listener, journal):
        client = await Client.to(listener, client_context(verify=False))
        assert await client.line() == b"220 hello\r\n"
        assert await client.ask(b"NOOP") == b"NOOP\r\n"
        assert seen[0] is not None
        assert seen[0].server_name == "mail.example.org"
        await client.leave()
        await until(lambda: listener.active == 0)
        assert journal.text() == ""


async def test_a_client_without_tls_is_no_defect_and_gets_no_session(
    context: ssl.SSLContext,
) -> None:
    async with serving(context=context) as (listener, journal):
        client = await Client.to(listener)
        answer = await client.ask(b"EHLO me")
        assert b"220" not in answer
        await client.leave()
        await until(lambda: listener.active == 0)
        assert listener.failed == 0
        assert journal.text() == ""


async def test_a_refused_client_gets_no_line_before_tls(context: ssl.SSLContext) -> None:
    async with serving(context=context, gate=Gate(0, 0)) as (listener, _):
        client = await Client.to(listener)
        assert await client.line() == b""
        await client.leave()
        assert listener.refused == 1


# Binding


def closed(sockets: list[socket.socket]) -> None:
    for sock in sockets:
        sock.close()


def test_copies_share_a_port_and_a_dead_workers_queue_waits() -> None:
    sockets = bind(LOOPBACK, 4)
    try:
        assert len({sock.getsockname() for sock in sockets}) == 1
        clients = [socket.create_connection(sockets[0].getsockname()) for _ in range(40)]
        queued = []
        for sock in sockets:
            sock.setblocking(False)
            count = 0
            while True:
                try:
                    sock.accept()[0].close()
                except BlockingIOError:
                    break
                count += 1
            queued.append(count)
        assert sum(queued) == 40
        assert sum(count > 0 for count in queued) > 1
        closed(clients)
    finally:
        closed(sockets)


def test_what_is_accepted_has_no_delay_and_is_kept_alive() -> None:
    sockets = bind(LOOPBACK)
    client = socket.create_connection(sockets[0].getsockname())
    accepted, _ = sockets[0].accept()
    assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    closed([*sockets, client, accepted])


def test_a_second_server_on_the_same_port_is_told_so() -> None:
    sockets = bind(LOOPBACK, 2)
    port = sockets[0].getsockname()[1]
    try:
        with pytest.raises(Fault, match=f"port {port} of 127.0.0.1: another program") as taken:
            bind(ListenerSpec(name="again", host="127.0.0.1", port=port), 2)
        assert taken.value.kind is Kind.CONFIG
    finally:
        closed(sockets)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (ListenerSpec(name="smtp", host="mail.example"), "not an IP address"),
        (ListenerSpec(name="smtp", host="192.0.2.1"), "does not have that address"),
        (ListenerSpec(name="lmtp", path="/nowhere/at/all"), "no such file"),
    ],
)
def test_what_is_wrong_with_an_address_is_said(spec: ListenerSpec, text: str) -> None:
    with pytest.raises(Fault, match=text) as wrong:
        bind(spec)
    assert wrong.value.kind is Kind.CONFIG
    assert spec.name in wrong.value.text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_low_port_needs_root(monkeypatch: pytest.MonkeyPatch) -> None:
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.setuid(65534)
            bind(ListenerSpec(name="smtp", host="127.0.0.1", port=25))
        except Fault as fault:
            wanted = "port 25 of 127.0.0.1: permission denied; run as root or use --ports high"
            status = 0 if fault.text.startswith(wanted) else 2
        finally:
            os._exit(status)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code == 1:
        pytest.skip("low ports are open to all here")
    assert code == 0


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_ipv6_and_ipv4_listen_side_by_side_on_one_port() -> None:
    six = bind(ListenerSpec(name="smtp", host="::"))
    four = bind(ListenerSpec(name="smtp", host="0.0.0.0", port=six[0].getsockname()[1]))
    assert six[0].getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    closed(six + four)


async def test_a_unix_socket_replaces_a_stale_one_and_serves(tmp_path: Path) -> None:
    path = tmp_path / "lmtp"
    spec = ListenerSpec(name="lmtp", path=str(path), mode=0o600)
    closed(bind(spec))  # leaves its file, as a killed server does
    seen = []

    async def session(connection: Connection) -> None:
        seen.append((connection.peer, connection.peer_port))
        await echo(connection)

    async with serving(session, spec=spec, gate=Gate(0, 0)) as (_, journal):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        client = Client(*await asyncio.open_unix_connection(path))
        assert await client.line() == b"220 hello\r\n"
        with pytest.raises(Fault, match="another program"):
            bind(spec)
        assert seen == [("unix", 0)]
        await client.leave()
        assert journal.text() == ""


def test_workers_share_the_queue_of_a_unix_socket(tmp_path: Path) -> None:
    sockets = bind(ListenerSpec(name="lmtp", path=str(tmp_path / "lmtp")), 3)
    assert len({sock.fileno() for sock in sockets}) == 3
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(tmp_path / "lmtp"))
    accepted, _ = sockets[2].accept()
    closed([*sockets, client, accepted])


def test_a_file_that_is_no_socket_stays(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(Fault, match="another program"):
        bind(ListenerSpec(name="lmtp", path=str(path)))
    assert path.read_text() == "data"
