from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire import multidrop


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (b"X-Original-To: Ana@B.id\r\nDelivered-To: pop@isp.example\r\n", ["ana@b.id"]),
        (b"Delivered-To: pop@isp.example\r\nEnvelope-To: ana@b.id, budi@b.id\r\n",
         ["ana@b.id", "budi@b.id"]),
        ((b"Received: from a by b with SMTP id 1\r\n for <budi@b.id>; now\r\n"
         b"Received: from c by d for <eva@b.id>; before\r\n"), ["budi@b.id"]),
        ((b"Received: from a by b for <pop@isp.example>; now\r\n"
         b"Received: from c by d for eva@b.id; before\r\n"), ["eva@b.id"]),
        (b"To: ana@b.id\r\nCc: budi@b.id\r\n", []),
        (b"X-Original-To: ana@b.id.example\r\n", []),
    ],
)  # fmt: skip
def test_what_servers_noted_says_who_was_meant(header: bytes, found: list[str]) -> None:
    assert multidrop.recipients(header + b"\r\nX-Original-To: body@b.id\r\n", "b.id") == found


def test_there_is_a_limit_to_recipients() -> None:
    many = b", ".join(b"a%d@b.id" % n for n in range(300))
    found = multidrop.recipients(b"X-Original-To: " + many + b"\r\n\r\n", "b.id")
    assert len(found) == multidrop.RECIPIENTS_MAX


@given(st.binary(max_size=300))
def test_any_header_names_somebody_or_nobody(header: bytes) -> None:
    found = multidrop.recipients(b"Envelope-To: " + header, "b.id")
    assert all(address.endswith("@b.id") for address in found)
