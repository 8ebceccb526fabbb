"""A web listener as a worker has it, on a free port."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.routing import BaseRoute

from merpati.base.log import Level, Log, Sink
from merpati.net.listen import Gate, Listener, ListenerSpec, bind
from merpati.net.reaper import Reaper
from merpati.servers.web.session import Web, refuse
from tests.support.clock import FakeClock


@dataclass
class Site:
    """A running listener."""

    listener: Listener
    port: int
    log: Path
    context: ssl.SSLContext | None = None

    async def raw(self, *chunks: bytes, host: str = "localhost") -> bytes:
        """All that comes back for these bytes until the server closes."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.context, server_hostname=host if self.context else None
        )
        for chunk in chunks:
            writer.write(chunk)
            await asyncio.sleep(0.01)
        async with asyncio.timeout(30):
            answer = await reader.read()
        writer.close()
        return answer

    async def get(self, path: str, host: str = "localhost") -> tuple[int, str, bytes]:
        """Status, content type and body of a page."""
        request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        head, _, body = (await self.raw(request.encode())).partition(b"\r\n\r\n")
        rows = head.decode().lower().split("\r\n")
        kind = next((row[14:] for row in rows if row.startswith("content-type: ")), "")
        return int(rows[0].split()[1]), kind, body


Opener = Callable[..., AbstractAsyncContextManager[Site]]


@pytest.fixture
def serve(tmp_path: Path) -> Opener:
    """Serves routes for as long as the block lasts."""

    @asynccontextmanager
    async def serving(
        routes: Sequence[BaseRoute],
        *,
        server: ssl.SSLContext | None = None,
        client: ssl.SSLContext | None = None,
    ) -> AsyncIterator[Site]:
        log_file = tmp_path / "log"
        descriptor = os.open(log_file, os.O_WRONLY | os.O_CREAT)
        clock = FakeClock()
        log = Log(Sink(clock, fd=descriptor, level=Level.INFO))
        web = Web(routes, clock, log)
        [sock] = bind(ListenerSpec(name="http", host="127.0.0.1"))
        port = sock.getsockname()[1]
        listener = Listener(
            sock, web.run, name="http", reaper=Reaper(0.02), gate=Gate(20, 20), log=log,
            context=server, refusal=refuse,
        ).start()  # fmt: skip
        try:
            yield Site(listener, port, log_file, client)
        finally:
            await listener.drain(0.5)
            os.close(descriptor)

    return serving
