"""Programs that people may let in (RFC 7591)."""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from merpati.base.faults import Fault, Kind
from merpati.store.engine import Transaction

UNUSED_KEPT: Final = 86_400_000  # ms that one is kept that nobody has let in
IDLE_KEPT: Final = 400 * 86_400_000  # ms that one is kept after it was last let in
UNUSED_MAX: Final = 10_000  # all together; they are cheap, and strangers may register


class OAuthClient(NamedTuple):
    """One program; times are Unix milliseconds, `used_at` 0: nobody has let it in yet."""

    id: str
    name: str
    uri: str
    redirect_uris: tuple[str, ...]
    software: str
    created_at: int
    used_at: int


async def add(tx: Transaction, one: OAuthClient) -> None:
    """Keep a new one. Raises Fault TOO_MANY when strangers have registered too many."""
    if await tx.value("SELECT count(*) FROM oauth_client WHERE used_at = 0") >= UNUSED_MAX:
        raise Fault(Kind.TOO_MANY, "too many programs have registered; try again tomorrow")
    await tx.run(
        "INSERT INTO oauth_client (id, name, uri, redirect_uris, software, created_at, used_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        one.id, one.name, one.uri, json.dumps(one.redirect_uris), one.software, one.created_at,
        one.used_at,
    )  # fmt: skip


async def find(tx: Transaction, id_: str) -> OAuthClient | None:
    """One by its id."""
    row = await tx.row(
        "SELECT id, name, uri, redirect_uris, software, created_at, used_at FROM oauth_client"
        " WHERE id = $1",
        id_,
    )
    if row is None:
        return None
    name, uri, redirect_uris, *rest = row[1:]
    return OAuthClient(row[0], name, uri, tuple(json.loads(redirect_uris)), *rest)


async def note_use(tx: Transaction, id_: str, now: int) -> None:
    """Somebody has let it in."""
    await tx.run("UPDATE oauth_client SET used_at = $2 WHERE id = $1", id_, now)


async def forget(tx: Transaction, now: int) -> None:
    """Remove those that nobody uses."""
    await tx.run(
        "DELETE FROM oauth_client WHERE (used_at = 0 AND created_at < $1)"
        " OR (used_at > 0 AND used_at < $2"
        " AND NOT EXISTS (SELECT 1 FROM web_session s WHERE s.client_id = oauth_client.id))",
        now - UNUSED_KEPT, now - IDLE_KEPT,
    )  # fmt: skip
