from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from merpati.base.faults import Fault, Kind
from merpati.model.delivery import Outcome, Result
from merpati.model.envelope import Envelope, Recipient
from merpati.net import smtp_client
from merpati.net.reaper import Reaper
from merpati.net.smtp_client import Credentials, Options, Refused, Session, Tls, TlsMode
from merpati.net.smtp_link import Timeouts
from merpati.net.tls import client_context
from tests.support.smtp_sink import ESMTP, SmtpSink, contexts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


def timeouts(seconds: float) -> Timeouts:
    return Timeouts(**dict.fromkeys(Timeouts.__struct_fields__, seconds))


PATIENT = timeouts(20)  # a busy machine is no failure
QUICK = timeouts(0.15)  # for servers that are to be given up
MESSAGE = b"Subject: hi\r\n\r\n.dot\r\nhello\r\n"
PLAIN = ("8BITMIME",)  # no PIPELINING: one command, one reply


@pytest.fixture(scope="module")
def tls_contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return contexts("mx.test")


@pytest.fixture
async def sink() -> AsyncIterator[SmtpSink]:
    async with SmtpSink() as sink:
        yield sink


def envelope(*recipients: str, sender: str = "ann@here.test", **more: Any) -> Envelope:
    people = tuple(Recipient(address) for address in recipients)
    return Envelope(sender=sender, recipients=people, **more)


async def session(sink: SmtpSink, **options: Any) -> Session:
    options.setdefault("helo", "out.here.test")
    options.setdefault("timeouts", PATIENT)
    return await smtp_client.connect(
        Reaper(tick=0.02), "mx.test", [sink.host], sink.port, Options(**options)
    )


async def refusal(sink: SmtpSink, **options: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        await session(sink, **options)
    return caught.value


async def send(sink: SmtpSink, *recipients: str, **more: Any) -> list[Result]:
    opened = await session(sink)
    try:
        return await opened.send(envelope(*recipients, **more), [MESSAGE])
    finally:
        await opened.quit()


def ends(results: list[Result]) -> list[tuple[str, str, str]]:
    return [(r.recipient.partition("@")[0], r.outcome.value, r.status) for r in results]


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
        opened = await session(sink, timeouts=QUICK)
        (result,) = await opened.send(envelope("b@t.test"), [MESSAGE])
        assert result.outcome is Outcome.TEMPORARY
        assert result.status == "4.4.2"
        assert "mx.test (127.0.0.1:" in result.text
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
    opened = await session(sink, timeouts=QUICK)
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


# Getting a session


@pytest.mark.parametrize(
    ("reply", "kind", "outcome"),
    [
        ("554 5.7.1 blocked", Kind.DENIED, Outcome.PERMANENT),
        ("421 4.3.2 busy", Kind.UNAVAILABLE, Outcome.TEMPORARY),
        ("250 hello", Kind.UNAVAILABLE, Outcome.TEMPORARY),
    ],
)
async def test_a_greeting_other_than_220_is_a_refusal(
    sink: SmtpSink, reply: str, kind: Kind, outcome: Outcome
) -> None:
    sink.on("greeting", reply)
    refused = await refusal(sink)
    assert (refused.kind, refused.outcome, refused.text) == (kind, outcome, reply)
    (result, _) = refused.results(envelope("b@t.test", "c@t.test"))
    assert (result.recipient, result.outcome, result.host) == ("b@t.test", outcome, "mx.test")


@pytest.mark.parametrize("step", ["greeting", "EHLO"])
@pytest.mark.parametrize("behaviour", [{"hang_up": True}, {"silence": True}, {"endless": True}])
async def test_a_server_that_breaks_off_at_the_start_is_for_later(
    sink: SmtpSink, step: str, behaviour: dict[str, Any]
) -> None:
    sink.on(step, **behaviour)
    refused = await refusal(sink, timeouts=QUICK)
    assert (refused.kind, refused.outcome) == (Kind.UNAVAILABLE, Outcome.TEMPORARY)
    assert refused.why.status == "4.4.2"


async def test_a_refused_connection_is_for_later() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]  # bound, and nobody listens
        with pytest.raises(Refused) as caught:
            await smtp_client.connect(
                Reaper(), "mx.test", ["127.0.0.1"], port, Options(helo="out.here.test")
            )
    assert caught.value.outcome is Outcome.TEMPORARY
    assert caught.value.why.status == "4.4.1"


async def test_the_next_address_is_tried(sink: SmtpSink) -> None:
    opened = await smtp_client.connect(
        Reaper(), "mx.test", ["::1", "127.0.0.2", "127.0.0.1"], sink.port, Options(helo="out.test")
    )
    assert opened.address == f"127.0.0.1:{sink.port}"
    await opened.quit()


async def test_a_temporary_reason_outweighs_a_permanent_one(sink: SmtpSink) -> None:
    sink.on("greeting", "554 go away")
    with pytest.raises(Refused) as caught:
        await smtp_client.connect(
            Reaper(), "mx.test", ["127.0.0.1", "127.0.0.2"], sink.port, Options(helo="out.test")
        )
    assert caught.value.outcome is Outcome.TEMPORARY


async def test_a_host_without_addresses_is_for_later() -> None:
    with pytest.raises(Refused) as caught:
        await smtp_client.connect(Reaper(), "mx.test", [], 25, Options(helo="out.test"))
    assert caught.value.outcome is Outcome.TEMPORARY


async def test_the_connection_comes_from_the_address_asked_for(sink: SmtpSink) -> None:
    opened = await session(sink, sources=("::1", "127.0.0.5"))
    assert opened._link.connection.local == "127.0.0.5"
    await opened.quit()


# TLS

TlsPair = tuple[ssl.SSLContext, ssl.SSLContext]


async def test_tls_is_used_where_it_is_offered(tls_contexts: TlsPair) -> None:
    async with SmtpSink(tls=tls_contexts[0]) as sink:
        tls = Tls(mode=TlsMode.OPPORTUNISTIC, context=client_context(verify=False))
        opened = await session(sink, tls=tls)
        assert "STARTTLS" not in opened.features
        (result,) = await opened.send(envelope("b@t.test"), [MESSAGE])
        assert result.tls == "TLSv1.3"
        assert sink.messages[0].tls == "TLSv1.3"
        assert sink.messages[0].helo == "out.here.test"
        await opened.quit()


async def test_without_an_offer_opportunistic_tls_stays_in_clear_text(sink: SmtpSink) -> None:
    tls = Tls(mode=TlsMode.OPPORTUNISTIC, context=client_context(verify=False))
    opened = await session(sink, tls=tls)
    assert opened.tls is None
    await opened.quit()
    refused = await refusal(sink, tls=Tls(mode=TlsMode.REQUIRED, context=tls.context))
    assert (refused.kind, refused.why.status) == (Kind.TLS_REQUIRED, "4.7.4")
    assert refused.outcome is Outcome.TEMPORARY


async def test_a_refused_starttls_ends_only_required_tls(tls_contexts: TlsPair) -> None:
    async with SmtpSink(tls=tls_contexts[0]) as sink:
        sink.on("STARTTLS", "454 4.3.0 not now")
        opportunistic = Tls(mode=TlsMode.OPPORTUNISTIC, context=client_context(verify=False))
        opened = await session(sink, tls=opportunistic)
        assert opened.tls is None
        await opened.quit()
        required = Tls(mode=TlsMode.REQUIRED, context=opportunistic.context)
        assert (await refusal(sink, tls=required)).kind is Kind.TLS_REQUIRED


async def test_a_verified_certificate_must_be_for_the_host(tls_contexts: TlsPair) -> None:
    server, trusting = tls_contexts
    async with SmtpSink(tls=server) as sink:
        opened = await session(sink, tls=Tls(mode=TlsMode.REQUIRED, context=trusting))
        assert opened.tls is not None
        assert opened.tls.verified
        await opened.quit()
        wrong = Tls(mode=TlsMode.REQUIRED, context=trusting, server_name="other.test")
        refused = await refusal(sink, tls=wrong)
        assert (refused.kind, refused.retry_without_tls) == (Kind.TLS_REQUIRED, False)
        assert refused.outcome is Outcome.TEMPORARY


async def test_a_failed_opportunistic_handshake_may_be_retried_in_clear_text(
    tls_contexts: TlsPair,
) -> None:
    server, trusting = tls_contexts
    async with SmtpSink(tls=server) as sink:
        wrong = Tls(mode=TlsMode.OPPORTUNISTIC, context=trusting, server_name="other.test")
        assert (await refusal(sink, tls=wrong)).retry_without_tls
        opened = await session(sink)
        assert (await opened.send(envelope("b@t.test"), [MESSAGE]))[0].code == 250
        await opened.quit()


async def test_bytes_before_the_handshake_are_an_attack(tls_contexts: TlsPair) -> None:
    async with SmtpSink(tls=tls_contexts[0]) as sink:
        sink.on("STARTTLS", "220 go", trailing=b"250-evil.test\r\n250 AUTH PLAIN\r\n")
        tls = Tls(mode=TlsMode.OPPORTUNISTIC, context=client_context(verify=False))
        refused = await refusal(sink, tls=tls)
        assert not refused.retry_without_tls
        assert "clear text" in refused.text


async def test_tls_from_the_first_octet(tls_contexts: TlsPair) -> None:
    async with SmtpSink(tls=tls_contexts[0], implicit_tls=True) as sink:
        opened = await session(sink, tls=Tls(mode=TlsMode.IMPLICIT, context=tls_contexts[1]))
        assert opened.tls is not None
        assert "STARTTLS" not in sink.commands
        await opened.quit()


async def test_a_message_that_requires_tls_goes_only_where_it_is_promised(
    tls_contexts: TlsPair,
) -> None:
    tls = Tls(mode=TlsMode.REQUIRED, context=tls_contexts[1])
    async with SmtpSink(tls=tls_contexts[0]) as sink:
        opened = await session(sink, tls=tls)
        mail = envelope("b@t.test", require_tls=True)
        assert ends(await opened.send(mail, [MESSAGE])) == [("b", "permanent", "5.7.30")]
        await opened.quit()
        sink.extensions.append("REQUIRETLS")
        opened = await session(sink, tls=tls)
        assert ends(await opened.send(mail, [MESSAGE])) == [("b", "delivered", "2.0.0")]
        assert sink.messages[0].mail.endswith(" REQUIRETLS")
        await opened.quit()


# Logging in


@pytest.mark.parametrize(
    ("offer", "seen"), [("AUTH LOGIN PLAIN", "|ann|secret"), ("AUTH LOGIN", "ann|secret")]
)
async def test_a_relay_is_given_name_and_password(
    tls_contexts: TlsPair, offer: str, seen: str
) -> None:
    async with SmtpSink(extensions=(offer,), tls=tls_contexts[0]) as sink:
        tls = Tls(mode=TlsMode.REQUIRED, context=tls_contexts[1])
        opened = await session(sink, tls=tls, credentials=Credentials("ann", "secret"))
        await opened.send(envelope("b@t.test"), [MESSAGE])
        assert sink.messages[0].user == seen
        await opened.quit()


async def test_a_password_is_not_given_in_clear_text_unless_told_so() -> None:
    async with SmtpSink(extensions=("AUTH PLAIN",)) as sink:
        refused = await refusal(sink, credentials=Credentials("ann", "secret"))
        assert refused.kind is Kind.AUTH_FAILED
        assert not any(command.startswith("AUTH") for command in sink.commands)
        allowed = Credentials("ann", "secret", in_clear_text=True)
        await (await session(sink, credentials=allowed)).quit()
        assert "secret" not in repr(allowed)


async def test_a_wrong_password_is_for_later_and_tried_once() -> None:
    async with SmtpSink(extensions=("AUTH PLAIN",)) as sink:
        sink.on("AUTH", "535 5.7.8 wrong")
        with pytest.raises(Refused) as caught:
            await smtp_client.connect(
                Reaper(),
                "mx.test",
                ["127.0.0.1", "127.0.0.1"],
                sink.port,
                Options(helo="o.test", credentials=Credentials("a", "b", in_clear_text=True)),
            )
        assert (caught.value.kind, caught.value.outcome) == (Kind.AUTH_FAILED, Outcome.TEMPORARY)
        assert sink.connections == 1


async def test_a_relay_without_a_known_mechanism_is_for_later() -> None:
    async with SmtpSink(extensions=("AUTH GSSAPI",)) as sink:
        refused = await refusal(sink, credentials=Credentials("a", "b", in_clear_text=True))
        assert refused.kind is Kind.AUTH_FAILED
