from __future__ import annotations

import asyncio

from merpati.model.habit import DAY, Count, Flow, Habit, Reason, Sending, after, flowed
from merpati.store import blobs, directory, habits, queue, queue_admin
from merpati.store.engine import Store, Transaction
from merpati.store.queue_admin import Selection
from tests.support import store as stores
from tests.support.store import NOW, add_account

WHY = [Reason("strangers-hour", {"strangers": 50, "recipients": 60})]
PEER = "203.0.113.9"


async def test_a_habit_is_kept(store: Store) -> None:
    ani = await add_account(store)
    fresh = await store.read(habits.standing, ani.id)
    assert (fresh.habit, fresh.frozen_at, fresh.own) == (Habit(), 0, {})
    home = await store.read(directory.domain, "example.org")
    assert await store.read(habits.domain_of, ani.id) == home.id
    habit = after(Habit(), Sending(3, 2, "203.0.0.0/16"), NOW)
    for _ in range(2):
        await store.write(habits.write, ani.id, habit)
    assert (await store.read(habits.standing, ani.id)).habit == habit
    assert await store.read(habits.domain_of, 99) == 0


async def test_recipients_are_met_once(store: Store) -> None:
    ani, budi = await add_account(store), await add_account(store, "budi@example.org")
    assert await store.write(habits.meet, ani.id, ["Bob@There.test", "eve@there.test"], NOW) == 2
    assert await store.write(habits.meet, ani.id, ["bob@there.TEST"], NOW) == 0
    people = ["bob@there.test", "eve@there.test", "carl@there.test", "CARL@there.test"]
    assert await store.write(habits.meet, ani.id, people, NOW) == 1
    assert await store.write(habits.meet, budi.id, ["bob@there.test"], NOW) == 1
    assert await store.read(habits.count_known, ani.id) == 3


async def test_recipients_of_long_ago_are_forgotten(store: Store) -> None:
    ani = await add_account(store)
    await store.write(habits.write, ani.id, Habit())
    await store.write(habits.meet, ani.id, ["old@there.test", "kept@there.test"], NOW)
    late = NOW + (habits.KNOWN_DAYS - 10) * DAY
    assert await store.write(habits.meet, ani.id, ["kept@there.test"], late) == 0
    assert await store.write(habits.prune, 0, NOW + (habits.KNOWN_DAYS + 1) * DAY) == 0
    assert await store.read(habits.count_known, ani.id) == 1
    assert await store.write(habits.meet, ani.id, ["kept@there.test"], late) == 0


async def test_of_too_many_recipients_the_oldest_are_forgotten(store: Store) -> None:
    ani = await add_account(store)
    await store.write(habits.write, ani.id, Habit())
    for day in range(10):
        people = [f"p{day}-{n}@there.test" for n in range(3)]
        await store.write(habits.meet, ani.id, people, NOW + day * DAY)
    assert await store.write(habits.prune, 0, NOW, 12) == 0
    assert await store.read(habits.count_known, ani.id) == 12
    assert await store.write(habits.meet, ani.id, ["p9-0@there.test"], NOW) == 0


async def test_two_that_count_at_once_both_count(store: Store) -> None:
    ani = await add_account(store)

    async def count(tx: Transaction) -> None:
        habit = (await habits.standing(tx, ani.id)).habit
        await habits.write(tx, ani.id, after(habit, Sending(1, 1, ""), NOW))

    await asyncio.gather(*(store.write(count) for _ in range(8)))
    assert (await store.read(habits.standing, ani.id)).habit.day.now.messages == 8


async def test_a_freeze_begins_is_told_and_ends(store: Store) -> None:
    ani = await add_account(store)
    assert await store.write(habits.freeze, ani.id, NOW, WHY, PEER)
    assert not await store.write(habits.freeze, ani.id, NOW + 5, WHY, PEER)
    assert (await store.read(habits.standing, ani.id)).frozen_at == NOW
    [one] = await store.read(habits.untold)
    assert (one.account_id, one.at, one.reasons, one.peer, one.ended_at) == (
        ani.id, NOW, WHY, PEER, 0,
    )  # fmt: skip
    assert one.password == habits.password_mark("")
    assert await store.write(habits.tell, ani.id, NOW)
    assert not await store.write(habits.tell, ani.id, NOW)
    assert await store.read(habits.untold) == []
    assert len(await store.read(habits.freezes)) == 1
    assert await store.write(habits.thaw, ani.id, NOW + 10)
    assert not await store.write(habits.thaw, ani.id, NOW + 11)
    assert await store.read(habits.freezes, ani.id) == []
    [over] = await store.read(habits.freezes, ani.id, ended=True)
    assert over.ended_at == NOW + 10
    assert (await store.read(habits.standing, ani.id)).frozen_at == 0


async def test_a_habit_outlives_a_freeze(store: Store) -> None:
    ani = await add_account(store)
    habit = after(Habit(), Sending(3, 2, ""), NOW)
    await store.write(habits.write, ani.id, habit)
    await store.write(habits.set_limits, ani.id, {"messages_per_hour": 7})
    await store.write(habits.freeze, ani.id, NOW, WHY, "")
    await store.write(habits.write, ani.id, habit)
    standing = await store.read(habits.standing, ani.id)
    assert (standing.habit, standing.own) == (habit, {"messages_per_hour": 7})
    assert standing.frozen_at == NOW


def test_new_keys_do_not_make_a_new_password() -> None:
    assert habits.password_mark("$argon2id$a") == habits.password_mark("$argon2id$a keys")
    assert habits.password_mark("$argon2id$a") != habits.password_mark("$argon2id$b")


async def test_what_a_domain_sends_is_kept_beside_its_limits(store: Store) -> None:
    ani = await add_account(store)
    domain_id = await store.read(habits.domain_of, ani.id)
    assert await store.read(habits.outflow, domain_id) == (Flow(), {})
    flow = flowed(Flow(), Count(4, 9), NOW)
    await store.write(habits.set_domain_limits, domain_id, {"recipients_per_day": 50})
    await store.write(habits.write_outflow, domain_id, flow)
    assert await store.read(habits.outflow, domain_id) == (flow, {"recipients_per_day": 50})
    await store.write(habits.set_domain_limits, domain_id, {})
    assert await store.read(habits.outflow, domain_id) == (flow, {})


async def test_an_account_that_is_removed_leaves_nothing(store: Store) -> None:
    ani = await add_account(store)
    await store.write(habits.meet, ani.id, ["bob@there.test"], NOW)
    await store.write(habits.freeze, ani.id, NOW, WHY, PEER)
    await store.write(directory.remove_account, ani.id)
    for table in ("habit", "known_recipient", "sending_freeze"):

        async def count(tx: Transaction, table: str = table) -> int:
            found: int = await tx.value(f"SELECT count(*) FROM {table}")
            return found

        assert await store.read(count) == 0


async def test_an_accounts_mail_is_held_and_released_for_its_own_reason(store: Store) -> None:
    ani, budi = await add_account(store), await add_account(store, "budi@example.org")

    async def queued(tx: Transaction, account_id: int, name: str, held: str = "") -> None:
        blob_id, _ = await blobs.insert(tx, stores.body(f"Subject: {name}\r\n\r\n"), 1)
        await queue.add(
            tx, trace=name, blob_id=blob_id, sender="", account_id=account_id, smtputf8=False,
            received_at=NOW, expires_at=NOW + 10, warn_at=0,
            recipients=[(f"{name}@there.test", "there.test")], held=held,
        )  # fmt: skip

    await store.write(queued, ani.id, "one")
    await store.write(queued, ani.id, "two", "by an administrator")
    await store.write(queued, budi.id, "three")
    mail = Selection(account_id=ani.id)
    assert await store.write(queue_admin.hold, mail, "guard") == 1
    mine = Selection(account_id=ani.id, reason="guard")
    assert await store.read(queue_admin.count, mine) == 1
    assert await store.write(queue_admin.release, mine, NOW) == 1
    assert await store.read(queue_admin.count, Selection(held=True)) == 1
    assert await store.read(queue_admin.count, Selection(account_id=budi.id, held=False)) == 1
