"""Reminders, on every engine."""

from __future__ import annotations

import msgspec

from merpati.services import reminders as acts
from merpati.store import directory, email_edit, email_places, emails, mailboxes, reminders
from merpati.store.engine import Store
from merpati.store.reminders import Kind, Reminder
from tests.support import store as stores
from tests.support.store import ARCHIVE, INBOX, NOW, add_account

LATER = NOW + 3_600_000
FIRST = (INBOX << emails.UID_BITS) + 1


async def _boxes(store: Store, account_id: int) -> dict[int, str]:
    """The mailboxes of the first email, with its keywords there."""
    found = await store.read(email_places.find, account_id, [FIRST], ("keywords",))
    return {one.mailbox_id: one.row[2] for one in found[FIRST]}


async def test_what_is_due_comes_in_order_and_is_taken_once(store: Store) -> None:
    one = Reminder(account_id=1, email_id=2, kind=Kind.SNOOZE, due_at=LATER, mailboxes=(1, 7))
    other = Reminder(
        account_id=1, email_id=2, kind=Kind.FOLLOW_UP, due_at=NOW, keywords={"$x": True, "y": False}
    )
    for each in (one, other):
        await store.write(reminders.put, each)
    assert await store.read(reminders.due, NOW - 1, 10) == []
    assert await store.read(reminders.due, LATER, 10) == [other, one]
    assert await store.read(reminders.due, LATER, 1) == [other]
    assert await store.read(reminders.of, 1, [2, 3]) == {
        (2, Kind.SNOOZE): one, (2, Kind.FOLLOW_UP): other,
    }  # fmt: skip
    await store.write(reminders.put, msgspec.structs.replace(one, due_at=LATER + 1))
    assert not await store.write(reminders.drop, one), "it was put off"
    assert await store.write(reminders.drop, other)
    assert not await store.write(reminders.drop, other)
    [left] = await store.read(reminders.due, LATER + 1, 10)
    await store.write(reminders.put_off, left, LATER + 5)
    assert [each.due_at for each in await store.read(reminders.due, LATER + 9, 10)] == [LATER + 5]


async def test_a_snoozed_email_sleeps_and_comes_back_to_all_its_mailboxes(store: Store) -> None:
    account = await add_account(store)
    await store.write(stores.add, account.id, "hi", keywords="$seen mine")
    await store.write(acts.snooze, account.id, FIRST, LATER, NOW)
    box = await store.read(mailboxes.by_role, account.id, "snoozed")
    assert await _boxes(store, account.id) == {box: "$seen mine"}
    await store.write(acts.snooze, account.id, FIRST, LATER + 1, NOW)
    [one] = await store.read(reminders.due, LATER + 1, 10)
    assert one.mailboxes == (INBOX,), "it still knows where it was"
    assert await store.write(acts.wake, one, LATER)
    assert await _boxes(store, account.id) == {INBOX: "$awakened mine"}
    assert not await store.write(acts.wake, one, LATER)


async def test_one_that_was_taken_out_of_its_mailbox_sleeps_no_more(store: Store) -> None:
    account = await add_account(store)
    await store.write(stores.add, account.id, "hi")
    await store.write(acts.snooze, account.id, FIRST, LATER, NOW)
    box = await store.read(mailboxes.by_role, account.id, "snoozed")
    assert box is not None
    await store.write(email_edit.move, account.id, box, ARCHIVE, [1], NOW)
    [one] = await store.read(reminders.due, LATER, 10)
    assert not await store.write(acts.wake, one, LATER)
    assert await _boxes(store, account.id) == {ARCHIVE: ""}
    assert await store.read(reminders.due, LATER, 10) == []


async def test_one_whose_mailbox_is_gone_comes_to_the_inbox(store: Store) -> None:
    account = await add_account(store)
    await store.write(stores.add, account.id, "hi")
    gone = await store.write(mailboxes.create, account.id, "Gone", NOW)
    await store.write(acts.snooze, account.id, FIRST, LATER, NOW, home=[gone.id])
    await store.write(mailboxes.destroy, account.id, "Gone", NOW)
    [one] = await store.read(reminders.due, LATER, 10)
    assert await store.write(acts.wake, one, LATER)
    assert list(await _boxes(store, account.id)) == [INBOX]


async def test_its_mailbox_is_named_in_the_language_of_the_account(store: Store) -> None:
    account = await add_account(store)
    await store.write(directory.set_account, account.id, language="id")
    box = await store.write(acts.mailbox, account.id, NOW)
    assert await store.write(acts.mailbox, account.id, NOW) == box
    found = await store.read(mailboxes.get, account.id, "Ditunda")
    assert (found.id, found.role) == (box, "snoozed")
    other = await add_account(store, "budi@example.org")
    await store.write(mailboxes.create, other.id, "Snoozed", NOW)
    box = await store.write(acts.mailbox, other.id, NOW)
    assert (await store.read(mailboxes.get, other.id, "Snoozed")).id == box


async def test_in_a_full_account_what_was_sent_is_marked_where_it_is(store: Store) -> None:
    account = await add_account(store)
    await store.write(stores.add, account.id, "hi", keywords="$seen")
    await store.write(email_edit.move, account.id, INBOX, ARCHIVE, [1], NOW)
    await store.write(acts.remind, account.id, FIRST, LATER, NOW)
    await store.write(directory.set_account, account.id, quota=1)
    [one] = await store.read(reminders.due, LATER, 10)
    assert await store.write(acts.follow_up, one, LATER, answered=False)
    assert await _boxes(store, account.id) == {ARCHIVE: "$followup"}
