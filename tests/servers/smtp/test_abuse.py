"""What attackers do, each with the refusal that is wanted. Smuggling: also test_session.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from merpati.servers.smtp.policy import SmtpSettings
from tests.support.post import Post
from tests.support.server import ANA
from tests.support.smtp import Client, serve

CARL = "carl@there.test"
LETTER = b"Subject: hi\r\n\r\nhello\r\n.\r\n"


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    async with Post(tmp_path) as system:
        yield system
        assert "Traceback" not in system.logged()


def limited(**changes: float | tuple[str, ...]) -> SmtpSettings:
    return SmtpSettings(**({"unlimited": (), "tarpit": 0} | changes))  # type: ignore[arg-type]


async def test_who_speaks_before_the_greeting_is_refused(post: Post) -> None:
    port = serve(post, settings=limited(greeting_delay=0.1))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"EHLO c\r\nMAIL FROM:<carl@there.test>\r\nRCPT TO:<ana@example.org>\r\nDATA\r\n")
    async with asyncio.timeout(10):
        assert (await reader.read()).startswith(b"554 5.5.1 You spoke before")
    writer.close()


async def test_who_waits_for_a_late_greeting_is_served(post: Post) -> None:
    async with Client(serve(post, settings=limited(greeting_delay=0.2))) as client:
        assert client.greeting.startswith("220")
        assert (await client.say("NOOP")).startswith("250")


@pytest.mark.parametrize(
    "marker", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\r\n\x00.\r\n"]
)
async def test_no_other_end_of_a_message_than_the_right_one_cuts_it(
    post: Post, marker: bytes
) -> None:
    evil = b"MAIL FROM:<evil@there.test>\r\nRCPT TO:<ana@example.org>\r\nDATA\r\nhi\r\n"
    async with Client(serve(post)) as client:
        await client.say("EHLO c")
        reply = await client.send(b"Subject: x\r\n\r\nhi" + marker + evil + b".\r\n", CARL, ANA)
        refused = b"\x00" not in marker
        assert reply.startswith("550 5.6.0" if refused else "250")
        assert (await client.say("NOOP")).startswith("250")
    assert len(await post.inbox(post.ana)) == (0 if refused else 1)


async def test_recipients_without_end_are_left_for_later_and_then_end_the_session(
    post: Post,
) -> None:
    settings = SmtpSettings(recipients=100, errors=20, tarpit=0)
    async with Client(serve(post, settings=settings)) as client:
        await client.say("EHLO c", f"MAIL FROM:<{CARL}>")
        with suppress(ConnectionError):
            client.write(b"RCPT TO:<ana@example.org>\r\n" * 1000)
            lines = (await client.rest()).split(b"\r\n")
        codes = [line[:3] for line in lines if line]
        assert codes == [b"250"] * 100 + [b"452"] * (100 + 20) + [b"421"]


async def test_a_list_that_is_too_long_is_no_error_of_the_client(post: Post) -> None:
    async with Client(serve(post, settings=SmtpSettings(recipients=100, errors=5))) as client:
        await client.say("EHLO c", f"MAIL FROM:<{CARL}>")
        client.write(b"RCPT TO:<ana@example.org>\r\n" * 150)
        codes = [(await client.reply())[:3] for _ in range(150)]
        assert codes == ["250"] * 100 + ["452"] * 50
        await client.say("DATA")
        client.write(LETTER)
        assert (await client.reply()).startswith("250")


async def test_commands_that_bring_no_mail_come_to_an_end(post: Post) -> None:
    async with Client(serve(post, settings=SmtpSettings(idle_commands=5))) as client:
        await client.say("EHLO c")
        client.write(b"NOOP\r\nRSET\r\n" * 5)
        lines = (await client.rest()).split(b"\r\n")
        assert [line[:3] for line in lines] == [b"250"] * 5 + [b"421", b""]
    async with Client(serve(post, settings=SmtpSettings(idle_commands=5))) as client:
        await client.say("EHLO c")
        for _ in range(4):  # who brings mail may ask again
            assert (await client.say("NOOP", "RSET")).startswith("250")
            assert (await client.send(LETTER, CARL, ANA)).startswith("250")


async def test_a_guesser_waits_longer_and_longer(post: Post) -> None:
    port = serve(post, settings=limited(errors=8, tarpit=0.1))
    loop = asyncio.get_running_loop()
    async with Client(port) as client:
        begun = loop.time()
        for _ in range(4):
            await client.say("WHAT")
        quick = loop.time() - begun
        begun = loop.time()
        for _ in range(4):
            await client.say("WHAT")
        assert loop.time() - begun > max(0.39, quick)
        assert (await client.reply()).startswith("421")


async def test_a_long_pipelined_run_does_not_keep_others_waiting(post: Post) -> None:
    port = serve(post, settings=SmtpSettings(idle_commands=100_000))
    async with Client(port) as flood, Client(port) as other:
        flood.write(b"NOOP\r\n" * 20_000)
        begun = asyncio.get_running_loop().time()
        assert (await other.say("NOOP")).startswith("250")
        assert asyncio.get_running_loop().time() - begun < 1.0
        for _ in range(20_000):
            assert (await flood.reply()).startswith("250")


async def test_a_message_that_has_been_everywhere_is_a_loop(post: Post) -> None:
    async with Client(serve(post)) as client:
        await client.say("EHLO c")
        hops = b"Received: from a by b; Fri, 15 Jan 2027 08:00:00 +0000\r\n" * 60
        reply = await client.send(hops + LETTER, CARL, ANA)
        assert reply.startswith("554 5.4.6")
    assert await post.inbox(post.ana) == []
