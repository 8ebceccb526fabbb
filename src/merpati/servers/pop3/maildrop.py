"""The maildrop of a POP3 session: an account's INBOX as it was at login (RFC 1939 4 and 5).

Messages have numbers from 1; what arrives later is for the next session. Only UIDs and
sizes are held, 16 bytes for each message. Marks of DELE are the session's own until QUIT,
so a session that dies has changed nothing.

Among POP3 sessions the maildrop is exclusive; IMAP may change the mailbox meanwhile, and
a message that it removed is then missing here.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import re
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from merpati.base.faults import Fault, Kind
from merpati.model.mailbox import INBOX_ID
from merpati.store import emails, mailboxes
from merpati.store.blobs import Stored
from merpati.store.engine import Transaction

BLOCK: Final = 2000  # messages handled in one go, without a look at other sessions
CHUNK: Final = 64 * 1024  # bytes of a large message at a time

_BLANK_LINE: Final = re.compile(rb"\n\r?\n")
_LINE_END: Final = re.compile(rb"\r?\n")


class Maildrop:
    """The messages of one session and their marks. `octets` and `count` leave marked ones out."""

    __slots__ = ("_marked", "_sizes", "_uids", "_uidvalidity", "account_id", "octets")

    def __init__(
        self, account_id: int, uidvalidity: int, uids: array[int], sizes: array[int]
    ) -> None:
        self.account_id = account_id
        self.octets = sum(sizes)
        self._uidvalidity = uidvalidity
        self._uids = uids
        self._sizes = sizes
        self._marked: set[int] = set()

    @property
    def count(self) -> int:
        """Messages that are not marked."""
        return len(self._uids) - len(self._marked)

    @property
    def marked(self) -> list[int]:
        """The UIDs of the marked messages, ascending."""
        return [self._uids[number - 1] for number in sorted(self._marked)]

    def blocks(self) -> Iterator[list[int]]:
        """The numbers of all messages not marked, in lists of at most `BLOCK`."""
        marked = self._marked
        for first in range(1, len(self._uids) + 1, BLOCK):
            after = min(first + BLOCK, len(self._uids) + 1)
            yield [number for number in range(first, after) if number not in marked]

    def check(self, number: int) -> None:
        """Raise Fault NOT_FOUND when there is no such message, or it is marked."""
        if not 1 <= number <= len(self._uids):
            raise Fault(Kind.NOT_FOUND, f"no such message, there are {len(self._uids)}")
        if number in self._marked:
            raise Fault(Kind.NOT_FOUND, f"message {number} is deleted")

    def uid(self, number: int) -> int:
        """A message's UID in the INBOX."""
        return self._uids[number - 1]

    def scan_listing(self, number: int) -> str:
        """A message's line in LIST: number and size in octets."""
        return f"{number} {self._sizes[number - 1]}"

    def unique_id_listing(self, number: int) -> str:
        """A message's line in UIDL; the id is never used for another message (RFC 1939 7)."""
        return f"{number} {self._uidvalidity}.{self._uids[number - 1]}"

    def mark(self, number: int) -> None:
        """Mark a message to be deleted at QUIT."""
        self._marked.add(number)
        self.octets -= self._sizes[number - 1]

    def unmark_all(self) -> None:
        """Take all marks off."""
        self._marked.clear()
        self.octets = sum(self._sizes)


async def load(tx: Transaction, account_id: int) -> Maildrop:
    """The maildrop as it is now. Raises Fault NOT_FOUND when the account is gone."""
    inbox = await mailboxes.counters(tx, account_id, INBOX_ID)
    if inbox is None:
        raise Fault(Kind.NOT_FOUND, "the mailbox is gone")
    uids = array("Q", await emails.uids_of(tx, account_id, INBOX_ID))
    sizes = array("Q")
    for first in range(0, len(uids), BLOCK):
        block = uids[first : first + BLOCK]
        rows = await emails.fetch(tx, account_id, INBOX_ID, block, ("uid", "size"))
        sizes.extend(row[1] for row in rows)
    return Maildrop(account_id, inbox.uidvalidity, uids, sizes)


async def find(tx: Transaction, account_id: int, uid: int) -> Stored:
    """Where a message's bytes are. Raises Fault NOT_FOUND when it was removed meanwhile."""
    columns = ("uid", "blob_id", "size", "location", "encoding", "data")
    rows = await emails.fetch(tx, account_id, INBOX_ID, [uid], columns)
    if not rows:
        raise Fault(Kind.NOT_FOUND, "no such message, another program has removed it")
    _, blob_id, size, location, encoding, data = rows[0]
    return Stored(blob_id, size, location, encoding, data or b"")


async def remove(tx: Transaction, maildrop: Maildrop) -> None:
    """Remove the marked messages, those that are still there."""
    await emails.remove(tx, maildrop.account_id, INBOX_ID, maildrop.marked)


def top(content: bytes | mmap.mmap, lines: int) -> int:
    """How many octets the header, the empty line and so many lines of the body are."""
    found = _LINE_END.match(content) or _BLANK_LINE.search(content)
    if found is None:
        return len(content)
    end = found.end()
    while lines and end < len(content):
        chunk = content[end : end + CHUNK]
        here = chunk.count(b"\n")
        if here >= lines:
            return end + len(chunk) - len(chunk.split(b"\n", lines)[lines])
        lines -= here
        end += len(chunk)
    return end


def chunks(content: bytes | mmap.mmap, end: int) -> Iterator[bytes]:
    """The first `end` octets, in pieces of at most `CHUNK`."""
    for start in range(0, end, CHUNK):
        yield content[start : min(start + CHUNK, end)]


class MaildropLocks:
    """Locks that only one POP3 session of an account can hold, whichever worker serves it.

    Each is an `flock` of a file named after the account, so the kernel releases it with the
    process, however that ends. The files are empty and stay: removing one could leave two
    sessions with a lock on two files of one name.
    """

    def __init__(self, folder: Path) -> None:
        """The folder is made when it is first needed."""
        self._folder = folder

    def take(self, account_id: int) -> MaildropLock:
        """Lock a maildrop, without waiting.

        Raises:
            Fault: IN_USE when another session has it; UNAVAILABLE when the file cannot
                be made.
        """
        descriptor = -1
        try:
            descriptor = self._open(str(account_id))
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if descriptor >= 0:
                os.close(descriptor)
            if isinstance(error, BlockingIOError):
                text = "another POP3 session has this mailbox open; try again later"
                raise Fault(Kind.IN_USE, text) from None
            text = f"the mailbox could not be locked: {error.strerror}"
            raise Fault(Kind.UNAVAILABLE, text) from error
        return MaildropLock(descriptor)

    def _open(self, name: str) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            return os.open(self._folder / name, flags, 0o600)
        except FileNotFoundError:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return os.open(self._folder / name, flags, 0o600)


class MaildropLock:
    """A lock that is held."""

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        """Let others have it; once is enough, more do no harm."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
