from __future__ import annotations

from merpati.base.ids import SystemIds
from merpati.model.event import Event, EventKind
from merpati.store import events
from merpati.store.engine import Store, Transaction
from tests.support.clock import FakeClock


def event(trace: str, at: int, kind: EventKind = EventKind.RECEIVED, about: str = "a@b") -> Event:
    return Event(trace, at, kind, about, 3, {"peer": "192.0.2.1", "tls": None, "n": [1, "ü"]})


async def test_the_steps_of_a_message_come_in_order(store: Store) -> None:
    steps = [event("t1", 30, EventKind.SENT), event("t1", 10), event("t2", 20)]
    await store.write(events.record, steps)
    assert await store.read(events.of_trace, "t1") == [steps[1], steps[0]]
    assert await store.read(events.of_trace, "none") == []


async def test_a_step_told_twice_is_one_step(store: Store) -> None:
    for _ in range(2):
        await store.write(events.record, [event("t1", 10), event("t1", 10)])
    assert len(await store.read(events.of_trace, "t1")) == 1


async def test_messages_are_found_by_what_they_are_about_newest_first(store: Store) -> None:
    for n in range(5):
        await store.write(events.record, [event(f"t{n}", n), event(f"t{n}", n + 1)])
    await store.write(events.record, [event("t9", 9, about="c@d")])
    assert await store.read(events.traces, "a@b", 3) == ["t4", "t3", "t2"]
    assert await store.read(events.traces, "c@d") == ["t9"]


async def test_old_traces_are_forgotten_a_few_at_a_time(store: Store) -> None:
    await store.write(events.record, [event(f"t{n}", k) for n in range(4) for k in range(2)])
    assert await store.write(events.forget, "t2", 3) == 3
    assert await store.write(events.forget, "t2", 3) == 1
    assert await store.write(events.forget, "t2", 3) == 0
    assert await store.read(events.traces, "a@b") == ["t3", "t2"]


async def test_steps_of_one_moment_are_one_row_and_each_is_found(store: Store) -> None:
    steps = [
        event("t1", 10, EventKind.RECEIVED, "a@b"),
        event("t1", 10, EventKind.NAMED, '<"q\\uo"@c>'),
        event("t1", 10, EventKind.DELIVERED, "ö_%@d"),
    ]
    await store.write(events.record, steps)
    assert await store.read(events.of_trace, "t1") == steps
    for step in steps:
        assert await store.read(events.traces, step.about) == ["t1"]
    assert await store.read(events.traces, "q") == []
    assert await store.write(events.forget, "t2") == 1
    for step in steps:
        assert await store.read(events.traces, step.about) == []


async def test_young_messages_are_found_before_and_after_they_are_entered(store: Store) -> None:
    ids = SystemIds(FakeClock())
    now = int(FakeClock().now() * 1000)
    names = [ids.trace() for _ in range(7)]
    for trace in names:
        steps = [event(trace, now, about="a@b"), event(trace, now, EventKind.DELIVERED, "c@d")]
        await store.write(events.record, steps)
    assert await _entered(store) == 0
    assert await store.read(events.traces, "c@d") == names[::-1]
    assert not await store.write(events.enter_young, now + 1)  # too young
    assert await _entered(store) == 0
    rounds = 0
    while await store.write(events.enter_young, now + 200_000, 3):
        rounds += 1
        assert rounds < 20
    assert await _entered(store) == 14
    assert await store.read(events.traces, "c@d") == names[::-1]
    assert await store.read(events.traces, "a@b", 2) == names[:-3:-1]


async def test_a_late_step_is_entered_at_once(store: Store) -> None:
    trace = SystemIds(FakeClock()).trace()
    now = int(FakeClock().now() * 1000)
    await store.write(events.enter_young, now + 500_000)
    late = event(trace, now + 500_000, EventKind.SENT, "far@away")
    await store.write(events.record, [late])
    assert await _entered(store) == 1
    assert await store.read(events.traces, "far@away") == [trace]


async def _entered(store: Store) -> int:
    async def unit(tx: Transaction) -> int:
        return int(await tx.value("SELECT count(*) FROM event_about"))

    return await store.read(unit)
