"""What is known of folders of other servers: which of their messages are here already.

A message is known by its name there, and by its hash when that name has changed: a folder may get
another UIDVALIDITY, a server other unique-ids, and a message may be moved away and back. What was
called by a name that none has any longer stays known under it, for as long as it may come back
under another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from merpati.store.engine import Row, Transaction

NOT_HERE: Final = -1  # as the `uid` of a message that could not be had, or delivered
_COLUMNS: Final = "name, uid, keywords, seen_at, hash, tries, problem"
_NOT_HERE: Final = (
    "account_id = $1 AND uid < 0 AND folder_id IN"
    " (SELECT id FROM remote_folder WHERE account_id = $1 AND source = $2)"
)


class RemoteFolder(msgspec.Struct, frozen=True):
    """A folder of another server."""

    id: int
    uidvalidity: int
    mailbox_id: int  # where it goes; 0: through the rules of delivery


class RemoteMessage(msgspec.Struct, frozen=True):
    """A message there that is here, or of which it is known why it is not.

    Attributes:
        name: its UID, or its unique-id. What begins with a space was its name.
        uid: of the email here; 0: it went through delivery, or its mailbox is gone; `NOT_HERE`.
        keywords: as they were there when they were last looked at.
        seen_at: when it was first taken, or last tried in vain, Unix milliseconds.
        hash: BLAKE3 of its octets; empty: unknown.
        tries: how often it could not be had; 0 of one that is not here: it is left there.
        problem: why it is not here.
    """

    name: str
    uid: int
    keywords: str
    seen_at: int
    hash: bytes = b""
    tries: int = 0
    problem: str = ""


class Known:
    """What is known of the messages of a folder.

    Attributes:
        here: of those that are there, by their names.
        gone: of those that are there no longer, by the names they had.
    """

    def __init__(self, rows: Mapping[str, RemoteMessage], names: Collection[str]) -> None:
        """`names` are those of the messages that are there."""
        there = set(names)
        self.here = {name: one for name, one in rows.items() if name in there}
        self.gone = {name: one for name, one in rows.items() if name not in there}
        self._otherwise: dict[bytes, list[str]] = {}
        for name in sorted(self.gone, key=lambda name: (len(name), name), reverse=True):
            if self.gone[name].hash:
                self._otherwise.setdefault(self.gone[name].hash, []).append(name)

    def called_otherwise(self, digest: bytes, name: str) -> str | None:
        """The name that a message had when it came here; the oldest, and each is told once."""
        names = self._otherwise.get(digest)
        if not names:
            return None
        old = names.pop()
        self.here[name] = msgspec.structs.replace(self.gone.pop(old), name=name)
        return old


async def find_folder(
    tx: Transaction, account_id: int, source: str, folder: str
) -> RemoteFolder | None:
    """What is known of a folder, or None."""
    row = await tx.row(
        "SELECT id, uidvalidity, mailbox_id FROM remote_folder"
        " WHERE account_id = $1 AND source = $2 AND folder = $3",
        account_id, source, folder,
    )  # fmt: skip
    return None if row is None else RemoteFolder(*row)


async def open_folder(
    tx: Transaction, account_id: int, source: str, folder: str, uidvalidity: int, mailbox_id: int
) -> RemoteFolder:
    """What is known of a folder; when its UIDVALIDITY has changed, no message has its old name.

    When only the mailbox is another (the old one was deleted here), it stays known that its
    messages have come, but of no email: their `uid` is 0.
    """
    found = await find_folder(tx, account_id, source, folder)
    if found is None:
        folder_id = 1 + await tx.value(
            "SELECT coalesce(max(id), 0) FROM remote_folder WHERE account_id = $1", account_id
        )
        await tx.run(
            "INSERT INTO remote_folder (account_id, id, source, folder, uidvalidity, mailbox_id)"
            " VALUES ($1, $2, $3, $4, $5, $6)",
            account_id, folder_id, source, folder, uidvalidity, mailbox_id,
        )  # fmt: skip
        return RemoteFolder(folder_id, uidvalidity, mailbox_id)
    if (found.uidvalidity, found.mailbox_id) == (uidvalidity, mailbox_id):
        return found
    if found.uidvalidity != uidvalidity:
        await _outdate(tx, account_id, found)
    if found.mailbox_id != mailbox_id:
        await tx.run(
            "UPDATE remote_message SET uid = 0 WHERE account_id = $1 AND folder_id = $2",
            account_id, found.id,
        )  # fmt: skip
    await tx.run(
        "UPDATE remote_folder SET uidvalidity = $3, mailbox_id = $4"
        " WHERE account_id = $1 AND id = $2",
        account_id, found.id, uidvalidity, mailbox_id,
    )  # fmt: skip
    return RemoteFolder(found.id, uidvalidity, mailbox_id)


async def outdate(tx: Transaction, account_id: int, source: str) -> None:
    """A source is another one now: no message of its folders has the name it had."""
    rows = await tx.rows(
        "SELECT id, uidvalidity, mailbox_id FROM remote_folder"
        " WHERE account_id = $1 AND source = $2",
        account_id, source,
    )  # fmt: skip
    for row in rows:
        await _outdate(tx, account_id, RemoteFolder(*row))


async def _outdate(tx: Transaction, account_id: int, folder: RemoteFolder) -> None:
    """Only what is known by its hash stays known."""
    mark = f" {folder.uidvalidity} "
    await tx.run(
        "DELETE FROM remote_message WHERE account_id = $1 AND folder_id = $2 AND (hash IS NULL"
        " OR name IN (SELECT CAST($3 AS TEXT) || name FROM remote_message"
        " WHERE account_id = $1 AND folder_id = $2))",
        account_id, folder.id, mark,
    )  # fmt: skip
    await tx.run(
        "UPDATE remote_message SET name = CAST($3 AS TEXT) || name"
        " WHERE account_id = $1 AND folder_id = $2 AND name NOT LIKE ' %'",
        account_id, folder.id, mark,
    )  # fmt: skip


async def messages(tx: Transaction, account_id: int, folder_id: int) -> dict[str, RemoteMessage]:
    """Every message of a folder of which something is known, by name."""
    rows = await tx.rows(
        f"SELECT {_COLUMNS} FROM remote_message WHERE account_id = $1 AND folder_id = $2",
        account_id, folder_id,
    )  # fmt: skip
    return {row[0]: _message(row) for row in rows}


async def not_here(tx: Transaction, account_id: int, source: str) -> list[RemoteMessage]:
    """What could not be had from a source, or is left there."""
    rows = await tx.rows(
        f"SELECT {_COLUMNS} FROM remote_message WHERE {_NOT_HERE} ORDER BY name",
        account_id, source,
    )  # fmt: skip
    return [_message(row) for row in rows]


async def try_again(tx: Transaction, account_id: int, source: str) -> None:
    """Forget why messages of a source are not here."""
    await tx.run(f"DELETE FROM remote_message WHERE {_NOT_HERE}", account_id, source)


async def emails_of(tx: Transaction, account_id: int, mailbox_id: int) -> set[int]:
    """The UIDs of the emails in a mailbox that messages elsewhere stand for, of any source."""
    rows = await tx.rows(
        "SELECT m.uid FROM remote_folder f JOIN remote_message m"
        " ON m.account_id = f.account_id AND m.folder_id = f.id"
        " WHERE f.account_id = $1 AND f.mailbox_id = $2 AND m.uid > 0",
        account_id, mailbox_id,
    )  # fmt: skip
    return {row[0] for row in rows}


async def beside(
    tx: Transaction, account_id: int, source: str, opened: RemoteFolder
) -> Counter[bytes]:
    """The hashes of what other folders of a source have put into the same mailbox."""
    rows = await tx.rows(
        "SELECT m.hash FROM remote_folder f JOIN remote_message m"
        " ON m.account_id = f.account_id AND m.folder_id = f.id"
        " WHERE f.account_id = $1 AND f.source = $2 AND f.mailbox_id = $3 AND f.id <> $4"
        " AND m.hash IS NOT NULL",
        account_id, source, opened.mailbox_id, opened.id,
    )  # fmt: skip
    return Counter(bytes(row[0]) for row in rows)


async def take(tx: Transaction, account_id: int, folder_id: int, one: RemoteMessage) -> bool:
    """Note a message that is here now; False when it is known to be, from whoever was quicker."""
    changed = await tx.run(
        "INSERT INTO remote_message (account_id, folder_id, name, uid, keywords, seen_at, hash)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (account_id, folder_id, name)"
        " DO UPDATE SET uid = excluded.uid, keywords = excluded.keywords, hash = excluded.hash,"
        " seen_at = excluded.seen_at, tries = 0, problem = '' WHERE remote_message.uid < 0",
        account_id, folder_id, one.name, one.uid, one.keywords, one.seen_at, one.hash or None,
    )  # fmt: skip
    return changed > 0


async def remember(
    tx: Transaction, account_id: int, folder_id: int, found: Iterable[RemoteMessage]
) -> None:
    """Note messages that are here now, whose keywords have changed there, or that are not here."""
    await tx.run_many(
        "INSERT INTO remote_message (account_id, folder_id, name, uid, keywords, seen_at, hash,"
        " tries, problem) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
        " ON CONFLICT (account_id, folder_id, name) DO UPDATE SET uid = excluded.uid,"
        " keywords = excluded.keywords, hash = excluded.hash, tries = excluded.tries,"
        " problem = excluded.problem,"
        " seen_at = CASE WHEN excluded.uid < 0 THEN excluded.seen_at ELSE remote_message.seen_at"
        " END",
        [
            (account_id, folder_id, one.name, one.uid, one.keywords, one.seen_at,
             one.hash or None, one.tries, one.problem)
            for one in found
        ],
    )  # fmt: skip


async def rename(
    tx: Transaction, account_id: int, folder_id: int, names: Sequence[tuple[str, str]]
) -> None:
    """Messages have other names now: those they had, and those they have."""
    where = "account_id = $1 AND folder_id = $2"
    await tx.run_many(
        f"DELETE FROM remote_message WHERE {where} AND name = $3 AND uid < 0",
        [(account_id, folder_id, new) for _, new in names],
    )
    await tx.run_many(
        f"UPDATE remote_message SET name = $4 WHERE {where} AND name = $3"
        f" AND NOT EXISTS (SELECT 1 FROM remote_message WHERE {where} AND name = $4)",
        [(account_id, folder_id, old, new) for old, new in names],
    )


async def forget(tx: Transaction, account_id: int, folder_id: int, names: Sequence[str]) -> None:
    """Forget messages that are there no longer."""
    await tx.run_many(
        "DELETE FROM remote_message WHERE account_id = $1 AND folder_id = $2 AND name = $3",
        [(account_id, folder_id, name) for name in names],
    )


async def forget_source(tx: Transaction, account_id: int, source: str) -> None:
    """Forget all folders of a source."""
    await tx.run(
        "DELETE FROM remote_message WHERE account_id = $1 AND folder_id IN"
        " (SELECT id FROM remote_folder WHERE account_id = $1 AND source = $2)",
        account_id, source,
    )  # fmt: skip
    await tx.run(
        "DELETE FROM remote_folder WHERE account_id = $1 AND source = $2", account_id, source
    )


def _message(row: Row) -> RemoteMessage:
    name, uid, keywords, seen_at, digest, tries, problem = row
    return RemoteMessage(name, uid, keywords, seen_at, bytes(digest or b""), tries, problem)
