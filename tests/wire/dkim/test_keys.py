from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.wire.dkim import keys, tags
from tests.support import signing

DIGEST = keys.digest_of([b"a", b"b"])


@pytest.mark.parametrize("kind", keys.KINDS)
def test_what_the_private_half_signs_the_published_half_verifies(kind: str) -> None:
    key = signing.key(kind)
    record = keys.parse_record(keys.record(key).encode())
    assert record.verifies(key.sign(DIGEST), DIGEST)
    assert not record.verifies(key.sign(DIGEST), keys.digest_of([b"ab", b"c"]))
    assert not record.verifies(b"", DIGEST)
    assert (record.kind, record.testing, record.strict) == (kind, False, False)
    assert record.bits == {"rsa": 2048, "ed25519": 256}[kind]


def test_the_flags_of_a_record_are_read() -> None:
    data = keys.record(signing.key("ed25519")).partition("p=")[2]
    record = keys.parse_record(
        f"k=ed25519; h=sha1 : sha256; s=email; t= y : s; n=note; p={data}".encode()
    )
    assert record.hashes == (b"sha1", b"sha256")
    assert record.services == (b"email",)
    assert record.testing
    assert record.strict


def test_an_empty_key_is_a_revoked_one() -> None:
    assert keys.parse_record(b"v=DKIM1; p=").public is None


def public(private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, form: str = "spki") -> bytes:
    data = private.public_key().public_bytes(
        serialization.Encoding.DER,
        serialization.PublicFormat.SubjectPublicKeyInfo
        if form == "spki"
        else serialization.PublicFormat.PKCS1,
    )
    return b"v=DKIM1; p=" + tags.base64(data)


def test_an_rsa_key_may_be_written_in_either_form() -> None:
    private = rsa.generate_private_key(65537, 1024)
    assert keys.parse_record(public(private)).bits == 1024
    assert keys.parse_record(public(private, "pkcs1")).bits == 1024


def test_keys_that_only_cost_time_are_refused() -> None:
    n = (1 << 8000) + 1
    long = rsa.RSAPublicNumbers(65537, n).public_key()
    data = long.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with pytest.raises(SyntaxFault, match="longer"):
        keys.parse_record(b"p=" + tags.base64(data))
    slow = rsa.RSAPublicNumbers((1 << 500) + 1, (1 << 2047) + 1).public_key()
    data = slow.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with pytest.raises(SyntaxFault, match="exponent"):
        keys.parse_record(b"p=" + tags.base64(data))


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"v=DKIM2; p=AAAA", "v=DKIM1"),
        (b"p=AAAA; v=DKIM1", "v=DKIM1"),
        (b"v=DKIM1; k=rsa", '"p" is missing'),
        (b"v=DKIM1; k=dsa; p=AAAA", "key type"),
        (b"v=DKIM1; p=AAAA", "cannot be read"),
        (b"v=DKIM1; k=ed25519; p=AAAA", "cannot be read"),
        (b"v=DKIM1; p=!", "base64"),
        (b"v=spf1 mx -all", "v=DKIM1"),
        (public(ec.generate_private_key(ec.SECP256R1())), "not an RSA key"),
        (b"p=" + b"A" * keys.MAX_RECORD, "octets"),
    ],
)
def test_a_record_of_no_use_is_refused_with_its_reason(record: bytes, reason: str) -> None:
    with pytest.raises(SyntaxFault, match=reason):
        keys.parse_record(record)


def test_a_short_key_does_not_sign() -> None:
    short = rsa.generate_private_key(65537, 1024).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with pytest.raises(Fault, match="1024 bits") as caught:
        keys.load("example.org", "s", short)
    assert caught.value.kind is Kind.CONFIG
    with pytest.raises(Fault, match="cannot be read") as caught:
        keys.load("example.org", "s", b"rubbish")
    assert caught.value.kind is Kind.CORRUPT


def test_a_record_is_quoted_in_strings_of_255_octets() -> None:
    assert keys.quote("a" * 300) == '"' + "a" * 255 + '" "' + "a" * 45 + '"'
