"""A real server of the fault runs: made, served, looked at, checked by its own command."""

from __future__ import annotations

import imaplib
import random
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MERPATI: Final = Path(sys.executable).with_name("merpati")
DOMAIN: Final = "a.test"
ADDRESS: Final = f"b@{DOMAIN}"
PASSWORD: Final = "correct horse battery staple"
HIGH_PORTS: Final = (2525, 2587, 2465, 2143, 2993, 2110, 2995, 2080, 2443, 2910)
COMMAND_SECONDS: Final = 60


def _are_free(add: int) -> bool:
    for port in HIGH_PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port + add))
            except OSError:
                return False
    return True


def free_ports() -> int:
    """An N for which the whole set of ports `high+N` is free.

    Below 32768, where Linux begins to give ports to outgoing connections.
    """
    chance = random.SystemRandom()
    while True:
        add = chance.randrange(1_000, 28_000)
        if _are_free(add):
            return add


def run(*words: str | Path, text: str = "") -> subprocess.CompletedProcess[str]:
    """The command `merpati`, to its end."""
    return subprocess.run(
        [MERPATI, *words],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_SECONDS,
    )


@dataclass(frozen=True)
class Instance:
    """A server with one account, below `folder`; `add` is what its ports lie above the high set."""

    folder: Path
    add: int

    @classmethod
    def make(cls, folder: Path) -> Instance:
        """`merpati init` and the account, with no server running."""
        add = free_ports()
        made = run("init", folder, "--domain", DOMAIN, "--ports", f"high+{add}")
        assert made.returncode == 0, made.stderr
        instance = cls(folder, add)
        words = ("account", "add", ADDRESS, "--password-stdin", "-c", instance.config)
        made = run(*words, text=f"{PASSWORD}\n")
        assert made.returncode == 0, made.stderr
        return instance

    @property
    def config(self) -> Path:
        return self.folder / "merpati.toml"

    @property
    def smtp_port(self) -> int:
        return 2525 + self.add

    def serve(self, workers: int = 2) -> list[str]:
        """The command line of the server."""
        return [str(MERPATI), "serve", "-c", str(self.config), "--workers", str(workers)]

    def check(self) -> str:
        """What `merpati check` complains of; empty when nothing."""
        done = run("check", "-c", self.config)
        return "" if done.returncode == 0 else f"{done.stdout}{done.stderr}"

    @contextmanager
    def imap(self) -> Iterator[imaplib.IMAP4]:
        """A session signed in over IMAP."""
        with imaplib.IMAP4("127.0.0.1", 2143 + self.add, timeout=10) as session:
            session.login(ADDRESS, PASSWORD)
            yield session
