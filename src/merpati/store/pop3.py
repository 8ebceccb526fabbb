"""What an account has chosen for POP3, and which of its emails were fetched when."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

import msgspec

from merpati.model.mailbox import INBOX_ID, Mailbox
from merpati.store import email_keywords, emails, mailboxes
from merpati.store.engine import Transaction

DAY: Final = 86_400_000  # milliseconds
EXPIRED_MAX: Final = 5000  # emails removed at one sign-in; more at the next


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How an account's mail is shown by POP3.

    Attributes:
        folders: paths of the mailboxes whose mail is shown, in this order.
        expire_days: an email is removed so long after it was fetched; -1: never.
        mark_seen: fetching marks an email as seen.
        hide_fetched: what was fetched in an earlier session is not shown again.
    """

    folders: tuple[str, ...] = ("INBOX",)
    expire_days: int = -1
    mark_seen: bool = False
    hide_fetched: bool = False

    @property
    def remembers(self) -> bool:
        """Whether it matters when an email was fetched."""
        return self.expire_days >= 0 or self.hide_fetched


DEFAULT: Final = Policy()


async def policy(tx: Transaction, account_id: int) -> Policy:
    """What an account has chosen."""
    row = await tx.row(
        "SELECT folders, expire_days, mark_seen, hide_fetched FROM pop3_policy"
        " WHERE account_id = $1",
        account_id,
    )
    if row is None:
        return DEFAULT
    return Policy(
        folders=tuple(json.loads(row[0])), expire_days=row[1], mark_seen=bool(row[2]),
        hide_fetched=bool(row[3]),
    )  # fmt: skip


async def set_policy(tx: Transaction, account_id: int, chosen: Policy) -> None:
    """Choose. Raises Fault NOT_FOUND when there is no such mailbox."""
    for path in chosen.folders:
        await mailboxes.get(tx, account_id, path)
    await tx.run("DELETE FROM pop3_policy WHERE account_id = $1", account_id)
    if chosen != DEFAULT:
        await tx.run(
            "INSERT INTO pop3_policy (account_id, folders, expire_days, mark_seen, hide_fetched)"
            " VALUES ($1, $2, $3, $4, $5)",
            account_id, json.dumps(chosen.folders), chosen.expire_days, int(chosen.mark_seen),
            int(chosen.hide_fetched),
        )  # fmt: skip
    if not chosen.remembers:
        await tx.run("DELETE FROM pop3_fetched WHERE account_id = $1", account_id)


async def folders(tx: Transaction, account_id: int, chosen: Policy) -> list[Mailbox]:
    """The mailboxes that are shown, each once; INBOX when none of those is there any more."""
    found = [await mailboxes.find(tx, account_id, path) for path in chosen.folders]
    there = list({mailbox.id: mailbox for mailbox in found if mailbox is not None}.values())
    if not there:
        inbox = await mailboxes.counters(tx, account_id, INBOX_ID)
        there = [] if inbox is None else [inbox]
    return there


async def fetched(tx: Transaction, account_id: int, mailbox_id: int) -> set[int]:
    """The UIDs of a mailbox that were fetched before."""
    rows = await tx.rows(
        "SELECT uid FROM pop3_fetched WHERE account_id = $1 AND mailbox_id = $2",
        account_id, mailbox_id,
    )  # fmt: skip
    return {row[0] for row in rows}


async def remember(
    tx: Transaction, account_id: int, chosen: Policy, found: dict[int, list[int]], now: int
) -> None:
    """Note what was fetched in a session: ascending UIDs by mailbox."""
    for mailbox_id, uids in found.items():
        if chosen.mark_seen:
            await email_keywords.change(
                tx, account_id, mailbox_id, uids, email_keywords.Change.ADD, frozenset({"$seen"})
            )
        if chosen.remembers:
            await tx.run_many(
                "INSERT INTO pop3_fetched (account_id, mailbox_id, uid, at)"
                " VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                [(account_id, mailbox_id, uid, now) for uid in uids],
            )


async def has_expired(tx: Transaction, account_id: int, chosen: Policy, now: int) -> bool:
    """Whether there is anything to `expire`."""
    if chosen.expire_days < 0:
        return False
    found = await tx.value(
        "SELECT 1 FROM pop3_fetched WHERE account_id = $1 AND at <= $2 LIMIT 1",
        account_id, now - chosen.expire_days * DAY,
    )  # fmt: skip
    return found is not None


async def expire(tx: Transaction, account_id: int, chosen: Policy, now: int) -> int:
    """Remove what was fetched long enough ago; how many emails."""
    rows = await tx.rows(
        "SELECT mailbox_id, uid FROM pop3_fetched WHERE account_id = $1 AND at <= $2"
        " ORDER BY mailbox_id, uid LIMIT $3",
        account_id, now - chosen.expire_days * DAY, EXPIRED_MAX,
    )  # fmt: skip
    groups: dict[int, list[int]] = {}
    for mailbox_id, uid in rows:
        groups.setdefault(mailbox_id, []).append(uid)
    count = 0
    for mailbox_id, uids in groups.items():
        _, gone = await emails.remove(tx, account_id, mailbox_id, uids)
        count += len(gone)
        await forget(tx, account_id, mailbox_id, uids)
    return count


async def forget(tx: Transaction, account_id: int, mailbox_id: int, uids: Sequence[int]) -> None:
    """Forget that emails were fetched, since they are gone."""
    await tx.run_many(
        "DELETE FROM pop3_fetched WHERE account_id = $1 AND mailbox_id = $2 AND uid = $3",
        [(account_id, mailbox_id, uid) for uid in uids],
    )
