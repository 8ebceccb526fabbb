from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.model.uids import added, coarse, compress, expand, ranges, union, without

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


small = st.sets(st.integers(1, 40)).map(sorted)


@given(small, small)
def test_sets_are_added_and_taken_away_by_their_runs(one: list[int], other: list[int]) -> None:
    assert added(compress(one), compress(other)) == compress(sorted({*one, *other}))
    assert without(compress(one), compress(other)) == compress(sorted({*one} - {*other}))


def test_a_set_of_billions_costs_no_more_than_its_runs() -> None:
    text = "1:4294967295"
    assert without(text, "7,9:11") == "1:6,8,12:4294967295"
    assert added("1:6,8,12:4294967295", "7,9:11") == text


@given(small, st.integers(1, 9))
def test_a_coarse_set_holds_all_and_has_few_runs(uids: list[int], most: int) -> None:
    text = coarse(compress(uids), most)
    assert len(list(ranges(text))) <= most
    assert set(uids) <= set(expand(text))
    assert coarse(compress(uids), len(uids) + 1) == compress(uids)


def test_the_narrowest_gaps_are_closed() -> None:
    assert coarse("1,3,10,20:21,24", 3) == "1:3,10,20:24"
