"""The trace: every message's steps, found by trace id, address or message id.

What happened to a message at one moment is one row, so that taking in a message with fifty
recipients writes one. Whom the steps concern is found in `event_about`, which is in the
order of addresses: entering each new message there at once would touch a page of its own
for each name. So the steps of young messages are entered later, many together
(`enter_young`), and until then `traces` looks through the young messages themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from merpati.base.ids import oldest_trace, trace_moment
from merpati.model.event import Event, EventKind
from merpati.store.engine import Row, Transaction

# Steps of one moment are told in the order in which they happen.
ORDER: Final = {kind: n for n, kind in enumerate(EventKind)}
YOUNG: Final = 60_000  # ms; the steps of a message in its first minute are entered later
YOUNG_MAX: Final = 2 * YOUNG  # ms; by then what was begun in the first minute is durable
PROGRESS: Final = "event_about"

_encode: Final = msgspec.json.encode


async def record(tx: Transaction, events: Sequence[Event]) -> None:
    """Write steps; one that says the same in the same millisecond is the same."""
    moments: dict[tuple[str, int], dict[tuple[EventKind, str], Event]] = {}
    for one in events:
        moments.setdefault((one.trace, one.at), {}).setdefault((one.kind, one.about), one)
    abouts: list[tuple[str, str]] = []
    for (trace, at), steps in moments.items():
        first, *others = steps.values()
        more = [(one.kind, one.about, one.account_id, one.detail) for one in others]
        await tx.run(
            "INSERT INTO event (trace, at, kind, about, account_id, detail, more)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
            trace, at, first.kind._value_, first.about, first.account_id,
            _encode(first.detail).decode(), _encode(more).decode() if more else "",
        )  # fmt: skip
        if trace < _oldest_young(at // 1000 + 1):
            abouts += [(one.about, trace) for one in steps.values()]
    if abouts:
        await _enter(tx, abouts)


@lru_cache(maxsize=16)
def _oldest_young(second: int) -> str:
    """The first trace id of a message that is young then, Unix seconds."""
    return oldest_trace(second * 1000 - YOUNG)


async def of_trace(tx: Transaction, trace: str) -> list[Event]:
    """All steps of one message, in order."""
    rows = await tx.rows(
        "SELECT at, kind, about, account_id, detail, more FROM event WHERE trace = $1 ORDER BY at",
        trace,
    )
    steps = []
    for at, kind, about, account_id, detail, more in rows:
        its = [(kind, about, account_id, msgspec.json.decode(detail)), *_more(more)]
        steps += [
            Event(trace, at, EventKind(kind), about, account_id, detail)
            for kind, about, account_id, detail in its
        ]
    return sorted(steps, key=lambda step: (step.at, ORDER[step.kind]))


async def traces(tx: Transaction, about: str, limit: int = 20) -> list[str]:
    """The latest messages that concern an address or a <message-id>, newest first."""
    rows = await tx.rows(
        "SELECT trace FROM event_about WHERE about = $1 ORDER BY trace DESC LIMIT $2",
        about, limit,
    )  # fmt: skip
    found = {row[0] for row in rows}
    quoted = _encode(about).decode()
    rows = await tx.rows(
        "SELECT trace, about, more FROM event WHERE trace >= $1"
        " AND (about = $2 OR (more <> '' AND replace(more, $3, '') <> more))",
        oldest_trace(await _entered(tx)), about, quoted,
    )  # fmt: skip
    found.update(trace for trace, first, more in rows if about in _abouts(first, more))
    return sorted(found, reverse=True)[:limit]


async def enter_young(tx: Transaction, now: int, limit: int = 500) -> bool:
    """Enter messages that are not young any more; whether there may be more of them.

    Args:
        tx: The transaction.
        now: Unix milliseconds.
        limit: About how many rows to enter at once.
    """
    begin, end = await _entered(tx), now - YOUNG_MAX
    if begin >= end:
        return False
    rows = await tx.rows(
        "SELECT trace, about, more FROM event WHERE trace >= $1 AND trace < $2"
        " ORDER BY trace LIMIT $3",
        oldest_trace(begin), oldest_trace(end), limit,
    )  # fmt: skip
    whole = len(rows) < limit
    if not whole:  # the last millisecond may have more rows than were read
        end = trace_moment(rows[-1][0])
        if end == begin:
            end += 1
            rows = await tx.rows(
                "SELECT trace, about, more FROM event WHERE trace >= $1 AND trace < $2",
                oldest_trace(begin), oldest_trace(end),
            )  # fmt: skip
    await _enter(tx, [(about, row[0]) for row in rows for about in _abouts(*row[1:])])
    await tx.run(
        "INSERT INTO progress (name, value) VALUES ($1, $2)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        PROGRESS, end,
    )  # fmt: skip
    return not whole


async def forget(tx: Transaction, before: str, limit: int = 5000) -> int:
    """Remove the steps of traces older than the trace id `before`; how many rows at once."""
    rows = await tx.rows(
        "DELETE FROM event WHERE (trace, at, kind, about) IN"
        " (SELECT trace, at, kind, about FROM event WHERE trace < $1 LIMIT $2)"
        " RETURNING trace, about, more",
        before, limit,
    )  # fmt: skip
    await tx.run_many(
        "DELETE FROM event_about WHERE about = $1 AND trace = $2",
        sorted({(about, row[0]) for row in rows for about in _abouts(*row[1:])}),
    )
    return len(rows)


async def _entered(tx: Transaction) -> int:
    """The moment, Unix milliseconds, up to which messages have been entered by `enter_young`."""
    return int(await tx.value("SELECT value FROM progress WHERE name = $1", PROGRESS) or 0)


async def _enter(tx: Transaction, abouts: Iterable[tuple[str, str]]) -> None:
    await tx.run_many(
        "INSERT INTO event_about (about, trace) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        sorted(set(abouts)),  # in the order of the table, so that each page is written once
    )


def _abouts(first: str, more: str) -> list[str]:
    return [first, *(step[1] for step in _more(more))]


def _more(text: str) -> list[Row]:
    found: list[Any] = msgspec.json.decode(text) if text else []
    return [tuple(step) for step in found]
