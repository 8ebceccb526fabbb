"""Every mail program people script with has a small real session with a real server."""

from __future__ import annotations

import email
import imaplib
import json
import poplib
import smtplib
import ssl
import subprocess
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Final

import pytest

from tests.scenarios.clients import Home
from tests.scenarios.node import installed
from tests.support.instance import PASSWORD, Installation
from tests.support.programs import need

pytestmark = pytest.mark.scenario

IMAPFLOW: Final = Path(__file__).with_name("imapflow")
LETTER: Final = b"""\
From: Someone <%s>\r
To: beno@b.id\r
Subject: %s\r
Date: Sun, 22 Nov 2026 10:00:00 +0700\r
Message-ID: <%s@example.org>\r
\r
This is %s.\r
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One server for all of them; every test has an account of its own."""
    with Installation.make(tmp_path_factory.mktemp("server"), "b.id").serving() as one:
        yield one


@pytest.fixture
def home(server: Installation, request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """An account named after the test, and its owner's machine."""
    name = request.node.name.removeprefix("test_").replace("_", "-")
    address = f"{name[:40]}@{server.domain}"
    server.add_account(address)
    return Home(tmp_path, server, address)


def test_swaks_delivers_as_a_stranger_and_submits_as_a_user(home: Home) -> None:
    port = home.server.port("smtp")
    home.run(
        "swaks", "--server", "127.0.0.1", "--port", str(port), "--helo", "mx.example.org",
        "--from", "someone@example.org", "--to", home.address, "--header", "Subject: stranger",
    )  # fmt: skip
    home.swaks(letter("user", home.address), home.address)
    assert subjects(home) == ["stranger", "user"]


def test_swaks_is_told_why_it_may_not_relay(home: Home) -> None:
    done = subprocess.run(
        [need("swaks"), "--server", "127.0.0.1", "--port", str(home.server.port("smtp")),
         "--from", "someone@example.org", "--to", "someone@example.com"],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert done.returncode == 24, done.stdout  # swaks: no recipient was taken
    assert "<** 550 5.7.1 " in done.stdout


def test_msmtp_submits_with_starttls_and_with_tls(home: Home) -> None:
    home.msmtp(letter("starttls", home.address), home.address)
    home.msmtp(letter("tls", home.address), home.address, implicit=True)
    assert subjects(home) == ["starttls", "tls"]


def test_mutt_sends_flags_and_saves(home: Home) -> None:
    home.mutt_send(b"Written in mutt.\n", "from mutt", home.address)
    assert subjects(home) == ["from mutt"]
    home.mutt_keys("<flag-message><save-message>=Archive<enter><sync-mailbox>y<quit>")
    with signed_in(home) as session:
        session.select("Archive")
        _, found = session.search(None, "FLAGGED", "SUBJECT", '"from mutt"')
        assert found == [b"1"]


def test_mbsync_carries_both_ways(home: Home) -> None:
    append(home, "INBOX", letter("there"))
    home.mbsync(both_ways=True)
    inbox = home.folder / "mail" / "INBOX"
    (inbox / "new" / "1.local.here").write_bytes(letter("here"))
    [there] = (inbox / "new").glob("*U=1*")
    there.rename(inbox / "cur" / f"{there.name.partition(':')[0]}:2,FS")
    home.mbsync(both_ways=True)
    assert subjects(home) == ["there", "here"]
    with signed_in(home) as session:
        session.select("INBOX")
        assert session.search(None, "FLAGGED", "SEEN") == ("OK", [b"1"])
        session.store("1", "+FLAGS", r"\Deleted")
        session.expunge()
    assert [b"Subject: here" in one for one in home.mbsync(both_ways=True)] == [True]


def test_fetchmail_takes_everything_away_with_stls(home: Home) -> None:
    letters = [letter("first"), letter("second")]
    for one in letters:
        append(home, "INBOX", one)
    assert home.fetchmail(implicit=False, keep=False) == b"".join(letters)
    assert subjects(home) == []


def test_curl_speaks_smtp_imap_and_pop3(home: Home) -> None:
    smtp = f"smtp://localhost:{home.server.port('submission')}"
    words = ("--ssl-reqd", "--mail-from", home.address, "--mail-rcpt", home.address, "-T", "-")
    home.curl(smtp, *words, given=letter("by smtp", home.address))
    imap = f"imaps://localhost:{home.server.port('imaps')}"
    assert b'"/" "INBOX"' in home.curl(f"{imap}/")
    (home.folder / "letter").write_bytes(letter("by append"))
    home.curl(f"{imap}/INBOX", "-T", str(home.folder / "letter"))
    assert home.curl(f"{imap}/INBOX;MAILINDEX=2") == letter("by append")
    assert home.curl(f"{imap}/INBOX?SUBJECT%20%22by%20smtp%22").split() == [b"*", b"SEARCH", b"1"]
    stored = home.curl(f"{imap}/INBOX", "-X", r"STORE 2 +FLAGS (\Flagged)")
    assert rb"\Flagged" in stored
    pop3 = f"pop3s://localhost:{home.server.port('pop3s')}"
    assert len(home.curl(f"{pop3}/").splitlines()) == 2
    assert home.curl(f"{pop3}/2") == letter("by append")
    clear = f"pop3://127.0.0.1:{home.server.port('pop3')}"
    assert home.curl(f"{clear}/1").endswith(letter("by smtp", home.address))


def test_smtplib_submits_with_starttls(home: Home) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = home.address, home.address, "smtplib"
    message.set_content("Grüße.\n")
    with smtplib.SMTP("localhost", home.server.port("submission")) as session:
        session.starttls(context=trust(home))
        session.login(home.address, PASSWORD)
        assert session.send_message(message) == {}
        with pytest.raises(smtplib.SMTPSenderRefused) as refused:
            session.sendmail("someone.else@b.id", [home.address], letter("forged"))
    assert refused.value.smtp_code == 550
    assert subjects(home) == ["smtplib"]


def test_poplib_reads_and_deletes(home: Home) -> None:
    for name in ("one", "two"):
        append(home, "INBOX", letter(name))
    session = poplib.POP3("localhost", home.server.port("pop3"), timeout=10)
    session.stls(trust(home))
    session.user(home.address)
    session.pass_(PASSWORD)
    count, size = session.stat()
    assert (count, size) == (2, len(letter("one")) + len(letter("two")))
    _, names, _ = session.uidl()
    assert len({line.split()[1] for line in names}) == 2
    assert b"\r\n".join(session.retr(1)[1]) + b"\r\n" == letter("one")
    assert session.top(2, 0)[1][-1] == b"", "TOP 0 ends with the header"
    session.dele(1)
    session.rset()
    session.dele(2)
    session.quit()
    assert subjects(home) == ["one"]


def test_imaplib_does_a_whole_day_of_work(home: Home) -> None:
    with signed_in(home) as session:
        assert session.create("Projects/2026")[0] == "OK"
        session.append("Projects/2026", r"\Seen", imaplib.Time2Internaldate(0), letter("plan"))
        _, [status] = session.status("Projects/2026", "(MESSAGES UNSEEN UIDNEXT)")
        assert status is not None
        for item in (b"MESSAGES 1", b"UNSEEN 0", b"UIDNEXT 2"):
            assert item in status
        session.rename("Projects/2026", "Projects/2027")
        session.select("Projects/2027")
        _, found = session.uid("SEARCH", "SUBJECT", "plan")
        assert found == [b"1"]
        _, parts = session.uid("FETCH", "1", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        assert parts[0][1] == b"Subject: plan\r\n\r\n"
        session.uid("COPY", "1", "Archive")
        session.uid("STORE", "1", "+FLAGS", r"(\Deleted)")
        assert session.expunge()[1] == [b"1"]
        session.close()
        session.delete("Projects/2027")
        assert session.select("Archive")[1] == [b"1"]
        names = b"\n".join(line for line in session.list()[1] if isinstance(line, bytes))
        assert b"Projects/2027" not in names


def test_imapflow_sees_changes_as_they_happen(home: Home) -> None:
    folder = installed(IMAPFLOW)
    done = subprocess.run(
        [need("node"), IMAPFLOW / "session.mjs", str(home.server.port("imaps")),
         home.server.certificate, home.address, PASSWORD],
        cwd=folder, capture_output=True, text=True, check=False, timeout=40,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert {"INBOX", "Flow/Inner", "Trash"} <= set(seen["boxes"])
    assert {r"\Sent", r"\Trash", r"\Drafts"} <= set(seen["special"])
    assert seen["exists"] == 3
    assert seen["subjects"] == ["one", "two", "three"]
    assert seen["source"].endswith("This is three.\r\n")
    assert seen["found"] == [2]
    flags = {flag.lower() for flag in seen["flags"]}  # RFC 9051 2.3.2: case does not matter
    assert flags - {r"\recent"} == {r"\flagged", r"\seen", "work"}
    assert seen["text"] == "This is two.\r\n"
    assert seen["left"] == 1
    assert seen["trash"] == 1
    assert seen["heard"] == 1


def letter(name: str, sender: str = "someone@example.org") -> bytes:
    words = name.encode()
    return LETTER % (sender.encode(), words, words.replace(b" ", b"."), words)


def trust(home: Home) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=home.server.certificate)


def signed_in(home: Home) -> imaplib.IMAP4_SSL:
    """A session over IMAPS with a verified certificate."""
    port = home.server.port("imaps")
    session = imaplib.IMAP4_SSL("localhost", port, ssl_context=trust(home), timeout=10)
    session.login(home.address, PASSWORD)
    return session


def append(home: Home, mailbox: str, message: bytes) -> None:
    with signed_in(home) as session:
        status, answer = session.append(
            mailbox, "", imaplib.Time2Internaldate(time.time()), message
        )
        assert status == "OK", answer


def subjects(home: Home) -> list[str]:
    """The subjects in INBOX, in order."""
    with signed_in(home) as session:
        _, [exists] = session.select("INBOX", readonly=True)
        if exists == b"0":
            return []
        _, found = session.fetch("1:*", "(BODY.PEEK[HEADER])")
    headers = [part[1] for part in found if isinstance(part, tuple)]
    return [str(email.message_from_bytes(header)["Subject"]) for header in headers]
