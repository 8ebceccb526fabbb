"""The index and a plain reading of the same texts agree; what is like a word is ranked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from merpati.base.log import Log, Sink
from merpati.services.text_index import Field, TextIndex
from merpati.store import text_index, text_schema
from merpati.store.sqlite import SqliteStore
from merpati.store.text_index import Entry
from merpati.wire.text.folding import fold, spaced, words
from tests.support.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from merpati.store.engine import Store

# Few letters, so that what is looked for is often there, also across the ends of words.
TEXTS = st.text(alphabet="abAé. -\n東京都の1", max_size=12)
WANTED = st.text(alphabet="abAé. -東京都の1", min_size=1, max_size=5)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """The store of an index."""
    one = SqliteStore(tmp_path / "index.db")
    await one.write(text_schema.prepare)
    yield one
    await one.close()


@pytest.fixture
def index(store: Store) -> TextIndex:
    """An index on it."""
    return index_on(store)


def index_on(store: Store) -> TextIndex:
    """One that remembers nothing."""

    async def opened() -> Store:
        return store

    return TextIndex(opened, Log(Sink(FakeClock())))


async def enter(store: Store, *bodies: str, subject: str = "") -> None:
    """Messages 1 and so on of account 1."""
    entries = [
        Entry(1, number, spaced(subject), "", "", "", spaced(body))
        for number, body in enumerate(bodies, 1)
    ]
    await store.write_long(text_index.put, entries, [(1, 1, len(entries))])


async def found(index: TextIndex, text: str, *, fuzzy: bool = False) -> set[int]:
    matches = await index.match(1, Field.BODY, text, fuzzy=fuzzy)
    assert matches is not None
    assert matches.exact
    return set(matches.scores)


@given(bodies=st.lists(TEXTS, min_size=1, max_size=6), wanted=WANTED)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_index_never_misses_what_reading_finds_and_is_exact_when_it_says_so(
    store: Store, bodies: list[str], wanted: str
) -> None:
    await store.write(text_schema.clear)
    await enter(store, *bodies)
    matches = await index_on(store).match(1, Field.BODY, wanted)
    naive = {n for n, body in enumerate(bodies, 1) if fold(wanted) in fold(body)}
    if matches is not None:
        assert naive <= set(matches.scores)
        if matches.exact:
            assert naive == set(matches.scores)


async def test_a_part_of_a_word_is_found(store: Store, index: TextIndex) -> None:
    await enter(store, "The quarterly report", "a court order", "nothing")
    assert await found(index, "rt") == {1, 2}
    assert await found(index, "QUART") == {1}


async def test_words_in_a_row_are_candidates_that_are_to_be_read(
    store: Store, index: TextIndex
) -> None:
    await enter(store, "the quarterly report", "report quarterly", "quarterly-report")
    matches = await index.match(1, Field.BODY, "terly rep")
    assert matches is not None
    assert not matches.exact
    assert set(matches.scores) == {1, 3}


async def test_chinese_and_japanese_are_found_within_their_runs(
    store: Store, index: TextIndex
) -> None:
    await enter(store, "今日は東京都庁へ", "京都へ", "東 京")
    assert await found(index, "京") == {1, 2, 3}
    assert await found(index, "東京都") == {1}
    assert await found(index, "京都") == {1, 2}


async def test_accents_and_case_do_not_matter(store: Store, index: TextIndex) -> None:
    await enter(store, "Café Résumé", "cafeteria")
    assert await found(index, "CAFE") == {1, 2}
    assert await found(index, "résumé") == {1}


async def test_what_is_too_wide_or_has_no_words_is_left_to_reading(
    store: Store, index: TextIndex
) -> None:
    await enter(store, " ".join(f"x{n}" for n in range(3_000)))
    assert await index.match(1, Field.BODY, "x") is None
    assert await index.match(1, Field.BODY, "...") is None
    assert await found(index, "x299") == {1}


async def test_the_index_tells_what_it_does_not_know(store: Store, index: TextIndex) -> None:
    entries = [
        Entry(1, 1, "", "", "", "", "word"),
        Entry(1, 2, "", "", "", "", "long", partial=True),
        Entry(1, 3, "", "", "", "", "with a document", waiting=True),
    ]
    await store.write_long(text_index.put, entries, [(1, 7, 3)])
    matches = await index.match(1, Field.BODY, "word")
    assert matches is not None
    assert matches.indexed == {7: 3}
    assert matches.partial == {2}
    assert matches.unread == {3}
    await store.write_long(text_index.attach, 1, 3, "word for word", cut=False)
    matches = await index.match(1, Field.BODY, "word")
    assert matches is not None
    assert set(matches.scores) == {1, 3}
    assert matches.attached == {3}
    assert not matches.unread
    in_subjects = await index.match(1, Field.SUBJECT, "word")
    assert in_subjects is not None
    assert not in_subjects.partial


@pytest.mark.parametrize(
    ("wanted", "body"),
    [
        ("running", "He runs fast"),
        ("policies", "the new policy"),
        ("kirim", "Pengiriman barang"),
        ("mengirim", "sudah dikirimkan"),
        ("tulisan", "dia menulis surat"),
        ("invoce", "your invoice"),
        ("quart", "quarterly figures"),
        ("東京都", "今日は東京都庁へ"),
    ],
)
async def test_a_fuzzy_question_finds_forms_beginnings_and_slips(
    store: Store, index: TextIndex, wanted: str, body: str
) -> None:
    await enter(store, body, "something else entirely")
    assert await found(index, wanted, fuzzy=True) == {1}


async def test_a_fuzzy_question_may_have_words_of_one_letter(
    store: Store, index: TextIndex
) -> None:
    await enter(store, "vitamin C daily", "vitamin D daily", "C++ and 5 more", "что я видел")
    assert await found(index, "vitamin c", fuzzy=True) == {1}
    assert await found(index, "C++", fuzzy=True) == {1, 3}
    assert await found(index, "5", fuzzy=True) == {3}
    assert await found(index, "я", fuzzy=True) == {4}


@given(bodies=st.lists(TEXTS, min_size=1, max_size=6), wanted=WANTED)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_fuzzy_question_finds_all_that_hold_all_its_words(
    store: Store, bodies: list[str], wanted: str
) -> None:
    await store.write(text_schema.clear)
    await enter(store, *bodies)
    matches = await index_on(store).match(1, Field.BODY, wanted, fuzzy=True)
    asked = set(words(wanted))
    assert (matches is None) is (not asked)
    if matches is not None:
        having = {n for n, body in enumerate(bodies, 1) if asked <= set(words(body))}
        assert having <= set(matches.scores)


async def test_what_fits_better_comes_first(store: Store, index: TextIndex) -> None:
    entries = [
        Entry(1, 1, "", "", "", "", "a meeting"),
        Entry(1, 2, "meeting", "", "", "", "x"),
        Entry(1, 3, "", "", "", "", "we will meet"),
        Entry(1, 4, "", "", "", "", "lunch"),
    ]
    await store.write_long(text_index.put, entries, [(1, 1, 4)])
    matches = await index.match(1, Field.TEXT, "meeting", fuzzy=True)
    assert matches is not None
    assert sorted(matches.scores, key=lambda one: -matches.scores[one]) == [2, 1, 3]
    assert all(0 < score <= 1 for score in matches.scores.values())


async def test_without_an_index_everything_is_to_be_read() -> None:
    assert await TextIndex(None, Log(Sink(FakeClock()))).match(1, Field.BODY, "word") is None


async def test_an_answer_is_found_once_for_all_mailboxes_until_the_index_goes_on(
    store: Store, index: TextIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    holders = text_index.holders

    async def counted(*args: Any) -> set[int]:
        asked.append(1)
        return await holders(*args)

    monkeypatch.setattr(text_index, "holders", counted)
    entries = [Entry(1, n, "", "", "", "", "pear", waiting=n == 3) for n in range(1, 4)]
    places = [(1, 1, 1, 5), (1, 2, 2, 6), (1, 3, 2, 7)]
    await store.write_long(text_index.put, entries, [(1, 1, 5), (1, 2, 7)], {}, places)

    async def lying(mailbox_id: int, few: int = 9) -> list[tuple[int, int]] | None:
        matches = await index.match(1, Field.BODY, "pear", mailbox_id=mailbox_id, few=few)
        assert matches is not None
        return None if matches.places is None else sorted(matches.places)

    assert await lying(1) == [(1, 5)]
    count = len(asked)
    assert await lying(2) == [(2, 6), (3, 7)]
    assert await lying(2, 2) is None
    assert len(asked) == count
    await store.write_long(text_index.attach, 1, 3, "fig", cut=False)
    assert await lying(2) == [(2, 6), (3, 7)]
    assert len(asked) > count
    await store.write_long(text_index.put, [Entry(1, 4, "", "", "", "", "pear")], [(1, 1, 8)])
    matches = await index.match(1, Field.BODY, "pear")
    assert matches is not None
    assert 4 in matches.scores
    await index.close()


async def test_documents_are_opened_for_what_the_index_cannot_tell_from_a_word(
    store: Store, index: TextIndex
) -> None:
    entries = [Entry(1, n, "", "", "", "", "see attached", waiting=True) for n in (1, 2)]
    await store.write_long(text_index.put, entries, [(1, 1, 2)])
    for number, text in ((1, "vitamin c annual report"), (2, "annual")):
        await store.write_long(text_index.attach, 1, number, text, cut=False)
    for wanted, attached, unread in (
        ("C++", set(), {1}),
        ("vitamin C", {1}, set()),
        ("annual-report", {1}, set()),
        ("annual", {1, 2}, set()),
        ("nnua", {1, 2}, set()),
        ("(annual", set(), {1, 2}),
        ("annual" * 50, set(), set()),
    ):
        matches = await index.match(1, Field.BODY, wanted)
        assert matches is not None
        assert matches.attached == frozenset(attached), wanted
        assert matches.unread == frozenset(unread), wanted
