"""What SPF comes to (RFC 7208 2.6), with the reason in words."""

from __future__ import annotations

from enum import Enum

import msgspec


class SpfVerdict(Enum):
    """The seven results of RFC 7208 2.6; the value is the word of RFC 8601 2.7.2."""

    PASS = "pass"  # noqa: S105 -- the word of the RFC  # the domain allows this host
    FAIL = "fail"  # the domain forbids it
    SOFTFAIL = "softfail"  # it probably forbids it
    NEUTRAL = "neutral"  # it says nothing about this host
    NONE = "none"  # it has no SPF record
    TEMPERROR = "temperror"  # the DNS could not tell at the moment
    PERMERROR = "permerror"  # its record is broken


class SpfResult(msgspec.Struct, frozen=True):
    """What `check_host` came to.

    Attributes:
        verdict: The result.
        domain: Whose policy was asked, as the caller named it.
        reason: Why, as a sentence for the person who reads a trace, without a full stop.
        explanation: The domain's own words for a failure (`exp=`), printable ASCII; often empty.
            They are another's text: show them as a quotation.
        term: The term that decided, as the record writes it; empty without one.
        lookups: Terms evaluated that ask the DNS, of at most ten (RFC 7208 4.6.4).
    """

    verdict: SpfVerdict
    domain: str
    reason: str
    explanation: str = ""
    term: str = ""
    lookups: int = 0
