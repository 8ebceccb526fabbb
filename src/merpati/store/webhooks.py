"""Programs that are told of what happens, and what is still to be told to each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.store.engine import Row, Topic, Transaction

ENDPOINTS: Final = 0  # subjects of `Topic.WEBHOOKS`
OUTBOX: Final = 1
_AT_ONCE: Final = 1000  # rows removed in one transaction
_COLUMNS: Final = (
    "id, url, events, secret, created_at, enabled, failing_since, told_at, status, problem, off_at"
)
_EVENT: Final = "id, webhook_id, name, kind, at, body, due_at, attempts, tried_at, status, problem"


class Webhook(msgspec.Struct, frozen=True):
    """A program that is told. Times are Unix milliseconds, 0: never.

    Attributes:
        secret: Sealed (services/sealing.py).
        failing_since: 0: the last try went well.
        status, problem: Of the last try; 0: there was no answer.
        off_at: When it was switched off because nobody had answered for days.
    """

    id: int
    url: str
    events: frozenset[str]
    secret: bytes
    created_at: int
    enabled: bool
    failing_since: int
    told_at: int
    status: int
    problem: str
    off_at: int


class Telling(msgspec.Struct, frozen=True):
    """Something that one program is to be told, or was. Times are Unix milliseconds.

    Attributes:
        name: By which the program knows one told twice.
        due_at: When it is tried next; 0: it is done, or given up.
    """

    id: int
    webhook_id: int
    name: str
    kind: str
    at: int
    body: str
    due_at: int
    attempts: int
    tried_at: int
    status: int
    problem: str


class Said(msgspec.Struct, frozen=True):
    """Something new to be told."""

    name: str
    kind: str
    at: int
    body: str


async def add(tx: Transaction, url: str, events: Sequence[str], secret: bytes, now: int) -> Webhook:
    """Tell one more program."""
    row = await tx.row(
        "INSERT INTO webhook (url, events, secret, created_at, enabled, failing_since, told_at,"
        " status, problem, off_at) VALUES ($1, $2, $3, $4, 1, 0, 0, 0, '', 0)"
        f" RETURNING {_COLUMNS}",
        url, " ".join(sorted(events)), secret, now,
    )  # fmt: skip
    assert row is not None
    tx.announce(Topic.WEBHOOKS, ENDPOINTS)
    return _webhook(row)


async def change(
    tx: Transaction, webhook_id: int, *, url: str, events: Sequence[str], enabled: bool,
    secret: bytes,
) -> None:  # fmt: skip
    """Change one; whoever switches it on again forgives what was."""
    await tx.run(
        "UPDATE webhook SET url = $2, events = $3, off_at = 0, secret = $5,"
        " failing_since = CASE WHEN enabled = $4 THEN failing_since ELSE 0 END, enabled = $4"
        " WHERE id = $1",
        webhook_id, url, " ".join(sorted(events)), int(enabled), secret,
    )  # fmt: skip
    tx.announce(Topic.WEBHOOKS, ENDPOINTS)


async def remove(tx: Transaction, webhook_id: int) -> None:
    """Tell a program nothing more."""
    await tx.run("DELETE FROM webhook_event WHERE webhook_id = $1", webhook_id)
    await tx.run("DELETE FROM webhook WHERE id = $1", webhook_id)
    tx.announce(Topic.WEBHOOKS, ENDPOINTS)


async def find(tx: Transaction, webhook_id: int) -> Webhook:
    """One of them. Raises Fault NOT_FOUND."""
    row = await tx.row(f"SELECT {_COLUMNS} FROM webhook WHERE id = $1", webhook_id)
    if row is None:
        text = f"there is no webhook {webhook_id}; see: merpati webhook list"
        raise Fault(Kind.NOT_FOUND, text)
    return _webhook(row)


async def listing(tx: Transaction) -> list[Webhook]:
    """All of them, the oldest first."""
    return [_webhook(row) for row in await tx.rows(f"SELECT {_COLUMNS} FROM webhook ORDER BY id")]


# What is to be told


async def put(tx: Transaction, webhook_id: int, said: Sequence[Said]) -> None:
    """Have a program told, after what it is to be told already."""
    await tx.run_many(
        "INSERT INTO webhook_event (webhook_id, name, kind, at, body, due_at, attempts, tried_at,"
        " status, problem) VALUES ($1, $2, $3, $4, $5, $4, 0, 0, 0, '')",
        [(webhook_id, one.name, one.kind, one.at, one.body) for one in said],
    )
    tx.announce(Topic.WEBHOOKS, OUTBOX)


async def due(tx: Transaction, webhook_id: int, now: int, limit: int) -> list[Telling]:
    """What is to be told to a program now, in the order of its happening."""
    rows = await tx.rows(
        f"SELECT {_EVENT} FROM webhook_event WHERE webhook_id = $1 AND due_at > 0"
        " AND due_at <= $2 ORDER BY due_at, id LIMIT $3",
        webhook_id, now, limit,
    )  # fmt: skip
    return [Telling(*row) for row in rows]


async def next_due(tx: Transaction) -> dict[int, int]:
    """When each program that is switched on is to be told something next; Unix milliseconds."""
    rows = await tx.rows(
        "SELECT e.webhook_id, min(e.due_at) FROM webhook_event e JOIN webhook w"
        " ON w.id = e.webhook_id WHERE e.due_at > 0 AND w.enabled = 1 GROUP BY e.webhook_id"
    )
    return {row[0]: row[1] for row in rows}


async def told(tx: Transaction, one: Telling, status: int, now: int) -> None:
    """A program has taken it."""
    await tx.run(
        "UPDATE webhook_event SET due_at = 0, attempts = attempts + 1, tried_at = $2,"
        " status = $3, problem = '' WHERE id = $1",
        one.id, now, status,
    )  # fmt: skip
    await tx.run(
        "UPDATE webhook SET failing_since = 0, told_at = $2, status = $3, problem = ''"
        " WHERE id = $1",
        one.webhook_id, now, status,
    )  # fmt: skip


async def failed(
    tx: Transaction, one: Telling, status: int, problem: str, now: int, due_at: int
) -> None:
    """A program has not taken it; `due_at` 0: it is given up."""
    await tx.run(
        "UPDATE webhook_event SET due_at = $2, attempts = attempts + 1, tried_at = $3,"
        " status = $4, problem = $5 WHERE id = $1",
        one.id, due_at, now, status, problem,
    )  # fmt: skip
    await tx.run(
        "UPDATE webhook SET status = $3, problem = $4,"
        " failing_since = CASE WHEN failing_since = 0 THEN $2 ELSE failing_since END"
        " WHERE id = $1",
        one.webhook_id, now, status, problem,
    )  # fmt: skip


async def switch_off(tx: Transaction, failing_before: int, now: int) -> list[int]:
    """Switch off those that have failed since before a time; which they are."""
    rows = await tx.rows(
        "UPDATE webhook SET enabled = 0, off_at = $2 WHERE enabled = 1 AND failing_since > 0"
        " AND failing_since < $1 RETURNING id",
        failing_before, now,
    )  # fmt: skip
    if rows:
        tx.announce(Topic.WEBHOOKS, ENDPOINTS)
    return [row[0] for row in rows]


async def log(tx: Transaction, webhook_id: int, limit: int) -> list[Telling]:
    """What a program was told, and is to be told, the latest first."""
    rows = await tx.rows(
        f"SELECT {_EVENT} FROM webhook_event WHERE webhook_id = $1 ORDER BY id DESC LIMIT $2",
        webhook_id, limit,
    )  # fmt: skip
    return [Telling(*row) for row in rows]


async def of_name(tx: Transaction, webhook_id: int, name: str) -> Telling | None:
    """One of them by its name."""
    row = await tx.row(
        f"SELECT {_EVENT} FROM webhook_event WHERE webhook_id = $1 AND name = $2",
        webhook_id, name,
    )  # fmt: skip
    return None if row is None else Telling(*row)


async def forget(tx: Transaction, before: int) -> int:
    """Remove some of what happened before a time, told or not; how many rows."""
    return await tx.run(
        "DELETE FROM webhook_event WHERE id IN"
        " (SELECT id FROM webhook_event WHERE at < $1 LIMIT $2)",
        before, _AT_ONCE,
    )  # fmt: skip


def _webhook(row: Row) -> Webhook:
    (id_, url, events, secret, created_at, enabled, failing_since, told_at, status, problem,
     off_at) = row  # fmt: skip
    return Webhook(
        id_, url, frozenset(events.split()), bytes(secret), created_at, bool(enabled),
        failing_since, told_at, status, problem, off_at,
    )  # fmt: skip
