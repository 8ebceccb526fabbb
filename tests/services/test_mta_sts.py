from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from merpati.base.log import Level, Log, Sink
from merpati.net.dns import Resolver
from merpati.net.https import Https
from merpati.net.reaper import Reaper
from merpati.services.mta_sts import RETRY, Policies, own_id, own_policy
from merpati.store import transport
from merpati.store.transport import Hosted
from merpati.wire import mta_sts
from merpati.wire.mta_sts import Mode, Policy
from merpati.wire.tls_report import ResultType
from tests.support import store as stores
from tests.support.certificates import Authority
from tests.support.clock import FakeClock
from tests.support.dns import PATIENT, DnsServer, Trouble
from tests.support.sockets import until
from tests.support.web import Web

ROOT = Authority("root")
POLICY = Policy(Mode.ENFORCE, 86_400, ("mx.there.test",))
URL = "mta-sts.there.test/.well-known/mta-sts.txt"


class World:
    """A domain with a policy, and somebody who wants to know it."""

    def __init__(self, folder: Path, dns: DnsServer, web: Web) -> None:
        self.folder, self.dns, self.web = folder, dns, web
        self.clock = FakeClock()
        self.log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT)

    async def open(self) -> None:
        self.store = await stores.sqlite(self.folder)
        resolver = Resolver([self.dns.nameserver], self.clock, timeout=PATIENT, attempts=1)
        self.resolver = resolver
        https = Https(resolver, Reaper(0.02), ROOT.client_context())
        log = Log(
            Sink(
                self.clock,
                fd=os.open(self.folder / "log", os.O_WRONLY | os.O_CREAT),
                level=Level.INFO,
            )
        )
        self.policies = Policies(self.store, resolver, https, self.clock, log, port=self.web.port)

    def publish(self, policy: Policy | bytes, policy_id: str = "1") -> None:
        text = policy if isinstance(policy, bytes) else mta_sts.encode_policy(policy)
        self.web.pages[URL] = (200, "text/plain; charset=utf-8", text)
        self.dns.set("_mta-sts.there.test", "TXT", f'"v=STSv1; id={policy_id};"')
        self.resolver.forget()

    async def policy(self) -> Policy | None:
        return await self.policies.of("there.test")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    context = ROOT.issue("mta-sts.there.test").server_context()
    async with DnsServer({"mta-sts.there.test": {"A": "127.0.0.1"}}) as dns, Web(context) as web:
        one = World(tmp_path, dns, web)
        await one.open()
        yield one
        await one.store.close()
        os.close(one.log)


async def test_a_policy_is_fetched_once_and_remembered(world: World) -> None:
    world.publish(POLICY)
    assert await world.policy() == POLICY
    assert await world.policy() == POLICY
    [asked] = world.web.asked
    assert (asked.method, asked.url) == ("GET", URL)


async def test_many_who_ask_at_once_wait_for_one_fetch(world: World) -> None:
    world.publish(POLICY)
    world.web.delay = 0.1
    assert await asyncio.gather(*(world.policy() for _ in range(20))) == [POLICY] * 20
    assert len(world.web.asked) == 1


async def test_a_domain_without_a_record_is_not_asked(world: World) -> None:
    world.publish(POLICY)
    world.dns.remove("_mta-sts.there.test")
    assert await world.policy() is None
    assert world.web.asked == []


async def test_a_new_id_brings_the_new_policy(world: World) -> None:
    world.publish(POLICY)
    await world.policy()
    other = Policy(Mode.TESTING, 86_400, ("other.test",))
    world.publish(other, "1")
    assert await world.policy() == POLICY
    world.publish(other, "2")
    assert await world.policy() == other


@pytest.mark.parametrize("gone", ["record", "dns", "web", "policy", "host"])
async def test_what_is_known_stays_in_force_while_it_lasts(world: World, gone: str) -> None:
    world.publish(POLICY)
    await world.policy()
    world.publish(POLICY, "2")
    if gone == "record":
        world.dns.remove("_mta-sts.there.test")
    elif gone == "dns":
        world.dns.trouble("_mta-sts.there.test", Trouble.SERVFAIL)
    elif gone == "web":
        world.web.pages.clear()
    elif gone == "policy":
        world.publish(b"<html>welcome</html>", "2")
    else:
        world.dns.set("mta-sts.there.test", "A", "127.0.0.2")
    assert await world.policy() == POLICY
    world.clock.advance(POLICY.max_age - 1)
    assert await world.policy() == POLICY
    world.clock.advance(2)
    assert await world.policy() is None


async def test_a_restart_forgets_no_policy(world: World) -> None:
    world.publish(POLICY)
    await world.policy()
    await world.store.close()
    world.web.pages.clear()
    await world.open()
    assert await world.policy() == POLICY
    assert len(world.web.asked) == 1


async def test_a_policy_is_fetched_again_before_its_time_is_over(world: World) -> None:
    world.publish(replace(POLICY, max_age=7 * 86_400))
    await world.policy()
    world.clock.advance(86_300)
    await world.policy()
    assert len(world.web.asked) == 1
    for day in range(2, 9):  # beyond the age of the first
        world.clock.advance(86_500)
        assert await world.policy() is not None
        await until(lambda: not world.policies._fetching)
        assert len(world.web.asked) == day
    world.web.pages.clear()
    world.clock.advance(6.5 * 86_400)
    assert await world.policy() is not None


async def test_a_policy_of_no_age_is_not_fetched_all_the_time(world: World) -> None:
    world.publish(replace(POLICY, max_age=0))
    for _ in range(5):
        assert await world.policy() is not None
    await until(lambda: not world.policies._fetching)
    assert len(world.web.asked) <= 2


async def test_a_failed_fetch_is_not_repeated_at_once(world: World) -> None:
    world.publish(POLICY)
    pages = dict(world.web.pages)
    world.web.pages.clear()
    assert [await world.policy(), await world.policy()] == [None, None]
    assert len(world.web.asked) == 1
    world.web.pages.update(pages)
    world.clock.advance(RETRY + 1)
    assert await world.policy() == POLICY


@pytest.mark.parametrize(
    ("page", "result"),
    [
        ((200, "text/html", mta_sts.encode_policy(POLICY)), "sts-policy-invalid"),
        ((301, "text/plain", mta_sts.encode_policy(POLICY)), "sts-policy-fetch-error"),
        ((200, "text/plain", mta_sts.encode_policy(POLICY)[:-20]), "sts-policy-invalid"),
        ((200, "text/plain", b"a:" + b"b" * 70_000), "sts-policy-fetch-error"),
    ],
)
async def test_what_is_no_good_answer_is_no_policy(
    world: World, page: tuple[int, str, bytes], result: str
) -> None:
    world.publish(POLICY)
    assert world.policies.trouble("there.test") is None
    world.web.pages[URL] = page
    assert await world.policy() is None
    trouble = world.policies.trouble("there.test")
    assert trouble is not None
    assert trouble.value == result
    assert await world.store.read(transport.policy, "there.test") is None


async def test_a_policy_host_without_a_good_certificate_is_not_believed(world: World) -> None:
    context = Authority("other").issue("mta-sts.there.test").server_context()
    async with Web(context) as web:
        world.web.port, old = web.port, world.web
        await world.store.close()
        await world.open()
        world.publish(POLICY)
        web.pages = old.pages
        assert await world.policy() is None
        assert web.asked == []
    assert world.policies.trouble("there.test") is ResultType.STS_WEBPKI_INVALID


def test_our_own_policy_names_this_server_and_its_id_follows_what_it_says() -> None:
    one = own_policy(Hosted("a.test", "enforce", 604_800), "Mail.A.test")
    assert one == Policy(Mode.ENFORCE, 604_800, ("mail.a.test",))
    other = own_policy(Hosted("a.test", "testing", 604_800), "mail.a.test")
    assert own_id(one) == own_id(one) != own_id(other)
    assert mta_sts.parse_record(mta_sts.encode_record(own_id(one))) == own_id(one)
