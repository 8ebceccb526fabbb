from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from merpati.model import criteria as c
from merpati.services.finding import finder
from merpati.services.finding.keywords import COMPARED_MAX, FIELD, SETS_MAX, Keywords, by_marks
from merpati.services.finding.pages import Pages
from merpati.store import email_keywords, finding, mailboxes
from merpati.store.email_keywords import Change
from tests.services.finding.mail import Mail, message
from tests.support.store import INBOX, NOW

if TYPE_CHECKING:
    from pathlib import Path

    from merpati.model.criteria import Criterion
    from merpati.store.engine import Transaction

SIZES = [0, 1, 12, 19, 250, 256, 266, 300, 600, 66_000, 2**32 - 1, 2**32, 2**63 - 1]
WORDS = ["$seen", "$flagged", "work", "wor"]
SEEN = c.Keyword("$seen")


def asked(chance: random.Random, depth: int = 2) -> Criterion:
    """Some criterion that keywords and sizes answer."""
    if not depth or chance.random() < 0.3:
        low, high = chance.choice(SIZES), chance.choice(SIZES)
        leaves: list[Criterion] = [c.All(), *[c.Keyword(word) for word in WORDS]]
        leaves += [c.Size(least=low), c.Size(below=high), c.Size(low, high), c.Size(below=low)]
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
    workers = [Keywords(mail.store, mail.finder.pages) for _ in range(2)]
    number = 0
    for _ in range(60):
        for _ in range(chance.randint(0, 3)):
            act = chance.random()
            few = chance.sample(mail.uids, min(len(mail.uids), chance.choice([1, 2, 30])))
            if act < 0.4:
                count = chance.choice([1, 1, 20])
                number += count
                words = [" ".join(sorted(chance.sample(WORDS, chance.randint(0, 2))))] * count
                length = chance.choice([0, 1, 230, 240, 250, 500, 66_000])
                bodies = [message(f"{number} {n}" + length * "x") for n in range(count)]
                await mail.add(*bodies, keywords=words)
            elif act < 0.6:
                await mail.remove(*few)
            else:
                await change(mail, few, chance.choice([*Change]), chance.choice(WORDS))
        for _ in range(2):
            wanted = asked(chance)
            if not by_marks(wanted):  # too many sizes
                continue
            if chance.random() < 0.1:  # a worker was started anew
                workers[1] = Keywords(mail.store, Pages(mail.store))
            keywords = chance.choice(workers)
            expected = await mail.store.read(
                finding.matching, mail.account_id, INBOX, 1, 10_000, wanted
            )
            marks = await keywords.current(mail.account_id, INBOX, mail.uids)
            await mail.finder.pages.settle()
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
        return [*(await mail.finder.find(mail.source, c.Not(SEEN))).uids]

    assert await unseen() == [39, 40]
    known = await mail.finder.keywords.current(mail.account_id, INBOX, mail.uids)
    assert await mail.finder.keywords.current(mail.account_id, INBOX, mail.uids) is known
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
    assert await mail.finder.keywords.current(mail.account_id, INBOX, mail.uids) is not None
    await mail.add(message("one more"), keywords=["$seen last"])
    assert (await mail.finder.find(mail.source, SEEN)).uids == [1, SETS_MAX + 1]
    assert await mail.finder.keywords.current(mail.account_id, INBOX, mail.uids) is None
    assert (await mail.finder.find(mail.source, SEEN)).uids == [1, SETS_MAX + 1]
    await mail.store.close()


async def test_what_one_process_has_read_another_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finder, "LARGE", 3)
    mail = await Mail.open(tmp_path)
    await mail.add(*[message(n * "x") for n in range(40)], keywords=["$seen"] * 20)
    wanted = c.And((c.Not(SEEN), c.Size(least=len(message(37 * "x")))))
    assert (await mail.finder.find(mail.source, wanted)).uids == [38, 39, 40]
    await change(mail, [38], Change.ADD, "$seen")
    await mail.add(message(50 * "x"), message("x"))
    await mail.remove(39)

    other = finder.Finder(mail.store, mail.blobs)
    data = await other.pages.load_whole(mail.account_id, INBOX, FIELD)
    assert data is not None
    assert (await other.find(mail.source, wanted)).uids == [40, 41]
    assert await other.pages.load_whole(mail.account_id, INBOX, FIELD) != data, "much has changed"
    await change(mail, [40], Change.ADD, "$seen")
    assert (await mail.finder.find(mail.source, wanted)).uids == [41]
    assert (await other.find(mail.source, wanted)).uids == [41]
    await mail.store.close()


async def test_a_message_too_large_for_its_bytes_leaves_the_mailbox_to_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finder, "LARGE", 3)
    mail = await Mail.open(tmp_path)
    await mail.add(*[message(str(n)) for n in range(9)])

    async def enlarge(tx: Transaction) -> None:
        await tx.run("UPDATE mailbox_email SET size = $1 WHERE uid = 4", 2**32)

    await mail.store.write(enlarge)
    assert await mail.finder.keywords.current(mail.account_id, INBOX, mail.uids) is None
    assert (await mail.finder.find(mail.source, c.Size(least=1000))).uids == [4]
    await mail.store.close()


def test_only_a_few_sizes_are_compared_in_one_go() -> None:
    sizes = tuple([c.Size(least=n) for n in range(COMPARED_MAX)])
    assert by_marks(c.Not(c.Or(sizes)))
    assert not by_marks(c.And((c.Or(sizes), c.Not(c.Size(below=7)))))
    assert not by_marks(c.And((SEEN, c.Received(since=1))))


async def test_a_mailbox_that_is_gone_holds_nothing(tmp_path: Path) -> None:
    mail = await Mail.open(tmp_path)
    box = await mail.store.write(mailboxes.create, mail.account_id, "Box", NOW)
    keywords = Keywords(mail.store, mail.finder.pages)
    await mail.store.write(mailboxes.destroy, mail.account_id, "Box")
    assert await keywords.current(mail.account_id, box.id, ()) is None
    await mail.store.close()
