"""Mailboxes as objects with a parent, as JMAP and screens see them (RFC 8621 2)."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from merpati.model.change import ChangeKind
from merpati.store import changes
from merpati.store.engine import Transaction


class Node(msgspec.Struct, frozen=True):
    """A mailbox. `parent_id` is 0 at the top; `name` its own level only."""

    id: int
    parent_id: int
    name: str
    role: str
    sort_order: int
    total: int
    unseen: int
    modseq: int


class Threads(msgspec.Struct, frozen=True):
    """How many threads have an email in a mailbox, and how many of those are not read."""

    total: int
    unread: int


async def nodes(tx: Transaction, account_id: int) -> dict[int, Node]:
    """Every mailbox of an account by its id."""
    rows = await tx.rows(
        "SELECT id, parent_id, name, role, sort_order, total, unseen, modseq FROM mailbox"
        " WHERE account_id = $1 ORDER BY id",
        account_id,
    )
    return {row[0]: Node(*row) for row in rows}


def path(tree: dict[int, Node], id_: int) -> str:
    """The path of a mailbox, levels joined by the separator."""
    names: list[str] = []
    while id_:
        node = tree[id_]
        names.append(node.name)
        id_ = node.parent_id
    return "/".join(reversed(names))


async def set_attributes(
    tx: Transaction, account_id: int, mailbox_id: int, role: str, sort_order: int
) -> None:
    """Give a mailbox another role or place among its siblings."""
    await tx.run(
        "UPDATE mailbox SET role = $3, sort_order = $4 WHERE account_id = $1 AND id = $2",
        account_id, mailbox_id, role, sort_order,
    )  # fmt: skip
    await changes.record(tx, account_id, ChangeKind.MAILBOX_CHANGED, mailbox_id)


async def threads(
    tx: Transaction, account_id: int, mailbox_ids: Iterable[int]
) -> dict[int, Threads]:
    """Their threads; a thread is unread when one of its emails is, wherever that lies.

    Emails in the trash do not count elsewhere, nor others in the trash (RFC 8621 2).
    """
    found = {}
    for mailbox_id in mailbox_ids:
        total = await tx.value(
            "SELECT count(DISTINCT thread_id) FROM mailbox_email"
            " WHERE account_id = $1 AND mailbox_id = $2",
            account_id, mailbox_id,
        )  # fmt: skip
        unread = await tx.value(
            "SELECT count(DISTINCT e.thread_id) FROM mailbox_email e"
            " WHERE e.account_id = $1 AND e.mailbox_id = $2 AND e.thread_id IN ("
            " SELECT o.thread_id FROM mailbox_email o JOIN mailbox m"
            " ON m.account_id = o.account_id AND m.id = o.mailbox_id"
            " WHERE o.account_id = $1 AND m.unseen > 0"
            " AND (' ' || o.keywords || ' ') NOT LIKE '% $seen %'"
            " AND (' ' || o.keywords || ' ') NOT LIKE '% $draft %'"
            " AND (m.id = $2 OR (m.role <> 'trash' AND 'trash' <> (SELECT role FROM mailbox"
            " WHERE account_id = $1 AND id = $2))))",
            account_id, mailbox_id,
        )  # fmt: skip
        found[mailbox_id] = Threads(total, unread)
    return found


async def changed_since(
    tx: Transaction, account_id: int, modseq: int
) -> list[tuple[int, int, int]]:
    """What was logged of mailboxes themselves with this modseq or later: modseq, kind, id."""
    rows = await tx.rows(
        "SELECT modseq, kind, mailbox_id FROM change"
        " WHERE account_id = $1 AND modseq >= $2 AND kind BETWEEN $3 AND $4 ORDER BY modseq, n",
        account_id, modseq, int(ChangeKind.MAILBOX_CREATED), int(ChangeKind.MAILBOX_DESTROYED),
    )  # fmt: skip
    return [(row[0], row[1], row[2]) for row in rows]
