"""Putting what was found in order (RFC 5256 3), without holding anybody up.

Python sorts a list in one go, during which the event loop stands still: 100,000 texts take
a tenth of a second. So a long list is first dealt out to buckets whose bounds come from a
sample of it; each bucket is sorted by itself.
"""

from __future__ import annotations

import asyncio
from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import islice
from operator import le, lt
from typing import Any, Final, TypeVar

from merpati.model import criteria as c
from merpati.services.finding.answers import same
from merpati.services.finding.columns import TEXTS, Column
from merpati.services.finding.finder import Finder, Source, spans
from merpati.services.finding.pages import SPAN
from merpati.store import finding

T = TypeVar("T")

AT_ONCE: Final = 4096  # values sorted in one go: about 1 ms
SAMPLED: Final = 128  # one of so many values says where buckets end
COLUMNS: Final = {
    c.SortBy.SUBJECT: Column.BASE_SUBJECT,
    c.SortBy.DATE: Column.SENT_AT,
    c.SortBy.FROM: Column.LOCAL_FROM,
    c.SortBy.TO: Column.LOCAL_TO,
    c.SortBy.CC: Column.LOCAL_CC,
    c.SortBy.DISPLAY_FROM: Column.DISPLAY_FROM,
    c.SortBy.DISPLAY_TO: Column.DISPLAY_TO,
}
ROWS: Final = {
    c.SortBy.ARRIVAL: "received_at",
    c.SortBy.SIZE: "size",
    c.SortBy.KEYWORD: "keywords",
}

PASSING: Final = frozenset({c.SortBy.KEYWORD, c.SortBy.RELEVANCY})  # not the message's own


async def sort(
    finder: Finder,
    source: Source,
    uids: Sequence[int],
    keys: Sequence[c.SortKey],
    scores: Mapping[int, float] | None = None,
) -> list[int]:
    """Ascending UIDs of a mailbox in the order of `keys`; what they leave equal, by UID.

    A message that is gone since it was found comes first. `scores` as in `Found`.
    """
    question = tuple(keys)
    lasts = PASSING.isdisjoint([key.by for key in keys])
    known = finder.answers.get(_mailbox(source), question, uids) if lasts else None
    if known is not None:
        return known[0].tolist()
    columns = [await values(finder, source, uids, key, scores or {}) for key in keys]
    places = await order(columns, [key.reverse for key in keys])
    found = list(map(uids.__getitem__, places))
    if lasts:
        finder.answers.put(_mailbox(source), question, uids, (array("I", found),))
    return found


async def order(columns: Sequence[Sequence[Any]], reverse: Sequence[bool]) -> Sequence[int]:
    """The places of a table's rows when sorted by its columns, the first being the main one."""
    places: Sequence[int] = range(len(columns[0])) if columns else ()
    for column, backwards in zip(reversed(columns), reversed(reverse), strict=True):
        places = await _ordered(places, column, backwards)
    return places


async def _ordered(places: Sequence[int], column: Sequence[Any], backwards: bool) -> Sequence[int]:
    """Places sorted by their values in a column; equal ones keep their order."""
    value = column.__getitem__
    if places == range(len(column)):  # whatever is in order already, as dates of arrival mostly are
        rises = all(map(lt if backwards else le, column, islice(column, 1, None)))
        if rises:
            return places[::-1] if backwards else places
    if len(places) <= AT_ONCE:
        return sorted(places, key=value, reverse=backwards)
    if backwards:  # so that equal ones stand in order when all is turned round at the end
        places = places[::-1]
    pieces: list[list[int]] = []
    for start in range(0, len(places), AT_ONCE):
        pieces.append(sorted(places[start : start + AT_ONCE], key=value))
        await asyncio.sleep(0)
    # Each bucket takes its share of every piece: runs in order, which Python merges fast.
    sample = sorted([value(place) for piece in pieces for place in piece[::SAMPLED]])
    step = AT_ONCE // SAMPLED
    starts = [0] * len(pieces)
    found: list[int] = []
    for bound in [*sample[step::step], None]:
        bucket: list[int] = []
        for n, piece in enumerate(pieces):
            end = len(piece) if bound is None else bisect_left(piece, bound, starts[n], key=value)
            bucket += piece[starts[n] : end]
            starts[n] = end
        bucket.sort(key=value)
        found += bucket
        await asyncio.sleep(0)
    if backwards:
        found.reverse()
    return found


async def values(
    finder: Finder,
    source: Source,
    uids: Sequence[int],
    key: c.SortKey,
    scores: Mapping[int, float],
) -> Sequence[Any]:
    """What messages are sorted by: a value for each of ascending UIDs."""
    if key.by is c.SortBy.RELEVANCY:
        return [-scores.get(uid, 0.0) for uid in uids]
    if key.by in COLUMNS:
        return await column_of(finder, source, uids, COLUMNS[key.by])
    if key.by is c.SortBy.KEYWORD:
        there = await finder.find(Source(*_mailbox(source), uids), c.Keyword(key.keyword))
        held = set(there.uids)
        return [uid in held for uid in uids]
    found: list[int] = []
    for part in spans(uids, AT_ONCE):
        known, numbers = await finder.store.read(
            finding.numbers, *_mailbox(source), part[0], part[-1], ROWS[key.by]
        )
        found += _values_of(part, known, numbers, 0)
        await asyncio.sleep(0)
    return found


def _mailbox(source: Source) -> tuple[int, int]:
    return source.account_id, source.mailbox_id


def _values_of(
    uids: Sequence[int], known: Sequence[int], there: Sequence[T], absent: T
) -> Sequence[T]:
    """What stands at each UID, out of those that are known."""
    if same(known, uids):
        return there
    held = dict(zip(known, there, strict=True))
    return [held.get(uid, absent) for uid in uids]


async def column_of(
    finder: Finder, source: Source, uids: Sequence[int], column: Column
) -> list[Any]:
    """A column of the header pages: a value for each of ascending UIDs."""
    found: list[Any] = []
    absent: Any = "" if column in TEXTS else 0
    for part in spans(uids, SPAN):
        page = await finder.pages.load(source.account_id, source.mailbox_id, part, column)
        found += _values_of(part, page.uids, page.values(column), absent)
        await asyncio.sleep(0)
    await finder.pages.settle()
    return found
