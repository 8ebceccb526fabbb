from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire.sieve.budget import DEFAULT, Budget, Limits, Stopped
from merpati.wire.sieve.matching import (
    MAX_PATTERN,
    How,
    complaint,
    count,
    find,
    glob,
    order,
    quote_regex,
    quote_wildcards,
)


def budget() -> Budget:
    return Budget(DEFAULT)


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=12))
def test_a_glob_finds_what_a_backtracking_search_finds(pattern: str, text: str) -> None:
    pieces = {"*": "(.*?)", "?": "(.)"}
    slow = re.fullmatch("".join(pieces.get(char, char) for char in pattern), text)
    found = glob(text, pattern, "i;octet", budget())
    assert found == (None if slow is None else (text, *slow.groups()))


@given(st.text(max_size=20))
def test_a_quoted_text_matches_itself_and_nothing_else(text: str) -> None:
    assert glob(text, quote_wildcards(text), "i;octet", budget()) == (text,)
    assert glob(text + "x", quote_wildcards(text), "i;octet", budget()) is None
    way = How("regex", "i;octet")
    assert find([text], [f"^{quote_regex(text)}$"], way, budget()) is not None


@pytest.mark.parametrize(
    ("comparator", "value", "key", "holds"),
    [
        ("i;ascii-casemap", "FOO", "foo", True),
        ("i;ascii-casemap", "CAFÉ", "café", False),
        ("i;unicode-casemap", "CAFÉ", "café", True),
        ("i;unicode-casemap", "cafe\u0301", "CAF\u00c9", True),
        ("i;octet", "FOO", "foo", False),
        ("i;ascii-numeric", "007 bond", "7", True),
        ("i;ascii-numeric", "x", "y", True),
        ("i;ascii-numeric", "8" * 6_000, "8" * 6_000, True),
    ],
)
def test_comparators_tell_what_is_equal(comparator: str, value: str, key: str, holds: bool) -> None:
    assert (find([value], [key], How("is", comparator), budget()) is not None) is holds


def test_letters_are_ordered_in_upper_case() -> None:
    """RFC 4790 9.2.1: what stands between Z and a is greater than all letters."""
    for other in "[\\]^_`":
        for letter in "aAzZ":
            assert order("i;ascii-casemap")(other) > order("i;ascii-casemap")(letter)


def test_numbers_are_ordered_as_numbers_and_no_number_is_the_highest() -> None:
    numeric = order("i;ascii-numeric")
    assert numeric("9") < numeric("10") < numeric("100 x") < numeric("")


@pytest.mark.parametrize(
    ("relation", "holds"),
    [("gt", False), ("ge", True), ("lt", False), ("le", True), ("eq", True), ("ne", False)],
)
def test_relations(relation: str, holds: bool) -> None:
    way = How("value", "i;ascii-numeric", relation)
    assert (find(["3"], ["3"], way, budget()) is not None) is holds
    assert (count(3, ["3"], How("count", "i;ascii-numeric", relation)) is not None) is holds


def test_too_long_a_pattern_matches_nothing() -> None:
    assert glob("a" * 9_000, "*" * (MAX_PATTERN + 1), "i;octet", budget()) is None
    assert "longer than" in complaint("a" * (MAX_PATTERN + 1))


def test_an_expression_is_of_posix_and_without_case() -> None:
    way = How("regex")
    match = find(["Say YES now"], ["(y|yes)"], way, budget())
    assert match is not None
    assert match.groups[1].lower() in {"y", "yes"}
    assert find(["x1"], ["^[[:alpha:]][[:digit:]]$"], way, budget()) is not None
    assert "invalid" in complaint("(a)\\1").lower()


def test_work_is_counted_before_it_is_done() -> None:
    small = Budget(Limits(work=100))
    with pytest.raises(Stopped):
        glob("a" * 100_000, "*a?" * 100 + "b", "i;octet", small)
