from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.smime import ber, signed_data


def test_elements_lie_inside_of_elements() -> None:
    found = ber.parse(bytes.fromhex("300a020101040568656c6c6f"))
    assert found.child(0).integer() == 1
    assert found.child(1).octets() == b"hello"


def test_an_indefinite_length_ends_with_two_zeros() -> None:
    found = ber.parse(bytes.fromhex("30800201052480040161040162000000000000"))
    assert found.child(0).integer() == 5
    assert found.child(1).octets() == b"ab"


def test_identifiers_are_read() -> None:
    assert ber.parse(bytes.fromhex("06092a864886f70d010702")).oid() == signed_data.SIGNED_DATA


@pytest.mark.parametrize(
    "data", ["", "30", "3005", "30850000000000", "1f01", "0280", "3080", "3080" * 40, "300302"]
)
def test_what_is_broken_is_refused(data: str) -> None:
    with pytest.raises(SyntaxFault):
        ber.parse(bytes.fromhex(data))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(SyntaxFault):
        ber.parse(data)
    with suppress(SyntaxFault):
        signed_data.parse(data)


@given(st.lists(st.binary(max_size=100), max_size=20))
def test_strings_come_back_as_they_were(values: list[bytes]) -> None:
    inside = b"".join(b"\x04\x81" + bytes([len(one)]) + one for one in values)
    found = ber.parse(b"\x30\x82" + len(inside).to_bytes(2, "big") + inside)
    assert [one.octets() for one in found.children] == values
