"""Where a mail server of somebody else is, and a connection to it as a client."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.net import connect as tcp
from merpati.net.tls import client_context

if TYPE_CHECKING:
    from merpati.net.reaper import Reaper
    from merpati.net.stream import Connection

SECURITIES: Final = ("tls", "starttls", "none")
MESSAGE_MAX: Final = 1024 * 1024 * 1024  # octets; what is larger does not end
RATE_MIN: Final = 500  # octets a second of a message, in the long run; slower is as good as never


class Remote(msgspec.Struct, frozen=True):
    """A server.

    Attributes:
        host: its name, which its certificate must hold, or its address.
        port: where it listens.
        security: "tls": from the first octet; "starttls": once it greeted; "none".
        verify: whether its certificate must be good.
        authority: PEM file with who is to be believed instead of the system's; empty: the system.
    """

    host: str
    port: int
    security: str = "tls"
    verify: bool = True
    authority: str = ""

    @property
    def place(self) -> str:
        """As sentences name it."""
        return f"{self.host} port {self.port}"

    def context(self) -> ssl.SSLContext:
        """Whom to believe. Raises Fault CONFIG for an authority that cannot be read."""
        context = client_context(verify=self.verify)
        if self.authority and self.verify:
            try:
                context.load_verify_locations(Path(self.authority))
            except (OSError, ssl.SSLError) as error:
                text = f"{self.authority} holds no certificates that can be read: {error}"
                raise Fault(Kind.CONFIG, text) from error
        return context


class Patience:
    """How long to wait for a message that a server sends: at every pause, and in all."""

    def __init__(self, remote: Remote, connection: Connection, seconds: float) -> None:
        self._remote = remote
        self._connection = connection
        self._seconds = seconds
        self._began = asyncio.get_running_loop().time()

    def wait(self, size: int) -> None:
        """So many octets have come: prolong the deadline.

        Raises:
            Fault: TOO_LARGE.
        """
        if size > MESSAGE_MAX:
            text = f"{self._remote.place} sends a message of more than {MESSAGE_MAX} octets"
            raise Fault(Kind.TOO_LARGE, text)
        passed = asyncio.get_running_loop().time() - self._began
        left = self._seconds + size / RATE_MIN - passed
        self._connection.deadline(max(0.0, min(self._seconds, left)))


class Account(msgspec.Struct, frozen=True):
    """Who signs in there.

    Attributes:
        name: whose mailbox it is.
        password: of whoever signs in.
        master: who signs in instead and acts for `name` (RFC 4616 authcid); empty: `name`.
    """

    name: str
    password: str
    master: str = ""

    def __repr__(self) -> str:
        """Without the password."""
        return f"Account({self.name!r}, {self.master!r})"


async def open_connection(remote: Remote, reaper: Reaper, seconds: float) -> Connection:
    """A connection to a server, encrypted when it is so from the first octet.

    Raises:
        Fault: UNAVAILABLE, TIMEOUT, CLOSED (a failed handshake), with the reason.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(remote.host, remote.port, type=socket.SOCK_STREAM)
    except OSError as error:
        text = f"{remote.host} has no address: {(error.strerror or str(error)).lower()}"
        raise Fault(Kind.UNAVAILABLE, text) from error
    problem: Fault | None = None
    for _, _, _, _, address in found[:4]:
        try:
            connection = await tcp.connect(reaper, str(address[0]), remote.port, within=seconds)
        except Fault as fault:
            problem = fault
            continue
        if remote.security == "tls":
            await encrypt(connection, remote)
        return connection
    assert problem is not None
    raise problem


async def encrypt(connection: Connection, remote: Remote) -> None:
    """Begin TLS as a client.

    Raises:
        Fault: CLOSED, TIMEOUT; the connection is closed then.
    """
    try:
        await connection.start_tls(remote.context(), server_side=False, server_name=remote.host)
    except Fault:
        connection.abort()
        raise
