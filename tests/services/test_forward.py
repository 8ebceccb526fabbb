from __future__ import annotations

import re
from typing import Final

import pytest

from merpati.model.account import Account
from merpati.model.arrival import RecipientOptions
from merpati.services.forward import KEY_LIFE
from merpati.store import directory, forwards, queue_admin
from merpati.store.queue_admin import Selection
from merpati.wire import srs
from tests.support.post import LARGE, Post
from tests.support.server import ANA, BUDI

CARL: Final = "carl@there.test"
DORA: Final = "dora@sender.test"
MAIL: Final = (
    b"From: dora@sender.test\r\nSubject: hi\r\nDKIM-Signature: v=1\r\n\r\nhello\r\n.end\r\n"
)


async def forward(post: Post, account: Account, *targets: str, keep: bool = False) -> None:
    await post.store.write(forwards.set_forward, account.id, targets, keep=keep)


async def alias(post: Post, address: str, *targets: str) -> None:
    for target in targets:
        await post.store.write(directory.add_alias, address, target)


class Sealing:
    """Says for which domain it was asked, and about what."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    async def seal(self, domain: str, content: bytes) -> bytes:
        self.seen.append(content)
        return f"ARC-Seal: i=1; d={domain}\r\n".encode()

    async def sign(self, domain: str, content: bytes) -> bytes:
        del domain, content
        raise AssertionError("forwarded mail is not ours to sign")


async def test_forwarded_mail_goes_on_unchanged_under_a_return_path_of_ours(post: Post) -> None:
    sink = await post.sink("there.test")
    await forward(post, post.ana, CARL)
    trace = await post.send(DORA, "ana+x@example.org", message=MAIL)
    assert await post.inbox(post.ana) == []
    await post.work()
    [sent] = sink.messages
    assert re.fullmatch(r"SRS0=[A-Z2-7]{6}=[A-Z2-7]{2}=sender\.test=dora@example\.org", sent.sender)
    assert sent.recipients == [CARL]
    assert sent.content.endswith(MAIL)
    top = sent.content[: -len(MAIL)]
    assert top.startswith(b"Delivered-To: ana@example.org\r\nReceived: from client.test")
    assert await post.waiting() == []
    assert [step for step in await post.kinds(trace) if step != "named"] == [
        "received", "queued", "queued", "sent",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("NEVER", "NOTIFY=NEVER"),
        ("SUCCESS", "NOTIFY=NEVER"),
        ("SUCCESS,FAILURE", "NOTIFY=FAILURE"),
        ("FAILURE,DELAY", "NOTIFY=FAILURE,DELAY"),
    ],
)
async def test_what_was_asked_about_an_address_is_asked_about_those_behind_it(
    post: Post, asked: str, said: str
) -> None:
    sink = await post.sink("there.test")
    await alias(post, "team@example.org", CARL)
    wishes = RecipientOptions(asked, "rfc822;Team@example.org")
    await post.send(ANA, "team@example.org", account=post.ana, wishes=wishes)
    await post.work()
    assert sink.messages[0].rcpts == [f"RCPT TO:<{CARL}> {said} ORCPT=rfc822;Team@example.org"]


async def test_nobody_hears_that_forwarded_mail_failed_who_never_wanted_to(post: Post) -> None:
    sink = await post.sink("there.test")
    sink.on("RCPT", "550 5.1.1 no such user")
    await alias(post, "team@example.org", CARL)
    wishes = RecipientOptions("NEVER")
    await post.send(ANA, "team@example.org", account=post.ana, wishes=wishes)
    await post.work()
    assert await post.notices(post.ana) == []


async def test_a_bounce_of_forwarded_mail_reaches_its_true_sender(post: Post) -> None:
    there, home = await post.sink("there.test"), await post.sink("sender.test", host="127.0.0.2")
    there.on("RCPT", "550 5.1.1 no such user")
    await forward(post, post.ana, CARL)
    await post.send(DORA, ANA, message=MAIL)
    await post.work()
    [bounce] = home.messages
    assert (bounce.sender, bounce.recipients) == ("", [DORA])
    assert b"no such user" in bounce.content
    assert await post.waiting() == []


async def test_a_bounce_that_comes_from_outside_is_given_back(post: Post) -> None:
    there, home = await post.sink("there.test"), await post.sink("sender.test", host="127.0.0.2")
    await forward(post, post.ana, CARL)
    await post.send(DORA, ANA, message=MAIL)
    await post.work()
    path = there.messages[0].sender
    await post.send("", path.lower(), message=b"Subject: undelivered\r\n\r\nsorry\r\n")
    await post.work()
    [bounce] = home.messages
    assert (bounce.sender, bounce.recipients) == ("", [DORA])


async def test_a_rewritten_sender_takes_only_the_null_path(post: Post) -> None:
    there, home = await post.sink("there.test"), await post.sink("sender.test", host="127.0.0.2")
    await forward(post, post.ana, CARL)
    await post.send(DORA, ANA, message=MAIL)
    await post.work()
    await post.send(CARL, there.messages[0].sender, message=b"Subject: spam\r\n\r\nbuy\r\n")
    await post.work()
    assert home.messages == []
    assert b"takes only notifications" in there.messages[-1].content


async def test_a_sender_of_ours_keeps_its_return_path(post: Post) -> None:
    sink = await post.sink("there.test")
    await forward(post, post.ana, CARL)
    await post.send(BUDI, ANA, account=post.budi)
    await post.work()
    assert sink.messages[0].sender == BUDI


async def test_the_null_path_stays_the_null_path(post: Post) -> None:
    sink = await post.sink("there.test")
    await forward(post, post.ana, CARL)
    await post.send("", ANA, message=MAIL)
    await post.work()
    assert sink.messages[0].sender == ""


async def test_a_copy_stays_when_it_is_to(post: Post) -> None:
    sink = await post.sink("there.test")
    await forward(post, post.ana, CARL, BUDI, keep=True)
    await post.send(DORA, ANA, message=MAIL)
    await post.work()
    assert [one.recipients for one in sink.messages] == [[CARL]]
    [kept] = await post.inbox(post.ana)
    assert kept.endswith(MAIL)
    [passed] = await post.inbox(post.budi)
    assert b"Delivered-To: ana@example.org" in passed
    assert passed.startswith(b"Return-Path: <dora@sender.test>")


async def test_an_alias_serves_mailboxes_here_and_people_elsewhere(post: Post) -> None:
    sink = await post.sink("there.test")
    await alias(post, "team@example.org", ANA, BUDI, CARL, "other@example.org")
    await alias(post, "other@example.org", BUDI, "dodi@there.test")
    await post.send(DORA, "team@example.org", BUDI, message=MAIL)
    await post.work()
    for account in (post.ana, post.budi):
        assert len(await post.inbox(account)) == 1  # Budi too, who was named twice
    [sent] = sink.messages
    assert sorted(sent.recipients) == [CARL, "dodi@there.test"]
    assert sent.sender.startswith("SRS0=")


async def test_two_accounts_that_forward_to_each_other_end(post: Post) -> None:
    sink = await post.sink("sender.test")
    await forward(post, post.ana, BUDI)
    await forward(post, post.budi, ANA)
    await post.send(DORA, ANA, message=MAIL)
    await post.work()
    assert await post.waiting() == []
    [bounce] = sink.messages
    assert b"forwards back" in bounce.content
    await forward(post, post.ana, BUDI, keep=True)
    await forward(post, post.budi, ANA, keep=True)
    await post.send(DORA, ANA, message=MAIL)
    await post.work()
    assert len(sink.messages) == 1  # both have it: nobody needs to be told
    assert len(await post.inbox(post.ana)) == 1
    assert len(await post.inbox(post.budi)) == 1


async def test_a_full_mailbox_does_not_stop_what_goes_on_nor_repeat_it(post: Post) -> None:
    sink = await post.sink("there.test")
    await forward(post, post.ana, CARL, keep=True)
    await post.store.write(directory.set_account, post.ana.id, quota=10)
    await post.send(DORA, ANA, message=MAIL)
    await post.work()
    assert len(sink.messages) == 1
    [waiting] = await post.waiting()
    assert waiting.status == "4.2.2"
    await post.store.write(directory.set_account, post.ana.id, quota=0)
    post.time.advance(2000)
    await post.work()
    assert len(sink.messages) == 1
    assert len(await post.inbox(post.ana)) == 1
    assert await post.waiting() == []


async def test_what_goes_on_is_sealed_by_the_domain_it_goes_on_from(post: Post) -> None:
    post.expand._forward._seals = sealing = Sealing()
    sink = await post.sink("there.test")
    await post.store.write(directory.add_domain_alias, "example.net", "example.org", post.now)
    await forward(post, post.ana, CARL)
    await post.send(DORA, "ana@example.net", message=MAIL)
    await post.work()
    [sent] = sink.messages
    assert sent.content == b"ARC-Seal: i=1; d=example.org\r\n" + sealing.seen[0]
    assert sent.sender.endswith("@example.org")


async def test_large_mail_goes_on_from_its_file(post: Post) -> None:
    sink = await post.sink("there.test")
    await forward(post, post.ana, CARL)
    await post.send(DORA, ANA, message=LARGE)
    await post.work()
    assert sink.messages[0].content.endswith(LARGE)
    assert await post.waiting() == []


async def test_an_account_that_stops_forwarding_gets_what_was_queued(post: Post) -> None:
    await forward(post, post.ana, CARL)
    await post.send(DORA, ANA, message=MAIL)
    await forward(post, post.ana)
    await post.work()
    assert len(await post.inbox(post.ana)) == 1


async def test_keys_are_renewed_and_old_ones_known_for_a_while(post: Post) -> None:
    sink = await post.sink("there.test")
    home = await post.sink("sender.test", host="127.0.0.2")
    await forward(post, post.ana, CARL)
    await post.send(DORA, ANA, message=MAIL)
    await post.work()
    [(made, _)] = await post.store.read(forwards.srs_keys)
    post.time.advance((srs.DAYS_VALID - 1) * 86_400)
    await post.store.write(forwards.add_srs_key, b"new" * 8, made + 1, 0)
    await post.send("", sink.messages[0].sender, message=MAIL)
    await post.work()
    assert len(home.messages) == 1
    post.time.advance(KEY_LIFE / 1000)
    await post.send(DORA, ANA, message=MAIL)
    await post.work()
    assert len(await post.store.read(forwards.srs_keys)) >= 2


@pytest.mark.parametrize("sender", ["a" * 64 + "@" + "b" * 60 + ".sender.test"])
async def test_a_long_sender_goes_on_too(post: Post, sender: str) -> None:
    sink = await post.sink("there.test")
    await forward(post, post.ana, CARL)
    await post.send(sender, ANA, message=MAIL)
    await post.work()
    assert sink.messages[0].sender.startswith("SRS0=")


@pytest.mark.parametrize(
    ("targets", "keep", "action"),
    [
        ((CARL,), False, b"relayed"),
        ((CARL,), True, b"expanded"),
        ((CARL, DORA), False, b"expanded"),
        (("ana@example.org",), True, b"delivered"),  # back to itself: it ends in the mailbox
    ],
)
async def test_who_asked_for_it_is_told_once_where_a_forward_ends(
    post: Post, targets: tuple[str, ...], keep: bool, action: bytes
) -> None:
    await post.sink("there.test")
    await post.sink("sender.test", host="127.0.0.2")
    await forward(post, post.ana, *targets, keep=keep)
    text = b"Delivered-To: ana@example.org\r\n" + MAIL if action == b"delivered" else MAIL
    wishes = RecipientOptions("SUCCESS")
    await post.send(BUDI, ANA, message=text, account=post.budi, wishes=wishes)
    await post.send(BUDI, ANA, message=text, account=post.budi)  # nothing was asked
    await post.work()
    [notice] = await post.notices(post.budi)
    assert b"Action: " + action + b"\r\n" in notice
    assert b"Final-Recipient: rfc822; ana@example.org" in notice
    assert CARL.encode() not in notice


async def test_a_forward_that_waits_for_a_full_mailbox_tells_once(post: Post) -> None:
    await post.sink("there.test")
    await forward(post, post.ana, CARL, keep=True)
    await post.store.write(directory.set_account, post.ana.id, quota=10)
    wishes = RecipientOptions("SUCCESS")
    await post.send(BUDI, ANA, message=MAIL, account=post.budi, wishes=wishes)
    await post.work()
    await post.store.write(directory.set_account, post.ana.id, quota=0)
    await post.store.write(queue_admin.retry, Selection(), post.now)
    await post.work()
    assert len(await post.inbox(post.ana)) == 1
    assert len(await post.notices(post.budi)) == 1
