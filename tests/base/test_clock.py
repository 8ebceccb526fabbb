from __future__ import annotations

import time

from merpati.base.clock import SystemClock
from tests.support.clock import FakeClock


def test_system_clock_gives_unix_seconds_and_monotonic_seconds() -> None:
    clock = SystemClock()
    assert abs(clock.now() - time.time()) < 5
    before = clock.monotonic()
    assert 0 <= clock.monotonic() - before < 5


def test_fake_clock_moves_only_when_told() -> None:
    clock = FakeClock()
    assert clock.now() == 1_800_000_000.0
    start = clock.monotonic()
    clock.advance(90)
    assert (clock.now(), clock.monotonic() - start) == (1_800_000_090.0, 90)


def test_a_wall_clock_step_leaves_monotonic_time_alone() -> None:
    clock = FakeClock()
    start = clock.monotonic()
    clock.step_wall(-3600)
    assert (clock.now(), clock.monotonic()) == (1_799_996_400.0, start)
