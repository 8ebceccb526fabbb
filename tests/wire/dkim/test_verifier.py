from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from merpati.wire.asking import Question
from merpati.wire.dkim import DkimResult, DkimVerdict, keys, verify
from merpati.wire.dkim import tags as tag_list
from merpati.wire.dkim.canonical import hash_body
from merpati.wire.dkim.keys import SigningKey
from merpati.wire.dkim.verifier import MAX_SIGNATURES
from tests.support import signing
from tests.support.signing import LETTER, NOW
from tests.support.zone import Zone

VECTORS = Path(__file__).parents[2] / "corpora" / "dkim"


def check(message: bytes, zone: Zone | None = None) -> DkimResult:
    (result,) = (zone or signing.zone()).answer(verify(message, NOW))
    return result


def make(key: SigningKey | None = None, message: bytes = LETTER, **changes: str) -> bytes:
    """A signed message whose signature has some tags of its own; "" leaves a tag out."""
    key = key or signing.key("ed25519")
    body_start = message.index(b"\r\n\r\n") + 4
    tags = {
        "v": "1",
        "a": key.algorithm,
        "c": "relaxed/relaxed",
        "d": key.domain,
        "s": key.selector,
        "h": "from:to:subject",
        "bh": tag_list.base64(hash_body(message, body_start, "relaxed")).decode(),
    } | changes
    text = "; ".join(f"{name}={value}" for name, value in tags.items() if value)
    field = b"DKIM-Signature: " + text.encode() + b"; b="
    content = keys_content(field + b"\r\n" + message)
    return field + tag_list.base64(key.sign(content)) + b"\r\n" + message


def keys_content(message: bytes) -> bytes:
    """What the topmost signature signs, by the letter of RFC 6376 3.7, fields unfolded."""
    lines = message.partition(b"\r\n\r\n")[0].split(b"\r\n")
    fields = [(name.lower(), value) for name, _, value in (line.partition(b":") for line in lines)]
    own, others = fields[0], fields[1:]
    names = dict(part.strip().split(b"=", 1) for part in own[1].split(b";") if b"=" in part)
    parts = []
    for name in names.get(b"h", b"").split(b":"):
        for field in reversed(others):
            if field[0] == name.strip().lower():
                others.remove(field)
                parts.append(field[0] + b":" + b" ".join(field[1].split()) + b"\r\n")
                break
    return keys.digest_of([*parts, own[0] + b":" + b" ".join(own[1].split())])


@pytest.mark.parametrize("name", ["rfc6376-a", "rfc8463-a"])
def test_the_vectors_of_the_standards_pass(name: str) -> None:
    published = json.loads((VECTORS / "keys.json").read_text())
    zone = Zone({owner: {"TXT": text} for owner, text in published.items()})
    message = (VECTORS / f"{name}.eml").read_bytes()
    results = zone.answer(verify(message, NOW))
    assert {one.verdict for one in results} == {DkimVerdict.PASS}
    assert {one.algorithm for one in results} >= {"rsa-sha256"}
    assert len(results) == message.count(b"DKIM-Signature:")
    changed = zone.answer(verify(message.replace(b"hungry", b"thirsty"), NOW))
    assert {one.reason for one in changed} == {"the body was changed after it was signed"}
    forged = zone.answer(verify(message.replace(b"<joe@", b"<jim@"), NOW))
    assert {one.verdict for one in forged} == {DkimVerdict.FAIL}


def test_a_message_without_signatures_asks_nothing() -> None:
    zone = signing.zone()
    assert zone.answer(verify(LETTER, NOW)) == ()
    assert zone.answer(verify(b"", NOW)) == ()
    assert zone.questions == []


def test_the_letter_by_letter_signer_of_these_tests_is_right() -> None:
    assert check(make()).verdict is DkimVerdict.PASS


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({"h": "to:subject"}, DkimVerdict.PERMERROR, "the From field is not signed"),
        ({"x": str(NOW - 1)}, DkimVerdict.PERMERROR, "the signature expired on 2025-06-15"),
        ({"i": "ani@example.com"}, DkimVerdict.NEUTRAL, "does not belong to example.org"),
        ({"i": "ani@badexample.org"}, DkimVerdict.NEUTRAL, "does not belong to example.org"),
        ({"a": "rsa-sha1"}, DkimVerdict.NEUTRAL, "rsa-sha1"),
        ({"a": "rsa-sha512"}, DkimVerdict.NEUTRAL, "is not known"),
        ({"v": "2"}, DkimVerdict.NEUTRAL, "version"),
        ({"v": ""}, DkimVerdict.NEUTRAL, '"v" is missing'),
        ({"bh": ""}, DkimVerdict.NEUTRAL, '"bh" is missing'),
        ({"h": ""}, DkimVerdict.NEUTRAL, '"h" is missing'),
        ({"c": "nowsp"}, DkimVerdict.NEUTRAL, "canonicalization"),
        ({"q": "http"}, DkimVerdict.NEUTRAL, "not in the DNS"),
        ({"d": "org"}, DkimVerdict.NEUTRAL, "not a domain that can sign"),
        ({"d": "example..org"}, DkimVerdict.NEUTRAL, "not a domain that can sign"),
        ({"s": "a b"}, DkimVerdict.NEUTRAL, "not a selector"),
        ({"t": "1e9"}, DkimVerdict.NEUTRAL, "not a number"),
        ({"t": "10", "x": "9"}, DkimVerdict.NEUTRAL, "before it was made"),
        ({"s": "other"}, DkimVerdict.PERMERROR, "there is no key at other._domainkey.example.org"),
    ],
)
def test_a_signature_that_cannot_count_says_why(
    changes: dict[str, str], verdict: DkimVerdict, reason: str
) -> None:
    result = check(make(None, LETTER, **changes))
    assert (result.verdict, reason in result.reason) == (verdict, True), result


def test_an_identity_below_the_domain_is_aligned_unless_the_key_forbids_it() -> None:
    key = signing.key("ed25519")
    message = make(i="=41ni@lists.example.org")
    result = check(message)
    assert (result.verdict, result.identity) == (DkimVerdict.PASS, "Ani@lists.example.org")
    zone = Zone({key.name: {"TXT": keys.record(key) + "; t=s"}})
    assert "below its domain" in check(message, zone).reason
    assert check(make(), zone).verdict is DkimVerdict.PASS


def test_a_signature_of_a_part_of_the_body_says_nothing_about_what_was_appended() -> None:
    length = str(len(LETTER.partition(b"\r\n\r\n")[2]))
    message = make(l=length)
    assert check(message).verdict is DkimVerdict.PASS  # nothing was appended
    result = check(message + b"<b>Pay here</b>\r\n")
    assert result.verdict is DkimVerdict.POLICY
    assert f"only the first {length} octets" in result.reason
    nothing = tag_list.base64(keys.digest_of([])).decode()
    assert check(make(l="0", bh=nothing)).verdict is DkimVerdict.POLICY


def test_a_second_from_field_above_the_signed_one_spoils_the_signature() -> None:
    result = check(b"From: boss@example.org\r\n" + make())
    assert result.verdict is DkimVerdict.POLICY
    assert not result.covers_from
    both = b"From: boss@example.org\r\n" + LETTER
    assert check(make(message=both, h="from:from:to")).covers_from


def test_a_second_subject_above_the_signed_one_is_remarked() -> None:
    result = check(b"Subject: other\r\n" + make())
    assert result.verdict is DkimVerdict.PASS
    assert "not all of these fields are signed: Subject" in result.reason


def test_fields_count_from_the_bottom() -> None:
    letter = b"To: a@example.org\r\n" + LETTER
    assert check(make(message=letter, h="from:to")).verdict is DkimVerdict.PASS
    moved = make(message=letter, h="from:to").replace(b"a@example.org", b"b@example.org")
    assert check(moved).verdict is DkimVerdict.PASS
    both = make(message=letter, h="from:to:to").replace(b"a@example.org", b"b@example.org")
    assert check(both).verdict is DkimVerdict.FAIL


@pytest.mark.parametrize(
    ("record", "verdict", "reason"),
    [
        ("v=DKIM1; p=", DkimVerdict.PERMERROR, "revoked"),
        ("v=DKIM1; k=ed25519; h=sha1; {p}", DkimVerdict.PERMERROR, "does not allow sha256"),
        ("v=DKIM1; k=ed25519; s=tlsrpt; {p}", DkimVerdict.PERMERROR, "not for mail"),
        ("v=spf1 -all", DkimVerdict.PERMERROR, "of no use"),
        ("v=DKIM1; k=ed25519; s=tlsrpt:email; h=sha256; {p}", DkimVerdict.PASS, ""),
        ("v=DKIM1; k=ed25519; t=y; {p}", DkimVerdict.PASS, "only testing"),
    ],
)
def test_what_the_key_record_says_counts(record: str, verdict: DkimVerdict, reason: str) -> None:
    key = signing.key("ed25519")
    public = "p=" + keys.record(key).partition("p=")[2]
    result = check(make(), Zone({key.name: {"TXT": record.replace("{p}", public)}}))
    assert (result.verdict, reason in result.reason) == (verdict, True), result


def test_the_key_must_be_of_the_kind_that_signed() -> None:
    zone = Zone({signing.key("ed25519").name: {"TXT": keys.record(signing.key("rsa"))}})
    assert "is for rsa" in check(make(), zone).reason


def test_a_domain_that_is_only_testing_is_not_blamed_for_a_failure() -> None:
    key = signing.key("ed25519")
    zone = Zone({key.name: {"TXT": keys.record(key) + "; t=y"}})
    result = check(make().replace(b"Laporan", b"Lapor"), zone)
    assert (result.verdict, result.testing) == (DkimVerdict.NEUTRAL, True)


def test_a_rubbish_record_beside_the_key_does_no_harm() -> None:
    key = signing.key("ed25519")
    zone = Zone({key.name: {"TXT": ["google-site-verification=1", keys.record(key)]}})
    assert check(make(), zone).verdict is DkimVerdict.PASS


def test_a_dns_that_does_not_answer_is_a_temporary_error() -> None:
    key = signing.key("ed25519")
    result = check(make(), signing.zone(failing=(key.name,)))
    assert result.verdict is DkimVerdict.TEMPERROR
    assert "do not answer" in result.reason


@pytest.mark.parametrize(
    ("bits", "verdict", "reason"),
    [(1024, DkimVerdict.PASS, "the key is weak: 1024 bits"), (2048, DkimVerdict.PASS, "")],
)
def test_a_short_rsa_key_passes_with_a_remark(bits: int, verdict: DkimVerdict, reason: str) -> None:
    private = rsa.generate_private_key(65537, bits)
    key = SigningKey("example.org", f"b{bits}", "rsa", private)
    result = check(make(key), Zone({key.name: {"TXT": keys.record(key)}}))
    assert (result.verdict, result.reason, result.bits) == (verdict, reason, bits)


def test_an_rsa_key_below_1024_bits_proves_nothing() -> None:
    # Made elsewhere: the library does not make them any more.
    numbers = rsa.RSAPublicNumbers(65537, (1 << 767) + 1)
    data = numbers.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    record = f"v=DKIM1; p={tag_list.base64(data).decode()}"
    key = signing.key()
    result = check(make(key), Zone({key.name: {"TXT": record}}))
    assert (result.verdict, result.bits) == (DkimVerdict.POLICY, 768)
    assert "768 bits is too short" in result.reason


def test_only_so_many_signatures_are_looked_at() -> None:
    zone = signing.zone()
    field = make().removesuffix(LETTER)
    results = zone.answer(verify(field * 50 + LETTER, NOW))
    assert len(results) == len(zone.questions) == MAX_SIGNATURES


def test_a_domain_in_utf_8_is_asked_for_with_a_labels() -> None:
    key = SigningKey(
        "xn--mnchen-3ya.example", "ed255191", "ed25519", signing.key("ed25519").private
    )
    zone = Zone({key.name: {"TXT": keys.record(key)}})
    result = check(make(key, d="münchen.example", i="ö@münchen.example"), zone)
    assert result.verdict is DkimVerdict.PASS, result
    assert result.domain == "xn--mnchen-3ya.example"
    assert zone.questions == [Question("ed255191._domainkey.xn--mnchen-3ya.example", "TXT")]


def test_a_header_too_long_to_be_read_whole_proves_nothing() -> None:
    result = check(make().replace(b"\r\n\r\nSel", b"\r\n" + b"X: y\r\n" * 3000 + b"\r\nSel"))
    assert (result.verdict, result.reason) == (
        DkimVerdict.PERMERROR,
        "the header is too long to be verified",
    )
