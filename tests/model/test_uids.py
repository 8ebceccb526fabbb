from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.model.uids import compress, expand, ranges, union

numbers = st.sets(st.integers(1, 2**32 - 1), max_size=50).map(sorted)
runs = st.lists(st.integers(1, 5), max_size=20)


@pytest.mark.parametrize(
    ("uids", "text"),
    [
        ([], ""),
        ([7], "7"),
        ([1, 2, 3], "1:3"),
        ([1, 3], "1,3"),
        ([1, 2, 3, 7, 9, 10], "1:3,7,9:10"),
    ],
)
def test_a_set_and_its_text(uids: list[int], text: str) -> None:
    assert compress(uids) == text
    assert expand(text) == uids


@given(numbers)
def test_what_was_compressed_expands_to_the_same(uids: list[int]) -> None:
    assert expand(compress(uids)) == uids


@given(st.lists(st.integers(1, 60), unique=True).map(sorted))
def test_dense_sets_too_and_no_two_runs_touch(uids: list[int]) -> None:
    text = compress(uids)
    assert expand(text) == uids
    found = list(ranges(text))
    assert all(last + 1 < first for (_, last), (first, _) in pairwise(found))


@given(st.lists(st.lists(st.integers(1, 60), unique=True).map(sorted), max_size=5))
def test_a_union_is_that_of_sets(many: list[list[int]]) -> None:
    assert union(compress(uids) for uids in many) == sorted(set().union(*many))


def test_a_million_in_one_run_is_as_short_as_any() -> None:
    assert compress(range(1, 1_000_001)) == "1:1000000"
