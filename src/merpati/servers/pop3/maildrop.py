"""The maildrop of a POP3 session: an account's mail as it was at login (RFC 1939 4 and 5).

It is the INBOX, or those mailboxes that the account has chosen (store/pop3.py), one after the
other. Messages have numbers from 1; what arrives later is for the next session. Only UIDs and
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
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.store import emails, pop3
from merpati.store.engine import Row, Transaction
from merpati.store.pop3 import Policy

BLOCK: Final = 2000  # messages handled in one go, without a look at other sessions
AHEAD: Final = 32  # messages read from the store at once, for clients that fetch one after another
CHUNK: Final = 64 * 1024  # bytes of a large message at a time

_BLANK_LINE: Final = re.compile(rb"\n\r?\n")
_LINE_END: Final = re.compile(rb"\r?\n")


class Shown(msgspec.Struct, frozen=True):
    """A mailbox of the maildrop.

    Attributes:
        id: of the mailbox.
        uidvalidity: its.
        first: the number of its first message.
    """

    id: int
    uidvalidity: int
    first: int


class Maildrop:
    """The messages of one session and their marks. `octets` and `count` leave marked ones out."""

    __slots__ = (
        "_fetched", "_marked", "_sizes", "_uids", "account_id", "boxes", "octets", "policy"
    )  # fmt: skip

    def __init__(
        self, account_id: int, boxes: Sequence[Shown], uids: array[int], sizes: array[int],
        policy: Policy = pop3.DEFAULT,
    ) -> None:  # fmt: skip
        self.account_id = account_id
        self.boxes = boxes
        self.policy = policy
        self.octets = sum(sizes)
        self._uids = uids
        self._sizes = sizes
        self._marked: set[int] = set()
        self._fetched: set[int] = set()

    @property
    def count(self) -> int:
        """Messages that are not marked."""
        return len(self._uids) - len(self._marked)

    @property
    def marked(self) -> dict[int, list[int]]:
        """The UIDs of the marked messages, ascending, by mailbox."""
        return self._by_mailbox(self._marked)

    def take_fetched(self) -> dict[int, list[int]]:
        """The same of the messages that were fetched and are not marked; none the next time."""
        found = self._by_mailbox(self._fetched - self._marked)
        self._fetched = set()
        return found

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

    def box(self, number: int) -> Shown:
        """The mailbox that a message is in."""
        boxes = self.boxes
        return boxes[0] if len(boxes) == 1 else boxes[bisect_right(boxes, number, key=_first) - 1]

    def uid(self, number: int) -> int:
        """A message's UID in its mailbox."""
        return self._uids[number - 1]

    def run(self, number: int, octets: int) -> tuple[int, list[int]]:
        """A message and those that follow it in its mailbox, of at most so many octets in all.

        Gives the mailbox's id and their UIDs; the message itself is among them whatever its
        size.
        """
        index = self.boxes.index(self.box(number))
        end = self.boxes[index + 1].first if index + 1 < len(self.boxes) else len(self._uids) + 1
        after = number
        while after < end and after - number < AHEAD:
            octets -= self._sizes[after - 1]
            if octets < 0 and after > number:
                break
            after += 1
        return self.boxes[index].id, list(self._uids[number - 1 : after - 1])

    def scan_listing(self, number: int) -> str:
        """A message's line in LIST: number and size in octets."""
        return f"{number} {self._sizes[number - 1]}"

    def unique_id_listing(self, number: int) -> str:
        """A message's line in UIDL; the id is never used for another message (RFC 1939 7).

        No two mailboxes of an account ever have the same UIDVALIDITY.
        """
        return f"{number} {self.box(number).uidvalidity}.{self._uids[number - 1]}"

    def note_fetched(self, number: int) -> None:
        """A message goes to the client."""
        self._fetched.add(number)

    def mark(self, number: int) -> None:
        """Mark a message to be deleted at QUIT."""
        self._marked.add(number)
        self.octets -= self._sizes[number - 1]

    def unmark_all(self) -> None:
        """Take all marks off."""
        self._marked.clear()
        self.octets = sum(self._sizes)

    def _by_mailbox(self, numbers: set[int]) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for number in sorted(numbers):
            found.setdefault(self.box(number).id, []).append(self._uids[number - 1])
        return found


def _first(box: Shown) -> int:
    return box.first


async def load(tx: Transaction, account_id: int) -> Maildrop:
    """The maildrop as it is now. Raises Fault NOT_FOUND when the account is gone."""
    policy = await pop3.policy(tx, account_id)
    folders = await pop3.folders(tx, account_id, policy)
    if not folders:
        raise Fault(Kind.NOT_FOUND, "the mailbox is gone")
    boxes: list[Shown] = []
    uids, sizes = array("Q"), array("Q")
    for folder in folders:
        boxes.append(Shown(folder.id, folder.uidvalidity, len(uids) + 1))
        here = await emails.uids_of(tx, account_id, folder.id)
        if policy.hide_fetched and here:
            hidden = await pop3.fetched(tx, account_id, folder.id)
            here = [uid for uid in here if uid not in hidden]
        for first in range(0, len(here), BLOCK):
            block = here[first : first + BLOCK]
            rows = await emails.fetch(tx, account_id, folder.id, block, ("uid", "size"))
            uids.extend(row[0] for row in rows)
            sizes.extend(row[1] for row in rows)
    return Maildrop(account_id, boxes, uids, sizes, policy)


async def find(tx: Transaction, account_id: int, mailbox_id: int, uids: Sequence[int]) -> list[Row]:
    """Where messages' bytes are: UID, blob id, size, location, encoding, data of each there is."""
    columns = ("uid", "blob_id", "size", "location", "encoding", "data")
    return await emails.fetch(tx, account_id, mailbox_id, uids, columns)


async def remove(tx: Transaction, maildrop: Maildrop) -> None:
    """Remove the marked messages, those that are still there."""
    for mailbox_id, uids in maildrop.marked.items():
        await emails.remove(tx, maildrop.account_id, mailbox_id, uids)
        if maildrop.policy.remembers:
            await pop3.forget(tx, maildrop.account_id, mailbox_id, uids)


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


def chunks(content: bytes | mmap.mmap, start: int, end: int) -> Iterator[bytes]:
    """The octets from `start` up to `end`, in pieces of at most `CHUNK`."""
    for at in range(start, end, CHUNK):
        yield content[at : min(at + CHUNK, end)]


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
