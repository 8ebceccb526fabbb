from __future__ import annotations

from typing import Any

import pytest

from merpati.base.faults import Fault, Kind
from merpati.model.change import ChangeKind
from merpati.model.mailbox import DEPTH_MAX
from merpati.store import changes, mailboxes
from merpati.store.engine import Store, Transaction
from tests.support import store as stores
from tests.support.store import INBOX, NOW, add_account


async def names(store: Store, account_id: int) -> set[str]:
    standard = {"INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive"}
    return {one.name for one in await store.read(mailboxes.listing, account_id)} - standard


async def refusal(store: Store, unit: Any, *args: Any) -> Kind:
    with pytest.raises(Fault) as caught:
        await store.write(unit, *args)
    return caught.value.kind


async def test_create_makes_the_parents_too(store: Store) -> None:
    account = await add_account(store)
    made = await store.write(mailboxes.create, account.id, "Work/2026/Q1", NOW)
    assert made.name == "Work/2026/Q1"
    assert (made.uidnext, made.total, made.unseen, made.size) == (1, 0, 0, 0)
    assert await names(store, account.id) == {"Work", "Work/2026", "Work/2026/Q1"}
    assert await store.read(mailboxes.get, account.id, "Work/2026/Q1") == made
    again = await refusal(store, mailboxes.create, account.id, "Work/2026", NOW)
    assert again is Kind.EXISTS


async def test_inbox_is_one_in_any_case_and_other_names_are_not(store: Store) -> None:
    account = await add_account(store)
    assert await refusal(store, mailboxes.create, account.id, "inBox", NOW) is Kind.EXISTS
    await store.write(mailboxes.create, account.id, "inbox/deep", NOW)
    await store.write(mailboxes.create, account.id, "archive", NOW)
    assert await names(store, account.id) == {"INBOX/deep", "archive"}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("", Kind.SYNTAX),
        ("a//b", Kind.SYNTAX),
        ("/a", Kind.SYNTAX),
        ("a\x00b", Kind.SYNTAX),
        ("x" * 201, Kind.SYNTAX),
        ("/".join(["d"] * (DEPTH_MAX + 1)), Kind.TOO_MANY),
    ],
)
async def test_names_that_no_mailbox_may_have(store: Store, path: str, kind: Kind) -> None:
    account = await add_account(store)
    assert await refusal(store, mailboxes.create, account.id, path, NOW) is kind
    assert await store.read(mailboxes.find, account.id, path) is None


async def test_rename_takes_the_children_along_and_keeps_uidvalidity(store: Store) -> None:
    account = await add_account(store)
    await store.write(mailboxes.create, account.id, "Work/2026/Q1", NOW)
    before = await store.read(mailboxes.get, account.id, "Work/2026/Q1")
    await store.write(mailboxes.rename, account.id, "Work/2026", "Old/Years/2026", NOW)
    assert await names(store, account.id) == {
        "Work", "Old", "Old/Years", "Old/Years/2026", "Old/Years/2026/Q1",
    }  # fmt: skip
    after = await store.read(mailboxes.get, account.id, "Old/Years/2026/Q1")
    assert (after.id, after.uidvalidity) == (before.id, before.uidvalidity)


async def test_rename_refuses_what_would_break_the_tree(store: Store) -> None:
    account = await add_account(store)
    await store.write(mailboxes.create, account.id, "a/b", NOW)
    await store.write(mailboxes.create, account.id, "c", NOW)
    for old, new, kind in (
        ("a", "a/b/a", Kind.DENIED),
        ("a", "c", Kind.EXISTS),
        ("missing", "d", Kind.NOT_FOUND),
        ("a", "", Kind.SYNTAX),
    ):
        assert await refusal(store, mailboxes.rename, account.id, old, new, NOW) is kind
    assert await names(store, account.id) == {"a", "a/b", "c"}
    await store.write(mailboxes.rename, account.id, "a", "ab", NOW)  # no child, though a prefix
    assert await names(store, account.id) == {"ab", "ab/b", "c"}


async def test_destroy_takes_the_mail_out_of_every_count(store: Store) -> None:
    account = await add_account(store)
    box = await store.write(mailboxes.create, account.id, "a", NOW)
    await store.write(stores.add, account.id, "kept")
    await store.write(stores.add, account.id, "gone", mailbox_id=box.id)
    await store.write(stores.add, account.id, "kept", mailbox_id=box.id)
    await store.write(mailboxes.destroy, account.id, "a")

    async def state(tx: Transaction) -> Any:
        account_row = await tx.row("SELECT used, emails FROM account WHERE id = $1", account.id)
        blobs = sorted(await tx.rows("SELECT size, refs FROM blob"))
        return account_row, blobs, await tx.value("SELECT count(*) FROM mailbox_email")

    # What was deleted can be restored: it holds its blobs, and counts in no quota.
    assert await store.read(state) == ((4, 1), [(4, 1), (4, 2)], 1)
    last = (await store.read(changes.since, account.id, box.id, 0))[-1]
    assert last.kind == ChangeKind.MAILBOX_DESTROYED


async def test_destroy_refuses_inbox_and_parents(store: Store) -> None:
    account = await add_account(store)
    await store.write(mailboxes.create, account.id, "a/b", NOW)
    assert await refusal(store, mailboxes.destroy, account.id, "a") is Kind.IN_USE
    assert await refusal(store, mailboxes.destroy, account.id, "inbox") is Kind.DENIED
    assert await refusal(store, mailboxes.destroy, account.id, "zzz") is Kind.NOT_FOUND


async def test_no_two_mailboxes_ever_have_one_uidvalidity(store: Store) -> None:
    account = await add_account(store)
    seen = {one.uidvalidity for one in await store.read(mailboxes.listing, account.id)}
    assert len(seen) == 6
    for step in range(5):
        # The clock stands still, then goes back.
        made = await store.write(mailboxes.create, account.id, "a", NOW - step * 1_000_000)
        assert made.uidvalidity > max(seen)
        seen.add(made.uidvalidity)
        await store.write(mailboxes.destroy, account.id, "a")


async def test_a_role_leads_to_its_mailbox(store: Store) -> None:
    account = await add_account(store)
    trash = await store.read(mailboxes.by_role, account.id, "trash")
    assert trash == (await store.read(mailboxes.get, account.id, "Trash")).id
    await store.write(mailboxes.rename, account.id, "Trash", "Bin", NOW)
    assert await store.read(mailboxes.by_role, account.id, "trash") == trash
    assert await store.read(mailboxes.by_role, account.id, "none") is None


async def test_counters_are_read_by_id(store: Store) -> None:
    account = await add_account(store)
    added = await store.write(stores.add, account.id, "12345")
    found = await store.read(mailboxes.counters, account.id, INBOX)
    assert found is not None
    assert (found.total, found.unseen, found.size, found.uidnext) == (1, 1, 5, 2)
    assert found.modseq == added.placed[0].modseq
    assert await store.read(mailboxes.counters, account.id, 99) is None


async def test_recent_is_claimed_once_and_never_goes_back(store: Store) -> None:
    account = await add_account(store)
    for uidnext in (5, 3):
        await store.write(mailboxes.claim_recent, account.id, INBOX, uidnext)
    found = await store.read(mailboxes.counters, account.id, INBOX)
    assert found is not None
    assert found.recent_from == 5


async def test_a_subscription_outlives_its_mailbox(store: Store) -> None:
    account = await add_account(store)
    await store.write(mailboxes.create, account.id, "a", NOW)
    for _ in range(2):
        await store.write(mailboxes.subscribe, account.id, "a")
    await store.write(mailboxes.destroy, account.id, "a")
    assert "a" in await store.read(mailboxes.subscriptions, account.id)
    assert await store.write(mailboxes.unsubscribe, account.id, "a")
    assert not await store.write(mailboxes.unsubscribe, account.id, "a")
    assert "a" not in await store.read(mailboxes.subscriptions, account.id)


async def test_every_change_of_the_tree_is_in_the_log(store: Store) -> None:
    account = await add_account(store)
    start = await store.read(changes.current, account.id)
    box = await store.write(mailboxes.create, account.id, "a", NOW)
    await store.write(mailboxes.rename, account.id, "a", "b", NOW)
    await store.write(mailboxes.destroy, account.id, "b")
    found = await store.read(changes.since, account.id, box.id, start)
    assert [(one.modseq, one.kind) for one in found] == [
        (start + 1, ChangeKind.MAILBOX_CREATED),
        (start + 2, ChangeKind.MAILBOX_CHANGED),
        (start + 3, ChangeKind.MAILBOX_DESTROYED),
    ]
    assert await store.read(changes.current, account.id) == start + 3
