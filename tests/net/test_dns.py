from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.net import dns
from merpati.net.dns import MX, Resolver, read_resolv_conf
from tests.support.clock import FakeClock
from tests.support.dns import DnsServer, Trouble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ZONE = """
here.test         300  IN MX   20 backup.here.test.
here.test         300  IN MX   10 MX.here.test.
here.test         300  IN TXT  "v=spf1 " "-all"
mx.here.test      300  IN A    192.0.2.1
mx.here.test      300  IN AAAA 2001:db8::1
old.here.test     60   IN CNAME alias.here.test.
alias.here.test   300  IN CNAME mx.here.test.
1.2.0.192.in-addr.arpa 300 IN PTR mx.here.test.
null.test         300  IN MX   0 .
"""


@pytest.fixture
async def server() -> AsyncIterator[DnsServer]:
    async with DnsServer(ZONE) as server:
        yield server


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def resolver(server: DnsServer, clock: FakeClock) -> AsyncIterator[Resolver]:
    resolver = Resolver([server.nameserver], clock, timeout=1, attempts=2)
    yield resolver
    await resolver.close()


async def test_mail_exchangers_come_by_preference_and_in_lower_case(resolver: Resolver) -> None:
    assert await resolver.mx("here.test") == [MX(10, "mx.here.test"), MX(20, "backup.here.test")]


async def test_the_null_mx_is_an_empty_host(resolver: Resolver) -> None:
    assert await resolver.mx("null.test") == [MX(0, "")]


async def test_addresses_are_those_of_both_families_ipv6_first(resolver: Resolver) -> None:
    assert await resolver.addresses("mx.here.test") == ["2001:db8::1", "192.0.2.1"]


async def test_the_strings_of_a_txt_record_are_joined(resolver: Resolver) -> None:
    assert await resolver.txt("here.test") == [b"v=spf1 -all"]


async def test_an_address_has_names(resolver: Resolver) -> None:
    assert await resolver.ptr("192.0.2.1") == ["mx.here.test"]
    assert await resolver.ptr("2001:db8::1") == []


async def test_the_names_of_what_is_no_address_are_a_syntax_fault(resolver: Resolver) -> None:
    with pytest.raises(SyntaxFault):
        await resolver.ptr("mx.here.test")


async def test_a_missing_name_and_a_missing_record_are_told_apart(resolver: Resolver) -> None:
    missing = await resolver.query("nowhere.test", "A")
    assert (missing.exists, missing.records) == (False, ())
    other = await resolver.query("here.test", "A")
    assert (other.exists, other.records) == (True, ())


async def test_aliases_are_followed_within_a_reply(resolver: Resolver) -> None:
    answer = await resolver.query("old.here.test", "A")
    assert [record.to_text() for record in answer.records] == ["192.0.2.1"]
    assert answer.canonical == "mx.here.test"


async def test_aliases_are_followed_over_several_replies(
    resolver: Resolver, server: DnsServer
) -> None:
    server.stops_at_aliases = True
    answer = await resolver.query("old.here.test", "A")
    assert [record.to_text() for record in answer.records] == ["192.0.2.1"]
    assert len(server.questions) == 3


@pytest.mark.parametrize("stops", [True, False])
async def test_a_ring_of_aliases_ends_as_a_temporary_failure(
    resolver: Resolver, server: DnsServer, stops: bool
) -> None:
    server.set("a.test", "CNAME", "b.test.")
    server.set("b.test", "CNAME", "a.test.")
    server.stops_at_aliases = stops
    with pytest.raises(Fault, match="aliases") as caught:
        await resolver.query("a.test", "A")
    assert caught.value.kind is Kind.UNAVAILABLE
    assert len(server.questions) <= dns.MAX_CNAMES + 1


async def test_as_many_aliases_as_allowed_are_followed(
    resolver: Resolver, server: DnsServer
) -> None:
    for n in range(dns.MAX_CNAMES):
        server.set(f"c{n}.test", "CNAME", f"c{n + 1}.test.")
    server.set(f"c{dns.MAX_CNAMES}.test", "A", "192.0.2.8")
    assert len((await resolver.query("c0.test", "A")).records) == 1


async def test_an_answer_is_remembered_until_its_ttl_ends(
    resolver: Resolver, server: DnsServer, clock: FakeClock
) -> None:
    await resolver.query("mx.here.test", "A")
    server.set("mx.here.test", "A", "192.0.2.99")
    clock.advance(299)
    answer = await resolver.query("MX.here.test.", "A")
    assert answer.records[0].to_text() == "192.0.2.1"
    clock.advance(2)
    answer = await resolver.query("mx.here.test", "A")
    assert answer.records[0].to_text() == "192.0.2.99"
    assert server.asked("mx.here.test", "A") == 2


async def test_the_shortest_ttl_of_a_chain_counts(
    resolver: Resolver, server: DnsServer, clock: FakeClock
) -> None:
    await resolver.query("old.here.test", "A")
    clock.advance(61)
    await resolver.query("old.here.test", "A")
    assert server.asked("old.here.test", "A") == 2


async def test_an_endless_ttl_is_capped(
    resolver: Resolver, server: DnsServer, clock: FakeClock
) -> None:
    server.set("long.test", "A", "192.0.2.5", ttl=2**31 - 1)
    await resolver.query("long.test", "A")
    clock.advance(dns.MAX_TTL + 1)
    await resolver.query("long.test", "A")
    assert server.asked("long.test", "A") == 2


async def test_absence_is_remembered_as_long_as_the_soa_says(
    resolver: Resolver, server: DnsServer, clock: FakeClock
) -> None:
    assert not (await resolver.query("new.test", "A")).exists
    server.set("new.test", "A", "192.0.2.7")
    clock.advance(59)
    assert not (await resolver.query("new.test", "A")).exists
    clock.advance(2)
    assert (await resolver.query("new.test", "A")).exists


async def test_absence_without_an_soa_is_not_remembered(
    resolver: Resolver, server: DnsServer
) -> None:
    server.negative_ttl = 0
    await resolver.query("new.test", "A")
    await resolver.query("new.test", "A")
    assert server.asked("new.test", "A") == 2


async def test_forget_makes_the_next_question_go_out(resolver: Resolver, server: DnsServer) -> None:
    await resolver.query("mx.here.test", "A")
    resolver.forget("MX.here.test")
    await resolver.query("mx.here.test", "A")
    resolver.forget()
    await resolver.query("mx.here.test", "A")
    assert server.asked("mx.here.test", "A") == 3


async def test_the_cache_does_not_grow_beyond_its_limit(
    resolver: Resolver, server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dns, "MAX_CACHED", 3)
    for name in ("a.test", "b.test", "c.test", "d.test", "a.test"):
        await resolver.query(name, "A")
    assert server.asked("a.test", "A") == 2


async def test_equal_questions_at_the_same_time_are_asked_once(
    resolver: Resolver, server: DnsServer
) -> None:
    server.delay = 0.02
    answers = await asyncio.gather(*(resolver.mx("here.test") for _ in range(50)))
    assert all(len(answer) == 2 for answer in answers)
    assert server.asked("here.test", "MX") == 1


async def test_a_caller_who_gives_up_does_not_take_the_answer_from_the_others(
    resolver: Resolver, server: DnsServer
) -> None:
    server.delay = 0.03
    first = asyncio.create_task(resolver.mx("here.test"))
    second = asyncio.create_task(resolver.mx("here.test"))
    await asyncio.sleep(0.01)
    first.cancel()
    assert len(await second) == 2
    assert server.asked("here.test", "MX") == 1


@pytest.mark.parametrize("trouble", [Trouble.SERVFAIL, Trouble.REFUSED, Trouble.SILENCE])
async def test_a_server_in_trouble_is_a_temporary_failure(
    resolver: Resolver, server: DnsServer, trouble: Trouble
) -> None:
    server.trouble("here.test", trouble)
    with pytest.raises(Fault) as caught:
        await resolver.mx("here.test")
    assert caught.value.kind is Kind.UNAVAILABLE
    assert "here.test" in caught.value.text
    assert server.asked("here.test", "MX") == 2


async def test_a_failure_is_remembered_for_a_moment_only(
    resolver: Resolver, server: DnsServer, clock: FakeClock
) -> None:
    server.trouble("here.test", Trouble.SERVFAIL)
    for _ in range(2):
        with pytest.raises(Fault):
            await resolver.mx("here.test")
    assert server.asked("here.test", "MX") == 2
    server.trouble("here.test", None)
    clock.advance(dns.FAILURE_TTL + 0.1)
    assert len(await resolver.mx("here.test")) == 2


async def test_the_next_server_is_asked_when_one_is_dead_and_preferred_from_then_on(
    server: DnsServer, clock: FakeClock
) -> None:
    async with DnsServer() as dead:
        dead.trouble("here.test", Trouble.SERVFAIL)
        resolver = Resolver([dead.nameserver, server.nameserver], clock, timeout=5)
        assert len(await resolver.mx("here.test")) == 2
        assert len(await resolver.txt("here.test")) == 1
        assert len(dead.questions) == 1


async def test_a_refused_port_is_passed_over(server: DnsServer, clock: FakeClock) -> None:
    async with DnsServer() as gone:
        closed = gone.nameserver
    resolver = Resolver([closed, server.nameserver], clock, timeout=60)
    assert len(await asyncio.wait_for(resolver.mx("here.test"), 30)) == 2


async def test_a_truncated_reply_is_asked_for_over_tcp(
    resolver: Resolver, server: DnsServer
) -> None:
    server.set("big.test", "TXT", *(f'"{n:0200}"' for n in range(60)))
    server.trouble("big.test", Trouble.TRUNCATE)
    assert len(await resolver.txt("big.test")) == 60
    assert [question[2] for question in server.questions] == ["udp", "tcp"]


async def test_a_server_without_edns_is_asked_without_it(
    resolver: Resolver, server: DnsServer
) -> None:
    server.trouble("here.test", Trouble.NO_EDNS)
    assert len(await resolver.mx("here.test")) == 2


@pytest.mark.parametrize("trouble", [Trouble.WRONG_ID, Trouble.WRONG_QUESTION])
async def test_an_answer_to_something_else_is_ignored(
    resolver: Resolver, server: DnsServer, trouble: Trouble
) -> None:
    server.trouble("here.test", trouble)
    assert len(await resolver.mx("here.test")) == 2


async def test_a_flood_of_forged_answers_makes_the_question_go_over_tcp(
    resolver: Resolver, server: DnsServer
) -> None:
    server.trouble("here.test", Trouble.FLOOD)
    assert len(await resolver.mx("here.test")) == 2
    assert server.questions[-1][2] == "tcp"


async def test_garbage_is_a_temporary_failure(resolver: Resolver, server: DnsServer) -> None:
    server.trouble("here.test", Trouble.GARBAGE)
    with pytest.raises(Fault) as caught:
        await resolver.mx("here.test")
    assert caught.value.kind is Kind.UNAVAILABLE


async def test_one_address_family_in_trouble_does_not_hide_the_other(
    resolver: Resolver, server: DnsServer
) -> None:
    server.trouble("mx.here.test", Trouble.SERVFAIL, "AAAA")
    assert await resolver.addresses("mx.here.test") == ["192.0.2.1"]
    server.remove("mx.here.test", "A")
    resolver.forget()
    with pytest.raises(Fault):
        await resolver.addresses("mx.here.test")


@pytest.mark.parametrize("name", ["", ".", "a..b", ".a", "x" * 64 + ".test", "a." * 130, "ä" * 80])
async def test_a_name_that_cannot_be_asked_for_does_not_exist(
    resolver: Resolver, server: DnsServer, name: str
) -> None:
    assert not (await resolver.query(name, "A")).exists
    assert server.questions == []


async def test_a_backslash_in_a_name_is_no_escape(resolver: Resolver, server: DnsServer) -> None:
    assert not (await resolver.query(r"a\.b.test", "A")).exists
    assert server.questions[0][0] == r"a\\.b.test"


async def test_a_name_with_letters_beyond_ascii_is_asked_for_in_its_ascii_form(
    resolver: Resolver, server: DnsServer
) -> None:
    server.set("xn--bcher-kva.test", "A", "192.0.2.3")
    assert (await resolver.query("bücher.test", "A")).records


async def test_only_a_trusted_server_makes_an_answer_secure(
    server: DnsServer, clock: FakeClock
) -> None:
    server.authentic = True
    trusted = Resolver([server.nameserver], clock)
    assert (await trusted.query("here.test", "MX")).secure
    distrusted = Resolver([server.nameserver], clock, trust_ad=False)
    assert not (await distrusted.query("here.test", "MX")).secure


async def test_too_many_questions_under_way_are_a_temporary_failure(
    resolver: Resolver, server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dns, "MAX_UNDER_WAY", 1)
    server.delay = 0.05
    first = asyncio.create_task(resolver.mx("here.test"))
    await asyncio.sleep(0)
    with pytest.raises(Fault) as caught:
        await resolver.mx("null.test")
    assert caught.value.kind is Kind.UNAVAILABLE
    assert await first


def test_resolv_conf_names_servers_and_options() -> None:
    conf = read_resolv_conf(
        "# made by hand\nnameserver 192.0.2.53\nnameserver 2001:db8::53\n"
        "search here.test\noptions edns0 timeout:2 attempts:9 trust-ad\n"
    )
    assert conf.nameservers == (("192.0.2.53", 53), ("2001:db8::53", 53))
    assert (conf.timeout, conf.attempts, conf.trust_ad) == (2.0, 5, True)


def test_an_empty_resolv_conf_means_this_host() -> None:
    conf = read_resolv_conf("nameserver\noptions timeout:x\n")
    assert conf.nameservers == (("127.0.0.1", 53),)
    assert conf.timeout == 5.0
