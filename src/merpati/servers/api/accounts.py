"""Operations on accounts."""

from __future__ import annotations

import asyncio
from typing import Annotated

from msgspec import Meta, Struct, structs

from merpati.base.faults import Fault, Kind
from merpati.model.account import AccountKind
from merpati.model.administration import Right
from merpati.servers.api.operation import Call, Operation, Who
from merpati.servers.api.queries import Page, Removed, Told
from merpati.services.administration import accounts, handing_over, importing, passwords
from merpati.services.administration.accounts import (
    AccountChange,
    AccountDetail,
    AccountView,
    NewAccount,
)
from merpati.services.administration.handing_over import HandedOver, HandOver
from merpati.services.administration.importing import Table, TableResult
from merpati.services.indonesian import say
from merpati.services.login import hash_password
from merpati.store import account_pages
from merpati.store.engine import Transaction

SIGN_INS = 100  # of an account that are shown


class AccountPage(Struct, frozen=True, rename="camel", kw_only=True):
    """Some accounts, and how many there are on all pages."""

    accounts: list[AccountView]
    total: int


class Made(Struct, frozen=True, rename="camel", kw_only=True):
    """An account that was made, with its password if it was made up; it is shown only now."""

    account: AccountView
    password: str


class NewPassword(Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """A password; without one it is made up. `revoke_all` ends all app passwords, too."""

    password: Annotated[str, Meta(max_length=1024)] = ""
    revoke_all: bool = False


class ShownPassword(Struct, frozen=True, rename="camel", kw_only=True):
    """A password that was made up; empty when one was given. It is shown only now."""

    password: str


class RemovedView(Struct, frozen=True, rename="camel", kw_only=True):
    """What can be restored to one mailbox. Times are Unix milliseconds."""

    mailbox: str
    deleted: bool
    emails: int
    bytes: int
    last_removed: int


class Restoring(Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What to restore: of a mailbox and those below it, or what was removed from a time on."""

    mailbox: str = ""
    since: Annotated[int, Meta(ge=0)] = 0


class RestoredView(Struct, frozen=True, rename="camel", kw_only=True):
    """What was put back."""

    emails: int
    mailboxes: list[str]


class SignInView(Struct, frozen=True, rename="camel", kw_only=True):
    """Sign-ins of an account that were alike. Times are Unix milliseconds."""

    at: int
    count: int
    protocol: str
    outcome: str
    peer: str
    client: str


async def listing(call: Call) -> AccountPage:
    """Pages by address."""
    domains = call.domains
    if call.query.domain:
        call.allow(call.query.domain)
        domains = frozenset({call.query.domain})

    async def unit(tx: Transaction) -> AccountPage:
        found, total = await account_pages.page(
            tx, domains=domains, search=call.query.search, kind=AccountKind.PERSON,
            after=call.query.after, limit=call.query.limit,
        )  # fmt: skip
        return AccountPage(accounts=[accounts.view(one) for one in found], total=total)

    return await call.store.scan(unit)


async def show(call: Call) -> AccountDetail:
    """One account."""

    async def unit(tx: Transaction) -> AccountDetail:
        found = await call.account(tx, call.address)
        return await accounts.detail(tx, found.address)

    return await call.store.read(unit)


async def add(call: Call) -> Made:
    """Delegates make people, never administrators."""
    new: NewAccount = call.body
    call.allow(new.address)
    if new.admin and not call.scope.everything:
        raise Fault(Kind.DENIED, "only an administrator makes administrators")
    made_up = "" if new.password else passwords.make_up()
    hashed = await _hashed(new.password or made_up)
    account = await call.store.write(accounts.add, call.actor, call.now, new, hashed)
    return Made(account=accounts.view(account), password=made_up)


async def change(call: Call) -> AccountView:
    """A delegate keeps within the domains they look after."""
    wanted: AccountChange = call.body
    if isinstance(wanted.address, str):
        call.allow(wanted.address)
    if isinstance(wanted.admin, bool) and not call.scope.everything:
        raise Fault(Kind.DENIED, "only an administrator makes administrators")

    async def unit(tx: Transaction) -> AccountView:
        found = await call.account(tx, call.address)
        changed = await accounts.change(tx, call.actor, call.now, found.address, wanted)
        return accounts.view(changed)

    return await call.store.write(unit)


async def set_password(call: Call) -> ShownPassword:
    """Another password, given or made up."""
    given: str = call.body.password
    made_up = "" if given else passwords.make_up()
    hashed = await _hashed(given or made_up)

    async def unit(tx: Transaction) -> None:
        found = await call.account(tx, call.address)
        await accounts.set_password(
            tx, call.actor, call.now, found.address, hashed, revoke_all=call.body.revoke_all
        )

    await call.store.write(unit)
    return ShownPassword(password=made_up)


async def remove(call: Call) -> None:
    """Erase."""

    async def unit(tx: Transaction) -> None:
        found = await call.account(tx, call.address)
        if found.id == call.user.id:
            raise Fault(Kind.DENIED, "nobody erases the account they have signed in with")
        await accounts.remove(tx, call.actor, call.now, found.address)

    await call.store.write_long(unit)


async def removed_mail(call: Call) -> list[RemovedView]:
    """What can be restored."""
    account = await call.store.read(call.account, call.address)
    found = await call.services.restore.summary(
        account.id, mailbox=call.query.mailbox, since=call.query.since
    )
    return [
        RemovedView(
            mailbox=one.path, deleted=one.gone, emails=one.emails, bytes=one.size,
            last_removed=one.latest,
        )
        for one in found
    ]  # fmt: skip


async def restore(call: Call) -> RestoredView:
    """Put it back."""
    wanted: Restoring = call.body
    account = await call.store.read(call.account, call.address)
    if not wanted.mailbox and not wanted.since:
        raise Fault(Kind.SYNTAX, "say what: mailbox, or since, or both")

    async def note(emails: int, boxes: list[str]) -> None:
        await call.store.write(
            accounts.note_restored, call.actor, call.now, account.address, emails, boxes
        )

    done = await call.services.restore.restore(
        account.id, mailbox=wanted.mailbox, since=wanted.since, note=note
    )
    return RestoredView(emails=done.emails, mailboxes=list(done.mailboxes))


async def sign_ins(call: Call) -> list[SignInView]:
    """The latest first."""
    account = await call.store.read(call.account, call.address)
    found = await call.services.history.of_account(account.id, SIGN_INS)
    return [
        SignInView(
            at=one.at, count=one.times, protocol=one.protocol,
            outcome="ok" if one.success else "failed", peer=one.peer, client=one.client,
        )
        for one in found
    ]  # fmt: skip


async def hand_over(call: Call) -> HandedOver:
    """Both accounts have to be the caller's to administer."""
    wanted: HandOver = call.body

    async def unit(tx: Transaction) -> HandedOver:
        found = await call.account(tx, call.address)
        if found.id == call.user.id:
            raise Fault(Kind.DENIED, "nobody hands over the account they have signed in with")
        await call.account(tx, wanted.to)
        token = call.services.ids.token
        return await handing_over.hand_over(tx, call.actor, call.now, found.address, wanted, token)

    return _told(call, await call.store.write_long(unit))


async def hand_back(call: Call) -> HandedOver:
    """As one act."""

    async def unit(tx: Transaction) -> HandedOver:
        found = await call.account(tx, call.address)
        token = call.services.ids.token
        return await handing_over.hand_back(tx, call.actor, call.now, found.address, token)

    return _told(call, await call.store.write_long(unit))


async def show_hand_over(call: Call) -> HandedOver:
    """As long as it can be taken back."""

    async def unit(tx: Transaction) -> HandedOver:
        found = await call.account(tx, call.address)
        state = await handing_over.state(tx, found.address)
        if state is None:
            raise Fault(Kind.NOT_FOUND, f"{found.address} was not handed over")
        return state

    return await call.store.read(unit)


def _told(call: Call, done: HandedOver) -> HandedOver:
    return structs.replace(done, steps=[say(one, call.language) for one in done.steps])


async def import_table(call: Call) -> TableResult:
    """Each row by itself; every row has to be the caller's to make."""
    table: Table = call.body
    for _, wanted, address in importing.read(table.csv):
        if not isinstance(wanted, str):
            call.allow(address)
    return await importing.run(call.store, call.actor, call.now, table)


async def _hashed(password: str) -> str:
    prepared = passwords.prepare(password)
    return await asyncio.to_thread(hash_password, prepared)


_TOPIC = "accounts"
_DELEGATE = Who.DELEGATE
_RIGHT = Right.ACCOUNTS
OPERATIONS = (
    Operation(
        method="GET", path="/accounts", name="listAccounts", topic=_TOPIC, does=listing,
        who=_DELEGATE, right=_RIGHT, query=Page, answer=AccountPage,
        text="Accounts of people, a page at a time.",
    ),
    Operation(
        method="POST", path="/accounts", name="addAccount", topic=_TOPIC, does=add, status=201,
        who=_DELEGATE, right=_RIGHT, body=NewAccount, answer=Made,
        text="Make an account.",
    ),
    Operation(
        method="POST", path="/accounts/import", name="importAccounts", topic=_TOPIC,
        does=import_table, who=_DELEGATE, right=_RIGHT, body=Table, answer=TableResult,
        text="Make the accounts of a CSV table, or say what would be done.",
    ),
    Operation(
        method="GET", path="/accounts/{address}", name="showAccount", topic=_TOPIC, does=show,
        who=_DELEGATE, right=_RIGHT, answer=AccountDetail,
        text="An account with its addresses and mailboxes.",
    ),
    Operation(
        method="PATCH", path="/accounts/{address}", name="changeAccount", topic=_TOPIC,
        does=change, who=_DELEGATE, right=_RIGHT, body=AccountChange, answer=AccountView,
        text="Change, rename, disable or enable an account; what is left out stays.",
    ),
    Operation(
        method="DELETE", path="/accounts/{address}", name="removeAccount", topic=_TOPIC,
        does=remove, who=_DELEGATE, right=_RIGHT,
        text="Erase an account with all its mail, for good.",
    ),
    Operation(
        method="POST", path="/accounts/{address}/password", name="setPassword", topic=_TOPIC,
        does=set_password, who=_DELEGATE, right=_RIGHT, body=NewPassword, answer=ShownPassword,
        text="Give an account another password.",
    ),
    Operation(
        method="GET", path="/accounts/{address}/hand-over", name="showHandOver", topic=_TOPIC,
        does=show_hand_over, who=_DELEGATE, right=_RIGHT, answer=HandedOver,
        text="To whom an account was handed over, as long as that can be taken back.",
    ),
    Operation(
        method="POST", path="/accounts/{address}/hand-over", name="handOver", topic=_TOPIC,
        does=hand_over, who=_DELEGATE, right=_RIGHT, query=Told, body=HandOver, answer=HandedOver,
        text="Hand the account of somebody who leaves to a successor, or say what would happen.",
    ),
    Operation(
        method="POST", path="/accounts/{address}/hand-back", name="handBack", topic=_TOPIC,
        does=hand_back, who=_DELEGATE, right=_RIGHT, query=Told, answer=HandedOver,
        text="Make an account that was handed over as it was; it answers with what stays.",
    ),
    Operation(
        method="GET", path="/accounts/{address}/removed", name="listRemovedMail", topic=_TOPIC,
        does=removed_mail, who=_DELEGATE, right=_RIGHT, query=Removed, answer=list[RemovedView],
        text="Removed mail that can be restored, by mailbox.",
    ),
    Operation(
        method="POST", path="/accounts/{address}/restore", name="restoreMail", topic=_TOPIC,
        does=restore, who=_DELEGATE, right=_RIGHT, body=Restoring, answer=RestoredView,
        text="Put removed mail back where it was.",
    ),
    Operation(
        method="GET", path="/accounts/{address}/sign-ins", name="listSignIns", topic=_TOPIC,
        does=sign_ins, who=_DELEGATE, right=_RIGHT, answer=list[SignInView],
        text="The latest sign-ins of an account, tries that failed too.",
    ),
)  # fmt: skip
