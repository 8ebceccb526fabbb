from __future__ import annotations

import hashlib
import os
import random
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from merpati.base.log import Level, Log, Sink
from merpati.model.envelope import Envelope, Recipient
from merpati.net.dns import Resolver
from merpati.net.https import Https
from merpati.net.reaper import Reaper
from merpati.net.smtp_client import Session
from merpati.services.courier import Courier, Unreachable
from merpati.services.daily_reports import DAY
from merpati.services.mta_sts import Policies
from merpati.services.tls_reports import Tally
from merpati.services.transport_security import TransportSecurity
from merpati.store import transport
from merpati.store.blobs import BlobStore
from merpati.store.transport import Counted
from merpati.wire import mta_sts
from merpati.wire.mta_sts import Mode, Policy
from tests.support import store as stores
from tests.support.certificates import Authority, Issued, der, spki
from tests.support.clock import FakeClock
from tests.support.dns import PATIENT, DnsServer, Trouble
from tests.support.ids import CountingIds
from tests.support.post import Post
from tests.support.server import ANA
from tests.support.smtp_sink import SmtpSink
from tests.support.web import Web

ROOT = Authority("root")
PRIVATE = Authority("private")
GOOD = ROOT.issue("mx.there.test")
OWN = PRIVATE.issue("mx.there.test")


class World:
    """there.test with its server, zone and policy, and a courier that sends to it."""

    def __init__(self, folder: Path, dns: DnsServer, web: Web, sink: SmtpSink) -> None:
        self.folder, self.dns, self.web, self.sink = folder, dns, web, sink
        self.clock = FakeClock(time.time())
        self.log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT)

    async def open(self) -> None:
        log = Log(Sink(self.clock, fd=self.log, level=Level.INFO))
        self.store = await stores.sqlite(self.folder)
        self.tally = Tally(self.store, self.clock)
        self.resolver = Resolver([self.dns.nameserver], self.clock, timeout=PATIENT, attempts=1)
        reaper = Reaper(0.02)
        https = Https(self.resolver, reaper, ROOT.client_context())
        policies = Policies(self.store, self.resolver, https, self.clock, log, port=self.web.port)
        security = TransportSecurity(
            self.resolver, policies, self.tally, self.clock,
            port=self.sink.port, authorities=ROOT.client_context(),
        )  # fmt: skip
        blob_store = BlobStore(self.folder / "blobs", CountingIds())
        self.courier = Courier(
            self.store, blob_store, self.resolver, reaper, "mail.here.test", self.sink.port,
            random.Random(1), self.clock, security=security,
        )  # fmt: skip

    def shows(self, issued: Issued | ssl.SSLContext | None) -> None:
        """The certificate of mx.there.test."""
        self.sink.tls = issued.server_context() if isinstance(issued, Issued) else issued

    def enforces(self, mode: Mode = Mode.ENFORCE, *hosts: str) -> None:
        """The policy of there.test."""
        policy = Policy(mode, 86_400, hosts or ("mx.there.test",))
        url = "mta-sts.there.test/.well-known/mta-sts.txt"
        self.web.pages[url] = (200, "text/plain", mta_sts.encode_policy(policy))
        self.dns.set("_mta-sts.there.test", "TXT", '"v=STSv1; id=1;"')

    def signs(self, *records: str) -> None:
        """The zone of there.test has DNSSEC, and these TLSA records."""
        self.dns.authentic = True
        if records:
            self.dns.set(f"_{self.sink.port}._tcp.mx.there.test", "TLSA", *records)

    async def refused(self) -> str:
        with pytest.raises(Unreachable) as caught:
            await self.courier.connect("there.test")
        assert caught.value.why.status.startswith("4.7.")
        return caught.value.text

    async def security(self) -> str:
        """What the trace says of a message that gets through, and over which TLS."""
        session = await self.courier.connect("there.test")
        assert isinstance(session, Session)
        envelope = Envelope(sender="", recipients=(Recipient("b@there.test"),), size=4)
        [result] = await session.send(envelope, [b"a: b\r\n\r\n"])
        await session.quit()
        assert session.tls is None or session.tls.verified == ("verified by" in result.trust)
        return f"{result.tls or 'none'}, {result.trust}"

    async def counted(self) -> list[Counted]:
        await self.tally.flush()
        return await self.store.read(transport.counted, int(self.clock.now()) // DAY, "there.test")

    async def ends(self) -> list[tuple[str, int]]:
        """The results counted, "" for sessions as promised."""
        return [(one.result, one.sessions) for one in await self.counted()]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    hosts = ("mta-sts.there.test", "mta-sts.xn--bcher-kva.test")
    context = ROOT.issue(*hosts).server_context()
    zone = {
        "mta-sts.there.test": {"A": "127.0.0.1"},
        "there.test": {"MX": "10 mx.there.test."},
        "mx.there.test": {"A": "127.0.0.1"},
    }
    async with (
        DnsServer(zone) as dns,
        Web(context) as web,
        SmtpSink(tls=GOOD.server_context()) as sink,
    ):
        one = World(tmp_path, dns, web, sink)
        await one.open()
        yield one
        await one.store.close()
        os.close(one.log)


# No promise


async def test_without_a_policy_any_certificate_will_do(world: World) -> None:
    world.shows(OWN)
    words = "certificate not checked: there.test publishes neither DANE nor MTA-STS"
    assert await world.security() == f"TLSv1.3, {words}"
    assert await world.ends() == [("", 1)]


async def test_without_a_policy_clear_text_is_better_than_nothing(world: World) -> None:
    world.shows(None)
    words = "in clear text: the server does not offer TLS"
    assert await world.security() == f"none, {words}"
    world.shows(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))  # without a certificate
    assert await world.security() == "none, in clear text: the TLS handshake failed"
    assert await world.ends() == [("starttls-not-supported", 1), ("validation-failure", 1)]


# MTA-STS


async def test_an_enforced_policy_wants_a_certificate_of_a_public_authority(world: World) -> None:
    world.enforces()
    words = "certificate verified by the MTA-STS policy of there.test"
    assert await world.security() == f"TLSv1.3, {words}"
    assert await world.ends() == [("", 1)]


@pytest.mark.parametrize(
    ("issued", "result"),
    [
        (OWN, "certificate-not-trusted"),
        (ROOT.issue("other.test"), "certificate-host-mismatch"),
        (ROOT.issue("mx.there.test", days=-1), "certificate-expired"),
        (None, "starttls-not-supported"),
    ],
)
async def test_what_breaks_an_enforced_policy_gets_no_mail(
    world: World, issued: Issued | None, result: str
) -> None:
    world.enforces()
    world.shows(issued)
    text = await world.refused()
    assert "mx.there.test" in text
    assert not world.sink.messages
    [one] = await world.counted()
    assert (one.result, one.sessions, one.host, one.address) == (
        result, 1, "mx.there.test", "127.0.0.1"
    )  # fmt: skip
    assert '"version: STSv1"' in one.policy


async def test_a_host_that_an_enforced_policy_does_not_name_is_not_even_connected_to(
    world: World,
) -> None:
    world.enforces(Mode.ENFORCE, "*.other.test")
    assert "not named by the MTA-STS policy of there.test" in await world.refused()
    assert world.sink.connections == 0
    assert await world.ends() == [("validation-failure", 1)]


async def test_of_several_hosts_one_that_keeps_the_policy_gets_the_mail(world: World) -> None:
    world.dns.set("there.test", "MX", "10 bad.there.test.", "20 mx.there.test.")
    world.dns.set("bad.there.test", "A", "127.0.0.1")
    world.enforces(Mode.ENFORCE, "*.there.test")
    words = "certificate verified by the MTA-STS policy of there.test"
    assert await world.security() == f"TLSv1.3, {words}"
    assert await world.ends() == [("", 1), ("certificate-host-mismatch", 1)]


async def test_a_policy_that_is_tested_is_kept_where_it_can_be(world: World) -> None:
    world.enforces(Mode.TESTING)
    words = "certificate verified by the MTA-STS policy of there.test, which is being tested"
    assert await world.security() == f"TLSv1.3, {words}"
    assert await world.ends() == [("", 1)]


async def test_what_breaks_a_policy_that_is_tested_gets_the_mail_and_is_counted(
    world: World,
) -> None:
    world.enforces(Mode.TESTING)
    world.shows(OWN)
    words = (
        "certificate not checked: the MTA-STS policy of there.test is only being tested,"
        " and mx.there.test does not keep to it"
    )
    assert await world.security() == f"TLSv1.3, {words}"
    assert await world.ends() == [("certificate-not-trusted", 1)]
    world.shows(None)
    assert await world.security() == "none, in clear text: the server does not offer TLS"
    world.enforces(Mode.TESTING, "other.test")


async def test_a_host_that_a_tested_policy_does_not_name_gets_the_mail_and_is_counted(
    world: World,
) -> None:
    world.enforces(Mode.TESTING, "*.other.test")
    assert (await world.security()).startswith("TLSv1.3, certificate not checked")
    assert await world.ends() == [("validation-failure", 1)]


async def test_a_domain_in_letters_of_its_own_language_has_a_policy_too(world: World) -> None:
    policy = Policy(Mode.ENFORCE, 86_400, ("mx.there.test",))
    for name in ("xn--bcher-kva.test", "mta-sts.xn--bcher-kva.test"):
        world.dns.set(name, "A", "127.0.0.1")
    world.dns.set("xn--bcher-kva.test", "MX", "10 mx.there.test.")
    world.dns.set("_mta-sts.xn--bcher-kva.test", "TXT", '"v=STSv1; id=1;"')
    url = "mta-sts.xn--bcher-kva.test/.well-known/mta-sts.txt"
    world.web.pages[url] = (200, "text/plain", mta_sts.encode_policy(policy))
    session = await world.courier.connect("bücher.test")
    assert isinstance(session, Session)
    assert session.tls
    assert session.tls.verified
    await session.quit()


async def test_a_policy_that_cannot_be_had_is_counted_and_holds_up_nothing(world: World) -> None:
    world.dns.set("_mta-sts.there.test", "TXT", '"v=STSv1; id=1;"')
    words = "certificate not checked: the MTA-STS policy of there.test cannot be had"
    assert await world.security() == f"TLSv1.3, {words}"
    assert await world.ends() == [("sts-policy-fetch-error", 1)]
    world.clock.advance(301)
    world.enforces()
    assert "verified by the MTA-STS policy" in await world.security()


async def test_a_policy_of_none_is_none(world: World) -> None:
    world.enforces(Mode.NONE)
    world.shows(OWN)
    assert (await world.security()).startswith("TLSv1.3, certificate not checked")


# DANE


def record(usage: int, content: bytes, selector: int = 1) -> str:
    return f"{usage} {selector} 1 {hashlib.sha256(content).hexdigest()}"


async def test_tlsa_records_decide_whatever_public_authorities_say(world: World) -> None:
    world.signs(record(3, spki(OWN.certificate)))
    world.shows(OWN)
    words = "certificate verified by DANE (TLSA records of mx.there.test)"
    assert await world.security() == f"TLSv1.3, {words}"
    world.shows(GOOD)
    assert "TLSA records" in await world.refused()
    assert await world.ends() == [("", 1), ("validation-failure", 1)]
    assert '"policy-type":"tlsa"' in (await world.counted())[0].policy


async def test_an_authority_of_the_domains_own_may_vouch(world: World) -> None:
    middle = Authority("middle", signer=PRIVATE)
    world.signs(record(2, der(middle.certificate), 0))
    world.shows(middle.issue("there.test"))
    assert "verified by DANE" in await world.security()
    world.shows(middle.issue("elsewhere.test"))
    assert "for none of mx.there.test, there.test" in await world.refused()
    assert await world.ends() == [("", 1), ("certificate-host-mismatch", 1)]


async def test_dane_goes_before_mta_sts(world: World) -> None:
    world.enforces()
    world.signs(record(3, spki(OWN.certificate)))
    world.shows(OWN)
    assert "verified by DANE" in await world.security()
    world.shows(GOOD)
    assert "TLSA" in await world.refused()


async def test_with_dane_there_is_no_clear_text(world: World) -> None:
    world.signs(record(3, spki(OWN.certificate)))
    world.shows(None)
    assert "does not offer TLS" in await world.refused()
    assert await world.ends() == [("starttls-not-supported", 1)]


async def test_records_of_no_use_still_forbid_clear_text(world: World) -> None:
    world.signs(record(1, b"some authority"))
    world.shows(OWN)
    words = "certificate not checked: mx.there.test has TLSA records that cannot be used"
    assert await world.security() == f"TLSv1.3, {words}"
    world.shows(None)
    assert "does not offer TLS" in await world.refused()


async def test_records_without_dnssec_count_for_nothing(world: World) -> None:
    world.signs(record(3, spki(OWN.certificate)))
    world.dns.authentic = False
    assert "neither DANE nor MTA-STS" in await world.security()


async def test_while_nobody_can_tell_the_mail_waits(world: World) -> None:
    world.signs(record(3, spki(OWN.certificate)))
    world.dns.trouble(f"_{world.sink.port}._tcp.mx.there.test", Trouble.SERVFAIL)
    assert "cannot be told" in await world.refused()
    assert world.sink.connections == 0
    assert await world.ends() == [("dnssec-invalid", 1)]


async def test_a_signed_zone_without_records_may_have_a_policy(world: World) -> None:
    world.signs()
    world.enforces()
    assert "MTA-STS policy of there.test" in await world.security()


# REQUIRETLS


@pytest.mark.parametrize("verified", [True, False])
async def test_mail_that_requires_tls_goes_to_verified_hosts_alone(
    world: World, verified: bool
) -> None:
    if verified:
        world.enforces()
    world.sink.extensions.append("REQUIRETLS")
    session = await world.courier.connect("there.test")
    assert isinstance(session, Session)
    envelope = Envelope(
        sender="", recipients=(Recipient("b@there.test"),), size=4, require_tls=True
    )
    [result] = await session.send(envelope, [b"a: b\r\n\r\n"])
    assert result.status == ("2.0.0" if verified else "5.7.30")
    await session.quit()


# Counting


async def test_hosts_that_cannot_be_reached_say_nothing_about_tls(world: World) -> None:
    world.sink.on("greeting", "421 4.3.2 busy", hang_up=True)
    with pytest.raises(Unreachable):
        await world.courier.connect("there.test")
    assert await world.ends() == []


async def test_the_trace_tells_why_a_session_was_trusted_or_not(post: Post) -> None:
    await post.sink("there.test", tls=OWN.server_context())
    trace = await post.send(ANA, "bob@there.test")
    await post.work()
    sent = (await post.steps(trace))[-1]
    assert (sent.kind.value, sent.detail["tls"]) == ("sent", "TLSv1.3")
    assert sent.detail["security"] == "certificate not checked"
