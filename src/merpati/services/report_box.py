"""The mailbox of reports: what others tell about mail and TLS of our domains, read as it comes.

DMARC records name an address for aggregate reports (RFC 9990), TLS-RPT records one for reports
of failed connections (RFC 8460); complaints about our own mail come to `abuse@`. Mail to such an
address is delivered like any other, and also read here, if it is proven to be from its sender: a
forged report misleads.
"""

from __future__ import annotations

from collections.abc import Sequence

from merpati.model.verdict import Judgement
from merpati.services.complaints import Complaints
from merpati.services.dmarc_digest import Digests
from merpati.services.tls_reports import TlsReports
from merpati.wire.dkim.verifier import DkimVerdict


class ReportBox:
    """Reads reports for one worker."""

    def __init__(self, digests: Digests, complaints: Complaints) -> None:
        self.digests = digests
        self.complaints = complaints
        self.tls: TlsReports | None = None  # it sends letters too, so it is made later

    def wants(self, address: str) -> bool:
        """True for an address here to which others send reports."""
        return self.digests.wants(address) or self.complaints.wants(address)

    async def take(self, judged: Judgement, addresses: Sequence[str], content: bytes) -> None:
        """Read a message that was taken over; nothing is raised for what is no report."""
        await self.complaints.take(judged, addresses, content)
        if not any(map(self.digests.wants, addresses)):
            return
        await self.digests.take(judged, addresses, content)
        signed = any(one.verdict is DkimVerdict.PASS for one in judged.findings.dkim)
        if self.tls is not None and signed:  # RFC 8460 3: reports by mail are signed
            await self.tls.read_letter(content)
