from __future__ import annotations

import pytest

from merpati.base.faults import Fault, Kind
from merpati.store import directory, signing
from merpati.store.engine import Announcement, Store, Topic
from merpati.store.signing import ACTIVE, NEXT, RETIRED, Private, StoredKey, Wanted
from tests.support.store import NOW

DOMAIN = "example.org"
LATER = NOW + 1000


@pytest.fixture
async def home(store: Store) -> Store:
    """A store with two domains."""
    await store.write(directory.add_domain, DOMAIN, NOW)
    await store.write(directory.add_domain, "other.example", NOW)
    return store


async def add(store: Store, selector: str, kind: str = "rsa", domain: str = DOMAIN) -> StoredKey:
    await store.write(signing.add, domain, selector, kind, f"pem {selector}", "v=DKIM1", NOW)
    return next(key for key in await store.read(signing.keys) if key.selector == selector)


async def activate(store: Store, key: StoredKey) -> bool:
    return await store.write(signing.activate, key.id, NOW, LATER)


async def states(store: Store) -> dict[str, str]:
    return {key.selector: key.state for key in await store.read(signing.keys, DOMAIN)}


async def test_a_new_key_waits_and_does_not_sign(home: Store) -> None:
    key = await add(home, "r1")
    assert key == StoredKey(key.id, DOMAIN, "r1", "rsa", NEXT, "v=DKIM1", NOW, NOW, 0)
    assert key.name == "r1._domainkey.example.org"
    assert await home.read(signing.signing, DOMAIN) == []


async def test_an_active_key_signs_until_the_next_takes_over_and_gives_up_its_secret(
    home: Store,
) -> None:
    first, edwards = await add(home, "r1"), await add(home, "e1", "ed25519")
    assert await activate(home, edwards)
    assert await activate(home, first)
    pair = [Private("r1", "pem r1"), Private("e1", "pem e1")]
    assert await home.read(signing.signing, DOMAIN) == pair
    assert not await activate(home, first)
    second = await add(home, "r2")
    assert await activate(home, second)
    pair = [Private("r2", "pem r2"), Private("e1", "pem e1")]
    assert await home.read(signing.signing, DOMAIN) == pair
    assert await states(home) == {"r2": ACTIVE, "e1": ACTIVE, "r1": RETIRED}
    secrets = await home.read(lambda tx: tx.rows("SELECT private_key FROM signing_key ORDER BY id"))
    assert secrets == [("",), ("pem e1",), ("pem r2",)]


async def test_there_is_one_next_key_of_a_kind_and_a_selector_is_used_once(home: Store) -> None:
    key = await add(home, "r1")
    for selector, kind in (("r2", "rsa"), ("r1", "ed25519")):
        with pytest.raises(Fault) as caught:
            await add(home, selector, kind)
        assert caught.value.kind is Kind.EXISTS
    await activate(home, key)
    await add(home, "r2")
    await add(home, "r1", domain="other.example")
    with pytest.raises(Fault) as caught:
        await add(home, "r1", domain="nowhere.example")
    assert caught.value.kind is Kind.NOT_FOUND


async def test_a_change_of_what_signs_is_announced(home: Store) -> None:
    heard: list[set[Announcement]] = []
    key = await add(home, "r1")
    home.on_commit(heard.append)
    await activate(home, key)
    await home.write(signing.retire, key.id, NOW, LATER)
    assert [(Topic.SIGNING, 0) in one for one in heard] == [True, True]


async def test_domains_without_a_key_and_with_an_old_one_are_found(home: Store) -> None:
    wanted = [Wanted(DOMAIN, "rsa"), Wanted("other.example", "rsa")]
    assert await home.read(signing.lacking, "rsa", 10) == wanted
    key = await add(home, "r1")
    assert await home.read(signing.lacking, "rsa", 10) == wanted[1:]
    assert await home.read(signing.ageing, LATER, 10) == []
    await activate(home, key)
    assert await home.read(signing.ageing, LATER, 10) == wanted[:1]
    assert await home.read(signing.ageing, NOW, 10) == []
    await add(home, "r2")
    assert await home.read(signing.ageing, LATER, 10) == []
    await home.write(signing.retire, key.id, NOW, LATER)
    assert await home.read(signing.lacking, "rsa", 10) == wanted[1:]


async def test_a_check_is_claimed_once_and_comes_again(home: Store) -> None:
    key = await add(home, "r1")
    assert await home.write(signing.claim, NOW, LATER, 5) == [key]
    assert await home.write(signing.claim, NOW, LATER, 5) == []
    assert await home.write(signing.claim, LATER, LATER + 1, 5) == [key]
    await home.write(signing.found, key.id, NOW + 5, LATER + 9)
    assert await home.write(signing.claim, LATER + 8, LATER + 20, 5) == []
    await home.write(signing.found, key.id, NOW + 6, LATER)  # seen since the first time
    assert [one.published_at for one in await home.read(signing.keys)] == [NOW + 5]
    await home.write(signing.missed, key.id, LATER)
    assert [one.published_at for one in await home.read(signing.keys)] == [0]


async def test_only_a_retired_key_is_forgotten(home: Store) -> None:
    key = await add(home, "r1")
    await home.write(signing.remove, key.id)
    assert await states(home) == {"r1": NEXT}
    assert await home.write(signing.retire, key.id, NOW, LATER)
    assert not await home.write(signing.retire, key.id, NOW, LATER)
    await home.write(signing.remove, key.id)
    assert await states(home) == {}


async def test_the_keys_go_with_their_domain(home: Store) -> None:
    await add(home, "r1")
    kept = await add(home, "r2", domain="other.example")
    await home.write(directory.remove_domain, DOMAIN)
    await home.write(directory.add_domain, DOMAIN, NOW)
    assert await home.read(signing.keys) == [kept]
