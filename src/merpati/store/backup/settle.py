"""What a store that comes out of a backup must not have as it was.

Clients may have seen what came after the snapshot. So every mailbox gets a new UIDVALIDITY (RFC
9051 2.3.1.1), ids go on behind a reserve, and the change log says that what lies between is lost,
so that JMAP clients begin anew (RFC 8620 5.2). What waited for other servers may have been sent
since: it is held, for somebody to decide. Signed-in browsers and tokens end: some may have been
revoked since.
"""

from __future__ import annotations

from typing import Final

from merpati.model.change import ChangeKind
from merpati.store.backup import rows
from merpati.store.engine import Transaction

RESERVE: Final = 1_000_000  # UIDs, modseqs and ids of messages that may have been given since
FEW: Final = 1000  # the same of mailboxes and accounts, of which fewer are made
HELD: Final = "it waited when the backup was taken, and may have been sent since"
SECONDS: Final = 1000  # ms
FORGOTTEN: Final = ("web_session", "access_token", "ticket")


async def settle(tx: Transaction, sequences: dict[str, int], now: int) -> None:
    """What must not be as it was, `now` being Unix milliseconds."""
    # The digest of a message that came while the snapshot was being taken.
    await tx.run("DELETE FROM message WHERE NOT EXISTS (SELECT 1 FROM blob WHERE id = blob_id)")
    await tx.run(
        "INSERT INTO change (account_id, modseq, n, kind, mailbox_id, uids, emails, threads)"
        f" SELECT id, modseq + {RESERVE}, 0, {int(ChangeKind.RESTORED)}, 0, '',"
        " CAST(modseq AS TEXT), '' FROM account"
    )
    await tx.run(
        f"UPDATE account SET modseq = modseq + {RESERVE},"
        f" next_mailbox = next_mailbox + {FEW}, uidvalidity ="
        " CASE WHEN uidvalidity >= $1 THEN uidvalidity + 1 ELSE $1 END",
        now // SECONDS,
    )
    await tx.run(
        f"UPDATE mailbox SET uidnext = uidnext + {RESERVE}, uidvalidity ="
        " (SELECT uidvalidity FROM account WHERE account.id = mailbox.account_id)"
    )
    await tx.run("UPDATE queue_recipient SET lease = ''")
    await tx.run(
        "UPDATE queue_recipient SET held = 1, reason = $1 WHERE destination <> '' AND held = 0",
        HELD,
    )
    for table in FORGOTTEN:
        await tx.run(f"DELETE FROM {table}")
    for table, last in sequences.items():
        if table not in rows.LEFT_OUT:
            reserve = RESERVE if table == "blob" else FEW
            await rows.set_sequence(tx, table, last + reserve)


async def counts(tx: Transaction) -> tuple[int, int]:
    """How many accounts there are, and recipients that are held."""
    return (
        await tx.value("SELECT count(*) FROM account"),
        await tx.value("SELECT count(*) FROM queue_recipient WHERE held = 1"),
    )
