from __future__ import annotations

import pytest

from merpati.model.queue import Rule
from merpati.store import destinations, queue, queue_admin, queue_rules
from merpati.store.engine import Store
from merpati.store.queue_admin import Selection
from tests.contracts.test_queue import LEASE, add, claim
from tests.support.store import NOW


async def picked(store: Store, selection: Selection) -> list[int]:
    return [message.id for message, _ in await store.read(queue_admin.select, selection)]


async def test_held_recipients_wait_until_released(store: Store) -> None:
    first = await add(store, "a.example", "b.example")
    second = await add(store, "c.example", text="other")
    one = Selection(ids=(first,))
    assert await store.write(queue_admin.hold, one, "to be looked at") == 2
    assert await store.write(queue_admin.hold, one, "to be looked at") == 0
    assert await claim(store) == [(second, 0)]
    found = await store.read(queue.show, first)
    assert found is not None
    assert [each.reason for each in found[1]] == ["to be looked at"] * 2
    assert await store.write(queue_admin.release, Selection(), NOW) == 2
    assert await claim(store) == [(first, 0), (first, 1)]


async def test_retry_makes_what_waits_due_but_leaves_what_is_tried_now(store: Store) -> None:
    message_id = await add(store, "a.example", "b.example")
    (one,) = await store.write(queue.claim, NOW, "w1", LEASE, 1)
    other = 1 - one.n
    await store.write(queue.defer, message_id, [other], NOW + 900, status="", reply="", remote="")
    assert await store.write(queue_admin.retry, Selection(), NOW) == 1
    assert await claim(store) == [(message_id, other)]


async def test_retry_tries_a_destination_that_fails(store: Store) -> None:
    message_id = await add(store, "a.example")
    await add(store, "b.example", text="other")
    for name in ("a.example", "b.example"):
        await store.write(destinations.failed, name, NOW, NOW + 900, "4.4.1", "no answer", "")
    selection = Selection(destination="a.*")
    assert await store.write(queue_admin.attempt, selection, NOW) == 1
    assert await claim(store) == [(message_id, 0)]


async def test_bounce_makes_a_message_due_for_its_return_also_where_nobody_answers(
    store: Store,
) -> None:
    message_id = await add(store, "a.example")
    await store.write(destinations.failed, "a.example", NOW, NOW + 900, "4.4.1", "no answer", "")
    selection = Selection(ids=(message_id,))
    await store.write(queue_admin.hold, selection, "why not")
    assert await store.write(queue_admin.bounce, selection, NOW) == 1
    assert await store.write(queue_admin.bounce, selection, NOW) == 0
    [one] = await store.write(queue.claim_overdue, NOW, "w1", LEASE, 10)
    assert one.give_up


async def test_rerouted_mail_goes_to_its_new_destination_at_once(store: Store) -> None:
    message_id = await add(store, "a.example")
    await store.write(destinations.failed, "a.example", NOW, NOW + 900, "4.4.1", "no answer", "")
    way = "smtp://relay.example:25"
    assert await store.write(queue_admin.reroute, Selection(), way, NOW) == 1
    assert await store.write(queue_admin.reroute, Selection(), way, NOW) == 0
    [one] = await store.write(queue.claim, NOW, "w1", LEASE, 10)
    assert (one.message_id, one.destination) == (message_id, way)


async def test_delete_forgets(store: Store) -> None:
    await add(store, "a.example", "b.example")
    assert await store.write(queue_admin.delete, Selection(destination="a.example")) == 1
    assert await store.write(queue_admin.delete, Selection()) == 1
    assert await store.read(queue.listing) == []


async def test_an_act_takes_no_more_than_it_is_told_to(store: Store) -> None:
    for n in range(5):
        await add(store, "a.example", text=f"m{n}")
    counts = [await store.write(queue_admin.hold, Selection(), "x", 2) for _ in range(4)]
    assert counts == [2, 2, 1, 0]


@pytest.mark.parametrize(
    ("selection", "wanted"),
    [
        (Selection(), [1, 2, 3]),
        (Selection(ids=(1, 3)), [1, 3]),
        (Selection(sender="*@EXAMPLE.org"), [1, 2]),
        (Selection(sender="<>"), [3]),
        (Selection(recipient="r0@a.example"), [1]),
        (Selection(recipient="r_@a.example"), []),
        (Selection(destination="*.example"), [1, 2]),
        (Selection(destination="here"), [3]),
        (Selection(before=NOW), [2]),
        (Selection(sender="ani*", destination="b.*"), [2]),
        (Selection(held=True), []),
    ],
)
async def test_patterns_pick(store: Store, selection: Selection, wanted: list[int]) -> None:
    ids = [
        await add(store, "a.example"),
        await add(store, "b.example", text="two", received_at=NOW - 1),
        await add(store, "", text="three", sender=""),
    ]
    assert await picked(store, selection) == [ids[n - 1] for n in wanted]


async def test_a_rule_holds_new_mail_that_fits_until_it_is_released(store: Store) -> None:
    before = await add(store, "a.example")
    rule = await store.write(
        queue_rules.add_rule, sender="*@example.org", recipient="", destination="a.*",
        reason="a run of spam", now=NOW,
    )  # fmt: skip
    fits = await add(store, "a.example", text="fits")
    other = await add(store, "b.example", text="another destination")
    await add(store, "a.example", text="another sender", sender="budi@example.com")
    assert await picked(store, Selection(rule_id=rule)) == [fits]
    assert await picked(store, Selection(held=True)) == [fits]
    assert {one[0] for one in await claim(store)}.isdisjoint({fits})
    assert await store.write(queue_rules.remove_rule, rule)
    assert not await store.write(queue_rules.remove_rule, rule)
    assert await store.write(queue_admin.release, Selection(rule_id=rule), NOW) == 1
    assert await claim(store) == [(fits, 0)]
    assert before < fits < other


async def test_brackets_in_a_pattern_are_brackets() -> None:
    rule = Rule(1, "", "*@[192.0.2.1]", "", "why")
    assert queue_rules.fits(rule, "", "bob@[192.0.2.1]", "[192.0.2.1]")
    assert not queue_rules.fits(rule, "", "bob@1", "1")


async def test_recipients_are_counted_by_state(store: Store) -> None:
    await add(store, "a.example", "a.example", "b.example", "c.example", "d.example")
    await store.write(queue_admin.hold, Selection(destination="b.example"), "why not")
    await store.write(destinations.failed, "a.example", NOW, NOW + 9, "4.4.1", "no answer", "")
    await store.write(queue.claim, NOW, "w1", LEASE, 1)
    await store.write(queue.defer, 1, [4], NOW + 5, status="", reply="", remote="")
    counts = await store.read(queue_admin.counts, NOW)
    assert (counts.due, counts.waiting, counts.leased) == (0, 1, 1)
    assert (counts.held, counts.failing) == (1, 2)


async def test_destinations_tell_how_it_is_going(store: Store) -> None:
    await add(store, "a.example", "b.example")
    await store.write(destinations.failed, "b.example", NOW, NOW + 9, "4.4.1", "no answer", "mx")
    await store.write(destinations.reached, ["a.example"], NOW + 3)
    await store.write(destinations.paced, ["a.example"], 2, 500)
    (bad, waiting, held), (good, _, _) = await store.read(queue_admin.health)
    assert (bad.name, bad.failures, bad.failed_at, bad.due_at) == ("b.example", 1, NOW, NOW + 9)
    assert (bad.reply, bad.remote, waiting, held) == ("no answer", "mx", 1, 0)
    assert (good.succeeded_at, good.lanes, good.pause) == (NOW + 3, 2, 500)


async def test_destinations_that_nobody_writes_to_are_forgotten(store: Store) -> None:
    message_id = await add(store, "a.example", "b.example")
    await store.write(queue.finish, message_id, [0])
    assert await store.write(destinations.forget, NOW) == 1
    assert [one.name for one, _, _ in await store.read(queue_admin.health)] == ["b.example"]
