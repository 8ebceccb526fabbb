"""Rates of the IMAP server: messages or commands per second, and its CPU for each.

The server runs in a process of its own over a real store on disk; the client only counts
bytes. Run: `python -m bench.imap [--messages 10000] [--folder DIR]`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from threading import Thread
from typing import Any

import uvloop

from merpati.services.digest import digest
from merpati.store import emails
from tests.support.imap import serve
from tests.support.server import ANA, PASSWORD, TestInstance

WORDS = "the server takes each message and stores it before it answers so nothing is lost "
BATCH = 500


def message(number: int) -> bytes:
    """A message of about 3.5 KB, two parts, all different."""
    text = "".join(f"{number} {line} {WORDS}\r\n" for line in range(14))
    return (
        f"Return-Path: <sender{number % 50}@example.net>\r\n"
        f"Received: from client.example.net (client.example.net [192.0.2.{number % 250}])\r\n"
        f"\tby mail.example.org with ESMTPS id {number:010x}; Mon, 12 Oct 2026 08:00:00 +0000\r\n"
        f"From: Sender {number % 50} <sender{number % 50}@example.net>\r\n"
        f"To: Ana <{ANA}>, Budi <budi@example.org>\r\n"
        f"Subject: Message number {number} about the meeting\r\n"
        f"Date: Mon, 12 Oct 2026 08:{number % 60:02}:00 +0000\r\n"
        f"Message-ID: <{number}.bench@example.net>\r\n"
        "MIME-Version: 1.0\r\n"
        'Content-Type: multipart/alternative; boundary="=_bench"\r\n\r\n'
        "--=_bench\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        f"{text}\r\n--=_bench\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
        f"<p>{text}</p>\r\n--=_bench--\r\n"
    ).encode()


async def fill(instance: TestInstance, count: int) -> None:
    """Put messages into INBOX, many in one transaction."""
    placement = [emails.Placement(instance.ana.id, 1)]

    async def unit(tx: Any, numbers: range) -> None:
        for number in numbers:
            data = message(number)
            body = instance.blobs.inline(data)
            await emails.add(tx, body, digest(data, instance.now), placement, instance.now)

    for start in range(0, count, BATCH):
        await instance.store.write(unit, range(start, min(start + BATCH, count)))


def server(folder: Path, count: int, pipe: Pipe) -> None:
    """The server's process: fills, serves, ends when told."""

    async def run() -> None:
        async with TestInstance(folder) as instance:
            await fill(instance, count)
            pipe.send(serve(instance))
            loop = asyncio.get_running_loop()
            while await loop.run_in_executor(None, pipe.recv) == "deliver":
                await instance.deliver(message(int(time.time() * 1e6)))

    uvloop.run(run())


class Client:
    """A blocking client that reads as little into its answers as it can."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._tail = b""
        self.until(b"* OK")

    def until(self, mark: bytes) -> None:
        """Read until a line that begins with `mark` has come whole."""
        tail = b"\r\n" + self._tail
        while True:
            at = tail.find(b"\r\n" + mark)
            if at >= 0 and (end := tail.find(b"\r\n", at + 2)) >= 0:
                self._tail = tail[end + 2 :]
                return
            more = self.socket.recv(1 << 20)
            if not more:
                raise ConnectionError(tail[-200:])
            tail = (tail[-200:] if at < 0 else tail[at:]) + more

    def command(self, text: str) -> None:
        """Say one command and wait for its OK."""
        self.socket.sendall(f"a {text}\r\n".encode())
        self.until(b"a OK")

    def login(self) -> None:
        """Sign in."""
        self.command(f"LOGIN {ANA} {PASSWORD}")


class Meter:
    """Prints rates, with the CPU time of the server's threads."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def cpu(self) -> float:
        """Seconds that the server's threads have run."""
        total = 0
        for task in Path(f"/proc/{self._pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def memory(self) -> int:
        """Bytes resident."""
        for line in Path(f"/proc/{self._pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024
        return 0

    @contextmanager
    def measure(self, what: str, units: int) -> Iterator[None]:
        """Measure what is done inside, which is so many units of it."""
        before, start = self.cpu(), time.perf_counter()
        yield
        seconds, cpu = time.perf_counter() - start, self.cpu() - before
        print(f"{what:58} {units / seconds:12,.0f} /s  {cpu / units * 1e6:9.2f} us CPU")


def parallel(port: int, sessions: int, work: Callable[[Client], None]) -> None:
    """Do something in several sessions at once, each in a thread of its own."""

    def run() -> None:
        client = Client(port)
        client.login()
        work(client)

    threads = [Thread(target=run) for _ in range(sessions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def reading(meter: Meter, client: Client, count: int) -> None:
    """SELECT, FETCH, SEARCH."""
    with meter.measure("SELECT", 200):
        for _ in range(200):
            client.command("SELECT INBOX")
    for items in (
        "(FLAGS UID)",
        "(ENVELOPE BODYSTRUCTURE INTERNALDATE RFC822.SIZE)",
        "BODY.PEEK[]",
        "(UID FLAGS BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE)])",
    ):
        client.command(f"FETCH 1:* {items}")
        with meter.measure(f"FETCH 1:* {items}", 3 * count):
            for _ in range(3):
                client.command(f"FETCH 1:* {items}")
    for keys in ("UNSEEN", "SUBJECT nowhere", "BODY nowhere"):
        with meter.measure(f"SEARCH {keys}", count):
            client.command(f"SEARCH {keys}")


def writing(meter: Meter, client: Client, port: int) -> None:
    """STORE, APPEND, LOGIN."""
    with meter.measure("STORE of one", 1000):
        for number in range(1, 501):
            client.command(f"STORE {number} +FLAGS (\\Flagged)")
            client.command(f"STORE {number} -FLAGS (\\Flagged)")
    client.command("UNSELECT")

    def append(one: Client) -> None:
        for number in range(200):
            data = message(int(time.time() * 1e6) * 7 + number)
            one.socket.sendall(b"a APPEND Archive {%d+}\r\n%b\r\n" % (len(data), data))
            one.until(b"a OK")

    with meter.measure("APPEND by one session", 200):
        append(client)
    with meter.measure("APPEND by 10 sessions", 2000):
        parallel(port, 10, append)
    with meter.measure("LOGIN over a new connection", 500):
        for _ in range(500):
            other = Client(port)
            other.login()
            other.socket.close()


def idle(port: int, mailbox: str) -> Client:
    """A client that waits in IDLE."""
    client = Client(port)
    client.login()
    client.command(f"SELECT {mailbox}")
    client.socket.sendall(b"a IDLE\r\n")
    client.until(b"+")
    return client


def memory(meter: Meter, port: int) -> None:
    """What an idle session takes."""
    first = [idle(port, "INBOX") for _ in range(50)]
    before = meter.memory()
    more = [idle(port, "INBOX") for _ in range(1000)]
    each = (meter.memory() - before) / 1000
    print(f"{'memory of an idle session':58} {each:12,.0f} bytes")
    for client in first + more:
        client.socket.close()
    time.sleep(0.5)


def waiting(port: int, pipe: Pipe) -> None:
    """How soon IDLE hears of a delivery."""
    client = idle(port, "INBOX")
    delays = []
    for _ in range(20):
        start = time.perf_counter()
        pipe.send("deliver")
        client.until(b"* ")
        client.until(b"* ")  # EXISTS and RECENT
        delays.append(time.perf_counter() - start)
        time.sleep(0.02)
    print(f"{'IDLE hears of a delivery (median)':58} {sorted(delays)[10] * 1000:12,.1f} ms")


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--messages", type=int, default=10_000)
    arguments.add_argument("--folder", type=Path)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        here, there = get_context("fork").Pipe()
        process = get_context("fork").Process(
            target=server, args=(Path(folder), given.messages, there)
        )
        process.start()
        try:
            port = here.recv()
            assert process.pid
            meter = Meter(process.pid)
            memory(meter, port)
            client = Client(port)
            client.login()
            reading(meter, client, given.messages)
            writing(meter, client, port)
            waiting(port, here)
            here.send("end")
            process.join(20)
        finally:
            process.kill()


if __name__ == "__main__":
    os.chdir(Path(__file__).parents[1])
    main()
