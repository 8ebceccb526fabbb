"""What `merpati check` looks for: rows that contradict each other, and bytes that rotted.

The store stays in use meanwhile. Each question is one query over a range of accounts or
blobs, on one snapshot, so that it never sees half of a transaction. A counter that is
wrong is off by a fixed amount, whatever happens beside; so it is mended only while it
still has the value that was seen, and what changed in between is left to the next run.

No mail is ever deleted: what cannot be mended without is reported, for a person to decide.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from merpati.base.faults import Fault
from merpati.store import blobs, garbage
from merpati.store.blobs import BlobStore, Stored, content_hash
from merpati.store.damage import OF_ACCOUNTS, OF_BLOBS, OF_QUEUE, Damage, Question
from merpati.store.engine import Row, Store, Transaction
from merpati.store.mend import Mender, Redigest

ACCOUNTS: Final = 100  # looked at in one query
BLOBS: Final = 1_000_000  # the same, where the query counts their holders in every account
SCRUBBED: Final = 100  # blobs read in one query to be hashed
FOUND_MAX: Final = 10_000  # rows of one query; a store with more damage than that is beyond mending
EXAMPLES: Final = 1000  # kept in a report

Progress = Callable[[str, int, int], None]
"""Told what is looked at, how far it is, and how far it goes."""


class Found(msgspec.Struct, frozen=True):
    """One damage: what, where, and whether it is mended now."""

    damage: Damage
    where: str
    mended: bool


class Report(msgspec.Struct):
    """What a check found. `examples` are the first of what `found` counts."""

    accounts: int = 0
    blobs: int = 0
    found: dict[Damage, int] = {}
    mended: dict[Damage, int] = {}
    examples: list[Found] = []

    def add(self, one: Found) -> None:
        """Count one damage."""
        self.found[one.damage] = self.found.get(one.damage, 0) + 1
        if one.mended:
            self.mended[one.damage] = self.mended.get(one.damage, 0) + 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(one)

    @property
    def left(self) -> int:
        """How many are not mended."""
        return sum(self.found.values()) - sum(self.mended.values())


async def check(
    store: Store,
    blob_store: BlobStore,
    *,
    repair: bool = False,
    progress: Progress = lambda _what, _done, _total: None,
    redigest: Redigest | None = None,
) -> Report:
    """Look for every `Damage`; reads only unless `repair` is true.

    Args:
        store: Both may be in use meanwhile.
        blob_store: Its files are read too, all of them.
        repair: Mend what can be mended without losing mail.
        progress: Called now and then.
        redigest: Needed to mend `EMAIL_WITHOUT_DIGEST`.
    """
    mender = Mender(store, blob_store, redigest)
    run = _Run(mender, Report(found={}, mended={}, examples=[]), repair=repair)
    accounts, blob_ids = await store.scan(_extent)
    run.report.accounts, run.report.blobs = await store.scan(_sizes)
    for first in range(0, accounts + 1, ACCOUNTS):
        progress("accounts", first, accounts)
        await run.ask(OF_ACCOUNTS, first, first + ACCOUNTS)
    await run.ask(OF_QUEUE)
    for first in range(0, blob_ids + 1, BLOBS):
        progress("holders of messages", first, blob_ids)
        await run.ask(OF_BLOBS, first, first + BLOBS)
    after = 0
    while chunk := await store.scan(_bodies, after):
        progress("messages", after, blob_ids)
        after = chunk[-1][1].blob_id
        await run.scrub(chunk)
    progress("files", 0, 0)
    for location in await garbage.unnamed_files(store, blob_store):
        if repair:
            await asyncio.to_thread(blob_store.remove, location)
        run.report.add(Found(Damage.FILE_WITHOUT_BLOB, location, repair))
    return run.report


class _Run:
    """One check under way."""

    def __init__(self, mender: Mender, report: Report, *, repair: bool) -> None:
        self.mender = mender
        self.report = report
        self.repair = repair

    async def ask(self, questions: tuple[Question, ...], *span: int) -> None:
        """Ask each question about a range, mending before the next is asked."""
        for question in questions:
            for row in await self.mender.store.scan(_rows, question, *span):
                mended = False
                if self.repair and question.mend is not None:
                    mended = await question.mend(self.mender, row)
                self.report.add(Found(question.damage, question.where.format(*row), mended))

    async def scrub(self, chunk: list[tuple[bytes, Stored]]) -> None:
        """Read and hash blobs; one that was collected meanwhile is no damage."""
        for damage, blob_id, text in await asyncio.to_thread(self._hash, chunk):
            if await self.mender.store.read(blobs.find, blob_id) is not None:
                self.report.add(Found(damage, f"message {blob_id}: {text}", mended=False))

    def _hash(self, chunk: list[tuple[bytes, Stored]]) -> list[tuple[Damage, int, str]]:
        wrong = []
        for digest, stored in chunk:
            try:
                found = content_hash(self.mender.blob_store.read(stored))
            except Fault as fault:
                gone = stored.location and not self.mender.blob_store.has(stored.location)
                damage = Damage.BLOB_WITHOUT_BYTES if gone else Damage.BLOB_DAMAGED
                wrong.append((damage, stored.blob_id, fault.text))
                continue
            if found != digest:
                text = f"its hash is {found.hex()} and was {digest.hex()}"
                wrong.append((Damage.BLOB_DAMAGED, stored.blob_id, text))
        return wrong


async def _rows(tx: Transaction, question: Question, *span: int) -> list[Row]:
    found = await tx.rows(f"{question.sql} LIMIT {FOUND_MAX}", *span)
    if question.holds is None:
        return found
    return [row for row in found if await question.holds(tx, row)]


async def _extent(tx: Transaction) -> tuple[int, int]:
    """The highest account id and blob id that any table knows."""
    accounts = [
        await tx.value(f"SELECT coalesce(max({column}), 0) FROM {table}")
        for table, column in (("account", "id"), ("mailbox", "account_id"),
                              ("mailbox_email", "account_id"))
    ]  # fmt: skip
    ids = [
        await tx.value(f"SELECT coalesce(max({column}), 0) FROM {table}")
        for table, column in (("blob", "id"), ("body", "blob_id"), ("message", "blob_id"))
    ]
    return max(accounts), max(ids)


async def _sizes(tx: Transaction) -> tuple[int, int]:
    return (
        await tx.value("SELECT count(*) FROM account"),
        await tx.value("SELECT count(*) FROM blob"),
    )


async def _bodies(tx: Transaction, after: int) -> list[tuple[bytes, Stored]]:
    """The next blobs that have bytes, with their hashes."""
    rows = await tx.rows(
        "SELECT b.hash, b.id, b.size, b.location, coalesce(c.encoding, 0), coalesce(c.data, $3)"
        " FROM blob b LEFT JOIN body c ON c.blob_id = b.id WHERE b.id > $1"
        " AND (b.location <> '' OR c.blob_id IS NOT NULL) ORDER BY b.id LIMIT $2",
        after, SCRUBBED, b"",
    )  # fmt: skip
    return [(digest, Stored(*stored)) for digest, *stored in rows]
