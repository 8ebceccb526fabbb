from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import sets

NUMBERS = st.one_of(st.integers(1, 12), st.integers(1, sets.NUMBER_MAX))
ENDS = st.one_of(NUMBERS, st.just(sets.STAR))


def naive(written: sets.SequenceSet, present: list[int], largest: int) -> list[int]:
    chosen = []
    for number in present:
        for a, b in written.ranges:
            low, high = sorted((a or largest, b or largest))
            if low <= number <= high:
                chosen.append(number)
                break
    return chosen


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        (b"1", ((1, 1),)),
        (b"*", ((0, 0),)),
        (b"2:4", ((2, 4),)),
        (b"4:2,7", ((4, 2), (7, 7))),
        (b"1:*,*:5", ((1, 0), (0, 5))),
        (b"4294967295", ((4294967295, 4294967295),)),
    ],
)
def test_a_set_is_read_as_it_was_written(text: bytes, ranges: tuple[tuple[int, int], ...]) -> None:
    assert sets.parse(text).ranges == ranges
    assert sets.parse(text).render() == text


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"0",
        b"01",
        b"1,",
        b",1",
        b"1:",
        b":1",
        b"1:2:3",
        b"1 2",
        b"4294967296",
        b"-1",
        b"1:4294967296",
        b"$1",
    ],
)
def test_what_is_no_set_is_refused(text: bytes) -> None:
    with pytest.raises(SyntaxFault):
        sets.parse(text)


def test_too_many_elements_are_refused() -> None:
    assert len(sets.parse(b",".join([b"1"] * sets.ELEMENTS_MAX)).ranges) == sets.ELEMENTS_MAX
    with pytest.raises(SyntaxFault):
        sets.parse(b",".join([b"1"] * (sets.ELEMENTS_MAX + 1)))


def test_the_saved_result_is_read_and_left_to_the_session() -> None:
    assert sets.parse(b"$").saved
    assert sets.parse(b"$").render() == b"$"


def test_the_widest_range_costs_no_memory() -> None:
    uids = array("I", [3, 4, 9, 4_000_000_000])
    assert sets.parse(b"1:4294967295").positions(uids) == [range(4)]
    assert sets.parse(b"1:4294967295").numbers(4) == [range(4)]


def test_star_names_the_last_message_even_below_the_range() -> None:
    uids = [3, 4, 9]
    assert sets.parse(b"100:*").positions(uids) == [range(2, 3)]
    assert sets.parse(b"*:100").positions(uids) == [range(2, 3)]
    assert sets.parse(b"*").numbers(3) == [range(2, 3)]
    assert sets.parse(b"*:1").numbers(3) == [range(3)]


def test_in_an_empty_mailbox_no_set_names_anything() -> None:
    for text in (b"*", b"1:*", b"*:*", b"5", b"1:4294967295"):
        assert sets.parse(text).positions([]) == []
        assert sets.parse(text).numbers(0) == []
        assert sets.parse(text).exceeds(0)


def test_numbers_above_the_last_are_noticed() -> None:
    assert sets.parse(b"1,4").exceeds(3)
    assert not sets.parse(b"1:*").exceeds(3)
    assert sets.parse(b"2:9").numbers(3) == [range(1, 3)]


def test_numbers_are_compressed_into_ranges() -> None:
    assert sets.compress([]) == b""
    assert sets.compress([0, 1]) == b"0:1"
    assert sets.compress([1, 2, 3, 7]) == b"1:3,7"
    assert sets.compress(array("I", [2, 4, 5])) == b"2,4:5"
    assert sets.compress(range(1, 5)) == b"1:4"
    assert sets.render_ranges([range(1, 4), range(5, 5), range(7, 8)]) == b"1:3,7"


@given(st.binary(max_size=40))
def test_any_bytes_are_a_set_or_a_fault(text: bytes) -> None:
    try:
        value = sets.parse(text)
    except SyntaxFault:
        return
    assert value.render() == text or sets.parse(value.render()) == value


@given(st.lists(st.tuples(ENDS, ENDS), min_size=1, max_size=12).map(tuple))
def test_what_is_written_reads_back_the_same(ranges: tuple[tuple[int, int], ...]) -> None:
    value = sets.SequenceSet(ranges)
    assert sets.parse(value.render()) == value


@given(
    st.lists(st.tuples(ENDS, ENDS), min_size=1, max_size=8).map(tuple),
    st.lists(NUMBERS, unique=True, max_size=20).map(sorted),
)
def test_positions_agree_with_counting_by_hand(
    ranges: tuple[tuple[int, int], ...], uids: list[int]
) -> None:
    value = sets.SequenceSet(ranges)
    found = [uids[i] for span in value.positions(uids) for i in span]
    assert found == naive(value, uids, uids[-1] if uids else 0)
    for uid in uids:
        assert value.covers(uid, uids[-1]) == (uid in found)


@given(st.lists(st.tuples(ENDS, ENDS), min_size=1, max_size=8).map(tuple), st.integers(0, 15))
def test_numbers_agree_with_counting_by_hand(
    ranges: tuple[tuple[int, int], ...], count: int
) -> None:
    value = sets.SequenceSet(ranges)
    found = [i + 1 for span in value.numbers(count) for i in span]
    assert found == naive(value, list(range(1, count + 1)), count)


@given(st.lists(st.integers(1, 60), unique=True, min_size=1).map(sorted))
def test_compressing_loses_nothing(numbers: list[int]) -> None:
    value = sets.parse(sets.compress(numbers))
    assert [n for low, high in value.resolve(0) for n in range(low, high + 1)] == numbers


@pytest.mark.parametrize(
    ("text", "single"),
    [(b"7", 7), (b"7:7", 7), (b"7:8", 0), (b"*", 0), (b"7:*", 0), (b"7,9", 0), (b"$", 0)],
)
def test_a_set_of_one_number_says_so(text: bytes, single: int) -> None:
    written = sets.SAVED if text == b"$" else sets.parse(text)
    assert written.single == single
