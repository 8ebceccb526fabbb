from __future__ import annotations

import asyncio

import pytest

from merpati.base.faults import Fault, Kind
from merpati.store import directory, schema
from merpati.store.engine import Transaction
from tests.contracts.conftest import Opener
from tests.support.store import NOW


async def test_the_schema_is_made_once(empty: Opener) -> None:
    store = await empty()
    steps = schema.migrations()
    assert await store.write(schema.migrate) == steps
    await store.write(directory.add_domain, "example.org", NOW)
    assert await store.write(schema.migrate) == []
    assert await store.write(schema.version) == steps[-1].version
    assert [one.name for one in await store.read(directory.domains)] == ["example.org"]


async def test_two_processes_that_start_at_once_make_it_once(empty: Opener) -> None:
    nodes = [await empty() for _ in range(3)]
    taken = await asyncio.gather(*(node.write(schema.migrate) for node in nodes))
    assert sorted(map(len, taken)) == [0, 0, len(schema.migrations())]


async def test_a_store_of_a_newer_release_is_refused(empty: Opener) -> None:
    store = await empty()
    await store.write(schema.migrate)

    async def of_the_future(tx: Transaction) -> None:
        await tx.run("INSERT INTO schema_version VALUES ($1, $2)", 9999, "")

    await store.write(of_the_future)
    with pytest.raises(Fault, match="9999") as caught:
        await store.write(schema.migrate)
    assert caught.value.kind is Kind.CONFIG


async def test_a_store_whose_steps_were_edited_since_is_refused(empty: Opener) -> None:
    store = await empty()
    await store.write(schema.migrate)

    async def of_the_past(tx: Transaction) -> None:
        await tx.run("UPDATE schema_version SET digest = $1 WHERE version = 3", "as it was")

    await store.write(of_the_past)
    with pytest.raises(Fault, match="step 3 of the schema") as caught:
        await store.write(schema.migrate)
    assert caught.value.kind is Kind.CONFIG


async def test_a_step_that_fails_leaves_nothing_of_itself(empty: Opener) -> None:
    store = await empty()

    async def half(tx: Transaction) -> None:
        await schema.migrate(tx)
        raise LookupError

    with pytest.raises(LookupError):
        await store.write(half)
    assert await store.write(schema.migrate) == schema.migrations()


async def test_text_is_ordered_by_its_bytes(empty: Opener) -> None:
    store = await empty()
    await store.write(schema.migrate)
    for name in ("b.example", "A.example", "a-b.example", "ab.example"):
        await store.write(directory.add_domain, name, NOW)

    async def sql_lower(tx: Transaction) -> list[str]:
        await tx.run("UPDATE domain SET name = 'Z.example' WHERE name = 'b.example'")
        return [one.name for one in await directory.domains(tx)]

    assert await store.write(sql_lower) == ["Z.example", "a-b.example", "a.example", "ab.example"]
