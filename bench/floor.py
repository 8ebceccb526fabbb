"""The least that a small command can cost here: what no server of this design gets below.

python -m bench.floor

Microseconds of CPU, kernel included, of a line that a coroutine reads over uvloop and answers, of
one question to SQLite, and of one row or four changed and committed durably. A command of IMAP is
at least the first and one of the others.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import statistics
import tempfile
import time
from pathlib import Path
from typing import Final, cast

import uvloop

from merpati.store.sqlite import connect

ROUNDS: Final = 15
LINES: Final = 2_000
QUESTIONS: Final = 5_000
COMMITS: Final = 500
ROWS: Final = 10_000
TABLES: Final = "abcd"
LINE: Final = b"a1 STATUS INBOX (MESSAGES)\r\n"


class _Echo(asyncio.Protocol):
    """Wakes a coroutine for each chunk, which answers with it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        loop = asyncio.get_running_loop()
        self._reader: asyncio.Future[bytes] = loop.create_future()
        self._task = loop.create_task(self._answer())

    def data_received(self, data: bytes) -> None:
        self._reader.set_result(data)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._task.cancel()

    async def _answer(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            data = await self._reader
            self._reader = loop.create_future()
            self._transport.write(data)


async def _serve(listening: socket.socket) -> None:
    server = await asyncio.get_running_loop().create_server(_Echo, sock=listening)
    await server.serve_forever()


def _used(pid: int) -> float:
    """Microseconds of CPU of a process so far."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1_000


def lines() -> list[float]:
    """Of a line and its answer, round after round."""
    listening = socket.create_server(("127.0.0.1", 0))
    pid = os.fork()
    if pid == 0:
        uvloop.run(_serve(listening))
    found = []
    try:
        with socket.create_connection(listening.getsockname()) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(ROUNDS):
                before = _used(pid)
                for _ in range(LINES):
                    client.sendall(LINE)
                    client.recv(100)
                found.append((_used(pid) - before) / LINES)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        listening.close()
    return found


def questions_and_commits(folder: Path) -> tuple[list[float], list[float], list[float]]:
    """Of one row that is read, and of one and of four that are changed and on the disk.

    Four rows in four tables: a STORE changes its email, its mailbox, its account and the log.
    """
    db = connect(folder / "floor.db")
    for table in TABLES:
        db.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, keywords TEXT, modseq INTEGER)")
        db.executemany(f"INSERT INTO {table} VALUES (?, '', 0)", ((n,) for n in range(ROWS)))
    asked: list[float] = []
    changed: tuple[list[float], list[float]] = [], []
    for number in range(ROUNDS + 1):
        began = time.process_time()
        for n in range(QUESTIONS):
            db.execute("BEGIN")
            db.execute("SELECT * FROM a WHERE id = ?", (n % ROWS,)).fetchone()
            db.execute("COMMIT")
        asked.append((time.process_time() - began) / QUESTIONS * 1e6)
        for tables, found in zip((TABLES[:1], TABLES), changed, strict=True):
            began = time.process_time()
            for n in range(COMMITS):
                db.execute("BEGIN IMMEDIATE")
                for table in tables:
                    db.execute(f"UPDATE {table} SET modseq = modseq + 1 WHERE id = ?", (n,))
                db.execute("COMMIT")
            if number:  # the first makes the log's file longer, which the server does beforehand
                found.append((time.process_time() - began) / COMMITS * 1e6)
        db.wal_checkpoint()
    db.close()
    return asked, *changed


def main() -> None:
    """Measure and print: the least and the median of all rounds."""
    folder = Path(tempfile.mkdtemp(prefix="merpati-bench-", dir="/var/tmp"))
    try:
        asked, one, four = questions_and_commits(folder)
    finally:
        shutil.rmtree(folder)
    for what, found in (
        ("a line and its answer", lines()),
        ("a question", asked),
        ("a durable change of one row", one),
        ("of four, on a page each", four),
    ):
        print(f"{what}: {min(found):.1f} us, median {statistics.median(found):.1f}")


if __name__ == "__main__":
    main()
