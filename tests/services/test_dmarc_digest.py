from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from merpati.base.faults import SyntaxFault
from merpati.base.log import Level, Log, Sink
from merpati.model.verdict import Action, Findings, Judgement
from merpati.services.dmarc_digest import RECEIVED_KEPT, Digests, summary, tell
from merpati.store import reports
from merpati.wire.authentication_results import AuthenticationResults
from merpati.wire.dmarc.evaluation import DmarcResult, DmarcVerdict
from merpati.wire.letter import File, Letter, compose
from merpati.wire.mime.addresses import Mailbox
from merpati.wire.mime.author import Author
from merpati.wire.reports import aggregate, parcel
from merpati.wire.reports.aggregate import Published, Report, Row, Signature, SpfCheck
from merpati.wire.spf.verdict import SpfResult, SpfVerdict
from tests.support import store as stores
from tests.support.clock import FakeClock

START = 1_799_971_200  # midnight
DAY = 86_400


def judged(*, passed: bool = True) -> Judgement:
    verdict = DmarcVerdict.PASS if passed else DmarcVerdict.FAIL
    findings = Findings(
        author=Author("big.test"),
        spf=SpfResult(SpfVerdict.NONE, "big.test", ""),
        dmarc=DmarcResult(verdict=verdict, domain="big.test", reason=""),
    )
    return Judgement(
        action=Action.ACCEPT, reasons=("",), results=AuthenticationResults("x"), findings=findings
    )


class World:
    """The server of here.test, which others report about."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock(START + 3600)
        self.log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT)

    async def open(self) -> None:
        self.store = await stores.sqlite(self.folder)
        await stores.add_account(self.store, "ani@here.test")
        log = Log(Sink(self.clock, fd=self.log, level=Level.INFO))
        self.digests = Digests(self.store, self.clock, ["DMARC@here.test"], log)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    one = World(tmp_path)
    await one.open()
    yield one
    await one.store.close()
    os.close(one.log)


def about(domain: str = "here.test", *rows: Row, report_id: str = "r1") -> bytes:
    good = Row(source_ip="192.0.2.1", count=1203, disposition="pass", dkim_aligned=True,
               header_from=domain, signatures=(Signature(domain, "s", "pass"),))  # fmt: skip
    report = Report(
        org_name="big.test", email="x@big.test", report_id=report_id, begin=START - DAY,
        end=START - 1, published=Published(domain=domain, p="none"), rows=rows or (good,),
    )  # fmt: skip
    packed = parcel.pack(aggregate.render(report))
    return compose(
        Letter(
            author=Mailbox("", "x", "big.test"), recipient="d@here.test", subject="Report",
            text="", date=0.0, message_id="1@big.test",
            files=(File(parcel.file_name("big.test", report), "application/gzip", packed),),
        )
    )  # fmt: skip


BAD = Row(source_ip="192.0.2.9", count=7, disposition="none", header_from="here.test",
          spf=SpfCheck("evil.test", "pass"))  # fmt: skip
GOOD = Row(source_ip="192.0.2.1", count=1203, spf_aligned=True, header_from="here.test")


async def test_reports_about_us_are_told_in_sentences(world: World) -> None:
    assert len(await world.digests.receive(about("here.test", GOOD, BAD))) == 1
    assert await tell(world.store, "here.test", 7, world.clock.now(), "en") == [
        (
            "In the last 7 days 1,203 of 1,210 messages from here.test passed,"
            " by the report of 1 organization."
        ),
        (
            "7 came from 192.0.2.9 without a valid signature (returned to evil.test):"
            " all were delivered all the same."
        ),
        (
            "An address that is yours must stand in the SPF record of here.test, or sign its mail."
            " Any other is somebody who uses your name."
        ),
        (
            "Nearly all of your mail passes. The policy is none: you can ask for a stricter one,"
            " first quarantine and then reject."
        ),
    ]
    indonesian = await tell(world.store, "here.test", 7, world.clock.now(), "id")
    assert indonesian[0] == (
        "Dalam 7 hari terakhir 1.203 dari 1.210 pesan dari here.test lolos,"
        " menurut laporan 1 organisasi."
    )


async def test_a_report_that_comes_twice_counts_once(world: World) -> None:
    assert len(await world.digests.receive(about())) == 1
    assert await world.digests.receive(about()) == []
    assert len(await world.digests.receive(about(report_id="r2"))) == 1
    found = await summary(world.store, "here.test", 7, world.clock.now())
    assert (found.messages, found.organizations) == (2406, 1)


async def test_reports_about_others_are_not_kept(world: World) -> None:
    assert await world.digests.receive(about("there.test")) == []
    assert await world.digests.receive(about("nothere.test")) == []
    assert len(await world.digests.receive(about("mail.here.test"))) == 1


async def test_mail_without_a_report_is_refused(world: World) -> None:
    with pytest.raises(SyntaxFault):
        await world.digests.receive(b"Subject: hello\r\n\r\nhello\r\n")


async def test_only_mail_to_an_address_for_reports_that_proves_its_sender_is_read(
    world: World,
) -> None:
    async def known() -> int:
        return len(await world.store.read(reports.reports, "here.test", 0))

    await world.digests.take(judged(), ["ani@here.test"], about())
    await world.digests.take(judged(passed=False), ["dmarc@here.test"], about())
    await world.digests.take(judged(), ["dmarc@here.test"], b"Subject: hello\r\n\r\nhello\r\n")
    assert await known() == 0
    await world.digests.take(judged(), ["ani@here.test", "DMARC@here.test"], about())
    assert await known() == 1


async def test_old_reports_are_forgotten(world: World) -> None:
    await world.digests.receive(about())
    world.clock.advance(RECEIVED_KEPT + 1)
    await world.digests.forget()
    assert await world.store.read(reports.reports, "here.test", 0) == []


async def test_addresses_for_reports_are_known(world: World) -> None:
    assert world.digests.wants("dmarc@HERE.test")
    assert not world.digests.wants("ani@here.test")


async def test_a_failure_report_about_us_is_told_in_the_log_and_not_kept(world: World) -> None:
    for domain in ("here.test", "others.test"):
        content = (
            "From: r@big.test\r\nContent-Type: message/feedback-report\r\n\r\n"
            f"Feedback-Type: auth-failure\r\nReported-Domain: {domain}\r\nAuth-Failure: spf\r\n"
            "Source-IP: 192.0.2.7\r\n"
        )
        await world.digests.take(judged(), ["dmarc@here.test"], content.encode())
    logged = (world.folder / "log").read_text()
    assert "in the name of here.test from 192.0.2.7" in logged
    assert "others.test" not in logged
    assert await world.store.read(reports.reports, "here.test", 0) == []
