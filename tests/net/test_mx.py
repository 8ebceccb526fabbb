from __future__ import annotations

import random
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from merpati.base.faults import Kind
from merpati.net import mx
from merpati.net.dns import Resolver
from merpati.net.mx import RouteFault, Target, targets
from tests.support.clock import FakeClock
from tests.support.dns import PATIENT, DnsServer, Trouble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ZONE = """
here.test      MX    20 b.here.test.
here.test      MX    10 a.here.test.
here.test      MX    30 c.here.test.
a.here.test    A     192.0.2.1
a.here.test    AAAA  2001:db8::1
b.here.test    A     192.0.2.2
c.here.test    A     192.0.2.3
bare.test      A     192.0.2.9
alias.test     CNAME here.test.
null.test      MX    0 .
both.test      MX    0 .
both.test      MX    10 a.here.test.
dangling.test  MX    10 nowhere.test.
empty.test     TXT   "nothing else"
"""


@pytest.fixture
async def server() -> AsyncIterator[DnsServer]:
    async with DnsServer(ZONE) as server:
        yield server


@pytest.fixture
async def resolver(server: DnsServer) -> AsyncIterator[Resolver]:
    resolver = Resolver([server.nameserver], FakeClock(), timeout=PATIENT)
    yield resolver
    await resolver.close()


def hosts(found: list[Target]) -> list[str]:
    return [target.host for target in found]


async def fault(resolver: Resolver, domain: str, **own: object) -> tuple[Kind, str]:
    names = own.get("names", ())
    networks = own.get("networks", ())
    with pytest.raises(RouteFault) as caught:
        await targets(resolver, domain, names, random.Random(1), networks)  # type: ignore[arg-type]
    assert domain in caught.value.text or "literal" in caught.value.text
    return caught.value.kind, caught.value.status


async def test_hosts_come_by_preference_with_their_addresses(resolver: Resolver) -> None:
    found = await targets(resolver, "here.test", (), random.Random(1))
    assert found[0] == Target("a.here.test", ("2001:db8::1", "192.0.2.1"))
    assert hosts(found) == ["a.here.test", "b.here.test", "c.here.test"]


async def test_hosts_of_equal_preference_take_turns(resolver: Resolver, server: DnsServer) -> None:
    server.set("here.test", "MX", "10 a.here.test.", "10 b.here.test.", "5 c.here.test.")
    chance = random.Random(1)
    seen = {tuple(hosts(await targets(resolver, "here.test", (), chance))) for _ in range(20)}
    assert seen == {
        ("c.here.test", "a.here.test", "b.here.test"),
        ("c.here.test", "b.here.test", "a.here.test"),
    }


async def test_a_domain_without_mx_is_its_own_exchanger(resolver: Resolver) -> None:
    assert await targets(resolver, "bare.test", (), random.Random(1)) == [
        Target("bare.test", ("192.0.2.9",))
    ]


async def test_an_alias_of_a_domain_leads_to_its_exchangers(resolver: Resolver) -> None:
    assert hosts(await targets(resolver, "alias.test", (), random.Random(1)))[0] == "a.here.test"


async def test_a_missing_domain_is_final(resolver: Resolver) -> None:
    assert await fault(resolver, "nowhere.test") == (Kind.NOT_FOUND, "5.1.2")


async def test_a_null_mx_is_final(resolver: Resolver) -> None:
    assert await fault(resolver, "null.test") == (Kind.NOT_FOUND, "5.1.10")


async def test_a_null_mx_beside_real_ones_is_passed_over(resolver: Resolver) -> None:
    assert hosts(await targets(resolver, "both.test", (), random.Random(1))) == ["a.here.test"]


@pytest.mark.parametrize("domain", ["dangling.test", "empty.test"])
async def test_hosts_without_addresses_are_final(resolver: Resolver, domain: str) -> None:
    assert await fault(resolver, domain) == (Kind.NOT_FOUND, "5.4.4")


async def test_a_failing_mx_lookup_is_temporary(resolver: Resolver, server: DnsServer) -> None:
    server.trouble("here.test", Trouble.SERVFAIL)
    assert await fault(resolver, "here.test") == (Kind.UNAVAILABLE, "4.4.3")


async def test_a_failing_address_lookup_is_passed_over_while_another_host_is_left(
    resolver: Resolver, server: DnsServer
) -> None:
    server.trouble("a.here.test", Trouble.SERVFAIL)
    found = await targets(resolver, "here.test", (), random.Random(1))
    assert hosts(found) == ["b.here.test", "c.here.test"]


async def test_failing_lookups_of_all_addresses_are_temporary(
    resolver: Resolver, server: DnsServer
) -> None:
    server.set("here.test", "MX", "10 a.here.test.", "20 nowhere.test.")
    server.trouble("a.here.test", Trouble.SERVFAIL)
    with pytest.raises(RouteFault) as caught:
        await targets(resolver, "here.test", (), random.Random(1))
    assert (caught.value.kind, caught.value.status) == (Kind.UNAVAILABLE, "4.4.3")


async def test_hosts_not_better_than_ourselves_are_left_out(resolver: Resolver) -> None:
    found = await targets(resolver, "here.test", {"b.here.test"}, random.Random(1))
    assert hosts(found) == ["a.here.test"]


async def test_a_host_at_our_own_address_is_ourselves(resolver: Resolver) -> None:
    own = [ip_network("192.0.2.2/32"), ip_network("2001:db8::2/128")]
    found = await targets(resolver, "here.test", (), random.Random(1), own)
    assert hosts(found) == ["a.here.test"]


async def test_being_the_best_exchanger_is_a_loop(resolver: Resolver) -> None:
    assert await fault(resolver, "here.test", names={"a.here.test"}) == (Kind.NOT_FOUND, "5.4.6")
    assert await fault(resolver, "bare.test", names={"bare.test"}) == (Kind.NOT_FOUND, "5.4.6")


async def test_an_exchanger_with_the_unspecified_address_is_not_connected_to(
    resolver: Resolver, server: DnsServer
) -> None:
    server.set("bare.test", "A", "0.0.0.0", "224.0.0.1")
    assert await fault(resolver, "bare.test") == (Kind.NOT_FOUND, "5.4.4")


async def test_hosts_and_addresses_are_limited(resolver: Resolver, server: DnsServer) -> None:
    server.set("many.test", "MX", *(f"{n} h{n}.test." for n in range(50)))
    for n in range(50):
        server.set(f"h{n}.test", "A", *(f"192.0.2.{i}" for i in range(1, 40)))
    found = await targets(resolver, "many.test", (), random.Random(1))
    assert hosts(found) == [f"h{n}.test" for n in range(mx.MAX_HOSTS)]
    assert all(len(target.addresses) == mx.MAX_ADDRESSES for target in found)


@pytest.mark.parametrize(
    ("domain", "address"),
    [("[192.0.2.1]", "192.0.2.1"), ("[IPv6:2001:DB8::1]", "2001:db8::1")],
)
async def test_an_address_literal_needs_no_dns(
    resolver: Resolver, server: DnsServer, domain: str, address: str
) -> None:
    (target,) = await targets(resolver, domain, (), random.Random(1))
    assert target.addresses == (address,)
    assert server.questions == []


async def test_a_bad_or_own_literal_is_final(resolver: Resolver) -> None:
    assert await fault(resolver, "[192.0.2.300]") == (Kind.NOT_FOUND, "5.1.2")
    own = [ip_network("127.0.0.0/8")]
    assert await fault(resolver, "[127.0.0.3]", networks=own) == (Kind.NOT_FOUND, "5.4.6")
