"""Commands out, replies in: the part of an SMTP client that knows no transaction.

A `Link` has one peer for its life. Whatever breaks the conversation (silence,
a closed connection, a reply that is none) ends it: `usable` turns false and the
fault says at which step and with whom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.model.delivery import Outcome, Result
from merpati.wire.smtp.replies import READ_LINE_LIMIT, Reply, ReplyParser

if TYPE_CHECKING:
    from merpati.net.stream import Connection


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds to wait for the peer; the defaults are those of RFC 5321 4.5.3.2.

    The RFC has none for the TCP handshake, for EHLO and the like, and for a
    farewell; those are ours.
    """

    connect: float = 30.0
    greeting: float = 300.0  # 4.5.3.2.1
    command: float = 300.0  # EHLO, STARTTLS, AUTH, RSET
    mail: float = 300.0  # 4.5.3.2.2
    rcpt: float = 300.0  # 4.5.3.2.3
    data: float = 120.0  # 4.5.3.2.4
    block: float = 180.0  # 4.5.3.2.5: for the peer to take a block of the message
    end: float = 600.0  # 4.5.3.2.6: the peer may be delivering meanwhile
    quit: float = 5.0


class Link:
    """A connection to one server, its reply parser, and what it offered.

    Attributes:
        host: the server's name as the DNS gave it.
        address: its address and port, `192.0.2.1:25` or `[2001:db8::1]:25`.
        features: EHLO keywords in upper case and their parameters.
        usable: false once the conversation is broken or the server said 421.
        step: the command last replied to, or what is waited for.
        trust: who vouches for the server, in words, or why nobody does.
    """

    __slots__ = (
        "_parser",
        "address",
        "connection",
        "features",
        "host",
        "lmtp",
        "step",
        "timeouts",
        "trust",
        "usable",
    )

    def __init__(
        self, connection: Connection, host: str, address: str, timeouts: Timeouts, *, lmtp: bool
    ) -> None:
        self.connection: Final = connection
        self.host: Final = host
        self.address: Final = address
        self.timeouts: Final = timeouts
        self.lmtp: Final = lmtp
        self.features: dict[str, str] = {}
        self.usable = True
        self.step = "greeting"
        self.trust = ""
        self._parser = ReplyParser()
        connection.hears_out = True  # a 250 that is not seen is a message sent twice

    @property
    def tls(self) -> str:
        """The TLS version in use, "" for none."""
        return self.connection.tls.version if self.connection.tls else ""

    @property
    def verified(self) -> bool:
        """Whether the session is encrypted, and the server's certificate was found good."""
        return self.connection.tls is not None and self.connection.tls.verified

    @property
    def peer(self) -> str:
        """The server as sentences name it: `mx.example.org (192.0.2.1:25)`."""
        return f"{self.host} ({self.address})"

    async def command(self, line: bytes, seconds: float) -> Reply:
        """Sends one command line, given without CRLF, and waits for its reply."""
        self.connection.write(line + b"\r\n")
        return await self.reply(line.partition(b" ")[0].decode(), seconds)

    async def reply(self, step: str, seconds: float) -> Reply:
        """The next reply, all of its lines within `seconds`.

        Raises `Fault(UNAVAILABLE)` when there is none; the link is then of no
        use. A reply 421 announces the end and is returned like any other.
        """
        self.step = step
        self.connection.deadline(seconds)
        try:
            reply = None
            while reply is None:
                line = await self.connection.read_line(READ_LINE_LIMIT, bare_lf=True)
                reply = self._parser.feed(line)
        except Fault as fault:
            raise self.broken(fault) from None
        if reply.code == 421:
            self.usable = False
        return reply

    def ready(self, step: str) -> Reply | None:
        """The next reply when all of it is here already, as in the answer to a pipelined run."""
        line = self.connection.try_line(READ_LINE_LIMIT)
        while line is not None:
            self.step = step
            try:
                reply = self._parser.feed(line)
            except Fault as fault:
                raise self.broken(fault) from None
            if reply is not None:
                if reply.code == 421:
                    self.usable = False
                return reply
            line = self.connection.try_line(READ_LINE_LIMIT)
        return None

    def abandon(self) -> None:
        """Closes at once."""
        self.usable = False
        self.connection.abort()

    def broken(self, fault: Fault) -> Fault:
        """Abandons the connection; the fault to raise, in a sentence about this peer."""
        self.abandon()
        if fault.kind is Kind.TIMEOUT:
            what = f"{self.peer} did not answer in time"
        elif fault.kind is Kind.CLOSED:
            what = f"{self.peer} closed the connection"
        elif isinstance(fault, SyntaxFault) or fault.kind is Kind.TOO_LARGE:
            what = f"{self.peer} does not speak SMTP ({fault.text})"
        else:
            what = f"the connection to {self.peer} broke ({fault.text})"
        return Fault(Kind.UNAVAILABLE, f"{what}, at step {self.step}.")

    def result(self, recipient: str, reply: Reply) -> Result:
        """What a reply to the current step means for a recipient."""
        return Result(
            recipient=recipient,
            outcome=outcome(reply),
            status=reply.enhanced or f"{_status_class(reply)}.0.0",
            text=str(reply),
            code=reply.code,
            step=self.step,
            host=self.host,
            address=self.address,
            tls=self.tls,
            trust=self.trust,
        )

    def own_result(
        self, recipient: str, outcome: Outcome, status: str, text: str, code: int = 0
    ) -> Result:
        """A decision of ours, in our words, or on a reply (`code`) that means something else."""
        return Result(
            recipient=recipient,
            outcome=outcome,
            status=status,
            text=text,
            code=code,
            step=self.step,
            host=self.host,
            address=self.address,
            tls=self.tls,
            trust=self.trust,
        )


def outcome(reply: Reply) -> Outcome:
    """Delivered, temporary or permanent; a 3yz where none belongs is temporary."""
    if reply.positive:
        return Outcome.DELIVERED
    return Outcome.PERMANENT if reply.permanent else Outcome.TEMPORARY


def _status_class(reply: Reply) -> int:
    return {Outcome.DELIVERED: 2, Outcome.TEMPORARY: 4, Outcome.PERMANENT: 5}[outcome(reply)]
