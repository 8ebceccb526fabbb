"""Answering criteria: which messages of a mailbox meet them.

A mailbox is looked at page by page, 1,024 UIDs at a time, and other work of the process has
its turn after each. On a page, a criterion takes the UIDs that are still in question and
gives those that meet it, so an And asks its cheap parts first and the costly ones only
about what is left: rows (one statement), then header pages, then the messages themselves.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import compress
from typing import Final

import msgspec

from merpati.base.tasks import Tasks
from merpati.model import criteria as c
from merpati.services.documents import Reader
from merpati.services.finding import contents
from merpati.services.finding.answers import Answers
from merpati.services.finding.columns import FIELDS, Column
from merpati.services.finding.contents import Contents
from merpati.services.finding.keywords import Keywords, by_marks
from merpati.services.finding.orders import Orders
from merpati.services.finding.pages import SPAN, Pages
from merpati.services.finding.times import Times
from merpati.services.text_index import Field, Matches, TextIndex
from merpati.store import finding
from merpati.store.blobs import BlobStore
from merpati.store.engine import Store
from merpati.wire.text.folding import fold
from merpati.wire.text.message import is_other

ROWS: Final = 8 * SPAN  # looked at by one statement, when rows are all it takes: 1 to 2 ms
WALKED: Final = 16  # to look up one in so many costs less than to walk over all
PLACES_MAX: Final = 4_096  # looked up: what is done with them takes the event loop some 5 ms
LARGE: Final = 4 * SPAN  # messages whose keywords and sizes are kept in memory
STEP: Final = 65_536  # UIDs that are compared in one turn of the event loop: 3 ms
UID_MAX: Final = 2**32 - 1
ATTACHED: Final = frozenset({Field.BODY, Field.TEXT})  # where documents count
INDEXED: Final = {"subject": Field.SUBJECT, "from": Field.FROM, "to": Field.TO}
# Where the index holds what header pages hold.
PAGED: Final = INDEXED | {
    "cc": Field.TO, "bcc": Field.TO, "message-id": Field.HEADER, "in-reply-to": Field.HEADER,
}  # fmt: skip


class Source(msgspec.Struct, frozen=True):
    """A mailbox that is searched, and the ascending UIDs that count."""

    account_id: int
    mailbox_id: int
    uids: Sequence[int]


class Found(msgspec.Struct):
    """What a search found: ascending UIDs; for fuzzy criteria how relevant each is (0 to 1)."""

    uids: Sequence[int]
    scores: dict[int, float]


Turn = Callable[[int], Awaitable[None]]
"""Called after each page with how many messages have been looked at; may end the search."""


class Finder:
    """Finds mail by criteria."""

    def __init__(
        self,
        store: Store,
        blob_store: BlobStore,
        text_index: TextIndex | None = None,
        reader: Reader | None = None,
        tasks: Tasks | None = None,
    ) -> None:
        """`text_index` answers what it can; what it cannot, is read.

        So are, by `reader`, documents attached to mail that the index has not come to yet.
        """
        self.store = store
        self.pages = Pages(store, tasks)
        self.answers = Answers()
        self.orders = Orders(self.pages)
        self.keywords = Keywords(store, self.pages)
        self.times = Times(store, self.pages)
        self.contents = Contents(store, blob_store, reader)
        self.text_index = text_index

    async def find(self, source: Source, criterion: c.Criterion, turn: Turn | None = None) -> Found:
        """The messages of a mailbox that meet a criterion.

        Raises:
            Fault: as the store; or whatever `turn` raises.
        """
        rest, uids = _narrowed(criterion, source.uids)
        if isinstance(rest, c.All) or not uids:
            return Found(uids if isinstance(uids, range) else list(uids), {})
        place = source.account_id, source.mailbox_id
        if len(uids) >= LARGE:
            uids = await self.times.possible(place, uids, rest)
            if not uids:
                await self.pages.settle()
                return Found([], {})
        if len(uids) >= LARGE and by_marks(rest):
            marks = await self.keywords.current(*place, source.uids)
            await self.pages.settle()
            if marks is not None:
                return Found(marks.meeting(rest, uids), {})
        met: list[int] = []
        scores: dict[int, float] = {}
        source = msgspec.structs.replace(source, uids=uids)
        wanted = _arranged(await self._indexed(rest, source, scores))
        possible = _possible(wanted, uids)
        if possible is not None:
            uids = await _those(possible, uids)
            if isinstance(wanted, c.Among):  # that is the answer
                await self.pages.settle()
                return Found(uids, _of(scores, uids))
        done = 0
        rows_tell = finding.by_rows(wanted)
        for part in spans(uids, ROWS if rows_tell else SPAN):
            look = _Look(self, source, part)
            if rows_tell:
                met += await look.by_rows(wanted)
            else:
                some = await look.meeting(wanted, set(part))
                met += part if len(some) == len(part) else sorted(some)
            done += len(part)
            await asyncio.sleep(0)
            if turn is not None:
                await turn(done)
        await self.pages.settle()
        return Found(met, _of(scores, met))

    async def _indexed(
        self, wanted: c.Criterion, source: Source, scores: dict[int, float]
    ) -> c.Criterion:
        """The same with what the text index knows in place of what it was asked.

        What it does not know is left to be read. `scores` takes relevance by UID.
        """
        if isinstance(wanted, c.And | c.Or):
            asked = [await self._indexed(part, source, scores) for part in wanted.parts]
            return type(wanted)(tuple(asked))
        if isinstance(wanted, c.Not):  # how little a message resembles the words is no score
            return c.Not(await self._indexed(wanted.part, source, {}))
        if not isinstance(wanted, c.Header | c.Body | c.Text):
            return wanted
        if isinstance(wanted, c.Header) and not wanted.fuzzy:
            return await self._narrowed(wanted, source)
        field = _field(wanted)
        if field is None or self.text_index is None:
            return wanted
        matches = await self.text_index.match(
            source.account_id, field, wanted.text, fuzzy=wanted.fuzzy,
            mailbox_id=source.mailbox_id, few=min(len(source.uids) // WALKED, PLACES_MAX),
        )  # fmt: skip
        if matches is None:
            return wanted
        is_sure = matches.exact or wanted.fuzzy
        sure_ids = frozenset(matches.scores) if is_sure else matches.attached
        doubtful_ids = matches.partial.union(() if is_sure else matches.scores) - sure_ids
        sure, doubtful, unread = await self._lying(
            source, matches, (sure_ids, doubtful_ids, matches.unread),
            scores if wanted.fuzzy else None,
        )  # fmt: skip
        first = matches.indexed.get(source.mailbox_id, 0) + 1
        unknown: tuple[c.Criterion, ...] = ()
        if first <= source.uids[-1]:
            unknown = (c.Uids(((first, UID_MAX),)),)
        parts: list[c.Criterion] = [sure]
        if unknown or doubtful.uids:
            parts.append(c.And((c.Or((*unknown, doubtful)), wanted)))
        if field in ATTACHED and (unknown or unread.uids):
            parts.append(c.And((c.Or((*unknown, unread)), c.Documents(wanted.text))))
        return parts[0] if len(parts) == 1 else c.Or(tuple(parts))

    async def _lying(
        self, source: Source, matches: Matches, groups: Sequence[frozenset[int]],
        scores: dict[int, float] | None,
    ) -> list[c.Among]:  # fmt: skip
        """The emails of each group of messages; `scores` takes relevance by UID."""
        found: list[set[int]] = [set() for _ in groups]

        def take(uids: Sequence[int], blob_ids: Sequence[int]) -> None:
            for group, some in zip(groups, found, strict=True):
                if group:
                    some.update(compress(uids, map(group.__contains__, blob_ids)))
            if scores is not None:
                for uid, blob_id in zip(uids, blob_ids, strict=True):
                    score = matches.scores.get(blob_id, 0.0)
                    if score > scores.get(uid, 0.0):
                        scores[uid] = score

        if matches.places is not None:
            take([uid for _, uid in matches.places], [blob_id for blob_id, _ in matches.places])
        else:
            place = source.account_id, source.mailbox_id
            for part in spans(source.uids, SPAN):
                page = await self.pages.load(*place, part, Column.BLOB_ID)
                take(page.uids, page.numbers())
                await asyncio.sleep(0)
        return [c.Among(frozenset(some)) for some in found]

    async def _narrowed(self, wanted: c.Header, source: Source) -> c.Criterion:
        """The same, of those emails only which may meet it, when the index knows them as few."""
        field, count = PAGED.get(wanted.field), len(source.uids)
        few = count // WALKED
        if field is None and is_other(wanted.field.encode("utf-8", "replace")):
            field, few = Field.HEADER, count // 2  # all others would have to be read
        elif count < LARGE:
            return wanted
        if field is None or self.text_index is None:
            return wanted
        narrowed = await self.text_index.narrow(
            source.account_id, source.mailbox_id, field, wanted.text, min(few, PLACES_MAX)
        )
        if narrowed is None:
            return wanted
        among = c.Among(frozenset(narrowed.uids))
        if narrowed.indexed >= source.uids[-1]:
            return c.And((among, wanted))
        return c.And((c.Or((among, c.Uids(((narrowed.indexed + 1, UID_MAX),)))), wanted))


class _Look:
    """One page of a mailbox that is looked at."""

    __slots__ = ("_contents", "_pages", "_source", "_store", "_uids")

    def __init__(self, finder: Finder, source: Source, uids: Sequence[int]) -> None:
        self._store = finder.store
        self._pages = finder.pages
        self._contents = finder.contents
        self._source = source
        self._uids = uids

    async def by_rows(self, wanted: c.Criterion) -> list[int]:
        """Those that meet a criterion which is `finding.by_rows`, ascending."""
        source, uids = self._source, self._uids
        met = await self._store.read(
            finding.matching, source.account_id, source.mailbox_id, uids[0], uids[-1], wanted
        )
        if not met or uids[-1] - uids[0] + 1 == len(uids):
            return met
        known = set(uids)
        return [uid for uid in met if uid in known]

    async def meeting(self, wanted: c.Criterion, among: set[int]) -> set[int]:
        """Those of the UIDs that meet a criterion; the recursion is as deep as that."""
        if not among:
            return among
        if finding.by_rows(wanted):
            return among.intersection(await self.by_rows(wanted))
        source = self._source
        match wanted:
            case c.And(parts=parts):
                for part in parts:
                    among = await self.meeting(part, among)
                return among
            case c.Or(parts=parts):
                found: set[int] = set()
                for part in parts:
                    found |= await self.meeting(part, among - found)
                return found
            case c.Not(part=part):
                return among - await self.meeting(part, among)
            case c.Uids(ranges=ranges):
                return among.intersection(_within(self._uids, ranges))
            case c.Among(uids=uids):
                return among & uids
            case c.Header(field=field) if field in FIELDS:
                return await self._by_header(wanted, FIELDS[field], among)
            case c.Header() | c.Body() | c.Text() | c.HasAttachment() | c.Smime():
                return await self._inside(wanted, among)
            case c.Documents(text=text):
                return await self._contents.documents_holding(
                    source.account_id, source.mailbox_id, sorted(among), text
                )
            case _:
                raise TypeError(wanted)

    async def _by_header(self, wanted: c.Header, column: Column, among: set[int]) -> set[int]:
        source, text = self._source, fold(wanted.text)
        page = await self._pages.holding(
            source.account_id, source.mailbox_id, self._uids, column, text
        )
        found = among.intersection(page.holding(text))
        doubtful = among.intersection(page.cut()) - found
        return found | await self._inside(wanted, doubtful) if doubtful else found

    async def _inside(self, wanted: contents.Inside, among: set[int]) -> set[int]:
        source = self._source
        return await self._contents.meeting(
            source.account_id, source.mailbox_id, sorted(among), wanted
        )


def _possible(criterion: c.Criterion, uids: Sequence[int]) -> AbstractSet[int] | None:
    """UIDs beside which nothing meets a criterion; None: anything may."""
    match criterion:
        case c.Among(uids=found):
            return found
        case c.Uids(ranges=ranges):
            return set(_within(uids, ranges))
        case c.And(parts=parts):
            known = [some for part in parts if (some := _possible(part, uids)) is not None]
            return min(known, key=len, default=None)
        case c.Or(parts=parts):
            all_known: set[int] = set()
            for part in parts:
                some = _possible(part, uids)
                if some is None:
                    return None
                all_known |= some
            return all_known
        case _:
            return None


async def _those(some: AbstractSet[int], uids: Sequence[int]) -> list[int]:
    """Those of ascending UIDs that are among some, ascending."""
    if len(some) * WALKED < len(uids):
        last = uids[-1]
        return [uid for uid in sorted(some) if uid <= last and uids[bisect_left(uids, uid)] == uid]
    found: list[int] = []
    for start in range(0, len(uids), STEP):
        part = uids[start : start + STEP]
        found += compress(part, map(some.__contains__, part))
        await asyncio.sleep(0)
    return found


def _of(scores: Mapping[int, float], uids: Sequence[int]) -> dict[int, float]:
    return {uid: scores[uid] for uid in uids if uid in scores} if scores else {}


def _field(wanted: c.Header | c.Body | c.Text) -> Field | None:
    """Where the text index is asked; None: header pages know as well."""
    if isinstance(wanted, c.Body):
        return Field.BODY
    if isinstance(wanted, c.Text):
        return Field.TEXT
    return INDEXED.get(wanted.field) if wanted.fuzzy else None


def spans(uids: Sequence[int], span: int) -> Iterator[Sequence[int]]:
    """Ascending UIDs in pieces, none of which crosses a multiple of `span`."""
    at = 0
    while at < len(uids):
        end = bisect_left(uids, (uids[at] // span + 1) * span, at)
        yield uids[at:end]
        at = end


def _within(uids: Sequence[int], ranges: Sequence[tuple[int, int]]) -> Iterator[int]:
    """The UIDs that lie in ranges."""
    first = bisect_right(ranges, (uids[0], UID_MAX)) - 1
    for low, high in ranges[max(first, 0) :]:
        if low > uids[-1]:
            break
        yield from uids[bisect_left(uids, low) : bisect_right(uids, high)]


def _narrowed(criterion: c.Criterion, uids: Sequence[int]) -> tuple[c.Criterion, Sequence[int]]:
    """What is left of a criterion and of the UIDs once sets at its top have been applied."""
    parts = criterion.parts if isinstance(criterion, c.And) else (criterion,)
    rest = []
    for part in parts:
        if isinstance(part, c.Uids) and uids:
            uids = list(_within(uids, part.ranges))
        elif not isinstance(part, c.All | c.Uids):
            rest.append(part)
    if not rest:
        return c.All(), uids
    return (rest[0] if len(rest) == 1 else c.And(tuple(rest))), uids


def _arranged(criterion: c.Criterion) -> c.Criterion:
    """The same with what rows tell put together, and first; what is costly comes last."""
    if isinstance(criterion, c.Not):
        return c.Not(_arranged(criterion.part))
    if not isinstance(criterion, c.And | c.Or) or finding.by_rows(criterion):
        return criterion
    kind = type(criterion)
    rows = tuple([part for part in criterion.parts if finding.by_rows(part)])
    others = [_arranged(part) for part in criterion.parts if not finding.by_rows(part)]
    parts = sorted(others, key=_cost)
    if rows:
        parts.insert(0, rows[0] if len(rows) == 1 else kind(rows))
    return kind(tuple(parts))


def _cost(criterion: c.Criterion) -> int:
    """How much it takes to answer: 0 rows, 1 header pages, 2 messages, 3 documents."""
    match criterion:
        case c.And(parts=parts) | c.Or(parts=parts):
            return max(map(_cost, parts), default=0)
        case c.Not(part=part):
            return _cost(part)
        case c.Header(field=field):
            return 1 if field in FIELDS else 2
        case c.Body() | c.Text() | c.HasAttachment() | c.Smime():
            return 2
        case c.Documents():
            return 3
        case _:
            return 0
