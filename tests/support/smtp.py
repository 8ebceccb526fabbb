"""The SMTP server of a `TestInstance`, and a client that says anything at all."""

from __future__ import annotations

import asyncio
import base64
from types import TracebackType
from typing import Any, Final, Self

from merpati.servers.smtp import session
from merpati.servers.smtp.client import Services
from merpati.servers.smtp.legal import Role
from merpati.servers.smtp.policy import Policy, Rates, SmtpSettings
from merpati.servers.smtp.session import Session
from merpati.services.hourly_limits import HourlyLimits
from merpati.services.notify import Notify
from tests.support.server import ANA, HOSTNAME, PASSWORD, TestInstance

WAIT: Final = 30.0  # seconds for a reply that must come
PLAIN: Final = base64.b64encode(f"\0{ANA}\0{PASSWORD}".encode()).decode()


def services(instance: TestInstance, settings: SmtpSettings | None = None) -> Services:
    """What sessions on an instance need."""
    chosen = settings or SmtpSettings()
    return Services(
        HOSTNAME, chosen, instance.store, instance.accept, instance.router, instance.login,
        instance.certificates, instance.clock, instance.log,
        Rates(chosen, HourlyLimits(instance.clock, Notify())),
    )  # fmt: skip


def serve(
    instance: TestInstance,
    role: Role = Role.MX,
    *,
    settings: SmtpSettings | None = None,
    login_without_tls: bool = False,
    **policy: Any,
) -> int:
    """Serve SMTP; gives the port. `policy`: more attributes of the listener's."""
    parts = services(instance, settings)
    chosen = Policy(role=role, login_without_tls=login_without_tls, **policy)
    return instance.listen(
        lambda connection: Session(connection, chosen, parts),
        tls=role is Role.SUBMISSIONS,
        name=role.value,
        refusal=session.refuse,
    )


class Client:
    """`async with Client(port) as client:` has read the greeting."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        self.greeting = await self.reply()
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.writer.close()

    def write(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self.writer.write(data)

    async def reply(self) -> str:
        """The next whole reply, its lines joined by LF; empty at the end of the connection."""
        lines = []
        async with asyncio.timeout(WAIT):
            while True:
                line = (await self.reader.readline()).decode("utf-8", "replace")
                lines.append(line.removesuffix("\r\n"))
                if line[3:4] != "-":
                    return "\n".join(lines)

    async def say(self, *lines: str) -> str:
        """Sends each line, and gives the reply to the last."""
        reply = ""
        for line in lines:
            self.write(line.encode("utf-8", "surrogateescape") + b"\r\n")
            reply = await self.reply()
        return reply

    async def begin(self, sender: str = "carl@there.test", *recipients: str) -> None:
        """A transaction up to its recipients, all of which are taken."""
        for line in (f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{each}>" for each in recipients)):
            reply = await self.say(line)
            assert reply.startswith("250"), f"{line}: {reply}"

    async def send(self, content: bytes, sender: str, *recipients: str) -> str:
        """A whole transaction; `content` goes out as it is, its end included."""
        await self.begin(sender, *recipients)
        assert (await self.say("DATA")).startswith("354")
        self.write(content)
        return await self.reply()

    async def rest(self) -> bytes:
        """All that comes until the server closes."""
        async with asyncio.timeout(WAIT):
            return await self.reader.read()
