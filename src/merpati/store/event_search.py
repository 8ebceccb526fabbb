"""Messages of the trace by what their subject says: a look through the latest of them."""

from __future__ import annotations

from typing import Final

import msgspec

from merpati.base.ids import oldest_trace
from merpati.store.engine import Transaction
from merpati.store.suppression import like

SINCE: Final = 14 * 86_400_000  # ms; further back a subject is not looked for


async def by_subject(tx: Transaction, text: str, now: int, limit: int = 20) -> list[str]:
    """The latest messages whose subject has this text in it, newest first. For `Store.scan`."""
    quoted = msgspec.json.encode(text.lower()).decode()[1:-1]
    rows = await tx.rows(
        "SELECT DISTINCT trace FROM event WHERE trace >= $1"
        " AND (lower(detail) LIKE $2 ESCAPE '\\' OR lower(more) LIKE $2 ESCAPE '\\')"
        " ORDER BY trace DESC LIMIT $3",
        oldest_trace(now - SINCE), like(f'*"subject":"*{quoted}*'), limit,
    )  # fmt: skip
    return [row[0] for row in rows]
