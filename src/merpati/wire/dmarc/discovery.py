"""Which record applies to a domain, and where its organization ends (RFC 9989 4.10).

Records are looked for at the domain and, label by label, above it: the tree walk, of at
most `MAX_QUERIES` questions however many labels a domain has. A record with psd=n is the
organization's own; one with psd=y belongs to a public suffix, so the organization is one
label below; else the topmost record is the organization's.

The walks of one message share their records (`Records`), as most of its domains do.
"""

from __future__ import annotations

from typing import Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.asking import Asking, Question
from merpati.wire.dmarc import record
from merpati.wire.dmarc.record import Psd, Record

MAX_QUERIES: Final = 8
"""Questions of one walk (RFC 9989 4.10)."""

KEPT_LABELS: Final = MAX_QUERIES - 1  # of a longer domain, once it was asked for itself


class DnsFailure(Exception):  # noqa: N818 -- it ends one evaluation, nobody outside sees it
    """The DNS could not say; the text is its reason."""


class Policies(msgspec.Struct, frozen=True):
    """What a walk found.

    Attributes:
        domain: the domain that was looked for: the author's.
        found_at: the domain whose record applies; empty when none does.
        record: that record.
        organization: the organizational domain.
    """

    domain: str
    found_at: str
    record: Record | None
    organization: str


class Records:
    """The records that were asked for while one message is judged, by domain."""

    def __init__(self) -> None:
        self._known: dict[str, Record | None] = {}

    def at(self, domain: str) -> Asking[Record | None]:
        """The one policy record at a domain.

        Raises:
            DnsFailure: nobody can tell at the moment.
        """
        if domain not in self._known:
            answer = yield Question(f"_dmarc.{domain}", "TXT")
            if answer.failure:
                raise DnsFailure(
                    f"the DMARC record of {domain} could not be read: {answer.failure}"
                )
            self._known[domain] = _only(answer.records)
        return self._known[domain]

    def discover(self, domain: str) -> Asking[Policies]:
        """The record for mail of a domain (RFC 9989 4.10.1).

        Raises:
            DnsFailure: a question that matters was not answered.
        """
        own = yield from self.at(domain)
        if own is not None:  # where the organization ends matters only to some messages
            return Policies(domain, domain, own, "")
        organization, suffix = yield from self._walk(domain)
        for place in (organization, suffix):
            if place and (found := (yield from self.at(place))) is not None:
                return Policies(domain, place, found, organization)
        return Policies(domain, "", None, organization)

    def organization(self, domain: str) -> Asking[str]:
        """The organizational domain of a domain (RFC 9989 4.10.2).

        Raises:
            DnsFailure: a question that matters was not answered.
        """
        organization, _ = yield from self._walk(domain)
        return organization

    def _walk(self, domain: str) -> Asking[tuple[str, str]]:
        """The organizational domain, and the public suffix that was met, else nothing."""
        highest = domain
        for place in _places(domain):
            found = yield from self.at(place)
            if found is None:
                continue
            if found.psd is Psd.YES and place != domain:
                return _one_label_below(place, domain), place
            if found.psd is not Psd.UNKNOWN:
                return place, ""
            highest = place
        return highest, ""


def _only(records: tuple[bytes, ...]) -> Record | None:
    """The policy among the TXT records of a name; several are as good as none."""
    policies = [raw for raw in records if record.is_record(raw)]
    if len(policies) != 1:
        return None
    try:
        return record.parse(policies[0])
    except SyntaxFault:
        return None


def _one_label_below(place: str, domain: str) -> str:
    """The name between a domain and a place above it that is nearest to that place."""
    labels = domain.split(".")
    return ".".join(labels[-(place.count(".") + 2) :])


def _places(domain: str) -> list[str]:
    """Where a walk looks, from the longest name to the shortest."""
    labels = domain.split(".")
    first = max(1, len(labels) - KEPT_LABELS)
    return [domain, *(".".join(labels[n:]) for n in range(first, len(labels)))]
