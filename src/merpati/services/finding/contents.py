"""Looking into messages themselves, for what no column and no index tells.

That is text in bodies, fields that no header page holds, and attachments. Messages are
read a few at a time, in a thread, so that nobody waits for a search but who asked.
"""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.model import criteria as c
from merpati.services.documents import Reader
from merpati.store import emails
from merpati.store.blobs import BlobStore, Stored
from merpati.store.engine import Row, Store
from merpati.wire.mime import addresses, headers, tree, words
from merpati.wire.smime import message as smime
from merpati.wire.text import message
from merpati.wire.text.folding import fold

CHUNK: Final = 40  # messages read whole at once
COLUMNS: Final = ("uid", "size", "blob_id", "location", "encoding", "data", "structure",
    "received_at",
)  # fmt: skip
_SHOWN: Final = frozenset({"", "text", "image"})  # types of parts that a reader shows inline
ADDRESS_FIELDS: Final = frozenset({"from", "to", "cc", "bcc", "sender", "reply-to"})

Inside = c.Header | c.Body | c.Text | c.HasAttachment | c.Smime
Test = Callable[["Content"], bool]
Judge = Callable[["bytes | mmap.mmap", tree.Part, int], tuple[bool, bool]]
"""Whether the S/MIME signature of a message (its bytes, structure, Unix ms of receipt) is good,
and whether it was when the message came."""


class Content:
    """One message that is asked about."""

    __slots__ = ("_blob_store", "_bytes", "_headers", "_row")

    def __init__(self, row: Row, blob_store: BlobStore) -> None:
        self._row = row
        self._blob_store = blob_store
        self._bytes: bytes | mmap.mmap | None = None
        self._headers: headers.Headers | None = None

    @property
    def bytes(self) -> bytes | mmap.mmap:
        """All of it. Raises Fault CORRUPT."""
        if self._bytes is None:
            _, size, blob_id, location, encoding, data, *_ = self._row
            if location is None:
                raise Fault(Kind.CORRUPT, f"blob {blob_id} is not there")
            stored = Stored(blob_id, size, location, encoding, data or b"")
            self._bytes = self._blob_store.read(stored)
        return self._bytes

    @property
    def headers(self) -> headers.Headers:
        """Its header fields."""
        if self._headers is None:
            self._headers = headers.split(self.bytes)
        return self._headers

    @property
    def received_at(self) -> int:
        """When it came, Unix milliseconds."""
        found: int = self._row[7]
        return found

    @property
    def structure(self) -> tree.Part:
        """Its parts. Raises Fault CORRUPT."""
        try:
            return tree.decode(self._row[6] or b"")
        except msgspec.DecodeError as error:
            text = f"the structure of blob {self._row[2]}: {error}"
            raise Fault(Kind.CORRUPT, text) from error


class Contents:
    """Reads messages to see whether they meet what is asked."""

    def __init__(self, store: Store, blob_store: BlobStore, reader: Reader | None = None) -> None:
        """`reader` opens attached documents; without one, none holds anything."""
        self._store = store
        self._blob_store = blob_store
        self.reader = reader
        self.judge: Judge | None = None  # without one, no signature is good

    async def meeting(
        self, account_id: int, mailbox_id: int, uids: Sequence[int], wanted: Inside
    ) -> set[int]:
        """Those of ascending UIDs whose messages meet a criterion; a damaged one meets none."""
        test = _test(wanted, self.judge)
        found: set[int] = set()
        for start in range(0, len(uids), CHUNK):
            part = uids[start : start + CHUNK]
            rows = await self._store.read(emails.fetch, account_id, mailbox_id, part, COLUMNS)
            found.update(await asyncio.to_thread(self._passing, test, rows))
        return found

    async def documents_holding(
        self, account_id: int, mailbox_id: int, uids: Sequence[int], wanted: str
    ) -> set[int]:
        """Those of ascending UIDs with an attached document that holds a text."""
        needle, found = fold(wanted), set[int]()
        for uid in uids if self.reader is not None else ():
            rows = await self._store.read(emails.fetch, account_id, mailbox_id, [uid], COLUMNS)
            for row in rows:
                with suppress(Fault):  # a damaged one holds nothing
                    if needle in fold(await self._documents(row)):
                        found.add(uid)
        return found

    async def _documents(self, row: Row) -> str:
        assert self.reader is not None
        content = Content(row, self._blob_store)
        return (await self.reader.texts(content.bytes, content.structure)).text

    def _passing(self, test: Test, rows: Sequence[Row]) -> list[int]:
        passed = []
        for row in rows:
            try:
                if test(Content(row, self._blob_store)):
                    passed.append(row[0])
            except Fault as fault:
                if fault.kind is not Kind.CORRUPT:
                    raise
        return passed


def _test(wanted: Inside, judge: Judge | None = None) -> Test:
    match wanted:
        case c.HasAttachment():
            return lambda content: has_attachment(content.structure)
        case c.Smime(verified=False):
            return lambda content: smime.is_smime(content.structure)
        case c.Smime(at_delivery=at_delivery):
            return lambda content: (
                judge is not None
                and smime.is_smime(content.structure)
                and judge(content.bytes, content.structure, content.received_at)[at_delivery]
            )
        case c.Header(field=field, text=text_wanted):
            name, needle = field.encode("utf-8", "replace"), fold(text_wanted)
            contains = _in_addresses if field in ADDRESS_FIELDS else _in_value
            return lambda content: any(
                contains(value, needle) for value in content.headers.get_all(name)
            )
        case c.Body(text=text_wanted):
            needle = fold(text_wanted)
            return lambda content: message.holds(content.bytes, content.structure, needle)
        case c.Text(text=text_wanted):
            needle = fold(text_wanted)
            return lambda content: message.holds(
                content.bytes, content.structure, needle, in_header=True
            )


def has_attachment(root: tree.Part) -> bool:
    """Whether a person would say that something is attached (RFC 8621 4.1.4, hasAttachment)."""
    waiting = [root]
    while waiting:
        part = waiting.pop()
        if part.type == "multipart":
            waiting.extend(part.children)
        elif part.disposition == "attachment" or part.type not in _SHOWN:
            return True
    return False


def _in_value(value: bytes, needle: str) -> bool:
    return needle in fold(words.decode(value))


def _in_addresses(value: bytes, needle: str) -> bool:
    """As written, or as the ENVELOPE shows it, without comments and white space inside."""
    return _in_value(value, needle) or any(
        needle in fold(f"{entry.name} <{entry.local}@{entry.domain}>")
        for entry in addresses.parse_list(value)
        if isinstance(entry, addresses.Mailbox)
    )
