"""Who may do what in a mailbox of somebody else: the rows behind `places`.

A row grants rights to a subject, or takes them away. The subject is an account, so that a
new address changes nothing, or everybody in a domain. What one holds is all that is granted
to them and to their domain, less all that is taken away (RFC 4314 2).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.model import rights as letters
from merpati.model.change import ChangeKind
from merpati.store import changes
from merpati.store.engine import Row, Topic, Transaction

ANYONE: Final = "anyone"  # RFC 4314 2: here everybody in the domain of the mailbox
ENTRIES_MAX: Final = 500  # of one mailbox
_ROWS: Final = list[tuple[int, int, str]]  # subject, negative, rights


class Entry(msgspec.Struct, frozen=True):
    """One row of a mailbox's access control list.

    Attributes:
        subject: An account, or below 0 everybody in that domain.
        name: The subject as shown: an address, `anyone`, or `@domain` for another domain.
        negative: These rights are taken away.
    """

    subject: int
    name: str
    negative: bool
    rights: str


async def held(tx: Transaction, owner_id: int, mailbox_id: int, user_id: int) -> str:
    """What a user may do in a mailbox, everything in an own one."""
    if owner_id == user_id:
        return letters.ALL
    rows = await tx.rows(
        "SELECT negative, rights FROM mailbox_right WHERE account_id = $1 AND mailbox_id = $2"
        " AND subject IN ($3, (SELECT -domain_id FROM account WHERE id = $3))",
        owner_id, mailbox_id, user_id,
    )  # fmt: skip
    return combined(rows)


def combined(rows: Iterable[Row]) -> str:
    """The rights that rows of (negative, rights) come to."""
    granted = taken = letters.NONE
    for negative, rights in rows:
        if negative:
            taken = letters.union(taken, rights)
        else:
            granted = letters.union(granted, rights)
    return letters.without(granted, taken)


async def all_held(tx: Transaction, user_id: int) -> dict[int, dict[int, str]]:
    """What a user may do in the mailboxes of others, if anything: by owner, by mailbox."""
    rows = await tx.rows(
        "SELECT account_id, mailbox_id, negative, rights FROM mailbox_right"
        " WHERE subject IN ($1, (SELECT -domain_id FROM account WHERE id = $1))"
        " AND account_id <> $1",
        user_id,
    )
    gathered: dict[int, dict[int, list[Row]]] = {}
    for owner_id, mailbox_id, *row in rows:
        gathered.setdefault(owner_id, {}).setdefault(mailbox_id, []).append(tuple(row))
    held = {
        owner_id: {
            mailbox_id: letters_held
            for mailbox_id, found in of_owner.items()
            if (letters_held := combined(found)) != letters.NONE
        }
        for owner_id, of_owner in gathered.items()
    }
    return {owner_id: of_owner for owner_id, of_owner in held.items() if of_owner}


async def entries(tx: Transaction, owner_id: int, mailbox_id: int) -> list[Entry]:
    """The access control list of a mailbox, without its owner."""
    rows = await tx.rows(
        "SELECT m.subject, coalesce(r.local || '@' || d.name,"
        " CASE WHEN m.subject = -a.domain_id THEN 'anyone' ELSE '@' || x.name END),"
        " m.negative, m.rights FROM mailbox_right m JOIN account a ON a.id = m.account_id"
        " LEFT JOIN address r ON r.account_id = m.subject AND r.is_primary = 1"
        " LEFT JOIN domain d ON d.id = r.domain_id LEFT JOIN domain x ON x.id = -m.subject"
        " WHERE m.account_id = $1 AND m.mailbox_id = $2 ORDER BY m.subject, m.negative",
        owner_id, mailbox_id,
    )  # fmt: skip
    return [
        Entry(subject, name or "?", bool(negative), rights)
        for subject, name, negative, rights in rows
    ]


async def subject(tx: Transaction, owner_id: int, identifier: str) -> int:
    """Whom an identifier names: an address, `anyone`, or `@domain`.

    Raises:
        Fault: NOT_FOUND.
    """
    found: int | None
    text = identifier.lower()
    if text == ANYONE:
        found = await tx.value("SELECT -domain_id FROM account WHERE id = $1", owner_id)
    elif text.startswith("@"):
        found = await tx.value("SELECT -id FROM domain WHERE name = $1", text[1:])
    else:
        local, _, domain = text.rpartition("@")
        found = await tx.value(
            "SELECT n.account_id FROM address n WHERE n.local = $1 AND n.domain_id = coalesce("
            "(SELECT m.id FROM domain m WHERE m.name = $2),"
            " (SELECT x.domain_id FROM domain_alias x WHERE x.name = $2))",
            local, domain,
        )  # fmt: skip
    if found is None:
        raise Fault(Kind.NOT_FOUND, f"nobody here is called {identifier}")
    return found


async def grant(
    tx: Transaction,
    owner_id: int,
    mailbox_ids: Iterable[int],
    subject: int,
    rights: str,
    *,
    negative: bool = False,
) -> None:
    """Set what a subject is granted, or denied, in mailboxes of one account; none: no row.

    Raises:
        Fault: TOO_MANY entries in one mailbox.
    """
    for mailbox_id in mailbox_ids:
        await changes.record(tx, owner_id, ChangeKind.MAILBOX_CHANGED, mailbox_id)
        await tx.run(
            "DELETE FROM mailbox_right WHERE account_id = $1 AND mailbox_id = $2"
            " AND subject = $3 AND negative = $4",
            owner_id, mailbox_id, subject, int(negative),
        )  # fmt: skip
        if rights:
            count = await tx.value(
                "SELECT count(*) FROM mailbox_right WHERE account_id = $1 AND mailbox_id = $2",
                owner_id, mailbox_id,
            )  # fmt: skip
            if count >= ENTRIES_MAX:
                raise Fault(Kind.TOO_MANY, f"a mailbox is shared with {ENTRIES_MAX} at most")
            await tx.run(
                "INSERT INTO mailbox_right (account_id, mailbox_id, subject, negative, rights)"
                " VALUES ($1, $2, $3, $4, $5)",
                owner_id, mailbox_id, subject, int(negative), rights,
            )  # fmt: skip
    tx.announce(Topic.ACCOUNT, owner_id)
    if subject > 0:
        tx.announce(Topic.ACCOUNT, subject)
    else:  # everybody in a domain
        tx.announce(Topic.DIRECTORY, 0)


async def inherit(tx: Transaction, account_id: int, parent_id: int, mailbox_id: int) -> None:
    """Give a new mailbox the rights of the one above it; at the top those of the members."""
    if parent_id:
        await tx.run(
            "INSERT INTO mailbox_right (account_id, mailbox_id, subject, negative, rights)"
            " SELECT account_id, $3, subject, negative, rights FROM mailbox_right"
            " WHERE account_id = $1 AND mailbox_id = $2",
            account_id, parent_id, mailbox_id,
        )  # fmt: skip
    else:
        await tx.run(
            "INSERT INTO mailbox_right (account_id, mailbox_id, subject, negative, rights)"
            " SELECT account_id, $2, subject, 0, rights FROM member"
            " WHERE account_id = $1 AND rights <> ''",
            account_id, mailbox_id,
        )  # fmt: skip


async def written(tx: Transaction, account_id: int, mailbox_id: int) -> str:
    """The rows of a mailbox as one text, for when it is made again."""
    return msgspec.json.encode(await _rows(tx, account_id, mailbox_id)).decode()


async def narrow(tx: Transaction, account_id: int, mailbox_id: int, before: str) -> None:
    """Let a mailbox that was made again give nobody more than it did `before`, as written then.

    It has what it inherited, which may be more. What somebody had and would not inherit does
    not come back: it may have been taken away meanwhile.
    """
    had = {(row[0], row[1]): row[2] for row in msgspec.json.decode(before, type=_ROWS)}
    has = {(row[0], row[1]): row[2] for row in await _rows(tx, account_id, mailbox_id)}
    for subject, negative in sorted(has.keys() | had.keys()):
        now = has.get((subject, negative), letters.NONE)
        then = had.get((subject, negative), letters.NONE)
        both = letters.union(now, then) if negative else letters.common(now, then)
        if both != now and await _exists(tx, subject):
            await grant(tx, account_id, [mailbox_id], subject, both, negative=bool(negative))


async def _exists(tx: Transaction, subject: int) -> bool:
    """Whether there is such an account, or below 0 such a domain, still."""
    table, number = ("account", subject) if subject > 0 else ("domain", -subject)
    return await tx.row(f"SELECT 1 FROM {table} WHERE id = $1", number) is not None


async def _rows(tx: Transaction, account_id: int, mailbox_id: int) -> list[Row]:
    return await tx.rows(
        "SELECT subject, negative, rights FROM mailbox_right"
        " WHERE account_id = $1 AND mailbox_id = $2 ORDER BY subject, negative",
        account_id, mailbox_id,
    )  # fmt: skip


async def at_top(tx: Transaction, owner_id: int, user_id: int) -> str:
    """What a user may do at the top of an account's tree, where no mailbox is the parent."""
    if owner_id == user_id:
        return letters.ALL
    rows = await tx.rows(
        "SELECT 0, rights FROM member WHERE account_id = $1"
        " AND subject IN ($2, (SELECT -domain_id FROM account WHERE id = $2))",
        owner_id, user_id,
    )  # fmt: skip
    return combined(rows)


async def forget_mailbox(tx: Transaction, account_id: int, mailbox_id: int) -> None:
    """Remove what is kept about a mailbox that is gone."""
    await tx.run(
        "DELETE FROM mailbox_right WHERE account_id = $1 AND mailbox_id = $2",
        account_id, mailbox_id,
    )  # fmt: skip


async def forget_subject(tx: Transaction, subject: int) -> None:
    """Remove every right of an account that is gone, or of everybody in a domain that is."""
    await tx.run("DELETE FROM mailbox_right WHERE subject = $1", subject)
    await tx.run("DELETE FROM member WHERE subject = $1", subject)
