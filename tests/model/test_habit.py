"""The cases of `tests/corpora/guard`, on the pure habit; what a case holds, its README says."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.model import habit as habits_of
from merpati.model.habit import DAY, HOUR, Flow, Habit, Limits, Reason, Sending
from merpati.services.guard import GuardSettings

CASES: Final = sorted((Path(__file__).parents[1] / "corpora" / "guard").glob("*.toml"))
START: Final = 20_000 * DAY
MINUTE: Final = 60_000
LIMITS: Final = GuardSettings().limits()
OFFICE: Final = habits_of.network_of("198.51.100.7")
AWAY: Final = habits_of.network_of("203.0.113.9")


def lived(history: dict[str, Any] | None) -> tuple[Habit, int]:
    """The habit of an account with this history, and the beginning of the day after."""
    habit = Habit()
    if history is None:
        return habit, START
    days, hours = history["days"], history["hours"]
    network = habits_of.network_of(history["network"])
    some = history["recipients"] // len(hours)
    strangers = history["strangers"] / history["recipients"]
    for day in range(days):
        for hour in hours:
            now = START + day * DAY + hour * HOUR
            sent = Sending(some, round(some * strangers), network)
            habit = habits_of.after(habit, sent, now)
        failures = round(history["recipients"] * history["failing"])
        habit = habits_of.after_failures(habit, failures, START + (day + 1) * DAY - 1)
    return habit, START + days * DAY


def sendings(mail: dict[str, Any], begin: int) -> Iterator[tuple[int, Sending, int]]:
    """When, what, and how many recipients of earlier mail are known to have failed by then."""
    begin += mail["hour"] * HOUR
    step = mail["minutes"] * MINUTE / mail["messages"]
    strangers = failed = 0.0
    for n in range(mail["messages"]):
        before = round(strangers)
        strangers += mail["recipients"] * mail["strangers"]
        network = habits_of.network_of(mail["peers"][n % len(mail["peers"])])
        sending = Sending(mail["recipients"], round(strangers) - before, network)
        failed += mail["recipients"] * mail["failing"]
        failures = int(failed)
        failed -= failures
        yield int(begin + n * step), sending, failures


def lives_through(case: dict[str, Any]) -> tuple[int, list[Reason]]:
    """How many recipients were taken when it was stopped, and why; 0 when it never was."""
    habit, begin = lived(case.get("history"))
    total = 0
    for mail in case["mail"]:
        for now, sending, failures in sendings(mail, begin):
            habit = habits_of.after(habit, sending, now)
            total += sending.recipients
            if reasons := habits_of.judge(habit, LIMITS, now):
                return total, reasons
            habit = habits_of.after_failures(habit, failures, now)
            if reasons := habits_of.judge(habit, LIMITS, now):
                return total, reasons
    return 0, []


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_case_ends_as_wanted(path: Path) -> None:
    case = tomllib.loads(path.read_text("utf-8"))
    total, reasons = lives_through(case)
    wanted = case["wanted"]
    if not wanted["after"]:
        assert not reasons, (total, reasons)
        return
    least, most = wanted["after"]
    codes = [reason.code for reason in reasons]
    assert least <= total <= most, (total, reasons)
    assert set(wanted["seen"]) <= set(codes), reasons
    assert codes[-1] == "weighed"


def test_there_are_cases() -> None:
    assert len(CASES) > 20


def test_todays_network_and_hour_do_not_vouch_for_themselves() -> None:
    habit, begin = lived(
        {"days": 30, "hours": [2], "network": "198.51.100.7", "recipients": 3, "strangers": 0,
         "failing": 0.0}
    )  # fmt: skip
    for n in range(3):
        habit = habits_of.after(habit, Sending(1, 1, AWAY), begin + 20 * HOUR + n)
    assert habits_of.is_new_network(habit, AWAY)
    assert habits_of.is_unusual_hour(habit, 20)
    habit = habits_of.at(habit, begin + 44 * HOUR)
    assert not habits_of.is_new_network(habit, AWAY)
    assert not habits_of.is_unusual_hour(habit, 20)


def test_a_false_alarm_teaches_and_a_theft_does_not() -> None:
    history = {"days": 30, "hours": [2], "network": "198.51.100.7", "recipients": 3,
               "strangers": 0, "failing": 0.0}  # fmt: skip
    habit, now = lived(history)
    now += 20 * HOUR
    habit = habits_of.after(habit, Sending(300, 300, AWAY), now)
    assert habits_of.judge(habit, LIMITS, now)
    for learn in (True, False):
        after = habits_of.cleared(habit, learn=learn)
        assert not habits_of.judge(after, LIMITS, now)
        again = habits_of.after(after, Sending(300, 300, AWAY), now + HOUR)
        assert bool(habits_of.judge(again, LIMITS, now + HOUR)) != learn


def test_an_hour_slides() -> None:
    habit = habits_of.after(Habit(), Sending(100, 100, ""), START + 50 * MINUTE)
    assert habits_of.last_hour(habit, START + 59 * MINUTE).strangers == 100
    assert habits_of.last_hour(habit, START + 75 * MINUTE).strangers == 75
    assert habits_of.last_hour(habit, START + 120 * MINUTE).strangers == 0
    assert habits_of.last_day(habit, START + 36 * HOUR).strangers == 50
    assert habits_of.last_day(habit, START + 48 * HOUR).strangers == 0


def test_a_clock_set_back_forgets_nothing() -> None:
    habit = habits_of.after(Habit(), Sending(100, 100, ""), START + DAY)
    habit = habits_of.after(habit, Sending(100, 100, ""), START)
    assert habit.day.now.recipients == 200


def test_limits_are_kept_to_the_message() -> None:
    limits = Limits(messages_per_hour=3, recipients_per_day=10)
    habit = Habit()
    for _ in range(3):
        assert habits_of.beyond(habit, 1, limits, START) == ""
        habit = habits_of.after(habit, Sending(2, 0, ""), START)
    assert habits_of.beyond(habit, 1, limits, START) == "messages_per_hour"
    later = START + 3 * HOUR
    assert habits_of.beyond(habit, 4, limits, later) == ""
    assert habits_of.beyond(habit, 5, limits, later) == "recipients_per_day"
    assert habits_of.beyond(habit, 10, limits, START + 3 * DAY) == ""
    assert habits_of.beyond(habit, 10**6, Limits(), START) == ""


def test_a_flow_adds_up_and_slides() -> None:
    limits = Limits(messages_per_hour=10)
    flow = habits_of.flowed(Flow(), habits_of.Count(10, 10), START)
    assert habits_of.beyond(flow, 1, limits, START) == "messages_per_hour"
    assert habits_of.beyond(flow, 1, limits, START + HOUR + 12 * MINUTE) == ""
    flow = habits_of.flowed(flow, habits_of.Count(5, 5), START + HOUR)
    assert habits_of.beyond(flow, 1, limits, START + HOUR + 12 * MINUTE) == "messages_per_hour"


def test_without_a_number_for_strangers_nobody_is_judged() -> None:
    habit = habits_of.after(Habit(), Sending(10**6, 10**6, ""), START)
    limits = msgspec.structs.replace(LIMITS, strangers_per_hour=0, strangers_per_day=0)
    assert habits_of.judge(habit, limits, START) == []


@pytest.mark.parametrize(
    ("peer", "network"),
    [
        ("203.0.113.9", "203.0.0.0/16"),
        ("::ffff:203.0.113.9", "203.0.0.0/16"),
        ("2001:db8:1::7", "2001:db8::/32"),
        ("2001::7", "2001::/32"),
        ("127.0.0.1", ""),
        ("::1", ""),
        ("unix", ""),
        ("", ""),
    ],
)
def test_a_network_is_as_large_as_a_provider(peer: str, network: str) -> None:
    assert habits_of.network_of(peer) == network


@given(
    st.lists(
        st.tuples(
            st.integers(0, 5 * HOUR),
            st.integers(1, 3000),
            st.floats(0, 1),
            st.integers(0, 40),
            st.integers(0, 100),
        ),
        max_size=60,
    )
)
def test_a_habit_is_small_and_survives_storing(
    sends: list[tuple[int, int, float, int, int]],
) -> None:
    habit, now = Habit(), START
    for wait, recipients, share, network, failures in sends:
        now += wait
        sending = Sending(recipients, int(recipients * share), f"10.{network}.0.0/16")
        habit = habits_of.after_failures(habits_of.after(habit, sending, now), failures, now)
        judged = habits_of.judge(habit, LIMITS, now)
        assert not judged or habits_of.last_day(habit, now).load > 0
        data = msgspec.msgpack.encode(habit)
        assert len(data) < 1500
        assert msgspec.msgpack.decode(data, type=Habit) == habit


# Many lives


def ordinary(chance: random.Random, days: int) -> tuple[Habit, int, int]:
    """Someone who works, travels, writes invitations, and mistypes: habit, now, false alarms."""
    habit, alarms = Habit(), 0
    office = f"10.{chance.randrange(250)}.0.0/16"
    telephone = [f"100.{chance.randrange(250)}.0.0/16" for _ in range(4)]
    busy, new = chance.choice([3, 10, 25, 60]), chance.choice([0.05, 0.15, 0.3])
    for day in range(days):
        abroad = f"{chance.randrange(1, 220)}.7.0.0/16" if chance.random() < 0.05 else ""
        mail = [(chance.choice([1, 1, 1, 2, 5]), new) for _ in range(chance.randrange(busy * 2))]
        if chance.random() < 0.05:
            mail.append((chance.randrange(15, 60), 0.9))
        hours = [chance.choices([chance.randrange(1, 10), chance.randrange(24)], [97, 3])[0]
                 for _ in mail]  # fmt: skip
        for hour, (recipients, share) in zip(sorted(hours), mail, strict=True):
            strangers = sum(chance.random() < share for _ in range(recipients))
            network = abroad or (office if chance.random() < 0.7 else chance.choice(telephone))
            now = START + day * DAY + hour * HOUR
            habit = habits_of.after(habit, Sending(recipients, strangers, network), now)
            failures = sum(chance.random() < 0.05 for _ in range(strangers))
            habit = habits_of.after_failures(habit, failures, now) if failures else habit
            if habits_of.judge(habit, LIMITS, now):
                alarms += 1
                habit = habits_of.cleared(habit, learn=True)
    return habit, START + days * DAY, alarms


def stolen(habit: Habit, now: int, chance: random.Random) -> int:
    """After how many strangers a thief is stopped, who sends to one every 1.2 seconds."""
    now += chance.randrange(24) * HOUR
    for n in range(1, 501):
        habit = habits_of.after(habit, Sending(1, 1, AWAY), now)
        if n > 50 and chance.random() < 0.3:
            habit = habits_of.after_failures(habit, 1, now)
        if habits_of.judge(habit, LIMITS, now):
            return n
        now += 1200
    return 0


def test_people_are_left_alone_and_thieves_are_not() -> None:
    chance = random.Random(7)
    false_alarms = 0
    for _ in range(40):
        habit, now, alarms = ordinary(chance, 40)
        false_alarms += alarms
        assert 30 <= stolen(habit, now, chance) <= 100
    assert false_alarms == 0
