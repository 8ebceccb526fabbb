"""Accounts of another IMAP server, copied into accounts here as often as is wanted.

Of every folder it is remembered which messages are here (their UIDs and flags there), so the
first run copies all, days before the switch, and the last one on the evening of the switch only
what has come, changed or gone since. What is broken off goes on behind the last batch.

A folder whose UIDVALIDITY has changed is looked at anew, and nothing is added twice: what there
is none of any longer under its UID is known by its hash, and so is a message that was moved away
and back. Each message there has an email of its own here, also among messages that are the same,
so what is deleted there is removed here and its like is not. A folder is remembered by the name
that the server itself writes: two of its names may well become one mailbox here.

A message that the server cannot read is named, and the rest comes (`net/imap_link.py`).
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
from merpati.net.imap_link import ImapLink
from merpati.net.reaper import Reaper
from merpati.net.remote import Account, Remote
from merpati.services.moving.intake import Incoming, Intake, Report, Taken, spooled
from merpati.store import directory, email_keywords, emails, imported, mailboxes, remote
from merpati.store.blobs import BlobStore
from merpati.store.email_keywords import Change
from merpati.store.engine import Row, Store, Transaction
from merpati.store.remote import Known, RemoteFolder, RemoteMessage
from merpati.wire.imap.client_responses import Folder, Message, Namespaces
from merpati.wire.maildir import flags_keyword

BATCH_MESSAGES: Final = 100
BATCH_BYTES: Final = 8 * 1024 * 1024
# RFC 6154 2, and what cannot be opened (RFC 3501 7.2.2, RFC 9051 7.3.1).
ROLES: Final = {
    rb"\sent": "sent", rb"\drafts": "drafts", rb"\junk": "junk", rb"\trash": "trash",
    rb"\archive": "archive", rb"\spam": "junk",
}  # fmt: skip
CLOSED: Final = frozenset({rb"\noselect", rb"\nonexistent"})
INBOX_PREFIX: Final = "INBOX/"  # before all mailboxes but INBOX, on Courier's and Cyrus' servers
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
        everything: virtual folders, such as Gmail's All Mail, and those of others too.
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
    gone_here: int = 0  # of them, that were here and were moved or deleted since
    octets_there: int = 0
    octets_here: int = 0
    differ: int = 0  # messages whose bytes differ; only with `hashes`

    @property
    def is_equal(self) -> bool:
        """Whether every message is here. Servers count octets differently, so those do not say."""
        return self.there == self.here and not self.differ

    @property
    def missing(self) -> int:
        """Messages that have never come."""
        return self.there - self.here - self.gone_here


class Copied(msgspec.Struct):
    """What became of one account."""

    target: str
    report: Report = msgspec.field(default_factory=Report)
    flags: int = 0  # emails whose flags were brought up to date
    removed: int = 0
    compared: list[Compared] = []
    left_out: list[str] = []  # folders that show the same mail again, or are somebody else's
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
        link = await ImapLink.connect(job.remote, job.account, self._reaper)
        try:
            told = await link.client.folders()
            for folder in self._wanted(told, await link.client.namespaces(), copied):
                await _Copy(self, job, account.id, link, intake, copied).folder(folder)
        finally:
            await link.close()

    def _wanted(
        self, folders: Sequence[Folder], spaces: Namespaces | None, copied: Copied
    ) -> list[Folder]:
        """The folders to copy, without the prefix that some servers put before all of them."""
        found = []
        for one in folders:
            if one.attributes & CLOSED:
                continue
            other = one.attributes & VIRTUAL or (spaces and spaces.is_others(one.name))
            if other and not self._options.everything:
                copied.left_out.append(one.path)
            else:
                found.append(one)
        if _is_prefixed(found, spaces):
            found = [
                msgspec.structs.replace(one, path=one.path.removeprefix(INBOX_PREFIX))
                if one.path != "INBOX/INBOX"
                else one
                for one in found
            ]
        return sorted(found, key=lambda one: (one.path != "INBOX", one.path))


def _is_prefixed(folders: Sequence[Folder], spaces: Namespaces | None) -> bool:
    """Whether all that lies below INBOX does so because nothing may lie beside it (RFC 2342)."""
    if spaces is not None and spaces.personal:
        return all(prefix[:6].upper() in {b"INBOX.", b"INBOX/"} for prefix in spaces.personal)
    others = [one for one in folders if one.path != "INBOX"]
    return bool(others) and all(one.path.startswith(INBOX_PREFIX) for one in others)


class _Copy:
    """One account's copying; its parts are those of `Servers`."""

    def __init__(
        self, servers: Servers, job: Job, account_id: int, link: ImapLink, intake: Intake,
        copied: Copied,
    ) -> None:  # fmt: skip
        self._store = servers._store
        self._blobs = servers._blobs
        self._clock = servers._clock
        self._options = servers._options
        self._source = f"imap:{job.account.name}@{job.remote.host}"
        self._account_id = account_id
        self._link = link
        self._intake = intake
        self._copied = copied

    async def folder(self, folder: Folder) -> None:
        """Bring a mailbox up to date with a folder."""
        try:
            selected = await self._link.select(folder.name, read_only=True)
        except Fault as fault:
            if fault.kind is not Kind.NOT_FOUND:
                raise
            self._intake.report.skip(folder.path, fault.text)
            return
        there = await self._link.client.survey() if selected.exists else []
        name = folder.name.decode("latin-1")
        before = await self._store.read(remote.find_folder, self._account_id, self._source, name)
        mailbox = await self._mailbox(folder, before)
        opened = before if before and before.uidvalidity == selected.uidvalidity else None
        if mailbox is not None and not self._options.dry_run:
            opened = await self._store.write(
                remote.open_folder, self._account_id, self._source, name,
                selected.uidvalidity, mailbox.id,
            )  # fmt: skip
        names = [str(one.uid) for one in there]
        state = Known({}, names)
        if opened is not None:
            rows = await self._store.scan(remote.messages, self._account_id, opened.id)
            state = Known(rows, names)
        fresh = [one.uid for one in there if one.uid and str(one.uid) not in state.here]
        self._intake.report.known += len(there) - len(fresh)
        if self._options.dry_run:
            self._intake.report.found += len(fresh)
            self._intake.report.added += len(fresh)
            return
        if opened is None or mailbox is None:
            return
        came = await self._fetch(folder, mailbox, opened, fresh, state)
        await self._changed(opened, there, state.here)
        await self._gone(opened, state, came=came)
        if self._options.compare:
            await self._compare(folder, Compared(folder.path, mailbox.name), opened, there)

    async def _mailbox(self, folder: Folder, before: RemoteFolder | None) -> Mailbox | None:
        """Where a folder goes: where it went before, though that be called otherwise by now."""
        for one in await self._store.read(mailboxes.listing, self._account_id) if before else ():
            if before and one.id == before.mailbox_id:
                return one
        role = next((ROLES[one] for one in folder.attributes if one in ROLES), "")
        return await self._intake.mailbox(folder.path, role)

    async def _fetch(
        self, folder: Folder, mailbox: Mailbox, opened: RemoteFolder, uids: list[int],
        state: Known,
    ) -> bool:  # fmt: skip
        """Copy messages that are not here, and name those that the server will not give.

        Whether all came.
        """
        seen = await self._seen(opened, state) if uids else Counter()
        batch: list[Taken] = []
        size = 0
        lost: dict[int, str] = {}
        last = 0
        began = self._clock.monotonic()
        try:
            async for message, spool in self._link.fetch(uids, self._blobs.spool, lost):
                last = message.uid or 0
                batch.append(await asyncio.to_thread(spooled, self._incoming(message), spool))
                size += spool.size
                if len(batch) >= BATCH_MESSAGES or size >= BATCH_BYTES:
                    full, batch = batch, []
                    await self._keep(folder, mailbox, opened, full, seen, state)
                    await self._throttle(size, began)
                    size, began = 0, self._clock.monotonic()
        finally:  # the server may be gone; what has come stays
            if batch:
                await self._keep(folder, mailbox, opened, batch, seen, state)
        for uid, said in lost.items():
            self._intake.report.skip(f"{folder.path} UID {uid}", said)
        unasked = sum(1 for uid in uids if uid > max([last, *lost])) if lost else 0
        if unasked:
            text = f"{unasked} more messages were not asked for: too many in a row failed"
            self._intake.report.skip(folder.path, text)
        return not lost

    async def _seen(self, opened: RemoteFolder, state: Known) -> Counter[int]:
        """How often messages stand in the source for whose copies there are emails already."""
        others = await self._store.scan(remote.beside, self._account_id, self._source, opened)
        seen = Counter({imported.ref(found): count for found, count in others.items()})
        seen.update(imported.ref(one.hash) for one in state.here.values() if one.hash)
        return seen

    def _incoming(self, message: Message) -> Incoming:
        date = message.date
        now = int(self._clock.now() * 1000)
        return Incoming(
            str(message.uid), list, now if date is None else date * 1000, _keywords(message)
        )

    async def _keep(
        self, folder: Folder, mailbox: Mailbox, opened: RemoteFolder, batch: list[Taken],
        seen: Counter[int], state: Known,
    ) -> None:  # fmt: skip
        full: list[Taken] = []
        moved: list[tuple[str, str]] = []
        report = self._intake.report
        for one in batch:
            name = one.incoming.origin
            old = state.called_otherwise(one.hash, name)
            if not one.size:
                report.skip(f"{folder.path} UID {name}", "it is empty")
            elif old is not None:
                moved.append((old, name))
                seen[imported.ref(one.hash)] += 1
                one.spool.discard()
            else:
                full.append(one)
        uids = await self._intake.take_batch(folder.path, mailbox, full, seen)
        report.found += len(moved)
        report.known += len(moved)
        now = int(self._clock.now() * 1000)
        found = [
            RemoteMessage(one.incoming.origin, uids[one.incoming.origin],
                          " ".join(sorted(one.incoming.keywords)), now, one.hash)
            for one in full
        ]  # fmt: skip
        await self._store.write(_remember, self._account_id, opened.id, found, moved)

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
            if before is not None and before.uid and before.keywords != now:
                groups.setdefault(now, []).append(before)
        for keywords, group in groups.items():
            uids = sorted(one.uid for one in group)
            await self._store.write_long(
                _set_keywords, self._account_id, opened, uids, keywords,
                [msgspec.structs.replace(one, keywords=keywords) for one in group],
            )  # fmt: skip
            self._copied.flags += len(group)

    async def _gone(self, opened: RemoteFolder, state: Known, *, came: bool) -> None:
        """What was deleted there since the last run.

        Of what had its name before the UIDVALIDITY changed that is only certain when all came.
        """
        gone = [one for one in state.gone.values() if came or not one.name.startswith(" ")]
        if not gone or not self._options.delete:
            return
        self._copied.removed += await self._store.write_long(
            _remove, self._account_id, opened, gone
        )

    async def _compare(
        self, folder: Folder, compared: Compared, opened: RemoteFolder, there: list[Message]
    ) -> None:
        """Count both sides."""
        known = await self._store.scan(remote.messages, self._account_id, opened.id)
        names = {str(one.uid) for one in there}
        here = {int(name): one.uid for name, one in known.items() if name in names}
        rows = await self._store.scan(
            _sizes, self._account_id, opened.mailbox_id, sorted(here.values())
        )
        found = {row[0]: row for row in rows}
        kept = {there: found[uid] for there, uid in here.items() if uid in found}
        compared.there = len(there)
        compared.here = len(kept)
        compared.gone_here = len(here) - len(kept)
        compared.octets_here = sum(row[1] for row in kept.values())
        self._copied.compared.append(compared)
        compared.octets_there = await self._octets() if there else 0
        if self._options.hashes:
            lost: dict[int, str] = {}
            async for message, sink in self._link.fetch(sorted(kept), _Hash, lost):
                compared.differ += sink.digest() != bytes(kept[message.uid or 0][2])
            for uid, said in lost.items():
                self._intake.report.skip(f"{folder.path} UID {uid}", said)

    async def _octets(self) -> int:
        """Of a whole folder there; 0 when it cannot be had, since a message is damaged."""
        for _ in range(2):  # the server may just have ended the session
            try:
                survey = await self._link.client.survey(b"UID RFC822.SIZE")
                return sum(one.size or 0 for one in survey)
            except Fault:
                await self._link.reopen()
        return 0


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


async def _remember(
    tx: Transaction, account_id: int, folder_id: int, found: list[RemoteMessage],
    moved: list[tuple[str, str]],
) -> None:  # fmt: skip
    await remote.rename(tx, account_id, folder_id, moved)
    await remote.remember(tx, account_id, folder_id, found)


async def _remove(
    tx: Transaction, account_id: int, opened: RemoteFolder, gone: list[RemoteMessage]
) -> int:
    """Emails that no other message elsewhere stands for; should it come back, so do they."""
    await remote.forget(tx, account_id, opened.id, [one.name for one in gone])
    held = await remote.emails_of(tx, account_id, opened.mailbox_id)
    uids = sorted({one.uid for one in gone if one.uid} - held)
    rows = await _sizes(tx, account_id, opened.mailbox_id, uids)
    await imported.undo(tx, account_id, opened.mailbox_id, [bytes(row[2]) for row in rows])
    await emails.remove(tx, account_id, opened.mailbox_id, uids)
    return len(uids)


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
