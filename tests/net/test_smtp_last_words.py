"""Servers that answer and close at once, with commands of ours unread: what they said counts."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from merpati.model.delivery import Outcome
from merpati.net import smtp_client
from merpati.net.reaper import Reaper
from merpati.net.smtp_client import Options, Session
from merpati.net.smtp_transaction import BLOCK
from tests.support.smtp_sessions import MESSAGE, PATIENT, ends, envelope

TAKEN = b"250 2.0.0 taken\r\n"
TOO_LARGE = b"552 5.3.4 too large\r\n"


class Curt:
    """A server for one message: reads up to `until`, says `words` and resets the connection."""

    def __init__(self, until: bytes, words: bytes) -> None:
        self._until = until
        self._words = words
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.came = threading.Event()  # more than `until`
        self.may_end = threading.Event()
        self.gone = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        peer, _ = self._listening.accept()
        with peer:
            peer.settimeout(20)
            peer.sendall(b"220 curt\r\n")
            self._read(peer, b"EHLO out.here.test\r\n")
            peer.sendall(b"250-curt\r\n250-PIPELINING\r\n250 SIZE\r\n")
            self._read(peer, b"DATA\r\n")
            peer.sendall(b"250 ok\r\n250 ok\r\n354 go on\r\n")
            self._read(peer, self._until)
            while not peer.recv(1, socket.MSG_PEEK):
                continue  # something stays unread, so that closing resets the connection
            self.came.set()
            self.may_end.wait(20)
            peer.sendall(self._words)
        self.gone.set()

    @staticmethod
    def _read(peer: socket.socket, until: bytes) -> None:
        """Read up to some bytes, and not one more."""
        seen = b""
        while not seen.endswith(until):
            seen = seen[-len(until) :] + peer.recv(1)

    def close(self) -> None:
        self._thread.join()
        self._listening.close()


@pytest.fixture
def taking() -> Iterator[Curt]:
    server = Curt(b"\r\n.\r\n", TAKEN)
    yield server
    server.close()


@pytest.fixture
def refusing() -> Iterator[Curt]:
    server = Curt(b"Subject: large\r\n", TOO_LARGE)
    yield server
    server.close()


async def session(server: Curt) -> Session:
    options = Options(helo="out.here.test", timeouts=PATIENT)
    return await smtp_client.connect(Reaper(), "mx.test", ["127.0.0.1"], server.port, options)


async def test_a_250_counts_although_the_next_message_was_not_read(taking: Curt) -> None:
    taking.may_end.set()
    opened = await session(taking)
    following = envelope("carl@there.test")
    first = await opened.send(envelope("bob@there.test"), MESSAGE, following=following)
    assert ends(first) == [("bob", "delivered", "2.0.0")]
    [second] = await opened.send(following, MESSAGE)
    assert (second.outcome, second.code, second.step) == (Outcome.TEMPORARY, 0, "MAIL")
    assert not opened.usable


async def test_a_reply_counts_although_a_write_of_ours_finds_the_end_first(refusing: Curt) -> None:
    opened = await session(refusing)

    async def content() -> AsyncIterator[bytes]:
        yield b"Subject: large\r\n\r\n" + b"x" * BLOCK + b"\r\n"
        await asyncio.to_thread(refusing.came.wait, 20)
        refusing.may_end.set()
        refusing.gone.wait(20)  # and the loop sees nothing of what comes back
        yield b"more\r\n"

    [result] = await opened.send(envelope("bob@there.test"), content())
    assert (result.outcome, result.status) == (Outcome.PERMANENT, "5.3.4")
