"""Counters, gauges and histograms, and their Prometheus text form.

A registry belongs to one process and is handed in; nothing is global. Workers
are several processes, so whoever answers a scrape gathers every worker's
`snapshot()` and adds them up with `exposition`.

A series is made by its first label values. Label values can come from a peer,
so a metric keeps at most `MAX_SERIES` of them and counts the rest as `other`.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Labels = tuple[str, ...]

MAX_SERIES: Final = 1_000
OTHER: Final = "other"

# Seconds: from a cached lookup to a peer that times out.
DEFAULT_BUCKETS: Final = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2.5,
    5,
    10,
    60,
)

_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*", re.ASCII)


class Family(msgspec.Struct, frozen=True):
    """One metric's series at one moment.

    A counter's or gauge's series holds one number; a histogram's holds a count
    per bucket (the last is +Inf), not yet added up, and then the sum.
    """

    name: str
    kind: str
    text: str
    labels: Labels
    buckets: tuple[float, ...]
    series: dict[Labels, list[float]]


class _Metric:
    """What the three kinds share: a name, label names, and a bound on series."""

    __slots__ = ("labels", "name", "text")

    def __init__(self, name: str, text: str, labels: Sequence[str]) -> None:
        for word in (name, *labels):
            if not _NAME.fullmatch(word):
                raise ValueError(f"{word!r} is no metric or label name")
        self.name: Final = name
        self.text: Final = text
        self.labels: Final = tuple(labels)

    def _key(self, values: Labels, taken: int) -> Labels:
        """The series a new set of label values counts under."""
        if len(values) != len(self.labels):
            raise ValueError(f"{self.name} takes the labels {self.labels}, not {values!r}")
        return values if taken < MAX_SERIES else (OTHER,) * len(values)


class Counter(_Metric):
    """A number that only grows."""

    __slots__ = ("_values",)

    def __init__(self, name: str, text: str, labels: Sequence[str] = ()) -> None:
        super().__init__(name, text, labels)
        self._values: dict[Labels, float] = {} if self.labels else {(): 0}

    def inc(self, *label_values: str, by: float = 1) -> None:
        """Adds `by`, which is not negative."""
        try:
            self._values[label_values] += by
        except KeyError:
            key = self._key(label_values, len(self._values))
            self._values[key] = self._values.get(key, 0) + by

    def value(self, *label_values: str) -> float:
        """What was counted so far."""
        return self._values.get(label_values, 0)

    def family(self) -> Family:
        """The series now."""
        series = {key: [value] for key, value in self._values.copy().items()}
        return Family(self.name, "counter", self.text, self.labels, (), series)


class Gauge(_Metric):
    """A number that goes up and down. Over several workers it is their sum."""

    __slots__ = ("_values",)

    def __init__(self, name: str, text: str, labels: Sequence[str] = ()) -> None:
        super().__init__(name, text, labels)
        self._values: dict[Labels, float] = {} if self.labels else {(): 0}

    def set(self, value: float, *label_values: str) -> None:
        """The number is `value` now."""
        if label_values not in self._values:
            label_values = self._key(label_values, len(self._values))
        self._values[label_values] = value

    def inc(self, *label_values: str, by: float = 1) -> None:
        """Adds `by`."""
        try:
            self._values[label_values] += by
        except KeyError:
            key = self._key(label_values, len(self._values))
            self._values[key] = self._values.get(key, 0) + by

    def dec(self, *label_values: str, by: float = 1) -> None:
        """Takes `by` away."""
        self.inc(*label_values, by=-by)

    def value(self, *label_values: str) -> float:
        """The number now."""
        return self._values.get(label_values, 0)

    def family(self) -> Family:
        """The series now."""
        series = {key: [value] for key, value in self._values.copy().items()}
        return Family(self.name, "gauge", self.text, self.labels, (), series)


class Histogram(_Metric):
    """How often observed values fell into each bucket."""

    __slots__ = ("_values", "buckets")

    def __init__(
        self,
        name: str,
        text: str,
        labels: Sequence[str] = (),
        buckets: Sequence[float] = DEFAULT_BUCKETS,
    ) -> None:
        super().__init__(name, text, labels)
        self.buckets: Final = tuple(sorted(buckets))
        self._values: dict[Labels, list[float]] = {} if self.labels else {(): self._empty()}

    def _empty(self) -> list[float]:
        return [0] * (len(self.buckets) + 2)

    def observe(self, value: float, *label_values: str) -> None:
        """One more `value`, in the unit the metric's name ends with."""
        try:
            cells = self._values[label_values]
        except KeyError:
            key = self._key(label_values, len(self._values))
            cells = self._values.setdefault(key, self._empty())
        cells[bisect_left(self.buckets, value)] += 1
        cells[-1] += value

    def family(self) -> Family:
        """The series now."""
        series = {key: cells.copy() for key, cells in self._values.copy().items()}
        return Family(self.name, "histogram", self.text, self.labels, self.buckets, series)


M = TypeVar("M", Counter, Gauge, Histogram)


class Metrics:
    """One process's metrics, by name. Asking again for a name gives the same metric."""

    def __init__(self) -> None:
        self._metrics: dict[str, Counter | Gauge | Histogram] = {}

    def counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        """The counter `name`; by custom it ends in `_total`. `text` says what it counts."""
        return self._add(Counter(name, text, labels))

    def gauge(self, name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
        """The gauge `name`."""
        return self._add(Gauge(name, text, labels))

    def histogram(
        self,
        name: str,
        text: str,
        labels: Sequence[str] = (),
        buckets: Sequence[float] = DEFAULT_BUCKETS,
    ) -> Histogram:
        """The histogram `name`; by custom it ends in its unit, `_seconds` or `_bytes`."""
        return self._add(Histogram(name, text, labels, buckets))

    def _add(self, made: M) -> M:
        known = self._metrics.setdefault(made.name, made)
        if not isinstance(known, type(made)) or known.labels != made.labels:
            raise ValueError(f"{made.name} is already another metric")
        return known

    def snapshot(self) -> list[Family]:
        """Every metric now, as plain values that can be sent to another process."""
        return [metric.family() for metric in self._metrics.values()]

    def render(self) -> str:
        """This process's metrics as Prometheus text (format 0.0.4)."""
        return exposition([self.snapshot()])


def exposition(snapshots: Iterable[Iterable[Family]]) -> str:
    """The sum of several processes' metrics as Prometheus text."""
    merged: dict[str, Family] = {}
    for snapshot in snapshots:
        for family in snapshot:
            known = merged.get(family.name)
            if known is None:
                merged[family.name] = msgspec.structs.replace(family, series=dict(family.series))
            else:
                _add_up(known.series, family.series)
    lines: list[str] = []
    for name in sorted(merged):
        lines += _family_lines(merged[name])
    return "".join(line + "\n" for line in lines)


def _add_up(into: dict[Labels, list[float]], more: dict[Labels, list[float]]) -> None:
    for key, cells in more.items():
        known = into.get(key)
        into[key] = cells if known is None else [a + b for a, b in zip(known, cells, strict=True)]


def _family_lines(family: Family) -> list[str]:
    text = family.text.replace("\\", "\\\\").replace("\n", "\\n")
    lines = [f"# HELP {family.name} {text}", f"# TYPE {family.name} {family.kind}"]
    for values in sorted(family.series):
        cells = family.series[values]
        pairs = list(zip(family.labels, values, strict=True))
        if family.kind != "histogram":
            lines.append(f"{family.name}{_label_text(pairs)} {_number(cells[0])}")
            continue
        total = 0.0
        for bound, count in zip((*family.buckets, float("inf")), cells[:-1], strict=True):
            total += count
            text = _label_text([*pairs, ("le", _number(bound))])
            lines.append(f"{family.name}_bucket{text} {_number(total)}")
        lines.append(f"{family.name}_sum{_label_text(pairs)} {_number(cells[-1])}")
        lines.append(f"{family.name}_count{_label_text(pairs)} {_number(total)}")
    return lines


def _label_text(pairs: Sequence[tuple[str, str]]) -> str:
    if not pairs:
        return ""
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in pairs) + "}"


def _escape(value: object) -> str:
    text = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return text.encode("utf-8", "backslashreplace").decode()


def _number(value: float) -> str:
    if value == float("inf"):
        return "+Inf"
    return str(int(value)) if value == int(value) else repr(value)
