from __future__ import annotations

from typing import Any

from merpati.base.ids import trace_text
from merpati.model.account import Account
from merpati.model.arrival import Options
from merpati.model.event import Event, EventKind
from merpati.store import (
    changes,
    directory,
    events,
    identities,
    object_changes,
    queue,
    submissions,
)
from merpati.store.engine import Store
from merpati.store.identities import Address, Identity
from merpati.store.object_changes import IDENTITIES, SUBMISSIONS
from merpati.store.submissions import Delivery, Submission, Undo
from tests.support.store import NOW

TRACE = trace_text(NOW << 38)
QUEUED = Delivery("250 2.1.5 queued", "queued")


async def _account(store: Store) -> Account:
    async def add(tx: Any) -> Account:
        await directory.add_domain(tx, "example.org", NOW)
        return await directory.add_account(tx, "ana@example.org", name="Ana", password="", now=NOW)

    return await store.write(add)


async def test_each_own_address_has_an_identity(store: Store) -> None:
    ana = await _account(store)
    assert await store.read(identities.are_missing, ana.id)
    before = await store.read(changes.current, ana.id)
    await store.write(identities.complete, ana.id)
    await store.write(identities.complete, ana.id)
    [one] = await store.read(identities.listing, ana.id)
    assert (one.name, one.email, one.is_own) == ("Ana", "ana@example.org", True)
    other = Identity(name="x", email="x@y", reply_to=(Address(None, "a@b"),))
    number = await store.write(identities.add, ana.id, other)
    changed = Identity(id=number, name="z", email="no", bcc=(Address("n", "a@b"),))
    await store.write(identities.change, ana.id, changed)
    found = (await store.read(identities.listing, ana.id))[1]
    assert (found.name, found.email, found.reply_to) == ("z", "x@y", None)
    assert found.bcc == (Address("n", "a@b"),)
    told, _ = await store.read(object_changes.since, ana.id, before, IDENTITIES)
    assert {(each.id, each.is_new, each.is_gone) for each in told} == {
        (one.id, True, False), (number, True, False),
    }  # fmt: skip
    await store.write(identities.remove, ana.id, number)
    told, now = await store.read(object_changes.since, ana.id, before, IDENTITIES)
    assert [each.id for each in told] == [one.id], "what came and went is not told"
    told, _ = await store.read(object_changes.since, ana.id, now - 1, IDENTITIES)
    assert [(each.id, each.is_gone) for each in told] == [(number, True)]


async def _submit(store: Store, ana: Account, send_at: int) -> Submission:
    new = Submission(
        identity_id=1, email_id=2, thread_id=-3, trace=TRACE, send_at=send_at,
        envelope={"mailFrom": {"email": "ana@example.org"}}, delivery={"z@far.example": QUEUED},
        undo=Undo.PENDING if send_at > NOW else Undo.FINAL,
    )  # fmt: skip

    async def add(tx: Any) -> int:
        await queue.add(
            tx, trace=TRACE, blob_id=1, sender="ana@example.org", account_id=ana.id,
            smtputf8=False, received_at=NOW, expires_at=NOW + 10_000, warn_at=0,
            recipients=[("z@far.example", "far.example")], options=Options(hold_until=send_at),
        )  # fmt: skip
        return await submissions.add(tx, ana.id, new)

    number = await store.write(add)
    [found] = await store.read(submissions.listing, ana.id, [number])
    assert (found.trace, found.thread_id, found.envelope) == (TRACE, -3, new.envelope)
    return found


async def test_what_becomes_of_a_submission_is_noticed_once(store: Store) -> None:
    ana = await _account(store)
    one = await _submit(store, ana, NOW)
    step = Event(TRACE, NOW + 5, EventKind.FAILED, "Z@far.example", ana.id,
                 {"said": "550 5.1.1 nobody", "host": "mx"})  # fmt: skip

    async def fail(tx: Any) -> None:
        [number] = await submissions.queued(tx, ana.id, TRACE)
        await queue.finish(tx, number, [0])

    await store.write(events.record, [step])
    await store.write(fail)
    since = await store.read(changes.current, ana.id)
    await store.write(submissions.refresh, ana.id, NOW + 10)
    [found] = await store.read(submissions.listing, ana.id)
    assert found.delivery == {"z@far.example": Delivery("550 5.1.1 nobody", "no")}
    assert found.is_settled
    told, now = await store.read(object_changes.since, ana.id, since, SUBMISSIONS)
    assert [each.id for each in told if not each.is_new] == [one.id]
    await store.write(submissions.refresh, ana.id, NOW + 20)
    assert await store.read(changes.current, ana.id) == now


async def test_only_what_waits_is_taken_back(store: Store) -> None:
    ana = await _account(store)
    one = await _submit(store, ana, NOW + 60_000)
    assert not await store.write(submissions.cancel, ana.id, one, NOW + 60_000)
    assert await store.write(submissions.cancel, ana.id, one, NOW)
    assert await store.read(submissions.queued, ana.id, TRACE) == []
    [found] = await store.read(submissions.listing, ana.id)
    assert found.undo is Undo.CANCELED
    assert not await store.write(submissions.cancel, ana.id, found, NOW)
    assert await store.write(submissions.remove, ana.id, one.id)
    assert not await store.write(submissions.remove, ana.id, one.id)
