"""What was imported into mailboxes, so that a second run adds nothing twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.store.engine import Transaction, id_list, one_of

REF_BYTES: Final = 8


class Imported(msgspec.Struct, frozen=True):
    """A message that was imported into a mailbox: how often, and the UID of the last email."""

    copies: int
    uid: int


def ref(digest: bytes) -> int:
    """The number that a hash is found by."""
    return int.from_bytes(digest[:REF_BYTES], "big", signed=True)


async def known(
    tx: Transaction, account_id: int, mailbox_id: int, hashes: Sequence[bytes]
) -> dict[bytes, Imported]:
    """Which of these messages were imported into a mailbox before, by hash."""
    rows = await tx.rows(
        "SELECT hash, copies, uid FROM imported WHERE account_id = $1 AND mailbox_id = $2"
        f" AND {one_of(tx, 'ref', 3)}",
        account_id, mailbox_id, id_list(tx, map(ref, hashes)),
    )  # fmt: skip
    return {bytes(digest): Imported(copies, uid) for digest, copies, uid in rows}


async def remember(
    tx: Transaction, account_id: int, mailbox_id: int, emails: Sequence[tuple[bytes, int]]
) -> None:
    """Note emails that were made: the hash of each, and its UID."""
    await tx.run_many(
        "INSERT INTO imported (account_id, mailbox_id, ref, hash, copies, uid)"
        " VALUES ($1, $2, $3, $4, 1, $5) ON CONFLICT (account_id, mailbox_id, ref, hash)"
        " DO UPDATE SET copies = imported.copies + 1, uid = excluded.uid",
        [(account_id, mailbox_id, ref(digest), digest, uid) for digest, uid in emails],
    )


async def undo(tx: Transaction, account_id: int, mailbox_id: int, hashes: Sequence[bytes]) -> None:
    """Emails go since their source has deleted them: should it have them again, they come again."""
    rows = [(account_id, mailbox_id, ref(digest), digest) for digest in hashes]
    where = "WHERE account_id = $1 AND mailbox_id = $2 AND ref = $3 AND hash = $4"
    await tx.run_many(f"UPDATE imported SET copies = copies - 1 {where}", rows)
    await tx.run_many(f"DELETE FROM imported {where} AND copies < 1", rows)


async def forget(tx: Transaction, account_id: int) -> int:
    """Forget what was imported into an account; how many messages that were."""
    await tx.run(
        "DELETE FROM remote_message WHERE account_id = $1 AND folder_id IN"
        " (SELECT id FROM remote_folder WHERE account_id = $1 AND source LIKE 'imap:%')",
        account_id,
    )
    await tx.run(
        "DELETE FROM remote_folder WHERE account_id = $1 AND source LIKE 'imap:%'", account_id
    )
    return await tx.run("DELETE FROM imported WHERE account_id = $1", account_id)


class Limits(msgspec.Struct, frozen=True):
    """The quotas of an account and its domain while they do not hold."""

    account: tuple[int, int]
    domain_id: int
    domain: tuple[int, int]


async def lift_limits(tx: Transaction, account_id: int) -> Limits:
    """Let an account hold more than it may, until `set_limits` in the same transaction.

    Everything is counted all the while, so afterwards it takes no more mail until there is
    room again.
    """
    row = await tx.row(
        "SELECT quota, quota_emails, in_domain_quota * domain_id FROM account WHERE id = $1",
        account_id,
    )
    if row is None:
        raise Fault(Kind.NOT_FOUND, "the account is gone")
    quota, quota_emails, domain_id = row
    found = await tx.row(
        "SELECT quota, quota_emails FROM domain_quota WHERE domain_id = $1", domain_id
    )
    limits = Limits((quota, quota_emails), domain_id, found or (0, 0))
    await set_limits(tx, account_id, Limits((0, 0), domain_id, (0, 0)))
    return limits


async def set_limits(tx: Transaction, account_id: int, limits: Limits) -> None:
    """Let the quotas hold again."""
    await tx.run(
        "UPDATE account SET quota = $2, quota_emails = $3 WHERE id = $1",
        account_id, *limits.account,
    )  # fmt: skip
    if limits.domain_id:
        await tx.run(
            "UPDATE domain_quota SET quota = $2, quota_emails = $3 WHERE domain_id = $1",
            limits.domain_id, *limits.domain,
        )  # fmt: skip
