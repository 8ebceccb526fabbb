"""What FETCH tells out of pages is what the rows say, whatever became of the messages."""

from __future__ import annotations

import random

import msgspec
import pytest

from merpati.store import emails, fetch_pages, finding, mailboxes
from merpati.store.engine import Store, Transaction
from merpati.store.fetch_pages import SPAN, WORTH
from tests.support import store as stores
from tests.support.store import INBOX, NOW, add_account

COUNT = 2 * SPAN + 100
COLUMNS = (
    ("uid", "envelope", "bodystructure"),
    ("uid", "keywords", "bodystructure", "size", "envelope", "uid"),
    ("uid", "envelope"),
    ("uid", "envelope", "preview"),
    ("uid", "keywords"),
)


async def fill(store: Store, envelopes: dict[int, bytes] | None = None) -> int:
    """An account whose INBOX holds `COUNT` messages, and 0 UIDs that are gone."""
    account = await add_account(store)

    async def unit(tx: Transaction) -> None:
        for n in range(1, COUNT + 1):
            told = msgspec.structs.replace(
                stores.digest(),
                envelope=(envelopes or {}).get(n, b'(NIL "%d")' % n),
                bodystructure=b"(%d)" % n,
            )
            where = [emails.Placement(account.id, INBOX)]
            await emails.add(tx, stores.body(f"{n}"), told, where, NOW)

    await store.write(unit)
    return account.id


async def keep(store: Store, account_id: int, before: int, upto: int) -> list[tuple[int, int]]:
    """Keep the pages that are filled; their numbers and fields."""
    pages = await store.scan(fetch_pages.filled, account_id, INBOX, before, upto)
    await store.write(finding.save_pages, pages)
    return [(page, field) for _, _, page, field in pages]


async def same(store: Store, account_id: int, uids: list[int]) -> None:
    for columns in COLUMNS:
        rows = await store.read(emails.fetch, account_id, INBOX, uids, columns)
        told = await store.read(fetch_pages.fetch, account_id, INBOX, uids, columns)
        assert [tuple(row) for row in told] == [tuple(row) for row in rows]


async def test_pages_are_made_of_what_is_full_and_no_page_twice(store: Store) -> None:
    account_id = await fill(store)
    assert await keep(store, account_id, 0, SPAN - 2) == []
    assert not fetch_pages.is_filled(0, SPAN - 2)
    assert fetch_pages.is_filled(0, SPAN - 1)
    assert fetch_pages.is_filled(SPAN - 2, SPAN - 1)
    assert not fetch_pages.is_filled(SPAN - 1, 2 * SPAN - 2)
    assert await keep(store, account_id, 0, SPAN - 1) == [(0, 64), (0, 65)]
    assert await keep(store, account_id, SPAN - 1, COUNT) == [(1, 64), (1, 65)]


async def test_a_page_tells_the_same_as_the_rows(store: Store) -> None:
    account_id = await fill(store)
    await keep(store, account_id, 0, COUNT)
    some = random.Random(7)
    everything = list(range(1, COUNT + 1))
    await same(store, account_id, [])
    for _ in range(6):
        for piece in fetch_pages.pieces(everything):
            await same(store, account_id, everything[piece])
            few = some.sample(everything[piece], min(80, len(everything[piece])))
            await same(store, account_id, sorted(few))
        gone = some.sample(range(1, COUNT + 1), 60)
        await store.write(emails.remove, account_id, INBOX, sorted(gone))


async def test_it_is_the_page_that_is_read(store: Store) -> None:
    account_id = await fill(store)
    await keep(store, account_id, 0, SPAN)

    async def spoil(tx: Transaction) -> None:
        await tx.run("UPDATE message SET envelope = $1", b"other")

    await store.write(spoil)
    columns = ("uid", "envelope")
    for page, wanted in ((0, b'(NIL "1")'), (1, b"other")):
        uids = list(range(max(page * SPAN, 1), (page + 1) * SPAN))
        told = await store.read(fetch_pages.fetch, account_id, INBOX, uids, columns)
        assert told[0] == (uids[0], wanted)
    few = list(range(1, WORTH))
    told = await store.read(fetch_pages.fetch, account_id, INBOX, few, columns)
    assert told[0] == (1, b"other")


async def test_what_cannot_stand_in_a_page_is_read_from_the_rows(store: Store) -> None:
    account_id = await fill(store, {5: b"(NIL ~{3}\r\na\0b)"})
    assert await keep(store, account_id, 0, SPAN) == [(0, 65)]
    await same(store, account_id, list(range(1, SPAN)))
    await store.write(emails.remove, account_id, INBOX, list(range(SPAN, 2 * SPAN - WORTH + 1)))
    assert await keep(store, account_id, SPAN, 2 * SPAN) == []


async def test_pages_with_few_messages_left_can_be_told_and_dropped(store: Store) -> None:
    account_id = await fill(store)
    await keep(store, account_id, 0, COUNT)
    fields = tuple(fetch_pages.FIELDS.values())

    async def sparse(least: int) -> list[tuple[int, int]]:
        return await store.scan(finding.sparse_pages, account_id, fields, SPAN, least)

    assert await sparse(WORTH) == []
    assert await sparse(SPAN) == [(INBOX, 0)]  # there is no UID 0
    await store.write(emails.remove, account_id, INBOX, list(range(SPAN, 2 * SPAN - 3)))
    assert await sparse(3) == []
    gone = await sparse(WORTH)
    assert gone == [(INBOX, 1)]
    await store.write(finding.drop_sparse, account_id, fields, gone)
    assert await sparse(SPAN) == [(INBOX, 0)]
    assert await store.read(finding.load_page, account_id, INBOX, 1, 64) is None
    assert await store.read(finding.load_page, account_id, INBOX, 0, 65)


async def test_no_page_is_kept_of_a_mailbox_that_is_gone(store: Store) -> None:
    account_id = await fill(store)
    pages = await store.scan(fetch_pages.filled, account_id, INBOX, 0, SPAN)
    other = await store.write(mailboxes.create, account_id, "other", NOW)
    await store.write(finding.save_pages, {(account_id, other.id, 0, 64): b"x"})
    await store.write(mailboxes.destroy, account_id, "other", NOW)
    await store.write(finding.save_pages, {(account_id, other.id, 0, 64): b"x"} | pages)
    assert await store.read(finding.load_page, account_id, other.id, 0, 64) is None
    assert await store.read(finding.load_page, account_id, INBOX, 0, 64)


async def test_a_page_that_lacks_a_message_is_not_believed(store: Store) -> None:
    """It would have to be of another mailbox's life; the rows decide."""
    account_id = await fill(store)
    pages = await store.scan(fetch_pages.filled, account_id, INBOX, SPAN, 2 * SPAN)
    await store.write(
        finding.save_pages, {(*key[:2], 0, key[3]): data for key, data in pages.items()}
    )
    await same(store, account_id, list(range(1, SPAN)))


@pytest.mark.parametrize(
    ("uids", "sizes"),
    [
        (range(1, 1 + 3 * SPAN), [SPAN - 1, SPAN, SPAN, 1]),
        (range(SPAN - 10, SPAN + 20), [30]),
        (range(SPAN - 10, 2 * SPAN), [SPAN, 10]),
        (range(SPAN - WORTH, 2 * SPAN), [WORTH, SPAN]),
        (range(0, 100 * 1000, 1000), [100]),
        (range(0), []),
    ],
)
def test_pieces_lie_as_pages_do_where_that_helps(uids: range, sizes: list[int]) -> None:
    pieces = [uids[piece] for piece in fetch_pages.pieces(uids)]
    assert [len(piece) for piece in pieces] == sizes
    assert [uid for piece in pieces for uid in piece] == [*uids]
