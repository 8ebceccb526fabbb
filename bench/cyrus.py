"""Cyrus beside us for the reading of mail: private, on loopback, with the settings it ships with.

Its mail is kept safe the way it does by default (fsync); what is set is where things are, who
the users are, and that their INBOX comes by itself. It has no SMTP here: mail is appended.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path
from typing import Final

from bench.meter import Group
from bench.target import PASSWORD, USERS, Ports, Target, free_ports, wait_for_greeting
from tests.support.unpacked import UNPACKED

NAME: Final = "cyrus"
OWNER: Final = "nobody"  # of its mail; the package would make a user of its own
CODE: Final = UNPACKED / "cyrus/usr/lib/cyrus/bin"
LIBRARIES: Final = UNPACKED / "cyrus/usr/lib/x86_64-linux-gnu"
# What its JMAP takes besides; the package of its HTTP server is cyrus-caldav.
JMAP_CONF: Final = "conversations: yes\nhttpmodules: jmap\n"
FOLDERS: Final = (
    "conf/db", "conf/log", "conf/msg", "conf/proc", "conf/ptclient", "conf/socket", "conf/sync",
    "conf/user", "conf/quota", "conf/mbpath", "spool", "run/proc", "run/lock",
)  # fmt: skip

IMAPD_CONF: Final = """\
configdirectory: {folder}/conf
proc_path: {folder}/run/proc
mboxname_lockpath: {folder}/run/lock
defaultpartition: default
partition-default: {folder}/spool
cyrus_user: {owner}
admins: admin
altnamespace: yes
unixhierarchysep: yes
virtdomains: off
autocreate_quota: 0
hashimapspool: yes
allowplaintext: yes
sasl_mech_list: PLAIN LOGIN
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {folder}/conf/sasldb2
servername: localhost
defaultdomain: localhost
tls_server_cert: {folder}/certificate.pem
tls_server_key: {folder}/key.pem
idlesocket: {folder}/run/idle
syslog_prefix: merpati-bench
maxlogins_per_host: 0
"""
JMAP_SERVICE: Final = (
    '  http cmd="{code}/httpd -C {folder}/imapd.conf" listen="127.0.0.1:{port}" maxchild=100'
)
CYRUS_CONF: Final = """\
START {{
  recover cmd="{code}/ctl_cyrusdb -C {folder}/imapd.conf -r"
  idled cmd="{code}/idled -C {folder}/imapd.conf"
}}
SERVICES {{
  imap cmd="{code}/imapd -C {folder}/imapd.conf" listen="127.0.0.1:{imap}" prefork=2 maxchild=6000
  imaps cmd="{code}/imapd -s -C {folder}/imapd.conf" listen="127.0.0.1:{imaps}" maxchild=6000
  pop3 cmd="{code}/pop3d -C {folder}/imapd.conf" listen="127.0.0.1:{pop3}" maxchild=100
{http}
}}
EVENTS {{
}}
"""


class Cyrus:
    """A Cyrus of this run."""

    def __init__(self, folder: Path, certificate: Path, key: Path, *, jmap: bool = False) -> None:
        """Writes its configuration; `start` starts it.

        With `jmap` its mail has conversations, which other measurements do without.
        """
        self._folder = folder / NAME
        self._group = Group(NAME)
        imap, imaps, pop3, self.http = free_ports(4)
        self._ports = Ports(0, imap, imaps, pop3)
        for name in FOLDERS:
            (self._folder / name).mkdir(parents=True)
        for file, name in ((certificate, "certificate.pem"), (key, "key.pem")):
            shutil.copy(file, self._folder / name)
        facts = {"folder": self._folder, "owner": OWNER, "code": CODE, **vars(self._ports)}
        facts["http"] = JMAP_SERVICE.format(**facts, port=self.http) if jmap else ""
        imapd = IMAPD_CONF + JMAP_CONF if jmap else IMAPD_CONF
        for name, text in (("imapd.conf", imapd), ("cyrus.conf", CYRUS_CONF)):
            (self._folder / name).write_text(text.format(**facts))
        for number in range(USERS):
            words = ["saslpasswd2", "-p", "-c", "-u", "localhost", f"u{number}"]
            words[1:1] = ["-f", str(self._folder / "conf/sasldb2")]
            subprocess.run(words, input=PASSWORD, text=True, check=True)
        owner = pwd.getpwnam(OWNER)
        for path in (self._folder, *self._folder.rglob("*")):
            os.chown(path, owner.pw_uid, owner.pw_gid)

    def target(self) -> Target:
        """Cyrus."""
        return Target(
            name=NAME,
            title="Cyrus",
            ports=self._ports,
            users="u%d",
            groups=(self._group,),
            on_the_way=lambda: 0,
        )

    def start(self) -> float:
        """Starts it; seconds until IMAP greets."""
        began = time.perf_counter()
        folder = self._folder
        words = ["env", f"LD_LIBRARY_PATH={LIBRARIES}", str(CODE / "master")]
        words += ["-C", f"{folder}/imapd.conf", "-M", f"{folder}/cyrus.conf"]
        words += ["-p", f"{folder}/run/master.pid", "-D"]
        with (folder / "output").open("ab") as output:
            self._group.start(words, output)
        wait_for_greeting(self._ports.imap)
        return time.perf_counter() - began

    def stop(self) -> None:
        """Stops it."""
        self._group.stop()

    def close(self) -> None:
        """Stops it for good."""
        self._group.close()


def missing() -> str:
    """Why it cannot run here; empty when it can."""
    if os.geteuid() != 0:
        return "Cyrus must be started by root"
    if not (CODE / "imapd").exists() or shutil.which("saslpasswd2") is None:
        return "Cyrus is missing; .ci/run unpacks it into var/peers (and installs sasl2-bin)"
    return ""


def version() -> str:
    """Which Cyrus."""
    done = subprocess.run(
        [CODE / "cyr_info", "version"], capture_output=True, text=True, check=False, timeout=10,
        env=os.environ | {"LD_LIBRARY_PATH": str(LIBRARIES)},
    )  # fmt: skip
    return (done.stdout + done.stderr).strip()
