r"""Plays a dialogue file against a live server: what the client says, what must be answered.

    # RFC 3501 6.3.10                     a comment
    C: a STATUS INBOX (UIDNEXT)           the client says this line
    S: * STATUS "INBOX" (UIDNEXT {next})  the server must say this; `next` is kept
    S: a OK ...                           `...` in a line matches any text
    C: b FETCH {next} UID                 what was kept is filled in, and compared in `S:` lines
    S: ...                                alone: any lines (also none) before the next one
    C2: NOOP                              the same on a second connection
    @ tls                                 go on over TLS (`@ tls 2` on the second connection)
    @ closed                              the server must have closed the connection
    @ deliver                             a message arrives, its lines follow as `M: ...`

A line ends in CRLF, and literals are just more lines. Names in braces begin with a letter,
so `{12}` is a literal's size. A connection opens when it is first named.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

WAIT: Final = 30.0  # seconds for a line that must come
ANY_LINES: Final = "..."
_SPOKEN: Final = re.compile(r"([CS])([0-9]*): ?(.*)")
_ORDER: Final = re.compile(r"@ (\w+) ?(.*)")
_HOLE: Final = re.compile(r"\{([A-Za-z]\w*)\}|\.\.\.")

Deliver = Callable[[bytes], Awaitable[object]]


class Line:
    """One line of a connection as asyncio's streams give it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self.back: str | None = None  # a line that was read too early
        self.heard = b""  # all of it

    async def say(self, text: str) -> None:
        self.writer.write(text.encode("utf-8", "surrogateescape") + b"\r\n")
        await self.writer.drain()

    async def hear(self) -> str | None:
        """The next line, None at the end of the connection."""
        if self.back is not None:
            heard, self.back = self.back, None
            return heard
        async with asyncio.timeout(WAIT):
            line = await self._reader.readline()
        self.heard += line
        if not line:
            return None
        return line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "surrogateescape")

    async def close(self) -> None:
        self.writer.close()
        with suppress(OSError, ssl.SSLError):  # the server was quicker
            await self.writer.wait_closed()


class Player:
    """One performance of a dialogue."""

    def __init__(
        self, port: int, *, context: ssl.SSLContext | None = None, deliver: Deliver | None = None
    ) -> None:
        self._port = port
        self._context = context
        self._deliver = deliver
        self._lines: dict[str, Line] = {}
        self.kept: dict[str, str] = {}

    async def play(self, script: Path) -> None:
        """Plays the file; an AssertionError names its line."""
        steps = list(_steps(script))
        try:
            for n, (number, text) in enumerate(steps):
                following = steps[n + 1 :]
                try:
                    await self._step(text, [each for _, each in following])
                except (AssertionError, OSError) as problem:  # TimeoutError is an OSError
                    message = f"{script.name}:{number}: {text}\n  {problem!r}"
                    raise AssertionError(message) from problem
        finally:
            for line in self._lines.values():
                await line.close()

    @property
    def heard(self) -> list[bytes]:
        """All that each connection has heard."""
        return [line.heard for line in self._lines.values()]

    async def _step(self, text: str, following: list[str]) -> None:
        if spoken := _SPOKEN.fullmatch(text):
            who, connection, said = spoken.groups()
            line = await self._line(connection)
            if who == "C":
                await line.say(_HOLE.sub(self._fill, said))
            elif said == ANY_LINES:
                await self._skip(line, connection, following)
            else:
                heard = await line.hear()
                assert heard is not None, "the connection was closed"
                assert self._matches(said, heard), f"came: {heard}"
        elif order := _ORDER.fullmatch(text):
            await self._order(order[1], order[2], following)
        else:
            assert text.startswith("M:"), "not a step"

    async def _skip(self, line: Line, connection: str, following: list[str]) -> None:
        """Reads up to the line that the next `S:` step of this connection wants."""
        prefix = f"S{connection}:"
        wanted = next((each for each in following if each.startswith(prefix)), None)
        assert wanted is not None, "nothing follows"
        said = wanted.partition(":")[2].removeprefix(" ")
        seen = []
        while (heard := await line.hear()) is not None:
            if self._matches(said, heard):
                line.back = heard
                return
            seen.append(heard)
        raise AssertionError(f"the connection was closed after {seen}")

    async def _order(self, name: str, argument: str, following: list[str]) -> None:
        if name == "tls":
            assert self._context is not None
            line = await self._line(argument)
            await line.writer.start_tls(self._context, server_hostname="localhost")
        elif name == "closed":
            line = await self._line(argument)
            heard = await line.hear()
            assert heard is None, f"came: {heard}"
        elif name == "deliver":
            assert self._deliver is not None
            message = []
            for each in following:
                if not each.startswith("M:"):
                    break
                message.append(each[2:].removeprefix(" "))
            await self._deliver("".join(f"{each}\r\n" for each in message).encode())
        else:
            raise AssertionError("no such order")

    async def _line(self, connection: str) -> Line:
        if connection not in self._lines:
            streams = await asyncio.open_connection("127.0.0.1", self._port)
            self._lines[connection] = Line(*streams)
        return self._lines[connection]

    def _fill(self, hole: re.Match[str]) -> str:
        return self.kept[hole[1]] if hole[1] else hole[0]

    def _matches(self, wanted: str, heard: str) -> bool:
        new: list[str] = []
        source = []
        at = 0
        for hole in _HOLE.finditer(wanted):
            source.append(re.escape(wanted[at : hole.start()]))
            at = hole.end()
            name = hole[1]
            if name is None:
                source.append(".*")
            elif name in self.kept:
                source.append(re.escape(self.kept[name]))
            elif name in new:
                source.append(f"(?P={name})")
            else:
                new.append(name)
                source.append(f"(?P<{name}>.+?)")
        source.append(re.escape(wanted[at:]))
        match = re.fullmatch("".join(source), heard)
        if match is not None:
            self.kept.update(match.groupdict())
        return match is not None


def _steps(script: Path) -> Iterator[tuple[int, str]]:
    for number, text in enumerate(script.read_text("utf-8").splitlines(), 1):
        if text and not text.startswith("#"):
            yield number, text


def scripts(protocol: str) -> list[Path]:
    """The dialogue files of a protocol, for `pytest.mark.parametrize`."""
    return sorted((Path(__file__).parents[1] / "dialogues" / protocol).rglob("*.txt"))
