"""The mailbox as one session has been told of it: which UID has which sequence number.

Sequence numbers belong to a session: they change when it is told of an EXPUNGE and not
before. So the view holds the UIDs it was told of and the modseq it has seen of the
account's change log; what happened since is read from the log (see `sync`).

The UIDs themselves are read when the first command needs them. They can be found for any
earlier modseq: what is there now and was below the view's UIDNEXT, and what has been
removed since. So selecting a mailbox costs the same whatever its size, and a session that
only waits for new mail holds no list at all.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from typing import Final

import msgspec

from merpati.model import criteria as c
from merpati.model import uids as uid_sets
from merpati.model.change import ChangeKind
from merpati.model.rights import ALL
from merpati.store import changes, emails
from merpati.store.engine import Store, Transaction
from merpati.wire.imap.fetch import FetchItem

NONE: Final[frozenset[int]] = frozenset()
FEW: Final = 8  # messages that are taken out of the list one by one
UNLIMITED: Final = 2**32  # more messages than a mailbox can have


class Context(msgspec.Struct):
    """A search that is kept up to date (RFC 5267).

    `uids`: what it holds; in order, if `order` says which. `items`: what to FETCH of each new
    message that it comes to hold (RFC 5465 7).
    """

    tag: bytes
    uid: bool
    wanted: c.Criterion
    order: tuple[c.SortKey, ...]
    uids: list[int]
    members: set[int]
    items: tuple[FetchItem, ...] = ()


class View(msgspec.Struct, kw_only=True, eq=False):
    r"""What a session knows of its selected mailbox.

    Attributes:
        count: messages, as last told by EXISTS and EXPUNGE.
        uidnext: UIDs below are known, those from here on are not.
        modseq: of the account, up to which changes are known.
        held: UIDs that are gone and not yet told as EXPUNGE.
        safe: while something is held: the modseq before the first act that took it away.
        made: UIDs that this session has put here itself, and was not told of yet.
        own: modseqs of this session's own STOREs, whose flags were told already.
        limit: how many messages one command may take (RFC 9738).
        lowest: the UID down to which the last command went, when that was not all; else 0.
        keywords: others than the usual ones that the client was told of.
        rights: what the user may do here: letters of model/rights.py.
        object_id: of the mailbox, as this user knows it (RFC 8474).
        contexts: searches that are kept up to date (RFC 5267).
        saved: UIDs of the last search that was saved: what `$` stands for (RFC 5182).
    """

    account_id: int
    mailbox_id: int
    name: str
    object_id: str = ""
    uidvalidity: int
    count: int
    uidnext: int
    modseq: int
    read_only: bool = False
    rights: str = ALL
    limit: int = UNLIMITED
    lowest: int = 0
    held: Collection[int] = NONE
    safe: int = 0
    made: frozenset[int] = NONE
    own: Collection[int] = NONE
    keywords: frozenset[str] = frozenset()
    contexts: list[Context] = []
    saved: Sequence[int] = ()
    _uids: range | array[int] | None = None
    _recent: tuple[tuple[int, int], ...] = ()

    # Sequence numbers

    @property
    def uids(self) -> range | array[int]:
        """The UIDs in the order of their sequence numbers; `load` must have been called.

        A range as long as none was removed, which costs nothing however many there are.
        """
        assert self._uids is not None
        return self._uids

    async def load(self, store: Store) -> range | array[int]:
        """Make sure that `uids` are there, and give them."""
        if self._uids is None:
            if self.count == self.uidnext - 1:  # none was ever removed
                self._uids = range(1, self.uidnext)
            else:
                known = await store.read(
                    _known, self.account_id, self.mailbox_id, self.uidnext, self.modseq
                )
                if self.held:
                    known = sorted({*known, *self.held})
                self._uids = array("I", known)
                self.count = len(known)
        return self._uids

    @property
    def loaded(self) -> bool:
        """Whether the UIDs are there."""
        return self._uids is not None

    def number(self, uid: int) -> int:
        """The sequence number of a UID that is in the view, else 0."""
        at = bisect_left(self.uids, uid)
        return at + 1 if at < len(self.uids) and self.uids[at] == uid else 0

    def without(self, uids: Iterable[int]) -> list[int]:
        """Those UIDs that are not in the view."""
        return [uid for uid in uids if not self.number(uid)]

    def add(self, new: Sequence[int], uidnext: int) -> None:
        """Take new UIDs, ascending, at the end."""
        self.count += len(new)
        self.uidnext = uidnext
        uids = self._uids
        if isinstance(uids, range):
            if new and new[0] == uids.stop and new[-1] - new[0] == len(new) - 1:
                self._uids = range(uids.start, new[-1] + 1)
                return
            uids = self._uids = array("I", uids)
        if uids is not None:
            uids.extend(new)

    def expunge(self, gone: Iterable[int]) -> list[int]:
        """Let go of UIDs; their sequence numbers, highest first, so that none moves another."""
        uids = self.uids
        places = []
        for uid in sorted(gone):
            at = bisect_left(uids, uid)
            if at < len(uids) and uids[at] == uid:
                places.append(at)
        if len(places) <= FEW:
            if isinstance(uids, range):
                uids = self._uids = array("I", uids)
            for at in reversed(places):
                del uids[at]
            self.count = len(uids)
            return [at + 1 for at in reversed(places)]
        kept: array[int] = array("I")
        start = 0
        for at in places:
            kept.extend(uids[start:at])
            start = at + 1
        kept.extend(uids[start:])
        self._uids = kept
        self.count = len(kept)
        return [at + 1 for at in reversed(places)]

    # \Recent

    def claim(self, first: int, end: int) -> None:
        r"""UIDs from `first` up to `end`, not included, are \Recent in this session."""
        if first < end:
            if self._recent and self._recent[-1][1] == first:
                first = self._recent[-1][0]
                self._recent = self._recent[:-1]
            self._recent = (*self._recent, (first, end))

    @property
    def recent_ranges(self) -> list[tuple[int, int]]:
        r"""First and last UIDs of what is \Recent in this session."""
        return [(first, end - 1) for first, end in self._recent]

    def is_recent(self, uid: int) -> bool:
        r"""Whether a UID is \Recent in this session."""
        return any(first <= uid < end for first, end in self._recent)

    def has_recent(self, first: int, last: int) -> bool:
        r"""Whether a UID from `first` to `last` may be \Recent in this session."""
        return any(start <= last and first < end for start, end in self._recent)

    def all_recent(self, first: int, last: int) -> bool:
        r"""Whether all UIDs from `first` to `last` are \Recent in this session."""
        return any(start <= first and last < end for start, end in self._recent)

    async def recent(self, store: Store) -> int:
        r"""How many messages are \Recent in this session; costs no more than they are."""
        if not self._recent:
            return 0
        first = self._recent[0][0]
        if first == 1 and self._recent[-1] == (1, self.uidnext):
            return self.count
        uids: Sequence[int]
        if self._uids is not None:
            uids = self._uids
        else:
            uids = await store.read(emails.uids_of, self.account_id, self.mailbox_id, first - 1)
        return sum(bisect_left(uids, end) - bisect_left(uids, start) for start, end in self._recent)


async def _known(
    tx: Transaction, account_id: int, mailbox_id: int, uidnext: int, modseq: int
) -> list[int]:
    """The UIDs below `uidnext` that a mailbox had at `modseq`."""
    uids = await emails.uids_of(tx, account_id, mailbox_id)
    removed = [
        change.uids
        for change in await changes.since(tx, account_id, mailbox_id, modseq)
        if change.kind == ChangeKind.EMAILS_REMOVED
    ]
    if uids and uids[-1] >= uidnext:
        del uids[bisect_left(uids, uidnext) :]
    if removed:
        uids = sorted({*uids, *(uid for uid in uid_sets.union(removed) if uid < uidnext)})
    return uids
