"""How the time of a function grows with its input: about 2 when it is linear."""

from __future__ import annotations

import gc
from time import process_time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LINEAR = 3.0
"""Most that doubling the input may cost; 2 is linear, 4 is quadratic."""


SHORT = 1e-4
"""Seconds below which nothing is told: there the clock and the caches speak, not the size."""


def growth(
    run: Callable[[bytes], object],
    unit: bytes,
    size: int,
    start: bytes = b"",
    *,
    most: float = LINEAR,
) -> float:
    """time(2n) / time(n) for `start` and then `unit` over and over, n bytes of it.

    Each time is the best of several; a pair of more than `most` is measured again,
    since other work on the machine can only make it look worse. What takes less
    than SHORT counts as SHORT, so work that a limit bounds gives 1 or less.
    """
    small = start + unit * (size // len(unit))
    large = start + unit * (2 * size // len(unit))
    ratio = float("inf")
    for _ in range(5):
        ratio = min(ratio, _best(run, large) / max(_best(run, small), SHORT))
        if ratio <= most:
            break
    return ratio


def _best(run: Callable[[bytes], object], data: bytes) -> float:
    times = []
    gc.disable()
    try:
        for _ in range(3):
            before = process_time()
            run(data)
            times.append(process_time() - before)
    finally:
        gc.enable()
    return min(times)
