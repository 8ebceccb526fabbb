"""Messages sent through JMAP, and what became of them (RFC 8621 7).

What becomes of one is in the queue and in the trace. Both are looked at when somebody asks,
for those that are not settled; what is new is written and logged then, so that whoever sees
another answer sees another state.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec

from merpati.base.ids import trace_moment
from merpati.model.change import ChangeKind
from merpati.model.event import Event, EventKind
from merpati.store import events, object_changes, queue
from merpati.store.engine import Transaction, id_list, one_of

COLUMNS: Final = (
    "id, identity_id, email_id, thread_id, trace, envelope, send_at, undo_status, delivery,"
    " is_settled"
)
SETTLED_AFTER: Final = 30 * 86_400_000  # ms; the trace is not kept for ever


class Undo(StrEnum):
    """Whether a message can still be stopped."""

    PENDING = "pending"
    FINAL = "final"
    CANCELED = "canceled"


class Delivery(msgspec.Struct, frozen=True, rename="camel"):
    """What is known of one recipient, as RFC 8621 7 tells it."""

    smtp_reply: str
    delivered: str
    displayed: str = "unknown"


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """A submission; `envelope` and the keys of `delivery` are as RFC 8621 7 has them."""

    id: int = 0
    identity_id: int
    email_id: int
    thread_id: int
    trace: str
    envelope: dict[str, Any]
    send_at: int  # ms
    undo: Undo
    delivery: dict[str, Delivery]
    is_settled: bool = False


_deliveries: Final = msgspec.json.Decoder(dict[str, Delivery])


async def add(tx: Transaction, account_id: int, new: Submission) -> int:
    """Note a submission; its number."""
    number = await object_changes.record(tx, account_id, ChangeKind.SUBMISSION_CREATED)
    await tx.run(
        f"INSERT INTO email_submission (account_id, {COLUMNS})"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0)",
        account_id, number, new.identity_id, new.email_id, new.thread_id, new.trace,
        msgspec.json.encode(new.envelope).decode(), new.send_at, new.undo.value,
        msgspec.json.encode(new.delivery).decode(),
    )  # fmt: skip
    return number


async def listing(
    tx: Transaction, account_id: int, ids: list[int] | None = None
) -> list[Submission]:
    """Those of these numbers, or all of an account, in the order of their making."""
    where, args = "", []
    if ids is not None:
        where, args = f" AND {one_of(tx, 'id', 2)}", [id_list(tx, ids)]
    rows = await tx.rows(
        f"SELECT {COLUMNS} FROM email_submission WHERE account_id = $1{where} ORDER BY id",
        account_id, *args,
    )  # fmt: skip
    return [
        Submission(
            id=row[0], identity_id=row[1], email_id=row[2], thread_id=row[3], trace=row[4],
            envelope=msgspec.json.decode(row[5]), send_at=row[6], undo=Undo(row[7]),
            delivery=_deliveries.decode(row[8]), is_settled=bool(row[9]),
        )
        for row in rows
    ]  # fmt: skip


async def are_open(tx: Transaction, account_id: int) -> bool:
    """Whether something may have become of a submission since it was last looked at."""
    found = await tx.value(
        "SELECT 1 FROM email_submission WHERE account_id = $1 AND is_settled = 0 LIMIT 1",
        account_id,
    )
    return found is not None


async def refresh(tx: Transaction, account_id: int, now: int, number: int = 0) -> None:
    """Look at what became of one submission, or of all that are not settled."""
    ids = [number]
    if not number:
        rows = await tx.rows(
            "SELECT id FROM email_submission WHERE account_id = $1 AND is_settled = 0", account_id
        )
        ids = [row[0] for row in rows]
    for one in await listing(tx, account_id, ids):
        steps = await events.of_trace(tx, one.trace)
        waiting = await queued(tx, account_id, one.trace)
        delivery = {
            address: _delivery(address, told, steps, waits=bool(waiting))
            for address, told in one.delivery.items()
        }
        undo = one.undo
        if undo is Undo.PENDING and (one.send_at <= now or not waiting):
            undo = Undo.FINAL
        is_settled = undo is not Undo.PENDING and (
            not waiting or trace_moment(one.trace) + SETTLED_AFTER < now
        )
        if (delivery, undo) != (one.delivery, one.undo):
            await object_changes.record(tx, account_id, ChangeKind.SUBMISSION_CHANGED, one.id)
        if (delivery, undo, is_settled) != (one.delivery, one.undo, False):
            await _write(tx, account_id, one.id, undo, delivery, is_settled=is_settled)


async def _write(
    tx: Transaction, account_id: int, number: int, undo: Undo, delivery: dict[str, Delivery],
    *, is_settled: bool,
) -> None:  # fmt: skip
    await tx.run(
        "UPDATE email_submission SET undo_status = $3, delivery = $4, is_settled = $5"
        " WHERE account_id = $1 AND id = $2",
        account_id, number, undo.value, msgspec.json.encode(delivery).decode(), int(is_settled),
    )  # fmt: skip


def _delivery(address: str, told: Delivery, steps: list[Event], *, waits: bool) -> Delivery:
    """What the trace tells of one recipient; `told` is what is known already."""
    key = address.lower()
    for step in reversed(steps):
        if step.about.lower() != key:
            continue
        said = step.detail.get("said", "")
        if step.kind is EventKind.DELIVERED:
            return Delivery("250 2.1.5 delivered", "yes")
        if step.kind is EventKind.SENT:
            here = "host" not in step.detail
            return Delivery(_reply(said, "250 2.0.0"), "yes" if here else "unknown")
        if step.kind is EventKind.FAILED:
            return Delivery(_reply(said, f"550 {step.detail.get('status') or '5.0.0'}"), "no")
        if step.kind is EventKind.DEFERRED and said:
            return Delivery(_reply(said, f"451 {step.detail.get('status') or '4.0.0'}"), "queued")
        if step.kind is EventKind.QUEUED:
            return Delivery("250 2.1.5 queued", "queued")
    if told.delivered == "queued" and not waits:
        return Delivery(told.smtp_reply, "unknown")
    return told


def _reply(said: str, code: str) -> str:
    """A reply of SMTP, in one line."""
    line = " ".join(said.split())
    return line if line[:3].isdigit() else f"{code} {line}".strip()


async def queued(tx: Transaction, account_id: int, trace: str) -> list[int]:
    """The numbers in the queue of what is left of a message."""
    rows = await tx.rows(
        "SELECT id FROM queue_message WHERE trace = $1 AND account_id = $2 AND account_id > 0",
        trace, account_id,
    )  # fmt: skip
    return [row[0] for row in rows]


async def cancel(tx: Transaction, account_id: int, one: Submission, now: int) -> bool:
    """Take a message back that has not left for anybody; whether that was still possible."""
    ids = await queued(tx, account_id, one.trace)
    if one.undo is not Undo.PENDING or one.send_at <= now or not ids:
        return False
    for message, recipients in await queue.whole(tx, ids):
        if any(each.attempts for each in recipients):
            return False
        await queue.finish(tx, message.id, [each.n for each in recipients])
    await object_changes.record(tx, account_id, ChangeKind.SUBMISSION_CHANGED, one.id)
    delivery = {address: Delivery("250 2.1.5 canceled", "no") for address in one.delivery}
    await _write(tx, account_id, one.id, Undo.CANCELED, delivery, is_settled=True)
    step = Event(one.trace, now, EventKind.ENDED, one.envelope["mailFrom"]["email"], account_id,
                 {"why": "canceled"})  # fmt: skip
    await events.record(tx, [step])
    return True


async def remove(tx: Transaction, account_id: int, number: int) -> bool:
    """Forget a submission; whether there was one. What is on its way stays so."""
    gone = await tx.run(
        "DELETE FROM email_submission WHERE account_id = $1 AND id = $2", account_id, number
    )
    if gone:
        await object_changes.record(tx, account_id, ChangeKind.SUBMISSION_DESTROYED, number)
    return bool(gone)
