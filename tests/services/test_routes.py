"""Ways that are not the DNS's: relays with and without sign-in, LMTP, commands, by hand."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from merpati.base.secrets import Secret
from merpati.model.arrival import RecipientOptions
from merpati.model.queue import Destination
from merpati.services import pace
from merpati.services.outbound import OutboundSettings
from merpati.store import destinations, queue_admin, suppression
from merpati.store.queue_admin import Selection
from tests.support.post import LETTER, Post
from tests.support.server import ANA
from tests.support.smtp_sink import SmtpSink, contexts
from tests.support.sockets import until

BOB = "bob@there.test"


def settings(
    *routes: str, credentials: Sequence[str] = (), sources: Sequence[str] = ()
) -> OutboundSettings:
    return OutboundSettings(
        linger=0,
        routes=routes,
        credentials=tuple(Secret(one) for one in credentials),
        sources=tuple(sources),
    )


async def destination(post: Post, name: str = "there.test") -> Destination:
    return (await post.store.read(destinations.find, [name]))[name]


async def noted(post: Post, lanes: int, pause: int) -> None:
    """Waits until the store knows the pace of the destination."""
    async with asyncio.timeout(30):
        while True:
            there = await destination(post)
            if (there.lanes, there.pause) == (lanes, pause):
                return
            await asyncio.sleep(0.005)


async def test_a_smarthost_takes_what_no_other_route_does(tmp_path: Path) -> None:
    async with SmtpSink() as relay:
        routes = settings("direct.test mx", f"* smtp://127.0.0.1:{relay.port}")
        async with Post(tmp_path, outbound=routes) as post:
            direct = await post.sink("direct.test", host="127.0.0.2")
            await post.send(ANA, BOB, "dora@direct.test")
            await post.work()
            assert [one.recipients for one in relay.messages] == [[BOB]]
            assert [one.recipients for one in direct.messages] == [["dora@direct.test"]]


async def test_all_that_goes_by_one_relay_shares_its_connections_and_its_troubles(
    tmp_path: Path,
) -> None:
    async with SmtpSink() as relay:
        relay.on("greeting", "421 4.3.2 out of order", hang_up=True)
        routes = settings(f"* smtp://127.0.0.1:{relay.port}")
        async with Post(tmp_path, outbound=routes) as post:
            for n in range(30):
                await post.send(ANA, f"bob@d{n}.test")
            await post.work()
            assert relay.connections == 1
            for n in (0, 29):
                assert (await destination(post, f"d{n}.test")).failures == 1
            relay.calm()
            post.time.advance(1000)
            await post.work()
            assert len(relay.messages) == 30
            assert relay.connections <= 4
            assert (await destination(post, "d7.test")).failures == 0


@pytest.mark.parametrize("way", ["smtp", "smtps"])
async def test_a_relay_gets_the_password_over_tls_that_it_proves_to_be_its_own(
    tmp_path: Path, way: str
) -> None:
    server, client = contexts("relay.test")
    extensions = ("PIPELINING", "AUTH PLAIN")
    async with SmtpSink(tls=server, implicit_tls=way == "smtps", extensions=extensions) as relay:
        routes = settings(
            f"* {way}://relay.test:{relay.port}", credentials=["relay.test ani secret"]
        )
        async with Post(tmp_path, outbound=routes) as post:
            post.dns.set("relay.test", "A", "127.0.0.1")
            await post.send(ANA, BOB)
            await post.work()
            assert relay.messages == []  # nobody vouches for it
            assert "certificate" in (await destination(post)).reply
            post.courier._verified = client
            post.time.advance(1000)
            await post.work()
            [got] = relay.messages
            assert (got.user, got.tls) == ("|ani|secret", "TLSv1.3")


async def test_a_relay_without_tls_does_not_get_the_password(tmp_path: Path) -> None:
    async with SmtpSink(extensions=("AUTH PLAIN",)) as relay:
        credentials = ["127.0.0.1 ani secret"]
        routes = settings(f"* smtp://127.0.0.1:{relay.port}", credentials=credentials)
        async with Post(tmp_path, outbound=routes) as post:
            await post.send(ANA, BOB)
            await post.work()
            assert not any(line.startswith("AUTH") for line in relay.commands)
            assert "does not offer TLS" in (await destination(post)).reply


async def test_one_of_our_own_network_may_have_it_in_clear_text(tmp_path: Path) -> None:
    async with SmtpSink(extensions=("AUTH LOGIN",)) as relay:
        credentials = ["127.0.0.1 ani secret"]
        routes = settings(f"* smtp+clear://127.0.0.1:{relay.port}", credentials=credentials)
        async with Post(tmp_path, outbound=routes) as post:
            await post.send(ANA, BOB)
            await post.work()
            assert relay.messages[0].user == "ani|secret"


async def test_a_wrong_password_bounces_nothing(tmp_path: Path) -> None:
    async with SmtpSink(extensions=("AUTH PLAIN",)) as relay:
        relay.on("AUTH", "535 5.7.8 wrong")
        credentials = ["127.0.0.1 ani secret"]
        routes = settings(f"* smtp+clear://127.0.0.1:{relay.port}", credentials=credentials)
        async with Post(tmp_path, outbound=routes) as post:
            await post.send(ANA, BOB, account=post.ana)
            await post.work()
            assert len(await post.waiting()) == 1
            there = await destination(post)
            assert "does not let ani in" in there.reply
            assert "secret" not in there.reply + post.logged()


async def test_lmtp_answers_for_each_recipient(tmp_path: Path) -> None:
    async with SmtpSink(lmtp=True) as store:
        store.on("content", "550 5.2.1 closed", match="dora@")
        store.on("content", "452 4.2.2 full", match="carl@")
        routes = settings(f"there.test lmtp://127.0.0.1:{store.port}")
        async with Post(tmp_path, outbound=routes) as post:
            await post.send(
                ANA, BOB, "dora@there.test", "carl@there.test", account=post.ana,
                wishes=RecipientOptions("SUCCESS,FAILURE"),
            )  # fmt: skip
            await post.work()
            [got] = store.messages
            assert len(got.recipients) == 3
            assert [one.address for one in await post.waiting()] == ["carl@there.test"]
            notices = await post.notices(post.ana)
            assert sum(b"Action: failed" in one and b"dora@" in one for one in notices) == 1


async def test_lmtp_over_a_unix_socket(tmp_path: Path) -> None:
    async with SmtpSink(lmtp=True) as store:
        path = tmp_path / "lmtp.sock"
        async with Post(tmp_path, outbound=settings(f"there.test lmtp://{path}")) as post:
            await post.send(ANA, BOB)
            await post.work()
            assert "cannot be reached" in (await destination(post)).reply
            server = await asyncio.start_unix_server(store._serve, path)
            post.time.advance(1000)
            await post.work()
            server.close()
            assert store.messages[0].content.endswith(LETTER)


async def test_a_command_delivers_for_good(tmp_path: Path) -> None:
    command = tmp_path / "fax"
    out = tmp_path / "out"
    command.write_text(
        f"#!{sys.executable}\nimport sys\n"
        f"open({str(out)!r}, 'wb').write(sys.stdin.buffer.read())\n"
        "sys.exit(67 if sys.argv[1] == 'nobody' else 0)\n"
    )
    command.chmod(0o755)
    routes = settings(f"there.test pipe:{command} {{user}}")
    async with Post(tmp_path, outbound=routes) as post:
        await post.send(
            ANA, BOB, "nobody@there.test", account=post.ana,
            wishes=RecipientOptions("SUCCESS,FAILURE"),
        )  # fmt: skip
        await post.work()
        assert out.read_bytes().endswith(LETTER)
        assert await post.queued() == []
        notices = await post.notices(post.ana)
        assert [b"Action: delivered" in one for one in notices].count(True) == 1
        assert [b"Status: 5.1.1" in one for one in notices].count(True) == 1


async def test_mail_rerouted_by_hand_goes_another_way(post: Post) -> None:
    post.publish("there.test", host="127.0.0.9")
    await post.send(ANA, BOB)
    await post.work()
    async with SmtpSink() as relay:
        way = f"smtp://127.0.0.1:{relay.port}"
        assert await post.store.write(queue_admin.reroute, Selection(), way, post.now) == 1
        await post.work()
        assert len(relay.messages) == 1
        assert await post.queued() == []


async def test_mail_leaves_from_all_addresses_of_the_pool(tmp_path: Path) -> None:
    pool = ["127.0.0.5", "127.0.0.6", "::1"]
    async with Post(tmp_path, outbound=settings(sources=pool)) as post:
        sink = await post.sink("there.test")
        peers: set[str] = set()
        serve = sink._serve

        async def watched(reader: object, writer: object) -> None:
            peers.add(writer.get_extra_info("peername")[0])  # type: ignore[attr-defined]
            await serve(reader, writer)  # type: ignore[arg-type]

        await sink.stop()
        sink._serve = watched  # type: ignore[method-assign]
        await sink.start()
        for n in range(20):
            await post.send(ANA, f"bob{n}@there.test")
            await post.work()
        assert peers == {"127.0.0.5", "127.0.0.6"}


# What the answers teach


async def test_an_address_that_does_not_exist_is_not_tried_again_for_a_while(post: Post) -> None:
    sink = await post.sink("there.test")
    sink.on("RCPT", "550 5.1.1 nobody of that name", match="bob")
    await post.send(ANA, BOB, account=post.ana)
    await post.work()
    sink.calm()
    await post.send(ANA, "BOB@there.test", "dora@there.test", account=post.ana)
    await post.work()
    assert [one.recipients for one in sink.messages] == [["dora@there.test"]]
    notices = await post.notices(post.ana)
    assert len(notices) == 2
    words = b" ".join(notices[1].replace(b"=\r\n", b"").replace(b">", b"").split())
    assert b"the server has said before: 550 5.1.1 nobody of that name" in words


async def test_the_administrator_or_time_lets_it_be_tried_again(post: Post) -> None:
    sink = await post.sink("there.test")
    sink.on("RCPT", "550 5.1.1 nobody of that name")
    await post.send(ANA, BOB, "dora@there.test")
    await post.work()
    sink.calm()
    assert await post.store.write(suppression.remove, [BOB]) == 1
    await post.send(ANA, BOB)
    await post.work()
    post.time.advance(post.outbound.suppress_for + 1)
    await post.send(ANA, "dora@there.test")
    await post.work()
    assert [one.recipients for one in sink.messages] == [[BOB], ["dora@there.test"]]


@pytest.mark.parametrize("reply", ["550 5.7.1 policy", "550 5.2.2 full", "550 no status"])
async def test_other_refusals_suppress_nothing(post: Post, reply: str) -> None:
    sink = await post.sink("there.test")
    sink.on("RCPT", reply)
    await post.send(ANA, BOB)
    await post.work()
    assert await post.store.read(suppression.listing, post.now) == []


async def test_a_server_that_is_given_too_much_gets_less_and_later_more_again(post: Post) -> None:
    sink = await post.sink("there.test")
    sink.on("content", "421 4.7.0 too many connections", match="", times=1)
    for n in range(3):
        await post.send(ANA, f"bob{n}@there.test")
    await post.work()
    await noted(post, 2, 500)
    sink.calm()
    post.runner._paces["there.test"].pause = 0.0
    for n in range(40):
        await post.send(ANA, f"dora{n}@there.test")
    post.time.advance(1000)
    await post.work()
    assert len(sink.messages) == 43
    await noted(post, 0, 0)
    assert post.runner._paces == {}


async def test_recipients_that_are_too_many_at_once_follow_at_once(post: Post) -> None:
    sink = await post.sink("there.test")
    sink.on("RCPT", "452 4.5.3 too many recipients", match="bob3@", times=1)
    sink.on("RCPT", "452 4.5.3 too many recipients", match="bob4@", times=1)
    await post.send(ANA, *(f"bob{n}@there.test" for n in range(5)))
    await post.work()
    assert [len(one.recipients) for one in sink.messages] == [3, 2]
    assert sink.connections == 1


async def test_lanes_that_are_not_let_in_leave_the_rest_to_those_that_are(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "PAUSE_FIRST", 0.01)
    sink = await post.sink("there.test")
    sink.on("content", "250 2.0.0 ok", delay=0.005)
    for n in range(100):
        await post.send(ANA, f"bob{n}@there.test")
    assert await post.runner.round()
    await until(lambda: len(sink.messages) > 0)
    sink.on("greeting", "421 4.7.0 too many connections", hang_up=True)
    await post.work()
    assert len(sink.messages) == 100
    assert (await destination(post)).failures == 0
