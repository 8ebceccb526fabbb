"""Plays scripts of Dovecot's imaptest against a live server.

The format is described where it comes from; in short: a header of `key: value` lines, then
commands, each with the untagged replies that must come (`*`), must not (`!`) or may (`?`).
Replies are compared as nested tokens. The list of a FETCH or STATUS is taken as pairs in
any order with others beside them, the attributes of LIST as a set with others beside them,
flags as a set in which only \\Recent may be more.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

CORPUS: Final = Path(__file__).parents[1] / "corpora" / "imaptest"
WAIT: Final = 30.0  # seconds for a reply
MAILBOX: Final = "imaptest"
VERDICTS: Final = {"ok", "no", "bad", '""'}

_HEADER: Final = re.compile(r"([a-z_]+(?: [0-9]+)?): *(.*)")
_FROM: Final = re.compile(rb"(?:\A|(?<=\n))From \S+ +([^\n]*)\n")
_VARIABLE: Final = re.compile(r"\$(?:\{(?:case:)?([^}]*)\}|(\w+)|\$)")
_LITERAL: Final = re.compile(rb"~?\{(\d+)\+?\}\r\n\Z")
_TEXT: Final = re.compile(r"(~?)\{\{\{\n(.*?)\n?\}\}\}", re.DOTALL)
_TOKEN: Final = re.compile(
    r'"((?:[^"\\]|\\.)*)"|(\()|(\))|([^\s()"\[\]]*\[[^\]]*\](?:<\d+>)?)|(\x00\d+\x00)|([^\s()"]+)'
)

Token = str | list["Token"]


class Quoted(str):
    """A string as opposed to an atom: "NIL" is not NIL. They compare alike here."""

    __slots__ = ()


class Binary(bytes):
    """A text written `~{{{`: its line ends stay as they are."""

    __slots__ = ()


@dataclass
class Script:
    """One group: its header, and its lines with long texts taken out."""

    path: Path
    header: dict[str, str]
    lines: list[str]
    texts: list[bytes]

    @property
    def needs(self) -> set[str]:
        return set(self.header.get("capabilities", "").upper().split())

    @property
    def connections(self) -> int:
        return int(self.header.get("connections", 1))

    def messages(self) -> list[tuple[str, bytes]]:
        """The group's messages, with CRLF, each after its date."""
        own = self.path.with_name(self.path.name + ".mbox")
        data = (own if own.exists() else CORPUS / "default.mbox").read_bytes()
        lines = _FROM.finditer(data)
        found = _FROM.split(data)[2::2]
        return [
            (_date(line[1].decode()), re.sub(rb"\r?\n", b"\r\n", each))
            for line, each in zip(lines, found, strict=True)
        ]


def _date(line: str) -> str:
    """`Fri Feb 22 17:06:21 2008 +0200` as ` "22-Feb-2008 17:06:21 +0200"`."""
    _, month, day, clock, year, *zone = line.split()
    return f' "{day:0>2}-{month}-{year} {clock} {zone[0] if zone else "+0000"}"'


def read(path: Path) -> Script:
    text = path.read_bytes().decode("latin-1")
    texts: list[bytes] = []

    def keep(match: re.Match[str]) -> str:
        content = match[2].encode("latin-1")
        texts.append(Binary(content) if match[1] else content.replace(b"\n", b"\r\n"))
        return f"\0{len(texts) - 1}\0"

    lines = _TEXT.sub(keep, text).split("\n")
    header = {}
    while lines and (not lines[0] or lines[0].startswith("#") or _HEADER.fullmatch(lines[0])):
        if match := _HEADER.fullmatch(lines.pop(0)):
            header[match[1]] = match[2].strip()
    return Script(path, header, [line for line in lines if line and line[0] != "#"], texts)


def scripts(offered: set[str]) -> list[Path]:
    """The groups that need nothing but what is offered."""
    found = [
        path
        for path in sorted(CORPUS.iterdir())
        if path.is_file() and path.suffix != ".mbox" and path.name != "LICENSE"
    ]
    return [path for path in found if read(path).needs <= offered]


def tokens(text: str, texts: list[bytes]) -> list[Token]:
    """A line as nested tokens; `\\0n\\0` stands for the text of that number."""
    stack: list[list[Token]] = [[]]
    for match in _TOKEN.finditer(text):
        quoted, opening, closing, bracketed, long, atom = match.groups()
        if quoted is not None:
            stack[-1].append(Quoted(re.sub(r"\\(.)", r"\1", quoted)))
        elif opening:
            stack.append([])
        elif closing and len(stack) > 1:
            last = stack.pop()
            stack[-1].append(last)
        elif long:
            stack[-1].append(Quoted(texts[int(long.strip("\0"))].decode("latin-1")))
        elif bracketed and bracketed.startswith("["):
            stack[-1].append("[")
            stack[-1].extend(tokens(bracketed[1:-1], texts))
            stack[-1].append("]")
        elif not closing:
            stack[-1].append(bracketed or atom)
    while len(stack) > 1:
        last = stack.pop()
        stack[-1].append(last)
    return stack[0]


@dataclass
class Reply:
    """One untagged reply, and which message its number meant when the command began."""

    tokens: list[Token]
    origin: int
    text: str


@dataclass
class Connection:
    """One connection, and what it has been told of its mailbox."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    numbers: list[int] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    tagged: dict[str, str] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)
    wanted: list[str] = field(default_factory=list)

    async def line(self) -> str:
        """One reply; its literals as `\\0n\\0` are read and quoted."""
        data = b""
        async with asyncio.timeout(WAIT):
            while True:
                line = await self.reader.readline()
                if not line:
                    raise AssertionError("the connection was closed")
                literal = _LITERAL.search(line)
                if literal is None:
                    return (data + line).decode("latin-1").rstrip("\r\n")
                content = await self.reader.readexactly(int(literal[1]))
                escaped = re.sub(rb'(["\\])', rb"\\\1", content)
                data += line[: literal.start()] + b'"' + escaped + b'"'

    async def until(self, tag: str) -> str:
        """Read up to a tagged answer or a `+`, which is returned without its tag."""
        while tag not in self.tagged:
            text = await self.line()
            first, _, rest = text.partition(" ")
            if first == "*":
                self._untagged(rest)
            elif first == "+":
                return "+"
            else:
                self.tagged[first] = rest
        return self.tagged.pop(tag)

    def _untagged(self, text: str) -> None:
        found = tokens(text, [])
        origin = 0
        if len(found) > 1 and isinstance(found[0], str) and found[0].isdigit():
            number, kind = int(found[0]), str(found[1]).lower()
            if kind == "exists":
                assert number >= len(self.numbers), "EXISTS may not shrink a mailbox"
                self.numbers += range(len(self.numbers) + 1, number + 1)
            elif kind in {"fetch", "expunge"}:
                assert number <= len(self.numbers), f"no message has that number: {text}"
                origin = self.numbers[number - 1]
                if kind == "expunge":
                    del self.numbers[number - 1]
        self.replies.append(Reply(found, origin, text))

    def begin(self) -> None:
        """A command begins; numbers count anew."""
        if not self.pending:
            self.numbers = list(range(1, len(self.numbers) + 1))
            self.replies = []
            self.wanted = []


class Player:
    """One run of a script against a server; the account must be empty."""

    def __init__(
        self, script: Script, port: int, user: str, password: str, user2: str = ""
    ) -> None:
        self.script = script
        self._port = port
        self._password = password
        self._user = user
        name, _, domain = user.partition("@")
        self.variables = {
            "mailbox": MAILBOX, "user": user, "username": name, "domain": domain,
            "password": password, "mailbox_url": MAILBOX, "user2": user2,
        }  # fmt: skip
        self._connections: list[Connection] = []
        self._tags = 0
        self._mails = script.messages()
        self._mail = 0

    async def play(self) -> None:
        """An AssertionError tells the line that failed."""
        try:
            await self._prepare()
            await self._run()
        finally:
            for connection in self._connections:
                connection.writer.close()
                with suppress(OSError):
                    await connection.writer.wait_closed()

    async def _prepare(self) -> None:
        state = self.script.header.get("state", "selected")
        for number in range(1, self.script.connections + 1):
            streams = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 24)
            connection = Connection(*streams)
            assert (await connection.line()).startswith("* OK")
            self._connections.append(connection)
            if state != "nonauth":
                user = self._filled(self.script.header.get(f"user {number}", self._user))
                await self._must(connection, f'LOGIN {user} "{self._password}"')
        first = self._connections[0]
        if state in {"created", "appended", "selected"}:
            await self._must(first, f"CREATE {MAILBOX}")
        if state in {"appended", "selected"}:
            wanted = self.script.header.get("messages", "all")
            count = len(self._mails) if wanted == "all" else int(wanted)
            for _ in range(count):
                at, mail = self._next_mail()
                await self._must(first, f"APPEND {MAILBOX}{at}", mail)
        if state == "selected":
            for number, connection in enumerate(self._connections, 1):
                if f"user {number}" not in self.script.header:  # others have no such mailbox
                    await self._must(connection, f"SELECT {MAILBOX}")

    def _next_mail(self) -> tuple[str, bytes]:
        """The next message, and its INTERNALDATE as APPEND takes it."""
        self._mail += 1
        return self._mails[(self._mail - 1) % len(self._mails)]

    async def _must(self, connection: Connection, command: str, literal: bytes = b"") -> None:
        connection.begin()
        answer = await connection.until(await self._send(connection, command, [literal]))
        assert answer.startswith("OK"), f"{command}: {answer}"

    async def _send(
        self, connection: Connection, command: str, literals: list[bytes], tag: str = ""
    ) -> str:
        """Send a command with the literals that end its lines; gives its tag."""
        if not tag:
            self._tags += 1
            tag = f"a{self._tags:03}"
        self.variables["tag"] = tag
        if command.split(" ", maxsplit=1)[0].lower() in {"select", "examine"}:
            connection.numbers = []
        pieces = command.split("\0") if "\0" in command else [command]
        out = f"{tag} {pieces[0]}".encode("latin-1")
        for number, content in enumerate(each for each in literals if each):
            if not out.endswith(b" "):
                out += b" "
            mark = b"~" if isinstance(content, Binary) else b""
            connection.writer.write(out + mark + b"{%d}\r\n" % len(content))
            before = await connection.until(tag)
            if before != "+":
                connection.tagged[tag] = before
                return tag
            connection.writer.write(content)
            following = pieces[number + 1] if number + 1 < len(pieces) else ""
            out = following.encode("latin-1")
        connection.writer.write(out + b"\r\n")
        return tag

    # The script

    async def _run(self) -> None:
        lines = list(self.script.lines)
        while lines:
            line = lines.pop(0)
            try:
                await self._step(line, lines)
            except (AssertionError, TimeoutError) as problem:
                raise AssertionError(f"{line!r}: {problem!r}") from problem

    async def _step(self, line: str, lines: list[str]) -> None:
        connection, line = self._connection(line)
        word, _, rest = line.partition(" ")
        if word.startswith("tag"):
            if rest.split(" ")[0] in VERDICTS:
                await self._end(connection, word, rest)
                self._check(connection, _wanted(lines) if not connection.pending else [])
            else:
                connection.begin()
                connection.pending.add(word)
                await self._command(connection, rest, tag=word)
                connection.wanted += _wanted(lines)
            return
        assert not connection.pending
        connection.begin()
        verdict = ""
        if word in VERDICTS:
            verdict, line = word, rest
        tag = await self._command(connection, line)
        wanted = _wanted(lines)
        if not verdict:
            _, verdict = self._connection(lines.pop(0))
        await self._end(connection, tag, verdict)
        self._check(connection, wanted)

    def _connection(self, line: str) -> tuple[Connection, str]:
        if self.script.connections == 1:
            return self._connections[0], line
        number, _, rest = line.partition(" ")
        return self._connections[int(number) - 1], rest

    async def _command(self, connection: Connection, line: str, tag: str = "") -> str:
        texts = [self.script.texts[int(n)] for n in re.findall(r"\0(\d+)\0", line)]
        pieces = re.split(r"~?\0\d+\0", line)
        name, *arguments = line.split()
        if name.lower() == "append" and not texts:
            if not arguments:
                pieces = [f"append {MAILBOX}"]
            at, mail = self._next_mail()
            pieces[-1] += at
            texts = [mail]
        command = "\0".join(self._filled(piece) for piece in pieces)
        return await self._send(connection, command, texts, tag)

    async def _end(self, connection: Connection, tag: str, wanted: str) -> None:
        answer = await connection.until(tag)
        connection.pending.discard(tag)
        verdict, _, text = wanted.partition(" ")
        if verdict != '""':
            assert answer.lower().startswith(verdict), f"answered: {answer}"
        if text:
            expected, heard = tokens(text, self.script.texts), tokens(answer, [])[1:]
            assert self._prefix(expected, heard), f"answered: {answer}"
        if not connection.pending:
            self._check(connection, connection.wanted)
            connection.wanted = []

    def _check(self, connection: Connection, wanted: list[str]) -> None:
        replies = connection.replies
        shown = [reply.text for reply in replies]
        for line in wanted:
            mark, _, text = line.partition(" ")
            expected = tokens(text, self.script.texts)
            match = next((reply for reply in replies if self._meets(expected, reply)), None)
            if mark == "*":
                assert match is not None, f"did not come: {line!r}; came: {shown}"
            elif mark == "!":
                assert match is None, f"must not come: {line!r}; came: {shown}"

    # Comparing

    def _filled(self, text: str) -> str:
        def value(match: re.Match[str]) -> str:
            name = match[1] or match[2]
            return "$" if name is None else self.variables.get(name, match[0])

        return _VARIABLE.sub(value, text)

    def _meets(self, expected: list[Token], reply: Reply) -> bool:
        before = dict(self.variables)
        heard = reply.tokens
        kinds = [str(each).lower() for each in expected[:2] if isinstance(each, str)]
        first = expected[0]
        good = False
        if isinstance(first, str) and re.fullmatch(r"\$\d+", first):
            good = int(first[1:]) == reply.origin and len(heard) == len(expected)
            good = good and self._all(expected[1:], heard[1:], kinds[-1])
        elif kinds[0] in {"ok", "no", "bad", "bye"}:
            good = self._prefix(expected, heard)
        else:
            good = len(expected) == len(heard) and self._all(expected, heard, kinds[-1])
            if kinds[0] in {"list", "lsub", "status", "esearch"} and len(expected) == len(heard):
                good = self._all(expected, heard, kinds[0])
        if not good:
            self.variables = before
        return good

    def _prefix(self, expected: list[Token], heard: list[Token]) -> bool:
        return len(heard) >= len(expected) and self._all(expected, heard[: len(expected)], "")

    def _all(self, expected: list[Token], heard: list[Token], kind: str) -> bool:
        pairs = zip(expected, heard, strict=True)
        return all(self._one(one, other, kind) for one, other in pairs)

    def _one(self, expected: Token, heard: Token, kind: str = "") -> bool:
        if isinstance(expected, str):
            return self._text(expected, heard)
        if not isinstance(heard, list):
            return False
        if kind in {"fetch", "status"}:
            return self._pairs(expected, heard)
        orders = [each for each in expected if isinstance(each, str) and each[:2] == "$!"]
        rest = [each for each in expected if each not in orders]
        if any(each[6:].lower() in _lower(heard) for each in orders if each[2:5] == "ban"):
            return False
        if kind in {"list", "lsub"} or "$!unordered" in orders:
            return all(any(self._one(each, other) for other in heard) for each in rest)
        if kind == "flags":
            allowed = [each for each in heard if str(each).lower() != "\\recent"]
            return all(any(self._one(each, other) for other in heard) for each in rest) and len(
                allowed
            ) <= len(rest)
        return len(rest) == len(heard) and self._all(rest, heard, "")

    def _pairs(self, expected: list[Token], heard: list[Token]) -> bool:
        if len(heard) % 2 or len(expected) % 2:
            return False
        there = dict(zip(_lower(heard[::2]), heard[1::2], strict=True))
        for name, value in zip(expected[::2], expected[1::2], strict=True):
            key = self._filled(str(name)).lower()
            if key not in there or not self._one(value, there[key], key):
                return False
        return True

    def _text(self, expected: str, heard: Token) -> bool:
        if expected == "$":
            return True
        whole = _VARIABLE.fullmatch(expected)
        if whole is not None and (name := whole[1] or whole[2]):
            if name not in self.variables:
                self.variables[name] = _flat(heard)
                return True
            return self.variables[name].lower() == _flat(heard).lower()
        if not isinstance(heard, str):
            return False
        # Up to the first NUL, as the program in C does for which the scripts are written.
        wanted = self._filled(expected).lower().partition("\0")[0]
        return wanted == heard.lower().partition("\0")[0]


def _wanted(lines: list[str]) -> list[str]:
    """The lines of wanted and unwanted replies that come next."""
    found = []
    while lines and lines[0][:2] in {"* ", "! ", "? "}:
        found.append(lines.pop(0))
    return found


def _lower(found: list[Token]) -> list[str]:
    return [str(each).lower() for each in found]


def _flat(heard: Token) -> str:
    if isinstance(heard, str):
        return heard
    return "(" + " ".join(map(_flat, heard)) + ")"
