"""What a durable STORE costs when nothing is done but to write it: beside Merpati and Dovecot.

python -m bench.bare

Servers that know one command, in turn with real ones: each takes a line, finds the flags of a
message in SQLite, changes as many rows as it is told to, commits, and answers, in Python on uvloop
with the settings of our store. They know no sessions, rights, modseqs of others, or errors. So a
share of Dovecot's CPU that even they do not reach is beyond a server of this design.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import shutil
import signal
import socket
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

import apsw
import uvloop

from bench import corpus
from bench.imap_client import Imap
from bench.ours import Ours
from bench.peers import Peers
from bench.target import SYNCING_USER
from merpati.store.sqlite import connect

ROUNDS: Final = 30
MESSAGES: Final = 200  # that each round changes, one after the other
ACCOUNTS: Final = 100
ROWS: Final = (0, 1, 2, 3, 4)  # that a STORE changes; without any it only answers
AHEAD: Final = 20_000_000  # bytes of log that are there before it is needed, as in our store
LINE: Final = re.compile(rb"(\S+) STORE (\d+) ([+-])FLAGS \((\S+)\)\r\n")
PAD: Final = 80 * "x"  # what else stands in a row
TABLES: Final = """
CREATE TABLE email (account INTEGER, uid INTEGER, flags TEXT, modseq INTEGER, pad TEXT,
  PRIMARY KEY (account, uid)) WITHOUT ROWID;
CREATE TABLE change (account INTEGER, modseq INTEGER, uids TEXT,
  PRIMARY KEY (account, modseq)) WITHOUT ROWID;
CREATE TABLE account (id INTEGER PRIMARY KEY, modseq INTEGER, pad TEXT);
CREATE TABLE mailbox (account INTEGER, id INTEGER, modseq INTEGER, pad TEXT,
  PRIMARY KEY (account, id)) WITHOUT ROWID;
"""


class _Store(asyncio.Protocol):
    """A session that knows STORE."""

    def __init__(self, path: Path, rows: int) -> None:
        self._rows = rows
        self._cursor = connect(path).cursor()
        self._pen = os.open(f"{path}-pen", os.O_RDWR | os.O_CREAT)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        found = LINE.fullmatch(data)
        assert found is not None, data
        tag, number, sign, flag = found.groups()
        flags = self._changed(int(number), sign == b"+", flag.decode()) if self._rows else ""
        answer = b"* %b FETCH (FLAGS (%b))\r\n%b OK STORE completed\r\n"
        self._transport.write(answer % (number, flags.encode(), tag))

    def _changed(self, uid: int, add: bool, flag: str) -> str:
        """Change the flags of one message in one durable transaction; those that it has now."""
        execute, rows = self._cursor.execute, self._rows
        fcntl.flock(self._pen, fcntl.LOCK_EX | fcntl.LOCK_NB)
        execute("BEGIN IMMEDIATE")
        found = execute(
            "SELECT e.flags, a.modseq + e.modseq FROM email e JOIN account a ON a.id = e.account"
            " WHERE e.account = 7 AND e.uid = ?",
            (uid,),
        ).fetchone()
        assert found is not None
        old, modseq = found
        held = set(old.split())
        new = " ".join(sorted(held | {flag} if add else held - {flag}))
        execute(
            "UPDATE email SET flags = ?, modseq = modseq + 1 WHERE account = 7 AND uid = ?",
            (new, uid),
        )
        if rows > 1:
            execute(
                "INSERT OR REPLACE INTO change VALUES (7, ?, ?)",
                (modseq if rows > 2 else time.monotonic_ns(), str(uid)),
            )
        if rows > 2:
            execute("UPDATE account SET modseq = modseq + 1000 WHERE id = 7")
        if rows > 3:
            execute("UPDATE mailbox SET modseq = modseq + 1 WHERE account = 7 AND id = 1")
        execute("COMMIT")
        fcntl.flock(self._pen, fcntl.LOCK_UN)
        return new


class _Client:
    """Sends a command, waits for its answer."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def drink(self, command: str) -> None:
        self._socket.sendall(b"a " + command.encode() + b"\r\n")
        answer = b""
        while not answer.endswith(b"completed\r\n"):
            answer += self._socket.recv(4_096)


class _Bare:
    """A server that knows nothing but STORE, in a process of its own."""

    def __init__(self, folder: Path, rows: int) -> None:
        path = folder / f"bare-{rows}.db"
        self._db = _made(path)  # kept open, so that the log stays as it is
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.pid = os.fork()
        if self.pid == 0:
            uvloop.run(self._serve(path, rows))
        self.client = _Client(self._listening.getsockname()[1])

    async def _serve(self, path: Path, rows: int) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Store(path, rows), sock=self._listening)
        await server.serve_forever()

    def cpu(self) -> float:
        """Seconds so far."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e9

    def close(self) -> None:
        """End it."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self._listening.close()
        self._db.close()


def _made(path: Path) -> apsw.Connection:
    db = connect(path)
    db.execute(TABLES)
    accounts = range(ACCOUNTS)
    with db:
        db.executemany("INSERT INTO account VALUES (?, 1, ?)", ((n, PAD) for n in accounts))
        for table, count in (("mailbox", 5), ("email", 300)):
            values = "(?, ?, 1, ?)" if table == "mailbox" else "(?, ?, '', 1, ?)"
            rows = ((n, each, PAD) for n in accounts for each in range(count))
            db.executemany(f"INSERT INTO {table} VALUES {values}", rows)
    with Path(f"{path}-wal").open("r+b") as log:
        log.seek(0, os.SEEK_END)
        log.write(bytes(AHEAD))
        log.flush()
        os.fdatasync(log.fileno())
    return db


def main() -> None:
    """Measure in turn and print: microseconds of CPU and of time, and the share of Dovecot's."""
    folder = Path(tempfile.mkdtemp(prefix="merpati-bench-", dir="/var/tmp"))
    folder.chmod(0o755)
    bare = [_Bare(folder, rows) for rows in ROWS]
    ours = Ours(folder)
    peers = Peers(folder, ours.certificate, ours.key)
    try:
        ours.start()
        peers.start()
        targets = [ours.target(), next(one for one in peers.targets() if "sdbox" in one.name)]
        sessions = [Imap(target, SYNCING_USER) for target in targets]
        for session in sessions:
            session.append("INBOX", [corpus.message(n) for n in range(MESSAGES)])
            session.command("SELECT INBOX")
        names = [f"{rows} rows" if rows else "an answer" for rows in ROWS] + ["Merpati", "Dovecot"]
        asked: list[Callable[[str], object]] = [one.client.drink for one in bare]
        asked += [session.drink for session in sessions]
        cpus: list[Callable[[], float]] = [one.cpu for one in bare]
        cpus += [
            lambda groups=target.groups: sum(group.cpu() for group in groups)  # type: ignore[misc]
            for target in targets
        ]
        _report(names, *_measured(asked, cpus))
    finally:
        peers.close()
        ours.close()
        for one in bare:
            one.close()
        shutil.rmtree(folder)


def _measured(
    asked: list[Callable[[str], object]], cpus: list[Callable[[], float]]
) -> tuple[list[list[float]], list[list[float]]]:
    """Microseconds of CPU and of time of a STORE on each server, round after round."""
    used: list[list[float]] = [[] for _ in asked]
    waited: list[list[float]] = [[] for _ in asked]
    turns = list(range(len(asked)))
    for number in range(ROUNDS):
        for turn in turns if number % 2 else reversed(turns):
            cpu, began = cpus[turn](), time.perf_counter()
            for uid in range(1, MESSAGES + 1):
                asked[turn](f"STORE {uid} {'-' if number % 2 else '+'}FLAGS (\\Flagged)")
            waited[turn].append((time.perf_counter() - began) / MESSAGES * 1e6)
            used[turn].append((cpus[turn]() - cpu) / MESSAGES * 1e6)
    return used, waited


def _report(names: list[str], used: list[list[float]], waited: list[list[float]]) -> None:
    def share(values: list[list[float]], turn: int) -> float:
        return statistics.median(a / b for a, b in zip(values[turn], values[-1], strict=True))

    for turn, name in enumerate(names):
        cpu, least, most = statistics.median(used[turn]), min(used[turn]), max(used[turn])
        took = statistics.median(waited[turn])
        print(
            f"{name:10} CPU {cpu:6.1f} us ({least:.0f} to {most:.0f}), {share(used, turn):.2f} of"
            f" Dovecot's; time {took:6.1f} us, {share(waited, turn):.2f}"
        )


if __name__ == "__main__":
    main()
