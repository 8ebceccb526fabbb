"""EHLO, HELO and LHLO, and what puts a session on new ground: STARTTLS and XCLIENT."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Final

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.servers.smtp import legal
from merpati.servers.smtp.client import NOTHING_OFFERED, Client
from merpati.servers.smtp.legal import Role, Standing, State
from merpati.services.sign_in import offered
from merpati.wire.smtp import commands, limits, replies
from merpati.wire.smtp.xclient import ATTRIBUTES, Xclient

PRIORITY_PROFILE: Final = "MIXER"  # RFC 6710 A.1


def banner(client: Client) -> bytes:
    """The line that greets a client."""
    protocol = "LMTP" if client.policy.role is Role.LMTP else "ESMTP"
    return f"220 {client.services.hostname} {protocol} Merpati\r\n".encode()


def helo(client: Client, command: commands.Helo) -> None:
    """RFC 5321 4.1.1.1: a client that knows no extensions."""
    _greeted(client, command.name, extended=False)
    client.connection.write(replies.render(250, "", client.services.hostname))


def ehlo(client: Client, command: commands.Ehlo | commands.Lhlo) -> None:
    """RFC 5321 4.1.1.1, RFC 2033 4.1: names the extensions offered now."""
    _greeted(client, command.name, extended=True)
    services, standing = client.services, client.standing
    settings = services.settings
    client.unoffered = legal.offered(client.policy.role, standing).unoffered
    until = mechanisms = ""
    if client.signs_in:
        latest = dt.datetime.fromtimestamp(services.clock.now() + settings.hold, dt.UTC)
        until = f"{settings.hold} {latest:%Y-%m-%dT%H:%M:%SZ}"
        mechanisms = " ".join(offered(services.login, client.channel))
    client.connection.write(
        _offer(
            client.policy.role, standing, services.hostname, settings.message_size,
            settings.messages, settings.recipients, until, mechanisms,
        )
    )  # fmt: skip


def _greeted(client: Client, name: str, *, extended: bool) -> None:
    client.reset()
    client.helo = name
    client.extended = extended
    client.unoffered = NOTHING_OFFERED
    client.origins = {}
    client.state = State.GREETED


@lru_cache(maxsize=256)
def _offer(
    role: Role, standing: Standing, hostname: str, size: int, messages: int, recipients: int,
    until: str, mechanisms: str,
) -> bytes:  # fmt: skip
    """The reply to EHLO: the extensions, each with its arguments; those of LIMITS: RFC 9422 4."""
    arguments = {
        "SIZE": str(size),
        "DELIVERBY": str(legal.DELIVER_BY_MIN),
        "FUTURERELEASE": until,
        "MT-PRIORITY": PRIORITY_PROFILE,
        "LIMITS": limits.render(limits.Limits(messages, recipients)),
        "XCLIENT": " ".join(ATTRIBUTES),
        "AUTH": mechanisms,
    }
    extensions = legal.offered(role, standing).extensions
    return replies.render(
        250, "", "\n".join([hostname, *legal.capabilities(extensions, arguments)])
    )


async def starttls(client: Client, _command: commands.StartTls) -> None:
    """RFC 3207."""
    certificates = client.services.certificates
    connection = client.connection
    if connection.tls is not None or certificates is None:
        raise Fault(Kind.UNSUPPORTED, "TLS is not available here")
    if connection.pending():  # CVE-2021-38371 and its many kin: what follows is injected
        client.over = True
        raise SyntaxFault("nothing may follow STARTTLS before the TLS handshake")
    connection.write(b"220 2.0.0 Go ahead\r\n")
    await connection.start_tls(certificates.asking if client.signs_in else certificates.context)
    client.restart()


def xclient(client: Client, command: Xclient) -> None:
    """A proxy that we trust tells whose connection it carries on; all begins anew."""
    if not client.proxy:
        raise commands.UnknownCommand("no such command")
    connection = client.connection
    client.restart()
    if address := command.get("ADDR"):
        connection.peer = address
        connection.peer_port = 0
        client.key = client.services.rates.key(address)
        client.proxy = False  # what comes now may be the client's own words
    if port := command.get("PORT"):
        connection.peer_port = int(port)
    if not admitted(client):
        return
    if name := command.get("HELO"):  # until it says EHLO itself
        _greeted(client, name, extended=command.get("PROTO") == "ESMTP")
    connection.write(banner(client))


def admitted(client: Client) -> bool:
    """Whether a client of this address is served; if not it is told why, and the session ends."""
    peer = client.connection.peer
    if not client.policy.admits(peer):
        client.connection.write(
            replies.render(554, "5.7.1", f"{peer} may not connect to this port")
        )
        client.over = True
    elif fault := client.services.rates.welcome(client.key):
        client.connection.write(replies.render(421, fault.status, fault.text))
        client.over = True
    return not client.over
