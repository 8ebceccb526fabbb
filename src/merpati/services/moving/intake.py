"""Messages from elsewhere into an account's mailboxes, many in one transaction.

Each message is spooled, hashed, and looked up among those imported before; only new ones are
parsed. A batch is one commit, so an import that was broken off has lost one batch of work and
the next run goes on behind it. A message that stands in its source three times is made three
times, however often the import runs.

What cannot be read is named and left out; only what stops everything (the quota, the disk)
ends the run.
"""

from __future__ import annotations

import asyncio
import mmap
import os
import pwd
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.model.folders import role_of, safe_path
from merpati.model.mailbox import Mailbox
from merpati.model.message import Digest
from merpati.services.digest import digest
from merpati.store import directory, emails, imported, mailboxes
from merpati.store.blobs import BlobStore, Body, Spool, content_hash
from merpati.store.engine import UNDONE, Store, Transaction

BATCH_MESSAGES: Final = 250
BATCH_BYTES: Final = 16 * 1024 * 1024
SKIPPED_SHOWN: Final = 1000  # names kept of what could not be read
Progress = Callable[[str, int], None]  # mailbox, and how many messages more are done


class Incoming(msgspec.Struct, frozen=True):
    """A message of a source.

    Attributes:
        origin: how people find it there.
        read: gives its bytes, in pieces.
        received_at: Unix milliseconds.
        keywords: stored keywords.
    """

    origin: str
    read: Callable[[], Iterable[bytes]]
    received_at: int
    keywords: frozenset[str]


class Report(msgspec.Struct):
    """What an import has come to."""

    found: int = 0
    added: int = 0
    known: int = 0  # imported before
    octets: int = 0  # of those added
    skipped_count: int = 0
    skipped: list[tuple[str, str]] = []  # origin and reason, the first `SKIPPED_SHOWN`
    mailboxes: dict[str, int] = {}  # messages found for each

    def skip(self, origin: str, reason: str) -> None:
        """Note what could not be read."""
        self.skipped_count += 1
        if len(self.skipped) < SKIPPED_SHOWN:
            self.skipped.append((origin, reason))


def reason(problem: Exception) -> str:
    """Why something could not be read, for the list of what was left out."""
    if isinstance(problem, Fault):
        return problem.text
    if isinstance(problem, PermissionError):
        return f"it is closed to the user {whoever_runs()}"
    return (getattr(problem, "strerror", "") or str(problem)).lower()


def closed(path: Path) -> Fault:
    """What to do about a source that may not be read at all."""
    user = whoever_runs()
    text = (
        f"{path} is closed to the user {user}, whose the data here is and as whom this runs;"
        f" let {user} read it, or make a copy that belongs to {user}"
    )
    return Fault(Kind.DENIED, text)


def expect_readable(root: Path) -> None:
    """Raise Fault for a file or directory that is not there (NOT_FOUND), or closed (DENIED)."""
    try:
        if root.is_dir():
            os.scandir(root).close()
        else:
            root.open("rb").close()
    except PermissionError:
        raise closed(root) from None
    except (FileNotFoundError, NotADirectoryError):
        raise Fault(Kind.NOT_FOUND, f"{root} does not exist; check the name") from None


def whoever_runs() -> str:
    """The user as whom this runs: root has become the owner of the data."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


class Taken(msgspec.Struct):
    """A message on its way in."""

    incoming: Incoming
    spool: Spool
    hash: bytes
    size: int
    copy: int = 1  # how often it stood in its folder so far, this time too
    digest: Digest | None = None
    body: Body | None = None


class Intake:
    """Takes messages into one account."""

    def __init__(
        self, store: Store, blob_store: BlobStore, clock: Clock, account_id: int, *,
        ignore_quota: bool = False, dry_run: bool = False, tracked: bool = True,
        progress: Progress | None = None, report: Report | None = None,
    ) -> None:  # fmt: skip
        """With `dry_run` everything is read and nothing is stored.

        Unless `tracked`, the source itself leaves out what is here already.
        """
        self._store = store
        self._blobs = blob_store
        self._clock = clock
        self._account_id = account_id
        self._ignore_quota = ignore_quota
        self._dry_run = dry_run
        self._tracked = tracked
        self._progress = progress
        self.report = report or Report()

    async def mailbox(self, path: str, role: str = "") -> Mailbox | None:
        """The mailbox for a folder of a source; made and subscribed when there is none.

        One whose role or name says that it is the Sent, Drafts, Junk, Trash or Archive of
        its owner is the one of that role here. None with `dry_run`, when it is not there.
        """
        wanted = role or role_of(path)
        now = int(self._clock.now() * 1000)
        found = await self._store.read(_find, self._account_id, path, wanted)
        if found is not None or self._dry_run:
            return found
        return await self._store.write(_make, self._account_id, safe_path(path), now)

    async def take(
        self, path: str, mailbox: Mailbox | None, messages: Iterator[Incoming]
    ) -> dict[str, int]:
        """All messages of one folder; the UIDs of those that are here now, by origin.

        Raises:
            Fault: OVER_QUOTA, NO_SPACE, UNAVAILABLE; all batches before are kept.
        """
        seen: Counter[int] = Counter()  # how often each message stood in the source so far
        uids: dict[str, int] = {}
        while batch := await asyncio.to_thread(self._read, messages):
            uids.update(await self.take_batch(path, mailbox, batch, seen))
        return uids

    async def take_batch(
        self, path: str, mailbox: Mailbox | None, batch: list[Taken], seen: Counter[int]
    ) -> dict[str, int]:
        """Messages that are spooled already; as `take`.

        `seen` counts how often each message stood in its folder, from batch to batch.
        """
        try:
            uids = await self._batch(mailbox, batch, seen)
        finally:
            for one in batch:
                one.spool.discard()
        self.report.found += len(batch)
        self.report.mailboxes[path] = self.report.mailboxes.get(path, 0) + len(batch)
        if self._progress is not None:
            self._progress(path, len(batch))
        return uids

    def _read(self, messages: Iterator[Incoming]) -> list[Taken]:
        """The next messages, until there is enough for a batch. Runs in a thread."""
        batch: list[Taken] = []
        size = 0
        for incoming in messages:
            spool = self._blobs.spool()
            try:
                for piece in incoming.read():
                    spool.add(piece)
                if not spool.size:
                    self.report.skip(incoming.origin, "it is empty")
                    continue
                taken = spooled(incoming, spool)
            except (OSError, Fault) as problem:
                spool.discard()
                if isinstance(problem, Fault) and problem.kind is Kind.NO_SPACE:
                    raise
                self.report.skip(incoming.origin, reason(problem))
                continue
            batch.append(taken)
            size += taken.size
            if len(batch) == BATCH_MESSAGES or size >= BATCH_BYTES:
                break
        return batch

    async def _batch(
        self, mailbox: Mailbox | None, batch: list[Taken], seen: Counter[int]
    ) -> dict[str, int]:
        """Store what is new of a batch."""
        known = {}
        if mailbox is not None and self._tracked:
            known = await self._store.read(
                imported.known, self._account_id, mailbox.id, [one.hash for one in batch]
            )
        uids: dict[str, int] = {}
        fresh: list[Taken] = []
        for one in batch:
            number = imported.ref(one.hash)
            seen[number] += 1
            one.copy = seen[number]
            before = known.get(one.hash)
            if before is not None and before.copies >= one.copy:
                self.report.known += 1
                uids[one.incoming.origin] = before.uid
            else:
                fresh.append(one)
        if fresh and mailbox is not None and not self._dry_run:
            found, fresh = await self._add(mailbox, fresh)
            self.report.known += len(found) - len(fresh)
            uids.update(found)
        self.report.added += len(fresh)
        self.report.octets += sum(one.size for one in fresh)
        return uids

    async def _add(
        self, mailbox: Mailbox, fresh: list[Taken]
    ) -> tuple[dict[str, int], list[Taken]]:
        """The UIDs of these messages by origin, and which of them had to be made."""
        await asyncio.to_thread(_digest_all, fresh)
        bodies = []
        try:
            for one in fresh:
                one.body = await one.spool.finish()
                bodies.append(one.body)
            uids, made, superfluous = await self._store.write_long(
                _add_all, self._account_id, mailbox.id, fresh, int(self._clock.now() * 1000),
                ignore_quota=self._ignore_quota, tracked=self._tracked,
            )  # fmt: skip
        except Fault as fault:
            if fault.kind in UNDONE:
                self._remove([body.location for body in bodies])
            raise
        self._remove(superfluous)
        return uids, made

    def _remove(self, locations: Sequence[str]) -> None:
        for location in locations:
            if location:
                self._blobs.remove(location)


def spooled(incoming: Incoming, spool: Spool) -> Taken:
    """A message whose bytes have come in already."""
    return Taken(incoming, spool, content_hash(spool.content()), spool.size)


def _digest_all(fresh: list[Taken]) -> None:
    for one in fresh:
        content: bytes | mmap.mmap = one.spool.content()
        one.digest = digest(content, one.incoming.received_at)


async def _find(tx: Transaction, account_id: int, path: str, role: str) -> Mailbox | None:
    exact = await mailboxes.find(tx, account_id, path)
    if exact is not None or not role:
        return exact if exact is not None else await mailboxes.find(tx, account_id, safe_path(path))
    mailbox_id = await mailboxes.by_role(tx, account_id, role)
    return None if mailbox_id is None else await mailboxes.counters(tx, account_id, mailbox_id)


async def _make(tx: Transaction, account_id: int, path: str, now: int) -> Mailbox:
    found = await mailboxes.find(tx, account_id, path)
    if found is None:
        found = await mailboxes.create(tx, account_id, path, now)
        await mailboxes.subscribe(tx, account_id, path)
    return found


async def _no_room(tx: Transaction, account_id: int, size: int) -> Fault:
    """Why an account took no message of this size, and what to do."""
    account = await directory.account_by_id(tx, account_id)
    if account is None:
        return Fault(Kind.NOT_FOUND, "the account is gone")
    address = account.address
    if account.disabled:
        text = f"{address} is disabled; enable it with: merpati account enable {address}"
        return Fault(Kind.DENIED, text)
    again = "then run the import again, which goes on where it ended; or use --ignore-quota"
    if 0 < account.quota < account.used + size:
        command = f"merpati account set {address} --quota SIZE"
        text = f"{address} is full; give it more room with: {command}; {again}"
    elif 0 < account.quota_emails <= account.emails:
        command = f"merpati account set {address} --messages NUMBER"
        text = f"{address} is full; give it more room with: {command}; {again}"
    else:
        name = address.rpartition("@")[2]
        command = f"merpati domain set {name} --quota SIZE"
        text = f"the accounts of {name} are full together; give them room with: {command}; {again}"
    return Fault(Kind.OVER_QUOTA, text)


async def _add_all(
    tx: Transaction, account_id: int, mailbox_id: int, fresh: list[Taken], now: int, *,
    ignore_quota: bool, tracked: bool,
) -> tuple[dict[str, int], list[Taken], list[str]]:  # fmt: skip
    """Every message of a batch or none.

    Another import of the same account may have brought some of them since they were looked up,
    so they are looked up again here, where nobody comes between.

    Returns:
        The UIDs by origin, the messages that were made, and files that others made superfluous.
    """
    uids: dict[str, int] = {}
    superfluous: list[str] = []
    if tracked:
        hashes = [one.hash for one in fresh]
        known = await imported.known(tx, account_id, mailbox_id, hashes)
        there = [one for one in fresh if one.hash in known and known[one.hash].copies >= one.copy]
        uids = {one.incoming.origin: known[one.hash].uid for one in there}
        superfluous = [one.body.location for one in there if one.body is not None]
        fresh = [one for one in fresh if one.incoming.origin not in uids]
    limits = await imported.lift_limits(tx, account_id) if ignore_quota else None
    made = []
    for one in fresh:
        assert one.body is not None
        assert one.digest is not None
        placement = emails.Placement(
            account_id, mailbox_id, " ".join(sorted(one.incoming.keywords))
        )
        added = await emails.add(
            tx, one.body, one.digest, [placement], one.incoming.received_at, now, disabled=True
        )
        if not added.placed:
            raise await _no_room(tx, account_id, one.size)
        uid = added.placed[0].uid
        uids[one.incoming.origin] = uid
        made.append((one.hash, uid))
        if added.superfluous and one.body.location:
            superfluous.append(one.body.location)
    if limits is not None:
        await imported.set_limits(tx, account_id, limits)
    if tracked:
        await imported.remember(tx, account_id, mailbox_id, made)
    return uids, fresh, superfluous
