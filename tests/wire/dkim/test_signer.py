from __future__ import annotations

import pytest

from merpati.base.faults import SyntaxFault
from merpati.wire.dkim import DkimVerdict, sign, verify
from merpati.wire.dkim.signature import parse
from tests.support import signing
from tests.support.signing import LETTER, NOW


def verdict(message: bytes) -> DkimVerdict:
    (result,) = signing.zone().answer(verify(message, NOW))
    return result.verdict


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_what_is_signed_passes(kind: str) -> None:
    message = signing.sign(LETTER, kind)
    (result,) = signing.zone().answer(verify(message, NOW))
    assert result.verdict is DkimVerdict.PASS
    assert (result.domain, result.selector) == ("example.org", f"{kind}1")
    assert result.algorithm == f"{kind}-sha256"
    assert result.reason == ""
    assert result.covers_from


def test_two_signatures_hold_side_by_side() -> None:
    message = signing.sign(LETTER, "rsa", "ed25519")
    results = signing.zone().answer(verify(message, NOW))
    assert [one.verdict for one in results] == [DkimVerdict.PASS] * 2


@pytest.mark.parametrize(
    "field",
    [
        b"From: boss@example.org",
        b"Subject: other",
        b"Reply-To: thief@example.com",
        b"Date: Thu, 11 Apr 2024 11:00:00 +0000",
        b"Cc: all@example.com",
        b"Content-Type: text/html",
        b"In-Reply-To: <2@example.org>",
    ],
)
def test_no_field_that_a_reader_sees_can_be_added(field: bytes) -> None:
    assert verdict(field + b"\r\n" + signing.sign()) is not DkimVerdict.PASS
    below = signing.sign().replace(b"\r\n\r\nSelamat", b"\r\n" + field + b"\r\n\r\nSelamat")
    assert verdict(below) is not DkimVerdict.PASS


@pytest.mark.parametrize("field", [b"Received: by a.example", b"List-Id: <a.example>", b"X-A: b"])
def test_what_relays_add_leaves_the_signature_good(field: bytes) -> None:
    assert verdict(field + b"\r\n" + signing.sign()) is DkimVerdict.PASS


def test_an_unsubscribe_link_is_signed_as_one_click_wants_it() -> None:
    letter = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" + LETTER  # RFC 8058 4
    letter = b"List-Unsubscribe: <https://example.org/u>\r\n" + letter
    message = signing.sign(letter)
    assert verdict(message) is DkimVerdict.PASS
    assert verdict(message.replace(b"org/u>", b"com/u>")) is DkimVerdict.FAIL


def test_the_whole_body_is_always_signed() -> None:
    signature = parse(sign(LETTER, signing.key(), NOW).partition(b":")[2][:-2])
    assert signature.length is None
    assert (signature.header_form, signature.body_form) == ("relaxed", "relaxed")
    assert signature.expires_at is None


def test_a_signature_lives_as_long_as_it_is_told() -> None:
    message = sign(LETTER, signing.key(), NOW, lifetime=60) + LETTER
    ask = signing.zone().answer
    assert ask(verify(message, NOW + 60))[0].verdict is DkimVerdict.PASS
    late = ask(verify(message, NOW + 61))[0]
    assert late.verdict is DkimVerdict.PERMERROR
    assert late.reason == "the signature expired on 2025-06-15 15:07 UTC"


def test_folding_and_white_space_on_the_way_do_no_harm() -> None:
    message = signing.sign().replace(b"Subject: Laporan", b"SUBJECT:\r\n  Laporan  ")
    message = message.replace(b"pagi,  Budi. ", b"pagi, \tBudi.")
    assert verdict(message + b"\r\n\r\n") is DkimVerdict.PASS


def test_a_message_without_a_from_field_is_not_signed() -> None:
    with pytest.raises(SyntaxFault):
        sign(b"To: a@example.org\r\n\r\n", signing.key(), NOW)


@pytest.mark.parametrize("letter", [b"From: a@example.org\r\n", b"From: a@example.org\r\n\r\n"])
def test_a_message_without_a_body_is_signed_too(letter: bytes) -> None:
    assert verdict(signing.sign(letter)) is DkimVerdict.PASS
