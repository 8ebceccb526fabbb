"""Snooze and follow-up: emails that come up at a time, whatever program looks then.

A snoozed email leaves its mailboxes for one with the role `snoozed`, and comes back to them
unseen, marked `$awakened`. A sent email that nobody has answered by its time comes into INBOX
beside the mailbox it is in, unseen, marked `$followup`. What an answer is, is looked at then: mail
of its thread that came later, is not one's own, and was written by a person. So delivering mail
costs nothing for it.

Any worker may carry out what is due: each email in one transaction, which also drops its row.
So a crash before the commit leaves it due, and one after it has nothing left to do.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.base.log import Log
from merpati.base.tasks import Tasks
from merpati.model.mailbox import INBOX_ID
from merpati.store import (
    email_edit,
    email_places,
    mailbox_tree,
    mailboxes,
    reminders,
    thread_members,
)
from merpati.store.blobs import BlobStore, Stored
from merpati.store.email_places import Held
from merpati.store.engine import Store
from merpati.store.reminders import Reminder
from merpati.wire import list_headers

if TYPE_CHECKING:
    from merpati.store.engine import Transaction

LOOK_EVERY: Final = 5.0  # seconds
AT_ONCE: Final = 100  # of one look; more wait for the next
AGAIN: Final = 600_000  # ms after which one is tried again that could not be carried out
ROLE: Final = "snoozed"
NAMES: Final = {"en": "Snoozed", "id": "Ditunda"}
AWAKENED: Final = "$awakened"
FOLLOW_UP: Final = "$followup"
ON_WAKING: Final = {AWAKENED: True, "$seen": False}
NO_ANSWER: Final = frozenset({"sent", "drafts", "junk"})  # mail there was not sent to oneself
_BYTES: Final = ("blob_id", "size", "location", "encoding", "data")


class Reminders:
    """Carries out what is due; every worker has one."""

    def __init__(self, store: Store, blob_store: BlobStore, clock: Clock, log: Log) -> None:
        self._store = store
        self._blobs = blob_store
        self._clock = clock
        self._log = log

    def start(self, tasks: Tasks) -> None:
        """Begin; ends with the tasks."""
        tasks.every(LOOK_EVERY, self.turn, "reminders")

    async def turn(self) -> int:
        """Carry out what is due; how many of them came up."""
        now = int(self._clock.now() * 1000)
        count = 0
        for one in await self._store.read(reminders.due, now, AT_ONCE):
            try:
                if one.kind is reminders.Kind.SNOOZE:
                    count += await self._store.write(wake, one, now)
                else:
                    answered = await self._is_answered(one)
                    count += await self._store.write(follow_up, one, now, answered=answered)
            except Fault as fault:
                self._log.warning("reminder.failed", account=one.account_id, problem=fault.text)
                await self._store.write(reminders.put_off, one, now + AGAIN)
        return count

    async def _is_answered(self, one: Reminder) -> bool:
        """Whether a person has answered."""
        later = await self._store.read(_later, one)
        for places in later.values():
            _, _, blob_id, size, *rest = places[0].row
            content = self._blobs.read(Stored(blob_id, size, *rest))
            if not list_headers.read(content).replied:
                return True
        return False


async def mailbox(tx: Transaction, account_id: int, now: int) -> int:
    """The mailbox for snoozed mail, which is made when there is none."""
    found = await mailboxes.by_role(tx, account_id, ROLE)
    if found is not None:
        return found
    language = await tx.value("SELECT language FROM account WHERE id = $1", account_id)
    name = NAMES.get(language, NAMES["en"])
    there = await mailboxes.find(tx, account_id, name)
    if there is not None and not there.role:
        await mailboxes.set_role(tx, account_id, there.id, ROLE)
        return there.id
    if there is not None:
        name += " mail"
    made = await mailboxes.create(tx, account_id, name, now, role=ROLE)
    await mailboxes.subscribe(tx, account_id, name)
    return made.id


async def snooze(
    tx: Transaction,
    account_id: int,
    email_id: int,
    until: int,
    now: int,
    *,
    home: Sequence[int] = (),
    keywords: Mapping[str, bool] = ON_WAKING,
) -> None:
    """Let an email sleep until a time (Unix milliseconds), or put that off.

    `home` is where it comes back to; empty: where it is, or was before it fell asleep.
    """
    places = await _places(tx, account_id, email_id)
    box = await mailbox(tx, account_id, now)
    there = {one.mailbox_id for one in places}
    if not home:
        known = await reminders.of(tx, account_id, [email_id])
        before = known.get((email_id, reminders.Kind.SNOOZE))
        slept = before.mailboxes if before is not None and box in there else ()
        home = slept or sorted(there - {box}) or (INBOX_ID,)
    new = Reminder(
        account_id=account_id, email_id=email_id, kind=reminders.Kind.SNOOZE, due_at=until,
        since=now, mailboxes=tuple(home), keywords=keywords,
    )  # fmt: skip
    await reminders.put(tx, new)
    if there == {box}:
        await email_edit.touch(tx, account_id, places[0])
    else:
        await email_edit.set_mailboxes(tx, account_id, places, {box}, now)


async def wake(
    tx: Transaction, one: Reminder, now: int, keywords: Mapping[str, bool] | None = None
) -> bool:
    """Bring a snoozed email back, if it still sleeps; `keywords` instead of those it says."""
    if not await reminders.drop(tx, one):
        return False
    places = await _places(tx, one.account_id, one.email_id)
    box = await mailboxes.by_role(tx, one.account_id, ROLE)
    if box is None or all(place.mailbox_id != box for place in places):
        return False
    await _mark(tx, one, places, one.keywords if keywords is None else keywords)
    tree = await mailbox_tree.nodes(tx, one.account_id)
    home = [each for each in one.mailboxes if each in tree] or [INBOX_ID]
    await _let_hold(tx, one, set(home), set(home[:1]), now)
    return True


async def remind(tx: Transaction, account_id: int, email_id: int, at: int, now: int) -> None:
    """Let a sent email come up at a time (Unix milliseconds) unless somebody answers it."""
    new = Reminder(
        account_id=account_id, email_id=email_id, kind=reminders.Kind.FOLLOW_UP, due_at=at,
        since=now,
    )  # fmt: skip
    await reminders.put(tx, new)
    await email_edit.touch(tx, account_id, (await _places(tx, account_id, email_id))[0])


async def follow_up(tx: Transaction, one: Reminder, now: int, *, answered: bool) -> bool:
    """Bring a sent email up, if nobody has answered it."""
    if not await reminders.drop(tx, one):
        return False
    places = await _places(tx, one.account_id, one.email_id)
    if not places:
        return False
    if answered:
        await email_edit.touch(tx, one.account_id, places[0])
        return False
    await _mark(tx, one, places, {FOLLOW_UP: True, "$seen": False})
    there = {place.mailbox_id for place in places}
    await _let_hold(tx, one, there | {INBOX_ID}, there, now)
    return True


async def forget(tx: Transaction, one: Reminder) -> None:
    """End a reminder; the email stays as it is."""
    places = await _places(tx, one.account_id, one.email_id)
    if await reminders.drop(tx, one) and places:
        await email_edit.touch(tx, one.account_id, places[0])


async def _places(tx: Transaction, account_id: int, email_id: int) -> list[Held]:
    found = await email_places.find(tx, account_id, [email_id], email_edit.COLUMNS)
    return found.get(email_id, [])


async def _mark(
    tx: Transaction, one: Reminder, places: Collection[Held], keywords: Mapping[str, bool]
) -> None:
    has = {keyword for place in places for keyword in place.row[6].split()}
    has |= {keyword for keyword, on in keywords.items() if on}
    has -= {keyword for keyword, on in keywords.items() if not on}
    await email_edit.set_keywords(tx, one.account_id, places, has)


async def _let_hold(
    tx: Transaction, one: Reminder, wanted: set[int], enough: set[int], now: int
) -> None:
    """Let these mailboxes hold an email, or those that are `enough` in a full account."""
    places = await _places(tx, one.account_id, one.email_id)
    for some in (wanted, enough):
        try:
            await email_edit.set_mailboxes(tx, one.account_id, places, some, now)
        except Fault as fault:
            if fault.kind is not Kind.OVER_QUOTA:
                raise
            places = await _places(tx, one.account_id, one.email_id)
        else:
            return


async def _later(tx: Transaction, one: Reminder) -> dict[int, list[Held]]:
    """What came to the thread of an email after it, and is not its owner's; with its bytes."""
    places = (await _places(tx, one.account_id, one.email_id))[:1]
    if not places:
        return {}
    thread_id = places[0].row[2]
    found = await thread_members.members(tx, one.account_id, [thread_id])
    tree = await mailbox_tree.nodes(tx, one.account_id)
    own = {id_ for id_, node in tree.items() if node.role in NO_ANSWER}
    later = {
        email_id
        for email_id, mailbox_id, received_at in found.get(thread_id, [])
        if received_at > one.since and mailbox_id not in own and email_id != one.email_id
    }
    return await email_places.find(tx, one.account_id, later, _BYTES)
