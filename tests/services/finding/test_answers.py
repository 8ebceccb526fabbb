from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import pytest

from merpati.model import criteria as c
from merpati.services.finding import sorting
from merpati.services.finding.answers import Answers, dense, same
from merpati.services.finding.threads import thread
from tests.services.finding.mail import Mail, message

if TYPE_CHECKING:
    from pathlib import Path

HERE = (1, 2)
ANSWER = (array("I", [3, 1, 2]),)


@pytest.mark.parametrize("uids", [[1, 2, 3], [1, 5, 9], range(4, 9), array("I", [1, 2, 5])])
def test_an_answer_is_told_again_about_the_same_messages_only(uids: list[int]) -> None:
    answers = Answers()
    answers.put(HERE, "how", uids, ANSWER)
    assert answers.get(HERE, "how", list(uids)) == ANSWER
    assert answers.get(HERE, "how", array("I", uids)) == ANSWER
    assert answers.get(HERE, "else", uids) is None
    assert answers.get((1, 3), "how", uids) is None
    for other in (list(uids[:-1]), [*uids, 20], sorted({uids[0], 6, uids[-1]}), []):
        if other != list(uids):
            assert answers.get(HERE, "how", other) is None, other


def test_uids_are_the_same_however_they_are_held() -> None:
    for one in ([1, 2, 3], array("I", [1, 2, 3]), range(1, 4)):
        for other in ([1, 2, 3], array("I", [1, 2, 3]), range(1, 4)):
            assert same(one, other)
        assert not same(one, [1, 3])
    assert not same([1, 2, 9], array("I", [1, 3, 9]))
    assert same(dense([1, 4, 9]), [1, 4, 9])


def test_the_sessions_own_list_may_change() -> None:
    answers, uids = Answers(), array("I", [1, 3, 7])
    answers.put(HERE, "how", uids, ANSWER)
    del uids[1]
    assert answers.get(HERE, "how", uids) is None
    assert answers.get(HERE, "how", [1, 3, 7]) == ANSWER


async def test_orders_and_threads_follow_what_comes_and_goes(tmp_path: Path) -> None:
    mail = await Mail.open(tmp_path)
    by_subject = [c.SortKey(c.SortBy.SUBJECT)]

    async def told() -> tuple[list[int], list[int]]:
        for _ in range(2):  # the second time as it is remembered
            ordered = await sorting.sort(mail.finder, mail.source, mail.uids, by_subject)
            walk = await thread(mail.finder, mail.source, mail.uids, c.ThreadBy.REFERENCES)
        return ordered, list(walk.steps)

    await mail.add(*[message(subject=each) for each in ("c", "b", "Re: c")])
    assert await told() == ([2, 1, 3], [0, -2, 1, 1])
    await mail.add(message(subject="a"))
    assert await told() == ([4, 2, 1, 3], [0, -2, 1, 1, 1])
    await mail.remove(3)
    assert await told() == ([4, 2, 1], [0, 1, 1, 1])
    await mail.store.close()


async def test_an_order_by_keyword_is_not_remembered(tmp_path: Path) -> None:
    mail = await Mail.open(tmp_path)
    await mail.add(message(subject="a"), message(subject="b"), keywords=["", "work"])
    keys = [c.SortKey(c.SortBy.KEYWORD, reverse=True, keyword="work")]
    assert await sorting.sort(mail.finder, mail.source, mail.uids, keys) == [2, 1]

    async def change(tx: object) -> None:
        await tx.run("UPDATE mailbox_email SET keywords = 'work' WHERE uid = 1")  # type: ignore[attr-defined]

    await mail.store.write(change)
    assert await sorting.sort(mail.finder, mail.source, mail.uids, keys) == [1, 2]
    await mail.store.close()
