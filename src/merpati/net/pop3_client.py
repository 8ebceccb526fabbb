"""A POP3 client that fetches a mailbox (RFC 1939): sign in, list, fetch, mark, leave.

Bodies are streamed to wherever the caller wants them. What was marked is removed by the server
when the session ends well, and not before.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.net import remote as remotes
from merpati.net.stream import LongLine
from merpati.wire.pop3 import commands, responses
from merpati.wire.pop3.responses import Status
from merpati.wire.smtp.data import BareNewlines, DataDecoder

if TYPE_CHECKING:
    from merpati.net.imap_client import Sink
    from merpati.net.reaper import Reaper
    from merpati.net.remote import Account, Remote
    from merpati.net.stream import Connection

SECONDS: Final = 120.0  # to wait for a server to say anything
LINE_MAX: Final = 1024  # octets; of unique-ids and their like, twice what RFC 1939 allows
LISTED_MAX: Final = 1_000_000  # messages of one mailbox

_UNIQUE_ID: Final = re.compile(rb"([0-9]{1,10}) +([!-~]{1,200}) *")


class Pop3Client:
    """A session with one server."""

    def __init__(self, connection: Connection, remote: Remote, seconds: float = SECONDS) -> None:
        self._connection = connection
        self._remote = remote
        self._seconds = seconds

    @classmethod
    async def connect(
        cls, remote: Remote, account: Account, reaper: Reaper, seconds: float = SECONDS
    ) -> Pop3Client:
        """Signed in.

        Raises:
            Fault: UNAVAILABLE, TIMEOUT, CLOSED; TLS_REQUIRED when it knows no STLS;
                AUTH_FAILED, IN_USE, with its own words.
        """
        connection = await remotes.open_connection(remote, reaper, seconds)
        client = cls(connection, remote, seconds)
        try:
            await client._status(Kind.UNAVAILABLE)
            if remote.security == "starttls":
                await client._ask(commands.Stls(), Kind.TLS_REQUIRED)
                await remotes.encrypt(connection, remote)
            await client._sign_in(account)
        except BaseException:
            connection.abort()
            raise
        return client

    async def quit(self) -> None:
        """Let the server remove what was marked. Raises Fault when it did not."""
        try:
            await self._ask(commands.Quit(), Kind.UNAVAILABLE)
        finally:
            self._connection.abort()

    def abort(self) -> None:
        """Leave without removing anything."""
        self._connection.abort()

    async def unique_ids(self) -> list[tuple[int, str]]:
        """Number and unique-id of every message. Raises Fault UNSUPPORTED without UIDL."""
        await self._ask(commands.Uidl(), Kind.UNSUPPORTED)
        found: list[tuple[int, str]] = []
        async for line in self._lines():
            match = _UNIQUE_ID.fullmatch(line)
            if match is None or len(found) >= LISTED_MAX:
                raise self._foreign("its list of unique-ids cannot be read")
            found.append((int(match[1]), match[2].decode("ascii")))
        return found

    async def fetch(self, number: int, sink: Sink) -> None:
        """A message, as it comes. Raises Fault NOT_FOUND, and CLOSED, TIMEOUT, TOO_LARGE."""
        await self._ask(commands.Retr(number), Kind.NOT_FOUND)
        decoder = DataDecoder(BareNewlines.NORMALISE)
        patience = remotes.Patience(self._remote, self._connection, self._seconds)
        while not decoder.done:
            patience.wait(decoder.size)
            for piece in decoder.feed(await self._connection.read_some()):
                sink.add(piece)
        self._connection.unread(decoder.rest)

    async def mark(self, number: int) -> None:
        """Have a message removed at the end of the session."""
        await self._ask(commands.Dele(number), Kind.NOT_FOUND)

    async def _sign_in(self, account: Account) -> None:
        try:
            await self._ask(commands.User(account.name), Kind.AUTH_FAILED)
            await self._ask(commands.Pass(account.password), Kind.AUTH_FAILED)
        except Fault as fault:
            if fault.kind is not Kind.AUTH_FAILED:
                raise
            text = f"{account.name} is not let in: {fault.text}"
            raise Fault(Kind.AUTH_FAILED, text) from None

    async def _ask(self, command: commands.Command, refused: Kind) -> Status:
        self._connection.write(commands.encode(command) + b"\r\n")
        return await self._status(refused)

    async def _status(self, refused: Kind) -> Status:
        """The next status line; `refused` is what -ERR means unless it says so itself."""
        try:
            line = await self._line()
            status = responses.parse_status(line[: responses.RESPONSE_LINE_LIMIT - 2])
        except SyntaxFault as fault:
            raise self._foreign(fault.text) from fault
        if status.ok:
            return status
        kind = refused
        if status.code in {"IN-USE", "LOGIN-DELAY"}:
            kind = Kind.IN_USE
        elif status.code == "SYS/TEMP":
            kind = Kind.UNAVAILABLE
        raise Fault(kind, f"{self._remote.place} said: {status.text or 'no'}")

    async def _lines(self) -> AsyncIterator[bytes]:
        """The lines of a list."""
        while True:
            line = await self._line()
            if line == b".":
                return
            yield line.removeprefix(b".")

    async def _line(self) -> bytes:
        self._connection.deadline(self._seconds)
        try:
            return await self._connection.read_line(LINE_MAX, bare_lf=True)
        except LongLine as fault:
            raise self._foreign(fault.text) from fault

    def _foreign(self, why: str) -> Fault:
        self._connection.abort()
        return Fault(Kind.UNAVAILABLE, f"{self._remote.place} does not speak POP3: {why}")
