from __future__ import annotations

import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base import values
from merpati.base.secrets import Secret


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15m", 900),
        ("5d", 432_000),
        ("1h30m", 5_400),
        ("2w", 1_209_600),
        ("250ms", 0.25),
        ("1.5s", 1.5),
        ("0s", 0),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert values.duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("50MB", 50 << 20),
        ("50 mb", 50 << 20),
        ("50MiB", 50 << 20),
        ("2g", 2 << 30),
        ("1.5KB", 1536),
        ("1T", 1 << 40),
        ("10", 10),
        ("9007199254740993", 9_007_199_254_740_993),
        ("10B", 10),
    ],
)
def test_sizes(text: str, count: int) -> None:
    assert values.size(text) == count


@pytest.mark.parametrize("text", ["", "m", "15", "15 m", "-5m", "5y", "1.m", "\u0665m", "1m" * 40])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        values.duration(text)


@pytest.mark.parametrize("text", ["", "MB", "-1MB", "5XB", "1e3", "\u0665MB", "9" * 80])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        values.size(text)


@given(st.text(alphabet="0123456789.wdhmsKMGTiB ", max_size=80))
def test_any_text_is_a_value_or_a_value_error(text: str) -> None:
    for read in (values.duration, values.size):
        with suppress(ValueError):
            assert read(text) >= 0


@given(st.integers(0, 10**12 - 1))
def test_durations_and_sizes_read_back(number: int) -> None:
    assert values.duration(values.duration_text(number)) == number
    assert values.size(values.size_text(number)) == number


@pytest.mark.parametrize(
    ("kind", "unit", "raw", "value"),
    [
        ("bool", "", True, True),
        ("int", "", 5, 5),
        ("int", "s", "15m", 900),
        ("int", "s", 900, 900),
        ("int", "bytes", "2KB", 2048),
        ("float", "", 5, 5.0),
        ("float", "s", "250ms", 0.25),
        ("str", "", "a", "a"),
        ("Path", "", "a/b", Path("a/b")),
        ("Secret", "", "a", Secret("a")),
        ("tuple[str, ...]", "", ["a", "b"], ("a", "b")),
        ("tuple[str, ...]", "", "a", ("a",)),
        ("tuple[int, ...]", "s", [1, "2m"], (1, 120)),
    ],
)
def test_conversions(kind: str, unit: str, raw: object, value: Any) -> None:
    found = values.convert(kind, unit, raw)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "unit", "raw"),
    [
        ("bool", "", 1),
        ("bool", "", "true"),
        ("int", "", True),
        ("int", "", 5.0),
        ("int", "", "5"),
        ("int", "", "15m"),
        ("int", "s", "1.5s"),
        ("int", "s", "soon"),
        ("float", "", True),
        ("float", "", float("inf")),
        ("float", "", float("nan")),
        ("float", "", 10**400),
        ("float", "", "5"),
        ("str", "", 5),
        ("str", "", ["a"]),
        ("Path", "", ""),
        ("Path", "", "a\0b"),
        ("Secret", "", 5),
        ("tuple[int, ...]", "", [1, "a"]),
    ],
)
def test_nothing_is_guessed(kind: str, unit: str, raw: object) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        values.convert(kind, unit, raw)


@given(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.lists(st.text(st.characters(exclude_categories=["Cs"])))
)
def test_what_is_written_as_toml_reads_back(value: object) -> None:
    assert tomllib.loads(f"x = {values.to_toml(value)}") == {"x": value}


def test_durations_and_sizes_are_written_in_their_shortest_text() -> None:
    assert values.to_toml(900, "s") == '"15m"'
    assert values.to_toml(0.5, "s") == '"0.5s"'
    assert values.to_toml(50 << 20, "bytes") == '"50MB"'
    assert values.to_toml(1000, "bytes") == "1000"
    assert values.to_toml((60, 90), "s") == '["1m", "90s"]'
