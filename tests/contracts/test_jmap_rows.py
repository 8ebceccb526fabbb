"""What JMAP reads of many emails at once, and where it pushes to, on every engine."""

from __future__ import annotations

import pytest

from merpati.base.faults import Fault
from merpati.model import criteria as c
from merpati.store import (
    changes,
    email_changes,
    email_edit,
    email_marks,
    email_places,
    email_rows,
    emails,
    mailbox_tree,
    mailboxes,
    push,
    quota,
    thread_members,
)
from merpati.store.email_edit import COLUMNS
from merpati.store.engine import Store, Transaction
from tests.support import store as stores
from tests.support.store import ARCHIVE, INBOX, NOW, add_account


async def test_emails_come_in_order_as_columns_each_once(store: Store) -> None:
    account = await add_account(store)
    box = await store.write(mailboxes.create, account.id, "Box", NOW)
    for n, words in enumerate(["$seen", "", "$seen", ""]):
        await store.write(stores.add, account.id, f"Subject: {n}\r\n\r\n", keywords=words)
    first = (INBOX << emails.UID_BITS) + 1

    async def find(wanted: c.Criterion, *, descending: bool) -> list[int]:
        found = await store.read(
            email_rows.ordered, account.id, [INBOX, box.id], wanted, "received_at",
            descending=descending,
        )  # fmt: skip
        assert len(found.ids) == len(found.keys) == len(found.threads)
        return list(found.ids)

    assert await find(c.All(), descending=False) == [first, first + 1, first + 2, first + 3]
    assert await find(c.Keyword("$seen"), descending=True) == [first + 2, first]
    assert await find(c.Keyword("none"), descending=True) == []


async def test_rows_for_counting_threads_follow_the_log(store: Store) -> None:
    account = await add_account(store)
    await store.write(stores.add, account.id, "one", keywords="$seen")
    await store.write(stores.add, account.id, "two")
    rows = await store.read(mailbox_tree.thread_rows, account.id, INBOX)
    assert (list(rows.uids), list(rows.unread)) == ([1, 2], [0, 1])
    modseq = await store.read(changes.current, account.id)
    await store.write(emails.remove, account.id, INBOX, [1], NOW)
    await store.write(stores.add, account.id, "three")
    tree = await store.read(mailbox_tree.nodes, account.id)
    since = await store.read(mailbox_tree.thread_changes, account.id, modseq, frozenset(tree))
    assert since.gone == {INBOX: [1]}
    assert [(row[0], row[2]) for row in since.changed[INBOX]] == [(3, 1)]
    assert not since.whole


async def test_threads_are_found_with_and_without_their_index(store: Store) -> None:
    account = await add_account(store)
    await store.write(stores.add, account.id, "one", 7)
    await store.write(stores.add, account.id, "two", 8, 7)
    [thread] = set((await store.read(mailbox_tree.thread_rows, account.id, INBOX)).threads)
    plain = await store.read(thread_members.members, account.id, [thread])
    await store.write(thread_members.index, account.id)
    assert await store.read(thread_members.members, account.id, [thread]) == plain
    await store.write(stores.add, account.id, "three", 9, 7)
    later = await store.read(thread_members.members, account.id, [thread])
    assert len(later[thread]) == 3
    await store.write(thread_members.index, account.id)
    assert await store.read(thread_members.members, account.id, [thread]) == later


async def test_push_subscriptions_are_kept_told_and_bounded(store: Store) -> None:
    account = await add_account(store)

    def one(n: int) -> push.Subscription:
        return push.Subscription(
            account_id=account.id, id=n + 1, device=f"d{n}", url="https://p.example/",
            public_key=b"k", secret=b"s", types="*", code="c", expires_at=NOW,
        )  # fmt: skip

    for n in range(push.MAX):
        await store.write(push.add, one(n))
    with pytest.raises(Fault):
        await store.write(push.add, one(99))
    assert await store.read(push.accounts, 0) == [account.id]
    await store.write(push.failed, account.id, 1, 5)
    [first, *_] = await store.read(push.of_account, account.id)
    assert (first.failures, first.next_at, first.asked) == (1, 5, False)
    await store.write(push.told, account.id, 1, "1-2")
    [first, *_] = await store.read(push.of_account, account.id)
    assert (first.failures, first.next_at, first.asked, first.known) == (0, 0, True, "1-2")
    assert first.public_key == b"k"
    assert await store.write(push.remove, account.id, 1)
    assert not await store.write(push.remove, account.id, 1)


async def test_a_mailbox_holds_an_email_once_however_it_comes(store: Store) -> None:
    account = await add_account(store)
    for uid in (1, 2):
        await store.write(stores.add, account.id, f"Subject: {uid}\r\n\r\n")
        email_id = emails.first_id(INBOX, uid)

        async def link(tx: Transaction, email_id: int = email_id) -> None:
            places = (await email_places.find(tx, account.id, [email_id], COLUMNS))[email_id]
            await email_edit.set_mailboxes(tx, account.id, places, {INBOX, ARCHIVE}, 0)

        await store.write(link)
    _, old, new = await store.write(email_edit.move, account.id, INBOX, ARCHIVE, [1])
    assert (old, new) == ([1], [3])
    _, old, new = await store.write(email_edit.move, account.id, ARCHIVE, INBOX, [2])
    assert (old, new) == ([2], [3])
    columns = ("uid", "email_id")
    rows = [
        await store.read(emails.fetch, account.id, box, [1, 2, 3], columns)
        for box in (INBOX, ARCHIVE)
    ]
    assert rows == [[(3, emails.first_id(INBOX, 2))], [(3, emails.first_id(INBOX, 1))]]
    ids = [emails.first_id(INBOX, uid) for uid in (1, 2)]
    held = await store.read(email_places.find, account.id, ids)
    assert {one: [place.mailbox_id for place in places] for one, places in held.items()} == {
        ids[0]: [ARCHIVE], ids[1]: [INBOX],
    }  # fmt: skip
    usage = await store.read(quota.of_account, account.id)
    assert usage is not None
    assert usage.emails == 2


async def test_what_is_not_counted_of_mailboxes(store: Store) -> None:
    account = await add_account(store)
    held = (
        "$draft", "$draft $seen", "", "x$draft", "$deleted", "$deleted $seen", "$deleted $draft",
    )  # fmt: skip

    async def add(tx: Transaction) -> None:
        modseq = await changes.next_modseq(tx, account.id)
        for uid, keywords in enumerate(held, 1):
            row = (uid, emails.first_id(2, uid), 7, 1, NOW, 10, keywords, None, 0)
            await emails.insert_rows(tx, account.id, 2, modseq, [row], NOW)

    assert not await store.read(email_marks.are_any, account.id)
    await store.write(add)
    assert await store.read(email_marks.left_out, account.id) == {2: (3, 3)}
    assert await store.read(email_marks.are_any, account.id)
    assert await store.read(email_rows.uids, account.id, 2) == [1, 2, 3, 4]
    since = await store.read(changes.current, account.id)
    await store.write(mailboxes.destroy, account.id, "Drafts", NOW)
    assert set(await store.read(email_changes.threads_left, account.id, since, ())) == {7}
    told, _ = await store.read(email_changes.since, account.id, since + 1)
    assert {one.email_id for one in told} == {emails.first_id(2, uid) for uid in range(1, 8)}
    assert all(one.created is None for one in told)
