"""The trace: every message's steps, found by trace id, address or message id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from merpati.model.event import Event, EventKind
from merpati.store.engine import Transaction

# Steps of one moment are told in the order in which they happen.
ORDER: Final = {kind: n for n, kind in enumerate(EventKind)}


async def record(tx: Transaction, events: Sequence[Event]) -> None:
    """Write steps; one that says the same in the same millisecond is the same."""
    encode = msgspec.json.encode
    await tx.run_many(
        "INSERT INTO event (trace, at, kind, about, account_id, detail)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        [
            (one.trace, one.at, one.kind.value, one.about, one.account_id,
             encode(one.detail).decode())
            for one in events
        ],
    )  # fmt: skip


async def of_trace(tx: Transaction, trace: str) -> list[Event]:
    """All steps of one message, in order."""
    rows = await tx.rows(
        "SELECT trace, at, kind, about, account_id, detail FROM event WHERE trace = $1 ORDER BY at",
        trace,
    )
    steps = [
        Event(row[0], row[1], EventKind(row[2]), row[3], row[4], msgspec.json.decode(row[5]))
        for row in rows
    ]
    return sorted(steps, key=lambda step: (step.at, ORDER[step.kind]))


async def traces(tx: Transaction, about: str, limit: int = 20) -> list[str]:
    """The latest messages that concern an address or a <message-id>, newest first."""
    rows = await tx.rows(
        "SELECT DISTINCT trace FROM event WHERE about = $1 ORDER BY trace DESC LIMIT $2",
        about, limit,
    )  # fmt: skip
    return [row[0] for row in rows]


async def forget(tx: Transaction, before: str, limit: int = 5000) -> int:
    """Remove the steps of traces older than the trace id `before`; how many at most at once."""
    return await tx.run(
        "DELETE FROM event WHERE (trace, at, kind, about) IN"
        " (SELECT trace, at, kind, about FROM event WHERE trace < $1 LIMIT $2)",
        before, limit,
    )  # fmt: skip
