"""Where a message lands in the accounts that get it when no script decides.

One path for all who deliver: a session, the queue, a program on this machine, and the copy that
stays with somebody who forwards. It is INBOX, or Junk for what the judge suspects and an account
that has one; if that is wished for, the folder that the detail of a subaddress names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from merpati.model.event import Event, EventKind
from merpati.model.mailbox import INBOX_ID
from merpati.model.verdict import Action
from merpati.store import events, mailboxes
from merpati.store.emails import Added, Placement
from merpati.store.engine import Transaction


class Landing(msgspec.Struct, frozen=True):
    """Where the copies go, and the names of those mailboxes."""

    placements: list[Placement]
    names: dict[int, str]

    def steps(
        self, trace: str, now: int, added: Added, addresses: Mapping[int, str]
    ) -> list[Event]:
        """What the trace says of copies that were added; addresses are those of the accounts."""
        return [
            Event(trace, now, EventKind.DELIVERED, addresses[one.account_id], one.account_id,
                  {"mailbox": self.names[one.mailbox_id], "uid": one.uid})
            for one in added.placed
        ]  # fmt: skip


async def choose(
    tx: Transaction, accounts: list[int], folders: Iterable[tuple[int, str]],
    action: Action | None,
) -> Landing:  # fmt: skip
    """Where a message goes.

    Args:
        tx: The transaction that will store it.
        accounts: Who gets it.
        folders: Accounts, each with the folder that its address asks for; empty: none.
        action: What the judge said of it; None: it was not judged.
    """
    names = {INBOX_ID: "INBOX"}
    chosen: dict[int, int] = {}
    if action is Action.QUARANTINE:
        chosen = await mailboxes.with_role(tx, accounts, "junk")
        names |= dict.fromkeys(chosen.values(), "Junk")
    else:
        for account_id, name in folders:
            folder = await mailboxes.find(tx, account_id, name) if name else None
            if folder is not None:
                chosen[account_id] = folder.id
                names[folder.id] = folder.name
    return Landing([Placement(one, chosen.get(one, INBOX_ID)) for one in accounts], names)


async def judged(tx: Transaction, trace: str) -> Action | None:
    """What the judge said of a message when it came in; for one that waited in the queue."""
    for step in await events.of_trace(tx, trace):
        if step.kind is EventKind.JUDGED and "verdict" in step.detail:
            return Action(step.detail["verdict"])
    return None
