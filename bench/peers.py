"""Postfix -> Dovecot beside us: private, on loopback, with the settings Debian ships.

Nothing of the machine's own mail system is touched: configuration, spool and mail lie in
the folder of this run. What is set is only where things are and who the users are, and
limits that would count many connections from one address as an attack. Both keep mail
safe the way they do by default (fsync). Postfix hands over by LMTP; one Dovecot serves
two domains, which keep their mail as sdbox and as Maildir, and asks for each user's Sieve
script, as we do.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.meter import Group
from bench.target import PASSWORD, SYNCING_USER, USERS, Ports, Target, free_ports, wait_for_greeting
from tests.support.unpacked import dovecot_services

OWNER: Final = "nobody"  # of the peers' mail
SYSTEM_PATH: Final = "/usr/local/sbin:/usr/sbin:/sbin"
MASTER_CF: Final = Path("/usr/share/postfix/master.cf.dist")
POSTFIX_CODE: Final = Path("/usr/lib/postfix/sbin")
SIEVE: Final = Path("/usr/lib/dovecot/modules/lib90_sieve_plugin.so")
ADVICE: Final = "apt-get install postfix dovecot-core dovecot-lmtpd dovecot-sieve"
PROTOCOLS: Final = ("imap", "pop3")  # packages that `.ci/run` unpacks where Cyrus is installed
QUEUES: Final = ("maildrop", "incoming", "active", "deferred")
FORMATS: Final = ("sdbox", "maildir")

# What each Postfix here has, apart from what it is to do.
MAIN_BASE: Final = """\
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = {code}
meta_directory = /etc/postfix
shlib_directory = /usr/lib/postfix
maillog_file_prefixes = {folder}
maillog_file = {folder}/log
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = bench.test
mydestination =
mynetworks = 127.0.0.0/8
"""
MAIN_CF: Final = (
    MAIN_BASE
    + """\
relay_domains = sdbox.test maildir.test
transport_maps = inline:{{sdbox.test=lmtp:inet:127.0.0.1:{lmtp}, \
maildir.test=lmtp:inet:127.0.0.1:{lmtp}}}
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = may
smtpd_client_connection_count_limit = 0
message_size_limit = 52428800
mailbox_size_limit = 0
"""
)

DOVECOT_CONF: Final = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap lmtp pop3
listen = 127.0.0.1
disable_plaintext_auth = no
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
mail_privileged_group =
first_valid_uid = 1
default_process_limit = 12000
default_client_limit = 24000
mail_max_userip_connections = 20000
passdb {{
  driver = passwd-file
  args = {folder}/passwd
}}
userdb {{
  driver = passwd-file
  args = {folder}/passwd
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
{elsewhere}service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
  }}
}}
service imap {{
  process_limit = 12000
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
protocol lmtp {{
  mail_plugins = sieve
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""


class Peers:
    """A Postfix and a Dovecot of this run."""

    def __init__(
        self, folder: Path, certificate: Path, key: Path, *, settings: str = "",
        under: Callable[[list[str]], list[str]] = list,
    ) -> None:  # fmt: skip
        """Writes their configuration; `start` starts them.

        `settings` are more lines of Postfix's main.cf, `under` makes the command that starts it
        of the usual one.
        """
        self._settings = settings
        self._under = under
        self._dovecot = folder / "dovecot"
        self._postfix = folder / "postfix"
        self._delivery = Group("dovecot")
        self._intake = Group("postfix")
        smtp, lmtp, imap, imaps, pop3 = free_ports(5)
        self._ports = Ports(smtp, imap, imaps, pop3)
        self._write_dovecot(certificate, key, lmtp)
        self._write_postfix(certificate, key, lmtp)

    def targets(self) -> list[Target]:
        """Dovecot's two formats, each behind the same Postfix."""
        return [
            Target(
                name=name,
                title=f"Postfix -> Dovecot ({name})",
                ports=self._ports,
                users=f"u%d@{name}.test",
                groups=(self._intake, self._delivery),
                on_the_way=self._queued,
            )
            for name in FORMATS
        ]

    def start(self) -> float:
        """Starts both; seconds until IMAP and SMTP greet."""
        began = time.perf_counter()
        with (self._dovecot / "output").open("ab") as output:
            self._delivery.start(_dovecot(self._dovecot), output)
        with (self._postfix / "output").open("ab") as output:
            self._intake.start(self._under(_postfix(self._postfix / "conf")), output)
        wait_for_greeting(self._ports.imap)
        wait_for_greeting(self._ports.smtp)
        return time.perf_counter() - began

    def stop(self) -> None:
        """Stops both."""
        self._intake.stop()
        self._delivery.stop()

    def close(self) -> None:
        """Stops both for good."""
        self._intake.close()
        self._delivery.close()

    def _queued(self) -> int:
        spool = self._postfix / "spool"
        return sum(len(files) for queue in QUEUES for _, _, files in os.walk(spool / queue))

    def _write_dovecot(self, certificate: Path, key: Path, lmtp: int) -> None:
        folder = self._dovecot
        mail = folder / "mail"
        mail.mkdir(parents=True)
        owner = pwd.getpwnam(OWNER)
        os.chown(mail, owner.pw_uid, owner.pw_gid)
        who = f"{{PLAIN}}{PASSWORD}:{owner.pw_uid}:{owner.pw_gid}::{mail}"
        lines = [
            f"u{number}@{name}.test:{who}/{name}/u{number}::userdb_mail={name}:~/mail"
            f"{' userdb_mail_fsync=always' if number == SYNCING_USER else ''}\n"
            for name in FORMATS
            for number in range(USERS)
        ]
        (folder / "passwd").write_text("".join(lines))
        text = DOVECOT_CONF.format(
            folder=folder, certificate=certificate, key=key, lmtp=lmtp,
            elsewhere=dovecot_services(*PROTOCOLS), **vars(self._ports),
        )  # fmt: skip
        (folder / "dovecot.conf").write_text(text)

    def _write_postfix(self, certificate: Path, key: Path, lmtp: int) -> None:
        folder = self._postfix
        for name in ("conf", "spool", "data"):
            (folder / name).mkdir(parents=True)
        shutil.chown(folder / "data", "postfix")
        text = MAIN_CF.format(
            folder=folder, code=POSTFIX_CODE, certificate=certificate, key=key, lmtp=lmtp
        )
        (folder / "conf" / "main.cf").write_text(text + self._settings)
        services = MASTER_CF.read_text()
        listener = f"127.0.0.1:{self._ports.smtp} inet n - n - 250 smtpd"
        services = re.sub(r"(?m)^smtp +inet .*$", listener, services)
        # Not in a chroot, which would want copies of the system's files.
        services = re.sub(r"(?m)^(\S+\s+\S+\s+\S+\s+\S+\s+)y", r"\1n", services)
        (folder / "conf" / "master.cf").write_text(services)


def missing() -> str:
    """Why the peers cannot run here; empty when they can."""
    if os.geteuid() != 0:
        return "Postfix and Dovecot must be started by root"
    programs = [_find("dovecot"), _find("postfix"), POSTFIX_CODE / "lmtp", MASTER_CF, SIEVE]
    if not all(program and Path(program).exists() for program in programs):
        return ADVICE
    try:
        dovecot_services(*PROTOCOLS)
    except FileNotFoundError as error:
        return str(error)
    return ""


def versions() -> str:
    """Which Postfix and Dovecot."""
    postfix = _ask([str(_find("postconf")), "-d", "-h", "mail_version"])
    dovecot = _ask([str(_find("dovecot")), "--version"])
    return f"Postfix {postfix}, Dovecot {dovecot.split(' ')[0]}"


def _find(program: str) -> str | None:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}")


def _dovecot(folder: Path) -> list[str]:
    return [str(_find("dovecot")), "-F", "-c", str(folder / "dovecot.conf")]


def _postfix(conf: Path) -> list[str]:
    return [str(_find("postfix")), "-c", str(conf), "start-fg"]


def _ask(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    return done.stdout.strip()
