from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from merpati.base.faults import Fault, Kind
from merpati.services.restore import Restore
from merpati.store import directory, emails, expunged, mailboxes, members, restore, rights
from merpati.store.blobs import BlobStore
from merpati.store.check import check
from merpati.store.engine import Store, Transaction
from merpati.store.restore import Removed
from tests.support import store as stores
from tests.support.clock import FakeClock
from tests.support.ids import CountingIds
from tests.support.store import INBOX, NOW, add_account

DAY = 86_400_000


@pytest.fixture
def blob_store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs", CountingIds())


async def rows(store: Store, sql: str) -> list[Any]:
    async def unit(tx: Transaction) -> list[Any]:
        return await tx.rows(sql)

    return await store.read(unit)


async def test_removed_mail_is_listed_and_comes_back_as_it_was(store: Store) -> None:
    account = await add_account(store)
    await store.write(stores.add, account.id, "one", keywords="$deleted $flagged")
    await store.write(stores.add, account.id, "two", keywords="$deleted")
    await store.write(stores.add, account.id, "three")
    await store.write(emails.remove, account.id, INBOX, [1, 2], NOW)
    (found,) = await store.read(restore.summary, account.id)
    assert found == Removed(INBOX, "INBOX", False, 2, 6, NOW)
    listed = await store.read(restore.listing, account.id, found)
    assert [(one.uid, one.size, one.envelope) for one in listed] == [
        (2, 3, b"envelope"), (1, 3, b"envelope"),
    ]  # fmt: skip
    assert await store.write(restore.restore, account.id, found, NOW + 5, uids=[1]) == 1
    inbox = await store.read(mailboxes.counters, account.id, INBOX)
    assert inbox is not None
    assert (inbox.total, inbox.uidnext, inbox.size) == (2, 5, 8)
    kept = await store.read(emails.fetch, account.id, INBOX, [3, 4], ("uid", "keywords", "data"))
    assert kept == [(3, "", b"three"), (4, "$flagged", b"one")]
    assert await store.write(restore.restore, account.id, found, NOW + 5) == 1
    assert await store.read(restore.summary, account.id) == []


async def test_a_deleted_tree_of_mailboxes_comes_back(store: Store, blob_store: BlobStore) -> None:
    account = await add_account(store)
    for path in ("Work", "Work/Offers", "Work/Empty"):
        box = await store.write(mailboxes.create, account.id, path, NOW)
        if path != "Work/Empty":
            await store.write(stores.add, account.id, path, mailbox_id=box.id, keywords="$seen")
    for path in ("Work/Offers", "Work/Empty", "Work"):
        await store.write(mailboxes.destroy, account.id, path, NOW)
    found = restore.below(await store.read(restore.summary, account.id), "Work")
    assert [(one.path, one.gone, one.emails) for one in found] == [
        ("Work", True, 1), ("Work/Empty", True, 0), ("Work/Offers", True, 1),
    ]  # fmt: skip
    for one in found:
        await store.write(restore.restore, account.id, one, NOW)
    there = {one.name: one.total for one in await store.read(mailboxes.listing, account.id)}
    assert (there["Work"], there["Work/Offers"], there["Work/Empty"]) == (1, 1, 0)
    assert await rows(store, "SELECT 1 FROM removed_mailbox") == []
    assert (await check(store, blob_store)).found == {}


async def test_a_special_use_comes_back_only_if_no_other_has_it(store: Store) -> None:
    account = await add_account(store)
    await store.write(mailboxes.destroy, account.id, "Archive", NOW)
    await store.write(mailboxes.create, account.id, "Old", NOW, role="archive")
    (found,) = await store.read(restore.summary, account.id)
    await store.write(restore.restore, account.id, found, NOW)
    assert (await store.read(mailboxes.get, account.id, "Archive")).role == ""


async def test_a_special_use_comes_back_after_a_mailbox_below_it(store: Store) -> None:
    account = await add_account(store)
    await store.write(mailboxes.create, account.id, "Archive/2025", NOW)
    for path in ("Archive/2025", "Archive"):
        await store.write(mailboxes.destroy, account.id, path, NOW)
    archive, below = await store.read(restore.summary, account.id)
    for one in (below, archive):
        await store.write(restore.restore, account.id, one, NOW)
    assert (await store.read(mailboxes.get, account.id, "Archive")).role == "archive"


async def test_only_what_was_removed_since_then_comes_back(store: Store) -> None:
    account = await add_account(store)
    for n in range(3):
        await store.write(stores.add, account.id, f"mail {n}")
        await store.write(emails.remove, account.id, INBOX, [n + 1], NOW + n * DAY)
    (found,) = await store.read(restore.summary, account.id, NOW + DAY)
    assert found.emails == 2
    assert await store.write(restore.restore, account.id, found, NOW, since=NOW + DAY) == 2
    (found,) = await store.read(restore.summary, account.id)
    assert found.emails == 1


async def test_restoring_needs_room(store: Store) -> None:
    account = await add_account(store, quota=5)
    await store.write(stores.add, account.id, "first")
    await store.write(emails.remove, account.id, INBOX, [1], NOW)
    await store.write(stores.add, account.id, "other")
    (found,) = await store.read(restore.summary, account.id)
    with pytest.raises(Fault) as refused:
        await store.write(restore.restore, account.id, found, NOW)
    assert refused.value.kind is Kind.OVER_QUOTA
    assert await store.read(restore.summary, account.id) == [found]


async def test_what_is_too_old_is_let_go_of(store: Store, blob_store: BlobStore) -> None:
    account = await add_account(store)
    box = await store.write(mailboxes.create, account.id, "Work", NOW)
    for n in range(4):
        await store.write(stores.add, account.id, f"mail {n}", mailbox_id=box.id)
    await store.write(emails.remove, account.id, box.id, [1, 2], NOW)
    await store.write(mailboxes.destroy, account.id, "Work", NOW + DAY)
    assert await store.write(expunged.forget, NOW + DAY) == 2
    assert await rows(store, "SELECT refs FROM blob ORDER BY id") == [(0,), (0,), (1,), (1,)]
    assert len(await rows(store, "SELECT 1 FROM removed_mailbox")) == 1
    assert (await check(store, blob_store)).found == {}
    assert await store.write(expunged.forget, NOW + 2 * DAY) == 2
    assert await rows(store, "SELECT 1 FROM removed_mailbox") == []


async def test_an_account_that_is_erased_leaves_nothing_to_restore(
    store: Store, blob_store: BlobStore
) -> None:
    account = await add_account(store)
    await store.write(stores.add, account.id, "one")
    await store.write(emails.remove, account.id, INBOX, [1], NOW)
    await store.write(directory.remove_account, account.id)
    assert await rows(store, "SELECT refs FROM blob") == [(0,)]
    assert await rows(store, "SELECT 1 FROM expunged") == []


async def test_the_store_has_a_clock_for_those_that_bring_none(store: Store) -> None:
    account = await add_account(store)
    await store.write(stores.add, account.id, "one")
    await store.write(emails.remove, account.id, INBOX, [1])
    ((at,),) = await rows(store, "SELECT expunged_at FROM expunged")
    assert at > 1_700_000_000_000


@pytest.mark.parametrize("gone", [False, True])
async def test_the_last_of_several_steps_says_so(
    store: Store, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    monkeypatch.setattr(restore, "STEP", 2)
    account = await add_account(store)
    box = await store.write(mailboxes.create, account.id, "Work", NOW)
    for _ in range(4):
        await store.write(stores.add, account.id, "one", mailbox_id=box.id)
    if gone:
        await store.write(mailboxes.destroy, account.id, "Work", NOW)
    else:
        await store.write(emails.remove, account.id, box.id, [1, 2, 3, 4], NOW)
    service = Restore(store, FakeClock())
    steps = [await service.step(account.id, box.id, NOW) for _ in range(2)]
    assert [(one.emails, one.more) for one in steps] == [(2, True), (2, False)]
    assert await store.read(restore.summary, account.id) == []


async def test_a_restored_mailbox_is_open_to_nobody_new(store: Store) -> None:
    """What it inherits may be more than it had, and what it had may be taken away since."""
    people = {name: (await add_account(store, f"{name}@example.org")).id for name in "abcd"}
    desk = await store.write(members.add_shared, "info@example.org", name="Desk", now=NOW)
    for name in people:
        await store.write(members.put, desk.id, f"{name}@example.org", held="lrsw")
    box = await store.write(mailboxes.create, desk.id, "Staff", NOW)
    await store.write(rights.grant, desk.id, [box.id], people["a"], "")
    await store.write(rights.grant, desk.id, [box.id], people["b"], "lrx")
    await store.write(rights.grant, desk.id, [box.id], people["d"], "r", negative=True)
    await store.write(mailboxes.destroy, desk.id, "Staff", NOW)
    await store.write(members.remove, desk.id, "c@example.org")
    (found,) = await store.read(restore.summary, desk.id)
    await store.write(restore.restore, desk.id, found, NOW)
    box = await store.read(mailboxes.get, desk.id, "Staff")
    entries = await store.read(rights.entries, desk.id, box.id)
    assert [(one.name, one.negative, one.rights) for one in entries] == [
        ("b@example.org", False, "lr"), ("d@example.org", False, "lrsw"),
        ("d@example.org", True, "r"),
    ]  # fmt: skip


async def test_a_mailbox_that_an_older_release_deleted_comes_back(store: Store) -> None:
    account = await add_account(store)
    await store.write(mailboxes.create, account.id, "Work", NOW)
    await store.write(mailboxes.destroy, account.id, "Work", NOW)

    async def forget(tx: Transaction) -> None:
        await tx.run("UPDATE removed_mailbox SET rights = NULL")

    await store.write(forget)
    (found,) = await store.read(restore.summary, account.id)
    await store.write(restore.restore, account.id, found, NOW)
    assert (await store.read(mailboxes.get, account.id, "Work")).total == 0
