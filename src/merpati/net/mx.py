"""Which hosts take mail for a domain, and in which order to try them (RFC 5321 5.1).

Every end of the search has its own fault, for the three readings of "no host"
differ: the domain is wrong, the domain takes no mail, or nobody can tell now.
"""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.net.dns import MX, read_mx
from merpati.wire.smtp import paths

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from merpati.net.dns import Resolver

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_HOSTS: Final = 10
"""Exchangers looked at, the most preferred first; big providers publish up to 5."""
MAX_ADDRESSES: Final = 8
"""Addresses tried per exchanger."""


class Chance(Protocol):
    """The part of `random.Random` that is needed."""

    def random(self) -> float:
        """A number from 0 to 1."""
        ...


class Target(msgspec.Struct, frozen=True):
    """A host to connect to: its name, and its addresses in the order to try them."""

    host: str
    addresses: tuple[str, ...]


class RouteFault(Fault):
    """No host to deliver to; `status` is the enhanced status code (RFC 3463).

    `Kind.NOT_FOUND` is final, `Kind.UNAVAILABLE` temporary.
    """

    def __init__(self, kind: Kind, status: str, text: str) -> None:
        super().__init__(kind, text, status)


async def targets(
    resolver: Resolver,
    domain: str,
    own_names: Collection[str],
    chance: Chance,
    own_networks: Sequence[Network] = (),
) -> list[Target]:
    """The hosts to try for `domain`, in order; each has at least one address.

    `domain` may be an address literal. `own_names` (lower case) and
    `own_networks` are this installation's: a host that is ourselves is left
    out with all that are not better (RFC 5321 5.1), for mail given to them
    would come back. Hosts of equal preference are shuffled by `chance`.

    Raises `RouteFault`, final: 5.1.2 no such domain or a bad literal, 5.1.10
    the domain takes no mail (RFC 7505), 5.4.4 its hosts have no address, 5.4.6
    the best host is ourselves; temporary: 4.4.3 the DNS gives no answer.
    """
    if domain.startswith("["):
        return [_literal(domain, own_networks)]
    exchangers = await _exchangers(resolver, domain)
    exchangers.sort(key=lambda mx: (mx.preference, chance.random()))
    del exchangers[MAX_HOSTS:]
    lookups = await asyncio.gather(*(_addresses(resolver, mx.host) for mx in exchangers))
    found = list(zip(exchangers, lookups, strict=True))
    ours = [
        mx.preference
        for mx, addresses in found
        if mx.host in own_names or _has_own(addresses, own_networks)
    ]
    if ours:
        found = [(mx, addresses) for mx, addresses in found if mx.preference < min(ours)]
        if not found:
            raise _loop(domain)
    usable = [
        Target(mx.host, addresses)
        for mx, addresses in found
        if not isinstance(addresses, Fault) and addresses
    ]
    if usable:
        return usable
    for _, addresses in found:
        if isinstance(addresses, Fault):
            raise RouteFault(Kind.UNAVAILABLE, "4.4.3", addresses.text)
    text = f"The mail exchangers of {domain} have no address to send to."
    raise RouteFault(Kind.NOT_FOUND, "5.4.4", text)


async def host(resolver: Resolver, name: str) -> Target:
    """A host that is named itself, whatever exchangers its name may have.

    Raises `RouteFault`, temporary: 4.4.3 the DNS gives no answer, 4.4.4 it has no address.
    """
    try:
        return Target(name, (str(ipaddress.ip_address(name)),))
    except ValueError:
        found = await _addresses(resolver, name)
    if isinstance(found, Fault):
        raise RouteFault(Kind.UNAVAILABLE, "4.4.3", found.text)
    if not found:
        text = f"The host {name} has no address to send to."
        raise RouteFault(Kind.UNAVAILABLE, "4.4.4", text)  # it is ours to mend, not the sender's
    return Target(name, found)


async def _exchangers(resolver: Resolver, domain: str) -> list[MX]:
    """The MX records, or the domain itself where it has none (the implicit MX)."""
    try:
        answer = await resolver.query(domain, "MX")
    except Fault as fault:
        raise RouteFault(Kind.UNAVAILABLE, "4.4.3", fault.text) from None
    if not answer.exists:
        text = f"The domain {domain} does not exist."
        raise RouteFault(Kind.NOT_FOUND, "5.1.2", text)
    if not answer.records:
        return [MX(0, domain.lower().rstrip("."))]
    exchangers = [mx for mx in read_mx(answer) if mx.host]
    if not exchangers:
        text = f"The domain {domain} does not take mail (it publishes a null MX)."
        raise RouteFault(Kind.NOT_FOUND, "5.1.10", text)
    return exchangers


async def _addresses(resolver: Resolver, host: str) -> tuple[str, ...] | Fault:
    """Addresses a connection can be made to; the fault of a failed lookup as a value."""
    try:
        found = await resolver.addresses(host)
    except Fault as fault:
        return fault
    # 0.0.0.0 and :: would connect to this very host.
    usable = (
        address
        for address in found
        if not (ip := ipaddress.ip_address(address)).is_unspecified and not ip.is_multicast
    )
    return tuple(itertools.islice(usable, MAX_ADDRESSES))


def _has_own(addresses: tuple[str, ...] | Fault, own_networks: Sequence[Network]) -> bool:
    if isinstance(addresses, Fault):
        return False
    ips = [ipaddress.ip_address(address) for address in addresses]
    return any(ip in network for ip in ips for network in own_networks)


def _literal(domain: str, own_networks: Sequence[Network]) -> Target:
    """`[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 4.1.3): no DNS is asked."""
    try:
        name = paths.parse_domain(domain)
    except SyntaxFault as fault:
        raise RouteFault(Kind.NOT_FOUND, "5.1.2", fault.text) from None
    address = name[1:-1].removeprefix("IPv6:")
    if _has_own((address,), own_networks):
        raise _loop(domain)
    return Target(name, (address,))


def _loop(domain: str) -> RouteFault:
    text = (
        f"The mail exchanger of {domain} is this server, which does not take mail for {domain}: "
        "add the domain here, or correct its MX record."
    )
    return RouteFault(Kind.NOT_FOUND, "5.4.6", text)
