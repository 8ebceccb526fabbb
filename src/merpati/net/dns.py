"""DNS questions with a cache: mail exchangers, addresses, texts, names of addresses.

The resolver is a stub (RFC 1034 5.3.1): it asks the recursive servers it is
given and believes them. `dns_exchange` carries a single question; here are the
servers' order, the aliases, and the memory.

An answer distinguishes three things that lead to three different ends for a
message: the name has records; the name or the record does not exist, which is
final (`Answer.exists`); and nobody can tell at the moment, which is a
`Fault(UNAVAILABLE)` and means "try again later", never "no".

Questions that are equal and under way together are asked once. dnspython reads
and writes the messages; its resolver is not used, for it takes half a second
to import and cannot share questions. The record types are imported here by name,
which dnspython would do at their first use, so that forked workers share them.
"""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rdtypes.ANY.MX
import dns.rdtypes.ANY.PTR
import dns.rdtypes.ANY.SOA
import dns.rdtypes.ANY.TLSA
import dns.rdtypes.ANY.TXT
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA
import msgspec

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.net.dns_exchange import Unanswered, exchange
from merpati.wire.smtp import paths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from merpati.base.clock import Clock

MAX_TTL: Final = 86_400.0
"""Seconds a record is kept at most, whatever its TTL says (RFC 8767 4 suggests a day or more)."""
MAX_NEGATIVE_TTL: Final = 3_600.0
"""Seconds "does not exist" is kept at most (RFC 2308 5: one to three hours)."""
FAILURE_TTL: Final = 5.0
"""Seconds a failed lookup is not asked again (RFC 9520 3.2: at least 1, at most 300)."""
MAX_CNAMES: Final = 8
"""Aliases followed in one lookup, over all replies."""
MAX_CACHED: Final = 20_000
"""Answers kept; the oldest leave first. About 1 KB each."""
MAX_UNDER_WAY: Final = 2_048
"""Different questions under way; one more is refused as a temporary failure."""
MAX_SOCKETS: Final = 256
"""Sockets open for questions; the next question waits for one."""
MAX_NAMESERVERS: Final = 3
"""Servers read from resolv.conf (resolv.conf(5), MAXNS)."""


class Answer(msgspec.Struct, frozen=True):
    """What the DNS says about one name and type.

    `records` are dnspython's values for the type (`record.exchange`,
    `record.address`, `record.strings`). Where there are none, `exists` tells
    whether the name has records of other types (True) or does not exist at all
    (False, NXDOMAIN). `canonical` is the name at the end of the aliases. `secure`
    says that a server we trust validated the answer with DNSSEC.
    """

    name: str
    canonical: str
    exists: bool
    records: tuple[Any, ...] = ()
    secure: bool = False


class MX(msgspec.Struct, frozen=True, order=True):
    """One mail exchanger; the host "" is the null MX of RFC 7505."""

    preference: int
    host: str


@dataclass(frozen=True, slots=True)
class ResolvConf:
    """What resolv.conf(5) says, as far as it concerns a resolver of absolute names."""

    nameservers: tuple[tuple[str, int], ...]
    timeout: float
    attempts: int
    trust_ad: bool


class _Cached(msgspec.Struct, frozen=True):
    """An answer or the words of a failure, and the monotonic second it is good until."""

    until: float
    answer: Answer | None
    failure: str = ""


def read_resolv_conf(text: str) -> ResolvConf:
    """The nameservers and options of a resolv.conf; the local host when it names none."""
    nameservers: list[tuple[str, int]] = []
    timeout, attempts, trust_ad = 5.0, 2, False
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver" and len(nameservers) < MAX_NAMESERVERS:
            nameservers.append((words[1], 53))
        elif words and words[0] == "options":
            for option in words[1:]:
                name, _, value = option.partition(":")
                if name == "timeout" and value.isdecimal():
                    timeout = float(min(max(int(value), 1), 30))
                elif name == "attempts" and value.isdecimal():
                    attempts = min(max(int(value), 1), 5)
                elif name == "trust-ad":
                    trust_ad = True
    return ResolvConf(tuple(nameservers) or (("127.0.0.1", 53),), timeout, attempts, trust_ad)


def read_mx(answer: Answer) -> list[MX]:
    """The MX records of an answer, by preference."""
    return sorted(MX(record.preference, _text(record.exchange)) for record in answer.records)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _question_name(name: str) -> dns.name.Name | None:
    """The name as the wire wants it, or None for one that cannot be asked for.

    Not `dns.name.from_text`: its backslash escapes are for zone files, and these
    names come from peers.
    """
    try:
        if not name.isascii():
            name = paths.Path("", paths.parse_domain(name)).ascii_domain()
        return dns.name.Name([*name.encode().split(b"."), b""]) if name else None
    except (SyntaxFault, dns.exception.DNSException):
        return None


def _text(name: dns.name.Name) -> str:
    return "" if name == dns.name.root else name.to_text(omit_final_dot=True).lower()


class Resolver:
    """Asks recursive name servers, and remembers.

    `nameservers` are (address, port) pairs, tried in order; None reads
    /etc/resolv.conf once, now. `timeout` is seconds per question to one server,
    `attempts` the rounds over all servers. `trust_ad` believes a server's
    DNSSEC verdict; the default believes only servers on this host (RFC 6840
    5.7: the way to the validator must be secure).
    """

    def __init__(
        self,
        nameservers: Sequence[tuple[str, int]] | None,
        clock: Clock,
        *,
        timeout: float | None = None,
        attempts: int | None = None,
        trust_ad: bool | None = None,
    ) -> None:
        if nameservers is None:
            path = Path("/etc/resolv.conf")
            conf = read_resolv_conf(path.read_text("utf-8", "replace") if path.exists() else "")
        else:
            conf = ResolvConf(tuple(nameservers), 3.0, 2, trust_ad=False)
        self._nameservers: Final = conf.nameservers
        self._timeout: Final = conf.timeout if timeout is None else timeout
        self._attempts: Final = conf.attempts if attempts is None else attempts
        local = all(_is_loopback(host) for host, _ in conf.nameservers)
        self._trust_ad: Final = (conf.trust_ad or local) if trust_ad is None else trust_ad
        self._clock: Final = clock
        self._cache: Final[dict[tuple[str, str], _Cached]] = {}
        self._under_way: Final[dict[tuple[str, str], asyncio.Task[_Cached]]] = {}
        self._sockets: Final = asyncio.Semaphore(MAX_SOCKETS)
        self._preferred = 0  # index of the server that answered last
        self.asked = 0
        """Questions put to a server so far, counting each attempt."""

    async def mx(self, domain: str) -> list[MX]:
        """The mail exchangers, by preference; the null MX of RFC 7505 is `MX(n, "")`."""
        return read_mx(await self.query(domain, "MX"))

    async def addresses(self, host: str) -> list[str]:
        """The IPv6 and then the IPv4 addresses, each in the order the server gave.

        One family is enough: the other's failure matters only when nothing else
        was found.
        """
        found: list[str] = []
        failure: Fault | None = None
        both = (self.query(host, "AAAA"), self.query(host, "A"))
        for answer in await asyncio.gather(*both, return_exceptions=True):
            if isinstance(answer, Answer):
                found.extend(record.to_text() for record in answer.records)
            elif isinstance(answer, Fault):
                failure = answer
            else:
                raise answer
        if failure is not None and not found:
            raise failure
        return found

    async def txt(self, name: str) -> list[bytes]:
        """The TXT records, each with its strings joined (RFC 7208 3.3)."""
        answer = await self.query(name, "TXT")
        return [b"".join(record.strings) for record in answer.records]

    async def ptr(self, ip: str) -> list[str]:
        """The names the owner of an address gives it; nothing proves them right.

        Raises `SyntaxFault` when `ip` is no IP address.
        """
        try:
            name = ipaddress.ip_address(ip.partition("%")[0]).reverse_pointer
        except ValueError:
            raise SyntaxFault(f"{ip!r} is not an IP address.") from None
        answer = await self.query(name, "PTR")
        return [_text(record.target) for record in answer.records]

    async def query(self, name: str, rdtype: str) -> Answer:
        """The records of `rdtype` ("MX", "TLSA", ...) at `name`, through aliases.

        The name is absolute whether or not it ends in a dot; a name no question
        can carry (empty or overlong labels) does not exist. Raises
        `Fault(UNAVAILABLE)` when no server gave an answer.
        """
        known = self.remembered(name, rdtype)
        if known is not None:
            return known
        cached = await self._shared((name.lower().rstrip("."), rdtype))
        if cached.answer is None:
            raise Fault(Kind.UNAVAILABLE, cached.failure)
        return cached.answer

    def remembered(self, name: str, rdtype: str) -> Answer | None:
        """What `query` would answer or raise at once; None when a server must be asked."""
        cached = self._cache.get((name.lower().rstrip("."), rdtype))
        if cached is None or cached.until <= self._clock.monotonic():
            return None
        if cached.answer is None:
            raise Fault(Kind.UNAVAILABLE, cached.failure)
        return cached.answer

    def forget(self, name: str | None = None) -> None:
        """Drops what is remembered about one name, or everything."""
        if name is None:
            self._cache.clear()
            return
        wanted = name.lower().rstrip(".")
        for key in [key for key in self._cache if key[0] == wanted]:
            del self._cache[key]

    async def close(self) -> None:
        """Ends every question under way; those who wait for them are cancelled."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _shared(self, key: tuple[str, str]) -> _Cached:
        """Joins the lookup under way, or starts it; its end is for all who wait.

        The lookup is a task of its own, so that one caller who gives up does not
        take the others' answer away.
        """
        task = self._under_way.get(key)
        if task is None:
            if len(self._under_way) >= MAX_UNDER_WAY:
                raise Fault(Kind.UNAVAILABLE, "Too many DNS lookups are under way.")
            task = asyncio.create_task(self._look_up(key))
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return await asyncio.shield(task)

    async def _look_up(self, key: tuple[str, str]) -> _Cached:
        name, rdtype = key
        now = self._clock.monotonic
        question = _question_name(name)
        if question is None:
            return _Cached(now() + MAX_NEGATIVE_TTL, Answer(name, name, exists=False))
        try:
            answer, ttl = await self._follow(name, question, rdtype)
            cached = _Cached(now() + ttl, answer)
        except Unanswered as why:
            words = f"The DNS lookup of {name} ({rdtype}) failed: {why}."
            cached = _Cached(now() + FAILURE_TTL, None, words)
        self._remember(key, cached)
        return cached

    def _remember(self, key: tuple[str, str], cached: _Cached) -> None:
        self._cache.pop(key, None)  # so that the renewed entry is the youngest
        if len(self._cache) >= MAX_CACHED:
            del self._cache[next(iter(self._cache))]
        self._cache[key] = cached

    async def _follow(
        self, name: str, question: dns.name.Name, rdtype: str
    ) -> tuple[Answer, float]:
        """Asks until the chain of aliases ends; gives the answer and its seconds to live.

        Recursive servers send the whole chain; one that stops at an alias is
        asked on.
        """
        secure, ttl = True, MAX_TTL
        left = MAX_CNAMES
        while True:
            reply = await self._ask(question, rdtype)
            secure = secure and bool(reply.flags & dns.flags.AD)
            chain = _Chain(question, reply, rdtype, left)
            ttl = min(ttl, chain.ttl)
            left = chain.left
            if chain.goes_on:
                question = chain.canonical
                continue
            answer = Answer(
                name=name,
                canonical=_text(chain.canonical),
                exists=reply.rcode() != dns.rcode.NXDOMAIN,
                records=chain.records,
                secure=secure and self._trust_ad,
            )
            return answer, ttl

    async def _ask(self, question: dns.name.Name, rdtype: str) -> dns.message.Message:
        """The first reply that says yes or no, from whichever server gives it."""
        count = len(self._nameservers)
        why = "no name server is configured"
        for attempt in range(self._attempts * count):
            index = (self._preferred + attempt) % count
            server = self._nameservers[index]
            self.asked += 1
            try:
                async with self._sockets, asyncio.timeout(self._timeout):
                    reply = await exchange(server, question, rdtype)
            except TimeoutError:
                why = f"{server[0]} did not answer"
            except (OSError, EOFError) as error:
                why = f"{server[0]} cannot be reached ({error})"
            except Unanswered as refusal:
                why = f"{server[0]} {refusal}"
            else:
                self._preferred = index
                return reply
        raise Unanswered(why)


class _Chain:
    """What one reply says, read along its aliases (RFC 1034 3.6.2).

    `goes_on` when the reply stops at an alias whose target it says nothing about.
    """

    def __init__(
        self, question: dns.name.Name, reply: dns.message.Message, rdtype: str, left: int
    ) -> None:
        wanted = dns.rdatatype.from_text(rdtype)
        rrsets = {(rrset.name, rrset.rdtype): rrset for rrset in reply.answer}
        self.canonical = question
        self.records: tuple[Any, ...] = ()
        self.left = left
        self.ttl = MAX_TTL
        self.goes_on = False
        aliased = False
        while (found := rrsets.get((self.canonical, wanted))) is None:
            alias = rrsets.get((self.canonical, dns.rdatatype.CNAME))
            if alias is None:
                break
            if self.left == 0:
                raise Unanswered(f"sent more than {MAX_CNAMES} aliases")
            self.canonical = cast("Any", alias[0]).target
            self.ttl = min(self.ttl, alias.ttl)
            self.left -= 1
            aliased = True
        if found is not None:
            self.records = tuple(found)
            self.ttl = min(self.ttl, found.ttl)
            return
        negative = _negative_ttl(reply)
        self.goes_on = aliased and negative is None and reply.rcode() == dns.rcode.NOERROR
        if not self.goes_on:
            self.ttl = min(self.ttl, negative or 0.0)


def _negative_ttl(reply: dns.message.Message) -> float | None:
    """Seconds "does not exist" holds, from the zone's SOA; None without one (RFC 2308 5)."""
    for rrset in reply.authority:
        if rrset.rdtype == dns.rdatatype.SOA:
            soa: Any = rrset[0]
            return min(float(rrset.ttl), float(soa.minimum), MAX_NEGATIVE_TTL)
    return None
