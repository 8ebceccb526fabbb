from __future__ import annotations

from typing import Any

import pytest

from merpati.base.faults import Fault, Kind
from merpati.model.mailing_list import Audience, HeldPost, MailingList, Posting, Request
from merpati.store import blobs, directory, forwards, lists
from merpati.store.engine import Store, Transaction
from merpati.store.lists import BOUNCE_MEMORY, DAY
from tests.support import store as stores
from tests.support.store import NOW, add_account

LIST = "sales@example.org"


async def make(store: Store, address: str = LIST) -> MailingList:
    await add_account(store)
    return await store.write(lists.create, address, "Sales", "en", NOW)


async def add(store: Store, one: MailingList, address: str, **flags: bool) -> bool:
    async def unit(tx: Transaction) -> bool:
        return await lists.set_person(tx, one.id, address, f"t-{address}", NOW, **flags)

    return await store.write(unit)


async def member(store: Store, one: MailingList, address: str = "ani@there.test") -> int:
    await add(store, one, address, is_member=True)
    person = await store.read(lists.person, one.id, address)
    assert person is not None
    return person.id


async def refusal(store: Store, unit: Any, *args: Any) -> Kind:
    with pytest.raises(Fault) as caught:
        await store.write(unit, *args)
    return caught.value.kind


async def test_a_list_is_found_by_its_address_in_any_case(store: Store) -> None:
    one = await make(store, "Sales@Example.org")
    assert (one.address, one.title, one.list_id) == (LIST, "Sales", "sales.example.org")
    assert await store.read(lists.named, "SALES@example.ORG") == one
    assert await store.read(lists.by_id, one.id) == one
    assert await store.read(lists.by_id, one.id + 1) is None
    with pytest.raises(Fault, match="merpati list list"):
        await store.read(lists.named, "none@example.org")


async def test_an_address_is_of_one_kind_only(store: Store) -> None:
    one = await make(store)
    assert await refusal(store, lists.create, LIST, "", "en", NOW) is Kind.EXISTS
    taken = await refusal(store, lists.create, "ani@example.org", "", "en", NOW)
    assert taken is Kind.EXISTS
    assert await refusal(store, directory.add_alias, LIST, "x@y.test") is Kind.EXISTS
    assert await refusal(store, directory.add_address, 1, LIST) is Kind.EXISTS
    assert await refusal(store, lists.create, "x@y.test", "", "en", NOW) is Kind.NOT_FOUND
    await store.write(lists.remove, one.id)
    await store.write(directory.add_alias, LIST, "x@y.test")


async def test_rules_are_changed_and_read_back(store: Store) -> None:
    one = await make(store)
    await store.write(
        lists.set_rules, one.id, posting="named", moderated=1, audience="admins", archive_id=7
    )
    found = await store.read(lists.named, LIST)
    assert (found.posting, found.moderated, found.archive_id) == (Posting.NAMED, True, 7)
    assert found.audience is Audience.ADMINS
    with pytest.raises(ValueError, match="local"):
        await store.write(lists.set_rules, one.id, local="x")


async def test_somebody_without_any_part_is_forgotten(store: Store) -> None:
    one = await make(store)
    assert await add(store, one, "Ani@There.test", is_member=True)
    assert not await add(store, one, "ani@there.test", is_member=True)
    assert await add(store, one, "ani@there.test", is_owner=True)
    assert await store.read(lists.owners, one.id) == ["ani@there.test"]
    assert await add(store, one, "ani@there.test", is_member=False)
    [person] = await store.read(lists.people, one.id)
    assert (person.is_member, person.is_owner) == (False, True)
    assert await add(store, one, "ani@there.test", is_owner=False)
    assert await store.read(lists.people, one.id) == []
    assert not await add(store, one, "ani@there.test", is_owner=False)


async def test_the_audience_comes_in_steps(store: Store) -> None:
    one = await make(store)
    for n in range(5):
        await member(store, one, f"m{n}@there.test")
    await add(store, one, "owner@there.test", is_owner=True)
    first = await store.read(lists.audience, one, 0, 3)
    rest = await store.read(lists.audience, one, first[-1].id, 3)
    assert [each.address for each in first + rest] == [f"m{n}@there.test" for n in range(5)]
    assert [each.token for each in first] == [f"t-m{n}@there.test" for n in range(3)]


@pytest.mark.parametrize(
    ("audience", "reached"),
    [
        ("domain", ["ani@example.org", "budi@example.org"]),
        ("everyone", ["ani@example.org", "budi@example.org", "cici@second.test"]),
        ("admins", ["budi@example.org"]),
    ],
)
async def test_a_dynamic_audience_is_read_from_the_accounts(
    store: Store, audience: str, reached: list[str]
) -> None:
    one = await make(store)
    budi = await add_account(store, "budi@example.org")
    await add_account(store, "cici@second.test")
    gone = await add_account(store, "gone@example.org")
    await store.write(directory.set_account, budi.id, is_admin=1)
    await store.write(directory.set_account, gone.id, disabled=1, is_admin=1)
    await store.write(lists.set_rules, one.id, audience=audience)
    one = await store.read(lists.named, LIST)
    found = await store.read(lists.audience, one, 0, 10)
    assert [each.address for each in found] == reached
    for address in ("ani@example.org", "budi@example.org", "cici@second.test", "gone@example.org"):
        is_member = await store.read(lists.reaches, one, [address])
        assert is_member is (address in reached)


async def test_bounces_of_a_day_count_once_and_old_ones_are_forgotten(store: Store) -> None:
    one = await make(store)
    number = await member(store, one)

    async def bounces() -> int:
        person = await store.read(lists.person, one.id, "ani@there.test")
        assert person is not None
        return person.bounces

    for at in (NOW, NOW + 1, NOW + 1000):
        assert not await store.write(lists.count_bounce, number, at, 3)
    assert await bounces() == 1
    assert not await store.write(lists.count_bounce, number, NOW + DAY, 3)
    assert await bounces() == 2
    later = NOW + 2 * DAY + BOUNCE_MEMORY
    assert not await store.write(lists.count_bounce, number, later, 3)
    assert await bounces() == 1
    assert not await store.write(lists.count_bounce, number, later + DAY, 3)
    assert await store.write(lists.count_bounce, number, later + 2 * DAY, 3)
    assert not await store.write(lists.count_bounce, number, later + 3 * DAY, 3)  # told once
    assert await store.read(lists.audience, one, 0, 10) == []
    assert await add(store, one, "ani@there.test", is_member=True)
    assert len(await store.read(lists.audience, one, 0, 10)) == 1


async def held_post(store: Store, one: MailingList) -> HeldPost:
    async def unit(tx: Transaction) -> HeldPost:
        blob_id, _ = await blobs.insert(tx, stores.body(), 1)
        post = HeldPost(0, one.id, "token", "t" * 16, blob_id, "a@b.test", 0, True, "a@b.test",
                        "hi", NOW)  # fmt: skip
        number = await lists.hold(tx, post)
        await blobs.release(tx, [blob_id])
        found = await lists.find_held(tx, number=number)
        assert found is not None
        return found

    return await store.write(unit)


async def refs(store: Store, post: HeldPost) -> int:
    async def unit(tx: Transaction) -> int:
        return int(await tx.value("SELECT refs FROM blob WHERE id = $1", post.blob_id))

    return await store.read(unit)


async def test_a_held_post_holds_its_blob_until_somebody_decides_once(store: Store) -> None:
    one = await make(store)
    post = await held_post(store, one)
    assert post.smtputf8
    assert await refs(store, post) == 1
    assert await store.read(lists.held, one.id) == [post]
    [(_, members, waiting)] = await store.read(lists.all_lists)
    assert (members, waiting) == (0, 1)
    assert await store.write(lists.let_go, post)
    assert not await store.write(lists.let_go, post)
    assert await refs(store, post) == 0


async def test_removing_a_list_and_forgetting_let_go_of_blobs(store: Store) -> None:
    one = await make(store)
    post = await held_post(store, one)
    await store.write(lists.remove, one.id)
    assert await refs(store, post) == 0
    one = await store.write(lists.create, LIST, "", "en", NOW)
    post = await held_post(store, one)
    assert await store.write(lists.forget, NOW) == 0
    assert await store.write(lists.forget, NOW + 1) == 1
    assert await refs(store, post) == 0


async def test_a_request_is_answered_once_and_not_asked_twice(store: Store) -> None:
    one = await make(store)

    async def ask(token: str, now: int, again: int) -> bool:
        return await store.write(
            lists.ask, one.id, Request.JOIN, "Ani@there.test", token, now, again
        )

    assert await ask("first", NOW, NOW - 10)
    assert not await ask("second", NOW + 5, NOW - 5)
    assert await ask("third", NOW + 20, NOW + 10)
    assert await store.write(lists.answer, one.id, "first") is None
    assert await store.write(lists.answer, one.id + 1, "third") is None
    answered = await store.write(lists.answer, one.id, "third")
    assert answered == (Request.JOIN, "ani@there.test")
    assert await store.write(lists.answer, one.id, "third") is None


async def test_forwards_folders_and_counts(store: Store) -> None:
    ani = await add_account(store)
    habits = (await store.read(forwards.habits, [ani.id]))[ani.id]
    assert habits.is_plain
    await store.write(forwards.set_forward, ani.id, ["x@y.test", '"a b"@z.test'], keep=False)
    await store.write(forwards.set_folder, ani.id, "/srv/files")
    habits = (await store.read(forwards.habits, [ani.id]))[ani.id]
    assert (habits.targets, habits.keep) == (("x@y.test", '"a b"@z.test'), False)
    assert habits.folder == "/srv/files"
    assert [await store.write(forwards.count_response, ani.id, "A@b.test", 5, 2)
            for _ in range(3)] == [True, True, False]  # fmt: skip
    assert await store.write(forwards.count_response, ani.id, "a@b.test", 6, 2)
    await store.write(directory.set_account, ani.id, disabled=1)
    assert await store.read(forwards.habits, [ani.id]) == {}
    await store.write(directory.remove_account, ani.id)

    async def left(tx: Transaction) -> int:
        tables = ("forward", "responder", "response")
        return sum([int(await tx.value(f"SELECT count(*) FROM {name}")) for name in tables])

    assert await store.read(left) == 0


async def test_a_domain_alias_leads_sign_in_and_addresses(store: Store) -> None:
    ani = await add_account(store)
    await store.write(directory.add_domain_alias, "second.test", "example.org", NOW)
    assert await store.read(directory.domain_aliases) == [("second.test", "example.org")]
    found = await store.read(directory.find_account, "Ani@Second.test")
    assert found is not None
    assert found.id == ani.id
    assert await store.read(directory.addresses, ani.id) == ["ani@example.org", "ani@second.test"]
    home = await store.read(directory.home, "second.test")
    assert home is not None
    assert home.name == "example.org"
    exists = await refusal(store, directory.add_domain_alias, "example.org", "example.org", NOW)
    assert exists is Kind.EXISTS
    assert await refusal(store, directory.add_domain, "second.test", NOW) is Kind.EXISTS
    await store.write(directory.remove_account, ani.id)
    await store.write(directory.remove_domain, "example.org")
    assert await store.read(directory.domain_aliases) == []
