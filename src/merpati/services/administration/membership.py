"""Mailboxes that several people share, and their members."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from merpati.base.faults import Fault
from merpati.model import rights
from merpati.model.account import Account, AccountKind
from merpati.model.administration import Actor
from merpati.services.administration.accounts import Address, Bytes, Language, Name, Number
from merpati.store import account_pages, audit, directory, handovers, members
from merpati.store import rights as store_rights
from merpati.store.engine import Transaction
from merpati.store.members import Member, Send

SendWord = Literal["no", "as", "behalf"]
SENDS: Final[dict[SendWord, Send]] = {"no": Send.NOT, "as": Send.AS, "behalf": Send.BEHALF}
SEND_WORDS: Final = {send: word for word, send in SENDS.items()}
RightsWord = Annotated[
    str, Meta(max_length=20, description="none, read, write, all, or letters of RFC 4314.")
]


class MemberView(Struct, frozen=True, rename="camel"):
    """One member: an address, `anyone` of the domain, or `@domain`."""

    member: str
    rights: str
    send: str


class SharedView(Struct, frozen=True, rename="camel", kw_only=True):
    """A shared mailbox with its members.

    Attributes:
        handed_over_to: Whom a person's account went to that became this one; empty: none, or
            that was too long ago to be taken back.
        until: So long it can be; Unix milliseconds.
    """

    address: str
    name: str
    quota: int
    quota_emails: int
    used: int
    emails: int
    members: list[MemberView]
    handed_over_to: str = ""
    until: int = 0


class NewShared(Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """A shared mailbox to be made; without a name it has the part before the @."""

    address: Address
    name: Name = ""
    quota: Bytes = 0
    language: Language = "en"


class SharedChange(Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What to change of a shared mailbox; what is left out stays."""

    name: Name | UnsetType = UNSET
    quota: Bytes | UnsetType = UNSET
    quota_emails: Number | UnsetType = UNSET


class MemberChange(Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What a member may do; what is left out stays, and is `write` for a new one."""

    rights: RightsWord | UnsetType = UNSET
    send: SendWord | UnsetType = UNSET


async def views(tx: Transaction, only: Collection[str] | None = None) -> list[SharedView]:
    """All shared mailboxes, or those of some domains."""
    found, _ = await account_pages.page(
        tx, domains=only, kind=AccountKind.SHARED, limit=account_pages.PAGE_MAX
    )
    return [await _view(tx, account) for account in found]


async def view(tx: Transaction, address: str) -> SharedView:
    """One of them. Raises Fault NOT_FOUND."""
    return await _view(tx, await members.shared(tx, address))


async def add(tx: Transaction, actor: Actor, now: int, new: NewShared) -> Account:
    """Make one. Raises as `members.add_shared`."""
    name = new.name or new.address.partition("@")[0]
    account = await members.add_shared(
        tx, new.address, name=name, now=now, quota=new.quota, language=new.language
    )
    await audit.record(
        tx, actor, now, "shared.add", account.address,
        after={"name": name, "quota": new.quota, "language": new.language},
    )  # fmt: skip
    return account


async def change(
    tx: Transaction, actor: Actor, now: int, address: str, wanted: SharedChange
) -> Account:
    """Change one. Raises Fault NOT_FOUND; as `members.rename_shared`."""
    before = await members.shared(tx, address)
    columns: dict[str, str | int] = {}
    if wanted.quota is not UNSET:
        columns["quota"] = wanted.quota
    if wanted.quota_emails is not UNSET:
        columns["quota_emails"] = wanted.quota_emails
    if columns:
        await directory.set_account(tx, before.id, **columns)
    if wanted.name is not UNSET and wanted.name:
        await members.rename_shared(tx, before, wanted.name)
    after = await members.shared(tx, before.address)
    await audit.record(
        tx, actor, now, "shared.change", before.address, before=_limits(before),
        after=_limits(after),
    )  # fmt: skip
    return after


async def put_member(
    tx: Transaction, actor: Actor, now: int, address: str, member: str, wanted: MemberChange
) -> None:
    """Let somebody be a member, or change what a member may do. Raises as `members.put`."""
    account = await members.shared(tx, address)
    before = await _find(tx, account, member)
    word = "write" if wanted.rights is UNSET and before is None else wanted.rights
    held = None if isinstance(word, UnsetType) else rights.from_words(word)
    send = None if wanted.send is UNSET else SENDS[wanted.send]
    await members.put(tx, account.id, member, held=held, send=send)
    after = await _find(tx, account, member)
    await audit.record(
        tx, actor, now, "shared.member", account.address, before=_member(before),
        after=_member(after),
    )  # fmt: skip


async def remove_member(tx: Transaction, actor: Actor, now: int, address: str, member: str) -> None:
    """Let somebody be a member no longer. Raises Fault NOT_FOUND."""
    account = await members.shared(tx, address)
    before = await _find(tx, account, member)
    await members.remove(tx, account.id, member)
    await audit.record(tx, actor, now, "shared.unmember", account.address, before=_member(before))


async def remove(tx: Transaction, actor: Actor, now: int, address: str) -> None:
    """Erase one with all its mail. Raises Fault NOT_FOUND."""
    account = await members.shared(tx, address)
    before = {
        **_limits(account), "language": account.language, "emails": account.emails,
        "addresses": (await directory.own_addresses(tx, account.id))[1:],
        "members": await rows(tx, account.address),
    }  # fmt: skip
    await directory.remove_account(tx, account.id)
    await audit.record(tx, actor, now, "shared.remove", account.address, before=before)


async def _view(tx: Transaction, account: Account) -> SharedView:
    people = await members.listing(tx, account.id)
    handed = await handovers.find(tx, account.id)
    to = await directory.account_by_id(tx, handed.successor_id) if handed else None
    return SharedView(
        address=account.address, name=account.name, quota=account.quota,
        quota_emails=account.quota_emails, used=account.used, emails=account.emails,
        members=[
            MemberView(one.name, rights.level(one.rights), SEND_WORDS[one.send]) for one in people
        ],
        handed_over_to=to.address if to else "", until=handed.until if handed else 0,
    )  # fmt: skip


async def _find(tx: Transaction, account: Account, member: str) -> Member | None:
    try:
        subject = await store_rights.subject(tx, account.id, member)
    except Fault:  # whoever acts upon it says so
        return None
    found = await members.listing(tx, account.id)
    return next((one for one in found if one.subject == subject), None)


async def limits(tx: Transaction, address: str) -> dict[str, object]:
    """What an entry of the audit says of a shared mailbox. Raises Fault NOT_FOUND."""
    return _limits(await members.shared(tx, address))


async def rows(tx: Transaction, address: str) -> dict[str, object]:
    """The members as the audit has them, by name. Raises Fault NOT_FOUND."""
    account = await members.shared(tx, address)
    found: dict[str, object] = {}
    for one in await members.listing(tx, account.id):
        found |= _member(one)
    return found


def _limits(account: Account) -> dict[str, object]:
    return {
        "name": account.name, "quota": account.quota, "quota_emails": account.quota_emails,
    }  # fmt: skip


def _member(one: Member | None) -> dict[str, object]:
    if one is None:
        return {}
    return {one.name: {"rights": one.rights, "send": SEND_WORDS[one.send]}}
