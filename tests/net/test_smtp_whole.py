"""Small messages in one segment with their envelope, by BDAT (RFC 3030 4.2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from merpati.net.smtp_transaction import BLOCK
from tests.support.server import ANA, BUDI, TestInstance
from tests.support.smtp import serve
from tests.support.smtp_sessions import MESSAGE, ends, envelope, session
from tests.support.smtp_sink import ESMTP, SmtpSink

CHUNKS = (*ESMTP, "CHUNKING")


def verbs(sink: SmtpSink) -> list[str]:
    return [line.split()[0] for line in sink.commands]


@pytest.fixture
def chunks(sink: SmtpSink) -> SmtpSink:
    """One that takes chunks."""
    sink.extensions = list(CHUNKS)
    return sink


async def test_nothing_is_waited_for_before_the_message(chunks: SmtpSink) -> None:
    chunks.on("MAIL", delay=0.2)
    opened = await session(chunks)
    results = await opened.send(envelope("bob@there.test", "carl@there.test"), MESSAGE)
    assert ends(results) == [("bob", "delivered", "2.0.0"), ("carl", "delivered", "2.0.0")]
    assert chunks.commands[1:] == [
        "MAIL FROM:<ann@here.test>", "RCPT TO:<bob@there.test>", "RCPT TO:<carl@there.test>",
        f"BDAT {len(MESSAGE)} LAST",
    ]  # fmt: skip
    assert [one.content for one in chunks.messages] == [MESSAGE]
    await opened.quit()


async def test_the_next_message_follows_over_the_same_connection(chunks: SmtpSink) -> None:
    opened = await session(chunks)
    first, second = envelope("bob@there.test", size=9), envelope("carl@there.test", size=9)
    results = await opened.send(first, MESSAGE, following=second)
    results += await opened.send(second, b"Subject: last line without its end")
    await opened.quit()
    assert [one.status for one in results] == ["2.0.0", "2.0.0"]
    assert chunks.messages[1].content == b"Subject: last line without its end\r\n"
    assert verbs(chunks) == ["EHLO", *["MAIL", "RCPT", "BDAT"] * 2, "QUIT"]


@pytest.mark.parametrize(
    ("step", "reply", "match", "wanted", "reset"),
    [
        ("MAIL", "550 5.7.1 not you", "", ["5.7.1", "5.7.1"], False),
        ("RCPT", "550 5.1.1 nobody", "carl@", ["2.0.0", "5.1.1"], False),
        ("RCPT", "550 5.1.1 nobody", "", ["5.1.1", "5.1.1"], True),
        ("content", "554 5.6.0 no", "", ["5.6.0", "5.6.0"], True),
        ("content", "452 4.3.1 full", "", ["4.3.1", "4.3.1"], True),
    ],
)
async def test_each_reply_counts_and_the_session_goes_on(
    chunks: SmtpSink, step: str, reply: str, match: str, wanted: list[str], reset: bool
) -> None:
    chunks.on(step, reply, match=match)
    opened = await session(chunks)
    results = await opened.send(envelope("bob@there.test", "carl@there.test"), MESSAGE)
    chunks.calm()
    results += await opened.send(envelope("dora@there.test"), MESSAGE)
    await opened.quit()
    assert [one.status for one in results] == [*wanted, "2.0.0"]
    assert ("RSET" in verbs(chunks)) is reset


async def test_a_server_that_hangs_up_in_between_leaves_it_for_later(chunks: SmtpSink) -> None:
    chunks.on("BDAT", hang_up=True)
    chunks.on("content", hang_up=True)
    opened = await session(chunks)
    [result] = await opened.send(envelope("bob@there.test"), MESSAGE)
    opened.abort()
    assert (result.outcome.value, result.status) == ("temporary", "4.4.2")


async def test_a_lone_line_feed_is_not_sent(chunks: SmtpSink) -> None:
    opened = await session(chunks)
    [bad] = await opened.send(envelope("bob@there.test"), b"Subject: x\n\r\n")
    [good] = await opened.send(envelope("bob@there.test"), MESSAGE)
    await opened.quit()
    assert (bad.status, good.status) == ("5.6.0", "2.0.0")
    assert len(chunks.messages) == 1


@pytest.mark.parametrize(
    ("extensions", "content"),
    [
        ((*CHUNKS[1:],), MESSAGE),  # without PIPELINING
        (ESMTP, MESSAGE),  # without CHUNKING
        (CHUNKS, b"Subject: large\r\n\r\n" + b"0123456789abcd\r\n" * (BLOCK // 16)),
    ],
)
async def test_other_messages_wait_for_the_354(
    sink: SmtpSink, extensions: tuple[str, ...], content: bytes
) -> None:
    sink.extensions = list(extensions)
    opened = await session(sink)
    [result] = await opened.send(envelope("bob@there.test"), content)
    await opened.quit()
    assert result.status == "2.0.0"
    assert "DATA" in verbs(sink)


async def test_our_own_server_takes_it(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        there = SmtpSink()  # its place alone: what listens is a server of ours
        there.port = serve(instance)
        opened = await session(there)
        assert {"PIPELINING", "CHUNKING"} <= opened.features.keys()
        some = await opened.send(envelope(ANA, "nobody@example.org", BUDI), MESSAGE)
        none = await opened.send(envelope("nobody@example.org"), MESSAGE)
        last = await opened.send(envelope(ANA), MESSAGE)
        await opened.quit()
    assert [one.status for one in some] == ["2.0.0", "5.1.1", "2.0.0"]
    assert [one.status for one in (*none, *last)] == ["5.1.1", "2.0.0"]
