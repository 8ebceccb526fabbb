"""Servers that say what they take of one client, and get no more (RFC 9422)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from merpati.model.mailbox import INBOX_ID
from merpati.servers.smtp.policy import SmtpSettings
from merpati.services.outbound import OutboundSettings
from merpati.store import directory, emails
from tests.support.post import Post
from tests.support.server import ANA, TestInstance
from tests.support.smtp import serve
from tests.support.smtp_sessions import ends, envelope, session
from tests.support.smtp_sink import ESMTP, SmtpSink

PEOPLE = [f"p{n}@there.test" for n in range(5)]
RELAY = OutboundSettings(linger=0, connections_per_destination=1)


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    async with Post(tmp_path, outbound=RELAY) as system:
        yield system


async def limited(post: Post, said: str) -> SmtpSink:
    return await post.sink("there.test", extensions=(*ESMTP, f"LIMITS {said}"))


@pytest.mark.parametrize("chunking", [(), ("CHUNKING",)])
async def test_recipients_are_split_over_transactions(post: Post, chunking: tuple[str]) -> None:
    sink = await limited(post, "RCPTMAX=2")
    sink.extensions += chunking
    trace = await post.send(ANA, *PEOPLE, account=post.ana)
    await post.work()
    assert [one.recipients for one in sink.messages] == [PEOPLE[:2], PEOPLE[2:4], PEOPLE[4:]]
    assert sink.connections == 1
    assert (await post.kinds(trace)).count("sent") == 5
    assert await post.waiting() == []


async def test_who_is_refused_keeps_nobody_from_the_next_transaction(post: Post) -> None:
    sink = await limited(post, "RCPTMAX=1")
    sink.on("RCPT", "550 5.1.1 nobody", match="p0@")
    sink.on("RCPT", "451 4.3.0 later", match="p1@")
    await post.send(ANA, *PEOPLE, account=post.ana)
    await post.work()
    assert [one.recipients for one in sink.messages] == [[one] for one in PEOPLE[2:]]
    assert [one.address for one in await post.waiting()] == [PEOPLE[1]]


async def test_who_takes_nothing_is_not_asked_for_each_recipient(post: Post) -> None:
    sink = await limited(post, "RCPTMAX=1")
    sink.on("MAIL", "451 4.7.1 not now")
    await post.send(ANA, *PEOPLE, account=post.ana)
    await post.work()
    assert sum(line.startswith("MAIL") for line in sink.commands) == 1
    assert {one.reply for one in await post.waiting()} == {"451 4.7.1 not now"}


async def test_a_new_connection_is_made_for_more_messages(post: Post) -> None:
    sink = await limited(post, "MAILMAX=2")
    for one in PEOPLE:
        await post.send(ANA, one, account=post.ana)
    await post.work()
    assert [one.recipients for one in sink.messages] == [[one] for one in PEOPLE]
    assert sink.connections == 3
    assert sink.commands.count("QUIT") == 3


async def test_domains_are_split_over_transactions() -> None:
    async with SmtpSink(extensions=(*ESMTP, "LIMITS RCPTDOMAINMAX=1")) as relay:
        opened = await session(relay)
        to = ["a@one.test", "b@two.test", "c@ONE.test", "d@three.test"]
        results = await opened.send(envelope(*to), b"Subject: hi\r\n\r\n")
        await opened.quit()
    assert ends(results) == [
        ("a", "delivered", "2.0.0"),
        ("b", "temporary", "4.5.3"),
        ("c", "delivered", "2.0.0"),
        ("d", "temporary", "4.5.3"),
    ]


async def test_our_own_server_gets_no_more_than_it_announces(tmp_path: Path) -> None:
    people = [f"p{n}@there.test" for n in range(105)]
    settings = SmtpSettings(recipients=100, messages=1)
    (tmp_path / "there").mkdir()
    (tmp_path / "here").mkdir()
    async with TestInstance(tmp_path / "there") as there:
        await there.store.write(directory.add_domain, "there.test", there.now)
        for one in people:
            await there.store.write(directory.add_alias, one, ANA)
        port = serve(there, settings=settings)
        relay = OutboundSettings(linger=0, routes=(f"there.test smtp+clear://127.0.0.1:{port}",))
        async with Post(tmp_path / "here", outbound=relay) as post:
            await post.send(ANA, *people, account=post.ana)
            await post.work()
            assert await post.waiting() == []
        # One copy of each transaction, for they all lead to one mailbox.
        assert len(await there.store.read(emails.uids_of, there.ana.id, INBOX_ID)) == 2
