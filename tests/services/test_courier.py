from __future__ import annotations

import ssl

import pytest

from tests.support.dns import Trouble
from tests.support.post import LETTER, Post
from tests.support.server import ANA
from tests.support.smtp_sink import contexts

BOB = "bob@there.test"


async def test_a_message_arrives_as_it_was_taken_without_our_return_path(post: Post) -> None:
    sink = await post.sink("there.test")
    await post.send(ANA, BOB, account=post.ana)
    await post.work()
    [got] = sink.messages
    assert (got.sender, got.recipients) == (ANA, [BOB])
    assert got.content.startswith(b"Received: from client.test")
    assert got.content.endswith(LETTER)
    assert b"Return-Path" not in got.content
    assert got.helo == "mail.example.org"
    assert await post.queued() == []


async def test_the_size_is_declared(post: Post) -> None:
    sink = await post.sink("there.test")
    await post.send(ANA, BOB)
    await post.work()
    assert f"SIZE={len(sink.messages[0].content)}" in sink.messages[0].mail


async def test_hosts_are_tried_in_the_order_of_their_preference(post: Post) -> None:
    first = await post.sink(host="127.0.0.2")
    second = await post.sink(host="127.0.0.3")
    post.dns.set("there.test", "MX", "20 b.there.test.", "10 a.there.test.")
    post.dns.set("a.there.test", "A", "127.0.0.2")
    post.dns.set("b.there.test", "A", "127.0.0.3")
    await post.send(ANA, BOB)
    await post.work()
    assert (len(first.messages), second.connections) == (1, 0)


async def test_the_next_host_takes_what_the_first_does_not(post: Post) -> None:
    first = await post.sink(host="127.0.0.2")
    first.on("greeting", "421 4.3.2 busy", hang_up=True)
    second = await post.sink(host="127.0.0.3")
    post.dns.set("there.test", "MX", "10 dead.there.test.", "20 a.there.test.", "30 b.there.test.")
    post.dns.set("dead.there.test", "A", "127.0.0.4")  # nobody listens there
    post.dns.set("a.there.test", "A", "127.0.0.2")
    post.dns.set("b.there.test", "A", "127.0.0.3")
    await post.send(ANA, BOB)
    await post.work()
    assert (first.connections, len(second.messages)) == (1, 1)


async def test_a_domain_without_mx_is_its_own_host(post: Post) -> None:
    sink = await post.sink()
    post.dns.set("there.test", "A", "127.0.0.1")
    await post.send(ANA, BOB)
    await post.work()
    assert len(sink.messages) == 1


async def test_an_ipv6_address_that_does_not_answer_falls_back_to_ipv4(post: Post) -> None:
    sink = await post.sink("there.test")
    post.dns.set("mx.there.test", "AAAA", "::1")  # the sink listens on IPv4 alone
    await post.send(ANA, BOB)
    await post.work()
    assert len(sink.messages) == 1


async def test_a_null_mx_bounces_at_once(post: Post) -> None:
    post.dns.set("there.test", "MX", "0 .")
    await post.send(ANA, BOB, account=post.ana)
    await post.work()
    [notice] = await post.notices(post.ana)
    assert b"Status: 5.1.10" in notice
    assert await post.queued() == []


async def test_a_domain_that_does_not_exist_bounces_at_once(post: Post) -> None:
    await post.send(ANA, BOB, account=post.ana)
    await post.work()
    [notice] = await post.notices(post.ana)
    assert b"Status: 5.1.2" in notice
    assert await post.queued() == []


async def test_a_dns_failure_is_tried_again(post: Post) -> None:
    await post.send(ANA, BOB, account=post.ana)
    await post.send(ANA, BOB, account=post.ana)
    for trouble in (Trouble.SERVFAIL, Trouble.REFUSED):
        post.dns.trouble("there.test", trouble)
        await post.work()
        post.time.advance(1000)
    waiting = await post.waiting()
    assert [one.status for one in waiting] == ["4.4.3", "4.4.3"]
    assert await post.notices(post.ana) == []
    post.dns.trouble("there.test", None)
    sink = await post.sink("there.test")
    post.time.advance(1000)
    await post.work()
    assert len(sink.messages) == 2


async def test_a_domain_that_leads_back_here_bounces(post: Post) -> None:
    post.dns.set("there.test", "MX", "10 mail.example.org.")
    post.dns.set("mail.example.org", "A", "127.0.0.1")
    await post.send(ANA, BOB, account=post.ana)
    await post.work()
    [notice] = await post.notices(post.ana)
    assert b"Status: 5.4.6" in notice


async def test_a_temporary_host_weighs_more_than_one_that_never_will(post: Post) -> None:
    never = await post.sink(host="127.0.0.2")
    never.on("greeting", "554 5.7.1 go away")
    later = await post.sink(host="127.0.0.3")
    later.on("greeting", "421 4.3.2 later")
    post.dns.set("there.test", "MX", "10 a.there.test.", "20 b.there.test.")
    post.dns.set("a.there.test", "A", "127.0.0.2")
    post.dns.set("b.there.test", "A", "127.0.0.3")
    await post.send(ANA, BOB, account=post.ana)
    await post.work()
    [one] = await post.waiting()
    assert (one.status, one.remote) == ("4.3.2", "b.there.test")


async def test_when_no_host_ever_will_it_bounces_with_their_words(post: Post) -> None:
    sink = await post.sink("there.test")
    sink.on("greeting", "554 5.7.1 you are on a list")
    await post.send(ANA, BOB, account=post.ana)
    await post.work()
    [notice] = await post.notices(post.ana)
    assert b"554 5.7.1 you are on a list" in notice


async def test_tls_is_used_where_it_is_offered_whatever_the_certificate(post: Post) -> None:
    server, _ = contexts("some.other.name")
    sink = await post.sink("there.test", tls=server)
    trace = await post.send(ANA, BOB)
    await post.work()
    assert sink.messages[0].tls == "TLSv1.3"
    sent = (await post.steps(trace))[-1]
    assert (sent.kind.value, sent.detail["tls"]) == ("sent", "TLSv1.3")


async def test_a_failed_handshake_falls_back_to_clear_text(post: Post) -> None:
    without_certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    sink = await post.sink("there.test", tls=without_certificate)
    await post.send(ANA, BOB)
    await post.work()
    [got] = sink.messages
    assert got.tls == ""
    assert sink.connections == 2


async def test_eight_bit_and_utf8_are_declared(post: Post) -> None:
    sink = await post.sink("there.test")
    await post.send(ANA, BOB, message="Subject: x\r\n\r\nGrüße\r\n".encode())
    await post.send("jürgen@there.test", "bücher@there.test", smtputf8=True)
    await post.work()
    assert "BODY=8BITMIME" in sink.messages[0].mail
    assert "SMTPUTF8" in sink.messages[1].mail


async def test_an_international_address_bounces_where_it_is_not_understood(post: Post) -> None:
    await post.sink("there.test", extensions=("PIPELINING", "8BITMIME"))
    await post.send(ANA, "bücher@there.test", account=post.ana, smtputf8=True)
    await post.work()
    [notice] = await post.notices(post.ana)
    assert b"5.6.7" in notice


@pytest.mark.parametrize(
    ("message", "goes"),
    [
        ("Subject: x\r\n\r\nhello\r\n", True),
        ("Subject: x\r\n\r\nGrüße\r\n", True),
        ("Subject: Grüße\r\n\r\nhello\r\n", False),
    ],
)
async def test_smtputf8_that_was_declared_for_nothing_is_not_asked_of_the_next_server(
    post: Post, message: str, goes: bool
) -> None:
    sink = await post.sink("there.test", extensions=("PIPELINING", "8BITMIME"))
    await post.send(ANA, BOB, account=post.ana, smtputf8=True, message=message.encode())
    await post.work()
    assert bool(sink.messages) is goes
    assert bool(await post.notices(post.ana)) is not goes


async def test_a_large_message_goes_out_whole(post: Post) -> None:
    sink = await post.sink("there.test")
    body = b"Subject: large\r\n\r\n" + b".dots and lines\r\n" * 20_000
    await post.send(ANA, BOB, message=body)
    await post.work()
    assert sink.messages[0].content.endswith(body)


async def test_a_backup_passes_mail_on_to_better_hosts_alone(post: Post) -> None:
    """The second host is we by another name, the third is worse than we are."""
    worse = await post.sink(host="127.0.0.3")
    post.dns.set("there.test", "MX", "10 a.there.test.", "20 b.there.test.", "30 c.there.test.")
    post.dns.set("a.there.test", "A", "127.0.0.9")  # nobody listens there
    post.dns.set("b.there.test", "A", "192.0.2.7")
    post.dns.set("c.there.test", "A", "127.0.0.3")
    post.dns.set("mail.example.org", "A", "192.0.2.7")
    await post.send(ANA, BOB)
    await post.work()
    assert worse.connections == 0
    first = await post.sink(host="127.0.0.9")
    post.time.advance(1000)
    await post.work()
    assert len(first.messages) == 1
