from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire.jmap import values
from merpati.wire.jmap.faults import MethodFault
from merpati.wire.jmap.values import Argument, needed


@pytest.mark.parametrize("good", ["a", "A-_9", "x" * 255])
def test_an_id_is_safe_characters(good: str) -> None:
    assert values.is_id(good)


@pytest.mark.parametrize("bad", ["", "x" * 256, "a b", "ä", "a\n", "#a", 1, None, True])
def test_anything_else_is_no_id(bad: Any) -> None:
    assert not values.is_id(bad)


@pytest.mark.parametrize("good", [0, -1, 2**53 - 1])
def test_whole_numbers_of_53_bits_are_ints(good: int) -> None:
    assert values.is_int(good)


@pytest.mark.parametrize("bad", [2**53, 1.0, True, "1", None])
def test_other_numbers_are_not(bad: Any) -> None:
    assert not values.is_int(bad)


@pytest.mark.parametrize(
    ("date", "at"),
    [
        ("2014-10-30T14:12:00+08:00", 1414649520000),
        ("2014-10-30T06:12:00Z", 1414649520000),
        ("2014-10-30T06:12:00.5Z", 1414649520500),
        ("2014-10-30T06:12:00.000Z", 1414649520000),
        ("2016-12-31T23:59:60Z", 1483228799000),
    ],
)
def test_dates_are_read(date: str, at: int) -> None:
    assert values.is_date(date)
    assert values.milliseconds(date) == at


@pytest.mark.parametrize(
    "bad",
    [
        "2014-10-30t06:12:00Z", "2014-10-30T06:12:00z", "2014-10-30T06:12:00.Z",
        "2014-02-30T06:12:00Z", "2014-10-30", "2014-10-30T06:12:00", 7, "2014-10-30T24:00:00Z",
    ],
)  # fmt: skip
def test_what_is_no_date_is_told(bad: Any) -> None:
    assert not values.is_date(bad)


@given(st.integers(0, 4_000_000_000))
def test_a_date_comes_back_as_it_was(seconds: int) -> None:
    date = values.utc_date(seconds * 1000)
    assert values.is_utc_date(date)
    assert values.milliseconds(date) == seconds * 1000


TABLE = {"accountId": needed(values.is_id), "ids": Argument(values.list_of(values.is_id)),
         "limit": Argument(values.is_unsigned, 5)}  # fmt: skip


def test_arguments_get_their_defaults() -> None:
    found = values.check_arguments({"accountId": "u1", "limit": None}, TABLE)
    assert found == {"accountId": "u1", "ids": None, "limit": 5}


@pytest.mark.parametrize(
    ("given_", "named"),
    [
        ({}, "accountId"),
        ({"accountId": "u1", "x": 1}, "x"),
        ({"accountId": "u1", "ids": "a"}, "ids"),
        ({"accountId": None}, "accountId"),
        ({"accountId": "u1", "limit": -1}, "limit"),
    ],
)
def test_wrong_arguments_are_named(given_: dict[str, Any], named: str) -> None:
    with pytest.raises(MethodFault) as refused:
        values.check_arguments(given_, TABLE)
    assert refused.value.arguments()["type"] == "invalidArguments"
    assert refused.value.arguments()["arguments"] == [named]
