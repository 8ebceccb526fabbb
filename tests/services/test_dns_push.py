from __future__ import annotations

import pytest

from merpati.base.secrets import Secret
from merpati.net.dns import Resolver
from merpati.net.dns_update import Tsig
from merpati.services import dns_push
from merpati.services.dns_push import DnsUpdateSettings
from tests.support.clock import FakeClock
from tests.support.dns import DnsServer

KEY = Tsig("merpati", "c2VjcmV0IHNlY3JldA==")


async def test_the_records_of_a_domain_go_into_its_zone() -> None:
    records = [
        ("a.test.", "MX", "10 mail.a.test."),
        ("a.test.", "TXT", '"v=spf1 mx -all"'),
        ("A.test.", "TXT", '"another"'),
        ("_dmarc.a.test.", "TXT", '"v=DMARC1; p=none"'),
    ]
    async with DnsServer({"a.test": {"A": "192.0.2.1"}}) as server:
        server.updates = "a.test"
        server.keys = {KEY.name: KEY.secret}
        assert await dns_push.push(records, server.nameserver, KEY) == {"a.test": 4}
        resolver = Resolver([server.nameserver], FakeClock())
        assert [one.host for one in await resolver.mx("a.test")] == ["mail.a.test"]
        assert sorted(await resolver.txt("a.test")) == [b"another", b"v=spf1 mx -all"]
        assert await resolver.txt("_dmarc.a.test") == [b"v=DMARC1; p=none"]


async def test_proofs_come_and_go() -> None:
    async with DnsServer({"a.test": {"A": "192.0.2.1"}}) as server:
        server.updates = "a.test"
        await dns_push.present({"mail.a.test": ["x", "y"]}, server.nameserver, None)
        resolver = Resolver([server.nameserver], FakeClock())
        assert sorted(await resolver.txt("_acme-challenge.mail.a.test")) == [b"x", b"y"]
        await dns_push.withdraw(["mail.a.test"], server.nameserver, None)
        resolver.forget()
        assert await resolver.txt("_acme-challenge.mail.a.test") == []


def test_a_key_has_a_name_and_a_secret() -> None:
    assert DnsUpdateSettings().tsig() is None
    settings = DnsUpdateSettings(key_name="merpati", key_secret=Secret("c2VjcmV0"))
    assert settings.tsig() == Tsig("merpati", "c2VjcmV0")
    with pytest.raises(ValueError, match="together"):
        DnsUpdateSettings(key_name="merpati")
