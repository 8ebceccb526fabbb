"""An IMAP session (RFC 3501, and the extensions that `legal` lists).

The session is one coroutine. It reads a command with its literals, looks in the table
whether it is legal now, and lets the command's function act on the `Client`. That one
writes untagged responses; here the view is brought up to date and the tagged answer
written. Answers leave when the session next waits, so a pipelined batch costs one packet.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any, Final

from merpati.base.faults import Fault, Kind
from merpati.net.stream import Connection
from merpati.servers.imap import (
    append,
    fetch,
    idle,
    listing,
    mailboxes,
    search,
    store,
)
from merpati.servers.imap.client import Client, Done, ImapSettings, Services
from merpati.servers.imap.legal import (
    ENABLES,
    HOLDS_EXPUNGE,
    capabilities,
    check,
    refusal,
)
from merpati.servers.imap.sync import sync
from merpati.wire import sasl
from merpati.wire.imap import append as append_grammar
from merpati.wire.imap import commands, parser, responses
from merpati.wire.imap.lexer import (
    AFTER_LOGIN,
    BEFORE_LOGIN,
    BadCommand,
    CommandReader,
    Literal,
)
from merpati.wire.imap.parser import BadCharset
from merpati.wire.imap.responses import Condition
from merpati.wire.imap.search import CHARSETS

__all__ = ["ImapSettings", "Services", "Session", "refuse"]

LOOPBACK: Final = ("127.", "::1", "unix", "::ffff:127.")
SERVER_ID: Final[dict[bytes, bytes | None]] = {b"name": b"Merpati"}  # RFC 2971 3.3
TURN: Final = 16  # commands that came together, before other sessions have their turn
ANSWERED: Final = Done("")  # the command has written its own answer
WRONG: Final = frozenset({Kind.SYNTAX, Kind.BAD_SEQUENCE, Kind.AUTH_FAILED})
ENDS: Final = frozenset({Kind.CLOSED, Kind.TIMEOUT})


class Session:
    """One client's session on one connection."""

    __slots__ = ("_client", "_connection", "_errors", "_services")

    def __init__(self, connection: Connection, services: Services, login_without_tls: bool) -> None:
        """Prepares; `run` serves.

        `login_without_tls` lets clients on this machine sign in without TLS.
        """
        self._connection = connection
        self._services = services
        self._client = Client(connection, services, login_without_tls=login_without_tls)
        self._errors = 0

    async def run(self) -> None:
        """Serve the client until it leaves, is silent for too long, or makes too many errors."""
        client, connection = self._client, self._connection
        connection.deadline(self._services.settings.login_timeout)
        code = responses.capability_code(offered(client))
        connection.write(responses.untagged(Condition.OK, "Merpati is ready", code))
        try:
            turn = 0
            while not (client.over or connection.draining):
                if client.account_id:
                    connection.deadline(self._services.settings.idle_timeout)
                await self._step()
                turn += 1
                if turn % TURN == 0:
                    await asyncio.sleep(0)
        except Fault as fault:
            if fault.kind is Kind.TIMEOUT:
                client.end("nothing was said for too long")
            elif fault.kind is not Kind.CLOSED and not connection.draining:
                raise
        finally:
            client.close()
        if connection.draining and not client.over:
            client.end("restarting, connect again in a moment")
        await connection.close()

    async def _step(self) -> None:
        """One command and its answer."""
        tag: bytes | None = None
        try:
            reader = CommandReader(AFTER_LOGIN if self._client.account_id else BEFORE_LOGIN)
            command = await self._read(reader)
            tag = command.tag
            check(self._client.state, command)
            await self._obey(reader, command)
            if self._client.account_id:
                self._errors = 0
        except BadCharset as fault:
            code = responses.badcharset(CHARSETS)
            self._refuse(responses.tagged(fault.tag or b"*", Condition.NO, fault.text, code))
        except BadCommand as fault:
            self._refuse(refusal(fault.tag, fault), wrong=True)
        except Fault as fault:
            if fault.kind in ENDS or self._connection.draining:
                raise
            self._refuse(refusal(tag, fault), wrong=tag is None or fault.kind in WRONG)

    async def _read(self, reader: CommandReader) -> commands.Command:
        """The next command; an APPEND up to its first message.

        Raises:
            BadCommand: it is none; its literals have been read or will not come.
            Fault: as `Connection.read_line`.
        """
        connection = self._connection
        literal = reader.feed(await connection.read_line(reader.limits.line, idle=True))
        while literal is not None:
            if self._client.account_id and reader.head()[1] == b"APPEND" and not reader.refused:
                try:
                    command = append_grammar.first(reader, literal)
                except BadCommand as fault:
                    if literal.synchronising:
                        raise
                    await append.skip(self._client, literal.size)
                    reader.skip(fault.text)
                else:
                    if command is not None:
                        return command
                    await self._literal(reader, literal)
            else:
                await self._literal(reader, literal)
            literal = reader.feed(await connection.read_line(reader.limits.line))
        return parser.parse(reader)

    async def _literal(self, reader: CommandReader, literal: Literal) -> None:
        """Take a literal into the command."""
        if literal.fits:
            if literal.synchronising:
                self._connection.write(append.GO_AHEAD)
            reader.fill(await self._connection.read_exactly(literal.size))
        elif literal.synchronising:
            raise BadCommand("this literal is too long", reader.head()[0])
        else:
            if not self._client.account_id and literal.size > BEFORE_LOGIN.total:
                self._client.end("sign in before sending that much")
                raise Fault(Kind.CLOSED, "a long literal before signing in")
            await append.skip(self._client, literal.size)
            reader.skip("this literal is too long")

    async def _obey(self, reader: CommandReader, command: commands.Command) -> None:
        client = self._client
        if isinstance(command, commands.Append):
            done = await append.receive(client, reader, command)
        else:
            done = await HANDLERS[type(command)](client, command)
        if done is ANSWERED or client.over:
            return
        if client.view is not None:
            uid = getattr(command, "uid", False)
            holds = type(command) in HOLDS_EXPUNGE and not uid
            expunge = not (holds or self._connection.pending())
            if client.changed or (client.view.held and expunge) or type(command) in LOOKS:
                await sync(client, expunge=expunge, uid=uid)
        if not client.over:
            self._connection.write(
                responses.tagged(command.tag, Condition.OK, done.text, done.code)
            )

    def _refuse(self, answer: bytes, *, wrong: bool = False) -> None:
        self._connection.write(answer)
        self._errors += wrong
        if self._errors >= self._services.settings.errors and not self._client.over:
            self._client.end("too many wrong commands")


def refuse(fault: Fault) -> bytes:
    """What a client is told that is not let in at all."""
    return responses.untagged(Condition.BYE, fault.text)


# In any state


def offered(client: Client) -> tuple[bytes, ...]:
    """The capabilities that this client is offered now."""
    return capabilities(
        client.state,
        starttls=client.services.certificates is not None and client.connection.tls is None,
        login=_may_login(client),
        append_limit=client.services.settings.message_size,
    )


async def _capability(client: Client, _command: commands.Capability) -> Done:
    client.connection.write(responses.capability(offered(client)))
    return Done("CAPABILITY completed")


async def _noop(_client: Client, _command: commands.Noop) -> Done:
    return Done("NOOP completed")


async def _check(_client: Client, _command: commands.Check) -> Done:
    return Done("CHECK completed")


async def _logout(client: Client, command: commands.Logout) -> Done:
    client.end("see you")
    client.connection.write(responses.tagged(command.tag, Condition.OK, "LOGOUT completed"))
    return ANSWERED


async def _id(client: Client, _command: commands.Id) -> Done:
    client.connection.write(responses.server_id(SERVER_ID))
    return Done("ID completed")


async def _enable(client: Client, command: commands.Enable) -> Done:
    """RFC 5161; QRESYNC brings CONDSTORE (RFC 7162 3.2.3)."""
    enabled = [name for name in ENABLES if name in command.capabilities]
    client.qresync |= b"QRESYNC" in enabled
    if enabled:
        client.enable_condstore()
    client.connection.write(responses.enabled(enabled))
    return Done("ENABLE completed")


# Signing in


def _may_login(client: Client) -> bool:
    """Passwords travel over TLS, or do not leave this machine."""
    local = client.login_without_tls and client.connection.peer.startswith(LOOPBACK)
    return local or client.connection.tls is not None


async def _starttls(client: Client, command: commands.StartTls) -> Done:
    """RFC 3501 6.2.1. What follows in clear text is not ours to obey (CVE-2011-0411)."""
    certificates = client.services.certificates
    if certificates is None or client.connection.tls is not None:
        raise Fault(Kind.BAD_SEQUENCE, "TLS is not available here")
    connection = client.connection
    if connection.pending():
        client.end("nothing may follow STARTTLS before the TLS handshake")
        return ANSWERED
    connection.write(responses.tagged(command.tag, Condition.OK, "begin the TLS handshake"))
    await connection.start_tls(certificates.context)
    return ANSWERED


async def _login(client: Client, command: commands.Login) -> Done:
    if not _may_login(client):
        raise Fault(Kind.TLS_REQUIRED, "use STARTTLS before signing in")
    name = sasl.prepare_name(command.user)
    return await _sign_in(client, name, sasl.prepare_password(command.password))


async def _authenticate(client: Client, command: commands.Authenticate) -> Done:
    if not _may_login(client):
        raise Fault(Kind.TLS_REQUIRED, "use STARTTLS before signing in")
    mechanism = command.mechanism.decode("ascii")
    if mechanism not in sasl.MECHANISMS:
        raise Fault(Kind.UNSUPPORTED, "the mechanisms are PLAIN and LOGIN")
    initial = None
    if command.initial is not None:
        initial = b64encode(command.initial) or b"="
    exchange = sasl.Exchange(mechanism, initial)
    while exchange.challenge is not None:
        client.connection.write(responses.challenge(exchange.challenge))
        exchange.respond(await client.connection.read_line(sasl.RESPONSE_LIMIT + 2))
    given = exchange.credentials
    assert given is not None
    if given.authzid and given.authzid.lower() != given.name.lower():
        raise Fault(Kind.AUTH_FAILED, "acting for another account is not possible")
    return await _sign_in(client, given.name, given.password)


async def _sign_in(client: Client, name: str, password: str) -> Done:
    account = await client.services.login.verify(name, password, client.connection.peer, "imap")
    client.account_id, client.account = account.id, account.address
    return Done("signed in", responses.capability_code(offered(client)))


# After these the client is told of changes even if none was announced.
LOOKS: Final = frozenset({commands.Noop, commands.Check})

Handler = Callable[[Client, Any], Awaitable[Done]]

HANDLERS: Final[dict[type[commands.Command], Handler]] = {
    commands.Capability: _capability,
    commands.Noop: _noop,
    commands.Logout: _logout,
    commands.Id: _id,
    commands.Enable: _enable,
    commands.StartTls: _starttls,
    commands.Authenticate: _authenticate,
    commands.Login: _login,
    commands.Namespace: mailboxes.namespace,
    commands.Select: mailboxes.select,
    commands.Create: mailboxes.create,
    commands.Delete: mailboxes.delete,
    commands.Rename: mailboxes.rename,
    commands.Subscribe: mailboxes.subscribe,
    commands.Unsubscribe: mailboxes.unsubscribe,
    commands.List: listing.list_,
    commands.Lsub: listing.lsub,
    commands.Status: mailboxes.status,
    commands.Idle: idle.idle,
    commands.Check: _check,
    commands.Close: mailboxes.close,
    commands.Unselect: mailboxes.unselect,
    commands.Expunge: store.expunge,
    commands.Search: search.search,
    commands.Fetch: fetch.fetch,
    commands.Store: store.store,
    commands.Copy: store.copy,
    commands.Move: store.move,
}
