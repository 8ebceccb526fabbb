"""Connections for line protocols: what a session reads, in lines and pieces.

A `Connection` belongs to one session, which reads, answers and waits in turn. What is
buffered (`channel.py`) is handed out without suspending, and no further command while
the peer does not take the replies it already has.
"""

from __future__ import annotations

from typing import Final

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.net.channel import ANY, LF, READ_HIGH, Channel

MAX_DISCARD: Final = 1_048_576  # bytes of one too long line before giving up on the peer
BEGINNING: Final = 128  # bytes that are kept of one


class LongLine(Fault):
    """TOO_LARGE: a line was longer than it may be. `beginning`: its first bytes."""

    def __init__(self, limit: int, beginning: bytes) -> None:
        super().__init__(Kind.TOO_LARGE, f"The line is longer than {limit} bytes.")
        self.beginning: Final = beginning


class Connection(Channel):
    """One peer, read in lines and pieces. Made by a `Listener`, or by `connect`."""

    __slots__ = ()

    async def read_line(self, limit: int, *, bare_lf: bool = False, idle: bool = False) -> bytes:
        """One line without its line end, which is CRLF, or LF too with `bare_lf`.

        `limit` is in octets, below `READ_HIGH`, the line end not counted. `idle` says that the
        session is between two commands, so a server that wants to stop may
        end this wait.

        Raises:
            SyntaxFault: the line ends in a bare LF; it is consumed.
            LongLine: the line was longer; it is consumed, and the session may go on.
            Fault: CLOSED, the peer went away, or sent more than
                `MAX_DISCARD` of one line. TIMEOUT, the deadline passed.
                UNAVAILABLE, only with `idle`: the server is about to stop.
        """
        if self._writing_paused:
            await self._written()
        if not self._head:
            await self._input(limit + 1, idle=idle)
        start = self._start
        head = self._head
        end = head.find(b"\n", start)
        if end < 0:
            end = await self._line_arrives(limit, idle=idle)
            start = 0
            head = self._head
        if end + 1 < len(head):
            self._start = end + 1
        else:
            self._next_chunk()
        if self._discarded:
            self._discarded = 0
            raise LongLine(limit, self._beginning)
        if end > start and head[end - 1] == 13:
            end -= 1
        elif not bare_lf and end - start <= limit:
            raise SyntaxFault("A line must end in CRLF, and this one ended in a bare LF.")
        if end - start > limit:
            raise LongLine(limit, head[start : min(end, start + BEGINNING)])
        return head[start:end]

    def try_line(self, limit: int) -> bytes | None:
        """What `read_line` would give, when a whole and right line is here already; else None.

        For the lines of a pipelined run, without a coroutine for each. Whatever is not
        plain is left to `read_line`.
        """
        start = self._start
        head = self._head
        end = head.find(b"\n", start)
        if end <= start or end - start > limit or head[end - 1] != 13:
            return None
        if self._writing_paused or self._discarded:  # a line in parts is `read_line`'s
            return None
        if end + 1 == len(head):
            self._next_chunk()
        else:
            self._start = end + 1
        return head[start : end - 1]

    async def line_or_wake(self, limit: int) -> bool:
        """Waits until `read_line` would not have to (True), or `wake` is called (False).

        Raises:
            Fault: CLOSED, TIMEOUT or UNAVAILABLE, as `read_line` with `idle`.
        """
        while not self._woken:
            if self._start or self._tail is not None:
                self._gather()
            if LF in self._head or len(self._head) > limit + 1:
                return True
            await self._input(limit + 1, idle=True)
        self._woken = False
        return False

    async def data_or_wake(self, *, idle: bool) -> bool:
        """Waits until `read_some` would not have to (True), or `wake` is called (False).

        `wake` ends it only with `idle`; together with `expire` it always does.

        Raises:
            Fault: CLOSED, TIMEOUT or UNAVAILABLE, as `read_line`.
        """
        while not self._woken:
            if self._head:
                return True
            await self._input(ANY, idle=idle)
        self._woken = False
        return False

    async def read_some(self) -> bytes:
        """What is there, as it came, at least one byte.

        Raises:
            Fault: CLOSED or TIMEOUT.
        """
        if self._writing_paused:
            await self._written()
        while not self._head:
            await self._input(ANY)
        chunk = self._head[self._start :] if self._start else self._head
        self._next_chunk()
        return chunk

    async def read_exactly(self, n: int) -> bytes:
        """Just `n` bytes, held in memory; for long bodies use `read_some`.

        Raises:
            Fault: CLOSED or TIMEOUT; what had come of them is lost.
        """
        end = self._start + n
        if n > 0 and end < len(self._head):
            chunk = self._head[self._start : end]
            self._start = end
            return chunk
        chunks = []
        while n > 0:
            chunk = await self.read_some()
            if len(chunk) > n:
                self.unread(chunk[n:])
                chunk = chunk[:n]
            chunks.append(chunk)
            n -= len(chunk)
        return b"".join(chunks)

    async def _line_arrives(self, limit: int, *, idle: bool) -> int:
        """Makes `_head` begin with a whole line, and gives where its LF is.

        What is left in `_head` of a line that is too long is its end.
        """
        assert limit < READ_HIGH - 1, "a line must fit into the buffer"
        while True:
            if self._head:
                if self._start or self._tail is not None:
                    self._gather()
                end = self._head.find(b"\n")
                if end >= 0:
                    return end
                if self._discarded or len(self._head) > limit + 1:  # the CR may be there already
                    self._discard()
            await self._input(limit + 1, idle=idle)

    def _discard(self) -> None:
        if not self._discarded:
            self._beginning = self._head[:BEGINNING]
        self._discarded += len(self._head)
        self._drop_input()
        if self._discarded > MAX_DISCARD:
            self._ended = f"{self.peer} sent a line of more than {MAX_DISCARD} bytes."
            self.abort()
