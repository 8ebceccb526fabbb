"""The keywords and sizes of large mailboxes in memory: two to five bytes for each message.

Clients ask again and again what is unseen or flagged. A mailbox has few different sets of
keywords, however many messages, so these are numbered; a criterion is asked of each set
once, and the bytes that name the sets that meet it are found in C. Sizes are compared byte
by byte for all messages at once, as long numbers with a byte for each message.

Nobody has to say what changed: the mailbox's modseq tells whether anything did, and the
change log what. So what was read once is also kept in the store, beside the header pages:
the next process, or the next worker that is asked, reads that and what happened since.
"""

from __future__ import annotations

import asyncio
import re
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import reduce
from itertools import chain, compress, islice, pairwise
from operator import and_, or_
from typing import Final

import msgspec

from merpati.model import criteria as c
from merpati.model import uids as uid_sets
from merpati.model.change import ChangeKind
from merpati.services.finding.answers import dense
from merpati.services.finding.columns import pack_uids, unpack
from merpati.services.finding.pages import Pages
from merpati.services.finding.shelf import Shelf
from merpati.store import changes, emails, finding
from merpati.store.engine import Store, Transaction

ROOM: Final = 8 << 20  # bytes
SETS_MAX: Final = 256  # that a byte can tell apart
SIZE_BYTES: Final = 4  # of a size; a mailbox with a larger message is left to the rows
ROWS: Final = 8192  # read in one turn of the event loop: 1 to 2 ms
COMPARED_MAX: Final = 4  # sizes in one criterion: each takes 10 ns a message, in one go
AFRESH: Final = 8  # when one in so many has changed, all are read again
KEPT: Final = 32  # when one in so many has changed since it was kept, it is kept anew
FIELD: Final = 128  # among header pages, whose columns have lower numbers
CODES_MAX: Final = 8  # sets that are looked for one by one: each is one pass
RARE_MAX: Final = 500  # messages that have them: each is a call of Python
FEW: Final = 5  # when less than one in so many is wanted, they are looked up one by one
UID_MAX: Final = 2**32 - 1
_ONE: Final = re.compile(b"\1")
_TOUCHING: Final = frozenset({ChangeKind.EMAILS_ADDED, ChangeKind.KEYWORDS_CHANGED})


class Marks(msgspec.Struct, frozen=True):
    """The keywords and sizes of a mailbox's messages at a modseq.

    Attributes:
        modseq: Up to which changes are known; some later ones may be in it already.
        uids: Ascending.
        codes: For each of them which of the sets of keywords it has.
        sizes: Of each the lowest byte of its size, then of each the next, and so on.
        sets: Keywords as they stand in rows. Without any there were too many of them.
    """

    modseq: int
    uids: Sequence[int]
    codes: bytes
    sizes: tuple[bytes, ...]
    sets: list[str]

    def meeting(self, wanted: c.Criterion, among: Sequence[int]) -> list[int]:
        """Those of ascending UIDs that meet a criterion which is `by_marks`."""
        if by_keywords(wanted):
            met = self._of_sets(wanted)
        else:
            verdicts = self._mask(wanted).to_bytes(len(self.uids), "little")
            met = _at(self.uids, verdicts)
        met = met[bisect_left(met, among[0]) : bisect_right(met, among[-1])]
        if among[-1] - among[0] + 1 == len(among):
            return met
        if FEW * len(met) > len(among):
            known = set(among)
            return [uid for uid in met if uid in known]
        return [uid for uid in met if among[bisect_left(among, uid)] == uid]

    def _of_sets(self, wanted: c.Criterion) -> list[int]:
        """Those whose keywords meet a criterion.

        Sets that few messages have are looked for one by one: memchr passes over a million
        bytes in 30 us, where to put them through a table takes half a millisecond.
        """
        verdicts = self._verdicts(wanted)
        codes = [code for code in range(len(self.sets)) if verdicts[code]]
        if len(codes) <= CODES_MAX:
            places = list(islice(chain.from_iterable(map(self._places, codes)), RARE_MAX + 1))
            if len(places) <= RARE_MAX:
                return list(map(self.uids.__getitem__, sorted(places)))
        return _at(self.uids, self.codes.translate(verdicts))

    def _places(self, code: int) -> Iterator[int]:
        """Where messages with a set of keywords are."""
        at = self.codes.find(code)
        while at >= 0:
            yield at
            at = self.codes.find(code, at + 1)

    def _verdicts(self, wanted: c.Criterion) -> bytes:
        """For each byte that names a set of keywords 1 if that meets a criterion, or 0."""
        return bytes([_holds(wanted, each.split(" ")) for each in self.sets]).ljust(SETS_MAX, b"\0")

    def _mask(self, wanted: c.Criterion) -> int:
        """A byte for each message, 1 if it meets a criterion; the recursion is as deep as that."""
        if by_keywords(wanted):
            return _number(self.codes, self._verdicts(wanted))
        match wanted:
            case c.And(parts=parts):
                return reduce(and_, map(self._mask, _few(c.And, parts)))
            case c.Or(parts=parts):
                return reduce(or_, map(self._mask, _few(c.Or, parts)))
            case c.Not(part=part):
                return self._all() ^ self._mask(part)
            case c.Size(least=least, below=below):
                met = self._of_size(least)
                return met if below is None else met & ~self._of_size(below)
            case _:
                raise TypeError(wanted)

    def _all(self) -> int:
        return int.from_bytes(b"\1" * len(self.uids), "little")

    def _of_size(self, least: int) -> int:
        """Those that are no smaller."""
        if least >> 8 * SIZE_BYTES:
            return 0
        met = self._all()
        for digit, plane in zip(least.to_bytes(SIZE_BYTES, "little"), self.sizes, strict=True):
            # What is larger here is larger, whatever stood below; what is equal is as it was.
            same = _number(plane, bytes(digit) + b"\1" + bytes(255 - digit))
            met = met & same | _number(plane, bytes(digit + 1) + b"\1" * (255 - digit))
        return met


class Keywords:
    """The keywords and sizes of the mailboxes that were searched last."""

    def __init__(self, store: Store, pages: Pages) -> None:
        """`pages`: beside which they are kept."""
        self._store = store
        self._pages = pages
        self._shelf: Shelf[tuple[int, int], Marks] = Shelf(ROOM)

    async def current(self, account_id: int, mailbox_id: int, uids: Sequence[int]) -> Marks | None:
        """A mailbox's marks as they are now; None when memory does not hold them.

        `uids`: its UIDs, as far as they are known.
        """
        place = account_id, mailbox_id
        known = self._shelf.get(place)
        was_here = known is not None
        if known is None:
            packed = await self._pages.load_whole(*place, FIELD)
            if packed is None:
                return await self._read(place, uids)
            known = _unpacked(packed)
        if not known.sets:
            return None
        count = len(known.uids)
        news = await self._store.read(_since, *place, known.modseq, count // AFRESH)
        marks = _followed(known, news) if news is not None else None
        if news is None or marks is None:
            return await self._read(place, uids)
        if not was_here or marks is not known:
            self._remember(place, marks)
        changed = len(news.touched) + len(news.removed)
        if not was_here and marks.uids and changed > count // KEPT:
            self._pages.save_whole(*place, FIELD, _packed(marks))
        return marks

    async def _read(self, place: tuple[int, int], known: Sequence[int]) -> Marks | None:
        """All marks of a mailbox as they are kept from now on."""
        row = await self._store.read(finding.counters, *place)
        marks = Marks(0, (), b"", (), [])
        if row is not None:
            marks = await self._marks(place, known, row[0])
        self._remember(place, marks)
        if marks.uids:
            self._pages.save_whole(*place, FIELD, _packed(marks))
        return marks if marks.sets else None

    async def _marks(self, place: tuple[int, int], known: Sequence[int], modseq: int) -> Marks:
        """All marks of a mailbox; `modseq`: that it had before, for changes may come meanwhile."""
        numbers: dict[str, int] = {}
        codes, uids, sizes = bytearray(), array("I"), array("I")
        ends = [known[end - 1] for end in range(ROWS, len(known), ROWS)]
        ends += known[-1:]
        for first, end in pairwise([1, *[end + 1 for end in ends], UID_MAX + 1]):
            part = await self._store.read(finding.marks, *place, first, end - 1)
            for text in set(part.keywords).difference(numbers):
                numbers[text] = len(numbers)
            if len(numbers) > SETS_MAX or max(part.sizes, default=0) >> 8 * SIZE_BYTES:
                return Marks(modseq, (), b"", (), [])
            uids.extend(part.uids)
            codes += bytes(map(numbers.__getitem__, part.keywords))
            sizes.extend(part.sizes)
            await asyncio.sleep(0)
        return Marks(modseq, dense(uids), bytes(codes), _planes(sizes), [*numbers] or [""])

    def _remember(self, place: tuple[int, int], marks: Marks) -> None:
        size = len(marks.codes) + sum(map(len, marks.sizes)) + sum(map(len, marks.sets))
        if not isinstance(marks.uids, range):
            size += 4 * len(marks.uids)
        self._shelf.put(place, marks, size)


def by_keywords(criterion: c.Criterion) -> bool:
    """Whether keywords alone tell which messages meet a criterion."""
    if isinstance(criterion, c.And | c.Or):
        return all(map(by_keywords, criterion.parts))
    if isinstance(criterion, c.Not):
        return by_keywords(criterion.part)
    return isinstance(criterion, c.Keyword | c.All)


def by_marks(criterion: c.Criterion) -> bool:
    """Whether keywords and a few sizes tell which messages meet a criterion."""
    return _sizes(criterion) <= COMPARED_MAX


def _sizes(criterion: c.Criterion) -> int:
    """How many sizes are asked for; too many when something else is."""
    match criterion:
        case c.And(parts=parts) | c.Or(parts=parts):
            return sum(map(_sizes, parts))
        case c.Not(part=part):
            return _sizes(part)
        case c.Keyword() | c.All():
            return 0
        case c.Size():
            return 1
        case _:
            return COMPARED_MAX + 1


def _few(kind: type[c.And | c.Or], parts: Sequence[c.Criterion]) -> list[c.Criterion]:
    """The same parts with those that only ask for keywords as one."""
    words = tuple([part for part in parts if by_keywords(part)])
    others = [part for part in parts if not by_keywords(part)]
    return [kind(words), *others] if words else others


def _holds(wanted: c.Criterion, held: Collection[str]) -> bool:
    return c.holds(wanted, lambda one: isinstance(one, c.Keyword) and one.keyword in held)


def _at(uids: Sequence[int], verdicts: bytes) -> list[int]:
    """The UIDs that have a 1."""
    if FEW * verdicts.count(1) > len(uids):
        return list(compress(uids, verdicts))
    places = [one.start() for one in _ONE.finditer(verdicts)]
    if isinstance(uids, range):
        first = uids.start
        return [first + place for place in places]
    return list(map(uids.__getitem__, places))


def _number(data: bytes, table: bytes) -> int:
    """Bytes put through a table, as one long number."""
    return int.from_bytes(data.translate(table), "little")


def _planes(sizes: array[int]) -> tuple[bytes, ...]:
    if sys.byteorder == "big":
        sizes.byteswap()
    data = sizes.tobytes()
    return tuple([data[n::SIZE_BYTES] for n in range(SIZE_BYTES)])


class _News(msgspec.Struct, frozen=True):
    """What happened to a mailbox up to a modseq.

    Attributes:
        modseq: Of the mailbox now.
        touched: By UID the keywords and the size of what has come or changed, ascending.
        removed: What went.
    """

    modseq: int
    touched: Mapping[int, tuple[str, int]]
    removed: frozenset[int]


async def _since(
    tx: Transaction, account_id: int, mailbox_id: int, modseq: int, most: int
) -> _News | None:
    """What happened since a modseq; None when that is more than `most` acts or messages."""
    row = await finding.counters(tx, account_id, mailbox_id)
    if row is None or row[0] == modseq:
        return _News(modseq, {}, frozenset())
    if row[0] - modseq > most:
        return None
    log = await changes.since(tx, account_id, mailbox_id, modseq)
    sets = [one.uids for one in log if one.kind in _TOUCHING]
    gone = [one.uids for one in log if one.kind == ChangeKind.EMAILS_REMOVED]
    if (
        sum(last - first + 1 for each in sets + gone for first, last in uid_sets.ranges(each))
        > most
    ):
        return None
    rows = await emails.fetch(
        tx, account_id, mailbox_id, uid_sets.union(sets), ("uid", "keywords", "size")
    )
    touched = {uid: (keywords, size) for uid, keywords, size in rows}
    return _News(row[0], touched, frozenset(uid_sets.union(gone)))


def _followed(known: Marks, news: _News) -> Marks | None:
    """The same after what happened; None when that cannot be told by bytes any more."""
    if news.modseq == known.modseq:
        return known
    held = known.uids
    last = held[-1] if held else 0
    numbers = {text: code for code, text in enumerate(known.sets)}
    codes, sizes = bytearray(known.codes), array("I")
    new: list[int] = []
    for uid, (text, size) in news.touched.items():
        code = numbers.setdefault(text, len(numbers))
        if code >= SETS_MAX or size >> 8 * SIZE_BYTES:
            return None
        if uid > last:
            new.append(uid)
            codes.append(code)
            sizes.append(size)
            continue
        place = bisect_left(held, uid)
        if held[place] != uid:
            return None
        codes[place] = code
    uids, planes = held, known.sizes
    if new:
        uids = _longer(held, new)
        planes = tuple([old + more for old, more in zip(planes, _planes(sizes), strict=True)])
    gone = [uid for uid in news.removed if uid <= last and held[bisect_left(held, uid)] == uid]
    if gone:
        stays = bytearray(b"\1" * len(uids))
        for uid in gone:
            stays[bisect_left(held, uid)] = 0
        uids = dense(list(compress(uids, stays)))
        codes = bytearray(compress(codes, stays))
        planes = tuple([bytes(compress(plane, stays)) for plane in planes])
    return Marks(news.modseq, uids, bytes(codes), planes, [*numbers])


def _longer(held: Sequence[int], new: Sequence[int]) -> Sequence[int]:
    """Ascending UIDs and those that came behind them."""
    if isinstance(held, range) and new[0] == held.stop and new[-1] - new[0] + 1 == len(new):
        return range(held.start, new[-1] + 1)
    uids = array("I", held)
    uids.extend(new)
    return dense(uids)


class _Packed(msgspec.Struct, array_like=True):
    """Marks as they are kept."""

    modseq: int
    sets: list[str]
    columns: bytes  # the UIDs, then codes, then sizes


_encode: Final = msgspec.msgpack.encode
_decode: Final = msgspec.msgpack.Decoder(_Packed).decode


def _packed(marks: Marks) -> bytes:
    columns = b"".join([pack_uids(marks.uids), marks.codes, *marks.sizes])
    return _encode(_Packed(marks.modseq, marks.sets, columns))


def _unpacked(data: bytes) -> Marks:
    packed = _decode(data)
    page = unpack(packed.columns)
    count = len(page.uids)
    codes, *sizes = [page.data[at : at + count] for at in range(0, len(page.data), count)]
    return Marks(packed.modseq, page.uids, codes, tuple(sizes), packed.sets)
