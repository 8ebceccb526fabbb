from __future__ import annotations

from merpati.store import correspondents, directory
from merpati.store.correspondents import Correspondent
from merpati.store.engine import Store
from tests.support.store import NOW, add_account

SENT = 4


def one(email: str, at: int = NOW, name: str = "", letters: int = 1) -> Correspondent:
    return Correspondent(email, name, letters, at)


async def test_letters_add_up(store: Store) -> None:
    ani = await add_account(store)
    await store.write(
        correspondents.count, ani.id, SENT, 3, [one("a@x.test", NOW, "A"), one("b@x.test")]
    )
    again = [one("a@x.test", NOW + 5, letters=2), one("b@x.test", NOW - 5, "B")]
    await store.write(correspondents.count, ani.id, SENT, 9, again)
    found = await store.read(correspondents.listing, ani.id, 10)
    assert found == [one("a@x.test", NOW + 5, "A", 3), one("b@x.test", NOW, "B", 2)]
    assert await store.read(correspondents.read_up_to, ani.id, SENT) == 9
    assert await store.read(correspondents.read_up_to, ani.id, SENT + 1) == 0


async def test_the_first_of_some_addresses_is_found_as_it_was_asked_for(store: Store) -> None:
    ani, budi = await add_account(store), await add_account(store, "budi@example.org")
    await store.write(correspondents.count, ani.id, SENT, 1, [one("a@x.test"), one("b@x.test")])
    asked = ["c@x.test", "B@X.test", "a@x.test"]
    assert await store.read(correspondents.first, ani.id, asked) == "B@X.test"
    assert await store.read(correspondents.first, ani.id, []) is None
    assert await store.read(correspondents.first, budi.id, asked) is None


async def test_of_too_many_those_of_long_ago_are_forgotten(store: Store) -> None:
    ani = await add_account(store)
    many = [one(f"p{n}@x.test", NOW + n) for n in range(correspondents.KEPT + 7)]
    await store.write(correspondents.count, ani.id, SENT, 1, many)
    found = await store.read(correspondents.listing, ani.id, 10_000)
    assert len(found) == correspondents.KEPT
    assert found[-1].email == "p7@x.test"


async def test_somebody_is_forgotten_and_an_account_with_all_it_knew(store: Store) -> None:
    ani, budi = await add_account(store), await add_account(store, "budi@example.org")
    for account in (ani, budi):
        people = [one("a@x.test"), one("b@x.test")]
        await store.write(correspondents.count, account.id, SENT, 1, people)
    assert await store.write(correspondents.forget, ani.id, "A@x.test")
    assert not await store.write(correspondents.forget, ani.id, "a@x.test")
    assert [each.email for each in await store.read(correspondents.listing, ani.id, 9)] == [
        "b@x.test"
    ]
    await store.write(directory.remove_account, budi.id)
    assert await store.read(correspondents.listing, budi.id, 9) == []
    assert await store.read(correspondents.read_up_to, budi.id, SENT) == 0
