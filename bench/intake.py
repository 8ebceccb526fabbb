"""How fast mail comes in by SMTP, and what it costs: sizes, recipients, connections."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from bench import corpus
from bench.imap_client import Imap
from bench.meter import Meter, Peak
from bench.report import Goal, Row, Runs, at_most, part, times

if TYPE_CHECKING:
    from pathlib import Path

    from bench.load import Generator
    from bench.run import Plan
    from bench.target import Target

SUITE: Final = "intake"
DRAIN_SECONDS: Final = 120.0
MOST: Final = 8000  # messages of one run
MB: Final = 1e6


@dataclass(frozen=True)
class Case:
    """One kind of load."""

    name: str
    kib: int = 4
    connections: int = 10
    recipients: int = 1
    is_new: bool = False  # a connection for each message
    goals: tuple[tuple[str, Goal], ...] = ()

    @property
    def per_conn(self) -> int:
        """Messages of a connection."""
        return 1 if self.is_new else 100

    def script(self) -> str:
        """The steps of lineload."""
        one = self.recipients
        return (
            "[open]\nwait smtp 220\nsend EHLO bench.example\\r\\n\nwait smtp 250\n[tx]\n"
            "send MAIL FROM:<alice@example.net>\\r\\n\n"
            + "send RCPT TO:<{user}>\\r\\n\n" * one
            + "wait smtp 250\n" * (1 + one)
            + "send DATA\\r\\n\nwait smtp 354\nbody\nwait smtp 250\n"
            "[close]\nsend QUIT\\r\\n\nwait smtp 221\n"
        )


CASES: Final = (
    Case(
        "4 KB, 10 kept sessions",
        goals=(("rate", times(8)), ("cpu", part(0.1)), ("p99", part(0.5))),
    ),
    Case("4 KB, a connection each", is_new=True, goals=(("rate", times(4)),)),
    Case("100 KB, 10 kept sessions", kib=100, goals=(("rate", times(4)),)),
    Case("5 MB, 10 kept sessions", kib=5120, goals=(("rate", times(2)),)),
    Case("4 KB to 50 recipients", recipients=50, goals=(("rate", times(25)),)),
)
LARGE: Final = Case("25 MB, 40 sessions at once", kib=25 * 1024, connections=40)


class Taken(msgspec.Struct, frozen=True):
    """One run."""

    n: int
    rate: float  # messages in their mailboxes, per second
    accepted: float  # messages answered with 250, per second
    p50: float
    p99: float
    cpu: float  # milliseconds of the server's CPU for each message
    foreign: float


def measure(plan: Plan, generator: Generator, targets: list[Target]) -> list[Row]:
    """Every case on every server, run after run in turn."""
    rows: list[Row] = []
    runs = Runs(SUITE)
    sent = dict.fromkeys((target.name for target in targets), 0)
    for case in CASES:
        body = corpus.submission(generator.folder / f"body{case.kib}", case.kib * 1024)
        for name, count in in_turn(plan, generator, targets, case, body, runs).items():
            sent[name] += count * case.recipients
        rows += rows_of(runs, case)
    for target in targets:
        plan.say(f"{target.name}: {_in_mailboxes(target)} of {sent[target.name]} are there")
    if plan.is_quick:
        return rows
    return rows + _large(plan, generator, targets)


def in_turn(
    plan: Plan, generator: Generator, targets: list[Target], case: Case, body: Path, runs: Runs
) -> dict[str, int]:
    """One case on every server, run after run; how many messages each was sent."""
    totals: dict[str, int] = {}
    sent = dict.fromkeys((target.name for target in targets), 0)
    for number in range(plan.runs + 1):  # the first, short one sizes the others
        for target in targets:
            total = totals.get(target.name, max(case.connections, 20))
            taken = run_once(generator, target, case, total, body)
            sent[target.name] += taken.n
            if number == 0:
                wanted = int(taken.accepted * plan.seconds)
                totals[target.name] = max(case.connections, min(wanted, MOST))
                continue
            plan.say(f"{case.name}: {target.name} {taken.rate:.0f}/s, {taken.cpu:.2f} ms CPU")
            for name in ("rate", "accepted", "p50", "p99", "cpu"):
                what = f"{case.name} {name}"
                runs.add(what, target.name, getattr(taken, name), taken.foreign)
    return sent


def run_once(generator: Generator, target: Target, case: Case, total: int, body: Path) -> Taken:
    """So many messages to one server, until all are in their mailboxes."""
    with Meter(target.groups) as meter:
        load = generator.run(
            case.script(), target, target.ports.smtp, conns=case.connections, total=total,
            per_conn=case.per_conn, body=body,
        )  # fmt: skip
        began = time.perf_counter()
        while target.on_the_way() and time.perf_counter() - began < DRAIN_SECONDS:
            time.sleep(0.02)
        drained = time.perf_counter() - began
    return Taken(
        n=load.n,
        rate=load.n / (load.wall_s + drained),
        accepted=load.per_s,
        p50=load.p50_ms,
        p99=load.p99_ms,
        cpu=meter.cpu / max(load.n, 1) * 1e3,
        foreign=meter.foreign,
    )


def rows_of(runs: Runs, case: Case) -> list[Row]:
    """What the runs of a case came to."""
    goals = dict(case.goals)
    units = {
        "rate": ("in the mailbox", "messages/s"),
        "p50": ("p50 to the 250", "ms"),
        "p99": ("p99 to the 250", "ms"),
        "cpu": ("server CPU", "ms/message"),
    }
    return [
        runs.row(f"{case.name} {name}", unit, goals.get(name), f"{case.name}: {title}")
        for name, (title, unit) in units.items()
    ]


def _large(plan: Plan, generator: Generator, targets: list[Target]) -> list[Row]:
    """Many large messages at once: what memory they take."""
    runs = Runs(SUITE)
    body = corpus.submission(generator.folder / "body-large", LARGE.kib * 1024)
    for target in targets:
        with Peak(target.groups) as peak:
            taken = run_once(generator, target, LARGE, LARGE.connections, body)
        plan.say(f"{LARGE.name}: {target.name} {peak.pss / MB:.0f} MB")
        runs.add("rate", target.name, taken.rate, taken.foreign)
        runs.add("pss", target.name, peak.pss / MB)
        runs.add("rss", target.name, peak.rss / MB)
        runs.add("anonymous", target.name, peak.anonymous / MB)
    body.unlink()
    return [
        runs.row("rate", "messages/s", None, f"{LARGE.name}: in the mailbox"),
        runs.row("pss", "MB", at_most(400), f"{LARGE.name}: memory (PSS)"),
        runs.row("anonymous", "MB", None, f"{LARGE.name}: of it, what is not pages of files"),
        runs.row("rss", "MB", None, f"{LARGE.name}: RSS of all processes added up"),
    ]


def _in_mailboxes(target: Target) -> int:
    """How many messages all users of a server have."""
    count = 0
    for number in range(target.nusers):
        with Imap(target, number) as session:
            answer = session.command("STATUS INBOX (MESSAGES)")
            count += int(answer.partition(b"MESSAGES ")[2].partition(b")")[0])
    return count
