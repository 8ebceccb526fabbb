from __future__ import annotations

from merpati.services.bounce import after_return_path
from merpati.store import directory
from merpati.wire import dsn
from tests.support.post import Post
from tests.support.server import ANA

BOB = "bob@there.test"


async def unknown(post: Post) -> None:
    """There is no bob."""
    sink = await post.sink("there.test")
    sink.on("RCPT", "550 5.1.1 nobody")


async def test_a_local_sender_finds_the_notice_in_the_inbox(post: Post) -> None:
    await unknown(post)
    trace = await post.send(ANA, BOB, account=post.ana)
    await post.work()
    [notice] = await post.notices(post.ana)
    assert b"From: " in notice
    assert b"postmaster@mail.example.org" in notice
    assert b"To: <ana@example.org>" in notice or b"To: ana@example.org" in notice
    returned = (await post.steps(trace))[-1]
    assert returned.kind.value == "returned"
    assert "delivered" in await post.kinds(returned.detail["notice"])


async def test_a_remote_sender_s_notice_is_queued_with_the_null_path(post: Post) -> None:
    await unknown(post)
    home = await post.sink(host="127.0.0.2")
    post.publish("sender.test", host="127.0.0.2")
    await post.store.write(directory.add_alias, "list@example.org", BOB)
    await post.send("carl@sender.test", "list@example.org")
    assert await post.runner.round()
    await post.work()
    [got] = home.messages
    assert (got.sender, got.recipients) == ("", ["carl@sender.test"])
    assert b"Action: failed" in got.content
    assert await post.queued() == []


async def test_a_notice_that_cannot_be_delivered_is_dropped(post: Post) -> None:
    await unknown(post)
    home = await post.sink(host="127.0.0.2")
    home.on("RCPT", "550 5.1.1 nobody here either")
    post.publish("sender.test", host="127.0.0.2")
    await post.store.write(directory.add_alias, "list@example.org", BOB)
    await post.send("forged@sender.test", "list@example.org")
    await post.work()
    mails = [command for command in home.commands if command.startswith("MAIL")]
    assert [mail.partition(" SIZE")[0] for mail in mails] == ["MAIL FROM:<>"]
    assert await post.queued() == []


async def test_a_sender_over_quota_gets_the_notice_once_there_is_room(post: Post) -> None:
    await unknown(post)
    await post.send(ANA, BOB, account=post.ana)
    await post.store.write(directory.set_account, post.ana.id, quota=1)
    await post.work()
    [one] = await post.waiting()
    assert (one.address, one.destination) == (ANA, "")
    await post.store.write(directory.set_account, post.ana.id, quota=0)
    post.time.advance(1000)
    await post.work()
    assert len(await post.notices(post.ana)) == 1
    assert await post.queued() == []


async def test_a_sender_who_left_meanwhile_is_not_told_and_the_trace_says_so(post: Post) -> None:
    await unknown(post)
    trace = await post.send(ANA, BOB, account=post.ana)
    await post.store.write(directory.set_account, post.ana.id, disabled=1)
    await post.work()
    assert (await post.kinds(trace))[-1] == "dropped"
    assert await post.queued() == []


async def test_the_notice_speaks_the_sender_s_language(post: Post) -> None:
    await unknown(post)
    await post.store.write(directory.set_account, post.ana.id, language="id")
    await post.send(ANA, BOB, account=post.ana)
    await post.work()
    [notice] = await post.notices(post.ana)
    assert b"Pesan Anda" in notice


async def test_of_a_large_message_only_the_header_is_returned(post: Post) -> None:
    await unknown(post)
    body = b"Subject: large\r\n\r\n" + b"0123456789abcdef\r\n" * (dsn.RETURN_LIMIT // 10)
    await post.send(ANA, BOB, message=body, account=post.ana)
    await post.work()
    [notice] = await post.notices(post.ana)
    assert b"Subject: large" in notice
    assert b"0123456789abcdef" not in notice
    assert len(notice) < dsn.RETURN_LIMIT


def test_our_return_path_is_skipped_and_nobody_else_s() -> None:
    assert after_return_path(b"Return-Path: <a@b>\r\nSubject: x\r\n") == 20
    assert after_return_path(b"Subject: x\r\nReturn-Path: <a@b>\r\n") == 0
    assert after_return_path(b"") == 0
