"""Accounts that the guard stopped from sending: shown, stopped by hand, let go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct

from merpati.model.account import Account
from merpati.model.administration import Actor
from merpati.model.habit import Reason
from merpati.services import guard
from merpati.services.administration.accounts import Password
from merpati.store import audit, directory, habits, queue_admin
from merpati.store.engine import Store, Topic, Transaction
from merpati.store.habits import Freeze
from merpati.wire import guard_letters

LISTED_MAX = 1000  # freezes
STOPPED = "its password is known to others"
_NOTHING = ("nothing is noted", "tidak ada catatan")


class FreezeView(Struct, frozen=True, rename="camel", kw_only=True):
    """An account that may not send. Times are Unix milliseconds.

    Attributes:
        until: When it was let go; None while it lasts.
        held: For how many recipients mail of it waits.
        peer: The client of its last message.
        seen: Why, in sentences.
    """

    address: str
    since: int
    until: int | None
    held: int
    peer: str
    seen: list[str]


class Stop(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """An account to stop, and why."""

    reason: Annotated[str, Meta(min_length=1, max_length=200)] = STOPPED


class Letting(Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """How to let an account go.

    Attributes:
        delete: Drop its held mail instead of sending it.
        false_alarm: Keep its password; what was seen is its habit.
        password: Its new password; one is made up when it needs one and none is given.
    """

    delete: bool = False
    false_alarm: bool = False
    password: Password | None = None


async def freezes(tx: Transaction, language: str, *, ended: bool = False) -> list[FreezeView]:
    """Accounts that may not send, or might not for a time. For `Store.scan`."""
    found = []
    for each in await habits.freezes(tx, ended=ended, limit=LISTED_MAX):
        account = await directory.account_by_id(tx, each.account_id)
        if account is None:
            continue
        held = 0
        if not each.ended_at:
            held = await queue_admin.count(tx, guard.of_guard(each.account_id))
        found.append(view(account.address, each, held, language))
    return found


def view(address: str, one: Freeze, held: int, language: str) -> FreezeView:
    """One of them."""
    seen = [guard_letters.reason(each.code, each.fields, language) for each in one.reasons]
    return FreezeView(
        address=address, since=one.at, until=one.ended_at or None, held=held, peer=one.peer,
        seen=seen or [_NOTHING[language == "id"]],
    )  # fmt: skip


async def needs_password(tx: Transaction, account: Account) -> bool:
    """Whether its password is still the one that somebody may have."""
    current = await habits.freezes(tx, account.id)
    return any(one.password == habits.password_mark(account.password) for one in current)


async def stop(tx: Transaction, actor: Actor, now: int, account: Account, reason: str) -> bool:
    """Stop an account from sending; False when it was stopped before."""
    reasons = [Reason("by-hand", {"why": reason})]
    done = await guard.freeze(tx, account.id, now, reasons, "")
    if done:
        await audit.record(
            tx, actor, now, "guard.freeze", account.address, after={"reason": reason}
        )
    return done


async def release(tx: Transaction, actor: Actor, now: int, account: Account) -> None:
    """Take a stop back, as a false alarm: it sends again, and mail that was held leaves."""
    if await guard.release(tx, account.id, now, learn=False):
        await audit.record(tx, actor, now, "guard.release", account.address)
    mail = guard.of_guard(account.id)
    while await queue_admin.release(tx, mail, now) == queue_admin.AT_ONCE:
        pass


async def limits(tx: Transaction, subject: str) -> dict[str, int]:
    """The limits of its own that an account, or a domain, has. Raises Fault NOT_FOUND."""
    if "@" in subject:
        return (await habits.standing(tx, (await directory.account(tx, subject)).id)).own
    return (await habits.outflow(tx, (await directory.domain(tx, subject)).id))[1]


async def limit(
    tx: Transaction, actor: Actor, now: int, subject: str, given: Mapping[str, int]
) -> dict[str, int]:
    """Give an account, or a domain, limits of its own, and tell all that it has then.

    0 is no limit; with one below 0 it has none of its own.

    Raises:
        Fault: NOT_FOUND.
    """
    before = await limits(tx, subject)
    own = {name: value for name, value in {**before, **given}.items() if value >= 0}
    if "@" in subject:
        await habits.set_limits(tx, (await directory.account(tx, subject)).id, own)
    else:
        await habits.set_domain_limits(tx, (await directory.domain(tx, subject)).id, own)
    tx.announce(Topic.DIRECTORY, 0)
    if own != before:
        await audit.record(tx, actor, now, "guard.limits", subject, before=before, after=own)
    return own


async def let_go(
    store: Store, actor: Actor, now: int, account: Account, hashed: str, how: Letting
) -> tuple[bool, int]:
    """Let an account send again; whether it might not, and for how many recipients mail left.

    `hashed` is its new password; empty: it keeps the one it has.
    """

    async def thaw(tx: Transaction) -> bool:
        """All or nothing: no mail leaves with the old password."""
        if hashed:
            await directory.set_account(tx, account.id, password=hashed)
        was = await guard.release(tx, account.id, now, learn=how.false_alarm)
        if was:
            after = {"deleted": how.delete, "false_alarm": how.false_alarm}
            await audit.record(
                tx, actor, now, "guard.release", account.address,
                after={**after, "new_password": bool(hashed)},
            )  # fmt: skip
        return was

    was = await store.write(thaw)
    mail = guard.of_guard(account.id)
    total = 0
    while True:
        if how.delete:
            count = await store.write_long(queue_admin.delete, mail)
        else:
            count = await store.write_long(queue_admin.release, mail, now)
        total += count
        if count < queue_admin.AT_ONCE:
            return was, total
