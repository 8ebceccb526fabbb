"""Whether the name an address has in the DNS leads back to it (RFC 8601 3)."""

from __future__ import annotations

from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

import msgspec

from merpati.wire.asking import Asking, Question, RecordType

MAX_NAMES: Final = 5
"""Names of one address that are looked up; more are a shared host, or meant to cost time."""


class IprevVerdict(Enum):
    """The results of RFC 8601 2.7.3."""

    PASS = "pass"  # noqa: S105 -- the word of the RFC
    FAIL = "fail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"  # the address has no name


class IprevResult(msgspec.Struct, frozen=True):
    """What was found.

    Attributes:
        verdict: the result.
        reason: why, in words.
        name: the first name that leads back, else the first there is, else empty.
    """

    verdict: IprevVerdict
    reason: str
    name: str = ""


def iprev(ip: str) -> Asking[IprevResult]:
    """The name of a client's address, there and back.

    Args:
        ip: As text; what is no address ("unix") has no name.
    """
    address = _address(ip)
    if address is None:
        return IprevResult(IprevVerdict.PERMERROR, f"{ip} is not an IP address")
    answer = yield Question(address.reverse_pointer, "PTR")
    if answer.failure:
        return IprevResult(IprevVerdict.TEMPERROR, answer.failure)
    names: list[str] = [name for name in answer.records if name]
    if not names:
        return IprevResult(IprevVerdict.PERMERROR, f"{address} has no name in the DNS")
    kind: RecordType = "AAAA" if address.version == 6 else "A"
    failure = ""
    for name in names[:MAX_NAMES]:
        answer = yield Question(name, kind)
        if any(_address(one) == address for one in answer.records):
            return IprevResult(IprevVerdict.PASS, f"{address} is {name}, and back", name)
        failure = failure or answer.failure
    if failure:
        return IprevResult(IprevVerdict.TEMPERROR, failure, names[0])
    reason = f"{address} says it is {names[0]}, which does not lead back"
    return IprevResult(IprevVerdict.FAIL, reason, names[0])


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found
