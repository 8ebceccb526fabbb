from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from msgspec.structs import replace

from merpati.base.faults import Fault
from merpati.net import acme_proof
from merpati.net.acme import Proof
from merpati.net.tls import CertificateStore
from merpati.services.certificates import installed
from merpati.store import certificates
from merpati.store.engine import Topic
from tests.support.certifying import HOST, World, stored


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    one = World(tmp_path)
    async with one.stack:
        await one.open()
        yield one


async def test_while_an_authority_looks_others_see_the_real_certificate(world: World) -> None:
    ours = world.certificates(challenge="tls-alpn-01")
    await world.store.write(certificates.publish, "tls-alpn-01", [(HOST, "token.key")], 2**50)
    await ours.refresh()
    extensions = (await world.shown(HOST)).extensions
    assert not any(one.oid == acme_proof.IDENTIFIER for one in extensions)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["acme-tls/1"])
    _, writer = await asyncio.open_connection(
        "127.0.0.1", world.tls_port, ssl=context, server_hostname=HOST
    )
    tls = writer.get_extra_info("ssl_object")
    assert tls.selected_alpn_protocol() == "acme-tls/1"
    proof = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True))
    writer.transport.abort()
    extension = proof.extensions.get_extension_for_oid(acme_proof.IDENTIFIER)
    assert extension.critical
    assert extension.value.public_bytes() == b"\x04\x20" + hashlib.sha256(b"token.key").digest()
    await world.store.write(certificates.withdraw, "tls-alpn-01", [HOST], 0)
    await ours.refresh()
    assert world.chain.proofs == {}


async def test_what_the_store_has_is_shown_at_once(world: World) -> None:
    heard: set[object] = set()
    world.store.on_commit(heard.update)
    ours = world.certificates()
    assert not await ours.refresh()
    one = stored(HOST)
    await world.store.write(certificates.keep, one)
    assert heard == {(Topic.CERTIFICATES, 0)}
    assert await ours.refresh()
    assert not await ours.refresh()
    assert (await world.shown(HOST)).issuer.rfc4514_string() == "CN=some"
    [files] = installed(world.folder / "acme", HOST)
    assert files.key.stat().st_mode & 0o777 == 0o600
    assert files.key.parent.stat().st_mode & 0o777 == 0o700


async def test_every_worker_shows_it_whoever_wrote_the_file(world: World) -> None:
    await world.store.write(certificates.keep, stored(HOST))
    other = CertificateStore([world.own])
    second = world.certificates(worker="w2")
    second._chain = other
    assert await world.certificates().refresh()
    assert await second.refresh()
    assert other.certificates[0].names == (HOST,)
    assert other.certificates[0].files == installed(world.folder / "acme", HOST)[0]


async def test_a_restart_shows_what_was_ordered_before(world: World) -> None:
    await world.store.write(certificates.keep, stored("mta-sts.a.test"))
    await world.store.write(certificates.keep, stored(HOST))
    await world.certificates().refresh()
    files = installed(world.folder / "acme", HOST)
    assert [one.certificate.name for one in files] == [f"{HOST}.pem", "mta-sts.a.test.pem"]
    assert CertificateStore(files).certificates[0].names == (HOST,)
    assert installed(world.folder / "nowhere", HOST) == []


async def test_a_certificate_that_is_gone_is_shown_no_more(world: World) -> None:
    await world.store.write(certificates.keep, stored("mta-sts.a.test"))
    ours = world.certificates()
    await ours.refresh()
    await world.store.write(certificates.remove, "mta-sts.a.test")
    assert await ours.refresh()
    assert (await world.shown("mta-sts.a.test")).issuer.rfc4514_string() == f"CN={HOST}"


async def test_a_chain_that_cannot_be_used_does_not_keep_others_from_being_shown_later(
    world: World,
) -> None:
    ours = world.certificates()
    await world.store.write(certificates.keep, stored("bad.a.test", chain="rubbish"))
    await world.store.write(certificates.keep, stored(HOST))
    with pytest.raises(Fault):
        await ours.refresh()
    await world.store.write(certificates.remove, "bad.a.test")
    assert await ours.refresh()
    assert (await world.shown(HOST)).issuer.rfc4514_string() == "CN=some"


async def test_what_nobody_wants_is_forgotten_once_it_has_ended(world: World) -> None:
    ours = world.certificates(directory="https://127.0.0.1:1/dir")
    old = replace(stored("mta-sts.a.test"), not_after=int(world.clock.now() * 1000) + 1000)
    await world.store.write(certificates.keep, old)
    await ours.renew_due()
    assert await world.store.read(certificates.certificate, "mta-sts.a.test") == old
    world.clock.advance(2)
    await ours.renew_due()
    assert await world.store.read(certificates.certificate, "mta-sts.a.test") is None


async def test_turned_off_nothing_is_ordered(world: World) -> None:
    assert await world.certificates(enabled=False).renew_due() == 0
    assert await world.store.read(certificates.certificates) == []


async def test_an_authority_that_is_not_there_is_told_in_words(world: World) -> None:
    ours = world.certificates(directory="https://127.0.0.1:1/dir")
    assert await ours.renew_due() == 0
    [kept] = await world.store.read(certificates.certificates)
    assert kept.problem.startswith("The certificate authority gives none: ")
    assert (kept.chain, kept.failures) == ("", 1)


async def test_proofs_by_dns_need_a_name_server(world: World) -> None:
    ours = world.certificates(challenge="dns-01")
    ours._name_server = None
    with pytest.raises(Fault, match=r"\[dns_update\]"):
        await ours._publish([Proof(HOST, "t", "t.k")])


def test_the_key_of_a_certificate_is_never_shown() -> None:
    one = replace(stored(HOST), private_key="secret")
    assert "secret" not in repr(one)
