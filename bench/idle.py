"""How soon a change is heard by many sessions idling on one mailbox, and what idling costs."""

from __future__ import annotations

import resource
import selectors
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from bench import corpus
from bench.imap_client import Imap
from bench.meter import REST_LONG, Meter, rest
from bench.report import Row, Runs, at_most

if TYPE_CHECKING:
    from bench.load import Generator
    from bench.run import Plan
    from bench.target import Target

SUITE: Final = "idle"
USER: Final = 4
SESSIONS: Final = 100
CHANGES: Final = 40
PAUSE: Final = 0.1  # between changes, so that each is heard of alone
QUIET_SECONDS: Final = 20.0
PATIENCE: Final = 10.0


def measure(plan: Plan, _generator: Generator, targets: list[Target]) -> list[Row]:
    """New mail, flags, and nothing at all."""
    runs = Runs(SUITE)
    for target in targets:
        with ExitStack() as stack:
            _measure_one(runs, plan, target, stack)
    rows = [
        runs.row("alone", "ms CPU/s", None, "one session, nothing happens"),
        runs.row(
            "quiet", "ms CPU/s", at_most(1), f"{SESSIONS} more in IDLE, nothing happens: more"
        ),
    ]
    for name, title in (("mail", "new mail reaches all of them"), ("flag", "a flag reaches them")):
        rows.append(runs.row(f"{name} p50", "ms", None, f"{title}, p50"))
        rows.append(runs.row(f"{name} p99", "ms", at_most(100), f"{title}, p99"))
    return rows


def raise_limit() -> None:
    """As many open files as the system lets this process and its children have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _measure_one(runs: Runs, plan: Plan, target: Target, stack: ExitStack) -> None:
    with Imap(target, USER) as writer:
        writer.append("INBOX", [corpus.message(1)])
        writer.command("SELECT INBOX")
        rest(target.groups, REST_LONG)
        alone = _quiet(target)
        sessions = [stack.enter_context(Imap(target, USER)) for _ in range(SESSIONS)]
        for session in sessions:
            session.command("SELECT INBOX")
            session.send(b"i IDLE\r\n")
            while not session.line().startswith(b"+"):
                pass
        rest(target.groups, REST_LONG)
        beside = _quiet(target)
        runs.add("alone", target.name, alone.cpu / alone.wall * 1e3, alone.foreign)
        more = max(0.0, beside.cpu / beside.wall - alone.cpu / alone.wall)
        runs.add("quiet", target.name, more * 1e3, beside.foreign)
        waits: dict[str, list[float]] = {"mail": [], "flag": []}
        for number in range(CHANGES):
            time.sleep(PAUSE)
            writer.send(_append(number))
            waits["mail"] += _heard(sessions, writer, b" EXISTS\r\n")
            time.sleep(PAUSE)
            writer.send(
                b"f%d STORE 1 %bFLAGS (\\Flagged)\r\n" % (number, b"-" if number % 2 else b"+")
            )
            waits["flag"] += _heard(sessions, writer, b" FETCH (")
    for name, found in waits.items():
        found.sort()
        for part in (50, 99):
            wait = found[len(found) * part // 100] * 1e3
            runs.add(f"{name} p{part}", target.name, wait)
            plan.say(f"idle: {target.name} {name} p{part} {wait:.1f} ms")


def _quiet(target: Target) -> Meter:
    """What a server takes for keeping itself, looking after its files and the like."""
    with Meter(target.groups) as meter:
        time.sleep(QUIET_SECONDS)
    return meter


def _append(number: int) -> bytes:
    message = corpus.message(number)
    return b"a%d APPEND INBOX {%d+}\r\n%b\r\n" % (number, len(message), message)


def _heard(sessions: list[Imap], writer: Imap, sign: bytes) -> list[float]:
    """Seconds from the writer's OK until each of the sessions had the sign; 0 when before it."""
    heard: dict[int, float] = {}
    answered = 0.0
    with selectors.DefaultSelector() as selector:
        for number, session in enumerate([writer, *sessions]):
            selector.register(session.fileno(), selectors.EVENT_READ, (number, session))
        deadline = time.perf_counter() + PATIENCE
        texts = [b""] * (len(sessions) + 1)
        while (len(heard) < len(sessions) or not answered) and time.perf_counter() < deadline:
            for key, _ in selector.select(PATIENCE):
                number, session = key.data
                texts[number] += session.receive()
                now = time.perf_counter()
                if number == 0:
                    answered = now if b" OK " in texts[0] else 0.0
                elif sign in texts[number]:
                    heard.setdefault(number, now)
    late = [PATIENCE] * (len(sessions) - len(heard))
    return [max(0.0, at - answered) for at in heard.values()] + late
