"""Getting back what somebody removed: what there is, and putting it where it was."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.base.settings import setting
from merpati.store import restore
from merpati.store.engine import Store, Transaction
from merpati.store.restore import Expunged, Removed

DAY: int = 86_400_000  # ms

Note = Callable[[int, list[str]], Awaitable[object]]  # how many emails, into which mailboxes


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreSettings:
    """Mail that was removed."""

    days: int = setting(
        14,
        "How long mail that was removed can be restored; it counts in no quota. 0: not at all.",
        unit="days",
        reload=False,
    )


class Restored(msgspec.Struct, frozen=True):
    """What was put back: how many emails, into which mailboxes."""

    emails: int
    mailboxes: tuple[str, ...]


class Step(msgspec.Struct, frozen=True):
    """What was put back of one mailbox, by its id then (0: nothing can be); `more` may follow."""

    mailbox_id: int
    emails: int
    more: bool


class Restore:
    """What was removed from accounts, for administrators and for the people themselves."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def summary(self, account_id: int, *, mailbox: str = "", since: int = 0) -> list[Removed]:
        """What can be restored, by mailbox: of one and all below it, or of all.

        `since` is Unix milliseconds: only what was removed from then on.
        """
        found = await self._store.scan(restore.summary, account_id, since)
        return restore.below(found, mailbox) if mailbox else found

    async def emails(
        self, account_id: int, mailbox: Removed, *, since: int = 0, limit: int = 500
    ) -> list[Expunged]:
        """The emails that can be restored to a mailbox, the last removed first."""
        return await self._store.scan(restore.listing, account_id, mailbox, since, limit)

    async def restore(
        self,
        account_id: int,
        *,
        mailbox: str = "",
        since: int = 0,
        uids: Sequence[int] | None = None,
        note: Note | None = None,
    ) -> Restored:
        """Put back what `summary` tells, a few hundred emails at a time.

        Args:
            account_id: Whose.
            mailbox: Where it was; mailboxes below it come back too. Empty: everywhere.
            since: Only what was removed from then on, Unix milliseconds.
            uids: Only these emails of the mailbox, by the UIDs they had.
            note: Told what was put back, if anything, also when the rest found no room.

        Raises:
            Fault: NOT_FOUND when nothing of the mailbox can be restored; OVER_QUOTA, and
                what was restored before that stays.
        """
        found = await self.summary(account_id, mailbox=mailbox, since=since)
        if mailbox and not found:
            raise Fault(Kind.NOT_FOUND, f"nothing of {mailbox} can be restored")
        if uids is not None:
            found = [one for one in found if one.path == mailbox]
        count = 0
        paths: dict[str, None] = {}
        try:
            for one in found:
                done = restore.STEP
                while done == restore.STEP:
                    now = int(self._clock.now() * 1000)
                    done = await self._store.write_long(
                        restore.restore, account_id, one, now, since=since, uids=uids
                    )
                    count += done
                    paths[one.path] = None
        finally:
            if note is not None and paths:
                await note(count, list(paths))
        return Restored(count, tuple(paths))

    async def step(self, account_id: int, mailbox_id: int, since: int) -> Step:
        """Put back some of what was removed from one mailbox, as many emails as one write should.

        `since` is Unix milliseconds. Raises Fault OVER_QUOTA.
        """
        found = await self._store.scan(restore.summary, account_id, since)
        one = next((each for each in found if each.mailbox_id == mailbox_id), None)
        if one is None:
            return Step(0, 0, more=False)
        now = int(self._clock.now() * 1000)

        async def unit(tx: Transaction) -> Step:
            target = await restore.reopen(tx, account_id, one, now)
            done = await restore.restore(tx, account_id, one, now, since=since)
            more = await restore.has_more(tx, account_id, mailbox_id, since)
            return Step(target, done, more=more)

        return await self._store.write_long(unit)
