from __future__ import annotations

import pytest

from merpati.wire import quota_letters


@pytest.mark.parametrize("language", ["en", "id", "fr"])
@pytest.mark.parametrize("storage", [None, ("1.8 GB", "2 GB")])
@pytest.mark.parametrize("messages", [None, (95, 100)])
def test_the_letter_says_what_is_nearly_used_up(
    language: str, storage: tuple[str, str] | None, messages: tuple[int, int] | None
) -> None:
    subject, text = quota_letters.write(
        language, "ani@a.id", "budi@a.id", storage=storage, messages=messages
    )
    assert "ani@a.id" in subject
    assert "budi@a.id" in text
    assert "{" not in subject + text
    assert ("1.8 GB" in text) is (storage is not None)
    assert ("95" in text) is (messages is not None)
    assert all(len(line) <= 90 for line in text.splitlines())


def test_both_languages_have_the_same_fields() -> None:
    english, indonesian = quota_letters._WORDS["en"], quota_letters._WORDS["id"]
    for one, other in zip(english, indonesian, strict=True):
        fields = [{word.partition("}")[0] for word in text.split("{")[1:]} for text in (one, other)]
        assert fields[0] == fields[1]
