from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from merpati.model.arrival import Options, RecipientOptions
from merpati.model.queue import QueueMessage, QueueRecipient
from merpati.store import blobs, destinations, queue, queue_rules, suppression
from merpati.store.engine import Store, Topic, Transaction
from tests.support import store as stores
from tests.support.store import NOW

LEASE = NOW + 60_000


async def add(
    store: Store, *names: str, text: str = "mail", received_at: int = NOW, warn_at: int = 0,
    sender: str = "ani@example.org", **kwargs: Any,
) -> int:  # fmt: skip
    """Queue a message with one recipient for each destination; its id."""

    async def unit(tx: Transaction) -> int:
        blob_id, _ = await blobs.insert(tx, stores.body(text), 1)
        return await queue.add(
            tx, trace="t1", blob_id=blob_id, sender=sender, account_id=7,
            smtputf8=False, received_at=received_at, expires_at=NOW + 1_000_000, warn_at=warn_at,
            recipients=[(f"r{n}@{name}", name) for n, name in enumerate(names)],
            **kwargs,
        )  # fmt: skip

    return await store.write(unit)


async def refs(store: Store) -> list[int]:
    async def unit(tx: Transaction) -> list[int]:
        return [row[0] for row in await tx.rows("SELECT refs FROM blob ORDER BY id")]

    return await store.read(unit)


async def claim(store: Store, now: int = NOW, limit: int = 10, **kwargs: Any) -> list[Any]:
    found = await store.write(queue.claim, now, "w1", LEASE, limit, **kwargs)
    return [(one.message_id, one.n) for one in found]


async def test_what_is_queued_is_due_at_once_and_read_back_whole(store: Store) -> None:
    heard: set[Any] = set()
    store.on_commit(heard.update)
    assert await store.read(queue.next_due) is None
    message_id = await add(store, "one.example", "two.example")
    assert heard == {(Topic.QUEUE, 0)}
    assert await store.read(queue.next_due) == NOW
    first, second = await store.write(queue.claim, NOW, "w1", LEASE, 10)
    assert (first.address, first.destination) == ("r0@one.example", "one.example")
    assert (second.n, second.attempts, second.held, second.next_at) == (1, 1, False, LEASE)
    message = (await store.read(queue.messages, [message_id, 99]))[message_id]
    assert (message.sender, message.account_id, message.smtputf8) == ("ani@example.org", 7, False)
    assert (message.trace, message.expires_at, message.warn_at) == ("t1", NOW + 1_000_000, 0)


class Taking:
    """A worker that takes mail for some destinations."""

    lease = "w1/"
    lease_for = 60_000

    def __init__(self, *names: str) -> None:
        self.names = names
        self.taken: list[tuple[int, list[str], blobs.Stored | None]] = []

    def wants(self, destination: str) -> bool:
        return destination in self.names

    def take(
        self, message: QueueMessage, recipients: Sequence[QueueRecipient],
        stored: blobs.Stored | None,
    ) -> None:  # fmt: skip
        self.taken.append((message.id, [one.address for one in recipients], stored))


async def test_a_worker_that_takes_new_mail_has_it_with_its_lease(store: Store) -> None:
    heard: set[Any] = set()
    store.on_commit(heard.update)
    taker = Taking("b.example")
    message_id = await add(store, "a.example", "b.example", "b.example", taker=taker)
    assert taker.taken == [(message_id, ["r1@b.example", "r2@b.example"], None)]
    ((message, found),) = await store.read(queue.listing)
    assert [(one.next_at, one.attempts) for one in found] == [(NOW, 0), (LEASE, 1), (LEASE, 1)]
    assert heard == {(Topic.QUEUE, 0)}
    assert await claim(store) == [(message_id, 0)]
    assert sorted(await claim(store, LEASE)) == [(message_id, n) for n in range(3)]
    assert message.id == message_id


async def test_what_is_all_taken_is_announced_to_nobody_and_found_again_by_its_lease(
    store: Store,
) -> None:
    heard: set[Any] = set()
    store.on_commit(heard.update)
    message_id = await add(store, "b.example", taker=Taking("b.example"))
    assert heard == set()
    assert await claim(store) == []
    assert await store.read(queue.next_due) == LEASE  # should its worker never come back
    assert await store.write(queue.release_leases, "w1/", NOW) == 1
    assert await claim(store) == [(message_id, 0)]


async def test_only_what_is_due_free_and_not_suppressed_is_taken(store: Store) -> None:
    taker = Taking("b.example", "c.example")
    await store.write(
        queue_rules.add_rule, sender="", recipient="", destination="c.example",
        reason="looked at", now=NOW,
    )  # fmt: skip
    await store.write(
        suppression.suppress, "r1@b.example", NOW, NOW + 10, status="5.1.1", reply="", remote=""
    )
    await add(store, "b.example", "b.example", "c.example", taker=taker)
    assert [names for _, names, _ in taker.taken] == [["r0@b.example"]]
    await add(store, "b.example", taker=taker, held="looked at", text="2")
    await add(store, "b.example", taker=taker, options=Options(hold_until=NOW + 1), text="3")
    assert len(taker.taken) == 1


async def test_a_claimed_recipient_is_nobody_elses_until_the_lease_ends(store: Store) -> None:
    message_id = await add(store, "one.example")
    assert await claim(store) == [(message_id, 0)]
    assert await claim(store, LEASE - 1) == []
    assert await claim(store, LEASE) == [(message_id, 0)]
    ((_, (again,)),) = await store.read(queue.listing)
    assert again.attempts == 2


async def test_the_longest_due_come_first_and_no_more_than_asked_for(store: Store) -> None:
    late = await add(store, "a.example", "b.example", text="late", received_at=NOW - 10)
    early = await add(store, "c.example", text="early", received_at=NOW - 20)
    future = await add(store, "d.example", text="future", received_at=NOW + 1)
    assert await claim(store, limit=1) == [(early, 0)]
    assert await claim(store, limit=1) in ([(late, 0)], [(late, 1)])
    assert len(await claim(store, limit=5)) == 1
    assert await claim(store, NOW + 1) == [(future, 0)]


async def test_busy_destinations_are_passed_over(store: Store) -> None:
    message_id = await add(store, "a.example", "b.example", "c.example")
    assert await claim(store, busy=["a.example", "c.example"]) == [(message_id, 1)]
    assert await claim(store) == [(message_id, 0), (message_id, 2)]


async def test_many_claimers_never_get_the_same_recipient(store: Store) -> None:
    for n in range(8):
        await add(store, *(f"d{k}.example" for k in range(5)), text=f"mail {n}")

    async def worker(name: str) -> list[tuple[int, int]]:
        mine: list[tuple[int, int]] = []
        while found := await store.write(queue.claim, NOW, name, LEASE, 3):
            assert len(found) <= 3
            mine += [(one.message_id, one.n) for one in found]
        return mine

    taken = await asyncio.gather(*(worker(f"w{n}") for n in range(5)))
    everything = [one for some in taken for one in some]
    assert len(everything) == len(set(everything)) == 40


async def test_finish_answers_once_and_the_last_one_lets_go_of_the_bytes(store: Store) -> None:
    message_id = await add(store, "a.example", "b.example", "c.example")
    assert await store.write(queue.finish, message_id, [0, 2, 9]) == [0, 2]
    assert await store.write(queue.finish, message_id, [0, 2]) == []
    assert await refs(store) == [1]
    assert await store.write(queue.finish, message_id, [1]) == [1]
    assert await refs(store) == [0]
    assert await store.read(queue.messages, [message_id]) == {}
    assert await store.write(queue.finish, message_id, [1]) == []
    assert await refs(store) == [0]


async def test_recipients_finished_at_once_let_go_of_the_bytes_once(store: Store) -> None:
    ids = [await add(store, *(f"d{n}.example" for n in range(6)), text=f"m{k}") for k in range(3)]
    finished = await asyncio.gather(
        *(store.write(queue.finish, one, [n]) for n in range(6) for one in ids for _ in range(2))
    )
    assert sum(map(len, finished)) == 18
    assert await refs(store) == [0, 0, 0]
    assert await store.read(queue.listing) == []


async def test_defer_ends_the_lease_and_keeps_what_was_said(store: Store) -> None:
    message_id = await add(store, "a.example")
    await claim(store)
    await store.write(
        queue.defer, message_id, [0], NOW + 5, status="4.7.1", reply="grey", remote="mx.a.example"
    )
    assert await store.read(queue.next_due) == NOW + 5
    assert await claim(store, NOW + 4) == []
    assert await claim(store, NOW + 5) == [(message_id, 0)]
    shown = await store.read(queue.show, message_id)
    assert shown is not None
    _, (one,) = shown
    assert (one.status, one.reply, one.remote, one.attempts) == ("4.7.1", "grey", "mx.a.example", 2)


async def test_a_destination_that_fails_is_tried_with_one_recipient_by_one_worker(
    store: Store,
) -> None:
    for n in range(3):
        await add(store, "a.example", text=f"m{n}")
    other = await add(store, "b.example", text="other")
    fail = ("a.example", NOW, NOW + 9, "4.4.1", "no answer", "mx.a.example")
    await store.write(destinations.failed, *fail)
    assert await claim(store) == [(other, 0)]
    await add(store, "a.example", text="new mail does not hurry it")
    assert await store.read(queue.next_due) == NOW + 9
    assert len(await claim(store, NOW + 9)) == 1
    assert await claim(store, NOW + 9) == []
    await store.write(destinations.reached, ["a.example"], NOW + 10)
    assert len(await claim(store, NOW + 10)) == 3


async def test_a_worker_that_dies_at_a_failing_destination_leaves_it_to_be_tried(
    store: Store,
) -> None:
    message_id = await add(store, "a.example")
    await store.write(destinations.failed, "a.example", NOW, NOW, "4.4.1", "no answer", "")
    assert await claim(store) == [(message_id, 0)]
    assert await claim(store) == []
    assert await store.write(queue.release_leases, "w1", NOW + 1) == 1
    assert await claim(store, NOW + 1) == [(message_id, 0)]


async def test_what_is_given_back_is_as_if_it_had_not_been_claimed(store: Store) -> None:
    message_id = await add(store, "a.example", "a.example")
    await claim(store)
    pairs = [(message_id, 0), (message_id, 1)]
    assert await store.write(queue.give_back, pairs, "somebody else", NOW + 5) == 0
    assert await store.write(queue.give_back, pairs[:1], "w1", NOW + 5) == 1
    assert await claim(store, NOW + 4) == []
    assert await claim(store, NOW + 5) == [(message_id, 0)]
    ((_, (first, second)),) = await store.read(queue.listing)
    assert (first.attempts, second.attempts) == (1, 1)


async def test_higher_priorities_come_first(store: Store) -> None:
    slow = await add(store, "a.example", text="slow", options=Options(priority=-4))
    plain = await add(store, "a.example", text="plain", received_at=NOW - 5)
    quick = await add(store, "a.example", text="quick", options=Options(priority=4))
    order = [await claim(store, limit=1) for _ in range(3)]
    assert order == [[(quick, 0)], [(plain, 0)], [(slow, 0)]]


async def test_a_message_may_wait_for_its_time(store: Store) -> None:
    until = Options(hold_until=NOW + 100)
    message_id = await add(store, "a.example", options=until, warn_at=NOW + 50)
    assert await claim(store, NOW + 99) == []
    assert await claim(store, NOW + 100) == [(message_id, 0)]
    message = (await store.read(queue.messages, [message_id]))[message_id]
    assert (message.expires_at, message.warn_at) == (NOW + 1_000_100, NOW + 150)


@pytest.mark.parametrize(("mode", "end", "warning"), [("R", 70, 200), ("N", 1_000_000, 70)])
async def test_a_deadline_brings_the_end_or_the_warning_forward(
    store: Store, mode: str, end: int, warning: int
) -> None:
    options = Options(deliver_by=NOW + 70, by_mode=mode)
    message_id = await add(store, "a.example", options=options, warn_at=NOW + 200)
    message = (await store.read(queue.messages, [message_id]))[message_id]
    assert (message.expires_at, message.warn_at) == (NOW + end, NOW + warning)
    assert message.options == options


async def test_what_the_client_asked_for_a_recipient_is_kept(store: Store) -> None:
    asked = {"r1@b.example": RecipientOptions("SUCCESS,FAILURE", "rfc822;bob@b.example")}
    await add(store, "a.example", "b.example", recipient_options=asked)
    ((_, (first, second)),) = await store.read(queue.listing)
    assert (first.notify, first.orcpt) == ("", "")
    assert (second.notify, second.orcpt) == ("SUCCESS,FAILURE", "rfc822;bob@b.example")


async def test_a_message_is_looked_at_when_its_warning_and_its_end_have_come(store: Store) -> None:
    message_id = await add(store, "a.example", "b.example", warn_at=NOW + 100)
    await store.write(destinations.failed, "a.example", NOW, NOW + 2_000_000, "4.4.1", "no", "")
    await store.write(queue.defer, message_id, [1], NOW + 90, status="", reply="", remote="")
    assert await store.write(queue.claim_overdue, NOW + 99, "w1", LEASE, 10) == []
    looked = await store.write(queue.claim_overdue, NOW + 100, "w1", LEASE, 10)
    assert [(one.message_id, one.n) for one in looked] == [(message_id, 0), (message_id, 1)]
    assert await store.write(queue.claim_overdue, NOW + 100, "w1", LEASE, 10) == []
    await store.write(queue.defer, message_id, [0, 1], NOW + 200, status="", reply="", remote="")
    end = NOW + 1_000_000
    assert len(await store.write(queue.claim_overdue, end, "w1", LEASE, 10)) == 2
    assert (await store.read(queue.next_times))[1] == end + queue.LOOK_AGAIN


async def test_many_are_finished_in_one_go(store: Store) -> None:
    first = await add(store, "a.example", "b.example")
    second = await add(store, "a.example", text="second")
    third = await add(store, "a.example", text="third")
    pairs = [(first, 0), (second, 0), (third, 7), (99, 0)]
    assert await store.write(queue.finish_many, pairs) == [(first, 0), (second, 0)]
    assert [one.id for one, _ in await store.read(queue.listing)] == [first, third]
    assert await refs(store) == [1, 0, 1]


async def test_a_delay_is_warned_of_once(store: Store) -> None:
    message_id = await add(store, "a.example", warn_at=NOW)
    assert await store.write(queue.warned, message_id)
    assert not await store.write(queue.warned, message_id)


async def test_leases_of_a_dead_worker_are_released_and_no_others(store: Store) -> None:
    message_id = await add(store, "a.example", "b.example")
    for lease in ("node%1/1", "nodeX1/1"):
        await store.write(queue.claim, NOW, lease, LEASE, 1)
    assert await store.write(queue.release_leases, "node%1/", NOW) == 1
    assert len(await claim(store)) == 1
    shown = await store.read(queue.show, message_id)
    assert shown is not None
    assert await store.read(queue.show, 99) is None
