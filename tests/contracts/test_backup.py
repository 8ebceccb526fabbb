"""A backup of either engine, brought back into either."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from merpati.base.clock import SystemClock
from merpati.base.faults import Fault, Kind
from merpati.base.ids import SystemIds
from merpati.model.change import ChangeKind
from merpati.services.backup import keep, prove, snapshot
from merpati.services.backup.bring import Bringing
from merpati.services.backup.keep import BackupSettings
from merpati.services.backup.rebuild import rebuild
from merpati.services.backup.routine import Routine, due_at, is_due
from merpati.services.backup.take import Source, take
from merpati.services.digest import digest
from merpati.store import blobs, changes, directory, email_edit, emails, garbage, leases, mailboxes
from merpati.store.backup import runs
from merpati.store.backup.folder import Folder
from merpati.store.backup.repository import Repository, open_repository
from merpati.store.backup.settle import RESERVE
from merpati.store.blobs import INLINE_MAX, BlobStore
from merpati.store.check import check
from merpati.store.engine import Store, Transaction
from merpati.store.sqlite import SqliteStore
from tests.support import store as stores
from tests.support.clock import FakeClock
from tests.support.store import INBOX, NOW, add_account

CLOCK = SystemClock()
IDS = SystemIds(CLOCK)
ANI = "ani@example.org"


@pytest.fixture
def blob_store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs", IDS)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "backup"


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[Store]:
    """Another store, without a schema."""
    one = SqliteStore(tmp_path / "other.db")
    yield one
    await one.close()


@pytest.fixture(params=["sqlite", "postgresql"])
async def either(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """The same, of either engine."""
    one: Store
    if request.param == "postgresql":
        one = await stores.postgresql(request.getfixturevalue("server"), empty=True)
    else:
        one = SqliteStore(tmp_path / "other.db")
    yield one
    await one.close()


async def back_up(store: Store, blob_store: BlobStore, target: Path) -> str:
    repository = open_repository(Folder(target, IDS), IDS, write=True)
    try:
        source = Source(store, blob_store, "mail.example.org", [])
        return (await take(source, repository, CLOCK)).name
    finally:
        repository.close()


async def deliver(
    store: Store, blob_store: BlobStore, account_id: int, content: bytes, mailbox_id: int = INBOX,
    keywords: str = "",
) -> None:  # fmt: skip
    spool = blob_store.spool()
    spool.add(content)
    parsed = digest(spool.content(), NOW)
    body = await spool.finish()
    places = [emails.Placement(account_id, mailbox_id, keywords)]
    await store.write(emails.add, body, parsed, places, NOW)


def letter(subject: str, size: int = 20) -> bytes:
    text = os.urandom(size).hex().encode()
    return b"From: x@y.z\r\nSubject: " + subject.encode() + b"\r\n\r\n" + text + b"\r\n"


async def rows(store: Store, sql: str, *args: Any) -> list[Any]:
    async def unit(tx: Transaction) -> list[Any]:
        return await tx.rows(sql, *args)

    return await store.read(unit)


async def contents(store: Store, blob_store: BlobStore, account_id: int) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for box in await store.read(mailboxes.listing, account_id):
        uids = await store.read(emails.uids_of, account_id, box.id)
        columns = ("uid", "blob_id")
        fetched = await store.read(emails.fetch, account_id, box.id, uids, columns)

        for _, blob_id in fetched:
            stored = await store.read(blobs.find, blob_id)
            assert stored is not None
            found.setdefault(box.name, []).append(bytes(blob_store.read(stored)[:]))
    return found


async def test_everything_comes_back_into_an_empty_store_of_either_engine(
    store: Store, either: Store, blob_store: BlobStore, target: Path, tmp_path: Path
) -> None:
    account = await add_account(store, ANI)
    await deliver(store, blob_store, account.id, letter("small"), keywords="$seen")
    await deliver(store, blob_store, account.id, letter("large", INLINE_MAX))
    box = await store.write(mailboxes.create, account.id, "Kerja/2026", NOW)
    await deliver(store, blob_store, account.id, letter("deep"), box.id)
    before = await contents(store, blob_store, account.id)
    await back_up(store, blob_store, target)

    elsewhere = BlobStore(tmp_path / "elsewhere", IDS)
    repository = open_repository(Folder(target, IDS), IDS)
    found = snapshot.find(repository)
    done = await rebuild(repository, found, either, elsewhere, NOW)
    assert (done.messages, done.accounts, done.held, done.lost) == (3, 1, 0, 0)
    again = await either.read(directory.account, ANI)
    assert await contents(either, elsewhere, again.id) == before
    assert (await check(either, elsewhere)).left == 0
    repository.close()
    # It lives: the next message and the next account get ids that were never given.
    await deliver(either, elsewhere, again.id, letter("new"))
    await add_account(either, "budi@example.org")
    assert (await check(either, elsewhere)).left == 0
    with pytest.raises(Fault) as caught:
        await rebuild(repository, found, either, elsewhere, NOW)
    assert caught.value.kind is Kind.EXISTS


async def test_clients_learn_that_what_they_saw_since_is_lost(
    store: Store, other: Store, blob_store: BlobStore, target: Path, tmp_path: Path
) -> None:
    account = await add_account(store, ANI)
    await deliver(store, blob_store, account.id, letter("kept"))
    old = await store.read(changes.current, account.id)
    inbox = await store.read(mailboxes.counters, account.id, INBOX)
    assert inbox is not None
    await back_up(store, blob_store, target)
    repository = open_repository(Folder(target, IDS), IDS)
    elsewhere = BlobStore(tmp_path / "elsewhere", IDS)
    await rebuild(repository, snapshot.find(repository), other, elsewhere, NOW)
    repository.close()
    after = await other.read(mailboxes.counters, account.id, INBOX)
    assert after is not None
    assert after.uidvalidity > inbox.uidvalidity
    assert after.uidnext == inbox.uidnext + RESERVE
    assert not await other.read(changes.is_lost, account.id, old)  # seen before the backup
    assert await other.read(changes.is_lost, account.id, old + 1)  # seen after it
    assert not await other.read(changes.is_lost, account.id, old + RESERVE)
    kinds = await rows(other, "SELECT kind FROM change WHERE modseq > $1", old)
    assert kinds == [(ChangeKind.RESTORED,)]


async def test_mail_that_waited_for_others_is_held_and_browsers_are_signed_out(
    store: Store, other: Store, blob_store: BlobStore, target: Path, tmp_path: Path
) -> None:
    async def fill(tx: Transaction) -> None:
        blob_id, _ = await blobs.insert(tx, stores.body("waiting"), 1)
        await tx.run(
            "INSERT INTO queue_message (id, trace, blob_id, sender, account_id, smtputf8,"
            " received_at, expires_at, warn_at) VALUES (1, 't', $1, '', 0, 0, 0, 0, 0)", blob_id,
        )  # fmt: skip
        for n, destination in enumerate(("", "example.com")):
            await tx.run(
                "INSERT INTO queue_recipient (message_id, n, address, destination, held, attempts,"
                " next_at, lease, status, reply, remote)"
                " VALUES (1, $1, 'a@b.c', $2, 0, 0, 0, 'w1', '', '', '')",
                n, destination,
            )  # fmt: skip

    await store.write(fill)
    await back_up(store, blob_store, target)
    repository = open_repository(Folder(target, IDS), IDS)
    elsewhere = BlobStore(tmp_path / "elsewhere", IDS)
    done = await rebuild(repository, snapshot.find(repository), other, elsewhere, NOW)
    repository.close()
    assert done.held == 1
    assert await rows(other, "SELECT destination, held, lease FROM queue_recipient ORDER BY n") == [
        ("", 0, ""), ("example.com", 1, ""),
    ]  # fmt: skip


async def test_a_second_snapshot_writes_only_what_is_new(
    store: Store, blob_store: BlobStore, target: Path
) -> None:
    account = await add_account(store, ANI)
    for n in range(50):
        await deliver(store, blob_store, account.id, letter(f"{n}", 5000))
    repository = open_repository(Folder(target, IDS), IDS, write=True)
    source = Source(store, blob_store, "mail.example.org", [])
    first = await take(source, repository, CLOCK)
    await deliver(store, blob_store, account.id, letter("one more", 5000))
    before = repository.written
    second = await take(source, repository, CLOCK)
    assert (first.blobs, second.blobs) == (50, 51)
    assert repository.written - before < first.written / 4
    proof = prove.prove(repository)
    assert (proof.snapshots, proof.problems) == (2, [])
    repository.close()


async def test_nothing_is_collected_while_a_backup_runs(
    store: Store, blob_store: BlobStore
) -> None:
    account = await add_account(store, ANI)
    await store.write(stores.add, account.id, "gone")
    await store.write(directory.remove_account, account.id)
    assert await store.write(leases.claim, garbage.KEPT, "backup", NOW, NOW + 1000)
    assert await garbage.collect(store, blob_store, NOW + 1) == 0
    assert await rows(store, "SELECT count(*) FROM blob") == [(1,)]
    await garbage.collect(store, blob_store, NOW + 1001)  # it died: its lease has run out
    assert await rows(store, "SELECT count(*) FROM blob") == [(0,)]


async def test_a_backup_that_died_does_not_keep_the_next_one_waiting(
    store: Store, blob_store: BlobStore, target: Path
) -> None:
    now = int(CLOCK.now() * 1000)
    await store.write(leases.claim, garbage.KEPT, f"backup to {target}", now, now + 600_000)
    assert await back_up(store, blob_store, target)
    await store.write(leases.claim, garbage.KEPT, "backup to elsewhere", now, now + 600_000)
    with pytest.raises(Fault) as caught:
        await back_up(store, blob_store, target)
    assert caught.value.kind is Kind.IN_USE


async def test_a_message_that_is_damaged_already_is_named_and_does_not_stop_the_backup(
    store: Store, blob_store: BlobStore, target: Path, tmp_path: Path, other: Store
) -> None:
    account = await add_account(store, ANI)
    await deliver(store, blob_store, account.id, letter("good"))
    await deliver(store, blob_store, account.id, letter("bad", INLINE_MAX))
    (file,) = (path for path in (tmp_path / "blobs").rglob("*.*") if path.is_file())
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    repository = open_repository(Folder(target, IDS), IDS, write=True)
    source = Source(store, blob_store, "mail.example.org", [])
    taken = await take(source, repository, CLOCK)
    assert [reason for _, reason in taken.lost] == ["its bytes are not what was stored"]
    assert prove.prove(repository).problems == []
    elsewhere = BlobStore(tmp_path / "elsewhere", IDS)
    done = await rebuild(repository, snapshot.find(repository), other, elsewhere, NOW)
    assert (done.messages, done.lost) == (1, 1)
    repository.close()


async def test_verify_names_the_file_that_was_changed(
    store: Store, blob_store: BlobStore, target: Path
) -> None:
    account = await add_account(store, ANI)
    await deliver(store, blob_store, account.id, letter("good", 1000))
    await back_up(store, blob_store, target)
    (pack,) = (path for path in (target / "packs").rglob("*") if path.is_file())
    data = bytearray(pack.read_bytes())
    data[100] ^= 0xFF
    pack.write_bytes(data)
    repository = open_repository(Folder(target, IDS), IDS)
    problems = prove.prove(repository).problems
    repository.close()
    assert any(str(pack) in problem for problem in problems)
    pack.unlink()
    repository = open_repository(Folder(target, IDS), IDS)
    problems = prove.prove(repository).problems
    repository.close()
    assert len(problems) == 1
    assert "the snapshot" in problems[0]


# One account, one mailbox


async def bring(
    store: Store, blob_store: BlobStore, target: Path, mailbox: str = "", address: str = ANI
) -> tuple[int, int, bool]:
    repository = open_repository(Folder(target, IDS), IDS)
    try:
        found = snapshot.find(repository)
        bringing = Bringing(repository, found, store, blob_store, CLOCK)
        done = await bringing.bring(address, mailbox=mailbox)
        return done.report.added, done.there, done.made
    finally:
        repository.close()


async def test_a_deleted_folder_comes_back_once_with_its_flags(
    store: Store, blob_store: BlobStore, target: Path
) -> None:
    account = await add_account(store, ANI)
    await deliver(store, blob_store, account.id, letter("inbox"))
    box = await store.write(mailboxes.create, account.id, "Kerja", NOW)
    below = await store.write(mailboxes.create, account.id, "Kerja/Lama", NOW)
    twice = letter("twice")
    for content in (letter("a"), twice, twice):
        await deliver(store, blob_store, account.id, content, box.id, "$flagged $seen")
    await deliver(store, blob_store, account.id, letter("b"), below.id)
    before = await contents(store, blob_store, account.id)
    await back_up(store, blob_store, target)
    for path in ("Kerja/Lama", "Kerja"):
        await store.write(mailboxes.destroy, account.id, path)
    await garbage.collect(store, blob_store)
    assert await bring(store, blob_store, target, "Kerja") == (4, 0, False)
    after = await contents(store, blob_store, account.id)
    assert {name: sorted(found) for name, found in after.items()} == {
        name: sorted(found) for name, found in before.items()
    }
    made = await store.read(mailboxes.get, account.id, "Kerja")
    keywords = await store.read(emails.fetch, account.id, made.id, [1], ("uid", "keywords"))
    assert keywords == [(1, "$flagged $seen")]
    assert await bring(store, blob_store, target, "Kerja") == (0, 4, False)
    assert await bring(store, blob_store, target) == (0, 5, False)
    assert (await check(store, blob_store)).left == 0


async def test_what_was_moved_since_does_not_come_twice_but_what_lies_in_the_trash_does(
    store: Store, blob_store: BlobStore, target: Path
) -> None:
    account = await add_account(store, ANI)
    for name in ("moved", "trashed", "there"):
        await deliver(store, blob_store, account.id, letter(name))
    await back_up(store, blob_store, target)
    archive = await store.read(mailboxes.by_role, account.id, "archive")
    trash = await store.read(mailboxes.by_role, account.id, "trash")
    assert archive is not None
    assert trash is not None
    await store.write(email_edit.move, account.id, INBOX, archive, [1])
    await store.write(email_edit.move, account.id, INBOX, trash, [2])
    assert await bring(store, blob_store, target, "INBOX") == (1, 2, False)


async def test_an_account_that_was_erased_is_made_anew(
    store: Store, blob_store: BlobStore, target: Path
) -> None:
    account = await add_account(store, ANI)
    await store.write(directory.set_account, account.id, password="hashed", name="Ani")
    await store.write(directory.add_address, account.id, "a@example.org")
    await deliver(store, blob_store, account.id, letter("kept"))
    await back_up(store, blob_store, target)
    await store.write(directory.remove_account, account.id)
    await garbage.collect(store, blob_store)
    assert await bring(store, blob_store, target) == (1, 0, True)
    made = await store.read(directory.account, "a@example.org")
    assert (made.address, made.name) == (ANI, "Ani")
    found = await rows(store, "SELECT password FROM account WHERE id = $1", made.id)
    assert found == [("hashed",)]
    with pytest.raises(Fault) as caught:
        await bring(store, blob_store, target, address="nobody@example.org")
    assert caught.value.kind is Kind.NOT_FOUND


# The routine


async def test_a_regular_backup_is_noted_pruned_and_proven(
    store: Store, blob_store: BlobStore, target: Path
) -> None:
    settings = BackupSettings(target=target, keep_daily=1, keep_weekly=0, keep_monthly=0)
    clock = FakeClock()
    source = Source(store, blob_store, "mail.example.org", [])
    routine = Routine(source, settings, clock, IDS, lambda *_: None)

    def now() -> int:
        return int(clock.now() * 1000)

    assert await store.read(is_due, settings, now())
    await routine.run(Folder(target, IDS), None, regular=True)
    assert not await store.read(is_due, settings, now())
    first = await store.read(runs.last, str(target), good=True)
    assert first is not None
    assert (first.verified_at, first.problem) == (now(), "")
    clock.advance(86_400)
    assert await store.read(is_due, settings, now())
    await routine.run(Folder(target, IDS), None, regular=True)
    repository: Repository = open_repository(Folder(target, IDS), IDS)
    assert len(repository.snapshots()) == 1  # of so many days
    assert list(keep.needed(repository, repository.snapshots()))
    repository.close()
    second = await store.read(runs.last, str(target), good=True)
    assert second is not None
    assert second.verified_at == first.verified_at  # what was proven lately is not read again


async def test_a_backup_that_failed_is_tried_again_an_hour_later(
    store: Store, target: Path
) -> None:
    settings = BackupSettings(target=target)
    due = due_at(settings, NOW)
    assert due <= NOW < due + 25 * 3_600_000
    number = await store.write(runs.begin, str(target), NOW)
    assert not await store.read(is_due, settings, NOW + 1)
    await store.write(runs.end, number, NOW + 1, problem="the disk is full")
    assert not await store.read(is_due, settings, NOW + 60_000)
    assert await store.read(is_due, settings, NOW + 3_600_001)
    assert not await store.read(is_due, BackupSettings(), NOW)


async def test_snapshots_differ_while_mail_comes_in_and_each_fits_together(
    store: Store, blob_store: BlobStore, target: Path, other: Store, tmp_path: Path
) -> None:

    account = await add_account(store, ANI)
    stop, enough = asyncio.Event(), asyncio.Event()
    sent: list[bytes] = []

    async def keep_delivering() -> None:
        while not stop.is_set():
            content = letter(f"{len(sent)}", 300)
            await deliver(store, blob_store, account.id, content)
            sent.append(content)
            if len(sent) == 30:
                enough.set()

    task = asyncio.create_task(keep_delivering())
    await enough.wait()
    acknowledged = list(sent)
    await back_up(store, blob_store, target)
    stop.set()
    await task
    repository = open_repository(Folder(target, IDS), IDS)
    elsewhere = BlobStore(tmp_path / "elsewhere", IDS)
    await rebuild(repository, snapshot.find(repository), other, elsewhere, NOW)
    repository.close()
    found = (await contents(other, elsewhere, account.id))["INBOX"]
    assert set(acknowledged) <= set(found)
    assert (await check(other, elsewhere)).left == 0
