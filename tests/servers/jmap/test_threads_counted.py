from __future__ import annotations

import pytest

from merpati.model import object_ids
from merpati.services.thread_counts import ThreadCounts
from merpati.store import mailbox_tree, thread_members
from tests.servers.jmap.test_email_query import World
from tests.support.jmap import JmapInstance


@pytest.mark.parametrize("seed", range(4))
async def test_counts_and_members_of_threads_follow_every_change(
    jmap: JmapInstance, seed: int
) -> None:
    world = World(jmap, seed + 50)
    boxes = (await world.call("Mailbox/get", ids=None, properties=["id", "role"]))["list"]
    trash = next(one["id"] for one in boxes if one["role"] == "trash")
    world.mailboxes = [*(one["id"] for one in boxes[:2]), trash]
    numbers = [object_ids.read_mailbox(one["id"]) or 0 for one in boxes]
    counts = ThreadCounts(jmap.store)
    for _ in range(20):
        await world.step()
        counted = await counts.of(jmap.ana.id)
        wanted = await jmap.store.read(mailbox_tree.threads, jmap.ana.id, numbers)
        assert {one: counted[one] for one in numbers} == wanted
        emails = await world.emails()
        threads: dict[str, list[tuple[str, str]]] = {}
        for one in emails:
            threads.setdefault(one["threadId"], []).append((one["receivedAt"], one["id"]))
        told = (await world.call("Thread/get", ids=list(threads)))["list"]
        assert {one["id"]: one["emailIds"] for one in told} == {
            id_: [email for _, email in sorted(those, key=_order)] for id_, those in threads.items()
        }


def _order(one: tuple[str, str]) -> tuple[str, int]:
    return one[0], int(one[1][1:], 16)


async def test_the_index_is_brought_up_to_date_when_it_is_far_behind_or_full_of_what_is_gone(
    jmap: JmapInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread_members, "BEHIND_MAX", 2)
    uids = [await jmap.deliver(b"Subject: %d\r\n\r\n" % n) for n in range(6)]
    assert await jmap.store.read(thread_members.is_behind, jmap.ana.id)
    await jmap.store.write(thread_members.index, jmap.ana.id)
    assert not await jmap.store.read(thread_members.is_behind, jmap.ana.id)
    for n in range(3):
        await jmap.deliver(b"Subject: later %d\r\n\r\n" % n)
    assert await jmap.store.read(thread_members.is_behind, jmap.ana.id)
    ids = [object_ids.email(1 << 32 | uid) for uid in uids]
    await jmap.call("Email/set", accountId=jmap.account, destroy=ids)
    await jmap.store.write(thread_members.index, jmap.ana.id)
    sql = "SELECT count(*) FROM thread_email WHERE account_id = $1"
    count = await jmap.store.read(lambda tx: tx.value(sql, jmap.ana.id))
    assert count == 3


async def test_many_changes_at_once_are_read_again(
    jmap: JmapInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox_tree, "FEW", 3)
    counts = ThreadCounts(jmap.store)
    await counts.of(jmap.ana.id)
    for n in range(5):
        await jmap.deliver(b"Subject: %d\r\n\r\n" % n)
    assert (await counts.of(jmap.ana.id))[1] == mailbox_tree.Threads(5, 5)
