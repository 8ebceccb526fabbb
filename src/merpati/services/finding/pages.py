"""Header pages: what the header fields of a mailbox say, folded, in columns.

A page is a range of 1,024 UIDs. What a message says never changes, and UIDs only rise, so a
page is never wrong: it may lack the newest messages, and may hold some that are gone. Each
column of a page is one byte string, so a search looks through a thousand messages with a
few calls of `bytes.find`, and reads nothing but the column it asks for.

Columns are made from the prepared envelopes when a search first asks for them, and kept. So
mail costs nothing more when it comes in, and what nobody searches costs nothing at all. The
search for a text that is the first does not wait for that: it passes over the envelopes that
cannot hold what it looks for, and the pages are made behind it.
"""

from __future__ import annotations

import asyncio
import sys
from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from merpati.base.faults import Fault
from merpati.base.tasks import Tasks
from merpati.services.finding.answers import dense
from merpati.services.finding.columns import (
    GROUP_OF,
    Column,
    Group,
    Page,
    longest_word,
    pack_uids,
    suspects,
    unpack,
)
from merpati.services.finding.shelf import Shelf
from merpati.store import fetch_pages, finding
from merpati.store.engine import Row, Store

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SPAN: Final = 1024  # UIDs of a page
SLICE: Final = 128  # messages that are read and folded in one turn of the event loop
WAITING: Final = 256  # pages that are still to be made; what is searched later asks again
KEEP_FROM: Final = 64  # a page is made, or made anew, for the sake of so many messages
FEW: Final = 4  # messages of which a search reads the envelopes rather than their page
LEVEL: Final = 1  # of zstd: fast, and columns are alike enough
REMEMBERED: Final = 24 << 20  # bytes of unpacked columns; 100,000 subjects are 5 MB
UNSAVED: Final = 64  # packed columns, of about 10 KB each, that one commit keeps

Place = tuple[int, int, int]
"""Account, mailbox and number of a page."""


class Pages:
    """The header pages of all mailboxes, with the last used columns in memory."""

    def __init__(self, store: Store, tasks: Tasks | None = None) -> None:
        """`tasks`: in which pages are made beside the searches; without, they wait for them."""
        self._store = store
        self._tasks = tasks
        self._waiting: OrderedDict[tuple[Place, Column], Sequence[int]] = OrderedDict()
        self._is_making = False
        self._recent: Shelf[tuple[Place, Column], Page] = Shelf(REMEMBERED)
        self._unsaved: dict[tuple[int, int, int, int], bytes] = {}

    async def load(
        self, account_id: int, mailbox_id: int, uids: Sequence[int], column: Column
    ) -> Page:
        """A column of the page that ascending UIDs lie in, which they do all of them.

        The page may hold other messages too, and of a UID that is gone it may hold nothing.
        """
        place = (account_id, mailbox_id, uids[0] // SPAN)
        was_here = self._recent.get((place, column)) is not None
        page = await self._kept(place, column)
        if page is None:
            if len(uids) >= KEEP_FROM:
                return await self._made(place, column)
            return (await self._read(place, GROUP_OF[column], uids))[column]
        if not was_here and await self._is_stale(place, page, uids):
            return await self._made(place, column)
        newer = uids[bisect_left(uids, page.uids[-1] + 1) :]
        if len(newer) >= KEEP_FROM:
            return await self._made(place, column, await self._group(place, column))
        if newer:
            more = await self._read(place, GROUP_OF[column], newer)
            return _joined(page, more[column])
        return page

    async def holding(
        self, account_id: int, mailbox_id: int, uids: Sequence[int], column: Column, text: str
    ) -> Page:
        """As `load`, for one who looks for a folded text in a column.

        Of a page that is not made yet it has only the messages that may hold the text.
        """
        place = (account_id, mailbox_id, uids[0] // SPAN)
        if len(uids) <= FEW and self._recent.get((place, column)) is None:
            return (await self._read(place, GROUP_OF[column], uids))[column]
        word = longest_word(text)
        if (
            self._tasks is None
            or not word
            or len(uids) < KEEP_FROM
            or await self._kept(place, column) is not None
        ):
            return await self.load(account_id, mailbox_id, uids, column)
        if len(self._waiting) < WAITING:
            self._waiting[place, column] = uids
        group = GROUP_OF[column]
        found: list[Row] = []
        for piece in fetch_pages.pieces(uids):
            rows = await self._store.read(
                fetch_pages.fetch, account_id, mailbox_id, uids[piece], group.read
            )
            found += suspects(rows, word)
            await asyncio.sleep(0)
        return (await _columns(group, found))[column]

    async def settle(self) -> None:
        """A search has ended: keep what it made, and begin to make the pages that it missed."""
        if self._tasks is None:
            await self._save()
            return
        with suppress(Fault):  # the server is about to stop
            if self._unsaved:
                self._tasks.spawn(self._save(), "finding.save")
            if self._waiting and not self._is_making:
                self._make_next(self._tasks)

    def _make_next(self, tasks: Tasks) -> None:
        """Make the page that waits longest: a task each, so that a server that stops may stop."""
        self._is_making = False
        if self._waiting:
            (place, column), uids = self._waiting.popitem(last=False)
            tasks.spawn(self._make(tasks, place, column, uids), "finding.page")
            self._is_making = True

    async def _make(self, tasks: Tasks, place: Place, column: Column, uids: Sequence[int]) -> None:
        try:
            with suppress(Fault):
                await self.load(place[0], place[1], uids, column)
                if not self._waiting:
                    await self._save()
        finally:
            with suppress(Fault):
                self._make_next(tasks)

    async def load_whole(self, account_id: int, mailbox_id: int, field: int) -> bytes | None:
        """What is kept of a mailbox as a whole, under a field that is no column's number."""
        place = (account_id, mailbox_id, 0)
        packed = self._unsaved.get((*place, field))
        if packed is None:
            packed = await self._store.read(finding.load_page, *place, field)
        return None if packed is None else zstd.decompress(packed)

    def save_whole(self, account_id: int, mailbox_id: int, field: int, data: bytes) -> None:
        """Keep something of a mailbox as a whole; it is in the store some time after `settle`."""
        self._unsaved[account_id, mailbox_id, 0, field] = zstd.compress(data, LEVEL)

    async def _kept(self, place: Place, column: Column) -> Page | None:
        """A column as it is kept; None when it is not."""
        page = self._recent.get((place, column))
        if page is None:
            packed = self._unsaved.get((*place, column))
            if packed is None:
                packed = await self._store.read(finding.load_page, *place, column)
            if packed is None:
                return None
            page = self._remembered(place, column, unpack(zstd.decompress(packed)))
        return page

    def _remembered(self, place: Place, column: Column, page: Page) -> Page:
        size = len(page.data) + (4 * len(page.uids) if isinstance(page.uids, array) else 0)
        self._recent.put((place, column), page, size)
        return page

    async def _is_stale(self, place: Place, page: Page, uids: Sequence[int]) -> bool:
        """Whether most of a page's messages are gone."""
        half = len(page.uids) // 2
        if len(uids) >= half:
            return False
        first, last = page.uids[0], page.uids[-1]
        return await self._store.read(finding.count, *place[:2], first, last) < half

    async def _group(self, place: Place, column: Column) -> dict[Column, Page]:
        """All columns of a group as they are kept, if they are of the same messages."""
        found: dict[Column, Page] = {}
        for each in GROUP_OF[column].columns:
            page = await self._kept(place, each)
            if page is None or (found and page.uids != found[min(found)].uids):
                return {}
            found[each] = page
        return found

    async def _made(
        self, place: Place, column: Column, before: Mapping[Column, Page] | None = None
    ) -> Page:
        """A column, made with its group of what is kept of it and the messages that came since.

        All messages of the page are in it, whichever are asked about, and it is kept.
        """
        first = before[column].uids[-1] + 1 if before else place[2] * SPAN
        wanted = range(first, (place[2] + 1) * SPAN)
        made = await self._read(place, GROUP_OF[column], wanted)
        for each, more in made.items():
            page = _joined(before[each], more) if before else more
            made[each] = page
            self._recent.drop((place, each))
            if page.uids:
                packed = zstd.compress(pack_uids(page.uids) + page.data, LEVEL)
                self._unsaved[*place, each] = packed
        page = made[column]
        if page.uids:
            self._remembered(place, column, page)
        if len(self._unsaved) >= UNSAVED:
            await self._save()
        return page

    async def _save(self) -> None:
        """Keep in the store what was made."""
        unsaved, self._unsaved = self._unsaved, {}
        if unsaved:
            with suppress(Fault):  # a full disk: searching goes on without
                await self._store.write_long(finding.save_pages, unsaved)

    async def _read(self, place: Place, group: Group, uids: Sequence[int]) -> dict[Column, Page]:
        """A group of columns of those of ascending UIDs that exist."""
        rows: list[Row] = []
        for piece in fetch_pages.pieces(uids):
            rows += await self._store.read(fetch_pages.fetch, *place[:2], uids[piece], group.read)
            await asyncio.sleep(0)
        return await _columns(group, rows)


async def _columns(group: Group, rows: Sequence[Row]) -> dict[Column, Page]:
    """A group of columns of just these messages."""
    parts: list[tuple[bytes, ...]] = []
    for start in range(0, len(rows), SLICE):
        parts.append(group.make(rows[start : start + SLICE]))
        await asyncio.sleep(0)
    uids = dense([row[0] for row in rows])
    columns = [b"".join(each) for each in zip(*parts, strict=True)] or [b""] * len(group.columns)
    return {column: Page(uids, data) for column, data in zip(group.columns, columns, strict=True)}


def _joined(page: Page, more: Page) -> Page:
    """A column and what came to it."""
    if not more.uids:
        return page
    return Page(dense([*page.uids, *more.uids]), page.data + more.data)
