"""Changes to a zone, sent to its name server (RFC 2136), signed with a shared key (RFC 8945)."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataset
import dns.rdatatype
import dns.tsig
import dns.tsigkeyring
import dns.update
from msgspec import Struct

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.net.dns_exchange import Unanswered, exchange

TIMEOUT: Final = 15.0  # seconds for one message and its answer
ALGORITHMS: Final = ("hmac-sha256", "hmac-sha384", "hmac-sha512")

_LENGTH: Final = struct.Struct("!H")


class Tsig(Struct, frozen=True):
    """A key shared with the name server: its name there, and the key in base64."""

    name: str
    secret: str
    algorithm: str = "hmac-sha256"

    def __repr__(self) -> str:
        """Without the key."""
        return f"Tsig({self.name!r})"


class Change(Struct, frozen=True):
    """The records of one name and type that are to stand in the zone from now on.

    Attributes:
        name: Full, with or without the final dot.
        type: `TXT`, `MX`, ...
        values: As in a zone file; none takes the records away.
        ttl: Seconds.
    """

    name: str
    type: str
    values: tuple[str, ...]
    ttl: int = 3600


async def zone_of(server: tuple[str, int], name: str) -> str:
    """The zone that holds a name, as its name server knows it.

    Raises:
        Fault: UNAVAILABLE, the server does not say.
    """
    wanted = _name(name)
    try:
        async with asyncio.timeout(TIMEOUT):
            while wanted != dns.name.root:
                reply = await exchange(server, wanted, "SOA")
                for rrset in (*reply.answer, *reply.authority):
                    if rrset.rdtype == dns.rdatatype.SOA and wanted.is_subdomain(rrset.name):
                        return rrset.name.to_text(omit_final_dot=True)
                wanted = wanted.parent()
    except (Unanswered, OSError, EOFError, TimeoutError) as problem:
        reason = str(problem) or "it did not answer"
        text = f"The name server {server[0]} does not say which zone {name} is in: {reason}."
        raise Fault(Kind.UNAVAILABLE, text) from problem
    raise Fault(Kind.UNAVAILABLE, f"The name server {server[0]} has no zone for {name}.")


async def push(
    server: tuple[str, int], zone: str, changes: Sequence[Change], key: Tsig | None
) -> None:
    """Make all changes at once, or none.

    Raises:
        Fault: SYNTAX, a name or value is none; CONFIG, the key is none; DENIED, the server does
            not let us; UNAVAILABLE, it does not answer, or fails.
    """
    update = _message(zone, changes, key)
    wire = update.to_wire(max_size=65_535)
    try:
        async with asyncio.timeout(TIMEOUT):
            reader, writer = await asyncio.open_connection(*server)
            try:
                writer.write(_LENGTH.pack(len(wire)) + wire)
                (length,) = _LENGTH.unpack(await reader.readexactly(2))
                answer = await reader.readexactly(length)
            finally:
                writer.transport.abort()
        reply = dns.message.from_wire(
            answer, keyring=update.keyring, request_mac=update.mac, ignore_trailing=True
        )
    except dns.tsig.PeerError as problem:
        text = f"The name server {server[0]} does not accept the key {key and key.name}: {problem}"
        raise Fault(Kind.DENIED, text) from problem
    except (OSError, EOFError, TimeoutError, dns.exception.DNSException) as problem:
        reason = str(problem) or "it did not answer"
        text = f"The name server {server[0]} took no update: {reason}."
        raise Fault(Kind.UNAVAILABLE, text) from problem
    if key is not None and not reply.had_tsig:
        text = f"The name server {server[0]} answered without a signature."
        raise Fault(Kind.DENIED, text)
    rcode = reply.rcode()
    if rcode != dns.rcode.NOERROR:
        denied = rcode in (dns.rcode.REFUSED, dns.rcode.NOTAUTH)
        text = f"The name server {server[0]} refused to change {zone}: {dns.rcode.to_text(rcode)}."
        raise Fault(Kind.DENIED if denied else Kind.UNAVAILABLE, text)


def _message(zone: str, changes: Sequence[Change], key: Tsig | None) -> dns.update.UpdateMessage:
    update = dns.update.UpdateMessage(_name(zone))
    try:
        for change in changes:
            update.delete(_name(change.name), change.type)
            if change.values:
                rdataset = dns.rdataset.from_text_list(
                    "IN", change.type, change.ttl, list(change.values)
                )
                update.add(_name(change.name), rdataset)
    except (dns.exception.DNSException, ValueError) as problem:
        raise SyntaxFault(
            f"{change.type} of {change.name} cannot be published: {problem}"
        ) from None
    if key is not None:
        try:
            keyring = dns.tsigkeyring.from_text({key.name: key.secret})
            update.use_tsig(keyring, algorithm=dns.name.from_text(key.algorithm))
        except (dns.exception.DNSException, ValueError) as problem:
            text = f"The key {key.name} for DNS updates is none: {problem}."
            raise Fault(Kind.CONFIG, text) from problem
    return update


def _name(text: str) -> dns.name.Name:
    try:
        return dns.name.from_text(text)
    except dns.exception.DNSException as problem:
        raise SyntaxFault(f"{text[:60]!r} is not a name of the DNS: {problem}") from None
