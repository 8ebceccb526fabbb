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
STORED: Final = re.compile(rb"UID (?:STORE|EXPUNGE) ([0-9:,]+)")


@dataclass
class Source:
    """What there is.

    Attributes:
        folders: messages by the names that the server writes; the first has UID 1.
        separator: between the levels of names.
        namespaces: what NAMESPACE answers; empty: it is not known.
        unreadable: messages, by folder and UID, over which the server ends the session.
        refused: messages for which it says NO.
        silent: messages that are left out of the answer.
        flags: of messages, by folder and UID.
        twice: each message is sent two times.
        first: the UID of the first message of each folder.
        uidvalidity: of every folder.
        renumbers: each session that opens a folder finds another UIDVALIDITY.
        removed: the UIDs of which a client wanted to be rid.
        date: INTERNALDATE of all.
        sessions: how many there were.
    """

    folders: dict[bytes, list[bytes]]
    separator: bytes = b"/"
    namespaces: bytes = b""
    unreadable: set[tuple[bytes, int]] = field(default_factory=set)
    refused: set[tuple[bytes, int]] = field(default_factory=set)
    silent: set[tuple[bytes, int]] = field(default_factory=set)
    flags: dict[tuple[bytes, int], bytes] = field(default_factory=dict)
    twice: bool = False
    first: int = 1
    uidvalidity: int = UIDVALIDITY
    renumbers: bool = False
    removed: list[int] = field(default_factory=list)
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
        try:
            await self._serve(reader, writer)
        except ConnectionError:  # the client has gone
            pass
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK ready\r\n")
        opened = b""
        while line := await reader.readline():
            tag, _, command = line.rstrip().partition(b" ")
            if command.startswith((b"EXAMINE", b"SELECT")):
                opened = command.partition(b" ")[2][1:-1]
            if command == b"LOGOUT":
                break
            if self._tell(writer, command, opened):
                writer.write(tag + b" OK done\r\n")
            elif self.refused:
                writer.write(tag + b" NO some are damaged\r\n")
            else:
                writer.write(b"* BYE FETCH failed\r\n")
                break

    def _tell(self, writer: asyncio.StreamWriter, command: bytes, opened: bytes) -> bool:
        """The untagged answers to a command; whether it can be done."""
        if command == b"CAPABILITY":
            space = b" NAMESPACE" if self.namespaces else b""
            writer.write(b"* CAPABILITY IMAP4rev1 UIDPLUS" + space + b"\r\n")
        elif command == b"NAMESPACE":
            writer.write(b"* NAMESPACE " + self.namespaces + b"\r\n")
        elif command.startswith(b"LIST"):
            for name in self.folders:
                writer.write(b'* LIST () "%b" "%b"\r\n' % (self.separator, name))
        elif command.startswith((b"EXAMINE", b"SELECT")):
            writer.write(b"* %d EXISTS\r\n" % len(self.folders[opened]))
            writer.write(b"* OK [UIDVALIDITY %d] ok\r\n" % self.uidvalidity)
            self.uidvalidity += self.renumbers
        elif found := STORED.match(command):
            self.removed += [int(uid) for uid in found[1].replace(b":", b",").split(b",")]
        elif command.startswith(b"UID FETCH"):
            return self._fetch(writer, command, opened)
        return True

    def _fetch(self, writer: asyncio.StreamWriter, command: bytes, opened: bytes) -> bool:
        messages = self.folders[opened]
        found = re.match(rb"UID FETCH ([0-9:*,]+) ", command)
        assert found is not None
        end = self.first + len(messages) - 1
        for part in found[1].replace(b"*", b"%d" % end).split(b","):
            first, _, last = part.partition(b":")
            for uid in range(max(int(first), self.first), min(int(last or first), end) + 1):
                content = messages[uid - self.first]
                flags = self.flags.get((opened, uid), b"")
                told = b"UID %d FLAGS (%b) RFC822.SIZE %d" % (uid, flags, len(content))
                if b"BODY" in command:
                    if (opened, uid) in self.unreadable | self.refused:
                        return False
                    if (opened, uid) in self.silent:
                        continue
                    told += b' INTERNALDATE "%b" BODY[] {%d}\r\n%b' % (
                        self.date, len(content), content
                    )  # fmt: skip
                writer.write(b"* %d FETCH (%b)\r\n" % (uid, told) * (1 + self.twice))
        return True
