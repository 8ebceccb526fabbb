"""When work of the background rests."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from merpati.services import courtesy
from merpati.services.courtesy import Courtesy, Times, rest_after, times

BEFORE = Times(clock=100.0, total=1_000.0, idle=500.0, own=3.0)


def after(clock: float, total: float, idle: float, own: float) -> Times:
    return Times(BEFORE.clock + clock, BEFORE.total + total, BEFORE.idle + idle, BEFORE.own + own)


@pytest.mark.parametrize(
    ("what", "now", "rest"),
    [
        ("nothing else runs, on one processor", after(1, 1, 0, 1), 0.0),
        ("nothing else runs, on two", after(1, 2, 1, 1), 0.0),
        ("others are busy, and a processor is free", after(1, 4, 1, 1), 0.0),
        ("others leave a little", after(1, 2, 0.21, 0.5), 0.0),
        ("others need both processors", after(1, 2, 0, 0.3), 5.0),
        ("others need the only processor", after(1, 1, 0.05, 0.15), 2.0),
        ("it got no more than its share anyway", after(1, 2, 0, 0.04), 0.0),
        ("others need less than it takes", after(1, 1, 0, 0.6), 0.0),
        ("a long piece of work", after(30, 60, 0, 10), courtesy.REST_MAX),
        ("too short to be judged", after(0.02, 0.04, 0, 0.02), None),
    ],
)
def test_it_rests_when_others_need_the_processors(
    what: str, now: Times, rest: float | None
) -> None:
    assert rest_after(BEFORE, now) == pytest.approx(rest), what


async def test_what_is_too_short_is_judged_together_with_what_follows() -> None:
    looks = iter(
        (BEFORE, after(0.01, 0.02, 0, 0), after(0.1, 0.2, 0, 0.02), after(0.4, 0.8, 0, 0.1))
    )
    polite = Courtesy(lambda: next(looks))
    polite.begin()
    began = time.monotonic()
    await polite.rest()
    assert time.monotonic() - began < 0.3  # it would be 0.02 / SHARE
    await polite.rest()
    assert time.monotonic() - began >= 0.02 / courtesy.SHARE - 0.1 - 0.01
    assert next(looks, None) is None  # the rest itself is not counted with the next piece of work


async def test_it_rests_no_longer_than_others_need_the_processors() -> None:
    """A burst is over: what came with it is to be found soon."""
    busy, idle = after(1, 2, 0, 0.5), after(1.01, 2.02, 0.015, 0.5)
    looks = iter((BEFORE, busy, idle))
    polite = Courtesy(lambda: next(looks))
    polite.begin()
    began = time.monotonic()
    await polite.rest()
    assert time.monotonic() - began < 0.5 / courtesy.SHARE - 1 - 1
    assert next(looks, None) is None


async def test_it_rests_on_while_they_do() -> None:
    looks = iter((
        BEFORE, after(1, 2, 0, 0.09), after(1.5, 3, 0.4, 0.09), after(2, 4, 0.8, 0.09),
    ))  # fmt: skip
    polite = Courtesy(lambda: next(looks))
    polite.begin()
    began = time.monotonic()
    await polite.rest()
    assert time.monotonic() - began >= 0.09 / courtesy.SHARE - 1 - 0.01
    assert next(looks, None) is None


def test_the_kernel_counts_what_a_process_did() -> None:
    before = times()
    assert before is not None
    until = time.process_time() + 0.3
    while time.process_time() < until:
        pass
    now = times()
    assert now is not None
    assert 0.29 <= now.own - before.own <= now.total - before.total + 0.1
    assert now.idle >= before.idle
    assert now.clock - before.clock >= 0.29


def test_where_the_system_does_not_tell_it_never_rests(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(courtesy, "STAT", tmp_path / "none")
    assert times() is None
