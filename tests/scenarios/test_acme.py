"""Certificates from a real authority, by each kind of proof."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509

from merpati.services.certificates import installed, tlsa_of
from merpati.store import certificates, directory, transport
from merpati.wire.mta_sts import POLICY_PATH, Mode, Policy, parse_policy
from tests.support.certifying import DAY, HOST, KEY, World, names, stored
from tests.support.dns import DnsServer
from tests.support.instance import Installation
from tests.support.pebble import Pebble

pytestmark = pytest.mark.scenario


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    one = World(tmp_path)
    async with one.stack:
        await one.open()
        yield one


@pytest.mark.parametrize("challenge", ["http-01", "tls-alpn-01", "dns-01"])
async def test_a_certificate_is_ordered_and_shown(world: World, challenge: str) -> None:
    authority = await world.pebble()
    world.dns.updates, world.dns.keys = "a.test", {KEY.name: KEY.secret}
    ours = world.certificates(authority, challenge=challenge, names=("imap.a.test",))
    began = time.time()
    assert await ours.renew_due() == 1, world.log_file.read_text()
    assert await ours.refresh()
    shown = await world.shown("imap.a.test")
    assert names(shown) == ["imap.a.test", HOST]
    assert shown.issuer != shown.subject
    [kept] = await world.store.read(certificates.certificates)
    life = kept.not_after / 1000 - began
    assert life * 0.6 < kept.renew_at / 1000 - began < life * 0.7
    for kind in ("http-01", "tls-alpn-01"):
        assert await world.store.read(certificates.answers, kind) == []
    assert ("_acme-challenge.mail.a.test" in {q[0] for q in world.dns.questions}) == (
        challenge == "dns-01"
    )
    assert await ours.renew_due() == 0


async def test_it_is_renewed_after_two_thirds_of_its_life_with_the_same_key(world: World) -> None:
    authority = await world.pebble()
    ours = world.certificates(authority)
    assert await ours.renew_due() == 1
    await ours.refresh()
    first = await world.shown(HOST)
    world.clock.advance(55 * DAY)
    assert await ours.renew_due() == 0
    world.clock.advance(6 * DAY)
    assert await world.certificates(authority, "w2").renew_due() == 1
    await ours.refresh()
    second = await world.shown(HOST)
    assert first.serial_number != second.serial_number
    assert first.public_key() == second.public_key()
    record = tlsa_of(installed(world.folder / "acme", HOST)[0])
    assert (record.usage, record.selector, record.matching) == (3, 1, 1)
    await world.store.write(certificates.renew_now, HOST, 0)
    assert await world.certificates(authority, new_keys=True).renew_due() == 1
    await ours.refresh()
    assert (await world.shown(HOST)).public_key() != first.public_key()


async def test_each_policy_host_has_a_certificate_of_its_own(world: World) -> None:
    domain = await world.store.write(directory.add_domain, "a.test", 0)
    await world.store.write(transport.host_policy, domain.id, "testing", DAY)
    authority = await world.pebble()
    ours = world.certificates(authority)
    assert await ours.renew_due() == 2
    await ours.refresh()
    assert names(await world.shown("mta-sts.a.test")) == ["mta-sts.a.test"]
    assert names(await world.shown("nobody.test")) == [HOST]


async def test_a_name_that_cannot_be_proved_waits_longer_each_time(world: World) -> None:
    authority = await world.pebble()
    ours = world.certificates(authority, names=("nowhere.b.test",))
    await world.store.write(certificates.keep, stored(HOST))
    for hours in (1, 2, 4, 8):
        assert await ours.renew_due() == 0
        [kept] = await world.store.read(certificates.certificates)
        assert kept.chain, "the old one stays"
        assert "nowhere.b.test" in kept.problem
        assert kept.renew_at == pytest.approx((world.clock.now() + hours * 3600) * 1000, abs=2)
        before = kept
        world.clock.advance(hours * 3600 - 1)
        assert await ours.renew_due() == 0
        assert await world.store.read(certificates.certificates) == [before]
        world.clock.advance(2)
    world.dns.set("nowhere.b.test", "A", "127.0.0.1")
    assert await ours.renew_due() == 1
    [kept] = await world.store.read(certificates.certificates)
    assert (kept.failures, kept.problem) == (0, "")


async def test_several_workers_order_one_certificate(world: World) -> None:
    authority = await world.pebble()
    workers = [world.certificates(authority, f"w{n}") for n in range(3)]
    assert sorted(await asyncio.gather(*(one.renew_due() for one in workers))) == [0, 0, 1]


async def test_a_running_server_orders_and_shows_a_certificate_without_a_restart(
    tmp_path: Path,
) -> None:
    zone = {name: {"A": "127.0.0.1"} for name in ("mail.a.id", "mta-sts.a.id")}
    async with DnsServer(zone) as dns:
        home = await asyncio.to_thread(Installation.make, tmp_path / "home", "a.id")
        pebble = Pebble(tmp_path, dns.nameserver, home.port("http"), home.port("https"))
        async with pebble as authority:
            home.configure(
                "acme",
                enabled="true",
                directory=f'"{authority.directory}"',
                trusted=f'"{authority.trusted}"',
            )
            await asyncio.to_thread(home.start, 2)
            try:
                workers = home.workers()
                for service in ("https", "imaps", "submissions"):
                    async with asyncio.timeout(60):
                        while "pebble" not in (await issuer(home.port(service))).lower():  # noqa: ASYNC110 -- another process
                            await asyncio.sleep(0.3)
                assert home.workers() == workers
                listed = await asyncio.to_thread(home.json, "tls", "list")
                assert listed[0]["name"] == "mail.a.id"
                assert listed[0]["renewed"]
                # What is changed while it runs is seen to at once.
                words = ("tls", "mta-sts", "a.id", "testing")
                assert (await asyncio.to_thread(home.run, *words)).returncode == 0
                async with asyncio.timeout(60):
                    port = home.port("https")
                    while names(await shown(port, "mta-sts.a.id")) != ["mta-sts.a.id"]:  # noqa: ASYNC110 -- the same
                        await asyncio.sleep(0.3)
                policy = await page(home.port("https"), "mta-sts.a.id", POLICY_PATH)
                assert parse_policy(policy) == Policy(Mode.TESTING, DAY, ("mail.a.id",))
            finally:
                await asyncio.to_thread(home.stop)


async def issuer(port: int) -> str:
    """Who signed the certificate that is shown on a port."""
    return (await shown(port, "mail.a.id")).issuer.rfc4514_string()


def anybody() -> ssl.SSLContext:
    """A client that believes everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def shown(port: int, name: str) -> x509.Certificate:
    """The certificate for a name on a port."""
    _, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=anybody(), server_hostname=name
    )
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return x509.load_der_x509_certificate(der)


async def page(port: int, host: str, path: str) -> bytes:
    """The body of a page."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=anybody(), server_hostname=host
    )
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer.partition(b"\r\n\r\n")[2]
