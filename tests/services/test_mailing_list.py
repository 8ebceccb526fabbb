from __future__ import annotations

import pytest

from merpati.base.faults import Fault
from merpati.model.arrival import Arrival, Origin
from merpati.store import lists
from merpati.wire.smtp.paths import parse_address
from tests.support.lists import CARL, LIST, POST, ListHouse, field, letter
from tests.support.post import Post
from tests.support.server import ANA, BUDI


@pytest.fixture
def house(post: Post) -> ListHouse:
    return ListHouse(post)


async def test_strangers_are_held_or_refused_as_the_rules_say(post: Post, house: ListHouse) -> None:
    sink = await post.sink("there.test")
    one = await house.make(LIST, ANA, BUDI)
    await house.add(one, BUDI, is_owner=True)
    text = letter(f"Carl <{CARL}>", "let me in", "please")
    await house.write(CARL, LIST, text)
    assert await post.inbox(post.ana) == []
    [held] = await post.store.read(lists.held, one.id)
    assert (held.author, held.subject) == (CARL, "let me in")
    assert sink.messages == []  # strangers are told nothing
    [asked] = await post.inbox(post.budi)
    assert field(asked, "Reply-To") == f"<sales-moderate+{held.token}@example.org>"
    assert b"please" in asked
    await post.store.write(lists.set_rules, one.id, others="refuse")
    await house.write(CARL, LIST, text)
    [bounced] = sink.messages
    assert bounced.sender == ""
    assert b"only members may post to sales@example.org" in bounced.content


async def test_a_post_that_nobody_would_get_is_refused_while_its_sender_listens(
    post: Post, house: ListHouse
) -> None:
    await house.make(LIST, CARL, others="refuse")
    await house.make("closed@example.org", posting="owners", others="refuse")
    rules = post.expand.posts.rules

    async def refused(author: str, account_id: int, *to: str, more: str = "") -> str:
        routes = [await post.router.route(parse_address(each), relay=False) for each in to]
        origin = Origin(peer="192.0.2.1", helo="x", protocol="ESMTP", account_id=account_id)
        try:
            arrival = Arrival(author, tuple(routes), origin)
            await rules.check(arrival, letter(author, "x", "y", more))
        except Fault as fault:
            return fault.text
        return ""

    only_members = "only members may post to sales@example.org"
    assert await refused("eve@there.test", 0, LIST) == only_members
    assert await refused("eve@there.test", 0, LIST, ANA) == ""  # Ana gets it
    assert await refused(CARL, 0, LIST) == ""
    assert await refused(ANA, post.ana.id, LIST) == only_members
    assert await refused(CARL, 0, LIST, "closed@example.org") == ""
    owners = "only its owners may post to closed@example.org"
    assert await refused("eve@there.test", 0, LIST, "closed@example.org") == owners
    disowned = "Authentication-Results: mail.example.org;\r\n dmarc=fail header.from=x\r\n"
    assert await refused(CARL, 0, LIST, more=disowned) == only_members
    elsewhere = disowned.replace("mail.example.org", "mx.other.test")
    assert await refused(CARL, 0, LIST, more=elsewhere) == ""


async def test_an_address_of_ours_counts_only_for_who_is_signed_in(
    post: Post, house: ListHouse
) -> None:
    one = await house.make(LIST, ANA, BUDI)
    await house.write(ANA, LIST, POST)  # from outside, in Ana's name
    assert len(await post.store.read(lists.held, one.id)) == 1
    assert len(await post.inbox(post.budi)) == 0


async def test_owners_post_without_waiting_and_may_be_alone(post: Post, house: ListHouse) -> None:
    one = await house.make(LIST, BUDI, posting="owners", others="refuse", moderated=1)
    await house.add(one, ANA, is_owner=True)
    await house.write(ANA, LIST, account=post.ana)
    [got] = await post.inbox(post.budi)
    assert field(got, "List-Post") == "NO"
    await house.write(BUDI, LIST, account=post.budi)
    [returned] = (await post.inbox(post.budi))[1:]
    assert b"only its owners may post" in returned


async def test_two_lists_that_are_members_of_each_other_end(post: Post, house: ListHouse) -> None:
    await house.make(LIST, "other@example.org", ANA, posting="anyone")
    await house.make("other@example.org", LIST, BUDI, posting="anyone")
    trace = await house.write(ANA, LIST, account=post.ana)
    assert len(await post.inbox(post.ana)) == 1
    assert len(await post.inbox(post.budi)) == 1
    assert "ended" in await post.kinds(trace)
    assert await post.waiting() == []


@pytest.mark.parametrize(
    "more", ["Auto-Submitted: auto-replied\r\n", "Delivered-To: sales@example.org\r\n"]
)
async def test_what_a_machine_answers_is_not_given_to_a_list(
    post: Post, house: ListHouse, more: str
) -> None:
    await house.make(LIST, BUDI, posting="anyone")
    await house.write(ANA, LIST, letter(ANA, "away", "I am away", more), post.ana)
    await house.write("", LIST, letter(ANA, "away", "I am away"))
    assert await post.inbox(post.budi) == []
    assert await post.notices(post.ana) == []


async def test_a_post_to_a_list_that_is_gone_fails(post: Post, house: ListHouse) -> None:
    one = await house.make(LIST, ANA, posting="anyone")
    await post.send(ANA, LIST, message=POST, account=post.ana)
    await post.store.write(lists.remove, one.id)
    await post.work()
    assert len(await post.notices(post.ana)) == 1
    assert await post.waiting() == []
    route = parse_address(LIST)
    with pytest.raises(Exception, match="no mailbox"):
        await post.router.route(route, relay=False)


async def test_a_list_may_be_let_post_to_another(post: Post, house: ListHouse) -> None:
    one = await house.make("other@example.org", BUDI)
    await house.make(LIST, "other@example.org", ANA)
    await house.write(ANA, LIST, account=post.ana)
    assert len(await post.store.read(lists.held, one.id)) == 1  # Ana is no member of it
    await house.add(one, LIST, may_post=True)
    await post.store.write(lists.set_rules, one.id, posting="named")
    await house.write(ANA, LIST, account=post.ana)
    assert len(await post.inbox(post.budi)) == 1
    await post.send("sales-bounces+forged@example.org", "other@example.org", message=POST)
    await post.work()
    assert len(await post.inbox(post.budi)) == 1
