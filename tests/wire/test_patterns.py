"""What every regular expression of the parsers keeps to."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest

import merpati.wire

SINGLE = {codes.ANY, codes.IN, codes.LITERAL, codes.NOT_LITERAL, codes.RANGE, codes.CATEGORY}


def patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Every pattern that a module of the wire has at its top, with its name."""
    for module in pkgutil.walk_packages(merpati.wire.__path__, "merpati.wire."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, re.Pattern):
                yield f"{module.name}.{name}", value


def repeats_a_group_possessively(tree: Any) -> bool:
    """Whether `(...)*+`, `(...)++` or `(...)?+` stands anywhere in a parsed pattern."""
    for code, argument in tree:
        if code is codes.POSSESSIVE_REPEAT:
            body = argument[2]
            if len(body) != 1 or body[0][0] not in SINGLE:
                return True
        inner = argument if isinstance(argument, tuple | list) else [argument]
        stack = list(inner)
        while stack:
            piece = stack.pop()
            if isinstance(piece, parser.SubPattern):
                if repeats_a_group_possessively(piece):
                    return True
            elif isinstance(piece, tuple | list):
                stack += piece
    return False


def test_there_are_patterns() -> None:
    assert len(list(patterns())) > 200


@pytest.mark.parametrize(("name", "pattern"), [(name, found) for name, found in patterns()])
def test_no_group_is_repeated_possessively(name: str, pattern: re.Pattern[Any]) -> None:
    """CPython before 3.11.5, which distributions ship, matches such patterns wrongly."""
    assert not repeats_a_group_possessively(parser.parse(pattern.pattern, pattern.flags)), name


@pytest.mark.parametrize("pattern", ['"(?:[^"]|a)*+"', "(?:ab)?+", "a(b(?:c|dd)++)"])
def test_one_that_does_is_found(pattern: str) -> None:
    assert repeats_a_group_possessively(parser.parse(pattern))


def test_one_character_repeated_possessively_is_no_group() -> None:
    assert not repeats_a_group_possessively(parser.parse(r"[ab]*+c++.?+(?:x[^y]*+)*"))
