"""A clock that stands still until told otherwise."""

from __future__ import annotations


class FakeClock:
    """Wall and monotonic time that move together, by `advance` alone."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._monotonic = 1_000.0

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        self._now += seconds
        self._monotonic += seconds

    def step_wall(self, seconds: float) -> None:
        """Moves the wall clock alone, as an administrator or NTP does."""
        self._now += seconds
