from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from merpati.base.faults import Fault
from merpati.services.lane import INTERRUPTED, LOW, Backlog, Job, Lane, Limits
from merpati.services.pace import Pace
from merpati.store import queue
from merpati.store.engine import Transaction
from tests.support.post import Post
from tests.support.server import ANA


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    """Without a look at the log: here things fail."""
    async with Post(tmp_path) as system:
        yield system


async def claimed(post: Post, seconds: float, destination: str = "there.test") -> Backlog:
    """All that is due, claimed, with so much time to serve it."""
    recipients = await post.store.write(
        queue.claim, post.now, "worker-1/", post.now + 3_600_000, 99
    )
    found = await post.store.read(queue.messages, [one.message_id for one in recipients])
    until = asyncio.get_running_loop().time() + seconds
    backlog = Backlog(destination, Pace(5))
    backlog.add([Job(found[one.message_id], [one], until) for one in recipients])
    backlog.lanes = 1
    return backlog


def lane(post: Post, backlog: Backlog, connections: int = 5) -> Lane:
    return Lane(
        backlog, post.courier, {"": post.deliver_here.here}, post.recorder,
        asyncio.Semaphore(connections), Limits(20), "worker-1/", lambda _: None, post.log,
    )  # fmt: skip


async def _damage(tx: Transaction, message_id: int) -> None:
    await tx.run("UPDATE queue_message SET received_at = $2 WHERE id = $1", message_id, 10**18)


async def test_a_lane_ends_with_its_time_and_gives_back_what_it_did_not_begin(post: Post) -> None:
    sink = await post.sink("there.test")
    sink.on("content", silence=True)
    for n in range(3):
        await post.send(ANA, f"bob{n}@there.test")
    await lane(post, await claimed(post, 0.3)).run()
    first, *others = await post.waiting()
    assert first.reply == INTERRUPTED.text
    assert first.next_at > post.now + 800_000
    assert [one.next_at for one in others] == [post.now] * 2
    assert "queue.interrupted" in post.logged()


async def test_a_lane_that_never_got_a_connection_gives_everything_back(post: Post) -> None:
    await post.sink("there.test")
    await post.send(ANA, "bob@there.test")
    await lane(post, await claimed(post, 0.1), connections=0).run()
    [one] = await post.waiting()
    assert (one.next_at, one.reply) == (post.now, "")


async def test_a_silent_host_costs_no_more_than_the_lane_s_time(post: Post) -> None:
    sink = await post.sink("there.test")
    sink.on("greeting", silence=True)
    await post.send(ANA, "bob@there.test")
    async with asyncio.timeout(30):
        await lane(post, await claimed(post, 0.2)).run()
    [one] = await post.waiting()
    assert one.next_at == post.now


async def test_a_message_that_meets_a_defect_is_put_off_and_the_others_go(post: Post) -> None:
    sink = await post.sink("there.test")
    sink.on("RCPT", "550 5.1.1 nobody", match="bob1@")
    for n in range(3):
        await post.send(ANA, f"bob{n}@there.test")
    [_, (bad, _), _] = await post.queued()
    await post.store.write(_damage, bad.id)  # so that no notice can be composed
    await lane(post, await claimed(post, 10)).run()
    assert len(sink.messages) == 2
    [one] = await post.waiting()
    assert (one.address, one.status) == ("bob1@there.test", "4.3.0")
    assert one.next_at > post.now
    assert "queue.failed" in post.logged()
    assert "Traceback" in post.logged()


async def test_a_store_that_fails_leaves_the_lease_to_run_out(post: Post) -> None:
    sink = await post.sink("there.test")
    await post.send(ANA, "bob@there.test")
    batch = await claimed(post, 10)
    post.store._failure = "the disk is broken"
    with pytest.raises(Fault, match="the disk is broken"):
        await lane(post, batch).run()
    post.store._failure = ""
    assert len(sink.messages) == 1  # and will come again: at least once, never not at all
    [one] = await post.waiting()
    assert one.next_at == post.now + 3_600_000


async def test_where_nobody_is_let_in_new_mail_waits_until_it_has_answered(post: Post) -> None:
    sink = await post.sink("there.test")
    sink.on("greeting", "421 4.3.2 shutting down", hang_up=True)
    await post.send(ANA, "bob@there.test")
    backlog = await claimed(post, 10)
    [job] = backlog.jobs
    await lane(post, backlog).run()
    turned_away = backlog.turns_away
    sink.calm()
    backlog.add([job])
    await lane(post, backlog).run()
    assert (turned_away, backlog.turns_away) == (True, False)
    assert len(sink.messages) == 1


async def test_more_is_fetched_before_a_backlog_is_empty(post: Post) -> None:
    await post.send(ANA, "bob@there.test")
    [job] = (await claimed(post, 10)).jobs
    asked: list[int] = []
    backlog = Backlog("there.test", Pace(5), lambda: asked.append(len(backlog.jobs)))
    backlog.add([job] * (LOW + 2))
    while backlog.take():
        pass
    assert asked == [LOW]


async def test_every_message_comes_once_and_to_its_own_recipient(post: Post) -> None:
    sink = await post.sink("there.test")
    sink.on("RCPT", "550 5.1.1 nobody", match="bob4@")
    for n in range(12):
        await post.send(ANA, f"bob{n}@there.test")
    await lane(post, await claimed(post, 10)).run()
    got = [(one.recipients, one.content) for one in sink.messages if one.recipients]
    assert [name for name, _ in got] == [[f"bob{n}@there.test"] for n in range(12) if n != 4]
    assert sink.connections == 1
    assert await post.waiting() == []


@pytest.mark.parametrize("reply", ["", "250 2.0.0 taken", "421 4.3.2 enough"])
async def test_a_message_that_was_opened_in_vain_is_sent_over_another_connection(
    post: Post, reply: str
) -> None:
    """The server closes in the middle: with that message, after it, or instead of it."""
    sink = await post.sink("there.test")
    for n in range(5):
        await post.send(ANA, f"bob{n}@there.test")
    sink.on("content", "250 2.0.0 taken", times=3)
    sink.on("content", reply, hang_up=True, times=1)
    sink.on("content", "250 2.0.0 taken", times=2)
    await lane(post, await claimed(post, 10)).run()
    left = [one.address for one in await post.waiting()]
    assert left == ([] if reply.startswith("250") else ["bob2@there.test"])
    assert sink.connections == 2
