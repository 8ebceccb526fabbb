"""A POP3 session: a mail program fetches what is in its account's INBOX. RFC 1939, 2449.

The session is one coroutine. It reads a command, looks in the table whether it is legal
now, acts, and queues a response; responses leave when it next waits for the client, so
what was pipelined is answered in one packet. The maildrop is what the INBOX was at login,
and nothing of it is removed before QUIT.

The octets of a message are those stored, so sizes are exact, but for two: a message without CRLF
at its end, which cannot come by SMTP, gets it, and a header with UTF-8 is put into ASCII for
clients that know nothing else. A CR or LF that stands alone stays so; a dot behind one is doubled
(wire/pop3/responses.py), so that no client finds the end of the answer in the middle of a message.
"""

from __future__ import annotations

import asyncio
import mmap
from array import array
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

import msgspec

from merpati.base.clock import Clock, SystemClock
from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.base.log import Log
from merpati.base.networks import THIS_MACHINE
from merpati.base.settings import setting
from merpati.model.account import Account
from merpati.net.stream import Connection
from merpati.net.tls import CertificateStore
from merpati.servers.pop3 import maildrop
from merpati.servers.pop3.legal import State, capabilities, check, refusal, withheld
from merpati.servers.pop3.maildrop import Maildrop, MaildropLock, MaildropLocks
from merpati.services.login import Login
from merpati.services.sign_in import Channel, SignIn, channel, offered
from merpati.store import pop3
from merpati.store.blobs import BlobStore, Stored
from merpati.store.engine import Row, Store
from merpati.wire import sasl
from merpati.wire.mime import downgrade
from merpati.wire.pop3 import commands, responses, words

TURN: Final = 32  # pipelined commands after which other sessions have a turn
AHEAD: Final = 128 * 1024  # octets of messages read at once, for whoever fetches all in a row

OK: Final = responses.ok()
END: Final = b".\r\n"
TOO_MANY_ERRORS: Final = responses.err("too many errors, closing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pop3Settings:
    """What a POP3 client may do."""

    idle_timeout: int = setting(
        600, "How long to wait for the next command.", unit="s", minimum=600
    )  # RFC 1939 3: ten minutes at least
    message_timeout: int = setting(
        1800, "How long a client may take to fetch one large message.", unit="s"
    )
    errors: int = setting(20, "Refused commands before the connection is closed.", minimum=1)


@dataclass(frozen=True, slots=True)
class Services:
    """What a POP3 session needs; made once for each worker."""

    hostname: str
    settings: Pop3Settings
    store: Store
    blob_store: BlobStore
    login: Login
    certificates: CertificateStore | None
    locks: MaildropLocks
    log: Log
    clock: Clock = field(default_factory=SystemClock)


class Session:
    """One client's session on one connection."""

    def __init__(self, connection: Connection, services: Services, login_without_tls: bool) -> None:
        """Prepares; `run` serves.

        `login_without_tls` lets clients on this machine sign in without TLS.
        """
        self._connection = connection
        self._services = services
        self._login_without_tls = login_without_tls
        self._state = State.AUTHORIZATION
        self._without = self._withheld()
        self._name = ""
        self._maildrop = Maildrop(0, (), array("Q"), array("Q"))
        self._ahead: dict[int, Row] = {}  # by UID, of the mailbox of `_last`
        self._last = 0  # the message fetched last
        self._utf8 = False
        self._language = words.DEFAULT
        self._lock: MaildropLock | None = None
        self._errors = 0
        self._steps = 0
        self._over = False

    async def run(self) -> None:
        """Serve the client until it leaves, is too slow, or makes too many errors.

        RFC 1939 3: whoever is too slow is told nothing, as it would be taken for the
        response to the next command; for the same reason nothing is said at a restart.
        """
        connection = self._connection
        settings = self._services.settings
        connection.write(responses.ok(f"{self._services.hostname} POP3 Merpati"))
        try:
            with suppress(Fault):  # a client that is gone or too slow, or a restart
                while not (self._over or connection.draining):
                    connection.deadline(settings.idle_timeout)
                    await self._step()
        finally:
            self._leave()
        await connection.close()

    async def _step(self) -> None:
        """One command and its response."""
        self._steps += 1
        if self._steps % TURN == 0:
            await asyncio.sleep(0)
        connection, limit = self._connection, commands.COMMAND_LINE_LIMIT - 2
        try:
            line = connection.try_line(limit)
            if line is None:
                line = await connection.read_line(limit, idle=True)
            command = commands.parse(line)
            check(self._state, self._without, command)
            await HANDLERS[type(command)](self, command)
        except Fault as fault:
            if fault.kind in {Kind.CLOSED, Kind.TIMEOUT} or self._connection.draining:
                raise
            self._refuse(fault)

    def _refuse(self, fault: Fault) -> None:
        self._errors += fault.kind is not Kind.NOT_FOUND  # IMAP may have removed what is asked for
        if fault.kind is Kind.CORRUPT:
            account = self._maildrop.account_id
            self._services.log.error("pop3.corrupt", account=account, problem=fault.text)
            fault = Fault(Kind.CORRUPT, "what is stored is damaged; ask your administrator")
        self._connection.write(refusal(fault, self._language))
        if self._errors >= self._services.settings.errors and not self._over:
            self._connection.write(TOO_MANY_ERRORS)
            self._over = True

    def _withheld(self) -> frozenset[type]:
        """The commands not offered: passwords travel over TLS, or do not leave this machine."""
        tls = self._connection.tls is not None
        local = self._login_without_tls and self._connection.peer in THIS_MACHINE
        may_start = not tls and self._services.certificates is not None
        return withheld(login=tls or local, tls=may_start)

    def _leave(self) -> None:
        """Let another session have the maildrop."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    # AUTHORIZATION

    def _ok(self, text: str) -> None:
        self._connection.write(responses.ok(words.say(text, self._language)))

    async def _capa(self, _command: commands.Capa) -> None:
        mechanisms = offered(self._services.login, self._channel)
        policy = self._maildrop.policy
        lines = capabilities(self._state, self._without, mechanisms, policy.expire_days)
        text = words.say("what is offered now", self._language)
        self._connection.write(responses.listing(text, lines))

    async def _utf8_on(self, _command: commands.Utf8) -> None:
        self._utf8 = True
        self._ok("UTF-8 it is")

    async def _lang(self, command: commands.Lang) -> None:
        """RFC 6856 3; the answer is in the new language already."""
        if command.tag is None:
            lines = [f"{tag} {name}" for tag, name in words.LANGUAGES.items()]
            text = words.say("the languages are", self._language)
            self._connection.write(responses.listing(text, lines))
            return
        chosen = words.choose(command.tag)
        if chosen is None:
            raise Fault(Kind.UNSUPPORTED, "no such language")
        self._language = chosen
        self._connection.write(responses.ok(f"{chosen} {words.LANGUAGES[chosen]}"))

    @property
    def _channel(self) -> Channel:
        services = self._services
        return channel(services.login, services.certificates, self._connection.tls)

    async def _stls(self, _command: commands.Stls) -> None:
        certificates = self._services.certificates
        assert certificates is not None  # or it would be withheld
        if self._connection.pending():  # CVE-2011-0411 and its kin: what follows is injected
            self._over = True
            raise SyntaxFault("nothing may follow STLS before the TLS handshake")
        self._ok("begin the TLS handshake")
        await self._connection.start_tls(certificates.asking)
        self._state = State.AUTHORIZATION  # RFC 2595 4: what was said before is forgotten
        self._name = ""
        self._without = self._withheld()

    async def _user(self, command: commands.User) -> None:
        """RFC 1939 7 lets a server say yes to any name, so that nobody learns which exist."""
        self._name = command.name
        self._state = State.NAMED
        self._connection.write(OK)

    async def _pass(self, command: commands.Pass) -> None:
        self._state = State.AUTHORIZATION  # RFC 1939 7: after a wrong one, USER comes again
        name, password = sasl.prepare_name(self._name), sasl.prepare_password(command.password)
        peer = self._connection.peer
        await self._signed_in(await self._services.login.verify(name, password, peer, "pop3"))

    async def _auth(self, command: commands.Auth) -> None:
        """RFC 5034 4."""
        services, connection = self._services, self._connection
        mechanisms = offered(services.login, self._channel)
        if command.mechanism is None:  # RFC 1734 as old clients understood it
            connection.write(responses.listing("", mechanisms))
            return
        if command.mechanism not in mechanisms:
            raise Fault(Kind.UNSUPPORTED, f"the mechanisms are {', '.join(mechanisms)}")
        self._state = State.AUTHORIZATION
        exchange = SignIn(services.login, command.mechanism, connection.peer, "pop3", self._channel)
        await exchange.begin(command.initial)
        while exchange.challenge is not None:
            connection.write(responses.challenge(exchange.challenge))
            await exchange.respond(await connection.read_line(sasl.RESPONSE_LIMIT + 2))
        assert exchange.account is not None
        await self._signed_in(exchange.account)

    async def _signed_in(self, account: Account) -> None:
        """The maildrop is locked, and what has expired goes first."""
        services = self._services
        self._lock = services.locks.take(account.id)
        try:
            policy = await services.store.read(pop3.policy, account.id)
            now = int(services.clock.now() * 1000)
            if await services.store.read(pop3.has_expired, account.id, policy, now):
                await services.store.write_long(pop3.expire, account.id, policy, now)
            self._maildrop = await services.store.read(maildrop.load, account.id)
        except Fault:
            self._leave()
            raise
        self._state = State.TRANSACTION
        self._ok(self._summary())

    # TRANSACTION

    def _summary(self) -> str:
        return f"{self._maildrop.count} messages ({self._maildrop.octets} octets)"

    async def _stat(self, _command: commands.Stat) -> None:
        self._connection.write(responses.ok(f"{self._maildrop.count} {self._maildrop.octets}"))

    async def _list(self, command: commands.List) -> None:
        await self._rows(command.number, self._maildrop.scan_listing)

    async def _uidl(self, command: commands.Uidl) -> None:
        await self._rows(command.number, self._maildrop.unique_id_listing)

    async def _rows(self, number: int | None, row: Callable[[int], str]) -> None:
        """The line of one message, or a list with those of all."""
        connection = self._connection
        if number is not None:
            self._maildrop.check(number)
            connection.write(responses.ok(row(number)))
            return
        self._ok(self._summary())
        for n, block in enumerate(self._maildrop.blocks()):
            if n:  # what is long goes out in pieces, others have a turn in between
                await connection.drain()
                await asyncio.sleep(0)
            connection.write("".join([f"{row(each)}\r\n" for each in block]).encode())
        connection.write(END)

    async def _retr(self, command: commands.Retr) -> None:
        await self._message(command.number, None)

    async def _top(self, command: commands.Top) -> None:
        await self._message(command.number, command.lines)

    async def _message(self, number: int, lines: int | None) -> None:
        """A message, or its header and so many lines of its body."""
        drop = self._maildrop
        drop.check(number)
        content = self._services.blob_store.read(await self._stored(number))
        end = len(content) if lines is None else maildrop.top(content, lines)
        if lines is None:
            drop.note_fetched(number)
        if isinstance(content, bytes):
            whole = content[:end] if end < len(content) else content
            if not (self._utf8 or whole.isascii()):
                head = _header_end(whole)
                whole = _in_ascii(whole[:head]) + whole[head:]
            self._connection.write(responses.message(whole))
        else:
            await self._stream(content, end)

    async def _stored(self, number: int) -> Stored:
        """Where a message's bytes are. Raises Fault NOT_FOUND when it was removed meanwhile.

        When messages are fetched one after another, those that follow are read with it.
        """
        drop = self._maildrop
        uid = drop.uid(number)
        row = self._ahead.pop(uid, None) if number == self._last + 1 else None
        if row is None:
            mailbox_id, uids = drop.run(number, AHEAD if number == self._last + 1 else 0)
            store = self._services.store
            rows = await store.read(maildrop.find, drop.account_id, mailbox_id, uids)
            self._ahead = {row[0]: row for row in rows}
            row = self._ahead.pop(uid, None)
        self._last = number
        if row is None:
            text = "no such message, another program has removed it"
            raise Fault(Kind.NOT_FOUND, text)
        _, blob_id, size, location, encoding, data = row
        return Stored(blob_id, size, location, encoding, data or b"")

    async def _stream(self, content: mmap.mmap, end: int) -> None:
        """A large message, no faster than the client takes it."""
        connection = self._connection
        connection.deadline(self._services.settings.message_timeout)
        with content:
            head = b""
            start = 0
            if not self._utf8:
                start = min(_header_end(content), end)
                head = content[:start]
                start, head = (0, b"") if head.isascii() else (start, _in_ascii(head))
            connection.write(responses.ok(f"{len(head) + end - start} octets"))
            pieces: Iterator[bytes] = maildrop.chunks(content, start, end)
            for piece in responses.stuff_pieces(chain((head,), pieces)):
                connection.write(piece)
                await connection.drain()

    async def _dele(self, command: commands.Dele) -> None:
        self._maildrop.check(command.number)
        self._maildrop.mark(command.number)
        self._ok(f"message {command.number} is deleted at QUIT")

    async def _rset(self, _command: commands.Rset) -> None:
        self._maildrop.unmark_all()
        self._ok(self._summary())

    async def _noop(self, _command: commands.Noop) -> None:
        self._connection.write(OK)

    async def _quit(self, _command: commands.Quit) -> None:
        """The UPDATE state (RFC 1939 6). The lock goes first: the next session may come at once.

        When messages cannot be removed all of them stay, and the client is told so.
        """
        self._over = True
        drop = self._maildrop
        try:
            await self._note_fetched()
            if drop.marked:
                await self._services.store.write(maildrop.remove, drop)
        except Fault as fault:
            self._services.log.warning("pop3.kept", account=drop.account_id, problem=fault.text)
            raise Fault(fault.kind, "no message could be deleted, all are still here") from fault
        finally:
            self._leave()
        self._ok("bye")

    async def _note_fetched(self) -> None:
        """What was fetched, when the account's policy asks.

        Only at QUIT: a client that went away may have got but a part, and a policy may hide or
        remove what was fetched.
        """
        drop, services = self._maildrop, self._services
        if not (drop.policy.remembers or drop.policy.mark_seen):
            return
        found = drop.take_fetched()
        if found:
            now = int(services.clock.now() * 1000)
            with suppress(Fault):  # it is then fetched or shown once more, which harms nobody
                await services.store.write(pop3.remember, drop.account_id, drop.policy, found, now)


def _header_end(content: bytes | mmap.mmap) -> int:
    """Where the header ends, its empty line left out; or how much of it is looked at."""
    end = content.find(b"\r\n\r\n", 0, downgrade.HEADER_MAX)
    return end + 2 if end >= 0 else min(len(content), downgrade.HEADER_MAX)


def _in_ascii(head: bytes) -> bytes:
    """A header for a client that has not said UTF8 (RFC 6856 5)."""
    return downgrade.header(head) if downgrade.is_wanted(head) else head


def refuse(fault: Fault) -> bytes:
    """What a client is told that is not let in at all."""
    return responses.err(fault.text, responses.Code.SYS_TEMP)


Handler = Callable[[Session, Any], Awaitable[None]]

HANDLERS: Final[dict[type[msgspec.Struct], Handler]] = {
    commands.Capa: Session._capa,
    commands.Stls: Session._stls,
    commands.User: Session._user,
    commands.Pass: Session._pass,
    commands.Auth: Session._auth,
    commands.Stat: Session._stat,
    commands.List: Session._list,
    commands.Uidl: Session._uidl,
    commands.Retr: Session._retr,
    commands.Top: Session._top,
    commands.Dele: Session._dele,
    commands.Rset: Session._rset,
    commands.Noop: Session._noop,
    commands.Utf8: Session._utf8_on,
    commands.Lang: Session._lang,
    commands.Quit: Session._quit,
}
