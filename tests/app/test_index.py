"""`merpati index`, and the process that keeps the index beside the workers."""

from __future__ import annotations

import imaplib
import time
from typing import TYPE_CHECKING

from tests.support import documents as made
from tests.support.instance import PASSWORD, Installation

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 60  # a loaded machine; it is one when idle


def until(installation: Installation, emails: int) -> None:
    """Wait until so many emails are not in the index yet."""
    last = time.monotonic() + SECONDS
    while installation.json("index", "--status") != {"emails": emails, "documents": 0}:
        assert time.monotonic() < last
        time.sleep(0.1)


def test_new_mail_is_indexed_beside_the_workers_and_anew_by_the_command(tmp_path: Path) -> None:
    installation = Installation.make(tmp_path, "a.id", "ani@a.id")
    letter = made.message(made.pdf("quarterly"), "report.pdf", "application/pdf")
    with installation.serving(workers=1):
        client = imaplib.IMAP4("127.0.0.1", installation.port("imap"))
        client.login("ani@a.id", PASSWORD)
        client.append("INBOX", "", "", letter)
        client.append("INBOX", "", "", b"Subject: other\r\n\r\nalphabet\r\n")
        client.select("INBOX")
        assert client.search(None, "BODY", "phabe")[1] == [b"2"]  # indexed or not
        until(installation, 0)
        assert client.search(None, "BODY", "uarterl")[1] == [b"1"]
        client.logout()
    done = installation.run("index", "ani@a.id", "--rebuild")
    assert done.stdout == "Everything is in the index.\n", done.stderr
    assert installation.run("index", "nobody@a.id").returncode == 1


def test_without_an_index_there_is_no_process_and_searches_still_work(tmp_path: Path) -> None:
    installation = Installation.make(tmp_path, "a.id", "ani@a.id")
    installation.configure("search", index="false")
    with installation.serving(workers=1):
        client = imaplib.IMAP4("127.0.0.1", installation.port("imap"))
        client.login("ani@a.id", PASSWORD)
        client.append("INBOX", "", "", b"Subject: other\r\n\r\nalphabet\r\n")
        client.select("INBOX")
        assert client.search(None, "BODY", "phabe")[1] == [b"1"]
        client.logout()
    assert not list(tmp_path.rglob("*-index.sqlite*"))
    assert "[search]" in installation.run("index").stderr
