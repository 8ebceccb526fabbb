"""The account's change log: written by every act, read by every protocol's sync."""

from __future__ import annotations

from merpati.model.change import Change, ChangeKind
from merpati.store.engine import Topic, Transaction


async def next_modseq(tx: Transaction, account_id: int) -> int:
    """Take the account's next modseq; what one act changes shares it."""
    modseq: int = await tx.value(
        "UPDATE account SET modseq = modseq + 1 WHERE id = $1 RETURNING modseq", account_id
    )
    return modseq


async def record(tx: Transaction, account_id: int, kind: ChangeKind, mailbox_id: int) -> int:
    """Log a change of a mailbox itself under a new modseq."""
    modseq = await next_modseq(tx, account_id)
    await log(tx, account_id, modseq, 0, kind, mailbox_id)
    return modseq


async def log(
    tx: Transaction,
    account_id: int,
    modseq: int,
    n: int,
    kind: ChangeKind,
    mailbox_id: int,
    uids: str = "",
    emails: str = "",
) -> None:
    """Write one row; `n` numbers the rows of one act from 0."""
    await tx.run(
        "INSERT INTO change (account_id, modseq, n, kind, mailbox_id, uids, emails)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        account_id, modseq, n, int(kind), mailbox_id, uids, emails,
    )  # fmt: skip
    tx.announce(Topic.ACCOUNT, account_id)


async def since(tx: Transaction, account_id: int, mailbox_id: int, modseq: int) -> list[Change]:
    """What happened to one mailbox after `modseq`, oldest first."""
    rows = await tx.rows(
        "SELECT modseq, kind, mailbox_id, uids FROM change"
        " WHERE account_id = $1 AND modseq > $2 AND mailbox_id = $3 ORDER BY modseq, n",
        account_id, modseq, mailbox_id,
    )  # fmt: skip
    return [Change(*row) for row in rows]


async def current(tx: Transaction, account_id: int) -> int:
    """The account's modseq: its state, for protocols that ask for one."""
    return int(await tx.value("SELECT modseq FROM account WHERE id = $1", account_id) or 0)
