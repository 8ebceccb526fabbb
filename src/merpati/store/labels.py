"""Labels: keywords that a person has given a name and a colour.

An email bears the keyword, as IMAP and JMAP know it; what it is called may change, the keyword
stays.
"""

from __future__ import annotations

import msgspec

from merpati.model.change import ChangeKind
from merpati.store import object_changes
from merpati.store.engine import Transaction


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """A label; `color` is a name of `servers/jmap/label.py`."""

    id: int = 0
    keyword: str
    name: str
    color: str


async def listing(tx: Transaction, account_id: int) -> list[Label]:
    """All labels of an account, in the order of their making."""
    rows = await tx.rows(
        "SELECT id, keyword, name, color FROM label WHERE account_id = $1 ORDER BY id", account_id
    )
    return [Label(id=row[0], keyword=row[1], name=row[2], color=row[3]) for row in rows]


async def add(tx: Transaction, account_id: int, new: Label) -> int:
    """Make a label; its number."""
    number = await object_changes.record(tx, account_id, ChangeKind.LABEL_CREATED)
    await tx.run(
        "INSERT INTO label (account_id, id, keyword, name, color) VALUES ($1, $2, $3, $4, $5)",
        account_id, number, new.keyword, new.name, new.color,
    )  # fmt: skip
    return number


async def change(tx: Transaction, account_id: int, new: Label) -> None:
    """Give a label another name or colour."""
    await object_changes.record(tx, account_id, ChangeKind.LABEL_CHANGED, new.id)
    await tx.run(
        "UPDATE label SET name = $3, color = $4 WHERE account_id = $1 AND id = $2",
        account_id, new.id, new.name, new.color,
    )  # fmt: skip


async def remove(tx: Transaction, account_id: int, number: int) -> bool:
    """Take a label away; emails keep its keyword. Whether there was one."""
    gone = await tx.run("DELETE FROM label WHERE account_id = $1 AND id = $2", account_id, number)
    if gone:
        await object_changes.record(tx, account_id, ChangeKind.LABEL_DESTROYED, number)
    return bool(gone)
