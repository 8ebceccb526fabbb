"""How often and how many at once: rates, concurrency, and the address they are counted by."""

from __future__ import annotations

import socket
from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from merpati.base.faults import Fault, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from merpati.base.clock import Clock

MAX_KEYS: Final = 100_000  # about 15 MB of short keys

_MAPPED: Final = bytes(10) + b"\xff\xff"  # ::ffff:0:0/96, RFC 4291 2.5.5.2


class RateLimit:
    """A token bucket per key: `burst` at once, refilled with `rate` tokens per second.

    A bucket is one number, the moment at which it is full again, so it costs
    no timer and a forgotten key means a full bucket. At most `max_keys` are
    kept; the least recently used goes first. `taken` hears of all that is taken
    here, so that other processes can count it in theirs with `add`.
    """

    __slots__ = ("_clock", "_full_at", "_interval", "_max_keys", "_span", "_taken")

    def __init__(
        self, rate: float, burst: float, clock: Clock, max_keys: int = MAX_KEYS,
        taken: Callable[[str, float], None] | None = None,
    ) -> None:  # fmt: skip
        if rate <= 0 or burst <= 0:
            raise ValueError("rate and burst must be above zero")
        self._clock = clock
        self._interval = 1 / rate
        self._span = burst / rate
        self._max_keys = max_keys
        self._taken = taken
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, key: str, cost: float = 1) -> bool:
        """Takes `cost` tokens when they are there; when not, takes nothing and is False."""
        now = self._clock.monotonic()
        full_at = max(self._full_at.get(key, now), now) + cost * self._interval
        if full_at - now > self._span * (1 + 1e-9):  # what floats lose in rounding
            return False
        self._keep(key, full_at)
        if self._taken is not None:
            self._taken(key, cost)
        return True

    def add(self, key: str, cost: float) -> None:
        """Counts what was taken elsewhere; it is done, so it counts even if there was no room."""
        now = self._clock.monotonic()
        full_at = max(self._full_at.get(key, now), now) + cost * self._interval
        self._keep(key, min(full_at, now + self._span))

    def _keep(self, key: str, full_at: float) -> None:
        self._full_at[key] = full_at
        self._full_at.move_to_end(key)
        if len(self._full_at) > self._max_keys:
            self._full_at.popitem(last=False)

    def wait(self, key: str, cost: float = 1) -> float:
        """Seconds until `cost` tokens are there: 0.0 when they are, inf when they never will be."""
        if cost * self._interval > self._span * (1 + 1e-9):
            return float("inf")
        now = self._clock.monotonic()
        full_at = max(self._full_at.get(key, now), now) + cost * self._interval
        return max(0.0, full_at - now - self._span)

    def forget(self, key: str) -> None:
        """Fills the bucket again, as after a successful login."""
        self._full_at.pop(key, None)


class Concurrency:
    """How many are at work at once: at most `per_key` of one key, and `total` altogether.

    Only keys that are at work take memory, so `total` bounds it.
    """

    __slots__ = ("_counts", "_per_key", "_total", "active")

    def __init__(self, per_key: int, total: int) -> None:
        self._per_key = per_key
        self._total = total
        self._counts: dict[str, int] = {}
        self.active = 0

    def count(self, key: str) -> int:
        """How many of `key` are at work."""
        return self._counts.get(key, 0)

    def enter(self, key: str) -> bool:
        """Counts one more; False, and nothing counted, when there are too many already."""
        count = self._counts.get(key, 0)
        if count >= self._per_key or self.active >= self._total:
            return False
        self._counts[key] = count + 1
        self.active += 1
        return True

    def leave(self, key: str) -> None:
        """One that entered is done."""
        count = self._counts[key] - 1
        if count:
            self._counts[key] = count
        else:
            del self._counts[key]
        self.active -= 1

    @contextmanager
    def hold(self, key: str) -> Iterator[None]:
        """Counts one for the length of a `with` block.

        Raises:
            Fault: TOO_MANY, when there are too many already.
        """
        if not self.enter(key):
            raise Fault(Kind.TOO_MANY, "Too many at the same time; try again later.")
        try:
            yield
        finally:
            self.leave(key)


def address_key(ip: str) -> str:
    """What an address is counted by: itself for IPv4, its /64 for IPv6.

    One IPv6 subscriber has at least a /64 (RFC 6177), so counting single
    addresses would count nothing. An IPv4-mapped address counts as its IPv4
    one. Text that is no address ("unix") is its own key.
    """
    if ":" not in ip:
        return ip
    try:
        packed = socket.inet_pton(socket.AF_INET6, ip.partition("%")[0])
    except (OSError, ValueError):
        return ip
    if packed.startswith(_MAPPED):
        return socket.inet_ntop(socket.AF_INET, packed[12:])
    return socket.inet_ntop(socket.AF_INET6, packed[:8] + bytes(8)) + "/64"
