"""How many threads each mailbox has, and how many of them are not read (RFC 8621 2).

To count them is to look at every email of an account. So the threads of its emails are
remembered, 17 bytes for each, and brought up to date from the log of changes; to count again
is then a few set operations in C, in a thread. A delivery pays nothing for it.
"""

from __future__ import annotations

import asyncio
from array import array
from bisect import bisect_left
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from merpati.store import mailbox_tree
from merpati.store.mailbox_tree import Threads

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from merpati.store.engine import Row, Store
    from merpati.store.mailbox_tree import Rows, Since

REMEMBERED: Final = 1_000_000  # emails of all accounts together
AT_ONCE: Final = 20_000  # emails that are counted on the event loop: about 2 ms
TRASH: Final = "trash"


class _Mailbox:
    """The emails of one mailbox, by UID."""

    __slots__ = ("_total", "threads", "uids", "unread")

    def __init__(self, rows: Rows) -> None:
        self.uids = array("q", rows.uids)
        self.threads = array("q", rows.threads)
        self.unread = bytearray(rows.unread)
        self._total: int | None = None

    def put(self, rows: Iterable[Row]) -> None:
        for uid, thread_id, unread in rows:
            at = bisect_left(self.uids, uid)
            if at < len(self.uids) and self.uids[at] == uid:
                self.unread[at] = unread
            else:
                self.uids.insert(at, uid)
                self.threads.insert(at, thread_id)
                self.unread.insert(at, unread)
                self._total = None

    def remove(self, uids: Iterable[int]) -> None:
        for uid in uids:
            at = bisect_left(self.uids, uid)
            if at < len(self.uids) and self.uids[at] == uid:
                del self.uids[at], self.threads[at], self.unread[at]
                self._total = None

    def total(self) -> int:
        if self._total is None:
            self._total = len(set(self.threads))
        return self._total

    def unread_threads(self) -> set[int]:
        found = set()
        at = self.unread.find(1)
        while at >= 0:
            found.add(self.threads[at])
            at = self.unread.find(1, at + 1)
        return found


class _Account:
    """What is remembered of an account, as of a modseq."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.modseq = 0
        self.mailboxes: dict[int, _Mailbox] = {}
        self.counts: Mapping[int, Threads] | None = None

    def __len__(self) -> int:
        return sum(len(one.uids) for one in self.mailboxes.values())

    def follow(self, since: Since, loaded: Mapping[int, Rows]) -> None:
        """Bring it up to date, and count; takes some milliseconds for 100,000 emails."""
        for gone in self.mailboxes.keys() - since.roles.keys():
            del self.mailboxes[gone]
        for mailbox_id, rows in loaded.items():
            self.mailboxes[mailbox_id] = _Mailbox(rows)
        for mailbox_id, changed in since.changed.items():
            self.mailboxes[mailbox_id].put(changed)
            self.mailboxes[mailbox_id].remove(since.gone[mailbox_id])
        unread: set[int] = set()
        for mailbox_id, one in self.mailboxes.items():
            if since.roles[mailbox_id] != TRASH:
                unread |= one.unread_threads()
        counts = {}
        for mailbox_id, one in self.mailboxes.items():
            # What is in the trash does not count elsewhere, nor what is elsewhere there.
            mine = unread
            if since.roles[mailbox_id] == TRASH:
                mine = one.unread_threads()
            counts[mailbox_id] = Threads(one.total(), len(mine.intersection(one.threads)))
        self.counts = counts
        self.modseq = since.modseq


class ThreadCounts:
    """The counts of the accounts that somebody asks for, in one worker."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._accounts: OrderedDict[int, _Account] = OrderedDict()

    async def of(self, account_id: int) -> Mapping[int, Threads]:
        """The counts of each mailbox of an account, by its id."""
        account = self._accounts.setdefault(account_id, _Account())
        self._accounts.move_to_end(account_id)
        async with account.lock:
            known = frozenset(account.mailboxes)
            since = await self._store.read(
                mailbox_tree.thread_changes, account_id, account.modseq, known
            )
            if account.counts is None or since.modseq != account.modseq:
                loaded = {
                    one: await self._store.scan(mailbox_tree.thread_rows, account_id, one)
                    for one in since.whole
                }
                if len(account) + sum(len(one.uids) for one in loaded.values()) > AT_ONCE:
                    await asyncio.to_thread(account.follow, since, loaded)
                else:
                    account.follow(since, loaded)
            counts = account.counts or {}
        self._forget()
        return counts

    def _forget(self) -> None:
        count = sum(map(len, self._accounts.values()))
        while count > REMEMBERED and len(self._accounts) > 1:
            _, gone = self._accounts.popitem(last=False)
            count -= len(gone)
