from __future__ import annotations

import random
from array import array
from typing import TYPE_CHECKING

from merpati.model.criteria import ThreadBy
from merpati.servers.imap.thread import written
from merpati.services.finding.threads import FIRST, Threads, thread
from tests.services.finding.mail import Mail, message

if TYPE_CHECKING:
    from pathlib import Path


async def shape(mail: Mail, how: ThreadBy = ThreadBy.REFERENCES) -> str:
    roots = await thread(mail.finder, mail.source, mail.uids, how)
    return "".join(written(roots, mail.uids))


def letter(number: int, subject: str, *refs: str, own: str = "") -> bytes:
    at = f"Mon, 12 Oct 2026 10:{number:02}:00 +0000"
    fields = {"date": at, "subject": subject, "message_id": own or f"<{number}@x>"}
    if refs:
        fields["references"] = " ".join(f"<{each}@x>" for each in refs)
    return message(str(number), **fields)


async def check(folder: Path, expected: str, *letters: bytes) -> None:
    mail = await Mail.open(folder)
    await mail.add(*letters)
    assert await shape(mail) == expected
    await mail.store.close()


async def test_replies_stand_below_what_they_answer(tmp_path: Path) -> None:
    await check(
        tmp_path, "(1 (2 4)(3))", letter(1, "a"), letter(2, "Re: a", "1"),
        letter(3, "Re: a", "1"), letter(4, "Re: a", "1", "2"),
    )  # fmt: skip


async def test_a_missing_parent_holds_its_children_together(tmp_path: Path) -> None:
    letters = (letter(1, "a", "0"), letter(2, "b", "0"))
    await check(tmp_path, "((1)(2))", *letters)


async def test_an_only_child_takes_the_place_of_a_missing_parent(tmp_path: Path) -> None:
    await check(tmp_path, "(1)(2 3)", letter(1, "a", "0"), letter(2, "b"), letter(3, "b", "2", "7"))


async def test_one_subject_is_one_thread(tmp_path: Path) -> None:
    letters = (letter(1, "a"), letter(2, "Re: a"), letter(3, "Fwd: [x] a"), letter(4, "b"))
    await check(tmp_path, "(1 (2)(3))(4)", *letters)


async def test_equal_subjects_without_reply_become_siblings(tmp_path: Path) -> None:
    await check(tmp_path, "((1)(2))(3)", letter(1, "a"), letter(2, "a"), letter(3, ""))


async def test_an_answer_that_came_first_goes_below_its_original(tmp_path: Path) -> None:
    await check(tmp_path, "(2 1)", letter(5, "Re: a"), letter(2, "a"))


async def test_loops_and_repeated_ids_are_survived(tmp_path: Path) -> None:
    await check(
        tmp_path, "(2 (1 4)(3))", letter(1, "a", "2"), letter(2, "a", "1"),
        letter(3, "a", "2", "2"), letter(4, "b", "3", "1", own="<1@x>"),
    )  # fmt: skip


async def test_refs_orders_threads_by_their_newest_message(tmp_path: Path) -> None:
    mail = await Mail.open(tmp_path)
    await mail.add(letter(1, "a"), letter(2, "b"), letter(3, "Re: a", "1"), letter(4, "Re: b"))
    assert await shape(mail, ThreadBy.REFS) == "(2)(1 3)(4)"
    assert await shape(mail, ThreadBy.ORDERED_SUBJECT) == "(1 3)(2 4)"
    await mail.store.close()


def everyone(found: Threads) -> list[int]:
    """The places in threads, each as often as it stands there."""
    return sorted(place for place in found.places if place >= 0)


async def test_every_message_stands_in_one_thread_whatever_it_refers_to(tmp_path: Path) -> None:
    chance = random.Random(5)
    mail = await Mail.open(tmp_path)
    letters = [
        letter(
            n % 60, chance.choice(["a", "Re: a", "b", ""]),
            *[str(chance.randrange(90)) for _ in range(chance.randrange(6))],
            own=f"<{chance.randrange(90)}@x>",
        )
        for n in range(400)
    ]  # fmt: skip
    await mail.add(*letters)
    for how in ThreadBy:
        roots = await thread(mail.finder, mail.source, mail.uids, how)
        assert everyone(roots) == list(range(400)), how
    some = mail.uids[::3]
    roots = await thread(mail.finder, mail.source, some, ThreadBy.REFERENCES)
    assert everyone(roots) == list(range(len(some)))
    await mail.store.close()


async def test_a_thread_as_deep_as_the_mailbox_is_written(tmp_path: Path) -> None:
    mail = await Mail.open(tmp_path)
    count = 3000
    await mail.add(*[letter(n % 60, "a", f"n{n - 1}", own=f"<n{n}@x>") for n in range(1, count)])
    text = await shape(mail)
    assert text == "(" + " ".join(map(str, range(1, count))) + ")"
    await mail.store.close()


def test_deep_branches_are_written_without_recursion() -> None:
    count = 20_000
    steps = array("i", [0, *[FIRST] * (count - 1), count])
    text = "".join(written(Threads(array("i", range(count)), steps), range(count)))
    assert text.count("(") == text.count(")") == count
