"""Outbound SMTP (RFC 5321): from a host's addresses to a session that sends messages.

`connect` goes through a host's addresses until one lets us in, negotiates TLS
and logs in where that is wanted. The `Session` then takes one message after
another (`smtp_transaction` has the dialogue of each). What a server does is never
an exception once the session stands: every recipient gets a `Result`. Before
that it is `Refused`, which makes the same results for any recipients.

Where TLS is opportunistic (RFC 7435) a failed handshake must not cost the
message: `Refused.retry_without_tls` says that the caller may connect again
with `TlsMode.NEVER`. Bytes slipped in before the handshake are an attack and
are not rewarded with clear text.
"""

from __future__ import annotations

import base64
import secrets
from enum import Enum
from typing import TYPE_CHECKING, Final

import msgspec

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.model.delivery import Outcome, Result
from merpati.net import connect as tcp
from merpati.net.smtp_link import Link, Timeouts
from merpati.net.smtp_transaction import Transaction
from merpati.wire import scram_client
from merpati.wire.smtp import commands

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from merpati.model.envelope import Envelope
    from merpati.net.reaper import Reaper
    from merpati.net.smtp_transaction import Content
    from merpati.net.tls import TlsInfo
    from merpati.wire.smtp.replies import Reply


class TlsMode(Enum):
    """How much encryption is asked for."""

    NEVER = "never"
    OPPORTUNISTIC = "opportunistic"  # when offered (RFC 7435)
    REQUIRED = "required"  # or no session; the context says whom to believe
    IMPLICIT = "implicit"  # from the first octet (RFC 8314 3.3)


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """What to do about TLS.

    Attributes:
        mode: how much of it.
        context: whom to believe in the handshake.
        server_name: for SNI and verification, else the host.
        check: looks at the certificates presented (DER, leaf first) after the handshake and
            raises a `Fault` when they will not do; the server is verified otherwise.
        trust: who vouches for a server that got through all of this, in words; with
            `TlsMode.NEVER`, why nobody does.
    """

    mode: TlsMode = TlsMode.NEVER
    context: ssl.SSLContext | None = None
    server_name: str = ""
    check: Callable[[Sequence[bytes]], None] | None = None
    trust: str = ""


class Credentials(msgspec.Struct, frozen=True):
    """A name and password for a relay; given over TLS only, unless told otherwise."""

    user: str
    password: str
    in_clear_text: bool = False

    def __repr__(self) -> str:
        """Without the password."""
        return f"Credentials({self.user!r})"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How a session is to be begun.

    Attributes:
        helo: our own name, which should resolve to the address we connect from.
        sources: addresses to connect from; the first of the peer's family counts.
        lmtp: LHLO and a reply per recipient after the message (RFC 2033).
    """

    helo: str
    tls: Tls = Tls()
    timeouts: Timeouts = Timeouts()
    credentials: Credentials | None = None
    sources: tuple[str, ...] = ()
    lmtp: bool = False


class Refused(Fault):
    """No session came about.

    Kinds: UNAVAILABLE (temporary: unreachable, broken off, 4yz), DENIED (5yz),
    TLS_REQUIRED (temporary), AUTH_FAILED (temporary: the configuration is to be mended).

    Attributes:
        retry_without_tls: the handshake failed, and TLS was only opportunistic.
    """

    def __init__(self, kind: Kind, why: Result, *, retry_without_tls: bool = False) -> None:
        super().__init__(kind, why.text)
        self.why: Final = why
        self.retry_without_tls: Final = retry_without_tls

    @property
    def outcome(self) -> Outcome:
        """Temporary or permanent."""
        return self.why.outcome

    def results(self, envelope: Envelope) -> list[Result]:
        """The same end for every recipient."""
        return [
            msgspec.structs.replace(self.why, recipient=recipient.address)
            for recipient in envelope.recipients
        ]


async def connect(
    reaper: Reaper, host: str, addresses: Sequence[str], port: int, options: Options
) -> Session:
    """A session with the first of the host's addresses that grants one.

    Raises `Refused` when none does: with a temporary reason if any was
    temporary, for a later attempt may then go well.
    """
    refusals: list[Refused] = []
    for address in addresses:
        try:
            return await _connect(reaper, host, address, port, options)
        except Refused as refused:
            refusals.append(refused)
            if refused.kind is Kind.AUTH_FAILED:
                break  # trying on would look like guessing passwords
    if not refusals:
        text = f"{host} has no address to connect to."
        raise Refused(Kind.UNAVAILABLE, Result("", Outcome.TEMPORARY, "4.4.4", text, host=host))
    # The one that tells the caller most of what it may still try.
    raise min(refusals, key=lambda r: (not r.retry_without_tls, r.outcome is Outcome.PERMANENT))


async def connect_unix(reaper: Reaper, path: str, options: Options) -> Session:
    """A session over a Unix socket.

    Raises `Refused` when there is none.
    """
    try:
        connection = await tcp.connect_unix(reaper, path, within=options.timeouts.connect)
    except Fault as fault:
        why = Result("", Outcome.TEMPORARY, "4.4.1", fault.text, host="localhost", address=path)
        raise Refused(Kind.UNAVAILABLE, why) from None
    return await _open(
        Link(connection, "localhost", path, options.timeouts, lmtp=options.lmtp), options
    )


async def _connect(reaper: Reaper, host: str, address: str, port: int, options: Options) -> Session:
    source = next((s for s in options.sources if (":" in s) == (":" in address)), None)
    label = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    try:
        connection = await tcp.connect(
            reaper, address, port, source=source, within=options.timeouts.connect
        )
    except Fault as fault:
        why = Result("", Outcome.TEMPORARY, "4.4.1", fault.text, host=host, address=label)
        raise Refused(Kind.UNAVAILABLE, why) from None
    return await _open(Link(connection, host, label, options.timeouts, lmtp=options.lmtp), options)


async def _open(link: Link, options: Options) -> Session:
    try:
        await _Opening(link, options).run()
    except Refused:
        link.abandon()
        raise
    except Fault as fault:
        why = link.own_result("", Outcome.TEMPORARY, "4.4.2", fault.text)
        raise Refused(Kind.UNAVAILABLE, why) from None
    except BaseException:
        link.abandon()
        raise
    return Session(link)


class Session:
    """A standing session; one message at a time.

    Attributes:
        sent: messages given to `send` so far.
        is_final: it delivers to mailboxes, as LMTP servers do.
    """

    __slots__ = ("_link", "_opened", "is_final", "sent")

    def __init__(self, link: Link) -> None:
        self._link = link
        self._opened: tuple[Envelope, Transaction] | None = None  # behind the last message
        self.sent = 0
        self.is_final = link.lmtp

    @property
    def usable(self) -> bool:
        """Whether another message may be sent; if not, only `quit` or `abort`."""
        return self._link.usable

    @property
    def host(self) -> str:
        """The server's name."""
        return self._link.host

    @property
    def address(self) -> str:
        """The server's address and port."""
        return self._link.address

    @property
    def tls(self) -> TlsInfo | None:
        """What TLS agreed on, if it is in use."""
        return self._link.connection.tls

    @property
    def features(self) -> dict[str, str]:
        """EHLO keywords in upper case, with their parameters."""
        return self._link.features

    async def send(
        self,
        envelope: Envelope,
        content: Content,
        *,
        just_send_8bit: bool = False,
        following: Envelope | None = None,
    ) -> list[Result]:
        """Sends one message; one result per recipient, in their order.

        `content` gives the message in chunks, with CRLF line ends and nothing
        stuffed. `just_send_8bit` sends 8-bit content also to servers without
        8BITMIME, which RFC 6152 3 forbids and nearly all of them take.

        `following` is the envelope of the message that comes next: where the server takes
        it, its commands leave together with the end of this one. It is then the only
        message that the session can send next.

        Raises only what reading `content` raises other than a `Fault`; the
        connection is then closed, and the server has taken nothing.
        """
        self.sent += 1
        link, opened = self._link, self._opened
        self._opened = None
        if opened is None:
            transaction = Transaction(link, envelope, just_send_8bit=just_send_8bit)
        else:
            assert opened[0] is envelope, "the server waits for another message"
            transaction = opened[1]
        if following is None:
            return await transaction.run(content)
        coming = Transaction(link, following, just_send_8bit=just_send_8bit)
        results = await transaction.run(content, coming.announce())
        if transaction.has_opened and link.usable:
            self._opened = following, coming
        return results

    async def reset(self) -> bool:
        """Asks an idle session whether it still stands (RSET); `usable` afterwards."""
        try:
            reply = await self._link.command(b"RSET", self._link.timeouts.quit)
        except Fault:
            return False
        if not reply.positive:
            self._link.usable = False
        return self._link.usable

    async def quit(self) -> None:
        """Says goodbye and closes; never raises for what the server does."""
        if self._opened is not None:  # it may be waiting for a message, and takes all for that
            self._link.abandon()
            return
        if self._link.usable:
            try:
                await self._link.command(b"QUIT", self._link.timeouts.quit)
            except Fault:
                return
            self._link.usable = False
        await self._link.connection.close()

    def abort(self) -> None:
        """Closes at once."""
        self._link.abandon()


class _Opening:
    """Greeting, EHLO, STARTTLS and AUTH, in that order."""

    def __init__(self, link: Link, options: Options) -> None:
        self._link = link
        self._options = options
        self._hello_name = options.helo.encode("ascii", "replace")

    async def run(self) -> None:
        tls = self._options.tls
        if tls.mode is TlsMode.IMPLICIT:
            await self._secure()
        elif tls.mode is TlsMode.NEVER:
            self._link.trust = tls.trust
        greeting = await self._link.reply("greeting", self._link.timeouts.greeting)
        if greeting.code != 220:
            raise self._refused(greeting)
        await self._hello()
        if tls.mode in (TlsMode.OPPORTUNISTIC, TlsMode.REQUIRED) and await self._may_secure():
            await self._secure()
            await self._hello()  # RFC 3207 4.2: what was offered before counts no more
        if self._options.credentials is not None:
            await self._log_in(self._options.credentials)

    async def _hello(self) -> None:
        """EHLO, or HELO with a server that does not know it (RFC 5321 3.2)."""
        link, seconds = self._link, self._link.timeouts.command
        verb = b"LHLO " if link.lmtp else b"EHLO "
        reply = await link.command(verb + self._hello_name, seconds)
        if reply.permanent and not link.lmtp:
            link.features = {}
            reply = await link.command(b"HELO " + self._hello_name, seconds)
        elif reply.positive:
            link.features = reply.capabilities()
        if not reply.positive:
            raise self._refused(reply)

    async def _may_secure(self) -> bool:
        """Whether the server lets us begin TLS now; a fault when TLS is required and it does not.

        A server that offers STARTTLS and then refuses it is served in clear text
        where TLS is opportunistic, as if it had not offered.
        """
        link = self._link
        if "STARTTLS" in link.features:
            reply = await link.command(b"STARTTLS", link.timeouts.command)
            if reply.code == 220:
                return True
            words = f"refuses TLS: {reply}"
            if not link.usable:  # 421
                raise self._refused(reply)
        else:
            words = "does not offer TLS"
        if self._options.tls.mode is TlsMode.REQUIRED:
            text = f"Encryption is required, and {link.peer} {words}."
            why = link.own_result("", Outcome.TEMPORARY, "4.7.4", text)
            raise Refused(Kind.TLS_REQUIRED, why)
        link.trust = f"in clear text: the server {words}"
        return False

    async def _secure(self) -> None:
        """The TLS handshake."""
        link, tls = self._link, self._options.tls
        assert tls.context is not None, "TLS is asked for without a context"
        link.step = "STARTTLS"
        link.connection.deadline(link.timeouts.command)
        try:
            await link.connection.start_tls(
                tls.context, server_side=False, server_name=tls.server_name or link.host
            )
            if tls.check is not None:
                tls.check(link.connection.peer_chain())
        except SyntaxFault:
            text = f"{link.peer} sent bytes in clear text that were to look encrypted."
            why = link.own_result("", Outcome.TEMPORARY, "4.7.5", text)
            raise Refused(Kind.UNAVAILABLE, why) from None
        except Fault as fault:
            retry = tls.mode is TlsMode.OPPORTUNISTIC
            text = f"TLS with {link.peer} failed: {fault.text}"
            why = link.own_result("", Outcome.TEMPORARY, "4.7.5", text)
            kind = Kind.UNAVAILABLE if retry else Kind.TLS_REQUIRED
            raise Refused(kind, why, retry_without_tls=retry) from fault
        link.trust = tls.trust
        if tls.check is not None and link.connection.tls is not None:
            link.connection.tls = msgspec.structs.replace(link.connection.tls, verified=True)

    async def _log_in(self, credentials: Credentials) -> None:
        """AUTH by the best that is offered: SCRAM, else PLAIN (RFC 4616), else LOGIN."""
        link, seconds = self._link, self._link.timeouts.command
        offered = link.features.get("AUTH", "").upper().split()
        if not link.tls and not credentials.in_clear_text:
            raise self._not_logged_in(f"{link.peer} would get the password in clear text.")
        user, password = credentials.user.encode(), credentials.password.encode()
        if scram_client.MECHANISM in offered:
            reply = await self._scram(credentials)
        elif "PLAIN" in offered:
            response = base64.b64encode(b"\0" + user + b"\0" + password)
            reply = await link.command(commands.encode(commands.Auth("PLAIN", response)), seconds)
        elif "LOGIN" in offered:
            reply = await link.command(b"AUTH LOGIN", seconds)
            for secret in (user, password):
                if reply.code == 334:
                    reply = await self._answer(secret)
        else:
            raise self._not_logged_in(f"{link.peer} offers neither AUTH SCRAM, PLAIN nor LOGIN.")
        if reply.code != 235:
            raise self._not_logged_in(f"{link.peer} does not let {credentials.user} in: {reply}")

    async def _scram(self, credentials: Credentials) -> Reply:
        """SCRAM-SHA-256, by which the server proves itself too (RFC 7677)."""
        nonce = base64.b64encode(secrets.token_bytes(18)).decode()
        client = scram_client.ScramClient(credentials.user, credentials.password, nonce)
        initial = base64.b64encode(client.first())
        line = commands.encode(commands.Auth(scram_client.MECHANISM, initial))
        reply = await self._link.command(line, self._link.timeouts.command)
        try:
            if reply.code == 334:
                reply = await self._answer(client.final(base64.b64decode(reply.text)))
            if reply.code == 334:
                client.check(base64.b64decode(reply.text))
                return await self._answer(b"")
            if reply.code == 235:
                client.check(b"")  # without its proof, which RFC 5802 3 wants
        except (SyntaxFault, ValueError) as problem:
            self._link.abandon()
            raise self._not_logged_in(f"{self._link.peer}: {problem}.") from None
        return reply

    async def _answer(self, response: bytes) -> Reply:
        self._link.connection.write(base64.b64encode(response) + b"\r\n")
        return await self._link.reply("AUTH", self._link.timeouts.command)

    def _not_logged_in(self, text: str) -> Refused:
        why = self._link.own_result("", Outcome.TEMPORARY, "4.7.8", text)
        return Refused(Kind.AUTH_FAILED, why)

    def _refused(self, reply: Reply) -> Refused:
        if reply.permanent:
            return Refused(Kind.DENIED, self._link.result("", reply))
        status = reply.enhanced if reply.transient else ""
        why = self._link.own_result(
            "", Outcome.TEMPORARY, status or "4.0.0", str(reply), reply.code
        )
        return Refused(Kind.UNAVAILABLE, why)
