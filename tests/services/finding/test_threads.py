from __future__ import annotations

import random
from array import array
from typing import TYPE_CHECKING, NamedTuple

import pytest

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


class Held:
    """A container of RFC 5256 3: a message, or the place of a missing one."""

    def __init__(self, uid: int = 0) -> None:
        self.uid = uid
        self.parent: Held | None = None
        self.children: list[Held] = []

    def above(self, other: Held | None) -> bool:
        while other is not None and other is not self:
            other = other.parent
        return other is self

    def put_below(self, parent: Held | None) -> None:
        if parent is not None and self.above(parent):
            return
        if self.parent is not None:
            self.parent.children.remove(self)
        self.parent = parent
        if parent is not None:
            parent.children.append(self)

    def pruned(self, *, is_root: bool = False) -> list[Held]:
        self.children = [each for child in self.children for each in child.pruned()]
        for child in self.children:
            child.parent = self
        if self.uid or (is_root and len(self.children) > 1):
            return [self]
        return self.children


class Letter(NamedTuple):
    minute: int
    subject: str
    own: str
    refs: list[str]


def naive(letters: dict[int, Letter]) -> str:
    """THREAD=REFERENCES step by step as RFC 5256 3 says, on subjects that are "x" or "Re: x"."""

    def date(one: Held) -> tuple[int, int]:
        if one.uid:
            return letters[one.uid].minute, one.uid
        return min(map(date, one.children))

    def sort(level: list[Held]) -> None:
        for one in level:
            sort(one.children)
        level.sort(key=date)

    roots = linked(letters)
    sort(roots)
    roots = joined(roots, {id(one): letters[date(one)[1]].subject for one in roots})
    sort(roots)
    return "".join(f"({shown(one)})" for one in roots)


def linked(letters: dict[int, Letter]) -> list[Held]:
    """Steps 1 to 3."""
    ids: dict[str, Held] = {}
    holders: list[Held] = []
    for uid, read in letters.items():
        own = ids.setdefault(read.own, Held())
        if own.uid:
            own = Held()
        own.uid = uid
        holders.append(own)
        last: Held | None = None
        for ref in read.refs:
            current = ids.setdefault(ref, Held())
            holders.append(current)
            if last is not None and current.parent is None:
                current.put_below(last)
            last = current
        own.put_below(None)
        own.put_below(last)
    top = {id(each): each for each in holders if each.parent is None}
    return [each for held in top.values() for each in held.pruned(is_root=True)]


def joined(roots: list[Held], titles: dict[int, str]) -> list[Held]:
    """Step 5."""
    bases = {key: title.removeprefix("Re: ") for key, title in titles.items()}

    def answers(one: Held, other: Held) -> bool:
        keys = id(one), id(other)
        return titles[keys[0]] != bases[keys[0]] and titles[keys[1]] == bases[keys[1]]

    table: dict[str, Held] = {}
    for one in roots:
        old = table.setdefault(bases[id(one)], one)
        if old.uid and (not one.uid or answers(old, one)):
            table[bases[id(one)]] = one
    table.pop("", None)
    kept = []
    for one in roots:
        old = table.get(bases[id(one)], one)
        if old is one:
            kept.append(one)
        elif not old.uid:
            old.children += [one] if one.uid else one.children
        elif answers(one, old):
            old.children.append(one)
        else:
            both = Held(old.uid)
            both.children, old.uid = old.children, 0
            old.children = [both, one]
    return kept


def shown(one: Held) -> str:
    text = str(one.uid or "")
    while len(one.children) == 1:
        one = one.children[0]
        text += f" {one.uid}"
    space = " " if text and one.children else ""
    return text + space + "".join(f"({shown(child)})" for child in one.children)


@pytest.mark.parametrize("seed", range(12))
async def test_threads_are_those_of_a_naive_reader_of_the_rfc(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    count = chance.choice([5, 20, 60])
    known = [f"{n}@x" for n in range(count * chance.choice([1, 2]))]
    subjects = [*"abcdefgh", "Re: a", "Re: b", ""] if seed % 2 else [f"s{n}" for n in range(500)]
    letters = {
        uid: Letter(
            chance.randrange(60), chance.choice(subjects), chance.choice(known),
            chance.choices(known, k=chance.choice([0, 0, 1, 2, 4])),
        )
        for uid in range(1, count + 1)
    }  # fmt: skip
    mail = await Mail.open(tmp_path)
    await mail.add(*[
        letter(one.minute, one.subject, *[ref.removesuffix("@x") for ref in one.refs],
               own=f"<{one.own}>") + str(uid).encode()
        for uid, one in letters.items()
    ])  # fmt: skip
    assert await shape(mail) == naive(letters)
    await mail.store.close()


async def test_no_messages_have_no_threads(tmp_path: Path) -> None:
    mail = await Mail.open(tmp_path)
    for how in ThreadBy:
        assert await shape(mail, how) == ""
    await mail.store.close()
