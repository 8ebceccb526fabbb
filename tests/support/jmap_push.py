"""Clients that are told of changes: of an event stream, and of a WebSocket."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from typing import Any

from tests.support.server import PASSWORD

KEY = base64.b64encode(b"0123456789abcdef").decode()
WITHIN = 5.0  # seconds


def basic(user: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()


class Client:
    """A connection on which a request was made; `head` is the head of the answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.head = b""

    @classmethod
    async def ask(cls, port: int, path: str, user: str, **fields: str) -> Any:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
        if user:
            lines.append(f"Authorization: {basic(user)}")
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        client = cls(reader, writer)
        client.head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WITHIN)
        return client

    @property
    def status(self) -> int:
        return int(self.head.split()[1])

    async def close(self) -> None:
        self.writer.close()


class Events(Client):
    """An event stream."""

    async def event(self, within: float = WITHIN) -> dict[str, str] | None:
        """The next event's fields; None at the end of the stream."""
        while True:
            try:
                async with asyncio.timeout(within):
                    block = await self.reader.readuntil(b"\n\n")
            except asyncio.IncompleteReadError:
                self.writer.close()
                return None
            found = {}
            for line in block.decode().strip().split("\n"):
                name, _, value = line.partition(":")
                if name:
                    found[name] = value.strip()
            if found:
                return found

    async def changed(self) -> Any:
        event = await self.event()
        assert event is not None
        return json.loads(event["data"])["changed"]

    async def is_quiet(self, seconds: float = 0.4) -> bool:
        try:
            return await self.event(seconds) is None
        except TimeoutError:
            return True


class Socket(Client):
    """A WebSocket."""

    @classmethod
    async def open(cls, port: int, user: str, **fields: str) -> Any:
        given = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec_WebSocket_Version": "13",
            "Sec_WebSocket_Key": KEY,
            "Sec_WebSocket_Protocol": "jmap",
            **fields,
        }
        return await cls.ask(port, "/jmap/ws", user, **given)

    def send(self, opcode: int, data: bytes, *, final: bool = True) -> None:
        mask = os.urandom(4)
        size = len(data)
        head = bytes((0x80 * final | opcode,))
        if size < 126:
            head += bytes((0x80 | size,))
        elif size < 65536:
            head += bytes((0x80 | 126,)) + size.to_bytes(2, "big")
        else:
            head += bytes((0x80 | 127,)) + size.to_bytes(8, "big")
        body = bytes(one ^ mask[n % 4] for n, one in enumerate(data))
        self.writer.write(head + mask + body)

    def say(self, value: Any) -> None:
        self.send(1, json.dumps(value).encode())

    async def frame(self) -> tuple[int, bytes]:
        async with asyncio.timeout(WITHIN):
            first, size = await self.reader.readexactly(2)
            assert first & 0x80
            if size == 126:
                size = int.from_bytes(await self.reader.readexactly(2), "big")
            elif size == 127:
                size = int.from_bytes(await self.reader.readexactly(8), "big")
            return first & 0x0F, await self.reader.readexactly(size)

    async def said(self) -> Any:
        opcode, data = await self.frame()
        assert opcode == 1, (opcode, data)
        return json.loads(data)

    async def close_code(self) -> int:
        opcode, data = await self.frame()
        assert opcode == 8, (opcode, data)
        return int.from_bytes(data[:2], "big")
