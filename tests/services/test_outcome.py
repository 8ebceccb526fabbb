from __future__ import annotations

from collections import Counter

import pytest

from merpati.store import queue
from tests.support.post import LARGE, LETTER, Post
from tests.support.server import ANA

BOB = "bob@there.test"
MINUTE = 60.0
HOUR = 3600.0
DAY = 86_400.0


async def test_a_temporary_refusal_is_tried_again_in_15_minutes_give_or_take(post: Post) -> None:
    sink = await post.sink("there.test")
    sink.on("RCPT", "451 4.7.1 greylisted", match="bob")
    waits = set()
    for n in range(30):
        await post.send(ANA, f"bob{n}@there.test")
    await post.work()
    for one in await post.waiting():
        assert (one.status, one.reply) == ("4.7.1", "451 4.7.1 greylisted")
        assert (one.attempts, one.remote) == (1, "mx.there.test")
        wait = (one.next_at - post.now) / 1000
        assert 13.5 * MINUTE <= wait <= 16.5 * MINUTE
        waits.add(wait)
    assert len(waits) > 20  # so that they do not come in step


async def test_it_is_not_tried_before_its_time_and_then_once(post: Post) -> None:
    sink = await post.sink("there.test")
    sink.on("RCPT", "451 4.7.1 greylisted", times=2)
    await post.send(ANA, BOB)
    await post.work()
    first = len(sink.commands)
    post.time.advance(13 * MINUTE)
    await post.work()
    assert len(sink.commands) == first
    post.time.advance(4 * MINUTE)
    await post.work()
    post.time.advance(17 * MINUTE)
    await post.work()
    assert len(sink.messages) == 1
    assert await post.queued() == []


async def test_a_permanent_refusal_returns_the_message_with_the_remote_s_words(post: Post) -> None:
    sink = await post.sink("there.test")
    sink.on("RCPT", "550 5.1.1 <bob@there.test>: nobody of that name")
    trace = await post.send(ANA, BOB, account=post.ana)
    await post.work()
    [notice] = await post.notices(post.ana)
    assert notice.startswith(b"Return-Path: <>\r\n")
    assert b"550 5.1.1 <bob@there.test>: nobody of that name" in notice
    assert b"Final-Recipient: rfc822;bob@there.test" in notice.replace(b"; ", b";")
    assert b"Action: failed" in notice
    assert b"Status: 5.1.1" in notice
    assert b"Remote-MTA: dns;mx.there.test" in notice.replace(b"; ", b";")
    assert LETTER in notice
    assert await post.queued() == []
    assert await post.kinds(trace) == ["submitted", "named", "queued", "failed", "returned"]


async def test_each_recipient_has_its_own_end(post: Post) -> None:
    sink = await post.sink("there.test")
    sink.on("RCPT", "550 5.1.1 no", match="no@")
    sink.on("RCPT", "450 4.2.1 later", match="later@")
    await post.send(ANA, "yes@there.test", "no@there.test", "later@there.test", account=post.ana)
    await post.work()
    [got] = sink.messages
    assert got.recipients == ["yes@there.test"]
    [one] = await post.waiting()
    assert one.address == "later@there.test"
    [notice] = await post.notices(post.ana)
    assert b"no@there.test" in notice
    assert b"later@there.test" not in notice


async def test_all_that_failed_at_once_is_in_one_notice(post: Post) -> None:
    sink = await post.sink("there.test")
    sink.on("content", "554 5.7.1 spam")
    await post.send(ANA, *(f"bob{n}@there.test" for n in range(5)), account=post.ana)
    await post.work()
    [notice] = await post.notices(post.ana)
    assert notice.count(b"Final-Recipient:") == 5


async def test_after_five_days_one_notice_and_no_more_tries(post: Post) -> None:
    sink = await post.sink("there.test")
    sink.on("RCPT", "451 4.3.0 not now")
    await post.send(ANA, BOB, account=post.ana)
    await post.work()
    post.time.advance(5 * DAY - MINUTE)
    await post.work()
    assert len(await post.waiting()) == 1
    post.time.advance(17 * MINUTE)
    await post.work()
    assert await post.queued() == []
    notices = await post.notices(post.ana)
    assert [b"Action: failed" in notice for notice in notices] == [False, True]
    assert b"Status: 4.4.7" in notices[1]
    assert b"451 4.3.0 not now" in notices[1]


async def test_480_tries_in_five_days_one_warning_and_one_notice(post: Post) -> None:
    """Nobody listens there: 5 days of refused connections, a round every minute of ours."""
    post.publish("there.test", host="127.0.0.9")
    trace = await post.send(ANA, BOB, account=post.ana)
    start = post.time.now()
    while await post.queued():
        await post.work()
        due = await post.store.read(queue.next_due)
        if due is not None:
            post.time.advance(max(0.0, due / 1000 - post.time.now()) + 0.001)
    assert 5 * DAY <= post.time.now() - start <= 5 * DAY + 17 * MINUTE
    kinds = Counter(await post.kinds(trace))
    assert 456 <= kinds["deferred"] + kinds["failed"] <= 504
    assert (kinds["failed"], kinds["returned"], kinds["warned"]) == (1, 1, 1)
    assert len(await post.notices(post.ana)) == 2


async def test_the_sender_is_warned_once_after_four_hours(post: Post) -> None:
    sink = await post.sink("there.test")
    sink.on("RCPT", "451 4.3.0 not now")
    await post.send(ANA, BOB, account=post.ana)
    for _ in range(17):
        await post.work()
        assert await post.notices(post.ana) == [] or post.time.now() > 1_800_000_000 + 4 * HOUR
        post.time.advance(17 * MINUTE)
    await post.work()
    [notice] = await post.notices(post.ana)
    assert b"Action: delayed" in notice
    assert b"Will-Retry-Until:" in notice
    assert b"451 4.3.0 not now" in notice
    assert len(await post.waiting()) == 1


@pytest.mark.parametrize("reply", ["550 5.1.1 nobody", "451 4.3.0 not now"])
async def test_the_null_path_is_never_answered(post: Post, reply: str) -> None:
    sink = await post.sink("there.test")
    sink.on("RCPT", reply)
    trace = await post.send("", BOB)
    await post.work()
    for step in (5 * HOUR, 5 * DAY):
        post.time.advance(step)
        await post.work()
    assert await post.queued() == []
    assert (await post.kinds(trace))[-2:] == ["failed", "dropped"]
    assert await post.inbox(post.ana) == []
    assert sink.messages == []


async def test_what_is_recorded_twice_counts_once(post: Post) -> None:
    """A lease that ran out: both workers come to a failure, one notice is sent."""
    sink = await post.sink("there.test")
    sink.on("RCPT", "550 5.1.1 nobody", delay=0.2)
    await post.send(ANA, BOB, account=post.ana)
    other = post.worker("worker-2")
    assert await post.runner.round()
    await post.store.write(queue.release_leases, "worker-1/", post.now)  # while it works
    assert await other.round()
    await post.work()
    await post.work(other)
    assert len(await post.notices(post.ana)) == 1
    assert await post.queued() == []


async def test_a_damaged_message_is_returned_with_what_is_known(post: Post) -> None:
    sink = await post.sink("there.test")
    sink.on("MAIL", "550 5.7.1 no")
    await post.send(ANA, BOB, message=LARGE, account=post.ana)
    [file] = post.files()
    file.unlink()
    await post.work()
    [one] = await post.waiting()
    assert one.status == "4.3.0"
    post.time.advance(5 * DAY)
    await post.work()
    [notice] = await post.notices(post.ana)
    assert b"damaged" in notice
