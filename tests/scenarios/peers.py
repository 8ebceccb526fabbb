"""Mail servers of others, each in a room of its own: Postfix, Exim and OpenSMTPD.

They find everybody through the DNS of the test, and everybody finds them: each has an
address of its own in 127.0.0.0/8, and there port 25. What such a server has compiled in
(where it keeps its queue, as whom it runs, which resolver it asks) is replaced by mounts
that its processes alone see. They live in a process namespace that dies with its first
process, so nothing is left behind. All this takes root.

Debian's packages of them exclude each other; `.ci/run` unpacks those that are not
installed into `var/peers`.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import smtplib
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.support.dns import DnsServer
from tests.support.programs import missing, need

UNPACKED: Final = Path(__file__).parents[2] / "var" / "peers"
READY_SECONDS: Final = 60
NOBODY: Final = 65534
BUDI: Final = "budi"  # who has a mailbox there
BUDI_UTF8: Final = "büdi"  # the same, where mailboxes may be called so

ROOM: Final = """\
set -e
for name in passwd group resolv.conf; do mount --bind "$1/etc/$name" "/etc/$name"; done
mount --bind "$1" /mnt
if [ -n "$2" ]; then mount --bind "$2" /mnt/program; fi
for pair in $3; do mount --bind "/mnt/${pair%%:*}" "${pair#*:}"; done
shift 3
cd /mnt
"$@" &
wait
"""

POSTFIX: Final = """\
compatibility_level = 3.6
queue_directory = /mnt/spool
data_directory = /mnt/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
meta_directory = /etc/postfix
shlib_directory = /usr/lib/postfix
maillog_file = /dev/stdout
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtp_bind_address = {address}
myhostname = mx.{domain}
mydomain = {domain}
myorigin = {domain}
mydestination =
mynetworks = 127.0.0.1/32
smtputf8_enable = yes
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = inline:{{ {{ {budi}@{domain} = here/ }},
  {{ {budi_utf8}@{domain} = here/ }} }}
virtual_mailbox_base = /mnt/mail
virtual_uid_maps = static:{nobody}
virtual_gid_maps = static:{nobody}
smtpd_tls_cert_file = /mnt/certificate.pem
smtpd_tls_key_file = /mnt/key.pem
smtpd_tls_security_level = may
smtpd_tls_received_header = yes
smtp_tls_security_level = encrypt
smtp_tls_loglevel = 1
"""

EXIM: Final = """\
primary_hostname = mx.{domain}
spool_directory = /mnt/spool
log_file_path = /mnt/log/%s
pid_file_path = /mnt/data/exim.pid
exim_path = /mnt/program/usr/sbin/exim4
deliver_drop_privilege = true
keep_environment =
local_interfaces = {address}
daemon_smtp_ports = 25
tls_advertise_hosts = *
tls_certificate = /mnt/certificate.pem
tls_privatekey = /mnt/key.pem
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
chunking_advertise_hosts = *
rfc1413_query_timeout = 0s
host_lookup = *
log_selector = +dkim_verbose
acl_smtp_rcpt = who

begin acl
who:
  accept hosts = 127.0.0.1
  deny message = relay not permitted
    ! domains = {domain}
  require verify = recipient
  accept

begin routers
here:
  driver = accept
  domains = {domain}
  local_parts = {budi} : {budi_utf8}
  transport = maildir
away:
  driver = dnslookup
  domains = ! {domain}
  transport = smtp

begin transports
maildir:
  driver = appendfile
  directory = /mnt/mail/here
  maildir_format
  return_path_add
  user = {owner}
smtp:
  driver = smtp
  interface = {address}
  hosts_require_tls = *

begin retry
* * F,1h,1m
"""

OPENSMTPD: Final = """\
pki {domain} cert "/mnt/certificate.pem"
pki {domain} key "/mnt/key.pem"
listen on {address} tls pki {domain} hostname mx.{domain}
action "here" maildir "/mnt/mail/here"
action "away" relay src {address} helo mx.{domain} tls no-verify
match from any for domain {domain} action "here"
match from src 127.0.0.1 for any action "away"
match from local for any action "away"
"""


@dataclass
class Peer:
    """One of them; `takes_tls` says whether its side of a handshake works."""

    name: str
    folder: Path
    address: str
    takes_tls: bool = True

    @property
    def domain(self) -> str:
        return f"{self.name}.test"

    @property
    def budi(self) -> str:
        return f"{BUDI}@{self.domain}"

    @property
    def host(self) -> str:
        return f"mx.{self.domain}"

    @property
    def log(self) -> str:
        """All that it has written about what it does."""
        files = [self.folder / "output", *(self.folder / "log").iterdir()]
        return "".join(file.read_text(errors="replace") for file in files if file.is_file())

    def mail(self) -> list[bytes]:
        """The messages that arrived there, with the line ends they had on the way."""
        new = self.folder / "mail" / "here" / "new"
        files = sorted(new.iterdir()) if new.exists() else []
        return [re.sub(rb"\r?\n", b"\r\n", file.read_bytes()) for file in files]

    def send(self, message: bytes, to: str, sender: str = "", *options: str) -> None:
        """Somebody who sits at this very machine sends a message through it."""
        with smtplib.SMTP(self.address, 25, "localhost", timeout=10) as session:
            session.ehlo()
            refused = session.sendmail(
                sender or self.budi, [to], message, mail_options=("BODY=8BITMIME", *options)
            )
            assert not refused

    def shakes_hands(self) -> bool:
        """Whether STARTTLS leads to TLS."""
        with smtplib.SMTP(self.address, 25, "localhost", timeout=10) as session:
            try:
                session.starttls(context=ssl._create_unverified_context())
            except (OSError, smtplib.SMTPException):
                session.close()
                return False
        return True

    def publish(self, names: DnsServer) -> None:
        """Its records: where its mail goes, and that only it sends mail."""
        names.set(self.domain, "MX", f"10 {self.host}.")
        names.set(self.domain, "TXT", '"v=spf1 mx -all"')
        names.set(self.host, "A", self.address)
        reverse = ".".join(reversed(self.address.split(".")))
        names.set(f"{reverse}.in-addr.arpa", "PTR", f"{self.host}.")

    def prepare(self, resolver: str, users: dict[str, int]) -> None:
        """The folder that will be /mnt, and files for /etc."""
        for name in ("etc", "spool", "data", "log", "mail", "conf", "program"):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)
        (self.folder / "etc" / "resolv.conf").write_text(f"nameserver {resolver}\n")
        passwd, group = Path("/etc/passwd").read_text(), Path("/etc/group").read_text()
        for name, number in users.items():
            if not re.search(rf"(?m)^{name}:", passwd):
                passwd += f"{name}:x:{number}:{number}::/var/empty:/bin/false\n"
                group += f"{name}:x:{number}:\n"
        (self.folder / "etc" / "passwd").write_text(passwd)
        (self.folder / "etc" / "group").write_text(group)
        made = subprocess.run(
            [
                need("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                "-subj", f"/CN={self.host}", "-addext", f"subjectAltName=DNS:{self.host}",
                "-keyout", "key.pem", "-out", "certificate.pem",
            ],
            cwd=self.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr

    def configured(self, text: str, file: str, **more: str) -> None:
        whole = text.format(
            address=self.address, domain=self.domain, nobody=NOBODY,
            budi=BUDI, budi_utf8=BUDI_UTF8, **more,
        )  # fmt: skip
        (self.folder / "conf" / file).write_text(whole)

    @contextmanager
    def running(self, *command: str, program: str = "", mounts: str = "") -> Iterator[Peer]:
        """Runs the server in its room; `mounts` are "folder:place" pairs, folders of /mnt."""
        room = [
            need("unshare"), "--mount", "--pid", "--fork", "--mount-proc", "--kill-child",
            "sh", "-c", ROOM, "room", str(self.folder), program, mounts, *command,
        ]  # fmt: skip
        with (self.folder / "output").open("wb") as output:
            process = subprocess.Popen(
                room, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
        try:
            self._greeting(process)
            yield self
        finally:
            process.kill()
            process.wait()

    def _greeting(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            assert process.poll() is None, self.log
            try:
                with smtplib.SMTP(self.address, 25, "localhost", timeout=5):
                    return
            except OSError:
                assert time.monotonic() < deadline, self.log
                time.sleep(0.05)


@contextmanager
def postfix(folder: Path, network: str, resolver: str) -> Iterator[Peer]:
    """Postfix, as installed."""
    program = need("postfix")
    example = Path("/usr/share/postfix/master.cf.dist")
    peer = Peer("postfix", folder / "postfix", f"{network}.2")
    peer.prepare(resolver, {})
    shutil.chown(peer.folder / "data", "postfix")
    os.chown(peer.folder / "mail", NOBODY, NOBODY)
    peer.configured(POSTFIX, "main.cf")
    listener = f"{peer.address}:25 inet n - n - - smtpd"  # it is no address of an interface
    services = re.sub(r"(?m)^smtp +inet .*$", listener, example.read_text())
    # Not in a chroot, which would want copies of the system's files.
    services = re.sub(r"(?m)^(\S+\s+\S+\s+\S+\s+\S+\s+)y", r"\1n", services)
    (peer.folder / "conf" / "master.cf").write_text(services)
    with peer.running(program, "-c", "/mnt/conf", "start-fg"):
        yield peer


@contextmanager
def exim(folder: Path, network: str, resolver: str) -> Iterator[Peer]:
    """Exim, as unpacked."""
    program = _unpacked("exim4", "usr/sbin/exim4")
    owner = "Debian-exim"  # compiled in
    peer = Peer("exim", folder / "exim", f"{network}.3")
    peer.prepare(resolver, {owner: 61001})
    for name in ("spool", "data", "log", "mail", "key.pem"):
        os.chown(peer.folder / name, 61001, 61001)
    peer.configured(EXIM, "exim.conf", owner=owner)
    command = ("/mnt/program/usr/sbin/exim4", "-C", "/mnt/conf/exim.conf", "-bdf", "-q1m")
    with peer.running(*command, program=program):
        yield peer


@contextmanager
def opensmtpd(folder: Path, network: str, resolver: str) -> Iterator[Peer]:
    """OpenSMTPD, as unpacked."""
    program = _unpacked("opensmtpd", "usr/sbin/smtpd")
    peer = Peer("opensmtpd", folder / "opensmtpd", f"{network}.4")
    peer.prepare(resolver, {"opensmtpd": 61002, "opensmtpq": 61003, BUDI: 61004})
    os.chown(peer.folder / "mail", 61004, 61004)
    peer.configured(OPENSMTPD, "smtpd.conf")
    mounts = "program/usr/libexec:/usr/libexec program/var/lib:/var/lib spool:/var/spool data:/run"
    command = ("/mnt/program/usr/sbin/smtpd", "-d", "-f", "/mnt/conf/smtpd.conf")
    with peer.running(*command, program=program, mounts=mounts):
        # 6.8 offers STARTTLS, but built with OpenSSL 3 its process that has the key cannot sign.
        peer.takes_tls = peer.shakes_hands()
        yield peer


PEERS: Final = {"postfix": postfix, "exim": exim, "opensmtpd": opensmtpd}


def need_rooms() -> None:
    """Skips the running test where a server cannot be given a room of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a server a room of its own")
    probe = [need("unshare"), "--mount", "--pid", "--fork", "--mount-proc", "true"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        missing("this machine allows no namespaces: unshare --mount --pid fails")


def free_network() -> str:
    """Three numbers of addresses that nobody uses, so that runs do not meet."""
    chance = random.SystemRandom()
    return f"127.{chance.randrange(64, 255)}.{chance.randrange(1, 255)}"


def _unpacked(package: str, program: str) -> str:
    folder = UNPACKED / package
    if not (folder / program).exists():
        missing(f"{package} is missing; .ci/run unpacks it into var/peers")
    done = subprocess.run(["ldd", folder / program], capture_output=True, text=True, check=False)
    lost = re.findall(r"(\S+) => not found", done.stdout)
    if lost:
        missing(f"{package} misses {', '.join(lost)}; .ci/run installs them")
    return str(folder)
