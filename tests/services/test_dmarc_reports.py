from __future__ import annotations

import email.policy
import os
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from merpati.base.faults import Fault, Kind
from merpati.base.log import Level, Log, Sink
from merpati.base.settings import load
from merpati.model.verdict import Action, Findings, Judgement, Override
from merpati.net.dns import Resolver
from merpati.services import dmarc_reports
from merpati.services.daily_reports import DAY, LEASE, SPREAD
from merpati.services.dmarc_reports import (
    DmarcReports,
    DmarcReportSettings,
    Tally,
)
from merpati.store import reports
from merpati.wire.authentication_results import AuthenticationResults
from merpati.wire.dkim import DkimResult, DkimVerdict
from merpati.wire.dmarc import record
from merpati.wire.dmarc.evaluation import DmarcResult, DmarcVerdict
from merpati.wire.mime.author import Author
from merpati.wire.reports import aggregate, parcel
from merpati.wire.reports.aggregate import Published, Reason, Report, Row, Signature, SpfCheck
from merpati.wire.smtp.paths import Path as Address
from merpati.wire.spf.verdict import SpfResult, SpfVerdict
from tests.support import store as stores
from tests.support.clock import FakeClock
from tests.support.dns import PATIENT, DnsServer, Trouble
from tests.support.ids import CountingIds

START = 1_799_971_200  # midnight
RECORD = "v=DMARC1; p=reject; sp=none; rua=mailto:r@there.test"


def judged(
    *, passed: bool = True, policy: str = RECORD, action: Action = Action.ACCEPT, **more: Any
) -> Judgement:
    dmarc = DmarcResult(
        verdict=DmarcVerdict.PASS if passed else DmarcVerdict.FAIL, domain="mail.there.test",
        reason="", found_at="there.test", record=record.parse(policy.encode()), dkim_aligned=passed,
    )  # fmt: skip
    findings = Findings(
        author=Author("mail.there.test"),
        spf=SpfResult(SpfVerdict.PASS, "bounce.test", ""),
        dkim=(
            DkimResult(DkimVerdict.PASS if passed else DkimVerdict.FAIL, "", "there.test", "s1"),
        ),
        dmarc=dmarc,
    )
    return Judgement(
        action=action, reasons=("",), results=AuthenticationResults("x"), findings=findings, **more
    )


class World:
    """Somebody who judges, and there.test who wants to know."""

    def __init__(self, folder: Path, dns: DnsServer) -> None:
        self.folder, self.dns = folder, dns
        self.clock = FakeClock(START + 3600)
        self.log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT)
        self.letters: list[tuple[Address, Address, EmailMessage]] = []
        self.full = False

    async def open(self) -> None:
        self.store = await stores.sqlite(self.folder)
        self.tally = Tally(self.store, self.clock)
        self.resolver = Resolver([self.dns.nameserver], self.clock, timeout=PATIENT, attempts=1)
        self.reports = self.worker("w1")

    def worker(self, name: str, **settings: object) -> DmarcReports:
        log = Log(Sink(self.clock, fd=self.log, level=Level.INFO))
        return DmarcReports(
            name, self.store, self.resolver, self.post, self.clock, CountingIds(),
            "mail.here.test", load(DmarcReportSettings, settings), log,
        )  # fmt: skip

    async def post(self, sender: Address, recipient: Address, content: bytes) -> None:
        if self.full:
            raise Fault(Kind.NO_SPACE, "full")
        message = email.message_from_bytes(content, policy=email.policy.default)
        self.letters.append((sender, recipient, message))

    async def count(self, *messages: Judgement, peer: str = "192.0.2.9") -> None:
        for one in messages:
            self.tally.add(one, peer)
        await self.tally.flush()

    async def next_day(self) -> int:
        self.clock.advance(START + DAY + SPREAD - self.clock.now())
        return await self.reports.send_due()

    def report(self) -> Report:
        (attachment,) = self.letters[-1][2].iter_attachments()
        return aggregate.parse(parcel.unpack(attachment.get_content()))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with DnsServer() as dns:
        one = World(tmp_path, dns)
        await one.open()
        yield one
        await one.resolver.close()
        await one.store.close()
        os.close(one.log)


async def test_a_day_is_reported_once_it_is_over(world: World) -> None:
    await world.count(judged(), judged())
    await world.count(judged())
    assert await world.reports.send_due() == 0
    assert await world.next_day() == 1
    sender, recipient, message = world.letters[0]
    assert (str(sender), str(recipient)) == ("postmaster@mail.here.test", "r@there.test")
    assert message["Subject"] == (
        "Report Domain: there.test Submitter: mail.here.test"
        " Report-ID: <2027-01-15.there.test@mail.here.test>"
    )
    (attachment,) = message.iter_attachments()
    assert attachment.get_content_type() == "application/gzip"
    assert attachment.get_filename() == ("mail.here.test!there.test!1799971200!1800057599.xml.gz")
    report = world.report()
    assert report.published == Published(
        domain="there.test", p="reject", sp="none", adkim="r", aspf="r", fo="0", testing="n",
        discovery_method="treewalk",
    )  # fmt: skip
    assert report.rows == (
        Row(
            source_ip="192.0.2.9", count=3, disposition="pass", dkim_aligned=True,
            header_from="mail.there.test", envelope_from="bounce.test",
            signatures=(Signature("there.test", "s1", "pass"),),
            spf=SpfCheck("bounce.test", "pass"),
        ),
    )  # fmt: skip
    assert "Of 3 messages that came here in its name, 3 passed." in str(message)
    assert await world.reports.send_due() == 0


async def test_what_came_to_something_else_is_another_row(world: World) -> None:
    refused = judged(passed=False, action=Action.REFUSE)
    listed = judged(passed=False, action=Action.QUARANTINE, override=Override.MAILING_LIST)
    await world.count(judged(), refused, refused, listed)
    await world.count(judged(), peer="::ffff:192.0.2.10")
    await world.next_day()
    rows = world.report().rows
    assert [(one.count, one.disposition, one.source_ip) for one in rows] == [
        (2, "reject", "192.0.2.9"),
        (1, "pass", "192.0.2.10"),
        (1, "pass", "192.0.2.9"),
        (1, "quarantine", "192.0.2.9"),
    ]
    assert rows[3].reasons == (Reason("mailing_list"),)


async def test_who_does_not_ask_is_not_told(world: World) -> None:
    await world.count(judged(policy="v=DMARC1; p=reject"))
    await world.count(judged(), peer="unix")
    assert await world.next_day() == 0
    await world.count(judged())
    world.clock.advance(2 * DAY)
    assert await world.worker("w1", send=False).send_due() == 0
    assert world.letters == []


async def test_an_address_elsewhere_must_agree(world: World) -> None:
    await world.count(judged(policy="v=DMARC1; p=none; rua=mailto:r@else.test,mailto:r@there.test"))
    await world.next_day()
    assert [str(recipient) for _, recipient, _ in world.letters] == ["r@there.test"]


async def test_while_the_dns_is_silent_a_report_waits(world: World) -> None:
    name = "there.test._report._dmarc.else.test."
    world.dns.trouble(name, Trouble.SERVFAIL)
    world.dns.trouble("_dmarc.test.", Trouble.SERVFAIL)
    await world.count(judged(policy="v=DMARC1; p=none; rua=mailto:r@else.test"))
    assert await world.next_day() == 0
    world.dns.trouble(name, None)
    world.dns.trouble("_dmarc.test.", None)
    world.dns.set(name, "TXT", '"v=DMARC1"')
    world.resolver.forget()
    assert await world.reports.send_due() == 0  # the lease
    world.clock.advance(LEASE)
    assert await world.reports.send_due() == 1


async def test_a_report_that_cannot_be_queued_is_tried_again(world: World) -> None:
    world.full = True
    await world.count(judged())
    assert await world.next_day() == 0
    world.full = False
    world.clock.advance(LEASE)
    assert await world.reports.send_due() == 1


async def test_two_workers_send_it_once(world: World) -> None:
    await world.count(judged())
    world.clock.advance(DAY + SPREAD)
    assert await world.worker("w2").send_due() + await world.reports.send_due() == 1


async def test_problems_of_the_record_are_told(world: World) -> None:
    await world.count(judged(policy=RECORD + "; aspf=maybe"))
    await world.next_day()
    assert world.report().error == 'aspf="maybe" is not r or s'


async def test_counts_survive_a_store_that_cannot_write(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise Fault(Kind.NO_SPACE, "full")

    world.tally.add(judged(), "192.0.2.9")
    with monkeypatch.context() as broken:
        broken.setattr(world.store, "write", full)
        with pytest.raises(Fault):
            await world.tally.flush()
    await world.count(judged())
    await world.next_day()
    assert world.report().rows[0].count == 2


async def test_made_up_results_do_not_fill_the_memory(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dmarc_reports, "MAX_COUNTS", 2)
    for n in range(10):
        world.tally.add(judged(), f"192.0.2.{n}")
    world.tally.add(judged(), "192.0.2.0")
    await world.tally.flush()
    _, rows = await world.store.read(reports.counted, START // DAY, "there.test")
    assert [count for _, count in rows] == [2, 1]


def test_what_is_no_address_is_refused_in_the_settings() -> None:
    for name, value in (("addresses", ["no address"]), ("sender", "nobody")):
        with pytest.raises(Fault, match=name):
            load(DmarcReportSettings, {name: value})
