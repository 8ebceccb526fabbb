from __future__ import annotations

import string

import pytest

from merpati.wire import list_letters
from merpati.wire.list_letters import first_word


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("name", list(list_letters._LETTERS))
def test_every_letter_says_the_same_in_both_languages(name: str) -> None:
    languages = list_letters._LETTERS[name]
    assert set(languages) == {"en", "id"}
    english, indonesian = languages["en"], languages["id"]
    assert fields(english.text) == fields(indonesian.text)
    assert fields(english.subject) == fields(indonesian.subject)
    values = dict.fromkeys(fields(english.text) | fields(english.subject), "{value}")
    values |= {"title": "Sales", "list": "sales@a.id"}
    for language in ("en", "id", "xx"):
        subject, text = list_letters.write(name, language, **values)
        assert "\n" not in subject
        assert text.endswith("Sales <sales@a.id>.\n")
        assert max(map(len, text.split("\n"))) <= 84


@pytest.mark.parametrize(
    ("texts", "word"),
    [
        (("Approve!", "no"), "approve"),
        (("", "> quoted\nyes"), "quoted"),
        (("Re: Fwd: TOLAK", ""), "tolak"),
        (("  ", "\n"), ""),
        (('"setuju".',), "setuju"),
    ],
)
def test_the_first_word_decides(texts: tuple[str, ...], word: str) -> None:
    assert first_word(*texts) == word
