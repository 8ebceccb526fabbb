from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire import newlines

PIECES = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"\x85\xff"]), max_size=12)


@pytest.mark.parametrize("data", [b"", b"a", b"a\r\n", b"\r\n\r\n", b"\x85\x0b\x0c\x1c"])
def test_pairs_of_cr_and_lf_are_clean(data: bytes) -> None:
    assert not newlines.has_bare(data)
    assert newlines.first_bare(data) == -1
    assert newlines.normalise(data) is data


@pytest.mark.parametrize(
    ("data", "at", "mended"),
    [
        (b"a\nb", 1, b"a\r\nb"),
        (b"a\r", 1, b"a\r\n"),
        (b"\r\r\n", 0, b"\r\n\r\n"),
        (b"\r\n\n", 2, b"\r\n\r\n"),
        (b"a\r\nb\n\r", 4, b"a\r\nb\r\n\r\n"),
    ],
)
def test_the_first_lone_cr_or_lf_is_found_and_mended(data: bytes, at: int, mended: bytes) -> None:
    assert newlines.has_bare(data)
    assert newlines.first_bare(data) == at
    assert newlines.normalise(data) == mended


@given(PIECES)
def test_the_quick_check_agrees_with_the_definition(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    assert newlines.has_bare(data) == bool(re.search(rb"[\r\n]", data.replace(b"\r\n", b"")))
    assert not newlines.has_bare(newlines.normalise(data))


@given(
    st.integers(0, 5),
    st.integers(0, 5),
    st.integers(0, 5),
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from(b"\r\na")), max_size=2),
)
def test_lines_of_one_length_with_any_octet_changed_are_judged_the_same(
    head: int, width: int, tail: int, changes: list[tuple[int, int]]
) -> None:
    data = bytearray(b"a" * head + b"\r\n" + (b"a" * width + b"\r\n") * 4 + b"a" * tail)
    for at, octet in changes:
        data[at % len(data)] = octet
    octets = bytes(data)
    assert newlines.has_bare(octets) == bool(re.search(rb"\r(?!\n)|(?<!\r)\n", octets))
