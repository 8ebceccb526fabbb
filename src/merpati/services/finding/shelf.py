"""What was used last is kept in memory, up to so many bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

OVERHEAD: Final = 300  # bytes of an entry besides what it holds


class Shelf(Generic[K, V]):
    """Values by their keys; those not asked for longest make room."""

    __slots__ = ("_free", "_held")

    def __init__(self, room: int) -> None:
        """`room`: bytes."""
        self._free = room
        self._held: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """A value, if it is still here."""
        found = self._held.get(key)
        if found is None:
            return None
        self._held.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, size: int) -> None:
        """Take a value of so many bytes in place of what has its key."""
        self.drop(key)
        self._held[key] = value, size + OVERHEAD
        self._free -= size + OVERHEAD
        while self._free < 0:
            _, (_, left) = self._held.popitem(last=False)
            self._free += left

    def drop(self, key: K) -> None:
        """Let go of a value, if it is here."""
        found = self._held.pop(key, None)
        if found is not None:
            self._free += found[1]
