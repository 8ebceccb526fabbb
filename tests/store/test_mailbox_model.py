"""Any sequence of acts on mailboxes leaves what a simple model says, counters and log included."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from merpati.base.faults import Fault, Kind
from merpati.model import uids as uid_sets
from merpati.model.change import ChangeKind
from merpati.store import (
    changes,
    directory,
    email_edit,
    email_keywords,
    email_marks,
    emails,
    mailboxes,
    marked,
)
from merpati.store.blobs import BlobStore
from merpati.store.check import check
from merpati.store.engine import Transaction
from tests.support import store as stores
from tests.support.ids import CountingIds
from tests.support.store import NOW

T = TypeVar("T")
QUOTA = 60
WORDS = ("$seen", "$flagged", "work", "$deleted", "$draft")
some_words = st.sets(st.sampled_from(WORDS)).map(frozenset)
picks = st.lists(st.integers(0, 9), min_size=1, max_size=5)


class Box:
    """A mailbox as it should be: its emails by UID, each (size, keywords)."""

    def __init__(self) -> None:
        self.emails: dict[int, tuple[int, frozenset[str]]] = {}
        self.uidnext = 1
        self.uidvalidity = 0

    def add(self, size: int, words: frozenset[str]) -> int:
        uid = self.uidnext
        self.uidnext += 1
        self.emails[uid] = (size, words)
        return uid


class Mailboxes(RuleBasedStateMachine):
    """One account, a few mailboxes."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(marked, "RANGES_MAX", 2)  # so that ranges grow together
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.store = self.run(stores.sqlite(self.folder))
        self.boxes: dict[str, Box] = {}
        self.ids: dict[str, int] = {}
        self.history: list[tuple[int, dict[str, dict[int, str]]]] = []
        self.modseq = 0

    def run(self, work: Awaitable[T]) -> T:
        async def main() -> T:
            return await work

        return self.runner.run(main())

    def write(self, unit: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        return self.run(self.store.write(unit, *args))

    def read(self, unit: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        return self.run(self.store.read(unit, *args))

    def teardown(self) -> None:
        report = self.run(check(self.store, BlobStore(self.folder / "blobs", CountingIds())))
        self.run(self.store.close())
        self.runner.close()
        self.patch.undo()
        shutil.rmtree(self.folder)
        assert report.found == {}

    @initialize()
    def make_account(self) -> None:
        self.account = self.run(stores.add_account(self.store, quota=QUOTA)).id
        for found in self.read(mailboxes.listing, self.account):
            if found.name in {"INBOX", "Archive"}:
                self.take_in(found)
        self.all_uidvalidities = [box.uidvalidity for box in self.boxes.values()]

    def take_in(self, found: Any) -> None:
        self.boxes[found.name] = Box()
        self.boxes[found.name].uidvalidity = found.uidvalidity
        self.ids[found.name] = found.id

    def used(self) -> int:
        return sum(size for box in self.boxes.values() for size, _ in box.emails.values())

    def pick(self, data: st.DataObject) -> tuple[str, Box]:
        name = data.draw(st.sampled_from(sorted(self.boxes)))
        return name, self.boxes[name]

    def uids(self, box: Box, chosen: list[int]) -> list[int]:
        """UIDs that exist, that are gone, and that are still to come."""
        return sorted({1 + pick * max(box.uidnext, 1) // 9 for pick in chosen})

    @rule(data=st.data(), size=st.integers(1, 9), words=some_words)
    def deliver(self, data: st.DataObject, size: int, words: frozenset[str]) -> None:
        name, box = self.pick(data)

        async def unit(tx: Transaction) -> Any:
            return await stores.add(
                tx, self.account, "x" * size, mailbox_id=self.ids[name],
                keywords=" ".join(sorted(words)),
            )  # fmt: skip

        added = self.write(unit)
        if self.used() + size > QUOTA:
            assert added.refused == [self.account]
        else:
            assert added.placed[0].uid == box.add(size, words)

    @rule(
        data=st.data(), chosen=picks, how=st.sampled_from(email_keywords.Change), words=some_words,
        stale=st.booleans(),
    )  # fmt: skip
    def set_keywords(
        self, data: st.DataObject, chosen: list[int], how: email_keywords.Change,
        words: frozenset[str], stale: bool,
    ) -> None:  # fmt: skip
        name, box = self.pick(data)
        uids = self.uids(box, chosen)
        since = 1 if stale else None  # everything has changed after 1
        modseq, now, modified = self.write(
            email_keywords.change, self.account, self.ids[name], uids, how, words, since
        )
        there = [uid for uid in uids if uid in box.emails]
        if stale:
            assert (modseq, now, modified) == (0, {}, there)
            return
        assert modified == []
        for uid in there:
            size, old = box.emails[uid]
            new = {"set": words, "add": old | words, "remove": old - words}[how.value]
            box.emails[uid] = (size, new)
        assert now == {uid: " ".join(sorted(box.emails[uid][1])) for uid in there}

    @rule(data=st.data(), chosen=picks)
    def remove(self, data: st.DataObject, chosen: list[int]) -> None:
        name, box = self.pick(data)
        uids = self.uids(box, chosen)
        _, gone = self.write(emails.remove, self.account, self.ids[name], uids)
        assert gone == [uid for uid in uids if box.emails.pop(uid, None)]

    @rule(data=st.data(), chosen=st.none() | picks)
    def expunge(self, data: st.DataObject, chosen: list[int] | None) -> None:
        name, box = self.pick(data)
        only = None if chosen is None else self.uids(box, chosen)
        marks = [uid for uid, (_, words) in box.emails.items() if "$deleted" in words]
        gone = [uid for uid in marks if only is None or uid in only]
        modseq = self.write(emails.remove_deleted, self.account, self.ids[name], only)
        assert bool(modseq) is bool(gone)
        for uid in gone:
            del box.emails[uid]
        if only is None and not any("$draft" in words for _, words in box.emails.values()):
            assert not self.read(marked.ranges, self.account, self.ids[name])

    @rule(data=st.data(), chosen=picks)
    def move(self, data: st.DataObject, chosen: list[int]) -> None:
        source, box = self.pick(data)
        target, into = self.pick(data)
        uids = self.uids(box, chosen)
        _, old, new = self.write(
            email_edit.move, self.account, self.ids[source], self.ids[target], uids
        )  # fmt: skip
        there = [uid for uid in uids if uid in box.emails]
        taken = [box.emails.pop(uid) for uid in there]
        assert old == there
        assert new == [into.add(*one) for one in taken]

    @rule(data=st.data(), chosen=picks)
    def copy(self, data: st.DataObject, chosen: list[int]) -> None:
        source, box = self.pick(data)
        target, into = self.pick(data)
        uids = self.uids(box, chosen)
        taken = [box.emails[uid] for uid in uids if uid in box.emails]
        act = (emails.copy, self.account, self.ids[source], self.ids[target], uids)
        if self.used() + sum(size for size, _ in taken) > QUOTA and taken:
            with pytest.raises(Fault) as caught:
                self.write(*act)
            assert caught.value.kind is Kind.OVER_QUOTA
            return
        _, _, new = self.write(*act)
        assert new == [into.add(*one) for one in taken]

    @rule(name=st.sampled_from(["a", "b", "a/c"]))
    def create(self, name: str) -> None:
        if name in self.boxes:
            return
        self.write(mailboxes.create, self.account, name, NOW)
        for found in self.read(mailboxes.listing, self.account):
            if found.name in {name, "a"} and found.name not in self.boxes:
                self.take_in(found)
                assert found.uidvalidity > max(self.all_uidvalidities)
                self.all_uidvalidities.append(found.uidvalidity)

    @precondition(lambda self: "a/c" in self.boxes and "d" not in self.boxes)
    @rule()
    def rename(self) -> None:
        self.write(mailboxes.rename, self.account, "a/c", "d", NOW)
        self.boxes["d"], self.ids["d"] = self.boxes.pop("a/c"), self.ids.pop("a/c")

    @rule(name=st.sampled_from(["a", "b", "d"]))
    def destroy(self, name: str) -> None:
        if name in self.boxes and not any(other.startswith(name + "/") for other in self.boxes):
            self.write(mailboxes.destroy, self.account, name)
            del self.boxes[name], self.ids[name]

    @invariant()
    def is_as_it_should_be(self) -> None:
        state: dict[str, dict[int, str]] = {}
        modseq = self.read(changes.current, self.account)
        assert modseq >= self.modseq
        for found in self.read(mailboxes.listing, self.account):
            if found.name not in self.boxes:
                continue
            box = self.boxes[found.name]
            unseen = sum("$seen" not in words for _, words in box.emails.values())
            size = sum(size for size, _ in box.emails.values())
            assert (found.total, found.unseen, found.size) == (len(box.emails), unseen, size)
            assert (found.uidnext, found.uidvalidity) == (box.uidnext, box.uidvalidity)
            rows = self.rows(found.id)
            assert {uid: (size, frozenset(words.split())) for uid, _, size, words in rows} == (
                box.emails
            )
            assert all(row[1] <= found.modseq <= modseq for row in rows)
            marks = [uid for uid, (_, words) in sorted(box.emails.items()) if "$deleted" in words]
            assert self.read(emails.deleted, self.account, found.id) == marks
            left = [words for _, words in box.emails.values() if words & {"$deleted", "$draft"}]
            unread = sum("$seen" not in words for words in left)
            counted = self.read(email_marks.left_out, self.account).get(found.id, email_marks.NONE)
            assert counted == (len(marks), unread)
            state[str(found.id)] = {row[0]: row[3] for row in rows}
        account = self.read(directory.account_by_id, self.account)
        assert (account.used, account.emails) == (
            self.used(), sum(len(box.emails) for box in self.boxes.values())
        )  # fmt: skip
        if modseq > self.modseq:
            self.modseq = modseq
            self.history.append((modseq, state))

    def rows(self, mailbox_id: int) -> list[Any]:
        uids = self.read(emails.uids_of, self.account, mailbox_id)
        columns = ("uid", "modseq", "size", "keywords")
        rows: list[Any] = self.read(emails.fetch, self.account, mailbox_id, uids, columns)
        return rows

    @precondition(lambda self: self.history)
    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        """What a client knew at any moment, and the log since, are what is there now.

        Of an email that came and went meanwhile the log may tell without its coming.
        """
        since, known = data.draw(st.sampled_from(self.history))
        for name in self.boxes:
            mailbox_id = self.ids[name]
            uids = set(known.get(str(mailbox_id), {}))
            now = {row[0]: row for row in self.rows(mailbox_id)}
            stale: set[int] = set()
            last = since
            for change in self.read(changes.since, self.account, mailbox_id, since):
                assert change.modseq >= last
                last = change.modseq
                named = set(uid_sets.expand(change.uids))
                if change.kind == ChangeKind.EMAILS_ADDED:
                    uids |= named
                    stale |= named
                elif change.kind == ChangeKind.EMAILS_REMOVED:
                    assert named <= uids or not (named - uids) & set(now)
                    uids -= named
                elif change.kind == ChangeKind.KEYWORDS_CHANGED:
                    assert not (named - uids) & set(now)
                    stale |= named
            assert uids == set(now)
            for uid in uids - stale:
                assert now[uid][3] == known[str(mailbox_id)][uid]
                assert now[uid][1] <= since
            assert all(now[uid][1] > since for uid in stale & uids)


Mailboxes.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    # Shrinking takes minutes here, and 25 steps are short enough to read.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow],
)
TestMailboxes = Mailboxes.TestCase
