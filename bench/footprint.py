"""What a server takes while nobody uses it, what each idle client adds, how soon it is there."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, Final

from bench.imap_client import Imap
from bench.meter import Group, total_memory
from bench.ours import MERPATI, free_high_set, start_until_ready
from bench.report import OURS, Row, Runs, at_most

if TYPE_CHECKING:
    from pathlib import Path

    from bench.load import Generator
    from bench.ours import Ours
    from bench.peers import Peers
    from bench.run import Plan
    from bench.target import Target

SETTLE_SECONDS: Final = 3.0
HOLD_SECONDS: Final = 8
RAMP: Final = 400  # connections a second
WARM: Final = 20  # sessions before the first count, so that what is loaded lazily is loaded
SOURCES: Final = 10  # addresses the clients have: one alone may not have thousands
MB: Final = 1e6

IDLE: Final = (
    '[open]\nwait line * OK\nsend a LOGIN "{me}" "{pass}"\\r\\n\nwait tag a OK\n'
    "send b SELECT INBOX\\r\\n\nwait tag b OK\nsend c IDLE\\r\\n\nwait line +\n[tx]\n"
)


def measure(plan: Plan, generator: Generator, ours: Ours, peers: Peers | None) -> list[Row]:
    """Memory and start of each server, started afresh for every count."""
    memory = Runs("memory")
    start = Runs("start")
    servers: list[tuple[Ours | Peers, Target]] = [(ours, ours.target())]
    if peers is not None:
        servers.append((peers, peers.targets()[0]))
    for server, target in servers:
        for name, port, is_tls in (
            ("plain", target.ports.imap, False),
            ("tls", target.ports.imaps, True),
        ):
            server.stop()
            start.add("start", target.name, server.start() * 1e3)
            time.sleep(SETTLE_SECONDS)
            memory.add("idle", target.name, total_memory(target.groups).pss / MB)
            added = _per_connection(plan, generator, target, port, tls=is_tls)
            plan.say(f"memory: {target.name} {name} {added / 1e3:.1f} KB for each connection")
            memory.add(name, target.name, added / 1e3)
    _start_demo(start, generator.folder)
    _start_help(start)
    count = plan.connections
    return [
        memory.row("idle", "MB", at_most(140), "idle, all processes (PSS)"),
        memory.row("plain", "KB", at_most(30), f"each of {count} idle IMAP connections"),
        memory.row("tls", "KB", at_most(70), f"each of {count} idle IMAP connections, TLS"),
        start.row("start", "ms", None, "serve until ready"),
        start.row("demo", "ms", at_most(3000), "second `make run` until ready, without make"),
        start.row("help", "ms", at_most(300), "`merpati --help`"),
    ]


def _per_connection(
    plan: Plan, generator: Generator, target: Target, port: int, *, tls: bool
) -> float:
    """Bytes that each of many clients in IDLE adds."""
    for number in range(WARM):
        with Imap(target, number) as session:
            session.command("SELECT INBOX")
    time.sleep(SETTLE_SECONDS)
    before = total_memory(target.groups).pss
    count = plan.connections
    words = generator.command(IDLE, target, port, conns=count, total=count, tls=tls)
    words += ["--ramp", str(RAMP), "--hold", str(HOLD_SECONDS), "--sources", str(SOURCES)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as clients:
        assert clients.stdout is not None
        clients.stdout.readline()  # all are in IDLE now
        time.sleep(2)
        after = total_memory(target.groups).pss
    if clients.returncode:
        print(f"  ! {target.name}: not every connection reached IDLE")
    return (after - before) / count


def _start_demo(runs: Runs, folder: Path) -> None:
    """The second start of the demo: what `make run` does once everything is set up."""
    ports = f"high+{free_high_set()}"
    for number in range(4):
        group = Group("demo")
        command = [str(MERPATI), "demo", str(folder / "demo"), "--ports", ports]
        took = start_until_ready(group, command, folder / "demo-output")
        group.close()
        if number:  # the first makes it
            runs.add("demo", OURS, took * 1e3)


def _start_help(runs: Runs) -> None:
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run([MERPATI, "--help"], capture_output=True, check=True)
        runs.add("help", OURS, (time.perf_counter() - began) * 1e3)
