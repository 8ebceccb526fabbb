"""Who wants to know that something changed: IDLE, the queue runner, caches.

A commit announces what it touched; this worker's listeners hear of it at once, those of
the other workers by the mesh. An announcement carries no data and may be lost, so every
listener also looks for itself now and then. Beside announcements the mesh carries what
workers have counted (`services/hourly_limits.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from merpati.net.mesh import DATAGRAM_MAX
from merpati.store.engine import Announcement, Topic

# Seconds between two datagrams about mail; a busy worker commits more often, and each of them wakes
# every other process. What decides who may do what waits for nothing.
PAUSE: Final = 0.02
# The worker that takes mail over sends it on itself. Others need not be woken for each message:
# they help out when it has more than it can do, and may come to that a little later.
QUEUE_PAUSE: Final = 0.05
# The indexer waits for more anyway; what it heard of each commit was a tenth of all it costs.
PATIENCE: Final = 0.1
BATCH: Final = 2000  # announcements in one datagram


class Carrier(Protocol):
    """What takes announcements to the other workers."""

    def send(self, data: bytes, *, patient: bool = False) -> None:
        """Send to all but the patient, or to these; best effort, never blocking."""


Listener = Callable[[], None]

Counts = dict[str, dict[str, float]]
"""How much was taken of which limit, by what it is counted by."""

_ONLY_QUEUE: Final = {(Topic.QUEUE, 0)}
_MAIL: Final = frozenset({Topic.ACCOUNT, Topic.QUEUE})
_DATAGRAM: Final = msgspec.msgpack.Decoder(set[Announcement] | Counts)


class Notify:
    """One worker's switchboard. A listener is called on the loop and must be quick."""

    def __init__(self) -> None:
        self._listeners: dict[Announcement, list[Listener]] = {}
        self._carrier: Carrier | None = None
        self._unsent: set[Announcement] = set()
        self._timer: asyncio.TimerHandle | None = None  # until more may be sent
        self._has_time = False  # what waits for it is not urgent
        self._untold: set[Announcement] | None = None  # to the patient, if there are any
        self._patience: asyncio.TimerHandle | None = None  # until they are told
        self._counted: Callable[[Counts], None] | None = None

    def join(self, carrier: Carrier, *, patient: bool = False) -> None:
        """Tell the other workers too from now on; `patient`: and those that have time."""
        self._carrier = carrier
        self._untold = set() if patient else None

    def listen(self, topic: Topic, subject: int, listener: Listener) -> Callable[[], None]:
        """Call `listener` whenever this is announced; call what is returned to stop it."""
        key = (topic, subject)
        self._listeners.setdefault(key, []).append(listener)

        def stop() -> None:
            waiting = self._listeners.get(key, [])
            if listener in waiting:
                waiting.remove(listener)
                if not waiting:
                    del self._listeners[key]

        return stop

    def committed(self, announcements: set[Announcement]) -> None:
        """Something became durable in this worker: `store.on_commit` calls this."""
        self._tell(announcements)
        if self._carrier is None:
            return
        self._unsent |= announcements
        if self._untold is not None:
            self._untold |= announcements
            if self._patience is None:
                self._patience = asyncio.get_running_loop().call_later(PATIENCE, self._send_patient)
        if announcements == _ONLY_QUEUE:
            if self._timer is None:
                self._has_time = True
                self._timer = asyncio.get_running_loop().call_later(QUEUE_PAUSE, self._send)
        elif self._timer is None or self._has_time or _is_urgent(announcements):
            if self._timer is not None:
                self._timer.cancel()
            self._send()

    def _send(self) -> None:
        """Tell the other workers, and what comes within the next `PAUSE` in one go after it."""
        self._timer, self._has_time = None, False
        if self._carrier is None or not self._unsent:
            return
        for data in encode(self._unsent):
            self._carrier.send(data)
        self._unsent = set()
        self._timer = asyncio.get_running_loop().call_later(PAUSE, self._send)

    def _send_patient(self) -> None:
        """Tell those that have time of the accounts that something changed in."""
        accounts = {one for one in self._untold or () if one[0] is Topic.ACCOUNT}
        self._untold, self._patience = set(), None
        if self._carrier is not None and accounts:
            for data in encode(accounts):
                self._carrier.send(data, patient=True)

    def count(self, counts: Counts) -> None:
        """Tell the other workers what was counted here; best effort, and small."""
        if self._carrier is not None:
            self._carrier.send(msgspec.msgpack.encode(counts))

    def on_counts(self, listener: Callable[[Counts], None]) -> None:
        """Call `listener` with what another worker has counted."""
        self._counted = listener

    def received(self, data: bytes) -> None:
        """Another worker says so."""
        told = _decode(data)
        if not isinstance(told, dict):
            self._tell(told)
        elif self._counted is not None:
            self._counted(told)

    def _tell(self, announcements: set[Announcement]) -> None:
        for announcement in announcements:
            if announcement in self._listeners:
                for listener in tuple(self._listeners[announcement]):
                    listener()


def _is_urgent(announcements: set[Announcement]) -> bool:
    return any(topic not in _MAIL for topic, _ in announcements)


def encode(announcements: set[Announcement]) -> list[bytes]:
    """Announcements as datagrams, none larger than the mesh carries."""
    pairs = list(announcements)
    datagrams = [
        msgspec.msgpack.encode(pairs[start : start + BATCH])
        for start in range(0, len(pairs), BATCH)
    ]
    assert all(len(data) <= DATAGRAM_MAX for data in datagrams)
    return datagrams


def decode(data: bytes) -> set[Announcement]:
    """What `encode` wrote; nothing for what is not ours.

    The folder is private, so that is a newer release's at most.
    """
    told = _decode(data)
    return set() if isinstance(told, dict) else told


def _decode(data: bytes) -> set[Announcement] | Counts:
    try:
        told: set[Announcement] | Counts = _DATAGRAM.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):  # the latter for a text that is none
        return set()
    return told
