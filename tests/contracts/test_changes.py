from __future__ import annotations

from merpati.model.change import ChangeKind
from merpati.store import changes, email_keywords, mailboxes, metadata
from merpati.store.engine import Store
from tests.support.store import INBOX, NOW, add, add_account


async def test_what_each_mailbox_saw_is_told_by_kind(store: Store) -> None:
    account = (await add_account(store)).id
    await store.write(add, account)
    start = await store.read(changes.current, account)
    assert await store.read(changes.touched, account, start) == {}
    await store.write(add, account)
    middle = await store.read(changes.current, account)
    assert await store.read(changes.touched, account, start) == {INBOX: {ChangeKind.EMAILS_ADDED}}
    await store.write(
        email_keywords.change,
        account,
        INBOX,
        [1],
        email_keywords.Change.ADD,
        frozenset({"$seen"}),
    )
    assert await store.read(changes.touched, account, middle) == {
        INBOX: {ChangeKind.KEYWORDS_CHANGED}
    }
    made = await store.write(mailboxes.create, account, "a", NOW)
    await store.write(mailboxes.subscribe, account, "a")
    await store.write(mailboxes.subscribe, account, "none such")
    found = await store.read(changes.touched, account, middle)
    assert found[made.id] == {ChangeKind.MAILBOX_CREATED, ChangeKind.MAILBOX_CHANGED}
    assert found[0] == {ChangeKind.NAME_SUBSCRIBED}


async def test_a_name_subscribed_again_is_no_change(store: Store) -> None:
    account = (await add_account(store)).id
    await store.write(mailboxes.subscribe, account, "x")
    before = await store.read(changes.current, account)
    await store.write(mailboxes.subscribe, account, "x")
    await store.write(mailboxes.unsubscribe, account, "y")
    assert await store.read(changes.current, account) == before


async def test_private_annotations_are_told_to_their_owner_only(store: Store) -> None:
    account = (await add_account(store)).id
    start = await store.read(changes.current, account)
    where = (account, INBOX)
    await store.write(metadata.put, where, account, "/private/comment", b"mine")
    await store.write(metadata.put, where, account, "/shared/comment", b"all")
    await store.write(metadata.put, where, account, "/shared/comment", b"all of us")
    both = ["/private/comment", "/shared/comment"]
    assert await store.read(changes.entries, account, start, account) == {INBOX: both}
    other = await store.read(changes.entries, account, start, account + 1)
    assert other == {INBOX: both[1:]}
