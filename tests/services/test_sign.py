from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from merpati.base.log import Level, Log, Sink
from merpati.net.asking import answer
from merpati.net.dns import Resolver
from merpati.services.notify import Notify
from merpati.services.sign import LARGE, DkimSettings, Signer
from merpati.store import directory, signing
from merpati.store.engine import Store, Topic
from merpati.wire import arc
from merpati.wire.arc import ArcResult, ArcVerdict
from merpati.wire.dkim import DkimResult, DkimVerdict, keys, verify
from tests.support import signing as letters
from tests.support import store as stores
from tests.support.clock import FakeClock
from tests.support.dns import PATIENT, DnsServer, Trouble
from tests.support.signing import LETTER
from tests.support.store import NOW


class World:
    """A store with example.org, whose keys are published, and a signer."""

    def __init__(self, folder: Path, store: Store, dns: DnsServer) -> None:
        self.clock = FakeClock()
        self.store = store
        self.dns = dns
        self.resolver = Resolver([dns.nameserver], self.clock, timeout=PATIENT, attempts=1)
        self.log_file = folder / "log"
        descriptor = os.open(self.log_file, os.O_RDWR | os.O_CREAT)
        self.log = Log(Sink(self.clock, fd=descriptor, level=Level.INFO))
        self.notify = Notify()
        store.on_commit(self.notify.committed)
        self.signer = self.make()

    def make(self, settings: DkimSettings | None = None) -> Signer:
        signer = Signer(
            self.store, self.resolver, self.clock, "mx.example.org", settings or DkimSettings(),
            self.log,
        )  # fmt: skip
        self.notify.listen(Topic.SIGNING, 0, signer.forget)
        return signer

    async def activate(self, kind: str, number: int = 1) -> None:
        key = letters.key(kind, number=number)
        self.dns.set(key.name, "TXT", keys.quote(keys.record(key)))
        pem = letters.pem(kind, number).decode()
        await self.store.write(
            signing.add, "example.org", key.selector, kind, pem, keys.record(key), NOW
        )
        (found,) = [
            one for one in await self.store.read(signing.keys) if one.selector == key.selector
        ]
        await self.store.write(signing.activate, found.id, NOW, NOW)

    async def verified(self, message: bytes) -> tuple[DkimResult, ...]:
        return await answer(verify(message, int(self.clock.now())), self.resolver)

    async def chain(self, message: bytes) -> ArcResult:
        return await answer(arc.validate(message, int(self.clock.now())), self.resolver)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = await stores.sqlite(tmp_path)
    await store.write(directory.add_domain, "example.org", NOW)
    async with DnsServer() as dns:
        made = World(tmp_path, store, dns)
        yield made
        await made.resolver.close()
    await store.close()


async def test_mail_is_signed_with_every_active_key_and_holds(world: World) -> None:
    await world.activate("rsa")
    await world.activate("ed25519")
    message = await world.signer.sign("example.org", LETTER) + LETTER
    results = await world.verified(message)
    assert [one.verdict for one in results] == [DkimVerdict.PASS] * 2
    assert [one.algorithm for one in results] == ["rsa-sha256", "ed25519-sha256"]


async def test_a_signature_counts_for_a_week_only(world: World) -> None:
    await world.activate("ed25519")
    message = await world.signer.sign("example.org", LETTER) + LETTER
    world.clock.advance(DkimSettings().lifetime + 1)
    (result,) = await world.verified(message)
    assert "expired" in result.reason
    forever = world.make(DkimSettings(lifetime=0))
    message = await forever.sign("example.org", LETTER) + LETTER
    world.clock.advance(10 * DkimSettings().lifetime)
    assert (await world.verified(message))[0].verdict is DkimVerdict.PASS


async def test_nothing_is_signed_without_a_key_or_when_told_not_to(world: World) -> None:
    assert await world.signer.sign("example.org", LETTER) == b""
    assert await world.signer.seal("example.org", LETTER) == b""
    await world.activate("rsa")
    assert await world.signer.sign("other.example", LETTER) == b""
    assert await world.signer.sign("example.org", b"To: a@example.net\r\n\r\n") == b""
    mute = world.make(DkimSettings(sign=False))
    assert await mute.sign("example.org", LETTER) == b""


async def test_a_key_that_takes_over_is_used_as_soon_as_that_is_announced(world: World) -> None:
    await world.activate("rsa", 1)
    assert b"s=rsa1;" in await world.signer.sign("example.org", LETTER)
    await world.activate("rsa", 2)
    assert b"s=rsa2;" in await world.signer.sign("example.org", LETTER)


async def test_keys_are_read_from_the_store_once(world: World) -> None:
    await world.activate("ed25519")
    assert await world.signer.sign("example.org", LETTER)
    await world.store.write(lambda tx: tx.run("DELETE FROM signing_key"))  # not announced
    assert await world.signer.sign("example.org", LETTER)
    world.signer.forget()
    assert await world.signer.sign("example.org", LETTER) == b""


async def test_a_damaged_key_does_not_keep_the_other_from_signing(world: World) -> None:
    await world.activate("rsa")
    await world.activate("ed25519")
    damage = "UPDATE signing_key SET private_key = 'x' WHERE kind = 'rsa'"
    await world.store.write(lambda tx: tx.run(damage))
    assert b"a=ed25519" in await world.signer.sign("example.org", LETTER)
    assert "dkim.key-unusable" in world.log_file.read_text()


async def test_a_large_message_is_signed_like_a_small_one(world: World) -> None:
    await world.activate("rsa")
    letter = LETTER + b"0123456789 abcde\r\n" * (LARGE // 16)
    message = await world.signer.sign("example.org", letter) + letter
    assert (await world.verified(message))[0].verdict is DkimVerdict.PASS


async def test_what_is_passed_on_is_sealed_with_what_we_found_when_it_came(world: World) -> None:
    await world.activate("rsa")
    letter = (
        b"Authentication-Results: mx.example.org; spf=pass\r\n"
        b" smtp.mailfrom=a.example\r\nAuthentication-Results: mx.example.com; spf=fail\r\n"
    ) + LETTER
    once = await world.signer.seal("example.org", letter) + letter
    chain = await world.chain(once)
    assert (chain.verdict, chain.sealers) == (ArcVerdict.PASS, ("example.org",))
    assert chain.results == (b"mx.example.org; spf=pass smtp.mailfrom=a.example",)
    twice = await world.signer.seal("example.org", once) + once
    chain = await world.chain(twice)
    assert (chain.verdict, chain.results[1]) == (ArcVerdict.PASS, chain.results[0])


async def test_a_list_that_changes_a_message_does_not_call_its_chain_broken(world: World) -> None:
    await world.activate("rsa")
    once = await world.signer.seal("example.org", LETTER) + LETTER
    came = b"Authentication-Results: mx.example.org; arc=pass (i=1)\r\n" + once
    changed = came.replace(b"Subject: ", b"Subject: [List] ") + b"-- \r\nThe list\r\n"
    assert (await world.chain(changed)).verdict is ArcVerdict.FAIL  # for whoever gets it unsealed
    chain = await world.chain(await world.signer.seal("example.org", changed) + changed)
    assert (chain.verdict, chain.sealers) == (ArcVerdict.PASS, ("example.org",) * 2)
    lied = changed.replace(b"arc=pass", b'dkim=fail reason="arc=pass"')
    chain = await world.chain(await world.signer.seal("example.org", lied) + lied)
    assert chain.verdict is ArcVerdict.FAIL


async def test_without_results_of_ours_the_set_says_so(world: World) -> None:
    await world.activate("rsa")
    sealed = await world.signer.seal("example.org", LETTER) + LETTER
    assert (await world.chain(sealed)).results == (b"mx.example.org; none",)


async def test_a_chain_that_nobody_can_check_now_is_not_called_broken(world: World) -> None:
    await world.activate("rsa")
    sealed = await world.signer.seal("example.org", LETTER) + LETTER
    world.dns.trouble(letters.key("rsa").name, Trouble.SERVFAIL)
    assert await world.signer.seal("example.org", sealed) == b""
