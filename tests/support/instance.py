"""A real installation in processes of its own: made, configured, served, stopped, killed.

    installation = Installation.make(tmp_path, "a.id", "ani@a.id")
    with installation.serving(workers=2):
        imaplib.IMAP4_SSL("127.0.0.1", installation.port("imaps"))

Every account has the password `PASSWORD`. The server's own lines are in `log`.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

BIN: Final = Path(sys.executable).parent
MERPATI: Final = BIN / "merpati"
SENDMAIL: Final = BIN / "merpati-sendmail"
PASSWORD: Final = "correct horse battery staple"
PORTS: Final = {
    "smtp": 2525,
    "submission": 2587,
    "submissions": 2465,
    "lmtp": 2424,
    "imap": 2143,
    "imaps": 2993,
    "pop3": 2110,
    "pop3s": 2995,
    "managesieve": 4190,
    "http": 2080,
    "https": 2443,
    "metrics": 2910,
}
STEP: Final = 28  # no two ports above differ by a multiple of it, so no two sets share one
# Ports from 2048 on that browsers ask no web page of (the fetch standard's "bad ports").
NO_WEB: Final = frozenset({
    2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
})  # fmt: skip
COMMAND_SECONDS: Final = 60
READY_SECONDS: Final = 60  # a loaded machine; it is one or two when idle
STOP_SECONDS: Final = 60  # the server promises ten, and has to be given the processor for it
_claims: list[int] = []  # locked files, held so that they stay locked
_templates: dict[tuple[str, ...], Path] = {}


def run(
    *words: str | Path, text: str = "", env: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """The command `merpati`, to its end."""
    return subprocess.run(
        [MERPATI, *words],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_SECONDS,
        env=os.environ | (env or {}),
        cwd=cwd,
    )


def free_ports() -> int:
    """An N for which the whole set of ports `high+N` is free, and ours until this process ends.

    Below 32768, where Linux begins to give ports to outgoing connections. Some time passes until
    a server binds them, so each N has a file that whoever was given it keeps locked.
    """
    folder = Path(tempfile.gettempdir(), "merpati-ports")
    folder.mkdir(exist_ok=True)
    chance = random.SystemRandom()
    while True:
        add = chance.randrange(STEP * 36, 28_000, STEP)
        claim = os.open(folder / str(add), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(claim)
            continue
        wanted = {port + add for port in PORTS.values()}
        if not wanted & NO_WEB and all(map(_is_free, wanted)):
            _claims.append(claim)
            return add
        os.close(claim)


def free_port() -> int:
    """One such port.

    Those that the system itself hands out are none: while a server is started again, an outgoing
    connection may get its port, even the one that asks whether it is up.
    """
    return PORTS["smtp"] + free_ports()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@dataclass
class Installation:
    """One installation below `folder`; `add` is what its ports lie above the high set."""

    folder: Path
    domain: str
    add: int
    process: subprocess.Popen[str] | None = field(default=None, repr=False)
    _log: IO[str] | None = field(default=None, repr=False)

    @classmethod
    def make(cls, folder: Path, domain: str = "a.id", *addresses: str) -> Self:
        """`merpati init` and the accounts; no server runs yet.

        Done once by each process of the run, then copied: keys and hashes take seconds.
        """
        template = _templates.get((domain, *addresses))
        if template is None:
            template = Path(tempfile.mkdtemp(prefix="merpati-template-")) / "made"
            atexit.register(shutil.rmtree, template.parent, ignore_errors=True)
            made = run("init", template, "--domain", domain, "--ports", "high+0")
            assert made.returncode == 0, made.stderr
            for address in addresses:
                cls(template, domain, 0).add_account(address)
            _templates[domain, *addresses] = template
        shutil.copytree(template, folder, dirs_exist_ok=True)
        installation = cls(folder, domain, free_ports())
        installation._move()
        return installation

    @property
    def config(self) -> Path:
        return self.folder / "merpati.toml"

    @property
    def certificate(self) -> Path:
        """What clients are to trust."""
        return self.folder / "tls" / "certificate.pem"

    @property
    def log(self) -> Path:
        """What the server wrote on standard error, over all its lives."""
        return self.folder / "serve.log"

    def port(self, service: str) -> int:
        """Where a service listens, on 127.0.0.1."""
        return PORTS[service] + self.add

    def run(self, *words: str | Path, text: str = "") -> subprocess.CompletedProcess[str]:
        """A command on this installation, to its end."""
        return run(*words, text=text, env={"MERPATI_CONFIG": str(self.config)})

    def json(self, *words: str | Path) -> Any:
        """What a command that lists or shows says to programs."""
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def add_account(self, address: str, *options: str) -> None:
        """An account whose password is `PASSWORD`."""
        words = ("account", "add", address, "--password-stdin", *options)
        made = self.run(*words, text=f"{PASSWORD}\n")
        assert made.returncode == 0, made.stderr

    def sendmail(self, *words: str, text: str | bytes = "") -> subprocess.CompletedProcess[bytes]:
        """The command `merpati-sendmail`, to its end."""
        return subprocess.run(
            [SENDMAIL, *words],
            input=text.encode() if isinstance(text, str) else text,
            capture_output=True,
            check=False,
            timeout=COMMAND_SECONDS,
            env=os.environ | {"MERPATI_CONFIG": str(self.config)},
        )

    def _move(self) -> None:
        """From the ports of the template to its own."""

        def mine(found: re.Match[str]) -> str:
            return f"port = {int(found[1]) + self.add}"

        text = self.config.read_text()
        self.config.write_text(re.sub(r"^port = (\d+)$", mine, text, flags=re.MULTILINE))

    def configure(self, heading: str, **values: str) -> None:
        """Set settings in the file; each value as TOML: `configure("queue", retry='"1s"')`."""
        before, found, rest = self.config.read_text().partition(f"\n[{heading}]\n")
        assert found, f"there is no [{heading}]"
        for name, value in values.items():
            rest, count = re.subn(
                rf"^#?{name} = .*$", f"{name} = {value}", rest, count=1, flags=re.MULTILINE
            )
            assert count, f"there is no {heading}.{name}"
        self.config.write_text(before + found + rest)

    def command(self, workers: int = 2) -> list[str]:
        """The command line of the server."""
        return [str(MERPATI), "serve", "-c", str(self.config), "--workers", str(workers)]

    def start(self, workers: int = 2, env: dict[str, str] | None = None) -> float:
        """Serve; returns once it says that it is ready, with the seconds that took."""
        assert self.process is None, "it runs already"
        began = time.monotonic()
        self._log = self.log.open("a")
        self.process = subprocess.Popen(
            self.command(workers), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=self._log, text=True, env=os.environ | (env or {}),
        )  # fmt: skip
        assert self.process.stdout is not None
        watchdog = threading.Timer(READY_SECONDS, self.process.kill)  # so that the read ends
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        if not line.startswith("merpati ready"):
            self.kill()
            raise AssertionError(f"not ready but {line!r}:\n{self.log.read_text()}")
        return time.monotonic() - began

    def workers(self) -> list[int]:
        """The process ids of the workers; the indexer beside them is of lower priority."""
        assert self.process is not None
        table = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid=,ni="], capture_output=True, text=True, check=True
        ).stdout.split()
        mine = [str(self.process.pid), str(os.nice(0))]
        return [int(table[at]) for at in range(0, len(table), 3) if table[at + 1 : at + 3] == mine]

    def reload(self) -> None:
        """SIGHUP."""
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self.process is not None
        self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS)
        finally:
            self.kill()

    def kill(self) -> None:
        """SIGKILL to the supervisor and its workers, if it runs."""
        if self.process is None:
            return
        if self.process.poll() is None:
            for pid in [self.process.pid, *self.workers()]:
                with suppress(ProcessLookupError):  # they end with their supervisor
                    os.kill(pid, signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        assert self._log is not None
        self._log.close()
        self.process = None

    @contextmanager
    def serving(self, workers: int = 2) -> Iterator[Self]:
        """Run the server for as long as the block lasts."""
        self.start(workers)
        try:
            yield self
        finally:
            if self.process is not None:
                self.stop()
