"""The only reader of the time; everything else is handed a `Clock`.

Wall time (`now`) is for what people and peers read and for what outlives the
process. Spans, deadlines and limits use `monotonic`, which no clock
adjustment moves.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        ...


class SystemClock:
    """The machine's clock."""

    __slots__ = ()

    # The C functions themselves: no Python frame on a path taken many times per message.
    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
