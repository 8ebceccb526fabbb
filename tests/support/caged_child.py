"""A caged process that tries what it may not do."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from merpati.net import caged

caged.CPU_SECONDS = 1  # type: ignore[misc]  # so that the endless loop is a short one


def answer(request: bytes) -> bytes:
    """Do what is asked, or say that it was refused."""
    try:
        if request == b"crash":
            os.abort()
        if request == b"memory":
            bytearray(2 << 30)
        if request == b"open":
            Path("/etc/hostname").read_bytes()
        if request == b"socket":
            socket.socket().close()
        if request == b"fork" and os.getuid() and not os.fork():
            os._exit(0)
        if request == b"fork" and not os.getuid():  # root is not bound by a number of processes
            os.posix_spawn("/bin/true", ["true"], {}, file_actions=[(os.POSIX_SPAWN_DUP2, 3, 9)])
        while request == b"loop":
            pass
        if request == b"lie":
            os.write(1, b"\xff" * 4)
    except (OSError, MemoryError):
        return b"refused"
    return request


caged.serve(answer)
