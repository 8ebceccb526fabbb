"""What every engine promises a unit of work."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from merpati.base.faults import Fault, Kind
from merpati.store.engine import (
    Announcement,
    Conflict,
    Store,
    Topic,
    Transaction,
    id_list,
    one_of,
)


async def make_table(store: Store, rows: int = 0) -> None:
    async def unit(tx: Transaction) -> None:
        await tx.run("CREATE TABLE t (k BIGINT PRIMARY KEY, v BIGINT NOT NULL)")
        await tx.run_many("INSERT INTO t (k, v) VALUES ($1, 0)", [(n,) for n in range(rows)])

    await store.write(unit)


async def put(tx: Transaction, key: int, value: int) -> int:
    await tx.run("INSERT INTO t (k, v) VALUES ($1, $2)", key, value)
    return value


async def contents(tx: Transaction) -> dict[int, int]:
    return dict(await tx.rows("SELECT k, v FROM t"))


async def increase(tx: Transaction, key: int) -> int:
    """Reads, then writes what it read plus one: lost when two run at once unguarded."""
    value: int = await tx.value("SELECT v FROM t WHERE k = $1", key)
    await tx.run("UPDATE t SET v = $2 WHERE k = $1", key, value + 1)
    return value + 1


async def test_what_a_unit_wrote_is_read_afterwards(store: Store) -> None:
    await make_table(store)
    assert await store.write(put, 1, value=10) == 10
    assert await store.read(contents) == {1: 10}
    assert await store.scan(contents) == {1: 10}


async def test_a_unit_that_raises_leaves_nothing_and_its_exception_arrives(store: Store) -> None:
    await make_table(store)

    async def unit(tx: Transaction) -> None:
        await put(tx, 1, 10)
        raise Fault(Kind.OVER_QUOTA, "full")

    with pytest.raises(Fault, match="full") as caught:
        await store.write(unit)
    assert caught.value.kind is Kind.OVER_QUOTA
    assert await store.read(contents) == {}


async def test_a_failing_unit_does_not_touch_the_others_written_with_it(store: Store) -> None:
    await make_table(store, rows=1)  # key 0 is taken

    async def unit(tx: Transaction, key: int) -> int:
        await put(tx, 100 + key, 1)
        return await put(tx, 0 if key % 3 == 0 else key, 1)

    results = await asyncio.gather(
        *(store.write(unit, key) for key in range(12)), return_exceptions=True
    )
    failed = [key for key, result in enumerate(results) if isinstance(result, Conflict)]
    assert failed == [0, 3, 6, 9]
    kept = [key for key in range(12) if key % 3]
    assert set(await store.read(contents)) == {0, *kept, *(100 + key for key in kept)}


async def test_units_that_read_and_write_one_row_at_once_lose_nothing(store: Store) -> None:
    await make_table(store, rows=1)
    seen = await asyncio.gather(*(store.write(increase, 0) for _ in range(40)))
    assert sorted(seen) == list(range(1, 41))
    assert await store.read(contents) == {0: 40}


async def test_units_run_as_if_one_after_the_other(store: Store) -> None:
    """Each takes the last but one row unless another is left: one row must remain."""
    await make_table(store, rows=2)

    async def unit(tx: Transaction, key: int) -> None:
        if await tx.value("SELECT count(*) FROM t") > 1:
            await tx.run("DELETE FROM t WHERE k = $1", key)

    await asyncio.gather(store.write(unit, 0), store.write(unit, 1))
    assert len(await store.read(contents)) == 1


async def test_a_read_sees_one_moment(store: Store) -> None:
    await make_table(store, rows=2)
    stop = asyncio.Event()

    async def both(tx: Transaction) -> None:
        await tx.run("UPDATE t SET v = v + 1 WHERE k = 0")
        await tx.run("UPDATE t SET v = v + 1 WHERE k = 1")

    async def write() -> None:
        while not stop.is_set():
            await store.write(both)

    async def apart(tx: Transaction) -> tuple[Any, Any]:
        first = await tx.value("SELECT v FROM t WHERE k = 0")
        for _ in range(50):
            await tx.value("SELECT count(*) FROM t")
        return first, await tx.value("SELECT v FROM t WHERE k = 1")

    writer = asyncio.create_task(write())
    for _ in range(20):
        first, second = await store.scan(apart)
        assert first == second
    stop.set()
    await writer
    assert (await store.read(contents))[0] > 0


async def test_a_read_cannot_write(store: Store) -> None:
    await make_table(store)
    with pytest.raises(Fault):
        await store.read(put, 1, 10)
    assert await store.read(contents) == {}


async def test_a_key_that_is_taken_is_a_conflict(store: Store) -> None:
    await make_table(store, rows=1)
    with pytest.raises(Conflict):
        await store.write(put, 0, 1)

    async def many(tx: Transaction) -> None:
        await tx.run_many("INSERT INTO t (k, v) VALUES ($1, $2)", [(5, 5), (0, 5)])

    with pytest.raises(Conflict):
        await store.write(many)
    assert await store.read(contents) == {0: 0}


async def test_announcements_are_heard_only_of_what_became_durable(store: Store) -> None:
    await make_table(store)
    heard: list[set[Announcement]] = []
    store.on_commit(heard.append)

    async def unit(tx: Transaction, key: int, *, fail: bool) -> None:
        await put(tx, key, 1)
        tx.announce(Topic.ACCOUNT, key)
        assert not heard
        if fail:
            raise LookupError

    with pytest.raises(LookupError):
        await store.write(unit, 1, fail=True)
    assert not heard
    await store.write(unit, 2, fail=False)
    assert heard == [{(Topic.ACCOUNT, 2)}]


async def test_what_is_to_follow_a_unit_follows_it_once_it_is_durable(store: Store) -> None:
    await make_table(store)
    called: list[int] = []

    async def unit(tx: Transaction, key: int, *, fail: bool) -> None:
        await put(tx, key, 1)
        tx.afterwards(lambda: called.append(key))
        assert key not in called
        if fail:
            raise LookupError

    with pytest.raises(LookupError):
        await store.write(unit, 1, fail=True)
    assert called == []
    await store.write(unit, 2, fail=False)
    assert called == [2]


async def test_a_statement_says_how_many_rows_it_changed(store: Store) -> None:
    await make_table(store, rows=5)

    async def unit(tx: Transaction) -> list[Any]:
        return [
            await tx.run("UPDATE t SET v = 1 WHERE k < $1", 3),
            await tx.run("DELETE FROM t WHERE k = $1", 99),
            await tx.run("INSERT INTO t (k, v) VALUES ($1, $2) ON CONFLICT DO NOTHING", 1, 1),
            await tx.row("SELECT k FROM t WHERE k = 99"),
            await tx.value("SELECT k FROM t WHERE k = 99"),
            sorted(await tx.rows("DELETE FROM t WHERE k < 2 RETURNING k, v")),
        ]

    assert await store.write(unit) == [3, 0, 0, None, None, [(0, 1), (1, 1)]]


async def test_an_insert_says_the_id_of_its_row_unless_a_key_was_taken(store: Store) -> None:
    async def unit(tx: Transaction) -> list[int | None]:
        sql = "INSERT INTO domain (name, created_at) VALUES ($1, 0) ON CONFLICT DO NOTHING"
        return [await tx.insert(sql, name) for name in ("a.test", "b.test", "a.test", "c.test")]

    async def ids(tx: Transaction) -> dict[str, int]:
        return dict(await tx.rows("SELECT name, id FROM domain"))

    first, second, taken, third = await store.write(unit)
    assert taken is None
    assert await store.read(ids) == {"a.test": first, "b.test": second, "c.test": third}


async def test_returning_changes_every_row_though_only_one_is_asked_for(store: Store) -> None:
    await make_table(store, rows=5)

    async def unit(tx: Transaction) -> Any:
        return await tx.value("UPDATE t SET v = 7 RETURNING v")

    assert await store.write(unit) == 7
    assert set((await store.read(contents)).values()) == {7}


async def test_truth_values_are_numbers_and_lists_of_ids_one_parameter(store: Store) -> None:
    await make_table(store, rows=5)

    async def unit(tx: Transaction) -> Any:
        await tx.run("UPDATE t SET v = $2 WHERE k = $1", 2, True)
        some = await tx.rows(
            f"SELECT k, v FROM t WHERE {one_of(tx, 'k', 1)} ORDER BY k", id_list(tx, [1, 2, 77])
        )
        none = await tx.rows(f"SELECT k FROM t WHERE {one_of(tx, 'k', 1)}", id_list(tx, []))
        return some, none

    assert await store.write(unit) == ([(1, 0), (2, 1)], [])


async def test_text_and_bytes_come_back_as_they_went_in(store: Store) -> None:
    async def unit(tx: Transaction) -> Any:
        kind = "BLOB" if store.dialect.value == "sqlite" else "BYTEA"
        await tx.run(f"CREATE TABLE mixed (a TEXT, b {kind})")
        await tx.run("INSERT INTO mixed (a, b) VALUES ($1, $2)", "sélamat 🕊", b"\x00\xff" * 3)
        return await tx.row("SELECT a, b FROM mixed")

    assert await store.write(unit) == ("sélamat 🕊", b"\x00\xff" * 3)


async def test_a_closed_store_refuses_writes(store: Store) -> None:
    await make_table(store)
    waiting = [asyncio.ensure_future(store.write(put, key, 1)) for key in range(5)]
    await asyncio.sleep(0)
    await store.close()
    assert await asyncio.gather(*waiting) == [1] * 5  # what waited was finished
    with pytest.raises(Fault) as caught:
        await store.write(put, 9, 1)
    assert caught.value.kind is Kind.UNAVAILABLE
    assert store.failure == ""
