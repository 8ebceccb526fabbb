"""One DNS question to one server: UDP from a fresh socket, TCP when the reply is cut short.

A forger who cannot see the question has to guess the id and the port, both
random, within the time the true reply takes (RFC 5452). What does not answer
the very question is ignored; a flood of it makes the question go over TCP,
where a forger is helpless.
"""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING, Any, Final

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

if TYPE_CHECKING:
    from collections.abc import Callable

    _Read = Callable[[bytes], dns.message.Message | None]

UDP_PAYLOAD: Final = 1232
"""Octets of UDP reply we ask for: fits any path without fragments (DNS flag day 2020)."""
MAX_STRAYS: Final = 32
"""Datagrams that are no answer, after which the question is asked over TCP (RFC 5452 9.3)."""

_HEADER: Final = struct.Struct("!HH")
_LENGTH: Final = struct.Struct("!H")


class Unanswered(Exception):  # noqa: N818 -- not an error: the next server is asked
    """The server gave no usable reply; the text says what it did."""


async def exchange(
    server: tuple[str, int], question: dns.name.Name, rdtype: str
) -> dns.message.Message:
    """One server's yes or no (NOERROR or NXDOMAIN), once; no time limit of its own.

    A server that does not know EDNS is asked again without it. Raises
    `Unanswered` for any other reply, `OSError` and `EOFError` when the server
    cannot be reached.
    """
    rcode = dns.rcode.NOERROR
    for edns in (0, False):
        query = dns.message.make_query(
            question,
            dns.rdatatype.from_text(rdtype),
            use_edns=edns,
            payload=UDP_PAYLOAD if edns is not False else None,
            # AD in a query asks for the server's DNSSEC verdict (RFC 6840 5.7).
            flags=dns.flags.RD | dns.flags.AD,
        )
        reply = await _send(server, query)
        rcode = reply.rcode()
        if rcode in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            return reply
        if rcode not in (dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.BADVERS):
            break
    raise Unanswered(f"answered {dns.rcode.to_text(rcode)}")


async def _send(server: tuple[str, int], query: dns.message.QueryMessage) -> dns.message.Message:
    read = _reader(query)
    wire = query.to_wire()
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: _Datagrams(read), remote_addr=server
    )
    try:
        transport.sendto(wire)
        reply = await protocol.reply
    finally:
        transport.close()
        protocol.reply.cancel()
    return reply if reply is not None else await _send_by_tcp(server, wire, read)


async def _send_by_tcp(server: tuple[str, int], wire: bytes, read: _Read) -> dns.message.Message:
    """The same question over TCP (RFC 7766): each message behind its length."""
    reader, writer = await asyncio.open_connection(*server)
    try:
        writer.write(_LENGTH.pack(len(wire)) + wire)
        (length,) = _LENGTH.unpack(await reader.readexactly(2))
        reply = read(await reader.readexactly(length))
    finally:
        writer.transport.abort()
    if reply is None:
        raise Unanswered("sent something else than the answer")
    if reply.flags & dns.flags.TC:
        raise Unanswered("sent a truncated answer over TCP")
    return reply


def _reader(query: dns.message.QueryMessage) -> _Read:
    """A function that reads a reply to `query`; None for anything else."""

    def read(wire: bytes) -> dns.message.Message | None:
        if len(wire) < 12:
            return None
        number, flags = _HEADER.unpack_from(wire)
        if number != query.id or not flags & dns.flags.QR:
            return None  # before the expensive reading: a forger's flood stays cheap
        try:
            truncated = bool(flags & dns.flags.TC)
            reply = dns.message.from_wire(
                wire, question_only=truncated, ignore_trailing=True, keyring=False
            )
        except (dns.exception.DNSException, ValueError, struct.error):
            return None
        return reply if query.is_response(reply) else None

    return read


class _Datagrams(asyncio.DatagramProtocol):
    """One question on one UDP socket; `reply` gets the answer, or None for "ask over TCP"."""

    def __init__(self, read: _Read) -> None:
        self.reply: asyncio.Future[dns.message.Message | None] = (
            asyncio.get_running_loop().create_future()
        )
        self._read = read
        self._strays = 0

    def datagram_received(self, data: bytes, addr: Any) -> None:  # noqa: ARG002 -- the socket is connected
        if self.reply.done():
            return
        reply = self._read(data)
        if reply is not None:
            self.reply.set_result(None if reply.flags & dns.flags.TC else reply)
            return
        self._strays += 1
        if self._strays >= MAX_STRAYS:
            self.reply.set_result(None)

    def error_received(self, exc: Exception) -> None:
        if not self.reply.done():
            self.reply.set_exception(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.reply.done():
            self.reply.set_exception(exc or ConnectionError("the socket was closed"))
