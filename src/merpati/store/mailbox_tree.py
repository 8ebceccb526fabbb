"""Mailboxes as objects with a parent, as JMAP and screens see them (RFC 8621 2)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from merpati.model import uids as uid_sets
from merpati.model.change import ChangeKind
from merpati.store import changes, emails
from merpati.store.engine import Dialect, Row, Transaction, id_list, one_of


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
            "SELECT count(DISTINCT e.thread_id) FROM mailbox_email e"
            f" WHERE e.account_id = $1 AND e.mailbox_id = $2 AND {emails.SHOWN}",
            account_id, mailbox_id,
        )  # fmt: skip
        unread = await tx.value(
            "SELECT count(DISTINCT e.thread_id) FROM mailbox_email e"
            f" WHERE e.account_id = $1 AND e.mailbox_id = $2 AND {emails.SHOWN}"
            " AND e.thread_id IN (SELECT o.thread_id FROM mailbox_email o JOIN mailbox m"
            " ON m.account_id = o.account_id AND m.id = o.mailbox_id"
            " WHERE o.account_id = $1 AND m.unseen > 0"
            " AND (' ' || o.keywords || ' ') NOT LIKE '% $seen %'"
            " AND (' ' || o.keywords || ' ') NOT LIKE '% $draft %'"
            " AND (' ' || o.keywords || ' ') NOT LIKE '% $deleted %'"
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


class Rows(msgspec.Struct, frozen=True):
    """Emails of a mailbox side by side, by UID: their threads, and 1 for those not read."""

    uids: Sequence[int]
    threads: Sequence[int]
    unread: Sequence[int]


class Since(msgspec.Struct, frozen=True):
    """What became of the emails of an account since a modseq.

    Attributes:
        modseq: of the account now.
        roles: of its mailboxes.
        whole: mailboxes in which so much changed that all is to be read again.
        changed: rows of what changed in others: UID, thread, 1 when it is not read.
        gone: UIDs of what is there no more.
    """

    modseq: int
    roles: dict[int, str]
    whole: list[int]
    changed: dict[int, list[Row]]
    gone: dict[int, list[int]]


_UNREAD: Final = (
    "CASE WHEN (' ' || e.keywords || ' ') LIKE '% $seen %'"
    " OR (' ' || e.keywords || ' ') LIKE '% $draft %' THEN 0 ELSE 1 END"
)
FEW: Final = 1000  # emails that changed in a mailbox


async def thread_rows(tx: Transaction, account_id: int, mailbox_id: int) -> Rows:
    """The emails of a mailbox that JMAP shows; each column is one value, handed over at once."""
    parts = ("uid", "thread_id", "unread")
    inner = (
        f"SELECT e.uid, e.thread_id, {_UNREAD} AS unread FROM mailbox_email e"
        f" WHERE e.account_id = $1 AND e.mailbox_id = $2 AND {emails.SHOWN} ORDER BY e.uid"
    )
    gather = "json_group_array" if tx.dialect is Dialect.SQLITE else "array_agg"
    gathered = ", ".join(f"{gather}({name})" for name in parts)
    row = await tx.row(f"SELECT {gathered} FROM ({inner}) AS one", account_id, mailbox_id)
    columns = row or (None, None, None)
    if tx.dialect is Dialect.SQLITE:
        return Rows(*[json.loads(text or "[]") for text in columns])
    return Rows(*[list(one or ()) for one in columns])


async def thread_changes(
    tx: Transaction, account_id: int, modseq: int, known: frozenset[int]
) -> Since:
    """What is needed to bring such rows of the mailboxes `known` up to date."""
    current = await changes.current(tx, account_id)
    roles, whole = {}, []
    changed: dict[int, list[Row]] = {}
    gone: dict[int, list[int]] = {}
    for node in (await nodes(tx, account_id)).values():
        roles[node.id] = node.role
        if node.id not in known:
            whole.append(node.id)
            continue
        if node.modseq <= modseq:
            continue
        sets = [one.uids for one in await changes.since(tx, account_id, node.id, modseq)]
        count = sum(last - first + 1 for text in sets for first, last in uid_sets.ranges(text))
        if count > FEW:
            whole.append(node.id)
            continue
        wanted = uid_sets.union(sets)
        rows = await tx.rows(
            f"SELECT e.uid, e.thread_id, {_UNREAD} FROM mailbox_email e WHERE e.account_id = $1"
            f" AND e.mailbox_id = $2 AND {one_of(tx, 'e.uid', 3)} AND {emails.SHOWN}",
            account_id, node.id, id_list(tx, wanted),
        )  # fmt: skip
        changed[node.id] = rows
        there = {row[0] for row in rows}
        gone[node.id] = [uid for uid in wanted if uid not in there]
    return Since(current, roles, whole, changed, gone)
