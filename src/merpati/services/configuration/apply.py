"""The store's side of the text: gathering it, and taking the steps of a plan in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from merpati.base.faults import Fault, Kind
from merpati.model.account import AccountKind
from merpati.model.administration import Actor
from merpati.services.administration import accounts, aliases, domains, lists
from merpati.services.administration.accounts import AccountChange, NewAccount
from merpati.services.administration.domains import DomainChange
from merpati.services.administration.lists import Flag, ListRules, NewList
from merpati.services.configuration import document
from merpati.services.configuration.document import (
    AccountText,
    Document,
    DomainText,
    ListText,
)
from merpati.services.configuration.plan import Plan, PlannedStep, plan
from merpati.store import configurations, directory
from merpati.store.engine import Transaction

_PEOPLE: Final[dict[str, Flag]] = {"members": "member", "owners": "owner", "posters": "poster"}
_LIST_RULES: Final = (
    "name", "language", "posting", "others", "moderated", "joining", "audience", "replies",
    "archive",
)  # fmt: skip
_ACCOUNT: Final = ("name", "admin", "disabled", "language", "quota", "quota_emails")


async def gather(tx: Transaction, *, passwords: bool = False) -> Document:
    """All of it as it is; password hashes only when asked for. Shared mailboxes are not in it."""
    people = [one for one in await directory.accounts(tx) if one.kind is AccountKind.PERSON]
    made = {}
    for one in people:
        others = [name for name in await directory.addresses(tx, one.id) if name != one.address]
        made[one.address] = AccountText(
            name=one.name, admin=one.is_admin, disabled=one.disabled,
            language="id" if one.language == "id" else "en", quota=one.quota,
            quota_emails=one.quota_emails, addresses=sorted(others),
            password_hash=one.password if passwords else None,
        )  # fmt: skip
    listed = {}
    for known in await lists.views(tx):
        full = await lists.detail(tx, known.address)
        listed[known.address] = ListText(
            **{name: getattr(full, name) for name in _LIST_RULES},
            members=sorted(each.address for each in full.people if each.member),
            owners=sorted(each.address for each in full.people if each.owner),
            posters=sorted(each.address for each in full.people if each.may_post),
        )
    return Document(
        domains={
            one.name: DomainText(
                second_names=one.aliases, quota=one.quota, quota_emails=one.quota_emails
            )
            for one in await domains.views(tx)
        },
        accounts=made,
        aliases={one.address: sorted(one.targets) for one in await aliases.views(tx)},
        lists=listed,
    )


async def difference(
    tx: Transaction, wanted: Document, *, remove: bool = False, remove_accounts: bool = False
) -> Plan:
    """What applying a document would change."""
    now = await gather(tx, passwords=any(one.password_hash for one in wanted.accounts.values()))
    return plan(now, wanted, remove=remove, remove_accounts=remove_accounts)


async def apply(
    tx: Transaction, actor: Actor, now: int, wanted: Document, token: Callable[[], str], *,
    remove: bool = False, remove_accounts: bool = False,
) -> Plan:  # fmt: skip
    """Do it, all or nothing; each step is in the audit. What it was before is kept as a version.

    Raises:
        Fault: as the acts themselves, its text naming the step; nothing is changed then.
    """
    steps = await difference(tx, wanted, remove=remove, remove_accounts=remove_accounts)
    await note(tx, now)
    for step in steps.steps:
        try:
            await _take(tx, actor, now, step, token)
        except Fault as fault:
            raise Fault(fault.kind, f"{step.words}: {fault.text}") from fault
    await note(tx, now, actor.name)
    return steps


async def note(tx: Transaction, now: int, who: str = "") -> int:
    """Keep the configuration as it is as a version, unless it is the last one; its number."""
    text = document.render(await gather(tx))
    return await configurations.note(tx, now, who, text)


async def _take(
    tx: Transaction, actor: Actor, now: int, step: PlannedStep, token: Callable[[], str]
) -> None:
    match step.kind, step.action:
        case "domain", "remove":
            for alias in step.before["second_names"]:
                await domains.remove_alias(tx, actor, now, alias)
            await domains.remove(tx, actor, now, step.subject)
        case "domain", _:
            await _domain(tx, actor, now, step)
        case "account", "remove":
            await accounts.remove(tx, actor, now, step.subject)
        case "account", _:
            await _account(tx, actor, now, step)
        case "alias", "remove":
            await aliases.remove(tx, actor, now, step.subject)
        case "alias", _:
            if not step.after["targets"]:
                raise Fault(Kind.SYNTAX, "an alias needs a target; leave it out to remove it")
            await aliases.put(tx, actor, now, step.subject, step.after["targets"])
        case "list", "remove":
            await lists.remove(tx, actor, now, step.subject)
        case _:
            await _list(tx, actor, now, step, token)


async def _domain(tx: Transaction, actor: Actor, now: int, step: PlannedStep) -> None:
    if step.action == "add":
        await domains.add(tx, actor, now, step.subject)
    limits = {key: step.after[key] for key in ("quota", "quota_emails") if key in step.after}
    if any(limits.values()) or (step.action == "change" and limits):
        await domains.change(tx, actor, now, step.subject, DomainChange(**limits))
    before, after = (set(side.get("second_names", [])) for side in (step.before, step.after))
    if "second_names" in step.after:
        for name in sorted(after - before):
            await domains.add_alias(tx, actor, now, name, step.subject)
        for name in sorted(before - after):
            await domains.remove_alias(tx, actor, now, name)


async def _account(tx: Transaction, actor: Actor, now: int, step: PlannedStep) -> None:
    fields: dict[str, Any] = {key: step.after[key] for key in _ACCOUNT if key in step.after}
    hashed = step.after.get("password_hash")
    if step.action == "add":
        disabled = fields.pop("disabled")
        await accounts.add(tx, actor, now, NewAccount(address=step.subject, **fields), hashed or "")
        fields = {"disabled": True} if disabled else {}
    elif hashed is not None:
        await accounts.set_password(tx, actor, now, step.subject, hashed)
    if fields:
        await accounts.change(tx, actor, now, step.subject, AccountChange(**fields))
    known = set(step.before.get("addresses", []))
    account = await directory.account(tx, step.subject)
    for address in step.after.get("addresses", []):
        if address not in known:
            await directory.add_address(tx, account.id, address)


async def _list(
    tx: Transaction, actor: Actor, now: int, step: PlannedStep, token: Callable[[], str]
) -> None:
    rules: dict[str, Any] = {
        name: document.enum_of(name, step.after[name]) for name in _LIST_RULES if name in step.after
    }
    if step.action == "add":
        await lists.create(tx, actor, now, NewList(address=step.subject, **rules), token)
    elif rules:
        await lists.change(tx, actor, now, step.subject, ListRules(**rules))
    for field, flag in _PEOPLE.items():
        if field not in step.after:
            continue
        before, after = set(step.before.get(field, [])), set(step.after[field])
        for people, value in ((sorted(after - before), True), (sorted(before - after), False)):
            if people:
                await lists.set_people(
                    tx,
                    actor,
                    now,
                    step.subject,
                    people,
                    flag,
                    token,
                    value=value,
                )
