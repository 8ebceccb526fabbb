from __future__ import annotations

import re
from hashlib import sha256

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from merpati.wire.dkim.canonical import BodyHash, Form, hash_body, relax_field
from tests.support.growth import LINEAR, growth

PIECES = st.lists(
    st.sampled_from([b" ", b"\t", b"\r\n", b"\r", b"\n", b"a", b"  ", b"\r\n\r\n", b"word"]),
    max_size=30,
)
EMPTY = sha256(b"").digest()
CRLF = sha256(b"\r\n").digest()


def whole(body: bytes, form: Form) -> bytes:
    """RFC 6376 3.4.3 and 3.4.4 by the letter."""
    if form == "relaxed":
        lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
        body = b"\r\n".join(lines)
    while body.endswith(b"\r\n"):
        body = body[:-2]
    return body + b"\r\n" if body or form == "simple" else b""


def test_the_body_of_the_rfc_in_both_forms() -> None:
    body = b" C \r\nD \t E\r\n\r\n\r\n"  # RFC 6376 3.4.5
    assert hash_body(body, 0, "relaxed") == sha256(b" C\r\nD E\r\n").digest()
    assert hash_body(body, 0, "simple") == sha256(b" C \r\nD \t E\r\n").digest()


def test_fields_of_the_rfc_in_relaxed_form() -> None:
    assert relax_field(b"a", b" X") == b"a:X\r\n"
    assert relax_field(b"b", b" Y\t\r\n\tZ  ") == b"b:Y Z\r\n"


@pytest.mark.parametrize("body", [b"", b"\r\n", b"\r\n\r\n\r\n"])
def test_an_empty_body_is_a_line_end_when_simple_and_nothing_when_relaxed(body: bytes) -> None:
    assert hash_body(body, 0, "simple") == CRLF
    assert hash_body(body, 0, "relaxed") == EMPTY


@given(PIECES, st.sampled_from(["simple", "relaxed"]))
@example([b"a", b" ", b"\r\n", b" ", b" "], "relaxed")
@example([b"\n", b"\r\n", b"\r", b"\r\n"], "simple")
def test_chunks_of_any_size_hash_like_the_whole_by_the_letter(
    pieces: list[bytes], form: Form
) -> None:
    wanted = sha256(whole(b"".join(pieces), form)).digest()
    body = BodyHash(form)
    for piece in pieces:
        body.update(piece)
    assert body.digest() == wanted
    assert hash_body(b"".join(pieces), 0, form) == wanted


@pytest.mark.parametrize("unit", [b" ", b"\t", b"\r\n", b"\r", b" \r\n", b" \r", b"\n\r\n", b"a  "])
def test_time_grows_with_the_body_only(unit: bytes) -> None:
    assert growth(lambda data: hash_body(data, 0, "relaxed"), unit, 200_000) < LINEAR
