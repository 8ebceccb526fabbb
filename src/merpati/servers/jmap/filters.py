"""Filters (RFC 8620 5.5) whose shape has been checked: what they ask, and what meets them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def conditions(filter_: Any) -> set[str]:
    """The names of the conditions that a filter uses."""
    if not filter_:
        return set()
    if "operator" in filter_:
        return set().union(*map(conditions, filter_["conditions"]))
    return set(filter_)


def matches(
    one: Mapping[str, Any], filter_: Any, meets: Callable[[Mapping[str, Any], str, Any], bool]
) -> bool:
    """Whether an object meets a filter whose shape has been checked.

    Args:
        one: The object.
        filter_: Of RFC 8620 5.5; its depth is bounded (`querying.FILTER_DEPTH`).
        meets: Whether it meets one condition, by its name and value.
    """
    if not filter_:
        return True
    if "operator" in filter_:
        results = (matches(one, inner, meets) for inner in filter_["conditions"])
        if filter_["operator"] == "AND":
            return all(results)
        wanted: bool = filter_["operator"] == "OR"
        return any(results) is wanted
    return all(meets(one, name, value) for name, value in filter_.items())
