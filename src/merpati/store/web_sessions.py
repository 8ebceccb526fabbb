"""Sessions of browsers and of applications that people let in, and their access tokens."""

from __future__ import annotations

from typing import Final, NamedTuple

from merpati.store.engine import Row, Topic, Transaction

BROWSER: Final = "browser"
APPLICATION: Final = "application"

COLUMNS: Final = (
    "id, account_id, kind, client_id, client, scope, peer, remember, created_at, used_at,"
    " proven_at, expires_at"
)
STEP: Final = 1000  # rows removed at once


class WebSession(NamedTuple):
    """One session; times are Unix milliseconds, `kind` is BROWSER or APPLICATION."""

    id: int
    account_id: int
    kind: str
    client_id: str
    client: str
    scope: str
    peer: str
    remember: bool
    created_at: int
    used_at: int
    proven_at: int
    expires_at: int


class Refresh(NamedTuple):
    """What is kept of a session's refresh tokens: hashes, and the good one sealed."""

    refresh: bytes
    previous: bytes
    handover: bytes
    rotated_at: int


async def add(tx: Transaction, session: WebSession, family: bytes, refresh: bytes) -> int:
    """Keep a new one, whose `id` is made up here and returned."""
    number = await tx.value(
        "INSERT INTO web_session (account_id, kind, client_id, client, scope, peer, remember,"
        " created_at, used_at, proven_at, expires_at, family, refresh, previous, handover,"
        " rotated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14, $8)"
        " RETURNING id",
        session.account_id, session.kind, session.client_id, session.client, session.scope,
        session.peer, int(session.remember), session.created_at, session.used_at,
        session.proven_at, session.expires_at, family, refresh, b"",
    )  # fmt: skip
    return int(number)


async def of_family(tx: Transaction, family: bytes, now: int) -> tuple[WebSession, Refresh] | None:
    """The session that refresh tokens of a family belong to."""
    row = await tx.row(
        f"SELECT {COLUMNS}, refresh, previous, handover, rotated_at FROM web_session"
        " WHERE family = $1 AND expires_at > $2",
        family, now,
    )  # fmt: skip
    if row is None:
        return None
    number, previous, handover, rotated_at = row[12:]
    refresh = Refresh(bytes(number), bytes(previous), bytes(handover), rotated_at)
    return _session(row[:12]), refresh


async def rotate(
    tx: Transaction, session_id: int, old: bytes, new: Refresh, peer: str, expires_at: int
) -> bool:
    """Replace the good refresh token, unless somebody was quicker."""
    changed = await tx.run(
        "UPDATE web_session SET refresh = $3, previous = $2, handover = $4, rotated_at = $5,"
        " used_at = $5, peer = $6, expires_at = $7 WHERE id = $1 AND refresh = $2",
        session_id, old, new.refresh, new.handover, new.rotated_at, peer, expires_at,
    )  # fmt: skip
    return changed == 1


async def add_token(
    tx: Transaction, digest: bytes, account_id: int, session_id: int, expires_at: int
) -> None:
    """Keep an access token of a session."""
    await tx.run(
        "INSERT INTO access_token (hash, account_id, session_id, expires_at)"
        " VALUES ($1, $2, $3, $4)",
        digest, account_id, session_id, expires_at,
    )  # fmt: skip


async def of_token(tx: Transaction, digest: bytes, now: int) -> tuple[WebSession, int] | None:
    """The session that an access token belongs to, and until when the token is good."""
    columns = ", ".join(f"s.{column.strip()}" for column in COLUMNS.split(","))
    row = await tx.row(
        f"SELECT {columns}, t.expires_at FROM access_token t JOIN web_session s"
        " ON s.id = t.session_id WHERE t.hash = $1 AND t.expires_at > $2",
        digest, now,
    )  # fmt: skip
    return None if row is None else (_session(row[:12]), row[12])


async def of_account(tx: Transaction, account_id: int, now: int) -> list[WebSession]:
    """All sessions of an account, the one used last first."""
    rows = await tx.rows(
        f"SELECT {COLUMNS} FROM web_session WHERE account_id = $1 AND expires_at > $2"
        " ORDER BY used_at DESC, id DESC",
        account_id, now,
    )  # fmt: skip
    return [_session(row) for row in rows]


async def prove(tx: Transaction, session_id: int, now: int) -> None:
    """Note that the person has proven who it is."""
    await tx.run("UPDATE web_session SET proven_at = $2 WHERE id = $1", session_id, now)


async def end(tx: Transaction, account_id: int, session_id: int) -> bool:
    """End a session of an account; whether there was one."""
    gone = await tx.run(
        "DELETE FROM web_session WHERE id = $2 AND account_id = $1", account_id, session_id
    )
    await tx.run(
        "DELETE FROM access_token WHERE session_id = $2 AND account_id = $1", account_id, session_id
    )
    _announce_end(tx, account_id)
    return gone == 1


async def end_token(tx: Transaction, digest: bytes) -> None:
    """End one access token."""
    rows = await tx.rows("DELETE FROM access_token WHERE hash = $1 RETURNING account_id", digest)
    for (account_id,) in rows:
        tx.announce(Topic.CREDENTIALS, account_id)
    tx.announce(Topic.SIGN_IN, 0)


async def end_others(tx: Transaction, account_id: int, session_id: int) -> None:
    """End all sessions of an account but one; all for 0."""
    await tx.run(
        "DELETE FROM web_session WHERE account_id = $1 AND id <> $2", account_id, session_id
    )
    await tx.run(
        "DELETE FROM access_token WHERE account_id = $1 AND session_id <> $2",
        account_id, session_id,
    )  # fmt: skip
    _announce_end(tx, account_id)


async def forget(tx: Transaction, now: int) -> bool:
    """Remove some sessions and tokens that are over; whether there may be others."""
    gone = 0
    for table, key in (("access_token", "hash"), ("web_session", "id")):
        gone = max(
            gone,
            await tx.run(
                f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table}"
                f" WHERE expires_at <= $1 LIMIT {STEP})",
                now,
            ),
        )
    return gone == STEP


def _announce_end(tx: Transaction, account_id: int) -> None:
    tx.announce(Topic.SIGN_IN, 0)
    tx.announce(Topic.CREDENTIALS, account_id)
    tx.announce(Topic.ACCOUNT, account_id)  # its push subscriptions end


def _session(row: Row) -> WebSession:
    session = WebSession(*row)
    return session._replace(remember=bool(session.remember))
