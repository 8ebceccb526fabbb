"""Whether a message meets a search key (RFC 3501 6.4.4).

A key becomes a function of a `Subject` once; a subject reads of its message only what the
functions ask for. Text is compared without regard to case, after RFC 2047 and transfer
encodings have been undone.
"""

from __future__ import annotations

import mmap
from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import date
from operator import eq, ge, lt
from typing import Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.servers.imap.view import View
from merpati.store.blobs import BlobStore, Stored
from merpati.store.engine import Row
from merpati.wire.imap import dates, search, sets
from merpati.wire.mime import addresses, headers, text, tree, words
from merpati.wire.mime import dates as mime_dates

DAY_MS: Final = dates.DAY * 1000
_EPOCH: Final = date(1970, 1, 1).toordinal()

# What is read of each message; the second set for keys that need its bytes.
COLUMNS: Final = ("uid", "keywords", "received_at", "size", "modseq")
CONTENT_COLUMNS: Final = (*COLUMNS, "blob_id", "location", "encoding", "data", "structure")

_COMPARE: Final = {
    search.Relation.BEFORE: lt,
    search.Relation.ON: eq,
    search.Relation.SINCE: ge,
}
_ADDRESS_FIELDS: Final = frozenset({"from", "to", "cc", "bcc"})
_BY_CONTENT: Final = (search.Header, search.Body, search.Text)

Predicate = Callable[["Subject"], bool]


class Subject:
    """One message that is asked about: its sequence number, and its row."""

    __slots__ = ("_blob_store", "_content", "_headers", "number", "row")

    def __init__(self, number: int, row: Row, blob_store: BlobStore) -> None:
        self.number = number
        self.row = row
        self._blob_store = blob_store
        self._content: bytes | mmap.mmap | None = None
        self._headers: headers.Headers | None = None

    @property
    def content(self) -> bytes | mmap.mmap:
        """Its bytes. Raises Fault CORRUPT."""
        if self._content is None:
            blob_id, location, encoding, data = self.row[5:9]
            if location is None:
                raise Fault(Kind.CORRUPT, f"blob {blob_id} is not there")
            stored = Stored(blob_id, self.row[3], location, encoding, data or b"")
            self._content = self._blob_store.read(stored)
        return self._content

    @property
    def headers(self) -> headers.Headers:
        """Its header fields."""
        if self._headers is None:
            self._headers = headers.split(self.content)
        return self._headers

    @property
    def structure(self) -> tree.Part:
        """Its parts. Raises Fault CORRUPT."""
        try:
            return tree.decode(self.row[9] or b"")
        except msgspec.DecodeError as error:
            raise Fault(Kind.CORRUPT, f"the structure of blob {self.row[5]}: {error}") from error


def needs_content(key: search.SearchKey) -> bool:
    """Whether a key asks for more than the rows hold."""
    if isinstance(key, search.And | search.Or):
        return any(map(needs_content, key.keys))
    if isinstance(key, search.Not):
        return needs_content(key.key)
    if isinstance(key, search.Day):
        return key.sent
    return isinstance(key, _BY_CONTENT)


def asks_modseq(key: search.SearchKey) -> bool:
    """Whether MODSEQ is among the keys (RFC 7162 3.1.5)."""
    if isinstance(key, search.And | search.Or):
        return any(map(asks_modseq, key.keys))
    if isinstance(key, search.Not):
        return asks_modseq(key.key)
    return isinstance(key, search.ModSeq)


def predicate(key: search.SearchKey, view: View) -> Predicate:
    """The function of a key; the recursion is bounded by the parser's DEPTH_MAX."""
    match key:
        case search.All():
            return lambda _: True
        case search.And(keys=keys):
            # Cheap ones first; `sorted` is stable.
            parts = [predicate(each, view) for each in sorted(keys, key=needs_content)]
            return lambda subject: all(part(subject) for part in parts)
        case search.Or(keys=keys):
            parts = [predicate(each, view) for each in sorted(keys, key=needs_content)]
            return lambda subject: any(part(subject) for part in parts)
        case search.Not(key=inner):
            part = predicate(inner, view)
            return lambda subject: not part(subject)
        case search.Header() | search.Body() | search.Text():
            return _by_text(key)
        case _:
            return _by_row(key, view)


def _by_row(key: search.SearchKey, view: View) -> Predicate:
    match key:
        case search.Keyword(keyword=keyword, present=present):
            return lambda subject: (keyword in subject.row[1].split(" ")) is present
        case search.Recent(present=present):
            return lambda subject: view.is_recent(subject.row[0]) is present
        case search.Numbers(set=numbers):
            covered = _covers(numbers, view.count)
            return lambda subject: covered(subject.number)
        case search.Uids(set=uids):
            covered = _covers(uids, view.uids[-1] if view.uids else 0)
            return lambda subject: covered(subject.row[0])
        case search.Larger(size=size):
            return lambda subject: subject.row[3] > size
        case search.Smaller(size=size):
            return lambda subject: subject.row[3] < size
        case search.ModSeq(value=value):
            return lambda subject: subject.row[4] >= value
        case search.Day(relation=relation, day=day, sent=False):
            compare = _COMPARE[relation]
            return lambda subject: compare(subject.row[2] // DAY_MS, day)
        case search.Day(relation=relation, day=day):
            compare = _COMPARE[relation]
            return lambda subject: compare(_sent_day(subject), day)
        case _:
            raise TypeError(key)


def _covers(numbers: sets.SequenceSet, largest: int) -> Callable[[int], bool]:
    pairs = numbers.resolve(largest)
    starts = [low for low, _ in pairs]

    def covered(number: int) -> bool:
        at = bisect_right(starts, number) - 1
        return at >= 0 and number <= pairs[at][1]

    return covered


def _sent_day(subject: Subject) -> int:
    """The day that the Date field names, whatever its zone; without one, that of arrival."""
    raw = subject.headers.get(b"date")
    sent = mime_dates.parse(raw) if raw else None
    if sent is None:
        return int(subject.row[2] // DAY_MS)
    return sent.toordinal() - _EPOCH


def _by_text(key: search.Header | search.Body | search.Text) -> Predicate:
    wanted = key.text.casefold()
    match key:
        case search.Header(field=field):
            name = field.encode("utf-8", "replace")
            contains = _in_addresses if field in _ADDRESS_FIELDS else _in_value
            return lambda subject: any(
                contains(value, wanted) for value in subject.headers.get_all(name)
            )
        case search.Body():
            return lambda subject: _in_body(subject, wanted)
        case search.Text():
            return lambda subject: (
                wanted in text.header_text(subject.headers).casefold() or _in_body(subject, wanted)
            )


def _in_value(value: bytes, wanted: str) -> bool:
    return wanted in words.decode(value).casefold()


def _in_addresses(value: bytes, wanted: str) -> bool:
    """As written, or as the ENVELOPE shows it, without comments and white space inside."""
    return _in_value(value, wanted) or any(
        wanted in f"{entry.name} <{entry.local}@{entry.domain}>".casefold()
        for entry in addresses.parse_list(value)
        if isinstance(entry, addresses.Mailbox)
    )


def _in_body(subject: Subject, wanted: str) -> bool:
    if not wanted:
        return True
    pieces = text.searchable(subject.content, subject.structure)
    return any(wanted in piece.casefold() for piece in pieces)


def matching(
    test: Predicate, found: Sequence[Row], numbers: Sequence[int], blob_store: BlobStore
) -> list[int]:
    """Where in `found` the messages stand that meet a key; a damaged one meets none."""
    passed = []
    for place, (row, number) in enumerate(zip(found, numbers, strict=True)):
        try:
            if test(Subject(number, row, blob_store)):
                passed.append(place)
        except Fault as fault:
            if fault.kind is not Kind.CORRUPT:
                raise
    return passed
