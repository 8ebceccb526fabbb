"""Datagrams between the processes of one node: best effort, never blocking.

Each worker has a unix datagram socket in the run folder. Whoever has something to say
sends it to all the others; what a full or missing socket loses only costs latency.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Collection
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from merpati.net import unix_address

SUFFIX: Final = ".bus"
DATAGRAM_MAX: Final = 60_000  # bytes; below Linux's default socket buffer
READS_AT_ONCE: Final = 64  # then the loop may serve others


def bind(folder: Path, name: str) -> socket.socket:
    """The socket of one worker, made before the fork so that it outlives the worker."""
    path = folder / f"{name}{SUFFIX}"
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.setblocking(False)
    with unix_address.fitting(path) as address:
        sock.bind(address)
    path.chmod(0o600)
    return sock


def send(folder: Path, data: bytes, *, but: str = "") -> None:
    """Send to every worker of the folder except the named one."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        for path in folder.glob(f"*{SUFFIX}"):
            if path.stem != but:
                with unix_address.fitting(path) as address:
                    _send_to(sock, address, data)


class Mesh:
    """One worker's place among the processes of its node."""

    def __init__(
        self,
        own: socket.socket,
        folder: Path,
        names: list[str],
        receive: Callable[[bytes], None],
        patient: Collection[str] = (),
    ) -> None:
        """`patient`: those of the names that are sent to apart from the others."""
        me = Path(own.getsockname()).stem
        self._own = own
        self._opened = ExitStack()
        self._others: list[str] = []
        self._patient: list[str] = []
        for name in names:
            if name != me:
                address = unix_address.fitting(folder / f"{name}{SUFFIX}")
                group = self._patient if name in patient else self._others
                group.append(self._opened.enter_context(address))
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(own.fileno(), self._readable)

    def send(self, data: bytes, *, patient: bool = False) -> None:
        """Send to every other worker, or to those that are patient."""
        for address in self._patient if patient else self._others:
            _send_to(self._own, address, data)

    def close(self) -> None:
        """Stop listening; the socket itself belongs to the supervisor."""
        self._loop.remove_reader(self._own.fileno())
        self._others = self._patient = []
        self._opened.close()

    def _readable(self) -> None:
        for _ in range(READS_AT_ONCE):
            try:
                data = self._own.recv(DATAGRAM_MAX)
            except (BlockingIOError, InterruptedError):
                return
            self._receive(data)


def _send_to(sock: socket.socket, address: str, data: bytes) -> None:
    with suppress(OSError):  # its buffer is full, or it is gone: it will look for itself
        sock.sendto(data, address)
