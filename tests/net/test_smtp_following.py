"""The commands of one message right behind the final dot of another (RFC 2920 3.1)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from merpati.net.smtp_transaction import BLOCK
from tests.support.smtp_sessions import MESSAGE, PLAIN, ends, envelope, session
from tests.support.smtp_sink import SmtpSink
from tests.support.sockets import until

FIRST = envelope("bob@there.test")
NEXT = envelope("carl@there.test", "dora@there.test")
OPENED = ["MAIL", "RCPT", "RCPT", "DATA"]


def verbs(sink: SmtpSink) -> list[str]:
    return [line.split()[0] for line in sink.commands]


async def test_one_segment_ends_one_message_and_opens_the_next(sink: SmtpSink) -> None:
    opened = await session(sink)
    await opened.send(FIRST, MESSAGE, following=NEXT)
    await until(lambda: len(verbs(sink)) == 8)
    assert verbs(sink) == ["EHLO", "MAIL", "RCPT", "DATA", *OPENED]
    results = await opened.send(NEXT, b"Subject: second\r\n\r\n")
    await opened.quit()
    assert ends(results) == [("carl", "delivered", "2.0.0"), ("dora", "delivered", "2.0.0")]
    assert [one.content for one in sink.messages] == [MESSAGE, b"Subject: second\r\n\r\n"]
    assert verbs(sink) == ["EHLO", "MAIL", "RCPT", "DATA", *OPENED, "QUIT"]


@pytest.mark.parametrize(
    ("step", "reply", "match", "first", "others"),
    [
        ("content", "554 5.6.0 no", "", "5.6.0", ["2.0.0", "2.0.0"]),
        ("MAIL", "451 4.3.0 later", "", "2.0.0", ["4.3.0", "4.3.0"]),
        ("RCPT", "550 5.1.1 nobody", "dora@", "2.0.0", ["2.0.0", "5.1.1"]),
        ("RCPT", "550 5.1.1 nobody", "", "2.0.0", ["5.1.1", "5.1.1"]),
        ("DATA", "452 4.3.1 full", "", "2.0.0", ["4.3.1", "4.3.1"]),
    ],
)
async def test_each_message_has_its_own_answers(
    sink: SmtpSink, step: str, reply: str, match: str, first: str, others: list[str]
) -> None:
    """The rule is for the content of the first message, or for the commands of the second."""
    opened = await session(sink)
    before = await opened.send(envelope("ann@there.test"), MESSAGE)
    sink.on(step, reply, match=match, times=2 if step == "RCPT" else 1)
    if step != "content":
        sink.on(step, {"MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go on"}[step], times=1)
    [result] = await opened.send(FIRST, MESSAGE, following=NEXT)
    results = await opened.send(NEXT, MESSAGE)
    again = await opened.send(envelope("eva@there.test"), MESSAGE)
    await opened.quit()
    assert [one.status for one in before + again] == ["2.0.0"] * 2
    assert result.status == first
    assert [one.status for one in results] == others
    assert all(one.content in (MESSAGE, b"") for one in sink.messages)


async def test_a_message_that_was_opened_and_does_not_come_is_never_sent(sink: SmtpSink) -> None:
    opened = await session(sink)
    await opened.send(FIRST, MESSAGE, following=NEXT)
    await opened.quit()
    assert not opened.usable
    await asyncio.sleep(0.05)
    assert [one.recipients for one in sink.messages] == [["bob@there.test"]]
    assert "QUIT" not in verbs(sink)


async def test_after_421_the_next_message_is_not_begun(sink: SmtpSink) -> None:
    sink.on("content", "421 4.3.2 shutting down", hang_up=True)
    opened = await session(sink)
    [result] = await opened.send(FIRST, MESSAGE, following=NEXT)
    assert (result.code, opened.usable) == (421, False)
    await opened.quit()


@pytest.mark.parametrize(
    ("options", "message"),
    [({"extensions": PLAIN}, MESSAGE), ({}, b"x" * BLOCK), ({}, [MESSAGE])],
)
async def test_other_messages_are_opened_when_it_is_their_turn(
    options: dict[str, Any], message: bytes | list[bytes]
) -> None:
    """Without PIPELINING, and after messages that go at the server's pace."""
    async with SmtpSink(**options) as sink:
        opened = await session(sink)
        await opened.send(FIRST, message, following=NEXT)
        await asyncio.sleep(0.02)
        assert verbs(sink).count("MAIL") == 1
        await opened.send(NEXT, MESSAGE)
        await opened.quit()
        assert len(sink.messages) == 2


async def test_an_envelope_that_cannot_be_said_is_not_opened(sink: SmtpSink) -> None:
    bad = envelope("bob@there.test\r\nRSET")
    opened = await session(sink)
    await opened.send(FIRST, MESSAGE, following=bad)
    [result] = await opened.send(bad, MESSAGE)
    assert result.status == "5.1.3"
    assert len(sink.messages) == 1
    await opened.quit()
