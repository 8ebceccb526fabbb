"""What became of an account's scripts, identities, submissions and labels, out of its change log.

Each is numbered by the modseq of its making, and a row of the log says its number as text.
"""

from __future__ import annotations

from typing import Final

import msgspec

from merpati.model.change import ChangeKind
from merpati.store import changes
from merpati.store.engine import Transaction


class Kinds(msgspec.Struct, frozen=True):
    """Which rows of the log are about one type of objects."""

    created: ChangeKind
    changed: ChangeKind
    destroyed: ChangeKind


SCRIPTS: Final = Kinds(
    ChangeKind.SCRIPT_CREATED, ChangeKind.SCRIPT_CHANGED, ChangeKind.SCRIPT_DESTROYED
)
IDENTITIES: Final = Kinds(
    ChangeKind.IDENTITY_CREATED, ChangeKind.IDENTITY_CHANGED, ChangeKind.IDENTITY_DESTROYED
)
SUBMISSIONS: Final = Kinds(
    ChangeKind.SUBMISSION_CREATED, ChangeKind.SUBMISSION_CHANGED, ChangeKind.SUBMISSION_DESTROYED
)
LABELS: Final = Kinds(
    ChangeKind.LABEL_CREATED, ChangeKind.LABEL_CHANGED, ChangeKind.LABEL_DESTROYED
)

NOTIFICATIONS: Final = Kinds(
    ChangeKind.SHARING_NOTED, ChangeKind.SHARING_CHANGED, ChangeKind.SHARING_FORGOTTEN
)


class ObjectChange(msgspec.Struct, frozen=True):
    """An object that changed: when at last, and whether it came or went since."""

    modseq: int
    id: int
    is_new: bool
    is_gone: bool


async def since(
    tx: Transaction, account_id: int, modseq: int, kinds: Kinds
) -> tuple[list[ObjectChange], int]:
    """The objects that changed with this modseq or later, each once, and the modseq now.

    One that came after `modseq` and went again is left out.
    """
    current = await changes.current(tx, account_id)
    found: dict[int, ObjectChange] = {}
    for at, kind, text in await tx.rows(
        "SELECT modseq, kind, uids FROM change WHERE account_id = $1 AND modseq >= $2"
        " AND kind IN ($3, $4, $5) ORDER BY modseq, n",
        account_id, modseq, int(kinds.created), int(kinds.changed), int(kinds.destroyed),
    ):  # fmt: skip
        number = int(text)
        known = found.get(number)
        is_new = number > modseq if known is None else known.is_new
        is_gone = kind == kinds.destroyed
        if is_gone and is_new:
            found.pop(number, None)
            continue
        found[number] = ObjectChange(at, number, is_new, is_gone)
    return list(found.values()), current


async def record(tx: Transaction, account_id: int, kind: ChangeKind, number: int = 0) -> int:
    """Log that an object changed, or came to be if it has no number yet; the modseq."""
    modseq = await changes.next_modseq(tx, account_id)
    await changes.log(tx, account_id, modseq, 0, kind, 0, str(number or modseq))
    return modseq
