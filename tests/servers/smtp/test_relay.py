"""Never an open relay, never backscatter: the tricks of strangers, each with what it meets.

An address is *at home* here when mail for it stays here, whatever it looks like; every other
is refused in the session. After each session the queue is empty: nothing leaves, and nothing
will ever be returned to somebody who did not send it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from merpati.base.faults import Kind
from merpati.base.networks import Networks
from merpati.servers.smtp.legal import FAULTS, Role
from merpati.servers.smtp.policy import SmtpSettings
from merpati.store import directory
from tests.support.post import Post
from tests.support.server import ANA, BUDI, HOSTNAME
from tests.support.smtp import PLAIN, Client, serve

CARL: Final = "carl@there.test"
LETTER: Final = b"Subject: hi\r\n\r\nhello\r\n.\r\n"
MANY: Final = SmtpSettings(errors=1000, tarpit=0)

# What it is called: the argument of RCPT, and whether it is at home.
TRICKS: Final = {
    "another domain": ("<bob@else.test>", False),
    "percent hack": ("<bob%else.test@example.org>", False),
    "percent hack through our host": (f"<bob%else.test@{HOSTNAME}>", False),
    "percent hack with a name of ours": ("<ana%else.test@example.org>", False),
    "percent hack twice": ("<bob%else.test%third.test@example.org>", False),
    "percent hack back home": ("<ana%example.org@else.test>", False),
    "quoted local part": ('<"bob@else.test"@example.org>', False),
    "quoted local part with percent": ('<"bob%else.test"@example.org>', False),
    "quoted local part of ours": ('<"ana@example.org"@else.test>', False),
    "quoted, then ours": ('<"ana"@example.org>', True),
    "quoted whole": ('<"bob@else.test">', False),
    "bang path": ("<else.test!bob@example.org>", False),
    "bang path alone": ("<else.test!bob>", False),
    "bang path through us": ("<example.org!bob@else.test>", False),
    "source route through us": (f"<@{HOSTNAME}:bob@else.test>", False),
    "source route of two": ("<@example.org,@else.test:bob@third.test>", False),
    "source route that leads home": ("<@else.test:ana@example.org>", True),
    "source route without an end": ("<@example.org:@else.test:bob>", False),
    "two addresses": ("<bob@else.test@example.org>", False),
    "two addresses, ours first": ("<ana@example.org@else.test>", False),
    "two in one": ("<ana@example.org,bob@else.test>", False),
    "two in one, spaced": ("<ana@example.org> <bob@else.test>", False),
    "a comment": ("<bob@else.test(@example.org)>", False),
    "a colon": ("<else.test:bob@example.org>", False),
    "semicolon": ("<bob@else.test;ana@example.org>", False),
    "a space inside": ("<bob @else.test>", False),
    "a space before the domain": ("<bob@ else.test>", False),
    "a space instead of an at": ("<bob else.test@example.org>", False),
    "a tab": ("<bob@else.test\t@example.org>", False),
    "a NUL": ("<bob@else.test\0@example.org>", False),
    "a backslash": ("<bob\\@else.test@example.org>", False),
    "case of ours": ("<ANA@EXAMPLE.ORG>", True),
    "case of another": ("<BOB@ELSE.TEST>", False),
    "a dot behind our domain": ("<bob@else.test.example.org.>", False),
    "below our domain": ("<bob@else.example.org>", False),
    "our domain below another": ("<ana@example.org.else.test>", False),
    "our domain as a suffix": ("<ana@notexample.org>", False),
    "no domain": ("<bob>", False),
    "postmaster without a domain": ("<postmaster>", True),
    "no local part": ("<@else.test>", False),
    "literal of another": ("<bob@[192.0.2.7]>", False),
    "literal of this machine": ("<root@[127.0.0.1]>", False),
    "literal that is a name": ("<bob@[else.test]>", False),
    "literal of IPv6": ("<bob@[IPv6:2001:db8::7]>", False),
    "literal of IPv6 in IPv4's clothes": ("<bob@[IPv6:::ffff:192.0.2.7]>", False),
    "bare address": ("<bob@192.0.2.7>", False),
    "address as a number": ("<bob@[3221225991]>", False),
    "detail with an address": ("<ana+bob=else.test@example.org>", True),
    "subaddress of nobody": ("<bob+ana@example.org>", False),
    "full width at": ("<bob\N{FULLWIDTH COMMERCIAL AT}else.test@example.org>", False),
    "our domain in another script": ("<ana@ex\N{CYRILLIC SMALL LETTER A}mple.org>", False),
    "null path": ("<>", False),
    "forged SRS": ("<SRS0=abcd=AA=else.test=bob@example.org>", False),
    "forged bounce of a list": ("<team-bounces+bob=else.test@example.org>", False),
}  # fmt: skip


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    async with Post(tmp_path) as system:
        await system.sink("else.test")
        yield system
        assert "Traceback" not in system.logged()


async def nothing_leaves(post: Post) -> bool:
    await post.work()
    return not await post.queued()


@pytest.mark.parametrize("sender", [CARL, ANA, ""], ids=["stranger", "as-ours", "null"])
async def test_no_way_of_writing_an_address_relays(post: Post, sender: str) -> None:
    wrong = []
    async with Client(serve(post, settings=MANY)) as client:
        await client.say("EHLO c")
        for name, (argument, at_home) in TRICKS.items():
            reply = await client.say("RSET", f"MAIL FROM:<{sender}>", f"RCPT TO:{argument}")
            if reply.startswith("250") != at_home or reply.startswith("4"):
                wrong.append((name, argument, reply))
            if reply.startswith("250"):
                assert (await client.say("DATA")).startswith("354")
                client.write(LETTER)
                assert (await client.reply()).startswith("250")
    assert not wrong
    assert await nothing_leaves(post)
    wanted = sum(home for _, home in TRICKS.values()) - 1  # one is the postmaster's
    assert len(await post.inbox(post.ana)) >= wanted


async def test_a_catch_all_keeps_what_it_catches(post: Post) -> None:
    await post.store.write(directory.add_alias, "@example.org", ANA)
    caught = 0
    async with Client(serve(post, settings=MANY)) as client:
        await client.say("EHLO c")
        for argument, _ in TRICKS.values():
            if (await client.say("RSET", "MAIL FROM:<>", f"RCPT TO:{argument}")).startswith("250"):
                assert (await client.say("DATA")).startswith("354")
                client.write(LETTER)
                assert (await client.reply()).startswith("250")
                caught += 1
    assert caught > 10
    assert await nothing_leaves(post)
    assert len(await post.inbox(post.ana)) >= caught - 1


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\r\n", b"\0\r\n"])
async def test_an_odd_line_end_inside_of_an_address_hides_nothing(post: Post, end: bytes) -> None:
    async with Client(serve(post, settings=MANY)) as client:
        await client.say("EHLO c", f"MAIL FROM:<{CARL}>")
        client.write(b"RCPT TO:<bob@else.test" + end + b"@example.org>\r\nQUIT\r\n")
        assert b"250" not in await client.rest()


async def test_a_sender_with_a_name_of_ours_relays_nothing(post: Post) -> None:
    async with Client(serve(post, settings=MANY)) as client:
        for helo in ("localhost", HOSTNAME, "[127.0.0.1]", "example.org"):
            await client.say(f"EHLO {helo}")
            for sender in (ANA, "postmaster@example.org", "root@localhost", ""):
                reply = await client.say("RSET", f"MAIL FROM:<{sender}>", "RCPT TO:<bob@else.test>")
                assert reply.startswith("550"), (helo, sender, reply)
    assert await nothing_leaves(post)


async def test_the_null_path_to_many_reaches_only_those_at_home(post: Post) -> None:
    async with Client(serve(post, settings=MANY)) as client:
        await client.say("EHLO c", "MAIL FROM:<>")
        assert (await client.say(f"RCPT TO:<{ANA}>")).startswith("250")
        for n in range(50):
            assert (await client.say(f"RCPT TO:<p{n}@else.test>")).startswith("550")
        assert (await client.say(f"RCPT TO:<{BUDI}>")).startswith("250")
        assert (await client.say("DATA")).startswith("354")
        client.write(LETTER)
        assert (await client.reply()).startswith("250")
    assert await nothing_leaves(post)
    assert len(await post.inbox(post.ana)) == len(await post.inbox(post.budi)) == 1


async def test_xclient_of_a_stranger_is_no_command(post: Post) -> None:
    trusted = Networks(["10.0.0.0/8"])
    async with Client(serve(post, settings=MANY, xclient=trusted)) as client:
        assert "XCLIENT" not in await client.say("EHLO c")
        for attributes in ("ADDR=127.0.0.1", f"LOGIN={ANA}", "NAME=localhost PROTO=ESMTP"):
            assert (await client.say(f"XCLIENT {attributes}"))[:1] == "5"
        reply = await client.say("MAIL FROM:<ana@example.org>", "RCPT TO:<bob@else.test>")
        assert reply.startswith("550")


async def test_a_proxy_vouches_for_an_address_and_not_for_an_account(post: Post) -> None:
    port = serve(post, settings=MANY, xclient=Networks(["127.0.0.0/8"]))
    async with Client(port) as client:
        await client.say("EHLO c", f"XCLIENT ADDR=127.0.0.1 LOGIN={ANA}", "EHLO c")
        reply = await client.say(f"MAIL FROM:<{ANA}>", "RCPT TO:<bob@else.test>")
        assert reply.startswith("550")


async def test_auth_as_a_parameter_is_not_believed(post: Post) -> None:
    async with Client(serve(post, settings=MANY)) as client:
        await client.say("EHLO c")
        await client.say(f"MAIL FROM:<{ANA}> AUTH={ANA}")
        assert (await client.say("RCPT TO:<bob@else.test>"))[:1] == "5"


async def test_submission_needs_a_password_before_anything_else(post: Post) -> None:
    async with Client(serve(post, Role.SUBMISSION, settings=MANY)) as client:
        await client.say("EHLO c")
        assert (await client.say(f"MAIL FROM:<{ANA}>")).startswith("530")
        assert (await client.say("RCPT TO:<bob@else.test>")).startswith("503")


async def test_whoever_signed_in_sends_under_their_own_name_only(post: Post) -> None:
    port = serve(post, Role.SUBMISSION, settings=MANY, login_without_tls=True)
    async with Client(port) as client:
        assert (await client.say("EHLO c", f"AUTH PLAIN {PLAIN}")).startswith("235")
        for sender in (BUDI, CARL, f"ana%{CARL}", '"ana@example.org"@there.test'):
            assert (await client.say(f"MAIL FROM:<{sender}>")).startswith("550"), sender


# Backscatter


async def test_whoever_cannot_be_delivered_to_is_refused_in_the_session(post: Post) -> None:
    await post.store.write(directory.set_account, post.budi.id, disabled=1)
    async with Client(serve(post, settings=MANY)) as client:
        await client.say("EHLO c", f"MAIL FROM:<{CARL}>")
        for address in ("nobody@example.org", BUDI, "nobody+tag@example.org"):
            reply = await client.say(f"RCPT TO:<{address}>")
            assert reply.startswith("550 5.1.1"), reply
        assert (await client.say("DATA")).startswith("503")
    assert await nothing_leaves(post)


async def test_a_full_mailbox_is_said_in_the_session(post: Post) -> None:
    await post.store.write(directory.set_account, post.ana.id, quota=10)
    async with Client(serve(post, settings=MANY)) as client:
        await client.say("EHLO c")
        reply = await client.send(LETTER, CARL, ANA)
        assert reply.startswith("452 4.2.2")
    assert await nothing_leaves(post)


@pytest.mark.parametrize(
    ("content", "reply"),
    [
        (b"Subject: x\n\r\nsmuggled\r\n.\r\n", "550 5.6.0"),
        (b"Received: by a\r\n" * 60 + b"\r\nloop\r\n.\r\n", "554 5.4.6"),
        (b"x" * 200_000 + b"\r\n.\r\n", "552 5.3.4"),
    ],
    ids=["bare-newline", "loop", "size"],
)
async def test_a_message_that_is_refused_is_never_returned(
    post: Post, content: bytes, reply: str
) -> None:
    settings = SmtpSettings(message_size=100_000)
    sink = await post.sink("there.test", host="127.0.0.2")
    async with Client(serve(post, settings=settings)) as client:
        await client.say("EHLO c")
        assert (await client.send(content, CARL, ANA)).startswith(reply)
    assert await nothing_leaves(post)
    assert not sink.messages
    assert not await post.inbox(post.ana)


async def test_kinds_of_refusal_are_permanent() -> None:
    """A relay that is refused for good gives up; one that is put off tries for days."""
    for kind in (Kind.DENIED, Kind.NOT_FOUND, Kind.AUTH_REQUIRED):
        assert FAULTS[kind][0] >= 500
