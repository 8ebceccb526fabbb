"""Mailboxes elsewhere that are fetched from regularly, and when each is due.

One that is due is claimed by putting the time when it is due next behind the time that a look
may take: a worker that dies in the middle of one has then only delayed the next.
"""

from __future__ import annotations

from typing import Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.store import remote
from merpati.store.engine import Row, Transaction

COLUMNS: Final = (
    "id, account_id, protocol, host, port, security, verify, name, password, folder, keep_days,"
    " every, domain, disabled, next_at, failures, problem, checked_at, collected"
)
LEASE: Final = 900_000  # milliseconds; prolonged while there is progress
SETTABLE: Final = frozenset(
    {"protocol", "host", "port", "security", "verify", "name", "password", "folder", "keep_days",
     "every", "domain", "disabled"}
)  # fmt: skip


class Collector(msgspec.Struct, frozen=True):
    """One such mailbox; the columns of the table, times in Unix milliseconds."""

    id: int
    account_id: int
    protocol: str
    host: str
    port: int
    security: str
    verify: bool
    name: str
    password: bytes
    folder: str
    keep_days: int
    every: int
    domain: str
    disabled: bool
    next_at: int
    failures: int
    problem: str
    checked_at: int
    collected: int

    @property
    def source(self) -> str:
        """Under which its messages are remembered."""
        return f"collector:{self.id}"

    @property
    def mailbox(self) -> dict[str, str]:
        """What names of messages there belong to."""
        return {"protocol": self.protocol, "host": self.host, "name": self.name}

    @property
    def purpose(self) -> str:
        """What its password is sealed for."""
        return f"{self.host} {self.name}"


class Changed(Fault):
    """NOT_FOUND: while it was looked at, it was removed or became another mailbox."""

    def __init__(self) -> None:
        super().__init__(Kind.NOT_FOUND, "the collector was changed or removed meanwhile")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be collected."""

    account_id: int
    protocol: str
    host: str
    port: int
    security: str
    verify: bool
    name: str
    password: bytes
    folder: str
    keep_days: int
    every: int
    domain: str


async def add(tx: Transaction, wanted: Wanted, now: int) -> int:
    """Begin to collect; at once. Gives the id."""
    values = msgspec.structs.astuple(wanted)
    found: int = await tx.value(
        "INSERT INTO collector (account_id, protocol, host, port, security, verify, name,"
        " password, folder, keep_days, every, domain, disabled, next_at, failures, problem,"
        " checked_at, collected, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,"
        " $12, 0, $13, 0, '', 0, 0, $13) RETURNING id",
        *(int(value) if isinstance(value, bool) else value for value in values), now,
    )  # fmt: skip
    return found


async def listing(tx: Transaction, account_id: int = 0) -> list[Collector]:
    """All of them, or those of one account."""
    rows = await tx.rows(
        f"SELECT {COLUMNS} FROM collector WHERE account_id = $1 OR $1 = 0 ORDER BY id", account_id
    )
    return [_collector(row) for row in rows]


async def get(tx: Transaction, collector_id: int) -> Collector:
    """One of them. Raises Fault NOT_FOUND."""
    row = await tx.row(f"SELECT {COLUMNS} FROM collector WHERE id = $1", collector_id)
    if row is None:
        text = f"there is no collector {collector_id}; see: merpati collector list"
        raise Fault(Kind.NOT_FOUND, text)
    return _collector(row)


async def change(
    tx: Transaction, collector_id: int, changes: dict[str, str | int | bytes], now: int
) -> None:
    """Change columns; what was wrong is forgotten, and it is looked at at once."""
    if not set(changes) <= SETTABLE:
        raise ValueError(f"not columns to set: {sorted(set(changes) - SETTABLE)}")
    before = await get(tx, collector_id)
    await remote.try_again(tx, before.account_id, before.source)
    if any(changes.get(column, old) != old for column, old in before.mailbox.items()):
        await remote.outdate(tx, before.account_id, before.source)
    columns = "".join(f", {column} = ${n}" for n, column in enumerate(changes, 3))
    await tx.run(
        f"UPDATE collector SET next_at = $2, failures = 0{columns} WHERE id = $1",
        collector_id, now, *changes.values(),
    )  # fmt: skip


async def remove(tx: Transaction, collector_id: int) -> None:
    """Collect no longer. Raises Fault NOT_FOUND."""
    if not await tx.run("DELETE FROM collector WHERE id = $1", collector_id):
        await get(tx, collector_id)


async def due(tx: Transaction, now: int, limit: int) -> list[int]:
    """Ids of those whose time has come."""
    rows = await tx.rows(
        "SELECT id FROM collector WHERE disabled = 0 AND next_at <= $1 ORDER BY next_at LIMIT $2",
        now, limit,
    )  # fmt: skip
    return [row[0] for row in rows]


async def claim(tx: Transaction, collector_id: int, now: int) -> Collector | None:
    """Take one that is due; None when another worker was quicker."""
    row = await tx.row(
        "UPDATE collector SET next_at = $3 WHERE id = $1 AND disabled = 0 AND next_at <= $2"
        f" RETURNING {COLUMNS}",
        collector_id, now, now + LEASE,
    )  # fmt: skip
    return None if row is None else _collector(row)


async def prolong(tx: Transaction, one: Collector, now: int, taken: int) -> None:
    """It is still looked at: so many messages more.

    Raises:
        Changed: it is there no longer, or is another mailbox by now.
    """
    found = await tx.run(
        "UPDATE collector SET next_at = $2, collected = collected + $3"
        " WHERE id = $1 AND protocol = $4 AND host = $5 AND name = $6",
        one.id, now + LEASE, taken, *one.mailbox.values(),
    )  # fmt: skip
    if not found:
        raise Changed


async def done(
    tx: Transaction, collector_id: int, now: int, next_at: int, problem: str = ""
) -> None:
    """A look that went well, but for messages that the other server would not give."""
    await tx.run(
        "UPDATE collector SET next_at = $3, failures = 0, problem = $4, checked_at = $2"
        " WHERE id = $1",
        collector_id, now, next_at, problem,
    )  # fmt: skip


async def failed(tx: Transaction, collector_id: int, problem: str, next_at: int) -> None:
    """A look that did not."""
    await tx.run(
        "UPDATE collector SET next_at = $3, failures = failures + 1, problem = $2 WHERE id = $1",
        collector_id, problem, next_at,
    )  # fmt: skip


def _collector(row: Row) -> Collector:
    found = dict(zip(Collector.__struct_fields__, row, strict=True))
    for name, convert in (("verify", bool), ("disabled", bool), ("password", bytes)):
        found[name] = convert(found[name])
    return Collector(**found)
