from __future__ import annotations

from merpati.store import directory, mailboxes, url_keys
from merpati.store.engine import Store
from tests.support.store import INBOX, add_account

ONE, OTHER = b"\x01" * 32, b"\x02" * 32


async def test_a_key_stays_until_it_is_forgotten(store: Store) -> None:
    account = await add_account(store)
    assert await store.read(url_keys.get, account.id, INBOX, account.id) is None
    assert await store.write(url_keys.make, account.id, INBOX, account.id, ONE) == ONE
    assert await store.write(url_keys.make, account.id, INBOX, account.id, OTHER) == ONE
    await store.write(url_keys.forget, account.id, INBOX, account.id)
    assert await store.read(url_keys.get, account.id, INBOX, account.id) is None
    assert await store.write(url_keys.make, account.id, INBOX, account.id, OTHER) == OTHER


async def test_keys_of_a_user_are_forgotten_together_and_no_others(store: Store) -> None:
    account = await add_account(store)
    for mailbox, user in ((INBOX, 7), (2, 7), (INBOX, 8)):
        await store.write(url_keys.make, account.id, mailbox, user, ONE)
    await store.write(url_keys.forget_all, 7)
    assert await store.read(url_keys.get, account.id, INBOX, 7) is None
    assert await store.read(url_keys.get, account.id, 2, 7) is None
    assert await store.read(url_keys.get, account.id, INBOX, 8) == ONE


async def test_keys_go_with_their_mailbox_and_account(store: Store) -> None:
    account = await add_account(store)
    made = await store.write(mailboxes.create, account.id, "Work", 0)
    for mailbox in (made.id, INBOX):
        await store.write(url_keys.make, account.id, mailbox, 7, ONE)
    await store.write(mailboxes.destroy, account.id, "Work")
    assert await store.read(url_keys.get, account.id, made.id, 7) is None
    await store.write(directory.remove_account, account.id)
    assert await store.read(url_keys.get, account.id, INBOX, 7) is None
