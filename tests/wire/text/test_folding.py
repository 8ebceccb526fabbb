"""Folding and words: laws that the index and whoever reads messages rely on."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from merpati.wire.text import folding
from merpati.wire.text.folding import PART_MAX, WORD_MAX, fold, runs, spaced, words


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Café  Ünïcode\r\n x", "cafe unicode x"),
        ("STRASSE Straße ﬁne", "strasse strasse fine"),
        ("\uff21\uff22\uff11", "ab1"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("ﾊﾝｶｸ が か\u3099", "ハンカク が が"),
        ("한국어", "한국어"),
        ("हिन्दी", "हिन्दी"),
        ("مُحَمَّد", "محمد"),
        ("İstanbul", "istanbul"),
        ("\u0131\u015f\u0131k IŞIK", "isik isik"),
    ],
)
def test_what_people_do_not_mean_is_folded_away(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_all_that_differs_in_case_alone_is_the_same() -> None:  # RFC 5255 4.6, RFC 5051
    for one in map(chr, range(0x20000)):
        if one.upper() != one.lower():
            assert fold(one) == fold(one.upper()) == fold(one.lower()), hex(ord(one))


@given(st.text(max_size=60))
@example("\u0345")
@example("ǰ\u0323")
def test_words_hold_no_white_space_and_no_capitals(text: str) -> None:
    for word in words(fold(text)):
        assert word
        assert word == word.lower()
        assert word.split() == [word]
        assert len(word) <= WORD_MAX


@given(st.text(alphabet=st.characters(max_codepoint=126), max_size=60))
def test_ascii_is_cut_as_other_texts_are(text: str) -> None:
    assert words(f"{text} \u0153")[:-1] == words(text)


def test_scripts_without_spaces_become_pairs_and_their_last_character() -> None:
    assert words("東京都庁 hello 京") == ["東京", "京都", "都庁", "庁", "hello", "京"]
    assert words("abc東京def") == ["abc", "東京", "京", "def"]


def test_any_part_of_a_long_word_stands_in_one_piece() -> None:
    long = "".join(chr(ord("a") + n * n % 26) for n in range(3 * WORD_MAX + 7))
    pieces = words(f"x {long} y")
    assert (pieces[0], pieces[-1]) == ("x", "y")
    for at in range(0, len(long) - PART_MAX, 13):
        assert any(long[at : at + PART_MAX] in piece for piece in pieces)


def test_runs_know_what_stands_beside_them() -> None:
    assert [(run.text, run.unspaced, run.starts, run.ends) for run in runs("ab c.")] == [
        ("ab", False, False, True),
        ("c", False, True, True),
    ]
    assert [(run.text, run.unspaced, run.starts, run.ends) for run in runs("ab東京")] == [
        ("ab", False, False, True),
        ("東京", True, True, False),
    ]
    assert runs(" .") == []


def test_a_million_characters_take_less_than_a_second() -> None:
    for text in ("a" * 1_000_000, "é " * 500_000, "東" * 1_000_000, "a\u0301" * 500_000):
        began = time.process_time()
        spaced(fold(text))
        assert time.process_time() - began < 2


def test_words_of_unspaced_scripts_are_told_apart() -> None:
    assert folding.without_unspaced({"hello", "東京", "한국", "กร"}) == {"hello", "한국"}


def folded_whole(text: str) -> str:
    """A text folded all at once, whatever is in it."""
    text = folding._UNSEEN.sub("", unicodedata.normalize("NFKD", text)).casefold()
    text = folding._MARKS.sub("", unicodedata.normalize("NFKD", text)).replace("\u0131", "i")
    return " ".join(unicodedata.normalize("NFC", text).lower().split())


@given(
    st.lists(
        st.one_of(
            st.characters(exclude_categories=["Cs"]),
            st.sampled_from("aZ _.\n\u0301\u0338\u3099\u00ad\u2019\u00a0éßΣς東京กЖ½ﬁ"),
        ),
        max_size=30,
    ).map("".join)
)
@example("E\u0301 A\u0338.\u0301\n\u0301x ΑΣ. Σ x\u00a0y")
@example("東京abc def東\nЖди.Я e")
def test_what_is_no_ascii_is_folded_by_itself_as_in_the_whole_text(text: str) -> None:
    whole = folded_whole(text)
    assert fold(text) == whole
    cut = folding._UNSPACED_RUN.sub(folding._pairs, folding._GAP.sub(" ", whole))
    assert words(text) == cut.split()


def test_a_few_accents_cost_little() -> None:
    plain = "Segala sesuatu baik sekali, kata mereka kepada kami.\r\n" * 80

    def cost(text: str) -> float:
        took = []
        for _ in range(20):
            began = time.thread_time()
            spaced(text)
            took.append(time.thread_time() - began)
        return min(took)

    assert cost(f"{plain}\u201cbagus\u201d, r\u00e9sum\u00e9{plain}") < 8 * cost(plain + plain)


def test_half_a_character_is_no_word() -> None:
    assert words("a\ud800b") == ["a", "b"]
