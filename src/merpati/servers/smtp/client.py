"""One SMTP client: what a session knows of it, and what every command may use."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Final

from merpati.base.clock import Clock
from merpati.base.log import Log
from merpati.base.networks import THIS_MACHINE
from merpati.model.arrival import NO_OPTIONS, Options, Origin, Route
from merpati.model.senders import Senders
from merpati.net.stream import Connection
from merpati.net.tls import CertificateStore
from merpati.servers.smtp.legal import (
    SIGNED,
    Role,
    Standing,
    State,
    Unoffered,
    legal_commands,
    unoffered,
)
from merpati.servers.smtp.policy import Policy, Rates, SmtpSettings
from merpati.services.accept import Accept
from merpati.services.guard import Guard
from merpati.services.login import Login
from merpati.services.route import Router
from merpati.services.sign_in import Channel, channel
from merpati.store.blobs import Spool
from merpati.store.engine import Store
from merpati.wire.smtp.chunks import ChunkDecoder
from merpati.wire.smtp.paths import NULL
from merpati.wire.trace import protocol_name

NOTHING_OFFERED: Final = unoffered([])


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
    rates: Rates
    guard: Guard | None = None


@dataclass(slots=True)
class Incoming:
    """A message that is coming in parts, by BDAT."""

    trace_id: str
    spool: Spool
    decoder: ChunkDecoder
    origin: Origin


class Client:
    """One client, and how far it has come.

    Attributes:
        signs_in: this port is for people with accounts.
        helo: what it calls itself.
        extended: it said EHLO or LHLO, not HELO.
        account_id: 0 until it has signed in; of a device that of its fixed sender.
        binary: the message begun may be any bytes (RFC 3030 3).
        senders: the addresses that the account may send under; None: any.
        due: when the message that has begun must have ended, on the loop's clock.
        key: what its address is counted by; empty when it is not.
        proxy: it may use XCLIENT.
        errors, idle, messages: what it has used of its limits.
        over: the session ends after this command.
    """

    __slots__ = (
        "account", "account_id", "binary", "connection", "due", "errors", "extended", "helo",
        "idle", "incoming", "key", "legal", "messages", "options", "origins", "over", "overshoot",
        "policy", "proxy", "routes", "sender", "senders", "services", "signs_in", "smtputf8",
        "state", "unoffered",
    )  # fmt: skip

    def __init__(self, connection: Connection, policy: Policy, services: Services) -> None:
        self.connection = connection
        self.policy = policy
        self.signs_in = policy.role in SIGNED
        self.services = services
        self.legal = legal_commands(policy.role)
        self.state = State.CONNECTED
        self.helo = ""
        self.extended = False
        self.unoffered: Unoffered = NOTHING_OFFERED
        self.account_id = 0
        self.account = ""
        self.senders: Senders | None = None
        self.sender = NULL
        self.smtputf8 = False
        self.binary = False
        self.options: Options = NO_OPTIONS
        self.routes: list[Route] = []
        self.overshoot = 0  # recipients beyond the limit
        self.incoming: Incoming | None = None
        self.origins: dict[bool, Origin] = {}
        self.key = services.rates.key(connection.peer)
        self.proxy = bool(policy.xclient) and connection.peer in policy.xclient
        self.due = inf
        self.errors = 0
        self.idle = 0
        self.messages = 0
        self.over = False

    def reset(self) -> None:
        """Forget the message begun."""
        self.state = min(self.state, State.GREETED)
        self.sender = NULL
        self.smtputf8 = False
        self.binary = False
        self.options = NO_OPTIONS
        self.routes = []
        self.overshoot = 0
        self.due = inf
        if self.incoming is not None:
            self.incoming.spool.discard()
            self.incoming = None

    def restart(self) -> None:
        """Forget everything the client said (RFC 3207 4.2)."""
        self.reset()
        self.state = State.CONNECTED
        self.helo = ""
        self.extended = False
        self.unoffered = NOTHING_OFFERED
        self.account_id, self.account = 0, ""
        self.senders = None
        self.origins = {}

    def be_patient(self, seconds: float) -> None:
        """Wait for the peer so long from now, and no longer than the message may take."""
        self.connection.deadline(seconds)
        self.connection.due = min(self.connection.due, self.due)

    @property
    def is_local(self) -> bool:
        """Whether what it says stays on this machine."""
        return self.connection.peer in THIS_MACHINE

    @property
    def may_authenticate(self) -> bool:
        """Passwords travel over TLS, or do not leave this machine."""
        if not self.signs_in:
            return False
        return self.connection.tls is not None or (self.policy.login_without_tls and self.is_local)

    @property
    def channel(self) -> Channel:
        """What the connection lends to signing in."""
        services = self.services
        return channel(services.login, services.certificates, self.connection.tls)

    @property
    def standing(self) -> Standing:
        """What it is offered depends on this."""
        return Standing(
            tls=self.connection.tls is not None,
            certificate=self.services.certificates is not None,
            may_sign_in=self.may_authenticate,
            signed_in=self.account_id != 0 and self.signs_in,
            trusted=self.proxy,
        )

    def origin(self) -> Origin:
        """How the message begun comes in; the same for all messages until EHLO is said again."""
        known = self.origins.get(self.smtputf8)
        if known is not None:
            return known
        tls = self.connection.tls
        made = Origin(
            peer=self.connection.peer,
            helo=self.helo,
            protocol=protocol_name(
                extended=self.extended,
                tls=tls is not None,
                auth=self.account_id != 0 and self.signs_in,
                smtputf8=self.smtputf8,
                lmtp=self.policy.role is Role.LMTP,
            ),
            tls_version=tls.version if tls else "",
            cipher=tls.cipher if tls else "",
            account_id=self.account_id,
            account=self.account,
            trusted=self.policy.role is Role.LMTP,
        )
        self.origins[self.smtputf8] = made
        return made
