from __future__ import annotations

from merpati.store import reports
from merpati.store.engine import Store
from merpati.store.reports import Received, Source
from tests.support.store import NOW

DAY = 20_000
ONE = Received("example.org", "big.test", "r1", NOW - 2000, NOW - 1000, NOW, "reject")
GOOD = Source("192.0.2.1", 1000, True, True, "none", "example.org", "example.org", "example.org")
BAD = Source("192.0.2.9", 7, False, False, "reject", "example.org", "", "evil.test")


async def test_counts_add_up_and_the_last_policy_is_kept(store: Store) -> None:
    first = {(DAY, "example.org", "a"): 2, (DAY, "example.org", "b"): 1}
    await store.write(reports.count, first, {(DAY, "example.org"): "v=DMARC1; p=none"})
    second = {(DAY, "example.org", "b"): 4, (DAY, "other.test", "a"): 1}
    await store.write(reports.count, second, {(DAY, "example.org"): "v=DMARC1; p=reject"})
    record, rows = await store.read(reports.counted, DAY, "example.org")
    assert record == "v=DMARC1; p=reject"
    assert rows == [("b", 5), ("a", 2)]


async def test_days_that_are_over_wait_to_be_reported(store: Store) -> None:
    for day in (DAY, DAY + 1):
        await store.write(
            reports.count, {(day, "b.test", "x"): 1}, {(day, "b.test"): "r", (day, "a.test"): "r"}
        )
    assert await store.read(reports.unreported, DAY) == []
    assert await store.read(reports.unreported, DAY + 1) == [(DAY, "a.test"), (DAY, "b.test")]
    await store.write(reports.forget, DAY, "b.test")
    assert await store.read(reports.unreported, DAY + 1) == [(DAY, "a.test")]
    assert await store.read(reports.counted, DAY, "b.test") == ("", [])
    assert await store.write(reports.forget_days, DAY + 2) == 1
    assert await store.read(reports.unreported, DAY + 9) == []


async def test_a_report_is_kept_once(store: Store) -> None:
    assert await store.write(reports.keep, ONE, [GOOD, BAD])
    assert not await store.write(reports.keep, ONE, [GOOD, BAD])
    assert await store.read(reports.reports, "example.org", 0) == [ONE]
    assert await store.read(reports.sources, "example.org", 0) == [GOOD, BAD]
    assert await store.read(reports.reported_domains) == ["example.org"]


async def test_what_several_report_is_added_up(store: Store) -> None:
    other = Received("example.org", "small.test", "r1", NOW - 90_000, NOW - 80_000, NOW, "reject")
    await store.write(reports.keep, ONE, [GOOD])
    await store.write(reports.keep, other, [GOOD, BAD])
    assert [one.messages for one in await store.read(reports.sources, "example.org", 0)] == [
        2000,
        7,
    ]
    recent = await store.read(reports.sources, "example.org", NOW - 5000)
    assert [one.messages for one in recent] == [1000]
    assert await store.read(reports.sources, "other.test", 0) == []


async def test_old_reports_are_forgotten_with_what_they_say(store: Store) -> None:
    await store.write(reports.keep, ONE, [GOOD, BAD])
    assert await store.write(reports.forget_reports, NOW) == 0
    assert await store.write(reports.forget_reports, NOW + 1) == 1
    assert await store.read(reports.reports, "example.org", 0) == []
    assert await store.write(reports.keep, ONE, [BAD])
    assert await store.read(reports.sources, "example.org", 0) == [BAD]
