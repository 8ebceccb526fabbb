from __future__ import annotations

from merpati.store import suppression
from merpati.store.engine import Store
from tests.support.store import NOW

SAID = {"status": "5.1.1", "reply": "550 5.1.1 nobody", "remote": "mx.there.test"}


async def test_an_address_is_suppressed_for_a_time(store: Store) -> None:
    await store.write(suppression.suppress, "Bob@There.test", NOW, NOW + 100, **SAID)
    asked = ["BOB@there.test", "dora@there.test"]
    found = await store.read(suppression.suppressed, asked, NOW + 99)
    assert list(found) == ["BOB@there.test"]
    assert found["BOB@there.test"].reply == "550 5.1.1 nobody"
    assert await store.read(suppression.suppressed, asked, NOW + 100) == {}


async def test_one_that_fails_again_is_counted(store: Store) -> None:
    await store.write(suppression.suppress, "bob@there.test", NOW, NOW + 100, **SAID)
    await store.write(suppression.suppress, "bob@there.test", NOW + 100, NOW + 300, **SAID)
    [one] = await store.read(suppression.listing, NOW + 200)
    assert (one.since, one.until, one.count) == (NOW, NOW + 300, 2)


async def test_the_administrator_undoes_it(store: Store) -> None:
    for name in ("bob", "dora"):
        await store.write(suppression.suppress, f"{name}@there.test", NOW, NOW + 100, **SAID)
    found = await store.read(suppression.listing, NOW, pattern="BOB@*")
    assert [one.address for one in found] == ["bob@there.test"]
    assert await store.write(suppression.remove, ["BOB@there.test", "carl@there.test"]) == 1
    assert [one.address for one in await store.read(suppression.listing, NOW)] == [
        "dora@there.test"
    ]


async def test_what_is_long_over_is_forgotten(store: Store) -> None:
    await store.write(suppression.suppress, "bob@there.test", NOW, NOW + 100, **SAID)
    assert await store.write(suppression.forget, NOW + 150) == 0
    assert await store.write(suppression.forget, NOW + 201) == 1
