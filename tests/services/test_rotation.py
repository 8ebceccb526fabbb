from __future__ import annotations

import pytest

from merpati.base.faults import Fault, Kind
from merpati.services import rotation
from merpati.services.rotation import SETTLE, Rotation, choose_selector, make_key, make_keys
from merpati.services.sign import DkimSettings
from merpati.store import signing
from merpati.store.signing import ACTIVE, NEXT, RETIRED, StoredKey
from merpati.wire.dkim import keys
from tests.support import signing as letters
from tests.support.dns import Trouble
from tests.support.post import Post
from tests.support.store import NOW

DOMAIN = "example.org"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are taken from a stock: making an RSA key takes long."""
    numbers = iter(range(1, 100))
    monkeypatch.setattr(keys, "generate", lambda kind: letters.pem(kind, next(numbers) % 4))


def keeper(post: Post, settings: DkimSettings | None = None) -> Rotation:
    return Rotation(post.store, post.resolver, post.clock, settings or DkimSettings(), post.log)


async def found(post: Post) -> list[StoredKey]:
    return await post.store.read(signing.keys, DOMAIN)


async def states(post: Post) -> list[tuple[str, str]]:
    return [(key.kind, key.state) for key in await found(post)]


async def publish(post: Post) -> None:
    for key in await found(post):
        if key.state == NEXT:
            post.dns.set(key.name, "TXT", keys.quote(key.record))


async def pass_time(post: Post, rotation: Rotation, seconds: float) -> None:
    post.time.advance(seconds)
    await rotation.look_after()


async def test_a_domain_gets_its_keys_by_itself_and_signs_once_they_are_published(
    post: Post,
) -> None:
    keeping = keeper(post)
    await keeping.look_after()
    assert await states(post) == [("rsa", NEXT), ("ed25519", NEXT)]
    await pass_time(post, keeping, 700)
    assert await states(post) == [("rsa", NEXT), ("ed25519", NEXT)]
    await publish(post)
    await pass_time(post, keeping, 700)
    assert await states(post) == [("rsa", ACTIVE), ("ed25519", ACTIVE)]
    assert "dkim.key-active" in post.logged()


async def test_a_key_with_another_public_half_does_not_count(post: Post) -> None:
    keeping = keeper(post)
    await keeping.look_after()
    for key in await found(post):
        other = keys.record(letters.key(key.kind, DOMAIN, 77))
        post.dns.set(key.name, "TXT", keys.quote(other), '"rubbish"')
    await pass_time(post, keeping, 700)
    assert await states(post) == [("rsa", NEXT), ("ed25519", NEXT)]


async def signing_domain(post: Post) -> Rotation:
    keeping = keeper(post)
    await keeping.look_after()
    await publish(post)
    await pass_time(post, keeping, 700)
    assert await states(post) == [("rsa", ACTIVE), ("ed25519", ACTIVE)]
    return keeping


async def test_a_key_takes_over_when_it_has_been_seen_for_an_hour(post: Post) -> None:
    keeping = await signing_domain(post)
    await make_key(post.store, DOMAIN, "rsa", int(post.clock.now() * 1000))
    await publish(post)
    await pass_time(post, keeping, 10)
    assert ("rsa", NEXT) in await states(post)
    await pass_time(post, keeping, SETTLE + 1)
    assert await states(post) == [("rsa", ACTIVE), ("ed25519", ACTIVE), ("rsa", RETIRED)]


async def test_a_retired_key_is_forgotten_once_its_record_is_gone(post: Post) -> None:
    keeping = await signing_domain(post)
    old = (await found(post))[0]
    await post.store.write(signing.retire, old.id, int(post.clock.now() * 1000), 0)
    await keeping.look_after()
    assert (await found(post))[-1].state == RETIRED
    post.dns.remove(old.name)
    await pass_time(post, keeping, rotation.CHECK_AFTER[RETIRED] + 1)
    assert old.selector not in [key.selector for key in await found(post)]


async def test_a_dns_that_does_not_answer_changes_nothing(post: Post) -> None:
    keeping = await signing_domain(post)
    before = await found(post)
    for key in before:
        post.dns.trouble(key.name, Trouble.SERVFAIL)
    await pass_time(post, keeping, 7 * 3600)
    assert await found(post) == before
    assert "dkim.key-unpublished" not in post.logged()
    with pytest.raises(Fault) as caught:  # to a person who asks it is said
        await keeping.check_key(before[0])
    assert caught.value.kind is Kind.UNAVAILABLE


async def test_a_record_that_was_taken_away_is_logged(post: Post) -> None:
    keeping = await signing_domain(post)
    for key in await found(post):
        post.dns.remove(key.name)
    await pass_time(post, keeping, 7 * 3600)
    assert "dkim.key-unpublished" in post.logged()
    assert {key.published_at for key in await found(post)} == {0}


async def test_the_next_key_is_made_by_itself_only_when_that_is_wanted(post: Post) -> None:
    keeping = await signing_domain(post)
    await pass_time(post, keeping, 400 * 86_400)
    assert len(await found(post)) == 2
    keeping = keeper(post, DkimSettings(rotate_after=180 * 86_400))
    await keeping.look_after()
    assert await states(post) == [
        ("rsa", ACTIVE), ("rsa", NEXT), ("ed25519", ACTIVE), ("ed25519", NEXT),
    ]  # fmt: skip


async def test_two_workers_make_one_key(post: Post) -> None:
    await make_keys(post.store, DOMAIN, NOW)
    with pytest.raises(Fault) as caught:
        await make_key(post.store, DOMAIN, "rsa", NOW)
    assert caught.value.kind is Kind.EXISTS
    await keeper(post).provide()
    assert len(await found(post)) == 2


async def test_nothing_is_made_where_nothing_is_signed(post: Post) -> None:
    await keeper(post, DkimSettings(sign=False)).look_after()
    assert await found(post) == []


def test_a_selector_names_the_day_and_is_never_used_again() -> None:
    assert choose_selector("rsa", NOW, set()) == "r20270115"
    assert choose_selector("ed25519", NOW, {"r20270115"}) == "e20270115"
    assert choose_selector("rsa", NOW, {"r20270115", "r20270115a"}) == "r20270115b"
