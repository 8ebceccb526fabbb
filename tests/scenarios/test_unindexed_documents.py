"""A search finds what stands in documents attached to mail that the index has not come to yet."""

from __future__ import annotations

import fcntl
import imaplib
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support import documents
from tests.support.instance import PASSWORD, Installation

pytestmark = pytest.mark.scenario

ANI = "ani@a.id"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def indexers(installation: Installation) -> list[int]:
    """The processes below the supervisor that have the index open: before a search, just one."""
    assert installation.process is not None
    table = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout.split()
    parent = str(installation.process.pid)
    rows = zip(table[::2], table[1::2], strict=True)
    return [int(pid) for pid, above in rows if above == parent and has_index(pid)]


def has_index(pid: str) -> bool:
    """Whether a process has the file of the index open."""
    with suppress(OSError):
        return any(
            one.readlink().stem.endswith("-index") for one in Path(f"/proc/{pid}/fd").iterdir()
        )
    return False


def pen(folder: Path) -> Path:
    """The file whose lock is the right to write."""
    [found] = folder.rglob("merpati.sqlite-pen")
    return found


def test_a_document_is_found_before_the_index_has_come_to_it(tmp_path: Path) -> None:
    installation = Installation.make(tmp_path / "a", "a.id", ANI)
    with installation.serving(workers=1):
        until = time.monotonic() + 30
        while not (found := indexers(installation)):  # the supervisor starts it when it is ready
            assert time.monotonic() < until
            time.sleep(0.05)
        [indexer] = found
        with pen(tmp_path).open("rb+") as held:  # so that it is not stopped while it writes
            fcntl.flock(held, fcntl.LOCK_EX)
            os.kill(indexer, signal.SIGSTOP)
        try:
            with imaplib.IMAP4("127.0.0.1", installation.port("imap")) as imap:
                imap.login(ANI, PASSWORD)
                for word in ("kangkung", "bayam"):
                    message = documents.message(documents.docx(word), f"{word[0]}.docx", DOCX)
                    assert imap.append("INBOX", "", "", message)[0] == "OK"
                imap.select()
                assert imap.search(None, "BODY", "bayam")[1] == [b"2"]
                assert imap.search(None, "TEXT", "kangkung")[1] == [b"1"]
        finally:
            os.kill(indexer, signal.SIGCONT)
