from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from merpati.servers.smtp.legal import Role
from merpati.servers.smtp.policy import SmtpSettings
from merpati.servers.smtp.session import FORBIDDEN
from merpati.store import directory
from tests.support.post import Post
from tests.support.server import ANA, BUDI
from tests.support.smtp import PLAIN, Client, serve
from tests.support.sockets import until

CARL = "carl@there.test"
LETTER = b"Subject: hi\r\n\r\nhello\r\n"
END = b".\r\n"


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    async with Post(tmp_path) as system:
        yield system
        assert "Traceback" not in system.logged()


def small(**changes: int) -> SmtpSettings:
    return SmtpSettings(**({"message_size": 100_000} | changes))  # type: ignore[arg-type]


# Durability


async def test_250_is_said_only_once_another_process_can_read_the_message(post: Post) -> None:
    async with Client(serve(post)) as client:
        await client.say("EHLO c")
        reply = await client.send(LETTER + END, CARL, ANA)
        assert reply.startswith("250 2.0.0 Taken as ")
        assert (await post.inbox(post.ana))[0].endswith(LETTER)
        trace = reply.split()[-1]
        assert await post.kinds(trace) == ["received", "delivered"]


async def test_a_client_that_leaves_in_the_middle_of_a_message_leaves_nothing(post: Post) -> None:
    async with Client(serve(post)) as client:
        await client.say("EHLO c")
        await client.begin(CARL, ANA)
        await client.say("DATA")
        client.write(b"Subject: half\r\n\r\n" + b"0123456789abcdef\r\n" * 10_000)
        await until(lambda: bool(post.files()))
    await until(lambda: not post.files())
    assert await post.inbox(post.ana) == []


# Pipelining


async def test_a_whole_pipelined_transaction_is_answered_in_order(post: Post) -> None:
    async with Client(serve(post)) as client:
        client.write(
            b"EHLO c\r\nMAIL FROM:<carl@there.test>\r\nRCPT TO:<nobody@example.org>\r\n"
            b"RCPT TO:<ana@example.org>\r\nDATA\r\n"
        )
        codes = [(await client.reply())[:3] for _ in range(5)]
        assert codes == ["250", "250", "550", "250", "354"]
        client.write(LETTER + b".\r\nMAIL FROM:<>\r\nRSET\r\nQUIT\r\n")
        codes = [(await client.reply())[:3] for _ in range(4)]
        assert codes == ["250", "250", "250", "221"]
        assert await client.rest() == b""
    assert len(await post.inbox(post.ana)) == 1


async def test_ten_messages_back_to_back(post: Post) -> None:
    one = b"MAIL FROM:<carl@there.test>\r\nRCPT TO:<ana@example.org>\r\nDATA\r\n" + LETTER + END
    async with Client(serve(post)) as client:
        await client.say("EHLO c")
        client.write(one * 10)
        codes = [(await client.reply())[:3] for _ in range(40)]
        assert codes == ["250", "250", "354", "250"] * 10
    assert len(await post.inbox(post.ana)) == 10


async def test_one_byte_at_a_time_is_the_same_conversation(post: Post) -> None:
    talk = b"EHLO c\r\nMAIL FROM:<carl@there.test>\r\nRCPT TO:<ana@example.org>\r\nDATA\r\n"
    async with Client(serve(post)) as client:
        for n in range(len(talk)):
            client.write(talk[n : n + 1])
            await asyncio.sleep(0)
        codes = [(await client.reply())[:3] for _ in range(4)]
        assert codes == ["250", "250", "250", "354"]
        for byte in LETTER + END:
            client.write(bytes([byte]))
            await asyncio.sleep(0)
        assert (await client.reply()).startswith("250")
    assert (await post.inbox(post.ana))[0].endswith(LETTER)


# STARTTLS


async def test_commands_slipped_in_behind_starttls_are_never_obeyed(post: Post) -> None:
    async with Client(serve(post)) as client:
        await client.say("EHLO c")
        client.write(
            b"STARTTLS\r\nEHLO evil\r\nMAIL FROM:<evil@there.test>\r\nRCPT TO:<ana@example.org>\r\n"
        )
        reply = await client.rest()
        assert reply.startswith(b"501 5.5.4 ")
        assert reply.count(b"\r\n") == 1
    assert await post.inbox(post.ana) == []


async def test_a_handshake_that_is_none_ends_the_session_and_no_other(post: Post) -> None:
    port = serve(post)
    async with Client(port) as client, Client(port) as other:
        await client.say("EHLO c")
        assert (await client.say("STARTTLS")).startswith("220")
        client.write(b"NOOP\r\n" * 100)
        await client.rest()
        assert (await other.say("NOOP")).startswith("250")


# Signing in


async def test_the_cache_of_a_session_ends_with_it(post: Post) -> None:
    port = serve(post, Role.SUBMISSION, login_without_tls=True)
    async with Client(port) as client:
        assert (await client.say("EHLO c", f"AUTH PLAIN {PLAIN}")).startswith("235")
    async with Client(port) as client:
        reply = await client.say("EHLO c", f"MAIL FROM:<{ANA}>")
        assert reply.startswith("530")


async def test_too_many_wrong_passwords_are_not_even_looked_at(post: Post) -> None:
    port = serve(post, Role.SUBMISSION, login_without_tls=True)
    wrong = "AGFuYUBleGFtcGxlLm9yZwB3cm9uZw=="
    async with Client(port) as client:
        await client.say("EHLO c")
        replies = [await client.say(f"AUTH PLAIN {wrong}") for _ in range(12)]
        assert [reply[:3] for reply in replies] == ["535"] * 10 + ["454"] * 2
        assert (await client.say(f"AUTH PLAIN {PLAIN}")).startswith("454 4.7.0")


async def test_no_password_is_taken_in_clear_text_from_elsewhere(post: Post) -> None:
    """`login_without_tls` is for this machine; here it is off, which is the same to a stranger."""
    async with Client(serve(post, Role.SUBMISSION)) as client:
        assert "AUTH" not in await client.say("EHLO c")
        assert (await client.say(f"AUTH PLAIN {PLAIN}")).startswith("538 5.7.11")


async def test_an_endless_response_ends_the_exchange_and_not_the_session(post: Post) -> None:
    async with Client(serve(post, Role.SUBMISSION, login_without_tls=True)) as client:
        await client.say("EHLO c", "AUTH PLAIN")
        assert (await client.say("A" * 20_000))[:1] == "5"
        assert (await client.say(f"AUTH PLAIN {PLAIN}")).startswith("235")


async def test_every_address_of_the_account_may_send_and_no_other(post: Post) -> None:
    await post.store.write(directory.add_address, post.ana.id, "sales@example.org")
    async with Client(serve(post, Role.SUBMISSION, login_without_tls=True)) as client:
        await client.say("EHLO c", f"AUTH PLAIN {PLAIN}")
        for sender, code in (("sales@example.org", "250"), (BUDI, "550"), ("x@y.test", "550")):
            assert (await client.say(f"MAIL FROM:<{sender}>")).startswith(code)
            await client.say("RSET")


async def test_mail_to_the_world_is_queued_in_the_name_of_the_account(post: Post) -> None:
    async with Client(serve(post, Role.SUBMISSION, login_without_tls=True)) as client:
        await client.say("EHLO c", f"AUTH PLAIN {PLAIN}")
        await client.send(LETTER + END, ANA, CARL)
    [(message, [recipient])] = await post.queued()
    assert (message.account_id, recipient.destination) == (post.ana.id, "there.test")


# Limits


async def test_too_many_errors_close_the_connection(post: Post) -> None:
    async with Client(serve(post, settings=small(errors=5))) as client:
        client.write(b"WHAT\r\n" * 10)
        lines = (await client.rest()).split(b"\r\n")
        assert [line[:3] for line in lines] == [b"500"] * 5 + [b"421", b""]


async def test_a_sender_with_dead_addresses_is_not_taken_for_a_guesser_while_mail_comes(
    post: Post,
) -> None:
    async with Client(serve(post, settings=small(errors=5))) as client:
        await client.say("EHLO c")
        for _ in range(5):
            await client.say(f"MAIL FROM:<{CARL}>")
            for n in range(3):
                assert (await client.say(f"RCPT TO:<dead{n}@example.org>")).startswith("550")
            await client.say(f"RCPT TO:<{ANA}>", "DATA")
            client.write(LETTER + END)
            assert (await client.reply()).startswith("250")


async def test_too_many_recipients_are_left_for_later_and_the_others_get_it(post: Post) -> None:
    async with Client(serve(post, settings=small(recipients=100))) as client:
        await client.say("EHLO c", f"MAIL FROM:<{CARL}>")
        for n in range(100):
            assert (await client.say(f"RCPT TO:<ana+{n}@example.org>")).startswith("250")
        assert (await client.say(f"RCPT TO:<{BUDI}>")).startswith("452 4.5.3")
        await client.say("DATA")
        client.write(LETTER + END)
        assert (await client.reply()).startswith("250")
    assert len(await post.inbox(post.ana)) == 1
    assert await post.inbox(post.budi) == []


async def test_enough_messages_end_a_connection_with_421(post: Post) -> None:
    async with Client(serve(post, settings=small(messages=2))) as client:
        await client.say("EHLO c")
        for _ in range(2):
            assert (await client.send(LETTER + END, CARL, ANA)).startswith("250")
        assert (await client.say(f"MAIL FROM:<{CARL}>")).startswith("421 4.7.0")
        assert await client.rest() == b""


@pytest.mark.parametrize("size", [100_001, 1_000_000])
async def test_a_message_that_turns_out_too_large_is_refused_at_its_end_and_the_session_lives(
    post: Post, size: int
) -> None:
    async with Client(serve(post, settings=small())) as client:
        await client.say("EHLO c")
        content = b"x" * 998 + b"\r\n"
        reply = await client.send(content * (size // 1000 + 1) + END, CARL, ANA)
        assert reply.startswith("552 5.3.4")
        assert post.files() == []
        assert (await client.send(LETTER + END, CARL, ANA)).startswith("250")
    assert len(await post.inbox(post.ana)) == 1


async def test_the_largest_message_allowed_is_taken(post: Post) -> None:
    async with Client(serve(post, settings=small())) as client:
        await client.say("EHLO c")
        content = b"x" * 98 + b"\r\n"
        assert (await client.send(content * 1000 + END, CARL, ANA)).startswith("250")


async def test_a_line_that_never_ends_is_discarded_and_answered(post: Post) -> None:
    async with Client(serve(post)) as client:
        assert (await client.say("NOOP " + "x" * 50_000)).startswith("500 5.5.2")
        assert (await client.say("NOOP")).startswith("250")
        client.write(b"x" * 3_000_000)
        with suppress(ConnectionError):  # cut off in the middle
            await client.rest()


async def test_a_full_disk_is_said_before_the_message_and_mail_is_taken_again_later(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = SimpleNamespace(f_bavail=10, f_frsize=4096, f_files=0, f_favail=0)
    async with Client(serve(post)) as client:
        await client.say("EHLO c")
        await client.begin(CARL, ANA)
        with monkeypatch.context() as patch:
            patch.setattr(os, "statvfs", lambda _: tiny)
            assert (await client.say("DATA")).startswith("452 4.3.1")
        await client.say("RSET")
        assert (await client.send(LETTER + END, CARL, ANA)).startswith("250")


async def test_over_quota_is_said_after_the_message(post: Post) -> None:
    await post.add_account("full@example.org", quota=10)
    async with Client(serve(post)) as client:
        await client.say("EHLO c")
        reply = await client.send(LETTER + END, CARL, "full@example.org")
        assert reply.startswith("452 4.2.2")
    assert await post.queued() == []


async def test_a_silent_client_is_sent_away(post: Post) -> None:
    async with Client(serve(post, settings=small(command_timeout=0))) as client:
        assert (await client.rest()).startswith(b"421 4.4.2")


async def test_a_message_that_trickles_in_is_sent_away(post: Post) -> None:
    async with Client(serve(post, settings=small(message_timeout=1))) as client:
        await client.say("EHLO c")
        await client.begin(CARL, ANA)
        await client.say("DATA")
        assert (await client.rest()).startswith(b"421 4.4.2")
    assert post.files() == []


async def test_a_store_that_fails_is_a_temporary_refusal(post: Post) -> None:
    async with Client(serve(post)) as client:
        await client.say("EHLO c")
        await client.begin(CARL, ANA)
        await client.say("DATA")
        post.store._failure = "the disk is broken"
        client.write(LETTER + END)
        assert (await client.reply()).startswith("451 4.3.0")
        post.store._failure = ""
        assert (await client.send(LETTER + END, CARL, ANA)).startswith("250")


# Content


async def test_an_empty_message_is_a_message(post: Post) -> None:
    async with Client(serve(post)) as client:
        await client.say("EHLO c")
        assert (await client.send(END, CARL, ANA)).startswith("250")
    assert len(await post.inbox(post.ana)) == 1


async def test_dots_are_taken_off_where_they_were_put_on(post: Post) -> None:
    async with Client(serve(post)) as client:
        await client.say("EHLO c")
        await client.send(b"Subject: dots\r\n\r\n..\r\n...\r\n..a\r\na..\r\n" + END, CARL, ANA)
    [message] = await post.inbox(post.ana)
    assert message.endswith(b"Subject: dots\r\n\r\n.\r\n..\r\n.a\r\na..\r\n")


async def test_every_octet_but_lone_newlines_arrives_as_it_was(post: Post) -> None:
    octets = bytes(n for n in range(256) if n not in b"\r\n.")
    async with Client(serve(post)) as client:
        await client.say("EHLO c")
        await client.send(b"Subject: x\r\n\r\n" + octets + b"\r\n" + END, CARL, ANA)
    assert (await post.inbox(post.ana))[0].endswith(octets + b"\r\n")


async def test_smtputf8_is_told_in_received(post: Post) -> None:
    async with Client(serve(post)) as client:
        await client.say("EHLO c", "MAIL FROM:<jürgen@there.test> SMTPUTF8", f"RCPT TO:<{ANA}>")
        await client.say("DATA")
        client.write(LETTER + END)
        await client.reply()
    [message] = await post.inbox(post.ana)
    assert "Return-Path: <jürgen@there.test>".encode() in message
    assert b"with UTF8SMTP" in message


@pytest.mark.parametrize(
    ("hello", "protocol"), [("HELO", b" with SMTP "), ("EHLO", b" with ESMTP ")]
)
async def test_received_tells_which_greeting_it_was(
    post: Post, hello: str, protocol: bytes
) -> None:
    async with Client(serve(post)) as client:
        await client.say(f"{hello} c")
        await client.send(LETTER + END, CARL, ANA)
    assert protocol in (await post.inbox(post.ana))[0].replace(b"\r\n\t", b" ")


async def test_no_greeting_can_forge_a_header_field(post: Post) -> None:
    async with Client(serve(post)) as client:
        for name in ("c\rX-Evil: 1", "c) evil (", "c;d", 'c"d', "c\\d"):
            assert (await client.say(f"EHLO {name}")).startswith("50")


# Smuggling


BARE = tuple(
    before + b"." + after
    for before, after in itertools.product(
        (b"\r\n", b"\n", b"\r", b"\n\n", b"\r\r\n", b"\r\n\r", b"\n\r"),
        (b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r\n", b"\n\n"),
    )
    if not (before.endswith(b"\r\n") and after == b"\r\n")  # which is the end, and everyone's
)
SMUGGLED = (
    b"MAIL FROM:<admin@example.org>\r\nRCPT TO:<budi@example.org>\r\nDATA\r\nSubject: evil\r\n"
)


def test_there_are_forty_ways_to_say_the_end_wrongly() -> None:
    assert len(set(BARE)) >= 40


@pytest.mark.parametrize("marker", BARE)
async def test_no_other_end_makes_two_messages_of_one(post: Post, marker: bytes) -> None:
    async with Client(serve(post)) as client:
        await client.say("EHLO c")
        content = b"Subject: one\r\n\r\nhello" + marker + SMUGGLED + b"\r\n.\r\n"
        reply = await client.send(content, CARL, ANA)
        # One message, one reply; and the next reply is the one to the next command.
        assert reply.startswith(("250 2.0.0", "550 5.6.0"))
        assert (await client.say("NOOP")).startswith("250 2.0.0 OK")
    assert await post.inbox(post.budi) == []
    kept = await post.inbox(post.ana)
    assert len(kept) == reply.startswith("250")
    for message in kept:  # what is kept has no line end that anyone could mistake
        assert message.replace(b"\r\n", b"").count(b"\r") == 0
        assert message.replace(b"\r\n", b"").count(b"\n") == 0


async def test_nothing_of_forty_ways_leaves_through_relay(post: Post) -> None:
    sink = await post.sink("there.test")
    port = serve(post, Role.SUBMISSION, settings=small(errors=100), login_without_tls=True)
    async with Client(port) as client:
        await client.say("EHLO c", f"AUTH PLAIN {PLAIN}")
        taken = 0
        for marker in BARE:
            content = b"Subject: one\r\n\r\nhello" + marker + SMUGGLED + b"\r\n.\r\n"
            taken += (await client.send(content, ANA, CARL)).startswith("250")
            await client.say("EHLO c")
    await post.work()
    assert len(sink.messages) == taken
    assert all(message.sender == ANA for message in sink.messages)


async def test_bare_newlines_that_are_in_the_store_are_never_sent(post: Post) -> None:
    """However they got there: what another server might take for an end stays here."""
    sink = await post.sink("there.test")
    for marker in BARE:
        await post.send(ANA, CARL, message=b"Subject: one\r\n\r\nhello" + marker + SMUGGLED)
    await post.work()
    assert sink.messages == []
    assert len(await post.notices(post.ana)) == len(BARE)


async def test_a_command_that_ends_in_a_bare_lf_is_refused(post: Post) -> None:
    async with Client(serve(post)) as client:
        client.write(b"NOOP\nNOOP\r\n")
        assert (await client.reply()).startswith("500 5.5.2")
        assert (await client.reply()).startswith("250")


@pytest.mark.parametrize("verb", sorted(FORBIDDEN))
async def test_a_browser_is_not_listened_to(post: Post, verb: bytes) -> None:
    async with Client(serve(post)) as client:
        client.write(
            verb + b" / HTTP/1.1\r\nHost: x\r\n\r\nEHLO c\r\nMAIL FROM:<a@b.test>\r\n"
            b"RCPT TO:<ana@example.org>\r\nDATA\r\nSubject: evil\r\n.\r\n"
        )
        assert (await client.rest()).count(b"\r\n") == 1
    assert await post.inbox(post.ana) == []


# The end


async def test_a_restart_is_told_between_two_commands(post: Post) -> None:
    async with Client(serve(post)) as client:
        await client.say("EHLO c")
        await asyncio.gather(*(listener.drain(2) for listener in post._listeners))
        assert (await client.rest()).startswith(b"421 4.3.2")
        post._listeners.clear()


async def test_a_restart_waits_for_the_message_that_is_coming(post: Post) -> None:
    async with Client(serve(post)) as client:
        await client.say("EHLO c")
        await client.begin(CARL, ANA)
        await client.say("DATA")
        stopping = asyncio.gather(*(listener.drain(5) for listener in post._listeners))
        await asyncio.sleep(0.05)
        client.write(LETTER + END)
        assert (await client.reply()).startswith("250")
        assert (await client.reply()).startswith("421 4.3.2")
        await stopping
        post._listeners.clear()
    assert len(await post.inbox(post.ana)) == 1
