from __future__ import annotations

from typing import Any

import msgspec
import pytest

from merpati.base.faults import Fault, Kind
from merpati.model.mailbox import STANDARD
from merpati.store import blobs, directory, emails, mailboxes
from merpati.store.directory import Resolved
from merpati.store.engine import Store, Transaction
from tests.support import store as stores
from tests.support.store import NOW, add_account


async def refusal(store: Store, unit: Any, *args: Any, **kwargs: Any) -> Kind:
    """The kind of fault with which a write is refused."""
    with pytest.raises(Fault) as caught:
        await store.write(unit, *args, **kwargs)
    return caught.value.kind


async def resolve(store: Store, local: str, domain: str = "example.org") -> Resolved | None:
    async def unit(tx: Transaction) -> Resolved | None:
        return await directory.resolve(tx, (await directory.domain(tx, domain)).id, local)

    return await store.read(unit)


async def test_a_domain_is_found_in_any_case_and_made_once(store: Store) -> None:
    await store.write(directory.add_domain, "Example.ORG", NOW)
    found = await store.read(directory.domain, "EXAMPLE.org")
    assert found.name == "example.org"
    assert await refusal(store, directory.add_domain, "example.org", NOW) is Kind.EXISTS
    with pytest.raises(Fault, match=r"merpati domain add nowhere\.example"):
        await store.read(directory.domain, "nowhere.example")


async def test_a_domain_goes_only_when_no_address_is_left(store: Store) -> None:
    account = await add_account(store)
    await store.write(directory.add_alias, "info@example.org", "ani@example.org")
    assert await refusal(store, directory.remove_domain, "example.org") is Kind.IN_USE
    await store.write(directory.remove_account, account.id)
    await store.write(directory.remove_domain, "example.org")
    assert await store.read(directory.domains) == []
    assert await store.read(directory.aliases) == []


async def test_a_new_account_has_its_standard_mailboxes(store: Store) -> None:
    account = await add_account(store, quota=1000)
    found = await store.read(mailboxes.listing, account.id)
    assert {(one.name, one.role) for one in found} == set(STANDARD)
    assert found[0].id == 1
    assert found[0].role == "inbox"
    assert (account.quota, account.used, account.emails) == (1000, 0, 0)
    assert set(await store.read(mailboxes.subscriptions, account.id)) == {n for n, _ in STANDARD}


async def test_an_address_belongs_to_one_account(store: Store) -> None:
    ani = await add_account(store)
    budi = await add_account(store, "budi@example.org")
    with pytest.raises(Fault) as caught:
        await add_account(store, "ANI@example.org")
    assert caught.value.kind is Kind.EXISTS
    assert len(await store.read(directory.accounts)) == 2  # nothing of the third is left
    await store.write(directory.add_address, ani.id, "a@example.org")
    again = await refusal(store, directory.add_address, budi.id, "a@example.org")
    assert again is Kind.EXISTS
    assert (await store.read(directory.account, "A@Example.Org")).id == ani.id
    assert await store.read(directory.addresses, ani.id) == ["ani@example.org", "a@example.org"]


async def test_accounts_are_listed_by_domain(store: Store) -> None:
    for address in ("b@one.example", "a@two.example", "a@one.example"):
        await add_account(store, address)
    everybody = [one.address for one in await store.read(directory.accounts)]
    assert everybody == ["a@one.example", "b@one.example", "a@two.example"]
    some = [one.address for one in await store.read(directory.accounts, "TWO.example")]
    assert some == ["a@two.example"]


async def test_an_account_can_be_changed_and_disabled(store: Store) -> None:
    account = await add_account(store)
    await store.write(
        directory.set_account, account.id, name="Ani", disabled=True, is_admin=True, quota=5
    )
    found = await store.read(directory.account_by_id, account.id)
    assert found is not None
    assert (found.name, found.disabled, found.is_admin, found.quota) == ("Ani", True, True, 5)
    assert await store.read(directory.active, [account.id, 99]) == set()
    await store.write(directory.set_account, account.id, disabled=False)
    assert await store.read(directory.active, [account.id, 99]) == {account.id}
    with pytest.raises(ValueError, match="used"):
        await store.write(directory.set_account, account.id, used=0)


async def test_a_name_is_one_line_of_text(store: Store) -> None:
    one = await add_account(store, "ani@example.org")
    for name in ("Ani\r\nBcc: x@example.org", "Ani\x00", "\u202eina"):
        with pytest.raises(Fault, match="is no name"):
            await store.write(directory.set_account, one.id, name=name)
        with pytest.raises(Fault, match="is no name"):
            await store.write(
                directory.add_account, "budi@example.org", name=name, password="", now=NOW
            )
    await store.write(directory.set_account, one.id, name="Ánĭ \u00a0 王小明")


async def test_a_renamed_account_is_still_found_by_its_old_address(store: Store) -> None:
    account = await add_account(store)
    await store.write(directory.add_domain, "new.example", NOW)
    await store.write(directory.rename, account.id, "ani.new@new.example")
    found = await store.read(directory.account, "ani@example.org")
    assert (found.id, found.address) == (account.id, "ani.new@new.example")
    await store.write(directory.rename, account.id, "ani@example.org")  # and back
    everything = await store.read(directory.addresses, account.id)
    assert everything == ["ani@example.org", "ani.new@new.example"]


async def test_an_account_is_not_renamed_to_the_address_of_another(store: Store) -> None:
    account = await add_account(store)
    await add_account(store, "budi@example.org")
    assert await refusal(store, directory.rename, account.id, "budi@example.org") is Kind.EXISTS
    found = await store.read(directory.account_by_id, account.id)
    assert found is not None
    assert found.address == "ani@example.org"


async def test_a_removed_account_leaves_garbage_and_nothing_else(store: Store) -> None:
    ani = await add_account(store)
    budi = await add_account(store, "budi@example.org")
    await store.write(stores.add, [ani.id, budi.id], "shared", 7)
    own = await store.write(stores.add, ani.id, "her own", 8)
    await store.write(emails.copy, ani.id, 1, 6, [own.placed[0].uid])
    await store.write(directory.remove_account, ani.id)
    assert await store.read(directory.account_by_id, ani.id) is None
    assert await store.read(resolved_accounts) == {budi.id}

    async def refs(tx: Transaction) -> list[Any]:
        return sorted(await tx.rows("SELECT size, refs FROM blob"))

    assert await store.read(refs) == [(len("shared"), 1), (len("her own"), 0)]
    assert await store.write(blobs.collect) == [""]
    assert await store.read(refs) == [(len("shared"), 1)]


async def resolved_accounts(tx: Transaction) -> set[int]:
    """Every account id that any table still knows."""
    found: set[int] = set()
    for table in (
        "mailbox_email", "mailbox", "subscription", "thread_ref", "change", "address",
    ):  # fmt: skip
        found |= {row[0] for row in await tx.rows(f"SELECT account_id FROM {table}")}
    return found


async def test_an_address_leads_to_its_account_then_its_alias_then_the_catch_all(
    store: Store,
) -> None:
    account = await add_account(store)
    assert await resolve(store, "ani") == Resolved(account.id, ())
    assert await resolve(store, "ani+list") == Resolved(account.id, (), tagged=True)
    assert await resolve(store, "nobody") is None
    await store.write(directory.add_alias, "Info@example.org", "ani@example.org")
    await store.write(directory.add_alias, "info@example.org", "far@away.example")
    await store.write(directory.add_alias, "info@example.org", "far@away.example")  # once
    to_both = await resolve(store, "info")
    assert to_both is not None
    assert set(to_both.targets) == {"ani@example.org", "far@away.example"}
    assert await resolve(store, "info+x") == msgspec.structs.replace(to_both, tagged=True)
    await store.write(directory.add_alias, "@example.org", "ani@example.org")
    assert await resolve(store, "nobody") == Resolved(0, ("ani@example.org",))
    assert await resolve(store, "ani+list") == Resolved(account.id, (), tagged=True)
    await store.write(directory.remove_alias, "info@example.org", "far@away.example")
    assert await resolve(store, "info") == Resolved(0, ("ani@example.org",))


async def test_an_exact_address_wins_over_a_subaddress(store: Store) -> None:
    await add_account(store)
    other = await add_account(store, "ani+work@example.org")
    assert await resolve(store, "ani+work") == Resolved(other.id, ())


async def test_alias_and_account_do_not_share_an_address(store: Store) -> None:
    await add_account(store)
    taken = await refusal(store, directory.add_alias, "ani@example.org", "x@away.example")
    assert taken is Kind.EXISTS
    await store.write(directory.add_alias, "info@example.org", "x@away.example")
    with pytest.raises(Fault) as caught:
        await add_account(store, "info@example.org")
    assert caught.value.kind is Kind.EXISTS
    assert [one.address for one in await store.read(directory.aliases)] == ["info@example.org"]
    await store.write(directory.remove_alias, "info@example.org")
    assert await refusal(store, directory.remove_alias, "info@example.org") is Kind.NOT_FOUND
    assert await refusal(store, directory.add_alias, "a@example.org", "no-at") is Kind.SYNTAX
    assert await refusal(store, directory.add_alias, "a@not.ours", "a@b.example") is Kind.NOT_FOUND
