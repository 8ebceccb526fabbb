"""The columns of header pages: what each holds of a message, and how it is made.

Columns that are made of the same part of a prepared envelope form a group and are made
together. A search by date so reads dates, and takes neither addresses nor ids apart.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import IntEnum, unique
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.store.engine import Row
from merpati.wire.imap import prepared
from merpati.wire.mime import casemap, subject
from merpati.wire.text.folding import fold

TEXT_MAX: Final = 4_000  # characters of a field; the rest is read in the message
REFS_MAX: Final = 200  # ids of one message that threads are made of
KNOWN_MAX: Final = 300  # bytes of an address list that is remembered
HERE: Final = "\x01"  # begins a field that is there; no decoded text holds it
CUT: Final = "\x02"  # ends one that was longer than `TEXT_MAX`


@unique
class Column(IntEnum):
    """The columns; the number is kept in the store. Another layout, or folding, takes others."""

    SENT_AT = 32  # Unix milliseconds
    SUBJECT = 50
    BASE_SUBJECT = 35
    IS_REPLY = 36  # by its subject: 0 or 1
    MESSAGE_ID = 51
    IN_REPLY_TO = 52
    OWN_ID = 39  # a hash; 0 for none
    REFS = 40  # for each message: how many ancestors, and the hashes of their ids
    FROM = 53
    TO = 54
    CC = 55
    BCC = 56
    LOCAL_FROM = 45
    LOCAL_TO = 46
    LOCAL_CC = 47
    DISPLAY_FROM = 48
    DISPLAY_TO = 49
    BLOB_ID = 57


TEXTS: Final = frozenset(Column) - {
    Column.SENT_AT, Column.IS_REPLY, Column.OWN_ID, Column.REFS, Column.BLOB_ID,
}  # fmt: skip
FIELDS: Final = {
    "from": Column.FROM,
    "to": Column.TO,
    "cc": Column.CC,
    "bcc": Column.BCC,
    "subject": Column.SUBJECT,
    "message-id": Column.MESSAGE_ID,
    "in-reply-to": Column.IN_REPLY_TO,
}


class Group(msgspec.Struct, frozen=True):
    """Columns that are made together, by `make`, of rows with the columns `read`.

    Those of texts are made of the envelope, which is the second value and never NULL.
    """

    columns: tuple[Column, ...]
    read: tuple[str, ...]
    make: Callable[[Sequence[Row]], tuple[bytes, ...]]


# Subject, when neither it nor Date needs unquoting, as nearly always.
_BEGINNING: Final = re.compile(rb'\((?:NIL|"[^"\\]*+") (?:NIL|"([^"\\]*+)") (?:NIL|\()')
# What a subject is made of that says what is written: no escape, no line, nothing unseen.
_PRINTABLE: Final = bytes(set(range(32, 127)) - set(b"\\")) + b"\n"
_TOGETHER_MIN: Final = 8  # subjects that are looked at as one text


def _numbers(rows: Sequence[Row]) -> tuple[bytes, ...]:
    """SENT_AT, of the Date field, else of when a message came; or BLOB_ID."""
    return (array("q", [row[1] for row in rows]).tobytes(),)


def _subjects(rows: Sequence[Row]) -> tuple[bytes, ...]:
    """SUBJECT, BASE_SUBJECT and IS_REPLY."""
    match = _BEGINNING.match
    return _titles([
        found[1] if (found := match(row[1])) is not None else _read(row[1]).subject for row in rows
    ])  # fmt: skip


def _titles(values: Sequence[bytes | None]) -> tuple[bytes, ...]:
    """The columns of Subject fields: all as one text, or those of each half, or one by one."""
    written = _plain(values)
    if written is None and len(values) >= 2 * _TOGETHER_MIN:
        half = len(values) // 2
        pairs = zip(_titles(values[:half]), _titles(values[half:]), strict=True)
        return tuple([one + other for one, other in pairs])
    if written is None:
        titles = [prepared.decoded(value) for value in values]
        fields = _lines([
            "" if value is None else _field(title)
            for value, title in zip(values, titles, strict=True)
        ])  # fmt: skip
    else:
        titles = written.split("\n")
        fields = f"{HERE}{written.lower()}\n".replace("\n", f"\n{HERE}")[:-1].encode()
    bases = list(map(subject.base_subject, titles))
    replies = bytes([
        len(base) != len(title) and subject.is_reply(title, base)
        for title, base in zip(titles, bases, strict=True)
    ])  # fmt: skip
    orders = _lines(list(map(_order, bases))) if written is None else _lines(bases).upper()
    return fields, orders, replies


def _plain(values: Sequence[bytes | None]) -> str | None:
    """Fields in a line each when all say what is written, word after word and not too much."""
    if None in values or max(map(len, values), default=0) > TEXT_MAX:  # type: ignore[arg-type]
        return None
    text = b"\n".join(values)  # type: ignore[arg-type]
    edges = b"\n%b\n" % text
    if (
        text.translate(None, _PRINTABLE)
        or b"=?" in text
        or b"  " in text
        or b"\n " in edges
        or b" \n" in edges
        or text.count(b"\n") != len(values) - 1
    ):
        return None
    return text.decode("ascii")


def _ids(rows: Sequence[Row]) -> tuple[bytes, ...]:
    """MESSAGE_ID and IN_REPLY_TO."""
    own_fields: list[str] = []
    answered: list[str] = []
    for row in rows:
        in_reply_to, message_id = _end(row[1])
        own_fields.append("" if message_id is None else _field(prepared.decoded(message_id)))
        answered.append("" if in_reply_to is None else _field(prepared.decoded(in_reply_to)))
    return _lines(own_fields), _lines(answered)


def _links(rows: Sequence[Row]) -> tuple[bytes, ...]:
    """OWN_ID and REFS (RFC 5256 3)."""
    own_ids, refs = array("q"), array("q")
    for _, envelope, references in rows:
        in_reply_to, message_id = _end(envelope)
        own = subject.message_ids(message_id)[:1] if message_id else []
        ancestors = subject.message_ids(references) if references else []
        if not ancestors and in_reply_to:
            ancestors = subject.message_ids(in_reply_to)[:1]
        if len(ancestors) > REFS_MAX:
            ancestors = ancestors[:1] + ancestors[1 - REFS_MAX :]
        own_ids.append(_hash(own[0]) if own else 0)
        refs.append(len(ancestors))
        refs.extend(map(_hash, ancestors))
    return own_ids.tobytes(), refs.tobytes()


def _people(rows: Sequence[Row]) -> tuple[bytes, ...]:
    """FROM to DISPLAY_TO."""
    fields: list[list[str]] = [[], [], [], []]
    local: list[list[str]] = [[], [], []]
    displayed: list[list[str]] = [[], []]
    for row in rows:
        try:
            lists = prepared.people(row[1])
        except SyntaxFault:
            lists = (b"NIL",) * 4
        for n, token in enumerate(lists):
            said = _known(token) if len(token) <= KNOWN_MAX else _said(token)
            fields[n].append(said[0])
            if n < 3:
                local[n].append(said[1])
            if n < 2:
                displayed[n].append(said[2])
    return tuple([_lines(each) for each in (*fields, *local, *displayed)])


def _said(token: bytes) -> tuple[str, str, str]:
    """What stands in the columns of an address list; people write again and again."""
    boxes = prepared.addresses(token)
    if not boxes:
        return "", "", ""
    return (
        _field(prepared.written(boxes)),
        _order(prepared.decoded(boxes[0].mailbox)),
        _order(prepared.displayed(boxes)),
    )


_known: Final = lru_cache(maxsize=1024)(_said)


class Searched(msgspec.Struct, frozen=True):
    """What header pages hold of a message for those who search.

    Attributes:
        subject: The subject.
        sender: From.
        recipients: To, Cc and Bcc.
        ids: Message-ID and In-Reply-To.
        cut: Of one of them only the beginning stands there.
    """

    subject: str
    sender: str
    recipients: tuple[str, str, str]
    ids: tuple[str, str]
    cut: bool


def searched(envelope: bytes) -> Searched:
    """The same of one message. Raises SyntaxFault: it is no prepared ENVELOPE."""
    lists = prepared.people(envelope)
    sender, *others = [
        (_known(token) if len(token) <= KNOWN_MAX else _said(token))[0] for token in lists
    ]
    subject_field = _subjects([(0, envelope)])[0].decode()
    ids = tuple([each.decode() for each in _ids([(0, envelope)])])
    found = (subject_field, sender, *others, *ids)
    return Searched(subject_field, sender, tuple(others), ids, any(CUT in each for each in found))  # type: ignore[arg-type]  # three lists of recipients, two of ids


GROUPS: Final = (
    Group((Column.SENT_AT,), ("uid", "sent_at"), _numbers),
    Group((Column.SUBJECT, Column.BASE_SUBJECT, Column.IS_REPLY), ("uid", "envelope"), _subjects),
    Group((Column.MESSAGE_ID, Column.IN_REPLY_TO), ("uid", "envelope"), _ids),
    Group((Column.OWN_ID, Column.REFS), ("uid", "envelope", "refs"), _links),
    Group(tuple(Column)[8:17], ("uid", "envelope"), _people),
    Group((Column.BLOB_ID,), ("uid", "blob_id"), _numbers),
)
GROUP_OF: Final = {column: group for group in GROUPS for column in group.columns}


def _end(envelope: bytes) -> tuple[bytes | None, bytes | None]:
    """In-Reply-To and Message-ID of a prepared envelope; of a damaged one nothing."""
    if b"\\" not in envelope and b"{" not in envelope:  # so a quote is a quote
        *_, above, own = envelope.rsplit(b" ", 2)
        if (above == b"NIL" or above[:1] == above[-1:] == b'"') and (
            own == b"NIL)" or (own[:1] == b'"' and own[-2:] == b'")')
        ):
            return (
                None if above == b"NIL" else above[1:-1],
                None if own == b"NIL)" else own[1:-2],
            )
    said = _read(envelope)
    return said.in_reply_to, said.message_id


def _read(envelope: bytes) -> prepared.Envelope:
    try:
        return prepared.read(envelope)
    except SyntaxFault:
        return prepared.Envelope(None, None, [], [], [], [], None, None)


def _field(text: str) -> str:
    """A field that is there; where it was cut, that shows."""
    return HERE + (fold(text) if len(text) <= TEXT_MAX else fold(text[:TEXT_MAX]) + CUT)


def _order(text: str) -> str:
    """What is sorted by: in one line, as RFC 5051 compares."""
    return casemap.fold(text[:TEXT_MAX])


def _lines(lines: Sequence[str]) -> bytes:
    return ("\n".join(lines) + "\n" if lines else "").encode("utf-8", "replace")


@lru_cache(maxsize=4096)  # whoever answers names what came shortly before
def _hash(message_id: bytes) -> int:
    return int.from_bytes(blake2b(message_id, digest_size=8).digest(), "big", signed=True)


_RUN: Final = re.compile("[a-z0-9]+")
_AS_IT_IS: Final = bytes(set(range(32, 127)) - set(b"?\\")) + b"\n"  # neither `=?` nor an escape


def longest_word(text: str) -> bytes:
    """The longest run of ASCII letters and digits of a folded text."""
    return max(_RUN.findall(text), key=len, default="").encode()


def suspects(rows: Sequence[Row], word: bytes) -> Iterable[Row]:
    """The rows whose envelopes may hold letters or digits in a field, once it is folded.

    What is written as it is holds them itself; encoded words, escapes, literals and what is
    not ASCII may come to anything.
    """
    whole = b"\n".join([row[1] for row in rows])
    if whole.translate(None, _AS_IT_IS):
        return [row for row in rows if word in row[1].lower() or row[1].translate(None, _AS_IT_IS)]
    return [row for row in rows if word in row[1].lower()] if word in whole.lower() else ()


class Page(msgspec.Struct, frozen=True):
    """One column of a page: `uids` says which message stands where."""

    uids: Sequence[int]
    data: bytes

    def values(self, column: Column) -> Sequence[Any]:
        """A value for each message, unless this is REFS.

        Texts are their bytes as characters, which compare as the bytes do and are sorted in
        half the time.
        """
        if column in TEXTS:
            return self.data.decode("latin-1").split("\n")[:-1]
        return self.data if column is Column.IS_REPLY else self.numbers()

    def numbers(self) -> array[int]:
        """A column of numbers."""
        numbers = array("q")
        numbers.frombytes(self.data)
        return numbers

    def holding(self, wanted: str) -> Iterator[int]:
        """The UIDs of messages whose field holds a folded text; without text: that have it."""
        if not _MARKS.isdisjoint(wanted):
            return iter(())
        return self._with((wanted or HERE).encode("utf-8", "replace"))

    def cut(self) -> Iterator[int]:
        """The UIDs of messages of whose field only the beginning stands here."""
        return self._with(CUT.encode())

    def _with(self, needle: bytes) -> Iterator[int]:
        data = self.data
        at = place = counted = 0
        while (at := data.find(needle, at)) >= 0:
            place += data.count(b"\n", counted, at)
            yield self.uids[place]
            at = counted = data.index(b"\n", at)


_MARKS: Final = frozenset({HERE, CUT, "\n"})


def pack_uids(uids: Sequence[int]) -> bytes:
    """Ascending UIDs as they stand before a kept column: first, last, and all that have gaps."""
    if uids[-1] - uids[0] + 1 == len(uids):
        return array("I", [uids[0], uids[-1], 0]).tobytes()
    return array("I", [uids[0], uids[-1], len(uids), *uids]).tobytes()


def unpack(data: bytes) -> Page:
    """A column as it is kept: what `pack_uids` made, then its data."""
    first, last, count = array("I", data[:_HEAD])
    end = _HEAD + count * (_HEAD // 3)
    uids = array("I", data[_HEAD:end]) if count else range(first, last + 1)
    return Page(uids, data[end:])


_HEAD: Final = len(array("I", [0, 0, 0]).tobytes())
