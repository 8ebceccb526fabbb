"""The emails of threads.

A delivery writes nothing for it (docs/design/store.md, "Few pages for each copy"). The first
who asks for threads of an account has its emails entered into an index; what comes after is
seen by a walk over the newest emails of each mailbox, and entered too when that walk has become
long. The index only says where to look: entries of emails that are gone do no harm, nor those of
emails that JMAP does not show.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from merpati.store import changes, email_places, emails
from merpati.store.engine import Row, Transaction, id_list, one_of

BEHIND_MAX: Final = 256  # emails that are not in the index, before it is brought up to date
STEP_MAX: Final = 20_000  # rows of one query
STALE: Final = 2  # times as many entries as emails, after which the index is made anew

Member = tuple[int, int, int]
"""Email, mailbox and time of arrival."""


async def members(
    tx: Transaction, account_id: int, thread_ids: Iterable[int]
) -> dict[int, list[Member]]:
    """What belongs to these threads, the oldest first."""
    wanted = set(thread_ids)
    if not wanted:
        return {}
    indexed = await tx.value("SELECT modseq FROM thread_index WHERE account_id = $1", account_id)
    if indexed is None:
        return await _looked_through(tx, account_id, wanted)
    rows = await tx.rows(
        f"SELECT email_id FROM thread_email WHERE account_id = $1 AND {one_of(tx, 'thread_id', 2)}",
        account_id, id_list(tx, wanted),
    )  # fmt: skip
    ids = {row[0] for row in rows}
    ids.update(row[1] for row in await _newer(tx, account_id, indexed) if row[2] in wanted)
    places = await email_places.find(tx, account_id, ids, ("thread_id", "received_at"))
    found: dict[int, list[Member]] = {}
    for email_id, held in places.items():
        for one in held:
            _, _, thread_id, received_at = one.row
            if thread_id in wanted:
                found.setdefault(thread_id, []).append((email_id, one.mailbox_id, received_at))
    for those in found.values():
        those.sort(key=lambda one: (one[2], one[0]))
    return found


async def is_behind(tx: Transaction, account_id: int) -> bool:
    """Whether it is time to `index`."""
    indexed = await tx.value("SELECT modseq FROM thread_index WHERE account_id = $1", account_id)
    if indexed is None:
        return True
    return len(await _newer(tx, account_id, indexed)) > BEHIND_MAX


async def index(tx: Transaction, account_id: int) -> None:
    """Enter what is not in the index yet."""
    indexed = await tx.value("SELECT modseq FROM thread_index WHERE account_id = $1", account_id)
    current = await changes.current(tx, account_id)
    if indexed is not None:
        rows = await _newer(tx, account_id, indexed)
        await tx.run_many(
            "INSERT INTO thread_email (account_id, thread_id, email_id) VALUES ($1, $2, $3)"
            " ON CONFLICT DO NOTHING",
            [(account_id, row[2], row[1]) for row in rows],
        )
        entries = await tx.value(
            "SELECT count(*) FROM thread_email WHERE account_id = $1", account_id
        )
        count = await tx.value("SELECT emails FROM account WHERE id = $1", account_id)
        if entries > STALE * (count or 0) + BEHIND_MAX:
            indexed = None
    if indexed is None:
        await tx.run("DELETE FROM thread_email WHERE account_id = $1", account_id)
        await tx.run(
            "INSERT INTO thread_email (account_id, thread_id, email_id)"
            " SELECT DISTINCT account_id, thread_id, email_id FROM mailbox_email"
            " WHERE account_id = $1",
            account_id,
        )
    await tx.run(
        "INSERT INTO thread_index (account_id, modseq) VALUES ($1, $2)"
        " ON CONFLICT (account_id) DO UPDATE SET modseq = excluded.modseq",
        account_id, current,
    )  # fmt: skip


async def _looked_through(
    tx: Transaction, account_id: int, wanted: set[int]
) -> dict[int, list[Member]]:
    """The same without the index: all emails of the account are looked at."""
    rows = await tx.rows(
        "SELECT e.thread_id, e.email_id, e.mailbox_id, e.received_at FROM mailbox_email e"
        f" WHERE e.account_id = $1 AND {one_of(tx, 'e.thread_id', 2)} AND {emails.SHOWN}"
        " ORDER BY e.received_at, e.email_id",
        account_id, id_list(tx, wanted),
    )  # fmt: skip
    found: dict[int, list[Member]] = {}
    for thread_id, *member in rows:
        found.setdefault(thread_id, []).append((member[0], member[1], member[2]))
    return found


async def _newer(tx: Transaction, account_id: int, modseq: int) -> list[Row]:
    """Modseq it came with, email and thread of what came to any mailbox after a modseq."""
    found: list[Row] = []
    for (mailbox_id,) in await tx.rows(
        "SELECT id FROM mailbox WHERE account_id = $1 AND modseq > $2", account_id, modseq
    ):
        below, step = 1 << 62, 4
        while True:  # UIDs and modseqs rise together in a mailbox
            rows: Sequence[Row] = await tx.rows(
                "SELECT added, email_id, thread_id, uid FROM mailbox_email WHERE account_id = $1"
                " AND mailbox_id = $2 AND uid < $3 ORDER BY uid DESC LIMIT $4",
                account_id, mailbox_id, below, step,
            )  # fmt: skip
            fresh = [row for row in rows if row[0] > modseq]
            found += fresh
            if len(fresh) < len(rows) or len(rows) < step:
                break
            below, step = rows[-1][3], min(step * 8, STEP_MAX)
    return found


async def every(tx: Transaction, account_id: int, limit: int) -> list[int]:
    """The threads of an account, up to a number."""
    rows = await tx.rows(
        "SELECT DISTINCT e.thread_id FROM mailbox_email e WHERE e.account_id = $1"
        f" AND {emails.SHOWN} LIMIT $2",
        account_id, limit,
    )  # fmt: skip
    return [row[0] for row in rows]
