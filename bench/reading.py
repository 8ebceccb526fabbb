"""How fast mail is read over IMAP, on the same messages everywhere, and what it costs."""

from __future__ import annotations

import smtplib
import time
from typing import TYPE_CHECKING, Final

from bench import corpus
from bench.imap_client import Imap
from bench.meter import Meter
from bench.report import Row, Runs, at_most, part, times

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.load import Generator
    from bench.run import Plan
    from bench.target import Target

SUITE: Final = "reading"
USER: Final = 1  # whose mailboxes are read
BATCH: Final = 50  # messages on their way at once while a mailbox is filled
STORES: Final = 200
LETTERS: Final = 20  # delivered to a client in IDLE
LOGINS: Final = 20  # users who sign in over and over
ENVELOPES: Final = "FETCH 1:* (ENVELOPE BODYSTRUCTURE INTERNALDATE RFC822.SIZE)"
BODIES: Final = "FETCH 1:* BODY.PEEK[]"

LOGIN: Final = (
    '[open]\nwait line * OK\n[tx]\nsend a LOGIN "{me}" "{pass}"\\r\\n\nwait tag a OK\n'
    "[close]\nsend b LOGOUT\\r\\n\nwait tag b OK\n"
)
APPEND: Final = (
    '[open]\nwait line * OK\nsend a LOGIN "{me}" "{pass}"\\r\\n\nwait tag a OK\n'
    "[tx]\nsend b APPEND INBOX {{size}+}\\r\\n\nbody\nsend \\r\\n\nwait tag b OK\n"
    "[close]\nsend c LOGOUT\\r\\n\nwait tag c OK\n"
)


def measure(plan: Plan, generator: Generator, targets: list[Target]) -> list[Row]:
    """Everything about reading."""
    runs = Runs(SUITE)
    boxes = [f"box{number}" for number in range(2)]
    for target in targets:
        for box in boxes:
            fill(plan, target, box)
    for box in boxes:
        for target in targets:
            _timed(runs, plan, target, "first", box, lambda one: one.drink(ENVELOPES))
    for _ in range(plan.runs):
        for target in targets:
            _timed(runs, plan, target, "second", boxes[0], lambda one: one.drink(ENVELOPES))
            _timed(runs, plan, target, "flags", boxes[0], lambda one: one.drink("FETCH 1:* FLAGS"))
            _timed(runs, plan, target, "bodies", boxes[0], lambda one: one.drink(BODIES))
            _timed(runs, plan, target, "store", boxes[0], _store_one_by_one, STORES)
    _login(plan, generator, targets, runs)
    _append(plan, generator, targets, runs)
    for target in targets:
        for wait in _idle(target):
            runs.add("idle", target.name, wait)
    return [
        *_rows(runs, "first", "first FETCH of envelopes and structures", 8, 1 / 8),
        *_rows(runs, "second", "second FETCH of the same", 1.5, 1 / 1.5),
        *_rows(runs, "flags", "FETCH FLAGS", 0.7, 1 / 0.7),
        *_rows(runs, "bodies", "FETCH of whole bodies", 0.7, 1 / 0.7),
        *_rows(runs, "store", "STORE, one message each", 0.7, 1 / 0.7),
        *_rows(runs, "login", "LOGIN, 10 sessions", 10, 1 / 10),
        *_rows(runs, "append", "APPEND of 4 KB, 10 sessions", 1, 1),
        runs.row("idle", "ms", at_most(50), "IDLE hears of a delivery, after its 250"),
    ]


def _rows(runs: Runs, name: str, title: str, rate: float, cpu: float) -> list[Row]:
    return [
        runs.row(f"{name} rate", "per s", times(rate), title),
        runs.row(f"{name} cpu", "µs each", part(cpu), f"{title}: server CPU"),
    ]


def fill(plan: Plan, target: Target, box: str) -> None:
    """Append so many messages to a new mailbox."""
    began = time.perf_counter()
    with Imap(target, USER) as session:
        session.command(f"CREATE {box}")
        for start in range(0, plan.messages, BATCH):
            numbers = range(start, min(start + BATCH, plan.messages))
            session.append(box, [corpus.message(number) for number in numbers])
    rate = plan.messages / (time.perf_counter() - began)
    plan.say(f"{target.name}: {box} has {plan.messages} messages, {rate:.0f}/s")


def _timed(
    runs: Runs,
    plan: Plan,
    target: Target,
    name: str,
    box: str,
    work: Callable[[Imap], object],
    units: int = 0,
) -> None:
    """One piece of work in a fresh session, with the mailbox open."""
    count = units or plan.messages
    with Imap(target, USER) as session:
        session.command(f"SELECT {box}")
        with Meter(target.groups) as meter:
            work(session)
    plan.say(f"{name}: {target.name} {count / meter.wall:.0f}/s, {meter.cpu / count * 1e6:.0f} µs")
    _add(runs, name, target, count, meter)


def _add(runs: Runs, name: str, target: Target, count: int, meter: Meter) -> None:
    runs.add(f"{name} rate", target.name, count / meter.wall, meter.foreign)
    runs.add(f"{name} cpu", target.name, meter.cpu / count * 1e6, meter.foreign)


def _store_one_by_one(session: Imap) -> None:
    """Sets a flag where it is not set, or takes it away where it is: a change each time."""
    sign = "-" if b"\\Flagged" in session.command("FETCH 1 FLAGS") else "+"
    for number in range(1, STORES + 1):
        session.command(f"STORE {number} {sign}FLAGS (\\Flagged)")


def _login(plan: Plan, generator: Generator, targets: list[Target], runs: Runs) -> None:
    """Signing in by users who did so before: what a client does every few minutes."""
    totals: dict[str, int] = {}
    for number in range(plan.runs + 1):
        for target in targets:
            # The first run makes every worker verify every password once.
            total = totals.get(target.name, 10 * LOGINS)
            with Meter(target.groups) as meter:
                load = generator.run(
                    LOGIN, target, target.ports.imap, conns=10, total=total, per_conn=1,
                    nusers=LOGINS,
                )  # fmt: skip
            if number == 0:
                totals[target.name] = max(50, min(5000, int(load.per_s * plan.seconds)))
            else:
                plan.say(f"login: {target.name} {load.per_s:.0f}/s")
                _add(runs, "login", target, load.n, meter)


def _append(plan: Plan, generator: Generator, targets: list[Target], runs: Runs) -> None:
    body = generator.folder / "append"
    body.write_bytes(b"X-Bench: {n}\r\n" + corpus.message(4, 4096))
    totals: dict[str, int] = {}
    for number in range(plan.runs + 1):
        for target in targets:
            with Meter(target.groups) as meter:
                load = generator.run(
                    APPEND, target, target.ports.imap, conns=10,
                    total=totals.get(target.name, 100), body=body,
                )  # fmt: skip
            if number == 0:
                totals[target.name] = max(50, min(6000, int(load.per_s * plan.seconds)))
            else:
                plan.say(f"append: {target.name} {load.per_s:.0f}/s")
                _add(runs, "append", target, load.n, meter)


def _idle(target: Target) -> list[float]:
    """Milliseconds from the 250 to a letter until the client in IDLE hears of it."""
    waits: list[float] = []
    with Imap(target, 2) as reader:
        reader.command("SELECT INBOX")
        for number in range(LETTERS):
            reader.send(b"i%d IDLE\r\n" % number)
            while not reader.line().startswith(b"+"):
                pass
            time.sleep(0.05)
            accepted = _deliver(target, number)
            while b" EXISTS" not in reader.line():
                pass
            waits.append(max(0.0, time.perf_counter() - accepted) * 1e3)
            reader.send(b"DONE\r\n")
            while not reader.line().startswith(b"i%d OK" % number):
                pass
    return waits


def _deliver(target: Target, number: int) -> float:
    """Sends a letter by SMTP; when it was accepted."""
    with smtplib.SMTP("127.0.0.1", target.ports.smtp) as smtp:
        smtp.ehlo("bench.example")
        smtp.mail("alice@example.net")
        smtp.rcpt(target.user(2))
        smtp.data(corpus.message(number))
        return time.perf_counter()
