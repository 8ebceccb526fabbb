"""One server as the measurements see it: ports, users, and the processes that are counted."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.meter import Group

USERS = 100  # accounts of every server: u0, u1, ...
PASSWORD = "secret"
SYNCING_USER = 3  # every change of whose mail is on the disk before the answer, everywhere


@dataclass(frozen=True)
class Ports:
    """Where a server listens on 127.0.0.1."""

    smtp: int
    imap: int
    imaps: int
    pop3: int = 0


@dataclass(frozen=True)
class Target:
    """A server, or one way to store mail of a server that has several."""

    name: str
    title: str
    ports: Ports
    users: str  # as printf has it, "u%d@domain"
    groups: tuple[Group, ...]
    on_the_way: Callable[[], int]  # messages accepted that are not in a mailbox yet
    nusers: int = USERS
    password: str = PASSWORD

    def user(self, number: int) -> str:
        """An account's address."""
        return self.users % number


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on now."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    numbers = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return numbers


def wait_for_greeting(port: int, seconds: float = 30.0) -> None:
    """Waits until a server says its first byte."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as probe:
                if probe.recv(1):
                    return
        except OSError:
            time.sleep(0.005)
    raise RuntimeError(f"nothing greets on port {port}")
