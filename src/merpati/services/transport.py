"""Ways to other servers: which destinations do not go to the exchangers that the DNS names.

A way is written as a URL, a route as a pattern of destinations and a way:

    example.org       smtp://relay.example.net         one host, port 25; TLS when offered
    *.example.org     smtps://relay.example.net        TLS from the first octet, verified
    lists.example.org lmtp:///run/lists/lmtp.sock      LMTP (RFC 2033), over a Unix socket
    store.example.org lmtp://127.0.0.1:24              or TCP
    fax.example.org   pipe:/usr/local/bin/fax {user}   a command that reads the message
    example.com       mx                               as the DNS says, against a later `*`
    example.com       any-tls:example.com              as the DNS says, whatever TLS that domain
                                                       demands: encrypted if it can be
    *                 smtp://relay.isp.example:587     a smarthost for all the rest

The first pattern that fits counts. A host with credentials gets them over verified TLS
alone. `smtp+clear://` says that a host of our own network may have them, and the mail,
in clear text.
"""

from __future__ import annotations

import shlex
from enum import Enum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.base.secrets import Secret
from merpati.model.queue import ANY_TLS
from merpati.wire.smtp.paths import parse_domain

if TYPE_CHECKING:
    from collections.abc import Sequence

ADVICE: Final = (
    'write a way such as "smtp://relay.example.net:587", "lmtp:///run/lmtp.sock",'
    ' "pipe:/usr/bin/command" or "mx"'
)


class Way(Enum):
    """How mail leaves."""

    MX = "mx"
    ANY_TLS = "any-tls"
    SMTP = "smtp"
    SMTPS = "smtps"
    CLEAR = "smtp+clear"
    LMTP = "lmtp"
    PIPE = "pipe"


PORTS: Final = {Way.SMTP: 25, Way.SMTPS: 465, Way.CLEAR: 25, Way.LMTP: 24}


class Transport(msgspec.Struct, frozen=True):
    """One way: a host and port, a Unix socket, or a command."""

    way: Way
    host: str = ""
    port: int = 0
    path: str = ""
    command: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As it is written."""
        if self.way is Way.MX:
            return "mx"
        if self.way is Way.PIPE:
            return f"pipe:{shlex.join(self.command)}"
        if self.way is Way.ANY_TLS:
            return f"{ANY_TLS}{self.host}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.way.value}://{self.path or f'{host}:{self.port}'}"


BY_MX: Final = Transport(Way.MX)


class Login(msgspec.Struct, frozen=True):
    """What a relay wants to hear."""

    user: str
    password: Secret


class Routes:
    """Which way each destination goes, and who we are to the relays."""

    def __init__(self, routes: Sequence[str] = (), credentials: Sequence[Secret] = ()) -> None:
        """Reads the settings.

        Raises:
            ValueError: with the reason; begins with the setting's name.
        """
        self._routes = [_route(text) for text in routes]
        self._logins = dict(_login(secret) for secret in credentials)

    def find(self, destination: str) -> Transport:
        """The way to a destination; one that is a way itself goes there."""
        if destination.startswith(ANY_TLS):  # of a domain, for which there may be a route
            found = self.find(destination.removeprefix(ANY_TLS))
            return parse(destination) if found.way is Way.MX else found
        if is_way(destination):
            return parse(destination)
        for pattern, transport in self._routes:
            if fnmatchcase(destination, pattern):
                return transport
        return BY_MX

    def login(self, transport: Transport) -> Login | None:
        """Who we are to a relay."""
        return self._logins.get(transport.host.lower()) if transport.host else None


def is_way(destination: str) -> bool:
    """Whether a destination says by itself which way it goes: no domain has a slash or colon."""
    return not destination.startswith("[") and (":" in destination or destination == "mx")


def parse(text: str) -> Transport:
    """A way as it is written.

    Raises:
        Fault: SYNTAX, with what to write instead.
    """
    scheme, colon, rest = text.partition(":")
    try:
        way = Way(scheme.lower())
        if way is Way.MX and not colon:
            return BY_MX
        if way is Way.ANY_TLS:
            return Transport(way, host=parse_domain(rest))
        if way is Way.PIPE:
            command = tuple(shlex.split(rest))
            if command and command[0].startswith("/"):
                return Transport(way, command=command)
        elif way in PORTS and rest.startswith("//"):
            if way is Way.LMTP and rest.startswith("///"):
                return Transport(way, path=rest[2:])
            url = urlsplit(text)
            if url.hostname and not url.path.strip("/"):
                return Transport(way, url.hostname, url.port or PORTS[way])
    except (ValueError, SyntaxFault):
        pass
    raise Fault(Kind.SYNTAX, f"{text[:100]!r} is no way to send mail: {ADVICE}")


def _route(text: str) -> tuple[str, Transport]:
    pattern, _, way = text.strip().partition(" ")
    try:
        return pattern.lower(), parse(way.strip())
    except Fault as fault:
        raise ValueError(f"routes: {fault.text}") from fault


def _login(secret: Secret) -> tuple[str, Login]:
    words = secret.reveal().split(None, 2)
    if len(words) != 3:
        raise ValueError('credentials: write each as "host user password"')
    return words[0].lower(), Login(words[1], Secret(words[2]))
