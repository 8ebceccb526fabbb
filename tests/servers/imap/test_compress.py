"""COMPRESS (RFC 4978) as a client sees it."""

from __future__ import annotations

import asyncio
import ssl
import zlib
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.imap import serve
from tests.support.server import ANA, PASSWORD, TestInstance


class Packed:
    """A client that speaks DEFLATE."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        self._unpacker = zlib.decompressobj(-15)
        self._got = b""
        self.received = 0

    async def say(self, data: bytes) -> None:
        self._writer.write(self._packer.compress(data) + self._packer.flush(zlib.Z_SYNC_FLUSH))

    async def close(self) -> None:
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def until(self, end: bytes) -> bytes:
        async with asyncio.timeout(10):
            while end not in self._got:
                piece = await self._reader.read(65536)
                assert piece, f"closed after {self._got[-200:]!r}"
                self.received += len(piece)
                self._got += self._unpacker.decompress(piece)
        at = self._got.index(end) + len(end)
        heard, self._got = self._got[:at], self._got[at:]
        return heard


async def start(port: int, context: ssl.SSLContext | None) -> Packed:
    host = "localhost" if context is not None else None
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname=host
    )
    for line in (f"a LOGIN {ANA} {PASSWORD}", "b COMPRESS DEFLATE"):
        writer.write(f"{line}\r\n".encode())
        while not (await reader.readline()).startswith(line[0].encode() + b" OK"):
            pass
    return Packed(reader, writer)


@pytest.mark.parametrize("tls", [False, True])
async def test_a_session_goes_on_compressed(tls: bool, tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        port = serve(instance, tls=tls)
        client = await start(port, instance.client_context if tls else None)
        message = b"Subject: long\r\n\r\n" + b"the same line again and again\r\n" * 20_000
        await client.say(b"c APPEND INBOX {%d+}\r\n%b\r\n" % (len(message), message))
        assert b"c OK [APPENDUID" in await client.until(b"completed\r\n")
        await client.say(b"d SELECT INBOX\r\n")
        await client.until(b"d OK [READ-WRITE] SELECT completed\r\n")
        before = client.received
        await client.say(b"e FETCH 1 BODY.PEEK[]\r\n")
        heard = await client.until(b"e OK FETCH completed\r\n")
        assert message in heard
        assert client.received - before < len(message) / 20
        await client.say(b"f COMPRESS DEFLATE\r\n")
        assert b"f NO [COMPRESSIONACTIVE]" in await client.until(b"\r\n")
        await client.say(b"g IDLE\r\n")
        await client.until(b"+ idling\r\n")
        await instance.deliver(b"Subject: news\r\n\r\n")
        assert b"* 2 EXISTS" in await client.until(b"EXISTS\r\n")
        await client.close()


async def test_what_follows_compress_in_clear_text_is_not_obeyed(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        reader, writer = await asyncio.open_connection("127.0.0.1", serve(instance))
        writer.write(f"a LOGIN {ANA} {PASSWORD}\r\nb COMPRESS DEFLATE\r\nc NOOP\r\n".encode())
        async with asyncio.timeout(10):
            heard = await reader.read()
        assert b"* BYE" in heard
        assert b"c OK" not in heard
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("finished", [False, True])
async def test_compression_ends_when_the_client_signs_out(tmp_path: Path, finished: bool) -> None:
    """RFC 8437 4.1; a client may end its stream properly."""
    async with TestInstance(tmp_path) as instance:
        client = await start(serve(instance), None)
        if finished:
            packer = zlib.compressobj(6, zlib.DEFLATED, -15)
            last = packer.compress(b"c UNAUTHENTICATE\r\n") + packer.flush(zlib.Z_FINISH)
            client._writer.write(last)
        else:
            await client.say(b"c UNAUTHENTICATE\r\n")
        await client.until(b"c OK [")
        await client.until(b"signed out\r\n")
        client._writer.write(f"d LOGIN {ANA} {PASSWORD}\r\n".encode())
        async with asyncio.timeout(10):
            while not (line := await client._reader.readline()).startswith(b"d OK"):
                assert line
            client._writer.write(b"e COMPRESS DEFLATE\r\n")
            assert (await client._reader.readline()).startswith(b"e OK")
        await client.close()


async def test_who_ends_its_compression_otherwise_is_let_go(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        client = await start(serve(instance), None)
        client._writer.write(client._packer.compress(b"c NOOP\r\n") + client._packer.flush())
        await client.until(b"c OK NOOP completed\r\n")
        async with asyncio.timeout(10):
            assert await client._reader.read() == b""
        await client.close()
