"""The load generator `lineload.c`: built once for each run, driven by small scripts."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from bench.target import Target

SOURCE: Final = Path(__file__).with_name("lineload.c")
SECONDS: Final = 600.0
ADVICE: Final = "apt-get install gcc libc6-dev libssl-dev"


class Load(msgspec.Struct, frozen=True):
    """What one run of the load generator came to; latencies in milliseconds."""

    n: int
    errors: int
    wall_s: float
    per_s: float
    p50_ms: float
    p99_ms: float
    client_cpu_s: float


@dataclass(frozen=True)
class Generator:
    """The load generator, built in `folder`."""

    folder: Path

    @classmethod
    def build(cls, folder: Path) -> Generator:
        """Compiles it.

        Raises:
            SystemExit: there is no compiler, or no OpenSSL to compile with.
        """
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise SystemExit(f"no C compiler for the load generator: {ADVICE}")
        words = [compiler, "-O2", "-o", str(folder / "lineload"), str(SOURCE), "-lssl", "-lcrypto"]
        built = subprocess.run(words, capture_output=True, text=True, check=False)
        if built.returncode:
            raise SystemExit(f"the load generator does not compile ({ADVICE}):\n{built.stderr}")
        return cls(folder)

    def run(
        self,
        script: str,
        target: Target,
        port: int,
        *,
        conns: int,
        total: int,
        per_conn: int = 0,
        body: Path | None = None,
        nusers: int = 0,
    ) -> Load:
        """Does `total` transactions over `conns` connections, each begun when one before it ends.

        Args:
            script: the steps, see lineload.c.
            target: whose users and password to use.
            port: of the protocol, on 127.0.0.1.
            conns: connections at once.
            total: transactions in all.
            per_conn: transactions of one connection, 0 for no limit.
            body: the file that the step `body` sends.
            nusers: how many of the server's users to use, all when 0.
        """
        words = self.command(script, target, port, conns=conns, total=total)
        words += ["--per-conn", str(per_conn)]
        if nusers:
            words += ["--nusers", str(nusers)]
        if body is not None:
            words += ["--body", str(body)]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=SECONDS)
        if not done.stdout:
            raise RuntimeError(f"lineload failed: {done.stderr}")
        load = msgspec.json.decode(done.stdout, type=Load)
        if load.errors:
            print(f"  ! {target.name}: {load.errors} errors; {done.stderr.strip()[:300]}")
        return load

    def command(
        self, script: str, target: Target, port: int, *, conns: int, total: int, tls: bool = False
    ) -> list[str]:
        """The command line, for those who start it themselves."""
        file = self.folder / "script"
        file.write_text(script)
        words = [
            str(self.folder / "lineload"), "--script", str(file),
            "--host", "127.0.0.1", "--port", str(port),
            "--conns", str(conns), "--total", str(total),
            "--users", target.users, "--nusers", str(target.nusers), "--password", target.password,
        ]  # fmt: skip
        return [*words, "--tls"] if tls else words
