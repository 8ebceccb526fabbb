"""What an administrator does with the queue: pick recipients, and act on all of them.

Every act takes a `Selection` and a limit, and leaves what it has acted on no longer fit
for the same act: so whoever repeats it until it answers 0 has worked through a queue of
any length, in transactions that hold nobody up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from merpati.model.queue import Destination, QueueMessage, QueueRecipient
from merpati.store import destinations, queue
from merpati.store.engine import Topic, Transaction, id_list, one_of
from merpati.store.suppression import like

AT_ONCE: Final = 500  # recipients of one transaction


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which recipients are meant: those that fit all that is said. Patterns have `*`."""

    ids: tuple[int, ...] = ()
    sender: str = ""  # "<>" is the null path
    recipient: str = ""
    destination: str = ""  # "here": mailboxes of this server
    before: int = 0  # queued before, Unix milliseconds
    rule_id: int = 0  # held by this rule
    held: bool | None = None
    account_id: int = 0  # submitted by this account
    reason: str = ""  # held for just this reason


class Counts(msgspec.Struct, frozen=True):
    """How many recipients are in which state."""

    due: int
    waiting: int
    leased: int
    held: int
    failing: int  # their destination cannot be reached


async def select(
    tx: Transaction, selection: Selection, limit: int = 1000
) -> list[tuple[QueueMessage, list[QueueRecipient]]]:
    """The oldest messages that have a recipient that is meant, with all of their recipients."""
    where, args = _where(tx, selection, 2)
    rows = await tx.rows(
        "SELECT m.id FROM queue_message m WHERE EXISTS (SELECT 1 FROM queue_recipient r"
        f" WHERE r.message_id = m.id AND {where}) ORDER BY m.id LIMIT $1",
        limit, *args,
    )  # fmt: skip
    return await queue.whole(tx, [row[0] for row in rows])


async def count(tx: Transaction, selection: Selection) -> int:
    """How many recipients are meant."""
    where, args = _where(tx, selection, 1)
    found: int = await tx.value(
        "SELECT count(*) FROM queue_recipient r JOIN queue_message m ON m.id = r.message_id"
        f" WHERE {where}",
        *args,
    )
    return found


async def retry(tx: Transaction, selection: Selection, now: int, limit: int = AT_ONCE) -> int:
    """Make what waits due now, and try its destinations whatever is known of them."""
    return await _change(
        tx, selection, "next_at = $1", [now],
        f"r.held = 0 AND r.lease = '' AND r.next_at > {int(now)}", limit, due_at=now, force=True,
    )  # fmt: skip


async def attempt(tx: Transaction, selection: Selection, now: int) -> int:
    """Try failing destinations now that something selected waits for; how many."""
    where, args = _where(tx, selection, 2)
    count = await tx.run(
        "UPDATE queue_destination SET due_at = $1 WHERE failures > 0 AND due_at > $1"
        " AND EXISTS (SELECT 1 FROM queue_recipient r JOIN queue_message m ON m.id = r.message_id"
        f" WHERE r.destination = queue_destination.name AND r.held = 0 AND {where})",
        now, *args,
    )  # fmt: skip
    tx.announce(Topic.QUEUE, 0)
    return count


async def hold(tx: Transaction, selection: Selection, reason: str, limit: int = AT_ONCE) -> int:
    """Keep, and do not try."""
    return await _change(tx, selection, "held = 1, reason = $1", [reason], "r.held = 0", limit)


async def release(tx: Transaction, selection: Selection, now: int, limit: int = AT_ONCE) -> int:
    """Undo hold; what waited longer than that is due at once."""
    return await _change(
        tx, selection, "held = 0, reason = '', rule_id = 0", [], "r.held = 1", limit, due_at=now
    )


async def reroute(
    tx: Transaction, selection: Selection, destination: str, now: int, limit: int = AT_ONCE
) -> int:
    """Send by another destination; due at once. What is being tried now is left alone."""
    return await _change(
        tx, selection, "destination = $1, next_at = $2", [destination, now], "r.lease = ''", limit,
        due_at=now, other_than=destination,
    )  # fmt: skip


async def bounce(tx: Transaction, selection: Selection, now: int, limit: int = AT_ONCE) -> int:
    """Return to the sender, without another try."""
    return await _change(
        tx, selection, "give_up = 1, held = 0, next_at = $1", [now],
        "r.lease = '' AND r.give_up = 0", limit, due_at=now, look_at=now,
    )  # fmt: skip


async def delete(tx: Transaction, selection: Selection, limit: int = AT_ONCE) -> int:
    """Forget, and tell nobody."""
    pairs = await _pairs(tx, selection, "1 = 1", limit)
    return len(await queue.finish_many(tx, pairs))


async def health(tx: Transaction, limit: int = 1000) -> list[tuple[Destination, int, int]]:
    """Destinations with what waits for them and what is held; those that fail first."""
    rows = await tx.rows(
        f"SELECT {destinations.COLUMNS},"
        " (SELECT count(*) FROM queue_recipient r WHERE r.destination = d.name AND r.held = 0),"
        " (SELECT count(*) FROM queue_recipient r WHERE r.destination = d.name AND r.held = 1)"
        " FROM queue_destination d ORDER BY failures DESC, name LIMIT $1",
        limit,
    )
    return [(Destination(*row[:-2]), row[-2], row[-1]) for row in rows]


async def counts(tx: Transaction, now: int) -> Counts:
    """How many recipients are in which state. It counts, so ask seldom."""
    held = await tx.value("SELECT count(*) FROM queue_recipient WHERE held = 1")
    leased = await tx.value(
        "SELECT count(*) FROM queue_recipient WHERE lease <> '' AND held = 0 AND next_at > $1", now
    )
    rows = await tx.rows(
        "SELECT d.failures > 0, r.next_at <= $1, count(*)"
        " FROM queue_recipient r JOIN queue_destination d ON d.name = r.destination"
        " WHERE r.held = 0 GROUP BY 1, 2",
        now,
    )
    found = {(bool(fails), bool(is_due)): number for fails, is_due, number in rows}
    failing = found.get((True, True), 0) + found.get((True, False), 0)
    waiting = max(0, found.get((False, False), 0) - leased)
    return Counts(found.get((False, True), 0), waiting, leased, held, failing)


async def _change(
    tx: Transaction, selection: Selection, change: str, args: Sequence[Any], fit: str, limit: int,
    *, due_at: int = 0, look_at: int = 0, force: bool = False, other_than: str = "",
) -> int:  # fmt: skip
    """Change up to so many selected recipients, and make their destinations look at them."""
    pairs = await _pairs(tx, selection, fit, limit, other_than)
    if not pairs:
        return 0
    numbered = len(args)
    await tx.run_many(
        f"UPDATE queue_recipient SET {change}"
        f" WHERE message_id = ${numbered + 1} AND n = ${numbered + 2}",
        [(*args, *pair) for pair in pairs],
    )
    ids = sorted({pair[0] for pair in pairs})
    if look_at:
        await tx.run(
            f"UPDATE queue_message SET look_at = $2 WHERE {one_of(tx, 'id', 1)}",
            id_list(tx, ids), look_at,
        )  # fmt: skip
    if due_at:
        rows = await tx.rows(
            f"SELECT DISTINCT destination FROM queue_recipient WHERE {one_of(tx, 'message_id', 1)}",
            id_list(tx, ids),
        )
        await destinations.lower(tx, [row[0] for row in rows], due_at)
        if force:
            for (name,) in rows:
                await destinations.set_due(tx, name, due_at)
    tx.announce(Topic.QUEUE, 0)
    return len(pairs)


async def _pairs(
    tx: Transaction, selection: Selection, fit: str, limit: int, other_than: str = ""
) -> list[queue.Pair]:
    where, args = _where(tx, selection, 2)
    if other_than:
        args.append(other_than)
        where += f" AND r.destination <> ${len(args) + 1}"
    rows: list[Any] = await tx.rows(
        "SELECT r.message_id, r.n FROM queue_recipient r JOIN queue_message m"
        f" ON m.id = r.message_id WHERE {fit} AND {where} LIMIT $1",
        limit, *args,
    )  # fmt: skip
    return rows


def _where(tx: Transaction, selection: Selection, first: int) -> tuple[str, list[Any]]:
    """A condition on `m` and `r`, its parameters numbered from `first` on."""
    parts: list[str] = []
    args: list[Any] = []

    def add(condition: str, value: Any) -> None:
        parts.append(condition.replace("?", f"${first + len(args)}"))
        args.append(value)

    if selection.ids:
        parts.append(one_of(tx, "m.id", first))
        args.append(id_list(tx, selection.ids))
    if selection.sender == "<>":
        parts.append("m.sender = ''")
    elif selection.sender:
        add("lower(m.sender) LIKE ? ESCAPE '\\'", like(selection.sender))
    if selection.recipient:
        add("lower(r.address) LIKE ? ESCAPE '\\'", like(selection.recipient))
    if selection.destination:
        add("r.destination LIKE ? ESCAPE '\\'", _destination(selection.destination))
    if selection.before:
        add("m.received_at < ?", selection.before)
    if selection.rule_id:
        add("r.rule_id = ?", selection.rule_id)
    if selection.held is not None:
        parts.append(f"r.held = {int(selection.held)}")
    if selection.account_id:
        add("m.account_id = ?", selection.account_id)
    if selection.reason:
        add("r.reason = ?", selection.reason)
    return " AND ".join(parts) or "1 = 1", args


def _destination(pattern: str) -> str:
    return "" if pattern == "here" else like(pattern)
