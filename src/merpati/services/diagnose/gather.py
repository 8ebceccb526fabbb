"""Gathers what the checks need of this machine: certificates, clock, disks, ports.

What cannot be gathered is told as such, and never ends a diagnosis: it is run when things
are broken.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.base.settings import setting
from merpati.net import sntp
from merpati.net.connect import connect
from merpati.net.dns import Resolver
from merpati.net.own_addresses import own_addresses
from merpati.net.reaper import Reaper
from merpati.net.stream import Connection
from merpati.services.diagnose.block_lists import ADDRESS_LISTS, DOMAIN_LISTS
from merpati.services.diagnose.findings import is_private
from merpati.services.diagnose.local import Disk
from merpati.services.diagnose.publish import Certificate
from merpati.wire import dane
from merpati.wire.smtp.replies import READ_LINE_LIMIT, Reply, ReplyParser

CONNECT: Final = 10.0  # seconds for a connection to another server
DIALOGUE: Final = 20.0  # seconds for the whole dialogue with our own
EVERYWHERE_KNOWN: Final = "org"  # a name that any name server can tell about
STRANGERS: Final = ("relay-test@example.com", "relay-test@example.net")  # RFC 2606 3

# The organization in an issuer's name: the authority's domain in CAA records.
_AUTHORITIES: Final = {
    "Let's Encrypt": "letsencrypt.org",
    "ZeroSSL": "sectigo.com",
    "Sectigo Limited": "sectigo.com",
    "DigiCert Inc": "digicert.com",
    "Google Trust Services": "pki.goog",
    "GlobalSign nv-sa": "globalsign.com",
    "Actalis S.p.A.": "actalis.it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorSettings:
    """What `merpati doctor` asks of others."""

    block_lists: tuple[str, ...] = setting(
        ADDRESS_LISTS, "Block lists on which this server's addresses are looked for."
    )
    domain_block_lists: tuple[str, ...] = setting(
        DOMAIN_LISTS, "Block lists on which the domains are looked for."
    )
    time_server: str = setting(
        "pool.ntp.org", "Time server that the clock is compared with; empty for none."
    )
    outgoing: tuple[str, ...] = setting(
        ("gmail.com", "outlook.com"),
        "Domains whose mail servers are connected to, to see whether port 25 is open; none when"
        " empty.",
    )


class Shown(msgspec.Struct, frozen=True):
    """A certificate, with what the DNS should say about it.

    Attributes:
        certificate: What the checks look at.
        tlsa: The TLSA record that fits its key.
        issuer: Its authority's domain in CAA records; "" when unknown.
    """

    certificate: Certificate
    tlsa: str
    issuer: str


def read_certificate(chain: bytes, file: str, *, automatic: bool = False) -> Shown:
    """A certificate from its PEM chain, leaf first.

    Raises:
        Fault: CONFIG, when it is none.
    """
    try:
        leaf = x509.load_pem_x509_certificate(chain)
    except ValueError as error:
        raise Fault(Kind.CONFIG, f"The certificate {file} is not a PEM certificate.") from error
    key = leaf.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    organization = leaf.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    issuer = str(organization[0].value) if organization else ""
    found = Certificate(
        file=file,
        names=_names(leaf),
        not_before=leaf.not_valid_before_utc.timestamp(),
        not_after=leaf.not_valid_after_utc.timestamp(),
        self_signed=leaf.issuer == leaf.subject,
        automatic=automatic,
    )
    return Shown(found, str(dane.of_key(key)), _AUTHORITIES.get(issuer, ""))


def read_certificates(files: Iterable[Path]) -> list[Shown]:
    """The certificates in some files; a file that cannot be read is left out."""
    found = []
    for file in files:
        try:
            found.append(read_certificate(file.read_bytes(), str(file)))
        except (OSError, Fault):
            continue  # then no certificate is for the host, which is what a check tells
    return found


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(name.lower() for name in extension.value.get_values_for_type(x509.DNSName))


def disks(folders: Iterable[Path]) -> tuple[Disk, ...]:
    """The disks below some folders, each disk once."""
    found: dict[int, Disk] = {}
    for folder in folders:
        try:
            device = folder.stat().st_dev
            usage = shutil.disk_usage(folder)
        except OSError:
            continue
        found.setdefault(device, Disk(str(folder), usage.free, usage.total))
    return tuple(found.values())


def sources() -> tuple[str, ...]:
    """The public addresses this machine sends from; none behind NAT."""
    return tuple(one for one in own_addresses() if not is_private(one))


async def resolver_failure(resolver: Resolver) -> str:
    """Why no name server answers; "" when one does."""
    try:
        await resolver.query(EVERYWHERE_KNOWN, "SOA")
    except Fault as fault:
        return fault.text
    return ""


async def clock_offset(
    server: str, resolver: Resolver, clock: Clock, *, port: int = sntp.PORT
) -> tuple[float | None, str]:
    """How far the clock is off, or None and why nobody tells."""
    if not server:
        return None, ""
    reason = f"{server} has no address."
    try:
        for address in (await resolver.addresses(server))[-3:]:
            try:
                return await sntp.offset(address, clock, port=port), ""
            except Fault as fault:
                reason = fault.text
    except Fault as fault:
        reason = fault.text
    return None, reason


async def outgoing(
    domains: Iterable[str], resolver: Resolver, reaper: Reaper, *, port: int
) -> tuple[tuple[str, str], ...]:
    """What becomes of connecting to the first mail server of each domain."""
    return tuple(
        await asyncio.gather(*(_connects(domain, resolver, reaper, port) for domain in domains))
    )


async def _connects(domain: str, resolver: Resolver, reaper: Reaper, port: int) -> tuple[str, str]:
    reason = f"{domain} has no mail server"
    try:
        exchangers = await resolver.mx(domain)
        addresses = await resolver.addresses(exchangers[0].host) if exchangers else []
        # IPv4 is the family that everybody has; the last ones, by the resolver's order.
        for address in addresses[-1:]:
            connection = await connect(reaper, address, port, within=CONNECT)
            connection.abort()
            return domain, ""
    except Fault as fault:
        reason = fault.text
    return domain, reason


async def try_server(address: str, port: int, hostname: str, reaper: Reaper) -> tuple[str, str]:
    """Whether our SMTP server answers, and whether it would relay.

    Returns why it cannot be reached, or ""; and its reply when it took a recipient elsewhere
    from a sender elsewhere, or "". No message is sent.
    """
    try:
        async with asyncio.timeout(DIALOGUE):
            connection = await connect(reaper, address, port, within=CONNECT)
            try:
                return "", await _relays(connection, hostname)
            finally:
                connection.abort()
    except TimeoutError:
        return f"{address} port {port} says nothing.", ""
    except Fault as fault:
        return fault.text, ""


async def _relays(connection: Connection, hostname: str) -> str:
    sender, recipient = STRANGERS
    greeting = await _reply(connection)
    if not greeting.positive:
        raise Fault(Kind.UNAVAILABLE, f"it greets with: {greeting}")
    for command in (f"EHLO {hostname}", f"MAIL FROM:<{sender}>", f"RCPT TO:<{recipient}>"):
        connection.write(f"{command}\r\n".encode("ascii"))
        await connection.drain()
        reply = await _reply(connection)
        if not reply.positive:
            return ""
    connection.write(b"RSET\r\nQUIT\r\n")
    await connection.drain()
    return str(reply)


async def _reply(connection: Connection) -> Reply:
    parser = ReplyParser()
    while True:
        reply = parser.feed(await connection.read_line(READ_LINE_LIMIT))
        if reply is not None:
            return reply
