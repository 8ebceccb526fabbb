"""Carries a message to another server: which way, which hosts, over which TLS, what they said."""

from __future__ import annotations

import asyncio
import ipaddress
import mmap
import ssl
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.model.delivery import Outcome, Result
from merpati.model.envelope import Envelope, Recipient
from merpati.model.queue import QueueMessage, QueueRecipient, Tried
from merpati.net import mx, pipe, smtp_client
from merpati.net.dns import Resolver
from merpati.net.reaper import Reaper
from merpati.net.smtp_client import Credentials, Options, Refused, Tls, TlsMode
from merpati.net.tls import client_context
from merpati.services.bounce import after_return_path
from merpati.services.transport import Routes, Transport, Way
from merpati.services.transport_security import Opportunistic, Security
from merpati.store import blobs
from merpati.store.blobs import BlobStore, Stored
from merpati.store.engine import Store
from merpati.wire.mime.author import author

if TYPE_CHECKING:  # a type that is only spelled there
    from merpati.net.smtp_transaction import Content

CHUNK: Final = 64 * 1024
READ_AHEAD: Final = 8  # messages whose bytes are read from the store at once
WAYS_MAX: Final = 4096  # destinations whose way is remembered
READ_AHEAD_MAX: Final = 64  # that are kept for all lanes together, of at most 128 KB each
ANY_TLS: Final = "certificate not checked: what the domain demands of TLS is set aside (RFC 8689)"
CONNECT_MAX: Final = 600.0  # seconds, for all hosts and addresses of a destination together


class Unreachable(Fault):
    """No host of a destination grants a session; `why` is what that means for any recipient."""

    def __init__(self, why: Result) -> None:
        super().__init__(Kind.UNAVAILABLE, why.text)
        self.why: Final = why


class Parcel(msgspec.Struct, frozen=True):
    """A message ready to be sent, or what came of it already.

    Attributes:
        recipients: Who gets it.
        envelope: With the same recipients; None when it is not to be sent.
        content: Its bytes.
        tried: What came of one that is not to be sent; none when it is no longer in the queue.
    """

    recipients: Sequence[QueueRecipient]
    envelope: Envelope | None = None
    content: Content = b""
    tried: Sequence[Tried] = ()


class TransportSecurity(Protocol):
    """Whoever knows what a domain demands of its hosts (MTA-STS, DANE), and reports on it."""

    async def policy(self, domain: str, mx: str) -> Security:
        """What a host of a domain is to be asked for."""

    def record(
        self, domain: str, mx: str, security: Security, end: smtp_client.Session | Refused
    ) -> None:
        """What came of it."""


class Signatures(Protocol):
    """Whoever holds the keys of the domains served here."""

    async def sign(self, domain: str, content: bytes | mmap.mmap) -> bytes:
        """Fields to stand above a message; none for a domain without a key."""


class Session(Protocol):
    """What a lane sends messages over: SMTP, LMTP, or a command."""

    sent: int
    is_final: bool  # it delivers to mailboxes

    @property
    def features(self) -> dict[str, str]:
        """What the other side offers."""

    @property
    def usable(self) -> bool:
        """Whether another message may be sent."""

    async def send(
        self,
        envelope: Envelope,
        content: Content,
        *,
        just_send_8bit: bool = False,
        following: Envelope | None = None,
    ) -> list[Result]:
        """Send one message; one result for each recipient, in their order.

        `following`, if given, is the envelope of the message that is certainly sent next.
        """

    async def quit(self) -> None:
        """Say goodbye and close."""

    def abort(self) -> None:
        """Close at once."""


class Courier:
    """Outgoing sessions of one worker."""

    def __init__(
        self,
        store: Store,
        blob_store: BlobStore,
        resolver: Resolver,
        reaper: Reaper,
        hostname: str,
        port: int,
        chance: mx.Chance,
        clock: Clock,
        *,
        routes: Routes | None = None,
        sources: Sequence[str] = (),
        security: TransportSecurity | None = None,
        signatures: Signatures | None = None,
    ) -> None:
        self._store = store
        self._blobs = blob_store
        self._resolver = resolver
        self._reaper = reaper
        self._hostname = hostname
        self._port = port
        self._chance = chance
        self._clock = clock
        self._routes = routes or Routes()
        self._sources = tuple(sources)
        self._security: TransportSecurity = security or Opportunistic()
        self._opportunistic = Opportunistic()
        self._any_tls = Opportunistic(ANY_TLS)
        self._signatures = signatures
        self._verified: ssl.SSLContext | None = None  # loading the CAs takes a while
        self.way: Final = lru_cache(maxsize=WAYS_MAX)(self._way)
        self._ahead: dict[int, Stored] = {}  # by blob, at hand and not sent yet

    def _way(self, destination: str) -> str:
        """What mail for a destination shares connections with: its relay, else itself."""
        transport = self._routes.find(destination)
        return destination if transport.way in {Way.MX, Way.ANY_TLS} else str(transport)

    async def connect(self, destination: str) -> Session:
        """A session with the best host of a destination that grants one.

        Raises:
            Unreachable: none does, for now or for good.
        """
        try:
            transport = self._routes.find(destination)
            if transport.way is Way.PIPE:
                return pipe.PipeSession(transport.command)
            async with asyncio.timeout(CONNECT_MAX):
                if transport.way is Way.MX:
                    return await self._by_mx(destination, self._security)
                if transport.way is Way.ANY_TLS:
                    return await self._by_mx(transport.host, self._any_tls)
                return await self._by_relay(transport)
        except TimeoutError:
            text = f"The servers of {destination} let nobody in within {CONNECT_MAX:g} seconds."
            raise Unreachable(Result("", Outcome.TEMPORARY, "4.4.1", text)) from None
        except Refused as refused:
            raise Unreachable(refused.why) from refused
        except mx.RouteFault as fault:
            final = fault.kind is Kind.NOT_FOUND
            outcome = Outcome.PERMANENT if final else Outcome.TEMPORARY
            raise Unreachable(Result("", outcome, fault.status, fault.text)) from fault

    async def _by_mx(self, destination: str, knows: TransportSecurity) -> smtp_client.Session:
        """The exchangers that the DNS names, in their order; `knows` what they must do."""
        targets = await mx.targets(
            self._resolver, destination, {self._hostname.lower()}, self._chance,
            await self._own_addresses(),
        )  # fmt: skip
        refusals: list[Refused] = []
        for target in targets:
            security = await knows.policy(destination, target.host)
            try:
                return await self._attempt(destination, target, security, knows)
            except Refused as refused:
                refusals.append(refused)
        # A host that may take it later weighs more than one that never will.
        raise min(refusals, key=lambda one: one.outcome is Outcome.PERMANENT)

    async def _own_addresses(self) -> list[mx.Network]:
        """Addresses of this very host: what would be sent there comes back (RFC 5321 5.1)."""
        try:
            found = await self._resolver.addresses(self._hostname)
        except Fault:
            return []
        addresses = [ipaddress.ip_address(one) for one in found]
        return [ipaddress.ip_network(one) for one in addresses if not one.is_loopback]

    async def _attempt(
        self, destination: str, target: mx.Target, security: Security, knows: TransportSecurity
    ) -> smtp_client.Session:
        """One host, in each way that its domain leaves to us, the best first."""
        refusals: list[Refused] = []
        if security.refused is not None:
            refusals.append(Refused(Kind.TLS_REQUIRED, security.refused))
        else:
            for tls in (security.tls, *security.otherwise):
                try:
                    session = await smtp_client.connect(
                        self._reaper, target.host, target.addresses, self._port, self._options(tls)
                    )
                except Refused as refused:
                    refusals.append(refused)
                    if not (refused.retry_without_tls or refused.kind is Kind.TLS_REQUIRED):
                        break
                else:
                    # With all as it should be, the first way would have been the last.
                    end = refusals[0] if refusals else session
                    knows.record(destination, target.host, security, end)
                    return session
        knows.record(destination, target.host, security, refusals[0])
        raise refusals[-1]

    async def _by_relay(self, transport: Transport) -> smtp_client.Session:
        """The one host of a route."""
        lmtp = transport.way is Way.LMTP
        if transport.path:
            options = self._options(Tls(), lmtp=lmtp)
            return await smtp_client.connect_unix(self._reaper, transport.path, options)
        login = self._routes.login(transport)
        credentials = None
        if login is not None:
            credentials = Credentials(
                login.user, login.password.reveal(), in_clear_text=transport.way is Way.CLEAR
            )
        tls = await self._relay_tls(transport, has_password=login is not None)
        target = await mx.host(self._resolver, transport.host)
        return await self._knock(
            target, transport.port, self._options(tls, credentials=credentials, lmtp=lmtp)
        )

    async def _relay_tls(self, transport: Transport, *, has_password: bool) -> Tls:
        """Where there is a password, nobody but the relay itself may hear it."""
        if transport.way is Way.SMTPS or (transport.way is Way.SMTP and has_password):
            if self._verified is None:
                self._verified = client_context(verify=True)
            implicit = transport.way is Way.SMTPS
            mode = TlsMode.IMPLICIT if implicit else TlsMode.REQUIRED
            return Tls(mode=mode, context=self._verified, trust="a public authority, as relay")
        if transport.way is Way.SMTP:
            return (await self._opportunistic.policy("", "")).tls
        return Tls(trust="in clear text, as the route says")

    async def _knock(self, target: mx.Target, port: int, options: Options) -> smtp_client.Session:
        """One host, with TLS if it can; in clear text rather than not at all, where that may be."""
        knock = smtp_client.connect
        try:
            return await knock(self._reaper, target.host, target.addresses, port, options)
        except Refused as refused:
            if not refused.retry_without_tls:
                raise
            plain = msgspec.structs.replace(options, tls=Tls())
            return await knock(self._reaper, target.host, target.addresses, port, plain)

    def _options(
        self, tls: Tls, *, credentials: Credentials | None = None, lmtp: bool = False
    ) -> Options:
        sources = self._sources
        if len(sources) > 1:  # another one first each time; the first of its family counts
            start = int(self._chance.random() * len(sources))
            sources = sources[start:] + sources[:start]
        return Options(
            helo=self._hostname, tls=tls, credentials=credentials, sources=sources, lmtp=lmtp
        )

    async def parcel(
        self,
        message: QueueMessage,
        recipients: Sequence[QueueRecipient],
        coming: Iterable[QueueMessage] = (),
    ) -> Parcel:
        """Make a message ready to be sent.

        `coming` are those that are likely to be sent next, so that one transaction reads
        several.
        """
        try:
            stored = await self._stored(message, coming)
            if stored is None:
                return Parcel(recipients)
            content = self._blobs.read(stored)
        except Fault as fault:
            why = Result("", Outcome.TEMPORARY, "4.3.0", fault.text)
            tried = [
                Tried(one, msgspec.structs.replace(why, recipient=one.address))
                for one in recipients
            ]
            return Parcel(recipients, tried=tried)
        start = after_return_path(content)
        # Converting would break signatures, and nearly every server takes 8-bit bytes anyway.
        prefix = await self._signed(message, content) + message.prefix.encode()
        envelope = self._envelope(message, recipients, content, start, prefix)
        whole: Content = pieces(content, start, prefix)
        if isinstance(content, bytes):
            whole = prefix + content[start:]
        return Parcel(recipients, envelope, whole)

    async def send(
        self, session: Session, parcel: Parcel, following: Parcel | None = None
    ) -> list[Tried]:
        """Give one message to the other server; what came of it for each recipient.

        `following` is the message that is certainly sent next. An empty list means that the
        message is no longer in the queue.
        """
        if parcel.envelope is None:
            return list(parcel.tried)
        results = await session.send(
            parcel.envelope, parcel.content, just_send_8bit=True,
            following=following.envelope if following else None,
        )  # fmt: skip
        offers_dsn = "DSN" in session.features
        return [
            Tried(one, result, offers_dsn, session.is_final)
            for one, result in zip(parcel.recipients, results, strict=True)
        ]

    def expect(self, stored: Stored) -> None:
        """Keep the bytes of a message that is to be sent soon, if there is room."""
        if len(self._ahead) < READ_AHEAD_MAX:
            self._ahead[stored.blob_id] = stored

    async def _stored(self, message: QueueMessage, coming: Iterable[QueueMessage]) -> Stored | None:
        """Where the bytes of a message are, or None when nobody holds them any more."""
        known = self._ahead.pop(message.blob_id, None)
        if known is not None:
            return known
        others = [one.blob_id for one in islice(coming, READ_AHEAD - 1)]
        for stored in await self._store.read(blobs.find_many, [message.blob_id, *others]):
            self._ahead[stored.blob_id] = stored
        known = self._ahead.pop(message.blob_id, None)
        while len(self._ahead) > READ_AHEAD_MAX:
            del self._ahead[next(iter(self._ahead))]
        return known

    async def _signed(self, message: QueueMessage, content: bytes | mmap.mmap) -> bytes:
        """Signatures of the author's domain; ours alone, for ours is what `is_own` says.

        Signed as it leaves and not as it came: what stays here needs none, and the keys of
        the day count.
        """
        if self._signatures is None or not message.is_own:
            return b""
        domain = author(content).domain
        return await self._signatures.sign(domain, content) if domain else b""

    def _envelope(
        self,
        message: QueueMessage,
        recipients: Sequence[QueueRecipient],
        content: bytes | mmap.mmap,
        start: int,
        prefix: bytes,
    ) -> Envelope:
        options = message.options
        by = 0
        if options.deliver_by:  # what is left of the time, RFC 2852 4
            by = round(options.deliver_by / 1000 - self._clock.now()) or -1
        eight_bit = not (prefix.isascii() and is_ascii(content, start))
        return Envelope(
            sender=message.sender,
            recipients=tuple(Recipient(one.address, one.notify, one.orcpt) for one in recipients),
            size=len(prefix) + len(content) - start,
            eight_bit=eight_bit,
            # Some clients declare it for all mail; what does without goes to any server.
            utf8=message.smtputf8 and eight_bit and not has_ascii_header(content, start),
            ret=options.ret,
            envid=options.envid,
            require_tls=options.require_tls,
            deliver_by=by,
            by_mode=options.by_mode + ("T" if options.by_trace else ""),
            priority=options.priority,
        )


def is_ascii(content: bytes | mmap.mmap, start: int) -> bool:
    """Whether the message has no bytes above 127."""
    if isinstance(content, bytes) and content.isascii():
        return True  # with our own first line, which is part of it
    return all(piece.isascii() for piece in pieces(content, start))


def has_ascii_header(content: bytes | mmap.mmap, start: int) -> bool:
    """Whether the message's own header has no bytes above 127."""
    end = content.find(b"\r\n\r\n", start)
    return content[start : end if end >= 0 else len(content)].isascii()


def pieces(content: bytes | mmap.mmap, start: int, prefix: bytes = b"") -> Iterator[bytes]:
    """The message in chunks, from `start` on, after header fields of the recipient's own."""
    if prefix:
        yield prefix
    for at in range(start, len(content), CHUNK):
        yield content[at : at + CHUNK]
