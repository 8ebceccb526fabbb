"""What changed in the accounts that a user may see, by data type (RFC 8620 7.1).

All who are told of changes are told from here: event streams, WebSockets, web push. What a
client knows is a modseq for each account. Everything after it in the account's log (services/
notify.py says when to look) makes one StateChange, however much it is: so thousands of changes
cost a slow client no memory, and nobody misses one that was not announced.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from merpati.model import object_ids
from merpati.model import rights as letters
from merpati.model.change import ChangeKind
from merpati.store import changes, directory, rights
from merpati.store.engine import Transaction

_ADDED: Final = ChangeKind.EMAILS_ADDED
_FLAGS: Final = ChangeKind.KEYWORDS_CHANGED
_REMOVED: Final = ChangeKind.EMAILS_REMOVED
_GONE: Final = ChangeKind.MAILBOX_DESTROYED  # with all that was in it
_MAILBOX: Final = frozenset({
    ChangeKind.MAILBOX_CREATED, ChangeKind.MAILBOX_CHANGED, ChangeKind.MAILBOX_DESTROYED,
})  # fmt: skip

MAIL_TYPES: Final[Mapping[str, frozenset[ChangeKind]]] = {
    "Mailbox": _MAILBOX | {_ADDED, _FLAGS, _REMOVED},
    "Email": frozenset({_ADDED, _FLAGS, _REMOVED, _GONE}),
    "Thread": frozenset({_ADDED, _REMOVED, _GONE, ChangeKind.DELETED_CHANGED}),
    "EmailDelivery": frozenset({_ADDED}),  # RFC 8621 1.5
}
TYPES: Final[Mapping[str, frozenset[ChangeKind]]] = {
    **MAIL_TYPES,
    "SieveScript": frozenset({
        ChangeKind.SCRIPT_CREATED, ChangeKind.SCRIPT_CHANGED, ChangeKind.SCRIPT_DESTROYED,
    }),
    "VacationResponse": frozenset({ChangeKind.AUTO_REPLY_CHANGED}),
    "Identity": frozenset({
        ChangeKind.IDENTITY_CREATED, ChangeKind.IDENTITY_CHANGED, ChangeKind.IDENTITY_DESTROYED,
    }),
    "EmailSubmission": frozenset({
        ChangeKind.SUBMISSION_CREATED, ChangeKind.SUBMISSION_CHANGED,
        ChangeKind.SUBMISSION_DESTROYED,
    }),
    "Label": frozenset({
        ChangeKind.LABEL_CREATED, ChangeKind.LABEL_CHANGED, ChangeKind.LABEL_DESTROYED,
    }),
    "ShareNotification": frozenset({ChangeKind.SHARING_NOTED, ChangeKind.SHARING_FORGOTTEN}),
}  # fmt: skip
"""Data types whose state is the account's modseq, and what in its log changes them."""

KNOWN_MAX: Final = 4096  # characters of what a client says it knows
_KNOWN: Final = re.compile(r"([1-9][0-9]{0,17})-(0|[1-9][0-9]{0,17})")

Known = Mapping[int, int]
"""Of each account the modseq that a client knows."""


class News(NamedTuple):
    """What is new: states by type, by account id; and what the client knows with it."""

    changed: dict[int, dict[str, str]]
    known: dict[int, int]

    def state_change(self) -> dict[str, Any]:
        """The StateChange object (RFC 8620 7.1)."""
        changed = {object_ids.account(id_): states for id_, states in self.changed.items()}
        return {"@type": "StateChange", "changed": changed}


async def news(tx: Transaction, user_id: int, types: frozenset[str], known: Known) -> News | None:
    """What a user's client is to be told; None for a user who may not sign in any more.

    An account that the client did not know of is known from now on.
    """
    user = await directory.account_by_id(tx, user_id)
    if user is None or user.disabled:
        return None
    now: dict[int, int] = {}
    changed: dict[int, dict[str, str]] = {}
    held = await rights.all_held(tx, user_id)
    for account_id in (user_id, *held):
        readable = None
        offered: Mapping[str, frozenset[ChangeKind]] = TYPES
        if account_id != user_id:
            offered = MAIL_TYPES
            readable = {id_ for id_, has in held[account_id].items() if letters.READ in has}
            if not readable:
                continue
        current = await changes.current(tx, account_id)
        now[account_id] = current
        before = known.get(account_id, current)
        if before == current:
            continue
        touched = await changes.touched(tx, account_id, before if before < current else 0)
        kinds: set[int] = set()
        for mailbox_id, seen in touched.items():
            if readable is None or mailbox_id in readable:
                kinds |= seen
        states = {
            name: str(current)
            for name, causes in offered.items()
            if name in types and not causes.isdisjoint(kinds)
        }
        if states:
            changed[account_id] = states
    return News(changed, now)


def written(known: Known) -> str:
    """What a client knows as a word that it keeps for us."""
    return ".".join([f"{account_id}-{modseq}" for account_id, modseq in known.items()])


def read(text: str) -> dict[int, int]:
    """What `written` wrote; nothing for what is not ours."""
    found = {}
    for part in text[:KNOWN_MAX].split("."):
        match = _KNOWN.fullmatch(part)
        if match is None:
            return {}
        found[int(match[1])] = int(match[2])
    return found


def types_of(names: Iterable[str] | None) -> frozenset[str]:
    """The types of a client's wish that there are; all for None."""
    return frozenset(TYPES) if names is None else frozenset(TYPES) & frozenset(names)
