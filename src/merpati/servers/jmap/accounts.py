"""The accounts that a user may use: their own, and those that share a mailbox with them."""

from __future__ import annotations

from collections.abc import Mapping

from merpati.model import object_ids
from merpati.model.account import Account
from merpati.servers.jmap.call import Access
from merpati.store import directory, rights
from merpati.store.engine import Store, Transaction


class Accounts:
    """Asks the store, each time: what is taken away is gone with the next request."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def named(self, user: Account) -> Mapping[str, tuple[Access, str]]:
        """The accounts with their names, by their JMAP ids; the user's own is the first."""
        own = (Access(user.id, is_own=True, read_only=False, user_id=user.id), user.address)
        found = {object_ids.account(user.id): own}
        for id_, name in await self._store.read(_others, user.id):
            access = Access(id_, is_own=False, read_only=False, user_id=user.id)
            found[object_ids.account(id_)] = (access, name)
        return found


async def _others(tx: Transaction, user_id: int) -> list[tuple[int, str]]:
    held = await rights.all_held(tx, user_id)
    found = []
    for owner_id, mailboxes in held.items():
        if any(mailboxes.values()):
            account = await directory.account_by_id(tx, owner_id)
            if account is not None:
                found.append((owner_id, account.name or account.address))
    return found
