"""Taking back a change of the audit, by the ordinary act that makes it as it was.

Each kind of change that can be taken back has two functions here: how things stand now, in the
words of the audit's entry, and the act. It is refused when they stand otherwise than the change
left them, so that nothing later is lost by it. The act is in the audit like any other, with
`undoes` saying of which entry, and so can be taken back itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import structs

from merpati.base.faults import Fault, Kind
from merpati.model.account import Account, AccountKind
from merpati.model.administration import Actor, Right
from merpati.model.queue import Suppression
from merpati.services.administration import (
    accounts,
    aliases,
    delegating,
    domains,
    guarding,
    handing_over,
    hooks,
    lists,
    membership,
    queue,
)
from merpati.services.administration.accounts import AccountChange, NewAccount
from merpati.services.administration.domains import DomainChange
from merpati.services.administration.handing_over import HandOver
from merpati.services.administration.lists import FLAGS, Flag, ListRules, NewList
from merpati.services.administration.membership import MemberChange, NewShared, SharedChange
from merpati.services.administration.queue import NewRule
from merpati.services.rotation import make_keys
from merpati.services.webhooks import purpose
from merpati.store import audit, delegates, directory, habits, suppression, webhooks
from merpati.store.audit import Entry
from merpati.store.engine import Store, Transaction

Token = Callable[[], str]  # makes unguessable names


class Act(NamedTuple):
    """Who takes what back: the entry, and how things stand are handed to the act beside it."""

    actor: Actor
    now: int  # Unix milliseconds
    token: Token


Stands = Callable[[Transaction, Entry], Awaitable[Mapping[str, Any]]]
Back = Callable[[Transaction, Act, Entry], Awaitable[object]]


class Reversal(NamedTuple):
    """How one kind of change is taken back."""

    stands: Stands
    back: Back


ERASED: Final = "Its mail was erased for good; a backup may have it."
SHOWN_ONCE: Final = "Secrets are shown only once: make a new one, or remove this one."
WAITING: Final = "What was done to mail that waits is done: act upon it again in the queue."
OTHERS: Final = "This kind of change cannot be taken back."
NEVER: Final = {
    "account.password": "Passwords are not kept: give the account a new one.",
    "account.restore": "Mail that was put back is removed like any other.",
    "account.sign-in-changed": "How somebody signs in is theirs to change; no secret is kept.",
    "list.approve": "The post has gone out.",
    "list.reject": "The post was thrown away, and its author told.",
    "token.add": SHOWN_ONCE,
    "token.remove": SHOWN_ONCE,
    "webhook.remove": SHOWN_ONCE,
    "backup.begin": "A backup takes nothing away.",
}


WHOLE: Final = frozenset({"account.handover", "account.handback"})  # with all that passes


def never(entry: Entry) -> str:
    """Why a change can never be taken back; empty: it may be possible."""
    if entry.action in {"account.remove", "shared.remove"} and entry.before.get("emails", 1):
        return ERASED
    if entry.action in REVERSALS:
        return ""
    if entry.action.startswith("sign-in."):
        return NEVER["account.sign-in-changed"]
    if entry.action.startswith("queue."):
        return WAITING
    return NEVER.get(entry.action, OTHERS)


async def why_not(tx: Transaction, entry: Entry) -> str:
    """Why a change cannot be taken back now, in one sentence; empty: it can."""
    reasons = [await _why_not(tx, one) for one in await _act(tx, entry)]
    return next(filter(None, reasons), "")


async def _act(tx: Transaction, entry: Entry) -> list[Entry]:
    """The changes that go back with this one, the latest first."""
    found = await audit.act(tx, entry)
    return next(([one] for one in found if one.action in WHOLE), found)


async def _why_not(tx: Transaction, entry: Entry) -> str:
    if reason := never(entry):
        return reason
    try:
        now = msgspec.to_builtins(await REVERSALS[entry.action].stands(tx, entry))
    except Fault as fault:
        return fault.text
    for name in sorted({*entry.before, *entry.after}):
        left, found = entry.after.get(name), now.get(name)
        if left != found:
            return (
                f"{entry.subject} has changed since: {name.replace(' ', '-')}"
                f" is {_told(found)} now, and the change left {_told(left)}."
            )
    return ""


async def undo(store: Store, actor: Actor, now: int, number: int, token: Token) -> Entry:
    """Take a change back; the entry of the audit that says so.

    Args:
        store: Where it is.
        actor: Who does it.
        now: Unix milliseconds.
        number: Of the entry.
        token: Makes unguessable names, for people of lists.

    Raises:
        Fault: NOT_FOUND for no such entry; IN_USE with the reason why not; as the act itself.
    """

    async def unit(tx: Transaction) -> tuple[Entry, Entry]:
        entry = await audit.find(tx, number)
        act = Act(structs.replace(actor, undoes=number), now, token)
        for one in await _act(tx, entry):
            if reason := await _why_not(tx, one):
                raise Fault(Kind.IN_USE, reason)
            await REVERSALS[one.action].back(tx, act, one)
        return entry, await audit.find(tx, (await audit.find(tx, number)).undone_by)

    entry, done = await store.write_long(unit)
    if entry.action == "domain.remove":
        await make_keys(store, entry.subject, now)
    return done


def _told(value: Any) -> str:
    if value is None or value in ("", []):
        return "nothing"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


# Accounts


async def _account(tx: Transaction, entry: Entry) -> Mapping[str, Any]:
    return accounts.fields(await _changed(tx, entry))


async def _changed(tx: Transaction, entry: Entry) -> Account:
    return await directory.account(tx, entry.after.get("address", entry.subject))


async def _account_back(tx: Transaction, act: Act, entry: Entry) -> None:
    known = {name: value for name, value in entry.before.items() if name in ACCOUNT}
    account = await _changed(tx, entry)
    await accounts.change(tx, act.actor, act.now, account.address, AccountChange(**known))


ACCOUNT: Final = frozenset(AccountChange.__struct_fields__)


async def _empty_account(tx: Transaction, entry: Entry) -> Mapping[str, Any]:
    account = await directory.account(tx, entry.subject)
    if account.emails:
        text = f"{account.address} has {account.emails} emails by now; disable or erase it instead."
        raise Fault(Kind.IN_USE, text)
    if account.kind is AccountKind.SHARED and "kind" not in entry.after:
        return await membership.limits(tx, entry.subject) | {"language": account.language}
    return accounts.fields(account)


async def _account_gone(tx: Transaction, act: Act, entry: Entry) -> None:
    await accounts.remove(tx, act.actor, act.now, entry.subject)


async def _free(tx: Transaction, entry: Entry) -> Mapping[str, Any]:
    """Nothing, as long as the address leads nowhere."""
    if await directory.find_account(tx, entry.subject) is not None:
        raise Fault(Kind.EXISTS, f"{entry.subject} is in use again.")
    return {}


async def _account_again(tx: Transaction, act: Act, entry: Entry) -> None:
    known = {name: value for name, value in entry.before.items() if name in _MADE}
    new = NewAccount(**{**known, "address": entry.subject})
    made = await accounts.add(tx, act.actor, act.now, new, "")
    for address in entry.before.get("addresses", []):
        await directory.add_address(tx, made.id, address)


_MADE: Final = frozenset(NewAccount.__struct_fields__) - {"password"}


async def _forwarding(tx: Transaction, entry: Entry) -> Mapping[str, Any]:
    return await accounts.forwarding(tx, (await directory.account(tx, entry.subject)).id)


async def _forwarding_back(tx: Transaction, act: Act, entry: Entry) -> None:
    now = await _forwarding(tx, entry)
    targets, keep = ({**now, **entry.before}[name] for name in ("targets", "keep"))
    await accounts.forward(tx, act.actor, act.now, entry.subject, targets, keep=keep)


async def _handed_over(tx: Transaction, entry: Entry) -> Mapping[str, Any]:
    if await handing_over.state(tx, entry.subject) is None:
        raise Fault(Kind.IN_USE, f"{entry.subject} cannot be given back any more.")
    return entry.after


async def _hand_back(tx: Transaction, act: Act, entry: Entry) -> None:
    await handing_over.hand_back(tx, act.actor, act.now, entry.subject, act.token)


async def _person(tx: Transaction, entry: Entry) -> Mapping[str, Any]:
    return {"kind": (await directory.account(tx, entry.subject)).kind.value}


async def _hand_over(tx: Transaction, act: Act, entry: Entry) -> None:
    wanted = HandOver(to=entry.before["to"], reply=entry.before["reply"])
    await handing_over.hand_over(tx, act.actor, act.now, entry.subject, wanted, act.token)


# Domains and aliases


async def _empty_domain(tx: Transaction, entry: Entry) -> Mapping[str, Any]:
    found = await domains.view(tx, entry.subject)
    if found.accounts:
        raise Fault(Kind.IN_USE, f"{found.name} has {found.accounts} accounts by now.")
    return {}


async def _domain_gone(tx: Transaction, act: Act, entry: Entry) -> None:
    await domains.remove(tx, act.actor, act.now, entry.subject)


async def _no_domain(tx: Transaction, entry: Entry) -> Mapping[str, Any]:
    if await directory.home(tx, entry.subject) is not None:
        raise Fault(Kind.EXISTS, f"{entry.subject} is in use again.")
    return {}


async def _domain_again(tx: Transaction, act: Act, entry: Entry) -> None:
    before = entry.before
    await domains.add(tx, act.actor, act.now, entry.subject)
    limits = {name: before[name] for name in ("quota", "quota_emails") if before.get(name)}
    if limits:
        await domains.change(tx, act.actor, act.now, entry.subject, DomainChange(**limits))
    for name in before.get("second_names", []):
        await domains.add_alias(tx, act.actor, act.now, name, entry.subject)
    for address, targets in before.get("aliases", {}).items():
        await aliases.put(tx, act.actor, act.now, address, targets)


async def _domain(tx: Transaction, entry: Entry) -> Mapping[str, Any]:
    found = await domains.view(tx, entry.subject)
    return {"quota": found.quota, "quota_emails": found.quota_emails}


async def _domain_back(tx: Transaction, act: Act, entry: Entry) -> None:
    await domains.change(tx, act.actor, act.now, entry.subject, DomainChange(**entry.before))


async def _second_name(tx: Transaction, entry: Entry) -> Mapping[str, Any]:
    name = (entry.before or entry.after)["alias"]
    found = await domains.view(tx, entry.subject)
    return {"alias": name} if name in found.aliases else {}


async def _second_name_gone(tx: Transaction, act: Act, entry: Entry) -> None:
    await domains.remove_alias(tx, act.actor, act.now, entry.after["alias"])


async def _second_name_again(tx: Transaction, act: Act, entry: Entry) -> None:
    await domains.add_alias(tx, act.actor, act.now, entry.before["alias"], entry.subject)


async def _alias(tx: Transaction, entry: Entry) -> Mapping[str, Any]:
    return {"targets": list(await aliases.leads_to(tx, entry.subject))}


async def _alias_back(tx: Transaction, act: Act, entry: Entry) -> None:
    await aliases.put(tx, act.actor, act.now, entry.subject, entry.before["targets"])


# Lists


async def _list(tx: Transaction, entry: Entry) -> Mapping[str, Any]:
    return await lists.state(tx, entry.subject)


async def _list_gone(tx: Transaction, act: Act, entry: Entry) -> None:
    await lists.remove(tx, act.actor, act.now, entry.subject)


async def _list_back(tx: Transaction, act: Act, entry: Entry) -> None:
    await lists.change(
        tx, act.actor, act.now, entry.subject, msgspec.convert(entry.before, ListRules)
    )


async def _no_list(tx: Transaction, entry: Entry) -> Mapping[str, Any]:
    try:
        return await lists.state(tx, entry.subject)
    except Fault:
        return await _free(tx, entry)


async def _list_again(tx: Transaction, act: Act, entry: Entry) -> None:
    # Not `convert`: a list may have more people than a request adds at once.
    rules = msgspec.convert(
        {name: entry.before[name] for name in ListRules.__struct_fields__}, ListRules
    )
    people = {f"{flag}s": entry.before[f"{flag}s"] for flag in FLAGS}
    new = NewList(address=entry.subject, **structs.asdict(rules), **people)
    await lists.create(tx, act.actor, act.now, new, act.token)


def _people(flag: Flag, *, added: bool) -> Reversal:
    names = f"{flag}s"

    async def stands(tx: Transaction, entry: Entry) -> Mapping[str, Any]:
        there = set((await lists.state(tx, entry.subject))[names])
        known = (entry.after if added else entry.before)[names]
        found = [one for one in known if one.lower() in there]
        return {names: found} if found else {}

    async def back(tx: Transaction, act: Act, entry: Entry) -> None:
        known = (entry.after if added else entry.before)[names]
        await lists.set_people(
            tx, act.actor, act.now, entry.subject, known, flag, act.token, value=not added
        )

    return Reversal(stands, back)


# Shared mailboxes, delegates, the queue


async def _shared(tx: Transaction, entry: Entry) -> Mapping[str, Any]:
    return await membership.limits(tx, entry.subject)


async def _shared_gone(tx: Transaction, act: Act, entry: Entry) -> None:
    await membership.remove(tx, act.actor, act.now, entry.subject)


async def _shared_back(tx: Transaction, act: Act, entry: Entry) -> None:
    await membership.change(tx, act.actor, act.now, entry.subject, SharedChange(**entry.before))


async def _shared_again(tx: Transaction, act: Act, entry: Entry) -> None:
    before = entry.before
    fields = {name: before[name] for name in ("name", "quota", "language")}
    new = NewShared(address=entry.subject, **fields)
    made = await membership.add(tx, act.actor, act.now, new)
    for address in before["addresses"]:
        await directory.add_address(tx, made.id, address)
    if before["quota_emails"]:
        more = SharedChange(quota_emails=before["quota_emails"])
        await membership.change(tx, act.actor, act.now, entry.subject, more)
    for name, member in before["members"].items():
        wanted = MemberChange(**member)
        await membership.put_member(tx, act.actor, act.now, entry.subject, name, wanted)


async def _member(tx: Transaction, entry: Entry) -> Mapping[str, Any]:
    return await membership.rows(tx, entry.subject)


async def _member_back(tx: Transaction, act: Act, entry: Entry) -> None:
    for name in entry.after.keys() - entry.before.keys():
        await membership.remove_member(tx, act.actor, act.now, entry.subject, name)
    for name, member in entry.before.items():
        wanted = MemberChange(**member)
        await membership.put_member(tx, act.actor, act.now, entry.subject, name, wanted)


async def _delegate(tx: Transaction, entry: Entry) -> Mapping[str, Any]:
    account = await directory.account(tx, entry.subject)
    scope = await delegates.rights_of(tx, account.id)
    return {
        domain: sorted(one.value for one in scope.get(domain, ()))
        for domain in {*entry.before, *entry.after}
    }


async def _delegate_back(tx: Transaction, act: Act, entry: Entry) -> None:
    for domain, words in entry.before.items():
        given = delegating.Rights([Right(word) for word in words])
        await delegating.put(tx, act.actor, act.now, entry.subject, domain, given)


async def _rule(tx: Transaction, entry: Entry) -> Mapping[str, Any]:
    return await queue.rule(tx, entry.after["rule"])


async def _rule_gone(tx: Transaction, act: Act, entry: Entry) -> None:
    await queue.remove_rule(tx, act.actor, act.now, entry.after["rule"])


async def _nothing(_tx: Transaction, _entry: Entry) -> Mapping[str, Any]:
    return {}


async def _rule_again(tx: Transaction, act: Act, entry: Entry) -> None:
    fields = {name: value for name, value in entry.before.items() if name != "rule"}
    await queue.add_rule(tx, act.actor, act.now, NewRule(**fields))


async def _suppressed(tx: Transaction, entry: Entry) -> Mapping[str, Any]:
    found = await suppression.suppressed(tx, [entry.subject], 0)
    return queue.suppressed(found.get(entry.subject))


async def _unsuppress(tx: Transaction, act: Act, entry: Entry) -> None:
    await queue.unsuppress(tx, act.actor, act.now, entry.subject)


async def _suppress(tx: Transaction, act: Act, entry: Entry) -> None:
    one = Suppression(address=entry.subject, count=1, **entry.before)
    await queue.suppress(tx, act.actor, act.now, one)


# The guard, and files that are handed out


async def _stopped(tx: Transaction, entry: Entry) -> Mapping[str, Any]:
    account = await directory.account(tx, entry.subject)
    if not await habits.freezes(tx, account.id):
        raise Fault(Kind.IN_USE, f"{account.address} may send again.")
    return entry.after


async def _release(tx: Transaction, act: Act, entry: Entry) -> None:
    await guarding.release(tx, act.actor, act.now, await directory.account(tx, entry.subject))


async def _sends(tx: Transaction, entry: Entry) -> Mapping[str, Any]:
    account = await directory.account(tx, entry.subject)
    if await habits.freezes(tx, account.id):
        raise Fault(Kind.IN_USE, f"{account.address} is stopped again.")
    if entry.after.get("deleted"):
        raise Fault(Kind.IN_USE, "The mail that was held was dropped.")
    return entry.after


async def _stop(tx: Transaction, act: Act, entry: Entry) -> None:
    account = await directory.account(tx, entry.subject)
    await guarding.stop(tx, act.actor, act.now, account, guarding.STOPPED)


async def _limits(tx: Transaction, entry: Entry) -> Mapping[str, Any]:
    own = await guarding.limits(tx, entry.subject)
    return {name: own[name] for name in {*entry.before, *entry.after} if name in own}


async def _limits_back(tx: Transaction, act: Act, entry: Entry) -> None:
    gone = dict.fromkeys(entry.after, -1)
    await guarding.limit(tx, act.actor, act.now, entry.subject, {**gone, **entry.before})


async def _handed_out(tx: Transaction, entry: Entry) -> Mapping[str, Any]:
    return await accounts.handed_out(tx, entry.subject)


async def _hand_out(tx: Transaction, act: Act, entry: Entry) -> None:
    await accounts.hand_out(tx, act.actor, act.now, entry.subject, entry.before["folder"])


# Webhooks


async def _webhook(tx: Transaction, entry: Entry) -> Mapping[str, Any]:
    known = await webhooks.find(tx, int(entry.subject))
    if purpose(entry.before.get("url", known.url)) != purpose(known.url):
        raise Fault(Kind.IN_USE, "Its secret is of another host: change the webhook again.")
    return hooks.told(known)


async def _webhook_back(tx: Transaction, act: Act, entry: Entry) -> None:
    await hooks.set_to(tx, act.actor, act.now, int(entry.subject), entry.before)


async def _webhook_gone(tx: Transaction, act: Act, entry: Entry) -> None:
    await hooks.take_away(tx, act.actor, act.now, int(entry.subject))


REVERSALS: Final[Mapping[str, Reversal]] = {
    "account.add": Reversal(_empty_account, _account_gone),
    "account.change": Reversal(_account, _account_back),
    "account.remove": Reversal(_free, _account_again),
    "account.forward": Reversal(_forwarding, _forwarding_back),
    "account.info": Reversal(_handed_out, _hand_out),
    "account.handover": Reversal(_handed_over, _hand_back),
    "account.handback": Reversal(_person, _hand_over),
    "domain.add": Reversal(_empty_domain, _domain_gone),
    "domain.change": Reversal(_domain, _domain_back),
    "domain.remove": Reversal(_no_domain, _domain_again),
    "domain.alias": Reversal(_second_name, _second_name_gone),
    "domain.unalias": Reversal(_second_name, _second_name_again),
    "alias.change": Reversal(_alias, _alias_back),
    "list.add": Reversal(_list, _list_gone),
    "list.change": Reversal(_list, _list_back),
    "list.remove": Reversal(_no_list, _list_again),
    **{f"list.add-{flag}": _people(flag, added=True) for flag in FLAGS},
    **{f"list.remove-{flag}": _people(flag, added=False) for flag in FLAGS},
    "shared.add": Reversal(_empty_account, _shared_gone),
    "shared.change": Reversal(_shared, _shared_back),
    "shared.remove": Reversal(_free, _shared_again),
    "shared.member": Reversal(_member, _member_back),
    "shared.unmember": Reversal(_member, _member_back),
    "delegate.change": Reversal(_delegate, _delegate_back),
    "queue.rule.add": Reversal(_rule, _rule_gone),
    "queue.rule.remove": Reversal(_nothing, _rule_again),
    "guard.freeze": Reversal(_stopped, _release),
    "guard.release": Reversal(_sends, _stop),
    "guard.limits": Reversal(_limits, _limits_back),
    "webhook.add": Reversal(_webhook, _webhook_gone),
    "webhook.change": Reversal(_webhook, _webhook_back),
    "queue.unsuppress": Reversal(_suppressed, _suppress),
    "queue.suppress": Reversal(_suppressed, _unsuppress),
}
