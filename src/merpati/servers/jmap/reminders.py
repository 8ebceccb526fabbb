"""The properties of an Email that say when it comes up: `snoozed` and `followUp`.

No RFC has them. `snoozed` is as Cyrus and Fastmail have it: `until`, `moveToMailboxId` and
`setKeywords`. Here a client need not know the mailbox for snoozed mail, nor move anything: to set
the property is to snooze, null brings the email back. `followUp` is ours: `at`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

from merpati.model import object_ids
from merpati.model.message import DELETED
from merpati.servers.jmap.call import Access, Call
from merpati.servers.jmap.kind import Property
from merpati.services import reminders
from merpati.store import mailbox_tree, mailboxes
from merpati.store import reminders as rows
from merpati.store.reminders import Kind, Reminder
from merpati.wire.jmap.faults import SetFault, wrong
from merpati.wire.jmap.values import (
    are_keywords,
    is_bool,
    is_id,
    is_text,
    is_utc_date,
    map_of,
    milliseconds,
    nullable,
    utc_date,
)

if TYPE_CHECKING:
    from merpati.store.engine import Transaction

CAPABILITY: Final = "urn:merpati:jmap:reminders"


def _is_snoozed(value: Any) -> bool:
    if not isinstance(value, dict) or not value.keys() <= _SNOOZED.keys():
        return False
    return "until" in value and all(_SNOOZED[name](one) for name, one in value.items())


def _are_marks(value: Any) -> bool:
    return map_of(is_text, is_bool)(value) and are_keywords(dict.fromkeys(value, True))


def _is_follow_up(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"at"} and is_utc_date(value["at"])


_SNOOZED: Final = {
    "until": is_utc_date,
    "moveToMailboxId": nullable(is_id),
    "setKeywords": nullable(_are_marks),
}
PROPERTIES: Final[Mapping[str, Property]] = {
    "snoozed": Property(nullable(_is_snoozed), None),
    "followUp": Property(nullable(_is_follow_up), None),
}


async def told(
    tx: Transaction, account_id: int, places: Mapping[int, Collection[int]]
) -> dict[int, dict[str, Any]]:
    """The properties of emails, given the mailboxes of each; without those that have none."""
    found: dict[int, dict[str, Any]] = {}
    known = await rows.of(tx, account_id, places)
    if not known:
        return found
    box = await mailboxes.by_role(tx, account_id, reminders.ROLE)
    for (email_id, kind), one in known.items():
        if kind is Kind.FOLLOW_UP:
            found.setdefault(email_id, {})["followUp"] = {"at": utc_date(one.due_at)}
        elif box in places[email_id]:  # else it was taken out of there, and sleeps no more
            found.setdefault(email_id, {})["snoozed"] = _snoozed(one)
    return found


def _snoozed(one: Reminder) -> dict[str, Any]:
    return {
        "until": utc_date(one.due_at),
        "moveToMailboxId": object_ids.mailbox(one.mailboxes[0]) if one.mailboxes else None,
        "setKeywords": dict(one.keywords),
    }


def check(access: Access, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raise SetFault forbidden when somebody changes the reminders of another."""
    if not access.is_own and any(new[name] != old[name] for name in PROPERTIES):
        raise SetFault("forbidden", "reminders are for mail of your own")


async def update(
    tx: Transaction,
    call: Call,
    access: Access,
    email_id: int,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
) -> bool:
    """Change them as a patch says; whether that has settled the email's mailboxes, too.

    Raises:
        SetFault: invalidProperties for a mailbox that is not there.
    """
    account_id, now = access.account_id, call.now()
    if new["followUp"] != old["followUp"]:
        if new["followUp"] is None:
            known = await rows.of(tx, account_id, [email_id])
            await reminders.forget(tx, known[email_id, Kind.FOLLOW_UP])
        else:
            at = milliseconds(new["followUp"]["at"])
            await reminders.remind(tx, account_id, email_id, at, now)
    if new["snoozed"] == old["snoozed"]:
        return False
    if new["snoozed"] is not None:
        home = await _home(tx, call, account_id, old, new)
        marks = new["snoozed"].get("setKeywords")
        keywords = reminders.ON_WAKING if marks is None else _marks(marks)
        until = milliseconds(new["snoozed"]["until"])
        await reminders.snooze(tx, account_id, email_id, until, now, home=home, keywords=keywords)
        return True
    one = (await rows.of(tx, account_id, [email_id]))[email_id, Kind.SNOOZE]
    if new["mailboxIds"] != old["mailboxIds"]:  # the client says itself where it goes
        await rows.drop(tx, one)
        return False
    await reminders.wake(tx, one, now, keywords={})
    return True


def _marks(given: Mapping[str, bool]) -> dict[str, bool]:
    return {keyword.lower(): on for keyword, on in given.items() if keyword.lower() != DELETED}


async def _home(
    tx: Transaction, call: Call, account_id: int, old: Mapping[str, Any], new: Mapping[str, Any]
) -> tuple[int, ...]:
    """The mailboxes that a client wants an email back in; none: where it is."""
    wanted = new["snoozed"].get("moveToMailboxId")
    before = (old["snoozed"] or {}).get("moveToMailboxId")
    if wanted is None or wanted == before:
        return ()
    number = object_ids.read_mailbox(call.refer(wanted, "snoozed")) or 0
    if number not in await mailbox_tree.nodes(tx, account_id):
        raise wrong(f"there is no mailbox {wanted}", "snoozed")
    return (number,)
