"""How fast mail is found, sorted and threaded over IMAP, on the same messages everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.imap_client import Imap
from bench.meter import Meter, rest
from bench.reading import USER, fill
from bench.report import Row, Runs, part, times

if TYPE_CHECKING:
    from bench.load import Generator
    from bench.run import Plan
    from bench.target import Target

SUITE: Final = "finding"
BOX: Final = "found"
# What is asked, and how many times the better peer's CPU it may cost.
ASKED: Final = {
    "from": ('SEARCH FROM "gizu"', 0.5, "SEARCH by header"),
    "unseen": ("SEARCH UNSEEN LARGER 5000", 1, "SEARCH by flag and size"),
    "sort": ("SORT (SUBJECT) UTF-8 ALL", 1, "SORT by subject"),
    "date": ("SORT (REVERSE DATE) UTF-8 ALL", 1, "SORT by date"),
    "thread": ("THREAD REFERENCES UTF-8 ALL", 1, "THREAD by references"),
}


def measure(plan: Plan, _generator: Generator, targets: list[Target]) -> list[Row]:
    """Each question several times, the first of all apart: it prepares what the others use."""
    runs = Runs(SUITE)
    for target in targets:
        fill(plan, target, BOX)
    for target in targets:
        _asked(runs, plan, target, "first", ASKED["from"][0])
    for _ in range(plan.runs):
        for name, (command, _, _) in ASKED.items():
            for target in targets:
                _asked(runs, plan, target, name, command)
    rows = [
        runs.row("first rate", "messages/s", times(1), "first SEARCH by header"),
        runs.row("first cpu", "µs each", part(1), "first SEARCH by header: server CPU"),
    ]
    for name, (_, cost, title) in ASKED.items():
        rows.append(runs.row(f"{name} rate", "messages/s", times(1 / cost), title))
        rows.append(runs.row(f"{name} cpu", "µs each", part(cost), f"{title}: server CPU"))
    return rows


def _asked(runs: Runs, plan: Plan, target: Target, name: str, command: str) -> None:
    """One question in a fresh session, with the mailbox open."""
    with Imap(target, USER) as session:
        session.command(f"SELECT {BOX}")
        rest(target.groups)
        with Meter(target.groups) as meter:
            session.drink(command)
    count = plan.messages
    plan.say(f"{name}: {target.name} {count / meter.wall:.0f}/s, {meter.cpu / count * 1e6:.2f} µs")
    runs.add(f"{name} rate", target.name, count / meter.wall, meter.foreign)
    runs.add(f"{name} cpu", target.name, meter.cpu / count * 1e6, meter.foreign)
