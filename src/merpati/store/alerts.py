"""What is wrong and worth waking somebody: one row from when it began until it has ended."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec

from merpati.store.engine import Row, Transaction

CALM: Final = 600_000  # ms that something has to be well before it is over
AGAIN: Final = 6 * 3_600_000  # ms; what comes back sooner was never over
_COLUMNS: Final = "id, kind, subject, detail, opened_at, seen_at, told_at, closed_at"
_encode: Final = msgspec.json.encode


class Found(msgspec.Struct, frozen=True):
    """Something that is wrong now.

    Attributes:
        kind: One of those of `wire/alert_words.py`.
        subject: Of what: a domain, a folder, an account; may be empty.
        detail: What its sentence needs besides.
    """

    kind: str
    subject: str = ""
    detail: Mapping[str, Any] = {}


class Alert(msgspec.Struct, frozen=True):
    """Something that is or was wrong. Times are Unix milliseconds; `closed_at` 0: it goes on."""

    id: int
    kind: str
    subject: str
    detail: Mapping[str, Any]
    opened_at: int
    seen_at: int
    told_at: int
    closed_at: int


async def settle(
    tx: Transaction, kinds: Collection[str], found: Sequence[Found], now: int
) -> tuple[list[Alert], list[Alert]]:
    """Write down what is wrong now of some kinds; what began, and what has ended."""
    known = {(one.kind, one.subject): one for one in await listing(tx)}
    opened = []
    for one in found:
        detail = _encode(one.detail).decode()
        if (one.kind, one.subject) in known:
            await tx.run(
                "UPDATE alert SET seen_at = $2, detail = $3 WHERE id = $1",
                known[one.kind, one.subject].id, now, detail,
            )  # fmt: skip
        elif not await _goes_on(tx, one, detail, now):
            row = await tx.row(
                "INSERT INTO alert (kind, subject, detail, opened_at, seen_at, told_at, closed_at)"
                f" VALUES ($1, $2, $3, $4, $4, 0, 0) RETURNING {_COLUMNS}",
                one.kind, one.subject, detail, now,
            )  # fmt: skip
            assert row is not None
            opened.append(_alert(row))
    here = {(one.kind, one.subject) for one in found}
    ended = [
        one for key, one in known.items()
        if one.kind in kinds and key not in here and one.seen_at < now - CALM
    ]  # fmt: skip
    for alert in ended:
        await tx.run("UPDATE alert SET closed_at = $2 WHERE id = $1", alert.id, now)
    return opened, ended


async def _goes_on(tx: Transaction, one: Found, detail: str, now: int) -> bool:
    """Whether it ended a short while ago, and so has not ended."""
    return bool(
        await tx.run(
            "UPDATE alert SET closed_at = 0, seen_at = $3, detail = $4 WHERE id ="
            " (SELECT max(id) FROM alert WHERE kind = $1 AND subject = $2 AND closed_at > $5)",
            one.kind, one.subject, now, detail, now - AGAIN,
        )
    )  # fmt: skip


async def listing(tx: Transaction, *, ended: bool = False, limit: int = 200) -> list[Alert]:
    """What is wrong, the latest first; with `ended` also what was."""
    rows = await tx.rows(
        f"SELECT {_COLUMNS} FROM alert WHERE closed_at = 0 OR $1 = 1"
        " ORDER BY closed_at > 0, opened_at DESC, id DESC LIMIT $2",
        int(ended), limit,
    )  # fmt: skip
    return [_alert(row) for row in rows]


async def untold(tx: Transaction, before: int) -> list[Alert]:
    """What is wrong and people were not told of since a time."""
    return [one for one in await listing(tx) if one.told_at <= before]


async def told(tx: Transaction, alerts: Collection[Alert], now: int) -> None:
    """People were told of these."""
    await tx.run_many(
        "UPDATE alert SET told_at = $2 WHERE id = $1", [(one.id, now) for one in alerts]
    )


async def forget(tx: Transaction, before: int) -> int:
    """Remove what has ended before a time; how many rows."""
    return await tx.run("DELETE FROM alert WHERE closed_at > 0 AND closed_at < $1", before)


async def people(tx: Transaction) -> list[tuple[str, str]]:
    """The administrators with their languages."""
    rows = await tx.rows(
        "SELECT r.local || '@' || d.name, a.language FROM account a"
        " JOIN address r ON r.account_id = a.id AND r.is_primary = 1"
        " JOIN domain d ON d.id = r.domain_id WHERE a.is_admin = 1 AND a.disabled = 0 ORDER BY a.id"
    )
    return [(row[0], row[1]) for row in rows]


async def overdue(tx: Transaction, before: int) -> int:
    """When the mail that should have been tried first was due, if that was before a time; else 0.

    Mail for destinations that do not answer waits for them, and is not counted.
    """
    return int(
        await tx.value(
            "SELECT coalesce(min(r.next_at), 0) FROM queue_recipient r"
            " JOIN queue_destination d ON d.name = r.destination"
            " WHERE r.held = 0 AND d.failures = 0 AND r.next_at < $1",
            before,
        )
    )  # fmt: skip


def _alert(row: Row) -> Alert:
    id_, kind, subject, detail, opened_at, seen_at, told_at, closed_at = row
    known = msgspec.json.decode(detail)
    return Alert(id_, kind, subject, known, opened_at, seen_at, told_at, closed_at)
