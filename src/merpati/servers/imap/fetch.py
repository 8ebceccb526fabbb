r"""FETCH (RFC 3501 6.4.5): messages' attributes from their rows, and sections of their bytes.

What stands in rows is answered by `rows`. A request for sections goes message by message:
small ones are written as one piece, large ones streamed from their file, so memory stays
flat whatever their size. What sets \Seen does so for a whole chunk at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, cast

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.model import uids as uid_sets
from merpati.model.change import ChangeKind
from merpati.model.message import SEEN
from merpati.model.rights import KEEP_SEEN
from merpati.servers.imap import rows
from merpati.servers.imap.client import Client, Done, gone
from merpati.servers.imap.content import COLUMNS, Content, Range, within
from merpati.servers.imap.legal import Refused
from merpati.servers.imap.surrogate import TOLD, Surrogate
from merpati.servers.imap.view import View
from merpati.store import changes, email_keywords, emails
from merpati.store.engine import Row, Transaction
from merpati.wire.imap import commands, flags, responses, sets, strings, structure
from merpati.wire.imap.fetch import Attribute, Binary, FetchItem, Section, Text

CHUNK: Final = 40  # messages read at once: what lies in rows is at most blobs.INLINE_MAX each
LARGE: Final = 256 * 1024  # bytes; from here on what is sent is streamed

NUMBERS: Final = frozenset({Attribute.UID, Attribute.RFC822_SIZE})

# What is read of each message: this, then the attributes, then what `Content` is made of.
FIRST: Final = ("uid", "keywords")

Seen = tuple[str, int]  # keywords and modseq of a message that was just marked as seen


class SectionPlan(msgspec.Struct, frozen=True):
    r"""How to answer a FETCH with sections.

    `columns`: what to read: `FIRST`, those of the attributes, and at the end the `width` ones
    that `Content` takes, with the structure if any section needs it; whole messages do not.
    `sets_seen`: it is no peek, so \Seen is set.
    `whole`: the response of a small message, when only all its bytes are wanted after some
    numbers: takes its sequence number, those numbers, its size and itself. Else empty.
    """

    items: tuple[FetchItem, ...]
    columns: tuple[str, ...]
    width: int
    sets_seen: bool
    whole: bytes


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
    if command.uid and Attribute.UID not in items and not client.uidonly:
        items = (Attribute.UID, *items)
    wanted = rows.named(view, command.set, uid=command.uid, partial=command.partial)
    if since is not None:
        wanted = await _changed(client, view, wanted, since)
        if command.vanished:
            await _vanished(client, view, command.set, since)
    if items == (Attribute.UID,) and not client.uidonly:
        _write_uids(client, wanted)
        return Done("FETCH completed")
    client.downgraded.clear()
    missing = await send(client, view, items, wanted)
    gone(missing, uid=command.uid)
    return Done("FETCH completed", _downgraded(client, view, uid=command.uid))


def _downgraded(client: Client, view: View, *, uid: bool) -> responses.Code | None:
    """Which messages are not shown as they are (RFC 6858 3)."""
    if not client.downgraded:
        return None
    shown = client.downgraded if uid else map(view.number, client.downgraded)
    return responses.downgraded(sets.compress(sorted(set(shown))))


async def send_unasked(
    client: Client, view: View, items: Iterable[FetchItem], uids: Sequence[int]
) -> None:
    """Tell items of new messages; to who knows modseqs, those and the UIDs too (RFC 7162 3.2.4)."""
    more: list[FetchItem] = []
    if client.condstore:
        more = [Attribute.MODSEQ] if client.uidonly else [Attribute.UID, Attribute.MODSEQ]
    await view.load(client.services.store)
    wanted = tuple(dict.fromkeys((*items, *more)))
    await send(client, view, wanted, rows.selection(view, uids))


async def send(
    client: Client, view: View, items: tuple[FetchItem, ...], wanted: rows.Selection
) -> int:
    """Answer for messages with FETCH responses; how many are gone."""
    if all(item in rows.ITEMS for item in items):
        how = rows.plan(cast("tuple[Attribute, ...]", items))
        return await rows.send(client, view, how, wanted)
    return await _send_sections(client, view, section_plan(items), wanted)


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
    """Tell which of these UIDs have been expunged since then.

    But not those that the client counts still: an EXPUNGE of theirs will tell (RFC 7162 3.2.10).
    """
    found = await client.services.store.read(changes.since, view.account_id, view.mailbox_id, since)
    removed = uid_sets.union(each.uids for each in found if each.kind == ChangeKind.EMAILS_REMOVED)
    vanished = view.without(rows.within(removed, wanted, view.uidnext - 1))
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
    wanted = COLUMNS if any(map(_in_parts, items)) else COLUMNS[:-1]
    return SectionPlan(
        items=items,
        columns=(*FIRST, *columns, *wanted),
        width=len(wanted),
        sets_seen=any(isinstance(item, Section | Binary) and not item.peek for item in items),
        whole=_whole(items),
    )


def _whole(items: tuple[FetchItem, ...]) -> bytes:
    """`SectionPlan.whole`."""
    *before, last = items
    if not isinstance(last, Section) or last.part or last.text is not Text.ALL or last.partial:
        return b""
    texts = [rows.ITEMS[item][1] for item in before if isinstance(item, Attribute)
             and item in NUMBERS]  # fmt: skip
    if len(texts) < len(before):
        return b""
    return b"* %%d FETCH (%b {%%d}\r\n%%b)\r\n" % b" ".join([*texts, last.label])


def _in_parts(item: FetchItem) -> bool:
    """Whether the parts of a message must be known for an item."""
    if isinstance(item, Section):
        return bool(item.part) or item.text is not Text.ALL
    if isinstance(item, Binary):
        return bool(item.part)
    return item is Attribute.BODY


async def _send_sections(
    client: Client, view: View, how: SectionPlan, wanted: rows.Selection
) -> int:
    """Answer message by message; how many are gone.

    Raises:
        Fault: at the end, CORRUPT when the bytes of any are damaged, UNKNOWN-CTE when a part of
            any cannot be decoded.
    """
    store = client.services.store
    missing = 0
    damaged: list[tuple[int, Fault]] = []
    refused: Refused | None = None
    for part in wanted.chunks(CHUNK):
        client.connection.deadline(client.services.settings.message_timeout)
        found = await store.read(
            emails.fetch, view.account_id, view.mailbox_id, part.uids, how.columns
        )
        missing += len(part.uids) - len(found)
        numbers = part.numbers(found)
        seen = await _set_seen(client, view, found) if how.sets_seen else {}
        simple = how.whole and not client.uidonly
        for number, row in zip(numbers, found, strict=True):
            if simple and row[0] not in seen and _is_plain(row, utf8=client.utf8):
                line = how.whole % (number, *row[len(FIRST) : -how.width], row[-4], row[-1])
                client.connection.write(line)
                continue
            try:
                await _Message(client, view, how, row, seen.get(row[0])).send(number)
            except Refused as refusal:
                refused = refusal
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
    if refused is not None:
        raise refused
    return missing


def _is_plain(row: Row, *, utf8: bool) -> bool:
    """Whether a message lies in its row as it is, and holds nothing that must be replaced."""
    size, location, encoding, data = row[-4:]
    if location or encoding or not data or len(data) != size or b"\0" in data:
        return False
    return utf8 or data.isascii()


async def _set_seen(client: Client, view: View, found: Sequence[Row]) -> dict[int, Seen]:
    r"""Set \Seen where it is not; what is new of those changed, by UID.

    A message can be read all the same when that cannot be written.
    """
    if view.read_only or KEEP_SEEN not in view.rights:
        return {}
    unseen = [row[0] for row in found if not emails.is_seen(row[1])]
    if not unseen:
        return {}
    try:
        modseq, seen = await client.services.store.write(
            mark_seen, view.account_id, view.mailbox_id, unseen
        )
    except Fault:
        return {}
    if modseq:
        view.own = (*view.own, modseq)
    return seen


async def mark_seen(
    tx: Transaction, account_id: int, mailbox_id: int, uids: Sequence[int]
) -> tuple[int, dict[int, Seen]]:
    r"""Set \Seen of emails that were seen without it; the modseq of that, 0 if it changed nothing.

    Others may have set it meanwhile: then that change's modseq is theirs.
    """
    modseq, now, _ = await email_keywords.change(
        tx, account_id, mailbox_id, uids, email_keywords.Change.ADD, frozenset({SEEN})
    )
    if modseq and len(now) == 1:
        return modseq, {uid: (keywords, modseq) for uid, keywords in now.items()}
    found = await emails.fetch(tx, account_id, mailbox_id, [*now], ("uid", "keywords", "modseq"))
    return modseq, {uid: (keywords, at) for uid, keywords, at in found}


class _Message:
    """One message on its way to the client."""

    __slots__ = ("_content", "_head", "_how", "_pieces", "_row", "_seen", "client", "view")

    def __init__(
        self, client: Client, view: View, how: SectionPlan, row: Row, seen: Seen | None
    ) -> None:
        self.client = client
        self.view = view
        self._how = how
        self._row = row
        self._seen = seen
        self._head = b""
        self._pieces: list[bytes] = []
        found = row[-how.width :]
        whole = found if how.width == len(COLUMNS) else (*found, None)
        kind = Content if client.utf8 else Surrogate
        self._content = kind(client.services.blob_store, whole)

    async def send(self, number: int) -> None:
        """Write the FETCH response. Raises Fault CORRUPT, Refused before anything is sent."""
        columns = iter(self._row[len(FIRST) :])
        content, pieces = self._content, self._pieces
        _ = content.raw  # before anything is written, as it may be damaged
        if isinstance(content, Surrogate) and content.differs:
            self.client.downgraded.append(self._row[0])
        self._check()
        self._head = b"* %d FETCH (" % number
        if self.client.uidonly:  # RFC 9586 3.4
            self._head = b"* %d UIDFETCH (" % self._row[0]
        for item in self._how.items:
            if isinstance(item, Section):
                found = content.section(item, item.partial)
                if found is None:
                    pieces.append(item.label + b" NIL")
                elif isinstance(found, bytes):
                    pieces.append(b"%b %b" % (item.label, strings.literal(found)))
                elif found[1] - found[0] >= LARGE:
                    await self._stream(item.label, found)
                else:
                    text = strings.literal(content.raw[found[0] : found[1]])
                    pieces.append(b"%b %b" % (item.label, text))
            elif isinstance(item, Binary):
                await self._binary(item)
            elif item is Attribute.BODY:
                pieces.append(b"BODY " + structure.body(content.structure, content.raw))
            else:
                pieces.append(self._attribute(item, next(columns)))
        if self._seen is not None:
            pieces += self._changed(self._seen)
        self._flush(b")\r\n")

    def _check(self) -> None:
        """Refuse before anything is sent what cannot be decoded (RFC 3516 4.3)."""
        for item in self._how.items:
            if isinstance(item, Binary):
                self._content.encoded(item.part)

    def _flush(self, end: bytes) -> None:
        """Write what is ready, and then `end`."""
        space = b"" if self._head or not self._pieces else b" "
        self.client.connection.write(self._head + space + b" ".join(self._pieces) + end)
        self._head = b""
        self._pieces.clear()

    def _changed(self, seen: Seen) -> Iterator[bytes]:
        r"""What \Seen has changed and was not asked for."""
        asked = self._how.items
        if Attribute.FLAGS not in asked:
            yield self._attribute(Attribute.FLAGS, seen[0])
        if not self.client.condstore:
            return
        if Attribute.UID not in asked and not self.client.uidonly:  # RFC 7162 3.2.4
            yield self._attribute(Attribute.UID, self._row[0])
        if Attribute.MODSEQ not in asked:
            yield self._attribute(Attribute.MODSEQ, seen[1])

    def _attribute(self, item: Attribute, value: Any) -> bytes:
        column, template = rows.ITEMS[item]
        if item is Attribute.MODSEQ and self._seen is not None:
            value = self._seen[1]
        elif item is Attribute.FLAGS:
            stored = value if self._seen is None else self._seen[0]
            rows.tell_keywords(self.client, self.view, (stored,))
            value = flags.render(stored, self.view.is_recent(self._row[0]))
        elif value is None:
            raise Fault(Kind.CORRUPT, "a message lacks what was prepared of it")
        elif column in TOLD and isinstance(self._content, Surrogate) and self._content.differs:
            value = self._content.described(column)
        elif column in rows.WRITE:
            value = rows.WRITE[column](value)
        written: bytes = template % value
        return written

    async def _stream(self, label: bytes, where: Range) -> None:
        """Write bytes piece by piece, as fast as the client takes them."""
        self._pieces.append(b"%b {%d}\r\n" % (label, where[1] - where[0]))
        self._flush(b"")
        async for piece in self._content.pieces(where):
            await self._written(piece.replace(b"\0", b"\x80") if b"\0" in piece else piece)

    async def _binary(self, item: Binary) -> None:
        """A part, decoded, or only its size (RFC 3516 4.3)."""
        content = self._content
        part = content.encoded(item.part)
        if part is None:
            self._pieces.append(item.label + (b" 0" if item.size else b" NIL"))
            return
        index = await content.survey(part, self.client.indexes)
        if item.size:
            self._pieces.append(b"%b %d" % (item.label, index.size))
            return
        start, end = 0, index.size
        if item.partial is not None:
            start, end = within((0, index.size), item.partial)
        mark = b"~" if index.has_nul else b""
        self._pieces.append(b"%b %b{%d}\r\n" % (item.label, mark, end - start))
        self._flush(b"")
        async for piece in content.decoded(part, index, item.partial):
            await self._written(piece)

    async def _written(self, piece: bytes) -> None:
        connection = self.client.connection
        connection.write(piece)
        connection.deadline(self.client.services.settings.message_timeout)
        await connection.drain()
