"""Whether a domain forbids others to send mail in its name, which a list then must not do.

That is its DMARC policy. A list leaves the author's signature valid, but cannot know whether
every server on the way does, nor that there is one: so where the policy is more than
"none", the list puts its own address into From. When the DNS does not say, it does too.
"""

from __future__ import annotations

from merpati.net.asking import answer
from merpati.net.dns import Resolver
from merpati.wire.asking import Asking
from merpati.wire.dmarc.discovery import DnsFailure, Records
from merpati.wire.dmarc.record import Policy


class AuthorPolicies:
    """Asks the DNS."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def forbids(self, domain: str) -> bool:
        """Whether mail in the name of a domain must come from the domain itself."""
        return await answer(forbids(domain), self._resolver)


def forbids(domain: str) -> Asking[bool]:
    """The same, as questions to the DNS."""
    try:
        found = yield from Records().discover(domain)
    except DnsFailure:
        return True
    record = found.record
    if record is None:
        return False
    if found.found_at == domain:
        return record.p is not Policy.NONE
    wanted = {record.for_subdomains(exists=True), record.for_subdomains(exists=False)}
    return wanted != {Policy.NONE}
