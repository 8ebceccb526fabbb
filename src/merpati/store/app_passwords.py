"""Passwords of single devices and programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from merpati.base.faults import Fault, Kind
from merpati.store.engine import Conflict, Row, Topic, Transaction

MOST: Final = 200  # of one account
COLUMNS: Final = (
    "id, name, protocols, networks, created_at, expires_at, used_at, used_from, used_for, hash"
)


class AppPassword(NamedTuple):
    """One of them; times are Unix milliseconds, 0: never.

    Attributes:
        id: the part of it that is no secret.
        protocols: what it may be used for.
        networks: where from; none: from anywhere.
        hash: of the secret part.
    """

    id: str
    name: str
    protocols: tuple[str, ...]
    networks: tuple[str, ...]
    created_at: int
    expires_at: int
    used_at: int
    used_from: str
    used_for: str
    hash: bytes


class Use(NamedTuple):
    """When one was last used."""

    account_id: int
    id: str
    at: int
    peer: str
    protocol: str


async def add(tx: Transaction, account_id: int, one: AppPassword) -> None:
    """Keep a new one. Raises Fault EXISTS for an id in use, TOO_MANY beyond `MOST`."""
    count = await tx.value("SELECT count(*) FROM app_password WHERE account_id = $1", account_id)
    if count >= MOST:
        raise Fault(Kind.TOO_MANY, f"an account has at most {MOST} app passwords; remove some")
    try:
        await tx.run(
            f"INSERT INTO app_password (account_id, {COLUMNS})"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            account_id, one.id, one.name, " ".join(one.protocols), " ".join(one.networks),
            one.created_at, one.expires_at, one.used_at, one.used_from, one.used_for, one.hash,
        )  # fmt: skip
    except Conflict as error:
        raise Fault(Kind.EXISTS, "there is such an app password already") from error


async def find(tx: Transaction, account_id: int, id_: str) -> AppPassword | None:
    """One of an account."""
    row = await tx.row(
        f"SELECT {COLUMNS} FROM app_password WHERE account_id = $1 AND id = $2", account_id, id_
    )
    return None if row is None else _one(row)


async def of_account(tx: Transaction, account_id: int) -> list[AppPassword]:
    """All of an account, the oldest first."""
    rows = await tx.rows(
        f"SELECT {COLUMNS} FROM app_password WHERE account_id = $1 ORDER BY created_at, id",
        account_id,
    )
    return [_one(row) for row in rows]


async def rename(tx: Transaction, account_id: int, id_: str, name: str) -> bool:
    """Give one another name; whether there is one."""
    changed = await tx.run(
        "UPDATE app_password SET name = $3 WHERE account_id = $1 AND id = $2", account_id, id_, name
    )
    return changed == 1


async def remove(tx: Transaction, account_id: int, id_: str) -> bool:
    """Let one work no longer; whether there was one."""
    gone = await tx.run(
        "DELETE FROM app_password WHERE account_id = $1 AND id = $2", account_id, id_
    )
    _announce_end(tx, account_id)
    return gone == 1


async def remove_all(tx: Transaction, account_id: int) -> int:
    """Let none of an account work any longer; how many those were."""
    _announce_end(tx, account_id)
    return await tx.run("DELETE FROM app_password WHERE account_id = $1", account_id)


async def note_uses(tx: Transaction, uses: Iterable[Use]) -> None:
    """Enter when some were last used."""
    await tx.run_many(
        "UPDATE app_password SET used_at = $3, used_from = $4, used_for = $5"
        " WHERE account_id = $1 AND id = $2 AND used_at < $3",
        list(uses),
    )


def _announce_end(tx: Transaction, account_id: int) -> None:
    tx.announce(Topic.CREDENTIALS, account_id)
    tx.announce(Topic.ACCOUNT, account_id)  # its push subscriptions end


def _one(row: Row) -> AppPassword:
    one = AppPassword(*row)
    _, _, protocols, networks, *_, digest = row
    return one._replace(
        protocols=tuple(protocols.split()), networks=tuple(networks.split()), hash=bytes(digest)
    )
