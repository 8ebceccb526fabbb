"""The words of an account, in which a part of a word is looked up.

They lie in blocks: each batch of messages adds one, and when there are `MERGE` of a level
they become one of the next, so a word is written a number of times that grows with the
logarithm of the mail. A word may stand in several blocks, and stays when its mail is gone:
then it leads to nothing. Words of scripts without spaces are not kept, for they are looked up
in the index itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Final

from merpati.store.engine import Transaction
from merpati.wire.text.folding import without_unspaced

MERGE: Final = 8


async def learn(
    tx: Transaction, account_id: int, texts: Iterable[str], known: AbstractSet[str] = frozenset()
) -> set[str]:
    """Add the words of texts, which have spaces between them; those that were added.

    Words in `known` are there already; others may be.
    """
    found: set[str] = set()
    for text in texts:  # not all in one, whose words would not stay in the processor's cache
        found.update(text.split())
    words = without_unspaced(found - known)  # not `-=`, which walks through all that is known
    if words:
        await _add(tx, account_id, words)
    return words


async def _add(tx: Transaction, account_id: int, words: set[str]) -> None:
    counts = await tx.rows(
        "SELECT level, count(*) FROM text_vocabulary WHERE account_id = $1 GROUP BY level",
        account_id,
    )
    full = {level for level, count in counts if count >= MERGE - 1}
    level = 0
    while level in full:
        level += 1
    if level:
        merged = await tx.rows(
            "DELETE FROM text_vocabulary WHERE account_id = $1 AND level < $2 RETURNING words",
            account_id, level,
        )  # fmt: skip
        words = words.union(*[block.split() for (block,) in merged])
    await tx.run(
        "INSERT INTO text_vocabulary (account_id, level, words) VALUES ($1, $2, $3)",
        account_id, level, "\n" + "\n".join(words) + "\n",
    )  # fmt: skip


async def block_ids(tx: Transaction, account_id: int) -> list[int]:
    """The blocks of an account. A block never changes, and no id is used twice."""
    rows = await tx.rows("SELECT id FROM text_vocabulary WHERE account_id = $1", account_id)
    return [number for (number,) in rows]


async def block(tx: Transaction, number: int) -> str:
    """The words of one block, each between two line ends."""
    found: str | None = await tx.value("SELECT words FROM text_vocabulary WHERE id = $1", number)
    return found or ""


async def forget(tx: Transaction, account_id: int) -> None:
    """Remove all words of an account."""
    await tx.run("DELETE FROM text_vocabulary WHERE account_id = $1", account_id)
