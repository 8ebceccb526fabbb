from __future__ import annotations

import random
from array import array
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from merpati.model import criteria as c
from merpati.services.finding import sorting
from merpati.services.finding.columns import Column
from merpati.services.finding.finder import Finder, Source
from merpati.services.finding.orders import Order
from tests.services.finding.mail import Mail, message
from tests.support.store import INBOX, NOW

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

DATES = ["Mon, 12 Oct 2026 17:30:00 +0000", "Tue, 13 Oct 2026 01:00:00 +0700"]
SUBJECTS = ["ant", "Re: bee", "bee", "Cat", "Zürich", ""]


def ordered(values: dict[int, int]) -> Order:
    """The order of UIDs by their values, made the plain way."""
    uids = sorted(values, key=lambda uid: (values[uid], uid))
    ties = [values[before] == values[uid] for before, uid in pairwise(uids)]
    return Order(sorted(values), array("I", uids), bytes([False, *ties]) if uids else b"")


def is_same(one: Order, other: Order) -> bool:
    return list(one.members) == list(other.members) and (one.uids, one.ties) == (
        other.uids,
        other.ties,
    )


@pytest.mark.parametrize("kinds", [1, 3, 1000])
async def test_an_order_may_lose_some_and_gain_some(kinds: int) -> None:
    chance = random.Random(kinds)
    for count in (0, 1, 2, 5, 40):
        uids = sorted(chance.sample(range(1, 200), count))
        values = {uid: chance.randrange(kinds) for uid in uids}

        async def value(uid: int, values: dict[int, int] = values) -> int:
            return values[uid]

        held = chance.sample(uids, len(uids) // 2)
        order = ordered({uid: values[uid] for uid in held})
        more = [uid for uid in uids if uid not in held]
        assert is_same(await order.with_more(uids, more, value), ordered(values))
        assert is_same(await ordered(values).among(sorted(held)), order)
        assert is_same(await order.among(uids), order)
        told = ordered(values).told
        assert told(reverse=False) == sorted(uids, key=lambda uid: (values[uid], uid))
        assert told(reverse=True) == sorted(uids, key=lambda uid: (-values[uid], uid))


def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let orders of small mailboxes be kept, and followed when few have come."""
    monkeypatch.setattr(sorting, "LARGE", 4)
    monkeypatch.setattr(sorting, "AFRESH", 4)


@pytest.mark.parametrize("seed", range(6))
async def test_every_process_tells_the_right_order_whatever_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    small(monkeypatch)
    chance = random.Random(seed)
    mail = await Mail.open(tmp_path)
    subjects: dict[int, str] = {}
    dates: dict[int, int] = {}
    workers = [mail.finder, Finder(mail.store, mail.blobs)]
    for turn in range(40):
        act = chance.random()
        if act < 0.6 or not mail.uids:
            for _ in range(chance.choice([1, 1, 2, 9])):
                subject, date = chance.choice(SUBJECTS), chance.randrange(3)
                sent = {"date": DATES[date]} if date < 2 else {}
                number = f"{seed} {turn} {len(subjects)}"
                (uid,) = await mail.add(message(number, subject=subject, **sent))
                subjects[uid] = subject.removeprefix("Re: ").upper().replace("Ü", "U\u0308")
                dates[uid] = date
        elif act < 0.8:
            await mail.remove(*chance.sample(mail.uids, chance.randint(1, min(4, len(mail.uids)))))
        if chance.random() < 0.2:
            workers[1] = Finder(mail.store, mail.blobs)  # it was started anew
        finder = chance.choice(workers)
        source = Source(mail.account_id, INBOX, [*mail.uids])
        some = [uid for uid in mail.uids if chance.random() < 0.8]
        for uids in (source.uids, some):

            async def told(by: c.SortBy, *, reverse: bool, uids: Iterable[int] = uids) -> list[int]:
                keys = [c.SortKey(by, reverse=reverse)]
                return await sorting.sort(finder, source, [*uids], keys)  # noqa: B023

            def text(uid: int) -> tuple[bytes, int]:
                return subjects[uid].encode(), uid

            assert await told(c.SortBy.SUBJECT, reverse=False) == sorted(uids, key=text)
            assert await told(c.SortBy.DATE, reverse=True) == sorted(
                uids, key=lambda uid: (-dates[uid], uid)
            )
    await mail.store.close()


async def test_an_order_is_kept_and_what_comes_is_put_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch)
    mail = await Mail.open(tmp_path)
    await mail.add(*[message(subject=each) for each in "dbacebdf"])
    keys = [c.SortKey(c.SortBy.SUBJECT)]
    place = mail.account_id, INBOX
    assert await sorting.sort(mail.finder, mail.source, mail.uids, keys) == [3, 2, 6, 4, 1, 7, 5, 8]

    other = Finder(mail.store, mail.blobs)
    kept = await other.orders.get(place, Column.BASE_SUBJECT)
    assert kept is not None
    assert kept.uids.tolist() == [3, 2, 6, 4, 1, 7, 5, 8]
    assert kept.ties == bytes([0, 0, 1, 0, 0, 1, 0, 0])
    await mail.remove(2)
    await mail.add(message(subject="Re: b"))
    assert await sorting.sort(other, mail.source, mail.uids, keys) == [3, 6, 9, 4, 1, 7, 5, 8]
    followed = await other.orders.get(place, Column.BASE_SUBJECT)
    assert followed is not None
    assert followed.ties == bytes([0, 0, 1, 0, 0, 1, 0, 0])
    # In the store it is as it was, and still good for whoever comes next.
    third = Finder(mail.store, mail.blobs)
    again = await third.orders.get(place, Column.BASE_SUBJECT)
    assert again is not None
    assert again.uids == kept.uids
    assert await sorting.sort(third, mail.source, mail.uids, keys) == [3, 6, 9, 4, 1, 7, 5, 8]
    await mail.store.close()


async def test_what_is_gone_but_not_told_yet_is_in_no_order_that_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch)
    mail = await Mail.open(tmp_path)
    await mail.add(*[message(subject=each) for each in "dbace"])
    keys = [c.SortKey(c.SortBy.SUBJECT)]
    view = Source(mail.account_id, INBOX, [*mail.uids])  # of a session that was not told
    await mail.remove(2)
    assert await sorting.sort(mail.finder, view, view.uids, keys) == [2, 3, 4, 1, 5]
    assert await mail.finder.orders.get((mail.account_id, INBOX), Column.BASE_SUBJECT) is None
    assert await sorting.sort(mail.finder, mail.source, mail.uids, keys) == [3, 4, 1, 5]
    known = await mail.finder.orders.get((mail.account_id, INBOX), Column.BASE_SUBJECT)
    assert known is not None
    assert list(known.members) == [1, 3, 4, 5]
    assert sorted(await sorting.sort(mail.finder, view, view.uids, keys)) == view.uids
    await mail.store.close()


async def test_few_of_many_are_sorted_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch)
    mail = await Mail.open(tmp_path)
    await mail.add(*[message(subject=each) for each in "dbacebdf"], received_at=NOW)
    keys = [c.SortKey(c.SortBy.SUBJECT)]
    assert await sorting.sort(mail.finder, mail.source, [1, 4, 6], keys) == [6, 4, 1]
    assert await mail.finder.orders.get((mail.account_id, INBOX), Column.BASE_SUBJECT) is None
    await mail.store.close()
