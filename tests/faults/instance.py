"""A real server of the fault runs: an installation with one account, looked at from outside."""

from __future__ import annotations

import imaplib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from tests.support.instance import PASSWORD, Installation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOMAIN: Final = "a.test"
ADDRESS: Final = f"b@{DOMAIN}"


@dataclass
class Instance(Installation):
    """The runs start and kill the server themselves; a folder restored from a cut is one too."""

    @classmethod
    def make(cls, folder: Path, domain: str = DOMAIN, *addresses: str) -> Self:
        return super().make(folder, domain, *(addresses or (ADDRESS,)))

    @property
    def smtp_port(self) -> int:
        return self.port("smtp")

    def check(self) -> str:
        """What `merpati check` complains of; empty when nothing."""
        done = self.run("check")
        return "" if done.returncode == 0 else f"{done.stdout}{done.stderr}"

    @contextmanager
    def imap(self) -> Iterator[imaplib.IMAP4]:
        """A session signed in over IMAP."""
        with imaplib.IMAP4("127.0.0.1", self.port("imap"), timeout=60) as session:
            session.login(ADDRESS, PASSWORD)
            yield session
