from __future__ import annotations

import pytest

from merpati.store import lists
from tests.support.lists import LIST, ListHouse, letter
from tests.support.post import Post
from tests.support.server import ANA, BUDI


@pytest.fixture
def house(post: Post) -> ListHouse:
    return ListHouse(post)


@pytest.mark.parametrize(
    ("way", "word", "let_through"),
    [
        ("approve", "", True),
        ("reject", "", False),
        ("moderate", "Approve, thank you", True),
        ("moderate", "tolak", False),
    ],
)
async def test_an_owner_decides_by_answering(
    post: Post, house: ListHouse, way: str, word: str, let_through: bool
) -> None:
    one = await house.make(LIST, ANA, moderated=1)
    await house.add(one, BUDI, is_owner=True)
    await house.write(ANA, LIST, account=post.ana)
    [waiting] = await post.inbox(post.ana)
    assert b"waits for its owner" in waiting
    [held] = await post.store.read(lists.held, one.id)
    answer = letter(BUDI, "Re: waits for you", word)
    await house.write(BUDI, f"sales-{way}+{held.token}@example.org", answer, post.budi)
    assert await post.store.read(lists.held, one.id) == []
    told = (await post.inbox(post.ana))[1]
    assert (b"hello" in told) is let_through
    assert (b"was not let through" in told) is not let_through
    await house.write(BUDI, f"sales-{way}+{held.token}@example.org", answer, post.budi)
    assert len(await post.inbox(post.ana)) == 2
    assert b"Already decided" in (await post.inbox(post.budi))[-1]
    assert await post.waiting() == []


async def test_an_unclear_answer_and_a_machine_decide_nothing(post: Post, house: ListHouse) -> None:
    one = await house.make(LIST, ANA, moderated=1)
    await house.add(one, BUDI, is_owner=True)
    await house.write(ANA, LIST, account=post.ana)
    [held] = await post.store.read(lists.held, one.id)
    to = f"sales-moderate+{held.token}@example.org"
    await house.write(BUDI, to, letter(BUDI, "Re: x", "who is this?"), post.budi)
    assert b"Approve or reject?" in (await post.inbox(post.budi))[-1]
    away = letter(BUDI, "Re: x", "approve", "Auto-Submitted: auto-replied\r\n")
    await house.write(BUDI, to, away, post.budi)
    await house.write("", to.replace("moderate", "approve"), letter(BUDI))
    assert len(await post.store.read(lists.held, one.id)) == 1
