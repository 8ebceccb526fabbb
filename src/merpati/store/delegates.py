"""Delegated administrators: accounts that may look after some things of some domains."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from merpati.model.account import Account
from merpati.model.administration import NOBODY, Right, Scope
from merpati.store import directory
from merpati.store.engine import Transaction


class Delegate(msgspec.Struct, frozen=True):
    """One account's rights in one domain."""

    address: str
    domain: str
    rights: tuple[Right, ...]


async def scope(tx: Transaction, account: Account) -> Scope:
    """What an account may administer."""
    if account.is_admin:
        return Scope(everything=True)
    found = await rights_of(tx, account.id)
    if not found:
        return NOBODY
    return Scope(domains={name: frozenset(rights) for name, rights in found.items()})


async def rights_of(tx: Transaction, account_id: int) -> dict[str, tuple[Right, ...]]:
    """What an account may look after as a delegate, by domain."""
    rows = await tx.rows(
        "SELECT d.name, e.rights FROM delegate e JOIN domain d ON d.id = e.domain_id"
        " WHERE e.account_id = $1",
        account_id,
    )
    return {name: _rights(words) for name, words in rows}


async def listing(tx: Transaction) -> list[Delegate]:
    """All of them, by address."""
    rows = await tx.rows(
        "SELECT r.local || '@' || h.name AS address, d.name, e.rights FROM delegate e"
        " JOIN domain d ON d.id = e.domain_id"
        " JOIN address r ON r.account_id = e.account_id AND r.is_primary = 1"
        " JOIN domain h ON h.id = r.domain_id ORDER BY address, d.name"
    )
    return [Delegate(address, name, _rights(words)) for address, name, words in rows]


async def put(
    tx: Transaction, account_id: int, domain_name: str, rights: Collection[Right]
) -> tuple[Right, ...]:
    """Give an account these rights in a domain, none to take them away; those it had.

    Raises:
        Fault: NOT_FOUND for a domain that is not served here.
    """
    home = await directory.domain(tx, domain_name)
    before = await tx.value(
        "SELECT rights FROM delegate WHERE account_id = $1 AND domain_id = $2", account_id, home.id
    )
    if rights:
        words = " ".join(sorted({one.value for one in rights}))
        await tx.run(
            "INSERT INTO delegate (account_id, domain_id, rights) VALUES ($1, $2, $3)"
            " ON CONFLICT (account_id, domain_id) DO UPDATE SET rights = excluded.rights",
            account_id, home.id, words,
        )  # fmt: skip
    else:
        await tx.run(
            "DELETE FROM delegate WHERE account_id = $1 AND domain_id = $2", account_id, home.id
        )
    return _rights(before or "")


def _rights(words: str) -> tuple[Right, ...]:
    return tuple(Right(word) for word in words.split())
