"""Push subscriptions: where programs want to be told of changes (RFC 8620 7.2).

Each ends with what its program signed in with: an app password, a session, or the account's own
password. Those have many ends (revoked, run out, changed, by their owner or an administrator), so
a subscription has the name of its credential, and whoever would use one asks whether it is good.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.store.engine import Topic, Transaction

MAX: Final = 32  # of one account
PAGE: Final = 5000  # accounts of one query
_COLUMNS: Final = (
    "account_id, id, device, url, public_key, secret, types, code, verified, asked, known,"
    " failures, next_at, expires_at, credential"
)


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """One of them; times are Unix milliseconds.

    Attributes:
        types: joined by spaces; "*" for all.
        public_key: p256dh, empty when what is sent is not encrypted.
        secret: auth.
        code: the verification code.
        asked: whether the code was sent.
        known: what the program was told of, as `services/state_changes.written`.
        next_at: before which nothing is to be tried.
        credential: what its program signed in with, as `app_password` and the others name it.
    """

    account_id: int
    id: int
    device: str
    url: str
    public_key: bytes
    secret: bytes
    types: str
    code: str
    verified: bool = False
    asked: bool = False
    known: str = ""
    failures: int = 0
    next_at: int = 0
    expires_at: int
    credential: str = ""

    @property
    def wanted(self) -> list[str] | None:
        """The types that are wanted; None for all."""
        return None if self.types == "*" else self.types.split()


def app_password(id_: str) -> str:
    """The name of a credential."""
    return f"app-password:{id_}"


def session(number: int) -> str:
    """The same of a browser's session, or an application's."""
    return f"session:{number}"


def password(stored: str) -> str:
    """The same of an account's own password, as it is stored; another one has another name."""
    return f"password:{sha256(stored.partition(' ')[0].encode()).hexdigest()[:16]}"


async def good(tx: Transaction, account_id: int, now: int) -> frozenset[str]:
    """The names of all credentials with which programs can sign in to an account.

    What signed in with none that has a name ("") stays good.
    """
    found = {""}
    row = await tx.row(
        "SELECT password, browser_only FROM account WHERE id = $1 AND disabled = 0", account_id
    )
    if row is None:
        return frozenset()
    if row[0] and not row[1]:
        found.add(password(row[0]))
    for table, name in (("app_password", app_password), ("web_session", session)):
        rows = await tx.rows(
            f"SELECT id FROM {table} WHERE account_id = $1 AND (expires_at = 0 OR expires_at > $2)",
            account_id, now,
        )  # fmt: skip
        found |= {name(one[0]) for one in rows}
    return frozenset(found)


async def of_account(tx: Transaction, account_id: int) -> list[Subscription]:
    """All of an account."""
    rows = await tx.rows(
        f"SELECT {_COLUMNS} FROM push_subscription WHERE account_id = $1 ORDER BY id", account_id
    )
    return [
        Subscription(
            account_id=row[0], id=row[1], device=row[2], url=row[3], public_key=bytes(row[4]),
            secret=bytes(row[5]), types=row[6], code=row[7], verified=bool(row[8]),
            asked=bool(row[9]), known=row[10], failures=row[11], next_at=row[12],
            expires_at=row[13], credential=row[14],
        )
        for row in rows
    ]  # fmt: skip


async def accounts(tx: Transaction, after: int) -> list[int]:
    """The accounts that have one, by id, `PAGE` at a time."""
    rows = await tx.rows(
        "SELECT DISTINCT account_id FROM push_subscription WHERE account_id > $1"
        " ORDER BY account_id LIMIT $2",
        after, PAGE,
    )  # fmt: skip
    return [row[0] for row in rows]


async def add(tx: Transaction, one: Subscription) -> None:
    """Keep a new one, in place of another of the same device and address.

    Raises:
        Fault: OVER_QUOTA when the account has too many.
    """
    await tx.run(
        "DELETE FROM push_subscription WHERE account_id = $1 AND device = $2 AND url = $3",
        one.account_id, one.device, one.url,
    )  # fmt: skip
    count = await tx.value(
        "SELECT count(*) FROM push_subscription WHERE account_id = $1", one.account_id
    )
    if count >= MAX:
        raise Fault(Kind.OVER_QUOTA, f"an account has at most {MAX} push subscriptions")
    await tx.run(
        f"INSERT INTO push_subscription ({_COLUMNS})"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, '', 0, 0, $9, $10)",
        one.account_id, one.id, one.device, one.url, one.public_key, one.secret, one.types,
        one.code, one.expires_at, one.credential,
    )  # fmt: skip
    tx.announce(Topic.PUSH, 0)


async def change(tx: Transaction, one: Subscription) -> None:
    """What a program may change: types, end, and that it has said the code."""
    await tx.run(
        "UPDATE push_subscription SET types = $3, expires_at = $4, verified = $5, failures = 0,"
        " next_at = 0 WHERE account_id = $1 AND id = $2",
        one.account_id, one.id, one.types, one.expires_at, int(one.verified),
    )  # fmt: skip
    tx.announce(Topic.PUSH, 0)


async def remove(tx: Transaction, account_id: int, id_: int) -> bool:
    """Forget one; whether there was one."""
    gone = await tx.run(
        "DELETE FROM push_subscription WHERE account_id = $1 AND id = $2", account_id, id_
    )
    return gone > 0


async def told(tx: Transaction, account_id: int, id_: int, known: str) -> None:
    """A program has been told all that."""
    await tx.run(
        "UPDATE push_subscription SET asked = 1, known = $3, failures = 0, next_at = 0"
        " WHERE account_id = $1 AND id = $2",
        account_id, id_, known,
    )  # fmt: skip


async def failed(tx: Transaction, account_id: int, id_: int, next_at: int) -> None:
    """It could not be told; when to try again."""
    await tx.run(
        "UPDATE push_subscription SET failures = failures + 1, next_at = $3"
        " WHERE account_id = $1 AND id = $2",
        account_id, id_, next_at,
    )  # fmt: skip
