"""Mending of what `merpati check` finds: one function for each damage that can be mended.

Each takes the row that its question found (store/damage.py) and says whether all is well
now. None deletes mail: what a mailbox or the queue still holds stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from merpati.base.faults import Fault
from merpati.model.change import ChangeKind
from merpati.model.message import Digest
from merpati.store import blobs, changes, emails, mailboxes, marked, metadata, rights
from merpati.store.blobs import BlobStore, Stored, content_hash
from merpati.store.engine import Row, Store, Transaction

Redigest = Callable[[bytes], Digest]
"""Parses a message again: `services` knows how."""


@dataclass(frozen=True, slots=True)
class Mender:
    """What mending needs: both stores, and a parser if there is one."""

    store: Store
    blob_store: BlobStore
    redigest: Redigest | None


Mend = Callable[[Mender, Row], Awaitable[bool]]


def by(sql: str, *columns: int) -> Mend:
    """Mending with one statement, its parameters these columns of the row."""

    async def mend(mender: Mender, row: Row) -> bool:
        async def unit(tx: Transaction) -> int:
            return await tx.run(sql, *(row[n] for n in columns))

        return await mender.store.write(unit) > 0

    return mend


async def give_mailbox(mender: Mender, row: Row) -> bool:
    """Make the mailbox again, under a new UIDVALIDITY; its counters are the next questions."""
    account_id, mailbox_id, _ = row

    async def unit(tx: Transaction) -> bool:
        uidvalidity = await tx.value(
            "UPDATE account SET uidvalidity = uidvalidity + 1 WHERE id = $1 RETURNING uidvalidity",
            account_id,
        )
        if uidvalidity is None:
            return False  # no account to give it to
        await tx.run(
            "INSERT INTO mailbox (account_id, id, parent_id, name, role, uidvalidity, uidnext,"
            " recent_from, total, unseen, size, modseq, marked)"
            " VALUES ($1, $2, 0, $3, '', $4, 1, 1, 0, 0, 0, 1, $5) ON CONFLICT DO NOTHING",
            account_id, mailbox_id, f"Recovered {mailbox_id}", uidvalidity, marked.EVERYWHERE,
        )  # fmt: skip
        await changes.record(tx, account_id, ChangeKind.MAILBOX_CREATED, mailbox_id)
        return True

    return await mender.store.write(unit)


async def forget_mailbox(mender: Mender, row: Row) -> bool:
    """Remove what is kept about a mailbox that is not there."""

    async def unit(tx: Transaction) -> bool:
        if await mailboxes.counters(tx, row[0], row[1]) is not None:
            return False
        await rights.forget_mailbox(tx, row[0], row[1])
        await metadata.forget_mailbox(tx, row[0], row[1])
        return True

    return await mender.store.write(unit)


async def lift_mailbox(mender: Mender, row: Row) -> bool:
    """Put the broken end of a mailbox's chain of parents at the top level."""
    account_id, mailbox_id, _ = row

    async def unit(tx: Transaction) -> bool:
        seen: set[int] = set()
        broken = current = mailbox_id
        while current not in seen:
            parent = await tx.value(
                "SELECT parent_id FROM mailbox WHERE account_id = $1 AND id = $2",
                account_id, current,
            )  # fmt: skip
            if parent == 0:
                return True  # mended with another
            if parent is None:
                break
            seen.add(current)
            broken, current = current, parent
        else:
            broken = current  # a ring: open it here
        await tx.run(
            "UPDATE mailbox SET parent_id = 0, name = name || $3"
            " WHERE account_id = $1 AND id = $2",
            account_id, broken, f" ({broken})",
        )  # fmt: skip
        await changes.record(tx, account_id, ChangeKind.MAILBOX_CHANGED, broken)
        return True

    return await mender.store.write(unit)


async def give_blob(mender: Mender, row: Row) -> bool:
    """Make the row of a blob again from its bytes, when those are still there."""
    _, _, _, blob_id, size = row

    async def unit(tx: Transaction) -> bool:
        if await blobs.find(tx, blob_id) is not None:
            return True  # mended with another
        body = await tx.row("SELECT encoding, data FROM body WHERE blob_id = $1", blob_id)
        if body is None:
            return False
        content = mender.blob_store.read(Stored(blob_id, size, "", *body))
        refs = await tx.value(
            "SELECT (SELECT count(*) FROM mailbox_email WHERE blob_id = $1)"
            " + (SELECT count(*) FROM queue_message WHERE blob_id = $1)"
            " + (SELECT count(*) FROM held_post WHERE blob_id = $1)",
            blob_id,
        )
        made = await tx.run(
            "INSERT INTO blob (id, hash, size, refs, location) VALUES ($1, $2, $3, $4, '')"
            " ON CONFLICT DO NOTHING",
            blob_id, content_hash(content), size, refs,
        )  # fmt: skip
        return made > 0

    try:
        return await mender.store.write(unit)
    except Fault:  # not the bytes of this email
        return False


async def give_digest(mender: Mender, row: Row) -> bool:
    """Parse a message again."""
    stored = await mender.store.read(blobs.find, row[0])
    if stored is None or mender.redigest is None:
        return False
    try:
        content = await asyncio.to_thread(mender.blob_store.read, stored)
        found = await asyncio.to_thread(mender.redigest, bytes(content))
    except Fault:
        return False
    await mender.store.write(emails.insert_message, row[0], found)
    return True


async def forget_queued(mender: Mender, row: Row) -> bool:
    """All recipients are served: let go of the message, as the last of them should have."""

    async def unit(tx: Transaction) -> bool:
        if await tx.row("SELECT 1 FROM queue_recipient WHERE message_id = $1 LIMIT 1", row[0]):
            return False
        blob_id = await tx.value(
            "DELETE FROM queue_message WHERE id = $1 RETURNING blob_id", row[0]
        )
        if blob_id is not None:
            await blobs.release(tx, [blob_id])
        return True

    return await mender.store.write(unit)
