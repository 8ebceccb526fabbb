"""Annotations of mailboxes and of the server (RFC 5464), for every protocol that has them.

A name is kept without its first component, in lower case: what `/private/comment` says is
one row for each user, what `/shared/comment` says one row for all.
"""

from __future__ import annotations

from typing import Final

from merpati.base.faults import Fault, Kind
from merpati.store import changes
from merpati.store.engine import Topic, Transaction

SERVER: Final = (0, 0)  # account and mailbox of the server's own annotations
PRIVATE: Final = "/private"
SHARED: Final = "/shared"
VALUE_MAX: Final = 65_536  # bytes; a client icon fits
COUNT_MAX: Final = 1000  # of one mailbox, of one user


def split(entry: str) -> tuple[bool, str]:
    """Whether an entry is private, and its name without that."""
    private = entry.startswith(PRIVATE + "/") or entry == PRIVATE
    return private, entry[len(PRIVATE if private else SHARED) :]


async def find(
    tx: Transaction, mailbox: tuple[int, int], user_id: int, entry: str, depth: int = 0
) -> list[tuple[str, bytes]]:
    """The entries of that name, and those that lie at most so many levels below, by name.

    Args:
        tx: The transaction.
        mailbox: Its account and id, or `SERVER`.
        user_id: Whose private annotations are seen.
        entry: `/private/...` or `/shared/...`, in lower case.
        depth: -1: any.
    """
    private, name = split(entry)
    prefix = PRIVATE if private else SHARED
    if depth == 0:
        value = await tx.value(
            "SELECT value FROM annotation WHERE account_id = $1 AND mailbox_id = $2"
            " AND user_id = $3 AND name = $4",
            *mailbox, user_id if private else 0, name,
        )  # fmt: skip
        return [] if value is None else [(entry, value)]
    rows = await tx.rows(
        "SELECT name, value FROM annotation WHERE account_id = $1 AND mailbox_id = $2"
        " AND user_id = $3 ORDER BY name",
        *mailbox, user_id if private else 0,
    )  # fmt: skip
    below = name + "/"
    return [
        (prefix + its, value)
        for its, value in rows
        if its == name or (its.startswith(below) and (depth < 0 or "/" not in its[len(below) :]))
    ]


async def of_server(tx: Transaction, user_id: int) -> dict[str, bytes]:
    """All annotations of the server that a user sees, by entry."""
    rows = await tx.rows(
        "SELECT user_id, name, value FROM annotation WHERE account_id = $1 AND mailbox_id = $2"
        " AND user_id IN (0, $3)",
        *SERVER, user_id,
    )  # fmt: skip
    return {(PRIVATE if owner else SHARED) + name: bytes(value) for owner, name, value in rows}


async def put(
    tx: Transaction, mailbox: tuple[int, int], user_id: int, entry: str, value: bytes | None
) -> None:
    """Set one entry; None removes it.

    Raises:
        Fault: TOO_LARGE, TOO_MANY.
    """
    private, name = split(entry)
    owner = user_id if private else 0
    await tx.run(
        "DELETE FROM annotation WHERE account_id = $1 AND mailbox_id = $2 AND user_id = $3"
        " AND name = $4",
        *mailbox, owner, name,
    )  # fmt: skip
    if value is not None:
        if len(value) > VALUE_MAX:
            raise Fault(Kind.TOO_LARGE, f"an annotation may have {VALUE_MAX} bytes at most")
        count = await tx.value(
            "SELECT count(*) FROM annotation WHERE account_id = $1 AND mailbox_id = $2"
            " AND user_id = $3",
            *mailbox, owner,
        )  # fmt: skip
        if count >= COUNT_MAX:
            raise Fault(Kind.TOO_MANY, f"at most {COUNT_MAX} annotations of a mailbox")
        await tx.run(
            "INSERT INTO annotation (account_id, mailbox_id, user_id, name, value)"
            " VALUES ($1, $2, $3, $4, $5)",
            *mailbox, owner, name, value,
        )  # fmt: skip
    if mailbox[0]:
        await changes.record_entry(tx, *mailbox, owner, entry)
    else:
        tx.announce(Topic.METADATA, 0)


async def copy(tx: Transaction, account_id: int, mailbox_id: int, target_id: int) -> None:
    """Give a new mailbox all annotations of another one of the account, everybody's."""
    await tx.run(
        "INSERT INTO annotation (account_id, mailbox_id, user_id, name, value)"
        " SELECT account_id, CAST($3 AS BIGINT), user_id, name, value FROM annotation"
        " WHERE account_id = $1 AND mailbox_id = $2",
        account_id, mailbox_id, target_id,
    )  # fmt: skip


async def forget_mailbox(tx: Transaction, account_id: int, mailbox_id: int) -> None:
    """Remove the annotations of a mailbox that is gone."""
    await tx.run(
        "DELETE FROM annotation WHERE account_id = $1 AND mailbox_id = $2",
        account_id, mailbox_id,
    )  # fmt: skip


async def forget_user(tx: Transaction, user_id: int) -> None:
    """Remove the private annotations of an account that is gone."""
    await tx.run("DELETE FROM annotation WHERE user_id = $1", user_id)
