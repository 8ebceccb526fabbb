"""Programs that carry whole mailboxes: getmail, fetchmail, offlineimap and mbsync."""

from __future__ import annotations

import imaplib
import mailbox
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.scenarios.clients import Home
from tests.support.instance import PASSWORD, Installation

pytestmark = pytest.mark.scenario

LETTER: Final = b"From: a@example.org\r\nTo: b@b.id\r\nSubject: %s\r\n\r\n.dot\r\nFrom x\r\n"

GETMAILRC: Final = """\
[retriever]
type = {type}
server = localhost
port = {port}
username = {address}
password = {password}
ca_certs = {certificate}
{more}
[destination]
type = MDA_external
path = /bin/sh
arguments = ("-c", "cat >>{home}/got")
unixfrom = false
allow_root_commands = true
[options]
delete = {delete}
read_all = false
delivered_to = false
received = false
message_log = {home}/getmail.log
"""
FETCHMAILRC: Final = """\
set no syslog
set no bouncemail
set invisible
set pidfile "{home}/fetchmail.pid"
set idfile "{home}/fetchids"
poll localhost service {port} protocol imap
  user "{address}" password "{password}"
  ssl sslcertck sslcertfile "{certificate}"
  folder INBOX Work
  {keep} no rewrite
  mda "cat >>{home}/fetched"
"""
OFFLINEIMAPRC: Final = """\
[general]
accounts = all
ui = quiet
metadata = {home}/offlineimap
[Account all]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = {home}/offline
[Repository far]
type = IMAP
remotehost = localhost
remoteport = {port}
remoteuser = {address}
remotepass = {password}
ssl = yes
sslcacertfile = {certificate}
auth_mechanisms = PLAIN
"""
MBSYNCRC: Final = """\
IMAPAccount there
Host localhost
Port {port}
User {address}
Pass "{password}"
SSLType IMAPS
SystemCertificates no
CertificateFile {certificate}

IMAPStore far
Account there

MaildirStore near
Path {home}/mail/
Inbox {home}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
Sync All
SyncState *
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation.make(tmp_path_factory.mktemp("server"), "b.id").serving() as one:
        yield one


@pytest.fixture
def home(server: Installation, request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """An account named after the test, with two letters in INBOX and one in Work."""
    name = request.node.name.removeprefix("test_").replace("_", "-").replace("[", "-").strip("]")
    home = Home(tmp_path, server, f"{name[-40:].lstrip('-')}@{server.domain}")
    server.add_account(home.address)
    with signed_in(home) as session:
        session.create("Work")
        for folder, flags, subject in (
            ("INBOX", "", b"one"), ("INBOX", r"\Seen \Flagged", b"two"), ("Work", "", b"three")
        ):  # fmt: skip
            session.append(folder, flags, imaplib.Time2Internaldate(1e9), LETTER % subject)
    return home


def signed_in(home: Home) -> imaplib.IMAP4_SSL:
    context = ssl.create_default_context(cafile=home.server.certificate)
    session = imaplib.IMAP4_SSL(
        "localhost", home.server.port("imaps"), ssl_context=context, timeout=10
    )
    session.login(home.address, PASSWORD)
    return session


def count(home: Home, folder: str) -> int:
    with signed_in(home) as session:
        status, [exists] = session.select(folder, readonly=True)
        return int(exists or 0) if status == "OK" else -1


def write(home: Home, name: str, text: str, service: str, **more: str) -> Path:
    file = home.folder / name
    file.touch(0o600)
    file.write_text(
        text.format(
            home=home.folder, port=home.server.port(service), address=home.address,
            password=PASSWORD, certificate=home.server.certificate, **more,
        )
    )  # fmt: skip
    return file


def subjects(maildir: Path) -> list[str]:
    return sorted(str(one["Subject"]) for one in mailbox.Maildir(maildir, create=False))


@pytest.mark.parametrize("kind", ["pop3", "imap"])
def test_getmail_fetches_once_and_then_takes_away(home: Home, kind: str) -> None:
    retriever = {"pop3": "SimplePOP3SSLRetriever", "imap": "SimpleIMAPSSLRetriever"}[kind]
    more = 'mailboxes = ("INBOX", "Work")' if kind == "imap" else ""
    for delete in ("false", "false", "true"):
        rc = write(home, "getmailrc", GETMAILRC, f"{kind}s", type=retriever, more=more,
                   delete=delete)  # fmt: skip
        home.run("getmail", "-r", str(rc), "-g", str(home.folder))
        got = (home.folder / "got").read_bytes().replace(b"\r\n", b"\n")
        assert got.count(b"\n\n.dot\nFrom x\n") == (3 if kind == "imap" else 2)
    assert count(home, "INBOX") == 0


def test_fetchmail_takes_folders_away_by_imap(home: Home) -> None:
    rc = write(home, "fetchmailrc", FETCHMAILRC, "imaps", keep="fetchall nokeep")
    home.run("fetchmail", "--fetchmailrc", str(rc), "--nodetach")
    fetched = (home.folder / "fetched").read_bytes().replace(b"\r\n", b"\n")
    assert fetched.count(b"\n.dot\nFrom x\n") == 3
    assert (count(home, "INBOX"), count(home, "Work")) == (0, 0)


def test_offlineimap_carries_both_ways(home: Home) -> None:
    rc = write(home, "offlineimaprc", OFFLINEIMAPRC, "imaps")
    home.run("offlineimap", "-c", str(rc), "-o")
    inbox = home.folder / "offline" / "INBOX"
    assert subjects(inbox) == ["one", "two"]
    assert subjects(home.folder / "offline" / "Work") == ["three"]
    [flagged] = (inbox / "cur").glob("*:2,FS")
    flagged.rename(inbox / "cur" / flagged.name.replace(":2,FS", ":2,RS"))
    mailbox.Maildir(inbox, create=False).add(LETTER.replace(b"\r\n", b"\n") % b"here")
    home.run("offlineimap", "-c", str(rc), "-o")
    with signed_in(home) as session:
        session.select("INBOX")
        assert session.search(None, "ANSWERED", "SEEN", "UNFLAGGED", "SUBJECT", "two")[1] == [b"2"]
        assert session.search(None, "SUBJECT", "here")[1] == [b"3"]
        session.store("1", "+FLAGS", r"\Deleted")
        session.expunge()
    home.run("offlineimap", "-c", str(rc), "-o")
    assert subjects(inbox) == ["here", "two"]


def test_mbsync_makes_and_removes_folders_on_both_sides(home: Home) -> None:
    rc = write(home, "mbsyncrc", MBSYNCRC, "imaps")
    (home.folder / "mail").mkdir()
    home.run("mbsync", "-c", str(rc), "all")
    assert subjects(home.folder / "mail" / "Work") == ["three"]
    made = mailbox.Maildir(home.folder / "mail" / "Made", create=True)
    made.add(LETTER.replace(b"\r\n", b"\n") % b"made here")
    with signed_in(home) as session:
        session.delete("Work")
    home.run("mbsync", "-c", str(rc), "all")
    assert count(home, "Made") == 1
    home.run("mbsync", "-c", str(rc), "all")
    assert count(home, "Work") == -1
    assert count(home, "INBOX") == 2
