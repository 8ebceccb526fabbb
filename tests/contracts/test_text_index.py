"""The text index on every engine: what is entered is found, by account and field."""

from __future__ import annotations

import pytest

from merpati.store import text_index, text_schema, vocabulary
from merpati.store.engine import Dialect, Store, Transaction
from merpati.store.text_index import ALL, ATTACHED, Entry, Word
from merpati.store.text_schema import COLUMNS
from merpati.wire.text.folding import fold, spaced


def entry(account_id: int, blob_id: int, **texts: str) -> Entry:
    """An entry; texts as people write them."""
    subject, sender, recipients, header, body = [
        spaced(fold(texts.get(name, ""))) for name in COLUMNS
    ]
    return Entry(account_id, blob_id, subject, sender, recipients, header, body)


@pytest.fixture
async def index(store: Store) -> Store:
    """The store with the tables of the index."""
    await store.write(text_schema.prepare)
    return store


async def find(
    index: Store, account_id: int, *words: str, fields: tuple[str, ...] = ALL
) -> set[int]:
    """Holders of any of the words; one that ends in * is a prefix."""
    wanted = [Word(word.rstrip("*"), prefix=word.endswith("*")) for word in words]
    return await index.read(text_index.holders, account_id, fields, wanted)


async def test_a_word_is_found_in_its_account_and_field_only(index: Store) -> None:
    entries = [
        entry(1, 10, subject="Invoice for March", body="please pay"),
        entry(1, 11, body="the invoice came"),
        entry(2, 10, subject="invoice"),
        entry(11, 12, body="invoice"),
    ]
    await index.write_long(text_index.put, entries, [(1, 1, 2)])
    assert await find(index, 1, "invoice") == {10, 11}
    assert await find(index, 1, "invoice", fields=("subject",)) == {10}
    assert await find(index, 1, "invoice", fields=("subject", "body")) == {10, 11}
    assert await find(index, 2, "invoice") == {10}
    assert await find(index, 3, "invoice") == set()
    assert await find(index, 1, "inv*") == {10, 11}
    assert await find(index, 1, "pay", "came") == {10, 11}
    assert await find(index, 1, "nothing") == set()


async def test_many_words_are_asked_for_at_once(index: Store) -> None:
    entries = [entry(1, n, body=f"word{n}") for n in range(1, 101)]
    await index.write_long(text_index.put, entries, [])
    assert await find(index, 1, *(f"word{n}" for n in range(1, 91))) == set(range(1, 91))


async def test_a_sequence_is_of_one_field(index: Store) -> None:
    entries = [
        entry(1, 1, body="the red house"),
        entry(1, 2, subject="red", body="house"),
        entry(1, 3, body="house red"),
    ]
    await index.write_long(text_index.put, entries, [])
    places = [[Word("red")], [Word("house"), Word("mouse")]]
    found, adjacent = await index.read(text_index.sequences, 1, ALL, places)
    assert adjacent is (index.dialect is Dialect.SQLITE)
    assert found == ({1} if adjacent else {1, 3})


async def test_a_sequence_with_a_place_that_no_word_fits_finds_nothing(index: Store) -> None:
    places = [[Word("nasi")], []]
    assert await index.read(text_index.sequences, 1, ALL, places) == (set(), True)


async def test_scripts_without_spaces_are_found_by_pairs(index: Store) -> None:
    entries = [
        entry(1, 1, body="今日は東京都庁へ行く"),
        entry(1, 2, body="京都に行く"),
        entry(1, 3, body="東 京都"),
    ]
    await index.write_long(text_index.put, entries, [])
    assert await find(index, 1, "京都") == {1, 2, 3}
    assert await find(index, 1, "東京") == {1}
    assert await find(index, 1, "都*") == {1, 2, 3}


async def test_progress_is_known_with_what_it_counts(index: Store) -> None:
    assert await index.read(text_index.progress, 1) == {}
    await index.write_long(
        text_index.put, [entry(1, 1, body="a")], [(1, 1, 5), (1, 2, 7), (2, 1, 1)]
    )
    await index.write_long(text_index.put, [], [(1, 1, 9), (1, 2, 3)])
    assert await index.read(text_index.progress, 1) == {1: 9, 2: 7}
    assert await index.read(text_index.progress_of, []) == {(1, 1): 9, (1, 2): 7, (2, 1): 1}
    assert await index.read(text_index.accounts) == [1, 2]


async def test_what_is_entered_is_not_entered_again(index: Store) -> None:
    await index.write_long(text_index.put, [entry(1, 1, body="first")], [])
    again = [entry(1, 1, body="second"), entry(1, 2, body="second")]
    await index.write_long(text_index.put, again, [])
    assert await find(index, 1, "second") == {2}
    assert await index.read(text_index.known_pairs, [(1, 1), (1, 2), (1, 3), (2, 1)]) == {
        (1, 1),
        (1, 2),
    }
    assert await index.read(text_index.indexed, 1) == {1, 2}


async def test_documents_come_later(index: Store) -> None:
    one = Entry(1, 1, "", "", "", "", "hello", waiting=True)
    await index.write_long(text_index.put, [one], [])
    assert await index.read(text_index.unread, 1) == {1}
    assert await index.read(text_index.waiting, 10) == [(1, 1)]
    await index.write_long(text_index.attach, 1, 1, "deep words", cut=False)
    assert await index.read(text_index.waiting, 10) == []
    assert await index.read(text_index.unread, 1) == set()
    assert await find(index, 1, "deep") == {1}
    assert await find(index, 1, "deep", fields=("body",)) == set()
    assert await find(index, 1, "deep", fields=(ATTACHED,)) == {1}
    await index.write_long(text_index.attach, 1, 1, "other", cut=False)  # nobody waits for it
    assert await find(index, 1, "other") == set()


async def test_a_message_that_is_too_long_stays_partial(index: Store) -> None:
    await index.write_long(text_index.put, [Entry(1, 1, "", "", "", "", "x", partial=True)], [])
    assert await index.read(text_index.partial, 1) == {1}


async def test_a_message_of_very_many_words_is_found_by_each(index: Store) -> None:
    words = " ".join(f"w{n:06}" for n in range(120_000))
    await index.write_long(text_index.put, [Entry(1, 1, "", "", "", "", words)], [])
    for n in (0, 60_000, 119_999):
        assert await find(index, 1, f"w{n:06}") == {1}


async def test_what_is_forgotten_is_not_found(index: Store) -> None:
    entries = [entry(account, blob, body="word") for account in (1, 2) for blob in (1, 2, 3)]
    await index.write_long(text_index.put, entries, [(1, 1, 3), (2, 1, 3)])
    await index.write_long(text_index.forget, 1, [2])
    assert await find(index, 1, "word") == {1, 3}
    await index.write_long(text_index.put, [entry(1, 2, body="word")], [])
    assert await find(index, 1, "word") == {1, 2, 3}
    await index.write_long(text_index.forget_account, 1)
    assert await find(index, 1, "word") == set()
    assert await index.read(text_index.progress, 1) == {}
    assert await find(index, 2, "word") == {1, 2, 3}


async def test_clearing_begins_anew_and_uses_no_block_twice(index: Store) -> None:
    await index.write_long(text_index.put, [entry(1, 1, body="word")], [(1, 1, 1)])
    before = await index.read(vocabulary.block_ids, 1)
    assert not await index.write(text_schema.prepare)
    await index.write(text_schema.clear)
    assert await find(index, 1, "word") == set()
    assert await index.read(text_index.progress_of, []) == {}
    await index.write_long(text_index.put, [entry(1, 1, body="word")], [(1, 1, 1)])
    assert not {*before} & {*await index.read(vocabulary.block_ids, 1)}


async def test_an_index_of_an_older_release_is_merged_as_one_that_is_new(index: Store) -> None:
    if index.dialect is not Dialect.SQLITE:
        return

    async def tuning(tx: Transaction) -> dict[str, int]:
        return dict(await tx.rows("SELECT k, v FROM text_entry_config"))

    async def as_it_was(tx: Transaction) -> None:
        await tx.run("INSERT INTO text_entry (text_entry, rank) VALUES ('automerge', 8)")
        await tx.run("DELETE FROM text_entry_config WHERE k = 'crisismerge'")

    new = await index.read(tuning)
    await index.write(as_it_was)
    assert await index.read(tuning) != new
    await index.write(text_schema.prepare)
    assert await index.read(tuning) == new


async def test_words_that_are_known_are_not_written_again(index: Store) -> None:
    one = [entry(1, 1, body="common first")]
    learned = await index.write_long(text_index.put, one, [(1, 1, 1)])
    two = [entry(1, 2, body="common second")]
    learned = await index.write_long(text_index.put, two, [(1, 1, 2)], learned.words)
    assert learned.words == {1: {"second"}}
    assert len(await index.read(vocabulary.block_ids, 1)) == 2


async def test_the_vocabulary_is_all_words_in_few_blocks(index: Store) -> None:
    for n in range(100):
        await index.write_long(vocabulary.learn, 1, [f"common word{n} 東京"])
    ids = await index.read(vocabulary.block_ids, 1)
    assert len(ids) <= 3 * vocabulary.MERGE

    async def words(tx: Transaction) -> list[str]:
        return [word for one in ids for word in (await vocabulary.block(tx, one)).split()]

    assert set(await index.read(words)) == {"common", *(f"word{n}" for n in range(100))}


async def test_it_is_known_where_messages_lie_as_far_as_a_mailbox_is_done(index: Store) -> None:
    entries = [entry(1, 10, body="pear"), entry(1, 11, body="pear"), entry(2, 10, body="pear")]
    places = [(1, 10, 1, 4), (1, 10, 1, 9), (1, 11, 7, 5), (2, 10, 1, 6)]
    await index.write_long(text_index.put, entries, [(1, 1, 9), (1, 7, 5)], {}, places)
    await index.write_long(text_index.put, [], [], {}, places)  # twice is once

    async def found(account_id: int, mailbox_id: int, *blob_ids: int) -> list[tuple[int, int]]:
        return sorted(await index.read(text_index.places, account_id, mailbox_id, blob_ids))

    assert await found(1, 1, 10, 11) == [(10, 4), (10, 9)]
    assert await found(1, 7, 10, 11) == [(11, 5)]
    assert await found(1, 7, 10) == await found(1, 1) == []
    await index.write_long(text_index.forget_places, [(1, 10, 1, 4)])
    assert await index.read(text_index.places_of, 1) == [(1, 10, 1, 9), (1, 11, 7, 5)]
    await index.write_long(text_index.forget, 1, [10])
    assert await index.read(text_index.count_places, 1) == 1
    await index.write_long(text_index.forget_account, 2)
    assert await index.read(text_index.count_places, 2) == 0


async def test_no_more_are_told_than_are_asked_for(index: Store) -> None:
    entries = [entry(1, n, subject=f"pear {n % 3}") for n in range(1, 31)]
    await index.write_long(text_index.put, entries, [])
    one = [Word("pear")]
    assert len(await index.read(text_index.holders, 1, ("subject",), one, 7)) >= 7
    few = await index.read(text_index.holders, 1, ("subject",), [Word("2")], 11)
    assert few == set(range(2, 31, 3))
    phrase, _ = await index.read(text_index.sequences, 1, ("subject",), [one, [Word("2")]], 11)
    assert phrase == few
