"""Ids that count instead of rolling dice, so that expected output can be written down."""

from __future__ import annotations

import hashlib

from merpati.base.ids import trace_text


class CountingIds:
    """Traces 0000000000000001, ...2; tokens and bytes differ each time, the same each run."""

    def __init__(self) -> None:
        self._count = 0

    def token(self, size: int = 16) -> str:
        # As long as a real one: four characters for three bytes, without padding.
        self._count += 1
        return f"token{self._count}".ljust((size * 8 + 5) // 6, "-")

    def trace(self) -> str:
        self._count += 1
        return trace_text(self._count)

    def bytes(self, size: int) -> bytes:
        self._count += 1
        return hashlib.shake_128(str(self._count).encode()).digest(size)
