"""A real SMTP server on loopback that does what its script says and keeps what it got.

`sink.on("RCPT", "550 5.1.1 no such user", match="bob@")` answers so whenever a
RCPT line has that text; `sink.on("MAIL", hang_up=True)` closes the connection
instead. The last rule that fits wins. Steps are the verbs in upper case, and
`greeting` and `content` (the answer to the final dot). It shares no code with the
product, so that the two judge each other.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import ipaddress
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.certificates import CA_USAGE

ESMTP = ("PIPELINING", "SIZE 10000000", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8", "DSN")

_DEFAULTS = {
    "greeting": "220 sink.test ESMTP",
    "HELO": "250 sink.test",
    "STARTTLS": "220 2.0.0 go ahead",
    "MAIL": "250 2.1.0 sender ok",
    "RCPT": "250 2.1.5 recipient ok",
    "DATA": "354 end with a dot",
    "BDAT": "250 2.0.0 more, please",
    "content": "250 2.0.0 taken as 4711",
    "RSET": "250 2.0.0 forgotten",
    "NOOP": "250 2.0.0 here",
    "QUIT": "221 2.0.0 bye",
    "AUTH": "235 2.7.0 welcome",
}


@dataclass
class Rule:
    """What to do at one step instead of the usual."""

    step: str
    reply: str = ""  # several lines are parted by \n
    match: str = ""  # only when the command line has this text
    delay: float = 0.0  # seconds before the reply
    silence: bool = False  # never reply
    hang_up: bool = False  # close, after the reply if there is one
    endless: bool = False  # a reply of lines without end
    trailing: bytes = b""  # sent in the same segment behind the reply
    times: int = -1  # how often; -1 for ever


@dataclass
class Received:
    """One message as it was given up with the final dot."""

    sender: str
    recipients: list[str]
    content: bytes
    mail: str  # the whole MAIL line
    rcpts: list[str]  # the whole RCPT lines that were accepted
    helo: str
    tls: str
    user: str


@dataclass
class _Session:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    helo: str = ""
    tls: str = ""
    user: str = ""
    mail: str = ""
    rcpts: list[str] = field(default_factory=list)
    chunks: bytes = b""


class SmtpSink:
    """`async with SmtpSink() as sink:` listens on `sink.host`, `sink.port`.

    `tls` offers STARTTLS with that context, or speaks TLS from the first octet
    when `implicit_tls`. With `lmtp` it answers LHLO and gives one reply for each
    recipient.
    """

    def __init__(
        self,
        *,
        extensions: tuple[str, ...] = ESMTP,
        tls: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
        lmtp: bool = False,
        host: str = "127.0.0.1",
    ) -> None:
        self.host = host
        self.port = 0
        self.extensions = list(extensions)
        self.tls = tls
        self.implicit_tls = implicit_tls
        self.lmtp = lmtp
        self.messages: list[Received] = []
        self.commands: list[str] = []
        self.connections = 0
        self.read_delay = 0.0  # seconds between reads of content
        self._news = asyncio.Event()  # a command has come
        self._rules: list[Rule] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def on(self, step: str, reply: str = "", **behaviour: object) -> None:
        """Adds a rule; see `Rule` for what it may hold."""
        self._rules.append(Rule(step, reply, **behaviour))  # type: ignore[arg-type]

    def calm(self) -> None:
        """Forgets every rule."""
        self._rules.clear()

    async def heard(self, verb: str) -> None:
        """Waits until a command beginning so has come."""
        while not any(command.startswith(verb) for command in self.commands):
            self._news.clear()
            await self._news.wait()

    async def start(self) -> None:
        self._server = await asyncio.start_server(
            self._serve,
            self.host,
            self.port,
            ssl=self.tls if self.implicit_tls else None,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        session = _Session(reader, writer)
        if self.implicit_tls:
            session.tls = writer.get_extra_info("ssl_object").version()
        try:
            with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
                await self._converse(session)
        finally:
            session.writer.close()
            self._tasks.discard(task)

    async def _converse(self, session: _Session) -> None:
        going = await self._answer(session, "greeting", "")
        while going:
            line = (await session.reader.readuntil(b"\r\n"))[:-2].decode("utf-8", "replace")
            self.commands.append(line)
            self._news.set()
            verb = line.partition(" ")[0].upper()
            match verb:
                case "EHLO" | "LHLO" if (verb == "LHLO") == self.lmtp:
                    going = await self._hello(session, line)
                case "STARTTLS" if self.tls is not None:
                    going = await self._starttls(session, line)
                case "AUTH":
                    going = await self._auth(session, line)
                case "DATA":
                    going = await self._data(session, line)
                case "BDAT":
                    going = await self._bdat(session, line)
                case "QUIT":
                    await self._answer(session, "QUIT", line)
                    going = False
                case "HELO" | "MAIL" | "RCPT" | "RSET" | "NOOP":
                    going = await self._simple(session, verb, line)
                case _:
                    session.writer.write(b"500 5.5.2 unknown\r\n")

    async def _simple(self, session: _Session, verb: str, line: str) -> bool:
        default = "503 5.5.1 MAIL first" if verb == "RCPT" and not session.mail else ""
        taken = self._reply_code(verb, line, default).startswith("2")
        if verb == "RSET" or (verb == "MAIL" and taken):
            session.mail, session.rcpts, session.chunks = "", [], b""
        if verb == "MAIL" and taken:
            session.mail = line
        elif verb == "RCPT" and taken:
            session.rcpts.append(line)
        elif verb == "HELO":
            session.helo = line[5:]
        return await self._answer(session, verb, line, default)

    async def _hello(self, session: _Session, line: str) -> bool:
        session.helo = line[5:]
        offers = list(self.extensions)
        if self.tls is not None and not session.tls:
            offers.append("STARTTLS")
        lines = ["sink.test greets you", *offers]
        rows = [f"250-{text}" for text in lines[:-1]] + [f"250 {lines[-1]}"]
        return await self._answer(session, line[:4].upper(), line, default="\n".join(rows))

    async def _starttls(self, session: _Session, line: str) -> bool:
        refused = not self._reply_code("STARTTLS", line).startswith("2")
        going = await self._answer(session, "STARTTLS", line)
        if refused or not going:
            return going
        assert self.tls is not None
        await session.writer.start_tls(self.tls)
        session.tls = session.writer.get_extra_info("ssl_object").version()
        session.helo = ""
        return True

    async def _auth(self, session: _Session, line: str) -> bool:
        words = line.split()
        if words[1].upper() == "PLAIN" and len(words) == 3:
            session.user = base64.b64decode(words[2]).decode().replace("\0", "|")
        elif words[1].upper() == "LOGIN":
            answers = []
            for prompt in (b"VXNlcm5hbWU6", b"UGFzc3dvcmQ6"):
                session.writer.write(b"334 " + prompt + b"\r\n")
                answers.append(base64.b64decode(await session.reader.readuntil(b"\r\n")).decode())
            session.user = "|".join(answers)
        return await self._answer(session, "AUTH", line)

    async def _data(self, session: _Session, line: str) -> bool:
        default = "" if session.rcpts else "554 5.5.1 no valid recipients"
        code = self._reply_code("DATA", line, default)
        going = await self._answer(session, "DATA", line, default=default)
        if not going or not code.startswith("3"):
            return going
        return await self._taken(session, await self._content(session))

    async def _bdat(self, session: _Session, line: str) -> bool:
        _, size, *last = line.split()
        session.chunks += await session.reader.readexactly(int(size))
        if not session.rcpts:
            return await self._answer(session, "BDAT", line, "503 5.5.1 no valid recipients")
        if not last:
            return await self._answer(session, "BDAT", line)
        return await self._taken(session, session.chunks)

    async def _taken(self, session: _Session, content: bytes) -> bool:
        received = Received(
            sender=_path(session.mail),
            recipients=[_path(line) for line in session.rcpts],
            content=content,
            mail=session.mail,
            rcpts=session.rcpts,
            helo=session.helo,
            tls=session.tls,
            user=session.user,
        )
        replies = session.rcpts if self.lmtp else [""]
        session.mail, session.rcpts, session.chunks = "", [], b""
        if any(self._reply_code("content", rcpt).startswith("2") for rcpt in replies):
            self.messages.append(received)
        for rcpt in replies:
            if not await self._answer(session, "content", rcpt):
                return False
        return True

    async def _content(self, session: _Session) -> bytes:
        lines: list[bytes] = []
        while True:
            line = await session.reader.readuntil(b"\r\n")
            if line == b".\r\n":
                return b"".join(lines)
            lines.append(line[1:] if line.startswith(b".") else line)
            if self.read_delay:
                await asyncio.sleep(self.read_delay)
            rule = self._rule("middle", "")
            if rule is not None:
                if rule.reply:
                    session.writer.write(rule.reply.encode() + b"\r\n")
                session.writer.close()
                raise EOFError

    def _rule(self, step: str, line: str) -> Rule | None:
        for rule in reversed(self._rules):
            if rule.step == step and rule.match in line and rule.times != 0:
                return rule
        return None

    def _reply_code(self, step: str, line: str, default: str = "") -> str:
        rule = self._rule(step, line)
        return (rule.reply if rule and rule.reply else default) or _DEFAULTS[step]

    async def _answer(self, session: _Session, step: str, line: str, default: str = "") -> bool:
        """Replies by rule or default; False when the connection is to end."""
        rule = self._rule(step, line) or Rule(step)
        if rule.times > 0:
            rule.times -= 1
        await asyncio.sleep(rule.delay)
        if rule.silence:
            await asyncio.sleep(3600)
        if rule.hang_up and not rule.reply:
            return False
        while rule.endless:
            session.writer.write(b"250-and more\r\n" * 100)
            await session.writer.drain()
        reply = rule.reply or default or _DEFAULTS[step]
        wire = "".join(f"{row}\r\n" for row in reply.split("\n")).encode("utf-8", "surrogateescape")
        session.writer.write(wire + rule.trailing)
        await session.writer.drain()
        return not rule.hang_up


def _path(line: str) -> str:
    return line[line.find("<") + 1 : line.rfind(">")]


def contexts(*names: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for the names, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = dt.datetime.now(dt.UTC)
    alternatives = [x509.DNSName(name) for name in names]
    alternatives_ip = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([*alternatives, *alternatives_ip]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .add_extension(CA_USAGE, True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + pem
        )
        file.flush()
        server.load_cert_chain(Path(file.name))
    client = ssl.create_default_context(cadata=pem.decode())
    return server, client
