from __future__ import annotations

import pytest

from merpati.base.phrases import Phrases, of_environment

BOOK = Phrases({
    "all is well": "semua beres",
    "{domain} has no MX record.": "{domain} tidak punya catatan MX.",
    "{name} has no record.": "{name} tidak punya catatan.",
    "It failed: {reason}.": "Gagal: {reason:said}.",
    "It leads to {hosts}.": "Arahnya ke {hosts:list}.",
    "{a} leads to {b}, which does not lead back to {a}.": "{a} ke {b}, tidak kembali ke {a}.",
    "Mail of {host}": "Surat {host}",
    "{size} are free.": "Sisa {size:text}.",
    'The word "{word}" fits "{term}".': 'Kata "{word}" cocok dengan "{term}".',
    "{count} message{s} left": "tinggal {count} pesan",
})  # fmt: skip


def test_a_sentence_without_fields_is_looked_up() -> None:
    assert BOOK.say("all is well", "id") == "semua beres"


def test_fields_are_taken_over_into_the_other_sentence() -> None:
    assert BOOK.say("a.id has no MX record.", "id") == "a.id tidak punya catatan MX."


def test_of_several_entries_that_fit_the_one_with_most_words_of_its_own_counts() -> None:
    assert BOOK.say("a.id has no record.", "id") == "a.id tidak punya catatan."
    assert "MX" in BOOK.say("a.id has no MX record.", "id")


def test_a_field_that_is_a_sentence_is_told_in_the_language_too() -> None:
    assert BOOK.say("It failed: all is well.", "id") == "Gagal: semua beres."
    assert BOOK.say("It failed: 550 no.", "id") == "Gagal: 550 no."


@pytest.mark.parametrize(
    ("english", "indonesian"),
    [
        ("It leads to a.", "Arahnya ke a."),
        ("It leads to a, b and c.", "Arahnya ke a, b dan c."),
        ("It leads to a, b and 3 more.", "Arahnya ke a, b dan 3 lagi."),
        ("It leads to a or b.", "Arahnya ke a atau b."),
    ],
)
def test_a_list_gets_its_last_word_in_the_language(english: str, indonesian: str) -> None:
    assert BOOK.say(english, "id") == indonesian


def test_a_field_that_stands_twice_holds_the_same_twice() -> None:
    told = "x leads to y, which does not lead back to x."
    assert BOOK.say(told, "id") == "x ke y, tidak kembali ke x."
    other = "x leads to y, which does not lead back to z."
    assert BOOK.say(other, "id") == other


def test_a_field_is_one_word_unless_it_is_marked_or_quoted() -> None:
    assert BOOK.say("Mail of a.id", "id") == "Surat a.id"
    assert BOOK.say("Mail of a.id is late", "id") == "Mail of a.id is late"
    assert BOOK.say("1.5 GB are free.", "id") == "Sisa 1.5 GB."
    told = 'The word "a b" fits "c d".'
    assert BOOK.say(told, "id") == 'Kata "a b" cocok dengan "c d".'


def test_indonesian_may_leave_out_what_only_english_needs() -> None:
    assert BOOK.say("1 message left", "id") == "tinggal 1 pesan"
    assert BOOK.say("2 messages left", "id") == "tinggal 2 pesan"


def test_what_has_no_entry_stays_english_as_everything_does_for_its_readers() -> None:
    assert BOOK.say("nothing of the kind", "id") == "nothing of the kind"
    assert BOOK.say("all is well", "en") == "all is well"
    assert BOOK.say("", "id") == ""


def test_a_sentence_is_known_when_those_within_it_are_known_too() -> None:
    assert BOOK.knows("It failed: all is well.")
    assert BOOK.knows("It failed: 550.")
    assert not BOOK.knows("It failed: nothing of the kind.")
    assert not BOOK.knows("nothing of the kind")


def test_braces_in_a_field_are_no_field() -> None:
    assert BOOK.say("{x} has no record.", "id") == "{x} tidak punya catatan."


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({}, "en"),
        ({"LANG": "id_ID.UTF-8"}, "id"),
        ({"LANG": "id"}, "id"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "ido"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LC_MESSAGES": "id_ID", "LANG": "en_US.UTF-8"}, "id"),
        ({"LC_ALL": "en_GB.UTF-8", "LC_MESSAGES": "id_ID"}, "en"),
        ({"LC_ALL": "", "LANG": "id_ID"}, "id"),
        ({"MERPATI_LANG": "id", "LC_ALL": "C"}, "id"),
        ({"MERPATI_LANG": "en", "LANG": "id_ID.UTF-8"}, "en"),
    ],
)
def test_the_language_of_a_terminal(variables: dict[str, str], language: str) -> None:
    assert of_environment(variables) == language
