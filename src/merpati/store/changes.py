"""The account's change log: written by every act, read by every protocol's sync.

The emails that were added need no row of it: `mailbox_email.added` is their entry. So a
delivery touches one page less for each copy, and `since` tells both as one log.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Final

from merpati.model import uids as uid_sets
from merpati.model.change import Change, ChangeKind
from merpati.store.engine import Topic, Transaction

STEP_MAX: Final = 20_000  # rows of one query for what was added
BORN_MAX: Final = 256  # of one row; clients are told of the end of more that they never saw
_modseq = attrgetter("modseq")


async def next_modseq(tx: Transaction, account_id: int) -> int:
    """Take the account's next modseq; what one act changes shares it."""
    modseq: int = await tx.value(
        "UPDATE account SET modseq = modseq + 1 WHERE id = $1 RETURNING modseq", account_id
    )
    return modseq


async def next_modseq_and_links(tx: Transaction, account_id: int) -> tuple[int, bool]:
    """As `next_modseq`; and whether an email of the account may lie in several mailboxes."""
    modseq, has_linked = await tx.row(
        "UPDATE account SET modseq = modseq + 1 WHERE id = $1 RETURNING modseq, has_linked",
        account_id,
    )  # type: ignore[misc]  # the account is there
    return modseq, bool(has_linked)


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
    threads: Iterable[int] = (),
    born: Iterable[tuple[int, int]] = (),
) -> None:
    """Write one row; `n` numbers the rows of one act from 0.

    `born`: of emails that are gone, ids and modseqs with which they came, the latest last.
    """
    known = " ".join([f"{one}:{came}" for one, came in [*born][-BORN_MAX:]]) if born else ""
    left = uid_sets.compress(sorted(set(threads))) if threads else ""
    await tx.run(
        "INSERT INTO change (account_id, modseq, n, kind, mailbox_id, uids, emails, threads,"
        " born) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        account_id, modseq, n, int(kind), mailbox_id, uids, emails, left, known,
    )  # fmt: skip
    tx.announce(Topic.ACCOUNT, account_id)


async def since(tx: Transaction, account_id: int, mailbox_id: int, modseq: int) -> list[Change]:
    """What happened to one mailbox after `modseq`, oldest first.

    The emails added are those that are still there: each says when it came.
    """
    rows = await tx.rows(
        "SELECT modseq, kind, mailbox_id, uids FROM change"
        " WHERE account_id = $1 AND modseq > $2 AND mailbox_id = $3 ORDER BY modseq, n",
        account_id, modseq, mailbox_id,
    )  # fmt: skip
    found = [Change(*row) for row in rows]
    acts: dict[int, list[int]] = {}
    for uid, added in reversed(await _added(tx, account_id, mailbox_id, modseq)):
        acts.setdefault(added, []).append(uid)
    found += [
        Change(added, ChangeKind.EMAILS_ADDED, mailbox_id, uid_sets.compress(uids))
        for added, uids in acts.items()
    ]
    return sorted(found, key=_modseq)


async def _added(
    tx: Transaction, account_id: int, mailbox_id: int, modseq: int
) -> list[tuple[int, int]]:
    """UID and modseq of the emails that came after `modseq`, the latest first.

    Both rise together in a mailbox, so the walk from the top ends at the first older one;
    it goes in steps that grow, for the usual answer is none or one.
    """
    found: list[tuple[int, int]] = []
    below, step = 1 << 62, 4
    while True:
        rows = await tx.rows(
            "SELECT uid, added FROM mailbox_email WHERE account_id = $1 AND mailbox_id = $2"
            " AND uid < $3 ORDER BY uid DESC LIMIT $4",
            account_id, mailbox_id, below, step,
        )  # fmt: skip
        for uid, added in rows:
            if added <= modseq:
                return found
            found.append((uid, added))
        if len(rows) < step:
            return found
        below, step = rows[-1][0], min(step * 8, STEP_MAX)


async def touched(tx: Transaction, account_id: int, modseq: int) -> dict[int, set[int]]:
    """The kinds of change that each mailbox of an account saw after `modseq`.

    Changes that concern no mailbox stand under 0.
    """
    found: dict[int, set[int]] = {}
    for mailbox_id, kind in await tx.rows(
        "SELECT DISTINCT mailbox_id, kind FROM change WHERE account_id = $1 AND modseq > $2",
        account_id, modseq,
    ):  # fmt: skip
        found.setdefault(mailbox_id, set()).add(kind)
    # What was added has no row of the log; the newest email of a mailbox tells.
    for (mailbox_id,) in await tx.rows(
        "SELECT m.id FROM mailbox m WHERE m.account_id = $1 AND m.modseq > $2 AND (SELECT e.added"
        " FROM mailbox_email e WHERE e.account_id = m.account_id AND e.mailbox_id = m.id"
        " ORDER BY e.uid DESC LIMIT 1) > $2",
        account_id, modseq,
    ):  # fmt: skip
        found.setdefault(mailbox_id, set()).add(ChangeKind.EMAILS_ADDED)
    return found


async def record_entry(
    tx: Transaction, account_id: int, mailbox_id: int, user_id: int, entry: str
) -> None:
    """Log a change of an annotation, which all may know of, or only the user that it is of.

    The mailbox's modseq rises, as RFC 7162 3.2 wants.
    """
    modseq = await next_modseq(tx, account_id)
    await tx.run(
        "UPDATE mailbox SET modseq = $3 WHERE account_id = $1 AND id = $2",
        account_id, mailbox_id, modseq,
    )  # fmt: skip
    kind = ChangeKind.METADATA_CHANGED
    await log(tx, account_id, modseq, 0, kind, mailbox_id, emails=f"{user_id} {entry}")


async def entries(
    tx: Transaction, account_id: int, modseq: int, user_id: int
) -> dict[int, list[str]]:
    """The annotations of each mailbox that changed after `modseq`, as far as a user may know."""
    found: dict[int, list[str]] = {}
    for mailbox_id, text in await tx.rows(
        "SELECT mailbox_id, emails FROM change"
        " WHERE account_id = $1 AND modseq > $2 AND kind = $3 ORDER BY modseq",
        account_id, modseq, int(ChangeKind.METADATA_CHANGED),
    ):  # fmt: skip
        owner, _, entry = text.partition(" ")
        known = found.setdefault(mailbox_id, [])
        if int(owner) in {0, user_id} and entry not in known:
            known.append(entry)
    return found


async def is_lost(tx: Transaction, account_id: int, modseq: int) -> bool:
    """Whether a modseq was given by a time that a restored backup knows nothing of."""
    rows = await tx.rows(
        "SELECT emails FROM change WHERE account_id = $1 AND modseq > $2 AND kind = $3",
        account_id, modseq, int(ChangeKind.RESTORED),
    )  # fmt: skip
    return any(int(before) < modseq for (before,) in rows)


async def current(tx: Transaction, account_id: int) -> int:
    """The account's modseq: its state, for protocols that ask for one."""
    return int(await tx.value("SELECT modseq FROM account WHERE id = $1", account_id) or 0)
