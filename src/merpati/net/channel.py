"""Channels: bounded, timed bytes to and from one peer, over TCP, Unix sockets, TLS, compressed.

What a peer sends is kept until it is read, and what is written goes out together:

- Only when the session needs more than there is does it wait; and *then* its replies are
  sent, so a client that pipelines ten commands gets ten replies in one segment
  (RFC 2920 3.2).
- Input stops being read at `READ_HIGH` bytes.
- A deadline is a number. The worker's `Reaper` looks at all of them once a second, so
  a connection owns no timer, and no trickle of bytes extends a wait.

Unread bytes are `_head` from `_start` on, then the chunks of `_tail`. `_head` is
empty only when nothing is unread, and both are dropped as soon as they are used
up: thousands of idle connections hold no buffers.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections import deque
from contextlib import suppress
from itertools import chain
from math import inf
from typing import TYPE_CHECKING, Final, cast

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.net.deflate import Deflate, deflated
from merpati.net.records import Records
from merpati.net.tls import TlsInfo, explain

if TYPE_CHECKING:
    from merpati.net.reaper import Reaper

READ_HIGH: Final = 262_144  # bytes unread at which the peer is left to wait
READ_LOW: Final = 65_536  # and below which it is read again
WRITE_QUEUE: Final = 65_536  # bytes of replies gathered before they are sent anyway
JOINED: Final = 2 * WRITE_QUEUE  # that many are put together: cheaper than a gathering write
HANDSHAKE_TIMEOUT: Final = 10.0  # seconds
LINGER: Final = 5.0  # seconds to deliver the last reply

ANY: Final = -1  # what a waiting reader needs: any byte at all
LF: Final = ord("\n")


class Channel(asyncio.Protocol):
    """The bytes of one peer. `Connection` reads them.

    `peer` and `local` are address texts ("unix" for Unix sockets), the ports 0 there. `bytes_in`
    and `bytes_out` count plain bytes, without TLS. `draining` is true once the server wants to
    stop: a session between two commands is woken (see `read_line`), any other should end when it
    gets there. With `hears_out` a peer's last words count even if a write finds the end first.

    A fault's text names the peer. After CLOSED nothing can be sent; after
    TIMEOUT the session may say goodbye with `write` and `close`.
    """

    __slots__ = (
        "_beginning", "_cause", "_deflate", "_discarded", "_drainer", "_ended", "_head", "_idle",
        "_loop", "_need", "_out", "_queued", "_reader", "_reading_paused", "_reaper", "_records",
        "_start", "_tail", "_tail_size", "_transport", "_woken", "_writing_paused", "bytes_in",
        "bytes_out", "draining", "due", "hears_out", "local", "local_port", "peer", "peer_port",
        "tls",
    )  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop, reaper: Reaper) -> None:
        self._loop = loop
        self._reaper = reaper
        self._transport: asyncio.Transport | None = None
        self._records: Records | None = None
        self._deflate: Deflate | None = None
        self._head = b""
        self._start = 0
        self._tail: deque[bytes] | None = None
        self._tail_size = 0
        self._discarded = 0
        self._beginning = b""  # of the line of which so much was discarded
        self._out: list[bytes] = []
        self._queued = 0
        self._reader: asyncio.Future[None] | None = None
        self._need = ANY
        self._idle = False
        self._drainer: asyncio.Future[None] | None = None
        self._reading_paused = False
        self._writing_paused = False
        self._ended = ""  # why, once nothing more can come
        self._cause: BaseException | None = None
        self._woken = False
        self.draining = False
        self.hears_out = False
        self.due = inf  # the deadline, on the loop's clock
        self.tls: TlsInfo | None = None
        self.peer = self.local = "unix"
        self.peer_port = self.local_port = 0
        self.bytes_in = 0
        self.bytes_out = 0

    def unread(self, data: bytes) -> None:
        """Puts back bytes that belong to the next reader."""
        if not data:
            return
        if self._head:
            rest = self._head[self._start :] if self._start else self._head
            if self._tail is None:
                self._tail = deque()
            self._tail.appendleft(rest)
            self._tail_size += len(rest)
        self._head = data
        self._start = 0

    def pending(self) -> int:
        """Bytes that are here and unread."""
        return len(self._head) - self._start + self._tail_size

    # Writing

    def write(self, data: bytes) -> None:
        """Queues `data`; it is sent when the session next waits, or by `flush`.

        It is sent at once when more than `WRITE_QUEUE` bytes have gathered.
        After the peer has gone it is dropped; the next wait says so.
        """
        self._out.append(data)
        self._queued = queued = self._queued + len(data)
        if queued > WRITE_QUEUE:
            self.flush()

    @property
    def congested(self) -> bool:
        """Whether the peer takes less than it is sent, so that `drain` would wait."""
        return self._writing_paused

    def flush(self) -> None:
        """Hands what is queued to the socket, without waiting."""
        if not self._queued:
            return
        records = self._records
        if records is not None and not records.established:
            return  # plain text must not slip into a handshake
        pieces, self._out = self._out, []
        queued, self._queued = self._queued, 0
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        self.bytes_out += queued
        if queued <= JOINED:
            pieces = [b"".join(pieces)]
        if self._deflate is not None:
            pieces = [deflated(b"".join(pieces))]
        if records is not None:
            try:
                pieces = list(chain.from_iterable(map(records.seal, pieces)))
            except ssl.SSLError as error:
                self._tls_failed(error)
                return
        if len(pieces) == 1:
            transport.write(pieces[0])
        else:
            transport.writelines(pieces)

    async def drain(self) -> None:
        """Sends what is queued and waits until the peer has taken most of it.

        Raises:
            Fault: CLOSED or TIMEOUT.
        """
        self.flush()
        if self._writing_paused:
            await self._written()
        if self._transport is None:
            raise self._closed()

    # Time and end

    def deadline(self, seconds: float | None) -> None:
        """All waits from here on must end within so many seconds from now; None lifts it."""
        self.due = inf if seconds is None else self._loop.time() + seconds

    def wake(self) -> None:
        """Ends the present `line_or_wake`, or else the next one."""
        self._woken = True
        if self._idle:
            self._wake_reader()

    def retire(self) -> None:
        """Asks the session to end: sets `draining` and ends a wait for the next command."""
        self.draining = True
        if self._idle:
            self._wake_reader()

    async def close(self) -> None:
        """Sends what is queued, says goodbye and closes, within `LINGER` seconds."""
        self.flush()
        transport = self._transport
        if transport is None:
            return
        if self._records is not None:
            transport.write(self._records.close_notify())
        self._ended = self._ended or f"The connection to {self.peer} was closed."
        transport.close()
        self.deadline(LINGER)
        with suppress(Fault):
            while self._transport is not None:
                await self._output()
        self.abort()

    def abort(self) -> None:
        """Closes at once; what is queued is lost."""
        self._ended = self._ended or f"The connection to {self.peer} was cut off."
        self._out = []
        self._queued = 0
        self._writing_paused = False
        if self._transport is not None:
            self._transport.abort()
        self.expire()

    def expire(self) -> None:
        """Lets whoever waits look again at the deadline and the end."""
        self._wake_reader()
        self._wake_drainer()

    # Compression and TLS

    def compress(self) -> None:
        """Goes on compressed both ways (RFC 4978); what is queued leaves as it is."""
        self.flush()
        self._deflate = Deflate()

    def uncompress(self) -> None:
        """Goes on in the clear both ways (RFC 8437 4.1); what is queued leaves compressed."""
        self.flush()
        deflate, self._deflate = self._deflate, None
        if deflate is not None and (rest := deflate.rest()):
            self._take(rest)

    @property
    def compressed(self) -> bool:
        """Whether `compress` was called."""
        return self._deflate is not None

    async def start_tls(
        self,
        context: ssl.SSLContext,
        *,
        server_side: bool = True,
        server_name: str | None = None,
        within: float = HANDSHAKE_TIMEOUT,
        early: bool = False,
    ) -> None:
        """Goes on over TLS, within so many seconds.

        Queue the reply that allows it with `write` and call this at once; do
        not drain in between, for then a quick client's first record would be
        taken for an injected command.

        `early`: what has come already is taken for the beginning of the
        handshake (RFC 9051 6.2.1), which fails if it is a command.

        Raises:
            SyntaxFault: bytes came in clear text that were to be taken for
                encrypted ones (RFC 3207 6, CVE-2011-0411); they are dropped,
                and the connection should be closed. Not when `early`.
            Fault: CLOSED, with the `ssl.SSLError` as its cause when the
                handshake failed. TIMEOUT.
        """
        hello = b""
        if self._head:
            self._gather()
            hello = self._head
            self._drop_input()
            if not early:
                raise SyntaxFault(
                    f"{self.peer} sent bytes in clear text after asking for TLS; they were dropped."
                )
        if self._transport is None or self._ended:
            raise self._closed()
        self.flush()
        self.expect_tls(context, server_side=server_side, server_name=server_name)
        if hello or not server_side:
            self.data_received(hello)  # a client says hello by it
        await self.handshake(within)

    def expect_tls(
        self, context: ssl.SSLContext, *, server_side: bool = True, server_name: str | None = None
    ) -> None:
        """Takes all that comes from here on for TLS; `handshake` must follow.

        For implicit TLS it is called before there is a transport, so that not
        even a client's first record can come too early.

        Raises:
            Fault: CLOSED, `server_name` cannot be asked for.
        """
        try:
            self._records = Records(context, server_side=server_side, name=server_name)
        except ValueError as error:  # names of hosts come from strangers, too
            raise Fault(Kind.CLOSED, f"{server_name!r} is not a name for TLS.") from error

    async def handshake(self, within: float = HANDSHAKE_TIMEOUT) -> None:
        """Waits for the end of the handshake and sets `tls`.

        Raises:
            Fault: CLOSED, with the `ssl.SSLError` as its cause when the
                handshake failed. TIMEOUT, after `within` seconds.
        """
        records = self._records
        assert records is not None
        due = self.due
        self.due = min(due, self._loop.time() + within)
        try:
            while not records.established:
                await self._input(ANY, what="the TLS handshake")
        finally:
            self.due = due
        self.tls = TlsInfo.of(records.tls)

    def peer_chain(self) -> list[bytes]:
        """The peer's certificates as DER, leaf first, as DANE needs them (RFC 7671)."""
        return [] if self._records is None else list(self._records.peer_chain())

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins; the reaper watches from here on."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):  # Unix sockets have a path, or nothing
            self.peer, self.peer_port = peer[:2]
            self.local, self.local_port = transport.get_extra_info("sockname")[:2]
        self._reaper.add(self)

    def data_received(self, data: bytes) -> None:
        """Takes a chunk: plain bytes, or TLS records."""
        records = self._records
        if records is None:
            if self._deflate is None:
                self._take(data)
            else:
                self._plain(data)
            return
        established = records.established
        try:
            chunks = records.feed(data)
        except ssl.SSLError as error:
            self._tls_failed(error)
            return
        outgoing = records.outgoing()
        if outgoing and self._transport is not None:
            self._transport.write(outgoing)
        for chunk in chunks:
            self._plain(chunk)
        if records.ended:
            self.eof_received()
        elif records.established and not established:
            self._wake_reader()

    def eof_received(self) -> bool:
        """The peer sends no more. It may still listen, so the session decides when to close."""
        self._ended = self._ended or f"{self.peer} closed the connection."
        self._wake_reader()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, for whichever reason; all resources are let go."""
        if not self._ended:
            reason = f": {(exc.strerror or str(exc)).lower()}" if isinstance(exc, OSError) else ""
            self._ended = f"The connection to {self.peer} was lost{reason}."
            self._cause = exc
        transport, self._transport = self._transport, None
        self._writing_paused = False
        self._out = []
        self._queued = 0
        self._reaper.discard(self)
        if self.hears_out and exc is not None and transport is not None:
            self._hear_out(transport)
        self.expire()

    def _hear_out(self, transport: asyncio.Transport) -> None:
        """Take what came before the peer closed; the socket is still open (and unread: Linux)."""
        with suppress(OSError, AttributeError):
            socket = transport.get_extra_info("socket").fileno()
            while self.pending() < READ_HIGH and (data := os.read(socket, READ_LOW)):
                self.data_received(data)

    def pause_writing(self) -> None:
        """The peer takes less than it is sent."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """It has caught up."""
        self._writing_paused = False
        self._wake_drainer()

    # Input

    def _plain(self, data: bytes) -> None:
        """Take what came, without TLS."""
        if self._deflate is None:
            self._take(data)
        else:
            self._deflate.feed(data)
            self._inflate()

    def _inflate(self) -> None:
        """Inflate what came, but no more than is read."""
        deflate = self._deflate
        while deflate is not None and deflate.waiting and self.pending() <= READ_HIGH:
            try:
                plain = deflate.inflate()
            except ValueError as error:
                self._ended, self._deflate = f"{self.peer}: {error}.", None
                self.abort()
                return
            if plain:
                self._take(plain)
        if deflate is not None and deflate.waiting and not self._reading_paused:
            self._pause_reading()

    def _take(self, data: bytes) -> None:
        self.bytes_in += len(data)
        if not self._head:
            self._head = data
        else:
            if self._tail is None:
                self._tail = deque()
            self._tail.append(data)
            self._tail_size += len(data)
            if self.pending() > READ_HIGH and not self._reading_paused:
                self._pause_reading()
        reader = self._reader
        # A reader of a line is woken by a line, not by each of its bytes. (For a number, `in`
        # is one look; for bytes it first makes an error of their being no number.)
        if reader is not None and (self._need == ANY or LF in data or self.pending() > self._need):
            self._reader = None
            if not reader.done():
                reader.set_result(None)

    def _next_chunk(self) -> None:
        self._start = 0
        if self._tail is None:
            self._head = b""
        else:
            self._head = self._tail.popleft()
            self._tail_size -= len(self._head)
            if not self._tail:
                self._tail = None
        if self._reading_paused and len(self._head) + self._tail_size < READ_LOW:
            self._resume_reading()

    def _drop_input(self) -> None:
        self._tail = None
        self._tail_size = 0
        self._next_chunk()

    def _pause_reading(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()
            self._reading_paused = True

    def _resume_reading(self) -> None:
        deflate = self._deflate
        if deflate is not None and deflate.waiting:
            self._inflate()
            if deflate.waiting:  # there is enough without more of the peer's
                return
        self._reading_paused = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _gather(self) -> None:
        """Makes one chunk of all that is unread.

        Linear over a session: only the start of one line, which its limit
        bounds, goes through this again.
        """
        self._head = b"".join((self._head[self._start :], *(self._tail or ())))
        self._start = 0
        self._tail = None
        self._tail_size = 0

    # Waiting

    def _input(self, need: int, *, idle: bool = False, what: str = "data") -> asyncio.Future[None]:
        """Sends what is queued; gives what to await for input, or for what ends the wait.

        It is done when more than `need` bytes or a line end are there, or just
        any with `ANY`; or for another reason, so the caller looks whether it
        has what it wants and asks again. (No coroutine, as it is on the path of
        every line.)
        """
        if self._queued:
            self.flush()
        if self._writing_paused:
            return self._output()
        if self._deflate is not None:
            if self._deflate.waiting:
                self._inflate()  # either this gives something, or there is enough to look at again
                ready = self._loop.create_future()
                ready.set_result(None)
                return ready
            if self._deflate.ended:
                self._ended = self._ended or f"{self.peer} ended its compression."
        if self._ended:
            raise self._closed()
        if self.due <= self._loop.time():
            raise self._timeout(what)
        if idle and self.draining:
            raise Fault(Kind.UNAVAILABLE, "The server is about to stop; try again in a minute.")
        assert self._reader is None or self._reader.cancelled(), "two readers on one connection"
        if self._reading_paused:
            self._resume_reading()  # much is here, and still not what is needed
        self._need = need
        self._idle = idle
        self._reader = reader = self._loop.create_future()
        return reader

    def _output(self) -> asyncio.Future[None]:
        """Gives what to await until the peer may have taken what it was sent."""
        if self.due <= self._loop.time():
            raise self._timeout("our replies to be taken")
        if self._drainer is None:
            self._drainer = self._loop.create_future()
        return asyncio.shield(self._drainer)  # more than one task may wait here

    async def _written(self) -> None:
        while self._writing_paused:
            await self._output()
        if self._transport is None and not self._head:
            raise self._closed()

    def _wake_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None and not reader.done():
            reader.set_result(None)

    def _wake_drainer(self) -> None:
        drainer, self._drainer = self._drainer, None
        if drainer is not None:
            drainer.set_result(None)

    # Faults

    def _closed(self) -> Fault:
        fault = Fault(Kind.CLOSED, self._ended)
        fault.__cause__ = self._cause
        return fault

    def _timeout(self, what: str) -> Fault:
        return Fault(Kind.TIMEOUT, f"Waited too long for {what} ({self.peer}).")

    def _tls_failed(self, error: ssl.SSLError) -> None:
        records = self._records
        assert records is not None
        during = "session" if records.established else "handshake"
        self._ended = f"The TLS {during} with {self.peer} failed: {explain(error)}."
        self._cause = error
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(records.outgoing())  # the alert that tells the peer why
            self._transport.close()
        self._wake_reader()
