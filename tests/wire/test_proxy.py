from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.proxy import V1_LIMIT, V2_SIGNATURE, Proxied, encode, parse

ANN = Proxied("192.0.2.7", 50000, "198.51.100.1", 25)
SIX = Proxied("2001:db8::7", 50000, "2001:db8::1", 465)
V2_FOUR = (
    V2_SIGNATURE + b"\x21\x11\x00\x0c" + bytes([192, 0, 2, 7, 198, 51, 100, 1])
    + (50000).to_bytes(2, "big") + (25).to_bytes(2, "big")
)  # fmt: skip


@pytest.mark.parametrize("proxied", [ANN, SIX, Proxied()])
def test_a_header_of_version_1_is_read_and_written(proxied: Proxied) -> None:
    header = encode(proxied)
    assert parse(header + b"EHLO c\r\n") == (proxied, len(header))


def test_unknown_may_say_what_it_likes_and_means_the_balancer_itself() -> None:
    assert parse(b"PROXY UNKNOWN ffff::1 ::1 1 2\r\n") == (Proxied(), 31)


def test_a_header_of_version_2_is_read_with_what_else_it_holds() -> None:
    assert parse(V2_FOUR + b"EHLO c\r\n") == (ANN, len(V2_FOUR))
    more = V2_FOUR[:15] + b"\x10" + V2_FOUR[16:] + b"\x04\x00\x01x"  # one further field
    assert parse(more + b"\x16\x03") == (ANN, len(more))
    six = (
        V2_SIGNATURE + b"\x21\x21\x00\x24" + bytes.fromhex("20010db8" + "0" * 22 + "07")
        + bytes.fromhex("20010db8" + "0" * 22 + "01") + b"\xc3\x50\x01\xd1"
    )  # fmt: skip
    assert parse(six) == (SIX, len(six))


def test_a_health_check_of_the_balancer_is_itself() -> None:
    header = V2_SIGNATURE + b"\x20\x00\x00\x00"
    assert parse(header) == (Proxied(), 16)


@pytest.mark.parametrize("header", [encode(ANN), encode(SIX), V2_FOUR])
def test_a_header_that_is_not_all_there_is_waited_for(header: bytes) -> None:
    for n in range(len(header)):
        assert parse(header[:n]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"EHLO c\r\n", b"\x16\x03\x01", b"PROXY TCP4 1.2.3.4\r\n", b"PROXY TCP5 1.2.3.4 ",
        b"PROXY TCP4 ::1 ::1 1 2\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", b"PROXY " + b"x" * V1_LIMIT,
        V2_SIGNATURE + b"\x31\x11\x00\x00", V2_SIGNATURE + b"\x22\x11\x00\x00",
        V2_SIGNATURE + b"\x21\x11\xff\xff", V2_SIGNATURE + b"\x21\x11\x00\x00",
    ],
)  # fmt: skip
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(SyntaxFault):
        parse(data.ljust(V1_LIMIT, b" ") if data.endswith(b" ") else data)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_header_or_a_fault(data: bytes) -> None:
    for start in (b"", b"PROXY ", V2_SIGNATURE + b"\x21"):
        try:
            found = parse(start + data)
        except SyntaxFault:
            continue
        assert found is None or found[1] <= len(start + data)
