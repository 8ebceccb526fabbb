"""Info responders: accounts that answer `get NAME` with a file, as mail servers did before the web.

The administrator gives an account a folder. Whoever writes `help`, `index` or `get NAME`
to it gets an answer at the return path (RFC 3834 4), and the mail lies in the mailbox as
all other does. Never answered are machines, lists and the null path; nobody gets more than
so many answers a day, and nothing outside of the folder is ever read.
"""

from __future__ import annotations

import asyncio
import mimetypes
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from merpati.base.clock import Clock
from merpati.base.settings import setting
from merpati.model.account import Account
from merpati.model.queue import QueueMessage
from merpati.services.letters import Letters
from merpati.store import directory, forwards
from merpati.store.engine import Store, Transaction
from merpati.wire import info_letters
from merpati.wire.info_letters import NAME, InfoRequest
from merpati.wire.letter import File
from merpati.wire.list_headers import Facts
from merpati.wire.mime.addresses import Mailbox

INDEX_MAX: Final = 500  # files listed
DAY: Final = 86_400  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class InfoSettings:
    """Accounts that answer requests by mail with files of a folder."""

    answers: int = setting(20, "Answers that one sender gets from one account in a day.", minimum=1)
    size: int = setting(
        5_242_880, "The most that the files of one answer may have together.", unit="bytes"
    )


class Answer:
    """An answer that is ready to be sent in a transaction."""

    __slots__ = ("account", "facts", "files", "subject", "text", "to")

    def __init__(
        self, account: Account, to: str, facts: Facts, subject: str, text: str,
        files: tuple[File, ...],
    ) -> None:  # fmt: skip
        self.account = account
        self.to = to
        self.facts = facts
        self.subject = subject
        self.text = text
        self.files = files


class Info:
    """Answers requests for files."""

    def __init__(
        self, store: Store, letters: Letters, clock: Clock, settings: InfoSettings
    ) -> None:
        self._store = store
        self._letters = letters
        self._clock = clock
        self._settings = settings

    async def prepare(
        self, account_id: int, message: QueueMessage, facts: Facts, preview: str
    ) -> Answer | None:
        """The answer to a message; None when it asks for nothing, or must not be answered.

        Args:
            account_id: Who is asked.
            message: The request.
            facts: Of its header.
            preview: How its text begins.
        """
        if not message.sender or facts.automatic:
            return None
        asked = info_letters.parse(facts.subject, preview)
        account = await self._store.read(directory.account_by_id, account_id)
        habits = await self._store.read(forwards.habits, [account_id])
        if asked is None or account is None or account_id not in habits:
            return None
        folder = Path(habits[account_id].folder)
        letter, names, missing, files = await asyncio.to_thread(self._collect, folder, asked)
        subject, text = info_letters.write(
            letter, account.language, account.address, names, missing
        )
        return Answer(account, message.sender, facts, subject, text, files)

    async def send(self, tx: Transaction, answer: Answer) -> None:
        """Send an answer, unless its recipient has had enough today."""
        account = answer.account
        day = int(self._clock.now() // DAY)
        limit = self._settings.answers
        if await forwards.count_response(tx, account.id, answer.to, day, limit):
            local, domain = account.address.rsplit("@", 1)
            await self._letters.send(
                tx, Mailbox(account.name, local, domain), [answer.to], answer.subject,
                answer.text, answers=answer.facts.message_id, files=answer.files,
            )  # fmt: skip

    def _collect(
        self, folder: Path, asked: InfoRequest
    ) -> tuple[str, list[str], list[str], tuple[File, ...]]:
        """The letter to write, names for it, names that are missing, and files. Blocks."""
        if asked.verb == "help":
            return "help", [], [], ()
        if asked.verb == "index":
            return "index", index(folder), [], ()
        files: list[File] = []
        missing: list[str] = []
        room = self._settings.size
        for name in asked.names:
            data = read_file(folder, name, room)
            if data is None:
                missing.append(name)
            else:
                room -= len(data)
                kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
                files.append(File(name, kind, data))
        names = [file.name for file in files]
        return ("get" if files else "none"), names, missing, tuple(files)


def index(folder: Path) -> list[str]:
    """The names of the files that can be had."""
    try:
        names = sorted(
            entry.name
            for entry in os.scandir(folder)
            if NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
        )
    except OSError:
        return []
    return names[:INDEX_MAX]


def read_file(folder: Path, name: str, limit: int) -> bytes | None:
    """A file's bytes; None when there is none of the name, it is no plain file, or too large."""
    if not NAME.fullmatch(name):
        return None
    try:
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > limit:
            return None
        return os.read(descriptor, limit)
    finally:
        os.close(descriptor)
