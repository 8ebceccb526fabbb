"""Where a repository lies: a folder, or a bucket of an S3-compatible store."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Held(msgspec.Struct, frozen=True):
    """A file of a place: its name, with slashes, and its bytes."""

    name: str
    size: int


class Place(Protocol):
    """Files that are written once, whole, and never written over.

    Every method blocks, for as long as the network does: call it in a thread. All raise Fault
    UNAVAILABLE; NO_SPACE where they write; CORRUPT for a file that the disk no longer gives back;
    AUTH_FAILED, DENIED, CONFIG when a bucket is not what the settings say.
    """

    @property
    def name(self) -> str:
        """How the settings and the command line call it; there is no secret in it."""

    @property
    def is_remote(self) -> bool:
        """Whether it lies beyond a network, where others can read it."""

    def shown(self, name: str) -> str:
        """How a file of it is named to people."""

    def prepare(self, ours: frozenset[str]) -> None:
        """Make it ready for a new repository.

        Raises:
            Fault: EXISTS when there is anything in it but what is called as in `ours`.
        """

    def lock(self, *, write: bool) -> None:
        """Let no other write, and with `write` none read. Raises Fault IN_USE."""

    def check_lock(self) -> None:
        """Raises Fault UNAVAILABLE when the lock was lost."""

    def files(self, folder: str) -> list[Held]:
        """All files below a folder, by name."""

    def read(self, name: str) -> bytes:
        """A whole file. Raises Fault NOT_FOUND."""

    def part(self, name: str, at: int, length: int) -> bytes:
        """Bytes of a file, fewer when it is shorter. Raises Fault NOT_FOUND."""

    def tail(self, name: str, length: int) -> bytes:
        """The last bytes of a file, all when it has fewer. Raises Fault NOT_FOUND."""

    def write(self, name: str, data: bytes) -> None:
        """A file that is durable under its name on return, or not there."""

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""

    def close(self) -> None:
        """Let go of it, and of its lock."""
