"""Deadlines of thousands of connections with one timer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Hashable

    class Timed(Hashable, Protocol):
        """What has a deadline: the moment on the loop's clock, inf for none."""

        due: float

        def expire(self) -> None:
            """Called again and again while `due` is past; ends whatever waits."""


class Reaper:
    """Ends the waits of what is overdue; one per worker.

    It looks at all of them every `tick` seconds (50 ns each), so a wait ends
    up to a tick after its deadline. The timer runs only while there is
    something to watch.
    """

    __slots__ = ("_loop", "_tick", "_timer", "_watched")

    def __init__(self, tick: float = 1.0) -> None:
        self._tick = tick
        self._watched: set[Timed] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __len__(self) -> int:
        return len(self._watched)

    def add(self, timed: Timed) -> None:
        """Watches `timed`; call it on the event loop."""
        self._watched.add(timed)
        if self._timer is None:
            self._loop = asyncio.get_running_loop()
            self._timer = self._loop.call_later(self._tick, self._look)

    def discard(self, timed: Timed) -> None:
        """Forgets `timed`."""
        self._watched.discard(timed)

    def _look(self) -> None:
        assert self._loop is not None
        if not self._watched:
            self._timer = None
            return
        self._timer = self._loop.call_later(self._tick, self._look)
        now = self._loop.time()
        for timed in [each for each in self._watched if each.due <= now]:
            timed.expire()
