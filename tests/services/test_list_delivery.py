from __future__ import annotations

import pytest

from merpati.model.arrival import RecipientOptions
from merpati.services.list_delivery import BATCH, PERSONAL_MAX, ListSettings
from merpati.services.outbound import QueueRunner
from merpati.store import directory, lists
from merpati.store.engine import Transaction
from merpati.wire.dkim import keys, signer
from merpati.wire.dkim.verifier import DkimVerdict, verify
from tests.support.lists import CARL, LIST, POST, ListHouse, field, letter
from tests.support.post import Post
from tests.support.server import ANA, BUDI, DOMAIN
from tests.support.zone import Zone

NOW = 1_800_000_000


@pytest.fixture
def house(post: Post) -> ListHouse:
    return ListHouse(post)


async def test_a_post_reaches_members_here_and_elsewhere_with_the_fields_of_the_list(
    post: Post, house: ListHouse
) -> None:
    sink = await post.sink("there.test")
    await house.make(LIST, ANA, BUDI, CARL)
    trace = await house.write(ANA, LIST, account=post.ana)
    [got] = await post.inbox(post.budi)
    assert await post.inbox(post.ana) == [got]
    assert field(got, "List-Id") == "Sales <sales.example.org>"
    assert got.count(b"List-Id") == 1
    assert field(got, "List-Post") == "<mailto:sales@example.org>"
    assert field(got, "List-Help") == "<mailto:sales-request@example.org?subject=help>"
    assert field(got, "List-Owner") == "<mailto:sales-owner@example.org>"
    assert field(got, "List-Unsubscribe") == "<mailto:sales-unsubscribe@example.org>"
    assert field(got, "From") == "Ana <ana@example.org>"
    assert field(got, "Return-Path") == "<sales-bounces@example.org>"
    assert b"Return-Receipt-To" not in got
    assert got.endswith(b"\r\n\r\nhello\r\n")
    [sent] = sink.messages
    assert sent.sender == "sales-bounces+carltoken@example.org"
    assert sent.recipients == [CARL]
    unsubscribe = field(sent.content, "List-Unsubscribe")
    assert unsubscribe == "<mailto:sales-unsubscribe%2Bcarltoken@example.org>".replace("%2B", "+")
    assert sent.content.count(b"List-Unsubscribe:") == 1
    assert field(sent.content, "List-Id") == "Sales <sales.example.org>"
    assert sent.content.endswith(b"\r\n\r\nhello\r\n")
    assert await post.waiting() == []
    kinds = await post.kinds(trace)
    assert kinds.count("delivered") == 2
    assert kinds.count("sent") == 1


async def test_dynamic_lists_reach_whoever_they_are_for(post: Post, house: ListHouse) -> None:
    await post.store.write(directory.add_domain, "second.test", post.now)
    cici = await post.add_account("cici@second.test")
    await post.store.write(directory.set_account, post.budi.id, is_admin=1)
    for audience, reached in (
        ("domain", {ANA, BUDI}), ("everyone", {ANA, BUDI, cici.address}), ("admins", {BUDI}),
    ):  # fmt: skip
        name = f"{audience}@example.org"
        await house.make(name, audience=audience)
        before = {one.address: len(await post.inbox(one)) for one in (post.ana, post.budi, cici)}
        await house.write(BUDI, name, account=post.budi)
        got = {
            one.address
            for one in (post.ana, post.budi, cici)
            if len(await post.inbox(one)) > before[one.address]
        }
        assert got == reached
    await house.write(BUDI, "everyone-unsubscribe@example.org", letter(BUDI), post.budi)
    assert b"Nobody joins or leaves" in (await post.inbox(post.budi))[-1]


async def test_an_archive_gets_one_copy_of_every_post(post: Post, house: ListHouse) -> None:
    archive = await post.add_account("archive@example.org")
    await house.make(LIST, *(f"m{n}@there.test" for n in range(BATCH + 5)), archive_id=archive.id,
                     posting="anyone")  # fmt: skip
    await post.sink("there.test")
    await house.write(ANA, LIST, account=post.ana)
    assert len(await post.inbox(archive)) == 1


async def test_a_crash_between_two_batches_neither_loses_nor_doubles(
    post: Post, house: ListHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = await post.sink("there.test")
    await house.make(LIST, BUDI, *(f"m{n}@there.test" for n in range(2 * BATCH)), posting="anyone")
    await post.send(ANA, LIST, message=POST, account=post.ana)
    real = lists.set_progress
    calls = 0

    async def dies(tx: Transaction, message_id: int, n: int, person_id: int) -> None:
        nonlocal calls
        calls += 1
        await real(tx, message_id, n, person_id)
        if calls == 2:
            raise KeyboardInterrupt("the machine is gone")  # nothing of this batch is kept

    monkeypatch.setattr(lists, "set_progress", dies)
    runner: QueueRunner = post.worker("worker-9")
    [(message, recipients)] = await post.queued()
    with pytest.raises(KeyboardInterrupt):
        await post.expand.serve(message, recipients)
    monkeypatch.undo()
    waiting = await post.waiting()
    assert len(waiting) == 1 + BATCH - 1  # the list, and the first batch but Budi
    await post.work(runner)
    got = sorted(recipient for one in sink.messages for recipient in one.recipients)
    assert got == sorted(f"m{n}@there.test" for n in range(2 * BATCH))
    assert len(await post.inbox(post.budi)) == 1
    assert await post.waiting() == []


async def test_from_names_the_list_only_where_the_author_s_domain_demands_it(
    post: Post, house: ListHouse
) -> None:
    await house.make(LIST, BUDI, posting="anyone")
    text = letter("Carl Ö <carl@there.test>".encode().decode(), "x", "y")
    await house.write(CARL, LIST, text)
    post.strict_domains.add("there.test")
    await house.write(CARL, LIST, text)
    await house.write(
        CARL, LIST, letter("c <carl@there.test>", "x", "y", "Reply-To: <r@there.test>\r\n")
    )
    await house.write(ANA, LIST, account=post.ana)
    await house.write(ANA, LIST)  # from outside: anybody may have written it
    await house.write(CARL, LIST, letter("a@there.test, b@there.test", "x", "y"))
    plain, changed, replies, ours, forged, two = await post.inbox(post.budi)
    assert b"<carl@there.test>" in field(plain, "From").encode()
    assert field(changed, "From").endswith("<sales@example.org>")
    assert field(changed, "Reply-To").endswith("<carl@there.test>")
    assert field(replies, "From") == "c via Sales <sales@example.org>"
    assert field(replies, "Reply-To") == "<r@there.test>"
    assert field(ours, "From") == "Ana <ana@example.org>"
    assert field(forged, "From") == "Ana via Sales <sales@example.org>"
    assert field(two, "From") == "sales via Sales <sales@example.org>"


async def test_answers_go_to_the_list_when_the_rules_say_so(post: Post, house: ListHouse) -> None:
    await house.make(LIST, BUDI, posting="anyone", replies="list")
    await house.write(ANA, LIST, letter(ANA, "x", "y", "Reply-To: r@there.test\r\n"), post.ana)
    [got] = await post.inbox(post.budi)
    assert field(got, "Reply-To") == "sales@example.org"
    assert got.count(b"Reply-To") == 1


async def test_a_member_without_room_gets_the_post_later(post: Post, house: ListHouse) -> None:
    small = await post.add_account("small@example.org", quota=1000)
    await house.make(LIST, ANA, small.address, posting="anyone")
    await house.write(ANA, LIST, letter(ANA, "big", "x" * 2000), post.ana)
    assert len(await post.inbox(post.ana)) == 1
    [waiting] = await post.waiting()
    assert waiting.address == small.address
    await post.store.write(directory.set_account, small.id, quota=0)
    post.time.advance(2000)
    await post.work()
    [got] = await post.inbox(small)
    assert field(got, "List-Id") == "Sales <sales.example.org>"


async def test_a_large_post_is_stored_once_for_all(post: Post, house: ListHouse) -> None:
    sink = await post.sink("there.test")
    await house.make(LIST, ANA, *(f"m{n}@there.test" for n in range(20)), posting="anyone")
    body = b"x" * 70 + b"\r\n"
    await house.write(ANA, LIST, letter(ANA) + body * 6000, post.ana)
    assert len(sink.messages) == 20
    assert {field(one.content, "List-Unsubscribe") for one in sink.messages} == {
        "<mailto:sales-unsubscribe@example.org>"
    }
    assert len({one.sender for one in sink.messages}) == 20
    assert len(post.files()) <= 2


class Signing:
    """Signs with a key of the list's domain."""

    def __init__(self) -> None:
        self.key = keys.load(DOMAIN, "s1", keys.generate(keys.ED25519))

    async def seal(self, domain: str, content: bytes) -> bytes:
        del content
        return f"ARC-Seal: i=1; d={domain}\r\n".encode()

    async def sign(self, domain: str, content: bytes) -> bytes:
        assert domain == DOMAIN
        return signer.sign(content, self.key, NOW)


@pytest.mark.parametrize("size", [10, 2 * PERSONAL_MAX])
async def test_every_copy_that_leaves_is_signed_with_its_way_out(
    post: Post, house: ListHouse, size: int
) -> None:
    sink = await post.sink("there.test")
    delivery = post.expand.posts._delivery
    delivery._seals = signing = Signing()
    delivery._settings = ListSettings(unsubscribe_url="https://mail.example.org/leave/")
    await house.make(LIST, CARL, "dora@there.test", posting="anyone")
    await house.write(ANA, LIST, letter(ANA, "x") + b"y" * 70 + b"\r\nz" * (size // 3), post.ana)
    zone = Zone({f"s1._domainkey.{DOMAIN}": {"TXT": keys.record(signing.key)}})
    assert len(sink.messages) == 2
    for one in sink.messages:
        [result] = zone.answer(verify(one.content, NOW))
        assert result.verdict is DkimVerdict.PASS
        signature = field(one.content, "DKIM-Signature").lower()
        assert "list-unsubscribe" in signature
        changed = one.content.replace(b"sales-unsubscribe", b"evil-unsubscribe")
        [result] = zone.answer(verify(changed, NOW))
        assert result.verdict is DkimVerdict.FAIL
        if size < PERSONAL_MAX:
            token = one.recipients[0].partition("@")[0] + "token"
            link = f"<https://mail.example.org/leave/{token}>"
            assert field(one.content, "List-Unsubscribe").endswith(link)
            assert field(one.content, "List-Unsubscribe-Post") == "List-Unsubscribe=One-Click"


async def test_for_its_sender_a_post_is_delivered_once_the_list_has_it(
    post: Post, house: ListHouse
) -> None:
    await post.sink("there.test")
    await house.make(LIST, ANA, BUDI, CARL)
    wishes = RecipientOptions("SUCCESS", "rfc822;Sales@example.org")
    await post.send(ANA, LIST, message=POST, account=post.ana, wishes=wishes)
    await post.work()
    [notice] = await post.notices(post.ana)
    assert b"Action: delivered" in notice
    assert b"Final-Recipient: rfc822; sales@example.org" in notice
    assert b"Original-Recipient: rfc822;Sales@example.org" in notice
    assert len(await post.inbox(post.budi)) == 1
    assert CARL.encode() not in notice
