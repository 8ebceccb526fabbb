from __future__ import annotations

import string

import pytest

from merpati.services.alerts import OWN
from merpati.wire import alert_words
from merpati.wire.alert_words import Told, Words

MORE = {"disk-low", "certificate-ends", "doctor", "backup-old"}


def fields(words: Words) -> set[str]:
    return {name for part in words for _, name, _, _ in string.Formatter().parse(part) if name}


@pytest.mark.parametrize("kind", sorted(alert_words.WORDS))
def test_both_languages_say_the_same(kind: str) -> None:
    both = alert_words.WORDS[kind]
    assert fields(both["en"]) == fields(both["id"])
    assert both["en"] != both["id"]


def test_every_kind_has_words() -> None:
    assert alert_words.WORDS.keys() == OWN | MORE


def test_a_letter_tells_of_all_and_names_the_first() -> None:
    told = [
        Told(alert_words.words("disk-low", "/data", {"free": 3}, "id"), "2026-11-22 10:00"),
        Told(alert_words.words("restarts", "", {"count": 40}, "id"), "2026-11-22 11:00"),
    ]
    subject, text = alert_words.letter("mail.a.test", told, "id")
    assert subject == "mail.a.test: Disk /data tinggal 3 %. (dan 1 lagi)"
    assert "40 kali" in text
    assert "2026-11-22 11:00 UTC" in text


def test_what_is_not_known_does_not_fail() -> None:
    assert alert_words.words("new-kind", "x", {}, "fr").text == "new-kind: x"
    assert alert_words.words("disk-low", "{0}", {}, "en").text == "The disk of {0} has ? % left."
