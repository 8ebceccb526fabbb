"""Versions of the configuration text: what domains, accounts, aliases and lists were."""

from __future__ import annotations

from typing import Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.store.engine import Transaction

KEPT: Final = 500


class Version(msgspec.Struct, frozen=True, rename="camel"):
    """One version. `at` is Unix milliseconds; `who` is empty when single changes led to it."""

    id: int
    at: int
    who: str


async def note(tx: Transaction, now: int, who: str, text: str) -> int:
    """Keep a text unless it is that of the last version; the last version's number."""
    last = await tx.row("SELECT id, text FROM configuration_version ORDER BY id DESC LIMIT 1")
    if last is not None and last[1] == text:
        return int(last[0])
    number: int = await tx.value(
        "INSERT INTO configuration_version (at, who, text) VALUES ($1, $2, $3) RETURNING id",
        now, who, text,
    )  # fmt: skip
    await tx.run("DELETE FROM configuration_version WHERE id <= $1", number - KEPT)
    return number


async def listing(tx: Transaction, limit: int = 100) -> list[Version]:
    """The latest first."""
    rows = await tx.rows(
        "SELECT id, at, who FROM configuration_version ORDER BY id DESC LIMIT $1", limit
    )
    return [Version(*row) for row in rows]


async def text(tx: Transaction, number: int) -> str:
    """The text of a version. Raises Fault NOT_FOUND."""
    found = await tx.value("SELECT text FROM configuration_version WHERE id = $1", number)
    if found is None:
        raise Fault(Kind.NOT_FOUND, f"there is no version {number}; see: merpati config history")
    return str(found)
