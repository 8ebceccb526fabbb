"""POP3 on a test installation, and a client that says lines and hears lines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from merpati.net.stream import Connection
from merpati.servers.pop3 import session
from merpati.servers.pop3.maildrop import MaildropLocks
from merpati.servers.pop3.session import Pop3Settings, Services, Session
from tests.support.dialogue import Line
from tests.support.server import ANA, HOSTNAME, PASSWORD, TestInstance

LINE_LIMIT: Final = 1 << 20  # octets; a stored line may be long
SIGN_IN: Final = (f"USER {ANA}", f"PASS {PASSWORD}")


class Pop3Server:
    """Its services, which a test may replace before it listens."""

    def __init__(self, instance: TestInstance) -> None:
        self.instance = instance
        self.connections: list[Connection] = []
        self.services = Services(
            HOSTNAME, Pop3Settings(), instance.store, instance.blobs, instance.login,
            instance.certificates, MaildropLocks(instance.folder / "run" / "pop3"), instance.log,
        )  # fmt: skip

    def configure(self, settings: Pop3Settings) -> None:
        self.services = replace(self.services, settings=settings)

    def listen(self, *, tls: bool = False, login_without_tls: bool = True) -> int:
        def make(connection: Connection) -> Session:
            self.connections.append(connection)
            return Session(connection, self.services, login_without_tls)

        return self.instance.listen(make, tls=tls, refusal=session.refuse)

    @asynccontextmanager
    async def client(self, port: int, *, sign_in: bool = True) -> AsyncIterator[Client]:
        line = Client(*await asyncio.open_connection("127.0.0.1", port, limit=LINE_LIMIT))
        try:
            await line.hear()
            if sign_in:
                for command in SIGN_IN:
                    assert (await line.ask(command)).startswith("+OK")
            yield line
        finally:
            await line.close()


class Client(Line):
    """A connection of the dialogue player, for tests that need more than a dialogue."""

    async def ask(self, command: str) -> str:
        """The first line of the answer."""
        await self.say(command)
        return await self.hear() or ""

    async def lines(self) -> list[str]:
        """The rest of a multi-line answer, dots removed."""
        heard = []
        while (line := await self.hear()) != ".":
            assert line is not None
            heard.append(line.removeprefix("."))
        return heard
