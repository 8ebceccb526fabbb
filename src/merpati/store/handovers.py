"""Accounts that were handed over: what is remembered of each, and what it is asked for."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec

from merpati.store import url_keys, web_sessions
from merpati.store.engine import Row, Transaction
from merpati.store.members import Send
from merpati.store.suppression import one_of_texts, text_list

COLUMNS: Final = "account_id, successor_id, at, until, password, kept"
SIGN_IN: Final = ("app_password", "totp", "recovery_code", "passkey")
ACCESS: Final = ("api_token", "ticket", "push_subscription")


class Handover(msgspec.Struct, frozen=True):
    """One of them.

    Attributes:
        account_id: Whose it was.
        successor_id: To whom it was handed.
        at: When, Unix milliseconds.
        until: So long it can be taken back.
        password: That it had.
        kept: What has to be made again then, JSON.
    """

    account_id: int
    successor_id: int
    at: int
    until: int
    password: str
    kept: bytes


async def put(tx: Transaction, one: Handover) -> None:
    """Remember one."""
    await tx.run(
        f"INSERT INTO handover ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6)",
        one.account_id, one.successor_id, one.at, one.until, one.password, one.kept.decode(),
    )  # fmt: skip


async def find(tx: Transaction, account_id: int) -> Handover | None:
    """That of an account, as long as it can be taken back."""
    row = await tx.row(f"SELECT {COLUMNS} FROM handover WHERE account_id = $1", account_id)
    return None if row is None else _handover(row)


async def remove(tx: Transaction, account_id: int) -> None:
    """Forget one."""
    await tx.run("DELETE FROM handover WHERE account_id = $1", account_id)


async def expire(tx: Transaction, now: int) -> int:
    """Forget those whose time is over, with what their accounts were signed in to with."""
    rows = await tx.rows("DELETE FROM handover WHERE until <= $1 RETURNING account_id", now)
    for (account_id,) in rows:
        for table in SIGN_IN:
            await tx.run(f"DELETE FROM {table} WHERE account_id = $1", account_id)
    return len(rows)


async def end_access(tx: Transaction, account_id: int) -> None:
    """End sessions, tokens, and what was given away; passwords are another matter."""
    await web_sessions.end_others(tx, account_id, 0)
    for table in ACCESS:
        await tx.run(f"DELETE FROM {table} WHERE account_id = $1", account_id)
    await url_keys.forget_all(tx, account_id)


async def tokens(tx: Transaction, account_id: int) -> int:
    """How many API tokens an account has."""
    count: int = await tx.value("SELECT count(*) FROM api_token WHERE account_id = $1", account_id)
    return count


async def owned_lists(tx: Transaction, addresses: Collection[str]) -> list[tuple[str, str]]:
    """The lists of which one of these addresses is an owner, and the address."""
    rows = await tx.rows(
        "SELECT l.local || '@' || d.name AS list, p.address FROM list_person p"
        " JOIN mailing_list l ON l.id = p.list_id JOIN domain d ON d.id = l.domain_id"
        f" WHERE p.is_owner = 1 AND {one_of_texts(tx, 'p.address', 1)} ORDER BY list, p.address",
        text_list(tx, addresses),
    )
    return [(name, address) for name, address in rows]


async def aliases_to(tx: Transaction, addresses: Collection[str]) -> list[str]:
    """The aliases that lead to one of these addresses, besides others perhaps."""
    rows = await tx.rows(
        "SELECT DISTINCT l.local || '@' || d.name AS alias FROM alias l"
        " JOIN domain d ON d.id = l.domain_id"
        f" WHERE {one_of_texts(tx, 'lower(l.target)', 1)} ORDER BY alias",
        text_list(tx, addresses),
    )
    return [row[0] for row in rows]


async def memberships(tx: Transaction, account_id: int) -> dict[str, tuple[str, Send]]:
    """The shared mailboxes that an account belongs to: its rights, and how it sends."""
    rows = await tx.rows(
        "SELECT r.local || '@' || d.name AS shared, m.rights, m.send FROM member m"
        " JOIN address r ON r.account_id = m.account_id AND r.is_primary = 1"
        " JOIN domain d ON d.id = r.domain_id WHERE m.subject = $1 ORDER BY shared",
        account_id,
    )
    return {name: (rights, Send(send)) for name, rights, send in rows}


def _handover(row: Row) -> Handover:
    return Handover(row[0], row[1], row[2], row[3], row[4], row[5].encode())
