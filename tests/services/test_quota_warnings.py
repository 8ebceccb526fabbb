from __future__ import annotations

import pytest

from merpati.services.letters import Letters
from merpati.services.quota_warnings import QuotaWarnings
from merpati.store import directory
from tests.support.post import Post
from tests.support.server import ANA, HOSTNAME


@pytest.fixture
def warnings(post: Post) -> QuotaWarnings:
    letters = Letters(post.accept, post.router, post.blobs, post.clock, post.ids, HOSTNAME)
    return QuotaWarnings(post.store, letters, post.log)


async def test_one_letter_until_there_was_room_again(post: Post, warnings: QuotaWarnings) -> None:
    for _ in range(9):
        await post.send("", ANA)

    async def allow(emails: int) -> int:
        await post.store.write(directory.set_account, post.ana.id, quota_emails=emails)
        return await warnings.turn()

    assert await allow(0) == 0
    assert await allow(11) == 0
    assert await allow(10) == 1
    assert await warnings.turn() == 0
    letter = (await post.inbox(post.ana))[-1]
    assert b"Subject: Your mailbox ana@example.org is nearly full" in letter
    assert b"There are 9 messages, and 10 at most." in letter
    assert await allow(11) == 0, "ten of eleven are not below 85 %"
    assert await allow(12) == 0, "ten of twelve are"
    assert await allow(11) == 1


async def test_it_comes_in_the_language_of_the_account(post: Post, warnings: QuotaWarnings) -> None:
    await post.store.write(directory.set_account, post.ana.id, language="id", quota=100_000)
    await post.send("", ANA, message=b"Subject: x\r\n\r\n" + b"x" * 89_000)
    assert await warnings.turn() == 0
    await post.send("", ANA, message=b"Subject: x\r\n\r\n" + b"x" * 1_000)
    assert await warnings.turn() == 1
    letter = (await post.inbox(post.ana))[-1]
    assert b"hampir penuh" in letter
    assert b"sudah terpakai" in letter
    assert b"paling banyak" not in letter
