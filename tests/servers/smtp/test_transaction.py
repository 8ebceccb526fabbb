from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from merpati.model.arrival import Arrival, Options, RecipientOptions
from merpati.servers.smtp import transaction
from merpati.servers.smtp.legal import Role
from merpati.servers.smtp.policy import SmtpSettings
from tests.support.post import Post
from tests.support.server import ANA, BUDI
from tests.support.smtp import PLAIN, Client, serve

CARL = "carl@there.test"
LETTER = b"Subject: hi\r\n\r\nhello\r\n"


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    async with Post(tmp_path) as system:
        yield system
        assert "Traceback" not in system.logged()


@pytest.fixture
def arrivals(post: Post, monkeypatch: pytest.MonkeyPatch) -> list[Arrival]:
    """What was handed over, while it is taken all the same."""
    seen: list[Arrival] = []
    take = post.accept.take

    async def watched(trace_id: str, spool: object, arrival: Arrival) -> None:
        seen.append(arrival)
        await take(trace_id, spool, arrival)  # type: ignore[arg-type]

    monkeypatch.setattr(post.accept, "take", watched)
    return seen


# Parameters


async def test_parameters_become_options_of_the_message_and_its_recipients(
    post: Post, arrivals: list[Arrival]
) -> None:
    async with Client(serve(post, Role.SUBMISSION, login_without_tls=True)) as client:
        await client.say("EHLO c", f"AUTH PLAIN {PLAIN}")
        await client.say(
            f"MAIL FROM:<{ANA}> RET=HDRS ENVID=a+2Bb BY=600;NT HOLDFOR=60 MT-PRIORITY=4"
        )
        await client.say(
            f"RCPT TO:<{BUDI}> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Budi@example.org",
            f"RCPT TO:<{ANA}>", "DATA",
        )  # fmt: skip
        client.write(LETTER + b".\r\n")
        assert (await client.reply()).startswith("250")
        await client.begin(ANA, BUDI)  # the next message asks for nothing
        await client.say("DATA")
        client.write(LETTER + b".\r\n")
        assert (await client.reply()).startswith("250")
    asked, plain = arrivals
    now = post.now
    assert asked.options == Options(
        ret="HDRS", envid="a+b", deliver_by=now + 600_000, by_mode="N", by_trace=True,
        hold_until=now + 60_000, priority=4,
    )  # fmt: skip
    assert [route.options for route in asked.routes] == [
        RecipientOptions("SUCCESS,DELAY", "rfc822;Budi@example.org"), RecipientOptions(),
    ]  # fmt: skip
    assert plain.options == Options()
    assert plain.routes[0].options == RecipientOptions()


# Chunks


async def test_a_whole_pipelined_transaction_in_chunks(post: Post) -> None:
    async with Client(serve(post)) as client:
        client.write(
            b"EHLO c\r\nMAIL FROM:<carl@there.test>\r\nRCPT TO:<ana@example.org>\r\n"
            b"BDAT 13\r\nSubject: hi\r\nBDAT 12 LAST\r\n\r\n.\r\nhi\r\nx\r\nRSET\r\nQUIT\r\n"
        )
        codes = [(await client.reply())[:3] for _ in range(7)]
        assert codes == ["250", "250", "250", "250", "250", "250", "221"]
    [message] = await post.inbox(post.ana)
    assert message.endswith(b"Subject: hi\r\n\r\n.\r\nhi\r\nx\r\n")


async def test_a_chunk_that_is_out_of_order_is_never_taken_for_commands(post: Post) -> None:
    evil = b"MAIL FROM:<evil@there.test>\r\nRCPT TO:<ana@example.org>\r\nDATA\r\nhi\r\n.\r\n"
    async with Client(serve(post)) as client:
        await client.say("EHLO c")
        client.write(b"BDAT %d LAST\r\n%bNOOP\r\n" % (len(evil), evil))
        assert [(await client.reply())[:3] for _ in range(2)] == ["503", "250"]
    assert await post.inbox(post.ana) == []


async def test_a_lone_line_feed_in_chunks_is_refused_and_the_session_lives(post: Post) -> None:
    async with Client(serve(post)) as client:
        await client.say("EHLO c")
        for size, content in ((7, b"a\r\nb\nc\n"), (3, b"a\r\n"), (4, b"abc\r")):
            await client.begin(CARL, ANA)
            client.write(b"BDAT %d LAST\r\n%b" % (size, content))
            reply = await client.reply()
            assert reply.startswith("250" if size == 3 else "550 5.6.0")


async def test_chunks_that_come_to_too_much_are_refused_and_leave_nothing(post: Post) -> None:
    async with Client(serve(post, settings=SmtpSettings(message_size=100_000))) as client:
        await client.say("EHLO c")
        await client.begin(CARL, ANA)
        line = b"x" * 998 + b"\r\n"
        client.write(b"BDAT 90000\r\n" + line * 90)
        assert (await client.reply()).startswith("250")
        client.write(b"BDAT 20000 LAST\r\n" + line * 20)
        assert (await client.reply()).startswith("552 5.3.4")
        assert post.files() == []
        assert (await client.say("BDAT 0 LAST")).startswith("503")
        assert (await client.send(LETTER + b".\r\n", CARL, ANA)).startswith("250")
        await client.begin(CARL, ANA)
        assert (await client.say("BDAT 99999999999 LAST")).startswith("552")
        assert await client.rest() == b""  # nobody reads over that much


async def test_a_client_that_leaves_between_two_chunks_leaves_nothing(post: Post) -> None:
    async with Client(serve(post)) as client:
        await client.say("EHLO c")
        await client.begin(CARL, ANA)
        client.write(b"BDAT 200000\r\n" + b"x" * 200_000)
        assert (await client.reply()).startswith("250")
        assert post.files() != []
    async with asyncio.timeout(30):
        while post.files():  # noqa: ASYNC110 -- the session's end makes no event
            await asyncio.sleep(0.01)
    assert await post.inbox(post.ana) == []


# LMTP


async def test_a_refusal_over_lmtp_is_said_for_every_recipient(post: Post) -> None:
    await post.add_account("full@example.org", quota=10)
    async with Client(serve(post, Role.LMTP)) as client:
        await client.say("LHLO c")
        await client.begin(CARL, "full@example.org", "full+b@example.org")
        await client.say("DATA")
        client.write(LETTER + b".\r\nNOOP\r\n")
        replies = [(await client.reply())[:9] for _ in range(3)]
        assert replies == ["452 4.2.2", "452 4.2.2", "250 2.0.0"]
        reply = await client.send(b"a\nb\r\n.\r\n", CARL, ANA, BUDI)
        assert reply.startswith("550 5.6.0")
        assert (await client.reply()).startswith("550 5.6.0")
        assert (await client.say("NOOP")).startswith("250")


# Time


async def test_a_message_that_is_slower_than_allowed_is_sent_away(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "DATA_TIMEOUT", 0.3)
    async with Client(serve(post, settings=SmtpSettings(slowest=1_000_000))) as client:
        await client.say("EHLO c")
        await client.begin(CARL, ANA)
        await client.say("DATA")

        async def trickle() -> None:
            while True:
                client.write(b"x\r\n")
                await asyncio.sleep(0.05)

        task = asyncio.create_task(trickle())
        with suppress(ConnectionError):  # closed while a piece was on its way
            assert (await client.rest()).startswith(b"421 4.4.2")
        task.cancel()
    assert post.files() == []


async def test_a_transaction_that_goes_on_and_on_is_sent_away(post: Post) -> None:
    async with Client(serve(post, settings=SmtpSettings(message_timeout=1))) as client:
        await client.say("EHLO c", f"MAIL FROM:<{CARL}>")
        async with asyncio.timeout(30):
            while (await client.say("NOOP")).startswith("250"):  # noqa: ASYNC110 -- the peer ends it
                await asyncio.sleep(0.1)
