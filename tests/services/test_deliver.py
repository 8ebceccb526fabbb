from __future__ import annotations

import pytest

from merpati.model.account import Account
from merpati.model.arrival import RecipientOptions
from merpati.store import directory, queue, queue_admin
from merpati.store.queue_admin import Selection
from tests.support.post import LETTER, Post
from tests.support.server import ANA

FULL = "full@example.org"
DAY = 86_400.0


async def waiting_here(post: Post, sender: str = "carl@there.test") -> str:
    """A message that waits for room in an account's mailbox."""
    await post.add_account(FULL, quota=100)
    return await post.send(sender, ANA, FULL)


async def account_of(post: Post, address: str) -> Account:
    return await post.store.read(directory.account, address)


async def test_it_is_delivered_once_there_is_room(post: Post) -> None:
    trace = await waiting_here(post)
    full = await account_of(post, FULL)
    await post.work()
    [one] = await post.waiting()
    assert one.status == "4.2.2"
    await post.store.write(directory.set_account, full.id, quota=0)
    post.time.advance(1000)
    await post.work()
    [message] = await post.inbox(full)
    assert message.startswith(b"Return-Path: <carl@there.test>\r\n")
    assert message.endswith(LETTER)
    assert await post.queued() == []
    assert (await post.kinds(trace))[-1] == "delivered"


async def test_a_mailbox_that_stays_full_returns_the_message(post: Post) -> None:
    await waiting_here(post, sender=ANA)
    post.time.advance(5 * DAY)
    await post.work()
    [notice] = await post.notices(post.ana)
    assert b"Final-Recipient: rfc822; full@example.org" in notice
    assert await post.queued() == []


async def test_an_account_that_is_gone_returns_the_message(post: Post) -> None:
    await waiting_here(post, sender=ANA)
    full = await account_of(post, FULL)
    await post.store.write(directory.remove_account, full.id)
    await post.work()
    [notice] = await post.notices(post.ana)
    assert b"Status: 5.1.1" in notice


async def test_an_address_that_leads_elsewhere_now_is_sent_on(post: Post) -> None:
    sink = await post.sink("there.test")
    await waiting_here(post)
    full = await account_of(post, FULL)
    await post.store.write(directory.remove_account, full.id)
    await post.store.write(directory.add_alias, FULL, "new@there.test")
    await post.work()
    [got] = sink.messages
    assert got.recipients == ["new@there.test"]
    assert await post.queued() == []


async def test_a_crash_after_the_claim_is_a_redelivery_exactly_once(post: Post) -> None:
    await waiting_here(post)
    full = await account_of(post, FULL)
    await post.store.write(directory.set_account, full.id, quota=0)
    later = post.now + 3_600_000
    assert await post.store.write(queue.claim, post.now, "worker-1/", later, 10)  # and it dies
    await post.work()
    assert await post.inbox(full) == []
    assert await post.runner.recover() == 1
    await post.work()
    await post.work()
    assert len(await post.inbox(full)) == 1
    assert await post.queued() == []


async def test_two_workers_with_the_same_recipient_deliver_once(post: Post) -> None:
    await waiting_here(post)
    full = await account_of(post, FULL)
    await post.store.write(directory.set_account, full.id, quota=0)
    [(message, recipients)] = await post.queued()
    await post.deliver_here.here(message, recipients)
    await post.deliver_here.here(message, recipients)
    assert len(await post.inbox(full)) == 1


@pytest.mark.parametrize("size", [10, 100_000])
async def test_a_message_deleted_meanwhile_is_not_delivered(post: Post, size: int) -> None:
    await post.add_account(FULL, quota=100)
    await post.send("carl@there.test", ANA, FULL, message=LETTER + b"x" * size + b"\r\n")
    full = await account_of(post, FULL)
    await post.store.write(directory.set_account, full.id, quota=0)
    [(message, recipients)] = await post.queued()
    await post.store.write(queue_admin.delete, Selection(ids=(message.id,)))
    await post.deliver_here.here(message, recipients)
    assert await post.inbox(full) == []


async def test_who_asked_for_it_is_told_that_it_is_in_the_mailbox(post: Post) -> None:
    full = await post.add_account(FULL, quota=100)
    wishes = RecipientOptions("SUCCESS")
    await post.send(ANA, FULL, ANA, account=post.ana, wishes=wishes)
    await post.store.write(directory.set_account, full.id, quota=0)
    await post.store.write(queue_admin.retry, Selection(), post.now)
    await post.work()
    assert len(await post.inbox(full)) == 1
    [notice] = [one for one in await post.notices(post.ana) if FULL.encode() in one]
    assert b"Action: delivered" in notice
    assert b"Final-Recipient: rfc822; full@example.org" in notice
