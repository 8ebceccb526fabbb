"""What the operating system refuses a command, in words: the thing, the reason, the next step."""

from __future__ import annotations

import errno
import os
from typing import Final

from merpati.app.language import tell

_CLOSED: Final = "{file} is closed to this user; run it as the user whom it belongs to, or as root"
ADVICE: Final = {
    errno.EACCES: _CLOSED,
    errno.EPERM: _CLOSED,
    errno.EROFS: (
        "{file} lies on a disk that is read-only; choose another place, or mount it writable"
    ),
    errno.ENOSPC: "{file} cannot be written, the disk is full; free some space",
    errno.EDQUOT: (
        "{file} cannot be written, this user's share of the disk is full; free some space"
    ),
    errno.ENOENT: "{file} does not exist; check the name",
    errno.ENOTDIR: "{file} cannot be, for part of it is a file and no folder; check the name",
    errno.EEXIST: "{file} exists already; choose another name",
    errno.EISDIR: "{file} is a folder and no file; check the name",
    errno.EMFILE: "{file} cannot be opened, too many files are; raise the limit (ulimit -n)",
}


def explain(error: OSError) -> str:
    """One sentence about an error of the operating system, for whoever typed the command."""
    name = error.filename
    subject = os.fsdecode(name) if isinstance(name, str | bytes | os.PathLike) else ""
    if error.errno in ADVICE:
        return ADVICE[error.errno].format(file=subject or tell("the output"))
    reason = error.strerror or str(error) or type(error).__name__
    return f"{subject}: {reason}" if subject else reason
