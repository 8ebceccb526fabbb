"""Sets of UIDs in the compact form "1:3,7": the change log's own, and every protocol's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise


def compress(numbers: Sequence[int]) -> str:
    """Ascending distinct numbers as a set."""
    if not numbers:
        return ""
    if numbers[-1] - numbers[0] == len(numbers) - 1:  # one run: the common case
        return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}:{numbers[-1]}"
    parts = []
    first = last = numbers[0]
    for number in numbers[1:]:
        if number != last + 1:
            parts.append(str(first) if first == last else f"{first}:{last}")
            first = number
        last = number
    parts.append(str(first) if first == last else f"{first}:{last}")
    return ",".join(parts)


def ranges(text: str) -> Iterator[tuple[int, int]]:
    """The runs of a set, both ends included."""
    for part in text.split(","):
        if part:
            first, _, last = part.partition(":")
            yield int(first), int(last or first)


def expand(text: str) -> list[int]:
    """Every number of a set."""
    numbers: list[int] = []
    for first, last in ranges(text):
        numbers.extend(range(first, last + 1))
    return numbers


def union(texts: Iterable[str]) -> list[int]:
    """Every number that stands in any of the sets, ascending."""
    found: set[int] = set()
    for text in texts:
        for first, last in ranges(text):
            found.update(range(first, last + 1))
    return sorted(found)


def added(text: str, more: str) -> str:
    """The numbers of two sets as one, however many they are: only runs are looked at."""
    runs: list[tuple[int, int]] = []
    for first, last in sorted([*ranges(text), *ranges(more)]):
        if runs and first <= runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], max(last, runs[-1][1]))
        else:
            runs.append((first, last))
    return _written(runs)


def without(text: str, less: str) -> str:
    """The numbers of a set that are not in another, as `added`."""
    gone = list(ranges(less))
    left: list[tuple[int, int]] = []
    at = 0
    for first, last in ranges(text):
        while at < len(gone) and gone[at][1] < first:
            at += 1
        here = first
        while at < len(gone) and gone[at][0] <= last:
            if gone[at][0] > here:
                left.append((here, gone[at][0] - 1))
            here = gone[at][1] + 1
            if here > last:
                break
            at += 1
        if here <= last:
            left.append((here, last))
    return _written(left)


def coarse(text: str, most: int) -> str:
    """A set of so many runs at most that holds a set and, in its smallest gaps, more."""
    runs = list(ranges(text))
    if len(runs) <= most:
        return text
    gaps = sorted(range(1, len(runs)), key=lambda n: runs[n - 1][1] - runs[n][0])  # widest first
    cuts = [0, *sorted(gaps[: most - 1]), len(runs)]
    return _written([(runs[low][0], runs[high - 1][1]) for low, high in pairwise(cuts)])


def _written(runs: Iterable[tuple[int, int]]) -> str:
    return ",".join([str(first) if first == last else f"{first}:{last}" for first, last in runs])
