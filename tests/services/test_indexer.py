"""The indexer: what is delivered is found, whatever happens in between; what is gone goes."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from merpati.base.log import Log, Sink
from merpati.base.metrics import Metrics
from merpati.model.mailbox import INBOX_ID
from merpati.services import indexer
from merpati.services.courtesy import Courtesy, Times
from merpati.services.digest import digest
from merpati.services.documents import Reader
from merpati.services.finding.columns import Column
from merpati.services.finding.times import FIELD
from merpati.services.indexer import EVERYTHING, PAUSE, Indexer
from merpati.services.text_index import Field, TextIndex
from merpati.store import (
    email_edit,
    emails,
    fetch_pages,
    finding,
    leases,
    text_index,
    text_schema,
    vocabulary,
)
from merpati.store.blobs import BlobStore
from merpati.store.engine import Topic
from merpati.store.sqlite import SqliteStore
from tests.support import documents as made
from tests.support import store as stores
from tests.support.clock import FakeClock
from tests.support.ids import CountingIds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from merpati.store.engine import Store, Transaction


class Mail:
    """A store with accounts 1 and 2, its index, and what keeps it."""

    def __init__(self, folder: Path, store: Store, index: Store) -> None:
        self.store = store
        self.index = index
        self.blobs = BlobStore(folder / "blobs", CountingIds())
        self.clock = FakeClock()
        self.log = Log(Sink(self.clock))
        self.indexer = self.another("one")

        async def opened() -> Store:
            return index

        self.asked = TextIndex(opened, self.log)

    def another(self, name: str, courtesy: Courtesy | None = None) -> Indexer:
        return Indexer(
            name, self.store, self.index, self.blobs, Reader(), self.clock, Metrics(), self.log,
            courtesy,
        )  # fmt: skip

    async def deliver(self, text: str | bytes, *accounts: int) -> int:
        """To the INBOX of accounts, of 1 when none is given; the UID in the first."""
        content = text.encode() if isinstance(text, str) else text

        async def unit(tx: Transaction) -> int:
            added = await emails.add(
                tx, self.blobs.inline(content), digest(content, stores.NOW),
                [emails.Placement(one, INBOX_ID) for one in accounts or (1,)], stores.NOW,
            )  # fmt: skip
            return added.placed[0].uid

        return await self.store.write(unit)

    async def found(self, word: str, account_id: int = 1) -> int:
        """How many messages the index finds in an account."""
        matches = await self.asked.match(account_id, Field.TEXT, word)
        return len(matches.scores) if matches else 0


@pytest.fixture
async def mail(tmp_path: Path) -> AsyncIterator[Mail]:
    store = await stores.sqlite(tmp_path)
    for address in ("ani@example.org", "beno@example.org"):
        await stores.add_account(store, address)
    index = SqliteStore(tmp_path / "index.db")
    await index.write(text_schema.prepare)
    yield Mail(tmp_path, store, index)
    await index.close()
    await store.close()


async def test_each_account_finds_its_own_copy(mail: Mail) -> None:
    await mail.deliver("Subject: to both\r\n\r\nalpha\r\n", 1, 2)
    await mail.deliver("Subject: to one\r\n\r\nbeta\r\n", 2)
    assert await mail.indexer.finish()
    assert [await mail.found("alpha", one) for one in (1, 2)] == [1, 1]
    assert [await mail.found("beta", one) for one in (1, 2)] == [0, 1]
    assert await mail.indexer.lag() == (0, 0)


async def test_copies_and_moves_are_indexed_once_and_stay_found(mail: Mail) -> None:
    uid = await mail.deliver("Subject: x\r\n\r\nalpha\r\n")
    await mail.indexer.finish()
    await mail.store.write(emails.copy, 1, INBOX_ID, stores.ARCHIVE, [uid])
    await mail.store.write(email_edit.move, 1, INBOX_ID, stores.ARCHIVE, [uid])
    await mail.indexer.finish()
    assert await mail.found("alpha") == 1
    assert await mail.index.read(text_index.progress, 1) == {INBOX_ID: 1, stores.ARCHIVE: 2}


async def test_it_rests_within_a_batch_while_others_need_the_processors(mail: Mail) -> None:
    for n in range(120):
        await mail.deliver(f"Subject: n{n}\r\n\r\nword{n}\r\n")
    looks = 0

    def full() -> Times:
        nonlocal looks
        looks += 1
        return Times(0.01 * looks, 0.1 * looks, 0.0, 0.01 * looks)

    began = time.monotonic()
    await mail.another("polite", Courtesy(full)).finish()
    assert time.monotonic() - began >= 4 * 0.09  # after 50, 50 and 20 were read, and all entered
    assert await mail.found("word119") == 1


async def test_more_mail_than_a_batch_is_entered_to_the_last(mail: Mail) -> None:
    for n in range(450):
        await mail.deliver(f"Subject: n{n}\r\n\r\nword{n}\r\n")
    await mail.indexer.finish()
    assert await mail.found("word449") == 1
    assert await mail.found("word44") == 11
    assert await mail.index.read(text_index.progress, 1) == {INBOX_ID: 450}


async def test_texts_too_long_for_one_commit_survive_a_crash_between_two(
    mail: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer, "READ", 2)
    monkeypatch.setattr(indexer, "BATCH_CHARACTERS", 100)
    for n in range(8):
        await mail.deliver(f"Subject: n{n}\r\n\r\n{'some words ' * 10} last{n}\r\n", 1, 2)
    put = mail.index.write_long
    puts = iter((put, put))

    async def crashing(*args: Any) -> Any:
        return await next(puts)(*args)

    with monkeypatch.context() as crash:
        crash.setattr(mail.index, "write_long", crashing)
        with pytest.raises(RuntimeError):  # of the iterator, in the third
            await mail.indexer.finish()
    assert await mail.found("last3") == 1
    assert await mail.found("last4") == 0
    assert await mail.index.read(text_index.progress_of, (1, 2)) == {}
    assert await mail.another("two").finish()
    assert [await mail.found("words", one) for one in (1, 2)] == [8, 8]
    assert await mail.index.read(text_index.indexed, 1) == set(range(1, 9))
    assert await mail.index.read(text_index.progress_of, (1, 2)) == {
        (1, INBOX_ID): 8,
        (2, INBOX_ID): 8,
    }


async def test_accounts_whose_words_find_no_room_in_memory_lose_none(
    mail: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer, "WORDS_KEPT", 12)
    for n in range(6):
        for account_id in (1, 2):
            text = f"Subject: s\r\n\r\nalpha beta{n} of{account_id} gamma{n} delta{n}\r\n"
            await mail.deliver(text, account_id)
        await mail.indexer.finish()
    for account_id in (1, 2):
        assert await mail.found("lph", account_id) == 6
        assert await mail.found("elta5", account_id) == 1
        assert await mail.found(f"f{account_id}", account_id) == 6


async def test_a_rebuilt_index_is_the_same_as_one_that_grew(mail: Mail) -> None:
    for n in range(20):
        await mail.deliver(f"Subject: n{n}\r\n\r\nsome words {n}\r\n")
        await mail.indexer.finish()
    grown = {word: await mail.found(word) for word in ("some", "n1", "words", "1")}

    async def words() -> set[str]:
        ids = await mail.index.read(vocabulary.block_ids, 1)
        blocks = [await mail.index.read(vocabulary.block, one) for one in ids]
        return {word for block in blocks for word in block.split()}

    learned = await words()
    await mail.index.write(text_schema.clear)
    assert await mail.indexer.lag() == (20, 0)
    await mail.indexer.finish()  # which remembers the words it has written before
    assert {word: await mail.found(word) for word in grown} == grown
    assert await words() == learned


async def test_an_index_thrown_away_by_another_process_is_learned_anew(mail: Mail) -> None:
    mail.store.on_commit(mail.indexer.heard)
    work = asyncio.create_task(mail.indexer.run())
    for n in range(3):
        await mail.deliver(f"Subject: n{n}\r\n\r\nalphabet\r\n")
        async with asyncio.timeout(30):
            while await mail.found("phabe") < 1:  # noqa: ASYNC110 -- there is no event to wait for
                await asyncio.sleep(0.02)
        await mail.index.write(text_schema.clear)
    mail.indexer.heard({(Topic.ACCOUNT, EVERYTHING)})
    async with asyncio.timeout(30):
        while await mail.found("phabe") < 3:  # noqa: ASYNC110 -- there is no event to wait for
            await asyncio.sleep(0.02)
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work


async def test_expunged_mail_leaves_the_index_when_it_is_tidied(mail: Mail) -> None:
    first = await mail.deliver("Subject: x\r\n\r\nalpha\r\n")
    await mail.deliver("Subject: y\r\n\r\nalpha beta\r\n")
    await mail.indexer.finish()
    await mail.store.write(emails.remove, 1, INBOX_ID, [first])
    assert await mail.indexer.tidy() == 1
    assert await mail.found("alpha") == 1
    await mail.deliver("Subject: x\r\n\r\nalpha\r\n")
    await mail.indexer.finish()
    assert await mail.found("alpha") == 2


async def test_new_mail_is_found_soon_after_it_was_announced(mail: Mail) -> None:
    mail.store.on_commit(mail.indexer.heard)
    work = asyncio.create_task(mail.indexer.run())
    await asyncio.sleep(0.1)
    await mail.deliver("Subject: x\r\n\r\nalpha\r\n")
    async with asyncio.timeout(30):
        while not await mail.found("alpha"):  # noqa: ASYNC110 -- there is no event to wait for
            await asyncio.sleep(0.02)
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work


async def test_what_the_index_says_it_holds_is_found_while_it_grows(mail: Mail) -> None:
    """Each question is answered out of one moment, with the words of that moment."""
    work = asyncio.create_task(mail.indexer.run())
    mail.store.on_commit(mail.indexer.heard)
    for n in range(12):
        word = f"word{n}word"
        uid = await mail.deliver(f"Subject: {word}\r\n\r\nx\r\n")
        async with asyncio.timeout(30):
            while True:
                many, narrowed = await asyncio.gather(  # so many that some wait for their turn
                    asyncio.gather(*[mail.asked.match(1, Field.TEXT, word) for _ in range(20)]),
                    mail.asked.narrow(1, INBOX_ID, Field.SUBJECT, word, 10),
                )
                if narrowed is not None and narrowed.indexed >= uid:
                    assert narrowed.uids == [uid]
                there = [one for one in many if one and one.indexed.get(INBOX_ID, 0) >= uid]
                assert [len(one.scores) for one in there] == [1] * len(there)
                if len(there) == len(many):
                    break
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work


async def test_it_ends_when_it_is_told_to_though_its_store_is_gone(mail: Mail) -> None:
    work = asyncio.create_task(mail.indexer.run())
    await mail.deliver("Subject: x\r\n\r\nalpha\r\n")
    async with asyncio.timeout(30):
        while not await mail.found("alpha"):  # noqa: ASYNC110 -- there is no event to wait for
            await asyncio.sleep(0.02)
    await mail.store.close()
    work.cancel()
    await asyncio.wait([work], timeout=2 * PAUSE)
    assert work.cancelled()


async def test_what_fetch_reads_is_kept_for_pages_that_are_full(mail: Mail) -> None:
    """In whatever batches mail comes."""
    for count in (200, 56, 300):
        for n in range(count):
            await mail.deliver(f"Subject: {n}\r\n\r\nx\r\n")
        await mail.indexer.finish()
    uids = list(range(1, 557))
    await mail.store.write(emails.copy, 1, INBOX_ID, stores.ARCHIVE, uids)
    await mail.indexer.finish()
    for mailbox_id in (INBOX_ID, stores.ARCHIVE):
        for page, is_kept in enumerate((True, True, False)):
            for field in fetch_pages.FIELDS.values():
                kept = await mail.store.read(finding.load_page, 1, mailbox_id, page, field)
                assert (kept is not None) is is_kept


async def test_pages_go_with_their_messages(mail: Mail) -> None:
    for n in range(600):
        await mail.deliver(f"Subject: {n}\r\n\r\nx\r\n")
    await mail.indexer.finish()
    header = {(1, INBOX_ID, 0, int(Column.SUBJECT)): b"x", (1, INBOX_ID, 0, FIELD): b"x"}
    await mail.store.write(finding.save_pages, header)

    async def kept() -> list[int]:
        places = [(page, field) for page in (0, 1) for field in fetch_pages.FIELDS.values()]
        places += [(0, int(Column.SUBJECT)), (0, FIELD)]
        found = [await mail.store.read(finding.load_page, 1, INBOX_ID, *place) for place in places]
        return [place for place, data in enumerate(found) if data is not None]

    await mail.indexer.tidy()
    assert await kept() == [0, 1, 2, 3, 4, 5]
    await mail.store.write(emails.remove, 1, INBOX_ID, range(1, 256 - fetch_pages.WORTH))
    await mail.indexer.tidy()
    assert await kept() == [0, 1, 2, 3, 4, 5]
    await mail.store.write(emails.remove, 1, INBOX_ID, [200])
    await mail.indexer.tidy()
    assert await kept() == [2, 3, 4, 5]
    await mail.store.write(emails.remove, 1, INBOX_ID, range(200, 560))
    await mail.indexer.tidy()
    assert await kept() == [5]


async def test_one_works_at_a_time(mail: Mail) -> None:
    now = int(mail.clock.now() * 1000)
    await mail.store.write(leases.claim, "text index", "somebody", now, now + 60_000)
    await mail.deliver("Subject: x\r\n\r\nalpha\r\n")
    assert not await mail.indexer.finish()
    assert await mail.found("alpha") == 0
    await mail.store.write(leases.release, "text index", "somebody")
    assert await mail.indexer.finish()


async def test_documents_are_found_too(mail: Mail) -> None:
    await mail.deliver(made.message(made.pdf("quarterly"), "report.pdf", "application/pdf"))
    await mail.deliver(made.message(made.docx("minutes"), "m.docx", "application/octet-stream"))
    await mail.deliver(made.message(b"%PDF-1.4 broken", "broken.pdf", "application/pdf"))
    await mail.indexer.finish()
    for word in ("quarterly", "minutes", "report.pdf", "broken"):
        assert await mail.found(word) == 1, word
    assert await mail.indexer.lag() == (0, 0)


async def test_a_damaged_message_holds_nothing_up(mail: Mail) -> None:
    await mail.deliver("Subject: x\r\n\r\nalpha\r\n")

    async def damage(tx: Transaction) -> None:
        await tx.run("UPDATE body SET encoding = 1")

    await mail.store.write(damage)
    await mail.deliver("Subject: y\r\n\r\nbeta\r\n")
    await mail.indexer.finish()
    assert (await mail.found("alpha"), await mail.found("beta")) == (0, 1)
