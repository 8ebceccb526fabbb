"""An IMAP server for copying from, with the oddities of others: Cyrus' names, Dovecot's endings.

It says what it is made of and nothing else: folders of messages, one of which it may not be
able to read, and what it answers to NAMESPACE.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

DATE: Final = b" 1-Feb-2020 10:00:00 +0000"
UIDVALIDITY: Final = 7  # of every folder: Cyrus takes the second in which one was made


@dataclass
class Source:
    """What there is.

    Attributes:
        folders: messages by the names that the server writes; the first has UID 1.
        separator: between the levels of names.
        namespaces: what NAMESPACE answers; empty: it is not known.
        unreadable: messages, by folder and UID, over which the server ends the session.
        refused: messages for which it says NO.
        date: INTERNALDATE of all.
        sessions: how many there were.
    """

    folders: dict[bytes, list[bytes]]
    separator: bytes = b"/"
    namespaces: bytes = b""
    unreadable: set[tuple[bytes, int]] = field(default_factory=set)
    refused: set[tuple[bytes, int]] = field(default_factory=set)
    date: bytes = DATE
    sessions: int = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        """Listens on 127.0.0.1; gives the port."""
        server = await asyncio.start_server(self._session, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[1]

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sessions += 1
        writer.write(b"* OK ready\r\n")
        opened = b""
        while line := await reader.readline():
            tag, _, command = line.rstrip().partition(b" ")
            if command.startswith(b"EXAMINE"):
                opened = command[9:-1]
            if command == b"LOGOUT":
                break
            if self._tell(writer, command, opened):
                writer.write(tag + b" OK done\r\n")
            elif self.refused:
                writer.write(tag + b" NO some are damaged\r\n")
            else:
                writer.write(b"* BYE FETCH failed\r\n")
                break
        writer.close()

    def _tell(self, writer: asyncio.StreamWriter, command: bytes, opened: bytes) -> bool:
        """The untagged answers to a command; whether it can be done."""
        if command == b"CAPABILITY":
            space = b" NAMESPACE" if self.namespaces else b""
            writer.write(b"* CAPABILITY IMAP4rev1" + space + b"\r\n")
        elif command == b"NAMESPACE":
            writer.write(b"* NAMESPACE " + self.namespaces + b"\r\n")
        elif command.startswith(b"LIST"):
            for name in self.folders:
                writer.write(b'* LIST () "%b" "%b"\r\n' % (self.separator, name))
        elif command.startswith(b"EXAMINE"):
            writer.write(b"* %d EXISTS\r\n" % len(self.folders[opened]))
            writer.write(b"* OK [UIDVALIDITY %d] ok\r\n" % UIDVALIDITY)
        elif command.startswith(b"UID FETCH"):
            return self._fetch(writer, command, opened)
        return True

    def _fetch(self, writer: asyncio.StreamWriter, command: bytes, opened: bytes) -> bool:
        messages = self.folders[opened]
        found = re.match(rb"UID FETCH ([0-9:*,]+) ", command)
        assert found is not None
        for part in found[1].replace(b"*", b"%d" % len(messages)).split(b","):
            first, _, last = part.partition(b":")
            for uid in range(int(first), int(last or first) + 1):
                content = messages[uid - 1]
                told = b"UID %d FLAGS () RFC822.SIZE %d" % (uid, len(content))
                if b"BODY" in command:
                    if (opened, uid) in self.unreadable | self.refused:
                        return False
                    told += b' INTERNALDATE "%b" BODY[] {%d}\r\n%b' % (
                        self.date, len(content), content
                    )  # fmt: skip
                writer.write(b"* %d FETCH (%b)\r\n" % (uid, told))
        return True
