"""The grammar of SPF records (RFC 7208 12).

    record    = "v=spf1" *( 1*SP ( directive / modifier ) ) *SP
    directive = [ "+" / "-" / "?" / "~" ] mechanism

A record is read whole before any of it is used, so that an error at its end counts as much
as one at its beginning (RFC 7208 4.6). The sentences of the faults are for whoever published
the record: they name the term and, for the mistakes that people make, what was meant.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.spf.macros import check_domain_spec, check_macro_string

RECORD_LIMIT: Final = 16_384
"""Octets of a record. RFC 7208 3.4 wants some 450; flattened ones of 10,000 have been seen."""
CACHED_LIMIT: Final = 2_048  # octets of a record that is worth remembering
CACHED: Final = 512  # records

_VERSION: Final = re.compile(rb"v=spf1(?=\Z| )", re.IGNORECASE)
# name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." )
_MODIFIER: Final = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)=(.*)", re.DOTALL)
_DIRECTIVE: Final = re.compile(r"([+?~-]?)([A-Za-z][A-Za-z0-9_.-]*)(.*)", re.DOTALL)
# dual-cidr-length at the end of a term: [ "/" 0-32 ] [ "//" 0-128 ], no leading zeros
_CIDR: Final = re.compile(r"(?:/(0|[1-9][0-9]{0,2}))?(?://(0|[1-9][0-9]{0,2}))?\Z")
_CIDR_LENGTH: Final = 9  # characters of the longest, "/32//128", and one
_MEANT: Final = {
    "ip": "ip4", "ipv4": "ip4", "ipv6": "ip6", "prt": "ptr", "includes": "include",
    "redirect": "redirect= (with =)", "exp": "exp= (with =)", "host": "a", "any": "all",
    "all.": "all",
}  # fmt: skip


class Directive(msgspec.Struct, frozen=True):
    """A mechanism with its qualifier.

    Attributes:
        qualifier: "+", "-", "~" or "?"; none written is "+".
        mechanism: all, include, a, mx, ptr, ip4, ip6 or exists, in lower case.
        domain: The domain-spec as written, macros and all; empty when it has none.
        address: The number of ip4 and ip6's address.
        prefix4: Bits of IPv4 addresses that must agree.
        prefix6: The same of IPv6.
    """

    qualifier: str
    mechanism: str
    domain: str = ""
    address: int = 0
    prefix4: int = 32
    prefix6: int = 128

    def __str__(self) -> str:
        """The term as a record has it; `+` is left out."""
        text = ("" if self.qualifier == "+" else self.qualifier) + self.mechanism
        if self.mechanism == "ip4":
            text += f":{IPv4Address(self.address)}"
        elif self.mechanism == "ip6":
            text += f":{IPv6Address(self.address)}"
            return text if self.prefix6 == 128 else f"{text}/{self.prefix6}"
        elif self.domain:
            text += f":{self.domain}"
        if self.prefix4 != 32:
            text += f"/{self.prefix4}"
        return text if self.prefix6 == 128 else f"{text}//{self.prefix6}"


class Record(msgspec.Struct, frozen=True):
    """An SPF record: directives in their order, modifiers wherever they stood.

    Attributes:
        directives: The directives.
        redirect: The domain-spec of `redirect=`; empty without.
        explanation: The domain-spec of `exp=`; empty without.
        others: Modifiers that this version of SPF does not know, which mean nothing.
    """

    directives: tuple[Directive, ...] = ()
    redirect: str = ""
    explanation: str = ""
    others: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """The text to publish; `parse` reads it back."""
        terms = ["v=spf1", *map(str, self.directives)]
        if self.redirect:
            terms.append(f"redirect={self.redirect}")
        if self.explanation:
            terms.append(f"exp={self.explanation}")
        return " ".join(terms + [f"{name}={value}" for name, value in self.others])


def is_record(text: bytes) -> bool:
    """True for a TXT record that means to be SPF (RFC 7208 4.5)."""
    return _VERSION.match(text) is not None


def parse(text: bytes) -> Record:
    """The record of a TXT record for which `is_record` holds.

    Raises:
        SyntaxFault: A sentence for the one who published it, without a full stop.
    """
    return _parse_and_keep(text) if len(text) <= CACHED_LIMIT else _parse(text)


@lru_cache(maxsize=CACHED)
def _parse_and_keep(text: bytes) -> Record:
    return _parse(text)


def _parse(text: bytes) -> Record:
    version = _VERSION.match(text)
    if version is None:
        raise SyntaxFault("it does not begin with v=spf1 and a space")
    if len(text) > RECORD_LIMIT:
        raise SyntaxFault(f"it is longer than {RECORD_LIMIT} octets")
    try:
        terms = text[version.end() :].decode("ascii").split(" ")
    except UnicodeDecodeError:
        raise SyntaxFault("it has characters that are not ASCII") from None
    directives: list[Directive] = []
    known: dict[str, str] = {}
    others: list[tuple[str, str]] = []
    for term in filter(None, terms):
        modifier = _MODIFIER.fullmatch(term)
        try:
            if modifier is None:
                directives.append(_directive(term))
            elif modifier[1].lower() in {"redirect", "exp"}:
                _add_modifier(known, modifier[1].lower(), modifier[2])
            else:
                check_macro_string(modifier[2], explanation=True)
                others.append((modifier[1], modifier[2]))
        except SyntaxFault as fault:
            raise SyntaxFault(f'"{_shown(term)}" is wrong: {fault.text}') from None
    return Record(tuple(directives), known.get("redirect", ""), known.get("exp", ""), tuple(others))


def _add_modifier(known: dict[str, str], name: str, spec: str) -> None:
    """`redirect=` and `exp=` may be there once (RFC 7208 6)."""
    if name in known:
        raise SyntaxFault(f"{name}= is there twice")
    check_domain_spec(spec)
    known[name] = spec


def _directive(term: str) -> Directive:
    match = _DIRECTIVE.fullmatch(term)
    if match is None:
        raise SyntaxFault("there is neither a mechanism nor a modifier")
    qualifier, mechanism, rest = match[1] or "+", match[2].lower(), match[3]
    if mechanism == "all":
        if rest:
            raise SyntaxFault('nothing may follow "all"')
        return Directive(qualifier, mechanism)
    if mechanism in {"ip4", "ip6"}:
        return _network(qualifier, mechanism, rest)
    if mechanism in {"a", "mx"}:
        return _hosts(qualifier, mechanism, rest)
    if mechanism in {"include", "exists"} or (mechanism == "ptr" and rest):
        if not rest.startswith(":"):
            raise SyntaxFault(f'a domain must follow "{mechanism}:"')
        check_domain_spec(rest[1:])
        return Directive(qualifier, mechanism, rest[1:])
    if mechanism == "ptr":
        return Directive(qualifier, mechanism)
    if (meant := _MEANT.get(mechanism)) is not None:
        raise SyntaxFault(f'the mechanism is unknown; {meant} is meant, not "{mechanism}"')
    raise SyntaxFault("the mechanism is unknown")


def _hosts(qualifier: str, mechanism: str, rest: str) -> Directive:
    """What follows `a` and `mx`: [ ":" domain-spec ] [ dual-cidr-length ]."""
    start = max(0, len(rest) - _CIDR_LENGTH)
    cidr = _CIDR.search(rest, start)
    assert cidr is not None  # it may be empty
    domain = rest[: cidr.start()]
    prefix4 = 32 if cidr[1] is None else int(cidr[1])
    prefix6 = 128 if cidr[2] is None else int(cidr[2])
    _check_prefix(prefix4, 32)
    _check_prefix(prefix6, 128)
    if domain:
        if not domain.startswith(":"):
            raise SyntaxFault(f'what follows "{mechanism}" is neither a domain nor a prefix length')
        check_domain_spec(domain[1:])
    return Directive(qualifier, mechanism, domain[1:], 0, prefix4, prefix6)


def _network(qualifier: str, mechanism: str, rest: str) -> Directive:
    """What follows `ip4` and `ip6`: ":" address [ "/" prefix length ]."""
    if not rest.startswith(":"):
        raise SyntaxFault(f'an address must follow "{mechanism}:"')
    address, slash, length = rest[1:].partition("/")
    bits = 32 if mechanism == "ip4" else 128
    try:
        number = int(IPv4Address(address)) if bits == 32 else int(IPv6Address(_unscoped(address)))
    except AddressValueError:
        other = f'; an IPv6 address is written "ip6:{address}"' if _is_ip6(address, bits) else ""
        raise SyntaxFault(f'"{_shown(address)}" is no IPv{mechanism[2]} address{other}') from None
    prefix = bits
    if slash:
        if not (length.isascii() and length.isdigit()) or str(int(length[:4])) != length:
            raise SyntaxFault(f'"/{_shown(length)}" is no prefix length')
        prefix = int(length)
        _check_prefix(prefix, bits)
    if bits == 32:
        return Directive(qualifier, mechanism, "", number, prefix)
    return Directive(qualifier, mechanism, "", number, 32, prefix)


def _unscoped(address: str) -> str:
    if "%" in address:  # ipaddress would take it for a zone
        raise AddressValueError(address)
    return address


def _is_ip6(address: str, bits: int) -> bool:
    try:
        return bits == 32 and bool(IPv6Address(_unscoped(address)))
    except AddressValueError:
        return False


def _check_prefix(length: int, bits: int) -> None:
    if length > bits:
        raise SyntaxFault(f'"/{length}" is longer than the {bits} bits of an address')


def _shown(text: str) -> str:
    """A piece of a record as a sentence can hold it."""
    return "".join(c if c.isprintable() else "?" for c in text[:80])
