from __future__ import annotations

import asyncio
from typing import Any

from merpati.store import blobs, queue
from merpati.store.engine import Store, Topic, Transaction
from tests.support import store as stores
from tests.support.store import NOW

LEASE = NOW + 60_000


async def add(
    store: Store, *destinations: str, text: str = "mail", received_at: int = NOW, warn_at: int = 0
) -> int:
    """Queue a message with one recipient for each destination; its id."""

    async def unit(tx: Transaction) -> int:
        blob_id, _ = await blobs.insert(tx, stores.body(text), 1)
        return await queue.add(
            tx, trace="t1", blob_id=blob_id, sender="ani@example.org", account_id=7,
            smtputf8=False, received_at=received_at, expires_at=NOW + 1_000_000, warn_at=warn_at,
            recipients=[(f"r{n}@{name}", name) for n, name in enumerate(destinations)],
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


async def test_a_destination_that_is_down_defers_what_else_is_due_for_it(store: Store) -> None:
    down = await add(store, "a.example", "a.example", "b.example")
    about_to_warn = await add(store, "a.example", text="warn", warn_at=NOW - 1)
    await store.write(queue.claim, NOW, "w1", LEASE, 1)  # one of them is being tried
    count = await store.write(
        queue.defer_destination, "a.example", NOW, NOW + 9, "4.4.1", "no answer"
    )
    assert count == 1
    assert await claim(store) == [(down, 2), (about_to_warn, 0)]


async def test_held_recipients_wait_until_released(store: Store) -> None:
    first = await add(store, "a.example", "b.example")
    second = await add(store, "c.example", text="other")
    assert await store.write(queue.hold, first, held=True) == 2
    assert await store.write(queue.hold, first, held=True) == 0
    assert await claim(store) == [(second, 0)]
    assert await store.write(queue.hold, 0, held=False) == 2
    assert await claim(store) == [(first, 0), (first, 1)]


async def test_retry_makes_what_waits_due_but_leaves_what_is_tried_now(store: Store) -> None:
    message_id = await add(store, "a.example", "b.example")
    (one,) = await store.write(queue.claim, NOW, "w1", LEASE, 1)
    other = 1 - one.n
    await store.write(
        queue.defer, message_id, [other], NOW + 900, status="", reply="", remote=""
    )  # fmt: skip
    assert await store.write(queue.retry, 0, NOW) == 1
    assert await claim(store) == [(message_id, other)]


async def test_expire_makes_a_message_due_for_its_return(store: Store) -> None:
    message_id = await add(store, "a.example")
    await store.write(queue.hold, message_id, held=True)
    assert await store.write(queue.expire, message_id, NOW)
    assert not await store.write(queue.expire, 99, NOW)
    assert await claim(store) == [(message_id, 0)]
    assert (await store.read(queue.messages, [message_id]))[message_id].expires_at == NOW


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
