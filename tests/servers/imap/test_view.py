from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merpati.model.mailbox import INBOX_ID, Mailbox
from merpati.servers.imap.view import View
from merpati.store import changes, emails, mailboxes
from merpati.store.sqlite import drive
from tests.support.server import TestInstance

SIZE = 60
RUNS = st.lists(st.integers(1, 20), max_size=8)


def just_selected(account_id: int, mailbox: Mailbox, modseq: int) -> View:
    """The view of one who has just selected a mailbox."""
    return View(
        account_id=account_id, mailbox_id=mailbox.id, name=mailbox.name, modseq=modseq,
        uidvalidity=mailbox.uidvalidity, count=mailbox.total, uidnext=mailbox.uidnext,
    )  # fmt: skip


def full_view() -> View:
    """A view of messages 1 to `SIZE`."""
    view = just_selected(1, Mailbox(1, "INBOX", "inbox", 1, SIZE + 1, 1, SIZE, 0, 0, 1), 1)
    # Since none was ever removed, the store is not asked, and nothing is awaited.
    drive(view.load(None))  # type: ignore[arg-type]
    return view


@settings(deadline=None)
@given(st.lists(st.sets(st.integers(1, SIZE + 10)), max_size=4))
def test_numbers_of_expunges_applied_in_turn_leave_what_is_left(rounds: list[set[int]]) -> None:
    view = full_view()
    left = list(range(1, SIZE + 1))
    for gone in rounds:
        for number in view.expunge(gone):
            assert left.pop(number - 1) in gone
        assert list(view.uids) == left
        assert view.count == len(left)
        assert [view.number(uid) for uid in left] == list(range(1, len(left) + 1))
        assert not any(view.number(uid) for uid in gone)


@given(st.lists(st.one_of(st.sets(st.integers(1, SIZE + 10)), st.integers(1, 12)), max_size=5))
def test_the_view_holds_what_came_and_did_not_go(steps: list[set[int] | int]) -> None:
    view = full_view()
    left, uidnext = list(range(1, SIZE + 1)), SIZE + 1
    assert view.uids == range(1, SIZE + 1), "a list of them is not made before one goes"
    for step in steps:
        if isinstance(step, int):
            new = [uid for uid in range(uidnext, uidnext + step) if step % 4 or uid % 3]
            uidnext += step
            view.add(new, uidnext)
            left += new
        else:
            view.expunge(step)
            left = [uid for uid in left if uid not in step]
        assert list(view.uids) == left
        assert view.count == len(left)


@settings(deadline=None)
@given(RUNS, st.integers(1, 400))
def test_recent_is_what_was_claimed(runs: list[int], uid: int) -> None:
    view = full_view()
    claimed: set[int] = set()
    start = 1
    for n, length in enumerate(runs):
        if n % 3:
            view.claim(start, start + length)
            claimed.update(range(start, start + length))
        start += length
    assert view.is_recent(uid) is (uid in claimed)
    assert view.has_recent(uid, uid) is (uid in claimed)


@pytest.mark.parametrize("seed", range(5))
async def test_uids_loaded_late_are_those_of_the_moment_of_selecting(
    seed: int, tmp_path: Path
) -> None:
    chance = Random(seed)
    async with TestInstance(tmp_path) as instance:
        account_id, store = instance.ana.id, instance.store

        async def selecting(tx: Any) -> tuple[View, list[int]]:
            mailbox = await mailboxes.get(tx, account_id, "INBOX")
            modseq = await changes.current(tx, account_id)
            view = just_selected(account_id, mailbox, modseq)
            return view, await emails.uids_of(tx, account_id, INBOX_ID)

        selected = []
        for n in range(20):
            await instance.deliver(b"Subject: %d\r\n\r\n" % n)
            selected.append(await store.read(selecting))
            uids = selected[-1][1]
            if uids and n % 3 == 2:
                gone = sorted(chance.sample(uids, chance.randint(1, min(3, len(uids)))))
                await store.write(emails.remove, account_id, INBOX_ID, gone)
        for view, uids in selected:
            assert list(await view.load(store)) == uids
            assert view.count == len(uids)
