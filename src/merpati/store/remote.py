"""What is known of folders of other servers: which of their messages are here already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from merpati.store.engine import Transaction


class RemoteFolder(msgspec.Struct, frozen=True):
    """A folder of another server."""

    id: int
    uidvalidity: int
    mailbox_id: int  # where it goes; 0: through the rules of delivery


class RemoteMessage(msgspec.Struct, frozen=True):
    """A message there that is here."""

    name: str  # its UID, or its unique-id
    uid: int  # of the email here; 0: it went through delivery, or its mailbox is gone
    keywords: str  # as they were there when they were last looked at
    seen_at: int  # when it was taken, Unix milliseconds


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
    """What is known of a folder; one whose UIDVALIDITY has changed is forgotten first.

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
    change = "UPDATE remote_message SET uid = 0"
    if found.uidvalidity != uidvalidity:
        change = "DELETE FROM remote_message"
    await tx.run(f"{change} WHERE account_id = $1 AND folder_id = $2", account_id, found.id)
    await tx.run(
        "UPDATE remote_folder SET uidvalidity = $3, mailbox_id = $4"
        " WHERE account_id = $1 AND id = $2",
        account_id, found.id, uidvalidity, mailbox_id,
    )  # fmt: skip
    return RemoteFolder(found.id, uidvalidity, mailbox_id)


async def messages(tx: Transaction, account_id: int, folder_id: int) -> dict[str, RemoteMessage]:
    """Every message of a folder that is here, by name."""
    rows = await tx.rows(
        "SELECT name, uid, keywords, seen_at FROM remote_message"
        " WHERE account_id = $1 AND folder_id = $2",
        account_id, folder_id,
    )  # fmt: skip
    return {row[0]: RemoteMessage(*row) for row in rows}


async def remember(
    tx: Transaction, account_id: int, folder_id: int, found: Iterable[RemoteMessage]
) -> None:
    """Note messages that are here now, or whose keywords have changed there."""
    await tx.run_many(
        "INSERT INTO remote_message (account_id, folder_id, name, uid, keywords, seen_at)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (account_id, folder_id, name)"
        " DO UPDATE SET uid = excluded.uid, keywords = excluded.keywords",
        [(account_id, folder_id, one.name, one.uid, one.keywords, one.seen_at) for one in found],
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
