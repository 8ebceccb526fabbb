"""What an account has beside its password: a TOTP secret, recovery codes, passkeys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from merpati.base.faults import Fault, Kind
from merpati.store.engine import Conflict, Row, Topic, Transaction

PASSKEYS_MAX: Final = 50  # of one account
COLUMNS: Final = "account_id, id, rp, credential, counter, name, created_at, used_at"


class Totp(NamedTuple):
    """The secret that codes are made from; `confirmed_at` is 0 until its first code came."""

    secret: bytes
    confirmed_at: int
    last_step: int


class Passkey(NamedTuple):
    """One passkey; times are Unix milliseconds, `used_at` 0: never."""

    account_id: int
    id: str
    rp: str
    credential: bytes
    counter: int
    name: str
    created_at: int
    used_at: int


class Factors(NamedTuple):
    """What there is."""

    totp: bool
    passkeys: int
    recovery_codes: int

    @property
    def any(self) -> bool:
        """Whether a password is not enough."""
        return self.totp or self.passkeys > 0


async def factors(tx: Transaction, account_id: int) -> Factors:
    """What an account has."""
    row = await tx.row(
        "SELECT (SELECT count(*) FROM totp WHERE account_id = $1 AND confirmed_at > 0),"
        " (SELECT count(*) FROM passkey WHERE account_id = $1),"
        " (SELECT count(*) FROM recovery_code WHERE account_id = $1)",
        account_id,
    )
    assert row is not None
    return Factors(bool(row[0]), row[1], row[2])


async def protect(tx: Transaction, account_id: int, *, browser_only: bool) -> None:
    """Say whether the account's own password works in the browser alone."""
    await tx.run(
        "UPDATE account SET browser_only = $2 WHERE id = $1", account_id, int(browser_only)
    )
    tx.announce(Topic.CREDENTIALS, account_id)
    tx.announce(Topic.DIRECTORY, 0)


# TOTP


async def totp(tx: Transaction, account_id: int) -> Totp | None:
    """The secret of an account."""
    row = await tx.row(
        "SELECT secret, confirmed_at, last_step FROM totp WHERE account_id = $1", account_id
    )
    return None if row is None else Totp(bytes(row[0]), row[1], row[2])


async def begin_totp(tx: Transaction, account_id: int, secret: bytes) -> bool:
    """Keep a secret that is yet to be confirmed; False when there is one that is."""
    await tx.run("DELETE FROM totp WHERE account_id = $1 AND confirmed_at = 0", account_id)
    added = await tx.run(
        "INSERT INTO totp (account_id, secret, confirmed_at, last_step) VALUES ($1, $2, 0, 0)"
        " ON CONFLICT DO NOTHING",
        account_id, secret,
    )  # fmt: skip
    return added == 1


async def confirm_totp(
    tx: Transaction, account_id: int, secret: bytes, step: int, now: int
) -> bool:
    """Turn it on, unless it was or has been replaced; the password stays in the browser then."""
    changed = await tx.run(
        "UPDATE totp SET confirmed_at = $4, last_step = $3 WHERE account_id = $1 AND secret = $2"
        " AND confirmed_at = 0",
        account_id, secret, step, now,
    )  # fmt: skip
    if changed:
        await protect(tx, account_id, browser_only=True)
    return changed == 1


async def use_step(tx: Transaction, account_id: int, step: int) -> bool:
    """Take the code of a time step; False when it, or a later one, was used (RFC 6238 5.2)."""
    changed = await tx.run(
        "UPDATE totp SET last_step = $2 WHERE account_id = $1 AND last_step < $2"
        " AND confirmed_at > 0",
        account_id, step,
    )  # fmt: skip
    return changed == 1


async def remove_totp(tx: Transaction, account_id: int) -> bool:
    """Turn it off; whether there was one."""
    gone = await tx.run("DELETE FROM totp WHERE account_id = $1", account_id)
    await _drop_codes(tx, account_id)
    return gone == 1


# Recovery codes


async def replace_codes(tx: Transaction, account_id: int, hashes: Iterable[bytes]) -> None:
    """From now on these, and no others."""
    await tx.run("DELETE FROM recovery_code WHERE account_id = $1", account_id)
    await tx.run_many(
        "INSERT INTO recovery_code (account_id, hash) VALUES ($1, $2)",
        [(account_id, one) for one in hashes],
    )


async def use_code(tx: Transaction, account_id: int, digest: bytes) -> bool:
    """Take a code, which is worthless afterwards; whether it was one."""
    gone = await tx.run(
        "DELETE FROM recovery_code WHERE account_id = $1 AND hash = $2", account_id, digest
    )
    return gone == 1


async def _drop_codes(tx: Transaction, account_id: int) -> None:
    """Without a second factor there is nothing to recover."""
    if not (await factors(tx, account_id)).any:
        await tx.run("DELETE FROM recovery_code WHERE account_id = $1", account_id)


# Passkeys


async def add_passkey(tx: Transaction, one: Passkey) -> None:
    """Keep a new one; the password stays in the browser. Raises Fault EXISTS, TOO_MANY."""
    if (await factors(tx, one.account_id)).passkeys >= PASSKEYS_MAX:
        raise Fault(Kind.TOO_MANY, f"an account has at most {PASSKEYS_MAX} passkeys; remove some")
    try:
        await tx.run(
            f"INSERT INTO passkey ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", *one
        )
    except Conflict as error:
        raise Fault(Kind.EXISTS, "this passkey is known already") from error
    await protect(tx, one.account_id, browser_only=True)


async def passkeys(tx: Transaction, account_id: int) -> list[Passkey]:
    """All of an account, the oldest first."""
    rows = await tx.rows(
        f"SELECT {COLUMNS} FROM passkey WHERE account_id = $1 ORDER BY created_at, id", account_id
    )
    return [_passkey(row) for row in rows]


async def passkey(tx: Transaction, id_: str) -> Passkey | None:
    """The one of an id, whosever it is."""
    row = await tx.row(f"SELECT {COLUMNS} FROM passkey WHERE id = $1", id_)
    return None if row is None else _passkey(row)


async def use_passkey(tx: Transaction, one: Passkey, counter: int, now: int) -> bool:
    """Note a signature; False when its counter shows a copy of the key (WebAuthn 6.1.1)."""
    changed = await tx.run(
        "UPDATE passkey SET counter = $3, used_at = $4 WHERE account_id = $1 AND id = $2"
        " AND (counter < $3 OR (counter = 0 AND $3 = 0))",
        one.account_id, one.id, counter, now,
    )  # fmt: skip
    return changed == 1


async def rename_passkey(tx: Transaction, account_id: int, id_: str, name: str) -> bool:
    """Give one another name; whether there is one."""
    changed = await tx.run(
        "UPDATE passkey SET name = $3 WHERE account_id = $1 AND id = $2", account_id, id_, name
    )
    return changed == 1


async def remove_passkey(tx: Transaction, account_id: int, id_: str) -> bool:
    """Let one work no longer; whether there was one."""
    gone = await tx.run("DELETE FROM passkey WHERE account_id = $1 AND id = $2", account_id, id_)
    await _drop_codes(tx, account_id)
    return gone == 1


def _passkey(row: Row) -> Passkey:
    account_id, id_, rp, credential, *rest = row
    return Passkey(account_id, id_, rp, bytes(credential), *rest)


async def remove_all(tx: Transaction, account_id: int) -> None:
    """Take all of it away, of somebody who has lost it; the password is enough then."""
    for table in ("totp", "recovery_code", "passkey"):
        await tx.run(f"DELETE FROM {table} WHERE account_id = $1", account_id)
    await protect(tx, account_id, browser_only=False)
