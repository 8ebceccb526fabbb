"""TLSA records for mail (RFC 6698, 7671, 7672): which count, and what certificate each means.

A TLSA record binds a host's port to a certificate or key, by DNSSEC instead of by the public
authorities. For mail only two usages count: DANE-TA (2), an authority of the domain's own,
and DANE-EE (3), the server's certificate itself (RFC 7672 3.1.3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

import msgspec

DANE_TA: Final = 2
DANE_EE: Final = 3
MAX_RECORDS: Final = 20  # of one host; more are not looked at
MAX_DATA: Final = 8192  # octets of a certificate or key given whole

_DIGESTS: Final = {1: (hashlib.sha256, 32), 2: (hashlib.sha512, 64)}
_WHOLE: Final = 0


class Tlsa(msgspec.Struct, frozen=True):
    """One TLSA record (RFC 6698 2.1).

    Attributes:
        usage: 2, an authority that signed the certificate; 3, the certificate itself.
        selector: 0, the whole certificate; 1, its public key.
        matching: 0, as it is; 1, its SHA-256; 2, its SHA-512.
        data: What it is compared with.
    """

    usage: int
    selector: int
    matching: int
    data: bytes

    def __str__(self) -> str:
        """As in a zone file, and in a TLS report."""
        return f"{self.usage} {self.selector} {self.matching} {self.data.hex()}"

    def matches(self, certificate: bytes, key: bytes) -> bool:
        """Whether it means this certificate (DER) with this public key (its DER SPKI)."""
        content = key if self.selector else certificate
        if self.matching == _WHOLE:
            return content == self.data
        digest, _ = _DIGESTS[self.matching]
        return digest(content).digest() == self.data


def usable(records: Iterable[Tlsa]) -> tuple[Tlsa, ...]:
    """The records that can vouch for a mail server (RFC 7672 3.1): known, and of sound length.

    The stronger of two digests wins where a host publishes both for the same usage and
    selector (RFC 7671 9: digest algorithm agility).
    """
    sound = [record for record in records if _is_usable(record)][:MAX_RECORDS]
    strongest: dict[tuple[int, int], int] = {}
    for one in sound:
        if one.matching != _WHOLE:
            key = (one.usage, one.selector)
            strongest[key] = max(strongest.get(key, 0), one.matching)
    return tuple(
        one
        for one in sound
        if one.matching == _WHOLE or one.matching == strongest[one.usage, one.selector]
    )


def _is_usable(record: Tlsa) -> bool:
    if record.usage not in (DANE_TA, DANE_EE) or record.selector not in (0, 1):
        return False
    if record.matching == _WHOLE:
        return 0 < len(record.data) <= MAX_DATA
    known = _DIGESTS.get(record.matching)
    return known is not None and len(record.data) == known[1]


def of_key(spki: bytes) -> Tlsa:
    """The record to publish for a server's public key: `3 1 1`, as RFC 7672 3.1.3 advises."""
    return Tlsa(DANE_EE, 1, 1, hashlib.sha256(spki).digest())
