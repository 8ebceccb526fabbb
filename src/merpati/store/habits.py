"""What accounts usually send and to whom, their own limits, and who may not send for now.

The normal path of a message reads one row of `habit`, looks its recipients up in
`known_recipient`, and writes the first back. A recipient is known by a hash of 64 bits: the
table says who was written to before, and nobody can read addresses from it. A known one is
written again only when what stands there is `REFRESH` days old.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, Final

import msgspec

from merpati.model.habit import DAY, Flow, Habit, Limits, Reason
from merpati.store.engine import Row, Transaction, among

REFRESH: Final = 30  # days
KNOWN_DAYS: Final = 730  # after which a recipient is new again
KNOWN_MAX: Final = 20_000  # recipients remembered for an account
PRUNED_AT_ONCE: Final = 200  # accounts of one transaction

_encode: Final = msgspec.msgpack.Encoder().encode
_habit: Final = msgspec.msgpack.Decoder(Habit).decode
_flow: Final = msgspec.msgpack.Decoder(Flow).decode
_limits: Final = msgspec.json.Decoder(dict[str, int]).decode
_reasons: Final = msgspec.json.Decoder(list[Reason]).decode


class Standing(msgspec.Struct, frozen=True):
    """What decides whether an account may send now.

    Attributes:
        frozen_at: Since when it may not send, Unix milliseconds; 0: it may.
        own: Its own limits by name, where they differ from the settings.
        habit: What it usually sends.
    """

    frozen_at: int
    own: dict[str, int]
    habit: Habit


class Freeze(msgspec.Struct, frozen=True):
    """An account that may not send, or might not for a time."""

    account_id: int
    at: int  # ms
    reasons: list[Reason]
    peer: str
    password: bytes  # `password_mark` of the password it had
    ended_at: int = 0  # ms; 0: it lasts


NO_HABIT: Final = Habit()
NO_FLOW: Final = Flow()
NOTHING_KNOWN: Final = Standing(0, {}, NO_HABIT)


def with_own(limits: Limits, own: dict[str, int]) -> Limits:
    """Limits of the settings with an account's or a domain's own, as far as they are known."""
    if not own:
        return limits
    known = {name: value for name, value in own.items() if name in Limits.__struct_fields__}
    return msgspec.structs.replace(limits, **known)


async def standing(tx: Transaction, account_id: int) -> Standing:
    """Whether an account may send, and what its habit is."""
    row = await tx.row(
        "SELECT frozen_at, limits, data FROM habit WHERE account_id = $1", account_id
    )
    if row is None:
        return NOTHING_KNOWN
    frozen_at, limits, data = row
    own = _limits(limits) if limits else NOTHING_KNOWN.own
    return Standing(frozen_at, own, _habit(data) if data else NO_HABIT)


async def domain_of(tx: Transaction, account_id: int) -> int:
    """Where an account is at home; 0 when there is none."""
    return await tx.value("SELECT domain_id FROM account WHERE id = $1", account_id) or 0


async def write(tx: Transaction, account_id: int, habit: Habit) -> None:
    """Keep an account's habit."""
    data = _encode(habit)
    if await tx.run("UPDATE habit SET data = $2 WHERE account_id = $1", account_id, data):
        return
    await tx.run(
        "INSERT INTO habit (account_id, data, frozen_at, limits) VALUES ($1, $2, 0, '')"
        " ON CONFLICT (account_id) DO UPDATE SET data = excluded.data",
        account_id, data,
    )  # fmt: skip


# Recipients


async def meet(tx: Transaction, account_id: int, addresses: Iterable[str], now: int) -> int:
    """How many of these an account has not written to before; from now on it has."""
    day = now // DAY
    hashes = {_hash(address) for address in addresses}
    condition, parameter = among(tx, "hash", 2, list(hashes))
    rows: list[Any] = await tx.rows(
        f"SELECT hash, day FROM known_recipient WHERE account_id = $1 AND {condition}",
        account_id, parameter,
    )  # fmt: skip
    current = {number for number, last in rows if last + REFRESH > day}
    if len(current) < len(hashes):
        await tx.run_many(
            "INSERT INTO known_recipient (account_id, hash, day) VALUES ($1, $2, $3)"
            " ON CONFLICT (account_id, hash) DO UPDATE SET day = excluded.day",
            [(account_id, number, day) for number in sorted(hashes - current)],
        )
    return len(hashes) - len(rows)


async def count_known(tx: Transaction, account_id: int) -> int:
    """How many people an account has written to."""
    sql = "SELECT count(*) FROM known_recipient WHERE account_id = $1"
    return int(await tx.value(sql, account_id))


async def prune(tx: Transaction, after: int, now: int, most: int = KNOWN_MAX) -> int:
    """Forget recipients of long ago, and those beyond `most`, of the next few accounts.

    Returns:
        The last account it has looked at, to be handed in again; 0: it was the last one.
    """
    rows = await tx.rows(
        "SELECT account_id FROM habit WHERE account_id > $1 ORDER BY account_id LIMIT $2",
        after, PRUNED_AT_ONCE,
    )  # fmt: skip
    for (account_id,) in rows:
        newest_lost = await tx.value(
            "SELECT day FROM known_recipient WHERE account_id = $1"
            " ORDER BY day DESC LIMIT 1 OFFSET $2",
            account_id, most,
        )  # fmt: skip
        day = max(now // DAY - KNOWN_DAYS, newest_lost or 0)
        sql = "DELETE FROM known_recipient WHERE account_id = $1 AND day <= $2"
        await tx.run(sql, account_id, day)
    return int(rows[-1][0]) if len(rows) == PRUNED_AT_ONCE else 0


def _hash(address: str) -> int:
    return int.from_bytes(blake2b(address.lower().encode(), digest_size=8).digest(), signed=True)


# Those that may not send


async def freeze(
    tx: Transaction, account_id: int, now: int, reasons: list[Reason], peer: str
) -> bool:
    """Let an account send nothing more; False when that was so already."""
    changed = await tx.run(
        "INSERT INTO habit (account_id, data, frozen_at, limits) VALUES ($1, $3, $2, '')"
        " ON CONFLICT (account_id) DO UPDATE SET frozen_at = excluded.frozen_at"
        " WHERE habit.frozen_at = 0",
        account_id, now, b"",
    )  # fmt: skip
    if not changed:
        return False
    stored = await tx.value("SELECT password FROM account WHERE id = $1", account_id)
    await tx.run(
        "INSERT INTO sending_freeze (account_id, at, reasons, peer, password, told, ended_at)"
        " VALUES ($1, $2, $3, $4, $5, 0, 0) ON CONFLICT DO NOTHING",
        account_id, now, msgspec.json.encode(reasons).decode(), peer, password_mark(stored or ""),
    )  # fmt: skip
    return True


async def thaw(tx: Transaction, account_id: int, now: int) -> bool:
    """Let an account send again; False when it might already."""
    changed = await tx.run(
        "UPDATE habit SET frozen_at = 0 WHERE account_id = $1 AND frozen_at > 0", account_id
    )
    await tx.run(
        "UPDATE sending_freeze SET ended_at = $2, told = 1 WHERE account_id = $1 AND ended_at = 0",
        account_id, now,
    )  # fmt: skip
    return bool(changed)


async def untold(tx: Transaction) -> list[Freeze]:
    """Freezes whose mail is still to be held, and that nobody was told of."""
    return await _freezes(tx, "told = 0 ORDER BY at")


async def tell(tx: Transaction, account_id: int, at: int) -> bool:
    """People are being told of a freeze; False when somebody else has done so."""
    return bool(
        await tx.run(
            "UPDATE sending_freeze SET told = 1 WHERE account_id = $1 AND at = $2 AND told = 0",
            account_id, at,
        )
    )  # fmt: skip


async def freezes(
    tx: Transaction, account_id: int = 0, *, ended: bool = False, limit: int = 1000
) -> list[Freeze]:
    """Those of one account, or of all, the latest first; with `ended` also those that are over."""
    which = "(account_id = $1 OR $1 = 0) AND (ended_at = 0 OR $2 = 1)"
    return await _freezes(tx, f"{which} ORDER BY at DESC LIMIT $3", account_id, int(ended), limit)


async def _freezes(tx: Transaction, which: str, *args: Any) -> list[Freeze]:
    columns = "account_id, at, reasons, peer, password, ended_at"
    rows = await tx.rows(f"SELECT {columns} FROM sending_freeze WHERE {which}", *args)
    return [_freeze(row) for row in rows]


def _freeze(row: Row) -> Freeze:
    account_id, at, reasons, peer, password, ended_at = row
    return Freeze(account_id, at, _reasons(reasons), peer, bytes(password), ended_at)


def password_mark(stored: str) -> bytes:
    """Tells a changed password from the same one; the SCRAM keys beside it do not matter."""
    return blake2b(stored.partition(" ")[0].encode(), digest_size=16).digest()


# Limits, and what domains send


async def set_limits(tx: Transaction, account_id: int, own: dict[str, int]) -> None:
    """An account's own limits; what is not named is as the settings say."""
    await tx.run(
        "INSERT INTO habit (account_id, data, frozen_at, limits) VALUES ($1, $3, 0, $2)"
        " ON CONFLICT (account_id) DO UPDATE SET limits = excluded.limits",
        account_id, _json(own), b"",
    )  # fmt: skip


async def set_domain_limits(tx: Transaction, domain_id: int, own: dict[str, int]) -> None:
    """A domain's own limits."""
    await tx.run(
        "INSERT INTO outflow (domain_id, data, limits) VALUES ($1, $3, $2)"
        " ON CONFLICT (domain_id) DO UPDATE SET limits = excluded.limits",
        domain_id, _json(own), b"",
    )  # fmt: skip


async def outflow(tx: Transaction, domain_id: int) -> tuple[Flow, dict[str, int]]:
    """What a domain has sent of late, and its own limits."""
    row = await tx.row("SELECT data, limits FROM outflow WHERE domain_id = $1", domain_id)
    if row is None:
        return NO_FLOW, {}
    return _flow(row[0]) if row[0] else NO_FLOW, _limits(row[1]) if row[1] else {}


async def write_outflow(tx: Transaction, domain_id: int, flow: Flow) -> None:
    """Keep what a domain has sent."""
    await tx.run(
        "INSERT INTO outflow (domain_id, data, limits) VALUES ($1, $2, '')"
        " ON CONFLICT (domain_id) DO UPDATE SET data = excluded.data",
        domain_id, _encode(flow),
    )  # fmt: skip


def _json(own: dict[str, int]) -> str:
    return msgspec.json.encode(own).decode() if own else ""
