"""A small HTTPS server on loopback that answers by host and path, and keeps what was asked."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self


@dataclass
class Asked:
    """One request."""

    method: str
    url: str  # host, without port, and path
    fields: dict[str, str]
    body: bytes


@dataclass
class Web:
    """`async with Web(context) as web: web.pages["a.test/x"] = (200, "text/plain", b"yes")`."""

    context: ssl.SSLContext
    pages: dict[str, tuple[int, str, bytes]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    delay: float = 0.0
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, ssl=self.context
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._open:  # whose clients have not said goodbye
            writer.transport.abort()
        for _ in range(3):  # the socket of a TLS connection is closed a few steps later
            await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            fields = {
                name.lower(): value.strip()
                for name, _, value in (line.partition(":") for line in head[1:] if line)
            }
            body = await reader.readexactly(int(fields.get("content-length", "0")))
            method, path, _ = head[0].split(" ")
            url = fields["host"].partition(":")[0] + path
            self.asked.append(Asked(method, url, fields, body))
            await asyncio.sleep(self.delay)
            status, kind, answer = self.pages.get(url, (404, "text/plain", b"nothing here"))
            fresh = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\n"
            writer.write(f"{fresh}Content-Length: {len(answer)}\r\n\r\n".encode() + answer)
            await writer.drain()
        except (OSError, EOFError):
            pass
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
                self._open.discard(writer)
