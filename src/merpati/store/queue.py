"""The queue: messages with recipients that are still to be served.

A recipient's row is its whole state. It is due at `next_at`; a worker that claims it
moves `next_at` to the end of its lease and signs it, so a worker that dies merely lets
the lease run out. Serving a recipient deletes its row in the transaction that records
the outcome, so nothing is done twice. docs/design/queue.md has the table of states.

What is due is found through the destinations (`store/destinations.py`), each of which is
claimed by itself. So the cost of a claim does not depend on how much else is waiting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

import msgspec

from merpati.model.arrival import NO_OPTIONS, NO_RECIPIENT_OPTIONS, Options, RecipientOptions
from merpati.model.queue import QueueMessage, QueueRecipient, Rule, with_any_tls
from merpati.store import blobs, destinations, queue_rules, suppression
from merpati.store.engine import Dialect, Row, Topic, Transaction, id_list, one_of

MESSAGE_COLUMNS: Final = (
    "id, trace, blob_id, sender, account_id, smtputf8, received_at, expires_at, warn_at, own,"
    " prefix, options"
)
RECIPIENT_COLUMNS: Final = (
    "message_id, n, address, destination, held, attempts, next_at, status, reply, remote,"
    " notify, orcpt, give_up, reason"
)
DESTINATIONS_AT_ONCE: Final = 50  # of one claim
SHARE: Final = 100  # recipients of one destination in one claim
RANK_BELOW: Final = -10  # of every rank: priorities go to 9 (RFC 6710 3)
LOOK_AGAIN: Final = 900_000  # ms; a message that was due for a look and could not be served

Pair = tuple[int, int]  # message id and number of a recipient


class Taker(Protocol):
    """A worker that sends to some destinations right now, and takes new mail for them at once.

    What it wants is queued with its lease, as if it had claimed it, and handed to it when
    that is durable.

    Attributes:
        lease: Who takes it.
        lease_for: For so many milliseconds.
    """

    lease: str
    lease_for: int

    def wants(self, destination: str) -> bool:
        """Whether it takes mail for this destination now."""

    def take(
        self,
        message: QueueMessage,
        recipients: Sequence[QueueRecipient],
        stored: blobs.Stored | None,
    ) -> None:
        """These recipients are its own now; `stored` are the bytes, if they are at hand."""


async def add(
    tx: Transaction,
    *,
    trace: str,
    blob_id: int,
    sender: str,
    account_id: int,
    smtputf8: bool,
    received_at: int,
    expires_at: int,
    warn_at: int,
    recipients: Sequence[tuple[str, str]],
    options: Options = NO_OPTIONS,
    recipient_options: Mapping[str, RecipientOptions] | None = None,
    held: str = "",
    prefix: str = "",
    is_own: bool = False,
    taker: Taker | None = None,
    stored: blobs.Stored | None = None,
) -> int:
    """Queue a message whose blob the caller has counted once; due at once, or when it may leave.

    A deadline (RFC 2852) brings its end forward, or its warning; a time until which it is
    held back (RFC 4865) puts both off. Rules of the administrator may hold it.

    Args:
        tx: The transaction.
        trace: The message's trace id.
        blob_id: Its bytes.
        sender: The return path; empty for a bounce.
        account_id: Of the local sender, else 0.
        smtputf8: Whether it needs a next hop with SMTPUTF8.
        received_at: Unix milliseconds.
        expires_at: When it is returned.
        warn_at: When the sender is told of a delay; 0: never.
        recipients: Address and destination of each.
        options: What the client asked for with MAIL.
        recipient_options: And with RCPT, by the addresses of `recipients`.
        held: Why all of it is held until it is released; empty: it is not.
        prefix: Header fields to be sent before the bytes of the blob, each ended by CRLF.
        is_own: Whether it was made here or submitted by one of ours.
        taker: A worker that may take recipients who are due, without a claim.
        stored: The bytes of the blob for it, if they are at hand.

    Returns:
        The queue id.
    """
    start = max(received_at, options.hold_until)
    expires_at += start - received_at
    warn_at = warn_at and warn_at + start - received_at
    if options.deliver_by and options.by_mode == "R":
        expires_at = min(expires_at, options.deliver_by)
    elif options.deliver_by and sender:
        warn_at = min(warn_at or options.deliver_by, options.deliver_by)
    message_id = await tx.insert(
        "INSERT INTO queue_message (trace, blob_id, sender, account_id, smtputf8, received_at,"
        " expires_at, warn_at, look_at, options, prefix, own)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        trace, blob_id, sender, account_id, int(smtputf8), received_at, expires_at, warn_at,
        min(warn_at or expires_at, expires_at),
        "" if options == NO_OPTIONS else msgspec.json.encode(options).decode(), prefix,
        int(is_own),
    )  # fmt: skip
    assert message_id is not None
    new = _queued(
        message_id, sender, start, recipients, options, recipient_options or {}, held,
        await queue_rules.rules(tx),
    )  # fmt: skip
    taken: dict[int, QueueRecipient] = {}
    if taker is not None and start <= received_at and len(new) <= SHARE:
        taken = await _taken(tx, taker, [one for one, _ in new])
    await _insert(tx, new, taken, -options.priority, taker.lease if taker is not None else "")
    if taker is not None and taken:
        whole = QueueMessage(
            message_id, trace, blob_id, sender, account_id, smtputf8, received_at, expires_at,
            warn_at, options, prefix, is_own,
        )  # fmt: skip
        tx.afterwards(partial(taker.take, whole, list(taken.values()), stored))
    return message_id


def _queued(
    message_id: int,
    sender: str,
    start: int,
    recipients: Sequence[tuple[str, str]],
    options: Options,
    asked: Mapping[str, RecipientOptions],
    held: str,
    rules: Sequence[Rule],
) -> list[tuple[QueueRecipient, int]]:
    """Recipients as they are queued, each with the id of the rule that holds it, or 0."""
    new = []
    for n, (address, destination) in enumerate(recipients):
        wishes = asked.get(address, NO_RECIPIENT_OPTIONS)
        rule = _rule(rules, sender, address, destination)
        reason = held or (rule.reason if rule else "")
        if options.tls_optional and not options.require_tls:
            destination = with_any_tls(destination)  # noqa: PLW2901 -- as it is queued
        new.append((
            QueueRecipient(
                message_id, n, address, destination, bool(reason or rule), 0, start, "", "", "",
                wishes.notify, wishes.orcpt, reason=reason,
            ),
            rule.id if rule else 0,
        ))  # fmt: skip
    return new


async def _taken(
    tx: Transaction, taker: Taker, new: Sequence[QueueRecipient]
) -> dict[int, QueueRecipient]:
    """Those that a worker takes at once, by their numbers, as its lease makes them."""
    wanted = {name for name in {one.destination for one in new} if taker.wants(name)}
    free = [one for one in new if one.destination in wanted and not one.held]
    if not free:
        return {}
    now = free[0].next_at
    gone = await suppression.suppressed(tx, [one.address for one in free], now)
    return {
        one.n: msgspec.structs.replace(one, attempts=1, next_at=now + taker.lease_for)
        for one in free
        if one.address not in gone
    }


async def _insert(
    tx: Transaction, new: Sequence[tuple[QueueRecipient, int]], taken: Mapping[int, QueueRecipient],
    rank: int, lease: str,
) -> None:  # fmt: skip
    """Write recipients and the rules that hold them; those that are `taken` with a lease."""
    rows = []
    due: dict[str, int] = {}
    for free, rule_id in new:
        one = taken.get(free.n, free)
        due[one.destination] = min(one.next_at, due.get(one.destination, one.next_at))
        rows.append((
            one.message_id, one.n, one.address, one.destination, int(one.held), one.attempts,
            one.next_at, lease if one is not free else "", rank, one.notify, one.orcpt, rule_id,
            one.reason,
        ))  # fmt: skip
    await tx.run_many(
        "INSERT INTO queue_recipient (message_id, n, address, destination, held, attempts,"
        " next_at, lease, status, reply, remote, rank, notify, orcpt, give_up, rule_id, reason)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', '', '', $9, $10, $11, 0, $12, $13)",
        rows,
    )
    for name, at in due.items():
        await destinations.lower(tx, (name,), at)
    if len(taken) < len(new):
        tx.announce(Topic.QUEUE, 0)


def _rule(rules: Sequence[Rule], sender: str, address: str, destination: str) -> Rule | None:
    for rule in rules:
        if queue_rules.fits(rule, sender, address, destination):
            return rule
    return None


async def claim(
    tx: Transaction, now: int, lease: str, lease_ends: int, limit: int, busy: Sequence[str] = ()
) -> list[QueueRecipient]:
    """Take up to `limit` due recipients for one worker, those longest due first.

    Of a destination that fails it takes one message alone, to find out whether it still
    does; nobody else tries it until that is recorded.

    Args:
        tx: The transaction.
        now: Unix milliseconds.
        lease: Who takes them.
        lease_ends: When others may take them again.
        limit: How many at most.
        busy: Destinations that are served enough now.
    """
    claimed: list[QueueRecipient] = []
    for name, fails in await destinations.due(tx, now, busy, DESTINATIONS_AT_ONCE):
        room = min(limit - len(claimed), SHARE)
        if room <= 0:
            break
        found, next_at = await _claim_of(tx, name, now, lease, lease_ends, 1 if fails else room)
        claimed += found
        await destinations.set_due(tx, name, lease_ends if fails and found else next_at)
    return claimed


async def _claim_of(
    tx: Transaction, name: str, now: int, lease: str, lease_ends: int, limit: int
) -> tuple[list[QueueRecipient], int]:
    """Take due recipients of one destination, by priority; and when its next are due."""
    taken: list[QueueRecipient] = []
    next_at = destinations.NEVER
    rank = RANK_BELOW
    while True:
        row = await tx.row(
            "SELECT rank, next_at FROM queue_recipient WHERE destination = $1 AND held = 0"
            " AND rank > $2 ORDER BY rank, next_at LIMIT 1",
            name, rank,
        )  # fmt: skip
        if row is None:
            return taken, next_at
        rank, first = row
        if first <= now and len(taken) < limit:
            taken += await _take(tx, name, rank, now, lease, lease_ends, limit - len(taken))
            first = await tx.value(
                "SELECT next_at FROM queue_recipient WHERE destination = $1 AND held = 0"
                " AND rank = $2 ORDER BY next_at LIMIT 1",
                name, rank,
            )  # fmt: skip
        next_at = min(next_at, first)


async def _take(
    tx: Transaction, name: str, rank: int, now: int, lease: str, lease_ends: int, limit: int
) -> list[QueueRecipient]:
    lock = "" if tx.dialect is Dialect.SQLITE else " FOR UPDATE SKIP LOCKED"
    rows = await tx.rows(
        "WITH due AS MATERIALIZED (SELECT message_id, n FROM queue_recipient"
        " WHERE destination = $5 AND held = 0 AND rank = $6 AND next_at <= $1"
        f" ORDER BY next_at LIMIT $4{lock})"
        " UPDATE queue_recipient SET next_at = $2, lease = $3, attempts = attempts + 1"
        " WHERE (message_id, n) IN (SELECT message_id, n FROM due)"
        f" RETURNING {RECIPIENT_COLUMNS}",
        now, lease_ends, lease, limit, name, rank,
    )  # fmt: skip
    return sorted((recipient(row) for row in rows), key=lambda one: (one.message_id, one.n))


async def claim_overdue(
    tx: Transaction, now: int, lease: str, lease_ends: int, limit: int
) -> list[QueueRecipient]:
    """Take all waiting recipients of messages whose warning, or end, has come.

    Mail for a destination that fails is not tried, and would never be told about else.
    """
    rows = await tx.rows(
        "SELECT id, warn_at, expires_at FROM queue_message WHERE look_at <= $1"
        " ORDER BY look_at LIMIT $2",
        now, limit,
    )  # fmt: skip
    if not rows:
        return []
    again = now + LOOK_AGAIN  # should nothing come of this look
    looks = [
        (number, min(at if at > now else again for at in times if at)) for number, *times in rows
    ]
    await tx.run_many("UPDATE queue_message SET look_at = $2 WHERE id = $1", looks)
    taken = await tx.rows(
        "UPDATE queue_recipient SET next_at = $2, lease = $3, attempts = attempts + 1"
        f" WHERE {one_of(tx, 'message_id', 1)} AND held = 0 AND (lease = '' OR next_at <= $4)"
        f" RETURNING {RECIPIENT_COLUMNS}",
        id_list(tx, [row[0] for row in rows]), lease_ends, lease, now,
    )  # fmt: skip
    return sorted((recipient(row) for row in taken), key=lambda one: (one.message_id, one.n))


async def messages(tx: Transaction, ids: Sequence[int]) -> dict[int, QueueMessage]:
    """Queued messages by id; those that are gone are missing."""
    rows = await tx.rows(
        f"SELECT {MESSAGE_COLUMNS} FROM queue_message WHERE {one_of(tx, 'id', 1)}",
        id_list(tx, ids),
    )
    return {row[0]: message(row) for row in rows}


async def finish(tx: Transaction, message_id: int, numbers: Sequence[int]) -> list[int]:
    """These recipients are served, or given up; returns those that were still here.

    An empty answer means another worker has finished them: the caller must not act twice.
    """
    return [n for _, n in await finish_many(tx, [(message_id, n) for n in numbers])]


async def finish_many(tx: Transaction, pairs: Sequence[Pair]) -> list[Pair]:
    """The same for recipients of several messages at once, in a few statements."""
    rows: list[Any] = await tx.rows(
        f"DELETE FROM queue_recipient WHERE {_one_of_pairs(tx)} RETURNING message_id, n",
        *_pair_list(tx, pairs),
    )
    if not rows:
        return []
    gone = await tx.rows(
        f"DELETE FROM queue_message WHERE {one_of(tx, 'id', 1)} AND NOT EXISTS"
        " (SELECT 1 FROM queue_recipient r WHERE r.message_id = queue_message.id)"
        " RETURNING blob_id",
        id_list(tx, {row[0] for row in rows}),
    )
    if gone:
        await blobs.release(tx, [row[0] for row in gone])
    return sorted(rows)


async def defer(
    tx: Transaction,
    message_id: int,
    numbers: Sequence[int],
    next_at: int,
    *,
    status: str,
    reply: str,
    remote: str,
) -> None:
    """Try these recipients again at `next_at`."""
    rows = await tx.rows(
        "UPDATE queue_recipient SET next_at = $3, lease = '', status = $4, reply = $5, remote = $6"
        f" WHERE message_id = $1 AND {one_of(tx, 'n', 2)} RETURNING destination",
        message_id, id_list(tx, numbers), next_at, status, reply, remote,
    )  # fmt: skip
    await destinations.lower(tx, {row[0] for row in rows}, next_at)
    tx.announce(Topic.QUEUE, 0)


async def give_back(tx: Transaction, pairs: Sequence[Pair], lease: str, next_at: int) -> int:
    """What a worker had claimed and has not tried is due at `next_at`, as if it never had."""
    rows = await tx.rows(
        "UPDATE queue_recipient SET next_at = $1, lease = '', attempts = attempts - 1"
        f" WHERE lease = $2 AND {_one_of_pairs(tx, 3)} RETURNING destination",
        next_at, lease, *_pair_list(tx, pairs),
    )  # fmt: skip
    await destinations.lower(tx, {row[0] for row in rows}, next_at)
    tx.announce(Topic.QUEUE, 0)
    return len(rows)


async def warned(tx: Transaction, message_id: int) -> bool:
    """The sender is being told of the delay; False when that was done before."""
    return bool(
        await tx.run(
            "UPDATE queue_message SET warn_at = 0, look_at = expires_at"
            " WHERE id = $1 AND warn_at > 0",
            message_id,
        )
    )


async def next_times(tx: Transaction) -> tuple[int, int]:
    """When the next destination is due, and when the next message is to be looked at.

    Unix milliseconds, `destinations.NEVER` when none is. They may be too early, never too late.
    """
    due = await tx.value("SELECT min(due_at) FROM queue_destination")
    look = await tx.value("SELECT min(look_at) FROM queue_message")
    return (
        destinations.NEVER if due is None else due, destinations.NEVER if look is None else look
    )  # fmt: skip


async def next_due(tx: Transaction) -> int | None:
    """When there may next be something to do, Unix milliseconds; None when nothing waits."""
    first = min(await next_times(tx))
    return None if first >= destinations.NEVER else first


async def release_leases(tx: Transaction, prefix: str, now: int) -> int:
    """What workers of this name had claimed when they died is due again."""
    rows = await tx.rows(
        "UPDATE queue_recipient SET lease = '', next_at = $2"
        " WHERE lease <> '' AND substr(lease, 1, $3) = $1 RETURNING destination",
        prefix, now, len(prefix),
    )  # fmt: skip
    for name in {row[0] for row in rows}:  # the attempt to reach one that fails is over too
        await destinations.set_due(tx, name, now)
    return len(rows)


async def listing(
    tx: Transaction, limit: int = 1000
) -> list[tuple[QueueMessage, list[QueueRecipient]]]:
    """The oldest queued messages with their recipients."""
    rows = await tx.rows("SELECT id FROM queue_message ORDER BY id LIMIT $1", limit)
    return await whole(tx, [row[0] for row in rows])


async def whole(
    tx: Transaction, ids: Sequence[int]
) -> list[tuple[QueueMessage, list[QueueRecipient]]]:
    """These messages with their recipients, those that are still here."""
    found = await messages(tx, ids)
    recipients: dict[int, list[QueueRecipient]] = {number: [] for number in sorted(found)}
    for row in await tx.rows(
        f"SELECT {RECIPIENT_COLUMNS} FROM queue_recipient WHERE {one_of(tx, 'message_id', 1)}"
        " ORDER BY message_id, n",
        id_list(tx, recipients),
    ):
        recipients[row[0]].append(recipient(row))
    return [(found[number], group) for number, group in recipients.items()]


async def show(
    tx: Transaction, message_id: int
) -> tuple[QueueMessage, list[QueueRecipient]] | None:
    """One queued message with its recipients, or None."""
    found = await whole(tx, [message_id])
    return found[0] if found else None


def message(row: Row) -> QueueMessage:
    """A message from a row of `MESSAGE_COLUMNS`."""
    *values, own, prefix, options = row
    values[5] = bool(values[5])
    known = msgspec.json.decode(options, type=Options) if options else NO_OPTIONS
    values += (known, prefix, bool(own))
    return QueueMessage(*values)


def recipient(row: Row) -> QueueRecipient:
    """A recipient from a row of `RECIPIENT_COLUMNS`."""
    values = list(row)
    values[4], values[12] = bool(row[4]), bool(row[12])
    return QueueRecipient(*values)


def _one_of_pairs(tx: Transaction, parameter: int = 1) -> str:
    """SQL for "it is one of these recipients"; pass it `*_pair_list(...)`."""
    if tx.dialect is Dialect.SQLITE:
        return (
            "(message_id, n) IN (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]')"
            f" FROM json_each(${parameter}))"
        )
    return (
        f"(message_id, n) IN (SELECT * FROM unnest(${parameter}::bigint[],"
        f" ${parameter + 1}::bigint[]))"
    )


def _pair_list(tx: Transaction, pairs: Iterable[Pair]) -> tuple[Any, ...]:
    if tx.dialect is Dialect.SQLITE:
        return (msgspec.json.encode(list(pairs)).decode(),)
    listed = list(pairs)
    return [one[0] for one in listed], [one[1] for one in listed]
