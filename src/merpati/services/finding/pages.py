"""Header pages: what the header fields of a mailbox say, folded, in columns.

A page is a range of 1,024 UIDs. What a message says never changes, and UIDs only rise, so a
page is never wrong: it may lack the newest messages, and may hold some that are gone. Each
column of a page is one byte string, so a search looks through a thousand messages with a
few calls of `bytes.find`, and reads nothing but the column it asks for.

Pages are made from the prepared envelopes when a search first asks for them, and kept. So
mail costs nothing more when it comes in, and what nobody searches costs nothing at all. The
search that is the first does not wait for that: it passes over the envelopes that cannot hold
what it looks for, and the pages are made behind it.
"""

from __future__ import annotations

import asyncio
import re
import sys
from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from enum import IntEnum
from hashlib import blake2b
from typing import Final

import msgspec

from merpati.base.faults import Fault, SyntaxFault
from merpati.base.tasks import Tasks
from merpati.store import emails, finding
from merpati.store.engine import Row, Store
from merpati.wire.imap import prepared
from merpati.wire.mime import casemap, dates, subject
from merpati.wire.text.folding import fold

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SPAN: Final = 1024  # UIDs of a page
SLICE: Final = 64  # messages that are read and folded in one turn of the event loop
GLANCED: Final = 512  # messages of whose envelopes one turn only sees whether they may hold a word
WAITING: Final = 256  # pages that are still to be made; what is searched later asks again
KEEP_FROM: Final = 64  # a page is kept anew when so many messages have come to it
LEVEL: Final = 1  # of zstd: fast, and columns are alike enough
TEXT_MAX: Final = 4_000  # characters of a field; the rest is read in the message
REFS_MAX: Final = 200  # ids of one message that threads are made of
REMEMBERED: Final = 256  # unpacked columns in memory, of about 50 KB each
HERE: Final = "\x01"  # begins a field that is there; no decoded text holds it
CUT: Final = "\x02"  # ends one that was longer than `TEXT_MAX`
DAY_MS: Final = 86_400_000


class Column(IntEnum):
    """The columns; the number is kept in the store."""

    UIDS = 0
    FROM = 1
    TO = 2
    CC = 3
    BCC = 4
    SUBJECT = 5
    MESSAGE_ID = 6
    IN_REPLY_TO = 7
    BASE_SUBJECT = 8
    LOCAL_FROM = 9
    LOCAL_TO = 10
    LOCAL_CC = 11
    DISPLAY_FROM = 12
    DISPLAY_TO = 13
    SENT_AT = 14  # Unix milliseconds
    SENT_DAY = 15  # as written, from 1970-01-01
    REFS = 16  # for each message: 2 * count of ids + is a reply, own id, ids of ancestors


READ: Final = ("uid", "received_at", "envelope", "refs")  # what `_message` takes
_RUN: Final = re.compile("[a-z0-9]+")
_AS_IT_IS: Final = bytes(set(range(32, 127)) - set(b"?\\"))  # neither `=?` nor an escape
_MARKS: Final = frozenset({HERE, CUT, "\n"})
FIELDS: Final = {
    "from": Column.FROM,
    "to": Column.TO,
    "cc": Column.CC,
    "bcc": Column.BCC,
    "subject": Column.SUBJECT,
    "message-id": Column.MESSAGE_ID,
    "in-reply-to": Column.IN_REPLY_TO,
}


class Page(msgspec.Struct):
    """Some columns of a page, unpacked; `uids` says which message stands where."""

    uids: array[int]
    columns: dict[Column, bytes]

    def lines(self, column: Column) -> list[bytes]:
        """A column of text: a value for each message."""
        return self.columns[column].split(b"\n")[:-1]

    def numbers(self, column: Column) -> array[int]:
        """A column of numbers."""
        return _numbers(self.columns[column])

    def holding(self, column: Column, wanted: str) -> Iterator[int]:
        """The UIDs of messages whose field holds a folded text; without text: that have it."""
        if not _MARKS.isdisjoint(wanted):
            return iter(())
        return self._with(column, (wanted or HERE).encode("utf-8", "replace"))

    def cut(self, column: Column) -> Iterator[int]:
        """The UIDs of messages of whose field only the beginning stands here."""
        return self._with(column, CUT.encode())

    def _with(self, column: Column, needle: bytes) -> Iterator[int]:
        data = self.columns[column]
        at = place = counted = 0
        while (at := data.find(needle, at)) >= 0:
            place += data.count(b"\n", counted, at)
            yield self.uids[place]
            at = counted = data.index(b"\n", at)


class _Message(msgspec.Struct):
    """What the columns hold of one message, in the order of `Column` from FROM on."""

    texts: list[str]
    numbers: tuple[int, int]
    refs: list[int]


class Pages:
    """The header pages of all mailboxes, with the last used columns in memory."""

    def __init__(self, store: Store, tasks: Tasks | None = None) -> None:
        """`tasks`: in which pages are made beside the searches; without, they wait for them."""
        self._store = store
        self._tasks = tasks
        self._waiting: OrderedDict[tuple[int, int, int], Sequence[int]] = OrderedDict()
        self._is_making = False
        self._recent: OrderedDict[tuple[int, int, int, int], bytes] = OrderedDict()

    async def load(
        self, account_id: int, mailbox_id: int, uids: Sequence[int], wanted: Sequence[Column]
    ) -> Page:
        """Columns of the page that ascending UIDs lie in, which they do all of them.

        The page may hold other messages too, and of a UID that is gone it may hold nothing.
        """
        number = uids[0] // SPAN
        place = (account_id, mailbox_id, number)
        page = await self._kept(place, wanted)
        stale = page is not None and len(uids) < len(page.uids) // 2
        if page is None or stale:
            page = await self._made(place, number * SPAN, uids[-1], {})
        elif page.uids[-1] < uids[-1]:
            newer = len(uids) - bisect_left(uids, page.uids[-1] + 1)
            if newer < KEEP_FROM:
                more = await _read(self._store, place, page.uids[-1] + 1, uids[-1])
                return _joined(page, more)
            whole = await self._kept(place, tuple(Column)[1:])
            page = await self._made(
                place, page.uids[-1] + 1, uids[-1], whole.columns if whole else {}, page.uids
            )
        return page

    async def holding(
        self, account_id: int, mailbox_id: int, uids: Sequence[int], column: Column, text: str
    ) -> Page:
        """As `load`, for one who looks for a folded text in a column.

        Of a page that is not made yet it has only the messages that may hold the text.
        """
        place = (account_id, mailbox_id, uids[0] // SPAN)
        word = max(_RUN.findall(text), key=len, default="")
        if self._tasks is None or not word or await self._kept(place, (column,)) is not None:
            return await self.load(account_id, mailbox_id, uids, (column,))
        if len(self._waiting) < WAITING:
            self._waiting[place] = uids
        needle = word.encode()
        found: list[Row] = []
        for start in range(0, len(uids), GLANCED):
            rows = await self._store.read(
                emails.fetch, account_id, mailbox_id, uids[start : start + GLANCED], READ
            )
            found.extend([row for row in rows if row[2] and _may_hold(row[2], needle)])
            await asyncio.sleep(0)
        return await _page(found)

    def make(self) -> None:
        """Begin to make the pages that were missed, now that a search has ended."""
        if self._tasks is not None and self._waiting and not self._is_making:
            self._make_next(self._tasks)

    def _make_next(self, tasks: Tasks) -> None:
        """Make the page that waits longest: a task each, so that a server that stops may stop."""
        self._is_making = bool(self._waiting)
        if self._waiting:
            place, uids = self._waiting.popitem(last=False)
            with suppress(Fault):
                tasks.spawn(self._make(tasks, place, uids), "finding.page")

    async def _make(self, tasks: Tasks, place: tuple[int, int, int], uids: Sequence[int]) -> None:
        try:
            with suppress(Fault):
                await self.load(place[0], place[1], uids, ())
        finally:
            self._make_next(tasks)

    async def _kept(self, place: tuple[int, int, int], wanted: Sequence[Column]) -> Page | None:
        """Columns as they are kept; None when one is missing."""
        found: dict[Column, bytes] = {}
        recent = self._recent
        missing = []
        for column in (Column.UIDS, *wanted):
            data = recent.get((*place, column))
            if data is None:
                missing.append(column)
            else:
                recent.move_to_end((*place, column))
                found[column] = data
        if missing:
            packed = await self._store.read(finding.load_page, *place, missing)
            if len(packed) < len(missing):
                return None
            for column in missing:
                found[column] = recent[(*place, column)] = zstd.decompress(packed[column])
            while len(recent) > REMEMBERED:
                recent.popitem(last=False)
        return Page(_numbers(found.pop(Column.UIDS), "I"), found)

    async def _made(
        self,
        place: tuple[int, int, int],
        first: int,
        last: int,
        before: dict[Column, bytes],
        uids: Sequence[int] = (),
    ) -> Page:
        """A page from what is kept of it and the messages that came since; it is kept."""
        more = await _read(self._store, place, first, last)
        page = _joined(Page(array("I", uids), before), more)
        if len(page.uids) >= KEEP_FROM:
            columns = {Column.UIDS: page.uids.tobytes(), **page.columns}
            packed: dict[int, bytes] = {}
            for column, data in columns.items():
                self._recent.pop((*place, column), None)
                packed[column] = zstd.compress(data, LEVEL)
            with suppress(Fault):  # a full disk: searching goes on without
                await self._store.write(finding.save_page, *place, packed)
        return page


def _numbers(data: bytes, kind: str = "q") -> array[int]:
    numbers: array[int] = array(kind)
    numbers.frombytes(data)
    return numbers


def _joined(page: Page, more: Page) -> Page:
    columns = {
        column: page.columns.get(column, b"") + data
        for column, data in more.columns.items()
        if not page.columns or column in page.columns
    }
    return Page(page.uids + more.uids, columns)


async def _read(store: Store, place: tuple[int, int, int], first: int, last: int) -> Page:
    """All columns of the messages in a range of UIDs."""
    account_id, mailbox_id, _ = place
    uids: array[int] = array("I")
    messages: list[_Message] = []
    for start in range(first, last + 1, SLICE):
        wanted = range(start, min(start + SLICE, last + 1))
        rows = await store.read(emails.fetch, account_id, mailbox_id, wanted, READ)
        uids.extend([row[0] for row in rows])
        messages.extend(map(_message, rows))
        await asyncio.sleep(0)
    return Page(uids, _columns(messages))


async def _page(rows: Sequence[Row]) -> Page:
    """A page of just these messages."""
    messages: list[_Message] = []
    for start in range(0, len(rows), SLICE):
        messages.extend(map(_message, rows[start : start + SLICE]))
        await asyncio.sleep(0)
    return Page(array("I", [row[0] for row in rows]), _columns(messages))


def _may_hold(envelope: bytes, word: bytes) -> bool:
    """Whether a field of a prepared envelope may hold letters or digits, once it is folded.

    What is written as it is holds them itself; encoded words, escapes, literals and what is
    not ASCII may come to anything.
    """
    return word in envelope.lower() or bool(envelope.translate(None, _AS_IT_IS))


def _columns(messages: list[_Message]) -> dict[Column, bytes]:
    columns: dict[Column, bytes] = {}
    for n, column in enumerate(range(Column.FROM, Column.SENT_AT)):
        lines = [message.texts[n] for message in messages]
        text = "\n".join(lines) + "\n" if lines else ""
        columns[Column(column)] = text.encode("utf-8", "replace")
    columns[Column.SENT_AT] = array("q", [each.numbers[0] for each in messages]).tobytes()
    columns[Column.SENT_DAY] = array("q", [each.numbers[1] for each in messages]).tobytes()
    refs = array("q", [ref for message in messages for ref in message.refs])
    columns[Column.REFS] = refs.tobytes()
    return columns


def _message(row: Row) -> _Message:
    """What searching and sorting ask of a message; of a damaged one nothing."""
    _, received_at, envelope, references = row
    try:
        said = prepared.read(envelope or b"")
    except SyntaxFault:
        said = prepared.Envelope(None, None, [], [], [], [], None, None)
    title = prepared.decoded(said.subject)
    base = subject.base_subject(title)
    sent_at = dates.timestamp(said.date) if said.date else None
    day = dates.written_day(said.date) if said.date else None
    lists = (said.author, said.to, said.cc, said.bcc)
    texts = [_field(prepared.written(each)) if each else "" for each in lists]
    for value in (said.subject, said.message_id, said.in_reply_to):
        shown = title if value is said.subject else prepared.decoded(value)
        texts.append("" if value is None else _field(shown))
    texts.append(_order(base))
    texts += [_order(prepared.decoded(each[0].mailbox)) if each else "" for each in lists[:3]]
    texts += [_order(prepared.displayed(each)) for each in lists[:2]]
    reply = subject.is_reply(title, base)
    ids = _ids(said.message_id, said.in_reply_to, references or b"")
    return _Message(
        texts,
        (
            received_at if sent_at is None else sent_at * 1000,
            received_at // DAY_MS if day is None else day,
        ),
        [2 * (len(ids) - 1) + reply, *ids],
    )


def _field(text: str) -> str:
    """A field that is there; where it was cut, that shows."""
    return HERE + (fold(text) if len(text) <= TEXT_MAX else fold(text[:TEXT_MAX]) + CUT)


def _order(text: str) -> str:
    """What is sorted by: in one line, as RFC 5051 compares."""
    return casemap.fold(text[:TEXT_MAX])


def _ids(message_id: bytes | None, in_reply_to: bytes | None, references: bytes) -> list[int]:
    """Its own id, 0 for none, and those of its ancestors, the nearest last (RFC 5256 3)."""
    own = subject.message_ids(message_id)[:1] if message_id else []
    ancestors = subject.message_ids(references) if references else []
    if not ancestors and in_reply_to:
        ancestors = subject.message_ids(in_reply_to)[:1]
    if len(ancestors) > REFS_MAX:
        ancestors = ancestors[:1] + ancestors[1 - REFS_MAX :]
    return [_hash(own[0]) if own else 0, *map(_hash, ancestors)]


def _hash(message_id: bytes) -> int:
    return int.from_bytes(blake2b(message_id, digest_size=8).digest(), "big", signed=True)
