from __future__ import annotations

import re

import pytest

from merpati.store import lists
from tests.support.lists import CARL, LIST, ListHouse, field, letter
from tests.support.post import Post
from tests.support.server import ANA, BUDI


@pytest.fixture
def house(post: Post) -> ListHouse:
    return ListHouse(post)


async def test_somebody_elsewhere_joins_by_mail_with_confirmation(
    post: Post, house: ListHouse
) -> None:
    sink = await post.sink("there.test")
    one = await house.make(LIST, joining="open")
    await house.write(CARL, "sales-subscribe@example.org", letter(CARL))
    await house.write(CARL, "sales-subscribe@example.org", letter(CARL))  # once is enough
    [asked] = sink.messages
    assert await house.members(one) == set()
    to = field(asked.content, "Reply-To").strip("<>")
    assert re.fullmatch(r"sales-confirm\+[0-9a-z]{16}@example\.org", to)
    forged = re.sub(r"\+.*@", "+0000000000000000@", to)
    await house.write(CARL, forged, letter(CARL))
    assert await house.members(one) == set()
    await house.write(CARL, to, letter(CARL))
    assert await house.members(one) == {CARL}
    assert b"is a member of the list" in sink.messages[-1].content
    await house.write(CARL, "sales-request@example.org", letter(CARL, "unsubscribe"))
    to = field(sink.messages[-1].content, "Reply-To").strip("<>")
    await house.write(CARL, to, letter(CARL))
    assert await house.members(one) == set()


async def test_who_is_signed_in_joins_and_leaves_at_once(post: Post, house: ListHouse) -> None:
    one = await house.make(LIST, joining="open")
    await house.write(ANA, "sales-subscribe@example.org", letter(ANA), post.ana)
    assert await house.members(one) == {ANA}
    await house.write(ANA, "sales-request@example.org", letter(ANA, "Keluar!"), post.ana)
    assert await house.members(one) == set()
    await house.write(ANA, "sales-request@example.org", letter(ANA, "what is this"), post.ana)
    assert b"How to use the list" in (await post.inbox(post.ana))[-1]
    await post.store.write(lists.set_rules, one.id, joining="closed")
    await house.write(ANA, "sales-subscribe@example.org", letter(ANA), post.ana)
    assert await house.members(one) == set()
    assert b"Nobody joins Sales by mail" in (await post.inbox(post.ana))[-1]


async def test_an_owner_lets_somebody_in(post: Post, house: ListHouse) -> None:
    one = await house.make(LIST, joining="ask")
    await house.add(one, BUDI, is_owner=True)
    await house.write(ANA, "sales-subscribe@example.org", letter(ANA), post.ana)
    [asked] = await post.inbox(post.budi)
    assert await house.members(one) == set()
    to = field(asked, "Reply-To").strip("<>")
    await house.write(BUDI, to, letter(BUDI, "", "setuju"), post.budi)
    assert await house.members(one) == {ANA}


async def test_the_link_of_a_member_ends_the_membership_by_mail_and_by_click(
    post: Post, house: ListHouse
) -> None:
    one = await house.make(LIST, CARL, "dora@there.test")
    await house.write("x@there.test", "sales-unsubscribe+carltoken@example.org", letter("x@y.test"))
    assert await house.members(one) == {"dora@there.test"}
    left = await post.expand.list_mail.leave("doratoken")
    assert left is not None
    assert left.address == LIST
    assert await house.members(one) == set()
    assert await post.expand.list_mail.leave("doratoken") is None


async def test_a_member_whose_mail_comes_back_day_after_day_is_suspended(
    post: Post, house: ListHouse
) -> None:
    sink = await post.sink("there.test")
    sink.on("RCPT", "550 5.1.1 no such user")
    one = await house.make(LIST, CARL)
    await house.add(one, BUDI, is_owner=True)
    for _ in range(2):  # of one day: counted once
        await house.write(BUDI, LIST, account=post.budi)
    person = await post.store.read(lists.person, one.id, CARL)
    assert person is not None
    assert (person.bounces, person.suspended) == (1, False)
    for _ in range(4):
        post.time.advance(86_400)
        await house.write(BUDI, LIST, account=post.budi)
    person = await post.store.read(lists.person, one.id, CARL)
    assert person is not None
    assert person.suspended
    assert b"gets no more posts" in (await post.inbox(post.budi))[-1]
    trace = await house.write(BUDI, LIST, account=post.budi)
    assert "failed" not in await post.kinds(trace)
    await house.add(one, CARL, is_member=True)  # added anew
    person = await post.store.read(lists.person, one.id, CARL)
    assert person is not None
    assert not person.suspended


async def test_a_delay_is_no_bounce(post: Post, house: ListHouse) -> None:
    one = await house.make(LIST, CARL)
    report = (
        b"From: x@there.test\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\n"
        b"Content-Type: message/delivery-status\r\n\r\nAction: delayed\r\nStatus: 4.4.1\r\n"
    )
    await house.write("", "sales-bounces+carltoken@example.org", report)
    person = await post.store.read(lists.person, one.id, CARL)
    assert person is not None
    assert person.bounces == 0
    await house.write(
        "", "sales-bounces+carltoken@example.org", report.replace(b"delayed", b"failed")
    )
    person = await post.store.read(lists.person, one.id, CARL)
    assert person is not None
    assert person.bounces == 1
