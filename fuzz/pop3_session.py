"""Hostile POP3 dialogues: every session ends, and says only whole, well-formed lines."""

from __future__ import annotations

import asyncio
import atexit
import itertools
import tempfile
from pathlib import Path

from merpati.model.mailbox import INBOX_ID
from merpati.net.stream import Connection
from merpati.servers.pop3.maildrop import MaildropLocks
from merpati.servers.pop3.session import Pop3Settings, Services, Session
from merpati.store import mailboxes
from tests.support.memory import converse
from tests.support.server import ANA, HOSTNAME, PASSWORD, TestInstance

SIGN_IN = f"USER {ANA}\r\nPASS {PASSWORD}\r\n".encode()
MAIL = (
    b"Subject: a\r\n\r\n.\r\n..\r\nend",
    b"a\n.\nb\r.\r\n",
    b"x" * 70_000 + b"\n.\n" + b".\r\n" * 9,
)

SEEDS: list[bytes] = [
    b"\x01CAPA\r\nUSER a\r\nPASS b\r\nAUTH PLAIN\r\n*\r\nAUTH\r\nQUIT\r\n",
    b"\x00STAT\r\nLIST\r\nUIDL\r\nRETR 1\r\nRETR 2\r\nRETR 3\r\nTOP 1 1\r\nTOP 3 2\r\nNOOP\r\n",
    b"\x04DELE 1\r\nDELE 2\r\nRSET\r\nDELE 3\r\nLIST 3\r\nUIDL 1\r\nQUIT\r\nSTAT\r\n",
    b"\x0bSTLS\r\n\x16\x03\x01\x00\xa0\x01",
    b"\x02RETR 0\r\nRETR 99999999999\r\nTOP -1 0\r\nLIST 1 2\r\nNOOP\n\x00\r\n",
]


class _Server:
    """One installation for all inputs."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        atexit.register(self._folder.cleanup)  # the rest ends with the process
        self._runner = asyncio.Runner()
        self._peers = itertools.count(1)  # so that wrong passwords never add up
        self._instance = self._runner.run(self._start(Path(self._folder.name)))

    async def _start(self, folder: Path) -> TestInstance:
        instance = await TestInstance(folder).__aenter__()
        self._services = Services(
            HOSTNAME, Pop3Settings(), instance.store, instance.blobs, instance.login,
            instance.certificates, MaildropLocks(folder / "locks"), instance.log,
        )  # fmt: skip
        return instance

    def answer(self, data: bytes, size: int) -> bytes:
        return self._runner.run(self._answer(data, size))

    async def _answer(self, data: bytes, size: int) -> bytes:
        instance = self._instance
        inbox = await instance.store.read(mailboxes.counters, instance.ana.id, INBOX_ID)
        if inbox is None or inbox.total < len(MAIL):  # the last input has deleted some
            for message in MAIL:
                await instance.deliver(message)

        async def run(connection: Connection) -> None:
            await Session(connection, self._services, login_without_tls=True).run()

        number = next(self._peers)
        peer = f"127.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        return await converse(run, data, peer=peer, size=size)


_server: list[_Server] = []


def target(data: bytes) -> None:
    """The first byte says whether to sign in first, and how the rest is cut."""
    if not _server:
        _server.append(_Server())
    data = data[:1024]  # thousands of RETR are work, not a finding
    choice = data[0] if data else 0
    said = data[1:] if choice & 1 else SIGN_IN + data[1:]
    answer = _server[0].answer(said, (choice >> 1) + 1 if choice & 2 else 65_536)
    if not answer.startswith(b"+OK "):
        raise AssertionError(answer[:200])
    clear, _, _ = answer.partition(b"begin the TLS handshake\r\n")
    if not clear.endswith(b"\r\n") and clear == answer:
        raise AssertionError(answer[-200:])
