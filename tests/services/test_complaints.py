"""Complaints from their mail to the account: kept once, told, and weighing on it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from merpati.base.log import Level, Log, Sink
from merpati.model.event import Event, EventKind
from merpati.model.verdict import Judgement
from merpati.services.administration import reporting
from merpati.services.complaints import KEPT, WEIGHT, Complaints, ComplaintSettings
from merpati.services.happenings import Happenings
from merpati.services.notify import Notify
from merpati.store import complaints, directory, events, webhooks
from merpati.store.complaints import Complained
from merpati.store.engine import Transaction
from merpati.store.sqlite import SqliteStore
from tests.services.test_dmarc_digest import judged
from tests.support import store as stores
from tests.support.clock import FakeClock
from tests.support.ids import CountingIds
from tests.wire.reports.test_complaint import FIELDS, report

TRACE = "01TRACE"
ABUSE = ["abuse@a.test"]
DAY = 86_400_000


class World:
    """The server of a.test, whose ana@a.test has sent <1234@a.test>."""

    def __init__(self, store: SqliteStore, folder: Path) -> None:
        self.store = store
        self.clock = FakeClock()
        self.failed: list[tuple[int, int]] = []
        self.log = os.open(folder / "log", os.O_RDWR | os.O_CREAT)
        settings = ComplaintSettings(addresses=("fbl@a.test",))
        log = Log(Sink(self.clock, fd=self.log, level=Level.INFO))
        self.complaints = Complaints(store, self.clock, settings, log)
        self.complaints.on_failed = self._failed

    async def _failed(self, _tx: Transaction, account_id: int, count: int, _now: int) -> None:
        self.failed.append((account_id, count))

    @property
    def now(self) -> int:
        return int(self.clock.now() * 1000)

    async def sent(self, message_id: str = "<1234@a.test>") -> int:
        account = await stores.add_account(self.store, "ana@a.test")
        steps = [
            Event(TRACE, self.now, EventKind.SUBMITTED, "ana@a.test", account.id, {}),
            Event(TRACE, self.now, EventKind.NAMED, message_id, account.id, {}),
        ]
        await self.store.write(events.record, steps)
        return account.id

    async def take(
        self, content: bytes, to: list[str] | None = None, judgement: Judgement | None = None
    ) -> Complained | None:
        return await self.complaints.take(judgement or judged(), to or ABUSE, content)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    one = World(await stores.sqlite(tmp_path), tmp_path)
    yield one
    await one.store.close()
    os.close(one.log)


async def test_a_complaint_finds_the_account_that_sent_and_weighs_on_it(world: World) -> None:
    account_id = await world.sent()
    kept = await world.take(report(FIELDS))
    assert kept is not None
    assert (kept.address, kept.trace, kept.kind) == ("ana@a.test", TRACE, "abuse")
    assert world.failed == [(account_id, WEIGHT)]
    view = await reporting.complained(world.store, "a.test", 7, world.now, "en")
    (one,) = view.complaints
    assert one.sentence == (
        "x@provider.test complains (by fbl.provider.test) about a message of ana@a.test:"
        " it is spam."
    )
    assert view.advice
    other = await reporting.complained(world.store, "b.test", 7, world.now, "id")
    assert (other.complaints, other.advice) == ([], "")


async def test_it_counts_once_however_often_it_comes(world: World) -> None:
    await world.sent()
    await world.take(report(FIELDS))
    assert await world.take(report(FIELDS)) is None
    assert len(world.failed) == 1
    assert await world.take(report(FIELDS.replace("x@provider", "y@provider"))) is not None


async def test_a_message_that_nobody_here_sent_is_no_complaint_of_ours(world: World) -> None:
    await world.sent("<other@a.test>")
    assert await world.take(report(FIELDS)) is None
    assert world.failed == []


async def test_one_that_is_not_proven_to_be_from_its_sender_is_left_unread(world: World) -> None:
    await world.sent()
    assert await world.take(report(FIELDS), judgement=judged(passed=False)) is None
    assert b"not proven" in os.pread(world.log, 4096, 0)
    assert world.failed == []


async def test_only_addresses_for_complaints_are_read(world: World) -> None:
    await world.sent()
    assert await world.take(report(FIELDS), ["ana@a.test"]) is None
    assert await world.take(report(FIELDS), ["FBL@a.test"]) is not None


async def test_programs_are_told(world: World) -> None:
    await world.sent()
    await world.store.write(
        webhooks.add, "https://x.test/", ["complaint.received"], b"sealed", world.now
    )
    happenings = Happenings(world.store, Notify(), world.clock, CountingIds())
    await happenings.load()
    world.complaints.tell = happenings.complained
    await world.take(report(FIELDS))

    async def waiting(tx: Transaction) -> list[str]:
        return [row[0] for row in await tx.rows("SELECT body FROM webhook_event")]

    (body,) = await world.store.read(waiting)
    told = msgspec.json.decode(body)
    assert told["type"] == "complaint.received"
    assert told["data"]["address"] == "ana@a.test"


async def test_they_go_with_their_time_and_with_the_account(world: World) -> None:
    account_id = await world.sent()
    await world.take(report(FIELDS))
    world.clock.advance(KEPT / 1000 - 10)
    await world.complaints.forget()
    assert len(await world.store.read(complaints.listing, "a.test", 0)) == 1
    world.clock.advance(20)
    await world.complaints.forget()
    assert await world.store.read(complaints.listing, "a.test", 0) == []
    await world.take(report(FIELDS))
    await world.store.write(directory.remove_account, account_id)

    async def left(tx: Transaction) -> int:
        return int(await tx.value("SELECT count(*) FROM complaint"))

    assert await world.store.read(left) == 0
