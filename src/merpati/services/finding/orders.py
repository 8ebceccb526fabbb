"""The orders of large mailboxes by what messages say, in memory and in the store.

An order of a whole mailbox by one column of the header pages is kept beside these. What a
message says never changes, so an order is never wrong about the messages it holds: what is
gone is left out of it, and what came is put in at its place. The next process, or the next
worker that is asked, so reads 2 to 3 bytes for each message instead of sorting texts.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Awaitable, Callable, Sequence
from itertools import compress
from typing import Any, Final

import msgspec

from merpati.services.finding.answers import dense
from merpati.services.finding.columns import Column, pack_uids, unpack
from merpati.services.finding.pages import Pages
from merpati.services.finding.shelf import Shelf

ROOM: Final = 8 << 20  # bytes; an order of 100,000 messages has 500 KB
FIELD: Final = 64  # and the number of the column: the field of an order among header pages
TURN: Final = 8192  # messages in one turn of the event loop
_WIDTH: Final = array("I").itemsize


class Order(msgspec.Struct, frozen=True):
    """Messages in order, equal ones by UID.

    Attributes:
        members: Their UIDs, ascending.
        uids: The same in order.
        ties: A byte for each: 1 if it is equal to the one before it.
    """

    members: Sequence[int]
    uids: array[int]
    ties: bytes

    def told(self, *, reverse: bool) -> list[int]:
        """The UIDs in order, or from the last to the first, where equal ones still rise."""
        if not reverse:
            return self.uids.tolist()
        found = self.uids[::-1].tolist()
        ties, count = self.ties, len(found)
        start = ties.find(1)
        while start >= 0:
            end = ties.find(0, start)
            if end < 0:
                end = count
            found[count - end : count - start + 1] = self.uids[start - 1 : end]
            start = ties.find(1, end)
        return found

    async def among(self, uids: Sequence[int]) -> Order:
        """The order of those that are among some ascending UIDs."""
        wanted = set(uids)
        kept = bytearray()
        for start in range(0, len(self.uids), TURN):
            kept += bytes(map(wanted.__contains__, self.uids[start : start + TURN]))
            await asyncio.sleep(0)
        ties = bytearray(self.ties)
        gone = kept.find(0)
        while gone >= 0:  # of equal ones the first that stays is equal to none before it
            if gone + 1 < len(ties) and not ties[gone]:
                ties[gone + 1] = 0
            gone = kept.find(0, gone + 1)
        left = array("I", compress(self.uids, kept))
        members = uids
        if len(left) < len(uids):
            held = set(left)
            members = [uid for uid in uids if uid in held]
        return Order(dense(members), left, bytes(compress(ties, kept)))

    async def with_more(
        self,
        members: Sequence[int],
        more: Sequence[int],
        value: Callable[[int], Awaitable[Any]],
    ) -> Order:
        """The order of `members`, which are these and a few more.

        `value`: what a UID is compared by.
        """
        uids, ties = self.uids[:], bytearray(self.ties)
        for uid in more:
            own = await value(uid)
            low, high = 0, len(uids)
            while low < high:
                middle = (low + high) // 2
                other = uids[middle]
                if (await value(other), other) < (own, uid):
                    low = middle + 1
                else:
                    high = middle
            ties.insert(low, low > 0 and await value(uids[low - 1]) == own)
            uids.insert(low, uid)
            if low + 1 < len(uids):
                ties[low + 1] = await value(uids[low + 1]) == own
        return Order(dense(members), uids, bytes(ties))


class Orders:
    """The orders of all mailboxes; those used last are in memory."""

    __slots__ = ("_pages", "_shelf")

    def __init__(self, pages: Pages) -> None:
        """`pages`: beside which they are kept."""
        self._pages = pages
        self._shelf: Shelf[tuple[int, int, Column], Order] = Shelf(ROOM)

    async def get(self, mailbox: tuple[int, int], column: Column) -> Order | None:
        """The order that a mailbox had by a column when it was last put in order, if ever."""
        found = self._shelf.get((*mailbox, column))
        if found is None:
            data = await self._pages.load_whole(*mailbox, FIELD + column)
            if data is None:
                return None
            found = _unpacked(data)
            self.remember(mailbox, column, found)
        return found

    def remember(self, mailbox: tuple[int, int], column: Column, order: Order) -> None:
        """Have an order in memory."""
        size = (_WIDTH + 1) * len(order.uids)
        size += _WIDTH * len(order.members) if isinstance(order.members, array) else 0
        self._shelf.put((*mailbox, column), order, size)

    def keep(self, mailbox: tuple[int, int], column: Column, order: Order) -> None:
        """Have an order in memory, and in the store once `Pages.settle` is called."""
        self.remember(mailbox, column, order)
        self._pages.save_whole(*mailbox, FIELD + column, _packed(order))


def _packed(order: Order) -> bytes:
    """Bytes of equal weight stand together, which zstd makes much smaller."""
    data = order.uids.tobytes()
    planes = [data[n::_WIDTH] for n in range(_WIDTH)]
    return b"".join([pack_uids(order.members), *planes, order.ties])


def _unpacked(data: bytes) -> Order:
    held = unpack(data)
    count = len(held.uids)
    plain = bytearray(_WIDTH * count)
    for n in range(_WIDTH):
        plain[n::_WIDTH] = held.data[n * count : (n + 1) * count]
    uids = array("I")
    uids.frombytes(plain)
    return Order(held.uids, uids, held.data[_WIDTH * count :])
