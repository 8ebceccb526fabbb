"""IMAP sessions over a `TestInstance`, and a client for them."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress

from merpati.net.stream import Connection
from merpati.servers.imap.session import ImapSettings, Services, Session, refuse
from tests.support.server import ANA, HOSTNAME, PASSWORD, TestInstance


def services(instance: TestInstance, settings: ImapSettings | None = None) -> Services:
    return Services(
        HOSTNAME, settings or ImapSettings(), instance.store, instance.blobs, instance.notify,
        instance.login, instance.certificates, instance.clock, instance.tasks, instance.log,
    )  # fmt: skip


def serve(
    instance: TestInstance,
    *,
    tls: bool = False,
    plain: bool = True,
    settings: ImapSettings | None = None,
) -> int:
    """Listens; gives the port."""
    shared = services(instance, settings)

    def make(connection: Connection) -> Session:
        return Session(connection, shared, plain)

    return instance.listen(make, tls=tls, name="imap", refusal=refuse)


class Client:
    """A client that keeps what it is told of its mailbox, as a mail program does."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.numbers: list[int | None] = []  # the UID of each message, once it is known
        self.flags: dict[int, str] = {}  # of each UID
        self.text = ""  # of the last tagged answer
        self._tags = 0

    @classmethod
    async def connect(cls, port: int, name: str = ANA, mailbox: str = "") -> Client:
        """Signed in, and with a mailbox selected if one is named."""
        client = cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 24))
        await client.line()
        await client.ok(f"LOGIN {name} {PASSWORD}")
        if mailbox:
            await client.ok(f"SELECT {mailbox}")
        return client

    async def close(self) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()

    async def line(self) -> bytes:
        """One response with its literals, without its last CRLF; empty at the end."""
        whole = b""
        async with asyncio.timeout(10):
            while True:
                line = await self.reader.readline()
                whole += line
                literal = re.search(rb"\{(\d+)\}\r\n\Z", line)
                if literal is None:
                    break
                whole += await self.reader.readexactly(int(literal[1]))
        response = whole.removesuffix(b"\r\n")
        self._learn(response)
        return response

    async def command(self, text: str | bytes) -> list[bytes]:
        """Say a command; gives the untagged responses."""
        self._tags += 1
        tag = b"t%d" % self._tags
        raw = text.encode() if isinstance(text, str) else text
        if raw[:6].upper() in {b"SELECT", b"EXAMIN"}:
            self.numbers, self.flags = [], {}
        self.writer.write(tag + b" " + raw + b"\r\n")
        found: list[bytes] = []
        while not (line := await self.line()).startswith(tag + b" "):
            assert line, f"closed after {found}"
            found.append(line)
        self.text = line.decode().partition(" ")[2]
        return found

    async def ok(self, text: str | bytes) -> list[bytes]:
        """As `command`; it must succeed."""
        found = await self.command(text)
        assert self.text.startswith("OK"), f"{text!r}: {self.text}"
        return found

    def _learn(self, line: bytes) -> None:
        if match := re.match(rb"\* (\d+) EXISTS", line):
            assert int(match[1]) >= len(self.numbers), "EXISTS may not shrink a mailbox"
            self.numbers += [None] * (int(match[1]) - len(self.numbers))
        elif match := re.match(rb"\* (\d+) EXPUNGE", line):
            self.flags.pop(self.numbers.pop(int(match[1]) - 1) or 0, None)
        elif match := re.match(rb"\* (\d+) FETCH ", line):
            at = int(match[1]) - 1
            if uid := re.search(rb"UID (\d+)", line):
                assert self.numbers[at] in {None, int(uid[1])}, "a number means another message"
                self.numbers[at] = int(uid[1])
            known = self.numbers[at]
            if known is not None and (flags := re.search(rb"FLAGS \(([^)]*)\)", line)):
                self.flags[known] = " ".join(sorted(flags[1].decode().split()))
