from __future__ import annotations

from merpati.services.housekeeping import HISTORY_KEPT, Housekeeping
from merpati.services.moderation import HELD_DAYS
from merpati.store import emails, lists, sieve
from merpati.store.sieve import Memory
from tests.support.lists import LIST, ListHouse
from tests.support.post import LARGE, Post
from tests.support.server import ANA


async def test_what_nobody_holds_any_more_is_removed_with_its_file(post: Post) -> None:
    keeper = Housekeeping(post.store, post.blobs, post.clock, post.log)
    await post.send("carl@there.test", ANA, message=LARGE)
    await keeper.collect_garbage()
    assert len(post.files()) == 1
    await post.store.write(emails.remove, post.ana.id, 1, [1], post.now)
    await keeper.collect_garbage()
    await keeper.forget_expunged()
    assert len(post.files()) == 1  # it can be restored
    post.time.advance(14 * 86_400 + 1)
    await keeper.forget_expunged()
    await keeper.collect_garbage()
    assert post.files() == []


async def test_a_trace_is_kept_for_its_time_and_no_longer(post: Post) -> None:
    keeper = Housekeeping(post.store, post.blobs, post.clock, post.log)
    old = await post.send("carl@there.test", ANA)
    post.time.advance(HISTORY_KEPT - 60)
    new = await post.send("carl@there.test", ANA)
    await keeper.forget_history()
    assert await post.kinds(old)
    post.time.advance(120)
    await keeper.forget_history()
    assert await post.kinds(old) == []
    assert await post.kinds(new)


async def test_a_held_post_that_nobody_decides_about_is_dropped(post: Post) -> None:
    house = ListHouse(post)
    keeper = Housekeeping(post.store, post.blobs, post.clock, post.log)
    one = await house.make(LIST, moderated=1)
    await house.write("carl@there.test", LIST, LARGE)
    for days, kept in ((HELD_DAYS - 1, 1), (2, 0)):
        post.time.advance(days * 86_400)
        await keeper.forget_held_posts()
        assert len(await post.store.read(lists.held, one.id)) == kept
    await keeper.collect_garbage()
    assert post.files() == []


async def test_what_scripts_remember_is_forgotten_when_its_time_has_passed(post: Post) -> None:
    keeper = Housekeeping(post.store, post.blobs, post.clock, post.log)
    for n, seconds in enumerate((60, 7200)):
        until = post.now + seconds * 1000
        await post.store.write(sieve.remember, post.ana.id, Memory.SEEN, [str(n)], post.now, until)
    begun = post.now
    post.time.advance(3600)
    await keeper.forget_seen()
    known = [
        await post.store.read(sieve.remembers, post.ana.id, Memory.SEEN, [str(n)], begun)
        for n in range(2)
    ]
    assert known == [False, True]
