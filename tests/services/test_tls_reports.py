from __future__ import annotations

import email.policy
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.base.log import Level, Log, Sink
from merpati.net.dns import Resolver
from merpati.net.https import Https
from merpati.net.reaper import Reaper
from merpati.services.daily_reports import DAY, KEPT_DAYS, LEASE, SPREAD
from merpati.services.tls_reports import (
    MAX_COUNTS,
    Tally,
    TlsReports,
    TlsReportSettings,
)
from merpati.store import directory, transport
from merpati.wire import tls_report
from merpati.wire.smtp.paths import Path as Address
from merpati.wire.tls_report import (
    AppliedPolicy,
    DateRange,
    FailureDetails,
    PolicyReport,
    Report,
    ResultType,
    Summary,
)
from tests.support import store as stores
from tests.support.certificates import Authority
from tests.support.clock import FakeClock
from tests.support.dns import PATIENT, DnsServer, Trouble
from tests.support.ids import CountingIds
from tests.support.web import Web

ROOT = Authority("root")
STS = AppliedPolicy("sts", "there.test", ("version: STSv1",), ("mx.there.test",))
NONE = AppliedPolicy("no-policy-found", "there.test")
START = 1_799_971_200  # midnight


class World:
    """Somebody who counts, and there.test who wants to know."""

    def __init__(self, folder: Path, dns: DnsServer, web: Web) -> None:
        self.folder, self.dns, self.web = folder, dns, web
        self.clock = FakeClock(START + 3600)
        self.log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT)
        self.letters: list[tuple[Address, Address, bytes]] = []
        self.full = False

    async def open(self) -> None:
        self.store = await stores.sqlite(self.folder)
        self.tally = Tally(self.store, self.clock)
        self.resolver = Resolver([self.dns.nameserver], self.clock, timeout=PATIENT, attempts=1)
        self.reports = self.worker("w1")

    def worker(self, name: str, settings: TlsReportSettings | None = None) -> TlsReports:
        https = Https(self.resolver, Reaper(0.02), ROOT.client_context())
        log = Log(Sink(self.clock, fd=self.log, level=Level.INFO))
        return TlsReports(
            name, self.store, self.resolver, https, self.post, self.clock, CountingIds(),
            "mail.here.test", settings or TlsReportSettings(), log,
        )  # fmt: skip

    async def post(self, sender: Address, recipient: Address, content: bytes) -> None:
        if self.full:
            raise Fault(Kind.NO_SPACE, "full")
        self.letters.append((sender, recipient, content))

    def wants(self, *places: str) -> None:
        self.dns.set("_smtp._tls.there.test", "TXT", f'"v=TLSRPTv1; rua={",".join(places)}"')
        self.resolver.forget()

    async def count(self) -> None:
        """Two sessions as promised, three that were not."""
        for result in (None, None, ResultType.CERTIFICATE_EXPIRED, ResultType.CERTIFICATE_EXPIRED):
            self.tally.add("there.test", STS, result, "mx.there.test", "192.0.2.1", "has expired")
        self.tally.add("There.test", NONE, ResultType.STARTTLS_NOT_SUPPORTED, "old.there.test")
        await self.tally.flush()

    def next_day(self) -> None:
        """So late that the reports of the day before are due."""
        now = self.clock.now()
        self.clock.advance(DAY - now % DAY + SPREAD)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    context = ROOT.issue("reports.there.test").server_context()
    async with DnsServer({"reports.there.test": {"A": "127.0.0.1"}}) as dns, Web(context) as web:
        one = World(tmp_path, dns, web)
        await one.open()
        yield one
        await one.store.close()
        os.close(one.log)


def read(letter: bytes) -> Report:
    message = email.message_from_bytes(letter, policy=email.policy.default)
    [_, attached] = message.iter_parts()
    return tls_report.parse(attached.get_content())


async def test_a_day_is_reported_by_mail_once_it_is_over(world: World) -> None:
    world.wants("mailto:tls@there.test")
    await world.count()
    assert await world.reports.send_due() == 0
    world.next_day()
    assert await world.reports.send_due() == 1
    [(sender, recipient, letter)] = world.letters
    assert (str(sender), str(recipient)) == ("postmaster@mail.here.test", "tls@there.test")
    report = read(letter)
    assert report.organization_name == "mail.here.test"
    assert report.date_range == DateRange("2027-01-15T00:00:00Z", "2027-01-15T23:59:59Z")
    none, sts = report.policies
    assert sts.policy == STS
    assert sts.summary == Summary(2, 2)
    assert sts.failure_details == (
        FailureDetails(
            "certificate-expired", 2, receiving_mx_hostname="mx.there.test",
            receiving_ip="192.0.2.1", additional_information="has expired",
        ),
    )  # fmt: skip
    assert none.summary == Summary(0, 1)
    world.clock.advance(LEASE + 1)
    assert await world.reports.send_due() == 0


async def test_several_workers_send_one_report(world: World) -> None:
    world.wants("mailto:tls@there.test")
    await world.count()
    world.next_day()
    for name in ("w1", "w2", "w3"):
        await world.worker(name).send_due()
    assert len(world.letters) == 1


async def test_reports_are_spread_over_the_first_hours_of_the_next_day(world: World) -> None:
    for n in range(20):
        name = f"d{n}.test"
        world.dns.set(f"_smtp._tls.{name}", "TXT", f'"v=TLSRPTv1; rua=mailto:a@{name}"')
        world.tally.add(name, AppliedPolicy(policy_domain=name), None)
    await world.tally.flush()
    world.clock.advance(DAY - world.clock.now() % DAY + SPREAD / 2)
    await world.reports.send_due()
    assert 3 < len(world.letters) < 17


async def test_a_domain_that_asks_for_none_gets_none_and_its_counts_go(world: World) -> None:
    await world.count()
    world.next_day()
    assert await world.reports.send_due() == 0
    assert await world.store.read(transport.unreported, 10**6) == []


async def test_who_does_not_want_to_report_does_not(world: World) -> None:
    world.wants("mailto:tls@there.test")
    await world.count()
    world.next_day()
    silent = world.worker("w1", TlsReportSettings(send=False))
    assert await silent.send_due() == 0
    assert world.letters == []


async def test_a_report_is_uploaded_where_that_is_wanted(world: World) -> None:
    world.wants(f"https://reports.there.test:{world.web.port}/v1?key=1")
    world.web.pages["reports.there.test/v1?key=1"] = (201, "text/plain", b"")
    await world.count()
    world.next_day()
    assert await world.reports.send_due() == 1
    [asked] = world.web.asked
    assert (asked.method, asked.fields["content-type"]) == ("POST", "application/tlsrpt+gzip")
    assert tls_report.parse(asked.body).policies[1].summary == Summary(2, 2)


@pytest.mark.parametrize("trouble", ["upload", "dns", "store"])
async def test_what_cannot_be_handed_over_is_tried_again(world: World, trouble: str) -> None:
    upload = f"https://reports.there.test:{world.web.port}/v1"
    world.wants(upload if trouble == "upload" else "mailto:tls@there.test")
    await world.count()
    world.next_day()
    if trouble == "dns":
        world.dns.trouble("_smtp._tls.there.test", Trouble.SERVFAIL)
    world.full = trouble == "store"
    assert await world.reports.send_due() == 0
    world.dns.trouble("_smtp._tls.there.test", None)
    world.web.pages["reports.there.test/v1"] = (200, "text/plain", b"")
    world.full = False
    assert await world.reports.send_due() == 0  # not at once
    world.clock.advance(LEASE + 1)
    assert await world.reports.send_due() == 1


async def test_one_of_several_places_is_enough(world: World) -> None:
    world.wants("https://nowhere.there.test/", "mailto:tls@there.test")
    await world.count()
    world.next_day()
    assert await world.reports.send_due() == 1
    assert await world.store.read(transport.unreported, 10**6) == []


async def test_counts_that_nobody_could_be_given_go_after_two_days(world: World) -> None:
    await world.count()
    world.dns.trouble("_smtp._tls.there.test", Trouble.SERVFAIL)
    world.clock.advance((KEPT_DAYS + 1) * DAY)
    await world.reports.send_due()
    assert await world.store.read(transport.unreported, 10**6) == []


async def test_counting_is_bounded_and_no_session_is_lost(world: World) -> None:
    for n in range(MAX_COUNTS + 500):
        world.tally.add("there.test", STS, ResultType.VALIDATION_FAILURE, f"mx{n}.there.test")
    await world.tally.flush()
    rows = await world.store.read(transport.counted, START // DAY, "there.test")
    assert len(rows) == MAX_COUNTS + 1
    assert sum(one.sessions for one in rows) == MAX_COUNTS + 500


async def test_counts_survive_a_store_that_takes_nothing_for_a_while(world: World) -> None:
    world.tally.add("there.test", STS, None)
    await world.store.close()
    with pytest.raises(Exception):  # noqa: B017 -- whatever a closed engine says
        await world.tally.flush()
    world.tally.add("there.test", STS, None)
    store = world.tally._store = await stores.sqlite(world.folder)
    await world.tally.flush()
    [row] = await store.read(transport.counted, START // DAY, "there.test")
    assert row.sessions == 2
    await store.close()


# Reports of others


REPORT = Report(
    "Example", DateRange("2027-01-14T00:00:00Z", "2027-01-14T23:59:59Z"), "", "1",
    (
        PolicyReport(AppliedPolicy("sts", "Here.test."), Summary(5, 2)),
        PolicyReport(AppliedPolicy("no-policy-found", "elsewhere.test"), Summary(7, 0)),
    ),
)  # fmt: skip


async def test_a_report_about_a_domain_of_ours_is_kept_once(world: World) -> None:
    await world.store.write(directory.add_domain, "here.test", 0)
    assert await world.reports.receive(tls_report.pack(REPORT)) == REPORT
    assert await world.reports.receive(tls_report.encode(REPORT)) == REPORT
    [kept] = await world.store.read(transport.reports)
    assert (kept.domain, kept.organization, kept.good, kept.bad) == ("here.test", "Example", 5, 2)
    [only] = tls_report.parse(kept.report).policies
    assert only.summary == Summary(5, 2)


async def test_a_letter_with_a_report_is_kept_and_told_in_words(world: World) -> None:
    await world.store.write(directory.add_domain, "there.test", 0)
    world.wants("mailto:tls@there.test")
    await world.count()
    world.next_day()
    await world.reports.send_due()
    [(_, _, letter)] = world.letters
    told = await world.reports.read_letter(letter)
    assert told[1] == "3 of 5 connections were not as promised."
    assert "kedaluwarsa" in " ".join(await world.reports.read_letter(letter, "id"))
    [kept] = await world.store.read(transport.reports)
    assert (kept.domain, kept.good, kept.bad) == ("there.test", 2, 3)
    assert await world.reports.read_letter(b"Subject: hello\r\n\r\n") == []
    assert await world.reports.read_letter(b"Content-Type: application/tlsrpt+json\r\n\r\n{") == []


async def test_a_report_about_others_is_not_kept(world: World) -> None:
    assert await world.reports.receive(tls_report.pack(REPORT)) is None
    assert await world.store.read(transport.reports) == []
    with pytest.raises(SyntaxFault):
        await world.reports.receive(b"no report")


async def test_old_reports_are_forgotten(world: World) -> None:
    await world.store.write(directory.add_domain, "here.test", 0)
    await world.reports.receive(tls_report.pack(REPORT))
    world.clock.advance(91 * DAY)
    await world.reports.forget()
    assert await world.store.read(transport.reports) == []
