"""A proxy that breaks a connection at the moment a test names."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Self


class SeveringProxy:
    """Between clients on a port of this machine and a server on a unix socket.

    Attributes:
        word: The connection breaks when the client says it: before the server hears it, or with
            `answered` set once the server has answered, whose answer is lost; once. Empty: never.
        broken: How often one broke.
        refuses: Whether nobody is let through any more.
    """

    def __init__(self, socket: Path) -> None:
        self.word = b""
        self.answered = False
        self.refuses = False
        self.broken = 0
        self._socket = socket
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        if self.refuses:
            back.close()
            return
        answers, server = await asyncio.open_unix_connection(str(self._socket))
        lost = asyncio.Event()  # the next answer does not come through

        async def forth() -> None:
            while data := await client.read(65_536):
                if self.word and self.word in data:
                    self.word = b""
                    self.broken += 1
                    if not self.answered:
                        return
                    lost.set()
                server.write(data)

        async def home() -> None:
            while (data := await answers.read(65_536)) and not lost.is_set():
                back.write(data)

        ways = {asyncio.create_task(forth()), asyncio.create_task(home())}
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for each in ways:
            each.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for writer in (server, back):
            with contextlib.suppress(OSError):
                writer.transport.abort()
