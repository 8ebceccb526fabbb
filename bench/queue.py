"""Mail on its way out: relaying to a sink, and a queue full of mail for a dead destination.

Each server takes submissions and passes them on to Postfix's `smtp-sink`; then it is given
thousands of messages for a domain whose only host refuses connections, and does the same
work again. The peer is Postfix alone.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import apsw

from bench import corpus
from bench.meter import Group, Meter, total_memory
from bench.ours import DOMAIN, Ours
from bench.peers import MAIN_BASE, MASTER_CF, POSTFIX_CODE, SYSTEM_PATH
from bench.report import OURS, PEER, Row, Runs, at_least, at_most, part, times
from bench.target import PASSWORD, Ports, Target, free_ports, wait_for_greeting

if TYPE_CHECKING:
    from bench.load import Generator
    from bench.run import Plan

SUITE: Final = "queue"
CONNECTIONS: Final = 10
KIB: Final = 4
DEAD: Final = "u%d@dead.test"
LIVE: Final = "u%d@sink.test"
NUSERS: Final = 500
WARM: Final = 200  # messages
SETTLE_SECONDS: Final = 5.0
REST_SECONDS: Final = 60.0  # what comes once a minute counts, and no more than it should
DRAIN_SECONDS: Final = 300.0
MB: Final = 1e6
LARGE: Final = 100_000

MAIN_CF: Final = (
    MAIN_BASE
    + """\
transport_maps = inline:{{sink.test=smtp:[127.0.0.1]:{sink}, dead.test=smtp:[127.0.0.1]:1}}
smtpd_client_connection_count_limit = 0
message_size_limit = 52428800
"""
)


class Server(Protocol):
    """What is measured."""

    target: Target
    login: str  # lines of the script that sign in

    def start(self) -> float:
        """Serve; seconds until it is ready."""

    def stop(self) -> None:
        """Stop serving."""

    def close(self) -> None:
        """Stop for good."""

    def queued(self, *, for_sink: bool) -> int:
        """Messages that wait: for the sink, or for the dead destination too."""


class Sink:
    """Postfix's own SMTP server that throws away what it is given."""

    def __init__(self, folder: Path) -> None:
        [self.port] = free_ports(1)
        self._group = Group("sink")
        program = _find("smtp-sink")
        words = [
            program,
            "-u",
            "nobody",
            "-R",
            "/tmp",
            "-m",
            "500",
            f"127.0.0.1:{self.port}",
            "500",
        ]
        if os.geteuid() != 0:
            words[1:5] = []
        with (folder / "sink").open("wb") as output:
            self._group.start(words, output)
        wait_for_greeting(self.port)

    def close(self) -> None:
        """Stop it."""
        self._group.close()


class Sender:
    """Our server, with a route to the sink and one to nowhere."""

    def __init__(self, folder: Path, sink: int) -> None:
        self._ours = Ours(folder / "queue")
        file = self._ours.config
        routes = (
            f'["sink.test smtp+clear://127.0.0.1:{sink}", "dead.test smtp+clear://127.0.0.1:1"]'
        )
        text = file.read_text()
        assert "\n[outbound]\n" in text, "the configuration has no [outbound]"
        text = text.replace("\n[outbound]\n", f"\n[outbound]\nroutes = {routes}\n")
        file.write_text(text)
        target = self._ours.target()
        ports = Ports(target.ports.smtp + 62, target.ports.imap, target.ports.imaps)  # submission
        self.target = Target(
            target.name, target.title, ports, LIVE, target.groups, target.on_the_way, NUSERS
        )
        response = base64.b64encode(f"\0u0@{DOMAIN}\0{PASSWORD}".encode()).decode()
        self.login = f"send AUTH PLAIN {response}\\r\\n\nwait smtp 235\n"
        self.sender = f"u0@{DOMAIN}"

    def start(self) -> float:
        """Serve; seconds until it is ready."""
        return self._ours.start()

    def stop(self) -> None:
        """Stop serving."""
        self._ours.stop()

    def close(self) -> None:
        """Stop for good."""
        self._ours.close()

    def queued(self, *, for_sink: bool) -> int:
        """Messages that wait."""
        file = self._ours.folder / "data" / "merpati.sqlite"
        where = " WHERE destination = 'sink.test'" if for_sink else ""
        # By the library that the store uses: two of them in one process break each other's locks.
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        with contextlib.closing(apsw.Connection(f"file:{file}?mode=ro", flags=flags)) as db:
            db.set_busy_timeout(30_000)
            [(count,)] = db.execute(f"SELECT count(*) FROM queue_recipient{where}")
            return int(count)


class Postfix:
    """Postfix as Debian ships it, with the same two routes."""

    login = ""
    sender = "u0@bench.test"

    def __init__(self, folder: Path, sink: int) -> None:
        self._folder = folder / "queue-postfix"
        self._group = Group("queue-postfix")
        [port] = free_ports(1)
        for name in ("conf", "spool", "data"):
            (self._folder / name).mkdir(parents=True)
        shutil.chown(self._folder / "data", "postfix")
        text = MAIN_CF.format(folder=self._folder, code=POSTFIX_CODE, sink=sink)
        (self._folder / "conf" / "main.cf").write_text(text)
        services = MASTER_CF.read_text()
        services = re.sub(
            r"(?m)^smtp +inet .*$", f"127.0.0.1:{port} inet n - n - 250 smtpd", services
        )
        services = re.sub(r"(?m)^(\S+\s+\S+\s+\S+\s+\S+\s+)y", r"\1n", services)
        (self._folder / "conf" / "master.cf").write_text(services)
        self.target = Target(
            PEER, "Postfix", Ports(port, 0, 0), LIVE, (self._group,), lambda: 0, NUSERS
        )

    def start(self) -> float:
        """Serve; seconds until it is ready."""
        began = time.perf_counter()
        with (self._folder / "output").open("ab") as output:
            conf = str(self._folder / "conf")
            self._group.start([_find("postfix"), "-c", conf, "start-fg"], output)
        wait_for_greeting(self.target.ports.smtp)
        return time.perf_counter() - began

    def stop(self) -> None:
        """Stop serving."""
        self._group.stop()

    def close(self) -> None:
        """Stop for good."""
        self._group.close()

    def queued(self, *, for_sink: bool) -> int:
        """Messages that wait; what is for the sink never gets to `deferred`."""
        names = ["maildrop", "incoming", "active"] + ([] if for_sink else ["deferred"])
        spool = self._folder / "spool"
        return sum(len(files) for name in names for _, _, files in os.walk(spool / name))


@dataclass(frozen=True)
class Relayed:
    """One run of new mail."""

    rate: float  # messages at the sink, per second
    accepted: float
    cpu: float  # ms of the server's CPU for each
    foreign: float


def measure(plan: Plan, generator: Generator, folder: Path, *, beside: bool) -> list[Row]:
    """All of it, server after server."""
    if shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}") is None:
        plan.say("queue: there is no smtp-sink (apt-get install postfix)")
        return []
    (folder / "queue").mkdir()
    runs = Runs(SUITE)
    sink = Sink(folder)
    count = 1000 if plan.is_quick else 20_000
    larger = 5000 if plan.is_quick else LARGE
    servers: list[Sender | Postfix] = [Sender(folder, sink.port)]
    controls: list[Sender | Postfix] = [Sender(_below(folder, "control"), sink.port)]
    if beside:
        servers.append(Postfix(folder, sink.port))
        controls.append(Postfix(folder / "control", sink.port))
    body = corpus.submission(folder / "body-queue", KIB * 1024, f"u0@{DOMAIN}")
    try:
        for server in servers:
            server.start()
            _relay(generator, server, body, WARM)
        _relaying(plan, generator, servers, body, runs)
        for control in controls:
            control.start()
        for server, control in zip(servers, controls, strict=True):
            _full_queue(plan, generator, server, control, body, runs, "", count)
        _full_queue(plan, generator, servers[0], controls[0], body, runs, " more", larger - count)
    finally:
        for server in (*servers, *controls):
            server.close()
        sink.close()
    return _rows(runs, count, larger)


def _relaying(
    plan: Plan, generator: Generator, servers: list[Sender | Postfix], body: Path, runs: Runs
) -> None:
    total = 500 if plan.is_quick else 4000
    for _ in range(plan.runs):
        for server in servers:
            name = server.target.name
            got = _relay(generator, server, body, total)
            plan.say(f"relay: {name} {got.rate:.0f}/s, {got.cpu:.2f} ms CPU")
            runs.add("relay", name, got.rate, got.foreign)
            runs.add("relay accepted", name, got.accepted, got.foreign)
            runs.add("relay cpu", name, got.cpu, got.foreign)


def _full_queue(
    plan: Plan, generator: Generator, server: Sender | Postfix, control: Sender | Postfix,
    body: Path, runs: Runs, key: str, count: int,
) -> None:  # fmt: skip
    """Fill the queue, and look at what that does.

    What others do on the machine changes from minute to minute, so the server with the full
    queue is compared with one of its kind that has an empty one, taking turns.
    """
    name, groups = server.target.name, server.target.groups
    total = 300 if plan.is_quick else 2000
    for one in (control, server):
        _relay(generator, one, body, WARM)
    memory = total_memory(groups).pss
    _load(generator, server, body, count, DEAD)
    time.sleep(SETTLE_SECONDS)
    grown = (total_memory(groups).pss - memory) / MB
    with Meter(groups) as rest:
        time.sleep(REST_SECONDS / (3 if plan.is_quick else 1))
    pairs = [
        [_relay(generator, one, body, total) for one in (control, server)] for _ in range(plan.runs)
    ]
    kept = _median([full.rate / empty.rate for empty, full in pairs])
    costs = _median([full.cpu / empty.cpu for empty, full in pairs])
    without, _ = _restart(control)
    ready, begun = _restart(server)
    left = server.queued(for_sink=False)
    plan.say(
        f"queue of {left}: {name} keeps {kept:.0%} of its rate, needs {costs:.2f} of its CPU,"
        f" {rest.cpu / rest.wall:.1%} of a core at rest, {grown:.0f} MB more,"
        f" ready in {ready:.2f} s ({begun:.2f} s of CPU; with an empty queue in {without:.2f} s)"
    )
    for what, value in (
        ("kept", kept), ("costs", costs), ("rest", rest.cpu / rest.wall * 100), ("grown", grown),
        ("ready", ready), ("empty", without), ("begun", begun),
    ):  # fmt: skip
        runs.add(what + key, name, value, rest.foreign)


def _restart(server: Sender | Postfix) -> tuple[float, float]:
    """Seconds until it is ready again, and of CPU."""
    server.stop()
    with Meter(server.target.groups) as meter:
        ready = server.start()
    return ready, meter.cpu


def _relay(generator: Generator, server: Sender | Postfix, body: Path, total: int) -> Relayed:
    """New mail, until all of it is at the sink."""
    with Meter(server.target.groups) as meter:
        load = _load(generator, server, body, total, LIVE)
        began = time.perf_counter()
        while server.queued(for_sink=True) and time.perf_counter() - began < DRAIN_SECONDS:
            time.sleep(0.02)
        drained = time.perf_counter() - began
    return Relayed(
        total / (load[0] + drained), total / load[0], meter.cpu / total * 1e3, meter.foreign
    )


def _load(
    generator: Generator, server: Sender | Postfix, body: Path, total: int, users: str
) -> tuple[float, int]:
    """Submit; seconds, and how many were taken."""
    script = (
        f"[open]\nwait smtp 220\nsend EHLO bench.example\\r\\n\nwait smtp 250\n{server.login}[tx]\n"
        f"send MAIL FROM:<{server.sender}>\\r\\nRCPT TO:<{{user}}>\\r\\n\nwait smtp 250\n"
        "wait smtp 250\nsend DATA\\r\\n\nwait smtp 354\nbody\nwait smtp 250\n"
        "[close]\nsend QUIT\\r\\n\nwait smtp 221\n"
    )
    target = server.target
    aimed = Target(
        target.name, target.title, target.ports, users, target.groups, target.on_the_way, NUSERS
    )
    done = generator.run(
        script, aimed, target.ports.smtp, conns=CONNECTIONS, total=total, per_conn=100, body=body
    )
    return done.wall_s, done.n


def _rows(runs: Runs, count: int, larger: int) -> list[Row]:
    rows = [
        runs.row("relay", "messages/s", times(3), "submission to sink"),
        runs.row("relay accepted", "messages/s", None, "submission to sink: until the 250"),
        runs.row("relay cpu", "ms/message", part(1 / 3), "submission to sink: server CPU"),
    ]
    for key, number, most in (("", count, 50), (" more", larger, 75)):
        title = f"{number:,} queued to a dead destination"
        rows += [
            runs.row("kept" + key, "of its rate", at_least(0.9), f"{title}: new mail keeps"),
            runs.row("costs" + key, "x", None, f"{title}: CPU of new mail grows"),
            runs.row("rest" + key, "% of a core", at_most(2), f"{title}: at rest"),
            runs.row("grown" + key, "MB", at_most(most), f"{title}: memory grows"),
            runs.row("ready" + key, "s", at_most(3), f"{title}: restart until ready"),
            runs.row("begun" + key, "s", None, f"{title}: CPU of that restart"),
            runs.row("empty" + key, "s", None, "an empty queue: restart until ready"),
        ]
    return [row for row in rows if OURS in row.figures]


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _below(folder: Path, name: str) -> Path:
    """A folder for a further set of servers; processes of other users pass through."""
    made = folder / name
    (made / "queue").mkdir(parents=True)
    made.chmod(0o711)
    return made


def _find(program: str) -> str:
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}")
    if found is None:
        raise SystemExit(f"there is no {program}: apt-get install postfix")
    return found
