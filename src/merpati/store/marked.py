r"""Where in a mailbox marks may be: $deleted and $draft, which few emails bear at any time.

EXPUNGE, STATUS and JMAP's counts ask for what is marked, however large the mailbox. Its row
names ranges of UIDs outside of which nothing is, and only what lies within them is read. An
index of the marked rows would be exact, but each change of keywords would keep it up row by
row, which costs half as much as the change itself; a STORE of all changes one range.

What leaves a mailbox stays within its ranges, until EXPUNGE finds out what is left.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from merpati.model import uids as uid_sets
from merpati.store.engine import Row, Transaction

RANGES_MAX: Final = 256  # of a mailbox; of more, the nearest become one
EVERYWHERE: Final = "1:4294967295"  # when nobody knows better
SIGN: Final = "$d"  # what stands in all keywords that hold a mark, and in few others
HAS_SIGN: Final = f"keywords LIKE '%{SIGN}%'"


def are_turned(different: Mapping[str, str]) -> bool:
    """Whether keywords may gain or lose a mark: those before, and what became of them."""
    return any((SIGN in old) is not (SIGN in new) for old, new in different.items())


async def note(
    tx: Transaction, account_id: int, mailbox_id: int, uids: Sequence[int],
    held: Sequence[str], different: Mapping[str, str], changed: str,
) -> None:  # fmt: skip
    """Keywords of emails in a mailbox have changed.

    Args:
        tx: The transaction.
        account_id: The mailbox's account.
        mailbox_id: The mailbox.
        uids: Those whose keywords were read.
        held: The keywords that these had.
        different: What became of those keywords that changed.
        changed: The set of the UIDs whose keywords changed.
    """
    kinds = set(held)
    examined = changed if len(kinds) == len(different) else uid_sets.compress(uids)
    bear = {old for old in kinds if SIGN in different.get(old, old)}
    before = await ranges(tx, account_id, mailbox_id)
    text = uid_sets.without(before, examined)  # of these everything is known now
    text = uid_sets.added(text, those(uids, held, kinds, examined, bear))
    text = uid_sets.coarse(text, RANGES_MAX)
    if text != before:
        await replace(tx, account_id, mailbox_id, text)


def those(
    uids: Sequence[int], held: Sequence[str], kinds: Collection[str], whole: str, group: set[str]
) -> str:
    """The set of those UIDs that hold the keywords of a group; `whole` where it is all kinds."""
    if len(group) == len(kinds):
        return whole
    found = zip(uids, held, strict=True) if group else ()
    return uid_sets.compress([uid for uid, old in found if old in group])


async def ranges(tx: Transaction, account_id: int, mailbox_id: int) -> str:
    """Where in a mailbox marks may be, a set of UIDs."""
    found: str | None = await tx.value(
        "SELECT marked FROM mailbox WHERE account_id = $1 AND id = $2", account_id, mailbox_id
    )
    return found or ""


async def extend(tx: Transaction, account_id: int, mailbox_id: int, more: str) -> None:
    """Emails that may bear a mark have come to a mailbox: a set of UIDs."""
    if more:
        before = await ranges(tx, account_id, mailbox_id)
        text = uid_sets.coarse(uid_sets.added(before, more), RANGES_MAX)
        if text != before:
            await replace(tx, account_id, mailbox_id, text)


async def replace(tx: Transaction, account_id: int, mailbox_id: int, text: str) -> None:
    """Note where in a mailbox marks may be, and nowhere else."""
    await tx.run(
        "UPDATE mailbox SET marked = $3 WHERE account_id = $1 AND id = $2",
        account_id, mailbox_id, text,
    )  # fmt: skip


async def everywhere(tx: Transaction, account_id: int) -> list[Row]:
    """The mailboxes of an account in which marks may be, with their ranges."""
    return await tx.rows(
        "SELECT id, marked FROM mailbox WHERE account_id = $1 AND marked <> ''", account_id
    )


async def select(
    tx: Transaction, account_id: int, mailbox_id: int, text: str, wanted: str, where: str
) -> list[Any]:
    """Rows of what lies within ranges, by UID, if `wanted` is a list of plain columns."""
    found: list[Any] = []
    for first, last in uid_sets.ranges(text):
        found += await tx.rows(
            f"SELECT {wanted} FROM mailbox_email WHERE account_id = $1 AND mailbox_id = $2"
            f" AND uid BETWEEN $3 AND $4 AND {where}",
            account_id, mailbox_id, first, last,
        )  # fmt: skip
    return found


async def is_outside(tx: Transaction, row: Row) -> bool:
    """Whether marks are outside of the ranges of a mailbox: account, id, name, ranges."""
    account_id, mailbox_id, _, text = row
    bearing = await select(tx, account_id, mailbox_id, EVERYWHERE, "uid", HAS_SIGN)
    within = list(uid_sets.ranges(text))
    return not all(any(first <= uid <= last for first, last in within) for (uid,) in bearing)
