from __future__ import annotations

from merpati.store import credentials, directory
from merpati.store.engine import Store
from tests.support.store import add_account


async def test_a_secret_is_made_once(store: Store) -> None:
    assert await store.read(credentials.secret, "salts") is None
    assert await store.write(credentials.make_secret, "salts", b"first\0") == b"first\0"
    assert await store.write(credentials.make_secret, "salts", b"second") == b"first\0"
    assert await store.read(credentials.secret, "salts") == b"first\0"
    assert await store.read(credentials.secret, "other") is None


async def test_a_password_takes_another_form_unless_it_was_changed(store: Store) -> None:
    account = await add_account(store, "ana@example.org")
    await store.write(directory.set_account, account.id, password="old")
    assert await store.write(credentials.renew_password, account.id, "old", "old and more")
    assert not await store.write(credentials.renew_password, account.id, "old", "too late")
    found = await store.read(directory.account, "ana@example.org")
    assert found.password == "old and more"
