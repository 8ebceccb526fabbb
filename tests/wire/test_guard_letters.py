from __future__ import annotations

import pytest

from merpati.model import habit as habits_of
from merpati.model.habit import HOUR, Habit, Limits, Sending
from merpati.services.guard import GuardSettings
from merpati.wire import guard_letters


@pytest.mark.parametrize("language", ["en", "id"])
def test_every_reason_that_is_ever_given_can_be_said(language: str) -> None:
    """All reasons at once: ten settled days, then the worst night."""
    habit, now = Habit(), 20_000 * habits_of.DAY
    for _ in range(12):
        habit = habits_of.after(habit, Sending(1, 0, "198.51.0.0/16"), now)
        now += habits_of.DAY
    said = {"by-hand"}
    now += 12 * HOUR
    for n in range(8):
        habit = habits_of.after(habit, Sending(100, 100, f"10.{n}.0.0/16"), now)
        habit = habits_of.after_failures(habit, 50, now)
        for limits in (GuardSettings().limits(), Limits(strangers_per_day=1)):
            for reason in habits_of.judge(habit, limits, now):
                text = guard_letters.reason(reason.code, reason.fields, language)
                assert "{" not in text
                assert text.endswith(".")
                said.add(reason.code)
    assert said <= guard_letters._REASONS[language].keys()
    assert len(said) == 8


def test_both_languages_know_the_same_reasons() -> None:
    english, indonesian = guard_letters._REASONS["en"], guard_letters._REASONS["id"]
    assert english.keys() == indonesian.keys()
    for code, text in english.items():
        names = {word.partition("}")[0] for word in text.split("{")[1:]}
        assert names == {word.partition("}")[0] for word in indonesian[code].split("{")[1:]}


@pytest.mark.parametrize("letter", ["owner", "administrator"])
@pytest.mark.parametrize("language", ["en", "id", "fr"])
@pytest.mark.parametrize("held", [0, 1, 17])
def test_a_letter_says_who_why_and_what_to_do(letter: str, language: str, held: int) -> None:
    subject, text = guard_letters.write(
        letter, language, address="ani@a.id", reasons=["It was seen."], held=held,
        peer="203.0.113.9", administrator="budi@a.id",
    )  # fmt: skip
    assert "ani@a.id" in subject
    assert "  - It was seen.\n" in text
    assert "{" not in subject + text
    assert all(len(line) <= 90 for line in text.splitlines())
    if letter == "owner":
        assert "budi@a.id" in text
    else:
        assert "merpati guard release ani@a.id --delete" in text
        assert "203.0.113.9" in text
    assert held < 2 or "17" in text


def test_a_refusal_fits_into_one_reply_and_names_the_account() -> None:
    text = guard_letters.refusal("ani@a.id")
    assert text.isascii()
    assert len(text) < 450
    assert text.startswith("ani@a.id may not send for now")
