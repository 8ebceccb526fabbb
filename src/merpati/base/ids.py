"""The only reader of chance: tokens, trace ids and raw bytes from the operating system.

A trace id is 80 bits as 16 base32 characters: 42 bits of Unix milliseconds
(enough until 2109), then 38 of chance. The alphabet ascends in ASCII and
leaves out i, l, o and u, so ids sort by time as plain text and survive being
read aloud. Within one process they rise strictly, even when the clock steps
back; between processes (and after a fork) chance keeps them apart.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from merpati.base.clock import Clock

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
TRACE_LENGTH: Final = 16

_CHANCE_BITS: Final = 38
_STEP_MASK: Final = (1 << 20) - 1
_TO_BASE_32: Final = str.maketrans(ALPHABET, "0123456789abcdefghijklmnopqrstuv")
_PAIRS: Final = tuple(high + low for high in ALPHABET for low in ALPHABET)


class Ids(Protocol):
    """Where unguessable and unique names come from."""

    def token(self, size: int = 16) -> str:
        """Url-safe text made of `size` unguessable bytes."""
        ...

    def trace(self) -> str:
        """A new name for a message or session: 16 characters that sort by time."""
        ...

    def bytes(self, size: int) -> bytes:
        """`size` unguessable bytes."""
        ...


class SystemIds:
    """Chance from the operating system, time from `clock`."""

    __slots__ = ("_clock", "_last")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def token(self, size: int = 16) -> str:
        """Url-safe text made of `size` unguessable bytes."""
        return secrets.token_urlsafe(size)

    def trace(self) -> str:
        """A new name: 16 characters that sort by time."""
        chance = int.from_bytes(os.urandom(5), "big")
        value = int(self._clock.now() * 1000) << _CHANCE_BITS | chance >> 3
        if value <= self._last:
            # A random step, so that two processes forked in this millisecond part ways.
            value = self._last + 1 + (chance & _STEP_MASK)
        self._last = value
        return trace_text(value)

    def bytes(self, size: int) -> bytes:
        """`size` unguessable bytes."""
        return os.urandom(size)


def trace_moment(trace: str) -> int:
    """The Unix milliseconds in a trace id.

    Raises:
        ValueError: it is not one of ours.
    """
    return int(trace.ljust(TRACE_LENGTH, "0").translate(_TO_BASE_32), 32) >> _CHANCE_BITS


def oldest_trace(moment: int) -> str:
    """The first trace id that a moment, Unix milliseconds, can have."""
    return trace_text(max(moment, 0) << _CHANCE_BITS)


def trace_text(value: int) -> str:
    """The 16 characters of an 80-bit number, most significant first."""
    pairs = _PAIRS
    return (
        pairs[value >> 70 & 1023]
        + pairs[value >> 60 & 1023]
        + pairs[value >> 50 & 1023]
        + pairs[value >> 40 & 1023]
        + pairs[value >> 30 & 1023]
        + pairs[value >> 20 & 1023]
        + pairs[value >> 10 & 1023]
        + pairs[value & 1023]
    )
