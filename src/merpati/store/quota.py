"""What accounts and domains may hold, and do: limits that hold under any concurrency.

An account's counters stand in its own row, and the statement that raises them checks the
limits too. What all accounts of a domain hold is counted only when the domain has a limit:
that row is then locked by each of their deliveries, after the account's own row, which is
the order everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.store.engine import Dialect, Topic, Transaction, among

ROOM = "(quota = 0 OR used + $2 <= quota) AND (quota_emails = 0 OR emails + $3 <= quota_emails)"

# Nearly full is 90 %, roomy again below 85 % of whatever limits there are. Bytes are divided
# before they are multiplied: nine times a limit might not fit into 64 bits.
_NEARLY_FULL: Final = (
    "((quota > 0 AND used >= quota / 10 * 9)"
    " OR (quota_emails > 0 AND emails * 10 >= quota_emails * 9))"
)
_ROOMY: Final = (
    "((quota = 0 OR used < quota / 20 * 17)"
    " AND (quota_emails = 0 OR emails * 20 < quota_emails * 17))"
)


class Usage(msgspec.Struct, frozen=True):
    """Limits and what they limit; a limit of 0 is none. Sizes are in bytes."""

    quota: int
    quota_emails: int
    used: int
    emails: int


async def of_account(tx: Transaction, account_id: int) -> Usage | None:
    """What an account may hold, and holds."""
    row = await tx.row(
        "SELECT quota, quota_emails, used, emails FROM account WHERE id = $1", account_id
    )
    return None if row is None else Usage(*row)


async def of_domain(tx: Transaction, domain_id: int) -> Usage | None:
    """What the accounts of a domain may hold together, and do; None without a limit."""
    row = await tx.row(
        "SELECT quota, quota_emails, used, emails FROM domain_quota WHERE domain_id = $1",
        domain_id,
    )
    return None if row is None else Usage(*row)


def is_nearly_full(used: int, limit: int) -> bool:
    """Whether so much of a limit is used up that its owner should know."""
    return limit > 0 and used * 10 >= limit * 9


async def crossed(tx: Transaction) -> list[int]:
    """Accounts that have become nearly full, or roomy again, since `warn` last saw them."""
    rows = await tx.rows(
        f"SELECT id FROM account WHERE (quota_warned = 0 AND disabled = 0 AND {_NEARLY_FULL})"
        f" OR (quota_warned = 1 AND {_ROOMY}) ORDER BY id"
    )
    return [row[0] for row in rows]


async def crossed_domains(tx: Transaction) -> list[tuple[int, str]]:
    """Domains, with their names, whose accounts together have become nearly full, or roomy."""
    rows = await tx.rows(
        "SELECT d.id, d.name FROM domain_quota q JOIN domain d ON d.id = q.domain_id"
        f" WHERE (quota_warned = 0 AND {_NEARLY_FULL}) OR (quota_warned = 1 AND {_ROOMY})"
        " ORDER BY d.id"
    )
    return [(domain_id, name) for domain_id, name in rows]


async def warn(tx: Transaction, account_id: int) -> bool:
    """Note how full an account is; whether it has just become nearly full."""
    return await _warn(tx, "account", "id", account_id)


async def warn_domain(tx: Transaction, domain_id: int) -> bool:
    """The same of all accounts of a domain together."""
    return await _warn(tx, "domain_quota", "domain_id", domain_id)


async def _warn(tx: Transaction, table: str, key: str, value: int) -> bool:
    await tx.run(
        f"UPDATE {table} SET quota_warned = 0 WHERE {key} = $1 AND quota_warned = 1 AND {_ROOMY}",
        value,
    )
    return bool(
        await tx.run(
            f"UPDATE {table} SET quota_warned = 1 WHERE {key} = $1 AND quota_warned = 0"
            f" AND {_NEARLY_FULL}",
            value,
        )
    )


async def take(tx: Transaction, account_id: int, size: int, count: int) -> int:
    """Count new emails in an account; the modseq of the act.

    Raises:
        Fault: OVER_QUOTA; NOT_FOUND when the account is gone.
    """
    row = await tx.row(
        "UPDATE account SET modseq = modseq + 1, used = used + $2, emails = emails + $3"
        f" WHERE id = $1 AND {ROOM} RETURNING modseq, in_domain_quota * domain_id",
        account_id, size, count,
    )  # fmt: skip
    if row is None:
        raise Fault(Kind.OVER_QUOTA, "that would exceed the quota; delete some mail first")
    modseq: int = row[0]
    domain_id = row[1]
    if domain_id and not await _take(tx, domain_id, size, count):
        text = "that would exceed the quota of the domain; tell your administrator"
        raise Fault(Kind.OVER_QUOTA, text)
    tx.announce(Topic.ACCOUNT, account_id)
    return modseq


async def _take_in_domains(
    tx: Transaction, size: int, domains: Mapping[int, int]
) -> frozenset[int]:
    """Count one new email in each of these accounts, given with their limited domains.

    Returns:
        The accounts for which their domain has no room.
    """
    members: dict[int, list[int]] = {}
    for account_id, domain_id in sorted(domains.items()):
        members.setdefault(domain_id, []).append(account_id)
    refused: list[int] = []
    for domain_id, accounts in sorted(members.items()):
        room = await _room(tx, domain_id, size)
        served = len(accounts) if room is None else min(room, len(accounts))
        refused += accounts[served:]
        if served:
            await tx.run(
                "UPDATE domain_quota SET used = used + $2, emails = emails + $3"
                " WHERE domain_id = $1",
                domain_id, size * served, served,
            )  # fmt: skip
    return frozenset(refused)


async def take_each(
    tx: Transaction, size: int, wanted: Sequence[int], *, disabled: bool = False
) -> dict[int, int]:
    """The modseq of a new email in each account that is there and has room for it.

    With `disabled` also in accounts that take no mail: somebody files it there.

    Reading and then writing costs less than half of RETURNING, which SQLite first collects
    in a table of its own.
    """
    which, ids = among(tx, "id", 1, wanted)
    lock = "" if tx.dialect is Dialect.SQLITE else " FOR UPDATE"
    rows = await tx.rows(
        f"SELECT id, modseq + 1, in_domain_quota * domain_id FROM account WHERE {which}"
        " AND disabled <= $3 AND (quota = 0 OR used + $2 <= quota)"
        f" AND (quota_emails = 0 OR emails < quota_emails){lock}",
        ids, size, int(disabled),
    )  # fmt: skip
    modseqs = {account_id: modseq for account_id, modseq, _ in rows}
    if limited := {row[0]: row[2] for row in rows if row[2]}:
        for account_id in await _take_in_domains(tx, size, limited):
            del modseqs[account_id]
    if modseqs:
        if len(modseqs) < len(wanted):
            which, ids = among(tx, "id", 1, list(modseqs))
        await tx.run(
            "UPDATE account SET modseq = modseq + 1, used = used + $2, emails = emails + 1"
            f" WHERE {which}",
            ids, size,
        )  # fmt: skip
    return modseqs


async def give_back(tx: Transaction, account_id: int, size: int, count: int) -> int:
    """Count emails out of an account; the modseq of the act."""
    row = await tx.row(
        "UPDATE account SET modseq = modseq + 1, used = used - $2, emails = emails - $3"
        " WHERE id = $1 RETURNING modseq, in_domain_quota * domain_id",
        account_id, size, count,
    )  # fmt: skip
    if row is None:
        raise Fault(Kind.NOT_FOUND, "the account is gone")
    if row[1]:
        await tx.run(
            "UPDATE domain_quota SET used = used - $2, emails = emails - $3 WHERE domain_id = $1",
            row[1], size, count,
        )  # fmt: skip
    return int(row[0])


async def limit_domain(tx: Transaction, domain_id: int, quota: int, quota_emails: int) -> None:
    """Set what the accounts of a domain may hold together; both 0: no limit any more."""
    limited = int(quota > 0 or quota_emails > 0)
    if limited:
        await tx.run(
            "INSERT INTO domain_quota (domain_id, quota, quota_emails, used, emails)"
            " VALUES ($1, $2, $3, 0, 0) ON CONFLICT (domain_id)"
            " DO UPDATE SET quota = excluded.quota, quota_emails = excluded.quota_emails",
            domain_id, quota, quota_emails,
        )  # fmt: skip
    else:
        await tx.run("DELETE FROM domain_quota WHERE domain_id = $1", domain_id)
    await tx.run("UPDATE account SET in_domain_quota = $2 WHERE domain_id = $1", domain_id, limited)
    await recount(tx, domain_id)


async def join_domain(tx: Transaction, account_id: int) -> None:
    """Let a new account, still empty, count in its domain's quota, if that has one."""
    await tx.run(
        "UPDATE account SET in_domain_quota = (SELECT count(*) FROM domain_quota q"
        " WHERE q.domain_id = account.domain_id) WHERE id = $1",
        account_id,
    )


async def recount(tx: Transaction, domain_id: int) -> None:
    """Count anew what a domain's accounts hold, after one has come, gone, or moved."""
    await tx.run(
        "UPDATE account SET in_domain_quota = (SELECT count(*) FROM domain_quota q"
        " WHERE q.domain_id = $1) WHERE domain_id = $1",
        domain_id,
    )
    await tx.run(
        "UPDATE domain_quota SET used = (SELECT CAST(coalesce(sum(a.used), 0) AS BIGINT)"
        " FROM account a WHERE a.domain_id = $1),"
        " emails = (SELECT CAST(coalesce(sum(a.emails), 0) AS BIGINT) FROM account a"
        " WHERE a.domain_id = $1) WHERE domain_id = $1",
        domain_id,
    )


async def _take(tx: Transaction, domain_id: int, size: int, count: int) -> bool:
    taken = await tx.run(
        "UPDATE domain_quota SET used = used + $2, emails = emails + $3"
        f" WHERE domain_id = $1 AND {ROOM}",
        domain_id, size, count,
    )  # fmt: skip
    return taken > 0


async def _room(tx: Transaction, domain_id: int, size: int) -> int | None:
    """How many more emails of a size a domain may hold; None: any number."""
    lock = "" if tx.dialect is Dialect.SQLITE else " FOR UPDATE"
    row = await tx.row(
        f"SELECT quota, quota_emails, used, emails FROM domain_quota WHERE domain_id = $1{lock}",
        domain_id,
    )
    if row is None:
        return None
    quota, quota_emails, used, emails = row
    rooms = []
    if quota:
        rooms.append(max(quota - used, 0) // max(size, 1))
    if quota_emails:
        rooms.append(max(quota_emails - emails, 0))
    return min(rooms, default=None)
