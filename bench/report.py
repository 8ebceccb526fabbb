"""What was measured, as a table for people and as JSON for programs."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

OURS: Final = "ours"
PEER: Final = "sdbox"
OTHERS: Final = ("maildir", "cyrus")  # of which Cyrus counts too, where it is measured
RIVALS: Final = (PEER, "cyrus")  # the goals are about the better of these


class Goal(msgspec.Struct, frozen=True):
    """What we want of a row: a bound of our figure, or of its ratio to the peer's."""

    bound: float
    at_least: bool
    ratio: bool

    def text(self, unit: str) -> str:
        """For people."""
        sign = "≥" if self.at_least else "≤"
        return f"{sign} {number(self.bound)}{' x' if self.ratio else f' {unit}'}"

    def reached(self, ours: float, peer: float | None) -> bool | None:
        """Whether; None when the peer was not there to compare with."""
        value = ours
        if self.ratio:
            if not peer:
                return None
            value = ours / peer
        return value >= self.bound if self.at_least else value <= self.bound


def times(bound: float) -> Goal:
    """At least so many times the peer's figure."""
    return Goal(bound, at_least=True, ratio=True)


def part(bound: float) -> Goal:
    """At most this part of the peer's figure."""
    return Goal(bound, at_least=False, ratio=True)


def at_most(bound: float) -> Goal:
    """Our figure at most."""
    return Goal(bound, at_least=False, ratio=False)


def at_least(bound: float) -> Goal:
    """Our figure at least."""
    return Goal(bound, at_least=True, ratio=False)


class Row(msgspec.Struct, frozen=True):
    """One figure of every server; `runs` are the single runs behind the medians."""

    suite: str
    what: str
    unit: str
    figures: dict[str, float]
    goal: Goal | None = None
    runs: dict[str, list[float]] = {}
    foreign: float | None = None  # cores used by others meanwhile, the most of any run

    @property
    def ratio(self) -> float | None:
        """Ours divided by the peer's."""
        peer = self.peer
        ours = self.figures.get(OURS)
        return ours / peer if peer and ours is not None else None

    @property
    def peer(self) -> float | None:
        """The figure of the better peer, as the goal has it."""
        figures = [self.figures[name] for name in RIVALS if name in self.figures]
        is_rate = self.goal is not None and self.goal.at_least
        return (max if is_rate else min)(figures, default=None)

    @property
    def verdict(self) -> str:
        """Whether the goal is reached."""
        if self.goal is None or OURS not in self.figures:
            return ""
        reached = self.goal.reached(self.figures[OURS], self.peer)
        return "no peer" if reached is None else "yes" if reached else "**no**"


class Runs:
    """Gathers the figures of several runs of several servers, and makes rows of medians."""

    def __init__(self, suite: str) -> None:
        self._suite = suite
        self._figures: dict[str, dict[str, list[float]]] = {}
        self._foreign: dict[str, float] = {}

    def add(self, what: str, name: str, value: float, foreign: float | None = None) -> None:
        """One figure of one run of one server."""
        self._figures.setdefault(what, {}).setdefault(name, []).append(value)
        if foreign is not None:
            self._foreign[what] = max(foreign, self._foreign.get(what, 0.0))

    def row(self, what: str, unit: str, goal: Goal | None = None, title: str = "") -> Row:
        """The medians of what was added under this name."""
        runs = self._figures.get(what, {})
        medians = {name: statistics.median(values) for name, values in runs.items()}
        foreign = self._foreign.get(what)
        return Row(self._suite, title or what, unit, medians, goal, runs, foreign)


def table(rows: Iterable[Row], titles: Mapping[str, str]) -> str:
    """The rows as Markdown."""
    names = [OURS, *(name for name in (PEER, *OTHERS) if name in titles)]
    headings = ["measure", "unit", *(titles[name] for name in names)]
    headings += ["ratio", "goal", "reached", "foreign"]
    lines = [_line(headings), _line(["---", "---", *["---:"] * (len(headings) - 3), "---:"])]
    suite = ""
    for row in rows:
        if row.suite != suite:
            suite = row.suite
            lines.append(_line([f"**{suite}**", *[""] * (len(headings) - 1)]))
        cells = [row.what, row.unit]
        cells += [number(row.figures[name]) if name in row.figures else "" for name in names]
        cells.append(f"{number(row.ratio)} x" if row.ratio is not None else "")
        cells.append(row.goal.text(row.unit) if row.goal else "")
        cells.append(row.verdict)
        cells.append("" if row.foreign is None else f"{row.foreign:.2f}")
        lines.append(_line(cells))
    return "\n".join(lines)


def number(value: float) -> str:
    """Three digits, or all of a large one."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
