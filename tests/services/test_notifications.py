from __future__ import annotations

import pytest

from merpati.model.arrival import Options, RecipientOptions
from merpati.store import queue_admin
from merpati.store.queue_admin import Selection
from tests.support.post import LETTER, Post
from tests.support.server import ANA

BOB = "bob@there.test"
HOUR = 3600.0
DAY = 86_400.0
WITHOUT_DSN = ("PIPELINING", "SIZE 10000000", "8BITMIME", "ENHANCEDSTATUSCODES")


async def test_wishes_go_on_to_a_server_that_takes_them_over(post: Post) -> None:
    sink = await post.sink("there.test")
    await post.send(
        ANA, BOB, account=post.ana, options=Options(ret="HDRS", envid="id+1"),
        wishes=RecipientOptions("SUCCESS,FAILURE", "rfc822;bob=x@there.test"),
    )  # fmt: skip
    await post.work()
    [got] = sink.messages
    assert got.mail.endswith(" RET=HDRS ENVID=id+2B1")
    assert got.rcpts == [
        "RCPT TO:<bob@there.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;bob+3Dx@there.test"
    ]
    assert await post.notices(post.ana) == []


async def test_a_server_that_does_not_is_the_last_that_is_heard_of(post: Post) -> None:
    await post.sink("there.test", extensions=WITHOUT_DSN)
    trace = await post.send(
        ANA, BOB, account=post.ana, options=Options(envid="my-id"),
        wishes=RecipientOptions("SUCCESS", "rfc822;bob@there.test"),
    )  # fmt: skip
    await post.work()
    [notice] = await post.notices(post.ana)
    assert b"Action: relayed" in notice
    assert b"Status: 2.0.0" in notice
    assert b"Original-Envelope-Id: my-id" in notice
    assert b"Original-Recipient: rfc822;bob@there.test" in notice
    assert b"text/rfc822-headers" in notice
    assert LETTER not in notice
    assert (await post.kinds(trace))[-2:] == ["sent", "confirmed"]


async def test_nobody_is_told_of_success_unasked(post: Post) -> None:
    await post.sink("there.test", extensions=WITHOUT_DSN)
    await post.send(ANA, BOB, account=post.ana)
    await post.work()
    assert await post.notices(post.ana) == []


@pytest.mark.parametrize("notify", ["NEVER", "SUCCESS", "DELAY"])
async def test_nobody_is_told_of_a_failure_that_was_not_to_be_told(post: Post, notify: str) -> None:
    sink = await post.sink("there.test")
    sink.on("RCPT", "550 5.1.1 nobody")
    await post.send(ANA, BOB, account=post.ana, wishes=RecipientOptions(notify))
    await post.work()
    assert await post.notices(post.ana) == []
    assert await post.queued() == []


@pytest.mark.parametrize(("notify", "warnings"), [("NEVER", 0), ("FAILURE", 0), ("DELAY", 1)])
async def test_a_delay_is_told_to_those_who_want_it(post: Post, notify: str, warnings: int) -> None:
    sink = await post.sink("there.test")
    sink.on("RCPT", "451 4.3.0 not now")
    await post.send(ANA, BOB, account=post.ana, wishes=RecipientOptions(notify))
    for _ in range(3):
        await post.work()
        post.time.advance(5 * HOUR)
    assert len(await post.notices(post.ana)) == warnings


async def test_only_the_header_comes_back_when_only_that_is_wanted(post: Post) -> None:
    sink = await post.sink("there.test")
    sink.on("RCPT", "550 5.1.1 nobody")
    await post.send(ANA, BOB, account=post.ana, options=Options(ret="HDRS"))
    await post.work()
    [notice] = await post.notices(post.ana)
    assert b"text/rfc822-headers" in notice
    assert b"\r\nhello\r\n" not in notice


async def test_a_sender_is_warned_of_mail_that_was_never_tried(post: Post) -> None:
    """Its destination cannot be reached; another message is tried for it each time."""
    post.publish("there.test", host="127.0.0.9")
    for n in range(3):
        await post.send(ANA, f"bob{n}@there.test", account=post.ana)
    while post.time.now() < 1_800_000_000 + 4 * HOUR + 1:
        await post.work()
        post.time.advance(15 * 60)
    await post.work()
    notices = await post.notices(post.ana)
    assert len(notices) == 3
    assert all(b"Action: delayed" in one for one in notices)
    assert all(b"cannot be reached" in one.replace(b"=\r\n", b"") for one in notices)
    post.time.advance(5 * DAY)
    for _ in range(3):
        await post.work()
        post.time.advance(15 * 60)
    assert await post.queued() == []
    assert len(await post.notices(post.ana)) == 6


async def test_mail_returned_by_hand_comes_back_also_where_nobody_answers(post: Post) -> None:
    post.publish("there.test", host="127.0.0.9")
    await post.send(ANA, BOB, "dora@there.test", account=post.ana)
    await post.work()
    selection = Selection(recipient=BOB)
    assert await post.store.write(queue_admin.bounce, selection, post.now) == 1
    await post.work()
    [notice] = await post.notices(post.ana)
    assert b"An administrator of this server returned the message." in notice
    assert [one.address for one in await post.waiting()] == ["dora@there.test"]


async def test_a_deadline_to_return_ends_it_with_a_status_of_its_own(post: Post) -> None:
    post.publish("there.test", host="127.0.0.9")
    options = Options(deliver_by=post.now + 120_000, by_mode="R")
    await post.send(ANA, BOB, account=post.ana, options=options)
    await post.work()
    assert await post.notices(post.ana) == []
    post.time.advance(121)
    await post.work()
    [notice] = await post.notices(post.ana)
    assert b"Status: 5.4.7" in notice
    assert await post.queued() == []


async def test_a_deadline_to_notify_tells_and_goes_on(post: Post) -> None:
    post.publish("there.test", host="127.0.0.9")
    options = Options(deliver_by=post.now + 120_000, by_mode="N")
    await post.send(ANA, BOB, account=post.ana, options=options, wishes=RecipientOptions("FAILURE"))
    await post.work()
    post.time.advance(121)
    await post.work()
    [notice] = await post.notices(post.ana)
    assert b"Action: delayed" in notice
    assert len(await post.waiting()) == 1


async def test_what_is_left_of_a_deadline_and_the_priority_go_on(post: Post) -> None:
    sink = await post.sink("there.test", extensions=("PIPELINING", "DELIVERBY 10", "MT-PRIORITY"))
    options = Options(deliver_by=post.now + 120_000, by_mode="R", by_trace=True, priority=3)
    await post.send(ANA, BOB, options=options)
    post.time.advance(20)
    await post.work()
    assert sink.messages[0].mail.endswith(" BY=100;RT MT-PRIORITY=3")


async def test_a_message_to_be_returned_late_goes_to_nobody_who_may_be_late(post: Post) -> None:
    sink = await post.sink("there.test")
    options = Options(deliver_by=post.now + 120_000, by_mode="R")
    await post.send(ANA, BOB, account=post.ana, options=options)
    await post.work()
    assert sink.messages == []
    assert b"Status: 5.3.3" in (await post.notices(post.ana))[0]


async def test_a_message_leaves_when_it_may(post: Post) -> None:
    sink = await post.sink("there.test")
    await post.send(ANA, BOB, options=Options(hold_until=post.now + 600_000))
    await post.work()
    assert sink.connections == 0
    post.time.advance(601)
    await post.work()
    assert len(sink.messages) == 1
