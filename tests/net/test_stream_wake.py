"""A session that waits for a line can be woken by something else: IMAP's IDLE."""

from __future__ import annotations

import asyncio

import pytest

from merpati.base.faults import Fault, Kind
from tests.support.sockets import linked, send


async def test_a_line_ends_the_wait() -> None:
    async with linked() as (connection, peer):
        waiting = asyncio.ensure_future(connection.line_or_wake(100))
        await send(peer, b"DO")
        await asyncio.sleep(0.02)
        assert not waiting.done()
        await send(peer, b"NE\r\n")
        assert await waiting is True
        assert await connection.read_line(100) == b"DONE"


async def test_wake_ends_the_wait_and_what_was_queued_has_left() -> None:
    async with linked() as (connection, peer):
        connection.write(b"+ idling\r\n")
        waiting = asyncio.ensure_future(connection.line_or_wake(100))
        await asyncio.sleep(0)
        connection.wake()
        assert await waiting is False
        assert await asyncio.get_running_loop().sock_recv(peer, 100) == b"+ idling\r\n"


async def test_a_wake_before_the_wait_ends_it_and_only_it() -> None:
    async with linked() as (connection, peer):
        connection.wake()
        assert await connection.line_or_wake(100) is False
        await send(peer, b"x\r\n")
        assert await connection.line_or_wake(100) is True


async def test_wake_does_not_disturb_the_reading_of_lines() -> None:
    async with linked() as (connection, peer):
        reading = asyncio.ensure_future(connection.read_line(100, idle=True))
        await asyncio.sleep(0)
        connection.wake()
        await asyncio.sleep(0)
        await send(peer, b"x\r\n")
        assert await reading == b"x"


async def test_the_deadline_and_the_end_are_faults() -> None:
    async with linked() as (connection, peer):
        connection.deadline(0.01)
        with pytest.raises(Fault) as late:
            await connection.line_or_wake(100)
        assert late.value.kind is Kind.TIMEOUT
        connection.deadline(None)
        peer.close()
        with pytest.raises(Fault) as closed:
            await connection.line_or_wake(100)
        assert closed.value.kind is Kind.CLOSED
