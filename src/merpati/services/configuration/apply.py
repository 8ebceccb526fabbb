"""The store's side of the text: gathering it, and taking the steps of a plan in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

from merpati.base.faults import Fault, Kind
from merpati.model.account import Account, AccountKind
from merpati.model.administration import Actor, Right
from merpati.services.administration import (
    accounts,
    aliases,
    delegating,
    domains,
    lists,
    membership,
    queue,
)
from merpati.services.administration.accounts import AccountChange, NewAccount
from merpati.services.administration.delegating import Rights
from merpati.services.administration.domains import DomainChange
from merpati.services.administration.lists import Flag, ListRules, NewList
from merpati.services.administration.membership import (
    SEND_WORDS,
    MemberChange,
    NewShared,
    SharedChange,
)
from merpati.services.administration.queue import NewRule
from merpati.services.configuration import document
from merpati.services.configuration.document import (
    AccountText,
    Document,
    DomainText,
    ListText,
    RuleText,
    SharedText,
)
from merpati.services.configuration.plan import Plan, PlannedStep, plan, rule_subject
from merpati.services.rotation import make_keys
from merpati.store import configurations, delegates, directory, members, queue_rules
from merpati.store.engine import Store, Transaction

_PEOPLE: Final[dict[str, Flag]] = {"members": "member", "owners": "owner", "posters": "poster"}
_LIST_RULES: Final = (
    "name", "language", "posting", "others", "moderated", "joining", "audience", "replies",
    "archive",
)  # fmt: skip
_SHARED: Final = ("name", "quota", "quota_emails")
_ACCOUNT: Final = ("name", "admin", "disabled", "language", "quota", "quota_emails")


async def gather(tx: Transaction, *, passwords: bool = False) -> Document:
    """All of it as it is; password hashes only when asked for."""
    people: dict[str, AccountText] = {}
    shared: dict[str, SharedText] = {}
    for one in await directory.accounts(tx):
        if one.kind is AccountKind.SHARED:
            shared[one.address] = await _shared_text(tx, one)
            continue
        people[one.address] = AccountText(
            name=one.name, admin=one.is_admin, disabled=one.disabled, language=_language(one),
            quota=one.quota, quota_emails=one.quota_emails, addresses=await _others(tx, one),
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
        accounts=people,
        shared=shared,
        aliases={one.address: sorted(one.targets) for one in await aliases.views(tx)},
        lists=listed,
        delegates=await _delegates(tx),
        rules=await _rules(tx),
    )


async def _shared_text(tx: Transaction, account: Account) -> SharedText:
    people = await members.listing(tx, account.id)
    return SharedText(
        name=account.name, language=_language(account), quota=account.quota,
        quota_emails=account.quota_emails, addresses=await _others(tx, account),
        members=sorted(
            document.member_text(one.name, one.rights, SEND_WORDS[one.send]) for one in people
        ),
    )  # fmt: skip


async def _others(tx: Transaction, account: Account) -> list[str]:
    """Its further addresses; those of second domains follow from them."""
    return (await directory.own_addresses(tx, account.id))[1:]


def _language(account: Account) -> Literal["en", "id"]:
    return "id" if account.language == "id" else "en"


async def _delegates(tx: Transaction) -> dict[str, dict[str, list[Right]]]:
    found: dict[str, dict[str, list[Right]]] = {}
    for one in await delegates.listing(tx):
        held = found.setdefault(one.address, {})
        held[one.domain] = sorted(one.rights, key=lambda right: right.value)
    return found


async def _rules(tx: Transaction) -> list[RuleText]:
    """By what they hold; of several for the same the first, which is the one that counts."""
    found: dict[str, RuleText] = {}
    for one in await queue_rules.rules(tx):
        rule = RuleText(
            sender=one.sender, recipient=one.recipient, destination=one.destination,
            reason=one.reason,
        )  # fmt: skip
        found.setdefault(rule_subject(rule), rule)
    return [found[subject] for subject in sorted(found)]


async def difference(
    tx: Transaction, wanted: Document, *, remove: bool = False, remove_accounts: bool = False,
    language: str = "en",
) -> Plan:  # fmt: skip
    """What applying a document would change, in words of a language. Raises as `plan`."""
    now = await gather(tx, passwords=any(one.password_hash for one in wanted.accounts.values()))
    return plan(now, wanted, remove=remove, remove_accounts=remove_accounts, language=language)


async def apply(
    store: Store, actor: Actor, now: int, wanted: Document, token: Callable[[], str], *,
    remove: bool = False, remove_accounts: bool = False, language: str = "en",
) -> Plan:  # fmt: skip
    """Do it, all or nothing; each step is in the audit. What it was before is kept as a version.

    Raises:
        Fault: as the acts themselves, its text naming the step; nothing is changed then.
    """

    async def unit(tx: Transaction) -> Plan:
        steps = await difference(
            tx, wanted, remove=remove, remove_accounts=remove_accounts, language=language
        )
        await _take_all(tx, actor, now, steps, token)
        return steps

    done = await store.write_long(unit)
    for step in done.steps:
        if (step.kind, step.action) == ("domain", "add"):
            await make_keys(store, step.subject, now)
    return done


async def _take_all(
    tx: Transaction, actor: Actor, now: int, steps: Plan, token: Callable[[], str]
) -> None:
    await note(tx, now)
    for step in steps.steps:
        try:
            await _take(tx, actor, now, step, token)
        except Fault as fault:
            raise Fault(fault.kind, f"{step.words}: {fault.text}") from fault
    await note(tx, now, actor.name)


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
        case "shared", "remove":
            await membership.remove(tx, actor, now, step.subject)
        case "shared", _:
            await _shared(tx, actor, now, step)
        case "delegate", _:
            for domain in {*step.before, *step.after}:
                given = [Right(word) for word in step.after.get(domain, [])]
                await delegating.put(tx, actor, now, step.subject, domain, Rights(given))
        case "rule", _:
            await _rule(tx, actor, now, step)
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


async def _shared(tx: Transaction, actor: Actor, now: int, step: PlannedStep) -> None:
    fields = {key: step.after[key] for key in _SHARED if key in step.after}
    if step.action == "add":
        limit = fields.pop("quota_emails")
        new = NewShared(address=step.subject, language=step.after["language"], **fields)
        await membership.add(tx, actor, now, new)
        fields = {"quota_emails": limit} if limit else {}
    elif "language" in step.after:
        wanted = AccountChange(language=step.after["language"])
        await accounts.change(tx, actor, now, step.subject, wanted)
    if fields:
        await membership.change(tx, actor, now, step.subject, SharedChange(**fields))
    account = await directory.account(tx, step.subject)
    for address in set(step.after.get("addresses", [])) - set(step.before.get("addresses", [])):
        await directory.add_address(tx, account.id, address)
    if "members" not in step.after:
        return
    old, new_ones = (
        {member[0]: member for member in map(document.member_of, side.get("members", []))}
        for side in (step.before, step.after)
    )
    for who in sorted(old.keys() - new_ones.keys()):
        await membership.remove_member(tx, actor, now, step.subject, who)
    for who, held, send in new_ones.values():
        if old.get(who) != (who, held, send):
            member = MemberChange(rights=held, send=send)
            await membership.put_member(tx, actor, now, step.subject, who, member)


async def _rule(tx: Transaction, actor: Actor, now: int, step: PlannedStep) -> None:
    """A rule that is another one now goes, and comes."""
    fields = {"sender": "", "recipient": "", "destination": ""}
    for one in await queue_rules.rules(tx):
        if rule_subject(RuleText(
            sender=one.sender, recipient=one.recipient, destination=one.destination, reason="?"
        )) == step.subject:  # fmt: skip
            fields |= {name: getattr(one, name) for name in fields}
            await queue.remove_rule(tx, actor, now, one.id)
    if step.action != "remove":
        known = {**fields, **step.after}
        await queue.add_rule(tx, actor, now, NewRule(**known))


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
