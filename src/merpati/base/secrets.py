"""Secrets that do not print themselves, their comparison and digests, and the files they are in."""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from typing import TYPE_CHECKING, Final, NoReturn

from merpati.base.faults import Fault, Kind

if TYPE_CHECKING:
    from pathlib import Path

HIDDEN: Final = "[secret]"
MAX_KEY_FILE: Final = 1 << 20  # bytes; a certificate chain with its key has some 10 KB

# A group may read a key (Debian's ssl-cert), and not write it; others may do nothing.
_TOO_OPEN: Final = stat.S_IWGRP | stat.S_IRWXO


class Secret:
    """Text that shows itself only to `reveal`: not to `str`, `repr`, formats, logs or pickles."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text. The one way to it, so that a search finds every use."""
        return self._text

    def matches(self, text: str) -> bool:
        """Whether `text` is the secret, in time that tells nothing about either."""
        return same(_bytes(self._text), _bytes(text))

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.matches(other._text)

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return HIDDEN

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")


def same(one: bytes, other: bytes) -> bool:
    """Whether two byte strings are equal, in time that tells nothing, not even a length."""
    return hmac.compare_digest(hashlib.sha256(one).digest(), hashlib.sha256(other).digest())


def token_digest(token: str) -> bytes:
    """What is stored in place of a token: 32 bytes of SHA-256.

    For tokens of 128 bits of chance or more; passwords need a slow hash.
    """
    return hashlib.sha256(_bytes(token)).digest()


def read_key_file(path: Path) -> bytes:
    """The contents of a file that holds a private key or password.

    Raises:
        Fault: CONFIG, when it cannot be read, is no regular file, is larger
            than `MAX_KEY_FILE`, or others than its owner and group may use it.
    """
    try:
        # Not blocking, so that a FIFO in the file's place does not hang the start.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)  # of what was opened, not of what is there by now
            data = b""
            if stat.S_ISREG(status.st_mode):
                data = os.read(descriptor, MAX_KEY_FILE + 1)
        finally:
            os.close(descriptor)
    except OSError as problem:
        raise _unreadable(path, problem.strerror) from problem
    if not stat.S_ISREG(status.st_mode):
        raise _unreadable(path, "not a regular file")
    if status.st_mode & _TOO_OPEN:
        mode = stat.S_IMODE(status.st_mode)
        raise Fault(
            Kind.CONFIG,
            f"{path} holds a secret and its mode {mode:04o} is too open: chmod 600 {path}",
        )
    if len(data) > MAX_KEY_FILE:
        raise _unreadable(path, f"larger than {MAX_KEY_FILE} bytes")
    return data


def write_key_file(path: Path, data: bytes) -> None:
    """Makes a file that its owner alone can read, durable on return.

    Raises:
        Fault: EXISTS, when there is one already: a key is never overwritten.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as problem:
        raise Fault(Kind.EXISTS, f"{path} exists already; move it away first.") from problem
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _unreadable(path: Path, reason: str | None) -> Fault:
    return Fault(Kind.CONFIG, f"{path} cannot be read: {reason}.")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
