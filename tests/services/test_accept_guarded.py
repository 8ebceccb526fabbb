"""The guard on the way of what our users send."""

from __future__ import annotations

from merpati.services.guard import Guard, GuardSettings
from merpati.services.letters import Letters
from tests.support.post import Post
from tests.support.server import ANA, HOSTNAME


def guarded(post: Post, settings: GuardSettings) -> Guard:
    letters = Letters(post.accept, post.router, post.blobs, post.clock, post.ids, HOSTNAME)
    guard = Guard(post.store, letters, post.clock, settings, post.metrics, post.log, post.limits)
    post.accept.watch = guard.record
    return guard


async def test_a_spam_run_is_held_and_none_of_it_leaves(post: Post) -> None:
    sink = await post.sink("there.test")
    guard = guarded(post, GuardSettings(strangers_per_hour=20))
    for number in range(30):
        try:
            await post.send(ANA, f"stranger{number}@there.test", account=post.ana)
        except Exception as fault:  # noqa: BLE001 -- whatever stops it
            assert number > 10, fault  # noqa: PT017 -- an ordinary day passes
            break
    await guard.settle()
    await post.work()
    assert len(sink.messages) <= 20
    assert any(one.held for one in await post.waiting())


async def test_programs_on_this_machine_are_not_watched(post: Post) -> None:
    await post.sink("there.test")
    guarded(post, GuardSettings(strangers_per_hour=20, unwatched=("192.0.2.0/24",)))
    for number in range(30):
        await post.send(ANA, f"stranger{number}@there.test", account=post.ana)
    assert not any(one.held for one in await post.waiting())
