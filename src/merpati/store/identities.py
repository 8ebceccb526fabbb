"""As whom an account writes (RFC 8621 6): its own address always, and others it may use."""

from __future__ import annotations

import msgspec

from merpati.model.change import ChangeKind
from merpati.store import directory, object_changes
from merpati.store.engine import Transaction

COLUMNS = "id, name, email, reply_to, bcc, text_signature, html_signature, is_own"


class Address(msgspec.Struct, frozen=True):
    """An address with the name that is shown."""

    name: str | None
    email: str


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """An identity; `is_own` is one of the account's own addresses, and stays."""

    id: int = 0
    name: str
    email: str
    reply_to: tuple[Address, ...] | None = None
    bcc: tuple[Address, ...] | None = None
    text_signature: str = ""
    html_signature: str = ""
    is_own: bool = False


_addresses = msgspec.json.Decoder(tuple[Address, ...] | None)


def _encoded(addresses: tuple[Address, ...] | None) -> str:
    return msgspec.json.encode(addresses).decode()


async def listing(tx: Transaction, account_id: int) -> list[Identity]:
    """All identities of an account, in the order of their making."""
    rows = await tx.rows(
        f"SELECT {COLUMNS} FROM identity WHERE account_id = $1 ORDER BY id", account_id
    )
    return [
        Identity(
            id=row[0], name=row[1], email=row[2], reply_to=_addresses.decode(row[3]),
            bcc=_addresses.decode(row[4]), text_signature=row[5], html_signature=row[6],
            is_own=bool(row[7]),
        )
        for row in rows
    ]  # fmt: skip


async def are_missing(tx: Transaction, account_id: int) -> bool:
    """Whether an own address of the account has no identity yet."""
    return bool(await _missing(tx, account_id))


async def complete(tx: Transaction, account_id: int) -> None:
    """Let each own address of an account have its identity."""
    for email in await _missing(tx, account_id):
        account = await directory.account_by_id(tx, account_id)
        name = account.name if account is not None else ""
        await add(tx, account_id, Identity(name=name, email=email, is_own=True))


async def _missing(tx: Transaction, account_id: int) -> list[str]:
    own = await directory.addresses(tx, account_id)
    known = await tx.rows(
        "SELECT email FROM identity WHERE account_id = $1 AND is_own = 1", account_id
    )
    return [email for email in own if (email,) not in {tuple(row) for row in known}]


async def add(tx: Transaction, account_id: int, new: Identity) -> int:
    """Make an identity; its number."""
    number = await object_changes.record(tx, account_id, ChangeKind.IDENTITY_CREATED)
    await tx.run(
        f"INSERT INTO identity (account_id, {COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        account_id, number, new.name, new.email, _encoded(new.reply_to), _encoded(new.bcc),
        new.text_signature, new.html_signature, int(new.is_own),
    )  # fmt: skip
    return number


async def change(tx: Transaction, account_id: int, new: Identity) -> None:
    """Change all of an identity but its address."""
    await object_changes.record(tx, account_id, ChangeKind.IDENTITY_CHANGED, new.id)
    await tx.run(
        "UPDATE identity SET name = $3, reply_to = $4, bcc = $5, text_signature = $6,"
        " html_signature = $7 WHERE account_id = $1 AND id = $2",
        account_id, new.id, new.name, _encoded(new.reply_to), _encoded(new.bcc),
        new.text_signature, new.html_signature,
    )  # fmt: skip


async def remove(tx: Transaction, account_id: int, number: int) -> None:
    """Take an identity away."""
    await object_changes.record(tx, account_id, ChangeKind.IDENTITY_DESTROYED, number)
    await tx.run("DELETE FROM identity WHERE account_id = $1 AND id = $2", account_id, number)
