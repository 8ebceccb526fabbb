"""Certificates ordered from an authority, our accounts there, and proofs under way."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from merpati.store.engine import Row, Topic, Transaction

COLUMNS = "name, names, chain, private_key, not_after, renew_at, failures, problem"


class Account(Struct, frozen=True):
    """Our account with an authority."""

    directory: str
    url: str
    private_key: str  # PEM

    def __repr__(self) -> str:
        """Without the key."""
        return f"Account({self.url!r})"


class Certificate(Struct, frozen=True):
    """A certificate, or the place where one will be.

    Attributes:
        name: The first of its names.
        names: All that are wanted, sorted.
        chain: PEM, leaf first; empty while none has come.
        private_key: PEM.
        not_after: Unix milliseconds.
        renew_at: When to order the next.
        failures: Tries that failed since the last success.
        problem: Why the last try failed.
    """

    name: str
    names: tuple[str, ...]
    chain: str = ""
    private_key: str = ""
    not_after: int = 0
    renew_at: int = 0
    failures: int = 0
    problem: str = ""

    def __repr__(self) -> str:
        """Without the key."""
        return f"Certificate({self.name!r}, not_after={self.not_after})"


async def account(tx: Transaction, directory: str) -> Account | None:
    """Our account with the authority at this URL."""
    row = await tx.row(
        "SELECT directory, url, private_key FROM acme_account WHERE directory = $1", directory
    )
    return None if row is None else Account(*row)


async def keep_account(tx: Transaction, one: Account) -> None:
    """Remember an account."""
    await tx.run(
        "INSERT INTO acme_account (directory, url, private_key) VALUES ($1, $2, $3)"
        " ON CONFLICT (directory) DO UPDATE SET url = excluded.url,"
        " private_key = excluded.private_key",
        one.directory, one.url, one.private_key,
    )  # fmt: skip


async def publish(
    tx: Transaction, kind: str, answers: Sequence[tuple[str, str]], expires_at: int
) -> None:
    """Let proofs be found: token or host name, and key authorization."""
    await tx.run_many(
        "INSERT INTO acme_challenge (kind, subject, answer, expires_at) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (kind, subject) DO UPDATE SET answer = excluded.answer,"
        " expires_at = excluded.expires_at",
        [(kind, subject, answer, expires_at) for subject, answer in answers],
    )
    tx.announce(Topic.CERTIFICATES, 0)


async def withdraw(tx: Transaction, kind: str, subjects: Sequence[str], now: int) -> None:
    """Let these proofs be found no more, nor any whose time is over."""
    await tx.run_many(
        "DELETE FROM acme_challenge WHERE kind = $1 AND subject = $2",
        [(kind, subject) for subject in subjects],
    )
    await tx.run("DELETE FROM acme_challenge WHERE expires_at <= $1", now)
    tx.announce(Topic.CERTIFICATES, 0)


async def answer(tx: Transaction, kind: str, subject: str) -> str:
    """The key authorization of a token or host name, or ""."""
    found = await tx.value(
        "SELECT answer FROM acme_challenge WHERE kind = $1 AND subject = $2", kind, subject
    )
    return found or ""


async def answers(tx: Transaction, kind: str) -> list[tuple[str, str]]:
    """All proofs of one kind."""
    rows = await tx.rows("SELECT subject, answer FROM acme_challenge WHERE kind = $1", kind)
    return [(row[0], row[1]) for row in rows]


async def certificates(tx: Transaction) -> list[Certificate]:
    """All that were ever ordered, by name."""
    return [
        _certificate(row)
        for row in await tx.rows(f"SELECT {COLUMNS} FROM certificate ORDER BY name")
    ]


async def certificate(tx: Transaction, name: str) -> Certificate | None:
    """The one whose first name this is."""
    row = await tx.row(f"SELECT {COLUMNS} FROM certificate WHERE name = $1", name)
    return None if row is None else _certificate(row)


async def keep(tx: Transaction, one: Certificate) -> None:
    """Keep a certificate in place of the one of this name before."""
    await tx.run(
        f"INSERT INTO certificate ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        " ON CONFLICT (name) DO UPDATE SET names = excluded.names, chain = excluded.chain,"
        " private_key = excluded.private_key, not_after = excluded.not_after,"
        " renew_at = excluded.renew_at, failures = excluded.failures, problem = excluded.problem",
        one.name, " ".join(one.names), one.chain, one.private_key, one.not_after, one.renew_at,
        one.failures, one.problem,
    )  # fmt: skip
    tx.announce(Topic.CERTIFICATES, 0)


async def remove(tx: Transaction, name: str) -> bool:
    """Forget a certificate; whether there was one."""
    gone = await tx.run("DELETE FROM certificate WHERE name = $1", name)
    tx.announce(Topic.CERTIFICATES, 0)
    return gone > 0


async def renew_now(tx: Transaction, name: str, now: int) -> bool:
    """Let the next certificate of this name be ordered at once; whether there is one."""
    found = await tx.run("UPDATE certificate SET renew_at = $2 WHERE name = $1", name, now)
    tx.announce(Topic.CERTIFICATES, 0)
    return found > 0


def _certificate(row: Row) -> Certificate:
    name, names, *rest = row
    return Certificate(name, tuple(names.split()), *rest)
