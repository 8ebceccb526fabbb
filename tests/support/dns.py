"""A small real DNS server on loopback, UDP and TCP on one port, whose zone tests may change.

It answers like a recursive server: alias chains are followed as far as the zone
goes. Like an authoritative one it takes updates (RFC 2136), when `updates` says of
which zone. Every name may be given a trouble instead:
`server.trouble("bad.test", Trouble.SERVFAIL)`.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import threading
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Self, cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsigkeyring
import dns.update
import dns.zonefile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_LENGTH = struct.Struct("!H")

PATIENT: Final = 5.0  # seconds for an answer where there is one: a loaded machine is late


class Trouble(Enum):
    """What the server does instead of answering."""

    SERVFAIL = "SERVFAIL"
    REFUSED = "REFUSED"
    SILENCE = "silence"  # the question is never answered
    TRUNCATE = "truncate"  # over UDP only: "ask over TCP"
    NO_EDNS = "no EDNS"  # FORMERR to a question that has an OPT record
    GARBAGE = "garbage"  # bytes with the right id that are no message
    WRONG_ID = "wrong id"  # a forged answer with another id, then the right answer
    WRONG_QUESTION = "wrong question"  # an answer to another question, then the right answer
    FLOOD = "flood"  # forged answers over UDP and never the right one


class Question(tuple[str, str, str]):
    """(name, type, "udp" or "tcp") of a question that arrived."""

    __slots__ = ()


class DnsServer:
    """`async with DnsServer({"here.test": {"MX": "10 mx.here.test."}}) as server:`.

    The zone is a dict of names to types to values, or text in zone-file form with
    absolute names. `questions` records what was asked.
    """

    def __init__(
        self,
        zone: str | Mapping[str, Mapping[str, str | Sequence[str]]] = "",
        *,
        host: str = "127.0.0.1",
        negative_ttl: int = 60,
    ) -> None:
        self.host = host
        self.port = 0
        self.negative_ttl = negative_ttl
        self.questions: list[Question] = []
        self.delay = 0.0  # seconds before every answer
        self.most_at_once = 0  # questions that waited for their answers
        self._waiting = 0
        self.stops_at_aliases = False  # answer an alias without its target
        self.authentic = False  # set the AD bit
        self.updates = ""  # the zone that may be changed
        self.keys: dict[str, str] = {}  # TSIG keys, in base64; without any, everybody may
        self._rrsets: dict[tuple[dns.name.Name, dns.rdatatype.RdataType], dns.rrset.RRset] = {}
        self._troubles: dict[tuple[dns.name.Name, str], Trouble] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        if isinstance(zone, str):
            self.load(zone)
        else:
            for name, types in zone.items():
                for rdtype, values in types.items():
                    self.set(name, rdtype, *([values] if isinstance(values, str) else values))

    @property
    def nameserver(self) -> tuple[str, int]:
        return self.host, self.port

    def load(self, text: str) -> None:
        """Adds the records of a zone file; names are absolute, the TTL may be left out."""
        for rrset in dns.zonefile.read_rrsets(
            text, rdclass=None, default_rdclass="IN", default_ttl=300, origin=dns.name.root
        ):
            self._rrsets[rrset.name, rrset.rdtype] = rrset

    def set(self, name: str, rdtype: str, *values: str, ttl: int = 300) -> None:
        """Replaces the records of one name and type."""
        owner = dns.name.from_text(name)
        rrset = dns.rrset.from_text_list(owner, ttl, "IN", rdtype, list(values))
        self._rrsets[owner, rrset.rdtype] = rrset

    def remove(self, name: str, rdtype: str | None = None) -> None:
        """Takes away one type of a name, or the whole name."""
        owner = dns.name.from_text(name)
        for key in [key for key in self._rrsets if key[0] == owner]:
            if rdtype is None or key[1] == dns.rdatatype.from_text(rdtype):
                del self._rrsets[key]

    def trouble(self, name: str, trouble: Trouble | None, rdtype: str = "") -> None:
        """Makes questions for the name (of one type, or all) go wrong; None heals them."""
        key = (dns.name.from_text(name), rdtype)
        if trouble is None:
            self._troubles.pop(key, None)
        else:
            self._troubles[key] = trouble

    def asked(self, name: str, rdtype: str) -> int:
        """How often this question has arrived."""
        return sum(q[:2] == (name, rdtype) for q in self.questions)

    async def start(self) -> None:
        """Listens on a free port, the same for UDP and TCP."""
        loop = asyncio.get_running_loop()
        for _ in range(20):
            self._tcp = await asyncio.start_server(self._serve_stream, self.host, self.port)
            port = self._tcp.sockets[0].getsockname()[1]
            with contextlib.suppress(OSError):
                self._udp, _ = await loop.create_datagram_endpoint(
                    lambda: _Datagrams(self), local_addr=(self.host, port)
                )
                self.port = port
                return
            self._tcp.close()
        raise OSError("no port is free for both UDP and TCP")

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._udp is not None:
            self._udp.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)  # for them to be gone
        if self._tcp is not None:
            self._tcp.close()
            await self._tcp.wait_closed()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    def spawn(self, wire: bytes, peer: Any) -> None:
        """Answers one datagram in a task of its own, so that delays do not queue up."""
        task = asyncio.create_task(self._serve_datagram(wire, peer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve_datagram(self, wire: bytes, peer: Any) -> None:
        for reply in await self._replies(wire, "udp"):
            if self._udp is not None:
                self._udp.sendto(reply, peer)

    async def _serve_stream(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._writers.append(writer)
        with contextlib.suppress(EOFError, OSError):
            while True:
                (length,) = _LENGTH.unpack(await reader.readexactly(2))
                for reply in await self._replies(await reader.readexactly(length), "tcp"):
                    writer.write(_LENGTH.pack(len(reply)) + reply)
        writer.close()

    async def _replies(self, wire: bytes, transport: str) -> list[bytes]:
        try:
            query = dns.message.from_wire(wire, keyring=dns.tsigkeyring.from_text(self.keys))
        except dns.exception.DNSException:
            return []
        if isinstance(query, dns.update.UpdateMessage):
            return [self._update(query).to_wire()]
        owner, rdtype = query.question[0].name, query.question[0].rdtype
        kind = dns.rdatatype.to_text(rdtype)
        self.questions.append(Question((owner.to_text(omit_final_dot=True), kind, transport)))
        if self.delay:
            self._waiting += 1
            self.most_at_once = max(self.most_at_once, self._waiting)
            await asyncio.sleep(self.delay)
            self._waiting -= 1
        trouble = self._troubles.get((owner, kind)) or self._troubles.get((owner, ""))
        right = self._answer(query)
        return _spoil(trouble, query, right, transport)

    def _update(self, query: dns.update.UpdateMessage) -> dns.message.Message:
        reply = dns.message.make_response(query)
        zone = query.zone[0].name
        if not self.updates or zone != dns.name.from_text(self.updates):
            reply.set_rcode(dns.rcode.NOTAUTH)
        elif self.keys and not query.had_tsig:
            reply.set_rcode(dns.rcode.REFUSED)
        else:
            for rrset in query.update:
                key = (rrset.name, rrset.rdtype)
                if rrset.deleting == dns.rdataclass.ANY:
                    self._rrsets.pop(key, None)
                else:
                    rrset.rdclass = dns.rdataclass.IN
                    self._rrsets.setdefault(key, rrset).update(rrset)  # type: ignore[no-untyped-call]
        return reply

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        reply = dns.message.make_response(query, recursion_available=True)
        owner, rdtype = query.question[0].name, query.question[0].rdtype
        if self.authentic:
            reply.flags |= dns.flags.AD
        for _ in range(20):
            found = self._rrsets.get((owner, rdtype))
            if found is not None:
                reply.answer.append(found)
                return reply
            alias = self._rrsets.get((owner, dns.rdatatype.CNAME))
            if alias is None:
                break
            reply.answer.append(alias)
            if self.stops_at_aliases:
                return reply
            owner = cast("Any", alias[0]).target
        if not any(name.is_subdomain(owner) for name, _ in self._rrsets):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        if self.negative_ttl:
            zone = dns.name.Name(owner.labels[-2:]) if len(owner) > 2 else owner
            if self.updates and owner.is_subdomain(dns.name.from_text(self.updates)):
                zone = dns.name.from_text(self.updates)
            words = f"ns.test. host.test. 1 3600 600 86400 {self.negative_ttl}"
            reply.authority.append(dns.rrset.from_text(zone, 3600, "IN", "SOA", words))
        return reply


@contextlib.contextmanager
def answering(server: DnsServer) -> Iterator[DnsServer]:
    """Runs it in a thread, so that it answers while the test waits for other things."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
        yield server
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _spoil(
    trouble: Trouble | None,
    query: dns.message.Message,
    right: dns.message.Message,
    transport: str,
) -> list[bytes]:
    """The datagrams that leave: the right answer, or what the trouble makes of it."""
    wire = right.to_wire(max_size=65_535)
    if trouble is None:
        return [wire]
    bare = dns.message.make_response(query)
    if trouble in (Trouble.SERVFAIL, Trouble.REFUSED):
        bare.set_rcode(dns.rcode.from_text(trouble.value))
        return [bare.to_wire()]
    if trouble is Trouble.NO_EDNS:
        if query.edns < 0:
            return [wire]
        bare.set_rcode(dns.rcode.FORMERR)
        bare.use_edns(edns=False)
        return [bare.to_wire()]
    if trouble is Trouble.TRUNCATE:
        bare.flags |= dns.flags.TC
        return [bare.to_wire()] if transport == "udp" else [wire]
    if trouble is Trouble.GARBAGE:
        return [wire[:4] + b"\xff" * 40]
    forged_id = bytes([wire[0] ^ 0x55, wire[1]]) + wire[2:]
    if trouble is Trouble.WRONG_ID:
        return [forged_id, wire]
    if trouble is Trouble.WRONG_QUESTION:
        other = dns.message.make_query("forged.test", "A", id=query.id)
        forged = dns.message.make_response(other)
        return [forged.to_wire(), wire]
    if trouble is Trouble.FLOOD:
        return [forged_id] * 100 if transport == "udp" else [wire]
    return []  # SILENCE


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._server.spawn(data, addr)
