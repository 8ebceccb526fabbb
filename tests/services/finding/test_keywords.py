from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from merpati.model import criteria as c
from merpati.services.finding import finder
from merpati.services.finding.keywords import SETS_MAX, Keywords, by_keywords
from merpati.store import email_keywords, finding, mailboxes
from merpati.store.email_keywords import Change
from tests.services.finding.mail import Mail, message
from tests.support.store import INBOX, NOW

if TYPE_CHECKING:
    from pathlib import Path

    from merpati.model.criteria import Criterion

WORDS = ["$seen", "$flagged", "work", "wor"]
SEEN = c.Keyword("$seen")


def asked(chance: random.Random, depth: int = 2) -> Criterion:
    """Some criterion that keywords alone answer."""
    if not depth or chance.random() < 0.3:
        leaves: list[Criterion] = [c.All(), *[c.Keyword(word) for word in WORDS]]
        return chance.choice(leaves)
    parts = tuple([asked(chance, depth - 1) for _ in range(chance.randint(0, 3))])
    both: list[Criterion] = [c.And(parts), c.Or(parts), c.Not(asked(chance, depth - 1))]
    return chance.choice(both)


async def change(mail: Mail, uids: list[int], how: Change, *words: str) -> None:
    await mail.store.write(
        email_keywords.change, mail.account_id, INBOX, sorted(uids), how, frozenset(words)
    )


@pytest.mark.parametrize("seed", range(4))
async def test_memory_says_what_the_rows_say_whatever_happens(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    mail = await Mail.open(tmp_path)
    keywords = Keywords(mail.store)
    number = 0
    for _ in range(60):
        for _ in range(chance.randint(0, 3)):
            act = chance.random()
            few = chance.sample(mail.uids, min(len(mail.uids), chance.choice([1, 2, 30])))
            if act < 0.4:
                count = chance.choice([1, 1, 20])
                number += count
                words = [" ".join(sorted(chance.sample(WORDS, chance.randint(0, 2))))] * count
                bodies = [message(f"{number} {n}") for n in range(count)]
                await mail.add(*bodies, keywords=words)
            elif act < 0.6:
                await mail.remove(*few)
            else:
                await change(mail, few, chance.choice([*Change]), chance.choice(WORDS))
        for _ in range(2):
            wanted = asked(chance)
            assert by_keywords(wanted)
            expected = await mail.store.read(
                finding.matching, mail.account_id, INBOX, 1, 10_000, wanted
            )
            marks = await keywords.current(mail.account_id, INBOX)
            if not mail.uids or marks is None:
                assert not expected
                continue
            assert marks.meeting(wanted, range(1, 10_000)) == expected, wanted
            some = chance.sample(mail.uids, chance.randint(1, len(mail.uids)))
            met = marks.meeting(wanted, sorted(some))
            assert met == [uid for uid in expected if uid in some], wanted
    await mail.store.close()


async def test_a_large_mailbox_is_read_once_and_changes_are_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finder, "LARGE", 3)
    mail = await Mail.open(tmp_path)
    await mail.add(*[message(str(n)) for n in range(40)], keywords=["$seen"] * 38)

    async def unseen() -> list[int]:
        return (await mail.finder.find(mail.source, c.Not(SEEN))).uids

    assert await unseen() == [39, 40]
    known = await mail.finder.keywords.current(mail.account_id, INBOX)
    assert await mail.finder.keywords.current(mail.account_id, INBOX) is known
    await change(mail, [7], Change.REMOVE, "$seen")
    assert await unseen() == [7, 39, 40]
    await mail.add(message("new"), message("newer"), keywords=["", "$seen"])
    await mail.remove(39)
    assert await unseen() == [7, 40, 41]
    assert (await mail.finder.find(mail.source, c.And((SEEN, c.Uids(((6, 9),)))))).uids == [6, 8, 9]
    await mail.store.close()


async def test_more_different_sets_than_a_byte_can_tell_apart_are_left_to_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finder, "LARGE", 3)
    mail = await Mail.open(tmp_path)
    await mail.add(*[message(str(n)) for n in range(SETS_MAX)], keywords=["$seen"])
    for uid in mail.uids[1:]:
        await change(mail, [uid], Change.ADD, f"k{uid}")
    assert await mail.finder.keywords.current(mail.account_id, INBOX) is not None
    await mail.add(message("one more"), keywords=["$seen last"])
    assert (await mail.finder.find(mail.source, SEEN)).uids == [1, SETS_MAX + 1]
    assert await mail.finder.keywords.current(mail.account_id, INBOX) is None
    assert (await mail.finder.find(mail.source, SEEN)).uids == [1, SETS_MAX + 1]
    await mail.store.close()


async def test_a_mailbox_that_is_gone_holds_nothing(tmp_path: Path) -> None:
    mail = await Mail.open(tmp_path)
    box = await mail.store.write(mailboxes.create, mail.account_id, "Box", NOW)
    keywords = Keywords(mail.store)
    await mail.store.write(mailboxes.destroy, mail.account_id, "Box")
    assert await keywords.current(mail.account_id, box.id) is None
    await mail.store.close()
