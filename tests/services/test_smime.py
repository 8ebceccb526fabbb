"""Signatures made by OpenSSL, judged here."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from merpati.services.smime import Smime, SmimeSettings, Verdict
from merpati.wire.mime import tree
from tests.support.smime import BODY, Authority, Person, openssl, sign

NOW = time.time() + 86_400  # well after the certificates are made, and before they expire


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("smime"))


@pytest.fixture(scope="module")
def ana(authority: Authority) -> Person:
    return authority.issue("ana@example.org")


def judge(
    content: bytes, authority: Authority | None, sender: str = "Ana@example.org", at: float = NOW
) -> Verdict | None:
    files = (str(authority.certificate),) if authority else ()
    smime = Smime(SmimeSettings(authorities=files))
    return smime.verdict(content, tree.parse(content), [sender], at)


@pytest.mark.parametrize(
    "more",
    [
        (), ("-nodetach",), ("-md", "sha512"), ("-keyid",),
        ("-keyopt", "rsa_padding_mode:pss"), ("-noattr",),
    ],
)  # fmt: skip
def test_a_good_signature_is_verified(
    authority: Authority, ana: Person, more: tuple[str, ...]
) -> None:
    found = judge(sign(ana, *more), authority)
    assert found == Verdict("signed/verified", (), ("ana@example.org",))


def test_a_key_on_an_elliptic_curve_is_as_good(authority: Authority) -> None:
    found = judge(sign(authority.issue("eve@example.org", "ec")), authority, "eve@example.org")
    assert found is not None
    assert found.status == "signed/verified"


def test_a_changed_message_fails(authority: Authority, ana: Person) -> None:
    found = judge(sign(ana).replace(b" noon", b" nine"), authority)
    assert found is not None
    assert found.status == "signed/failed"
    assert "changed" in found.errors[0]


def test_somebody_elses_signature_fails(authority: Authority, ana: Person) -> None:
    found = judge(sign(ana), authority, "budi@example.org")
    assert found is not None
    assert found.errors == ("It was signed by ana@example.org, and not by the sender.",)


def test_an_unknown_authority_is_named(ana: Person, tmp_path: Path) -> None:
    found = judge(sign(ana), Authority.make(tmp_path, "other"))
    assert found is not None
    assert "CN=authority" in found.errors[0]


def test_a_certificate_counts_while_it_is_valid(authority: Authority, ana: Person) -> None:
    for at in (NOW - 30 * 86400, NOW + 25 * 86400):
        found = judge(sign(ana), authority, at=at)
        assert found is not None
        assert "not valid at that time" in found.errors[0]


def test_sha_1_proves_nothing(authority: Authority, ana: Person) -> None:
    found = judge(sign(ana, "-md", "sha1"), authority)
    assert found is not None
    assert "SHA1" in found.errors[0]


def test_what_is_encrypted_stays_unknown(ana: Person) -> None:
    raw = openssl("cms", "-encrypt", "-aes256", str(ana.certificate), data=BODY)
    content = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert judge(content, None) == Verdict("unknown")


def test_a_message_without_smime_has_no_verdict() -> None:
    assert judge(b"Subject: hi\r\n\r\nhello\r\n", None) is None


def test_a_broken_signature_fails_and_harms_nobody(authority: Authority, ana: Person) -> None:
    whole = sign(ana)
    cut = whole.index(b"MII") if b"MII" in whole else len(whole) - 800
    for end in range(cut, len(whole) - 150, 97):
        found = judge(whole[:end] + b"\r\n", authority)
        assert found is None or found.status == "signed/failed"
