"""People's accounts: made, changed, disabled, erased."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from merpati.base.faults import Fault, Kind
from merpati.model.account import Account, AccountKind
from merpati.model.administration import Actor
from merpati.store import app_passwords, audit, directory, forwards, mailboxes, members
from merpati.store.engine import Transaction

Bytes = Annotated[int, Meta(ge=0, le=2**53, description="In bytes; 0 is no limit.")]
Number = Annotated[int, Meta(ge=0, le=2**53, description="0 is no limit.")]
Language = Literal["en", "id"]
Address = Annotated[str, Meta(min_length=3, max_length=320)]
Name = Annotated[str, Meta(max_length=200)]
Password = Annotated[str, Meta(min_length=1, max_length=1024)]


class AccountView(Struct, frozen=True, rename="camel", kw_only=True):
    """An account as lists show it."""

    address: str
    name: str
    kind: AccountKind
    admin: bool
    disabled: bool
    language: str
    quota: int
    quota_emails: int
    used: int
    emails: int


class MailboxView(Struct, frozen=True, rename="camel"):
    """A mailbox of an account, in numbers."""

    name: str
    emails: int
    unseen: int
    bytes: int


class AccountDetail(AccountView, frozen=True, kw_only=True):
    """An account with all its addresses and mailboxes."""

    addresses: list[str]
    mailboxes: list[MailboxView]


class NewAccount(Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """An account to be made."""

    address: Address
    name: Name = ""
    password: Password | None = None
    admin: bool = False
    quota: Bytes = 0
    quota_emails: Number = 0
    language: Language = "en"


class AccountChange(Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What to change of an account; what is left out stays."""

    address: Address | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    admin: bool | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET
    quota: Bytes | UnsetType = UNSET
    quota_emails: Number | UnsetType = UNSET
    language: Language | UnsetType = UNSET


def view(account: Account) -> AccountView:
    """What lists show of an account."""
    return AccountView(**fields(account))


async def detail(tx: Transaction, address: str) -> AccountDetail:
    """An account with its addresses and mailboxes. Raises Fault NOT_FOUND."""
    account = await directory.account(tx, address)
    boxes = await mailboxes.listing(tx, account.id)
    return AccountDetail(
        **fields(account),
        addresses=await directory.addresses(tx, account.id),
        mailboxes=[MailboxView(box.name, box.total, box.unseen, box.size) for box in boxes],
    )


async def add(tx: Transaction, actor: Actor, now: int, new: NewAccount, hashed: str) -> Account:
    """Make an account.

    Args:
        tx: The transaction.
        actor: Who does it.
        now: Unix milliseconds.
        new: What it is to be; its password is not looked at.
        hashed: Its password, as `login.hash_password` makes it.

    Raises:
        Fault: as `directory.add_account`.
    """
    account = await directory.add_account(
        tx, new.address, name=new.name, password=hashed, now=now, is_admin=new.admin,
        quota=new.quota, language=new.language,
    )  # fmt: skip
    if new.quota_emails:
        await directory.set_account(tx, account.id, quota_emails=new.quota_emails)
    after = {**structs.asdict(new), "address": account.address}
    del after["password"]
    await audit.record(tx, actor, now, "account.add", account.address, after=after)
    return await directory.account(tx, account.address)


async def change(
    tx: Transaction, actor: Actor, now: int, address: str, wanted: AccountChange
) -> Account:
    """Change an account; a new address leaves the old one as a second one of it.

    Raises:
        Fault: NOT_FOUND; EXISTS for an address in use; DENIED for the last administrator; as
            `members.check_name` for a shared mailbox.
    """
    before = await directory.account(tx, address)
    given: dict[str, Any] = {
        name: value for name, value in structs.asdict(wanted).items() if value is not UNSET
    }
    target = given.pop("address", "")
    if before.kind is AccountKind.SHARED:
        await _rename_shared(tx, before, given.pop("name", before.name), target)
    if given.get("admin") is False or given.get("disabled") is True:
        await keep_one(tx, before)
    columns = {
        {"admin": "is_admin"}.get(name, name): int(value) if isinstance(value, bool) else value
        for name, value in given.items()
    }
    if columns:
        await directory.set_account(tx, before.id, **columns)
    if target and target.lower() != before.address:
        await directory.rename(tx, before.id, target)
    after = await directory.account_by_id(tx, before.id)
    assert after is not None
    old, new = fields(before), fields(after)
    if old != new:
        await audit.record(tx, actor, now, "account.change", before.address, before=old, after=new)
    return after


async def _rename_shared(tx: Transaction, before: Account, name: str, target: str) -> None:
    """Give a shared mailbox its name, which has to be its own in the domain of its new address."""
    if target and target.lower().rpartition("@")[2] != before.address.rpartition("@")[2]:
        await members.check_name(tx, target, name)
    await members.rename_shared(tx, before, name)


async def set_password(
    tx: Transaction, actor: Actor, now: int, address: str, hashed: str, *, revoke_all: bool = False
) -> Account:
    """Give an account another password; all its sessions end.

    App passwords go on working, for mostly the password was only forgotten; with `revoke_all`
    none does.

    Raises:
        Fault: NOT_FOUND; DENIED for a shared account.
    """
    account = await directory.account(tx, address)
    if account.kind is AccountKind.SHARED:
        raise Fault(Kind.DENIED, f"nobody signs in to {account.address}: it is shared")
    await directory.set_account(tx, account.id, password=hashed)
    revoked = await app_passwords.remove_all(tx, account.id) if revoke_all else 0
    after = {"app_passwords_revoked": revoked} if revoke_all else None
    await audit.record(tx, actor, now, "account.password", account.address, after=after)
    return account


async def forward(
    tx: Transaction, actor: Actor, now: int, address: str, targets: list[str], *, keep: bool
) -> None:
    """Send an account's mail on to these addresses; to none: no longer. Raises Fault NOT_FOUND."""
    account = await directory.account(tx, address)
    before = await forwarding(tx, account.id)
    await forwards.set_forward(tx, account.id, targets, keep=keep)
    after = await forwarding(tx, account.id)
    await audit.record(
        tx, actor, now, "account.forward", account.address, before=before, after=after
    )


async def hand_out(tx: Transaction, actor: Actor, now: int, address: str, folder: str) -> None:
    """Let an account answer requests with the files of a folder; empty: no longer.

    Raises:
        Fault: NOT_FOUND.
    """
    account = await directory.account(tx, address)
    before = await handed_out(tx, address)
    await forwards.set_folder(tx, account.id, folder)
    after = {"folder": folder}
    await audit.record(tx, actor, now, "account.info", account.address, before=before, after=after)


async def handed_out(tx: Transaction, address: str) -> dict[str, Any]:
    """The folder whose files an account hands out, as the audit has it. Raises Fault NOT_FOUND."""
    account = await directory.account(tx, address)
    return {"folder": await forwards.folder(tx, account.id)}


async def forwarding(tx: Transaction, account_id: int) -> dict[str, Any]:
    """Where an account's mail goes on to, as the audit has it."""
    targets, keep = await forwards.forward(tx, account_id)
    return {"targets": targets, "keep": keep}


async def remove(tx: Transaction, actor: Actor, now: int, address: str) -> Account:
    """Erase an account with all its mail. Raises Fault NOT_FOUND, DENIED as `change`."""
    account = await directory.account(tx, address)
    await keep_one(tx, account)
    addresses = await directory.own_addresses(tx, account.id)
    await directory.remove_account(tx, account.id)
    before = {**fields(account), "addresses": addresses[1:]}
    await audit.record(tx, actor, now, "account.remove", account.address, before=before)
    return account


async def keep_one(tx: Transaction, account: Account) -> None:
    """Nobody locks everybody out: raises Fault DENIED for the last administrator."""
    if not account.is_admin or account.disabled:
        return
    others = await tx.value(
        "SELECT count(*) FROM account WHERE is_admin = 1 AND disabled = 0 AND id <> $1", account.id
    )
    if not others:
        text = f"{account.address} is the last administrator; name another one first"
        raise Fault(Kind.DENIED, text)


def fields(account: Account) -> dict[str, Any]:
    """An account as the audit has it."""
    return {
        "address": account.address,
        "name": account.name,
        "kind": account.kind,
        "admin": account.is_admin,
        "disabled": account.disabled,
        "language": account.language,
        "quota": account.quota,
        "quota_emails": account.quota_emails,
        "used": account.used,
        "emails": account.emails,
    }


def plain(account: Account) -> dict[str, Any]:
    """An account as `--json` shows it."""
    found: dict[str, Any] = msgspec.to_builtins(view(account))
    return found


async def note_restored(
    tx: Transaction, actor: Actor, now: int, address: str, emails: int, boxes: list[str]
) -> None:
    """Write into the audit that removed mail was put back."""
    after = {"emails": emails, "mailboxes": boxes}
    await audit.record(tx, actor, now, "account.restore", address, after=after)
