"""A ManageSieve session: a mail program looks after the scripts of its account. RFC 5804.

The session is one coroutine. It reads a command, looks in the table whether it is legal
now, acts, and queues the answer, which leaves when it next waits for the client: so what
was pipelined is answered in one packet. Literals never ask for leave. One that is too
large is read over, so that its octets are not taken for commands; one that is larger than
anything the session could mean ends it.
"""

from __future__ import annotations

import asyncio
from binascii import a2b_base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.base.log import Log
from merpati.base.networks import THIS_MACHINE
from merpati.base.settings import setting
from merpati.model.account import Account
from merpati.net.stream import Connection
from merpati.net.tls import CertificateStore
from merpati.servers.managesieve.legal import State, capabilities, check, refusal
from merpati.services.login import Login
from merpati.services.scripts import EXTENSIONS, NOTIFY_METHODS, Scripts
from merpati.services.sign_in import Channel, SignIn, channel, offered
from merpati.store import sieve
from merpati.store.engine import Store
from merpati.wire import sasl
from merpati.wire.managesieve import commands, responses, strings
from merpati.wire.managesieve.responses import Code

TURN: Final = 32  # pipelined commands after which other sessions have a turn
DISCARD_FACTOR: Final = 4  # how much more than the largest script is read over
SCRAM_PROOF: Final = b"v="  # RFC 5802 7; no other challenge begins so
PIECES_MAX: Final = 7  # texts and literals of one command
ENDING: Final = frozenset({Kind.CLOSED, Kind.TIMEOUT})


@dataclass(frozen=True, slots=True, kw_only=True)
class ManageSieveSettings:
    """What a ManageSieve client may do."""

    idle_timeout: int = setting(
        1800, "How long a client may say nothing once it is signed in.", unit="s", minimum=1800
    )  # RFC 5804 1.2: thirty minutes at least
    login_timeout: int = setting(180, "How long a client may take to sign in.", unit="s")
    errors: int = setting(20, "Refused commands before the connection is closed.", minimum=1)


@dataclass(frozen=True, slots=True)
class Services:
    """What a ManageSieve session needs; made once for each worker."""

    hostname: str
    settings: ManageSieveSettings
    store: Store
    scripts: Scripts
    login: Login
    certificates: CertificateStore | None
    log: Log


class Session:
    """One client's session on one connection."""

    def __init__(self, connection: Connection, services: Services, login_without_tls: bool) -> None:
        """Prepares; `run` serves.

        `login_without_tls` lets clients on this machine sign in without TLS.
        """
        self._connection = connection
        self._services = services
        self._login_without_tls = login_without_tls
        self._account: Account | None = None
        self._errors = 0
        self._steps = 0
        self._over = False

    async def run(self) -> None:
        """Serve the client until it leaves, is too slow, or makes too many errors."""
        connection, settings = self._connection, self._services.settings
        connection.write(self._greeting())
        connection.deadline(settings.login_timeout)
        try:
            while not self._over:
                if self._account is not None:
                    connection.deadline(settings.idle_timeout)
                await self._step()
        except Fault as fault:  # a client that is gone or too slow, or a restart
            if fault.kind is not Kind.CLOSED:
                connection.write(responses.bye(fault.text, Code.TRYLATER))
        await connection.close()

    async def _step(self) -> None:
        """One command and its answer."""
        self._steps += 1
        if self._steps % TURN == 0:
            await asyncio.sleep(0)
        command: commands.Command | None = None
        try:
            command = commands.parse(await self._read())
            check(self._state, command)
            await HANDLERS[type(command)](self, command)
        except Fault as fault:
            if fault.kind in ENDING or self._connection.draining:
                raise
            self._refuse(fault, signing_in=isinstance(command, commands.Authenticate))

    def _refuse(self, fault: Fault, *, signing_in: bool) -> None:
        self._errors += 1
        if fault.kind is Kind.CORRUPT:
            self._services.log.error("managesieve.corrupt", problem=fault.text)
            fault = Fault(Kind.CORRUPT, "what is stored is damaged; ask your administrator")
        self._connection.write(refusal(fault, signing_in=signing_in))
        if self._errors >= self._services.settings.errors and not self._over:
            self._end("too many errors, closing")

    def _end(self, text: str) -> None:
        self._connection.write(responses.bye(text))
        self._over = True

    # Reading

    async def _read(self) -> list[bytes]:
        """The pieces of one command, its literals read or read over.

        Raises:
            Fault: TOO_LARGE, a literal is; all of it and the rest of its line are read.
        """
        connection = self._connection
        pieces = [await connection.read_line(commands.LINE_LIMIT, idle=True)]
        limit = sieve.SIZE_MAX if self._account is not None else commands.LINE_LIMIT
        if not commands.carries_script(pieces[0]):
            limit = commands.LINE_LIMIT
        too_large = False
        while (size := strings.announced(pieces[-1])) is not None:
            if len(pieces) >= PIECES_MAX:
                self._end("too many literals in one command")
                raise Fault(Kind.CLOSED, "too many literals")
            if size > limit:
                await self._skip(size)
                too_large = True
            pieces.append(b"" if size > limit else await connection.read_exactly(size))
            pieces.append(await connection.read_line(commands.LINE_LIMIT))
        if too_large:
            raise Fault(Kind.TOO_LARGE, f"a literal may have {limit} octets here")
        return pieces

    async def _skip(self, size: int) -> None:
        """Read over a literal that is not wanted. Raises Fault CLOSED, having said BYE."""
        if size > sieve.SIZE_MAX * DISCARD_FACTOR or self._account is None:
            self._end("the literal is far too large")
            raise Fault(Kind.CLOSED, "the literal is far too large")
        while size:
            piece = await self._connection.read_some()
            if len(piece) > size:
                self._connection.unread(piece[size:])
            size -= min(size, len(piece))

    # What is offered

    @property
    def _state(self) -> State:
        return State.SIGNED_OUT if self._account is None else State.SIGNED_IN

    @property
    def _may_sign_in(self) -> bool:
        """Passwords travel over TLS, or do not leave this machine."""
        connection = self._connection
        local = self._login_without_tls and connection.peer in THIS_MACHINE
        return connection.tls is not None or local

    @property
    def _may_start_tls(self) -> bool:
        certificates, tls = self._services.certificates, self._connection.tls
        return certificates is not None and tls is None and self._account is None

    @property
    def _channel(self) -> Channel:
        services = self._services
        return channel(services.login, services.certificates, self._connection.tls)

    def _mechanisms(self) -> list[str]:
        return offered(self._services.login, self._channel) if self._may_sign_in else []

    def _greeting(self) -> bytes:
        return self._capabilities() + responses.ok(f"{self._services.hostname} is ready")

    def _capabilities(self) -> bytes:
        return capabilities(
            self._state,
            mechanisms=self._mechanisms(),
            tls=self._may_start_tls,
            extensions=EXTENSIONS,
            notify=NOTIFY_METHODS,
            redirects=self._services.scripts.settings.redirects,
            owner=self._account.address if self._account is not None else "",
        )

    # The session

    async def _capability(self, _command: commands.Capability) -> None:
        self._connection.write(self._capabilities() + responses.ok())

    async def _noop(self, command: commands.Noop) -> None:
        if command.tag is None:
            self._connection.write(responses.ok())
        else:
            self._connection.write(responses.ok("done", Code.TAG, command.tag))

    async def _logout(self, _command: commands.Logout) -> None:
        self._over = True
        self._connection.write(responses.ok("bye"))

    async def _starttls(self, _command: commands.StartTls) -> None:
        certificates = self._services.certificates
        if not self._may_start_tls or certificates is None:
            raise Fault(Kind.UNSUPPORTED, "TLS is on already, or not available here")
        if self._connection.pending():  # CVE-2011-0411 and its kin: what follows is injected
            self._over = True
            raise SyntaxFault("nothing may follow STARTTLS before the TLS handshake")
        self._connection.write(responses.ok("begin the TLS handshake"))
        await self._connection.start_tls(certificates.asking)
        self._connection.write(self._greeting())  # RFC 5804 2.2: once more, over TLS

    async def _authenticate(self, command: commands.Authenticate) -> None:
        """RFC 5804 2.1."""
        mechanisms = self._mechanisms()
        if not mechanisms:
            raise Fault(Kind.TLS_REQUIRED, "use STARTTLS before signing in")
        if command.mechanism not in mechanisms:
            raise Fault(Kind.UNSUPPORTED, f"the mechanisms are {', '.join(mechanisms)}")
        exchange = SignIn(
            self._services.login, command.mechanism, self._connection.peer, "managesieve",
            self._channel,
        )  # fmt: skip
        # The empty string is an initial response too, which SASL writes as "=".
        initial = command.initial if command.initial != b"" else b"="
        await exchange.begin(initial)
        proof = None
        while exchange.challenge is not None:
            if a2b_base64(exchange.challenge).startswith(SCRAM_PROOF):  # goes with the OK
                proof = exchange.challenge.decode("ascii")
                await exchange.respond(b"")
                break
            self._connection.write(responses.challenge(exchange.challenge))
            await exchange.respond(await self._response())
        self._account = exchange.account
        code = Code.SASL if proof is not None else Code.NONE
        self._connection.write(responses.ok("signed in", code, proof))

    async def _response(self) -> bytes:
        """A string of the client's in AUTHENTICATE."""
        pieces = [await self._connection.read_line(sasl.RESPONSE_LIMIT + 2)]
        size = strings.announced(pieces[0])
        if size is not None:
            if size > sasl.RESPONSE_LIMIT:
                await self._skip(size)
            pieces.append(await self._connection.read_exactly(size))
            pieces.append(await self._connection.read_line(commands.LINE_LIMIT))
        found = strings.tokens(pieces)
        if len(found) != 1 or isinstance(found[0], int | strings.Word):
            raise SyntaxFault("expected a string")
        return found[0].encode() if isinstance(found[0], str) else found[0]

    async def _unauthenticate(self, _command: commands.Unauthenticate) -> None:
        self._account = None
        self._connection.deadline(self._services.settings.login_timeout)
        self._connection.write(responses.ok("signed out"))

    # Scripts

    @property
    def _owner(self) -> int:
        assert self._account is not None  # or the command would not be legal
        return self._account.id

    async def _havespace(self, command: commands.HaveSpace) -> None:
        store = self._services.store
        await store.read(sieve.have_space, self._owner, command.name, command.size)
        self._connection.write(responses.ok())

    async def _putscript(self, command: commands.PutScript) -> None:
        if not command.content:  # RFC 5804 2.6
            raise SyntaxFault("an empty script is not stored; to filter nothing, activate none")
        warnings = await self._services.scripts.put(self._owner, command.name, command.content)
        self._warn(warnings, "stored")

    async def _checkscript(self, command: commands.CheckScript) -> None:
        self._warn(
            await self._services.scripts.check(command.content, self._owner),
            "nothing is wrong with it",
        )

    def _warn(self, warnings: str, else_say: str) -> None:
        if warnings:
            self._connection.write(responses.ok(warnings, Code.WARNINGS))
        else:
            self._connection.write(responses.ok(else_say))

    async def _listscripts(self, _command: commands.ListScripts) -> None:
        found = await self._services.store.read(sieve.scripts, self._owner)
        listing = responses.listing((one.name, one.is_active) for one in found)
        self._connection.write(listing + responses.ok())

    async def _setactive(self, command: commands.SetActive) -> None:
        await self._services.store.write(sieve.activate, self._owner, command.name)
        self._connection.write(responses.ok())

    async def _getscript(self, command: commands.GetScript) -> None:
        content = await self._services.store.read(sieve.source, self._owner, command.name)
        self._connection.write(responses.script(content) + responses.ok())
        await self._connection.drain()

    async def _deletescript(self, command: commands.DeleteScript) -> None:
        await self._services.store.write(sieve.remove, self._owner, command.name)
        self._connection.write(responses.ok())

    async def _renamescript(self, command: commands.RenameScript) -> None:
        await self._services.store.write(sieve.rename, self._owner, command.old, command.new)
        self._connection.write(responses.ok())


def refuse(fault: Fault) -> bytes:
    """What a client is told that is not let in at all."""
    return responses.bye(fault.text, Code.TRYLATER)


Handler = Callable[[Session, Any], Awaitable[None]]

HANDLERS: Final[dict[type[msgspec.Struct], Handler]] = {
    commands.Authenticate: Session._authenticate,
    commands.StartTls: Session._starttls,
    commands.Logout: Session._logout,
    commands.Capability: Session._capability,
    commands.Noop: Session._noop,
    commands.HaveSpace: Session._havespace,
    commands.PutScript: Session._putscript,
    commands.ListScripts: Session._listscripts,
    commands.SetActive: Session._setactive,
    commands.GetScript: Session._getscript,
    commands.DeleteScript: Session._deletescript,
    commands.RenameScript: Session._renamescript,
    commands.CheckScript: Session._checkscript,
    commands.Unauthenticate: Session._unauthenticate,
}
