"""Addresses of Unix sockets in deep folders: the system takes 107 bytes of path."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

LENGTH_MAX: Final = 107 if sys.platform == "linux" else 103  # bytes before the closing NUL


@contextlib.contextmanager
def fitting(path: str | Path) -> Iterator[str]:
    """The path, or while the context lasts a shorter name of the same place.

    Raises:
        OSError: its folder cannot be opened.
    """
    path = Path(path)
    if len(os.fsencode(path)) <= LENGTH_MAX or sys.platform != "linux":
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
