"""Lines per second and memory per connection of net.stream, beside asyncio's streams on uvloop.

python -m bench.stream            # echo over loopback, ratios
python -m bench.stream memory     # PSS per connection: fresh, and after 400 KB were received
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import ssl
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from merpati.base.clock import SystemClock
from merpati.base.log import Log, Sink
from merpati.net.listen import Gate, Listener, ListenerSpec, bind
from merpati.net.reaper import Reaper
from merpati.net.tls import make_self_signed, server_context

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from merpati.net.stream import Connection

SESSIONS = 10
SECONDS = 1.5
BULK = 400_000
LINE = b"NOOP with a word or two\r\n"


async def echo(connection: Connection) -> None:
    while True:
        connection.deadline(300)
        connection.write(b"250 " + await connection.read_line(1000, idle=True) + b"\r\n")


async def swallow(connection: Connection) -> None:
    """Takes one bulk, answers, and then idles."""
    size = int(await connection.read_line(100))
    while size:
        size -= len(await connection.read_some())
    connection.write(b"250 ok\r\n")
    await connection.read_line(1000)


async def ours(
    sock: socket.socket,
    context: ssl.SSLContext | None,
    handler: Callable[[Connection], Coroutine[None, None, None]] = echo,
) -> None:
    Listener(
        sock,
        handler,
        name="bench",
        reaper=Reaper(),
        gate=Gate(100_000, 100_000),
        log=Log(Sink(SystemClock())),
        context=context,
    ).start()
    await asyncio.Event().wait()


async def streams(sock: socket.socket, context: ssl.SSLContext | None) -> None:
    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                line = await reader.readuntil(b"\r\n")
                writer.write(b"250 " + line)
                await writer.drain()
        except (OSError, EOFError):
            writer.close()

    await asyncio.start_server(session, sock=sock, ssl=context)
    await asyncio.Event().wait()


def certificates() -> ssl.SSLContext:
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = Path(folder, "c.pem"), Path(folder, "k.pem")
        pems = make_self_signed(["localhost"], time.time())
        certificate.write_bytes(pems[0])
        key.write_bytes(pems[1])
        return server_context(certificate, key)


def serve(
    kind: Callable[..., Coroutine[None, None, None]], *args: object
) -> tuple[int, tuple[str, int]]:
    sock = bind(ListenerSpec(name="bench", host="127.0.0.1"))[0]
    pid = os.fork()
    if pid == 0:
        uvloop.run(kind(sock, *args))
    address = sock.getsockname()
    sock.close()
    return pid, address


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def client(address: tuple[str, int], *, tls: bool) -> socket.socket:
    sock = socket.create_connection(address)
    if not tls:
        return sock
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(sock)


def rate(pid: int, address: tuple[str, int], batch: int, *, tls: bool) -> tuple[float, float]:
    """Lines per second, and the server's CPU in microseconds per line."""
    socks = [client(address, tls=tls) for _ in range(SESSIONS)]
    lines, request, want = 0, LINE * batch, (len(LINE) + 4) * batch
    began, used = time.monotonic(), cpu(pid)
    while time.monotonic() - began < SECONDS:
        for sock in socks:
            sock.sendall(request)
        for sock in socks:
            left = want
            while left:
                left -= len(sock.recv(65536))
        lines += batch * SESSIONS
    took, used = time.monotonic() - began, cpu(pid) - used
    for sock in socks:
        sock.close()
    return lines / took, used / lines * 1e6


def compare() -> None:
    context = certificates()
    print(
        f"{SESSIONS} sessions        lines/s ours  streams  ratio"
        "   CPU us/line ours  streams  ratio"
    )
    for tls in (False, True):
        for batch in (1, 20):
            row = []
            for kind in (ours, streams):
                pid, address = serve(kind, context if tls else None)
                row.append(rate(pid, address, batch, tls=tls))
                stop(pid)
            (fast, cheap), (slow, dear) = row
            print(
                f"{'tls' if tls else 'plain':5} batches of {batch:2} {fast:12,.0f} {slow:8,.0f}"
                f" {fast / slow:6.2f} {cheap:18.1f} {dear:8.1f} {dear / cheap:6.2f}"
            )


def memory(count: int = 1000) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (3 * count, 3 * count))
    context = certificates()
    for tls in (False, True):
        for bulk in (1, BULK):
            pid, address = serve(ours, context if tls else None, swallow)
            socks = [client(address, tls=tls)]
            time.sleep(0.2)
            before = pss(pid)
            for _ in range(count):
                sock = client(address, tls=tls)
                sock.sendall(b"%d\r\n" % bulk + bytes(bulk))
                sock.recv(100)
                socks.append(sock)
            print(
                f"{'tls' if tls else 'plain':5} after {bulk:7,} bytes:"
                f" {(pss(pid) - before) / count:6.1f} KB per connection"
            )
            stop(pid)
            for sock in socks:
                sock.close()


if __name__ == "__main__":
    if sys.argv[1:] == ["memory"]:
        memory()
    else:
        compare()
