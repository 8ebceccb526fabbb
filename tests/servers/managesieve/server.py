"""ManageSieve on a test installation, and a client that says commands and hears answers."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from merpati.net.stream import Connection
from merpati.servers.managesieve import session
from merpati.servers.managesieve.session import ManageSieveSettings, Services, Session
from merpati.services.scripts import Scripts
from merpati.wire.managesieve import commands, responses, strings
from merpati.wire.managesieve.commands import Command
from merpati.wire.managesieve.responses import Response
from merpati.wire.managesieve.strings import Token
from tests.support.server import ANA, HOSTNAME, PASSWORD, TestInstance

LINE_LIMIT: Final = 1 << 20  # octets


class ManageSieveServer:
    """Its services, which a test may replace before it listens."""

    def __init__(self, instance: TestInstance) -> None:
        self.instance = instance
        self.connections: list[Connection] = []
        self.services = Services(
            HOSTNAME, ManageSieveSettings(), instance.store,
            Scripts(instance.store, instance.clock), instance.login, instance.certificates,
            instance.log,
        )  # fmt: skip

    def configure(self, settings: ManageSieveSettings) -> None:
        self.services = replace(self.services, settings=settings)

    def listen(self, *, login_without_tls: bool = True) -> int:
        def make(connection: Connection) -> Session:
            self.connections.append(connection)
            return Session(connection, self.services, login_without_tls)

        return self.instance.listen(make, refusal=session.refuse)

    @asynccontextmanager
    async def client(
        self, port: int, *, name: str = ANA, sign_in: bool = True
    ) -> AsyncIterator[Client]:
        streams = await asyncio.open_connection("127.0.0.1", port, limit=LINE_LIMIT)
        one = Client(*streams)
        try:
            await one.answer()
            if sign_in:
                await one.sign_in(name)
            yield one
        finally:
            one.writer.close()


class Client:
    """A mail program that looks after scripts."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def ask(self, command: Command) -> Response:
        """How a command ended."""
        return (await self.asked(command))[1]

    async def asked(self, command: Command) -> tuple[list[list[Token]], Response]:
        """The lines that came before, and how it ended."""
        self.writer.write(commands.encode(command))
        return await self.answer()

    async def answer(self) -> tuple[list[list[Token]], Response]:
        lines: list[list[Token]] = []
        async with asyncio.timeout(10):
            while True:
                found = responses.parse(await self._pieces())
                if isinstance(found, Response):
                    return lines, found
                lines.append(found)

    async def tokens(self) -> list[Token]:
        """One line that ends nothing, such as a challenge."""
        found = responses.parse(await self._pieces())
        assert not isinstance(found, Response), found
        return found

    async def sign_in(self, name: str = ANA) -> None:
        response = b"\0" + name.encode() + b"\0" + PASSWORD.encode()
        found = await self.ask(commands.Authenticate("PLAIN", b64encode(response)))
        assert found.condition.value == "OK", found

    async def _pieces(self) -> list[bytes]:
        pieces = []
        while True:
            line = await self._reader.readline()
            if not line:
                raise EOFError
            pieces.append(line.removesuffix(b"\r\n"))
            size = strings.announced(pieces[-1])
            if size is None:
                return pieces
            pieces.append(await self._reader.readexactly(size))
