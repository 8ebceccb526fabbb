"""Limits that all workers of a node count together.

Each worker keeps the buckets of a limit for itself and tells the others now and then what it
has taken; they take it from theirs. So a limit costs no row and nobody waits for anybody, and
it is kept but for what the others take within `PAUSE`. A worker that is started again begins
with full buckets, as all do after a restart.
"""

from __future__ import annotations

import asyncio
from typing import Final

from merpati.base.clock import Clock
from merpati.base.limits import RateLimit
from merpati.services.notify import Counts, Notify

HOUR: Final = 3600.0
PAUSE: Final = 0.1  # seconds between two tellings
KEYS: Final = 200  # in one telling, which has to fit into a datagram


class HourlyLimits:
    """The limits of one worker, each known to the others by its name."""

    def __init__(self, clock: Clock, notify: Notify) -> None:
        self._clock = clock
        self._notify = notify
        self._limits: dict[str, RateLimit] = {}
        self._untold: Counts = {}
        self._is_pausing = False
        notify.on_counts(self._counted)

    def hourly(self, name: str, count: int) -> RateLimit | None:
        """So many in an hour of each key; the same limit for the same name. None: any number."""
        if not count:
            return None
        if name not in self._limits:
            self._limits[name] = RateLimit(
                count / HOUR, count, self._clock,
                taken=lambda key, cost: self._taken(name, key, cost),
            )  # fmt: skip
        return self._limits[name]

    def _taken(self, name: str, key: str, cost: float) -> None:
        untold = self._untold.setdefault(name, {})
        untold[key] = untold.get(key, 0) + cost
        if not self._is_pausing:
            self._is_pausing = True
            asyncio.get_running_loop().call_later(PAUSE, self._tell)

    def _tell(self) -> None:
        untold, self._untold, self._is_pausing = self._untold, {}, False
        for name, counts in untold.items():
            pairs = list(counts.items())
            for start in range(0, len(pairs), KEYS):
                self._notify.count({name: dict(pairs[start : start + KEYS])})

    def _counted(self, counts: Counts) -> None:
        for name, taken in counts.items():
            limit = self._limits.get(name)
            if limit is not None:
                for key, cost in taken.items():
                    limit.add(key, cost)
