"""An account's mailboxes into files of other programs, byte for byte.

Emails are read in blocks that one transaction each sees, so the server goes on meanwhile. What
cannot be read (its file is damaged) is named and left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Protocol

import msgspec

from merpati.base.faults import Fault
from merpati.model.mailbox import Mailbox
from merpati.services.moving import maildirs, mboxes
from merpati.store import emails, mailboxes
from merpati.store.blobs import BlobStore, Stored
from merpati.store.engine import Row, Store
from merpati.wire import mbox
from merpati.wire.pieces import Content

BLOCK: Final = 100  # emails read in one transaction; the bodies in rows are at most 128 KB each
COLUMNS: Final = (
    "uid", "email_id", "received_at", "size", "keywords", "blob_id", "location", "encoding", "data"
)  # fmt: skip

Progress = Callable[[str, int], None]  # mailbox, and how many emails more are done


class Exported(msgspec.Struct):
    """What an export has come to."""

    written: int = 0
    known: int = 0  # there already
    octets: int = 0
    skipped: list[tuple[str, str]] = []  # which email, and why
    mailboxes: dict[str, int] = {}


class Writes(Protocol):
    """A format."""

    def begin(self, mailbox: Mailbox) -> bool:
        """Begin a mailbox; False when it lies there as it is now."""

    def has(self, row: Row) -> bool:
        """Whether an email is there already."""

    def write(self, row: Row, content: Content) -> None:
        """Write an email."""

    def end(self) -> None:
        """A mailbox is whole."""


class MaildirFormat:
    """Maildir++."""

    def __init__(self, root: Path, hostname: str) -> None:
        self._target = maildirs.Target(root)
        self._hostname = hostname.replace("/", "_").replace(":", "_")
        self._uidvalidity = 0

    def begin(self, mailbox: Mailbox) -> bool:
        """Always: each email is looked for."""
        self._target.open(mailbox.name)
        self._uidvalidity = mailbox.uidvalidity
        return True

    def has(self, row: Row) -> bool:
        """By its name; flags are brought up to date."""
        return self._target.has(self._unique(row), frozenset(row[4].split()))

    def write(self, row: Row, content: Content) -> None:
        """A file of its own."""
        self._target.add(self._unique(row), content, row[2], frozenset(row[4].split()))

    def end(self) -> None:
        """Every file is whole by itself."""

    def subscribed(self, paths: Iterable[str]) -> None:
        """Note the subscriptions."""
        self._target.subscriptions(paths)

    def _unique(self, row: Row) -> str:
        return f"{row[2] // 1000}.V{self._uidvalidity}U{row[0]}.{self._hostname}"


class MboxFormat:
    """mbox of one kind."""

    def __init__(self, root: Path, kind: mbox.Kind, *, dry_run: bool = False) -> None:
        self._target = mboxes.Target(root, kind, dry_run=dry_run)
        self._path = ""
        self._version = ""
        self._part = root

    def begin(self, mailbox: Mailbox) -> bool:
        """Unless its file was made from this very state of the mailbox."""
        self._path = mailbox.name
        self._version = f"{mailbox.uidvalidity} {mailbox.uidnext} {mailbox.modseq}"
        if self._target.is_current(self._path, self._version):
            return False
        self._part = self._target.open(self._path)
        return True

    def has(self, _row: Row) -> bool:
        """A file is written whole."""
        return False

    def write(self, row: Row, content: Content) -> None:
        """Append it."""
        self._target.add(self._part, content, row[2], frozenset(row[4].split()))

    def end(self) -> None:
        """Put the file into its place."""
        self._target.close(self._path, self._part, self._version)


async def export(
    store: Store, blob_store: BlobStore, account_id: int, target: MaildirFormat | MboxFormat,
    progress: Progress, *, dry_run: bool = False,
) -> Exported:  # fmt: skip
    """Write every mailbox of an account.

    Raises:
        Fault: NO_SPACE, UNAVAILABLE from the store.
        OSError: what is written to cannot be written to.
    """
    report = Exported()
    for mailbox in await store.read(mailboxes.listing, account_id):
        report.mailboxes[mailbox.name] = mailbox.total
        if dry_run or not target.begin(mailbox):
            report.known += mailbox.total * (not dry_run)
            progress(mailbox.name, mailbox.total)
            continue
        uids = await store.read(emails.uids_of, account_id, mailbox.id)
        for first in range(0, len(uids), BLOCK):
            block = uids[first : first + BLOCK]
            rows = await store.scan(emails.fetch, account_id, mailbox.id, block, COLUMNS)
            await asyncio.to_thread(_write, blob_store, mailbox.name, rows, target, report)
            progress(mailbox.name, len(rows))
        target.end()
    if isinstance(target, MaildirFormat) and not dry_run:
        target.subscribed(await store.read(mailboxes.subscriptions, account_id))
    return report


def _write(
    blob_store: BlobStore, path: str, rows: list[Row], target: Writes, report: Exported
) -> None:
    for row in rows:
        if target.has(row):
            report.known += 1
            continue
        uid, _, _, size, _, blob_id, location, encoding, data = row
        try:
            content = blob_store.read(Stored(blob_id, size, location, encoding, data or b""))
        except Fault as fault:
            report.skipped.append((f"{path} UID {uid}", fault.text))
            continue
        target.write(row, content)
        report.written += 1
        report.octets += size
