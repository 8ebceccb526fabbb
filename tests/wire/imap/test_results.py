from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire.imap import results
from merpati.wire.imap.arguments import Arguments
from merpati.wire.imap.results import Answer, Option, Partial, Returns

partials = st.builds(
    lambda pair, backwards: Partial(min(pair), max(pair), backwards),
    st.tuples(st.integers(1, 2**32 - 1), st.integers(1, 2**32 - 1)),
    st.booleans(),
)


@given(st.frozensets(st.sampled_from(Option)), partials)
def test_options_are_written_as_they_are_read(options: frozenset[Option], partial: Partial) -> None:
    options = (options - {Option.ALL, Option.PARTIAL}) or frozenset({Option.ALL})
    wanted = Returns(options)
    if Option.ALL not in options:
        wanted = Returns(options | {Option.PARTIAL}, partial)
    wire = results.render_returns(wanted)
    assert results.read_returns(Arguments([wire + b" "], 0, b"a")) == wanted


def test_a_search_without_options_has_none() -> None:
    assert results.read_returns(Arguments([b"ALL"], 0, b"a")) is None


@pytest.mark.parametrize(
    ("partial", "expected"),
    [
        (Partial(1, 2), "ab"),
        (Partial(2, 9), "bcd"),
        (Partial(5, 9), ""),
        (Partial(1, 1, True), "d"),
        (Partial(2, 9, True), "abc"),
        (Partial(5, 9, True), ""),
    ],
)
def test_a_range_of_results_counts_from_either_end(partial: Partial, expected: str) -> None:
    assert "".join(map(chr, partial.of([97, 98, 99, 100]))) == expected


def test_an_answer_says_what_is_known() -> None:
    assert results.esearch(Answer(b"a", False)) == b'* ESEARCH (TAG "a")\r\n'
    answer = Answer(
        b'"', True, ("Ü", 7), 1, 9, 3, b"1:2,9", (Partial(1, 2, True), b""), (1, 100), 12,
        [(0, b"4")], [(2, b"7"), (1, b"8")],
    )  # fmt: skip
    assert results.esearch(answer) == (
        b'* ESEARCH (TAG "\\"" MAILBOX "&ANw-" UIDVALIDITY 7) UID MIN 1 MAX 9 ALL 1:2,9 COUNT 3'
        b" PARTIAL (-1:-2 NIL) RELEVANCY (1 100) MODSEQ 12 REMOVEFROM (2 7 1 8) ADDTO (0 4)\r\n"
    )


def test_numbers_are_told_in_one_line() -> None:
    assert results.numbers(b"SEARCH", []) == b"* SEARCH\r\n"
    assert results.numbers(b"SORT", [3, 1], 7) == b"* SORT 3 1 (MODSEQ 7)\r\n"
    assert results.numbers(b"SEARCH", range(1, 4)) == b"* SEARCH 1 2 3\r\n"
