from __future__ import annotations

import random
from typing import TYPE_CHECKING

import msgspec
import pytest

from merpati.model import criteria as c
from merpati.services.digest import digest
from merpati.services.finding import finder, times
from merpati.services.finding.finder import Source
from merpati.services.finding.pages import Pages
from merpati.services.finding.times import LEAST, MOST, Bounds, Times, unpack
from merpati.store import emails, finding
from tests.services.finding.mail import Mail, message
from tests.support import store as stores
from tests.support.store import INBOX, NOW

if TYPE_CHECKING:
    from pathlib import Path

    from merpati.model.criteria import Criterion
    from merpati.store.engine import Transaction

SPAN = 8
DAY = emails.DAY_MS


async def arrive(mail: Mail, *when: tuple[int, int | None]) -> None:
    """Messages that came, and were sent, so many days after the first."""

    async def unit(tx: Transaction) -> None:
        for came, sent in when:
            at = NOW + came * DAY
            told = digest(message("x"), at)
            day = None if sent is None else NOW // DAY + sent
            await emails.add(
                tx, stores.body(message("x")), msgspec.structs.replace(told, sent_day=day),
                [emails.Placement(mail.account_id, INBOX)], at,
            )  # fmt: skip

    await mail.store.write(unit)
    mail.uids = await mail.store.read(emails.uids_of, mail.account_id, INBOX)


def asked(chance: random.Random, depth: int = 2) -> Criterion:
    """Some criterion in which times count."""
    if not depth or chance.random() < 0.4:
        ends = [None, *[chance.randint(-2, 90) for _ in range(2)]]
        chance.shuffle(ends)
        low, high = ends[0], ends[1]
        ms = [None if end is None else NOW + end * DAY for end in (low, high)]
        days = [None if end is None else NOW // DAY + end for end in (low, high)]
        leaves: list[Criterion] = [c.Received(*ms), c.SentDay(*days), c.Size(least=1)]
        return chance.choice([leaves[0], *leaves])
    parts = tuple([asked(chance, depth - 1) for _ in range(chance.randint(0, 3))])
    kinds: list[Criterion] = [c.And(parts), c.Or(parts), c.Not(asked(chance, depth - 1))]
    return chance.choice(kinds)


@pytest.mark.parametrize("seed", range(4))
async def test_nothing_is_left_out_that_meets_a_criterion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(times, "SPAN", SPAN)
    monkeypatch.setattr(finder, "LARGE", 2 * SPAN)
    chance = random.Random(seed)
    mail = await Mail.open(tmp_path)
    others = [Times(mail.store, mail.finder.pages) for _ in range(2)]
    left_out = 0
    for turn in range(40):
        for _ in range(chance.randint(0, 3)):
            came = turn * 2 + chance.choice([0, 0, 0, -50, 5])
            sent = chance.choice([came, came - 1, None, 40])
            await arrive(mail, *[(came, sent)] * chance.choice([1, 3, 10]))
        if mail.uids and chance.random() < 0.5:
            await mail.remove(*chance.sample(mail.uids, min(len(mail.uids), chance.choice([1, 9]))))
        for _ in range(3):
            wanted = asked(chance)
            if chance.random() < 0.1:  # a worker was started anew
                others[1] = Times(mail.store, Pages(mail.store))
            expected = await mail.store.read(
                finding.matching, mail.account_id, INBOX, 1, 10_000, wanted
            )
            for one in others:
                possible = await one.possible((mail.account_id, INBOX), mail.uids, wanted)
                assert set(expected) <= set(possible) <= set(mail.uids), wanted
                assert sorted(possible) == [*possible]
                left_out += len(mail.uids) - len(possible)
            await mail.finder.pages.settle()
            if mail.uids:
                found = await mail.finder.find(mail.source, wanted)
                assert [*found.uids] == expected, wanted
                older = mail.uids[: chance.randint(1, len(mail.uids))]  # a session behind others
                asked_too = c.And((wanted, c.Text("x")))
                source = Source(mail.account_id, INBOX, older)
                found = await mail.finder.find(source, asked_too)
                assert [*found.uids] == [uid for uid in expected if uid in older], wanted
    assert left_out > 1000
    await mail.store.close()


async def test_of_a_large_mailbox_only_pages_of_those_days_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(times, "SPAN", SPAN)
    mail = await Mail.open(tmp_path)
    await arrive(mail, *[(day, day) for day in range(50)])
    place = mail.account_id, INBOX
    for wanted in (c.Received(since=NOW + 30 * DAY), c.SentDay(since=NOW // DAY + 30)):
        found = await mail.finder.times.possible(place, mail.uids, wanted)
        assert [*found] == list(range(24, 51))  # the 31st is in the page from 24 on
    between = c.Received(NOW + 10 * DAY, NOW + 11 * DAY)
    found = await mail.finder.times.possible(place, mail.uids, between)
    assert [*found] == [*range(8, 16), *range(48, 51)]  # and what has no full page yet
    both = c.Or((between, c.Received(before=NOW + DAY)))
    found = await mail.finder.times.possible(place, mail.uids, both)
    assert [*found] == [*range(1, 16), *range(48, 51)]
    assert await mail.finder.times.possible(place, mail.uids, c.Not(both)) is mail.uids
    any_size = c.And((c.Received(since=NOW), c.Or((between, c.Size(least=1)))))
    assert await mail.finder.times.possible(place, mail.uids, any_size) is mail.uids
    monkeypatch.setattr(finder, "LARGE", 2 * SPAN)

    async def spoil(tx: Transaction) -> None:
        await tx.run("UPDATE mailbox_email SET received_at = $1 WHERE uid = 3", NOW + 40 * DAY)

    await mail.store.write(spoil)  # which no page tells, so it is not read
    found = (await mail.finder.find(mail.source, c.Received(since=NOW + 30 * DAY))).uids
    assert [*found] == list(range(31, 51))
    await mail.finder.pages.settle()
    other = Times(mail.store, Pages(mail.store))
    assert len(await other.possible(place, mail.uids, between)) == 11
    await mail.store.close()


def test_bounds_are_unpacked_as_they_were_packed() -> None:
    bounds = unpack(b"")
    assert bounds.count == 0
    for n, pair in enumerate((bounds.came, bounds.sent)):
        pair[0].extend([n, MOST])
        pair[1].extend([n + 1, LEAST])
    again = unpack(bounds.pack())
    assert again == Bounds(bounds.came, bounds.sent)
    assert again.count == 2
