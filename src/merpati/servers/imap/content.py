"""The bytes of one stored message, and the pieces of them that clients name.

A small message is read whole, a large one lies mapped in its file. What is to be sent is a
range of it, or a text made of it; a part that is to be decoded is decoded while it is sent,
so that no part of any size is ever held as a whole.
"""

from __future__ import annotations

import asyncio
import mmap
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Final

from merpati.base.faults import Fault, Kind
from merpati.servers.imap.legal import Refused
from merpati.store.blobs import BlobStore, Stored
from merpati.wire.imap import responses
from merpati.wire.imap.fetch import Section, Text
from merpati.wire.mime import section, transfer, tree

# What `Content` is made of, as `emails.COLUMNS` names it.
COLUMNS: Final = ("blob_id", "size", "location", "encoding", "data", "structure")
PIECE: Final = 128 * 1024  # bytes of one turn
INDEXES_MAX: Final = 16  # parts whose marks a session remembers

_KINDS: Final[dict[Text, section.Text | None]] = {
    Text.ALL: None,
    Text.HEADER: "HEADER",
    Text.FIELDS: "HEADER.FIELDS",
    Text.FIELDS_NOT: "HEADER.FIELDS.NOT",
    Text.TEXT: "TEXT",
    Text.MIME: "MIME",
}

Bytes = bytes | mmap.mmap
Range = tuple[int, int]
Partial = tuple[int, int | None]
Found = Range | bytes  # a range of the message, or a text that was made of it


class Indexes:
    """What a session knows of large parts that it decodes bit by bit."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[int, int], transfer.Index] = OrderedDict()

    def get(self, blob_id: int, part: tree.Part) -> transfer.Index | None:
        """The index of a part, if it was made before."""
        return self._held.get((blob_id, part.body_start))

    def keep(self, blob_id: int, part: tree.Part, index: transfer.Index) -> None:
        """Remember an index, and forget the oldest."""
        self._held[blob_id, part.body_start] = index
        if len(self._held) > INDEXES_MAX:
            self._held.popitem(last=False)


class Content:
    """One message's bytes and structure, read when they are first asked for."""

    __slots__ = ("_bytes", "_row", "_store", "_tree", "blob_id")

    def __init__(self, store: BlobStore, row: tuple[object, ...]) -> None:
        """`row` holds the values of `COLUMNS`; the structure may be None where none is needed."""
        self._store = store
        self._row = row
        self.blob_id: int = row[0]  # type: ignore[assignment]  # as the store wrote it
        self._bytes: Bytes | None = None
        self._tree: tree.Part | None = None

    @property
    def raw(self) -> Bytes:
        """The message. Raises Fault CORRUPT."""
        if self._bytes is None:
            blob_id, size, location, encoding, data, _ = self._row
            if location is None:
                raise Fault(Kind.CORRUPT, f"blob {blob_id} is not there")
            stored = Stored(blob_id, size, location, encoding, data or b"")  # type: ignore[arg-type]  # as the store wrote it
            self._bytes = self._store.read(stored)
        return self._bytes

    @property
    def structure(self) -> tree.Part:
        """The message's structure. Raises Fault CORRUPT."""
        if self._tree is None:
            try:
                self._tree = tree.decode(self._row[5] or b"")  # type: ignore[arg-type]  # bytes
            except Fault as fault:
                text = f"the structure of blob {self.blob_id} is damaged: {fault.text}"
                raise Fault(Kind.CORRUPT, text) from fault
        return self._tree

    def section(self, item: Section, partial: Partial | None) -> Found | None:
        """What a section names, None if the message has no such part."""
        if item.text is Text.ALL and not item.part:
            where: Range | None = (0, len(self.raw))
        else:
            where = section.locate(self.structure, item.part, _KINDS[item.text])
        if where is None:
            return None
        if item.text is Text.FIELDS or item.text is Text.FIELDS_NOT:
            exclude = item.text is Text.FIELDS_NOT
            text = section.fields(self.raw, where, item.fields, exclude=exclude)
            if partial is not None:
                start, end = within((0, len(text)), partial)
                text = text[start:end]
            return text
        return where if partial is None else within(where, partial)

    async def pieces(self, found: Found) -> AsyncIterator[bytes]:
        """What was found, in pieces and turns."""
        if isinstance(found, bytes):
            yield found
            return
        start, end = found
        for at in range(start, end, PIECE):
            yield self.raw[at : min(at + PIECE, end)]
            await asyncio.sleep(0)

    def encoded(self, numbers: tuple[int, ...]) -> tree.Part | None:
        """The part to decode, None if the message has none of these numbers.

        Only what holds no other parts is encoded (RFC 2045 6.4): a part that does is given as
        it is, and so is the whole message.

        Raises:
            Refused: UNKNOWN-CTE, for an encoding that nobody here knows (RFC 3516 4.3).
        """
        if not numbers:
            return tree.Part(0, 0, len(self.raw))
        part = section.find(self.structure, numbers)
        if part is None:
            return None
        if part.children:
            return tree.Part(part.header_start, part.body_start, part.body_end)
        if part.encoding not in transfer.KNOWN:
            text = "the transfer encoding of that part is not known here"
            raise Refused(text, responses.UNKNOWN_CTE)
        return part

    async def survey(self, part: tree.Part, indexes: Indexes) -> transfer.Index:
        """The index of a part; made in turns, so that others are served meanwhile."""
        index = indexes.get(self.blob_id, part)
        if index is None:
            survey = transfer.Survey(part)
            for piece, mark in transfer.decode(self.raw, part, transfer.begin(part)):
                survey.add(piece, mark)
                if mark.encoded < part.body_end:
                    await asyncio.sleep(0)
            index = survey.index()
            if part.size > transfer.STEP:
                indexes.keep(self.blob_id, part, index)
        return index

    async def decoded(
        self, part: tree.Part, index: transfer.Index, partial: Partial | None
    ) -> AsyncIterator[bytes]:
        """The decoded bytes of a part, or a range of them, in pieces."""
        start, end = (0, index.size) if partial is None else within((0, index.size), partial)
        mark = index.before(start)
        at = mark.decoded
        if start == end:
            return
        for piece, after in transfer.decode(self.raw, part, mark):
            wanted = piece[max(start - at, 0) : end - at]
            at = after.decoded
            if wanted:
                yield wanted
            if at >= end:
                return
            await asyncio.sleep(0)


def within(where: Range, partial: Partial) -> Range:
    """The part of a range that (offset, length) names; as much of it as there is."""
    start, end = where
    offset, length = partial
    first = min(start + offset, end)
    return first, end if length is None else min(first + length, end)
