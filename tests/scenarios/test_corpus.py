"""500 messages, real, broken and broken on purpose, come out of the server as they went in.

From IMAP every one is identical to the octet. From POP3 too, but for line ends that are
none: there a lone CR or LF comes as CRLF.

What SMTP must refuse (a bare CR or LF, a null, a line or header that is too long) goes in
by APPEND, which takes all octets but the null; a null makes room for a `?` beforehand.
"""

from __future__ import annotations

import imaplib
import importlib.util
import poplib
import random
import re
import smtplib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.instance import PASSWORD, Installation

pytestmark = pytest.mark.scenario

COUNT: Final = 500
CORPORA: Final = Path(__file__).parents[1] / "corpora"
SUFFIXES: Final = {".msg", ".eml", ".txt"}
ADDRESS: Final = "corpus@a.id"
# To the end of the date: a message may begin with a line that looks like more of the field.
OURS: Final = re.compile(rb"Return-Path: <sender@example\.org>\r\nReceived: (?s:.)+? \+0000\r\n")
BARE: Final = re.compile(rb"\r(?!\n)|(?<!\r)\n|\x00")
LONG: Final = re.compile(rb"[^\n]{999}")
BITS: Final = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\t",
    b" ",
    b"--",
    b"=",
    b"\xff\xfe",
    b"\xe2\x80",
    b":",
    b"..",
)


def originals() -> dict[str, bytes]:
    """Every message of the corpora, and of CPython's own tests where they are installed."""
    found = [
        path
        for name in ("mime4j", "mail-parser")
        for path in (CORPORA / name).rglob("*")
        if path.suffix in SUFFIXES and path.stat().st_size
    ]
    package = importlib.util.find_spec("test")
    for folder in (package and package.submodule_search_locations) or []:
        found += (Path(folder) / "test_email" / "data").glob("msg_*.txt")
    return {"/".join(path.parts[-2:]): path.read_bytes() for path in sorted(found)}


def messages() -> dict[str, bytes]:
    """The originals, and as many mutants of them as make 500."""
    whole = {name: _storable(data) for name, data in originals().items()}
    names = sorted(whole)
    chance = random.Random(500)
    number = 0
    while len(whole) < COUNT:
        name = names[number % len(names)]
        other = whole[chance.choice(names)]
        whole[f"{name}~{number}"] = _storable(_mutate(whole[name], other, chance))
        number += 1
    return whole


def _mutate(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """Cut, spliced, with something where it does not belong, or in other line ends."""
    at = chance.randrange(len(data) + 1)
    match chance.randrange(6):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + other[chance.randrange(len(other) + 1) :]
        case 2:
            return data[:at] + chance.choice(BITS) * chance.randint(1, 40) + data[at:]
        case 3:
            end = min(len(data), at + chance.randint(1, 200))
            return data[:at] + data[end:]
        case 4:
            return re.sub(rb"\r?\n", b"\r\n", data) + b"\r\n.\r\n..\r\n"
        case _:
            lines = data.splitlines(keepends=True)
            chance.shuffle(lines)
            return b"".join(lines)


def _storable(data: bytes) -> bytes:
    """Without octet zero, which no literal may hold (RFC 9051 4.3), and not empty."""
    return data.replace(b"\x00", b"?") or b"\r\n"


def _as_sent(data: bytes) -> bytes:
    """Corpora lie on disk with the line ends of Unix: on the wire they have CRLF."""
    return data.replace(b"\n", b"\r\n") if b"\r" not in data else data


def may_come_by_smtp(data: bytes) -> bool:
    """Whether DATA can carry it as it is (RFC 5321 4.5.3.1.6, 2.3.8)."""
    return data.endswith(b"\r\n") and not BARE.search(data) and not LONG.search(data)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Installation]:
    with Installation.make(tmp_path / "a", "a.id", ADDRESS).serving() as one:
        yield one


def test_500_messages_come_out_as_they_went_in(server: Installation) -> None:
    corpus = {name: _as_sent(data) for name, data in messages().items()}
    assert len(corpus) == COUNT
    by_smtp = {name: data for name, data in corpus.items() if may_come_by_smtp(data)}
    by_append = {name: data for name, data in corpus.items() if name not in by_smtp}
    assert len(by_smtp) > 200
    assert len(by_append) > 50

    with smtplib.SMTP("127.0.0.1", server.port("smtp"), timeout=20) as smtp:
        smtp.ehlo("test.example")
        for name, data in by_smtp.items():
            send(smtp, name, data)
    with signed_in(server) as session:
        for name, data in by_append.items():
            date = imaplib.Time2Internaldate(time.time())
            # Not `append`, which rewrites line ends.
            session.literal = data  # type: ignore[assignment]  # typeshed knows only `append`
            status, answer = session._simple_command("APPEND", "INBOX", "()", date)
            assert status == "OK", (name, answer)
        session.select("INBOX", readonly=True)
        _, found = session.fetch("1:*", "(BODY.PEEK[])")
        sizes = [line for line in session.fetch("1:*", "(RFC822.SIZE)")[1] if type(line) is bytes]
    out = [part[1] for part in found if isinstance(part, tuple)]
    check(corpus, [*by_smtp, *by_append], len(by_smtp), out)
    assert [int(size.rpartition(b" ")[2][:-1]) for size in sizes] == [*map(len, out)]

    fetched = list(by_pop3(server))
    assert fetched == [as_pop3_has_it(data) for data in out]
    assert sum(one == data for one, data in zip(fetched, out, strict=True)) >= len(by_smtp)
    done = server.run("check")
    assert done.returncode == 0, done.stdout + done.stderr


def send(smtp: smtplib.SMTP, name: str, data: bytes) -> None:
    """One transaction; the bytes as they are but for the dots (RFC 5321 4.5.2)."""
    assert smtp.mail("sender@example.org", ["BODY=8BITMIME"])[0] == 250
    assert smtp.rcpt(ADDRESS)[0] == 250
    assert smtp.docmd("DATA")[0] == 354
    smtp.send(re.sub(rb"(?m)^\.", b"..", data) + b".\r\n")
    code, answer = smtp.getreply()
    assert code == 250, (name, answer)


def check(corpus: dict[str, bytes], order: list[str], by_smtp: int, out: list[bytes]) -> None:
    """What came out is what went in, after our own trace fields where it came by SMTP."""
    assert len(out) == len(order)
    for number, (name, got) in enumerate(zip(order, out, strict=True)):
        data = got
        if number < by_smtp:
            added = OURS.match(got)
            assert added, (name, got[:300])
            data = got[added.end() :]
        assert data == corpus[name], name


def by_pop3(server: Installation) -> Iterator[bytes]:
    """Every message as it comes over the wire, without its dots."""
    session = poplib.POP3("127.0.0.1", server.port("pop3"), timeout=20)
    session.user(ADDRESS)
    session.pass_(PASSWORD)
    count, _ = session.stat()
    reader = session.file
    for number in range(1, count + 1):
        session.sock.sendall(b"RETR %d\r\n" % number)
        assert reader.readline().startswith(b"+OK")
        data = b""
        # poplib's own reader drops what it takes for line ends.
        while not data.endswith(b"\r\n.\r\n") and data != b".\r\n":
            data += reader.readline()
        yield re.sub(rb"(\A|\n)\.", rb"\1", data.removesuffix(b".\r\n"))
    session.quit()


def as_pop3_has_it(data: bytes) -> bytes:
    """The same bytes; but the last line ends with CRLF, for the dot to follow (RFC 1939 3)."""
    return data if data.endswith(b"\r\n") else data + b"\r\n"


def signed_in(server: Installation) -> imaplib.IMAP4:
    session = imaplib.IMAP4("127.0.0.1", server.port("imap"), timeout=30)
    session.login(ADDRESS, PASSWORD)
    return session
