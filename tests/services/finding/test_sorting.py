from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

import pytest

from merpati.model import criteria as c
from merpati.services.finding import sorting
from tests.services.finding.mail import Mail, message

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("size", [0, 1, 5000, 20_000])
@pytest.mark.parametrize("kinds", [1, 10, 10_000])
async def test_the_order_is_that_of_sorting_in_one_go(size: int, kinds: int) -> None:
    chance = random.Random(size + kinds)
    first = [chance.randrange(kinds) for _ in range(size)]
    second = [str(chance.randrange(3)).encode() for _ in range(size)]
    found = await sorting.order([first, second], [True, False])
    assert list(found) == sorted(range(size), key=lambda n: (-first[n], second[n]))


async def test_a_long_list_leaves_others_their_turn() -> None:
    values = [str(random.Random(n).random()).encode() for n in range(50_000)]
    waits = []

    async def other() -> None:
        while True:
            began = time.process_time()
            await asyncio.sleep(0)
            waits.append(time.process_time() - began)

    task = asyncio.create_task(other())
    await sorting.order([values], [False])
    task.cancel()
    assert len(waits) > 15
    assert sorted(waits)[len(waits) * 9 // 10] < 0.1


async def test_messages_are_sorted_by_each_key(tmp_path: Path) -> None:
    mail = await Mail.open(tmp_path)
    await mail.add(
        message("xx", subject="Re: [l] bee", **{"from": "Zoe <ann@x>"}, to="b@x", cc="q@x",
                date="Tue, 13 Oct 2026 01:00:00 +0700"),
        message("x", subject="Ant", **{"from": "bob@x"}, to="Ada <c@x>",
                date="Mon, 12 Oct 2026 17:30:00 +0000"),
        message("xxx", subject="bee (fwd)", **{"from": "=?utf-8?q?=C3=84gon?= <c@x>"}, to="a@x"),
        keywords=["work", "", "work"],
    )  # fmt: skip
    by = c.SortBy

    async def sort(*keys: c.SortKey) -> list[int]:
        return await sorting.sort(mail.finder, mail.source, mail.uids, keys, {2: 0.5, 3: 0.9})

    for key, expected in {
        by.ARRIVAL: [1, 2, 3],
        by.DATE: [2, 1, 3],
        by.SIZE: [3, 2, 1],
        by.SUBJECT: [2, 1, 3],
        by.FROM: [1, 2, 3],
        by.TO: [3, 1, 2],
        by.CC: [2, 3, 1],
        by.DISPLAY_FROM: [3, 2, 1],
        by.DISPLAY_TO: [3, 2, 1],
        by.RELEVANCY: [3, 2, 1],
    }.items():
        assert await sort(c.SortKey(key)) == expected, key
    assert await sort(c.SortKey(by.KEYWORD, keyword="work")) == [2, 1, 3]
    assert await sort(c.SortKey(by.SUBJECT, reverse=True)) == [1, 3, 2]
    assert await sort(c.SortKey(by.SUBJECT), c.SortKey(by.ARRIVAL, reverse=True)) == [2, 3, 1]
    await mail.store.close()


async def test_what_is_gone_meanwhile_does_not_break_sorting(tmp_path: Path) -> None:
    mail = await Mail.open(tmp_path)
    await mail.add(*[message(subject=each) for each in "cba"])
    uids = list(mail.uids)
    await mail.remove(2)
    found = await sorting.sort(mail.finder, mail.source, uids, [c.SortKey(c.SortBy.SIZE)])
    assert sorted(found) == uids
    found = await sorting.sort(mail.finder, mail.source, uids, [c.SortKey(c.SortBy.SUBJECT)])
    assert found == [2, 3, 1]
    await mail.store.close()
