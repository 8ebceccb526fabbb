"""What a check found: how bad it is, what is wrong, why it matters, what to type."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from enum import Enum
from typing import Final

import msgspec

from merpati.services.diagnose.publish import Certificate, Home
from merpati.wire.asking import Asking, Question
from merpati.wire.mta_sts import Policy

# Networks whose addresses mean nothing to others: RFC 1918, 6598, 3927, 4193, loopback.
_PRIVATE: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16",
        "127.0.0.0/8", "fc00::/7", "fe80::/10", "::1/128",
    )
)  # fmt: skip
LISTED: Final = 4  # things that a sentence lists


class Severity(Enum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"  # mail flows, but something is to be mended
    PROBLEM = "problem"  # mail is lost, refused, or will be soon


class Finding(msgspec.Struct, frozen=True):
    """One finding.

    Attributes:
        check: Which check it is of, in a word.
        severity: How bad it is.
        what: What is so, one sentence.
        why: Why it matters; empty when all is well.
        do: What to do, with what to type or publish; empty when all is well.
    """

    check: str
    severity: Severity
    what: str
    why: str = ""
    do: str = ""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of this machine and its server.

    Attributes:
        hostname: The name it greets with.
        sources: Public addresses it sends from, as it sees them itself; empty behind NAT.
        issuer: The domain of the authority that issues its certificates, for CAA; often "".
        certificates: The certificates it shows.
        tlsa: The TLSA records that would fit them.
        block_lists: Block lists of addresses, by their zone.
        domain_block_lists: Block lists of domains.
    """

    hostname: str
    sources: tuple[str, ...] = ()
    issuer: str = ""
    certificates: tuple[Certificate, ...] = ()
    tlsa: tuple[str, ...] = ()
    block_lists: tuple[str, ...] = ()
    domain_block_lists: tuple[str, ...] = ()


class Served(msgspec.Struct, frozen=True):
    """The MTA-STS policy that others get by HTTPS, or why they get none."""

    policy: Policy | None = None
    failure: str = ""


class Case(msgspec.Struct, frozen=True):
    """A domain on this machine: what the checks of domains look at.

    `served` is None when no policy is announced, or nobody tried to fetch it.
    """

    home: Home
    machine: Machine
    served: Served | None = None


class Names(msgspec.Struct, frozen=True):
    """The addresses of a name, or why nobody can tell."""

    addresses: tuple[str, ...] = ()
    failure: str = ""


def ok(check: str, what: str) -> Finding:
    """All is well."""
    return Finding(check, Severity.OK, what)


def warning(check: str, what: str, why: str, do: str) -> Finding:
    """Something is to be mended."""
    return Finding(check, Severity.WARNING, what, why, do)


def problem(check: str, what: str, why: str, do: str) -> Finding:
    """Something costs mail."""
    return Finding(check, Severity.PROBLEM, what, why, do)


def unknown(check: str, subject: str, failure: str) -> Finding:
    """Nobody can tell at the moment."""
    return warning(
        check,
        sentence(f"{subject} could not be looked up: {failure}"),
        "While the DNS does not answer, other servers put the domain's mail off.",
        "Try again; if it stays so, see whether the domain's name servers are running.",
    )


def ask_addresses(name: str) -> Asking[Names]:
    """The addresses of a name; one family is enough to be known."""
    four = yield Question(name, "A")
    six = yield Question(name, "AAAA")
    addresses = tuple(sorted(four.records) + sorted(six.records))
    return Names(addresses, "" if addresses else four.failure or six.failure)


def ask_own_addresses(machine: Machine) -> Asking[Names]:
    """The public addresses this machine sends from: as it sees itself, else by its name.

    Where one family is behind NAT, the name tells of that one alone.
    """
    seen = {":" in one for one in machine.sources}
    if len(seen) == 2:
        return Names(machine.sources)
    found = yield from ask_addresses(machine.hostname)
    named = [one for one in found.addresses if (":" in one) not in seen and not is_private(one)]
    return Names((*machine.sources, *named), found.failure)


def is_private(address: str) -> bool:
    """True for an address that others cannot reach."""
    one = ipaddress.ip_address(address)
    return any(one in network for network in _PRIVATE)


def sentence(text: str) -> str:
    """A clause as a sentence: "the record ..." gets its capital; a name at its head none."""
    text = f"T{text[1:]}" if text.startswith("the ") else text
    return text if text.endswith(".") else f"{text}."


def listed(things: Sequence[str]) -> str:
    """Some things in a sentence: "a, b and c", "a, b, c, d and 3 more"."""
    names = list(things[:LISTED])
    if len(things) > LISTED:
        names.append(f"{len(things) - LISTED} more")
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def covers(names: Sequence[str], host: str) -> bool:
    """True when a certificate with these names is good for a host (RFC 9525 6.3)."""
    return host in names or "*." + host.partition(".")[2] in names
