"""An IMAP client that copies mailboxes: sign in, list, look, fetch, mark, remove.

One command at a time, each with a deadline for every answer. Bodies are streamed to wherever the
caller wants them and never held, so the size of a message does not matter. The grammar is
`wire/imap/client_responses.py`.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import msgspec

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.net import remote as remotes
from merpati.net.stream import LongLine
from merpati.wire import scram_client
from merpati.wire.imap import client_responses, sets, strings
from merpati.wire.imap.client_responses import (
    Continuation,
    Data,
    Folder,
    Message,
    Namespaces,
    Response,
    ResponseReader,
    Status,
)
from merpati.wire.sasl import Credentials, plain_response

if TYPE_CHECKING:
    from merpati.net.reaper import Reaper
    from merpati.net.remote import Account, Remote
    from merpati.net.stream import Connection

SECONDS: Final = 120.0  # to wait for a server to say anything
SET_MAX: Final = 4000  # octets of a set of UIDs in one command; servers take 8,000 (RFC 2683)
GREETINGS_MAX: Final = 10_000  # untagged responses that a command may have before its answer
ANSWERS_MAX: Final = 5_000_000  # responses to a FETCH


class Sink(Protocol):
    """Takes a body as it comes."""

    size: int

    def add(self, chunk: bytes) -> None:
        """The next octets."""

    def discard(self) -> None:
        """Forget it."""


S = TypeVar("S", bound=Sink)


class Selected(msgspec.Struct, frozen=True):
    """A mailbox that is open."""

    exists: int
    uidvalidity: int
    uidnext: int  # 0: the server does not say


class ImapClient:
    """A session with one server.

    Attributes:
        capabilities: in capitals, as of the last time the server told.
    """

    def __init__(self, connection: Connection, remote: Remote, seconds: float = SECONDS) -> None:
        self._connection = connection
        self._remote = remote
        self._seconds = seconds
        self._tags = 0
        self._user = ""
        self.capabilities: frozenset[bytes] = frozenset()

    @classmethod
    async def connect(
        cls, remote: Remote, account: Account, reaper: Reaper, seconds: float = SECONDS
    ) -> ImapClient:
        """Signed in.

        Raises:
            Fault: UNAVAILABLE, TIMEOUT, CLOSED; TLS_REQUIRED when it offers no STARTTLS;
                AUTH_FAILED, with its own words.
        """
        connection = await remotes.open_connection(remote, reaper, seconds)
        client = cls(connection, remote, seconds)
        try:
            await client._begin()
            await client._sign_in(account)
        except BaseException:
            connection.abort()
            raise
        return client

    async def close(self) -> None:
        """Say goodbye, if anybody listens."""
        try:
            self._connection.deadline(5.0)
            await self._run(b"LOGOUT")
        except Fault:
            pass
        self._connection.abort()

    async def folders(self) -> list[Folder]:
        """Every mailbox that LIST tells of."""
        told = await self._run(b'LIST "" "*"')
        found = (client_responses.folder(one) for one in told if one.name == b"LIST")
        return [one for one in found if one is not None]

    async def namespaces(self) -> Namespaces | None:
        """Whose mailboxes are where; None when the server does not know."""
        if b"NAMESPACE" not in self.capabilities:
            return None
        for data in await self._run(b"NAMESPACE"):
            if data.name == b"NAMESPACE":
                return client_responses.namespaces(data)
        return None

    async def select(self, name: bytes, *, read_only: bool) -> Selected:
        """Open a mailbox. Raises Fault NOT_FOUND with the server's words when it will not."""
        command = (b"EXAMINE " if read_only else b"SELECT ") + _mailbox(name)
        exists, numbers = 0, {b"UIDVALIDITY": 0, b"UIDNEXT": 0}
        async for response in self._command(command, Kind.NOT_FOUND):
            if isinstance(response, Data) and response.name == b"EXISTS":
                exists = response.number
            elif isinstance(response, Status) and response.code in numbers:
                value = response.arguments
                numbers[response.code] = int(value) if value.isdigit() and len(value) < 20 else 0
        return Selected(exists, numbers[b"UIDVALIDITY"], numbers[b"UIDNEXT"])

    async def survey(self, items: bytes = b"UID FLAGS") -> list[Message]:
        """What FETCH tells of every message of the open mailbox, by UID."""
        found: dict[int, Message] = {}
        command = b"UID FETCH 1:* (" + items + b")"
        async for response in self._command(command, most=ANSWERS_MAX):
            if isinstance(response, Data) and response.name == b"FETCH":
                one = client_responses.message(response)
                if one.uid is not None:
                    found[one.uid] = one
        return [found[uid] for uid in sorted(found)]

    async def fetch(
        self, uids: Sequence[int], make: Callable[[], S]
    ) -> AsyncIterator[tuple[Message, S]]:
        r"""Messages of the open mailbox and where their octets went, in the server's order.

        They are not marked as \Seen. Messages that are gone by now do not come.

        Args:
            uids: Ascending.
            make: Makes a sink for the next message.
        """
        sinks: list[S] = []

        def sink() -> S:
            sinks.append(make())
            return sinks[-1]

        try:
            for part in _sets(uids):
                command = b"UID FETCH " + part + b" (UID FLAGS INTERNALDATE BODY.PEEK[])"
                async for response in self._command(command, sink=sink, most=ANSWERS_MAX):
                    if not isinstance(response, Data) or response.name != b"FETCH":
                        continue
                    one = client_responses.message(response)
                    if one.body is not None and not sinks:  # a short one, as a quoted string
                        sink().add(one.body)
                    if one.uid is not None and sinks:
                        yield one, sinks.pop(0)
                    while sinks:
                        sinks.pop().discard()
        finally:
            while sinks:  # the server ended the session in the middle of one
                sinks.pop().discard()

    async def remove(self, uids: Sequence[int]) -> None:
        """Delete messages of the open mailbox, and no others where the server knows UIDPLUS."""
        for part in _sets(uids):
            await self._run(b"UID STORE " + part + rb" +FLAGS.SILENT (\Deleted)")
            if b"UIDPLUS" in self.capabilities or b"IMAP4REV2" in self.capabilities:
                await self._run(b"UID EXPUNGE " + part)
            else:
                await self._run(b"EXPUNGE")

    # Signing in

    async def _begin(self) -> None:
        greeting = await self._response()
        if not isinstance(greeting, Status) or greeting.word not in {b"OK", b"PREAUTH"}:
            said = greeting.text if isinstance(greeting, Status) else "something else than IMAP"
            raise Fault(Kind.UNAVAILABLE, f"{self._remote.place} said: {said}")
        await self._ask_capabilities()
        if self._remote.security == "starttls":
            if b"STARTTLS" not in self.capabilities:
                raise Fault(Kind.TLS_REQUIRED, f"{self._remote.place} offers no STARTTLS")
            await self._run(b"STARTTLS")
            await remotes.encrypt(self._connection, self._remote)
            await self._ask_capabilities()

    async def _ask_capabilities(self) -> None:
        for data in await self._run(b"CAPABILITY"):
            if data.name == b"CAPABILITY":
                words = (word.upper() for word in data.values if isinstance(word, bytes))
                self.capabilities = frozenset(words)

    async def _sign_in(self, account: Account) -> None:
        offered = self.capabilities
        self._user = account.master or account.name
        if b"AUTH=SCRAM-SHA-256" in offered and not account.master:
            await self._scram(account)
        elif b"AUTH=PLAIN" in offered:
            authzid = account.name if account.master else ""
            credentials = Credentials(authzid, account.master or account.name, account.password)
            await self._authenticate(b"PLAIN", [lambda _: plain_response(credentials)])
        elif account.master:
            text = f"{self._remote.place} offers no AUTH=PLAIN, which a master user needs"
            raise Fault(Kind.UNSUPPORTED, text)
        elif b"LOGINDISABLED" in offered:
            text = f"{self._remote.place} takes no password here; use TLS"
            raise Fault(Kind.TLS_REQUIRED, text)
        else:
            name, password = account.name.encode(), account.password.encode()
            await self._login(name, password)
        await self._ask_capabilities()

    async def _login(self, name: bytes, password: bytes) -> None:
        """LOGIN with literals where quotes will not do."""
        pieces = [b"LOGIN "]
        for word in (strings.astring(name), b" ", strings.astring(password)):
            head, literal, tail = word.partition(b"}\r\n")
            pieces[-1] += head + (b"}" if literal else b"")
            if literal:
                pieces.append(tail)
        async for _ in self._command(pieces[0], Kind.AUTH_FAILED, more=pieces[1:]):
            pass

    async def _scram(self, account: Account) -> None:
        exchange = scram_client.ScramClient(
            account.name, account.password, secrets.token_urlsafe(18)
        )

        def check(challenge: bytes) -> bytes:
            exchange.check(challenge)
            return b""

        await self._authenticate(
            b"SCRAM-SHA-256",
            [
                lambda _: b64encode(exchange.first()),
                lambda challenge: b64encode(exchange.final(challenge)),
                check,
            ],
        )

    async def _authenticate(
        self, mechanism: bytes, answers: list[Callable[[bytes], bytes]]
    ) -> None:
        tag = self._send(b"AUTHENTICATE " + mechanism)
        waiting = list(answers)
        while True:
            response = await self._response()
            if isinstance(response, Continuation):
                if not waiting:
                    raise Fault(Kind.AUTH_FAILED, f"{self._remote.place} asks for more to sign in")
                self._connection.write(waiting.pop(0)(_decoded(response.text)) + b"\r\n")
            elif isinstance(response, Status) and response.tag == tag:
                self._check(response, Kind.AUTH_FAILED)
                if waiting and mechanism != b"PLAIN":
                    text = f"{self._remote.place} did not prove that it knows the password"
                    raise Fault(Kind.AUTH_FAILED, text)
                return

    # Commands

    async def _run(self, command: bytes) -> list[Data]:
        """A command's data, all of it; for answers that are short."""
        return [one async for one in self._command(command) if isinstance(one, Data)]

    async def _command(
        self,
        command: bytes,
        refused: Kind = Kind.DENIED,
        *,
        more: Sequence[bytes] = (),
        sink: Callable[[], Sink] | None = None,
        most: int = GREETINGS_MAX,
    ) -> AsyncIterator[Response]:
        """What a server says to a command, up to its answer.

        Args:
            command: Without tag and CRLF.
            refused: What NO means.
            more: Lines that follow, each when the server waits for it.
            sink: Makes what takes a body.
            most: Responses before the answer.
        """
        tag = self._send(command)
        lines = list(more)
        for _ in range(most):
            response = await self._response(sink)
            if isinstance(response, Continuation):
                if not lines:
                    raise Fault(Kind.SYNTAX, f"{self._remote.place} waits for what does not come")
                self._connection.write(lines.pop(0) + b"\r\n")
            elif isinstance(response, Status) and response.tag:
                if response.tag != tag:
                    raise Fault(Kind.SYNTAX, f"{self._remote.place} answers what was not asked")
                self._check(response, refused)
                yield response
                return
            elif isinstance(response, Status) and response.word == b"BYE" and command != b"LOGOUT":
                text = f"{self._remote.place} ends the session: {response.text}"
                raise Fault(Kind.CLOSED, text)
            else:
                yield response
        raise Fault(Kind.TOO_MANY, f"{self._remote.place} does not stop telling")

    def _send(self, command: bytes) -> bytes:
        self._tags += 1
        tag = b"m%d" % self._tags
        self._connection.write(tag + b" " + command + b"\r\n")
        return tag

    def _check(self, status: Status, refused: Kind) -> None:
        if status.word == b"OK":
            return
        kind = {b"NO": refused}.get(status.word, Kind.UNSUPPORTED)
        if status.code in {b"UNAVAILABLE", b"INUSE", b"LIMIT", b"SERVERBUG"}:
            kind = Kind.UNAVAILABLE
        if kind is Kind.AUTH_FAILED:
            text = f"{self._remote.place} does not let {self._user} in: {status.text}"
            raise Fault(kind, text)
        raise Fault(kind, f"{self._remote.place} said: {status.text}")

    async def _response(self, sink: Callable[[], Sink] | None = None) -> Response:
        """The next response; a body goes to a sink as it comes."""
        connection = self._connection
        reader = ResponseReader()
        try:
            while True:
                connection.deadline(self._seconds)
                line = await connection.read_line(client_responses.LINE_MAX, bare_lf=True)
                size = reader.feed(line)
                if size is None:
                    return client_responses.parse(reader.parts)
                if sink is not None and reader.is_body:
                    await self._stream(size, sink())
                    reader.leave()
                else:
                    reader.check(size)
                    reader.fill(await connection.read_exactly(size))
        except (SyntaxFault, LongLine) as fault:
            text = f"{self._remote.place} does not speak IMAP: {fault.text}"
            raise Fault(Kind.UNAVAILABLE, text) from fault

    async def _stream(self, size: int, sink: Sink) -> None:
        connection = self._connection
        patience = remotes.Patience(self._remote, connection, self._seconds)
        patience.wait(size)  # it may say itself that it is too large
        while size > 0:
            patience.wait(sink.size)
            piece = await connection.read_some()
            if len(piece) > size:
                connection.unread(piece[size:])
                piece = piece[:size]
            size -= len(piece)
            sink.add(piece)


def _mailbox(name: bytes) -> bytes:
    """A mailbox's name as it goes back; servers write them in ASCII or, leniently, in UTF-8."""
    return b'"' + name.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _sets(uids: Sequence[int]) -> list[bytes]:
    """Ascending UIDs as sets that each fit into a command."""
    found = []
    first = 0
    step = 300
    while first < len(uids):
        part = sets.compress(uids[first : first + step])
        assert len(part) <= SET_MAX
        found.append(part)
        first += step
    return found


def _decoded(text: bytes) -> bytes:
    try:
        return a2b_base64(text)
    except Base64Error:
        raise SyntaxFault("a challenge is not base64") from None
