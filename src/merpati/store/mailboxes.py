"""Mailboxes of an account: their tree, names, counters and subscriptions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from merpati.base.faults import Fault, Kind
from merpati.model import uids as uid_sets
from merpati.model.change import ChangeKind
from merpati.model.mailbox import (
    DEPTH_MAX,
    INBOX_ID,
    MAILBOXES_MAX,
    NAME_MAX,
    RESERVED,
    SEPARATOR,
    Mailbox,
    is_shown,
)
from merpati.store import changes, emails, expunged, finding, metadata, quota, rights
from merpati.store.engine import Row, Topic, Transaction, among

COLUMNS: Final = "id, name, role, uidvalidity, uidnext, recent_from, total, unseen, size, modseq"
_NAMED: Final = " FROM mailbox WHERE account_id = $1 AND parent_id = $2 AND name = $3"
_FIND: Final = f"SELECT {COLUMNS}{_NAMED}"
_FIND_NOW: Final = f"SELECT {COLUMNS}, (SELECT modseq FROM account WHERE id = $1){_NAMED}"


@lru_cache(maxsize=1024)
def levels(path: str) -> tuple[str, ...]:
    """The levels of a path, INBOX in its one spelling.

    Raises:
        Fault: SYNTAX for a name that no mailbox may have.
    """
    names = path.split(SEPARATOR)
    if names[0].upper() == "INBOX":  # RFC 3501 5.1: in any case
        names[0] = "INBOX"
    if len(names) > DEPTH_MAX:
        raise Fault(Kind.TOO_MANY, f"a mailbox may lie at most {DEPTH_MAX} levels deep")
    for name in names:
        if not name or len(name) > NAME_MAX or not is_shown(name):
            text = (
                f"{path!r}: each level of a mailbox name has 1 to {NAME_MAX} printable characters"
            )
            raise Fault(Kind.SYNTAX, text)
    return tuple(names)


def new_levels(path: str) -> tuple[str, ...]:
    """As `levels`, for a name that a mailbox is to get.

    Raises:
        Fault: SYNTAX, TOO_MANY; DENIED for a name under which others' mailboxes are seen.
    """
    names = levels(path)
    if names[0] in RESERVED:
        raise Fault(Kind.DENIED, f"{names[0]!r} is where mailboxes of others are found")
    return names


async def listing(tx: Transaction, account_id: int) -> list[Mailbox]:
    """Every mailbox of an account with its full path, parents before children."""
    rows = await tx.rows(
        f"SELECT parent_id, {COLUMNS} FROM mailbox WHERE account_id = $1",
        account_id,
    )
    own = {row[1]: (row[0], row[2]) for row in rows}
    paths: dict[int, str] = {0: ""}

    def path(mailbox_id: int) -> str:
        chain = []
        while mailbox_id not in paths:
            chain.append(mailbox_id)
            mailbox_id = own[mailbox_id][0]
        for step in reversed(chain):
            parent, name = own[step]
            paths[step] = paths[parent] + SEPARATOR + name if parent else name
        return paths[chain[0]] if chain else paths[mailbox_id]

    found = [Mailbox(row[1], path(row[1]), *row[3:]) for row in rows]
    return sorted(found, key=lambda mailbox: (mailbox.id != INBOX_ID, mailbox.name))


async def find(tx: Transaction, account_id: int, path: str) -> Mailbox | None:
    """The mailbox of a path, or None."""
    row = await _row(tx, _FIND, account_id, path)
    return None if row is None else Mailbox(*row)


async def find_now(tx: Transaction, account_id: int, path: str) -> tuple[Mailbox, int] | None:
    """As `find`, with the modseq that the account has now."""
    row = await _row(tx, _FIND_NOW, account_id, path)
    return None if row is None else (Mailbox(*row[:-1]), row[-1])


async def _row(tx: Transaction, sql: str, account_id: int, path: str) -> Row | None:
    """What `sql` finds of the mailbox of a path; its name, the second, is the whole path."""
    try:
        names = levels(path)
    except Fault:
        return None
    parent = 0
    row = None
    for name in names:
        row = await tx.row(sql, account_id, parent, name)
        if row is None:
            return None
        parent = row[0]
    if row is None or len(names) == 1:
        return row
    return (parent, SEPARATOR.join(names), *row[2:])


async def get(tx: Transaction, account_id: int, path: str) -> Mailbox:
    """The mailbox of a path. Raises Fault NOT_FOUND."""
    found = await find(tx, account_id, path)
    if found is None:
        raise Fault(Kind.NOT_FOUND, f"there is no mailbox {path!r}")
    return found


async def counters(tx: Transaction, account_id: int, mailbox_id: int) -> Mailbox | None:
    """A mailbox by its id (its `name` is the last level only), or None when it is gone."""
    row = await tx.row(
        f"SELECT {COLUMNS} FROM mailbox WHERE account_id = $1 AND id = $2",
        account_id, mailbox_id,
    )  # fmt: skip
    return None if row is None else Mailbox(*row)


async def with_role(tx: Transaction, accounts: Sequence[int], role: str) -> dict[int, int]:
    """The mailbox that has a role in each of these accounts; those without one are missing."""
    which, ids = among(tx, "account_id", 1, accounts)
    rows = await tx.rows(
        f"SELECT account_id, min(id) FROM mailbox WHERE {which} AND role = $2 GROUP BY account_id",
        ids, role,
    )  # fmt: skip
    return dict(rows)


async def by_role(tx: Transaction, account_id: int, role: str) -> int | None:
    """The id of the mailbox that has a role, or None."""
    found: int | None = await tx.value(
        "SELECT id FROM mailbox WHERE account_id = $1 AND role = $2 ORDER BY id LIMIT 1",
        account_id, role,
    )  # fmt: skip
    return found


async def has_children(tx: Transaction, account_id: int, mailbox_id: int) -> bool:
    """Whether there are mailboxes below one."""
    found = await tx.value(
        "SELECT id FROM mailbox WHERE account_id = $1 AND parent_id = $2 LIMIT 1",
        account_id, mailbox_id,
    )  # fmt: skip
    return found is not None


async def create(
    tx: Transaction, account_id: int, path: str, now: int, *, role: str = ""
) -> Mailbox:
    """Make a mailbox, and the parents it lacks (RFC 3501 6.3.3).

    Raises:
        Fault: EXISTS, SYNTAX, TOO_MANY, DENIED.
    """
    names = new_levels(path)
    parent = 0
    made = False
    for depth, name in enumerate(names, 1):
        found = await _child(tx, account_id, parent, name)
        made = found is None
        if found is None:
            its_role = role if depth == len(names) else ""
            found = await _insert(tx, account_id, parent, name, now, its_role)
        parent = found
    if not made:
        raise Fault(Kind.EXISTS, f"mailbox {path!r} exists already")
    return await get(tx, account_id, path)


async def rename(tx: Transaction, account_id: int, old: str, new: str, now: int) -> None:
    """Give a mailbox, and so everything below it, a new path (RFC 3501 6.3.5).

    It keeps its UIDVALIDITY: no two mailboxes of an account ever had the same one, so
    name, UIDVALIDITY and UID together stay unique (RFC 9051 2.3.1.1).

    Raises:
        Fault: NOT_FOUND, EXISTS, SYNTAX, DENIED for a path inside itself.
    """
    mailbox = await get(tx, account_id, old)
    names = new_levels(new)
    if await find(tx, account_id, new) is not None:
        raise Fault(Kind.EXISTS, f"mailbox {new!r} exists already")
    if SEPARATOR.join(names).startswith(mailbox.name + SEPARATOR):
        raise Fault(Kind.DENIED, f"{old!r} cannot move below itself")
    parent = 0
    for name in names[:-1]:
        found = await _child(tx, account_id, parent, name)
        parent = found or await _insert(tx, account_id, parent, name, now, "")
    await tx.run(
        "UPDATE mailbox SET parent_id = $3, name = $4 WHERE account_id = $1 AND id = $2",
        account_id, mailbox.id, parent, names[-1],
    )  # fmt: skip
    await changes.record(tx, account_id, ChangeKind.MAILBOX_CHANGED, mailbox.id)


async def destroy(tx: Transaction, account_id: int, path: str, now: int | None = None) -> None:
    r"""Delete a mailbox and what it holds; both can be restored for a while.

    One with children cannot go (RFC 9051 6.3.5 lets a server refuse, and a name that
    only lingers as \Noselect confuses people more than the refusal).

    Raises:
        Fault: NOT_FOUND, DENIED for INBOX, IN_USE while it has children.
    """
    mailbox = await get(tx, account_id, path)
    if mailbox.id == INBOX_ID:
        raise Fault(Kind.DENIED, "INBOX cannot be deleted")
    children = await tx.value(
        "SELECT count(*) FROM mailbox WHERE account_id = $1 AND parent_id = $2",
        account_id, mailbox.id,
    )  # fmt: skip
    if children:
        raise Fault(Kind.IN_USE, f"{path!r} has mailboxes below it; delete those first")
    held = await rights.written(tx, account_id, mailbox.id)
    await expunged.keep_mailbox(tx, account_id, mailbox.id, mailbox.name, mailbox.role, held, now)
    gone = await tx.rows(
        "DELETE FROM mailbox_email WHERE account_id = $1 AND mailbox_id = $2"
        " RETURNING uid, email_id, thread_id, added",
        account_id, mailbox.id,
    )  # fmt: skip
    gone.sort()
    await tx.run(
        "DELETE FROM email_place WHERE account_id = $1 AND mailbox_id = $2", account_id, mailbox.id
    )
    modseq = await quota.give_back(tx, account_id, mailbox.size, mailbox.total)
    await tx.run(
        "DELETE FROM urlauth_key WHERE account_id = $1 AND mailbox_id = $2", account_id, mailbox.id
    )
    await tx.run("DELETE FROM mailbox WHERE account_id = $1 AND id = $2", account_id, mailbox.id)
    await rights.forget_mailbox(tx, account_id, mailbox.id)
    await metadata.forget_mailbox(tx, account_id, mailbox.id)
    await finding.drop_pages(tx, account_id, mailbox.id)
    await changes.log(
        tx, account_id, modseq, 0, ChangeKind.MAILBOX_DESTROYED, mailbox.id,
        emails=uid_sets.compress(sorted({row[1] for row in gone})),
        threads=(row[2] for row in gone), born=emails.births(mailbox.id, gone),
    )  # fmt: skip


async def claim_recent(tx: Transaction, account_id: int, mailbox_id: int, uidnext: int) -> None:
    r"""Note that a session has been told of every UID below `uidnext`: \Recent to no other."""
    await tx.run(
        "UPDATE mailbox SET recent_from = $3"
        " WHERE account_id = $1 AND id = $2 AND recent_from < $3",
        account_id, mailbox_id, uidnext,
    )  # fmt: skip


async def set_role(tx: Transaction, account_id: int, mailbox_id: int, role: str) -> None:
    """Give a mailbox another role of RFC 8621, or none."""
    await tx.run(
        "UPDATE mailbox SET role = $3 WHERE account_id = $1 AND id = $2",
        account_id, mailbox_id, role,
    )  # fmt: skip
    await changes.record(tx, account_id, ChangeKind.MAILBOX_CHANGED, mailbox_id)


# Subscriptions


async def subscribe(tx: Transaction, account_id: int, path: str) -> None:
    """Remember that a client wants to see this name."""
    new = await tx.run(
        "INSERT INTO subscription (account_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        account_id, SEPARATOR.join(levels(path)),
    )  # fmt: skip
    if new:
        await _record_subscription(tx, account_id, path)


async def unsubscribe(tx: Transaction, account_id: int, path: str) -> bool:
    """Forget a name; whether it was subscribed."""
    gone = await tx.run(
        "DELETE FROM subscription WHERE account_id = $1 AND name = $2",
        account_id, SEPARATOR.join(levels(path)),
    )  # fmt: skip
    if gone:
        await _record_subscription(tx, account_id, path)
    return gone > 0


async def follow(tx: Transaction, account_id: int, old: str, new: str) -> None:
    """Let subscriptions of a path, and of all below it, be of another path from now on."""
    names = await subscriptions(tx, account_id)
    moved = [name for name in names if name == old or name.startswith(old + SEPARATOR)]
    for name in moved:
        await tx.run(
            "DELETE FROM subscription WHERE account_id = $1 AND name = $2", account_id, name
        )
    await tx.run_many(
        "INSERT INTO subscription (account_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        [(account_id, new + name.removeprefix(old)) for name in moved],
    )


async def _record_subscription(tx: Transaction, account_id: int, path: str) -> None:
    """Log it as a change of the mailbox, if there is one of that name."""
    found = await find(tx, account_id, path)
    if found is None:
        await changes.record(tx, account_id, ChangeKind.NAME_SUBSCRIBED, 0)
    else:
        await changes.record(tx, account_id, ChangeKind.MAILBOX_CHANGED, found.id)


async def subscriptions(tx: Transaction, account_id: int) -> list[str]:
    """The subscribed names, whether or not they exist."""
    rows = await tx.rows(
        "SELECT name FROM subscription WHERE account_id = $1 ORDER BY name", account_id
    )
    return [row[0] for row in rows]


async def _child(tx: Transaction, account_id: int, parent: int, name: str) -> int | None:
    found: int | None = await tx.value(
        "SELECT id FROM mailbox WHERE account_id = $1 AND parent_id = $2 AND name = $3",
        account_id, parent, name,
    )  # fmt: skip
    return found


async def _insert(
    tx: Transaction, account_id: int, parent: int, name: str, now: int, role: str
) -> int:
    count = await tx.value("SELECT count(*) FROM mailbox WHERE account_id = $1", account_id)
    if count >= MAILBOXES_MAX:
        raise Fault(Kind.TOO_MANY, f"an account has at most {MAILBOXES_MAX} mailboxes")
    mailbox_id: int = await tx.value(
        "UPDATE account SET next_mailbox = next_mailbox + 1 WHERE id = $1"
        " RETURNING next_mailbox - 1",
        account_id,
    )
    uidvalidity = await _uidvalidity(tx, account_id, now)
    await tx.run(
        "INSERT INTO mailbox (account_id, id, parent_id, name, role, uidvalidity, uidnext,"
        " recent_from, total, unseen, size, modseq)"
        " VALUES ($1, $2, $3, $4, $5, $6, 1, 1, 0, 0, 0, 1)",
        account_id, mailbox_id, parent, name, role, uidvalidity,
    )  # fmt: skip
    await rights.inherit(tx, account_id, parent, mailbox_id)
    await changes.record(tx, account_id, ChangeKind.MAILBOX_CREATED, mailbox_id)
    tx.announce(Topic.ACCOUNT, account_id)
    return mailbox_id


async def _uidvalidity(tx: Transaction, account_id: int, now: int) -> int:
    """A value this account never gave before, so that a name used again is seen as new."""
    value: int = await tx.value(
        "UPDATE account SET uidvalidity ="
        " CASE WHEN uidvalidity >= $2 THEN uidvalidity + 1 ELSE $2 END"
        " WHERE id = $1 RETURNING uidvalidity",
        account_id, now // 1000,
    )  # fmt: skip
    return value
