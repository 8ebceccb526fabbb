"""What POP3 costs: messages fetched per second, and the opening of a large maildrop.

python -m bench.pop3            # RETR of 4 KB messages, and of a large one, over loopback
python -m bench.pop3 open       # login to 10,000 and 100,000 messages; UIDL of all
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from bench.stream import client, cpu, stop
from merpati.model.mailbox import INBOX_ID
from merpati.net.listen import Listener, ListenerSpec, bind
from merpati.servers.pop3 import maildrop
from merpati.servers.pop3.maildrop import MaildropLocks
from merpati.servers.pop3.session import Pop3Settings, Services, Session
from merpati.store import emails
from tests.support.server import DOMAIN, HOSTNAME, PASSWORD, TestInstance

if TYPE_CHECKING:
    from merpati.net.stream import Connection
    from merpati.store.engine import Transaction

SESSIONS = 4
MESSAGES = 250  # of each account
SIZE = 4096
LARGE = 20_000_000
SECONDS = 2.0
WORDS = (Path(__file__).parents[1] / "README.md").read_bytes().split()


def message(number: int, size: int = SIZE) -> bytes:
    """Text that compresses as text does, no two the same."""
    chance = random.Random(number)
    lines = [b"Subject: number %d" % number, b""]
    while sum(map(len, lines[-200:])) < size and len(lines) < 200:
        lines.append(b" ".join(chance.choices(WORDS, k=9)).replace(b".", b","))
    text = b"\r\n".join(lines)
    return (text * (size // len(text) + 1))[: size - 2] + b"\r\n"


async def serve(sock: socket.socket, folder: Path, ready: int, *, tls: bool) -> None:
    async with TestInstance(folder) as instance:
        services = Services(
            HOSTNAME, Pop3Settings(), instance.store, instance.blobs, instance.login,
            instance.certificates, MaildropLocks(folder / "locks"), instance.log,
        )  # fmt: skip
        for n in range(SESSIONS):
            account = await instance.add_account(f"user{n}@{DOMAIN}")
            for number in range(MESSAGES):
                await instance.deliver(message(number), account)
            await instance.deliver(message(-1, LARGE), account)

        async def handler(connection: Connection) -> None:
            await Session(connection, services, login_without_tls=True).run()

        Listener(
            sock, handler, name="bench", reaper=instance.reaper, gate=instance.gate,
            log=instance.log, context=instance.certificates.context if tls else None,
        ).start()  # fmt: skip
        os.write(ready, b"!")
        await asyncio.Event().wait()


def start(folder: Path, *, tls: bool) -> tuple[int, tuple[str, int]]:
    sock = bind(ListenerSpec(name="bench", host="127.0.0.1"))[0]
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        uvloop.run(serve(sock, folder, write, tls=tls))
    os.read(read, 1)
    address = sock.getsockname()
    sock.close()
    return pid, address


def sign_in(address: tuple[str, int], n: int, *, tls: bool) -> socket.socket:
    sock = client(address, tls=tls)
    sock.sendall(f"USER user{n}@{DOMAIN}\r\nPASS {PASSWORD}\r\n".encode())
    heard = b""
    while heard.count(b"\n") < 3:
        heard += sock.recv(4096)
    assert b" messages (" in heard, heard
    return sock


def fetch(
    pid: int, socks: list[socket.socket], batch: int, size: int, numbers: list[int]
) -> tuple[float, float]:
    """Messages per second, and the server's CPU in microseconds for each."""
    answer = len(f"+OK {size} octets\r\n") + size + len(".\r\n")
    done, turn = 0, 0
    began, used = time.monotonic(), cpu(pid)
    while time.monotonic() - began < SECONDS:
        wanted = [numbers[(turn + i) % len(numbers)] for i in range(batch)]
        turn += batch
        request = b"".join(b"RETR %d\r\n" % number for number in wanted)
        for sock in socks:
            sock.sendall(request)
        for sock in socks:
            left = batch * answer
            while left:
                left -= len(sock.recv(min(left, 1 << 20)))
        done += batch * len(socks)
    took, used = time.monotonic() - began, cpu(pid) - used
    return done / took, used / done * 1e6


def rates() -> None:
    print(f"{SESSIONS} sessions, {SIZE} bytes          messages/s   CPU us/message")
    for tls in (False, True):
        kind = "tls" if tls else "plain"
        with tempfile.TemporaryDirectory() as name:
            pid, address = start(Path(name), tls=tls)
            socks = [sign_in(address, n, tls=tls) for n in range(SESSIONS)]
            small = list(range(1, MESSAGES + 1))
            for batch in (1, 50):
                rate, cost = fetch(pid, socks, batch, SIZE, small)
                print(f"{kind:5} batches of {batch:2} {rate:22,.0f} {cost:16.1f}")
            rate, cost = fetch(pid, socks, 1, LARGE, [MESSAGES + 1])
            megabytes = LARGE / 1e6
            print(f"{kind:5} {megabytes:.0f} MB messages: {rate * megabytes:,.0f} MB/s,"
                  f" {cost / megabytes:.0f} us/MB")  # fmt: skip
            stop(pid)


async def opening(many: int, folder: Path) -> None:
    async with TestInstance(folder) as instance:

        async def fill(tx: Transaction) -> None:
            rows = (
                (instance.ana.id, INBOX_ID, n, 1, n, n, 1, 0, 4000 + n, "$seen", None, 0, None)
                for n in range(1, many + 1)
            )
            await tx.run_many(emails.INSERT_ROW, rows)

        await instance.store.write(fill)
        began, used = time.monotonic(), time.process_time()
        mail = await instance.store.read(maildrop.load, instance.ana.id)
        took, used = time.monotonic() - began, time.process_time() - used
        began = time.monotonic()
        for block in mail.blocks():
            "".join([f"{mail.unique_id_listing(n)}\r\n" for n in block]).encode()
        listing = time.monotonic() - began
        print(f"{many:7,} messages: opened in {took * 1e3:6.1f} ms ({used * 1e3:6.1f} ms CPU),"
              f" UIDL of all in {listing * 1e3:5.1f} ms")  # fmt: skip


def main() -> None:
    if sys.argv[1:] == ["open"]:
        for many in (10_000, 100_000):
            with tempfile.TemporaryDirectory() as name:
                uvloop.run(opening(many, Path(name)))
    else:
        rates()


if __name__ == "__main__":
    main()
