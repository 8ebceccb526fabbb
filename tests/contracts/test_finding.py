from __future__ import annotations

import msgspec

from merpati.model import criteria as c
from merpati.store import (
    directory,
    email_edit,
    emails,
    finding,
    mailboxes,
    restore,
    transfer,
)
from merpati.store.engine import Store, Transaction
from tests.support import store as stores
from tests.support.store import ARCHIVE, INBOX, NOW, add_account

TODAY = NOW // emails.DAY_MS


async def test_rows_are_found_by_everything_they_hold(store: Store) -> None:
    account = await add_account(store)
    for n, words in enumerate(["$seen", "", "a_b $seen", "axb"]):
        await store.write(stores.add, account.id, f"Subject: {n}\r\n\r\n" + n * "x", keywords=words)

    async def find(wanted: c.Criterion, first: int = 1, last: int = 9) -> list[int]:
        assert finding.by_rows(wanted)
        return await store.read(finding.matching, account.id, INBOX, first, last, wanted)

    seen = c.Keyword("$seen")
    assert await find(seen) == [1, 3]
    assert await find(c.Not(seen)) == [2, 4]
    assert await find(seen, 2, 3) == [3]
    assert await find(c.Keyword("a_b")) == [3]
    assert await find(c.Keyword("seen")) == []
    assert await find(c.And(())) == [1, 2, 3, 4]
    assert await find(c.Or(())) == []
    assert await find(c.Not(c.Or((seen, c.Keyword("axb"))))) == [2]
    assert await find(c.Size(least=15, below=17)) == [2, 3]
    assert await find(c.Received(since=NOW, before=NOW + 1)) == [1, 2, 3, 4]
    assert await find(c.Received(before=NOW)) == []
    assert await find(c.Saved(since=NOW + 1)) == []
    assert await find(c.ModSeq(10**9)) == []
    assert await find(c.Content(2, NOW)) == [2]
    assert await find(c.InMailbox((INBOX, 99))) == [1, 2, 3, 4]
    assert await find(c.InMailbox(())) == []
    assert await find(c.Or((*[c.Keyword(f"k{n}") for n in range(990)], seen))) == [1, 3]
    deep: c.Criterion = seen
    for _ in range(51):
        deep = c.Not(c.And((deep, c.All())))
    assert await find(deep) == [2, 4]


async def test_keywords_and_sizes_come_in_the_order_of_uids(store: Store) -> None:
    account = await add_account(store)

    async def marks(first: int, last: int) -> tuple[list[int], list[str], list[int]]:
        found = await store.read(finding.marks, account.id, INBOX, first, last)
        return [*found.uids], found.keywords, found.sizes

    assert await marks(1, 9) == ([], [], [])
    for n, words in enumerate(["$seen", "", "b", "$flagged $seen", ""]):
        await store.write(stores.add, account.id, f"Subject: {n}\r\n\r\n" + n * "x", keywords=words)
    assert await marks(1, 2) == ([1, 2], ["$seen", ""], [14, 15])
    await store.write(emails.remove, account.id, INBOX, [3])
    assert await marks(2, 9) == ([2, 4, 5], ["", "$flagged $seen", ""], [15, 17, 18])
    assert await marks(6, 2**32 - 1) == ([], [], [])


async def test_when_a_message_was_sent_stays_with_it_wherever_it_goes(store: Store) -> None:
    account, other = await add_account(store), await add_account(store, "budi@example.org")

    async def fill(tx: Transaction) -> None:
        for n, (day, at) in enumerate([(TODAY, NOW), (TODAY - 1, NOW), (None, NOW), (None, -1)]):
            found = msgspec.structs.replace(stores.digest(), sent_day=day, sent_at=NOW + 77_000)
            where = [emails.Placement(account.id, INBOX)]
            await emails.add(tx, stores.body(f"{n}"), found, where, at)

    async def days(account_id: int, mailbox_id: int, *uids: int) -> list[list[int]]:
        moments = await store.read(
            emails.fetch, account_id, mailbox_id, range(uids[0], uids[-1] + 1), ("uid", "sent_at")
        )
        assert [row[1] for row in moments] == [NOW + 77_000, NOW + 77_000, NOW, -1]
        return [
            await store.read(
                finding.matching, account_id, mailbox_id, uids[0], uids[-1],
                c.SentDay(since=day, before=day + 1),
            )
            for day in (TODAY, TODAY - 1, -1)
        ]  # fmt: skip

    await store.write(fill)
    assert await days(account.id, INBOX, 1, 4) == [[1, 3], [2], [4]]
    await store.write(emails.copy, account.id, INBOX, ARCHIVE, [1, 2, 3, 4])
    assert await days(account.id, ARCHIVE, 1, 4) == [[1, 3], [2], [4]]
    await store.write(email_edit.move, account.id, ARCHIVE, INBOX, [1, 2, 3, 4])
    assert await days(account.id, INBOX, 5, 8) == [[5, 7], [6], [8]]
    await store.write(transfer.transfer, account.id, INBOX, other.id, INBOX, [1, 2, 3, 4])
    assert await days(other.id, INBOX, 1, 4) == [[1, 3], [2], [4]]
    await store.write(emails.remove, other.id, INBOX, [1, 2, 3, 4], NOW)
    [removed] = await store.read(restore.summary, other.id)
    assert await store.write(restore.restore, other.id, removed, NOW) == 4
    assert await days(other.id, INBOX, 5, 8) == [[5, 7], [6], [8]]


async def test_threads_are_found_by_the_keywords_of_their_emails(store: Store) -> None:
    account = await add_account(store)
    await store.write(stores.add, account.id, "one", 7, keywords="$seen")
    await store.write(stores.add, account.id, "two", 8, 7)
    await store.write(stores.add, account.id, "three", 9, keywords="$seen")

    async def find(wanted: c.Criterion) -> list[int]:
        return await store.read(finding.matching, account.id, INBOX, 1, 9, wanted)

    assert await find(c.InThread("$seen")) == [1, 2, 3]
    assert await find(c.Not(c.InThread("$seen", present=False))) == [3]


async def test_header_pages_are_kept_until_their_mailbox_goes(store: Store) -> None:
    account = await add_account(store)
    box = await store.write(mailboxes.create, account.id, "Box", NOW)
    place = account.id, box.id, 0
    await store.write(finding.save_pages, {(*place, 1): b"one", (*place, 2): b"two"})
    await store.write(
        finding.save_pages, {(*place, 2): b"new", (account.id, INBOX, 0, 1): b"inbox"}
    )

    async def load(mailbox_id: int) -> dict[int, bytes | None]:
        return {
            field: await store.read(finding.load_page, account.id, mailbox_id, 0, field)
            for field in (1, 2, 3)
        }

    assert await load(box.id) == {1: b"one", 2: b"new", 3: None}
    await store.write(mailboxes.destroy, account.id, "Box")
    assert not any((await load(box.id)).values())
    assert await load(INBOX) == {1: b"inbox", 2: None, 3: None}
    await store.write(directory.remove_account, account.id)
    assert not any((await load(INBOX)).values())


async def test_columns_of_numbers_come_with_their_uids(store: Store) -> None:
    account = await add_account(store)
    for n in range(4):
        await store.write(stores.add, account.id, f"Subject: {n}\r\n\r\n" + n * "x")
    await store.write(emails.remove, account.id, INBOX, [2])

    async def numbers(first: int, last: int) -> tuple[list[int], list[int]]:
        return await store.read(finding.numbers, account.id, INBOX, first, last, "size")

    assert await numbers(1, 9) == ([1, 3, 4], [14, 16, 17])
    assert await numbers(3, 3) == ([3], [16])
    assert await numbers(5, 9) == ([], [])
    assert await store.read(finding.count, account.id, INBOX, 1, 3) == 2
