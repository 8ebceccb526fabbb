from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire import dane
from merpati.wire.dane import Tlsa, usable

SHA256 = hashlib.sha256(b"key").digest()
SHA512 = hashlib.sha512(b"key").digest()


@pytest.mark.parametrize(
    "record",
    [
        Tlsa(0, 1, 1, SHA256), Tlsa(1, 1, 1, SHA256), Tlsa(4, 1, 1, SHA256), Tlsa(3, 2, 1, SHA256),
        Tlsa(3, 1, 3, SHA256), Tlsa(3, 1, 1, SHA256[:-1]), Tlsa(3, 1, 2, SHA256),
        Tlsa(3, 1, 0, b""), Tlsa(2, 0, 0, bytes(dane.MAX_DATA + 1)), Tlsa(255, 255, 255, b"x"),
    ],
)  # fmt: skip
def test_records_that_cannot_vouch_for_a_mail_server_do_not_count(record: Tlsa) -> None:
    assert usable([record]) == ()
    assert usable([record, Tlsa(3, 1, 1, SHA256)]) == (Tlsa(3, 1, 1, SHA256),)


def test_the_stronger_digest_wins_for_the_same_usage_and_selector() -> None:
    weak, strong, whole = Tlsa(3, 1, 1, SHA256), Tlsa(3, 1, 2, SHA512), Tlsa(3, 1, 0, b"key")
    other = Tlsa(2, 1, 1, SHA256)
    assert usable([weak, strong, whole, other]) == (strong, whole, other)


def test_a_selector_chooses_between_certificate_and_key() -> None:
    assert Tlsa(3, 1, 1, SHA256).matches(b"certificate", b"key")
    assert not Tlsa(3, 0, 1, SHA256).matches(b"certificate", b"key")
    assert Tlsa(3, 0, 0, b"certificate").matches(b"certificate", b"key")
    assert Tlsa(2, 1, 2, SHA512).matches(b"certificate", b"key")


@given(st.lists(st.builds(
    Tlsa, st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.binary(max_size=70)
), max_size=40))  # fmt: skip
def test_no_record_makes_trouble(records: list[Tlsa]) -> None:
    found = usable(records)
    assert len(found) <= dane.MAX_RECORDS
    assert not any(one.matches(b"a", b"b") and one.matching for one in found)


def test_the_record_to_publish_fits_the_key() -> None:
    record = dane.of_key(b"key")
    assert str(record) == f"3 1 1 {SHA256.hex()}"
    assert usable([record]) == (record,)
