"""How much of the processors' time a process of the background leaves to all others.

Low priority alone does not do it: a task that has just been woken may be put behind another one
of the foreground while the processor beside it is busy with the background, and nobody moves it.
Measured with two workers that took mail in as fast as they could on two processors, a loop of
`nice 15` beside them cost them 40 % of their rate, and one of SCHED_IDLE 25 %. So whoever works
in the background looks after each piece of work whether the processors were full meanwhile, by
others more than by itself, and then rests until its share was a twentieth of one processor, or
half of the processors' time is idle again.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

SHARE: Final = 0.05  # of one processor's time, when others need them
FULL: Final = 0.1  # of the processors' time idle: with less they are full
TICKS: Final = 5  # the least that is to be judged by: the kernel counts hundredths of a second
CALM: Final = 0.5  # of the processors' time idle: with more nobody is in need of them any more
REST_MAX: Final = 10.0  # seconds
LOOK_EVERY: Final = 0.5  # seconds of a rest, whether they are calm again
STAT: Final = Path("/proc/stat")
_TICK: Final = 1 / os.sysconf("SC_CLK_TCK")


class Times(NamedTuple):
    """Seconds of all processors together since some moment, and of the clock.

    Attributes:
        clock: On the wall.
        total: Of the processors, whatever they did.
        idle: Of these with nothing to do, or waiting for a disk.
        own: Of these for this process.
    """

    clock: float
    total: float
    idle: float
    own: float


def times() -> Times | None:
    """The times until now; None where the system does not tell (it is not Linux)."""
    try:
        with STAT.open("rb") as file:
            fields = [int(field) * _TICK for field in file.readline().split()[1:9]]
    except (OSError, ValueError):
        return None
    if len(fields) < 5:
        return None
    return Times(time.monotonic(), sum(fields), fields[3] + fields[4], time.process_time())


def rest_after(before: Times, after: Times) -> float | None:
    """Seconds to rest after what was done between two moments; None: too short to be judged."""
    total, idle = after.total - before.total, after.idle - before.idle
    if total < TICKS * _TICK:
        return None
    own = after.own - before.own
    if idle > FULL * total or total - idle - own < own:
        return 0.0
    return max(0.0, min(REST_MAX, own / SHARE - (after.clock - before.clock)))


def is_calm(before: Times, after: Times) -> bool:
    """Whether the processors had little to do between two moments of a rest."""
    return after.idle - before.idle > CALM * (after.total - before.total)


class Courtesy:
    """Rests between pieces of work, as long as is fitting."""

    def __init__(self, look: Callable[[], Times | None] = times) -> None:
        self._look = look
        self._before: Times | None = None

    def begin(self) -> None:
        """Work begins now."""
        self._before = self._look()

    async def rest(self) -> None:
        """Some work is done: wait, if it was in the way of others, before there is more."""
        before, after = self._before, self._look()
        if before is None or after is None:
            return
        seconds = rest_after(before, after)
        if seconds is None:
            return  # and judge it together with what comes next
        while seconds > 0 and after is not None:
            await asyncio.sleep(min(seconds, LOOK_EVERY))
            seconds -= LOOK_EVERY
            before, after = after, self._look()
            if after is not None and is_calm(before, after):
                break
        self._before = after
