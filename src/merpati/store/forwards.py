"""What an account does with its mail besides keeping it: forwarding, and answering requests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from merpati.store.directory import ACCOUNT_JOIN
from merpati.store.engine import Topic, Transaction, id_list, one_of


class Habits(msgspec.Struct, frozen=True):
    """What an account does with mail that comes for it.

    Attributes:
        address: its primary one.
        targets: where its mail goes on to; empty: nowhere.
        keep: whether a copy stays when it does.
        folder: whose files it hands out on request; empty: none.
        stamp: of the Sieve scripts that run for its mail (store/sieve.py); 0: none do.
    """

    account_id: int
    address: str
    targets: tuple[str, ...]
    keep: bool
    folder: str
    stamp: int = 0

    @property
    def is_plain(self) -> bool:
        """Whether mail is put into the mailbox, and that is all."""
        return not (self.targets or self.folder or self.stamp)


async def habits(tx: Transaction, account_ids: Iterable[int]) -> dict[int, Habits]:
    """What these accounts do, by id; those that are gone or disabled are missing."""
    rows = await tx.rows(
        "SELECT a.id, r.local || '@' || d.name, coalesce(f.targets, ''), coalesce(f.keep, 1),"
        f" coalesce(p.folder, ''), coalesce(s.stamp, 0) {ACCOUNT_JOIN}"
        " LEFT JOIN forward f ON f.account_id = a.id LEFT JOIN responder p ON p.account_id = a.id"
        " LEFT JOIN sieve_state s ON s.account_id = a.id"
        f" WHERE a.disabled = 0 AND {one_of(tx, 'a.id', 1)}",
        id_list(tx, account_ids),
    )
    return {
        number: Habits(number, address, tuple(targets.split("\n")) if targets else (),
                       bool(keep), folder, stamp)
        for number, address, targets, keep, folder, stamp in rows
    }  # fmt: skip


async def set_forward(
    tx: Transaction, account_id: int, targets: Sequence[str], *, keep: bool
) -> None:
    """Send an account's mail on to these addresses; to none: no longer."""
    await tx.run("DELETE FROM forward WHERE account_id = $1", account_id)
    if targets:
        await tx.run(
            "INSERT INTO forward (account_id, targets, keep) VALUES ($1, $2, $3)",
            account_id, "\n".join(targets), int(keep),
        )  # fmt: skip
    tx.announce(Topic.DIRECTORY, 0)


async def forward(tx: Transaction, account_id: int) -> tuple[list[str], bool]:
    """Where an account's mail goes on to, and whether a copy stays; also of a disabled one."""
    row = await tx.row("SELECT targets, keep FROM forward WHERE account_id = $1", account_id)
    return (row[0].split("\n"), bool(row[1])) if row is not None else ([], True)


async def set_folder(tx: Transaction, account_id: int, folder: str) -> None:
    """Let an account answer requests with the files of a folder; empty: no longer."""
    await tx.run("DELETE FROM responder WHERE account_id = $1", account_id)
    if folder:
        await tx.run(
            "INSERT INTO responder (account_id, folder) VALUES ($1, $2)", account_id, folder
        )
    tx.announce(Topic.DIRECTORY, 0)


async def folder(tx: Transaction, account_id: int) -> str:
    """The folder whose files an account hands out; empty: none."""
    found = await tx.value("SELECT folder FROM responder WHERE account_id = $1", account_id)
    return found or ""


async def count_response(
    tx: Transaction, account_id: int, address: str, day: int, limit: int
) -> bool:
    """Count one more answer to somebody today; whether it is within the limit."""
    count = await tx.value(
        "INSERT INTO response (account_id, address, day, count) VALUES ($1, $2, $3, 1)"
        " ON CONFLICT (account_id, address, day) DO UPDATE SET count = response.count + 1"
        " RETURNING count",
        account_id, address.lower(), day,
    )  # fmt: skip
    if count == 1:
        await tx.run("DELETE FROM response WHERE account_id = $1 AND day < $2", account_id, day)
    return bool(count <= limit)


# Keys that sign the senders of forwarded mail


async def srs_keys(tx: Transaction) -> list[tuple[int, bytes]]:
    """When each key was made, Unix milliseconds, and the key; the newest first."""
    rows = await tx.rows("SELECT created_at, secret FROM srs_key ORDER BY created_at DESC")
    return [(created_at, bytes(secret)) for created_at, secret in rows]


async def add_srs_key(tx: Transaction, secret: bytes, now: int, forget_before: int) -> None:
    """A new key signs from now on; those made before a time are forgotten."""
    await tx.run("DELETE FROM srs_key WHERE created_at < $1", forget_before)
    await tx.run(
        "INSERT INTO srs_key (created_at, secret) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        now, secret,
    )  # fmt: skip
