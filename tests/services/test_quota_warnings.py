from __future__ import annotations

import pytest

from merpati.model.account import Account
from merpati.model.administration import Right
from merpati.services.letters import Letters
from merpati.services.quota_warnings import QuotaWarnings
from merpati.store import delegates, directory, quota
from merpati.store.engine import Transaction
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


async def test_who_administers_a_domain_is_told_of_its_quota(
    post: Post, warnings: QuotaWarnings
) -> None:
    domain = await post.store.read(directory.domain, "example.org")
    for _ in range(25):
        await post.send("", ANA)

    async def allow(emails: int) -> int:
        await post.store.write(quota.limit_domain, domain.id, 0, emails)
        return await warnings.turn()

    assert await allow(0) == 0
    assert await allow(28) == 0
    await post.store.write(directory.set_account, post.ana.id, is_admin=True, language="id")
    beno = await post.store.write(_beno)
    await post.store.write(delegates.put, beno.id, "example.org", [Right.ACCOUNTS])
    assert await allow(27) == 1
    assert await warnings.turn() == 0, "once"
    assert await allow(27) == 0, "the same limit once more is no news"
    letter = (await post.inbox(post.ana))[-1]
    assert b"Subject: Kotak surat di example.org hampir penuh" in letter
    assert b"merpati domain set example.org --quota UKURAN" in letter
    assert b"Ada 25 surat, paling banyak 27." in letter
    assert (
        b"Subject: The mailboxes of example.org are nearly full" in ((await post.inbox(beno))[-1])
    )


async def _beno(tx: Transaction) -> Account:
    return await directory.add_account(tx, "beno@example.org", name="Beno", password="x", now=0)


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
