from __future__ import annotations

import pytest

from merpati.model.delivery import Outcome, Result
from merpati.services.pace import DEAF, GIVE_UP, PAUSE_FIRST, PAUSE_MAX, STEP, Pace, is_too_much


def test_it_begins_with_all_that_is_allowed() -> None:
    pace = Pace(5)
    assert (pace.lanes, pace.pause, pace.is_free) == (5, 0.0, True)
    assert pace.turn(100.0) == 0.0


def test_a_refusal_halves_the_connections_and_makes_pauses_that_double() -> None:
    pace = Pace(8)
    seen = []
    for n in range(12):
        assert pace.refused(n * (DEAF + 1))
        seen.append((pace.lanes, pace.pause))
    assert seen[:4] == [(4, PAUSE_FIRST), (2, 1.0), (1, 2.0), (1, 4.0)]
    assert seen[-1] == (1, PAUSE_MAX)
    assert pace.exhausted


def test_lanes_that_are_refused_at_once_count_as_one() -> None:
    pace = Pace(8)
    assert pace.refused(10.0)
    assert not pace.refused(10.0 + DEAF / 2)
    assert pace.lanes == 4


def test_turns_are_a_pause_apart_over_all_lanes() -> None:
    pace = Pace(8)
    pace.refused(0.0)
    assert [pace.turn(100.0) for _ in range(3)] == [0.0, PAUSE_FIRST, 2 * PAUSE_FIRST]
    assert pace.turn(1000.0) == 0.0


def test_what_goes_well_brings_it_back() -> None:
    pace = Pace(4)
    for n in range(3):
        pace.refused(n * 10.0)
    messages = 0
    while not pace.is_free:
        pace.taken()
        messages += 1
    assert pace.lanes == 4
    assert 3 * STEP <= messages <= 3 * STEP + 40
    assert not pace.exhausted


def test_it_is_given_up_only_when_nothing_was_taken_in_between() -> None:
    pace = Pace(4)
    for n in range(3 * GIVE_UP):
        pace.refused(n * 10.0)
        pace.taken()
    assert not pace.exhausted


@pytest.mark.parametrize(
    ("code", "status", "text", "wanted"),
    [
        (421, "4.7.0", "too many connections from your host", True),
        (421, "", "service not available", True),
        (451, "4.7.1", "greylisted, try again later", False),
        (450, "4.7.28", "unusual rate of mail", True),
        (452, "4.5.3", "too many recipients", False),
        (450, "", "rate limit exceeded", True),
        (451, "4.7.0", "you are sending too many messages", True),
        (452, "4.2.2", "mailbox full", False),
        (0, "4.4.1", "no answer", False),
    ],
)
def test_which_answers_say_that_it_is_too_much(
    code: int, status: str, text: str, wanted: bool
) -> None:
    words = f"{code} {status} {text}"
    assert is_too_much(Result("a@b", Outcome.TEMPORARY, status, words, code)) is wanted
    assert not is_too_much(Result("a@b", Outcome.PERMANENT, status, words, code))
