"""Each kind of damage is made, found, and mended where that is possible, on every engine."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from merpati.base.faults import Fault, Kind
from merpati.model.message import Digest
from merpati.store import blobs, email_edit, emails, mailboxes, queue
from merpati.store.blobs import GARBAGE_AGE, BlobStore
from merpati.store.check import Report, check
from merpati.store.damage import Damage
from merpati.store.engine import Store, Transaction
from tests.support import store as stores
from tests.support.ids import CountingIds
from tests.support.store import ARCHIVE, INBOX, NOW

LARGE: Final = b"large " * 70_000


class Case(NamedTuple):
    """What is broken, and what `merpati check` makes of it."""

    damage: Damage
    sql: str
    where: str  # part of what is said
    mended: bool = True


CASES: Final = (
    Case(
        Damage.WRONG_DOMAIN_USAGE,
        "INSERT INTO domain_quota (domain_id, quota, quota_emails, used, emails)"
        " VALUES (1, 1000000000, 0, 7, 1)",
        "domain 1: says 7 bytes in 1 emails",
    ),
    Case(
        Damage.EXPUNGED_WITHOUT_BLOB,
        "INSERT INTO expunged (account_id, mailbox_id, uid, email_id, thread_id, blob_id,"
        " received_at, size, keywords, expunged_at) VALUES (1, 6, 77, 1, 1, 999, 1, 1, '', 1)",
        "account 1, mailbox 6, UID 77",
    ),
    Case(
        Damage.RIGHT_WITHOUT_MAILBOX,
        "INSERT INTO mailbox_right (account_id, mailbox_id, subject, negative, rights)"
        " VALUES (1, 99, -1, 0, 'lr')",
        "account 1, mailbox 99",
    ),
    Case(
        Damage.MAILBOX_WITHOUT_ACCOUNT,
        "UPDATE mailbox SET account_id = 777 WHERE id = 4",
        "account 777, mailbox 4 (Junk)",
    ),
    Case(
        Damage.MAILBOX_WITHOUT_PARENT,
        "UPDATE mailbox SET parent_id = 99 WHERE id = 5",
        "account 1, mailbox 5 (Trash)",
    ),
    Case(
        Damage.EMAIL_WITHOUT_MAILBOX,
        "DELETE FROM mailbox WHERE id = 6",
        "account 1, mailbox 6: 1 emails",
    ),
    Case(
        Damage.EMAIL_WITHOUT_BLOB,
        "DELETE FROM blob WHERE id = 1",
        "account 1, mailbox 1, UID 1: message 1",
    ),
    Case(Damage.EMAIL_WITHOUT_DIGEST, "DELETE FROM message WHERE blob_id = 1", "message 1"),
    Case(
        Damage.WRONG_COUNTERS,
        "UPDATE mailbox SET total = total + 1, unseen = 9 WHERE id = 1",
        "says 4 emails, 9 unseen, 420010 bytes; holds 3, 2, 420010",
    ),
    Case(Damage.WRONG_COUNTERS, "UPDATE mailbox SET size = 0 WHERE id = 1", "0 bytes"),
    Case(
        Damage.WRONG_UIDNEXT,
        "UPDATE mailbox SET uidnext = 2 WHERE id = 1",
        "account 1, mailbox 1 (INBOX): the next is 2, and 3 is taken",
    ),
    Case(
        Damage.STRAY_MARK,
        "UPDATE mailbox_email SET keywords = '$deleted' WHERE uid = 2 AND mailbox_id = 1",
        "account 1, mailbox 1 (INBOX): only among UIDs ",
    ),
    Case(
        Damage.WRONG_USAGE,
        "UPDATE account SET used = 1, emails = 2",
        "account 1: says 1 bytes in 2 emails; uses 420015 in 4",
    ),
    Case(Damage.WRONG_NEXT, "UPDATE account SET next_mailbox = 6", "mailbox 6"),
    Case(Damage.WRONG_NEXT, "UPDATE account SET uidvalidity = 1", "UIDVALIDITY 18"),
    Case(Damage.WRONG_MODSEQ, "UPDATE account SET modseq = 3", "account 1: its last is 3"),
    Case(
        Damage.BLOB_WITHOUT_BYTES,
        "DELETE FROM body WHERE blob_id = 1",
        "message 1, 5 bytes",
        mended=False,
    ),
    Case(
        Damage.BLOB_DAMAGED,
        "UPDATE body SET data = (SELECT data FROM body WHERE blob_id = 2) WHERE blob_id = 1",
        "message 1: its hash is",
        mended=False,
    ),
    Case(Damage.WRONG_REFS, "UPDATE blob SET refs = 0 WHERE id = 1", "message 1: says 0, has 2"),
    Case(Damage.WRONG_REFS, "UPDATE blob SET refs = refs + 1 WHERE id = 4", "says 2, has 1"),
    Case(
        Damage.BODY_WITHOUT_BLOB,
        "INSERT INTO body (blob_id, encoding, data) SELECT 55, encoding, data FROM body"
        " WHERE blob_id = 1",
        "message 55",
    ),
    Case(
        Damage.DIGEST_WITHOUT_BLOB,
        "UPDATE message SET blob_id = 55 WHERE blob_id = 4",
        "message 55",
    ),
    Case(
        Damage.QUEUED_WITHOUT_BLOB,
        "UPDATE queue_message SET blob_id = 55",
        "queue id 1 of <ani@example.org>: message 55",
        mended=False,
    ),
    Case(Damage.QUEUED_WITHOUT_RECIPIENTS, "DELETE FROM queue_recipient", "queue id 1"),
    Case(
        Damage.RECIPIENT_WITHOUT_MESSAGE,
        "UPDATE queue_recipient SET message_id = 9 WHERE n = 1",
        "queue id 9, recipient 1 <b@far.example>",
    ),
)


@pytest.fixture
def blob_store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs", CountingIds())


def redigest(content: bytes) -> Digest:
    return Digest(content[:5], b"", b"", NOW, "parsed again", "", ())


async def fill(store: Store, blob_store: BlobStore) -> None:
    """A store with something of everything: blobs 1 to 4, of which 3 has a file."""
    account = await stores.add_account(store)
    spool = blob_store.spool()
    spool.add(LARGE)
    large = await spool.finish()

    async def unit(tx: Transaction) -> None:
        await stores.add(tx, account.id, "first")
        await stores.add(tx, account.id, "other", keywords="$seen")
        await stores.add(tx, account.id, large)
        await emails.copy(tx, account.id, INBOX, ARCHIVE, [1])
        blob_id, _ = await blobs.insert(tx, stores.body("queued"), 1)
        await emails.insert_message(tx, blob_id, stores.digest())
        await queue.add(
            tx, trace="t", blob_id=blob_id, sender="ani@example.org", account_id=account.id,
            smtputf8=False, received_at=NOW, expires_at=NOW, warn_at=0,
            recipients=[("a@far.example", "far.example"), ("b@far.example", "far.example")],
        )  # fmt: skip

    await store.write(unit)


async def damage(store: Store, sql: str) -> None:
    async def unit(tx: Transaction) -> None:
        assert await tx.run(sql) > 0

    await store.write(unit)


async def count(store: Store, table: str) -> Any:
    async def unit(tx: Transaction) -> Any:
        return await tx.value(f"SELECT count(*) FROM {table}")

    return await store.read(unit)


async def test_a_sound_store_has_nothing_wrong(store: Store, blob_store: BlobStore) -> None:
    await fill(store, blob_store)
    steps: list[str] = []
    report = await check(
        store, blob_store, repair=True, progress=lambda what, _done, _total: steps.append(what)
    )
    assert (report.found, report.left, report.accounts, report.blobs) == ({}, 0, 1, 4)
    assert steps == ["accounts", "holders of messages", "messages", "files"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.damage.name}: {case.where}")
async def test_damage_is_found_and_mended_where_it_can_be(
    store: Store, blob_store: BlobStore, case: Case
) -> None:
    await fill(store, blob_store)
    await damage(store, case.sql)
    held = await count(store, "mailbox_email")
    found = await look(store, blob_store)
    assert case.damage in found.found
    (example, *_) = [one for one in found.examples if one.damage is case.damage]
    assert case.where in example.where
    assert not example.mended
    assert (await look(store, blob_store)).found == found.found  # looking changes nothing

    for _ in range(2):  # what one mending brings to light is for the next
        report = await check(store, blob_store, repair=True, redigest=redigest)
    left = (await look(store, blob_store)).found
    assert left == ({} if case.mended else {case.damage: 1})
    assert bool(report.left) != case.mended
    assert await count(store, "mailbox_email") == held


async def look(store: Store, blob_store: BlobStore) -> Report:
    return await check(store, blob_store)


def test_every_kind_of_damage_is_tried() -> None:
    assert {case.damage for case in CASES} | {Damage.FILE_WITHOUT_BLOB} == set(Damage)


async def test_a_mailbox_that_was_lost_comes_back_with_its_mail(
    store: Store, blob_store: BlobStore
) -> None:
    await fill(store, blob_store)
    before = {one.uidvalidity for one in await store.read(mailboxes.listing, 1)}
    await damage(store, "DELETE FROM mailbox WHERE id = 6")
    await check(store, blob_store, repair=True)
    found = await store.read(mailboxes.get, 1, "Recovered 6")
    assert (found.id, found.total, found.unseen, found.size, found.uidnext) == (6, 1, 1, 5, 2)
    assert found.uidvalidity not in before


async def test_mailboxes_in_a_ring_are_opened_once(store: Store, blob_store: BlobStore) -> None:
    await fill(store, blob_store)
    await store.write(mailboxes.create, 1, "a/b/c/d", NOW)
    top = await store.read(mailboxes.get, 1, "a")
    low = await store.read(mailboxes.get, 1, "a/b/c")
    await damage(store, f"UPDATE mailbox SET parent_id = {low.id} WHERE id = {top.id}")
    assert (await look(store, blob_store)).found == {Damage.MAILBOX_WITHOUT_PARENT: 4}
    await check(store, blob_store, repair=True)
    names = {one.name for one in await store.read(mailboxes.listing, 1)}
    assert len(names) == 10
    assert sum("/" in name for name in names) == 3  # one is at the top, the others still below


async def test_a_message_is_parsed_again_only_when_told_how(
    store: Store, blob_store: BlobStore
) -> None:
    await fill(store, blob_store)
    await damage(store, "DELETE FROM message WHERE blob_id IN (1, 3)")
    assert (await check(store, blob_store, repair=True)).left == 2

    def fail(_: bytes) -> Digest:
        raise Fault(Kind.CORRUPT, "no mail")

    assert (await check(store, blob_store, repair=True, redigest=fail)).left == 2
    assert (await check(store, blob_store, repair=True, redigest=redigest)).left == 0
    rows = await store.read(emails.fetch, 1, INBOX, [1, 3], ("uid", "structure", "preview"))
    assert rows == [(1, b"first", "parsed again"), (3, b"large", "parsed again")]


async def test_bytes_that_rotted_in_a_file_are_found(
    store: Store, blob_store: BlobStore, tmp_path: Path
) -> None:
    await fill(store, blob_store)
    ((location, _),) = blob_store.files()
    file = tmp_path / "blobs" / location
    for content, expected in (
        (LARGE[:-1] + b"x", Damage.BLOB_DAMAGED),
        (LARGE[:-1], Damage.BLOB_DAMAGED),
        (None, Damage.BLOB_WITHOUT_BYTES),
    ):
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content)
        report = await check(store, blob_store, repair=True)
        assert report.found == {expected: 1}
        assert report.examples[0].where.startswith("message 3")


async def test_a_file_without_a_row_goes_once_it_is_old(
    store: Store, blob_store: BlobStore, tmp_path: Path
) -> None:
    await fill(store, blob_store)
    spool = blob_store.spool()
    spool.add(LARGE)
    body = await spool.finish()
    assert (await look(store, blob_store)).found == {}
    old = time.time() - GARBAGE_AGE - 60
    os.utime(tmp_path / "blobs" / body.location, (old, old))
    report = await look(store, blob_store)
    assert report.found == {Damage.FILE_WITHOUT_BLOB: 1}
    assert report.examples[0].where == body.location
    assert (await check(store, blob_store, repair=True)).left == 0
    assert [location for location, _ in blob_store.files()] != [body.location]


async def test_mail_that_comes_and_goes_meanwhile_is_no_damage(
    store: Store, blob_store: BlobStore
) -> None:
    await fill(store, blob_store)
    await damage(store, "UPDATE mailbox SET total = total + 5 WHERE id = 1")
    stop = asyncio.Event()

    async def work() -> None:
        n = 0
        while not stop.is_set():
            added = await store.write(stores.add, 1, f"mail {n % 3}")
            await store.write(email_edit.move, 1, INBOX, ARCHIVE, [added.placed[0].uid])
            if n % 2:
                uids = await store.read(emails.uids_of, 1, ARCHIVE, 1)
                await store.write(emails.remove, 1, ARCHIVE, uids)
                await store.write(blobs.collect)
            n += 1

    workers = [asyncio.create_task(work()) for _ in range(2)]
    for _ in range(3):
        report = await check(store, blob_store, repair=True)
        assert set(report.found) <= {Damage.WRONG_COUNTERS}
    stop.set()
    await asyncio.gather(*workers)
    await check(store, blob_store, repair=True)
    assert (await look(store, blob_store)).found == {}
