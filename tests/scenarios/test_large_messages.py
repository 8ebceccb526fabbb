"""Several hundred megabytes go in and out over IMAP, and the server's memory stays flat."""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.instance import PASSWORD, Installation

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(300)]

MEGABYTE: Final = 1 << 20
SIZE: Final = 300 * MEGABYTE  # about, of the attachment as it is encoded
GROWTH: Final = 40 * MEGABYTE  # of all workers together
LINE: Final = b"TWVycGF0aSBiZXJhcnRpIGJ1cnVuZyB5YW5nIG1lbWJhd2Egc3VyYXQga2UgbWFuYSBzYWphLi4u\r\n"
DECODED: Final = b"Merpati berarti burung yang membawa surat ke mana saja..."
LINES: Final = SIZE // len(LINE)
HEAD: Final = (
    b"Subject: large\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\n\r\nsee below\r\n--b\r\nContent-Type: application/octet-stream\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\n"
)
TAIL: Final = b"--b--\r\n"
BLOCK: Final = LINE * 4096


class Imap:
    """A client that holds no message."""

    def __init__(self, installation: Installation, context: ssl.SSLContext) -> None:
        raw = socket.create_connection(("127.0.0.1", installation.port("imaps")), timeout=120)
        self._socket = context.wrap_socket(raw, server_hostname="localhost")
        self.file = self._socket.makefile("rwb", buffering=MEGABYTE)
        self.file.readline()

    def say(self, line: bytes) -> None:
        self.file.write(line + b"\r\n")
        self.file.flush()

    def until(self, tag: bytes) -> bytes:
        while not (line := self.file.readline()).startswith(tag):
            assert line, "closed"
        assert line.startswith(tag + b" OK"), line
        return line

    def literal(self) -> tuple[int, str]:
        """Size and SHA-256 of the literal of the next response."""
        announced = re.search(rb"\{(\d+)\}\r\n", self.file.readline())
        assert announced is not None
        digest, left = hashlib.sha256(), int(announced[1])
        while left:
            piece = self.file.read(min(MEGABYTE, left))
            assert piece, "closed"
            digest.update(piece)
            left -= len(piece)
        return int(announced[1]), digest.hexdigest()

    def close(self) -> None:
        self.file.close()
        self._socket.close()


def pss(pids: list[int]) -> int:
    """Bytes of memory of processes, what they share divided among them."""
    total = 0
    for pid in pids:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        found = re.search(r"^Pss: +(\d+) kB", rollup, re.MULTILINE)
        assert found is not None
        total += int(found[1]) * 1024
    return total


def peak(pids: list[int], work: Callable[[], None]) -> int:
    """The most memory that processes had while something was done."""
    seen, over = [pss(pids)], threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            seen.append(pss(pids))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        work()
    finally:
        over.set()
        watcher.join()
    return max(seen)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation.make(tmp_path_factory.mktemp("large") / "m", "a.id", "ani@a.id")
    made.configure("imap", message_size=str(2 * SIZE))
    with made.serving(workers=2):
        yield made


def test_memory_stays_flat_however_large_the_message(installation: Installation) -> None:
    context = ssl.create_default_context(cafile=str(installation.certificate))
    context.check_hostname = False
    workers = installation.workers()
    client = Imap(installation, context)
    size = len(HEAD) + LINES * len(LINE) + len(TAIL)
    whole, decoded = hashlib.sha256(HEAD), hashlib.sha256()
    for _ in range(LINES // 4096):
        whole.update(BLOCK)
        decoded.update(DECODED * 4096)
    whole.update(LINE * (LINES % 4096) + TAIL)
    decoded.update(DECODED * (LINES % 4096))

    def append() -> None:
        client.say(b"a APPEND INBOX {%d+}" % size)
        client.file.write(HEAD)
        for _ in range(LINES // 4096):
            client.file.write(BLOCK)
        client.say(LINE * (LINES % 4096) + TAIL)
        client.until(b"a")

    def fetch() -> None:
        client.say(b"b FETCH 1 BODY.PEEK[]")
        assert client.literal() == (size, whole.hexdigest())
        client.until(b"b")

    def fetch_decoded() -> None:
        client.say(b"c FETCH 1 BINARY.PEEK[2]")
        assert client.literal() == (LINES * len(DECODED), decoded.hexdigest())
        client.until(b"c")

    def catenate() -> None:
        client.say(b'd APPEND INBOX CATENATE (URL "/INBOX/;UID=1" URL "/INBOX/;UID=1/;SECTION=1")')
        client.until(b"d")

    try:
        client.say(f'l LOGIN ani@a.id "{PASSWORD}"'.encode())
        client.until(b"l")
        client.say(b"s SELECT INBOX")
        client.until(b"s")
        before = pss(workers)
        for work in (append, fetch, fetch_decoded, catenate):
            most = peak(workers, work)
            print(f"{work.__name__}: {(most - before) / MEGABYTE:.0f} MB more at most")
            assert most - before < GROWTH, work.__name__
    finally:
        client.close()
