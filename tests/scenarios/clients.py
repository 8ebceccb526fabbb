"""Real mail programs, each driven as a person would have set it up, with a home of its own."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.instance import PASSWORD, Installation
from tests.support.programs import missing, need

SECONDS: Final = 60

MSMTPRC: Final = """\
defaults
tls on
tls_trust_file {certificate}
auth plain
account here
host localhost
port {port}
user {address}
password "{password}"
from {address}
account default : here
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
Create Near
Sync Pull
SyncState *
"""

FETCHMAILRC: Final = """\
set no syslog
set no bouncemail
set invisible
set pidfile "{home}/fetchmail.pid"
set idfile "{home}/fetchids"
poll localhost service {port} protocol pop3
  user "{address}" password "{password}"
  ssl sslcertck sslcertfile "{certificate}"
  keep fetchall no rewrite
  mda "cat >>{home}/fetched"
"""

MUTTRC: Final = """\
set folder = imaps://localhost:{port}/
set spoolfile = imaps://localhost:{port}/INBOX
set imap_user = "{address}"
set imap_pass = "{password}"
set certificate_file = {certificate}
set ssl_force_tls = yes
set header_cache = ""
set mbox_type = Maildir
set confirmappend = no
set confirmcreate = no
set delete = no
set move = no
set copy = no
set quit = yes
set wait_key = no
set mail_check_stats = no
set beep = no
set realname = "Someone"
set from = "{address}"
set smtp_url = "smtps://{address}@localhost:{submissions}/"
set smtp_pass = "{password}"
"""
COPY_ALL: Final = "<tag-pattern>~A<enter><tag-prefix><copy-message>{folder}/copies<enter><quit>"


@dataclass
class Home:
    """Where one person's mail programs keep their things."""

    folder: Path
    server: Installation
    address: str

    def swaks(self, message: bytes, *to: str, sender: str = "") -> None:
        """Sends over submission, with STARTTLS and AUTH PLAIN."""
        probe = [need("perl"), "-MNet::SSLeay", "-e1"]
        if subprocess.run(probe, capture_output=True, check=False).returncode:
            missing("swaks knows no TLS; apt-get install libnet-ssleay-perl")
        file = self.folder / "message"
        file.write_bytes(message.removesuffix(b"\r\n"))  # swaks adds one
        self.run(
            "swaks", "--server", "127.0.0.1", "--port", str(self.server.port("submission")),
            "--tls", "--auth", "PLAIN", "--auth-user", self.address, "--auth-password", PASSWORD,
            "--helo", "laptop.example", "--from", sender or self.address, "--to", ",".join(to),
            "--data", f"@{file}",
        )  # fmt: skip

    def msmtp(self, message: bytes, *to: str, implicit: bool = False) -> None:
        """Sends over submission, with STARTTLS or TLS, a verified certificate and AUTH PLAIN."""
        rc = self._write("msmtprc", MSMTPRC, "submissions" if implicit else "submission")
        start = f"--tls-starttls={'off' if implicit else 'on'}"
        self.run("msmtp", "-C", str(rc), start, *to, given=message)

    def mbsync(self, *, both_ways: bool = False) -> list[bytes]:
        """Synchronises over IMAPS; every message of INBOX."""
        rc = self._write("mbsyncrc", MBSYNCRC, "imaps")
        if both_ways:
            rc.write_text(rc.read_text().replace("Sync Pull", "Sync All\nExpunge Both"))
        (self.folder / "mail").mkdir(exist_ok=True)
        self.run("mbsync", "-c", str(rc), "all")
        # Its own mark, by which it finds again what it has stored.
        return [_without(b"X-TUID:", one) for one in _maildir(self.folder / "mail" / "INBOX")]

    def mutt(self) -> list[bytes]:
        """Opens INBOX over IMAPS on a terminal, copies every message to disk, and quits."""
        self.mutt_keys(COPY_ALL.format(folder=self.folder))
        # What it notes in its own copies.
        copies = _maildir(self.folder / "copies")
        return [_without(b"Lines:", _without(b"Content-Length:", one)) for one in copies]

    def mutt_keys(self, keys: str) -> None:
        """Opens INBOX over IMAPS on a terminal and presses keys, the last of which quit."""
        rc = self._write("muttrc", MUTTRC, "imaps")
        self._on_a_terminal(need("mutt"), "-n", "-F", str(rc), "-e", f'push "{keys}"')

    def mutt_send(self, text: bytes, subject: str, to: str) -> None:
        """Sends from the command line, over SMTP with TLS."""
        rc = self._write("muttrc", MUTTRC, "imaps")
        self.run("mutt", "-n", "-F", str(rc), "-s", subject, "--", to, given=text)

    def fetchmail(self, *, implicit: bool = True, keep: bool = True) -> bytes:
        """Fetches over POP3, with TLS or STLS; all messages, one after the other."""
        rc = self._write("fetchmailrc", FETCHMAILRC, "pop3s" if implicit else "pop3")
        text = rc.read_text()
        if not implicit:
            text = text.replace("ssl sslcertck", "sslproto TLS1.2+ sslcertck")
        if not keep:
            text = text.replace("keep fetchall", "nokeep fetchall")
        rc.write_text(text)
        (self.folder / "fetched").unlink(missing_ok=True)
        self.run("fetchmail", "--fetchmailrc", str(rc), "--nodetach")
        return _with_crlf((self.folder / "fetched").read_bytes())

    def curl(self, url: str, *options: str, given: bytes = b"") -> bytes:
        """One transfer with this account's name and password."""
        trust = ("--cacert", str(self.server.certificate))
        user = ("--user", f"{self.address}:{PASSWORD}")
        return self.run("curl", "-sS", *trust, *user, *options, url, given=given)

    def run(self, program: str, *words: str, given: bytes = b"") -> bytes:
        """A program to its end; what it printed.

        Raises:
            AssertionError: it failed; with all it said.
        """
        done = subprocess.run(
            [need(program), *words],
            input=given, capture_output=True, check=False, timeout=SECONDS,
            cwd=self.folder, env=self._environment(),
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert done.returncode == 0, f"{program}: {said.decode(errors='replace')}"
        return done.stdout

    def _environment(self) -> dict[str, str]:
        return os.environ | {"HOME": str(self.folder), "TERM": "xterm", "LC_ALL": "C.UTF-8"}

    def _write(self, name: str, text: str, service: str) -> Path:
        self.folder.mkdir(exist_ok=True)
        rc = self.folder / name
        rc.touch(0o600)
        rc.write_text(
            text.format(
                home=self.folder,
                port=self.server.port(service),
                submissions=self.server.port("submissions"),
                address=self.address,
                password=PASSWORD,
                certificate=self.server.certificate,
            )
        )
        return rc

    def _on_a_terminal(self, *command: str) -> None:
        """Runs a program that wants a screen."""
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs,
            cwd=self.folder, env=self._environment(), start_new_session=True,
        ) as child:  # fmt: skip
            os.close(theirs)
            screen = b""
            deadline = time.monotonic() + SECONDS
            while child.poll() is None and time.monotonic() < deadline:
                if select.select([ours], [], [], 0.1)[0]:
                    try:
                        screen += os.read(ours, 65536)
                    except OSError:  # it has closed its end
                        break
            if time.monotonic() >= deadline:
                child.kill()
            status = child.wait(SECONDS)
        os.close(ours)
        assert status == 0, screen.decode(errors="replace")


def _maildir(folder: Path) -> list[bytes]:
    """The messages of a Maildir, with the line ends they had on the way."""
    files = [file for part in ("cur", "new") for file in (folder / part).iterdir()]
    return [_with_crlf(file.read_bytes()) for file in sorted(files, key=lambda file: file.name)]


def _with_crlf(message: bytes) -> bytes:
    return message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _without(name: bytes, message: bytes) -> bytes:
    header, end, body = message.partition(b"\r\n\r\n")
    lines = header.split(b"\r\n")
    return b"\r\n".join(line for line in lines if not line.startswith(name)) + end + body
