from __future__ import annotations

import asyncio

import pytest

from merpati.base.faults import Fault, Kind
from merpati.store import directory, email_edit, emails, expunged, mailboxes, quota, transfer
from merpati.store.engine import Store
from merpati.store.quota import Usage
from tests.support import store as stores
from tests.support.store import ARCHIVE, INBOX, NOW, add_account


async def of_domain(store: Store, name: str = "example.org") -> Usage | None:
    domain = await store.read(directory.domain, name)
    return await store.read(quota.of_domain, domain.id)


async def limit(store: Store, size: int, count: int = 0, name: str = "example.org") -> None:
    domain = await store.read(directory.domain, name)
    await store.write(quota.limit_domain, domain.id, size, count)


async def test_a_count_limits_as_bytes_do(store: Store) -> None:
    account = await add_account(store)
    await store.write(directory.set_account, account.id, quota_emails=3)
    for _ in range(2):
        assert (await store.write(stores.add, account.id, "one")).placed
    with pytest.raises(Fault) as refused:
        await store.write(emails.copy, account.id, INBOX, ARCHIVE, [1, 2])
    assert refused.value.kind is Kind.OVER_QUOTA
    assert (await store.write(stores.add, account.id, "one")).placed
    assert (await store.write(stores.add, account.id, "one")).refused == [account.id]
    assert await store.read(quota.of_account, account.id) == Usage(0, 3, 9, 3)


async def test_a_domain_without_a_limit_is_not_counted(store: Store) -> None:
    await add_account(store)
    assert await of_domain(store) is None


async def test_the_sum_of_a_domain_counts_every_way_in_and_out(store: Store) -> None:
    ani, budi = await add_account(store), await add_account(store, "budi@example.org")
    await store.write(stores.add, [ani.id, budi.id], "before")
    await limit(store, 1000, 100)
    assert await of_domain(store) == Usage(1000, 100, 12, 2)
    await store.write(stores.add, [ani.id, budi.id], "after")
    await store.write(emails.copy, ani.id, INBOX, ARCHIVE, [1, 2])
    assert await of_domain(store) == Usage(1000, 100, 33, 6)
    await store.write(email_edit.move, ani.id, ARCHIVE, INBOX, [1])
    await store.write(transfer.transfer, ani.id, INBOX, budi.id, INBOX, [1])
    assert await of_domain(store) == Usage(1000, 100, 39, 7)
    await store.write(emails.remove, ani.id, INBOX, [1])
    await store.write(mailboxes.create, ani.id, "a", NOW)
    await store.write(emails.copy, ani.id, INBOX, 7, [2])
    await store.write(mailboxes.destroy, ani.id, "a", NOW)
    assert await of_domain(store) == Usage(1000, 100, 33, 6)
    citra = await add_account(store, "citra@example.org")
    await store.write(stores.add, citra.id, "new")
    assert await of_domain(store) == Usage(1000, 100, 36, 7)
    await store.write(directory.remove_account, budi.id)
    assert await of_domain(store) == Usage(1000, 100, 19, 4)
    await limit(store, 0)
    assert await of_domain(store) is None


async def test_an_account_that_moves_takes_its_share_to_the_new_domain(store: Store) -> None:
    ani, _ = await add_account(store), await add_account(store, "x@far.example")
    await store.write(stores.add, ani.id, "four")
    await limit(store, 100)
    await limit(store, 100, name="far.example")
    await store.write(directory.rename, ani.id, "ani@far.example")
    await store.write(stores.add, ani.id, "more")
    assert await of_domain(store) == Usage(100, 0, 0, 0)
    assert await of_domain(store, "far.example") == Usage(100, 0, 8, 2)


async def test_a_full_domain_refuses_those_that_have_no_room_left(store: Store) -> None:
    ids = [(await add_account(store, f"a{n}@example.org")).id for n in range(3)]
    await limit(store, 25)
    added = await store.write(stores.add, ids, "ten bytes!")
    assert len(added.placed) == 2
    assert added.refused == ids[2:]
    assert (await store.write(stores.add, ids[2], "six by")).refused == ids[2:]
    with pytest.raises(Fault) as refused:
        await store.write(emails.copy, ids[0], INBOX, ARCHIVE, [1])
    assert refused.value.kind is Kind.OVER_QUOTA
    assert await of_domain(store) == Usage(25, 0, 20, 2)


async def test_deliveries_at_once_never_exceed_the_sum_of_a_domain(store: Store) -> None:
    ids = [(await add_account(store, f"a{n}@example.org")).id for n in range(8)]
    await limit(store, 105, 100)
    added = await asyncio.gather(
        *(store.write(stores.add, ids[n % 8], f"mail no {n:02}") for n in range(40))
    )
    assert sum(bool(one.placed) for one in added) == 10
    assert await of_domain(store) == Usage(105, 100, 100, 10)


async def test_transfers_at_once_in_both_directions_do_not_wait_for_ever(store: Store) -> None:
    ani, budi = await add_account(store), await add_account(store, "budi@example.org")
    for account in (ani, budi):
        for _ in range(5):
            await store.write(stores.add, account.id, "mail")
    async with asyncio.timeout(20):
        await asyncio.gather(*(
            store.write(transfer.transfer, one, INBOX, other, ARCHIVE, [uid], move=True)
            for uid in range(1, 6)
            for one, other in ((ani.id, budi.id), (budi.id, ani.id))
        ))  # fmt: skip
    for account in (ani, budi):
        found = await store.read(directory.account_by_id, account.id)
        assert found is not None
        assert (found.used, found.emails) == (20, 5)


async def test_removed_mail_counts_in_no_quota(store: Store) -> None:
    account = await add_account(store, quota=10)
    await limit(store, 10)
    await store.write(stores.add, account.id, "ten bytes!")
    await store.write(emails.remove, account.id, INBOX, [1], NOW)
    assert (await store.write(stores.add, account.id, "ten bytes?")).placed
    assert await store.write(expunged.forget, NOW + 1) == 1


async def test_what_expunging_would_free_is_known(store: Store) -> None:
    account = await add_account(store)
    await store.write(stores.add, account.id, "kept")
    await store.write(stores.add, account.id, "deleted", keywords="$deleted $seen")
    assert await store.read(emails.deleted_size, account.id, INBOX) == 7


@pytest.mark.parametrize("limit", ["quota", "quota_emails"])
async def test_an_account_crosses_into_the_last_tenth_once(store: Store, limit: str) -> None:
    account = await add_account(store)

    async def allow(most: int) -> tuple[list[int], bool]:
        await store.write(directory.set_account, account.id, **{limit: most})
        crossed = await store.read(quota.crossed)
        return crossed, await store.write(quota.warn, account.id)

    for _ in range(18):
        await store.write(stores.add, account.id, "x")
    assert await allow(0) == ([], False)
    assert await allow(20) == ([account.id], True)
    assert await allow(20) == ([], False)
    assert await allow(60) == ([account.id], False)
    assert await allow(20) == ([account.id], True)
    assert await allow(0) == ([account.id], False)
