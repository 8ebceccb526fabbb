"""Kills a mail server again and again during SMTP intake, then counts what it lost.

The ledger: a message is *acknowledged* when 250 was read after the final dot;
an attempt is *ambiguous* when the connection died after the dot and before a
reply. A real sender tries an ambiguous attempt again, so of one message there
may be 1 + its ambiguous attempts copies; with `idempotent`, exactly one.

The run passes when no acknowledged message is missing, none is corrupt, no
message has copies beyond its allowance, and every restart answered in time.

With `rules` the server runs under faultio and dies by itself in the middle of
file operations, which finds windows that a killer from outside misses; any
other rule works too (`fsync:eio@~20`: no 250 for mail that was not synced).

    python -m tests.faults.tools.killloop --port 2525 --messages 2000 --kills 0 \
        --rules 'any:kill@~200' --watch DIR --serve 'COMMAND' --list 'COMMAND'

The listing prints the `X-Fault-Id` of each stored message, one a line, and
`CORRUPT id` for a message that is there but not whole.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from tests.faults.tools import faultio

Listing = Callable[[], list[str]]

START_SECONDS: Final = 60.0
REPLY_SECONDS: Final = 10.0


class RefusedError(Exception):
    """A reply of another class than was hoped for."""


class Smtp:
    """Just enough of an SMTP client to keep an exact ledger."""

    def __init__(self, port: int, seconds: float = REPLY_SECONDS) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), seconds)
        self._file = self._socket.makefile("rb")
        try:
            self.expect(b"2")
        except BaseException:
            self.close()
            raise

    def expect(self, first: bytes) -> bytes:
        """The last line of the next reply; `RefusedError` when it starts otherwise."""
        while True:
            line = self._file.readline(4096)
            if not line:
                raise ConnectionError("closed")
            if line[3:4] != b"-":
                break
        if not line.startswith(first):
            raise RefusedError(line.decode("latin-1").strip())
        return line

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def command(self, text: str, first: bytes = b"2") -> bytes:
        self.send(text.encode() + b"\r\n")
        return self.expect(first)

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def message(name: str, recipient: str, size: int) -> bytes:
    """A message that carries its `X-Fault-Id`, its lines no longer than they may be."""
    head = (
        f"X-Fault-Id: {name}\r\nMessage-ID: <{name}@fault.test>\r\nFrom: a@example.test\r\n"
        f"To: {recipient}\r\nSubject: {name}\r\n\r\n"
    )
    return head.encode() + b"\r\n".join([b"x" * 76] * (size // 78)) + b"\r\n.\r\n"


@dataclass
class Ledger:
    """What the sender knows about each message."""

    acknowledged: Counter[str] = field(default_factory=Counter)
    ambiguous: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    last_refusal: str = ""

    def send(self, client: Smtp, name: str, recipient: str, size: int) -> str:
        """One attempt, booked; the reply to its final dot.

        Raises `OSError` or `RefusedError` when it did not succeed.
        """
        client.command("MAIL FROM:<a@example.test>")
        client.command(f"RCPT TO:<{recipient}>")
        client.command("DATA", b"3")
        data = message(name, recipient, size)
        client.send(data[:-5])
        try:
            client.send(data[-5:])
            reply = client.expect(b"2")
        except OSError:
            self.ambiguous[name] += 1
            raise
        except RefusedError as error:
            self.refused[name] += 1
            self.last_refusal = str(error)
            raise
        self.acknowledged[name] += 1
        return reply.decode("latin-1").strip()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One run. Sizes in bytes, times in seconds."""

    port: int
    serve: Sequence[str]
    listing: Listing
    recipient: str = "b@example.test"
    messages: int = 1000
    sessions: int = 4
    size: tuple[int, int] = (200, 20_000)
    kills: int = 0  # by this harness, from outside
    uptime: tuple[float, float] = (0.05, 0.6)
    limit: float = 600.0
    settle: float = 0.0  # after the last start, at most so long until `settled`
    settled: Callable[[], bool] = lambda: False
    seed: int = 1
    rules: str = ""
    library: Path | None = None  # faultio.so; wanted with rules
    watched: Path | None = None
    partial: bool = False  # unsent mail at the time limit is no failure
    idempotent: bool = False
    environment: Mapping[str, str] | None = None
    output: Path | None = None  # of the server


@dataclass(frozen=True)
class Result:
    """What a run found; `why` is empty unless the run itself went wrong."""

    passed: bool
    why: str
    acknowledged: int
    stored: int
    lost: list[str]
    corrupt: list[str]
    beyond_allowance: dict[str, int]
    copies: int
    ambiguous: int
    refused: int
    last_refusal: str
    kills: int
    starts: int
    slowest_start: float
    seconds: float


class Server:
    """The server under test: started, seen ready, killed with all its processes."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._process: subprocess.Popen[bytes] | None = None
        self.start_seconds: list[float] = []

    def _environment(self, *, rules: bool) -> dict[str, str]:
        plan = self._plan
        made = dict(os.environ if plan.environment is None else plan.environment)
        if rules and plan.rules:
            assert plan.library is not None
            assert plan.watched is not None
            made |= faultio.environment(
                plan.library, plan.watched, rules=plan.rules, seed=plan.seed
            )
        return made

    def died(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def start(self, *, rules: bool = True) -> bool:
        """True when it answered 220; False when it died (as rules make it) or was too slow."""
        self.stop(signal.SIGKILL)
        begun = time.monotonic()
        with (self._plan.output or Path(os.devnull)).open("ab") as output:
            self._process = subprocess.Popen(
                self._plan.serve,
                start_new_session=True,
                env=self._environment(rules=rules),
                stdout=output,
                stderr=output,
            )
        while time.monotonic() - begun < START_SECONDS:
            try:
                Smtp(self._plan.port, 2).close()
            except (OSError, RefusedError):
                if self.died():
                    return False
                time.sleep(0.02)
            else:
                self.start_seconds.append(time.monotonic() - begun)
                return True
        return False

    def stop(self, number: signal.Signals) -> None:
        """Ends the whole group, as a service manager would before it restarts a service."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(15)
        with suppress(ProcessLookupError):  # workers that outlived their supervisor
            os.killpg(self._process.pid, signal.SIGKILL)


class Loop:
    """One run of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._chance = random.Random(plan.seed)
        self._todo = deque(range(plan.messages))
        self._over = threading.Event()
        self._server = Server(plan)
        self._kills = 0
        self.ledger = Ledger()

    def _session(self) -> None:
        """Sends messages until none is left, each until it is acknowledged."""
        plan = self._plan
        client: Smtp | None = None
        while not self._over.is_set():
            try:
                number = self._todo.popleft()
            except IndexError:
                break
            name, size = f"m{number:06}", random.Random(number).randrange(*plan.size)
            while not self._over.is_set():
                try:
                    if client is None:
                        client = Smtp(plan.port)
                        client.command("EHLO fault.test")
                    self.ledger.send(client, name, plan.recipient, size)
                    break
                except (OSError, RefusedError):
                    if client is not None:
                        client.close()
                    client = None
                    time.sleep(0.03)
        if client is not None:
            client.close()

    def _first_start(self) -> bool:
        return any(self._server.start() for _ in range(50 if self._plan.rules else 1))

    def _restart(self) -> str:
        """Why the server is not up again; dying once more while starting is fine under rules."""
        if self._server.start() or self._server.died():
            return ""
        return f"start {len(self._server.start_seconds) + 1} not ready"

    def _keep_killing(self, sessions: Sequence[threading.Thread]) -> str:
        """Until all is sent: kills the server, and starts it again whenever it is down."""
        plan, begun, why = self._plan, time.monotonic(), ""
        while any(session.is_alive() for session in sessions) and not why:
            if time.monotonic() - begun > plan.limit:
                return "" if plan.partial else "time limit"
            if self._server.died():
                self._kills += 1
                why = self._restart()
            elif self._kills < plan.kills:
                time.sleep(self._chance.uniform(*plan.uptime))
                self._server.stop(signal.SIGKILL)
                self._kills += 1
                why = self._restart()
            else:
                time.sleep(0.05)
        return why

    def run(self) -> Result:
        """Runs the plan to its end; the server is down afterwards."""
        begun = time.monotonic()
        try:
            why = self._traffic()
            if not why and not self._server.start(rules=False):
                why = "last start failed"
            self._settle()
        finally:
            self._over.set()
            self._server.stop(signal.SIGTERM)
        return self._judge(why, time.monotonic() - begun)

    def _settle(self) -> None:
        end = time.monotonic() + self._plan.settle
        while time.monotonic() < end and not self._plan.settled():
            time.sleep(0.2)

    def _traffic(self) -> str:
        if not self._first_start():
            return "first start failed"
        sessions = [
            threading.Thread(target=self._session, daemon=True) for _ in range(self._plan.sessions)
        ]
        for session in sessions:
            session.start()
        why = self._keep_killing(sessions)
        self._over.set()
        self._server.stop(signal.SIGKILL)
        for session in sessions:
            session.join(REPLY_SECONDS)
        return why

    def _judge(self, why: str, seconds: float) -> Result:
        plan, ledger = self._plan, self.ledger
        listed = plan.listing()
        corrupt = [line[8:] for line in listed if line.startswith("CORRUPT")]
        stored = Counter(line for line in listed if line and not line.startswith("CORRUPT"))
        lost = sorted(name for name in ledger.acknowledged if not stored[name])
        beyond = {
            name: count
            for name, count in stored.items()
            if count > (1 if plan.idempotent else 1 + ledger.ambiguous[name])
        }
        killed_inside = faultio.fired(plan.watched) if plan.watched and "kill" in plan.rules else 0
        return Result(
            passed=not (lost or corrupt or beyond or why),
            why=why,
            acknowledged=len(ledger.acknowledged),
            stored=stored.total(),
            lost=lost,
            corrupt=corrupt,
            beyond_allowance=beyond,
            copies=stored.total() - len(stored),
            ambiguous=ledger.ambiguous.total(),
            refused=ledger.refused.total(),
            last_refusal=ledger.last_refusal,
            kills=max(self._kills, killed_inside),
            starts=len(self._server.start_seconds),
            slowest_start=round(max(self._server.start_seconds, default=0.0), 3),
            seconds=round(seconds, 1),
        )


def listing_of(command: Sequence[str]) -> Listing:
    """A listing made by an outside command; a failing command is a corrupt store."""

    def listing() -> list[str]:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        failed = [f"CORRUPT listing: {done.stderr[-300:]}"] if done.returncode else []
        return done.stdout.splitlines() + failed

    return listing


def _plan(library: Path) -> Plan:
    parser = argparse.ArgumentParser(description="kills a mail server during intake")
    parser.add_argument("--serve", type=shlex.split, required=True)
    parser.add_argument("--list", type=shlex.split, required=True)
    parser.add_argument("--port", type=int, default=2525)
    parser.add_argument("--recipient", default="b@example.test")
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--sessions", type=int, default=4)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--uptime", type=float, nargs=2, default=(0.05, 0.6))
    parser.add_argument("--limit", type=float, default=600)
    parser.add_argument("--settle", type=float, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rules", default="")
    parser.add_argument("--watch", type=Path)
    parser.add_argument("--partial", action="store_true")
    parser.add_argument("--idempotent", action="store_true")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    if options.rules and not options.watch:
        parser.error("--rules wants --watch")
    return Plan(
        port=options.port,
        serve=options.serve,
        listing=listing_of(options.list),
        recipient=options.recipient,
        messages=options.messages,
        sessions=options.sessions,
        kills=options.kills,
        uptime=tuple(options.uptime),
        limit=options.limit,
        settle=options.settle,
        seed=options.seed,
        rules=options.rules,
        library=faultio.build(library) if options.rules else None,
        watched=options.watch,
        partial=options.partial,
        idempotent=options.idempotent,
        output=options.output,
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as _folder:
        _result = Loop(_plan(Path(_folder))).run()
    print(json.dumps(asdict(_result)))
    sys.exit(0 if _result.passed else 1)
