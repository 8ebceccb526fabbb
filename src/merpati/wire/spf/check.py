"""May this host send for this domain? `check_host` of RFC 7208 4.

The function asks the DNS as `wire/asking.py` describes and knows no network. Its limits
bound what a hostile record can make us ask: ten terms that ask, ten exchangers a term, ten
names of an address, two answers that are empty.

One of them is read with a kind eye. A question for IPv6 addresses at a name that has only
IPv4 ones is answered with nothing; were that an empty answer, three such names ahead of the
term that fits would turn a good sender's mail into an error as soon as it comes by IPv6.
So nothing counts as an empty answer there but a name that does not exist.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Final

from merpati.base.faults import SyntaxFault
from merpati.wire.asking import Answer, Asking, Question, RecordType
from merpati.wire.spf import macros, reasons
from merpati.wire.spf.reasons import Outcome
from merpati.wire.spf.record import Directive, Record, is_record, parse
from merpati.wire.spf.verdict import SpfResult, SpfVerdict

MAX_LOOKUPS: Final = 10  # terms that ask the DNS (RFC 7208 4.6.4)
MAX_VOID: Final = 2  # questions without an answer (RFC 7208 4.6.4)
MAX_EXCHANGERS: Final = 10  # hosts of one mx term; more is an error (RFC 7208 4.6.4)
MAX_NAMES: Final = 10  # names of the address that are looked at (RFC 7208 5.5)
CLIENTS: Final = 1024  # addresses whose reading is remembered
MAX_EXPLANATION: Final = 500  # octets; a reply line of SMTP has 512 (RFC 5321 4.5.3.1.5)


def check_host(
    ip: str, domain: str, sender: str, helo: str, *, receiver: str = "unknown", now: int = 0
) -> Asking[SpfResult]:
    """Asks `domain` whether the host at `ip` may send for it.

    Args:
        ip: The client's address; an IPv4 one mapped into IPv6 counts as IPv4.
        domain: The domain of MAIL FROM, or the name in EHLO for the null sender.
        sender: The address in MAIL FROM; empty for the null sender.
        helo: The name in EHLO.
        receiver: Our name, for the domain's explanation (`%{r}`).
        now: Unix seconds, for the same (`%{t}`).

    Raises:
        SyntaxFault: `ip` is no address.
    """
    check = _Check(ip, domain, sender, helo)
    try:
        outcome = yield from check.evaluate_asked()
    except _End as end:
        return SpfResult(end.verdict, domain, end.reason, "", "", check.lookups)
    explanation = ""
    if outcome.verdict is SpfVerdict.FAIL and outcome.record.explanation:
        explanation = yield from check.explain(outcome, receiver, now)
    reason = reasons.tell(outcome, check.ip, check.name)
    term = "" if outcome.term is None else str(outcome.term)
    return SpfResult(outcome.verdict, domain, reason, explanation, term, check.lookups)


def check_sender(
    ip: str, sender: str, helo: str, *, receiver: str = "unknown", now: int = 0
) -> Asking[SpfResult]:
    """`check_host` for MAIL FROM; for the null sender, for the name in EHLO (RFC 7208 2.4)."""
    domain = sender.rpartition("@")[2] if sender else helo
    return check_host(ip, domain, sender, helo, receiver=receiver, now=now)


class _End(Exception):  # noqa: N818 -- it ends an evaluation, it is no error of ours
    """The evaluation ends here, with this verdict for the whole."""

    def __init__(self, verdict: SpfVerdict, reason: str) -> None:
        super().__init__(reason)
        self.verdict = verdict
        self.reason = reason


@lru_cache(maxsize=CLIENTS)
def _client(ip: str) -> tuple[str, int, int]:
    """An address as its canonical text, how many bits it has, and its number.

    Raises:
        SyntaxFault: It is none.
    """
    try:
        address = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        raise SyntaxFault(f"{ip!r} is no IP address") from None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address), address.max_prefixlen, int(address)


class _Check:
    """One evaluation: who asks, and what is used up of the limits."""

    def __init__(self, ip: str, domain: str, sender: str, helo: str) -> None:
        self.ip, self._bits, self._number = _client(ip)
        self.name = macros.question_name(domain)
        self.lookups = 0
        self._asked = domain
        self._sender = sender
        self._helo = helo
        self._address_type: RecordType = "A" if self._bits == 32 else "AAAA"
        self._void: list[str] = []
        self._names: tuple[str, ...] | None = None
        self._values: dict[str, str] | None = None

    def evaluate_asked(self) -> Asking[Outcome]:
        """The domain that was asked for; the only one that may be without a record."""
        if "." not in self.name or self.name.endswith("]"):
            raise _End(SpfVerdict.NONE, f'"{self._asked}" is no domain that could have a record')
        record = yield from self._record(self.name)
        if record is None:
            raise _End(SpfVerdict.NONE, f"{self.name} publishes no SPF record")
        return (yield from self._evaluate(self.name, record))

    def _evaluate(self, domain: str, record: Record) -> Asking[Outcome]:
        """The first directive that fits decides; else `redirect=`; else nothing."""
        while True:
            for term in record.directives:
                inner = None
                if term.mechanism in {"ip4", "ip6"}:
                    fits = self._is_within(term)
                elif term.mechanism == "all":
                    fits = True
                elif term.mechanism == "include":
                    inner = yield from self._include(term, domain)
                    fits = inner is not None
                else:
                    fits = yield from self._ask_term(term, domain)
                if fits:
                    return Outcome(domain, record, term, inner)
            if not record.redirect:
                return Outcome(domain, record, None)
            domain, record = yield from self._other(
                f"redirect={record.redirect}", record.redirect, domain
            )

    def _is_within(self, term: Directive) -> bool:
        if term.mechanism == "ip4":
            return self._bits == 32 and not (self._number ^ term.address) >> (32 - term.prefix4)
        return self._bits == 128 and not (self._number ^ term.address) >> (128 - term.prefix6)

    def _include(self, term: Directive, domain: str) -> Asking[Outcome | None]:
        """How the included domain's evaluation ended, when it passes; else None (RFC 7208 5.2)."""
        other, record = yield from self._other(str(term), term.domain, domain)
        outcome = yield from self._evaluate(other, record)
        return outcome if outcome.verdict is SpfVerdict.PASS else None

    def _other(self, term: str, spec: str, domain: str) -> Asking[tuple[str, Record]]:
        """The name and the record to which `include` and `redirect` lead; it must have one."""
        self._count(domain)
        name = yield from self._target(spec, domain)
        record = (yield from self._record(name)) if name else None
        if record is None:
            trouble = f"{name} publishes no SPF record" if name else "that leads to no domain"
            raise _End(
                SpfVerdict.PERMERROR,
                f'the SPF record of {domain} is broken: it has "{term}", and {trouble}',
            )
        return name, record

    def _ask_term(self, term: Directive, domain: str) -> Asking[bool]:
        """Whether a, mx, ptr or exists fits (RFC 7208 5.3 to 5.7)."""
        self._count(domain)
        name = yield from self._target(term.domain, domain)
        if not name:
            return False
        if term.mechanism == "exists":
            return bool((yield from self._ask(name, "A", domain)).records)
        if term.mechanism == "ptr":
            names = yield from self._validated_names()
            return any(one == name or one.endswith(f".{name}") for one in names)
        hosts: tuple[str, ...] = (name,)
        if term.mechanism == "mx":
            found = (yield from self._ask(name, "MX", domain)).records
            if len(found) > MAX_EXCHANGERS:
                raise _End(
                    SpfVerdict.PERMERROR,
                    f'the SPF record of {domain} is broken: "{term}" leads to {len(found)} hosts,'
                    f" and {MAX_EXCHANGERS} are allowed",
                )
            hosts = tuple(one for one in (macros.question_name(host) for _, host in found) if one)
        shift = self._bits - (term.prefix4 if self._bits == 32 else term.prefix6)
        for host in hosts:
            answer = yield from self._ask(host, self._address_type, domain)
            for address in answer.records:
                if address == self.ip or not (self._number ^ _number(address)) >> shift:
                    return True
        return False

    def _record(self, domain: str) -> Asking[Record | None]:
        """The SPF record of a domain (RFC 7208 4.4, 4.5)."""
        answer = yield Question(domain, "TXT")
        if answer.failure:
            raise _End(
                SpfVerdict.TEMPERROR,
                f"the SPF record of {domain} cannot be read at the moment: {answer.failure}",
            )
        found = [text for text in answer.records if is_record(text)]
        if not found:
            return None
        if len(found) > 1:
            raise _End(
                SpfVerdict.PERMERROR,
                f"{domain} publishes {len(found)} SPF records, and only one is allowed",
            )
        try:
            return parse(found[0])
        except SyntaxFault as fault:
            raise _End(
                SpfVerdict.PERMERROR, f"the SPF record of {domain} is broken: {fault.text}"
            ) from None

    def _count(self, domain: str) -> None:
        self.lookups += 1
        if self.lookups > MAX_LOOKUPS:
            through = "" if domain == self.name else f" (at {domain})"
            raise _End(
                SpfVerdict.PERMERROR,
                f"the SPF record of {self.name} needs more than {MAX_LOOKUPS} look-ups{through}",
            )

    def _count_void(self, name: str) -> None:
        """A name of which the DNS has nothing to tell (RFC 7208 4.6.4)."""
        self._void.append(name)
        if len(self._void) > MAX_VOID:
            names = ", ".join(dict.fromkeys(self._void))
            raise _End(
                SpfVerdict.PERMERROR,
                f"the SPF record of {self.name} leads to more than {MAX_VOID} names of which the"
                f" DNS has nothing: {names}",
            )

    def _ask(self, name: str, kind: RecordType, domain: str) -> Asking[Answer]:
        """The answer to a term's question; its failure is everybody's (RFC 7208 5)."""
        answer = yield Question(name, kind)
        if answer.failure:
            raise _End(
                SpfVerdict.TEMPERROR,
                f"the SPF record of {domain} leads to {name}, and the DNS cannot tell about it"
                f" at the moment: {answer.failure}",
            )
        if not answer.records and not (kind == "AAAA" and answer.exists):
            self._count_void(name)
        return answer

    def _target(self, spec: str, domain: str) -> Asking[str]:
        """The name a term speaks of: its domain-spec expanded, or the current domain."""
        if not spec:
            return domain
        if "%" in spec:
            values = {**self._sender_values(), "d": domain}
            if macros.asks_for_name(spec):
                values["p"] = yield from self._best_name(domain)
            spec = macros.expand(spec, values)
            if not spec.isascii():  # a local part that no name can hold (RFC 8616 4)
                return ""
        return macros.question_name(spec)

    def _sender_values(self) -> dict[str, str]:
        """The macros that are the same throughout (RFC 7208 7.2)."""
        if self._values is None:
            local, at, domain = self._sender.rpartition("@")
            local, domain = local or "postmaster", domain if at else self._asked
            domain = macros.question_name(domain) or domain
            nibbles = ".".join(f"{self._number:032X}") if self._bits == 128 else self.ip
            self._values = {
                "s": f"{local}@{domain}", "l": local, "o": domain, "i": nibbles,
                "h": macros.question_name(self._helo) or self._helo,
                "v": "ip6" if self._bits == 128 else "in-addr",
            }  # fmt: skip
        return self._values

    def _validated_names(self) -> Asking[tuple[str, ...]]:
        """The names of the address that lead back to it (RFC 7208 5.5); asked for once."""
        if self._names is None:
            pointer = ipaddress.ip_address(self.ip).reverse_pointer
            answer = yield Question(pointer, "PTR")
            if not answer.records and not answer.failure:
                self._count_void(pointer)
            good: list[str] = []
            for one in answer.records[:MAX_NAMES]:
                name = macros.question_name(one)
                if name:
                    back = yield Question(name, self._address_type)
                    if any(_number(address) == self._number for address in back.records):
                        good.append(name)
            self._names = tuple(good)
        return self._names

    def _best_name(self, domain: str) -> Asking[str]:
        """`%{p}`: the domain itself, else a name below it, else any, else "unknown"."""
        names = yield from self._validated_names()
        below = [one for one in names if one.endswith(f".{domain}")]
        return domain if domain in names else (*below, *names, "unknown")[0]

    def explain(self, outcome: Outcome, receiver: str, now: int) -> Asking[str]:
        """The domain's own words; any trouble on the way leaves them empty (RFC 7208 6.2)."""
        self._void.clear()  # the limit was for the evaluation, which is over
        name = yield from self._target(outcome.record.explanation, outcome.domain)
        if not name:
            return ""
        answer = yield Question(name, "TXT")
        if answer.failure or len(answer.records) != 1:
            return ""
        try:
            text = answer.records[0].decode("ascii")
            macros.check_macro_string(text, explanation=True)
        except (UnicodeDecodeError, SyntaxFault):
            return ""
        values = {**self._sender_values(), "d": outcome.domain}
        values |= {"c": self.ip, "r": receiver, "t": str(now)}
        if macros.asks_for_name(text):
            values["p"] = yield from self._best_name(outcome.domain)
        text = macros.expand(text, values)
        return text[:MAX_EXPLANATION] if text.isascii() and text.isprintable() else ""


def _number(address: str) -> int:
    """An address of a DNS answer as a number."""
    if ":" in address:
        return int(ipaddress.IPv6Address(address))
    a, b, c, d = address.split(".")
    return int(a) << 24 | int(b) << 16 | int(c) << 8 | int(d)
