"""Domains, accounts, their addresses and aliases."""

from __future__ import annotations

from typing import Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.model.account import Account, Alias, Domain
from merpati.model.mailbox import STANDARD
from merpati.store import mailboxes
from merpati.store.engine import Conflict, Row, Topic, Transaction, id_list, one_of

ACCOUNT_COLUMNS: Final = (
    "a.id, r.local || '@' || d.name, a.name, a.password, a.is_admin, a.disabled,"
    " a.language, a.quota, a.used, a.emails"
)
ACCOUNT_JOIN: Final = (
    "FROM account a JOIN address r ON r.account_id = a.id AND r.is_primary = 1"
    " JOIN domain d ON d.id = r.domain_id"
)


class Resolved(msgspec.Struct, frozen=True):
    """Where an address of ours leads: to an account, or on to the targets of an alias."""

    account_id: int  # 0: not an account
    targets: tuple[str, ...]


def split_address(address: str) -> tuple[str, str]:
    """Local part and domain, in the form the directory keeps them: lower case.

    RFC 5321 2.4 leaves the case of local parts to their host; here it never matters.

    Raises:
        Fault: SYNTAX when there is no local part or no domain.
    """
    local, _, domain = address.rpartition("@")
    if not local or not domain:
        raise Fault(Kind.SYNTAX, f"{address!r} is not an address; write name@domain")
    return local.lower(), domain.lower()


# Domains


async def add_domain(tx: Transaction, name: str, now: int) -> Domain:
    """Make a domain ours. Raises Fault EXISTS when it is already."""
    try:
        domain_id = await tx.value(
            "INSERT INTO domain (name, created_at) VALUES ($1, $2) RETURNING id", name.lower(), now
        )
    except Conflict as error:
        raise Fault(Kind.EXISTS, f"domain {name} exists already") from error
    tx.announce(Topic.DIRECTORY, 0)
    return Domain(domain_id, name.lower())


async def domains(tx: Transaction) -> list[Domain]:
    """All domains of this installation, by name."""
    return [Domain(*row) for row in await tx.rows("SELECT id, name FROM domain ORDER BY name")]


async def domain(tx: Transaction, name: str) -> Domain:
    """One domain. Raises Fault NOT_FOUND."""
    row = await tx.row("SELECT id, name FROM domain WHERE name = $1", name.lower())
    if row is None:
        text = f"domain {name} is not served here; add it with: merpati domain add {name}"
        raise Fault(Kind.NOT_FOUND, text)
    return Domain(*row)


async def remove_domain(tx: Transaction, name: str) -> None:
    """Let go of a domain. Raises Fault NOT_FOUND, or IN_USE while it has addresses."""
    found = await domain(tx, name)
    count = await tx.value("SELECT count(*) FROM address WHERE domain_id = $1", found.id)
    if count:
        text = f"domain {name} still has {count} addresses; remove or rename their accounts first"
        raise Fault(Kind.IN_USE, text)
    await tx.run("DELETE FROM alias WHERE domain_id = $1", found.id)
    await tx.run("DELETE FROM domain WHERE id = $1", found.id)
    tx.announce(Topic.DIRECTORY, 0)


# Accounts


async def add_account(
    tx: Transaction,
    address: str,
    *,
    name: str,
    password: str,
    now: int,
    is_admin: bool = False,
    quota: int = 0,
    language: str = "en",
) -> Account:
    """Make an account with its standard mailboxes.

    Args:
        tx: The transaction.
        address: Its primary address, in a domain served here.
        name: The person's name, as shown.
        password: Argon2id encoded, or empty when it cannot sign in.
        now: Unix milliseconds.
        is_admin: Whether it may administer.
        quota: In bytes; 0 is none.
        language: "en" or "id".

    Raises:
        Fault: NOT_FOUND for an unknown domain, EXISTS for an address in use.
    """
    local, domain_name = split_address(address)
    home = await domain(tx, domain_name)
    taken = await tx.row("SELECT 1 FROM alias WHERE domain_id = $1 AND local = $2", home.id, local)
    if taken:
        text = f"{address} is an alias; remove it first with: merpati alias remove {address}"
        raise Fault(Kind.EXISTS, text)
    account_id = await tx.value(
        "INSERT INTO account (domain_id, name, password, is_admin, disabled, language, quota,"
        " used, emails, modseq, next_email, next_mailbox, uidvalidity, created_at)"
        " VALUES ($1, $2, $3, $4, 0, $5, $6, 0, 0, 0, 1, 1, 0, $7) RETURNING id",
        home.id, name, password, int(is_admin), language, quota, now,
    )  # fmt: skip
    await add_address(tx, account_id, address, primary=True)
    for mailbox_name, role in STANDARD:
        await mailboxes.create(tx, account_id, mailbox_name, now, role=role)
        await mailboxes.subscribe(tx, account_id, mailbox_name)
    return await account(tx, address)


async def add_address(
    tx: Transaction, account_id: int, address: str, *, primary: bool = False
) -> None:
    """Let one more address lead to an account. Raises Fault EXISTS, NOT_FOUND."""
    local, domain_name = split_address(address)
    home = await domain(tx, domain_name)
    try:
        await tx.run(
            "INSERT INTO address (domain_id, local, account_id, is_primary)"
            " VALUES ($1, $2, $3, $4)",
            home.id, local, account_id, int(primary),
        )  # fmt: skip
    except Conflict as error:
        raise Fault(Kind.EXISTS, f"address {address} exists already") from error
    tx.announce(Topic.DIRECTORY, 0)


async def accounts(tx: Transaction, domain_name: str = "") -> list[Account]:
    """All accounts, or those of one domain, by address."""
    rows = await tx.rows(
        f"SELECT {ACCOUNT_COLUMNS} {ACCOUNT_JOIN} WHERE d.name = $1 OR $1 = ''"
        " ORDER BY d.name, r.local",
        domain_name.lower(),
    )
    return [_account(row) for row in rows]


async def account(tx: Transaction, address: str) -> Account:
    """The account that any of its addresses names. Raises Fault NOT_FOUND."""
    found = await find_account(tx, address)
    if found is None:
        raise Fault(Kind.NOT_FOUND, f"there is no account {address}; see: merpati account list")
    return found


async def find_account(tx: Transaction, address: str) -> Account | None:
    """As `account`, or None; any text that is no address is None too."""
    local, _, domain_name = address.lower().rpartition("@")
    row = await tx.row(
        f"SELECT {ACCOUNT_COLUMNS} {ACCOUNT_JOIN} WHERE a.id = (SELECT n.account_id"
        " FROM address n JOIN domain m ON m.id = n.domain_id WHERE n.local = $1 AND m.name = $2)",
        local, domain_name,
    )  # fmt: skip
    return None if row is None else _account(row)


async def account_by_id(tx: Transaction, account_id: int) -> Account | None:
    """The account of a stable id, or None."""
    row = await tx.row(
        f"SELECT {ACCOUNT_COLUMNS} {ACCOUNT_JOIN} WHERE a.id = $1",
        account_id,
    )
    return None if row is None else _account(row)


async def addresses(tx: Transaction, account_id: int) -> list[str]:
    """Every address that leads to an account, the primary one first."""
    rows = await tx.rows(
        "SELECT r.local || '@' || d.name FROM address r JOIN domain d ON d.id = r.domain_id"
        " WHERE r.account_id = $1 ORDER BY r.is_primary DESC, d.name, r.local",
        account_id,
    )
    return [row[0] for row in rows]


async def set_account(tx: Transaction, account_id: int, /, **changes: str | int) -> None:
    """Change columns of an account: name, password, is_admin, disabled, language, quota."""
    allowed = {"name", "password", "is_admin", "disabled", "language", "quota"}
    if not changes or not set(changes) <= allowed:
        raise ValueError(f"not columns to set: {sorted(set(changes) - allowed)}")
    columns = ", ".join(f"{column} = ${n}" for n, column in enumerate(changes, 2))
    await tx.run(f"UPDATE account SET {columns} WHERE id = $1", account_id, *changes.values())
    tx.announce(Topic.DIRECTORY, 0)
    tx.announce(Topic.ACCOUNT, account_id)


async def rename(tx: Transaction, account_id: int, address: str) -> None:
    """Give an account a new primary address; the old one keeps leading to it."""
    local, domain_name = split_address(address)
    home = await domain(tx, domain_name)
    await tx.run("UPDATE address SET is_primary = 0 WHERE account_id = $1", account_id)
    kept = await tx.run(
        "UPDATE address SET is_primary = 1 WHERE domain_id = $1 AND local = $2 AND account_id = $3",
        home.id, local, account_id,
    )  # fmt: skip
    if not kept:
        await add_address(tx, account_id, address, primary=True)
    await tx.run("UPDATE account SET domain_id = $2 WHERE id = $1", account_id, home.id)
    tx.announce(Topic.DIRECTORY, 0)


async def remove_account(tx: Transaction, account_id: int) -> None:
    """Erase an account with all its mail. Blobs nobody else holds become garbage."""
    await tx.run(
        "UPDATE blob SET refs = refs - held.n FROM (SELECT blob_id, count(*) AS n"
        " FROM mailbox_email WHERE account_id = $1 GROUP BY blob_id) AS held"
        " WHERE id = held.blob_id",
        account_id,
    )
    for table in ("mailbox_email", "mailbox", "subscription", "thread_ref", "change", "address"):
        await tx.run(f"DELETE FROM {table} WHERE account_id = $1", account_id)
    await tx.run("DELETE FROM account WHERE id = $1", account_id)
    tx.announce(Topic.DIRECTORY, 0)
    tx.announce(Topic.ACCOUNT, account_id)


async def active(tx: Transaction, account_ids: list[int]) -> set[int]:
    """Which of these accounts exist and are not disabled."""
    rows = await tx.rows(
        f"SELECT id FROM account WHERE disabled = 0 AND {one_of(tx, 'id', 1)}",
        id_list(tx, account_ids),
    )
    return {row[0] for row in rows}


# Aliases, and where an address leads


async def add_alias(tx: Transaction, address: str, target: str) -> None:
    """Send mail for an address on to a target; "@domain" is the domain's catch-all.

    Raises:
        Fault: NOT_FOUND for an unknown domain, EXISTS when an account has the address.
    """
    domain_id, local = await _alias_key(tx, address)
    if await tx.row("SELECT 1 FROM address WHERE domain_id = $1 AND local = $2", domain_id, local):
        raise Fault(Kind.EXISTS, f"{address} is the address of an account")
    split_address(target)
    await tx.run(
        "INSERT INTO alias (domain_id, local, target) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        domain_id, local, target,
    )  # fmt: skip
    tx.announce(Topic.DIRECTORY, 0)


async def remove_alias(tx: Transaction, address: str, target: str = "") -> None:
    """Remove one target of an alias, or all. Raises Fault NOT_FOUND."""
    domain_id, local = await _alias_key(tx, address)
    gone = await tx.run(
        "DELETE FROM alias WHERE domain_id = $1 AND local = $2 AND (target = $3 OR $3 = '')",
        domain_id, local, target,
    )  # fmt: skip
    if not gone:
        raise Fault(Kind.NOT_FOUND, f"there is no alias {address}; see: merpati alias list")
    tx.announce(Topic.DIRECTORY, 0)


async def aliases(tx: Transaction) -> list[Alias]:
    """All aliases, by address."""
    rows = await tx.rows(
        "SELECT l.local || '@' || d.name, l.target FROM alias l"
        " JOIN domain d ON d.id = l.domain_id ORDER BY d.name, l.local, l.target"
    )
    found: dict[str, list[str]] = {}
    for address, target in rows:
        found.setdefault(address, []).append(target)
    return [Alias(address, tuple(targets)) for address, targets in found.items()]


async def resolve(tx: Transaction, domain_id: int, local: str) -> Resolved | None:
    """Where a local part of one of our domains leads, or None when nowhere.

    The exact address wins, then the part before "+" (RFC 5233), then the catch-all.
    """
    names = [local]
    if "+" in local:
        names.append(local.partition("+")[0])
    for name in (*names, ""):
        account_id = name and await tx.value(
            "SELECT account_id FROM address WHERE domain_id = $1 AND local = $2", domain_id, name
        )
        if account_id:
            return Resolved(account_id, ())
        rows = await tx.rows(
            "SELECT target FROM alias WHERE domain_id = $1 AND local = $2", domain_id, name
        )
        if rows:
            return Resolved(0, tuple(row[0] for row in rows))
    return None


async def _alias_key(tx: Transaction, address: str) -> tuple[int, str]:
    local, _, domain_name = address.rpartition("@")
    return (await domain(tx, domain_name)).id, local.lower()


def _account(row: Row) -> Account:
    account_id, address, name, password, is_admin, disabled, *rest = row
    return Account(account_id, address, name, password, bool(is_admin), bool(disabled), *rest)
