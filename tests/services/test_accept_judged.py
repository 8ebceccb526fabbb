"""Mail from outside on its way through the judge, with a real DNS server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from merpati.base.faults import Fault, Kind
from merpati.model.arrival import Arrival, Origin
from merpati.model.event import EventKind
from merpati.services.accept import Accept
from merpati.services.judge import Judge
from merpati.services.judge_policy import JudgeSettings
from merpati.store import blobs, mailboxes
from merpati.wire.smtp.paths import parse_address
from tests.support.dns import Trouble
from tests.support.post import LETTER, Post
from tests.support.server import ANA, BUDI, HOSTNAME

PEER = "192.0.2.9"  # from where `Post.send` delivers
FROM_CARL = b"From: Carl <carl@there.test>\r\nSubject: hi\r\n\r\nhello\r\n"
FORGED = f"Authentication-Results: {HOSTNAME};\r\n dmarc=pass header.from=there.test\r\n".encode()
FILLING = b"0123456789abcd\r\n" * (blobs.INLINE_MAX // 16 + 64)


@pytest.fixture
async def judged(tmp_path: Path) -> AsyncIterator[Post]:
    async with Post(tmp_path) as post:
        judge = Judge(post.resolver, post.clock, HOSTNAME, JudgeSettings(), post.metrics)
        post.accept = Accept(
            post.store, post.blobs, post.clock, post.ids, HOSTNAME, post.settings, post.metrics,
            judge,
        )  # fmt: skip
        yield post


def publish(post: Post, policy: str, spf: str = "v=spf1 -all") -> None:
    post.dns.set("there.test", "TXT", f'"{spf}"')
    post.dns.set("_dmarc.there.test", "TXT", f'"v=DMARC1; p={policy}"')


async def test_what_passes_says_so_above_the_message(judged: Post) -> None:
    publish(judged, "reject", f"v=spf1 ip4:{PEER} -all")
    trace = await judged.send("carl@there.test", ANA, message=FROM_CARL)
    [message] = await judged.inbox(judged.ana)
    lines = message.split(b"\r\n")
    assert lines[0] == b"Return-Path: <carl@there.test>"
    assert lines[1].startswith(f"Authentication-Results: {HOSTNAME};".encode())
    header = message.partition(b"Received:")[0]
    assert b"spf=pass" in header
    assert b"dmarc=pass" in header
    assert message.endswith(FROM_CARL)
    [step] = [one for one in await judged.steps(trace) if one.kind is EventKind.JUDGED]
    assert (step.about, step.detail["dmarc"]) == ("there.test", "pass")


async def test_what_its_domain_disowns_is_refused_with_the_reason(judged: Post) -> None:
    publish(judged, "reject")
    with pytest.raises(Fault) as caught:
        await judged.send("carl@there.test", ANA, message=FROM_CARL)
    assert caught.value.kind is Kind.DENIED
    assert caught.value.status == "5.7.26"
    assert "there.test" in caught.value.text
    assert await judged.inbox(judged.ana) == []
    assert judged.files() == []


async def test_a_refusal_is_kept_in_the_trace(judged: Post) -> None:
    publish(judged, "reject")
    trace, spool = judged.accept.begin()
    spool.add(FROM_CARL)
    with pytest.raises(Fault):
        await judged.accept.take(trace, spool, await arrival(judged))
    [step] = await judged.steps(trace)
    assert step.kind is EventKind.REFUSED
    assert step.detail["peer"] == PEER
    assert step.detail["dmarc"] == "fail"


async def test_what_its_domain_doubts_lands_in_junk(judged: Post) -> None:
    publish(judged, "quarantine")
    trace = await judged.send("carl@there.test", ANA, BUDI, message=FROM_CARL)
    for account in (judged.ana, judged.budi):
        assert await judged.inbox(account) == []
        junk = await judged.store.read(mailboxes.by_role, account.id, "junk")
        assert junk is not None
        found = await judged.store.read(mailboxes.counters, account.id, junk)
        assert found is not None
        assert found.total == 1
    delivered = [one for one in await judged.steps(trace) if one.kind is EventKind.DELIVERED]
    assert [one.detail["mailbox"] for one in delivered] == ["Junk", "Junk"]


async def test_what_cannot_be_checked_now_is_put_off(judged: Post) -> None:
    judged.dns.trouble("_dmarc.there.test", Trouble.SERVFAIL)
    judged.dns.trouble("there.test", Trouble.SERVFAIL)
    with pytest.raises(Fault) as caught:
        await judged.send("carl@there.test", ANA, message=FROM_CARL)
    assert caught.value.kind is Kind.UNAVAILABLE
    assert caught.value.status.startswith("4.")
    assert await judged.inbox(judged.ana) == []


@pytest.mark.parametrize("filling", [b"", FILLING], ids=["in memory", "in a file"])
async def test_results_forged_in_our_name_are_taken_out(judged: Post, filling: bytes) -> None:
    publish(judged, "none")
    other = b"Authentication-Results: elsewhere.test; spf=pass\r\n"
    forged = b"X-First: 1\r\n" + FORGED + other + FORGED + FROM_CARL + filling
    honest = b"X-First: 1\r\n" + other + FROM_CARL + filling
    await judged.send("carl@there.test", ANA, message=forged)
    [message] = await judged.inbox(judged.ana)
    assert message.endswith(b"\r\n" + honest)
    assert message.count(f"Authentication-Results: {HOSTNAME}".encode()) == 1


async def test_a_message_cannot_go_on_with_what_stands_above_it(judged: Post) -> None:
    publish(judged, "none")
    with pytest.raises(Fault) as caught:
        await judged.send("carl@there.test", ANA, message=b" ; dmarc=pass\r\n" + FROM_CARL)
    assert caught.value.kind is Kind.DENIED


async def test_our_users_are_not_judged(judged: Post) -> None:
    judged.dns.set("_dmarc.example.org", "TXT", '"v=DMARC1; p=reject"')
    await judged.send(ANA, BUDI, message=LETTER, account=judged.ana)
    [message] = await judged.inbox(judged.budi)
    assert b"Authentication-Results" not in message


async def arrival(post: Post) -> Arrival:
    route = await post.router.route(parse_address(ANA), relay=False)
    return Arrival("carl@there.test", (route,), Origin(PEER, "client.test", "ESMTP"))
