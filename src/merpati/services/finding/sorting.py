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
from operator import eq, le, lt
from typing import Any, Final, TypeVar

from merpati.model import criteria as c
from merpati.services.finding.answers import dense, same
from merpati.services.finding.columns import TEXTS, Column
from merpati.services.finding.finder import Finder, Source, spans
from merpati.services.finding.orders import Order
from merpati.services.finding.pages import SPAN
from merpati.store import finding

T = TypeVar("T")

AT_ONCE: Final = 4096  # values sorted in one go: about 1 ms
LARGE: Final = 1024  # messages of a mailbox whose orders are kept
FEW: Final = 256  # messages that are put into a known order one by one
AFRESH: Final = 16  # when one in so many has come, all are put in order again
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

    `source` has all UIDs of the mailbox. A message that is gone since it was found comes
    first. `scores` as in `Found`.
    """
    if len(keys) == 1 and keys[0].by in COLUMNS and _is_most(uids, source.uids):
        whole = await _whole(finder, source, COLUMNS[keys[0].by])
        if not same(whole.members, uids):
            whole = await whole.among(uids)
        if len(whole.uids) == len(uids):
            return whole.told(reverse=keys[0].reverse)
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


def _is_most(uids: Sequence[int], of: Sequence[int]) -> bool:
    """Whether the order of a whole mailbox is worth having for these."""
    return len(of) >= LARGE and 2 * len(uids) > len(of)


async def _whole(finder: Finder, source: Source, column: Column) -> Order:
    """The order of a whole mailbox by a column."""
    mailbox, uids = _mailbox(source), source.uids
    known = await finder.orders.get(mailbox, column)
    if known is not None:
        if same(known.members, uids):
            return known
        found = await _followed(finder, source, column, known)
        if found is not None:
            if len(known.members) < 2 * len(uids):
                finder.orders.remember(mailbox, column, found)
            else:  # nobody else need read what is gone
                finder.orders.keep(mailbox, column, found)
            await finder.pages.settle()
            return found
    values, is_all = await _column_of(finder, source, uids, column)
    places = await order([values], [False])
    ties = bytearray(1)
    for start in range(0, len(places), AT_ONCE):
        some = list(map(values.__getitem__, places[start : start + AT_ONCE + 1]))
        ties += bytes(map(eq, some, islice(some, 1, None)))
        await asyncio.sleep(0)
    found = Order(dense(uids), array("I", map(uids.__getitem__, places)), bytes(ties))
    if is_all:
        finder.orders.keep(mailbox, column, found)
    await finder.pages.settle()
    return found


async def _followed(finder: Finder, source: Source, column: Column, known: Order) -> Order | None:
    """A known order with what came since and without what went; None if that is too much."""
    uids, count = source.uids, len(known.members)
    more: Sequence[int]
    if same(known.members, uids[:count]):
        more = uids[count:]
    else:
        known = await known.among(uids)
        held = set(known.members)
        more = [uid for uid in uids if uid not in held]
    if len(more) > min(FEW, len(uids) // AFRESH):
        return None
    values = _Values(finder, source, column)
    try:
        return await known.with_more(uids, more, values.of) if more else known
    except KeyError:  # gone, so that nobody can tell any more where it stands
        return None


class _Values:
    """What messages are sorted by, out of those pages that are asked for."""

    __slots__ = ("_column", "_finder", "_pages", "_source")

    def __init__(self, finder: Finder, source: Source, column: Column) -> None:
        self._finder = finder
        self._source = source
        self._column = column
        self._pages: dict[int, dict[int, Any]] = {}

    async def of(self, uid: int) -> Any:
        """Of one message. Raises KeyError when it is gone."""
        number = uid // SPAN
        known = self._pages.get(number)
        if known is None:
            uids = self._source.uids
            first = bisect_left(uids, number * SPAN)
            part = uids[first : bisect_left(uids, (number + 1) * SPAN, first)]
            page = await self._finder.pages.load(*_mailbox(self._source), part, self._column)
            known = dict(zip(page.uids, page.values(self._column), strict=True))
            self._pages[number] = known
            await asyncio.sleep(0)
        return known[uid]


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
    found, _ = await _column_of(finder, source, uids, column)
    await finder.pages.settle()
    return found


async def _column_of(
    finder: Finder, source: Source, uids: Sequence[int], column: Column
) -> tuple[list[Any], bool]:
    """The same, and whether all of these messages are there."""
    found: list[Any] = []
    is_all = True
    absent: Any = "" if column in TEXTS else 0
    for part in spans(uids, SPAN):
        page = await finder.pages.load(*_mailbox(source), part, column)
        is_all = is_all and (same(page.uids, part) or set(page.uids).issuperset(part))
        found += _values_of(part, page.uids, page.values(column), absent)
        await asyncio.sleep(0)
    return found, is_all
