"""A POP3 server for fetching from that does what others were seen doing, and worse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Pop3Source:
    """What there is.

    Attributes:
        messages: unique-id and content of each; those removed go at QUIT.
        refused: unique-ids of messages for which it says -ERR.
        ending: those in the middle of which it ends the session.
        says: to commands, instead of an answer.
        asked: the unique-ids that clients asked for.
        sessions: how many there were.
    """

    messages: list[tuple[str, bytes]]
    refused: set[str] = field(default_factory=set)
    ending: set[str] = field(default_factory=set)
    says: dict[bytes, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
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
        writer.write(b"+OK ready\r\n")
        marked: list[tuple[str, bytes]] = []
        while line := await reader.readline():
            verb, _, rest = line.rstrip().partition(b" ")
            if verb in self.says:
                writer.write(self.says[verb])
            elif verb == b"RETR":
                if not self._retr(writer, *self.messages[int(rest) - 1]):
                    break
            elif verb == b"UIDL":
                names = [
                    b"%d %b\r\n" % (n, one[0].encode()) for n, one in enumerate(self.messages, 1)
                ]
                writer.write(b"+OK\r\n" + b"".join(names) + b".\r\n")
            else:
                writer.write(b"+OK done\r\n")
            if verb == b"DELE":
                marked.append(self.messages[int(rest) - 1])
            if verb == b"QUIT":
                for one in marked:
                    self.messages.remove(one)
                break

    def _retr(self, writer: asyncio.StreamWriter, name: str, content: bytes) -> bool:
        """Whether the session goes on."""
        self.asked.append(name)
        if name in self.refused:
            writer.write(b"-ERR gone\r\n")
        else:
            writer.write(b"+OK\r\n" + (content[:9] if name in self.ending else content + b".\r\n"))
        return name not in self.ending
