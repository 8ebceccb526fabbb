"""Sequence sets: `1:3,7,9:*`, read, written and laid over a mailbox.

A set names messages by number or by UID and may name four thousand million of
them in twelve bytes, so it is never expanded by itself. A session holds the
ascending UIDs of its mailbox as one array; `positions` (for UIDs) and `numbers`
(for sequence numbers) both answer with ranges of indices into that array, which
slice it at C speed.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from merpati.base.faults import SyntaxFault

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NUMBER_MAX: Final = 2**32 - 1  # RFC 3501 9: nz-number is below 4,294,967,296
ELEMENTS_MAX: Final = 10_000  # ours: more do not fit into a line of 64 KiB anyway
REMEMBERED_MAX: Final = 32  # octets of a set that is remembered; ours

_COLON: Final = ord(":")
STAR: Final = 0  # how `*` is stored; no message has this number

_GRAMMAR: Final = re.compile(
    rb"(?:[1-9][0-9]{0,9}|\*)(?::(?:[1-9][0-9]{0,9}|\*))?"
    rb"(?:,(?:[1-9][0-9]{0,9}|\*)(?::(?:[1-9][0-9]{0,9}|\*))?)*"
)


class SequenceSet(msgspec.Struct, frozen=True):
    """A set as the client wrote it, in its order, overlaps and all (RFC 3501 9).

    `ranges` holds (first, last) pairs, either way round, `STAR` for `*`.
    `saved` is the set `$`, the result of the last search (RFC 5182): it has no
    ranges, and only the session knows what it stands for.
    """

    ranges: tuple[tuple[int, int], ...]
    saved: bool = False

    @property
    def single(self) -> int:
        """The one number that is named, not as a range nor by `*`; 0 when it is not so."""
        if len(self.ranges) != 1:
            return 0
        first, last = self.ranges[0]
        return first if first == last else 0

    def resolve(self, largest: int) -> list[tuple[int, int]]:
        """The set as ascending (low, high) pairs that neither touch nor overlap.

        `largest` is what `*` stands for: the greatest UID or number in use. In an
        empty mailbox it is 0, and elements with `*` name nothing.
        """
        if len(self.ranges) == 1:  # nearly always
            first, last = self.ranges[0]
            low, high = first or largest, last or largest
            if low > high:
                low, high = high, low
            return [(low, high)] if low else []
        pairs: list[tuple[int, int]] = []
        for first, last in self.ranges:
            low, high = first or largest, last or largest
            if low > high:
                low, high = high, low
            if low:
                pairs.append((low, high))
        pairs.sort()
        merged: list[tuple[int, int]] = []
        if not pairs:
            return merged
        start, end = pairs[0]
        for low, high in pairs:
            if low > end + 1:
                merged.append((start, end))
                start, end = low, high
            elif high > end:
                end = high
        merged.append((start, end))
        return merged

    def positions(self, uids: Sequence[int]) -> list[range]:
        """Where the UIDs of this set stand in `uids` (ascending): index ranges from 0.

        UIDs that do not exist are left out, as RFC 3501 6.4.8 wants. Costs two
        binary searches per element, whatever the width of its range.
        """
        found: list[range] = []
        if not uids:
            return found
        size = len(uids)
        start = 0
        for low, high in self.resolve(uids[-1]):
            start = bisect_left(uids, low, start, size)
            if start == size:
                break
            if uids[start] <= high:
                stop = start + 1 if low == high else bisect_right(uids, high, start, size)
                found.append(range(start, stop))
                start = stop
        return found

    def numbers(self, count: int) -> list[range]:
        """The sequence numbers of this set in a mailbox of `count`: index ranges from 0.

        Numbers above `count` are left out; see `exceeds` for those who object.
        """
        return [
            range(low - 1, min(high, count)) for low, high in self.resolve(count) if low <= count
        ]

    def exceeds(self, count: int) -> bool:
        """True when a sequence number above `count` is named (RFC 3501 9, seq-number)."""
        for first, last in self.ranges:
            if first > count or last > count:
                return True
        return not count and bool(self.ranges)

    def covers(self, number: int, largest: int) -> bool:
        """True when the set names `number`; meant for sets of a few elements."""
        return any(low <= number <= high for low, high in self.resolve(largest))

    def render(self) -> bytes:
        """The set as it was read."""
        if self.saved:
            return b"$"
        return b",".join(
            _number(a) if a == b else b"%b:%b" % (_number(a), _number(b)) for a, b in self.ranges
        )


SAVED: Final = SequenceSet((), saved=True)


def parse(text: bytes) -> SequenceSet:
    """Read a set; short ones such as `1:*` are remembered.

    Raises:
        SyntaxFault: not a set, a number of 2**32 or more, or too many elements.
    """
    return _remembered(text) if len(text) <= REMEMBERED_MAX else _parse(text)


@lru_cache(maxsize=1024)
def _remembered(text: bytes) -> SequenceSet:
    return _parse(text)


def _parse(text: bytes) -> SequenceSet:
    if not _GRAMMAR.fullmatch(text):
        if text == b"$":
            return SAVED
        raise SyntaxFault("a sequence set is numbers, ranges and * joined by commas")
    if text.count(b",") >= ELEMENTS_MAX:
        raise SyntaxFault(f"a sequence set may have at most {ELEMENTS_MAX:,} elements")
    text = text.replace(b"*", b"0")
    if _COLON not in text:
        numbers = list(map(int, text.split(b",")))
        ranges = tuple(zip(numbers, numbers, strict=True))
        highest = max(numbers)
    else:
        pairs = [element.partition(b":") for element in text.split(b",")]
        ranges = tuple([(int(a), int(b or a)) for a, _, b in pairs])
        highest = max(map(max, ranges))
    if highest > NUMBER_MAX:
        raise SyntaxFault("a message number is below 4294967296")
    return SequenceSet(ranges)


def compress(numbers: Iterable[int]) -> bytes:
    """Ascending, distinct numbers as the shortest set: `1:3,7`; nothing gives `b""`."""
    if isinstance(numbers, range) and numbers.step == 1:
        return render_ranges([numbers])
    parts: list[bytes] = []
    start = end = -2
    for number in numbers:
        if number == end + 1:
            end = number
            continue
        if end >= 0:
            parts.append(b"%d" % start if start == end else b"%d:%d" % (start, end))
        start = end = number
    if end >= 0:
        parts.append(b"%d" % start if start == end else b"%d:%d" % (start, end))
    return b",".join(parts)


def render_ranges(ranges: Iterable[range]) -> bytes:
    """Ranges of numbers (step 1) as a set, in their order; empty ones are left out."""
    return b",".join(
        b"%d" % span.start if len(span) == 1 else b"%d:%d" % (span.start, span.stop - 1)
        for span in ranges
        if span
    )


def _number(value: int) -> bytes:
    return b"%d" % value if value else b"*"
