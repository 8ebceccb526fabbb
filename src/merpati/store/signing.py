"""Keys that sign mail of our domains, and how far each has come.

For each kind (RSA, Ed25519) a domain has at most one key that signs and one that is to
follow it. A key signs only once the DNS shows its public half, and gives its private half
up when the next takes over. docs/design/signing.md has the table of states.
"""

from __future__ import annotations

from typing import Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.store.engine import Conflict, Dialect, Row, Topic, Transaction

NEXT: Final = "next"
ACTIVE: Final = "active"
RETIRED: Final = "retired"

COLUMNS: Final = (
    "k.id, d.name, k.selector, k.kind, k.state, k.record, k.created_at, k.state_at, k.published_at"
)
SOURCE: Final = "FROM signing_key k JOIN domain d ON d.id = k.domain_id"


class StoredKey(msgspec.Struct, frozen=True):
    """A key without its private half; times are Unix milliseconds."""

    id: int
    domain: str
    selector: str
    kind: str
    state: str
    record: str  # what the DNS is to have at `name`
    created_at: int
    state_at: int
    published_at: int  # since when the DNS shows it; 0: it does not

    @property
    def name(self) -> str:
        """Where the DNS is to have it."""
        return f"{self.selector}._domainkey.{self.domain}"


class Private(msgspec.Struct, frozen=True):
    """A key to sign with."""

    selector: str
    pem: str


class Wanted(msgspec.Struct, frozen=True):
    """A domain that has no key of a kind."""

    domain: str
    kind: str


async def add(
    tx: Transaction, domain: str, selector: str, kind: str, pem: str, record: str, now: int
) -> None:
    """Keep a new key, as the next of its kind; the DNS is asked for it at once.

    Raises:
        Fault: NOT_FOUND for an unknown domain; EXISTS when the selector is taken, or the
            domain has a next key of this kind already.
    """
    added = 0
    try:
        added = await tx.run(
            "INSERT INTO signing_key (domain_id, selector, kind, state, private_key, record,"
            " created_at, state_at, published_at, check_at)"
            " SELECT id, $2, $3, 'next', $4, $5, $6, $6, 0, $6 FROM domain WHERE name = $1",
            domain, selector, kind, pem, record, now,
        )  # fmt: skip
    except Conflict as error:
        text = f"{domain} has a key {selector}, or a next {kind} key, already"
        raise Fault(Kind.EXISTS, text) from error
    if not added:
        raise Fault(Kind.NOT_FOUND, f"domain {domain} is not served here")


async def keys(tx: Transaction, domain: str = "") -> list[StoredKey]:
    """All keys, or those of one domain: the retired last, then by kind, the oldest first."""
    rows = await tx.rows(
        f"SELECT {COLUMNS} {SOURCE} WHERE d.name = $1 OR $1 = ''"
        " ORDER BY d.name, k.state = 'retired', k.kind DESC, k.created_at, k.id",
        domain,
    )
    return [_key(row) for row in rows]


async def signing(tx: Transaction, domain: str) -> list[Private]:
    """The keys that sign for a domain now: the RSA key first."""
    rows = await tx.rows(
        "SELECT k.selector, k.private_key FROM signing_key k JOIN domain d ON d.id = k.domain_id"
        " WHERE d.name = $1 AND k.state = 'active' ORDER BY k.kind DESC",
        domain,
    )
    return [Private(*row) for row in rows]


async def lacking(tx: Transaction, kind: str, limit: int) -> list[Wanted]:
    """Domains that have no key of a kind, neither active nor next."""
    rows = await tx.rows(
        "SELECT d.name FROM domain d WHERE NOT EXISTS (SELECT 1 FROM signing_key k"
        " WHERE k.domain_id = d.id AND k.kind = $1 AND k.state <> 'retired')"
        " ORDER BY d.id LIMIT $2",
        kind, limit,
    )  # fmt: skip
    return [Wanted(name, kind) for (name,) in rows]


async def ageing(tx: Transaction, before: int, limit: int) -> list[Wanted]:
    """Domains whose active key of a kind signs since before a moment, and has no next one."""
    rows = await tx.rows(
        "SELECT d.name, k.kind FROM signing_key k JOIN domain d ON d.id = k.domain_id"
        " WHERE k.state = 'active' AND k.state_at < $1 AND NOT EXISTS (SELECT 1 FROM signing_key n"
        " WHERE n.domain_id = k.domain_id AND n.kind = k.kind AND n.state = 'next')"
        " ORDER BY k.id LIMIT $2",
        before, limit,
    )  # fmt: skip
    return [Wanted(*row) for row in rows]


async def claim(tx: Transaction, now: int, again_at: int, limit: int) -> list[StoredKey]:
    """Take keys of which the DNS is to be asked; who dies on it leaves them to `again_at`."""
    lock = "" if tx.dialect is Dialect.SQLITE else " FOR UPDATE SKIP LOCKED"
    rows = await tx.rows(
        "WITH due AS MATERIALIZED (SELECT id FROM signing_key WHERE check_at <= $1"
        f" ORDER BY check_at LIMIT $3{lock})"
        " UPDATE signing_key SET check_at = $2 WHERE id IN (SELECT id FROM due) RETURNING id",
        now, again_at, limit,
    )  # fmt: skip
    found = [await _by_id(tx, key_id) for (key_id,) in rows]
    return [key for key in found if key is not None]


async def found(tx: Transaction, key_id: int, now: int, check_at: int) -> None:
    """The DNS shows a key."""
    await tx.run(
        "UPDATE signing_key SET check_at = $3,"
        " published_at = CASE WHEN published_at = 0 THEN $2 ELSE published_at END WHERE id = $1",
        key_id, now, check_at,
    )  # fmt: skip


async def missed(tx: Transaction, key_id: int, check_at: int) -> None:
    """The DNS does not show a key, or shows another in its place."""
    await tx.run(
        "UPDATE signing_key SET published_at = 0, check_at = $2 WHERE id = $1", key_id, check_at
    )


async def activate(tx: Transaction, key_id: int, now: int, check_at: int) -> bool:
    """A next key signs from now on, and the one that did is retired; False: it is not next."""
    row = await tx.row(
        "SELECT domain_id, kind FROM signing_key WHERE id = $1 AND state = 'next'", key_id
    )
    if row is None:
        return False
    former = await tx.value(
        "SELECT id FROM signing_key WHERE domain_id = $1 AND kind = $2 AND state = 'active'", *row
    )
    if former is not None:
        await retire(tx, former, now, check_at)
    await tx.run(
        "UPDATE signing_key SET state = 'active', state_at = $2 WHERE id = $1", key_id, now
    )
    tx.announce(Topic.SIGNING, 0)
    return True


async def retire(tx: Transaction, key_id: int, now: int, check_at: int) -> bool:
    """A key signs no more and loses its private half; False: it had already."""
    changed = await tx.run(
        "UPDATE signing_key SET state = 'retired', private_key = '', state_at = $2, check_at = $3"
        " WHERE id = $1 AND state <> 'retired'",
        key_id, now, check_at,
    )  # fmt: skip
    tx.announce(Topic.SIGNING, 0)
    return bool(changed)


async def remove(tx: Transaction, key_id: int) -> None:
    """Forget a retired key."""
    await tx.run("DELETE FROM signing_key WHERE id = $1 AND state = 'retired'", key_id)


async def _by_id(tx: Transaction, key_id: int) -> StoredKey | None:
    row = await tx.row(f"SELECT {COLUMNS} {SOURCE} WHERE k.id = $1", key_id)
    return None if row is None else _key(row)


def _key(row: Row) -> StoredKey:
    return StoredKey(*row)
