"""A private Dovecot on loopback with IMAP and POP3; its users have Maildirs."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.support.instance import free_port
from tests.support.programs import missing, need
from tests.support.unpacked import dovecot_services

PASSWORD: Final = "dovecots-own-secret"
MASTER: Final = "master"
READY_SECONDS: Final = 60

CONF: Final = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap pop3
listen = 127.0.0.1
disable_plaintext_auth = no
ssl = no
auth_master_user_separator = *
mail_location = maildir:~/Maildir
mail_privileged_group =
first_valid_uid = 1
auth_mechanisms = plain login
passdb {{
  driver = static
  args = password={password}
}}
passdb {{
  driver = passwd-file
  master = yes
  args = {folder}/masters
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%n
}}
namespace inbox {{
  inbox = yes
  separator = {separator}
  mailbox "Sent Stuff" {{
    auto = subscribe
    special_use = \\Sent
  }}
}}
{elsewhere}service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""


@dataclass
class Dovecot:
    """Its ports, and where the mail of each user is."""

    folder: Path
    imap: int
    pop3: int

    def put(self, user: str, message: bytes, folder: str = "", flags: str = "") -> None:
        """A message into a folder of a user's Maildir."""
        owner = pwd.getpwnam("nobody")
        root = self.folder / "mail" / user
        directory = root / "Maildir" / folder
        for part in ("cur", "new", "tmp"):
            (directory / part).mkdir(parents=True, exist_ok=True)
        number = len(list((directory / "cur").iterdir()))
        file = directory / "cur" / f"{1_600_000_000 + number}.{number}.x:2,{flags}"
        file.write_bytes(message)
        os.utime(file, (1_600_000_000 + number, 1_600_000_000 + number))
        for path in [root, *root.rglob("*")]:
            os.chown(path, owner.pw_uid, owner.pw_gid)

    def count(self, user: str) -> int:
        """Messages in a user's INBOX."""
        root = self.folder / "mail" / user / "Maildir"
        return sum(len(list((root / part).iterdir())) for part in ("cur", "new"))


@contextmanager
def dovecot(separator: str = "/") -> Iterator[Dovecot]:
    """A Dovecot that is gone afterwards; not in pytest's folders, which are closed to others."""
    program = need("dovecot")
    if os.geteuid() != 0:
        pytest.skip("only root can start a Dovecot with users of its own")
    with tempfile.TemporaryDirectory(prefix="merpati-dovecot-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with _running(program, folder, separator) as running:
            yield running


@contextmanager
def _running(program: str, folder: Path, separator: str) -> Iterator[Dovecot]:
    owner = pwd.getpwnam("nobody")
    mail = folder / "mail"
    mail.mkdir()
    os.chown(mail, owner.pw_uid, owner.pw_gid)
    masters = folder / "masters"
    masters.write_text(f"{MASTER}:{{PLAIN}}{PASSWORD}\n")
    masters.chmod(0o644)
    imap, pop3 = free_port(), free_port()
    try:
        elsewhere = dovecot_services("imap", "pop3")
    except FileNotFoundError as error:
        missing(str(error))
    text = CONF.format(
        folder=folder, imap=imap, pop3=pop3, uid=owner.pw_uid, gid=owner.pw_gid,
        password=PASSWORD, separator=separator, elsewhere=elsewhere,
    )  # fmt: skip
    (folder / "dovecot.conf").write_text(text)
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [program, "-F", "-c", folder / "dovecot.conf"], stdout=output, stderr=output
        )
        try:
            for port in (imap, pop3):
                _greeting(port, folder, process)
            yield Dovecot(folder, imap, pop3)
            log = (folder / "log").read_text()
            assert "Error" not in log, log
        finally:
            process.terminate()
            process.wait(60)


def _greeting(port: int, folder: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as connection:
                assert connection.recv(1)
                return
        except (OSError, AssertionError):
            said = (folder / "output").read_text() + (
                (folder / "log").read_text() if (folder / "log").exists() else ""
            )
            assert process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.1)
