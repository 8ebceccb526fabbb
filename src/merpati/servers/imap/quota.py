"""GETQUOTA, GETQUOTAROOT and SETQUOTA (RFC 9208).

Each account is a quota root, named by its address, and so is each domain with a limit,
named by its name: mail counts in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from merpati.base.faults import Fault, Kind
from merpati.model import rights as letters
from merpati.model.account import Account
from merpati.model.administration import Actor
from merpati.servers.imap.client import Client, Done, Handler
from merpati.servers.imap.legal import Refused
from merpati.servers.imap.rights import NAMED
from merpati.services.administration import accounts, domains
from merpati.services.administration.accounts import AccountChange
from merpati.services.administration.domains import DomainChange
from merpati.store import directory, places, quota, rights
from merpati.store.engine import Transaction
from merpati.wire.imap import quota as wire
from merpati.wire.imap import responses
from merpati.wire.imap.commands import Command
from merpati.wire.imap.quota import UNIT, Resource

LARGEST: Final = (2**63 - 1) // UNIT  # limit whose octets the store can count

Told = list[tuple[str, quota.Usage]]


async def get(client: Client, command: wire.GetQuota) -> Done:
    """GETQUOTA."""
    usage = await client.services.store.read(_get, client.account_id, command.root)
    client.connection.write(_response(command.root, usage))
    return Done("GETQUOTA completed")


async def get_root(client: Client, command: wire.GetQuotaRoot) -> Done:
    """GETQUOTAROOT."""
    roots = await client.services.store.read(_roots, client.account_id, command.mailbox)
    names = [name for name, _ in roots]
    client.connection.write(wire.quota_root(command.mailbox, names, utf8=client.utf8))
    client.connection.write(b"".join([_response(name, usage) for name, usage in roots]))
    return Done("GETQUOTAROOT completed")


async def set_(client: Client, command: wire.SetQuota) -> Done:
    """SETQUOTA, for administrators."""
    if command.unknown:
        raise Refused("only STORAGE and MESSAGE are counted here", responses.CANNOT)
    if not all(0 < limit <= LARGEST for limit in command.limits.values()):
        raise Refused("that limit cannot be set; leave it out for none", responses.CANNOT)
    actor = Actor(client.account, "imap", client.account_id, client.connection.peer)
    usage = await client.services.store.write(
        _set, actor, client.milliseconds(), command.root, command.limits
    )
    client.connection.write(_response(command.root, usage))
    return Done("SETQUOTA completed")


def _response(root: str, usage: quota.Usage) -> bytes:
    """The QUOTA response: the resources that have a limit."""
    told: dict[Resource, tuple[int, int]] = {}
    if usage.quota:
        told[Resource.STORAGE] = -(-usage.used // UNIT), usage.quota // UNIT
    if usage.quota_emails:
        told[Resource.MESSAGE] = usage.emails, usage.quota_emails
    return wire.quota(root, told)


async def _get(tx: Transaction, user_id: int, root: str) -> quota.Usage:
    user = await directory.account_by_id(tx, user_id)
    if "@" not in root:
        domain = await _domain(tx, root)
        if user is None or not _is_of(user, root.lower()):
            raise _no_root(root)
        return domain
    account = await directory.find_account(tx, root)
    if account is None or user is None or not await _may_see(tx, user, account):
        raise _no_root(root)
    return _usage(account)


async def _may_see(tx: Transaction, user: Account, account: Account) -> bool:
    """Whether a user may know what an account holds: who may read any of its mailboxes."""
    if user.is_admin or user.id == account.id:
        return True
    held = (await rights.all_held(tx, user.id)).get(account.id, {})
    return any(letters.READ in its for its in held.values())


def _is_of(user: Account, domain: str) -> bool:
    """Whether a user may know what the accounts of a domain hold together."""
    return user.is_admin or user.address.endswith("@" + domain)


async def _roots(tx: Transaction, user_id: int, path: str) -> Told:
    place = await places.find(tx, user_id, path)
    if place is not None:
        place.require(NAMED[wire.GetQuotaRoot])
        account_id = place.account_id
    else:  # RFC 9208 4.1.2: it may be asked before the mailbox is made
        account_id = (await places.above(tx, user_id, path, letters.CREATE)).account_id
    user = await directory.account_by_id(tx, user_id)
    account = await directory.account_by_id(tx, account_id)
    if user is None or account is None:
        raise _no_root(path)
    roots = [(account.address, _usage(account))]
    name = account.address.rpartition("@")[2]
    if not _is_of(user, name):
        return roots
    usage = await quota.of_domain(tx, (await directory.domain(tx, name)).id)
    if usage is not None:
        roots.append((name, usage))
    return roots


async def _set(
    tx: Transaction, actor: Actor, now: int, root: str, limits: Mapping[Resource, int]
) -> quota.Usage:
    user = await directory.account_by_id(tx, actor.account_id)
    if user is None or not user.is_admin:
        raise Fault(Kind.DENIED, "only administrators may set a quota")
    storage = limits.get(Resource.STORAGE, 0) * UNIT
    messages = limits.get(Resource.MESSAGE, 0)
    if "@" not in root:
        change = DomainChange(quota=storage, quota_emails=messages)
        domain = await domains.change(tx, actor, now, root, change)
        return await quota.of_domain(tx, domain.id) or quota.Usage(0, 0, 0, 0)
    wanted = AccountChange(quota=storage, quota_emails=messages)
    return _usage(await accounts.change(tx, actor, now, root, wanted))


async def _domain(tx: Transaction, name: str) -> quota.Usage:
    domain = await directory.home(tx, name.lower())
    usage = await quota.of_domain(tx, domain.id) if domain is not None else None
    if usage is None:
        raise _no_root(name)
    return usage


def _usage(account: Account) -> quota.Usage:
    return quota.Usage(account.quota, account.quota_emails, account.used, account.emails)


def _no_root(name: str) -> Fault:
    return Fault(Kind.NOT_FOUND, f"there is no quota root {name}")


HANDLERS: Final[dict[type[Command], Handler]] = {
    wire.GetQuota: get,
    wire.GetQuotaRoot: get_root,
    wire.SetQuota: set_,
}
