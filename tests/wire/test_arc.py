from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from merpati.wire import arc
from merpati.wire.arc import ArcResult, ArcVerdict
from merpati.wire.dkim import DkimVerdict, keys, verify
from merpati.wire.dkim.keys import SigningKey
from tests.support import signing
from tests.support.signing import NOW
from tests.support.zone import Zone

SUITE = Path(__file__).parents[1] / "corpora" / "arc" / "validation.json"
RESULTS = b"mx.example.org; spf=pass smtp.mailfrom=example.org; dkim=pass header.d=example.org"


def cases() -> Iterator[Any]:
    for number, group in enumerate(json.loads(SUITE.read_text())):
        records = {name: {"TXT": text} for name, text in group["txt-records"].items()}
        for test in group["tests"]:
            # Where the suite leaves it open, the newest seal itself says that the chain failed.
            wanted = ArcVerdict(test["cv"].strip().lower() or "fail")
            yield pytest.param(
                test["message"].replace("\n", "\r\n").encode(),
                Zone(records),
                wanted,
                id=f"{number}-{test['name']}",
            )


@pytest.mark.parametrize(("message", "zone", "wanted"), list(cases()))
def test_the_public_suite(message: bytes, zone: Zone, wanted: ArcVerdict) -> None:
    result = zone.answer(arc.validate(message, NOW))
    assert result.verdict is wanted, result
    assert bool(result.reason) is (wanted is ArcVerdict.FAIL)


def test_the_suite_is_there_as_a_whole() -> None:
    assert len(list(cases())) == 175  # 171 names; four stand twice


def hop(message: bytes, zone: Zone, number: int) -> bytes:
    """One host more on the way, with its own key."""
    chain = zone.answer(arc.validate(message, NOW))
    return arc.seal(message, host(number), RESULTS, chain, NOW) + message


def host(number: int) -> SigningKey:
    return SigningKey(f"host{number}.example", "s", "ed25519", signing.key("ed25519").private)


@pytest.fixture
def zone() -> Zone:
    return signing.zone(signing.key("rsa"), *(host(n) for n in range(1, 52)))


def test_a_chain_grows_by_every_host_and_says_what_each_found(zone: Zone) -> None:
    message = signing.sign()
    for number in range(1, 4):
        message = b"Received: from a.example\r\n" + hop(message, zone, number)
        result = zone.answer(arc.validate(message, NOW))
        assert result.verdict is ArcVerdict.PASS, result
        assert result.sealers == tuple(f"host{n}.example" for n in range(1, number + 1))
        assert result.results == (RESULTS,) * number
        assert zone.answer(verify(message, NOW))[0].verdict is DkimVerdict.PASS


def test_an_old_message_signature_need_not_hold_when_the_chain_goes_on(zone: Zone) -> None:
    message = hop(signing.sign(), zone, 1)
    chain = zone.answer(arc.validate(message, NOW))
    changed = message.replace(b"Subject: ", b"Subject: [list] ")
    assert zone.answer(arc.validate(changed, NOW)).verdict is ArcVerdict.FAIL
    passed_on = arc.seal(changed, host(2), RESULTS, chain, NOW) + changed
    result = zone.answer(arc.validate(passed_on, NOW))
    assert (result.verdict, result.instance) == (ArcVerdict.PASS, 2)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"pagi", b"siang", "the body was changed"),
        (b"Laporan", b"Lapor", "signed fields were changed"),
        (b"spf=pass", b"spf=fail", "the seal of host2.example (instance 2) does not match"),
        (b"cv=pass", b"cv=none", "instance 2 cannot say cv=none"),
        (b"ARC-Seal: i=1", b"X-Seal: i=1", "not complete"),
        (b"ARC-Seal: i=1", b"ARC-Seal: i=2", "two fields of one kind"),
        (b"ARC-Seal: i=1", b"ARC-Seal: i=51", "not complete"),
        (b"ARC-Seal: i=1", b"ARC-Seal: i=one", "not a number"),
    ],
)
def test_a_chain_that_was_tampered_with_fails_with_its_reason(
    old: bytes, new: bytes, reason: str, zone: Zone
) -> None:
    message = hop(hop(signing.sign(), zone, 1), zone, 2)
    assert old in message
    result = zone.answer(arc.validate(message.replace(old, new), NOW))
    assert result.verdict is ArcVerdict.FAIL
    assert reason in result.reason
    assert result.sealers == ()


def test_the_seal_of_a_broken_chain_says_so_and_ends_it(zone: Zone) -> None:
    message = hop(signing.sign(), zone, 1).replace(b"pagi", b"siang")
    sealed = hop(message, zone, 2)
    assert b"cv=fail" in sealed
    result = zone.answer(arc.validate(sealed, NOW))
    assert (result.verdict, result.ended, result.instance) == (ArcVerdict.FAIL, True, 2)
    assert result.reason == "host2.example found the chain broken (instance 2)"
    assert hop(sealed, zone, 3) == sealed


def test_a_chain_ends_at_fifty_sets(zone: Zone) -> None:
    message = signing.sign()
    chain = ArcResult(ArcVerdict.NONE)
    for number in range(1, 51):
        message = arc.seal(message, host(number), RESULTS, chain, NOW) + message
        chain = ArcResult(ArcVerdict.PASS, instance=number)
    assert zone.answer(arc.validate(message, NOW)).verdict is ArcVerdict.PASS
    assert arc.seal(message, host(51), RESULTS, chain, NOW) == b""
    more = b"ARC-Seal: i=51; a=rsa-sha256\r\n" + message
    assert "more than 50 sets" in zone.answer(arc.validate(more, NOW)).reason


def test_a_dns_that_does_not_answer_fails_for_now(zone: Zone) -> None:
    message = hop(signing.sign(), zone, 1)
    zone.failing.add(host(1).name)
    result = zone.answer(arc.validate(message, NOW))
    assert (result.verdict, result.temporary) == (ArcVerdict.FAIL, True)


def test_a_message_without_a_chain_asks_nothing(zone: Zone) -> None:
    assert zone.answer(arc.validate(signing.LETTER, NOW)) == ArcResult(ArcVerdict.NONE)
    assert zone.questions == []


def test_dkimpy_believes_the_chain_that_is_sealed_here() -> None:
    dkimpy: Any = pytest.importorskip("dkim")
    key = signing.key("rsa")
    record = keys.record(key).encode()
    zone = signing.zone(key)
    message = signing.sign()
    for number in range(1, 4):
        chain = zone.answer(arc.validate(message, NOW))
        message = arc.seal(message, key, RESULTS, chain, NOW) + message
        verdict, found, _reason = dkimpy.arc_verify(message, dnsfunc=lambda *_, **__: record)
        assert (verdict, len(found)) == (b"pass", number)
    spoilt = message.replace(b"pagi", b"siang")
    assert dkimpy.arc_verify(spoilt, dnsfunc=lambda *_, **__: record)[0] == b"fail"


def test_the_chain_that_dkimpy_seals_is_believed_here() -> None:
    dkimpy: Any = pytest.importorskip("dkim")
    pytest.importorskip("authres")
    key = signing.key("rsa")
    private = key.private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    zone = signing.zone(key)
    message = signing.sign()
    for number in range(1, 4):
        found = b"arc=pass" if number > 1 else b"spf=pass smtp.mailfrom=example.org"
        message = b"Authentication-Results: mx.example.org; " + found + b"\r\n" + message
        fields = dkimpy.arc_sign(message, b"rsa1", b"example.org", private, b"mx.example.org")
        message = b"".join(fields) + message.partition(b"\r\n")[2]
        result = zone.answer(arc.validate(message, NOW))
        assert (result.verdict, result.instance) == (ArcVerdict.PASS, number), result
