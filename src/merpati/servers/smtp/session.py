"""An SMTP session: mail in, from anyone (MX), our users, devices or programs.

RFC 5321; RFC 6409 for our users.

The session is one coroutine. It reads a command, looks in the table whether it is legal
now, acts, and queues a reply; replies leave when it next waits for the peer, so a
pipelined transaction (RFC 2920) costs one packet. A message is answered with 250 only after
`services.accept` has made it durable.

A handler gives nothing, or what has to be awaited: most commands of a pipelined run are
answered without a coroutine. Every `YIELD` commands the other sessions have their turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.net.stream import Connection
from merpati.servers.smtp import auth, greeting, inquiries, transaction
from merpati.servers.smtp.client import Client, Services
from merpati.servers.smtp.legal import Refused, Role, check, refusal
from merpati.servers.smtp.policy import Policy
from merpati.wire.smtp import commands, replies
from merpati.wire.smtp.xclient import Xclient

YIELD: Final = 64  # commands answered in one go
# What a browser or a worm says that was talked into speaking to a mail port.
FORBIDDEN: Final = frozenset({b"GET", b"POST", b"PUT", b"CONNECT", b"HEAD", b"OPTIONS"})

SLOW: Final = b"421 4.4.2 Too slow, closing\r\n"
RESTART: Final = b"421 4.3.2 Restarting, try again in a moment\r\n"
TOO_MANY_ERRORS: Final = b"421 4.7.0 Too many errors, closing\r\n"
TOO_IDLE: Final = b"421 4.7.0 Too many commands without a message, closing\r\n"
TOO_EARLY: Final = b"554 5.5.1 You spoke before you were greeted\r\n"


class Session:
    """One client's session on one connection."""

    def __init__(self, connection: Connection, policy: Policy, services: Services) -> None:
        """Prepares; `run` serves."""
        self._connection = connection
        self._settings = services.settings
        self._client = Client(connection, policy, services)

    async def run(self) -> None:
        """Serve the client until it leaves, is too slow, or makes too many errors."""
        connection, client = self._connection, self._client
        try:
            await self._greet()
            while not (client.over or connection.draining):
                await self._converse()
        except Fault as fault:
            if fault.kind is Kind.TIMEOUT:
                connection.write(SLOW)
            elif fault.kind is not Kind.CLOSED and not connection.draining:
                connection.write(refusal(fault))
        finally:
            client.reset()
        if connection.draining and not client.over:
            connection.write(RESTART)
        await connection.close()

    async def _greet(self) -> None:
        """RFC 5321 3.1: the client waits for the greeting; who does not is no mail server."""
        connection, client = self._connection, self._client
        if not greeting.admitted(client):
            return
        delay = self._settings.greeting_delay
        if delay and client.policy.role is Role.MX and client.key:
            connection.deadline(delay)
            try:
                await connection.line_or_wake(0)
            except Fault as fault:
                if fault.kind is not Kind.TIMEOUT:
                    raise
        if connection.pending():
            connection.write(TOO_EARLY)
            client.services.rates.failed(client.key)
            client.over = True
            return
        connection.write(greeting.banner(client))

    async def _converse(self) -> None:
        """Commands and their replies, up to `YIELD` that are here already."""
        connection, client = self._connection, self._client
        for _ in range(YIELD):
            line = connection.try_line(commands.AUTH_LINE_LIMIT)
            try:
                if line is None:
                    client.be_patient(self._settings.command_timeout)
                    line = await connection.read_line(commands.AUTH_LINE_LIMIT, idle=True)
                command = commands.recall(line)
                kind = type(command)
                if kind is not commands.Bdat:  # which has octets behind it to skip first
                    check(client.legal, client.state, command)
                waiting = HANDLERS[kind](client, command)
                if waiting is not None:
                    await waiting
                if kind in IDLE:
                    self._count_idle()
            except Fault as fault:
                await self._failed(fault, line)
            if client.over:
                return
        await asyncio.sleep(0)

    async def _failed(self, fault: Fault, line: bytes | None) -> None:
        """Answer a fault, or end the session by it."""
        connection, client = self._connection, self._client
        if fault.kind in {Kind.CLOSED, Kind.TIMEOUT} or connection.draining:
            raise fault
        if line is None:  # 552 would speak of a message
            fault = commands.UnknownCommand(fault.text)
        elif isinstance(fault, SyntaxFault) and line[:8].split(b" ", 1)[0].upper() in FORBIDDEN:
            fault = SyntaxFault("this is a mail server")
            client.over = True
        elif isinstance(fault, SyntaxFault) and line[:4].upper() == b"BDAT":
            client.over = True  # nobody knows how much of what follows is the message
        if not isinstance(fault, Refused) or fault.counts:
            client.errors += 1
            client.services.rates.failed(client.key)
            if self._settings.tarpit and client.key and client.errors * 2 > self._settings.errors:
                await asyncio.sleep(self._settings.tarpit)
        connection.write(refusal(fault, utf8=client.smtputf8))
        if client.errors >= self._settings.errors and not client.over:
            connection.write(TOO_MANY_ERRORS)
            client.over = True

    def _count_idle(self) -> None:
        client = self._client
        client.idle += 1
        if client.idle > self._settings.idle_commands and not client.over:
            self._connection.write(TOO_IDLE)
            client.over = True


def refuse(fault: Fault) -> bytes:
    """What a client is told that is not let in at all."""
    return replies.render(421, "4.7.0", fault.text)


Handler = Callable[[Client, Any], Awaitable[None] | None]

HANDLERS: Final[dict[type[msgspec.Struct], Handler]] = {
    commands.Helo: greeting.helo,
    commands.Ehlo: greeting.ehlo,
    commands.Lhlo: greeting.ehlo,
    commands.StartTls: greeting.starttls,
    Xclient: greeting.xclient,
    commands.Auth: auth.auth,
    commands.Mail: transaction.mail,
    commands.Rcpt: transaction.rcpt,
    commands.Data: transaction.data,
    commands.Bdat: transaction.bdat,
    commands.Rset: transaction.rset,
    commands.Noop: inquiries.noop,
    commands.Quit: inquiries.leave,
    commands.Vrfy: inquiries.vrfy,
    commands.Expn: inquiries.expn,
    commands.Etrn: inquiries.etrn,
    commands.Help: inquiries.help_,
}
# Commands that bring no mail by themselves.
IDLE: Final = frozenset(
    {commands.Helo, commands.Ehlo, commands.Lhlo, commands.Rset, commands.Noop, commands.Vrfy,
     commands.Expn, commands.Help, commands.Etrn}
)  # fmt: skip
