"""Delegated administrators: who may look after what of which domain."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from merpati.base.faults import Fault, Kind
from merpati.model.account import Account, AccountKind
from merpati.model.administration import Actor, Right, Scope
from merpati.store import audit, delegates, directory
from merpati.store.delegates import Delegate
from merpati.store.engine import Transaction


class Rights(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What somebody may look after in a domain; nothing takes all of it away."""

    rights: Annotated[list[Right], Meta(max_length=len(Right))]


async def put(
    tx: Transaction, actor: Actor, now: int, address: str, domain: str, given: Rights
) -> list[Delegate]:
    """Give somebody these rights in a domain. Raises Fault NOT_FOUND, DENIED."""
    account = await directory.account(tx, address)
    if account.kind is AccountKind.SHARED:
        raise Fault(Kind.DENIED, f"nobody signs in to {account.address}: it is shared")
    before = await delegates.put(tx, account.id, domain, given.rights)
    await audit.record(
        tx, actor, now, "delegate.change", account.address,
        before={domain.lower(): [one.value for one in before]},
        after={domain.lower(): sorted(one.value for one in given.rights)},
    )  # fmt: skip
    return await delegates.listing(tx)


async def check_target(tx: Transaction, scope: Scope, account: Account) -> None:
    """Nobody administers an account that may do more than they may themselves.

    Else whoever may set passwords in a domain would be one password away from the whole
    installation. Raises Fault DENIED.
    """
    if scope.everything:
        return
    theirs = await delegates.scope(tx, account)
    more = theirs.everything or any(
        not held <= scope.domains.get(name, frozenset()) for name, held in theirs.domains.items()
    )
    if more:
        text = f"{account.address} administers more than you do; ask an administrator"
        raise Fault(Kind.DENIED, text)
