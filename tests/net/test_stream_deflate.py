"""A compressed connection is as bounded as one in the clear."""

from __future__ import annotations

import asyncio
import tracemalloc
import zlib

import pytest

from merpati.base.faults import Fault, Kind
from merpati.net.channel import READ_HIGH
from merpati.net.deflate import deflated
from tests.support.sockets import linked, receive, send


async def test_lines_come_and_go_compressed() -> None:
    async with linked() as (connection, peer):
        connection.write(b"a OK in the clear\r\n")
        connection.compress()
        assert await receive(peer, 19) == b"a OK in the clear\r\n"
        await send(peer, deflated(b"b NOOP\r\nc NOOP\r\n"))
        assert await connection.read_line(100) == b"b NOOP"
        assert await connection.read_line(100) == b"c NOOP"
        connection.write(b"b OK\r\n")
        connection.write(b"c OK\r\n")
        connection.flush()
        packed = deflated(b"b OK\r\nc OK\r\n")
        assert await receive(peer, len(packed)) == packed


async def test_a_bomb_fills_no_more_than_the_buffer() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(b"x" * 60_000_000) + packer.flush(zlib.Z_SYNC_FLUSH)
    async with linked() as (connection, peer):
        connection.compress()
        tracemalloc.start()
        await send(peer, bomb)
        await asyncio.sleep(0.05)
        assert connection.pending() <= READ_HIGH + 65_536
        with pytest.raises(Fault) as caught:  # it is one line of 60 MB
            await connection.read_line(100)
        assert caught.value.kind is Kind.CLOSED
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
        tracemalloc.stop()


async def test_a_long_literal_passes_through_the_buffer_whole() -> None:
    size = 5_000_000
    async with linked() as (connection, peer):
        connection.compress()
        await send(peer, deflated(b"0123456789" * (size // 10)) + deflated(b"end\r\n"))
        got = 0
        while got < size:
            piece = await connection.read_some()
            assert len(piece) <= READ_HIGH
            if got + len(piece) > size:
                connection.unread(piece[size - got :])
                piece = piece[: size - got]
            got += len(piece)
        assert await connection.read_line(10) == b"end"


async def test_what_came_before_the_end_is_read_before_it() -> None:
    async with linked() as (connection, peer):
        connection.compress()
        lines = b"NOOP\r\n" * 100_000
        await send(peer, deflated(lines))
        peer.close()
        await asyncio.sleep(0.05)
        for _ in range(100_000):
            assert await connection.read_line(100) == b"NOOP"
        with pytest.raises(Fault) as caught:
            await connection.read_line(100)
        assert caught.value.kind is Kind.CLOSED


async def test_damaged_data_ends_the_connection() -> None:
    async with linked() as (connection, peer):
        connection.compress()
        await send(peer, b"\xff\xff\xff\xff nonsense\r\n")
        with pytest.raises(Fault) as caught:
            await connection.read_line(100)
        assert caught.value.kind is Kind.CLOSED


async def test_what_follows_the_end_of_compression_is_in_the_clear() -> None:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    async with linked() as (connection, peer):
        connection.compress()
        await send(peer, packer.compress(b"a BYE\r\n") + packer.flush() + b"b NO")
        assert await connection.read_line(100) == b"a BYE"
        connection.write(b"a OK\r\n")
        connection.uncompress()
        assert not connection.compressed
        await send(peer, b"OP\r\n")
        assert await connection.read_line(100) == b"b NOOP"
        connection.write(b"b OK\r\n")
        connection.flush()
        expected = deflated(b"a OK\r\n") + b"b OK\r\n"
        assert await receive(peer, len(expected)) == expected
