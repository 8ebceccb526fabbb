"""Searching in the text of mail through the index: words, parts of words, and what is like them.

An exact question (IMAP SEARCH) is for a string that stands anywhere in the folded text
(`wire.text.folding.fold`), so also within words: the words that hold it come from the
vocabulary of the account. A fuzzy one (SEARCH=FUZZY, JMAP, the webmail) is for words, their
other forms, and what resembles them, best first.

The index says what it does not know: which emails it has not read yet, which it has read
only in part, and whether what it found must be looked at again. Then the finder reads those
messages, and the answer is right however far the index is behind.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from math import log
from operator import itemgetter
from threading import Lock
from typing import Final

import msgspec

from merpati.base.faults import Fault
from merpati.base.log import Log
from merpati.base.settings import setting
from merpati.store import text_index, text_schema, vocabulary
from merpati.store.engine import P, Store, T, Transaction, Unit
from merpati.store.text_index import ALL, ATTACHED, Word
from merpati.wire.text import folding
from merpati.wire.text.folding import PART_MAX, Run, fold
from merpati.wire.text.likeness import Vocabulary, alike

EXPANSIONS_MAX: Final = 2_000  # words that hold a part; beyond them the question is too wide
ALIKE_MAX: Final = 100  # words like one that is looked for
KNOWN_SECONDS: Final = 2.0  # that the last answer is kept
BLOCKS_KEPT: Final = 32 << 20  # characters of vocabularies that a process keeps

# What a hit counts for by where it is.
_WEIGHTS: Final = (
    (("subject",), 1.0),
    (("sender", "recipients"), 0.8),
    (("body",), 0.5),
    ((ATTACHED,), 0.4),
    (("header",), 0.2),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """Searching in mail."""

    index: bool = setting(
        True,
        "Keep an index of all text, attached documents included; without it searches read mail.",
        reload=False,
    )


class Field(Enum):
    """Where text is looked for."""

    SUBJECT = "subject"
    FROM = "from"  # From, Sender, Reply-To
    TO = "to"  # To, Cc, Bcc
    BODY = "body"  # the text of the message and of its attachments
    HEADER = "header"  # other header fields
    TEXT = "text"  # all of it


_COLUMNS: Final = {
    Field.SUBJECT: ("subject",),
    Field.FROM: ("sender",),
    Field.TO: ("recipients",),
    Field.HEADER: ("header",),
    Field.BODY: ("body", ATTACHED),
    Field.TEXT: ALL,
}


class Matches(msgspec.Struct, frozen=True):
    """What the index found in an account.

    Attributes:
        scores: Relevance by blob id, above 0 and at most 1; 1 for all of an exact question.
        exact: Each of them certainly holds the text. If not, they must be read to be sure;
            no others do in any case, but those the next attributes tell of.
        attached: Those of them that hold it in an attached document: they need not be read,
            and could not tell. Several words in their order are taken for it, whatever stands
            between them there.
        indexed: By mailbox id the UID up to which all its emails are in the index; those
            above, and all emails of a mailbox that is not named here, must be read.
        partial: Blob ids of emails that are too long: the part of them in the index does not
            hold what was looked for, so they must be read too.
        unread: Blob ids of emails whose text does not hold it, and whose documents are not in
            the index yet or may hold it; `services.documents.Reader` says what is in them.
        places: Blob id and UID of all those of them that came to the mailbox asked about and are
            in the index, gone or not; None when these are more than were asked for.
    """

    scores: dict[int, float]
    exact: bool
    indexed: dict[int, int]
    attached: frozenset[int] = frozenset()
    partial: frozenset[int] = frozenset()
    unread: frozenset[int] = frozenset()
    places: Sequence[tuple[int, int]] | None = None


class _Answered(msgspec.Struct, frozen=True):
    """What was found, for as long as the index of the account is at that point."""

    question: tuple[int, Field, str, bool]
    point: tuple[dict[int, int], int, int]
    matches: Matches | None


class Narrowed(msgspec.Struct, frozen=True):
    """Where a text may stand in a field.

    Attributes:
        uids: Of the emails of a mailbox that may hold it there, in no order, gone or not.
        indexed: The UID up to which no others do.
    """

    uids: list[int]
    indexed: int


class TextIndex:
    """The text index of one installation, as a worker asks it."""

    def __init__(self, opened: Callable[[], Awaitable[Store]] | None, log: Log) -> None:
        """`opened` opens the store of the index, when it is first asked; None: there is none."""
        self._opened = opened
        self._log = log
        self._store: Store | None = None
        self._opening = asyncio.Lock()
        self._blocks: OrderedDict[int, str] = OrderedDict()
        self._keeping = Lock()  # of these, since the store scans in threads
        self._kept = 0  # characters in them
        self._known: _Answered | None = None
        self._forgetting: asyncio.TimerHandle | None = None

    async def match(
        self, account_id: int, field: Field, text: str, *, fuzzy: bool = False,
        mailbox_id: int = 0, few: int = 0,
    ) -> Matches | None:  # fmt: skip
        """The messages of an account that hold the text in a field.

        None when the index cannot tell (no index, no words in the text, too many words that
        hold it): then all messages must be read. Of up to `few` messages it is also told where
        they lie in a mailbox.
        """
        folded = fold(text)
        runs = folding.runs(folded)
        if not runs:
            return None
        question = (account_id, field, folded, fuzzy)
        known = self._known if self._known and self._known.question == question else None

        async def search(tx: Transaction) -> Matches | None:
            words = await self._vocabulary(tx, account_id)
            if fuzzy:
                return await _fuzzy(tx, account_id, field, runs, words)
            return await _exact(tx, account_id, field, runs, [_place(run, words) for run in runs])

        found = await self._ask(_placed, search, question, known, mailbox_id, few)
        if found is None:
            return None
        self._know(found)
        return found.matches

    async def narrow(
        self, account_id: int, mailbox_id: int, field: Field, text: str, few: int
    ) -> Narrowed | None:
        """The emails of a mailbox that may hold the text in a field of the header.

        None when the index cannot tell, or when it would be more than `few`.
        """
        runs = folding.runs(fold(text))
        if not runs or any(len(run.text) > PART_MAX for run in runs):
            return None  # of longer words only pieces stand in a row

        async def search(tx: Transaction) -> Narrowed | None:
            words = await self._vocabulary(tx, account_id)
            wanted = _places(runs, [_place(run, words) for run in runs])
            if not wanted:
                return None
            return await _narrow(tx, account_id, mailbox_id, _COLUMNS[field], wanted, few)

        return await self._ask(search)

    async def _ask(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """What a unit of work finds; None when there is no index, or it cannot be read."""
        if self._opened is None:
            return None
        try:
            store = await self._open(self._opened)
            return await store.scan(unit, *args, **kwargs)
        except Fault as fault:
            self._log.warning("index.unavailable", kind=fault.kind.value, reason=fault.text)
            return None

    def _know(self, answered: _Answered) -> None:
        """Keep an answer for a moment: who looks in all mailboxes asks for each."""
        if self._forgetting is not None:
            self._forgetting.cancel()
        self._known = answered
        loop = asyncio.get_running_loop()
        self._forgetting = loop.call_later(KNOWN_SECONDS, setattr, self, "_known", None)

    async def close(self) -> None:
        """Let go of the index."""
        if self._forgetting is not None:
            self._forgetting.cancel()
        if self._store is not None:
            await self._store.close()

    async def _open(self, opened: Callable[[], Awaitable[Store]]) -> Store:
        async with self._opening:
            if self._store is None:
                store = await opened()
                await store.write(text_schema.prepare)
                self._store = store
        return self._store

    async def _vocabulary(self, tx: Transaction, account_id: int) -> Vocabulary:
        """The words of an account, of the same moment as all else that a transaction sees.

        With the words of a moment before, a message that was entered since would not be found,
        though the index says that it is there.
        """
        blocks = []
        for number in await vocabulary.block_ids(tx, account_id):
            with self._keeping:
                block = self._blocks.get(number)
                if block is not None:
                    self._blocks.move_to_end(number)
            if block is None:
                block = await vocabulary.block(tx, number)
                self._keep(number, block)
            blocks.append(block)
        return Vocabulary(blocks)

    def _keep(self, number: int, block: str) -> None:
        with self._keeping:
            self._kept += len(block) - len(self._blocks.get(number, ""))
            self._blocks[number] = block
            while self._kept > BLOCKS_KEPT:
                self._kept -= len(self._blocks.popitem(last=False)[1])


def _place(run: Run, words: Vocabulary) -> list[Word] | None:
    """The words that a message has which holds this run; None when there are too many."""
    text = run.text[:PART_MAX]
    whole = text == run.text
    if run.unspaced:
        if len(text) == 1:
            return [Word(text, prefix=not run.ends)]
        return [Word(text[:2])]
    found = words.holding(text, EXPANSIONS_MAX + 1, starts=run.starts, ends=run.ends and whole)
    return None if len(found) > EXPANSIONS_MAX else [Word(word) for word in found]


def _places(runs: Sequence[Run], places: Sequence[list[Word] | None]) -> list[list[Word]]:
    """What stands one after the other: a run of a script without spaces is several words."""
    all_places: list[list[Word]] = []
    for run, place in zip(runs, places, strict=True):
        if place is not None:
            all_places.append(place)
        if run.unspaced:
            all_places += [[Word(pair)] for pair in folding.pairs(run.text[:PART_MAX])[1:]]
            if run.ends and 1 < len(run.text) <= PART_MAX:
                all_places.append([Word(run.text[-1])])
    return all_places


async def _placed(
    tx: Transaction, search: Callable[[Transaction], Awaitable[Matches | None]],
    question: tuple[int, Field, str, bool], known: _Answered | None, mailbox_id: int, few: int,
) -> _Answered:  # fmt: skip
    """What a search finds, or has just found, and of few messages where they lie in a mailbox."""
    account_id = question[0]
    point = (
        await text_index.progress(tx, account_id),
        await text_index.count_waiting(tx, (account_id,)),
        await text_index.count_partial(tx, account_id),
    )
    if known is not None and known.point == point:
        matches = known.matches
    else:
        matches = await search(tx)
    places = None
    if matches is not None:
        if len(matches.scores) + len(matches.partial) + len(matches.unread) <= few:
            ids = {*matches.scores, *matches.partial, *matches.unread}
            places = await text_index.places(tx, account_id, mailbox_id, sorted(ids))
        matches = msgspec.structs.replace(matches, places=places)
    return _Answered(question, point, matches)


async def _exact(
    tx: Transaction,
    account_id: int,
    field: Field,
    runs: Sequence[Run],
    places: Sequence[list[Word] | None],
) -> Matches | None:
    wanted = _places(runs, places)
    if not wanted:
        return None
    whole = None not in places and all(len(run.text) <= PART_MAX for run in runs)
    is_one = len(runs) == 1 and not runs[0].starts and not runs[0].ends
    columns = _COLUMNS[field]
    own = [column for column in columns if column != ATTACHED]
    found, adjacent = await _holding(tx, account_id, own, wanted, whole=whole)
    attached: set[int] = set()
    closed: set[int] = set()
    if ATTACHED in columns:
        attached, _ = await _holding(tx, account_id, (ATTACHED,), wanted, whole=whole)
        if not whole or (len(runs) == 1 and not is_one):  # "C++" is more than the word "C"
            attached, closed = set(), attached - found
        found |= attached
    scores = dict.fromkeys(found, 1.0)
    exact = is_one and whole and adjacent
    matches = await _matches(tx, account_id, columns, scores, attached, exact=exact)
    return msgspec.structs.replace(matches, unread=matches.unread | closed)


async def _holding(
    tx: Transaction,
    account_id: int,
    columns: Sequence[str],
    wanted: Sequence[Sequence[Word]],
    *,
    whole: bool,
) -> tuple[set[int], bool]:
    """The messages, and whether the words certainly follow each other."""
    if len(wanted) == 1:
        return await text_index.holders(tx, account_id, columns, wanted[0]), True
    if whole:
        return await text_index.sequences(tx, account_id, columns, wanted)
    return await text_index.together(tx, account_id, columns, wanted), False


async def _matches(
    tx: Transaction,
    account_id: int,
    columns: Sequence[str],
    scores: dict[int, float],
    attached: set[int],
    *,
    exact: bool,
) -> Matches:
    """What was found, and what the index does not know."""
    partial, unread = set[int](), set[int]()
    if ATTACHED in columns:
        # Not as a difference of sets: that would walk over all that was found.
        partial = {one for one in await text_index.partial(tx, account_id) if one not in scores}
        unread = {one for one in await text_index.unread(tx, account_id) if one not in scores}
    indexed = await text_index.progress(tx, account_id)
    return Matches(
        scores, exact, indexed, frozenset(attached), frozenset(partial), frozenset(unread)
    )


async def _narrow(
    tx: Transaction, account_id: int, mailbox_id: int, columns: Sequence[str],
    wanted: Sequence[Sequence[Word]], few: int,
) -> Narrowed | None:  # fmt: skip
    partial = await text_index.partial(tx, account_id)
    if len(partial) > few:
        return None
    if len(wanted) == 1:
        found = await text_index.holders(tx, account_id, columns, wanted[0], few + 1)
    else:
        found, _ = await text_index.sequences(tx, account_id, columns, wanted, few + 1)
    found |= partial
    if len(found) > few:
        return None
    places = await text_index.places(tx, account_id, mailbox_id, sorted(found))
    indexed = (await text_index.progress(tx, account_id)).get(mailbox_id, 0)
    return Narrowed([uid for _, uid in places], indexed)


async def _fuzzy(
    tx: Transaction, account_id: int, field: Field, runs: Sequence[Run], words: Vocabulary
) -> Matches:
    """Rank by what is found where: rare words count more, and so do the subject and names.

    The best of its fields counts for each word, and all words must be there in some form; if
    no message has them all, those with the most come first.
    """
    total = 1 + sum((await text_index.progress(tx, account_id)).values())
    columns = _COLUMNS[field]
    hits = [await _hits(tx, account_id, columns, run, words) for run in runs]
    scores = hits[0]
    if len(hits) > 1:
        rarities = [log(1 + total / (1 + len(found))) for found in hits]
        scores = _most(hits, [rarity / sum(rarities) for rarity in rarities])
    return await _matches(tx, account_id, columns, scores, set(), exact=True)


def _most(hits: Sequence[dict[int, float]], shares: Sequence[float]) -> dict[int, float]:
    """The messages that hold the most of several words, with the sum of what each counts for."""
    having_all = set(hits[0]).intersection(*hits[1:])
    if having_all:
        return {
            one: min(
                1.0, sum(found[one] * share for found, share in zip(hits, shares, strict=True))
            )
            for one in having_all
        }
    counts = Counter(chain.from_iterable(hits))
    most = max(counts.values(), default=0)
    return {
        one: min(1.0, sum(found.get(one, 0.0) * share
                          for found, share in zip(hits, shares, strict=True)))
        for one, count in counts.items()
        if count == most
    }  # fmt: skip


async def _hits(
    tx: Transaction, account_id: int, columns: Sequence[str], run: Run, words: Vocabulary
) -> dict[int, float]:
    """The messages that hold a run or what is like it, with a weight up to 1."""
    if run.unspaced:
        pairs = folding.pairs(run.text)
        forms = [([[Word(pair)] for pair in pairs] or [[Word(run.text, prefix=True)]], 1.0)]
    else:
        forms = [([[Word(word) for word in some]], weight) for some, weight in
                 alike(run.text, words, ALIKE_MAX)]  # fmt: skip
    asked = []
    for places, likeness in forms:
        for group, weight in _WEIGHTS:
            own = [column for column in group if column in columns]
            if own:
                asked.append((weight * likeness, own, places))
    hits: dict[int, float] = {}
    for weight, own, places in sorted(asked, key=itemgetter(0)):  # the best overwrites the others
        found, _ = await text_index.sequences(tx, account_id, own, places)
        hits.update(dict.fromkeys(found, weight))
    return hits
