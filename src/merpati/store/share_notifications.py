"""What people are told of that others share with them (RFC 9670 3)."""

from __future__ import annotations

from typing import Final

import msgspec

from merpati.model import rights as letters
from merpati.model.change import ChangeKind
from merpati.store import directory, mailbox_tree, object_changes, rights
from merpati.store.engine import Transaction

KEPT_MAX: Final = 200  # of one account; the oldest go first
COLUMNS: Final = (
    "id, created_at, changed_by, name, address, owner_id, mailbox_id, mailbox, old_rights,"
    " new_rights"
)


class ShareNotification(msgspec.Struct, frozen=True):
    """What somebody may do in a mailbox is not what it was.

    Attributes:
        created_at: Unix milliseconds.
        changed_by: An account; 0: an administrator.
        name: Of whoever did it.
        mailbox: Its name, as it was then.
    """

    id: int
    created_at: int
    changed_by: int
    name: str
    address: str
    owner_id: int
    mailbox_id: int
    mailbox: str
    old_rights: str
    new_rights: str


async def grant(
    tx: Transaction, owner_id: int, mailbox_id: int, subject: int, wanted: str, by: int, now: int,
    *, negative: bool = False,
) -> None:  # fmt: skip
    """As `rights.grant` in one mailbox, and who gains or loses by it is told.

    Args:
        tx: The transaction.
        owner_id: Whose mailbox it is.
        mailbox_id: The mailbox.
        subject: An account, or below 0 everybody in that domain, who are not told.
        wanted: Letters of model/rights.py.
        by: The account that does it.
        now: Unix milliseconds.
        negative: These rights are taken away.
    """
    before = await rights.held(tx, owner_id, mailbox_id, subject)
    await rights.grant(tx, owner_id, [mailbox_id], subject, wanted, negative=negative)
    after = await rights.held(tx, owner_id, mailbox_id, subject)
    if subject <= 0 or subject == by or before == after:
        return
    person = await directory.account_by_id(tx, by)
    node = (await mailbox_tree.nodes(tx, owner_id)).get(mailbox_id)
    if person is None or node is None:
        return
    number = await object_changes.record(tx, subject, ChangeKind.SHARING_NOTED)
    await tx.run(
        f"INSERT INTO share_notification (account_id, {COLUMNS})"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        subject, number, now, by, person.name, person.address, owner_id, mailbox_id, node.name,
        before, after,
    )  # fmt: skip
    for one in (await listing(tx, subject))[:-KEPT_MAX]:
        await remove(tx, subject, one.id)


async def listing(tx: Transaction, account_id: int) -> list[ShareNotification]:
    """All of an account, the oldest first."""
    rows = await tx.rows(
        f"SELECT {COLUMNS} FROM share_notification WHERE account_id = $1 ORDER BY id", account_id
    )
    return [ShareNotification(*row) for row in rows]


async def remove(tx: Transaction, account_id: int, number: int) -> bool:
    """Forget one; whether there was such a one."""
    gone = await tx.run(
        "DELETE FROM share_notification WHERE account_id = $1 AND id = $2", account_id, number
    )
    if gone:
        await object_changes.record(tx, account_id, ChangeKind.SHARING_FORGOTTEN, number)
    return bool(gone)


async def shared_with(tx: Transaction, owner_id: int) -> dict[int, dict[int, str]]:
    """What others may do in the mailboxes of an account: by mailbox, by subject."""
    rows = await tx.rows(
        "SELECT mailbox_id, subject, negative, rights FROM mailbox_right WHERE account_id = $1",
        owner_id,
    )
    gathered: dict[int, dict[int, list[tuple[int, str]]]] = {}
    for mailbox_id, subject, negative, held in rows:
        gathered.setdefault(mailbox_id, {}).setdefault(subject, []).append((negative, held))
    return {
        mailbox_id: {
            subject: held
            for subject, found in of_mailbox.items()
            if (held := rights.combined(found)) != letters.NONE
        }
        for mailbox_id, of_mailbox in gathered.items()
    }
