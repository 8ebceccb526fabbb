"""Whether a COMMIT has happened whose answer was lost.

A transaction is given its id when it begins, and tells it within the answer to BEGIN: in
`application_name`, a parameter whose changes the server reports by itself, so that no unit pays
a round trip for it. After the connection broke in the middle of COMMIT, `pg_xact_status` of
another connection says what became of that id. It is only asked of the server's own history: a
standby that took over meanwhile may have lost the commit, and given the id to another one.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import Any, Final

import asyncpg
from msgspec import Struct

LOOK_SECONDS: Final = 20.0  # a server that starts again, or takes over, is waited for so long
LOOK_EVERY: Final = 0.2

_BEGIN: Final = "BEGIN ISOLATION LEVEL SERIALIZABLE"
_TELL: Final = "SELECT set_config('application_name', 'merpati ' || pg_current_xact_id(), true)"
_ID: Final = re.compile(r"merpati (\d+)")
# The first part of the name of a log file; a standby writes none.
_TIMELINE: Final = (
    "SELECT CASE WHEN pg_is_in_recovery() THEN ''"
    " ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END"
)

# What engines say that speak PostgreSQL's language and lack its log.
_UNKNOWN: Final = (asyncpg.UndefinedFunctionError, asyncpg.FeatureNotSupportedError)

# What the driver fails with when a connection breaks, or there is none.
_LOST: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


class Connection(asyncpg.Connection):  # type: ignore[misc]  # the driver has no types
    """A connection that knows on which history of the server it began."""

    timeline: str = ""


class Mark(Struct, frozen=True):
    """By which a transaction is found again.

    Attributes:
        xid: Its id, with its epoch.
        timeline: The history that it belongs to; it ends when a standby takes over.
    """

    xid: int
    timeline: str


async def prepare(connection: Any) -> None:
    """Ask a new connection for its history, once; of an engine that has none it stays empty."""
    with contextlib.suppress(*_UNKNOWN):
        connection.timeline = await connection.fetchval(_TIMELINE)


async def begin(connection: Any) -> Mark | None:
    """Begin a transaction; by what it is found again, or None: the server tells no ids."""
    if not connection.timeline:
        await connection.execute(_BEGIN)
        return None
    await connection.execute(f"{_BEGIN}; {_TELL}")
    found = _ID.fullmatch(connection.get_settings().application_name)
    return Mark(int(found[1]), connection.timeline) if found else None


async def happened(pool: Any, lost: Mark | None) -> bool | None:
    """Whether a transaction was committed; None: nobody knows, or cannot be asked in time."""
    if lost is None:
        return None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LOOK_SECONDS):
            while True:
                with contextlib.suppress(*_LOST):
                    status = await _status(pool, lost)
                    if status != "in progress":
                        return None if status is None else status == "committed"
                await asyncio.sleep(LOOK_EVERY)
    return None


async def _status(pool: Any, lost: Mark) -> str | None:
    """`committed`, `aborted`, `in progress`; None: of another history, or too long ago."""
    async with pool.acquire() as connection:
        if connection.timeline != lost.timeline:
            return None
        status: str | None = await connection.fetchval(
            "SELECT pg_xact_status($1::text::xid8)", str(lost.xid)
        )
        return status
