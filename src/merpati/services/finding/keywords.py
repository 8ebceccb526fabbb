"""The keywords of large mailboxes in memory: one byte for each message.

Clients ask again and again what is unseen or flagged. A mailbox has few different sets of
keywords, however many messages, so these are numbered; a criterion is asked of each set
once, and the bytes that name the sets that meet it are found in C. Nobody has to say what
changed: the mailbox's modseq tells whether anything did, and the change log what.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from itertools import compress
from typing import Final

import msgspec

from merpati.model import criteria as c
from merpati.model import uids as uid_sets
from merpati.model.change import ChangeKind
from merpati.services.finding.answers import dense
from merpati.services.finding.shelf import Shelf
from merpati.store import changes, email_keywords, emails, finding
from merpati.store.engine import Store, Transaction

ROOM: Final = 4 << 20  # bytes
SETS_MAX: Final = 256  # that a byte can tell apart
AFRESH: Final = 8  # when one in so many has changed, all are read again
UID_MAX: Final = 2**32 - 1
_TOUCHING: Final = frozenset({ChangeKind.EMAILS_ADDED, ChangeKind.KEYWORDS_CHANGED})


class Marks(msgspec.Struct, frozen=True):
    """The keywords of a mailbox's messages at a modseq.

    `codes`: for each of the ascending UIDs which of the sets it has. Without any sets there
    were too many of them.
    """

    modseq: int
    uids: Sequence[int]
    codes: bytes
    sets: list[str]

    def meeting(self, wanted: c.Criterion, among: Sequence[int]) -> list[int]:
        """Those of ascending UIDs that meet a criterion which is `by_keywords`."""
        verdicts = bytes([_holds(wanted, each.split(" ")) for each in self.sets])
        table = verdicts.ljust(SETS_MAX, b"\0")
        met = list(compress(self.uids, self.codes.translate(table)))
        if among[-1] - among[0] + 1 == len(among):
            return met[bisect_left(met, among[0]) : bisect_right(met, among[-1])]
        known = set(among)
        return [uid for uid in met if uid in known]


class Keywords:
    """The keywords of the mailboxes that were searched last."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._shelf: Shelf[tuple[int, int], Marks] = Shelf(ROOM)

    async def current(self, account_id: int, mailbox_id: int) -> Marks | None:
        """A mailbox's keywords as they are now; None when memory does not hold them."""
        place = account_id, mailbox_id
        known = self._shelf.get(place)
        if known is None:
            return await self._read(place)
        if not known.sets:
            return None
        news = await self._store.read(_since, *place, known.modseq, len(known.uids) // AFRESH)
        if news is None:
            return await self._read(place)
        if news.modseq == known.modseq:
            return known
        marks = _followed(known, news)
        return self._kept(place, marks) if marks is not None else await self._read(place)

    async def _read(self, place: tuple[int, int]) -> Marks | None:
        return self._kept(place, await self._store.scan(_all, *place))

    def _kept(self, place: tuple[int, int], marks: Marks) -> Marks | None:
        size = len(marks.codes) + sum(map(len, marks.sets))
        if not isinstance(marks.uids, range):
            size += 4 * len(marks.uids)
        self._shelf.put(place, marks, size)
        return marks if marks.sets else None


def by_keywords(criterion: c.Criterion) -> bool:
    """Whether keywords alone tell which messages meet a criterion."""
    if isinstance(criterion, c.And | c.Or):
        return all(map(by_keywords, criterion.parts))
    if isinstance(criterion, c.Not):
        return by_keywords(criterion.part)
    return isinstance(criterion, c.Keyword | c.All)


def _holds(wanted: c.Criterion, held: Collection[str]) -> bool:
    return c.holds(wanted, lambda one: isinstance(one, c.Keyword) and one.keyword in held)


async def _all(tx: Transaction, account_id: int, mailbox_id: int) -> Marks:
    """All keywords of a mailbox."""
    row = await finding.counters(tx, account_id, mailbox_id)
    if row is None:  # it is gone
        return Marks(0, (), b"", [])
    modseq, uidnext = row
    texts = await email_keywords.between(tx, account_id, mailbox_id, 1, UID_MAX)
    uids: Sequence[int] = range(1, uidnext)
    if len(texts) != uidnext - 1:
        uids = dense(await finding.matching(tx, account_id, mailbox_id, 1, UID_MAX, c.All()))
    sets = sorted(set(texts)) or [""]
    if len(sets) > SETS_MAX or len(texts) != len(uids):
        return Marks(modseq, (), b"", [])
    codes = {text: code for code, text in enumerate(sets)}
    return Marks(modseq, uids, bytes(map(codes.__getitem__, texts)), sets)


class _News(msgspec.Struct, frozen=True):
    """What happened to a mailbox up to a modseq: by UID what keywords have come, and what went."""

    modseq: int
    touched: Mapping[int, str]
    removed: frozenset[int]


async def _since(
    tx: Transaction, account_id: int, mailbox_id: int, modseq: int, most: int
) -> _News | None:
    """What happened since a modseq; None when that touched more than `most` messages."""
    row = await finding.counters(tx, account_id, mailbox_id)
    if row is None or row[0] == modseq:
        return _News(modseq, {}, frozenset())
    log = await changes.since(tx, account_id, mailbox_id, modseq)
    sets = [one.uids for one in log if one.kind in _TOUCHING]
    gone = [one.uids for one in log if one.kind == ChangeKind.EMAILS_REMOVED]
    if (
        sum(last - first + 1 for each in sets + gone for first, last in uid_sets.ranges(each))
        > most
    ):
        return None
    rows = await emails.fetch(tx, account_id, mailbox_id, uid_sets.union(sets), ("uid", "keywords"))
    return _News(row[0], dict(rows), frozenset(uid_sets.union(gone)))


def _followed(known: Marks, news: _News) -> Marks | None:
    """The same after what happened; None when there are too many sets now."""
    sets = list(known.sets)
    numbers = {text: code for code, text in enumerate(sets)}
    for text in news.touched.values():
        if text not in numbers:
            numbers[text] = len(sets)
            sets.append(text)
    if len(sets) > SETS_MAX:
        return None
    held = known.uids
    if held and not news.removed and all(uid <= held[-1] for uid in news.touched):
        codes = bytearray(known.codes)
        for uid, text in news.touched.items():
            codes[bisect_left(held, uid)] = numbers[text]
        return Marks(news.modseq, held, bytes(codes), sets)
    all_codes = dict(zip(held, known.codes, strict=True))  # what comes has higher UIDs
    all_codes.update({uid: numbers[text] for uid, text in news.touched.items()})
    for uid in news.removed:
        all_codes.pop(uid, None)
    return Marks(news.modseq, dense(list(all_codes)), bytes(all_codes.values()), sets)
