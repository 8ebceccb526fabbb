from __future__ import annotations

import pytest

from merpati.base.faults import Fault, Kind
from merpati.net import dns_update
from merpati.net.dns import Resolver
from merpati.net.dns_update import Change, Tsig
from tests.support.clock import FakeClock
from tests.support.dns import DnsServer, Trouble

KEY = Tsig("merpati", "c2VjcmV0IHNlY3JldA==")
TEXT = Change("_x.a.test.", "TXT", ('"one"', '"two"'))


async def texts(server: DnsServer, name: str = "_x.a.test") -> list[bytes]:
    resolver = Resolver([server.nameserver], FakeClock())
    return sorted(await resolver.txt(name))


async def test_records_are_put_in_place_of_those_before() -> None:
    async with DnsServer({"_x.a.test": {"TXT": '"old"'}, "a.test": {"A": "192.0.2.1"}}) as server:
        server.updates = "a.test"
        await dns_update.push(server.nameserver, "a.test", [TEXT], None)
        assert await texts(server) == [b"one", b"two"]
        await dns_update.push(server.nameserver, "a.test", [Change("_x.a.test", "TXT", ())], None)
        assert await texts(server) == []


async def test_updates_are_signed_with_the_key() -> None:
    async with DnsServer({"a.test": {"A": "192.0.2.1"}}) as server:
        server.updates = "a.test"
        server.keys = {"merpati": KEY.secret}
        await dns_update.push(server.nameserver, "a.test", [TEXT], KEY)
        assert await texts(server) == [b"one", b"two"]
        with pytest.raises(Fault, match="REFUSED") as caught:
            await dns_update.push(server.nameserver, "a.test", [TEXT], None)
        assert caught.value.kind is Kind.DENIED


async def test_a_key_that_is_none_is_a_fault_of_the_configuration() -> None:
    with pytest.raises(Fault) as caught:
        await dns_update.push(("127.0.0.1", 1), "a.test", [TEXT], Tsig("merpati", "not base64!"))
    assert caught.value.kind is Kind.CONFIG
    assert "base64" not in repr(Tsig("merpati", "not base64!"))


async def test_zones_of_others_are_not_changed() -> None:
    async with DnsServer() as server:
        server.updates = "b.test"
        with pytest.raises(Fault, match="NOTAUTH") as caught:
            await dns_update.push(server.nameserver, "a.test", [TEXT], None)
        assert caught.value.kind is Kind.DENIED


async def test_a_value_that_is_none_is_refused_before_anything_is_sent() -> None:
    for bad in (Change("a.test", "MX", ("mail",)), Change("a..test", "TXT", ()),
                Change("a.test", "NONSENSE", ("x",))):  # fmt: skip
        with pytest.raises(Fault) as caught:
            await dns_update.push(("127.0.0.1", 1), "a.test", [bad], None)
        assert caught.value.kind is Kind.SYNTAX


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Fault) as caught:
        await dns_update.push(("127.0.0.1", 1), "a.test", [TEXT], None)
    assert caught.value.kind is Kind.UNAVAILABLE


async def test_the_zone_of_a_name_is_found() -> None:
    async with DnsServer({"a.b.test": {"A": "192.0.2.1"}}) as server:
        server.updates = "b.test"
        assert await dns_update.zone_of(server.nameserver, "_acme-challenge.a.b.test") == "b.test"
        server.trouble("a.b.test", Trouble.SERVFAIL)
        with pytest.raises(Fault) as caught:
            await dns_update.zone_of(server.nameserver, "a.b.test")
        assert caught.value.kind is Kind.UNAVAILABLE
