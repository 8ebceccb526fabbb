from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from merpati.base.faults import Fault, Kind
from merpati.net import remote as remotes
from merpati.net.imap_client import ImapClient
from merpati.net.pop3_client import Pop3Client
from merpati.net.reaper import Reaper
from merpati.net.remote import Account, Remote

HEAD = b"Subject: endless\r\n\r\n"


class Held:
    """Takes a message and forgets it."""

    size = 0

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)

    def discard(self) -> None:
        self.size = 0


@asynccontextmanager
async def saying(body: Callable[[], AsyncIterator[bytes]], *, imap: bool) -> AsyncIterator[Remote]:
    """A server that says yes to everything, and sends a message as it likes."""

    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK ready\r\n" if imap else b"+OK ready\r\n")
        try:
            while line := await reader.readline():
                tag = line.split()[0]
                if b"FETCH" in line:
                    writer.write(b"* 1 FETCH (UID 1 BODY[] {200000}\r\n")
                elif b"RETR" in line:
                    writer.write(b"+OK\r\n")
                else:
                    writer.write(tag + b" OK\r\n" if imap else b"+OK\r\n")
                    continue
                async for piece in body():
                    writer.write(piece)
                    await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(session, "127.0.0.1", 0)
    async with server:
        yield Remote("127.0.0.1", server.sockets[0].getsockname()[1], "none")


async def fetch(server: Remote, *, imap: bool, seconds: float) -> None:
    account = Account("ana", "secret")
    if imap:
        ours = await ImapClient.connect(server, account, Reaper(), seconds)
        try:
            async for _ in ours.fetch([1], Held):
                pass
        finally:
            await ours.close()
        return
    client = await Pop3Client.connect(server, account, Reaper(), seconds)
    try:
        await client.fetch(1, Held())
    finally:
        client.abort()


@pytest.mark.parametrize("imap", [False, True])
async def test_a_message_that_drips_ends_in_time(*, imap: bool) -> None:
    async def drip() -> AsyncIterator[bytes]:
        yield HEAD
        while True:
            await asyncio.sleep(0.05)
            yield b"x"

    async with saying(drip, imap=imap) as server:
        with pytest.raises(Fault) as caught:
            await asyncio.wait_for(fetch(server, imap=imap, seconds=0.4), 10)
    assert caught.value.kind is Kind.TIMEOUT


@pytest.mark.parametrize("imap", [False, True])
async def test_a_message_that_does_not_end_is_left(
    *, imap: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def flow() -> AsyncIterator[bytes]:
        while True:
            yield b"y" * 998 + b"\r\n"

    async with saying(flow, imap=imap) as server:
        monkeypatch.setattr(remotes, "MESSAGE_MAX", 100_000)
        with pytest.raises(Fault) as caught:
            await asyncio.wait_for(fetch(server, imap=imap, seconds=5), 10)
    assert caught.value.kind is Kind.TOO_LARGE
