"""What others report about our domains: sentences for people, numbers for charts."""

from __future__ import annotations

from msgspec import Struct

from merpati.base.faults import SyntaxFault
from merpati.services import dmarc_digest
from merpati.store import complaints, report_days, transport
from merpati.store.engine import Store
from merpati.wire import tls_advice, tls_report
from merpati.wire.reports import complaint

DAY = 86_400_000  # ms
TLS_LAST = 30  # reports that are told in sentences


class Day(Struct, frozen=True, rename="camel"):
    """A day, by the Unix milliseconds of its beginning (UTC): what was well and what not."""

    at: int
    good: int
    bad: int


class SourceView(Struct, frozen=True, rename="camel", kw_only=True):
    """Messages from one address that did not pass."""

    address: str
    messages: int
    signer: str
    envelope: str
    refused: int
    junked: int


class ComplaintView(Struct, frozen=True, rename="camel", kw_only=True):
    """A complaint about a message of an account; `received_at` is Unix milliseconds."""

    address: str
    received_at: int
    trace: str
    sentence: str


class ComplaintsView(Struct, frozen=True, rename="camel", kw_only=True):
    """What others complain about in mail of a domain, the latest first, and what to do."""

    domain: str
    days: int
    complaints: list[ComplaintView]
    advice: str


class DmarcView(Struct, frozen=True, rename="camel", kw_only=True):
    """What DMARC reports say about a domain over some days."""

    domain: str
    days: int
    organizations: int
    policy: str
    messages: int
    passed: int
    sentences: list[str]
    failing: list[SourceView]
    by_day: list[Day]


class TlsReportView(Struct, frozen=True, rename="camel", kw_only=True):
    """One report of somebody who sent us mail; `received_at` is Unix milliseconds."""

    organization: str
    received_at: int
    good: int
    bad: int
    sentences: list[str]


class TlsView(Struct, frozen=True, rename="camel", kw_only=True):
    """What TLS reports say about a domain over some days."""

    domain: str
    days: int
    good: int
    bad: int
    reports: list[TlsReportView]
    by_day: list[Day]


async def complained(
    store: Store, domain: str, days: int, now: int, language: str
) -> ComplaintsView:
    """What others complain about in mail of a domain's accounts."""
    found = await store.read(complaints.listing, domain, now - days * DAY)
    said = [
        ComplaintView(
            address=one.address, received_at=one.received_at, trace=one.trace,
            sentence=complaint.sentence(
                one.kind, one.reporter, one.recipient, one.address, language
            ),
        )
        for one in found
    ]  # fmt: skip
    advice = complaint.ADVICE["id" if language == "id" else "en"] if said else ""
    return ComplaintsView(domain=domain, days=days, complaints=said, advice=advice)


async def dmarc(store: Store, domain: str, days: int, now: int, language: str) -> DmarcView:
    """What others report about mail in the name of a domain."""
    told = await dmarc_digest.summary(store, domain, days, now / 1000)
    by_day = await store.scan(report_days.dmarc, domain, now - days * DAY)
    return DmarcView(
        domain=domain, days=days, organizations=told.organizations, policy=told.policy,
        messages=told.messages, passed=told.passed,
        sentences=await dmarc_digest.tell(store, domain, days, now / 1000, language),
        failing=[
            SourceView(
                address=one.source_ip, messages=one.messages, signer=one.signer,
                envelope=one.envelope, refused=one.refused, junked=one.junked,
            )
            for one in told.failing[:50]
        ],
        by_day=[Day(*row) for row in by_day],
    )  # fmt: skip


async def tls(store: Store, domain: str, days: int, now: int, language: str) -> TlsView:
    """What others report about TLS with a domain's servers."""
    since = now - days * DAY
    by_day = await store.scan(report_days.tls, domain, since)
    found = await store.read(transport.reports, (domain,), TLS_LAST)
    views = []
    for one in found:
        if one.received_at < since:
            continue
        try:
            sentences = tls_advice.sentences(tls_report.parse(one.report), language)
        except SyntaxFault as fault:
            sentences = [fault.text]
        views.append(
            TlsReportView(
                organization=one.organization,
                received_at=one.received_at,
                good=one.good,
                bad=one.bad,
                sentences=sentences,
            )
        )
    return TlsView(
        domain=domain, days=days, good=sum(row[1] for row in by_day),
        bad=sum(row[2] for row in by_day), reports=views, by_day=[Day(*row) for row in by_day],
    )  # fmt: skip
