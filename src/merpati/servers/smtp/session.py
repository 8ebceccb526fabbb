"""An SMTP session: mail in, from anyone (MX) or from our users (submission). RFC 5321, 6409.

The session is one coroutine. It reads a command, looks in the table whether it is legal
now, acts, and queues a reply; replies leave when it next waits for the peer, so a
pipelined transaction costs one packet. A message is answered with 250 only after
`services.accept` has made it durable.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.base.log import Log
from merpati.base.settings import setting
from merpati.model.arrival import Arrival, Origin, Route
from merpati.net.stream import Connection
from merpati.net.tls import CertificateStore
from merpati.servers.smtp.legal import Role, State, check, refusal
from merpati.services.accept import Accept
from merpati.services.login import Login
from merpati.services.route import Router
from merpati.store import directory
from merpati.store.blobs import Spool
from merpati.store.engine import Store
from merpati.wire import sasl
from merpati.wire.smtp import commands, replies
from merpati.wire.smtp.data import DataDecoder
from merpati.wire.smtp.paths import NULL, Path
from merpati.wire.trace import protocol_name

LOOPBACK: Final = ("127.", "::1", "unix", "::ffff:127.")
# What a browser or a worm says that was talked into speaking to a mail port.
FORBIDDEN: Final = frozenset({b"GET", b"POST", b"PUT", b"CONNECT", b"HEAD", b"OPTIONS"})

OK: Final = b"250 2.0.0 OK\r\n"
SENDER_OK: Final = b"250 2.1.0 OK\r\n"
RECIPIENT_OK: Final = b"250 2.1.5 OK\r\n"
GO_AHEAD: Final = b"354 End with a line that is only a dot\r\n"
BYE: Final = b"221 2.0.0 Bye\r\n"
SLOW: Final = b"421 4.4.2 Too slow, closing\r\n"
RESTART: Final = b"421 4.3.2 Restarting, try again in a moment\r\n"
TOO_MANY_ERRORS: Final = b"421 4.7.0 Too many errors, closing\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpSettings:
    """What an SMTP client may do, on the MX and submission ports."""

    message_size: int = setting(52_428_800, "The largest message taken.", unit="bytes")
    recipients: int = setting(1000, "Recipients of one message.", minimum=100)
    errors: int = setting(20, "Refused commands before the connection is closed.")
    command_timeout: int = setting(300, "How long to wait for the next command.", unit="s")
    message_timeout: int = setting(
        1800, "How long one message may take to arrive, however slow the peer.", unit="s"
    )
    messages: int = setting(1000, "Messages taken over one connection.")


@dataclass(frozen=True, slots=True)
class Services:
    """What an SMTP session needs; made once for each worker."""

    hostname: str
    settings: SmtpSettings
    store: Store
    accept: Accept
    router: Router
    login: Login
    certificates: CertificateStore | None
    clock: Clock
    log: Log


class Session:
    """One client's session on one connection."""

    def __init__(
        self, connection: Connection, role: Role, services: Services, login_without_tls: bool
    ) -> None:
        """Prepares; `run` serves.

        `login_without_tls` lets clients on this machine sign in without TLS.
        """
        self._connection = connection
        self._role = role
        self._login_without_tls = login_without_tls
        self._services = services
        self._state = State.CONNECTED
        self._helo = ""
        self._extended = False
        self._account_id = 0
        self._account = ""
        self._own: frozenset[str] = frozenset()
        self._sender = NULL
        self._smtputf8 = False
        self._routes: list[Route] = []
        self._errors = 0
        self._messages = 0
        self._over = False

    async def run(self) -> None:
        """Serve the client until it leaves, is too slow, or makes too many errors."""
        connection = self._connection
        connection.deadline(self._services.settings.command_timeout)
        connection.write(f"220 {self._services.hostname} ESMTP Merpati\r\n".encode())
        try:
            while not (self._over or connection.draining):
                connection.deadline(self._services.settings.command_timeout)
                await self._step()
        except Fault as fault:
            if fault.kind is Kind.TIMEOUT:
                connection.write(SLOW)
            elif fault.kind is not Kind.CLOSED and not connection.draining:
                connection.write(refusal(fault))
        if connection.draining and not self._over:
            connection.write(RESTART)
        await connection.close()

    async def _step(self) -> None:
        """One command and its reply."""
        line = None
        try:
            line = await self._connection.read_line(commands.AUTH_LINE_LIMIT, idle=True)
            if line[:8].split(b" ", 1)[0].upper() in FORBIDDEN:
                self._over = True
                raise SyntaxFault("this is a mail server")
            command = commands.parse(line)
            check(self._state, command)
            await HANDLERS[type(command)](self, command)
        except Fault as fault:
            if fault.kind in {Kind.CLOSED, Kind.TIMEOUT} or self._connection.draining:
                raise
            if line is None:  # 552 would speak of a message
                fault = commands.UnknownCommand(fault.text)
            self._refuse(refusal(fault))

    def _refuse(self, reply: bytes) -> None:
        self._errors += 1
        self._connection.write(reply)
        if self._errors >= self._services.settings.errors and not self._over:
            self._connection.write(TOO_MANY_ERRORS)
            self._over = True

    def _reset(self) -> None:
        self._state = min(self._state, State.GREETED)
        self._sender = NULL
        self._smtputf8 = False
        self._routes = []

    # Greeting and security

    async def _helo_command(self, command: commands.Helo) -> None:
        self._greet(command.name, extended=False)
        self._connection.write(replies.render(250, "", self._services.hostname))

    async def _ehlo(self, command: commands.Ehlo) -> None:
        self._greet(command.name, extended=True)
        lines = [self._services.hostname, *self._extensions()]
        self._connection.write(replies.render(250, "", "\n".join(lines)))

    def _greet(self, name: str, *, extended: bool) -> None:
        self._helo = name
        self._extended = extended
        self._state = State.GREETED
        self._reset()

    def _extensions(self) -> list[str]:
        """What this session offers now."""
        offered = ["PIPELINING", f"SIZE {self._services.settings.message_size}", "8BITMIME",
                   "SMTPUTF8", "ENHANCEDSTATUSCODES"]  # fmt: skip
        if self._services.certificates is not None and self._connection.tls is None:
            offered.append("STARTTLS")
        if self._may_authenticate() and not self._account_id:
            offered.append("AUTH PLAIN LOGIN")
        return offered

    def _may_authenticate(self) -> bool:
        """Passwords travel over TLS, or do not leave this machine."""
        local = self._login_without_tls and self._connection.peer.startswith(LOOPBACK)
        return (local or self._connection.tls is not None) and self._role is not Role.MX

    async def _starttls(self, _command: commands.StartTls) -> None:
        certificates = self._services.certificates
        if self._connection.tls is not None or certificates is None:
            raise Fault(Kind.UNSUPPORTED, "TLS is not available here")
        if self._connection.pending():  # CVE-2021-38371 and its many kin: what follows is injected
            self._over = True
            raise SyntaxFault("nothing may follow STARTTLS before the TLS handshake")
        self._connection.write(b"220 2.0.0 Go ahead\r\n")
        await self._connection.start_tls(certificates.context)
        self._state = State.CONNECTED  # RFC 3207 4.2: everything learnt before is forgotten
        self._helo = ""
        self._account_id, self._account, self._own = 0, "", frozenset()
        self._reset()

    async def _auth(self, command: commands.Auth) -> None:
        if self._role is Role.MX:
            raise Fault(Kind.UNSUPPORTED, "sign in on the submission port, 465 or 587")
        if not self._may_authenticate():
            raise Fault(Kind.TLS_REQUIRED, "use STARTTLS before signing in")
        if self._account_id:
            raise Fault(Kind.BAD_SEQUENCE, "already signed in")
        if command.mechanism not in sasl.MECHANISMS:
            self._refuse(replies.render(504, "5.5.4", "the mechanisms are PLAIN and LOGIN"))
            return
        exchange = sasl.Exchange(command.mechanism, command.initial)
        while exchange.challenge is not None:
            self._connection.write(b"334 %b\r\n" % exchange.challenge)
            exchange.respond(await self._connection.read_line(sasl.RESPONSE_LIMIT + 2))
        given = exchange.credentials
        assert given is not None
        if given.authzid and given.authzid.lower() != given.name.lower():
            raise Fault(Kind.AUTH_FAILED, "acting for another account is not possible")
        account = await self._services.login.verify(
            given.name, given.password, self._connection.peer, "smtp"
        )
        own = await self._services.store.read(directory.addresses, account.id)
        self._account_id, self._account, self._own = account.id, account.address, frozenset(own)
        self._connection.write(b"235 2.7.0 Signed in\r\n")

    # The transaction

    async def _mail(self, command: commands.Mail) -> None:
        settings = self._services.settings
        params = command.params
        if self._role is not Role.MX and not self._account_id:
            raise Fault(Kind.AUTH_REQUIRED, "sign in first")
        if params.others:
            self._refuse(replies.render(555, "5.5.4", f"no parameter {params.others[0][0]}"))
            return
        if params.body is commands.Body.BINARY_MIME:
            raise SyntaxFault("BINARYMIME is not offered")
        if params.size is not None and params.size > settings.message_size:
            text = f"the message may have {settings.message_size} bytes at most"
            raise Fault(Kind.TOO_LARGE, text)
        if self._messages >= settings.messages:
            self._over = True
            self._refuse(replies.render(421, "4.7.0", "enough for one connection; connect again"))
            return
        if not command.path.is_ascii and not params.smtputf8:
            self._refuse(replies.render(553, "5.6.7", "the address needs SMTPUTF8"))
            return
        if self._account_id and not command.path.is_null:
            self._check_own(command.path)
        self._sender = command.path
        self._smtputf8 = params.smtputf8
        self._state = State.MAIL
        self._connection.write(SENDER_OK)

    def _check_own(self, path: Path) -> None:
        """Whoever is signed in sends under an address of that account, or with a +tag of it."""
        address = str(path).lower()
        local, _, domain = address.rpartition("@")
        if address not in self._own and f"{local.partition('+')[0]}@{domain}" not in self._own:
            raise Fault(Kind.DENIED, f"{path} is not an address of {self._account}")

    async def _rcpt(self, command: commands.Rcpt) -> None:
        if command.params.others:
            name = command.params.others[0][0]
            self._refuse(replies.render(555, "5.5.4", f"no parameter {name}"))
            return
        if len(self._routes) >= self._services.settings.recipients:
            self._refuse(replies.render(452, "4.5.3", "too many recipients; send the rest apart"))
            return
        if not command.path.is_ascii and not self._smtputf8:
            self._refuse(replies.render(553, "5.6.7", "the address needs SMTPUTF8"))
            return
        relay = self._account_id != 0
        self._routes.append(await self._services.router.route(command.path, relay=relay))
        self._state = State.RCPT
        self._connection.write(RECIPIENT_OK)

    async def _data(self, _command: commands.Data) -> None:
        services = self._services
        routes = tuple(self._routes)
        origin = self._origin()
        trace_id, spool = services.accept.begin(self._sender, routes, origin)
        try:
            self._connection.write(GO_AHEAD)
            self._connection.deadline(services.settings.message_timeout)
            decoder = await self._receive(spool)
            if decoder.fault is not None:
                self._refuse(replies.render(550, "5.6.0", decoder.fault.text))
            elif decoder.size > services.settings.message_size:
                text = f"the message may have {services.settings.message_size} bytes at most"
                raise Fault(Kind.TOO_LARGE, text)
            else:
                arrival = Arrival(_text(self._sender), routes, origin, self._smtputf8)
                await services.accept.take(trace_id, spool, arrival)
                self._messages += 1
                self._errors = 0  # who brings mail may also bring dead addresses
                self._connection.write(b"250 2.0.0 Taken as %b\r\n" % trace_id.encode())
        finally:
            spool.discard()
            self._reset()

    async def _receive(self, spool: Spool) -> DataDecoder:
        """Read a message to its end, whatever becomes of it, so that the session can go on.

        Raises:
            Fault: what the spool refused, once the end has been read.
        """
        decoder = DataDecoder()
        limit = self._services.settings.message_size
        connection = self._connection
        refused: Fault | None = None
        while not decoder.done:
            for piece in decoder.feed(await connection.read_some()):
                if refused is None and decoder.size <= limit:
                    try:
                        spool.add(piece)
                    except Fault as fault:
                        refused = fault
                else:
                    spool.discard()
        if decoder.rest:
            connection.unread(decoder.rest)
        if refused is not None:
            raise refused
        return decoder

    def _origin(self) -> Origin:
        tls = self._connection.tls
        return Origin(
            peer=self._connection.peer,
            helo=self._helo,
            protocol=protocol_name(
                extended=self._extended,
                tls=tls is not None,
                auth=self._account_id != 0,
                smtputf8=self._smtputf8,
            ),
            tls_version=tls.version if tls else "",
            cipher=tls.cipher if tls else "",
            account_id=self._account_id,
            account=self._account,
        )

    # The rest

    async def _rset(self, _command: commands.Rset) -> None:
        self._reset()
        self._connection.write(OK)

    async def _noop(self, _command: commands.Noop) -> None:
        self._connection.write(OK)

    async def _quit(self, _command: commands.Quit) -> None:
        self._over = True
        self._connection.write(BYE)

    async def _vrfy(self, _command: commands.Vrfy) -> None:
        """RFC 5321 3.5.3: neither yes nor no, so that nobody harvests addresses."""
        self._connection.write(replies.render(252, "2.1.5", "send it, and it will be tried"))

    async def _expn(self, _command: commands.Expn) -> None:
        raise Fault(Kind.UNSUPPORTED, "lists are not expanded for strangers")

    async def _help(self, _command: commands.Help) -> None:
        self._connection.write(replies.render(214, "2.0.0", "RFC 5321 says it all"))


def refuse(fault: Fault) -> bytes:
    """What a client is told that is not let in at all."""
    return replies.render(421, "4.7.0", fault.text)


def _text(path: Path) -> str:
    return "" if path.is_null else str(path)


Handler = Callable[[Session, Any], Awaitable[None]]

HANDLERS: Final[dict[type[msgspec.Struct], Handler]] = {
    commands.Helo: Session._helo_command,
    commands.Ehlo: Session._ehlo,
    commands.StartTls: Session._starttls,
    commands.Auth: Session._auth,
    commands.Mail: Session._mail,
    commands.Rcpt: Session._rcpt,
    commands.Data: Session._data,
    commands.Rset: Session._rset,
    commands.Noop: Session._noop,
    commands.Quit: Session._quit,
    commands.Vrfy: Session._vrfy,
    commands.Expn: Session._expn,
    commands.Help: Session._help,
}
