"""What others report about mail in the name of our domains: read, kept as a digest, told in words.

Reports come by mail to an address that the DMARC records of our domains name, or as files
(`merpati report read`). Failure reports about single messages (RFC 9991) are told in the log, or
by that command, and not kept. They are all files of strangers; `wire/reports` says how they are
bounded.
"""

from __future__ import annotations

import asyncio
import mmap
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Final

import msgspec

from merpati.base.clock import Clock
from merpati.base.faults import SyntaxFault
from merpati.base.log import Log
from merpati.model.verdict import Judgement
from merpati.store import directory, reports
from merpati.store.engine import Store
from merpati.store.reports import Received, Source
from merpati.wire.dmarc.evaluation import DmarcVerdict
from merpati.wire.reports import aggregate, failure, parcel, words
from merpati.wire.reports.aggregate import Report
from merpati.wire.reports.words import Failing, Summary
from merpati.wire.smtp.paths import parse_address

DAY: Final = 86_400  # seconds
RECEIVED_KEPT: Final = 400 * DAY  # seconds that reports of others are kept: a year to compare
LARGE: Final = 65_536  # bytes of a mail; reading more would hold up the event loop


class Digests:
    """Reads reports about domains of ours, for one worker."""

    def __init__(self, store: Store, clock: Clock, addresses: Iterable[str], log: Log) -> None:
        """`addresses`: those here to which others send reports."""
        self._store = store
        self._clock = clock
        self._log = log
        self._addresses = {str(parse_address(one)).lower() for one in addresses}

    def wants(self, address: str) -> bool:
        """True for an address here to which others send reports."""
        return address.lower() in self._addresses

    async def take(
        self, judged: Judgement, addresses: Iterable[str], content: bytes | mmap.mmap
    ) -> None:
        """Read a mail that was taken over, if it is for an address of reports.

        One that did not pass DMARC itself is left unread: a forged report misleads
        (RFC 9990 3.5.2). Nothing is raised for what is no report.
        """
        if not self._addresses or not any(map(self.wants, addresses)):
            return
        dmarc = judged.findings.dmarc
        if dmarc is None or dmarc.verdict is not DmarcVerdict.PASS:
            reason = "the mail it came in is not proven to be from its sender"
            self._log.info("dmarc-report.unread", reason=reason)
            return
        try:
            found = failure.read(content) if len(content) <= LARGE else None
            if found is None:
                await self.receive(content)
            elif await is_ours(self._store, found.domain):
                said = " ".join(failure.sentences(found))
                self._log.info("dmarc-failure.read", domain=found.domain, said=said)
        except SyntaxFault as fault:
            self._log.info("dmarc-report.unread", reason=fault.text)

    async def receive(self, content: bytes | mmap.mmap) -> list[Report]:
        """Keep the reports in a mail that are about domains of ours.

        Raises:
            SyntaxFault: a file in it is damaged, or is no report.
        """
        if len(content) > LARGE:
            found = await asyncio.to_thread(read_mail, content)
        else:
            found = read_mail(content)
        return [report for report in found if await keep(self._store, report, self._clock.now())]

    async def forget(self) -> None:
        """Remove reports of others whose time is over."""
        before = int((self._clock.now() - RECEIVED_KEPT) * 1000)
        while await self._store.write(reports.forget_reports, before):
            continue


async def keep(store: Store, report: Report, now: float) -> bool:
    """Keep the digest of a report; False when it is not about us, or came before."""
    domain = report.published.domain
    if not await is_ours(store, domain):
        return False
    kept = Received(
        domain, report.org_name, report.report_id, report.begin * 1000, report.end * 1000,
        int(now * 1000), report.published.p,
    )  # fmt: skip
    return await store.write(reports.keep, kept, digest(report))


async def is_ours(store: Store, domain: str) -> bool:
    """Whether a domain is served here, or is below one that is."""
    ours = {one.name for one in await store.read(directory.domains)}
    return any(domain == one or domain.endswith(f".{one}") for one in ours)


async def summary(store: Store, domain: str, days: int, now: float) -> Summary:
    """What others report about a domain of ours over some days."""
    since = int((now - days * DAY) * 1000)
    received = await store.read(reports.reports, domain, since)
    sources = await store.read(reports.sources, domain, since)
    bad: defaultdict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for one in sources:
        if not (one.dkim_aligned or one.spf_aligned):
            bad[one.source_ip, one.signer, one.envelope][one.disposition] += one.messages
    failing = [
        Failing(source_ip=ip, messages=fate.total(), signer=signer, envelope=envelope,
                refused=fate["reject"], junked=fate["quarantine"])
        for (ip, signer, envelope), fate in bad.items()
    ]  # fmt: skip
    total = sum(one.messages for one in sources)
    return Summary(
        domain=domain,
        days=days,
        organizations=len({one.organization for one in received}),
        policy=received[-1].policy if received else "none",
        messages=total,
        passed=total - sum(one.messages for one in failing),
        failing=sorted(failing, key=lambda one: (-one.messages, one.source_ip)),
    )


async def tell(store: Store, domain: str, days: int, now: float, language: str) -> list[str]:
    """The same in sentences."""
    return words.sentences(await summary(store, domain, days, now), language)


def read_mail(content: bytes | mmap.mmap) -> list[Report]:
    """The reports in a mail, or in a file that is one itself.

    Raises:
        SyntaxFault: there is none, or one is damaged.
    """
    files = parcel.files(content)
    if not files:
        raise SyntaxFault("there is no report in it")
    return [aggregate.parse(parcel.unpack(file)) for file in files]


def digest(report: Report) -> list[Source]:
    """What is kept of a report: its rows, added up."""
    counts: Counter[Source] = Counter()
    for row in report.rows:
        passed = [one for one in row.signatures if one.result == "pass"]
        signer = passed[0].domain if passed else ""
        envelope = row.envelope_from or (row.spf.domain if row.spf is not None else "")
        key = Source(
            row.source_ip, 0, row.dkim_aligned, row.spf_aligned, row.disposition, row.header_from,
            signer, envelope,
        )  # fmt: skip
        counts[key] += row.count
    return [msgspec.structs.replace(key, messages=count) for key, count in counts.items()]
