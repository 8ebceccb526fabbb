"""The reports that came for sent messages: `dsnBlobIds` and `mdnBlobIds` (RFC 8621 7)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from merpati.model import object_ids
from merpati.model.object_ids import BlobName
from merpati.servers.jmap.call import Access, Call
from merpati.services.digest import report_ref
from merpati.store import email_places, email_threads, thread_members
from merpati.store.blobs import BlobStore, Stored
from merpati.wire.mime import headers, report, tree
from merpati.wire.mime.subject import message_ids

if TYPE_CHECKING:
    import mmap

    from merpati.store.email_places import Held
    from merpati.store.engine import Transaction

COLUMNS: Final = ("structure", "blob_id", "size", "location", "encoding", "data", "received_at")
_ID: Final = b"message-id"


class Reports(NamedTuple):
    """Blob ids of the reports about one message, the oldest first."""

    dsn: list[str]
    mdn: list[str]


async def of(call: Call, access: Access, email_ids: Sequence[int]) -> dict[int, Reports]:
    """The reports about emails of an account that are still there."""
    store, blob_store = call.services.store, call.services.blob_store
    sent = await store.read(email_places.find, access.account_id, email_ids, COLUMNS)
    ids = await asyncio.to_thread(_message_ids, blob_store, sent)
    found = await store.read(_candidates, access.account_id, ids)
    return await asyncio.to_thread(_told, blob_store, ids, found)


def _content(blob_store: BlobStore, one: Held) -> tuple[bytes | mmap.mmap, tree.Part]:
    _, _, structure, *stored, _ = one.row
    return blob_store.read(Stored(*stored)), tree.decode(structure)


def _message_ids(blob_store: BlobStore, sent: Mapping[int, Sequence[Held]]) -> dict[int, bytes]:
    found = {}
    for email_id, held in sent.items():
        content, root = _content(blob_store, held[0])
        fields = headers.collect(content, root.header_start, root.body_start, {_ID})
        if own := message_ids(fields.get(_ID, b""))[:1]:
            found[email_id] = own[0]
    return found


async def _candidates(
    tx: Transaction, account_id: int, ids: Mapping[int, bytes]
) -> dict[int, list[Held]]:
    """What may be reports about emails, of which these are the message ids."""
    found = {}
    for email_id, message_id in ids.items():
        threads = await email_threads.with_ref(tx, account_id, report_ref(message_id))
        members = await thread_members.members(tx, account_id, threads)
        those = {one[0] for found_ones in members.values() for one in found_ones}
        places = await email_places.find(tx, account_id, those, COLUMNS)
        rows = [held[0] for held in places.values()]
        found[email_id] = sorted(rows, key=lambda one: (one.row[-1], one.row[1]))
    return found


def _told(
    blob_store: BlobStore, ids: Mapping[int, bytes], found: Mapping[int, Iterable[Held]]
) -> dict[int, Reports]:
    told = {}
    for email_id, rows in found.items():
        told[email_id] = Reports([], [])
        for one in rows:
            kind = report.kind(tree.decode(one.row[2]))
            if kind and report.about(*_content(blob_store, one)) == ids[email_id]:
                blob_id = object_ids.blob(BlobName(upload=False, id=one.row[1]))
                (told[email_id].dsn if kind == report.DSN else told[email_id].mdn).append(blob_id)
    return told
