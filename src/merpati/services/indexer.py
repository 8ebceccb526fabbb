"""Keeps the text index up with the mail.

It runs beside the workers, in a process of low priority that rests when the processors are full
(`courtesy`), so that reading and cutting up texts takes only what taking mail in leaves over. A
commit that touched an account wakes it; it then enters what came to the account's mailboxes above
the UIDs that the index names, a batch in one transaction, together with the new UIDs. So a crash,
or an announcement that was lost, only leaves the index behind, and a message is entered once
however many mailboxes hold it.

Text goes before documents: PDF and Office files are read in a second lane, by a process that is
caged (`services/documents`), while text mail that comes meanwhile is never held up.

Who follows all mail anyway keeps the pages that FETCH reads as well (`store/fetch_pages`).
"""

from __future__ import annotations

import asyncio
import contextlib
import mmap
from collections.abc import Sequence
from typing import Final

import msgspec

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.base.log import Log
from merpati.base.metrics import Metrics
from merpati.services import entry_words, extract
from merpati.services.courtesy import Courtesy
from merpati.services.documents import Reader
from merpati.services.finding import pages
from merpati.services.finding.columns import Column
from merpati.store import fetch_pages, finding, leases, text_feed, text_index, text_schema
from merpati.store.blobs import BlobStore
from merpati.store.engine import Announcement, Store, Topic
from merpati.store.text_feed import Place, Source
from merpati.store.text_index import Entry, Learned
from merpati.wire.mime import tree
from merpati.wire.mime.tree import Part
from merpati.wire.text import message
from merpati.wire.text.folding import spaced

BATCH: Final = 1_600  # messages in one commit: one of each account costs twice as many of one
BATCH_CHARACTERS: Final = 16 << 20  # of text; what is longer is entered in several commits
READ: Final = 50  # messages read at once
SHARE: Final = 100  # of one mailbox in a batch, so that an import does not hold up the others
# Seconds from the first announcement: what comes together goes together. It has waited for
# `notify.PATIENCE` already.
GATHER: Final = 0.15
GATHER_MAX: Final = 1.0  # seconds; it doubles up to here while mail comes all the time
SWEEP_EVERY: Final = 30.0  # seconds between two looks at all mailboxes
TIDY_EVERY: Final = 6 * 3600.0  # seconds between two searches for what no email holds any more
STALE: Final = 1.5  # as many places as emails, then those that nothing lies at are forgotten
LEASE: Final = "text index"
LEASE_MS: Final = 300_000  # long: to renew it takes the pen from the intake
DOCUMENTS: Final = 20  # messages whose documents are read before looking which wait
WORDS_KEPT: Final = 300_000  # words of vocabularies in memory: about 30 MB
# The fields of pages, how many UIDs these span, and for how many messages they are kept.
PAGED: Final = (
    (tuple(fetch_pages.FIELDS.values()), fetch_pages.SPAN, fetch_pages.WORTH),
    (tuple(map(int, Column)), pages.SPAN, pages.KEEP_FROM),
)
EVERYTHING: Final = 0  # no account: it announces that the index was thrown away
PAUSE: Final = 5.0  # seconds after a failure

_Mailbox = tuple[int, int]  # account and mailbox


class Indexer:
    """Reads new mail and enters it, for as long as it holds the lease."""

    def __init__(
        self,
        name: str,
        store: Store,
        index: Store,
        blob_store: BlobStore,
        reader: Reader,
        clock: Clock,
        metrics: Metrics,
        log: Log,
        courtesy: Courtesy | None = None,
    ) -> None:
        """With `courtesy` it rests now and then while others need the processors."""
        self._courtesy = courtesy
        self._name = name
        self._store = store
        self._index = index
        self._blobs = blob_store
        self._reader = reader
        self._clock = clock
        self._log = log
        self._claimed = 0.0
        self._dirty: set[int] = set()
        self._dirty_since = 0.0
        self._words_known: dict[int, set[str]] = {}  # by account
        self._woken = asyncio.Event()
        self._documents = asyncio.Event()
        self._entered = metrics.counter(
            "merpati_text_index_messages_total", "Messages entered into the text index."
        )
        self._behind = metrics.gauge(
            "merpati_text_index_behind", "Emails that the text index has not looked at yet."
        )
        self._read = metrics.counter(
            "merpati_text_index_documents_total",
            "Attached documents read for the text index, by what came of it.",
            ["result"],
        )

    def heard(self, announcements: set[Announcement]) -> None:
        """Something was committed: look at the accounts it touched."""
        touched = {subject for topic, subject in announcements if topic is Topic.ACCOUNT}
        if touched:
            if not self._dirty:
                self._dirty_since = self._clock.monotonic()
            self._dirty |= touched
            self._woken.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                await self._hold_and_work()
            except Fault as fault:
                self._log.error("index.failed", kind=fault.kind.value, reason=fault.text)
            except Exception as problem:  # noqa: BLE001 -- nobody else would begin again
                self._log.defect("index.failed", problem)
            await asyncio.sleep(PAUSE)

    async def _hold_and_work(self) -> None:
        if not await self._claim():
            return
        self._words_known.clear()  # others may have kept the index since
        if await self._index.write(text_schema.prepare):
            self._log.info("index.begins", reason="there is none of this version")
        lane = asyncio.create_task(self._read_documents())
        try:
            await self._follow(lane)
        finally:
            lane.cancel()
            await asyncio.gather(lane, return_exceptions=True)
            await self._reader.close()
            with contextlib.suppress(Fault):  # it would hide why this ends, if it was cancelled
                await self._store.write(leases.release, LEASE, self._name)

    async def _follow(self, lane: asyncio.Task[None]) -> None:
        """Catch up with everything now and then, and at once with what is announced."""
        swept, tidied = float("-inf"), self._clock.monotonic()
        gather = GATHER
        while not lane.done():
            now = self._clock.monotonic()
            if now - swept > SWEEP_EVERY:
                await self._catch_up(())
                swept = now
            if now - tidied > TIDY_EVERY:
                await self.tidy()
                tidied = now
            await self._keep()
            gather = min(2 * gather, GATHER_MAX) if self._woken.is_set() else GATHER
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LEASE_MS / 6000):
                    await self._woken.wait()
                # What was announced while a batch was entered has waited already.
                await asyncio.sleep(self._dirty_since + gather - self._clock.monotonic())
            await self._catch_up_dirty()
        await lane

    async def _catch_up_dirty(self) -> None:
        self._woken.clear()
        dirty, self._dirty = self._dirty, set()
        if dirty:
            await self._catch_up(() if EVERYTHING in dirty else sorted(dirty))

    async def _claim(self) -> bool:
        now = int(self._clock.now() * 1000)
        self._claimed = self._clock.monotonic()
        return await self._store.write(
            leases.extend, LEASE, self._name, now + LEASE_MS
        ) or await self._store.write(leases.claim, LEASE, self._name, now, now + LEASE_MS)

    async def _keep(self) -> None:
        """Keep the lease. Raises Fault IN_USE when another has it."""
        if self._clock.monotonic() - self._claimed > LEASE_MS / 3000 and not await self._claim():
            raise Fault(Kind.IN_USE, "another process keeps the index now")

    # Text

    async def _catch_up(self, account_ids: Sequence[int]) -> None:
        """Enter all that the mailboxes of these accounts (of all) hold above what is entered."""
        while True:
            behind = await self.behind(account_ids)
            self._behind.set(sum(last - done for done, last in behind.values()))
            if not behind:
                return
            await self._step(behind)
            await self._keep()
            if not account_ids:  # new mail goes before old
                await self._catch_up_dirty()

    async def lag(self, account_ids: Sequence[int] = ()) -> tuple[int, int]:
        """How far behind it is: about how many emails, and how many messages' documents."""
        behind = await self.behind(account_ids)
        documents = await self._index.read(text_index.count_waiting, account_ids)
        return sum(last - done for done, last in behind.values()), documents

    async def finish(self, account_ids: Sequence[int] = ()) -> bool:
        """Do all there is to do, unless another process holds the lease: then False."""
        if not await self._claim():
            return False
        self._words_known.clear()
        try:
            await self._catch_up(account_ids)
            while await self._read_some():
                await self._keep()
        finally:
            await self._reader.close()
            await self._store.write(leases.release, LEASE, self._name)
        return True

    async def behind(self, account_ids: Sequence[int] = ()) -> dict[_Mailbox, tuple[int, int]]:
        """By mailbox the UID up to which it is in the index, and its last; where they differ."""
        mailboxes = await self._store.read(text_feed.mailboxes, account_ids)
        done = await self._index.read(text_index.progress_of, account_ids)
        return {
            (account_id, mailbox_id): (done.get((account_id, mailbox_id), 0), last)
            for account_id, mailbox_id, last in mailboxes
            if last > done.get((account_id, mailbox_id), 0)
        }

    async def _step(self, behind: dict[_Mailbox, tuple[int, int]]) -> None:
        """Enter a batch: some of each mailbox, as many mailboxes as fit."""
        courtesy = self._courtesy
        if courtesy is not None:
            courtesy.begin()
        places, done = await self._store.read(
            text_feed.after_each,
            [(*mailbox, uid) for mailbox, (uid, _) in behind.items()],
            BATCH, max(SHARE, BATCH // len(behind)),
        )  # fmt: skip
        wanted: dict[int, set[int]] = {}  # accounts by blob
        pairs = {(account_id, blob_id) for account_id, blob_id, _, _ in places}
        for account_id, blob_id in pairs - await self._index.read(
            text_index.known_pairs, list(pairs)
        ):
            wanted.setdefault(blob_id, set()).add(account_id)
        blob_ids = sorted(wanted)
        entries: list[Entry] = []
        characters = 0
        for at in range(0, len(blob_ids), READ):
            for source in await self._store.scan(text_feed.sources, blob_ids[at : at + READ]):
                words = self._words(source)
                characters += len(words.body)
                entries += [
                    msgspec.structs.replace(words, account_id=account_id)
                    for account_id in wanted[source.stored.blob_id]
                ]
            if characters > BATCH_CHARACTERS:
                await self._put(entries, (), ())
                entries, characters = [], 0
            if courtesy is not None:
                await courtesy.rest()
        await self._keep_pages({mailbox: uid for mailbox, (uid, _) in behind.items()}, done)
        await self._put(entries, done, places)
        if courtesy is not None:
            await courtesy.rest()

    async def _keep_pages(
        self, before: dict[_Mailbox, int], done: Sequence[tuple[int, int, int]]
    ) -> None:
        """Keep what FETCH tells of the messages that mailboxes are full of up to now."""
        filled: fetch_pages.Packed = {}
        for account_id, mailbox_id, upto in done:
            first = before[account_id, mailbox_id]
            if fetch_pages.is_filled(first, upto):
                filled |= await self._store.scan(
                    fetch_pages.filled, account_id, mailbox_id, first, upto
                )
        if filled:
            with contextlib.suppress(Fault):  # a full disk: FETCH reads the rows
                await self._store.write_long(finding.save_pages, filled)

    async def _put(
        self, entries: list[Entry], done: Sequence[tuple[int, int, int]], places: Sequence[Place]
    ) -> None:
        """Enter messages, and what is done with them and with those before them."""
        learned = await self._index.write_long(
            text_index.put, entries, done, self._words_known, places
        )
        self._remember(learned)
        self._entered.inc(by=len(entries))
        if any(entry.waiting for entry in entries):
            self._documents.set()

    def _remember(self, learned: Learned) -> None:
        """Keep the words just written, so that they are not written again and again."""
        for account_id in learned.anew:
            self._words_known.pop(account_id, None)
        for account_id, words in learned.words.items():
            self._words_known.setdefault(account_id, words).update(words)
        count = sum(map(len, self._words_known.values()))
        # The last come goes: accounts come round in turn, and if the one that waits for the
        # longest went, none would be there when its mail comes again.
        while count > WORDS_KEPT:
            count -= len(self._words_known.popitem()[1])

    def _words(self, source: Source) -> Entry:
        """The entry of a message; one that is damaged has no words."""
        blob_id = source.stored.blob_id
        try:
            content, root = self._open(source)
        except Fault as fault:
            self._log.error("index.damaged", blob=blob_id, reason=fault.text)
            return Entry(0, blob_id, "", "", "", "", "", partial=True)
        said = message.unfolded(content, root)
        subject, sender, recipients, header, body, names = map(
            spaced, msgspec.structs.astuple(said)[:-1]
        )
        if names:
            body = f"{body} {names}"
        waits = bool(extract.documents(root))
        entry = Entry(0, blob_id, subject, sender, recipients, header, body, said.cut, waits)
        return entry_words.with_shown(entry, source.envelope)

    def _open(self, source: Source) -> tuple[bytes | mmap.mmap, Part]:
        """A message and its parts. Raises Fault CORRUPT, UNAVAILABLE."""
        content = self._blobs.read(source.stored)
        try:
            return content, tree.decode(source.structure)
        except (Fault, msgspec.DecodeError):
            return content, tree.parse(content)

    # Documents

    async def _read_documents(self) -> None:
        """Read the documents that wait, the latest first, one message after the other."""
        while True:
            self._documents.clear()
            if not await self._read_some():
                await self._documents.wait()

    async def _read_some(self) -> bool:
        """Read documents of some messages; False when none wait."""
        waiting = await self._index.read(text_index.waiting, DOCUMENTS)
        for account_id, blob_id in waiting:
            text, cut = await self._documents_of(blob_id)
            await self._index.write_long(
                text_index.attach, account_id, blob_id, spaced(text), cut=cut
            )
        return bool(waiting)

    async def _documents_of(self, blob_id: int) -> tuple[str, bool]:
        for source in await self._store.scan(text_feed.sources, [blob_id]):
            try:
                content, root = self._open(source)
                found = await self._reader.texts(content, root)
            except Fault as fault:
                if fault.kind is Kind.UNAVAILABLE:
                    raise
                self._log.error("index.damaged", blob=blob_id, reason=fault.text)
                continue
            for result, count in found.results.items():
                self._read.inc(result, by=count)
            return found.text, found.cut
        return "", False

    # What is gone

    async def tidy(self) -> int:
        """Remove entries of messages that no email of the account holds; how many.

        Nothing is entered meanwhile, and what comes back later is entered then.
        """
        count = 0
        self._words_known.clear()  # others than those that came first have their turn
        for account_id in await self._index.read(text_index.accounts):
            await self._tidy_pages(account_id)
            have = await self._index.scan(text_index.indexed, account_id)
            held = await self._store.scan(text_feed.blobs_of, account_id)
            if not held:  # perhaps the account is gone
                await self._index.write_long(text_index.forget_account, account_id)
                count += len(have)
                continue
            gone = sorted(have - held)
            for at in range(0, len(gone), BATCH):
                await self._index.write_long(text_index.forget, account_id, gone[at : at + BATCH])
            count += len(gone)
            await self._tidy_places(account_id)
        if count:
            self._log.info("index.tidied", count=count)
        return count

    async def _tidy_pages(self, account_id: int) -> None:
        """Forget pages of which few messages are left: else they would outlive all mail."""
        for fields, span, least in PAGED:
            gone = await self._store.scan(finding.sparse_pages, account_id, fields, span, least)
            for at in range(0, len(gone), BATCH):
                await self._store.write_long(
                    finding.drop_sparse, account_id, fields, gone[at : at + BATCH]
                )

    async def _tidy_places(self, account_id: int) -> None:
        """Forget where emails of an account have been, once that is more than where they are."""
        held = await self._store.read(text_feed.count_of, account_id)
        if await self._index.scan(text_index.count_places, account_id) <= STALE * held:
            return
        spots = await self._store.scan(text_feed.spots_of, account_id)
        places = await self._index.scan(text_index.places_of, account_id)
        gone = [place for place in places if place[2:] not in spots]
        for at in range(0, len(gone), BATCH):
            await self._index.write_long(text_index.forget_places, gone[at : at + BATCH])
