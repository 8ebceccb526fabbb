from __future__ import annotations

import base64
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from merpati.base.faults import Fault, Kind
from merpati.base.networks import Networks
from merpati.servers.smtp.legal import Role
from merpati.servers.smtp.policy import Policy, Rates, SmtpSettings
from merpati.services.hourly_limits import HourlyLimits
from merpati.services.notify import Notify
from merpati.store import directory
from merpati.store.engine import Transaction
from merpati.wire.smtp.paths import NULL, parse_address
from tests.support.clock import FakeClock
from tests.support.post import Post
from tests.support.server import ANA, BUDI
from tests.support.smtp import PLAIN, Client, serve

CARL = "carl@there.test"
LETTER = b"Subject: hi\r\n\r\nhello\r\n.\r\n"
HERE = Networks(["127.0.0.1"])
ELSEWHERE = Networks(["192.0.2.0/24"])


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    async with Post(tmp_path) as system:
        yield system
        assert "Traceback" not in system.logged()


def limited(**changes: float | tuple[str, ...]) -> SmtpSettings:
    """Settings under which this machine counts like any other."""
    return SmtpSettings(**({"unlimited": (), "tarpit": 0} | changes))  # type: ignore[arg-type]


# Who may connect


async def test_a_listener_for_some_networks_turns_others_away(post: Post) -> None:
    async with Client(serve(post, networks=ELSEWHERE)) as client:
        assert client.greeting == "554 5.7.1 127.0.0.1 may not connect to this port"
        assert await client.rest() == b""
    async with Client(serve(post, networks=HERE)) as client:
        assert client.greeting.startswith("220")


async def test_a_listener_that_requires_tls_takes_no_message_without(post: Post) -> None:
    async with Client(serve(post, require_tls=True)) as client:
        await client.say("EHLO c")
        assert (await client.say(f"MAIL FROM:<{CARL}>")).startswith("530 5.7.0")


# Devices


async def test_a_device_sends_as_its_account_and_its_line_ends_are_mended(post: Post) -> None:
    port = serve(post, Role.DEVICE, networks=HERE, sender=parse_address(ANA))
    async with Client(port) as client:
        await client.say("HELO printer")
        await client.begin("printer@localhost.localdomain", BUDI)
        await client.say("DATA")
        client.write(b"Subject: scan\n\nhello\n\r\n.\r\n")
        assert (await client.reply()).startswith("250")
        assert (await client.say(f"MAIL FROM:<{CARL}>", f"RCPT TO:<{CARL}>")).startswith("550")
    [message] = await post.inbox(post.budi)
    assert message.startswith(f"Return-Path: <{ANA}>\r\n".encode())
    assert message.endswith(b"Subject: scan\r\n\r\nhello\r\n\r\n")


async def test_a_device_has_its_own_limit_for_an_hour(post: Post) -> None:
    port = serve(
        post, Role.DEVICE, networks=HERE, sender=parse_address(ANA), messages=2,
        recipients=frozenset({"*"}),
    )  # fmt: skip
    async with Client(port) as client:
        await client.say("EHLO printer")
        for _ in range(2):
            assert (await client.send(LETTER, ANA, CARL)).startswith("250")
        reply = await client.say(f"MAIL FROM:<{ANA}>")
        assert reply.startswith("451 4.7.1 too many messages from this device; try again in")
        post.time.advance(3600)
        assert (await client.say(f"MAIL FROM:<{ANA}>")).startswith("250")


async def test_a_device_whose_sender_is_no_account_has_to_wait_for_the_administrator(
    post: Post,
) -> None:
    for sender in ("scan@example.org", CARL):
        port = serve(post, Role.DEVICE, networks=HERE, sender=parse_address(sender))
        async with Client(port) as client:
            await client.say("EHLO printer")
            reply = await client.say(f"MAIL FROM:<{ANA}>")
            assert reply == (
                f"451 4.3.5 {sender}, the sender of this port, is no account that may send"
            )


def test_whom_a_device_may_write_to() -> None:
    some = Policy(recipients=frozenset({"@example.org", "boss@there.test"}))
    assert some.serves(parse_address("Any@example.org"))
    assert some.relays(parse_address("Boss@there.test"))
    assert not some.serves(parse_address(CARL))
    assert Policy().serves(parse_address(CARL))  # the router decides, and does not relay
    assert not Policy().relays(parse_address(CARL))
    assert Policy(recipients=frozenset({"*"})).relays(parse_address(CARL))
    assert Policy(sender=parse_address(ANA)).envelope_sender(NULL) == NULL


# XCLIENT


async def test_a_proxy_says_whom_it_speaks_for_once(post: Post) -> None:
    port = serve(post, xclient=HERE)
    async with Client(port) as client:
        assert "XCLIENT NAME ADDR PORT PROTO HELO" in await client.say("EHLO proxy")
        reply = await client.say("XCLIENT ADDR=IPV6:2001:db8::7 HELO=laptop PROTO=ESMTP")
        assert reply.startswith("220 ")
        assert (await client.send(LETTER, CARL, ANA)).startswith("250")
        assert "XCLIENT" not in await client.say("EHLO client")
        assert (await client.say("XCLIENT ADDR=192.0.2.1")).startswith("500")
    [message] = await post.inbox(post.ana)
    assert b"from laptop ([IPv6:2001:db8::7])" in message


async def test_nobody_else_has_xclient_and_a_refused_address_is_refused(post: Post) -> None:
    async with Client(serve(post, xclient=ELSEWHERE)) as client:
        assert "XCLIENT" not in await client.say("EHLO c")
        assert (await client.say("XCLIENT ADDR=192.0.2.1")).startswith("500 5.5.2")
    async with Client(serve(post, xclient=HERE, networks=HERE)) as client:
        assert (await client.say("XCLIENT ADDR=192.0.2.1")).startswith("554 5.7.1 192.0.2.1")
        assert await client.rest() == b""


async def test_a_proxied_client_may_not_sign_in_without_tls(post: Post) -> None:
    port = serve(post, Role.SUBMISSION, login_without_tls=True, xclient=HERE)
    async with Client(port) as client:
        await client.say("XCLIENT ADDR=192.0.2.1", "EHLO c")
        assert (await client.say(f"AUTH PLAIN {PLAIN}")).startswith("538")


# VRFY, EXPN, ETRN


async def test_who_has_signed_in_may_ask_when_the_policy_says_so(post: Post) -> None:
    settings = SmtpSettings(verify="accounts")
    port = serve(post, Role.SUBMISSION, settings=settings, login_without_tls=True)
    async with Client(port) as client:
        assert (await client.say("EHLO c", "VRFY ana@example.org")).startswith("252")
        await client.say(f"AUTH PLAIN {PLAIN}")
        assert await client.say("VRFY <budi+x@example.org>") == "250 2.1.5 <budi+x@example.org>"
        assert (await client.say("VRFY nobody@example.org")).startswith("550 5.1.1")
        assert (await client.say("VRFY")).startswith("501")
        assert (await client.say("VRFY <>")).startswith("550")
        assert await client.say("EXPN budi@example.org") == "250 2.1.5 <budi@example.org>"
    async with Client(serve(post, settings=SmtpSettings(verify="everyone"))) as client:
        assert (await client.say("VRFY ana@example.org")).startswith("250")


async def test_a_name_that_is_not_ascii_is_told_to_whom_that_is_clear(post: Post) -> None:
    await post.store.write(directory.add_alias, "bücher@example.org", ANA)
    async with Client(serve(post, settings=SmtpSettings(verify="everyone"))) as client:
        assert (await client.say("VRFY bücher@example.org")).startswith("252 2.6.8")
        asked = await client.say("VRFY bücher@example.org SMTPUTF8")
        assert asked == "250 2.1.5 <bücher@example.org>"
        assert await client.say("VRFY ana@example.org SMTPUTF8") == "250 2.1.5 <ana@example.org>"


async def test_a_response_without_end_is_refused_and_signing_in_goes_on(post: Post) -> None:
    async with Client(serve(post, Role.SUBMISSION, login_without_tls=True)) as client:
        await client.say("EHLO c")
        assert (await client.say("AUTH PLAIN", "A" * 13_000)).startswith("500 5.5.6")
        assert (await client.say(f"AUTH PLAIN {PLAIN}")).startswith("235")


async def test_etrn_tries_what_waits_whatever_tls_it_is_to_be_sent_with(post: Post) -> None:
    """RFC 8689: mail that says `TLS-Required: No` waits for a destination of its own."""
    mild = b"TLS-Required: No\r\n" + LETTER
    for domain in ("there.test", "sub.there.test"):
        await post.send(ANA, f"x@{domain}", message=mild)
        await post.send(ANA, f"y@{domain}")
    await post.store.write(delay, post.now + 900_000)
    async with Client(serve(post, xclient=HERE)) as client:
        await client.say("EHLO c")
        assert (await client.say("ETRN there.test")).startswith("250 2.0.0 2 ")
        assert await due(post) == {"there.test", "any-tls:there.test"}
        assert (await client.say("ETRN @there.test")).startswith("250 2.0.0 2 ")


async def test_etrn_tries_what_waits_for_a_domain_for_those_who_are_known(post: Post) -> None:
    for address in (CARL, "dora@sub.there.test", "emil@other.test"):
        await post.send(ANA, address)
    later = post.now + 900_000
    await post.store.write(delay, later)
    async with Client(serve(post, xclient=HERE)) as client:
        assert "250-ETRN" in await client.say("EHLO c")
        assert await client.say("ETRN there.test") == "250 2.0.0 1 recipients are tried now"
        assert await due(post) == {"there.test"}
        assert (await client.say("ETRN @there.test")).startswith("250 2.0.0 1 ")
        assert await due(post) == {"there.test", "sub.there.test"}
        assert await client.say("ETRN x.test") == "251 2.0.0 nothing waits for x.test"
    async with Client(serve(post)) as client:
        await client.say("EHLO c")
        assert (await client.say("ETRN there.test")).startswith("459 4.7.1")


async def delay(tx: Transaction, until: int) -> None:
    await tx.run("UPDATE queue_recipient SET next_at = $1", until)


async def due(post: Post) -> set[str]:
    return {
        recipient.destination
        for _, recipients in await post.queued()
        for recipient in recipients
        if recipient.next_at <= post.now
    }


# Rates


async def test_an_address_has_so_many_messages_and_recipients_for_an_hour(post: Post) -> None:
    async with Client(serve(post, settings=limited(peer_messages=2))) as client:
        await client.say("EHLO c")
        for _ in range(2):
            assert (await client.send(LETTER, CARL, ANA)).startswith("250")
        reply = await client.say(f"MAIL FROM:<{CARL}>")
        assert reply.startswith(
            "451 4.7.1 too many messages from your address; try again in 30 min"
        )
    async with Client(serve(post, settings=limited(peer_recipients=3))) as client:
        await client.say("EHLO c")
        assert (await client.send(LETTER, CARL, ANA, BUDI)).startswith("250")
        await client.begin(CARL, ANA, BUDI)
        assert (await client.say("DATA")).startswith("451 4.7.1 too many recipients")
        assert (await client.send(LETTER, CARL, ANA)).startswith("250")  # it was reset


async def test_an_address_that_was_refused_too_often_is_not_let_in_for_a_while(post: Post) -> None:
    port = serve(post, settings=limited(peer_errors=3))
    async with Client(port) as client:
        for _ in range(3):
            await client.say("WHAT")
    async with Client(port) as client:
        assert client.greeting.startswith("421 4.7.1 too many refused commands")
    post.time.advance(3600)
    async with Client(port) as client:
        assert client.greeting.startswith("220")


def alone(**changes: int) -> Rates:
    """The rates of a worker that is alone."""
    return Rates(SmtpSettings(**changes), HourlyLimits(FakeClock(), Notify()))  # type: ignore[arg-type]


async def test_this_machine_is_not_counted_and_an_ipv6_network_counts_as_one() -> None:
    rates = alone(peer_messages=1)
    assert rates.key("127.0.0.1") == rates.key("unix") == ""
    rates.begin(rates.key("2001:db8::1"))
    with pytest.raises(Fault) as caught:
        rates.begin(rates.key("2001:db8::2"))
    assert (caught.value.kind, caught.value.status) == (Kind.TOO_MANY, "4.7.1")
    for _ in range(5):
        rates.begin("")


def test_more_recipients_than_an_hour_allows_are_said_to_be_so() -> None:
    with pytest.raises(Fault, match="at once than an hour allows"):
        alone(peer_recipients=10).address("192.0.2.1", 11)


@pytest.mark.parametrize("setting", ["unlimited"])
def test_a_setting_that_is_no_network_is_named(setting: str) -> None:
    with pytest.raises(ValueError, match=f"{setting} has"):
        SmtpSettings(**{setting: ("here",)})  # type: ignore[arg-type]


# Signing in


async def test_the_best_mechanism_is_offered_first_and_unknown_ones_are_named(post: Post) -> None:
    async with Client(serve(post, Role.SUBMISSION, login_without_tls=True)) as client:
        assert "AUTH SCRAM-SHA-256 PLAIN LOGIN" in await client.say("EHLO c")
        reply = await client.say("AUTH OAUTHBEARER")  # nobody knows whose a token is
        assert reply == "504 5.5.4 the mechanisms are SCRAM-SHA-256, PLAIN, LOGIN"


async def test_acting_for_another_account_is_refused(post: Post) -> None:
    async with Client(serve(post, Role.SUBMISSION, login_without_tls=True)) as client:
        await client.say("EHLO c")
        acting = base64.b64encode(f"{BUDI}\0{ANA}\0secret".encode()).decode()
        assert (await client.say(f"AUTH PLAIN {acting}")).startswith("535")


def test_python_has_no_exporter_yet_so_end_point_is_the_only_binding() -> None:
    """When this fails, tls-exporter (RFC 9266) can be offered, and `channel_binding` be on."""
    assert not hasattr(ssl.SSLObject, "export_keying_material")
