from __future__ import annotations

import asyncio
import socket
import struct
import tracemalloc
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.net.channel import READ_HIGH, WRITE_QUEUE
from merpati.net.reaper import Reaper
from merpati.net.stream import Connection, LongLine
from tests.support.sockets import fails, linked, receive, send, until

if TYPE_CHECKING:
    from collections.abc import Coroutine


CHUNK = 262_144  # bytes an event loop reads at once


def now(work: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that must not suspend."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    work.close()
    pytest.fail("it suspended")


def nothing_came(peer: socket.socket) -> bool:
    try:
        peer.recv(1)
    except BlockingIOError:
        return True
    return False


# Lines


async def test_a_line_is_whole_however_its_bytes_come() -> None:
    async with linked() as (connection, peer):
        reading = asyncio.create_task(connection.read_line(100))
        for byte in b"EHLO a.example\r\n":
            await send(peer, bytes((byte,)))
            await asyncio.sleep(0.001)
        assert await reading == b"EHLO a.example"


async def test_what_is_buffered_is_read_without_suspending() -> None:
    async with linked() as (connection, peer):
        await send(peer, b"A\r\nB\r\nC\r\nDATA")
        assert await connection.read_line(10) == b"A"
        assert now(connection.read_line(10)) == b"B"
        assert now(connection.read_line(10)) == b"C"
        assert now(connection.read_exactly(2)) == b"DA"
        assert now(connection.read_some()) == b"TA"


async def test_a_trickled_line_wakes_its_reader_once() -> None:
    async with linked() as (connection, peer):
        reading = connection.read_line(100)
        woken = reading.send(None)
        await send(peer, b"half")
        await until(lambda: connection.pending() == 4)
        assert not woken.done()
        await send(peer, b"\r\n")
        await until(woken.done)
        assert now(reading) == b"half"


async def test_a_line_of_just_the_limit_is_read_even_when_its_end_comes_apart() -> None:
    async with linked() as (connection, peer):
        await send(peer, b"12345\r")
        reading = asyncio.create_task(connection.read_line(5))
        await until(lambda: connection.pending() == 6)
        await send(peer, b"\n")
        assert await reading == b"12345"


@pytest.mark.parametrize("size", [6, 7, 8, 200_000])
async def test_a_longer_line_is_discarded_and_the_session_goes_on(size: int) -> None:
    line = (b"a1 NOOP " + b"x" * size)[:size]
    async with linked() as (connection, peer):
        sending = asyncio.create_task(send(peer, line + b"\r\nNOOP\r\n"))
        fault = await fails(connection.read_line(5), Kind.TOO_LARGE)
        assert "5 bytes" in fault.text
        assert isinstance(fault, LongLine)
        assert fault.beginning.startswith(line[:5])
        assert line.startswith(fault.beginning)
        assert await connection.read_line(5) == b"NOOP"
        await sending


async def test_more_than_a_mebibyte_of_one_line_closes() -> None:
    async with linked() as (connection, peer):
        sending = asyncio.create_task(send(peer, b"x" * 40_000_000))
        fault = await fails(connection.read_line(1000), Kind.CLOSED)
        assert "line of more than" in fault.text
        with pytest.raises(ConnectionError):
            await sending


async def test_the_end_of_a_too_long_line_is_no_command_even_after_a_cancelled_read() -> None:
    async with linked() as (connection, peer):
        reading = asyncio.create_task(connection.read_line(10))
        await send(peer, b"x" * 50)
        await until(lambda: connection.bytes_in == 50 and connection.pending() == 0)
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
        await send(peer, b"QUIT\r\nNOOP\r\n")
        await fails(connection.read_line(10), Kind.TOO_LARGE)
        assert await connection.read_line(10) == b"NOOP"


async def test_a_cancelled_read_loses_nothing() -> None:
    async with linked() as (connection, peer):
        reading = asyncio.create_task(connection.read_line(10))
        await send(peer, b"NO")
        await until(lambda: connection.pending() == 2)
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
        await send(peer, b"OP\r\n")
        assert await connection.read_line(10) == b"NOOP"


async def test_the_lines_of_a_run_are_taken_without_a_coroutine_while_they_are_plain() -> None:
    async with linked() as (connection, peer):
        await send(peer, b"one\r\ntwo\r\nbare\nthree\r\n" + b"x" * 50 + b"\r\nfo")
        assert await connection.read_line(10) == b"one"
        assert connection.try_line(10) == b"two"
        assert connection.try_line(10) is None  # `read_line` says what is wrong with it
        with pytest.raises(SyntaxFault):
            await connection.read_line(10)
        assert connection.try_line(10) == b"three"
        assert connection.try_line(10) is None
        await fails(connection.read_line(10), Kind.TOO_LARGE)
        assert connection.try_line(10) is None
        await send(peer, b"ur\r\n")
        assert await connection.read_line(10) == b"four"
        assert connection.try_line(10) is None


async def test_a_bare_lf_is_refused_unless_allowed() -> None:
    async with linked() as (connection, peer):
        await send(peer, b"one\ntwo\nthree\r\n")
        with pytest.raises(SyntaxFault, match="CRLF"):
            await connection.read_line(10)
        assert await connection.read_line(10, bare_lf=True) == b"two"
        assert await connection.read_line(10, bare_lf=True) == b"three"


def model(data: bytes, limit: int) -> list[bytes | Kind]:
    lines: list[bytes | Kind] = []
    for line in data.split(b"\n")[:-1]:
        if len(line.removesuffix(b"\r")) > limit:
            lines.append(Kind.TOO_LARGE)
        elif not line.endswith(b"\r"):
            lines.append(Kind.SYNTAX)
        else:
            lines.append(line[:-1])
    return lines


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from([b"\r\n", b"\n", b"\r", b"a", b"bcd", b"efghijklmn"]), max_size=30),
    st.lists(st.integers(0, 60), max_size=8),
    st.integers(0, 8),
)
def test_any_bytes_in_any_pieces_give_the_same_lines(
    words: list[bytes], cuts: list[int], limit: int
) -> None:
    data = b"".join(words)
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    loop = asyncio.new_event_loop()
    connection = Connection(loop, Reaper())

    async def session() -> list[bytes | Kind]:
        lines: list[bytes | Kind] = []
        while True:
            try:
                lines.append(await connection.read_line(limit))
            except Fault as fault:
                if fault.kind is Kind.CLOSED:
                    return lines
                lines.append(fault.kind)

    async def feed() -> list[bytes | Kind]:
        reading = asyncio.create_task(session())
        for start, end in pairwise(edges):
            connection.data_received(data[start:end])
            if start % 3:
                await asyncio.sleep(0)
        connection.eof_received()
        return await reading

    try:
        assert loop.run_until_complete(feed()) == model(data, limit)
        assert connection.bytes_in == len(data)
    finally:
        loop.close()


# Bodies


async def test_read_exactly_joins_what_it_needs_and_leaves_the_rest() -> None:
    async with linked() as (connection, peer):
        reading = asyncio.create_task(connection.read_exactly(6))
        for piece in (b"ab", b"cd", b"efgh\r\n"):
            await send(peer, piece)
            await asyncio.sleep(0.005)
        assert await reading == b"abcdef"
        assert await connection.read_line(10) == b"gh"
        assert now(connection.read_exactly(0)) == b""


async def test_what_is_unread_comes_first_again() -> None:
    async with linked() as (connection, peer):
        await send(peer, b"body.\r\nQUIT\r\n")
        body = await connection.read_some()
        connection.unread(body[7:])
        connection.unread(b"")
        connection.unread(b"RSET\r\n")
        assert connection.pending() == 12
        assert now(connection.read_line(10)) == b"RSET"
        assert now(connection.read_line(10)) == b"QUIT"
        assert connection.pending() == 0


async def test_chunks_pass_through_uncopied() -> None:
    connection = Connection(asyncio.get_running_loop(), Reaper())
    chunks = [b"a" * 1000, b"b" * 1000, b"c" * 1000]
    for chunk in chunks:
        connection.data_received(chunk)
    for chunk in chunks:
        assert now(connection.read_some()) is chunk


async def test_a_hundred_megabytes_pass_in_little_memory() -> None:
    block, count = bytes(1_000_000), 100

    async with linked() as (connection, peer):

        async def push() -> None:
            for _ in range(count):
                await send(peer, block)

        tracemalloc.start()
        pushing = asyncio.create_task(push())
        got = 0
        while got < len(block) * count:
            got += len(await connection.read_some())
            assert connection.pending() <= READ_HIGH + CHUNK
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        await pushing
        assert got == connection.bytes_in == len(block) * count
        assert peak < 4_000_000


async def test_a_peer_that_sends_unasked_is_left_to_wait() -> None:
    async with linked() as (connection, peer):
        pushing = asyncio.create_task(send(peer, b"NOOP\r\n" * 4_000_000))
        await until(lambda: connection.pending() > READ_HIGH)
        await asyncio.sleep(0.05)
        assert connection.pending() <= READ_HIGH + CHUNK
        assert not pushing.done()
        for _ in range(200_000):  # and is read again when the session goes on
            await connection.read_line(10)
        assert connection.bytes_in >= 1_200_000
        assert connection.pending() <= READ_HIGH + CHUNK
        pushing.cancel()


async def test_an_idle_connection_holds_no_buffers() -> None:
    async with linked() as (connection, peer):
        await send(peer, b"x" * 100_000 + b"\r\n")
        assert len(await connection.read_line(100_000)) == 100_000
        connection.write(b"250 ok\r\n")
        connection.flush()
        assert connection._head == b""
        assert connection._tail is None
        assert connection._out == []


# Replies


async def test_replies_are_sent_together_when_the_session_waits() -> None:
    async with linked() as (connection, peer):
        await send(peer, b"A\r\nB\r\n")
        connection.write(b"250 " + await connection.read_line(10) + b"\r\n")
        connection.write(b"250 " + await connection.read_line(10) + b"\r\n")
        await asyncio.sleep(0.02)
        assert nothing_came(peer)
        reading = asyncio.create_task(connection.read_line(10))
        assert await receive(peer) == b"250 A\r\n250 B\r\n"
        assert connection.bytes_out == 14
        reading.cancel()


async def test_many_replies_are_sent_before_the_session_waits() -> None:
    async with linked() as (connection, peer):
        for _ in range(3):
            connection.write(b"x" * (WRITE_QUEUE // 2))
        got = 0
        while got < 3 * (WRITE_QUEUE // 2):
            got += len(await receive(peer))


@pytest.mark.parametrize("sizes", [(10, 200_000, 10), (300_000,), (70_000, 70_000, 70_000)])
async def test_large_and_small_pieces_keep_their_order(sizes: tuple[int, ...]) -> None:
    pieces = [bytes((65 + i,)) * size for i, size in enumerate(sizes)]
    async with linked() as (connection, peer):
        for piece in pieces:
            connection.write(piece)
        draining = asyncio.create_task(connection.drain())
        got = b""
        while len(got) < sum(sizes):
            got += await receive(peer)
        assert got == b"".join(pieces)
        await draining


async def test_drain_waits_for_a_peer_that_does_not_read() -> None:
    async with linked() as (connection, peer):
        total = 20_000_000
        connection.write(bytes(total))
        draining = asyncio.create_task(connection.drain())
        await asyncio.sleep(0.05)
        assert not draining.done()
        got = 0
        while got < total:
            got += len(await receive(peer, 1_000_000))
        await draining


async def test_drain_ends_at_the_deadline() -> None:
    async with linked() as (connection, _):
        connection.deadline(0.05)
        connection.write(bytes(20_000_000))
        fault = await fails(connection.drain(), Kind.TIMEOUT)
        assert "127.0.0.1" in fault.text


async def test_no_command_is_handed_out_while_replies_are_not_taken() -> None:
    async with linked() as (connection, peer):
        await send(peer, b"FETCH\r\nFETCH\r\n")
        await connection.read_line(10)
        connection.write(bytes(20_000_000))
        connection.deadline(0.1)
        await fails(connection.read_line(10), Kind.TIMEOUT)
        await fails(connection.read_some(), Kind.TIMEOUT)


async def test_two_tasks_may_wait_for_the_peer_and_one_be_cancelled() -> None:
    async with linked() as (connection, peer):
        connection.write(bytes(20_000_000))
        first = asyncio.create_task(connection.drain())
        second = asyncio.create_task(connection.drain())
        await asyncio.sleep(0.01)
        first.cancel()
        got = 0
        while got < 20_000_000:
            got += len(await receive(peer, 1_000_000))
        await second
        assert first.cancelled()


# Deadlines


async def test_a_byte_now_and_then_does_not_extend_the_deadline() -> None:
    async with linked() as (connection, peer):

        async def trickle() -> None:
            while True:
                await send(peer, b"x")
                await asyncio.sleep(0.01)

        trickling = asyncio.create_task(trickle())  # which does not end by itself
        began = asyncio.get_running_loop().time()
        connection.deadline(0.1)
        await fails(connection.read_line(10_000), Kind.TIMEOUT)
        assert asyncio.get_running_loop().time() - began > 0.09
        trickling.cancel()


async def test_a_deadline_covers_several_waits_together() -> None:
    async with linked() as (connection, peer):
        connection.deadline(0.1)

        async def converse() -> None:
            while True:
                await send(peer, b"x\r\n")
                await connection.read_line(10)
                await asyncio.sleep(0.02)

        await fails(converse(), Kind.TIMEOUT)
        await fails(connection.read_line(10), Kind.TIMEOUT)  # at once


async def test_a_lifted_deadline_ends_nothing() -> None:
    async with linked() as (connection, peer):
        connection.deadline(0.03)
        connection.deadline(None)
        reading = asyncio.create_task(connection.read_line(10))
        await asyncio.sleep(0.1)
        assert not reading.done()
        await send(peer, b"NOOP\r\n")
        assert await reading == b"NOOP"


async def test_after_a_timeout_the_session_can_say_goodbye() -> None:
    async with linked() as (connection, peer):
        connection.deadline(0.01)
        await fails(connection.read_line(10), Kind.TIMEOUT)
        connection.write(b"421 bye\r\n")
        await connection.close()
        assert await receive(peer) == b"421 bye\r\n"
        assert await receive(peer) == b""


async def test_the_reaper_forgets_what_is_closed() -> None:
    async with linked() as (connection, _):
        reaper = connection._reaper
        assert len(reaper) == 1
        await connection.close()
        assert len(reaper) == 0
        await until(lambda: reaper._timer is None)


# Ends


async def test_what_came_before_the_end_is_read_and_then_it_is_closed() -> None:
    async with linked() as (connection, peer):
        await send(peer, b"QUIT\r\nhalf a line")
        peer.shutdown(socket.SHUT_WR)
        assert await connection.read_line(20) == b"QUIT"
        fault = await fails(connection.read_line(20), Kind.CLOSED)
        assert fault.text == "127.0.0.1 closed the connection."


async def test_a_peer_that_only_listens_gets_its_answer() -> None:
    async with linked() as (connection, peer):
        await send(peer, b"QUIT\r\n")
        peer.shutdown(socket.SHUT_WR)
        await asyncio.sleep(0.02)
        assert await connection.read_line(10) == b"QUIT"
        connection.write(b"221 bye\r\n")
        await connection.close()
        assert await receive(peer) == b"221 bye\r\n"


async def test_a_reset_is_closed_for_readers_and_writers() -> None:
    async with linked() as (connection, peer):
        reading = asyncio.create_task(connection.read_line(10))
        await asyncio.sleep(0.01)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        fault = await fails(_result(reading), Kind.CLOSED)
        assert "connection to 127.0.0.1" in fault.text
        connection.write(b"gone")
        await fails(connection.drain(), Kind.CLOSED)


async def test_close_does_not_wait_for_ever_for_a_peer_that_does_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("merpati.net.channel.LINGER", 0.05)
    async with linked() as (connection, _):
        connection.write(bytes(20_000_000))
        async with asyncio.timeout(30):
            await connection.close()
        await fails(connection.read_line(10), Kind.CLOSED)


async def test_abort_ends_a_wait() -> None:
    async with linked() as (connection, _):
        reading = asyncio.create_task(connection.read_line(10))
        await asyncio.sleep(0.01)
        connection.abort()
        await fails(_result(reading), Kind.CLOSED)


async def _result(task: asyncio.Task[bytes]) -> bytes:
    return await task


async def test_retire_ends_the_wait_for_a_command_and_no_other() -> None:
    async with linked() as (connection, peer):
        between = asyncio.create_task(connection.read_line(10, idle=True))
        await asyncio.sleep(0.01)
        connection.retire()
        await fails(_result(between), Kind.UNAVAILABLE)
        await send(peer, b"A\r\nB\r\n")
        assert await connection.read_line(10) == b"A"
        assert await connection.read_line(10, idle=True) == b"B"  # it had been sent already
        await fails(connection.read_line(10, idle=True), Kind.UNAVAILABLE)


async def test_addresses_are_known() -> None:
    async with linked() as (connection, peer):
        assert (connection.peer, connection.peer_port) == peer.getsockname()
        assert (connection.local, connection.local_port) == peer.getpeername()
