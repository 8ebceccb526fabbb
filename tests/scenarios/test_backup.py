"""A backup of a server that takes mail, killed on its way, and brought back elsewhere."""

from __future__ import annotations

import os
import signal
import smtplib
import subprocess
import threading
from pathlib import Path

import pytest

from tests.support.instance import MERPATI, Installation

pytestmark = pytest.mark.scenario

LETTERS = 60
BY_ONE_CONNECTION = 50  # fewer than the server takes


class Sender(threading.Thread):
    """Sends letters by SMTP until it is told to stop; knows which were acknowledged."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.acknowledged: list[str] = []
        self.enough = threading.Event()
        self.stop = threading.Event()

    def run(self) -> None:
        while not self.stop.is_set():
            with smtplib.SMTP("127.0.0.1", self.port, timeout=30) as link:
                for _ in range(BY_ONE_CONNECTION):
                    if not self.stop.is_set():
                        self.send(link)

    def send(self, link: smtplib.SMTP) -> None:
        name = f"letter-{len(self.acknowledged)}"
        filler = os.urandom(200_000 if len(self.acknowledged) % 10 == 0 else 500).hex()
        lines = "\r\n".join(filler[at : at + 70] for at in range(0, len(filler), 70))
        text = f"From: x@y.test\r\nSubject: {name}\r\n\r\n{lines}\r\n"
        link.sendmail("x@y.test", ["ani@a.id"], text)
        self.acknowledged.append(name)
        if len(self.acknowledged) == LETTERS:
            self.enough.set()


def kill_on_its_way(installation: Installation, target: Path) -> None:
    """A backup that gets SIGKILL as soon as something of it lies in the folder."""
    process = subprocess.Popen(
        [str(MERPATI), "backup", str(target), "-c", str(installation.config)],
        stdout=subprocess.DEVNULL,
    )
    while process.poll() is None and not (target / "merpati-backup.json").exists():
        threading.Event().wait(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_what_was_acknowledged_before_the_backup_is_in_it_though_one_was_killed(
    tmp_path: Path,
) -> None:
    installation = Installation.make(tmp_path / "one", "a.id", "ani@a.id")
    target = tmp_path / "backup"
    with installation.serving(workers=1):
        sender = Sender(installation.port("smtp"))
        sender.start()
        assert sender.enough.wait(60)
        kill_on_its_way(installation, target)
        acknowledged = list(sender.acknowledged)
        done = installation.run("backup", target)
        assert done.returncode == 0, done.stderr
        sender.stop.set()
        sender.join(30)
    assert "all is well" in installation.run("backup", "verify", target).stdout
    elsewhere = tmp_path / "elsewhere"
    done = installation.run("restore", target, "--to", elsewhere)
    assert done.returncode == 0, done.stderr
    again = Installation(elsewhere, "a.id", installation.add)
    checked = again.run("check")
    assert "all is well" in checked.stdout, checked.stdout
    with again.serving(workers=1):  # what was still queued is delivered now
        again.run("export", "mbox", "ani@a.id", tmp_path / "mbox")
        found = b"".join(path.read_bytes() for path in (tmp_path / "mbox").rglob("*.mbox"))
        deadline = threading.Event()
        for _ in range(100):
            if all(f"Subject: {name}\n".encode() in found for name in acknowledged):
                break
            deadline.wait(0.2)
            again.run("export", "mbox", "ani@a.id", tmp_path / "mbox")
            found = b"".join(path.read_bytes() for path in (tmp_path / "mbox").rglob("*.mbox"))
    missing = [name for name in acknowledged if f"Subject: {name}\n".encode() not in found]
    assert missing == []
