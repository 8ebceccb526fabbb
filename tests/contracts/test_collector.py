from __future__ import annotations

import pytest

from merpati.base.faults import Fault, Kind
from merpati.store import collector, directory, imported, pop3, remote, schema
from merpati.store.collector import Wanted
from merpati.store.engine import Store, Transaction
from merpati.store.pop3 import Policy
from merpati.store.remote import Known, RemoteMessage
from tests.contracts.conftest import Opener
from tests.support import store as stores
from tests.support.store import ARCHIVE, INBOX, add_account

NOW = 1_700_000_000_000
WANTED = Wanted(
    account_id=1, protocol="pop3", host="pop.example.com", port=995, security="tls", verify=True,
    name="ana", password=b"\x00sealed", folder="INBOX", keep_days=-1, every=300, domain="",
)  # fmt: skip


async def test_what_was_imported_is_known_by_folder_and_counted(store: Store) -> None:
    account = await add_account(store)
    one, two = b"\x80" + b"a" * 31, b"\x01" + b"b" * 31
    await store.write(imported.remember, account.id, INBOX, [(one, 5), (two, 6), (one, 7)])
    found = await store.read(imported.known, account.id, INBOX, [one, two, b"c" * 32])
    assert {digest: (each.copies, each.uid) for digest, each in found.items()} == {
        one: (2, 7), two: (1, 6)
    }  # fmt: skip
    assert await store.read(imported.known, account.id, ARCHIVE, [one]) == {}
    assert await store.write(imported.forget, account.id) == 2
    assert await store.read(imported.known, account.id, INBOX, [one]) == {}


async def test_hashes_that_begin_alike_are_told_apart(store: Store) -> None:
    account = await add_account(store)
    one, two = b"same...." + b"a" * 24, b"same...." + b"b" * 24
    await store.write(imported.remember, account.id, INBOX, [(one, 5)])
    assert list(await store.read(imported.known, account.id, INBOX, [two])) == [one]


async def test_limits_hold_again_after_an_import_that_ignored_them(store: Store) -> None:
    account = await add_account(store)
    await store.write(directory.set_account, account.id, quota=10)

    async def unit(tx: Transaction) -> int:
        limits = await imported.lift_limits(tx, account.id)
        added = await stores.add(tx, account.id, "more than ten bytes")
        await imported.set_limits(tx, account.id, limits)
        return len(added.placed)

    assert await store.write(unit) == 1
    assert (await store.write(stores.add, account.id, "again")).placed == []


async def test_what_was_copied_before_hashes_were_kept_is_known_by_them_too(empty: Opener) -> None:
    store = await empty()
    await store.write(schema.migrate, 36)
    account = await add_account(store)
    added = await store.write(stores.add, account.id, "mail")

    async def as_before(tx: Transaction) -> None:
        await tx.run(
            "INSERT INTO remote_folder VALUES ($1, 1, 'imap:x', 'INBOX', 7, 1)", account.id
        )
        for name, uid in (("12", added.placed[0].uid), ("13", 0), ("14", 99)):
            await tx.run(
                "INSERT INTO remote_message (account_id, folder_id, name, uid, keywords, seen_at)"
                " VALUES ($1, 1, $2, $3, '', 0)",
                account.id, name, uid,
            )  # fmt: skip

    async def digest(tx: Transaction) -> bytes:
        return bytes(await tx.value("SELECT hash FROM blob"))

    await store.write(as_before)
    await store.write(schema.migrate)
    found = await store.read(remote.messages, account.id, 1)
    assert {name: one.hash for name, one in found.items()} == {
        "12": await store.read(digest), "13": b"", "14": b""
    }  # fmt: skip


async def test_messages_that_have_other_names_are_told_by_their_hash(store: Store) -> None:
    account = await add_account(store)
    folder = await store.write(remote.open_folder, account.id, "imap:x", "INBOX", 7, INBOX)
    rows = [
        RemoteMessage("9", 1, "$seen", NOW, b"a"), RemoteMessage("10", 2, "", NOW, b"a"),
        RemoteMessage("11", 3, "", NOW), RemoteMessage("12", remote.NOT_HERE, "", NOW, tries=2),
    ]  # fmt: skip
    await store.write(remote.remember, account.id, folder.id, rows)
    for uidvalidity in (8, 7, 8, 9):
        await store.write(remote.open_folder, account.id, "imap:x", "INBOX", uidvalidity, INBOX)
    kept = await store.read(remote.messages, account.id, folder.id)
    assert sorted(kept) == [" 7 10", " 7 9"]
    known = Known(kept, ["9"])
    assert [known.called_otherwise(digest, "9") for digest in (b"b", b"a", b"a", b"a")] == [
        None, " 7 9", " 7 10", None
    ]  # fmt: skip
    await store.write(remote.rename, account.id, folder.id, [(" 7 9", "10"), (" 7 10", "10")])
    found = await store.read(remote.messages, account.id, folder.id)
    assert (found["10"].uid, sorted(found)) == (1, [" 7 10", "10"])


async def test_what_the_source_deleted_may_be_imported_again(store: Store) -> None:
    account = await add_account(store)
    one, two = b"a" * 32, b"b" * 32
    await store.write(imported.remember, account.id, INBOX, [(one, 5), (two, 6), (one, 7)])
    await store.write(imported.undo, account.id, INBOX, [one, two])
    found = await store.read(imported.known, account.id, INBOX, [one, two])
    assert {digest: each.copies for digest, each in found.items()} == {one: 1}


async def test_what_is_known_of_a_source_is_found_by_mailbox_and_undone(store: Store) -> None:
    account = await add_account(store)
    folders = [
        await store.write(remote.open_folder, account.id, source, name, 7, INBOX)
        for source, name in (("imap:x", "A"), ("imap:x", "B"), ("imap:y", "A"))
    ]
    for n, folder in enumerate(folders, 1):
        rows = [RemoteMessage("1", n, "", NOW, b"%d" % n), RemoteMessage("2", -1, "", NOW, tries=1)]
        await store.write(remote.remember, account.id, folder.id, rows)
    assert await store.read(remote.emails_of, account.id, INBOX) == {1, 2, 3}
    assert await store.read(remote.emails_of, account.id, ARCHIVE) == set()
    assert await store.read(remote.beside, account.id, "imap:x", folders[0]) == {b"2": 1}
    await store.write(remote.try_again, account.id, "imap:x")
    assert await store.read(remote.not_here, account.id, "imap:x") == []
    assert len(await store.read(remote.not_here, account.id, "imap:y")) == 1
    await store.write(remote.outdate, account.id, "imap:x")
    assert list(await store.read(remote.messages, account.id, folders[1].id)) == [" 7 1"]


async def test_a_message_is_taken_by_whoever_is_first(store: Store) -> None:
    account = await add_account(store)
    folder = await store.write(remote.open_folder, account.id, "collector:1", "", 0, 0)
    lost = RemoteMessage("u", remote.NOT_HERE, "", NOW, b"", 3, "gone")
    await store.write(remote.remember, account.id, folder.id, [lost])
    assert await store.read(remote.not_here, account.id, "collector:1") == [lost]
    one = RemoteMessage("u", 0, "", NOW + 1, b"hash")
    assert await store.write(remote.take, account.id, folder.id, one)
    assert not await store.write(remote.take, account.id, folder.id, one)
    assert await store.read(remote.messages, account.id, folder.id) == {"u": one}


async def test_a_folder_with_a_new_uidvalidity_is_forgotten(store: Store) -> None:
    account = await add_account(store)
    opened = await store.write(remote.open_folder, account.id, "imap:x", "INBOX", 7, INBOX)
    other = await store.write(remote.open_folder, account.id, "imap:x", "Work", 7, ARCHIVE)
    assert opened.id != other.id
    seen = RemoteMessage("12", 1, "$seen", NOW)
    await store.write(remote.remember, account.id, opened.id, [seen])
    again = await store.write(remote.open_folder, account.id, "imap:x", "INBOX", 7, INBOX)
    assert again == opened
    assert await store.read(remote.messages, account.id, opened.id) == {"12": seen}
    await store.write(remote.remember, account.id, opened.id, [RemoteMessage("12", 1, "", NOW + 9)])
    found = await store.read(remote.messages, account.id, opened.id)
    assert (found["12"].keywords, found["12"].seen_at) == ("", NOW)
    await store.write(remote.open_folder, account.id, "imap:x", "INBOX", 8, INBOX)
    assert await store.read(remote.messages, account.id, opened.id) == {}
    await store.write(remote.forget_source, account.id, "imap:x")
    fresh = await store.write(remote.open_folder, account.id, "imap:x", "Work", 7, ARCHIVE)
    assert fresh.id == 1


async def test_a_folder_whose_mailbox_is_gone_remembers_what_came(store: Store) -> None:
    account = await add_account(store)
    opened = await store.write(remote.open_folder, account.id, "imap:x", "Work", 7, ARCHIVE)
    seen = RemoteMessage("12", 5, "$seen", NOW)
    await store.write(remote.remember, account.id, opened.id, [seen])
    again = await store.write(remote.open_folder, account.id, "imap:x", "Work", 7, INBOX)
    assert (again.id, again.mailbox_id) == (opened.id, INBOX)
    found = await store.read(remote.messages, account.id, opened.id)
    assert found == {"12": RemoteMessage("12", 0, "$seen", NOW)}
    assert await store.read(remote.find_folder, account.id, "imap:x", "Work") == again
    assert await store.read(remote.find_folder, account.id, "imap:x", "Nowhere") is None


async def test_a_collector_is_claimed_by_one_and_comes_due_again(store: Store) -> None:
    number = await store.write(collector.add, WANTED, NOW)
    assert await store.read(collector.due, NOW - 1, 10) == []
    assert await store.read(collector.due, NOW, 10) == [number]
    claimed = await store.write(collector.claim, number, NOW)
    assert claimed is not None
    assert (claimed.password, claimed.verify, claimed.source) == (
        b"\x00sealed", True, f"collector:{number}"
    )  # fmt: skip
    assert await store.write(collector.claim, number, NOW) is None
    await store.write(collector.prolong, claimed, NOW + 5, 3)
    await store.write(collector.done, number, NOW + 6, NOW + 300)
    found = await store.read(collector.get, number)
    assert (found.collected, found.checked_at, found.next_at) == (3, NOW + 6, NOW + 300)
    for _ in range(2):
        await store.write(collector.failed, number, "no", NOW + 400)
    assert (await store.read(collector.get, number)).failures == 2
    await store.write(collector.change, number, {"every": 60, "disabled": 1}, NOW)
    found = await store.read(collector.get, number)
    assert (found.every, found.disabled, found.failures, found.next_at) == (60, True, 0, NOW)
    assert await store.read(collector.due, NOW, 10) == []
    assert [one.id for one in await store.read(collector.listing, 1)] == [number]
    assert await store.read(collector.listing, 2) == []
    await store.write(collector.remove, number)
    with pytest.raises(Fault) as gone:
        await store.read(collector.get, number)
    assert gone.value.kind is Kind.NOT_FOUND


async def test_a_choice_for_pop3_is_kept_and_undone(store: Store) -> None:
    account = await add_account(store)
    assert await store.read(pop3.policy, account.id) == pop3.DEFAULT
    chosen = Policy(folders=("Archive", "INBOX"), expire_days=3, mark_seen=True)
    await store.write(pop3.set_policy, account.id, chosen)
    assert await store.read(pop3.policy, account.id) == chosen
    assert [one.id for one in await store.read(pop3.folders, account.id, chosen)] == [
        ARCHIVE, INBOX
    ]  # fmt: skip
    await store.write(stores.add, account.id, "mail")
    await store.write(pop3.remember, account.id, chosen, {INBOX: [1]}, NOW)
    assert await store.read(pop3.fetched, account.id, INBOX) == {1}
    later = NOW + 3 * pop3.DAY
    assert not await store.read(pop3.has_expired, account.id, chosen, later - 1)
    assert await store.read(pop3.has_expired, account.id, chosen, later)
    assert await store.write(pop3.expire, account.id, chosen, later) == 1
    assert await store.read(pop3.fetched, account.id, INBOX) == set()
    await store.write(pop3.set_policy, account.id, pop3.DEFAULT)
    assert await store.read(pop3.policy, account.id) == pop3.DEFAULT
