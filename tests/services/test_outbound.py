from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from merpati.model.queue import Destination
from merpati.services.outbound import BACKLOG, LEASE, TRY_MAX, OutboundSettings
from merpati.store import destinations, queue, queue_admin
from merpati.store.engine import Topic, Transaction
from merpati.store.queue_admin import Selection
from tests.support.post import LETTER, Post
from tests.support.server import ANA, BUDI
from tests.support.sockets import until

BOB = "bob@there.test"


async def destination(post: Post, name: str = "there.test") -> Destination:
    return (await post.store.read(destinations.find, [name]))[name]


async def leases(tx: Transaction) -> list[tuple[str, int]]:
    rows = await tx.rows("SELECT lease, next_at FROM queue_recipient ORDER BY message_id, n")
    return [(row[0], row[1]) for row in rows]


async def nothing_waits(post: Post) -> None:
    """Waits until all that was queued is served."""
    async with asyncio.timeout(30):
        while await post.waiting():  # noqa: ASYNC110 -- the store has no event for it
            await asyncio.sleep(0.005)


async def test_a_running_queue_sends_what_is_announced_at_once(post: Post) -> None:
    sink = await post.sink("there.test")
    post.notify.listen(Topic.QUEUE, 0, post.runner.wake)
    running = post.tasks.spawn(post.runner.run(), "queue")
    await asyncio.sleep(0.05)  # it has looked, and sleeps
    await post.send(ANA, BOB)
    await until(lambda: len(sink.messages) == 1)
    running.cancel()


async def test_what_a_dead_worker_had_claimed_is_due_when_it_starts_again(post: Post) -> None:
    sink = await post.sink("there.test")
    await post.send(ANA, BOB)
    ends = post.now + LEASE * 1000
    assert await post.store.write(queue.claim, post.now, "worker-1/", ends, 10)
    running = post.tasks.spawn(post.runner.run(), "queue")
    await until(lambda: len(sink.messages) == 1)
    running.cancel()


async def test_new_mail_for_what_is_being_served_needs_no_claim(tmp_path: Path) -> None:
    async with Post(tmp_path, outbound=OutboundSettings(linger=60)) as post:
        sink = await post.sink("there.test")
        await post.send(ANA, BOB)
        post.tasks.spawn(post.runner.run(), "queue")
        await until(lambda: len(sink.messages) == 1)
        await nothing_waits(post)
        await post.send(ANA, "eva@there.test")
        assert await post.store.read(leases) == [("worker-1/", post.now + LEASE * 1000)]
        await until(lambda: len(sink.messages) == 2)
        assert sink.messages[1].content.endswith(LETTER)
        assert sink.connections == 1


async def test_new_mail_waits_its_turn_where_more_waits_than_a_worker_holds(
    tmp_path: Path,
) -> None:
    settings = OutboundSettings(connections_per_destination=1)
    async with Post(tmp_path, outbound=settings) as post:
        sink = await post.sink("there.test")
        sink.on("content", silence=True)
        sink.on("content", "250 2.0.0 taken", times=1)
        for n in range(3):
            await post.send(ANA, f"bob{n}@there.test")
        post.tasks.spawn(post.runner.run(), "queue")
        async with asyncio.timeout(30):
            await until(lambda: len(sink.messages) == 2)  # of which it has answered one
        for n in range(BACKLOG + 3):
            await post.send(ANA, f"eva{n}@there.test")
        taken = [one.attempts for one in await post.waiting() if one.address.startswith("eva")]
        assert taken == [1] * BACKLOG + [0] * 3


async def test_what_was_taken_goes_back_when_the_destination_turns_away(tmp_path: Path) -> None:
    async with Post(tmp_path, outbound=OutboundSettings(linger=60)) as post:
        sink = await post.sink("there.test")
        await post.send(ANA, BOB)
        post.tasks.spawn(post.runner.run(), "queue")
        await until(lambda: len(sink.messages) == 1)
        await nothing_waits(post)
        sink.on("MAIL", hang_up=True)
        sink.on("greeting", "421 4.3.2 shutting down", hang_up=True)
        await post.send(ANA, "eva@there.test")
        async with asyncio.timeout(30):
            while not (await destination(post)).failures:  # noqa: ASYNC110 -- it has no event
                await asyncio.sleep(0.005)
            while (await post.store.read(leases))[0][0]:  # noqa: ASYNC110 -- nor has this
                await asyncio.sleep(0.005)
        [one] = await post.waiting()
        assert post.now < one.next_at < post.now + LEASE * 1000


async def test_a_worker_that_starts_leaves_the_claims_of_others_alone(post: Post) -> None:
    await post.send(ANA, BOB)
    ends = post.now + LEASE * 1000
    assert await post.store.write(queue.claim, post.now, "worker-10/", ends, 10)
    assert await post.runner.recover() == 0
    assert await post.worker("worker-10").recover() == 1


async def test_a_claim_that_nobody_comes_back_for_runs_out(post: Post) -> None:
    sink = await post.sink("there.test")
    await post.send(ANA, BOB)
    ends = post.now + LEASE * 1000
    assert await post.store.write(queue.claim, post.now, "worker-2/", ends, 10)
    await post.work()
    assert sink.messages == []
    post.time.advance(LEASE + 1)
    await post.work()
    assert len(sink.messages) == 1


async def test_a_try_ends_before_its_lease() -> None:
    assert TRY_MAX + 300 <= LEASE


async def test_while_a_message_is_on_its_way_it_is_leased(post: Post) -> None:
    sink = await post.sink("there.test")
    sink.on("content", "250 ok", delay=0.2)
    await post.send(ANA, BOB)
    assert await post.runner.round()
    await sink.heard("DATA")
    assert await post.store.read(leases) == [("worker-1/", post.now + LEASE * 1000)]
    await post.work()
    assert await post.store.read(leases) == []


async def test_two_workers_never_send_to_the_same_recipient_twice(post: Post) -> None:
    sinks = [await post.sink(f"d{n}.test", host=f"127.0.0.{n + 2}") for n in range(4)]
    for n in range(60):
        await post.send(ANA, *(f"bob{n}-{m}@d{(n + m) % 4}.test" for m in range(3)))
    other = post.worker("worker-2")
    await asyncio.gather(post.work(), post.work(other))
    got = Counter(
        recipient for sink in sinks for message in sink.messages for recipient in message.recipients
    )
    assert len(got) == 180
    assert set(got.values()) == {1}
    assert await post.queued() == []


async def test_recipients_of_one_destination_share_one_transaction(post: Post) -> None:
    sink = await post.sink("there.test")
    await post.send(ANA, *(f"bob{n}@there.test" for n in range(50)))
    await post.work()
    [got] = sink.messages
    assert len(got.recipients) == 50


async def test_several_messages_share_one_connection(post: Post) -> None:
    sink = await post.sink("there.test")
    for n in range(20):
        await post.send(ANA, f"bob{n}@there.test")
    await post.work()
    assert (len(sink.messages), sink.connections) == (20, 1)


async def test_a_connection_takes_so_many_messages_and_destinations_so_many_connections(
    tmp_path: Path,
) -> None:
    settings = OutboundSettings(messages_per_connection=5, connections_per_destination=3)
    async with Post(tmp_path, outbound=settings) as post:
        sink = await post.sink("there.test")
        sink.on("content", "250 ok", delay=0.01)
        for n in range(60):
            await post.send(ANA, f"bob{n}@there.test")
        most = 0
        assert await post.runner.round()
        while post.runner.lanes:
            most = max(most, post.runner.lanes)
            await asyncio.sleep(0.001)
        assert len(sink.messages) == 60
        assert most == 3
        assert 12 <= sink.connections <= 15


async def test_no_more_connections_than_allowed_however_many_destinations(tmp_path: Path) -> None:
    async with Post(tmp_path, outbound=OutboundSettings(connections=4)) as post:
        sink = await post.sink()
        sink.on("greeting", "220 hello", delay=0.05)
        for n in range(20):
            post.publish(f"d{n}.test")
            await post.send(ANA, f"bob@d{n}.test")
        most = 0
        assert await post.runner.round()
        while post.runner.lanes:
            most = max(most, len(sink._tasks))
            await asyncio.sleep(0.001)
        assert len(sink.messages) == 20
        assert most <= 4


async def test_a_slow_destination_holds_up_no_other(post: Post) -> None:
    slow = await post.sink("slow.test", host="127.0.0.2")
    slow.on("greeting", silence=True)
    quick = await post.sink("quick.test", host="127.0.0.3")
    await post.send(ANA, "bob@slow.test")
    await post.send(ANA, "bob@quick.test")
    assert await post.runner.round()
    await until(lambda: len(quick.messages) == 1 and post.runner.lanes == 1)
    await post.send(ANA, "dora@quick.test")
    assert await post.runner.round()
    await until(lambda: len(quick.messages) == 2)


async def test_a_dead_destination_takes_all_its_mail_along_in_one_attempt(post: Post) -> None:
    sink = await post.sink("there.test")
    sink.on("greeting", "421 4.3.2 out of order", hang_up=True)
    for n in range(220):  # more than one claim
        await post.send(ANA, f"bob{n}@there.test")
    await post.work()
    assert sink.connections == 1
    assert len(await post.waiting()) == 220
    there = await destination(post)
    assert (there.failures, there.status, there.remote) == (1, "4.3.2", "mx.there.test")
    assert there.due_at > post.now + 800_000
    post.time.advance(600)
    await post.send(ANA, "one-more@there.test")
    await post.work()
    assert sink.connections == 1
    post.time.advance(400)
    sink.calm()
    await post.work()
    assert len(sink.messages) == 221
    assert (await destination(post)).failures == 0


async def test_a_server_that_shuts_down_is_left_alone_with_all_that_waits(post: Post) -> None:
    sink = await post.sink("there.test")
    sink.on("MAIL", "421 4.3.2 shutting down", hang_up=True)
    for n in range(10):
        await post.send(ANA, f"bob{n}@there.test")
    await post.work()
    assert sink.connections == 1
    assert (await destination(post)).reply == "421 4.3.2 shutting down"
    assert [one.attempts for one in await post.waiting()] == [1] + [0] * 9


async def test_a_server_that_closes_early_gets_the_rest_over_other_connections(
    post: Post,
) -> None:
    sink = await post.sink("there.test")
    for n in range(6):
        await post.send(ANA, f"bob{n}@there.test")
    sink.on("content", "250 2.0.0 ok", hang_up=True)  # one message each
    await post.work()
    assert (len(sink.messages), sink.connections) == (6, 6)
    assert await post.queued() == []


async def test_a_message_that_breaks_the_connection_does_not_hold_up_the_others(
    post: Post,
) -> None:
    sink = await post.sink("there.test")
    sink.on("RCPT", hang_up=True, match="bob3@")
    for n in range(6):
        await post.send(ANA, f"bob{n}@there.test")
    await post.work()
    assert len(sink.messages) == 5
    [one] = await post.waiting()
    assert (one.address, one.status) == ("bob3@there.test", "4.4.2")


async def test_local_and_remote_are_served_in_the_same_round(post: Post) -> None:
    sink = await post.sink("there.test")
    await post.send(ANA, BUDI, BOB, account=post.ana)
    await post.work()
    assert len(sink.messages) == len(await post.inbox(post.budi)) == 1


async def test_an_empty_queue_has_nothing_to_do(post: Post) -> None:
    assert not await post.runner.round()


# What the administrator does


EVERYTHING = Selection()


async def only(post: Post) -> Selection:
    [(message, _)] = await post.queued()
    return Selection(ids=(message.id,))


async def test_held_mail_stays_until_it_is_released(post: Post) -> None:
    sink = await post.sink("there.test")
    await post.send(ANA, BOB)
    await post.store.write(queue_admin.hold, await only(post), "to be looked at")
    post.time.advance(86_400)
    await post.work()
    assert sink.connections == 0
    await post.store.write(queue_admin.release, await only(post), post.now)
    await post.work()
    assert len(sink.messages) == 1


async def test_retry_makes_mail_due_before_its_time(post: Post) -> None:
    sink = await post.sink("there.test")
    sink.on("RCPT", "451 4.3.0 not now", times=2)
    await post.send(ANA, BOB)
    await post.work()
    assert await post.store.write(queue_admin.retry, await only(post), post.now) == 1
    await post.work()
    await post.store.write(queue_admin.retry, EVERYTHING, post.now)
    await post.work()
    assert len(sink.messages) == 1


async def test_mail_that_is_to_be_returned_is_not_tried_again(post: Post) -> None:
    sink = await post.sink("there.test")
    sink.on("RCPT", "451 4.3.0 not now")
    await post.send(ANA, BOB, account=post.ana)
    await post.work()
    tries = len(sink.commands)
    assert await post.store.write(queue_admin.bounce, await only(post), post.now)
    await post.work()
    [notice] = await post.notices(post.ana)
    assert b"An administrator of this server returned the message." in notice
    assert len(sink.commands) == tries
    assert await post.queued() == []


async def test_deleted_mail_is_forgotten_and_nobody_is_told(post: Post) -> None:
    sink = await post.sink("there.test")
    await post.send(ANA, BOB, "dora@there.test", account=post.ana)
    assert await post.store.write(queue_admin.delete, await only(post)) == 2
    await post.work()
    assert (sink.connections, await post.queued()) == (0, [])
    assert await post.inbox(post.ana) == []


async def test_mail_deleted_while_it_is_on_its_way_stays_deleted(post: Post) -> None:
    sink = await post.sink("there.test")
    sink.on("RCPT", "451 4.3.0 not now", delay=0.1)
    await post.send(ANA, BOB, account=post.ana)
    assert await post.runner.round()
    await sink.heard("RCPT")
    await post.store.write(queue_admin.delete, await only(post))
    await post.work()
    assert await post.queued() == []
    assert await post.inbox(post.ana) == []
