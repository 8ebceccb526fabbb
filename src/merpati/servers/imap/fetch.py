r"""FETCH (RFC 3501 6.4.5): messages' attributes from their rows, and sections of their bytes.

What stands in rows is answered by `rows`. A request for sections goes message by message:
small ones are written as one piece, large ones streamed from their file, so memory stays
flat whatever their size. What sets \Seen does so for a whole chunk at once.
"""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, cast

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.model import uids as uid_sets
from merpati.model.change import ChangeKind
from merpati.model.message import SEEN
from merpati.servers.imap import rows
from merpati.servers.imap.client import Client, Done, gone
from merpati.servers.imap.legal import Refused
from merpati.servers.imap.view import View
from merpati.store import changes, emails
from merpati.store.blobs import Stored
from merpati.store.engine import Row, Transaction
from merpati.wire.imap import commands, dates, flags, responses, sets, strings, structure
from merpati.wire.imap.fetch import Attribute, FetchItem, Section, Text
from merpati.wire.mime import section, tree

CHUNK: Final = 40  # messages read at once: what lies in rows is at most blobs.INLINE_MAX each
LARGE: Final = 256 * 1024  # bytes; from here on a section is streamed
PIECE: Final = 128 * 1024  # bytes written at once while streaming

# What the section renderer reads of each message, after the UID.
BODY: Final = ("blob_id", "size", "location", "encoding", "data", "keywords")

_KINDS: Final[dict[Text, section.Text | None]] = {
    Text.ALL: None,
    Text.HEADER: "HEADER",
    Text.FIELDS: "HEADER.FIELDS",
    Text.FIELDS_NOT: "HEADER.FIELDS.NOT",
    Text.TEXT: "TEXT",
    Text.MIME: "MIME",
}

Content = bytes | mmap.mmap
Range = tuple[int, int]
Seen = tuple[str, int]  # keywords and modseq of a message that was just marked as seen


class SectionPlan(msgspec.Struct, frozen=True):
    r"""How to answer a FETCH with sections.

    `columns`: what to read: the UID, `BODY`, those of the attributes, and at the end the
    structure if any section needs it; whole messages do not.
    `sets_seen`: it is no peek, so \Seen is set.
    """

    items: tuple[FetchItem, ...]
    columns: tuple[str, ...]
    sets_seen: bool


async def fetch(client: Client, command: commands.Fetch) -> Done:
    """FETCH and UID FETCH, with CHANGEDSINCE (RFC 7162 3.1.4.1) and VANISHED (3.2.6)."""
    view = client.selected
    await view.load(client.services.store)
    items = command.items
    since = command.changed_since
    if command.vanished and not client.qresync:
        raise Refused("say ENABLE QRESYNC first", bad=True)  # RFC 7162 3.2.6
    if since is not None or Attribute.MODSEQ in items:
        client.enable_condstore()
    if since is not None and Attribute.MODSEQ not in items:
        items = (*items, Attribute.MODSEQ)
    if command.uid and Attribute.UID not in items:
        items = (Attribute.UID, *items)
    wanted = rows.named(view, command.set, uid=command.uid)
    if since is not None:
        wanted = await _changed(client, view, wanted, since)
        if command.vanished:
            await _vanished(client, view, command.set, since)
    if items == (Attribute.UID,):
        _write_uids(client, wanted)
        return Done("FETCH completed")
    if all(item in rows.ITEMS for item in items):
        how = rows.plan(cast("tuple[Attribute, ...]", items))
        missing = await rows.send(client, view, how, wanted)
    else:
        missing = await _send_sections(client, view, section_plan(items), wanted)
    gone(missing, uid=command.uid)
    return Done("FETCH completed")


def _write_uids(client: Client, wanted: rows.Selection) -> None:
    """The view knows the answer, also for messages that are gone by now."""
    for part in wanted.chunks(rows.CHUNK):
        lines = [
            b"* %d FETCH (UID %d)\r\n" % (place + 1, uid)
            for place, uid in zip(part.places, part.uids, strict=True)
        ]
        client.connection.write(b"".join(lines))


async def _changed(
    client: Client, view: View, wanted: rows.Selection, since: int
) -> rows.Selection:
    """Those that the change log names, so that a client with little to learn reads little."""
    texts = await client.services.store.read(
        _changed_since, view.account_id, view.mailbox_id, since
    )
    named = set(uid_sets.union(texts))
    pairs = [
        (place, uid) for place, uid in zip(wanted.places, wanted.uids, strict=True) if uid in named
    ]
    return rows.Selection([place for place, _ in pairs], [uid for _, uid in pairs])


async def _changed_since(
    tx: Transaction, account_id: int, mailbox_id: int, since: int
) -> list[str]:
    found = await changes.since(tx, account_id, mailbox_id, since)
    return [each.uids for each in found if each.kind != ChangeKind.EMAILS_REMOVED]


async def _vanished(client: Client, view: View, wanted: sets.SequenceSet, since: int) -> None:
    """Tell which of these UIDs have been expunged since then."""
    found = await client.services.store.read(changes.since, view.account_id, view.mailbox_id, since)
    removed = uid_sets.union(each.uids for each in found if each.kind == ChangeKind.EMAILS_REMOVED)
    vanished = rows.within(removed, wanted, view.uidnext - 1)
    if vanished:
        line = responses.vanished(sets.compress(vanished), earlier=True)
        client.connection.write(line)


# Sections


@lru_cache(maxsize=64)
def section_plan(items: tuple[FetchItem, ...]) -> SectionPlan:
    """The plan for items of which some need the message's bytes."""
    columns = [
        rows.ITEMS[item][0] for item in items if isinstance(item, Attribute) and item in rows.ITEMS
    ]
    return SectionPlan(
        items=items,
        columns=("uid", *BODY, *columns, *(("structure",) if any(map(_in_parts, items)) else ())),
        sets_seen=any(isinstance(item, Section) and not item.peek for item in items),
    )


def _in_parts(item: FetchItem) -> bool:
    """Whether the parts of a message must be known for an item."""
    if isinstance(item, Section):
        return bool(item.part) or item.text is not Text.ALL
    return item is Attribute.BODY


async def _send_sections(
    client: Client, view: View, how: SectionPlan, wanted: rows.Selection
) -> int:
    """Answer message by message; how many are gone.

    Raises:
        Fault: CORRUPT at the end, when the bytes of any are damaged.
    """
    store = client.services.store
    missing = 0
    damaged: list[tuple[int, Fault]] = []
    for part in wanted.chunks(CHUNK):
        client.connection.deadline(client.services.settings.message_timeout)
        found = await store.read(
            emails.fetch, view.account_id, view.mailbox_id, part.uids, how.columns
        )
        missing += len(part.uids) - len(found)
        numbers = part.numbers(found)
        seen = await _set_seen(client, view, found) if how.sets_seen else {}
        for number, row in zip(numbers, found, strict=True):
            try:
                await _Message(client, view, how, row, seen.get(row[0])).send(number)
            except Fault as fault:
                if fault.kind is not Kind.CORRUPT:
                    raise
                damaged.append((row[0], fault))
        await client.connection.drain()
        await asyncio.sleep(0)
    for uid, problem in damaged:
        client.services.log.error(
            "imap.message.damaged", account=view.account_id, mailbox=view.mailbox_id,
            uid=uid, reason=problem.text,
        )  # fmt: skip
    if damaged:
        raise damaged[0][1]
    return missing


async def _set_seen(client: Client, view: View, found: Sequence[Row]) -> dict[int, Seen]:
    r"""Set \Seen where it is not; what is new of those changed, by UID.

    A message can be read all the same when that cannot be written.
    """
    if view.read_only:
        return {}
    unseen = [row[0] for row in found if not emails.is_seen(row[6])]
    if not unseen:
        return {}
    try:
        modseq, now, _ = await client.services.store.write(
            emails.set_keywords, view.account_id, view.mailbox_id, unseen,
            emails.Change.ADD, frozenset({SEEN}),
        )  # fmt: skip
    except Fault:
        return {}
    view.own = (*view.own, modseq)
    return {uid: (keywords, modseq) for uid, keywords in now}


class _Message:
    """One message on its way to the client."""

    __slots__ = ("_content", "_how", "_row", "_seen", "_tree", "client", "view")

    def __init__(
        self, client: Client, view: View, how: SectionPlan, row: Row, seen: Seen | None
    ) -> None:
        self.client = client
        self.view = view
        self._how = how
        self._row = row
        self._seen = seen
        self._content: Content | None = None
        self._tree: tree.Part | None = None

    async def send(self, number: int) -> None:
        """Write the FETCH response."""
        columns = iter(self._row[1 + len(BODY) :])
        content = self.content  # before anything is written, as it may be damaged
        pieces: list[bytes] = []
        head = b"* %d FETCH (" % number
        connection = self.client.connection
        for item in self._how.items:
            if isinstance(item, Section):
                where, text = self._section(item)
                if where is not None and where[1] - where[0] >= LARGE:
                    pieces.append(b"%b {%d}\r\n" % (item.label, where[1] - where[0]))
                    connection.write(head + b" ".join(pieces))
                    await self._stream(content, where)
                    head, pieces = b"", []
                    continue
                if where is not None:
                    text = strings.literal(content[where[0] : where[1]])
                pieces.append(b"%b %b" % (item.label, text))
            elif item is Attribute.BODY:
                pieces.append(b"BODY " + structure.body(self.tree, content))
            else:
                pieces.append(self._attribute(item, next(columns)))
        if self._seen is not None:
            pieces += self._changed(self._seen)
        space = b"" if head or not pieces else b" "
        connection.write(head + space + b" ".join(pieces) + b")\r\n")

    @property
    def content(self) -> Content:
        """The message's bytes. Raises Fault CORRUPT."""
        if self._content is None:
            blob_id, size, location, encoding, data = self._row[1:6]
            if location is None:
                raise Fault(Kind.CORRUPT, f"blob {blob_id} is not there")
            stored = Stored(blob_id, size, location, encoding, data or b"")
            self._content = self.client.services.blob_store.read(stored)
        return self._content

    @property
    def tree(self) -> tree.Part:
        """The message's structure."""
        if self._tree is None:
            try:
                self._tree = tree.decode(self._row[-1] or b"")
            except msgspec.DecodeError as error:
                text = f"the structure of blob {self._row[1]} is damaged: {error}"
                raise Fault(Kind.CORRUPT, text) from error
        return self._tree

    def _section(self, item: Section) -> tuple[Range | None, bytes]:
        """Where a section lies, or else its finished text."""
        if item.text is Text.ALL and not item.part:
            where: Range | None = (0, len(self.content))
        else:
            where = section.locate(self.tree, item.part, _KINDS[item.text])
        if where is None:
            return None, b"NIL"
        if item.text is Text.FIELDS or item.text is Text.FIELDS_NOT:
            exclude = item.text is Text.FIELDS_NOT
            text = section.fields(self.content, where, item.fields, exclude=exclude)
            if item.partial is not None:
                text = text[item.partial[0] : sum(item.partial)]
            return None, strings.literal(text)
        if item.partial is not None:
            start, end = where
            where = min(start + item.partial[0], end), min(start + sum(item.partial), end)
        return where, b""

    def _changed(self, seen: Seen) -> Iterator[bytes]:
        r"""What \Seen has changed and was not asked for."""
        asked = self._how.items
        if Attribute.FLAGS not in asked:
            yield self._attribute(Attribute.FLAGS, seen[0])
        if self.client.condstore and Attribute.MODSEQ not in asked:
            yield self._attribute(Attribute.MODSEQ, seen[1])

    def _attribute(self, item: Attribute, value: Any) -> bytes:
        if item is Attribute.MODSEQ and self._seen is not None:
            value = self._seen[1]
        elif item is Attribute.FLAGS:
            stored = value if self._seen is None else self._seen[0]
            rows.tell_keywords(self.client, self.view, (stored,))
            value = flags.render(stored, self.view.is_recent(self._row[0]))
        elif item is Attribute.INTERNALDATE:
            value = dates.internaldate(value // 1000)
        written: bytes = rows.ITEMS[item][1] % value
        return written

    async def _stream(self, content: Content, where: Range) -> None:
        """Write bytes piece by piece, as fast as the client takes them."""
        connection = self.client.connection
        for start in range(*where, PIECE):
            piece = content[start : min(start + PIECE, where[1])]
            connection.write(piece.replace(b"\0", b"\x80") if b"\0" in piece else piece)
            connection.deadline(self.client.services.settings.message_timeout)
            await connection.drain()
