from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence

import pytest

from merpati.base.faults import Fault, Kind
from merpati.net import dane
from merpati.net.dane import Mistrust, Published, published
from merpati.net.dns import Resolver
from merpati.wire.dane import Tlsa
from merpati.wire.tls_report import ResultType
from tests.support.certificates import Authority, Issued, der, spki
from tests.support.clock import FakeClock
from tests.support.dns import DnsServer, Trouble

ROOT = Authority("root")
MIDDLE = Authority("middle", signer=ROOT)
MX = MIDDLE.issue("mx.there.test")
OTHER = Authority("other").issue("mx.there.test")


def sha256(usage: int, selector: int, content: bytes) -> Tlsa:
    return Tlsa(usage, selector, 1, hashlib.sha256(content).digest())


def check(
    issued: Issued | Sequence[bytes],
    *records: Tlsa,
    names: Sequence[str] = ("mx.there.test",),
) -> None:
    chain = issued.chain if isinstance(issued, Issued) else issued
    dane.verify(chain, records, names, time.time())


def refusal(
    issued: Issued | Sequence[bytes],
    *records: Tlsa,
    names: Sequence[str] = ("mx.there.test",),
) -> ResultType:
    with pytest.raises(Mistrust) as caught:
        check(issued, *records, names=names)
    return caught.value.result


# Which certificates the records vouch for


@pytest.mark.parametrize("selector", [0, 1])
def test_the_servers_own_certificate_or_key_is_enough(selector: int) -> None:
    content = (der, spki)[selector](MX.certificate)
    check(MX, sha256(3, selector, content))
    check(MX, Tlsa(3, selector, 0, content))
    check(MX, Tlsa(3, selector, 2, hashlib.sha512(content).digest()))
    assert refusal(OTHER, sha256(3, selector, content)) is ResultType.VALIDATION_FAILURE


def test_with_usage_3_neither_name_nor_dates_nor_chain_matter() -> None:
    expired = ROOT.issue("elsewhere.test", days=-10)
    check(expired.chain[:1], sha256(3, 1, spki(expired.certificate)), names=["mx.there.test"])


def test_any_of_several_records_is_enough() -> None:
    check(MX, sha256(3, 1, b"the next key"), sha256(3, 1, spki(MX.certificate)))


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("authority", [ROOT, MIDDLE])
def test_an_authority_that_is_presented_vouches_for_what_it_signed(
    authority: Authority, selector: int
) -> None:
    content = (der, spki)[selector](authority.certificate)
    chain = [*MX.chain, der(ROOT.certificate)]
    check(chain, sha256(2, selector, content))
    assert refusal(OTHER, sha256(2, selector, content)) is ResultType.VALIDATION_FAILURE


def test_a_chain_may_come_in_any_order() -> None:
    chain = [MX.chain[0], der(ROOT.certificate), MX.chain[1]]
    check(chain, sha256(2, 0, der(ROOT.certificate)))


def test_an_authority_given_whole_need_not_be_presented() -> None:
    check(MX, Tlsa(2, 0, 0, der(ROOT.certificate)))
    check(MX, Tlsa(2, 1, 0, spki(ROOT.certificate)))
    assert refusal(OTHER, Tlsa(2, 1, 0, spki(ROOT.certificate))) is ResultType.VALIDATION_FAILURE


def test_an_authority_known_by_digest_must_be_presented() -> None:
    record = sha256(2, 0, der(ROOT.certificate))
    assert refusal(MX, record) is ResultType.VALIDATION_FAILURE


def test_an_authority_that_signed_nothing_vouches_for_nobody() -> None:
    chain = [OTHER.chain[0], *MX.chain[1:], der(ROOT.certificate)]
    assert refusal(chain, sha256(2, 0, der(MIDDLE.certificate))) is ResultType.VALIDATION_FAILURE


def test_a_server_that_plays_authority_is_not_believed() -> None:
    no_authority = Authority("server", signer=ROOT, ca=False)
    issued = no_authority.issue("mx.there.test")
    chain = [*issued.chain, der(ROOT.certificate)]
    assert refusal(chain, sha256(2, 0, der(ROOT.certificate))) is ResultType.VALIDATION_FAILURE


def test_a_path_longer_than_an_authority_allows_is_not_believed() -> None:
    short = Authority("short", path_length=0)
    below = Authority("below", signer=short)
    record = sha256(2, 0, der(short.certificate))
    check([*short.issue("mx.there.test").chain, der(short.certificate)], record)
    chain = [*below.issue("mx.there.test").chain, der(short.certificate)]
    assert refusal(chain, record) is ResultType.VALIDATION_FAILURE


def test_the_leaf_is_not_its_own_authority() -> None:
    record = sha256(2, 0, der(MX.certificate))
    assert refusal(MX, record) is ResultType.VALIDATION_FAILURE


def test_with_usage_2_the_name_matters() -> None:
    chain = [*MX.chain, der(ROOT.certificate)]
    record = sha256(2, 0, der(ROOT.certificate))
    wrong = refusal(chain, record, names=["mx.elsewhere.test"])
    assert wrong is ResultType.CERTIFICATE_HOST_MISMATCH
    check(chain, record, names=["there.test", "MX.there.test"])
    wild = ROOT.issue("*.there.test")
    check([*wild.chain, der(ROOT.certificate)], record)
    deep = refusal([*wild.chain, der(ROOT.certificate)], record, names=["a.mx.there.test"])
    assert deep is ResultType.CERTIFICATE_HOST_MISMATCH


def test_with_usage_2_the_dates_matter() -> None:
    record = sha256(2, 0, der(ROOT.certificate))
    expired = ROOT.issue("mx.there.test", days=-1)
    wrong = refusal([*expired.chain, der(ROOT.certificate)], record)
    assert wrong is ResultType.CERTIFICATE_EXPIRED


def test_what_is_no_certificate_is_refused() -> None:
    record = sha256(3, 1, spki(MX.certificate))
    assert refusal([], record) is ResultType.VALIDATION_FAILURE
    assert refusal([b"\x30\x82"], record) is ResultType.VALIDATION_FAILURE
    check([MX.chain[0], b"rubbish"], record)


def test_a_chain_of_a_thousand_certificates_is_not_followed() -> None:
    record = sha256(2, 0, der(ROOT.certificate))
    chain = [MX.chain[0], *[der(OTHER.certificate)] * 1000, MX.chain[1], der(ROOT.certificate)]
    began = time.process_time()
    assert refusal(chain, record) is ResultType.VALIDATION_FAILURE
    assert time.process_time() - began < 0.5


# Which records count

RECORD = f"3 1 1 {hashlib.sha256(b'key').hexdigest()}"
USABLE = Tlsa(3, 1, 1, hashlib.sha256(b"key").digest())
ZONE = {"mx.there.test": {"A": "192.0.2.1"}, "_25._tcp.mx.there.test": {"TLSA": RECORD}}


def resolver(server: DnsServer) -> Resolver:
    return Resolver([server.nameserver], FakeClock(), timeout=1, attempts=1)


async def test_signed_records_count() -> None:
    async with DnsServer(ZONE) as server:
        server.authentic = True
        found = await published(resolver(server), "mx.there.test", 25)
        assert found == Published("mx.there.test", (USABLE,))


async def test_without_dnssec_nobody_is_even_asked() -> None:
    async with DnsServer(ZONE) as server:
        assert await published(resolver(server), "mx.there.test", 25) is None
        assert server.asked("_25._tcp.mx.there.test", "TLSA") == 0


async def test_a_resolver_far_away_is_not_believed_when_it_vouches() -> None:
    async with DnsServer(ZONE) as server:
        server.authentic = True
        far = Resolver([server.nameserver], FakeClock(), trust_ad=False)
        assert await published(far, "mx.there.test", 25) is None


async def test_other_ports_have_records_of_their_own() -> None:
    async with DnsServer(ZONE) as server:
        server.authentic = True
        assert await published(resolver(server), "mx.there.test", 587) is None


async def test_records_of_no_use_still_say_that_mail_must_be_encrypted() -> None:
    async with DnsServer(ZONE) as server:
        server.authentic = True
        server.set("_25._tcp.mx.there.test", "TLSA", f"1 1 1 {'00' * 32}")
        found = await published(resolver(server), "mx.there.test", 25)
        assert found == Published("mx.there.test", ())


@pytest.mark.parametrize("trouble", [Trouble.SERVFAIL, Trouble.SILENCE])
async def test_a_failed_lookup_is_no_leave_to_go_on_without(trouble: Trouble) -> None:
    async with DnsServer(ZONE) as server:
        server.authentic = True
        server.trouble("_25._tcp.mx.there.test", trouble)
        with pytest.raises(Fault) as caught:
            await published(resolver(server), "mx.there.test", 25)
        assert caught.value.kind is Kind.UNAVAILABLE


async def test_records_at_the_end_of_signed_aliases_come_first() -> None:
    async with DnsServer(ZONE) as server:
        server.authentic = True
        server.set("alias.test", "CNAME", "mx.there.test.")
        server.set("_25._tcp.alias.test", "TLSA", f"3 1 1 {'00' * 32}")
        found = await published(resolver(server), "alias.test", 25)
        assert found == Published("mx.there.test", (USABLE,))
        server.remove("_25._tcp.mx.there.test")
        found = await published(resolver(server), "alias.test", 25)
        assert found is not None
        assert found.base == "alias.test"
