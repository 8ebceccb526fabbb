"""Sets of UIDs in the compact form "1:3,7": the change log's own, and every protocol's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


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
