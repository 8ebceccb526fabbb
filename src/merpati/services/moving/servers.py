"""Accounts of another IMAP server, copied into accounts here as often as is wanted.

Of every folder it is remembered which messages are here (their UIDs and flags there), so the
first run copies all, days before the switch, and the last one on the evening of the switch only
what has come, changed or gone since. What is broken off goes on behind the last batch.

A folder whose UIDVALIDITY has changed is looked at anew, and nothing is added twice, since
messages are also known by their hash (`intake`).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from blake3 import blake3

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.model.mailbox import Mailbox
from merpati.net.imap_client import ImapClient
from merpati.net.reaper import Reaper
from merpati.net.remote import Account, Remote
from merpati.services.moving.intake import Incoming, Intake, Report, Taken, spooled
from merpati.store import directory, email_keywords, emails, remote
from merpati.store.blobs import BlobStore
from merpati.store.email_keywords import Change
from merpati.store.engine import Row, Store, Transaction
from merpati.store.remote import RemoteFolder, RemoteMessage
from merpati.wire.imap.client_responses import Folder, Message
from merpati.wire.maildir import flags_keyword

BATCH_MESSAGES: Final = 100
BATCH_BYTES: Final = 8 * 1024 * 1024
# RFC 6154 2, and what cannot be opened (RFC 3501 7.2.2, RFC 9051 7.3.1).
ROLES: Final = {
    rb"\sent": "sent", rb"\drafts": "drafts", rb"\junk": "junk", rb"\trash": "trash",
    rb"\archive": "archive", rb"\spam": "junk",
}  # fmt: skip
CLOSED: Final = frozenset({rb"\noselect", rb"\nonexistent"})
VIRTUAL: Final = frozenset({rb"\all", rb"\flagged", rb"\important"})  # other views of the same mail

Progress = Callable[[str, str, int], None]  # account, mailbox, and how many messages more


class Job(msgspec.Struct, frozen=True):
    """One account to be copied: where it is, who signs in, and whose it becomes here."""

    remote: Remote
    account: Account
    target: str


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How accounts are copied.

    Attributes:
        delete: remove here what was copied and has since been deleted there.
        hashes: compare by fetching every message once more.
        bytes_per_second: of each connection; 0: as fast as it goes.
        everything: virtual folders, such as Gmail's All Mail, too.
    """

    ignore_quota: bool = False
    dry_run: bool = False
    delete: bool = False
    compare: bool = True
    hashes: bool = False
    bytes_per_second: int = 0
    everything: bool = False


class Compared(msgspec.Struct):
    """A folder there beside its mailbox here."""

    folder: str
    mailbox: str
    there: int = 0  # messages
    here: int = 0  # of them
    octets_there: int = 0
    octets_here: int = 0
    differ: int = 0  # messages whose bytes differ; only with `hashes`

    @property
    def is_equal(self) -> bool:
        """Whether every message is here. Servers count octets differently, so those do not say."""
        return self.there == self.here and not self.differ


class Copied(msgspec.Struct):
    """What became of one account."""

    target: str
    report: Report = msgspec.field(default_factory=Report)
    flags: int = 0  # emails whose flags were brought up to date
    removed: int = 0
    compared: list[Compared] = []
    problem: str = ""  # why it was broken off


class Servers:
    """Copies accounts, several at a time."""

    def __init__(
        self, store: Store, blob_store: BlobStore, clock: Clock, options: Options,
        progress: Progress,
    ) -> None:  # fmt: skip
        self._store = store
        self._blobs = blob_store
        self._clock = clock
        self._options = options
        self._progress = progress
        self._reaper = Reaper()

    async def copy_all(self, jobs: Sequence[Job], parallel: int) -> list[Copied]:
        """Every account; a fault ends only its own."""
        turns = asyncio.Semaphore(parallel)

        async def one(job: Job) -> Copied:
            async with turns:
                copied = Copied(job.target)
                try:
                    await self._copy(job, copied)
                except Fault as fault:
                    copied.problem = fault.text
                return copied

        return list(await asyncio.gather(*map(one, jobs)))

    async def _copy(self, job: Job, copied: Copied) -> None:
        account = await self._store.read(directory.account, job.target)
        intake = Intake(
            self._store, self._blobs, self._clock, account.id,
            ignore_quota=self._options.ignore_quota, dry_run=self._options.dry_run,
            progress=lambda path, count: self._progress(job.target, path, count),
        )  # fmt: skip
        copied.report = intake.report
        client = await ImapClient.connect(job.remote, job.account, self._reaper)
        try:
            for folder in self._wanted(await client.folders()):
                await _Copy(self, job, account.id, client, intake, copied).folder(folder)
        finally:
            await client.close()

    def _wanted(self, folders: Sequence[Folder]) -> list[Folder]:
        """The folders to copy, without the prefix that some servers put before all of them."""
        found = [
            one
            for one in folders
            if not one.attributes & CLOSED
            and (self._options.everything or not one.attributes & VIRTUAL)
        ]
        others = [one for one in found if one.path != "INBOX"]
        if others and all(one.path.startswith("INBOX/") for one in others):
            found = [
                msgspec.structs.replace(one, path=one.path.removeprefix("INBOX/")) for one in found
            ]
        return sorted(found, key=lambda one: (one.path != "INBOX", one.path))


class _Copy:
    """One account's copying; its parts are those of `Servers`."""

    def __init__(
        self, servers: Servers, job: Job, account_id: int, client: ImapClient, intake: Intake,
        copied: Copied,
    ) -> None:  # fmt: skip
        self._store = servers._store
        self._blobs = servers._blobs
        self._clock = servers._clock
        self._options = servers._options
        self._source = f"imap:{job.account.name}@{job.remote.host}"
        self._account_id = account_id
        self._client = client
        self._intake = intake
        self._copied = copied

    async def folder(self, folder: Folder) -> None:
        """Bring a mailbox up to date with a folder."""
        try:
            selected = await self._client.select(folder.name, read_only=True)
        except Fault as fault:
            if fault.kind is not Kind.NOT_FOUND:
                raise
            self._intake.report.skip(folder.path, fault.text)
            return
        role = next((ROLES[one] for one in folder.attributes if one in ROLES), "")
        mailbox = await self._intake.mailbox(folder.path, role)
        there = await self._client.survey() if selected.exists else []
        known: dict[str, RemoteMessage] = {}
        opened: RemoteFolder | None = None
        if mailbox is not None and not self._options.dry_run:
            opened = await self._store.write(
                remote.open_folder, self._account_id, self._source, folder.path,
                selected.uidvalidity, mailbox.id,
            )  # fmt: skip
            known = await self._store.scan(remote.messages, self._account_id, opened.id)
        fresh = [one.uid for one in there if one.uid and str(one.uid) not in known]
        await self._fetch(folder, mailbox, opened, fresh)
        if opened is not None and mailbox is not None:
            await self._changed(opened, there, known)
            await self._gone(opened, there, known)
            if self._options.compare:
                await self._compare(Compared(folder.path, mailbox.name), opened, there)

    async def _fetch(
        self, folder: Folder, mailbox: Mailbox | None, opened: RemoteFolder | None,
        uids: list[int],
    ) -> None:  # fmt: skip
        """Copy messages that are not here."""
        if self._options.dry_run:
            self._intake.report.found += len(uids)
            self._intake.report.added += len(uids)
            return
        seen: Counter[int] = Counter()
        batch: list[Taken] = []
        size = 0
        began = self._clock.monotonic()
        async for message, spool in self._client.fetch(uids, self._blobs.spool):
            batch.append(await asyncio.to_thread(spooled, self._incoming(message), spool))
            size += spool.size
            if len(batch) >= BATCH_MESSAGES or size >= BATCH_BYTES:
                await self._keep(folder, mailbox, opened, batch, seen)
                await self._throttle(size, began)
                batch, size, began = [], 0, self._clock.monotonic()
        if batch:
            await self._keep(folder, mailbox, opened, batch, seen)

    def _incoming(self, message: Message) -> Incoming:
        date = message.date
        now = int(self._clock.now() * 1000)
        return Incoming(
            str(message.uid), list, now if date is None else max(date, 0) * 1000, _keywords(message)
        )

    async def _keep(
        self, folder: Folder, mailbox: Mailbox | None, opened: RemoteFolder | None,
        batch: list[Taken], seen: Counter[int],
    ) -> None:  # fmt: skip
        empty = [one for one in batch if not one.size]
        for one in empty:
            self._intake.report.skip(f"{folder.path} UID {one.incoming.origin}", "it is empty")
        full = [one for one in batch if one.size]
        uids = await self._intake.take_batch(folder.path, mailbox, full, seen)
        if opened is None:
            return
        now = int(self._clock.now() * 1000)
        found = [
            RemoteMessage(one.incoming.origin, uids[one.incoming.origin],
                          " ".join(sorted(one.incoming.keywords)), now)
            for one in full
        ]  # fmt: skip
        await self._store.write(remote.remember, self._account_id, opened.id, found)

    async def _throttle(self, size: int, began: float) -> None:
        if self._options.bytes_per_second:
            due = size / self._options.bytes_per_second
            await asyncio.sleep(max(0.0, due - (self._clock.monotonic() - began)))

    async def _changed(
        self, opened: RemoteFolder, there: list[Message], known: dict[str, RemoteMessage]
    ) -> None:
        """Flags that were changed there since the last run are changed here."""
        groups: dict[str, list[RemoteMessage]] = {}
        for one in there:
            before = known.get(str(one.uid))
            now = " ".join(sorted(_keywords(one)))
            if before is not None and before.keywords != now:
                groups.setdefault(now, []).append(before)
        for keywords, group in groups.items():
            uids = sorted(one.uid for one in group)
            await self._store.write_long(
                _set_keywords, self._account_id, opened, uids, keywords,
                [msgspec.structs.replace(one, keywords=keywords) for one in group],
            )  # fmt: skip
            self._copied.flags += len(group)

    async def _gone(
        self, opened: RemoteFolder, there: list[Message], known: dict[str, RemoteMessage]
    ) -> None:
        """What was deleted there since the last run."""
        names = {str(one.uid) for one in there}
        gone = [one for name, one in known.items() if name not in names]
        if not gone or not self._options.delete:
            return
        uids = sorted(one.uid for one in gone)
        await self._store.write_long(
            _remove, self._account_id, opened, uids, [one.name for one in gone]
        )
        self._copied.removed += len(gone)

    async def _compare(
        self, compared: Compared, opened: RemoteFolder, there: list[Message]
    ) -> None:
        """Count both sides."""
        known = await self._store.scan(remote.messages, self._account_id, opened.id)
        names = {str(one.uid) for one in there}
        here = sorted(one.uid for name, one in known.items() if name in names)
        rows = await self._store.scan(_sizes, self._account_id, opened.mailbox_id, here)
        sizes = {row[0]: row[1] for row in rows}
        compared.there = len(there)
        compared.here = sum(1 for uid in here if uid in sizes)
        compared.octets_here = sum(sizes.get(uid, 0) for uid in here)
        if there:
            survey = await self._client.survey(b"UID RFC822.SIZE")
            compared.octets_there = sum(one.size or 0 for one in survey)
        if self._options.hashes:
            hashes = {row[0]: bytes(row[2]) for row in rows}
            wanted = {name: hashes.get(one.uid, b"") for name, one in known.items()}
            uids = [one.uid for one in there if one.uid]
            async for message, sink in self._client.fetch(uids, _Hash):
                compared.differ += sink.digest() != wanted.get(str(message.uid))
        self._copied.compared.append(compared)


class _Hash:
    """Takes a message and keeps its hash alone."""

    def __init__(self) -> None:
        self._hash = blake3()  # as the store names what it holds
        self.size = 0

    def add(self, chunk: bytes) -> None:
        self._hash.update(chunk)
        self.size += len(chunk)

    def digest(self) -> bytes:
        return self._hash.digest()

    def discard(self) -> None:
        """Nothing is held."""


def _keywords(message: Message) -> frozenset[str]:
    found = (flags_keyword(flag) for flag in message.flags or ())
    return frozenset(keyword for keyword in found if keyword)


async def _set_keywords(
    tx: Transaction, account_id: int, opened: RemoteFolder, uids: list[int], keywords: str,
    found: list[RemoteMessage],
) -> None:  # fmt: skip
    await email_keywords.change(
        tx, account_id, opened.mailbox_id, uids, Change.SET, frozenset(keywords.split())
    )
    await remote.remember(tx, account_id, opened.id, found)


async def _remove(
    tx: Transaction, account_id: int, opened: RemoteFolder, uids: list[int], names: list[str]
) -> None:
    await emails.remove(tx, account_id, opened.mailbox_id, uids)
    await remote.forget(tx, account_id, opened.id, names)


async def _sizes(tx: Transaction, account_id: int, mailbox_id: int, uids: list[int]) -> list[Row]:
    """UID, size and hash of emails."""
    if not uids:
        return []
    wanted = set(uids)
    rows = await tx.rows(
        "SELECT e.uid, e.size, b.hash FROM mailbox_email e JOIN blob b ON b.id = e.blob_id"
        " WHERE e.account_id = $1 AND e.mailbox_id = $2 AND e.uid BETWEEN $3 AND $4",
        account_id, mailbox_id, uids[0], uids[-1],
    )  # fmt: skip
    return [row for row in rows if row[0] in wanted]
