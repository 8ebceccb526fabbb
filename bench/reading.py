"""How fast mail is read over IMAP and POP3, on the same messages everywhere, and what it costs.

Everything is time, of the client and of the servers' CPU, for each message or command, so that
less is better and a goal is a part of the better peer's.
"""

from __future__ import annotations

import contextlib
import smtplib
import time
from typing import TYPE_CHECKING, Final

from bench import corpus, pop3_client
from bench.imap_client import Imap
from bench.meter import REST_LONG, Meter, rest
from bench.report import Row, Runs, at_most, part
from bench.target import SYNCING_USER

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.load import Generator
    from bench.run import Plan
    from bench.target import Target

SUITE: Final = "reading"
USER: Final = 1  # whose mailboxes are read, and INBOX is downloaded
BATCH: Final = 500  # messages in one command while a mailbox is filled
LARGE: Final = 50_000  # from so many messages on, the first FETCH is measured once
STORES: Final = 200
STORED: Final = 1_000  # messages of the mailbox of those STOREs
OPENINGS: Final = 100  # of each of two mailboxes, in turn
PAGES: Final = 40
TURNS: Final = 8  # of what is over soon
LETTERS: Final = 20  # delivered to a client in IDLE
LOGINS: Final = 20  # users who sign in over and over
LISTED: Final = "(UID FLAGS ENVELOPE BODYSTRUCTURE INTERNALDATE RFC822.SIZE)"
ENVELOPES: Final = "FETCH 1:* (ENVELOPE BODYSTRUCTURE INTERNALDATE RFC822.SIZE)"
BODIES: Final = "FETCH 1:* BODY.PEEK[]"
MARK: Final = "STORE 1:* +FLAGS (\\Deleted)"
UNMARK: Final = "STORE 1:* -FLAGS (\\Deleted)"
COUNTS: Final = "(MESSAGES UNSEEN UIDNEXT UIDVALIDITY HIGHESTMODSEQ)"

# What of the better peer's time and CPU each may take, and what it is called.
GOALS: Final = {
    "first": (1.0, "first FETCH of envelopes and structures"),
    "second": (1.0, "second FETCH of the same"),
    "flags": (1.0, "FETCH FLAGS"),
    "page": (1.0, "a page of the 50 newest"),
    "bodies": (1.0, "FETCH of whole bodies"),
    "one": (0.5, "STORE, one message each, durable"),
    "select": (1.0, "SELECT, of one mailbox after another"),
    "status": (1.0, "STATUS"),
    "copy": (0.5, "COPY of all"),
    "move": (0.5, "MOVE of all"),
    "all": (2.0, "STORE of all"),
    "expunge": (1.0, "EXPUNGE of all"),
    "pop3": (1.0, "POP3 download of all"),
    "login": (0.25, "LOGIN, 10 sessions"),
    "append": (0.8, "APPEND of 4 KB, 10 sessions"),
}

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
    boxes = [
        f"box{number}" for number in range(1 if plan.is_quick or plan.messages >= LARGE else 2)
    ]
    for target in targets:
        for box in boxes:
            fill(plan, target, box)
        _copy_to_inbox(target, boxes[0])
        fill(plan, target, "few", SYNCING_USER, STORED)
    for box in boxes:
        for target in targets:
            _timed(runs, plan, target, "first", box, lambda one: one.drink(ENVELOPES))
    for number in range(plan.runs):
        for target in targets:
            _read(runs, plan, target, boxes[0])
            _arrange(runs, plan, target, boxes[0], number)
            _download(runs, plan, target)
        _ask(runs, plan, targets, boxes[0])
    _login(plan, generator, targets, runs)
    _append(plan, generator, targets, runs)
    for target in targets:
        for wait in _idle(target) if target.ports.smtp else ():
            runs.add("idle", target.name, wait)
    rows: list[Row] = []
    for name, (most, title) in GOALS.items():
        rows.append(runs.row(f"{name} time", "µs each", part(most), title))
        rows.append(runs.row(f"{name} cpu", "µs each", part(most), f"{title}: server CPU"))
    for name, title in (
        ("shipped", "STORE, one message each, as shipped"),
        ("later", "FETCH of the same after the others' turns"),
    ):
        rows.append(runs.row(f"{name} time", "µs each", None, title))
        rows.append(runs.row(f"{name} cpu", "µs each", None, f"{title}: server CPU"))
    return [*rows, runs.row("idle", "ms", at_most(50), "IDLE hears of a delivery, after its 250")]


def _copy_to_inbox(target: Target, box: str) -> None:
    """What POP3 downloads later."""
    with Imap(target, USER) as session:
        session.command(f"SELECT {box}")
        session.drink("COPY 1:* INBOX")


def _read(runs: Runs, plan: Plan, target: Target, box: str) -> None:
    """What changes nothing.

    Since the others had their turns the page cache may be gone, so the first FETCH is told apart.
    """
    _timed(runs, plan, target, "later", box, lambda one: one.drink(ENVELOPES))
    _timed(runs, plan, target, "second", box, lambda one: one.drink(ENVELOPES))
    _timed(runs, plan, target, "flags", box, lambda one: one.drink("FETCH 1:* FLAGS"))
    _timed(runs, plan, target, "bodies", box, lambda one: one.drink(BODIES))


def _ask(runs: Runs, plan: Plan, targets: list[Target], box: str) -> None:
    """Commands about little."""
    page = f"FETCH {max(1, plan.messages - 49)}:* {LISTED}"
    _in_turn(runs, plan, targets, "page", box, lambda one: _often(one, PAGES, page), PAGES)
    one_by_one = _store_one_by_one
    _in_turn(runs, plan, targets, "one", "few", one_by_one, STORES, user=SYNCING_USER)
    _in_turn(runs, plan, targets, "shipped", box, one_by_one, STORES)
    both, units = (f"SELECT {box}", "SELECT INBOX"), OPENINGS * 2
    _in_turn(
        runs, plan, targets, "select", "INBOX", lambda one: _often(one, OPENINGS, *both), units
    )
    _in_turn(
        runs, plan, targets, "all", box, lambda one: _often(one, 1, MARK, UNMARK), 2 * plan.messages
    )
    status = f"STATUS {box} {COUNTS}"
    _in_turn(
        runs, plan, targets, "status", "INBOX", lambda one: _often(one, OPENINGS, status), OPENINGS
    )


def _arrange(runs: Runs, plan: Plan, target: Target, box: str, number: int) -> None:
    """All messages copied, the copies moved, and what was moved expunged."""
    copies, moved = f"copies{number}", f"moved{number}"
    with Imap(target, USER) as session:
        session.command(f"CREATE {copies}")
        session.command(f"CREATE {moved}")
    _timed(runs, plan, target, "copy", box, lambda one: one.drink(f"COPY 1:* {copies}"))
    _timed(runs, plan, target, "move", copies, lambda one: one.drink(f"MOVE 1:* {moved}"))
    with Imap(target, USER) as session:
        session.command(f"SELECT {moved}")
        session.drink(MARK)
    _timed(runs, plan, target, "expunge", moved, lambda one: one.drink("EXPUNGE"))


def _download(runs: Runs, plan: Plan, target: Target) -> None:
    with Meter(target.groups) as meter:
        octets = pop3_client.download(target, USER, plan.messages)
    plan.say(f"pop3: {target.name} {octets / meter.wall / 1e6:.0f} MB/s")
    _add(runs, "pop3", target, plan.messages, meter)


def _often(session: Imap, times: int, *commands: str) -> None:
    for _ in range(times):
        for command in commands:
            session.drink(command)


def fill(plan: Plan, target: Target, box: str, user: int = USER, count: int = 0) -> None:
    """Append so many messages to a new mailbox."""
    wanted = count or plan.messages
    began = time.perf_counter()
    with Imap(target, user) as session:
        session.command(f"CREATE {box}")
        for start in range(0, wanted, BATCH):
            numbers = range(start, min(start + BATCH, wanted))
            session.append(box, [corpus.message(number) for number in numbers])
    rate = wanted / (time.perf_counter() - began)
    rest(target.groups, REST_LONG)
    plan.say(f"{target.name}: {box} has {wanted} messages, {rate:.0f}/s")


def _timed(
    runs: Runs,
    plan: Plan,
    target: Target,
    name: str,
    box: str,
    work: Callable[[Imap], object],
    units: int = 0,
    *,
    user: int = USER,
) -> None:
    """One piece of work in a fresh session, with the mailbox open."""
    count = units or plan.messages
    with Imap(target, user) as session:
        session.command(f"SELECT {box}")
        rest(target.groups)
        with Meter(target.groups) as meter:
            work(session)
    wall, cpu = meter.wall / count * 1e6, meter.cpu / count * 1e6
    plan.say(f"{name}: {target.name} {wall:.1f} µs, CPU {cpu:.1f} µs")
    _add(runs, name, target, count, meter)


def _in_turn(
    runs: Runs,
    plan: Plan,
    targets: list[Target],
    name: str,
    box: str,
    work: Callable[[Imap], object],
    units: int,
    *,
    user: int = USER,
) -> None:
    """A short piece of work, by all servers in turn and several times.

    It is over within a twentieth of a second, so that what else goes on in the machine would
    otherwise meet one server and not the other.
    """
    with contextlib.ExitStack() as stack:
        sessions = [(target, stack.enter_context(Imap(target, user))) for target in targets]
        for _, session in sessions:
            session.command(f"SELECT {box}")
            work(session)
        for target in targets:
            rest(target.groups)
        for number in range(TURNS):
            for target, session in sessions if number % 2 else sessions[::-1]:
                with Meter(target.groups) as meter:
                    work(session)
                _add(runs, name, target, units, meter)
    plan.say(f"{name}: {TURNS} turns of {units}")


def _add(runs: Runs, name: str, target: Target, count: int, meter: Meter) -> None:
    runs.add(f"{name} time", target.name, meter.wall / count * 1e6, meter.foreign)
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
