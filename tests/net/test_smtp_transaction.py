from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from merpati.base.faults import Fault, Kind
from merpati.model.delivery import Outcome, Result
from merpati.model.envelope import Envelope, Recipient
from tests.support.smtp_sink import ESMTP, SmtpSink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


from tests.support.smtp_sessions import (
    HASTY,
    MESSAGE,
    PLAIN,
    ends,
    envelope,
    send,
    session,
)

# One message


async def test_a_message_arrives_as_it_was_and_the_reply_is_kept(sink: SmtpSink) -> None:
    (result,) = await send(sink, "bob@there.test")
    (got,) = sink.messages
    assert (got.sender, got.recipients) == ("ann@here.test", ["bob@there.test"])
    assert got.content == MESSAGE
    assert got.helo == "out.here.test"
    assert result == Result(
        recipient="bob@there.test",
        outcome=Outcome.DELIVERED,
        status="2.0.0",
        text="250 2.0.0 taken as 4711",
        code=250,
        step="end of DATA",
        host="mx.test",
        address=f"127.0.0.1:{sink.port}",
        tls="",
    )
    assert sink.commands[-1] == "QUIT"


async def test_the_null_sender_is_said(sink: SmtpSink) -> None:
    await send(sink, "bob@there.test", sender="")
    assert sink.messages[0].mail.startswith("MAIL FROM:<>")


@pytest.mark.parametrize("extensions", [ESMTP, PLAIN])
async def test_each_recipient_has_its_own_result(extensions: tuple[str, ...]) -> None:
    async with SmtpSink(extensions=extensions) as sink:
        sink.on("RCPT", "550-5.1.1 no such\n550 5.1.1 user", match="bob@")
        sink.on("RCPT", "451 4.7.1 greylisted", match="carl@")
        results = await send(sink, "bob@t.test", "carl@t.test", "dora@t.test")
        assert ends(results) == [
            ("bob", "permanent", "5.1.1"),
            ("carl", "temporary", "4.7.1"),
            ("dora", "delivered", "2.0.0"),
        ]
        assert results[0].text == "550 5.1.1 no such user"
        assert results[0].step == "RCPT"
        assert sink.messages[0].recipients == ["dora@t.test"]


@pytest.mark.parametrize("extensions", [ESMTP, PLAIN])
@pytest.mark.parametrize("step", ["MAIL", "DATA", "content"])
async def test_a_refusal_of_all_is_every_recipients(extensions: tuple[str, ...], step: str) -> None:
    async with SmtpSink(extensions=extensions) as sink:
        sink.on(step, "554 no")
        assert ends(await send(sink, "bob@t.test", "carl@t.test")) == [
            ("bob", "permanent", "5.0.0"),
            ("carl", "permanent", "5.0.0"),
        ]
        assert sink.messages == []


async def test_control_characters_in_a_reply_do_not_survive(sink: SmtpSink) -> None:
    sink.on("RCPT", "550 no\x1b[2J\tway")
    (result,) = await send(sink, "bob@t.test")
    assert result.text.isprintable()
    assert "way" in result.text


async def test_too_many_recipients_is_for_later(sink: SmtpSink) -> None:
    sink.on("RCPT", "552 too many recipients", match="carl@")
    sink.on("RCPT", "552 5.2.2 mailbox full", match="dora@")
    results = await send(sink, "bob@t.test", "carl@t.test", "dora@t.test")
    assert ends(results)[1:] == [("carl", "temporary", "4.5.3"), ("dora", "permanent", "5.2.2")]


async def test_pipelined_commands_leave_together(sink: SmtpSink) -> None:
    sink.on("MAIL", delay=0.1)
    opened = await session(sink)
    sending = asyncio.create_task(opened.send(envelope("b@t.test", "c@t.test"), [MESSAGE]))
    await sink.heard("MAIL")
    # The server is still thinking about MAIL, and everything up to DATA is under way.
    sent = opened._link.connection.bytes_out
    assert ends(await sending) == [("b", "delivered", "2.0.0"), ("c", "delivered", "2.0.0")]
    assert [command[:4] for command in sink.commands] == ["EHLO", "MAIL", "RCPT", "RCPT", "DATA"]
    assert sent == sum(len(command) + 2 for command in sink.commands)
    await opened.quit()


async def test_a_server_that_says_354_without_recipients_gets_the_dot_alone(
    sink: SmtpSink,
) -> None:
    sink.on("RCPT", "550 no")
    sink.on("DATA", "354 go on")
    sink.on("content", "554 no valid recipients")
    opened = await session(sink)
    assert ends(await opened.send(envelope("b@t.test"), [MESSAGE])) == [("b", "permanent", "5.0.0")]
    sink.calm()
    assert ends(await opened.send(envelope("c@t.test"), [MESSAGE])) == [("c", "delivered", "2.0.0")]
    assert len(sink.messages) == 1
    await opened.quit()


async def test_hundreds_of_recipients_go_in_groups(sink: SmtpSink) -> None:
    sink.on("RCPT", "550 no", match="<r250@")
    names = [f"r{n}@t.test" for n in range(301)]
    results = await send(sink, *names)
    assert [r.recipient for r in results] == names
    assert sum(r.outcome is Outcome.DELIVERED for r in results) == 300
    assert len(sink.messages[0].recipients) == 300


async def test_a_refused_sender_ends_hundreds_of_recipients_at_once(sink: SmtpSink) -> None:
    sink.on("MAIL", "550 5.7.1 go away")
    results = await send(sink, *(f"r{n}@t.test" for n in range(301)))
    assert {r.status for r in results} == {"5.7.1"}
    assert len(results) == 301


async def test_several_messages_go_over_one_connection(sink: SmtpSink) -> None:
    opened = await session(sink)
    for n in range(3):
        await opened.send(envelope(f"r{n}@t.test"), [MESSAGE])
    sink.on("RCPT", "550 no", match="r3@", times=1)
    await opened.send(envelope("r3@t.test"), [MESSAGE])
    await opened.send(envelope("r4@t.test"), [MESSAGE])
    assert [m.recipients for m in sink.messages] == [[f"r{n}@t.test"] for n in (0, 1, 2, 4)]
    assert sink.connections == 1
    assert sink.commands.count("RSET") == 1
    assert (opened.sent, opened.usable) == (5, True)
    assert await opened.reset()
    await opened.quit()
    assert not await opened.reset()


# Content


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize("waits", [False, True])
async def test_content_in_any_chunks_arrives_whole(sink: SmtpSink, size: int, waits: bool) -> None:
    message = b".\r\n..a\r\n\r\n.b\r\n" * 40 + b"last line without end"
    chunks = [message[i : i + size] for i in range(0, len(message), size)]

    async def slowly() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    opened = await session(sink)
    await opened.send(envelope("b@t.test"), slowly() if waits else chunks)
    assert sink.messages[0].content == message + b"\r\n"
    await opened.quit()


@pytest.mark.parametrize("waits", [False, True])
async def test_an_empty_message_is_only_the_dot(sink: SmtpSink, waits: bool) -> None:
    async def nothing() -> AsyncIterator[bytes]:
        for chunk in list[bytes]():
            yield chunk

    opened = await session(sink)
    await opened.send(envelope("b@t.test"), nothing() if waits else [])
    assert sink.messages[0].content == b""
    await opened.quit()


async def test_a_large_message_goes_at_the_servers_pace(sink: SmtpSink) -> None:
    line = b"x" * 998 + b"\r\n"
    opened = await session(sink)
    (result,) = await opened.send(envelope("b@t.test"), (line * 64 for _ in range(100)))
    assert result.outcome is Outcome.DELIVERED
    assert sink.messages[0].content == line * 6400
    await opened.quit()


async def test_a_message_with_a_lone_line_feed_is_never_sent_whole(sink: SmtpSink) -> None:
    opened = await session(sink)
    (result,) = await opened.send(envelope("b@t.test"), [b"a\r\n", b"b\n.\nMAIL FROM:<x@y>\r\n"])
    assert (result.outcome, result.status) == (Outcome.PERMANENT, "5.6.0")
    assert not opened.usable
    assert sink.messages == []


async def test_a_message_that_cannot_be_read_is_for_later_and_the_connection_closes(
    sink: SmtpSink,
) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half a message\r\n"
        raise Fault(Kind.UNAVAILABLE, "The blob store does not answer.")

    opened = await session(sink)
    (result,) = await opened.send(envelope("b@t.test"), broken())
    assert (result.outcome, result.text) == (Outcome.TEMPORARY, "The blob store does not answer.")
    assert not opened.usable
    await asyncio.sleep(0.02)
    assert sink.messages == []


async def test_a_defect_while_reading_closes_the_connection_and_is_raised(sink: SmtpSink) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half a message\r\n"
        raise ZeroDivisionError

    opened = await session(sink)
    with pytest.raises(ZeroDivisionError):
        await opened.send(envelope("b@t.test"), broken())
    assert not opened.usable


# What the server offers


async def test_a_message_too_large_for_the_server_is_not_begun() -> None:
    async with SmtpSink(extensions=("SIZE 1000",)) as sink:
        (result,) = await send(sink, "b@t.test", size=1001)
        assert (result.outcome, result.status) == (Outcome.PERMANENT, "5.3.4")
        assert not any(c.startswith("MAIL") for c in sink.commands)
        (result,) = await send(sink, "b@t.test", size=1000)
        assert sink.messages[0].mail.endswith(" SIZE=1000")


@pytest.mark.parametrize("offer", ["SIZE", "SIZE 0", "SIZE huge"])
async def test_a_size_without_a_number_is_no_limit(offer: str) -> None:
    async with SmtpSink(extensions=(offer,)) as sink:
        (result,) = await send(sink, "b@t.test", size=10**9)
        assert result.outcome is Outcome.DELIVERED


async def test_8_bit_content_is_declared(sink: SmtpSink) -> None:
    await send(sink, "b@t.test", eight_bit=True)
    assert " BODY=8BITMIME" in sink.messages[0].mail


async def test_8_bit_content_for_a_7_bit_server_fails_unless_told_otherwise() -> None:
    async with SmtpSink(extensions=()) as sink:
        opened = await session(sink)
        mail = envelope("b@t.test", eight_bit=True)
        assert ends(await opened.send(mail, [MESSAGE])) == [("b", "permanent", "5.6.3")]
        (result,) = await opened.send(mail, [MESSAGE], just_send_8bit=True)
        assert result.outcome is Outcome.DELIVERED
        assert "BODY" not in sink.messages[0].mail
        await opened.quit()


async def test_internationalised_addresses_are_sent_as_they_are(sink: SmtpSink) -> None:
    await send(sink, "пётр@bücher.test", sender="ann@here.test")
    assert "SMTPUTF8" in sink.messages[0].mail
    assert sink.messages[0].recipients == ["пётр@bücher.test"]


async def test_an_internationalised_domain_alone_needs_no_extension() -> None:
    async with SmtpSink(extensions=PLAIN) as sink:
        results = await send(sink, "bob@bücher.test", "пётр@bücher.test")
        assert ends(results) == [("bob", "delivered", "2.0.0"), ("пётр", "permanent", "5.6.7")]
        assert sink.messages[0].recipients == ["bob@xn--bcher-kva.test"]
        assert ends(await send(sink, "bob@t.test", utf8=True)) == [("bob", "permanent", "5.6.7")]


async def test_wishes_for_notifications_are_passed_on(sink: SmtpSink) -> None:
    opened = await session(sink)
    mail = Envelope(
        sender="ann@here.test",
        recipients=(
            Recipient("b@t.test", "SUCCESS,FAILURE", "rfc822;b+x=y@old.test"),
            Recipient("c@t.test"),
        ),
        ret="HDRS",
        envid="a b",
    )
    await opened.send(mail, [MESSAGE])
    (got,) = sink.messages
    assert got.mail == "MAIL FROM:<ann@here.test> RET=HDRS ENVID=a+20b"
    assert got.rcpts == [
        "RCPT TO:<b@t.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b+2Bx+3Dy@old.test",
        "RCPT TO:<c@t.test>",
    ]
    await opened.quit()


@pytest.mark.parametrize(
    ("extensions", "said"),
    [
        (("DSN",), r"utf-8;b\x{FC}\x{2B}c@old.test"),
        (("DSN", "SMTPUTF8"), "utf-8;bü+2Bc@old.test"),
    ],
)
async def test_an_original_recipient_in_utf8_is_passed_on_in_the_form_that_goes(
    extensions: tuple[str, ...], said: str
) -> None:
    async with SmtpSink(extensions=extensions) as sink:
        opened = await session(sink)
        utf8 = "SMTPUTF8" in extensions
        recipients = (Recipient("b@t.test", "", "utf-8;bü+c@old.test"),)
        await opened.send(Envelope(sender="", recipients=recipients, utf8=utf8), [MESSAGE])
        assert sink.messages[0].rcpts == [f"RCPT TO:<b@t.test> ORCPT={said}"]
        await opened.quit()


async def test_a_bad_address_does_not_harm_the_others(sink: SmtpSink) -> None:
    results = await send(sink, "no address", "b@t.test>\r\nRSET", "c@t.test")
    assert [r.status for r in results] == ["5.1.3", "5.1.3", "2.0.0"]
    assert sink.messages[0].recipients == ["c@t.test"]


async def test_an_envelope_cannot_smuggle_a_command(sink: SmtpSink) -> None:
    (result,) = await send(sink, "b@t.test", ret="FULL\r\nRCPT TO:<x@y>")
    assert result.outcome is Outcome.PERMANENT
    assert not any("x@y" in command for command in sink.commands)


async def test_an_old_server_is_greeted_with_helo() -> None:
    async with SmtpSink() as sink:
        sink.on("EHLO", "502 what?")
        (result,) = await send(sink, "b@t.test", size=10, eight_bit=False)
        assert result.outcome is Outcome.DELIVERED
        assert sink.commands[1] == "HELO out.here.test"
        assert sink.messages[0].mail == "MAIL FROM:<ann@here.test>"


async def test_lmtp_gives_one_reply_for_each_recipient_taken() -> None:
    async with SmtpSink(lmtp=True) as sink:
        sink.on("RCPT", "550 5.1.1 no", match="bob@")
        sink.on("content", "452 4.2.2 full", match="carl@")
        opened = await session(sink, lmtp=True)
        results = await opened.send(envelope("bob@t.test", "carl@t.test", "dora@t.test"), [MESSAGE])
        assert ends(results) == [
            ("bob", "permanent", "5.1.1"),
            ("carl", "temporary", "4.2.2"),
            ("dora", "delivered", "2.0.0"),
        ]
        assert opened.usable
        await opened.quit()


# Broken conversations


@pytest.mark.parametrize("extensions", [ESMTP, PLAIN])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "content"])
@pytest.mark.parametrize(
    "behaviour",
    [{"hang_up": True}, {"silence": True}, {"endless": True}, {"reply": "HTTP/1.1 200"}],
)
async def test_a_broken_conversation_is_for_later(
    extensions: tuple[str, ...], step: str, behaviour: dict[str, Any]
) -> None:
    async with SmtpSink(extensions=extensions) as sink:
        sink.on(step, **behaviour)
        opened = await session(sink, timeouts=HASTY)
        (result,) = await opened.send(envelope("b@t.test"), [MESSAGE])
        assert result.outcome is Outcome.TEMPORARY
        assert result.status == "4.4.2"
        assert "mx.test (127.0.0.1:" in result.text
        assert not opened.usable
        await opened.quit()


async def test_a_server_that_wants_more_of_a_whole_message_gets_no_other(sink: SmtpSink) -> None:
    sink.on("content", "354 go on")
    opened = await session(sink)
    (result,) = await opened.send(envelope("b@t.test"), [MESSAGE])
    assert (result.outcome, result.text) == (Outcome.TEMPORARY, "354 go on")
    assert not opened.usable
    await opened.quit()


async def test_what_was_decided_before_the_break_stays(sink: SmtpSink) -> None:
    sink.on("RCPT", "550 5.1.1 no", match="bob@")
    sink.on("RCPT", hang_up=True, match="dora@")
    results = await send(sink, "bob@t.test", "carl@t.test", "dora@t.test")
    assert ends(results) == [
        ("bob", "permanent", "5.1.1"),
        ("carl", "temporary", "4.4.2"),
        ("dora", "temporary", "4.4.2"),
    ]


@pytest.mark.parametrize("extensions", [ESMTP, PLAIN])
async def test_after_421_nothing_more_is_said(extensions: tuple[str, ...]) -> None:
    async with SmtpSink(extensions=extensions) as sink:
        sink.on("RCPT", "421 4.3.2 shutting down", match="b@")
        opened = await session(sink)
        results = await opened.send(envelope("b@t.test", "c@t.test"), [MESSAGE])
        assert [r.outcome for r in results] == [Outcome.TEMPORARY] * 2
        assert results[0].text == "421 4.3.2 shutting down"
        assert not opened.usable
        await opened.quit()


async def test_the_servers_last_words_in_the_middle_of_a_message_count(sink: SmtpSink) -> None:
    sink.on("middle", "552 5.3.4 too much")
    opened = await session(sink)

    async def long() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b"x" * 998 + b"\r\n"
            await asyncio.sleep(0.001)

    (result,) = await opened.send(envelope("b@t.test"), long())
    assert (result.outcome, result.status) == (Outcome.PERMANENT, "5.3.4")
    assert not opened.usable


async def test_a_server_that_takes_nothing_more_is_for_later(sink: SmtpSink) -> None:
    sink.read_delay = 30
    opened = await session(sink, timeouts=HASTY)
    line = b"x" * 998 + b"\r\n"
    (result,) = await opened.send(envelope("b@t.test"), (line * 64 for _ in range(1000)))
    assert (result.outcome, result.status) == (Outcome.TEMPORARY, "4.4.2")


async def test_giving_up_in_the_middle_closes_the_connection(sink: SmtpSink) -> None:
    sink.on("content", silence=True)
    opened = await session(sink)
    sending = asyncio.create_task(opened.send(envelope("b@t.test"), [MESSAGE]))
    await asyncio.sleep(0.05)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert not opened.usable
