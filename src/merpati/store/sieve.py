"""Sieve scripts of accounts, what runs for whom, and what their actions remember.

The scripts of account 0 are everybody's to include. Whatever may change what runs for an
account gives it a new *stamp*, so that a program kept under account and stamp is never an
old one. Every act is in the account's change log, for protocols that synchronise scripts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import Enum
from typing import Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.model.change import ChangeKind
from merpati.store import changes
from merpati.store.engine import Row, Topic, Transaction

GLOBAL: Final = 0  # the account of the scripts that everybody may include
SCRIPTS_MAX: Final = 100  # of one account (RFC 5804 1.3: QUOTA/MAXSCRIPTS)
SIZE_MAX: Final = 1024 * 1024  # bytes of one script
TOTAL_MAX: Final = 4 * 1024 * 1024  # bytes of all scripts of one account
FORGOTTEN_AT_ONCE: Final = 5000

_COLUMNS: Final = (
    "s.id, s.name, s.size, s.modified_at, s.modseq, coalesce(t.script_id, 0) = s.id"
    " FROM sieve_script s LEFT JOIN sieve_state t ON t.account_id = s.account_id"
    " WHERE s.account_id = $1"
)


class Script(msgspec.Struct, frozen=True):
    """A script without its text."""

    id: int  # of the account; never another's
    name: str
    size: int  # bytes
    modified_at: int  # ms
    modseq: int
    is_active: bool


class Runs(msgspec.Struct, frozen=True):
    """What runs for an account's mail: sources, and programs as they were compiled."""

    name: str  # of the active script; empty: none
    source: bytes
    program: bytes
    reply: AutoReply | None


class AutoReply(msgspec.Struct, frozen=True):
    """The answer that an account gives to everybody (RFC 8621 8).

    Attributes:
        from_date: from when on, Unix milliseconds; 0: any time.
        to_date: up to when; 0: for ever.
        subject: empty: made from the subject of what is answered.
        text: for people; empty when there is only `html`.
    """

    is_enabled: bool
    from_date: int = 0
    to_date: int = 0
    subject: str = ""
    text: str = ""
    html: str = ""


class Memory(Enum):
    """What is remembered, each for a time."""

    ANSWERED = "answered"  # whom vacation has answered (RFC 5230 4.2)
    SEEN = "seen"  # what `duplicate` has seen (RFC 7352)
    TOLD = "told"  # that the owner has been told of a script's errors


# Scripts


async def scripts(tx: Transaction, account_id: int) -> list[Script]:
    """The scripts of an account, by name."""
    rows = await tx.rows(f"SELECT {_COLUMNS} ORDER BY s.name", account_id)
    return [_script(row) for row in rows]


async def find(tx: Transaction, account_id: int, name: str) -> Script | None:
    """A script by its name, or None."""
    row = await tx.row(f"SELECT {_COLUMNS} AND s.name = $2", account_id, name)
    return None if row is None else _script(row)


async def get(tx: Transaction, account_id: int, name: str) -> Script:
    """A script by its name. Raises Fault NOT_FOUND."""
    found = await find(tx, account_id, name)
    if found is None:
        raise Fault(Kind.NOT_FOUND, f'there is no script "{name}"')
    return found


async def source(tx: Transaction, account_id: int, name: str) -> bytes:
    """A script's text. Raises Fault NOT_FOUND."""
    return (await texts(tx, account_id, name))[0]


async def texts(tx: Transaction, account_id: int, name: str) -> tuple[bytes, bytes]:
    """A script's text and its program. Raises Fault NOT_FOUND."""
    row = await tx.row(
        "SELECT source, program FROM sieve_script WHERE account_id = $1 AND name = $2",
        account_id, name,
    )  # fmt: skip
    if row is None:
        raise Fault(Kind.NOT_FOUND, f'there is no script "{name}"')
    return bytes(row[0]), bytes(row[1])


async def have_space(tx: Transaction, account_id: int, name: str, size: int) -> None:
    """Raise the Fault that `put` would: TOO_LARGE, TOO_MANY, OVER_QUOTA."""
    if size > SIZE_MAX:
        raise Fault(Kind.TOO_LARGE, f"a script has {SIZE_MAX} bytes at most")
    row = await tx.row(
        "SELECT count(*), coalesce(sum(size), 0) FROM sieve_script"
        " WHERE account_id = $1 AND name <> $2",
        account_id, name,
    )  # fmt: skip
    assert row is not None
    if row[0] >= SCRIPTS_MAX:
        raise Fault(Kind.TOO_MANY, f"there are {SCRIPTS_MAX} scripts already; remove one")
    if row[1] + size > TOTAL_MAX:
        raise Fault(Kind.OVER_QUOTA, f"all scripts together have {TOTAL_MAX} bytes at most")


async def put(
    tx: Transaction, account_id: int, name: str, text: bytes, program: bytes, now: int
) -> Script:
    """Store a script, in the place of one with its name.

    Raises:
        Fault: TOO_LARGE, TOO_MANY, OVER_QUOTA.
    """
    await have_space(tx, account_id, name, len(text))
    old = await find(tx, account_id, name)
    kind = ChangeKind.SCRIPT_CREATED if old is None else ChangeKind.SCRIPT_CHANGED
    if old is None:
        modseq = await _record(tx, account_id, kind)
        await tx.run(
            "INSERT INTO sieve_script (account_id, id, name, source, program, size, modified_at,"
            " modseq) VALUES ($1, $2, $3, $4, $5, $6, $7, $2)",
            account_id, modseq, name, text, program, len(text), now,
        )  # fmt: skip
    else:
        modseq = await _record(tx, account_id, kind, old.id)
        await tx.run(
            "UPDATE sieve_script SET source = $3, program = $4, size = $5, modified_at = $6,"
            " modseq = $7 WHERE account_id = $1 AND id = $2",
            account_id, old.id, text, program, len(text), now, modseq,
        )  # fmt: skip
    await _stamp(tx, account_id, modseq)
    return await get(tx, account_id, name)


async def rename(tx: Transaction, account_id: int, name: str, new: str) -> None:
    """Give a script another name; an active one stays active.

    Raises:
        Fault: NOT_FOUND, EXISTS.
    """
    script = await get(tx, account_id, name)
    if name == new:
        return
    if await find(tx, account_id, new) is not None:
        raise Fault(Kind.EXISTS, f'there is a script "{new}" already')
    modseq = await _record(tx, account_id, ChangeKind.SCRIPT_CHANGED, script.id)
    await tx.run(
        "UPDATE sieve_script SET name = $3, modseq = $4 WHERE account_id = $1 AND id = $2",
        account_id, script.id, new, modseq,
    )  # fmt: skip
    await _stamp(tx, account_id, modseq)


async def remove(tx: Transaction, account_id: int, name: str) -> None:
    """Remove a script. Raises Fault NOT_FOUND, IN_USE for the active one."""
    script = await get(tx, account_id, name)
    if script.is_active:
        raise Fault(Kind.IN_USE, f'"{name}" is the active script; activate another one first')
    await tx.run(
        "DELETE FROM sieve_script WHERE account_id = $1 AND id = $2", account_id, script.id
    )
    modseq = await _record(tx, account_id, ChangeKind.SCRIPT_DESTROYED, script.id)
    await _stamp(tx, account_id, modseq)


async def activate(tx: Transaction, account_id: int, name: str) -> None:
    """Let a script run for an account's mail, and no other; none with an empty name.

    Raises:
        Fault: NOT_FOUND; then nothing has changed.
    """
    script = await get(tx, account_id, name) if name else None
    number = 0 if script is None else script.id
    state = await tx.row(
        "SELECT script_id, auto_reply FROM sieve_state WHERE account_id = $1", account_id
    )
    before, reply = state if state is not None else (0, 0)
    if before == number:
        return
    modseq = 0
    for one in (before, number):
        if one:
            modseq = await _record(tx, account_id, ChangeKind.SCRIPT_CHANGED, one)
            await tx.run(
                "UPDATE sieve_script SET modseq = $3 WHERE account_id = $1 AND id = $2",
                account_id, one, modseq,
            )  # fmt: skip
    await _set_state(tx, account_id, modseq, number, reply)


async def recompiled(tx: Transaction, account_id: int, name: str, program: bytes) -> None:
    """Keep a program that another release's compiler made anew; nobody sees a change."""
    await tx.run(
        "UPDATE sieve_script SET program = $3 WHERE account_id = $1 AND name = $2",
        account_id, name, program,
    )  # fmt: skip


# What runs


async def runs(tx: Transaction, account_id: int) -> Runs | None:
    """What runs for an account's mail now; None: nothing."""
    row = await tx.row(
        "SELECT coalesce(s.name, ''), s.source, s.program, t.auto_reply FROM sieve_state t"
        " LEFT JOIN sieve_script s ON s.account_id = t.account_id AND s.id = t.script_id"
        " WHERE t.account_id = $1",
        account_id,
    )
    if row is None:
        return None
    name, text, program, has_reply = row
    reply = await auto_reply(tx, account_id) if has_reply else None
    return Runs(name, bytes(text or b""), bytes(program or b""), reply)


async def auto_reply(tx: Transaction, account_id: int) -> AutoReply:
    """The auto-reply of an account, also while it is off."""
    row = await tx.row(
        "SELECT is_enabled, from_date, to_date, subject, text_body, html_body FROM auto_reply"
        " WHERE account_id = $1",
        account_id,
    )
    return AutoReply(is_enabled=False) if row is None else AutoReply(bool(row[0]), *row[1:])


async def set_auto_reply(tx: Transaction, account_id: int, reply: AutoReply) -> None:
    """Change the auto-reply of an account. Turning it on forgets whom it has answered."""
    old = await auto_reply(tx, account_id)
    if old == reply:
        return
    modseq = await _record(tx, account_id, ChangeKind.AUTO_REPLY_CHANGED)
    await tx.run(
        "INSERT INTO auto_reply (account_id, is_enabled, from_date, to_date, subject, text_body,"
        " html_body, modseq) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (account_id)"
        " DO UPDATE SET is_enabled = excluded.is_enabled, from_date = excluded.from_date,"
        " to_date = excluded.to_date, subject = excluded.subject, text_body = excluded.text_body,"
        " html_body = excluded.html_body, modseq = excluded.modseq",
        account_id, int(reply.is_enabled), reply.from_date, reply.to_date, reply.subject,
        reply.text, reply.html, modseq,
    )  # fmt: skip
    if reply.is_enabled and not old.is_enabled:
        await forget_all(tx, account_id, Memory.ANSWERED)
    script_id = await tx.value(
        "SELECT script_id FROM sieve_state WHERE account_id = $1", account_id
    )
    await _set_state(tx, account_id, modseq, script_id or 0, int(reply.is_enabled))


# What is remembered


async def remember(
    tx: Transaction, account_id: int, kind: Memory, words: Iterable[str], now: int, until: int
) -> bool:
    """Remember something for a time; False when it is remembered already.

    Args:
        tx: The transaction.
        account_id: Whose.
        kind: What for.
        words: What, in parts.
        now: Unix milliseconds.
        until: The same, when it is forgotten.
    """
    changed = await tx.run(
        "INSERT INTO sieve_memory (account_id, kind, key, until) VALUES ($1, $2, $3, $5)"
        " ON CONFLICT (account_id, kind, key) DO UPDATE SET until = excluded.until"
        " WHERE sieve_memory.until <= $4",
        account_id, kind.value, _key(words), now, until,
    )  # fmt: skip
    return changed > 0


async def extend(
    tx: Transaction, account_id: int, kind: Memory, words: Iterable[str], until: int
) -> None:
    """Remember something for longer, whether it was remembered or not (RFC 7352 3.4, :last)."""
    await tx.run(
        "INSERT INTO sieve_memory (account_id, kind, key, until) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (account_id, kind, key) DO UPDATE SET until = excluded.until",
        account_id, kind.value, _key(words), until,
    )  # fmt: skip


async def remembers(
    tx: Transaction, account_id: int, kind: Memory, words: Iterable[str], now: int
) -> bool:
    """Whether something is remembered."""
    row = await tx.row(
        "SELECT 1 FROM sieve_memory WHERE account_id = $1 AND kind = $2 AND key = $3"
        " AND until > $4",
        account_id, kind.value, _key(words), now,
    )  # fmt: skip
    return row is not None


async def forget_all(tx: Transaction, account_id: int, kind: Memory) -> None:
    """Forget all of a kind."""
    await tx.run(
        "DELETE FROM sieve_memory WHERE account_id = $1 AND kind = $2", account_id, kind.value
    )


async def forget(tx: Transaction, now: int) -> bool:
    """Forget what its time has passed for, some thousands at once; whether there is more."""
    count = await tx.run(
        "DELETE FROM sieve_memory WHERE (account_id, kind, key) IN (SELECT account_id, kind, key"
        " FROM sieve_memory WHERE until <= $1 ORDER BY until LIMIT $2)",
        now, FORGOTTEN_AT_ONCE,
    )  # fmt: skip
    return count == FORGOTTEN_AT_ONCE


def _key(words: Iterable[str]) -> bytes:
    parts = [word.encode("utf-8", "surrogatepass") for word in words]
    return hashlib.sha256(b"".join(len(part).to_bytes(4) + part for part in parts)).digest()


def _script(row: Row) -> Script:
    number, name, size, modified_at, modseq, is_active = row
    return Script(number, name, size, modified_at, modseq, bool(is_active))


async def _record(tx: Transaction, account_id: int, kind: ChangeKind, script_id: int = 0) -> int:
    """Log an act under a new modseq; everybody's scripts have no log, but numbers all the same."""
    if account_id == GLOBAL:
        newest = await tx.value(
            "SELECT coalesce(max(modseq), 0) FROM sieve_script WHERE account_id = 0"
        )
        tx.announce(Topic.DIRECTORY, 0)
        return int(newest) + 1
    modseq = await changes.next_modseq(tx, account_id)
    number = str(script_id or modseq)
    await changes.log(tx, account_id, modseq, 0, kind, 0, number)
    return modseq


async def _stamp(tx: Transaction, account_id: int, modseq: int) -> None:
    """What runs may be another now: an active script may include any of the others."""
    if await tx.run("UPDATE sieve_state SET stamp = $2 WHERE account_id = $1", account_id, modseq):
        tx.announce(Topic.DIRECTORY, 0)


async def _set_state(
    tx: Transaction, account_id: int, stamp: int, script_id: int, reply: int
) -> None:
    await tx.run("DELETE FROM sieve_state WHERE account_id = $1", account_id)
    if script_id or reply:
        await tx.run(
            "INSERT INTO sieve_state (account_id, stamp, script_id, auto_reply)"
            " VALUES ($1, $2, $3, $4)",
            account_id, stamp, script_id, reply,
        )  # fmt: skip
    tx.announce(Topic.DIRECTORY, 0)
