"""Handing over the account of somebody who leaves, and taking that back.

The account becomes a shared mailbox with the successor as its member: one object, as people
know it from Exchange, with all its mail, folders and addresses, which others can join. Nobody
signs in to it, whatever it did with its mail stops, and what it looked after passes to the
successor. Each thing that passes does so by the ordinary act, with an entry in the audit; what
has to be made again is remembered for some weeks, and so is how one signed in: it does not work,
since the account has no password, and is erased when the time is over.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from merpati.base.faults import Fault, Kind
from merpati.model import rights
from merpati.model.account import Account, AccountKind
from merpati.model.administration import Actor, Right
from merpati.services.administration import accounts, aliases, delegating, lists, membership
from merpati.services.administration.accounts import Address
from merpati.services.administration.delegating import Rights
from merpati.services.administration.membership import SEND_WORDS, MemberChange, SendWord
from merpati.services.diagnose.findings import listed
from merpati.store import (
    app_passwords,
    audit,
    collector,
    delegates,
    directory,
    forwards,
    handovers,
    members,
    places,
    sieve,
)
from merpati.store.engine import Transaction
from merpati.store.handovers import Handover
from merpati.store.members import Send
from merpati.store.sieve import AutoReply

KEPT_DAYS: Final = 30  # so long it can be taken back
REPLY_MAX: Final = 4000  # characters
Token = Callable[[], str]  # makes unguessable names


class HandOver(Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """To whom an account goes, and what whoever writes to it is answered; empty: nothing.

    A dry run says what would happen.
    """

    to: Address
    reply: Annotated[str, Meta(max_length=REPLY_MAX)] = ""
    dry_run: bool = False


class HandedOver(Struct, frozen=True, rename="camel", kw_only=True):
    """What happened, or would: in sentences. `until` (Unix milliseconds) it can be taken back."""

    address: str
    to: str
    until: int
    steps: list[str]


class Kept(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an account had and did: what passes to the successor, and what stops.

    Attributes:
        name, admin, disabled: Of the account.
        lists: Which it owned, each with the address it did so under.
        aliases: Which led to it, with all their targets.
        rights: What it looked after as a delegate, by domain.
        memberships: The shared mailboxes it belonged to.
        targets, keep: Where its mail went on to.
        script: The filter that ran; empty: none.
        reply: Its automatic reply.
        collectors: What was fetched for it, by the host. One for a whole domain goes on.
        their_lists, their_rights, their_memberships: What of that the successor had before.
    """

    name: str = ""
    admin: bool = False
    disabled: bool = False
    lists: list[tuple[str, str]] = []
    aliases: dict[str, list[str]] = {}
    rights: dict[str, list[str]] = {}
    memberships: dict[str, tuple[str, Send]] = {}
    targets: list[str] = []
    keep: bool = False
    script: str = ""
    reply: AutoReply = AutoReply(is_enabled=False)
    collectors: dict[int, str] = {}
    their_lists: list[str] = []
    their_rights: dict[str, list[str]] = {}
    their_memberships: list[str] = []


async def hand_over(
    tx: Transaction, actor: Actor, now: int, address: str, wanted: HandOver, token: Token
) -> HandedOver:
    """Hand an account over, or with `dry_run` say what would happen.

    Args:
        tx: The transaction.
        actor: Who does it.
        now: Unix milliseconds.
        address: Of the account.
        wanted: To whom.
        token: Makes unguessable names, for people of lists.

    Raises:
        Fault: NOT_FOUND; DENIED for a shared mailbox, a successor who cannot sign in, and the
            last administrator.
    """
    account = await directory.account(tx, address)
    to = await directory.account(tx, wanted.to)
    await _check(tx, account, to)
    kept = await _gather(tx, account, to)
    name = await _shared_name(tx, account)
    until = now + KEPT_DAYS * 86_400_000
    done = HandedOver(
        address=account.address, to=to.address, until=until,
        steps=await _told(tx, account, to, kept, name, wanted.reply, until),
    )  # fmt: skip
    if wanted.dry_run:
        return done
    await _pass_on(tx, actor, now, account, to, kept, token)
    record = Handover(account.id, to.id, now, until, account.password, msgspec.json.encode(kept))
    await handovers.put(tx, record)
    await handovers.end_access(tx, account.id)
    seen = await places.seen_as(tx, account.id)
    await directory.set_account(
        tx, account.id, password="", is_admin=0, disabled=0, name=name, kind="shared"
    )
    await places.follow(tx, account.id, seen)
    await _stop(tx, account, kept, wanted.reply, now)
    await members.put(tx, account.id, to.address, held=rights.ALL, send=Send.AS)
    await audit.record(
        tx, actor, now, "account.handover", account.address,
        before={**_state(account), "to": ""},
        after={
            "kind": "shared", "name": name, "admin": False, "disabled": False,
            "to": to.address, "reply": wanted.reply,
        },
    )  # fmt: skip
    return done


async def hand_back(
    tx: Transaction, actor: Actor, now: int, address: str, token: Token
) -> HandedOver:
    """Make an account that was handed over as it was; what others changed since stays.

    Raises:
        Fault: NOT_FOUND when it was not handed over, or too long ago.
    """
    account = await directory.account(tx, address)
    record = await handovers.find(tx, account.id)
    if record is None:
        raise Fault(
            Kind.NOT_FOUND, f"{account.address} was not handed over in the last {KEPT_DAYS} days"
        )
    kept = msgspec.json.decode(record.kept, type=Kept)
    reply = await sieve.auto_reply(tx, account.id)
    to = await directory.account_by_id(tx, record.successor_id)
    seen = await places.seen_as(tx, account.id)
    for one in await members.listing(tx, account.id):
        await members.remove(tx, account.id, one.name)
    await handovers.remove(tx, account.id)
    await directory.set_account(
        tx, account.id, password=record.password, is_admin=int(kept.admin),
        disabled=int(kept.disabled), name=kept.name, kind="person",
    )  # fmt: skip
    await places.follow(tx, account.id, seen)
    await _start(tx, account, kept, now)
    steps = await _take_back(tx, actor, now, account, to, kept, token)
    await audit.record(
        tx, actor, now, "account.handback", account.address,
        before={
            "kind": "shared", "to": to.address if to else "",
            "reply": reply.text if reply.is_enabled else "",
        },
        after={"kind": "person"},
    )  # fmt: skip
    return HandedOver(address=account.address, to=to.address if to else "", until=0, steps=steps)


async def state(tx: Transaction, address: str) -> HandedOver | None:
    """To whom an account was handed, as long as that can be taken back."""
    account = await directory.account(tx, address)
    record = await handovers.find(tx, account.id)
    if record is None:
        return None
    to = await directory.account_by_id(tx, record.successor_id)
    return HandedOver(
        address=account.address, to=to.address if to else "", until=record.until, steps=[]
    )


async def _check(tx: Transaction, account: Account, to: Account) -> None:
    if account.kind is AccountKind.SHARED:
        raise Fault(Kind.DENIED, f"{account.address} is a shared mailbox already")
    if to.id == account.id:
        raise Fault(Kind.DENIED, "an account is handed over to somebody else")
    if to.kind is AccountKind.SHARED or to.disabled:
        raise Fault(Kind.DENIED, f"{to.address} cannot sign in: it is shared, or disabled")
    await accounts.keep_one(tx, account)


def _state(account: Account) -> dict[str, Any]:
    return {
        "kind": account.kind.value, "name": account.name, "admin": account.is_admin,
        "disabled": account.disabled,
    }  # fmt: skip


async def _shared_name(tx: Transaction, account: Account) -> str:
    """Under which members see it: the person's name, unless it cannot be one or is taken."""
    local = account.address.partition("@")[0].replace("/", "-")
    plain = " ".join(account.name.replace("/", " ").replace("@", " ").split())
    for name in (plain, f"{plain} ({local})" if plain else local, local):
        try:
            await members.check_name(tx, account.address, name)
        except Fault:
            continue
        return name
    raise Fault(Kind.EXISTS, f"a shared mailbox is called {local} already")


# What it had


async def _gather(tx: Transaction, account: Account, to: Account) -> Kept:
    own = await directory.addresses(tx, account.id)
    theirs = {address.lower() for address in await directory.addresses(tx, to.id)}
    targets, keep = await forwards.forward(tx, account.id)
    runs = await sieve.runs(tx, account.id)
    collectors = [one for one in await collector.listing(tx, account.id) if not one.disabled]
    owned_by_them = await handovers.owned_lists(tx, theirs)
    return Kept(
        name=account.name, admin=account.is_admin, disabled=account.disabled,
        lists=await handovers.owned_lists(tx, own),
        aliases={
            name: list(await aliases.leads_to(tx, name))
            for name in await handovers.aliases_to(tx, own)
        },
        rights=_words(await delegates.rights_of(tx, account.id)),
        memberships=await handovers.memberships(tx, account.id),
        targets=targets, keep=keep,
        script=runs.name if runs else "", reply=await sieve.auto_reply(tx, account.id),
        collectors={one.id: one.host for one in collectors if not one.domain},
        their_lists=[name for name, _ in owned_by_them],
        their_rights=_words(await delegates.rights_of(tx, to.id)),
        their_memberships=list(await handovers.memberships(tx, to.id)),
    )  # fmt: skip


async def _told(
    tx: Transaction, account: Account, to: Account, kept: Kept, name: str, reply: str, until: int
) -> list[str]:
    one, other = account.address, to.address
    own = await directory.addresses(tx, account.id)
    passwords = len(await app_passwords.of_account(tx, account.id))
    tokens = await handovers.tokens(tx, account.id)
    steps = [
        f'{one} becomes a shared mailbox, which {other} sees as "Shared/{name}".',
        f"Nobody signs in to {one} any more: its sessions end, its password does not work.",
        f"Mail to {listed(own)} goes on arriving there.",
        f'Whoever writes is answered: "{reply}"' if reply else "Nobody is answered automatically.",
    ]
    if passwords or tokens:
        steps.append(f"{passwords} app passwords and {tokens} API tokens stop working.")
    if kept.lists:
        steps.append(f"{other} owns the lists {listed(sorted({name for name, _ in kept.lists}))}.")
    if kept.aliases:
        steps.append(f"The aliases {listed(sorted(kept.aliases))} lead to {other}.")
    if kept.rights:
        steps.append(f"{other} administers what {one} did in {listed(sorted(kept.rights))}.")
    if kept.memberships:
        steps.append(f"{other} is a member of {listed(sorted(kept.memberships))}.")
    if kept.admin:
        steps.append(f"{one} administers no longer, and {other} does not become an administrator.")
    if kept.targets:
        steps.append(f"Mail to {one} is forwarded to {listed(kept.targets)} no longer.")
    if kept.script:
        steps.append(f'The filter "{kept.script}" of {one} stops.')
    if kept.reply.is_enabled:
        steps.append(f"The automatic reply of {one} itself ends.")
    if kept.collectors:
        steps.append(f"Mail is fetched from {listed(list(kept.collectors.values()))} no longer.")
    day = dt.datetime.fromtimestamp(until / 1000, dt.UTC).date()
    steps.append(f"Until {day} all this can be taken back as one act; API tokens are made anew.")
    return steps


# What it did stops, and starts again


async def _stop(tx: Transaction, account: Account, kept: Kept, reply: str, now: int) -> None:
    await forwards.set_forward(tx, account.id, [], keep=False)
    await sieve.activate(tx, account.id, "")
    await sieve.set_auto_reply(tx, account.id, AutoReply(is_enabled=bool(reply), text=reply))
    for number in kept.collectors:
        await collector.change(tx, number, {"disabled": 1}, now)


async def _start(tx: Transaction, account: Account, kept: Kept, now: int) -> None:
    await forwards.set_forward(tx, account.id, kept.targets, keep=kept.keep)
    if kept.script and await sieve.find(tx, account.id, kept.script) is not None:
        await sieve.activate(tx, account.id, kept.script)
    await sieve.set_auto_reply(tx, account.id, kept.reply)
    there = {one.id for one in await collector.listing(tx)}
    for number in kept.collectors:
        if number in there:
            await collector.change(tx, number, {"disabled": 0}, now)


# What passes, and comes back


async def _pass_on(
    tx: Transaction, actor: Actor, now: int, account: Account, to: Account, kept: Kept,
    token: Token,
) -> None:  # fmt: skip
    for name, address in kept.lists:
        await lists.set_people(tx, actor, now, name, [to.address], "owner", token, value=True)
        await lists.set_people(tx, actor, now, name, [address], "owner", token, value=False)
    own = await directory.addresses(tx, account.id)
    for name, targets in kept.aliases.items():
        await aliases.put(tx, actor, now, name, _led(targets, own, to.address))
    for domain, words in kept.rights.items():
        more = {*words, *kept.their_rights.get(domain, [])}
        await delegating.put(tx, actor, now, to.address, domain, _rights(more))
        await delegating.put(tx, actor, now, account.address, domain, Rights([]))
    for name, (held, send) in kept.memberships.items():
        if name not in kept.their_memberships:
            wanted = MemberChange(rights=held, send=_word(send))
            await membership.put_member(tx, actor, now, name, to.address, wanted)
        await membership.remove_member(tx, actor, now, name, account.address)


async def _take_back(
    tx: Transaction, actor: Actor, now: int, account: Account, to: Account | None, kept: Kept,
    token: Token,
) -> list[str]:  # fmt: skip
    """Undo `_pass_on` wherever things stand as it left them; what does not come back."""
    if to is None:
        return []
    stays: list[str] = []
    owned = {name for name, _ in await handovers.owned_lists(tx, [to.address])}
    for name, address in kept.lists:
        if name not in owned:
            stays.append(name)
            continue
        await lists.set_people(tx, actor, now, name, [address], "owner", token, value=True)
        if name not in kept.their_lists:
            await lists.set_people(tx, actor, now, name, [to.address], "owner", token, value=False)
    own = await directory.addresses(tx, account.id)
    for name, targets in kept.aliases.items():
        if set(await aliases.leads_to(tx, name)) != set(_led(targets, own, to.address)):
            stays.append(name)
            continue
        await aliases.put(tx, actor, now, name, targets)
    held = _words(await delegates.rights_of(tx, to.id))
    for domain, words in kept.rights.items():
        before = kept.their_rights.get(domain, [])
        if set(held.get(domain, [])) != {*words, *before}:
            stays.append(domain)
            continue
        await delegating.put(tx, actor, now, account.address, domain, _rights(words))
        await delegating.put(tx, actor, now, to.address, domain, _rights(before))
    shared = await handovers.memberships(tx, to.id)
    for name, (letters, send) in kept.memberships.items():
        if name not in shared:
            stays.append(name)
            continue
        wanted = MemberChange(rights=letters, send=_word(send))
        await membership.put_member(tx, actor, now, name, account.address, wanted)
        if name not in kept.their_memberships:
            await membership.remove_member(tx, actor, now, name, to.address)
    return [f"{one} has changed since, and stays as it is." for one in stays]


def _led(targets: Sequence[str], own: Collection[str], to: str) -> list[str]:
    """Where an alias leads that led to one of the account's own addresses."""
    others = [one for one in targets if one.lower() not in own]
    return [*dict.fromkeys([*others, to])]


def _words(held: Mapping[str, Collection[Right]]) -> dict[str, list[str]]:
    return {domain: sorted(one.value for one in rights) for domain, rights in held.items()}


def _rights(words: Collection[str]) -> Rights:
    return Rights([Right(word) for word in sorted(words)])


def _word(send: Send) -> SendWord:
    return SEND_WORDS[send]
