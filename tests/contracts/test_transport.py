from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from merpati.store import directory, transport
from merpati.store.engine import Store, Topic
from merpati.store.transport import Counted, Hosted, Received, StoredPolicy
from tests.support.store import NOW

POLICY = StoredPolicy("1", "version: STSv1\r\n", NOW + 100)
GOOD = Counted(20000, "there.test", "{}", "", "", "", "", 3)
BAD = Counted(20000, "there.test", "{}", "tlsa-invalid", "mx.there.test", "192.0.2.1", "words", 1)
REPORT = Received("a.test", "Example", "r1", NOW, 5, 1, b"\x1f\x8b\0")


async def test_a_policy_replaces_the_one_before_and_goes_when_its_time_is_over(
    store: Store,
) -> None:
    assert await store.read(transport.policy, "there.test") is None
    await store.write(transport.keep_policy, "there.test", POLICY)
    fresh = StoredPolicy("2", "other", NOW + 200)
    await store.write(transport.keep_policy, "there.test", fresh)
    assert await store.read(transport.policy, "there.test") == fresh
    assert await store.write(transport.forget_policies, NOW + 199) == 0
    assert await store.write(transport.forget_policies, NOW + 200) == 1
    assert await store.read(transport.policy, "there.test") is None


async def test_a_hosted_policy_belongs_to_a_domain_of_ours(store: Store) -> None:
    heard: set[Any] = set()
    one = await store.write(directory.add_domain, "a.test", NOW)
    await store.write(directory.add_domain, "b.test", NOW)
    store.on_commit(heard.update)
    await store.write(transport.host_policy, one.id, "testing", 86400)
    await store.write(transport.host_policy, one.id, "enforce", 604800)
    assert heard == {(Topic.DIRECTORY, 0), (Topic.CERTIFICATES, 0)}
    wanted = Hosted("a.test", "enforce", 604800)
    assert await store.read(transport.hosted) == [wanted]
    assert await store.read(transport.hosted_policy, "a.test") == wanted
    assert await store.read(transport.hosted_policy, "b.test") is None
    assert await store.write(transport.unhost_policy, one.id)
    assert not await store.write(transport.unhost_policy, one.id)
    assert await store.read(transport.hosted) == []


async def test_sessions_of_a_day_add_up(store: Store) -> None:
    await store.write(transport.count, [GOOD, BAD])
    await store.write(transport.count, [BAD, replace(GOOD, day=20001)])
    assert await store.read(transport.counted, 20000, "there.test") == [
        GOOD, replace(BAD, sessions=2)
    ]  # fmt: skip
    assert await store.read(transport.unreported, 20001) == [(20000, "there.test")]
    assert len(await store.read(transport.unreported, 20002)) == 2
    assert await store.write(transport.forget_sessions, 20000, "there.test") == 2
    assert await store.read(transport.unreported, 20002) == [(20001, "there.test")]
    assert await store.write(transport.forget_days, 20002) == 1


async def test_a_report_is_kept_once(store: Store) -> None:
    assert await store.write(transport.keep_report, REPORT)
    assert not await store.write(transport.keep_report, replace(REPORT, good=9))
    other = replace(REPORT, domain="b.test", received_at=NOW + 1)
    assert await store.write(transport.keep_report, other)
    assert await store.read(transport.reports) == [other, REPORT]
    assert await store.read(transport.reports, ["a.test", "c.test"]) == [REPORT]
    assert await store.read(transport.reports, (), 1) == [other]
    assert await store.write(transport.forget_reports, NOW + 1) == 1
    assert await store.read(transport.reports) == [other]
