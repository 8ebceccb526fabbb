from __future__ import annotations

import asyncio

from merpati.store import leases
from merpati.store.engine import Store
from tests.support.store import NOW


async def test_a_lease_is_one_holders_until_it_runs_out(store: Store) -> None:
    assert await store.write(leases.claim, "report", "w1", NOW, NOW + 100)
    assert not await store.write(leases.claim, "report", "w2", NOW + 99, NOW + 200)
    assert await store.write(leases.claim, "other", "w2", NOW, NOW + 100)
    assert await store.write(leases.claim, "report", "w2", NOW + 100, NOW + 200)
    assert not await store.write(leases.claim, "report", "w1", NOW + 150, NOW + 300)


async def test_of_many_that_come_at_once_one_gets_it(store: Store) -> None:
    got = await asyncio.gather(
        *(store.write(leases.claim, "report", f"w{n}", NOW, NOW + 100) for n in range(10))
    )
    assert sum(got) == 1


async def test_only_its_holder_gives_a_lease_back(store: Store) -> None:
    await store.write(leases.claim, "report", "w1", NOW, NOW + 100)
    await store.write(leases.release, "report", "w2")
    assert not await store.write(leases.claim, "report", "w2", NOW, NOW + 100)
    await store.write(leases.release, "report", "w1")
    assert await store.write(leases.claim, "report", "w2", NOW, NOW + 100)


async def test_leases_that_ran_out_are_forgotten(store: Store) -> None:
    await store.write(leases.claim, "old", "w1", NOW, NOW + 100)
    await store.write(leases.claim, "new", "w1", NOW, NOW + 101)
    assert await store.write(leases.forget, NOW + 100) == 1
