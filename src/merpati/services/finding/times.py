"""When the messages of a page came and were sent, at the earliest and at the latest.

Clients ask for what came since some day, and to compare that with each row takes 70 ms in a
mailbox of a million. Mail mostly comes in the order of its UIDs, so nearly all pages lie before
that day, or after it; rows are read of those pages alone that may hold what is looked for. It
need not be so: an import in any order only makes pages that tell little.

Neither time of a message ever changes, and a page that is full gets no further message, so what
is kept of it is never wrong, whatever is removed from it.
"""

from __future__ import annotations

import asyncio
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from functools import reduce
from itertools import chain
from operator import and_, or_
from typing import Final

import msgspec

from merpati.model import criteria as c
from merpati.services.finding.pages import SPAN, Pages
from merpati.services.finding.shelf import Shelf
from merpati.store import finding
from merpati.store.engine import Store

ROOM: Final = 4 << 20  # bytes; a mailbox of a million has 31 KB
FIELD: Final = 129  # among header pages; 128 is that of `keywords`
ROWS: Final = 8  # pages whose rows are read in one turn of the event loop: 1 to 2 ms
MOST: Final = 2**63 - 1
LEAST: Final = -MOST

Place = tuple[int, int]
"""Account and mailbox."""


class Bounds(msgspec.Struct, frozen=True):
    """Of each full page of a mailbox, from the first on.

    A page without messages has `MOST` and `LEAST`, between which there is nothing.

    Attributes:
        came: The earliest and the latest moment when a message came, in Unix milliseconds.
        sent: The first and the last day on which one was sent, from 1970-01-01.
    """

    came: tuple[array[int], array[int]]
    sent: tuple[array[int], array[int]]

    @property
    def count(self) -> int:
        """How many pages these are."""
        return len(self.came[0])

    def pack(self) -> bytes:
        """As `unpack` takes it."""
        return b"".join([column.tobytes() for column in (*self.came, *self.sent)])


def unpack(data: bytes) -> Bounds:
    """What `Bounds.pack` made."""
    columns = [array("q"), array("q"), array("q"), array("q")]
    size = len(data) // len(columns)
    for n, column in enumerate(columns):
        column.frombytes(data[n * size : (n + 1) * size])
    return Bounds((columns[0], columns[1]), (columns[2], columns[3]))


class Times:
    """The bounds of the mailboxes that were searched last."""

    def __init__(self, store: Store, pages: Pages) -> None:
        """`pages`: beside which they are kept."""
        self._store = store
        self._pages = pages
        self._shelf: Shelf[Place, Bounds] = Shelf(ROOM)

    async def possible(
        self, place: Place, uids: Sequence[int], wanted: c.Criterion
    ) -> Sequence[int]:
        """Those of ascending UIDs that may meet a criterion, as far as times tell."""
        if not uids or _mask(wanted, unpack(b"")) is None:
            return uids
        bounds = await self._bounds(place, uids[-1] // SPAN)
        mask = _mask(wanted, bounds)
        if mask is None or 0 not in mask:
            return uids
        parts: list[Sequence[int]] = []
        start = mask.find(1)
        while start >= 0:
            end = mask.find(0, start)
            end = len(mask) if end < 0 else end
            parts.append(uids[bisect_left(uids, start * SPAN) : bisect_left(uids, end * SPAN)])
            start = mask.find(1, end)
        parts.append(uids[bisect_left(uids, len(mask) * SPAN) :])
        left = [part for part in parts if part]
        return left[0] if len(left) == 1 else list(chain.from_iterable(left))

    async def _bounds(self, place: Place, count: int) -> Bounds:
        """The bounds of so many pages at least, which are full."""
        known = self._shelf.get(place)
        if known is None:
            packed = await self._pages.load_whole(*place, FIELD)
            known = unpack(b"" if packed is None else packed)
        elif known.count >= count:
            return known
        columns = [array("q", column) for column in (*known.came, *known.sent)]
        for page in range(known.count, count, ROWS):
            end = min(page + ROWS, count)
            rows = await self._store.read(finding.times, *place, page, end, SPAN)
            found = {row[0]: row[1:] for row in rows}
            for each in range(page, end):
                values = found.get(each, (MOST, LEAST, MOST, LEAST))
                for column, value in zip(columns, values, strict=True):
                    column.append(value)
            await asyncio.sleep(0)
        bounds = Bounds((columns[0], columns[1]), (columns[2], columns[3]))
        packed_now = bounds.pack()
        self._shelf.put(place, bounds, len(packed_now))
        if bounds.count > known.count:
            self._pages.save_whole(*place, FIELD, packed_now)
        return bounds


def _mask(wanted: c.Criterion, bounds: Bounds) -> bytes | None:
    """A byte for each page: 1 if it may hold what meets a criterion; None: times never tell.

    The recursion is as deep as the criterion.
    """
    if isinstance(wanted, c.And | c.Or):
        masks = [_mask(part, bounds) for part in wanted.parts]
        known = [mask for mask in masks if mask is not None]
        if isinstance(wanted, c.And):
            return reduce(_both, known) if known else None
        return reduce(_either, known) if known and len(known) == len(masks) else None
    if not isinstance(wanted, c.Received | c.SentDay):
        return None
    lows, highs = bounds.came if isinstance(wanted, c.Received) else bounds.sent
    since = LEAST if wanted.since is None else wanted.since
    before = MOST if wanted.before is None else wanted.before
    return bytes([low < before and high >= since for low, high in zip(lows, highs, strict=True)])


def _both(one: bytes, other: bytes) -> bytes:
    return bytes(map(and_, one, other))


def _either(one: bytes, other: bytes) -> bytes:
    return bytes(map(or_, one, other))
