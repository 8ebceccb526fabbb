from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from merpati.base.faults import Fault, Kind
from merpati.model import uids as uid_sets
from merpati.model.change import ChangeKind
from merpati.store import (
    changes,
    directory,
    email_edit,
    email_keywords,
    emails,
    expunged,
    mailboxes,
    marked,
)
from merpati.store.email_keywords import Change
from merpati.store.engine import Store, Topic, Transaction
from tests.support import store as stores
from tests.support.store import ARCHIVE, INBOX, NOW, add_account


async def fill(store: Store, account_id: int, count: int, **kwargs: Any) -> list[int]:
    """Several emails in a mailbox; their UIDs."""

    async def unit(tx: Transaction) -> list[int]:
        added = [await stores.add(tx, account_id, f"mail {n}", **kwargs) for n in range(count)]
        return [one.placed[0].uid for one in added]

    return await store.write(unit)


async def counts(store: Store, account_id: int, mailbox_id: int = INBOX) -> tuple[int, int, int]:
    found = await store.read(mailboxes.counters, account_id, mailbox_id)
    assert found is not None
    return found.total, found.unseen, found.size


async def usage(store: Store, account_id: int) -> tuple[int, int]:
    found = await store.read(directory.account_by_id, account_id)
    assert found is not None
    return found.used, found.emails


async def refs(store: Store) -> list[int]:
    async def unit(tx: Transaction) -> list[int]:
        return [row[0] for row in await tx.rows("SELECT refs FROM blob ORDER BY id")]

    return await store.read(unit)


async def keywords(store: Store, account_id: int, mailbox_id: int = INBOX) -> dict[int, str]:
    uids = await store.read(emails.uids_of, account_id, mailbox_id)
    rows = await store.read(emails.fetch, account_id, mailbox_id, uids, ("uid", "keywords"))
    return {row[0]: row[1] for row in rows}


async def test_one_body_serves_many_accounts(store: Store) -> None:
    ids = [(await add_account(store, f"a{n}@example.org")).id for n in range(5)]
    heard: set[Any] = set()
    store.on_commit(heard.update)
    added = await store.write(stores.add, ids, "to all of you", 1)
    assert added.refused == []
    assert {one.account_id for one in added.placed} == set(ids)
    assert {one.uid for one in added.placed} == {1}
    assert heard == {(Topic.ACCOUNT, one) for one in ids}
    assert await refs(store) == [5]
    for account_id in ids:
        assert await counts(store, account_id) == (1, 1, 13)
        assert await usage(store, account_id) == (13, 1)
        change = (await store.read(changes.since, account_id, INBOX, 1))[-1]
        assert (change.kind, change.uids) == (ChangeKind.EMAILS_ADDED, "1")
        assert change.modseq == await store.read(changes.current, account_id)


async def test_the_same_bytes_again_are_stored_once(store: Store) -> None:
    account = await add_account(store)
    await store.write(stores.add, account.id, "same")
    await store.write(stores.add, account.id, "same")
    await store.write(stores.add, account.id, "other")
    assert await refs(store) == [2, 1]
    rows = await store.read(emails.fetch, account.id, INBOX, [1, 2, 3], ("uid", "data", "preview"))
    assert [row[1] for row in rows] == [b"same", b"same", b"other"]


async def test_who_has_no_room_is_refused_and_the_others_are_served(store: Store) -> None:
    ids = [
        (await add_account(store, f"a{n}@example.org", quota=quota)).id
        for n, quota in enumerate((0, 10, 9))
    ]
    gone = await add_account(store, "gone@example.org")
    await store.write(directory.set_account, gone.id, disabled=True)
    added = await store.write(stores.add, [*ids, gone.id, 999], "ten bytes!")
    assert sorted(one.account_id for one in added.placed) == ids[:2]
    assert added.refused == [ids[2], gone.id, 999]
    assert await refs(store) == [2]
    nobody = await store.write(stores.add, ids[2], "ten bytes?")
    assert (nobody.placed, nobody.refused, nobody.superfluous) == ([], [ids[2]], False)
    assert await refs(store) == [2]


async def test_fifty_deliveries_at_once_never_exceed_the_quota(store: Store) -> None:
    account = await add_account(store, quota=25)
    added = await asyncio.gather(
        *(store.write(stores.add, account.id, f"mail no {n:02}") for n in range(50))
    )
    assert sum(bool(one.placed) for one in added) == 2  # 2 x 10 bytes
    assert await usage(store, account.id) == (20, 2)
    assert await counts(store, account.id) == (2, 2, 20)


async def test_deliveries_at_once_get_uids_and_modseqs_of_their_own(store: Store) -> None:
    account = await add_account(store)
    added = await asyncio.gather(
        *(store.write(stores.add, account.id, f"mail {n}") for n in range(30))
    )
    placed = [one.placed[0] for one in added]
    assert sorted(one.uid for one in placed) == list(range(1, 31))
    assert len({one.modseq for one in placed}) == 30
    assert len({one.email_id for one in placed}) == 30
    by_modseq = sorted(placed, key=lambda one: one.modseq)
    assert [one.uid for one in by_modseq] == sorted(one.uid for one in placed)


async def test_a_mailbox_that_is_gone_takes_nothing(store: Store) -> None:
    account = await add_account(store)
    with pytest.raises(Fault) as caught:
        await store.write(stores.add, account.id, "lost?", mailbox_id=77)
    assert caught.value.kind is Kind.NOT_FOUND
    assert await usage(store, account.id) == (0, 0)
    assert await refs(store) == []


async def test_a_uid_is_never_given_twice(store: Store) -> None:
    account = await add_account(store)
    assert await fill(store, account.id, 3) == [1, 2, 3]
    await store.write(emails.remove, account.id, INBOX, [2, 3])
    assert await fill(store, account.id, 1) == [4]
    await store.write(email_edit.move, account.id, INBOX, ARCHIVE, [4])
    assert await fill(store, account.id, 1) == [5]


async def test_fetch_returns_what_exists_in_order_whatever_the_gaps(store: Store) -> None:
    account = await add_account(store)
    await fill(store, account.id, 40)
    await store.write(emails.remove, account.id, INBOX, [2, 39])
    columns = ("uid", "size", "data")
    dense = await store.read(emails.fetch, account.id, INBOX, [1, 2, 3, 5], columns)
    assert [row[0] for row in dense] == [1, 3, 5]
    sparse = await store.read(emails.fetch, account.id, INBOX, [1, 39, 40, 99], columns)
    assert sparse == [(1, 6, b"mail 0"), (40, 7, b"mail 39")]
    assert await store.read(emails.fetch, account.id, INBOX, [], columns) == []
    everything = ("uid", *sorted(set(emails.COLUMNS) - {"uid"}))
    (row,) = await store.read(emails.fetch, account.id, INBOX, [1], everything)
    assert len(row) == len(everything)
    assert await store.read(emails.uids_of, account.id, INBOX, 37) == [38, 40]


async def test_keywords_are_set_added_and_removed(store: Store) -> None:
    account = await add_account(store)
    await fill(store, account.id, 3)
    write: Any = store.write
    act = partial(write, email_keywords.change, account.id, INBOX)
    modseq, now, modified = await act([1, 2], Change.ADD, frozenset({"$seen", "b"}))
    assert (now, modified) == ({1: "$seen b", 2: "$seen b"}, [])
    assert await counts(store, account.id) == (3, 1, 18)
    _, now, _ = await act([2, 3, 99], Change.REMOVE, frozenset({"$seen"}))
    assert now == {2: "b", 3: ""}
    assert await counts(store, account.id) == (3, 2, 18)
    _, now, _ = await act([1, 2, 3], Change.SET, frozenset({"z", "a"}))
    assert list(now.values()) == ["a z"] * 3
    assert await keywords(store, account.id) == {1: "a z", 2: "a z", 3: "a z"}
    assert await counts(store, account.id) == (3, 3, 18)
    log = await store.read(changes.since, account.id, INBOX, modseq - 1)
    assert [(one.kind, one.uids) for one in log] == [
        (ChangeKind.KEYWORDS_CHANGED, "1:2"),
        (ChangeKind.KEYWORDS_CHANGED, "2"),
        (ChangeKind.KEYWORDS_CHANGED, "1:3"),
    ]


async def test_keywords_that_stay_as_they_are_cost_no_modseq(store: Store) -> None:
    account = await add_account(store)
    await fill(store, account.id, 1, keywords="$seen")
    before = await store.read(changes.current, account.id)
    answer = await store.write(
        email_keywords.change, account.id, INBOX, [1], Change.ADD, frozenset({"$seen"})
    )
    assert answer == (0, {1: "$seen"}, [])
    assert await store.read(changes.current, account.id) == before


async def test_unchanged_since_spares_what_changed_later(store: Store) -> None:
    account = await add_account(store)
    await fill(store, account.id, 3)
    write: Any = store.write
    act = partial(write, email_keywords.change, account.id, INBOX)
    since = await store.read(changes.current, account.id)
    await act([2], Change.ADD, frozenset({"x"}))
    _, now, modified = await act([1, 2, 3], Change.ADD, frozenset({"y"}), since)
    assert (now, modified) == ({1: "y", 3: "y"}, [2])
    assert await keywords(store, account.id) == {1: "y", 2: "x", 3: "y"}


async def test_keywords_added_at_once_are_all_there(store: Store) -> None:
    account = await add_account(store)
    await fill(store, account.id, 1)
    words = [f"k{n}" for n in range(12)] + ["$seen"]
    await asyncio.gather(
        *(
            store.write(
                email_keywords.change, account.id, INBOX, [1], Change.ADD, frozenset({word})
            )
            for word in words
        )
    )
    assert await keywords(store, account.id) == {1: " ".join(sorted(words))}
    assert await counts(store, account.id) == (1, 0, 6)


async def test_remove_gives_back_room_and_bytes(store: Store) -> None:
    account = await add_account(store)
    await fill(store, account.id, 3)
    before = await store.read(changes.current, account.id)
    modseq, gone = await store.write(emails.remove, account.id, INBOX, [3, 1, 99])
    assert (modseq, gone) == (before + 1, [1, 3])
    assert await counts(store, account.id) == (1, 1, 6)
    assert await usage(store, account.id) == (6, 1)
    assert await refs(store) == [1, 1, 1]  # they can be restored
    (change,) = await store.read(changes.since, account.id, INBOX, before)
    assert (change.kind, change.uids) == (ChangeKind.EMAILS_REMOVED, "1,3")
    assert await store.write(emails.remove, account.id, INBOX, [1, 3]) == (0, [])


async def test_a_moved_email_keeps_its_identity(store: Store) -> None:
    account = await add_account(store)
    await fill(store, account.id, 3, keywords="$flagged")
    await fill(store, account.id, 1, mailbox_id=ARCHIVE, keywords="$seen")
    columns = ("uid", "email_id", "thread_id", "blob_id", "received_at", "keywords")
    before = await store.read(emails.fetch, account.id, INBOX, [1, 3], columns)
    start = await store.read(changes.current, account.id)
    modseq, old, new = await store.write(email_edit.move, account.id, INBOX, ARCHIVE, [1, 3])
    assert (modseq, old, new) == (start + 1, [1, 3], [2, 3])
    after = await store.read(emails.fetch, account.id, ARCHIVE, new, columns)
    assert [row[1:] for row in after] == [row[1:] for row in before]
    assert [row[0] for row in after] == new
    assert await counts(store, account.id) == (1, 1, 6)
    assert await counts(store, account.id, ARCHIVE) == (3, 2, 18)
    assert await usage(store, account.id) == (24, 4)
    assert await refs(store) == [2, 1, 1]
    for mailbox_id, kind, uids in (
        (INBOX, ChangeKind.EMAILS_REMOVED, "1,3"),
        (ARCHIVE, ChangeKind.EMAILS_ADDED, "2:3"),
    ):
        (change,) = await store.read(changes.since, account.id, mailbox_id, start)
        assert (change.modseq, change.kind, change.uids) == (modseq, kind, uids)
    assert await store.write(email_edit.move, account.id, INBOX, ARCHIVE, [99]) == (0, [], [])
    with pytest.raises(Fault):
        await store.write(email_edit.move, account.id, INBOX, 77, [2])
    assert await counts(store, account.id) == (1, 1, 6)


async def test_a_copy_is_a_new_email_of_the_same_bytes(store: Store) -> None:
    account = await add_account(store)
    await fill(store, account.id, 2, keywords="$seen")
    heard: set[Any] = set()
    store.on_commit(heard.update)
    start = await store.read(changes.current, account.id)
    modseq, old, new = await store.write(emails.copy, account.id, INBOX, ARCHIVE, [1, 2, 9])
    assert (modseq, old, new) == (start + 1, [1, 2], [1, 2])
    assert await refs(store) == [2, 2]
    assert heard == {(Topic.ACCOUNT, account.id)}
    (change,) = await store.read(changes.since, account.id, ARCHIVE, start)
    assert (change.modseq, change.kind, change.uids) == (modseq, ChangeKind.EMAILS_ADDED, "1:2")
    assert await counts(store, account.id, ARCHIVE) == (2, 0, 12)
    assert await usage(store, account.id) == (24, 4)
    columns = ("uid", "email_id")
    originals = await store.read(emails.fetch, account.id, INBOX, [1, 2], columns)
    copies = await store.read(emails.fetch, account.id, ARCHIVE, [1, 2], columns)
    assert not {row[1] for row in originals} & {row[1] for row in copies}
    await store.write(emails.remove, account.id, INBOX, [1, 2], NOW)
    await store.write(expunged.forget, NOW + 1)
    assert await refs(store) == [1, 1]  # the copies still hold the bytes


async def test_a_copy_beyond_the_quota_copies_nothing(store: Store) -> None:
    account = await add_account(store, quota=17)
    await fill(store, account.id, 2)
    with pytest.raises(Fault) as caught:
        await store.write(emails.copy, account.id, INBOX, ARCHIVE, [1, 2])
    assert caught.value.kind is Kind.OVER_QUOTA
    assert await usage(store, account.id) == (12, 2)
    assert await refs(store) == [1, 1]


async def test_first_unseen_is_the_lowest(store: Store) -> None:
    account = await add_account(store)
    assert await store.read(emails.first_unseen, account.id, INBOX) == 0
    await fill(store, account.id, 2, keywords="$seen")
    assert await store.read(emails.first_unseen, account.id, INBOX) == 0
    await store.write(emails.remove, account.id, INBOX, [1])
    await fill(store, account.id, 1, keywords="$seenby x$seen")
    assert await store.read(emails.first_unseen, account.id, INBOX) == 2


async def test_keywords_of_many_change_whatever_they_had_before(store: Store) -> None:
    account = await add_account(store)
    had = ["$seen" if n % 2 else "" for n in range(30)] + [f"k{n % 9}" for n in range(20)]
    for words in had:
        await fill(store, account.id, 1, keywords=words)
    write: Any = store.write
    act = partial(write, email_keywords.change, account.id, INBOX)
    for gone in (0, 25):  # with all of them there, and then without one in their midst
        await store.write(emails.remove, account.id, INBOX, [gone])
        uids = [uid for uid in range(1, 51) if uid != gone]
        modseq, now, _ = await act(uids, Change.ADD, frozenset({"$seen"}))
        wanted = {uid: " ".join(sorted({*had[uid - 1].split(), "$seen"})) for uid in uids}
        assert now == wanted == await keywords(store, account.id)
        assert await counts(store, account.id) == (len(uids), 0, 6 * len(uids))
        (change,) = await store.read(changes.since, account.id, INBOX, modseq - 1)
        assert uid_sets.expand(change.uids) == [uid for uid in uids if now[uid] != had[uid - 1]]
        for uid in uids:
            await act([uid], Change.SET, frozenset(had[uid - 1].split()))


@pytest.mark.parametrize("rare", [[], ["$junk"]])
async def test_keywords_that_many_had_change_to_what_others_had(
    store: Store, rare: list[str]
) -> None:
    account = await add_account(store)
    had = ["", "$flagged", "$flagged $seen"] * 5 + rare
    for words in had:
        await fill(store, account.id, 1, keywords=words)
    write: Any = store.write
    act = partial(write, email_keywords.change, account.id, INBOX, range(1, len(had) + 1))
    await act(Change.REMOVE, frozenset({"$flagged"}))
    wanted = {uid: words.removeprefix("$flagged").strip() for uid, words in enumerate(had, 1)}
    assert await keywords(store, account.id) == wanted
    assert await counts(store, account.id) == (len(had), 10 + len(rare), 6 * len(had))
    await act(Change.SET, frozenset({"$seen"}))
    assert set((await keywords(store, account.id)).values()) == {"$seen"}


async def test_marks_are_found_however_many_ranges_they_lie_in(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marked, "RANGES_MAX", 32)
    account = await add_account(store)
    await fill(store, account.id, 100)
    write: Any = store.write
    act = partial(write, email_keywords.change, account.id, INBOX)
    odd = list(range(1, 100, 2))
    for uid in odd:
        await act([uid], Change.ADD, frozenset({"$deleted"}))
    ranges = await store.read(marked.ranges, account.id, INBOX)
    assert 1 < ranges.count(",") < marked.RANGES_MAX
    assert await store.read(emails.deleted, account.id, INBOX) == odd
    await act(range(1, 90), Change.REMOVE, frozenset({"$deleted"}))
    assert await store.read(emails.deleted, account.id, INBOX) == [91, 93, 95, 97, 99]
    ranges = await store.read(marked.ranges, account.id, INBOX)
    assert min(uid_sets.expand(ranges)) >= 90  # of those below everything was known
    await act(range(1, 101), Change.SET, frozenset({"$draft"}))
    assert await store.read(marked.ranges, account.id, INBOX) == "1:100"
    assert await store.read(emails.deleted, account.id, INBOX) == []
    await act(range(1, 101), Change.SET, frozenset())
    assert await store.read(marked.ranges, account.id, INBOX) == ""


async def test_only_what_is_marked_deleted_is_removed_as_such(store: Store) -> None:
    account = await add_account(store)
    for words in ("$deleted $seen", "$deletedx", "", "$deleted", "$draft", "$answered $deleted"):
        await fill(store, account.id, 1, keywords=words)
    assert await store.read(emails.deleted, account.id, INBOX) == [1, 4, 6]
    assert await store.read(emails.deleted_size, account.id, INBOX) == 18
    before = await store.read(changes.current, account.id)
    assert await store.write(emails.remove_deleted, account.id, INBOX, [2, 4, 5]) == before + 1
    assert await store.write(emails.remove_deleted, account.id, INBOX) == before + 2
    assert await store.write(emails.remove_deleted, account.id, INBOX) == 0
    assert await store.read(emails.uids_of, account.id, INBOX) == [2, 3, 5]
    assert await counts(store, account.id) == (3, 3, 18)


async def test_keywords_between_two_uids_come_in_the_order_of_the_uids(store: Store) -> None:
    account = await add_account(store)
    assert await store.read(email_keywords.between, account.id, INBOX, 1, 9) == []
    for keywords in ("$seen", "", "b", "$flagged $seen", "a"):
        await fill(store, account.id, 1, keywords=keywords)
    found = await store.read(email_keywords.between, account.id, INBOX, 2, 4)
    assert found == ["", "b", "$flagged $seen"]
    await store.write(emails.remove, account.id, INBOX, [3])
    found = await store.read(email_keywords.between, account.id, INBOX, 1, 9)
    assert found == ["$seen", "", "$flagged $seen", "a"]
    assert await store.read(email_keywords.between, account.id, INBOX, 2, 2) == [""]


async def test_replies_join_the_thread_of_what_they_answer(store: Store) -> None:
    ani = await add_account(store)
    budi = await add_account(store, "budi@example.org")

    async def threads(account_id: int) -> list[int]:
        uids = await store.read(emails.uids_of, account_id, INBOX)
        rows = await store.read(emails.fetch, account_id, INBOX, uids, ("uid", "thread_id"))
        return [row[1] for row in rows]

    await store.write(stores.add, [ani.id, budi.id], "question", 101)
    await store.write(stores.add, ani.id, "unrelated", -5)
    await store.write(stores.add, [ani.id, budi.id], "answer", 102, 101)
    await store.write(stores.add, ani.id, "answer to the answer", 103, 102)
    await store.write(stores.add, budi.id, "answer to what he never got", 104, -5)
    first, other, second, third = await threads(ani.id)
    assert first == second == third != other
    one, two, three = await threads(budi.id)
    assert one == two != three


async def test_mail_with_a_nul_in_its_text_is_taken(store: Store) -> None:
    account = await add_account(store)

    async def unit(tx: Transaction) -> emails.Added:
        found = stores.digest(preview="nul: \x00.")
        where = [emails.Placement(account.id, INBOX)]
        return await emails.add(tx, stores.body("nul: \x00."), found, where, stores.NOW)

    assert (await store.write(unit)).placed
    ((_, data, preview),) = await store.read(
        emails.fetch, account.id, INBOX, [1], ("uid", "data", "preview")
    )
    assert data == b"nul: \x00."
    assert preview.startswith("nul: ")


async def test_the_log_tells_of_everything_that_came_since(store: Store) -> None:
    account = await add_account(store)
    await fill(store, account.id, 50)
    start = await store.read(changes.current, account.id)
    await store.write(emails.copy, account.id, INBOX, ARCHIVE, list(range(1, 41)))
    await fill(store, account.id, 3)
    await store.write(email_keywords.change, account.id, INBOX, [7], Change.ADD, frozenset({"a"}))
    await store.write(emails.remove, account.id, INBOX, [52])
    (copied,) = await store.read(changes.since, account.id, ARCHIVE, start)
    assert (copied.modseq, copied.uids) == (start + 1, "1:40")
    inbox = await store.read(changes.since, account.id, INBOX, start)
    assert [(one.modseq - start, one.kind, one.uids) for one in inbox] == [
        (2, ChangeKind.EMAILS_ADDED, "51"),
        (4, ChangeKind.EMAILS_ADDED, "53"),
        (5, ChangeKind.KEYWORDS_CHANGED, "7"),
        (6, ChangeKind.EMAILS_REMOVED, "52"),
    ]
    assert await store.read(changes.since, account.id, INBOX, start + 6) == []


async def test_only_replies_leave_rows_of_their_threads(store: Store) -> None:
    account = await add_account(store)
    await store.write(stores.add, account.id, "question", 101)
    await store.write(stores.add, account.id, "nameless")

    async def unit(tx: Transaction) -> int:
        return int(await tx.value("SELECT count(*) FROM thread_ref"))

    assert await store.read(unit) == 0
    await store.write(stores.add, account.id, "answer", 102, 101)
    assert await store.read(unit) == 2
