from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merpati.wire.mime import comments
from tests.support.growth import LINEAR, growth


@pytest.mark.parametrize(
    ("raw", "masked"),
    [
        (b"a (b) c", b"a     c"),
        (b"(a (b (c)) d)e", b"             e"),
        (b"(a\\)b)c", b"      c"),
        (b'"(a)" (b)', b'"(a)"    '),
        (b'(a "b) c', b"       c"),
        (b"a (b", b"a (b"),
        (b"((a) b", b"(    b"),
        (b"a) b", b"a) b"),
        (b'" (a)', b'"    '),
        (b"\\(a)", b"\\(a)"),
    ],
)
def test_closed_comments_are_masked(raw: bytes, masked: bytes) -> None:
    assert comments.mask(raw) == masked


@given(st.text('()"\\a ', max_size=40))
@settings(max_examples=300)
def test_spans_are_apart_in_order_and_bracketed(text: str) -> None:
    raw = text.encode()
    at = 0
    for start, end in comments.spans(raw):
        assert at <= start < end
        assert raw[start : start + 1] == b"("
        assert raw[end - 1 : end] == b")"
        at = end
    assert len(comments.mask(raw)) == len(raw)


def test_three_thousand_nested_comments_are_one() -> None:
    assert comments.spans(b"(" * 3_000 + b")" * 3_000) == [(0, 6_000)]


@pytest.mark.parametrize("unit", [b"(", b"()", b"(()", b")", b'"', b"\\", b'("', b'"\\(', b"((a)"])
def test_time_grows_with_the_value_and_no_faster(unit: bytes) -> None:
    assert growth(comments.spans, unit, 40_000) <= LINEAR
