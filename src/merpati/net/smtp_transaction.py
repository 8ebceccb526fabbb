"""One message over an SMTP session: MAIL, RCPT, DATA, and one result per recipient.

Theory. Every recipient begins undecided. A refusal decides one (RCPT) or all
that are still undecided (MAIL, DATA, the final reply); what is undecided when
the conversation breaks is temporary. So each recipient ends with exactly one
result, whatever the server does, and nothing is raised for what a server does.

With PIPELINING (RFC 2920) MAIL, the RCPTs and DATA leave in one segment and the
replies are read after; a server may then say 354 though it took no recipient,
and gets an empty message, the dot alone (RFC 2920 3.1). The commands of the message
after it may leave right behind the final dot (the same section): then one segment ends one
message and opens the next, whose transaction finds its replies after that of the first.

With CHUNKING as well (RFC 3030 4.2) a small message leaves whole: MAIL, the RCPTs and one BDAT
with its bytes are one segment, and all replies are read after. Nothing waits for a 354, and
no dot is doubled.

A server that has said how many recipients it takes at once (RFC 9422) is given no more; the
others end as too many, which is temporary, and whoever sends gives them in another transaction.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.model.delivery import Outcome, Result
from merpati.wire import newlines
from merpati.wire.smtp import commands
from merpati.wire.smtp.data import stuff
from merpati.wire.smtp.limits import announced
from merpati.wire.smtp.parameters import Body, MailParameters, RcptParameters, write_orcpt
from merpati.wire.smtp.paths import Path, parse_address

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterable

    from merpati.model.envelope import Envelope, Recipient
    from merpati.net.smtp_link import Link
    from merpati.wire.smtp.replies import Reply

    Content = bytes | Iterable[bytes] | AsyncIterable[bytes]

PIPELINED_RECIPIENTS: Final = 100
"""RCPTs sent before their replies are read, so that neither side's window fills up with
both waiting to send (RFC 2920 3.1); a server must take as many (RFC 5321 4.5.3.1.8)."""
BLOCK: Final = 65_536
"""Octets of message after which the peer must have taken what it was sent."""

# Addresses of dot-strings and plain names: nothing in them can mean anything else.
_PLAIN: Final = re.compile(
    r"[A-Za-z0-9_+=-]+(?:\.[A-Za-z0-9_+=-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*"
)
_XTEXT: Final = {
    octet: f"+{octet:02X}"
    for octet in range(128)
    if not 33 <= octet <= 126 or octet in b"+="  # RFC 3461 4
}


class _Refusal(Exception):  # noqa: N818 -- decides recipients, is never seen outside
    """All undecided recipients end here, by our decision."""

    def __init__(self, outcome: Outcome, status: str, text: str) -> None:
        super().__init__(text)
        self.outcome = outcome
        self.status = status
        self.text = text


class Transaction:
    """Sends one message over a link; use `run` once."""

    def __init__(self, link: Link, envelope: Envelope, *, just_send_8bit: bool) -> None:
        self._link = link
        self._envelope = envelope
        self._just_send_8bit = just_send_8bit
        self.has_opened = False  # the next one, behind its own message
        self._results: dict[int, Result] = {}  # by index in the envelope
        self._needs_reset = False  # the server has a transaction open
        self._announced: dict[int, bytes] = {}  # RCPT lines said behind the message before
        self._left: set[int] = set()  # more recipients than the server takes at once

    def announce(self) -> bytes:
        """What opens it behind the final dot of the message before; empty: nothing may.

        To be called once; when it gave nothing, another `Transaction` is to do the work.
        """
        if "PIPELINING" not in self._link.features or self._link.lmtp:
            return b""
        try:
            mail, rcpts = self._compose()
        except (_Refusal, SyntaxFault):
            return b""
        if self._results or self._left or not 0 < len(rcpts) <= PIPELINED_RECIPIENTS:
            return b""
        if self._envelope.size and self._leaves_whole(self._envelope.size, rcpts):
            return b""
        self._announced = rcpts
        return b"\r\n".join((mail, *rcpts.values(), b"DATA", b""))

    async def run(self, content: Content, behind: bytes = b"") -> list[Result]:
        """One result per recipient, in the envelope's order.

        `behind` is what opens the next message; `has_opened` says whether it was sent.

        Raises only what reading `content` raises and is no `Fault`.
        """
        try:
            mail, rcpts = (b"", self._announced) if self._announced else self._compose()
            if rcpts:
                if isinstance(content, bytes) and self._leaves_whole(len(content), rcpts):
                    await self._send_whole(mail, rcpts, content)
                elif await self._open(mail, rcpts):
                    await self._deliver(content, behind)
                if self._needs_reset and self._link.usable:
                    await self._reset()
        except _Refusal as refusal:
            self._refuse(refusal.outcome, refusal.status, refusal.text)
        except SyntaxFault as fault:  # from `encode`: the envelope cannot be said in SMTP
            self._refuse(Outcome.PERMANENT, "5.5.4", f"The envelope: {fault.text}.")
        except Fault as fault:  # the link's: the conversation is broken
            self._refuse(Outcome.TEMPORARY, "4.4.2", fault.text)
        except BaseException:
            self._link.abandon()
            raise
        for index in self._left:
            text = f"{self._link.peer} takes no more recipients of one message at once."
            self._decide(index, Outcome.TEMPORARY, "4.5.3", text)
        return [self._results[index] for index in range(len(self._envelope.recipients))]

    # What is said, before anything is sent.

    def _compose(self) -> tuple[bytes, dict[int, bytes]]:
        """The MAIL line, and the RCPT lines of the recipients this server can be given."""
        self._check_size_and_tls()
        mail, rcpts = self._compose_plain() or self._compose_any()
        return mail, self._within_limits(rcpts)

    def _within_limits(self, rcpts: dict[int, bytes]) -> dict[int, bytes]:
        """Those that go in this transaction; the others are left (RFC 9422 4.2 and 4.3)."""
        limits = announced(self._link.features)
        if not (limits.recipients or limits.domains):
            return rcpts
        taken: dict[int, bytes] = {}
        domains: set[str] = set()
        for index, line in rcpts.items():
            domain = self._address(index).rpartition("@")[2].lower()
            new = domain not in domains
            if len(taken) == (limits.recipients or len(rcpts)) or (
                new and len(domains) == (limits.domains or len(rcpts))
            ):
                self._left.add(index)
            else:
                taken[index] = line
                domains.add(domain)
        return taken

    def _compose_any(self) -> tuple[bytes, dict[int, bytes]]:
        """Both for any envelope."""
        envelope, features = self._envelope, self._link.features
        try:
            sender = parse_address(envelope.sender)
        except SyntaxFault as fault:
            raise _Refusal(Outcome.PERMANENT, "5.1.7", f"The sender: {fault.text}.") from None
        paths = self._recipient_paths()
        utf8 = envelope.utf8 or not all(p.local.isascii() for p in (sender, *paths.values()))
        if utf8 and "SMTPUTF8" not in features:
            self._refuse_utf8(sender, paths)
            utf8 = False
        others: list[tuple[str, str | None]] = []
        if "DSN" in features:
            if envelope.ret:
                others.append(("RET", envelope.ret))
            if envelope.envid.isascii() and envelope.envid:
                others.append(("ENVID", envelope.envid.translate(_XTEXT)))
        if envelope.require_tls:
            others.append(("REQUIRETLS", None))
        if envelope.deliver_by and "DELIVERBY" in features:
            others.append(("BY", f"{envelope.deliver_by};{envelope.by_mode}"))
        if envelope.priority and "MT-PRIORITY" in features:
            others.append(("MT-PRIORITY", str(envelope.priority)))
        body = Body.EIGHT_BIT_MIME if envelope.eight_bit and "8BITMIME" in features else None
        size = envelope.size if envelope.size and "SIZE" in features else None
        params = MailParameters(size=size, body=body, smtputf8=utf8, others=tuple(others))
        mail = commands.encode(commands.Mail(_for_wire(sender, utf8=utf8), params))
        lines = {
            index: self._rcpt(envelope.recipients[index], _for_wire(path, utf8=utf8), utf8=utf8)
            for index, path in paths.items()
            if index not in self._results
        }
        return mail, lines

    def _compose_plain(self) -> tuple[bytes, dict[int, bytes]] | None:
        """Both for what nearly all mail is: plain addresses, and nothing asked for; else None."""
        envelope, features = self._envelope, self._link.features
        if envelope.utf8 or envelope.ret or envelope.envid or envelope.priority:
            return None
        if envelope.require_tls or envelope.deliver_by:
            return None
        if envelope.sender and not _PLAIN.fullmatch(envelope.sender):
            return None
        lines = {}
        for index, one in enumerate(envelope.recipients):
            if one.notify or one.original or not _PLAIN.fullmatch(one.address):
                return None
            lines[index] = f"RCPT TO:<{one.address}>".encode()
        mail = f"MAIL FROM:<{envelope.sender}>"
        if envelope.size and "SIZE" in features:
            mail += f" SIZE={envelope.size}"
        if envelope.eight_bit and "8BITMIME" in features:
            mail += " BODY=8BITMIME"
        return mail.encode(), lines

    def _check_size_and_tls(self) -> None:
        """Refuses what this server has said it cannot take."""
        envelope, features, peer = self._envelope, self._link.features, self._link.peer
        limit = features.get("SIZE", "")
        if limit.isdecimal() and 0 < int(limit[:20]) < envelope.size:
            text = f"{peer} takes messages of {limit} octets at most; this one has {envelope.size}."
            raise _Refusal(Outcome.PERMANENT, "5.3.4", text)
        if envelope.eight_bit and "8BITMIME" not in features and not self._just_send_8bit:
            text = f"{peer} takes no 8-bit messages, and this one was not converted."
            raise _Refusal(Outcome.PERMANENT, "5.6.3", text)
        if envelope.require_tls and not (self._link.verified and "REQUIRETLS" in features):
            text = f"The sender requires TLS all the way, and {peer} does not promise it."
            raise _Refusal(Outcome.PERMANENT, "5.7.30", text)  # RFC 8689 4.2.1
        if envelope.deliver_by and envelope.by_mode.startswith("R"):
            self._check_deadline()

    def _check_deadline(self) -> None:
        """To be returned after its time, it goes only to servers that keep that (RFC 2852)."""
        left, peer = self._envelope.deliver_by, self._link.peer
        least = self._link.features.get("DELIVERBY")
        if least is None:
            text = f"It was to be delivered in time or returned, and {peer} keeps no deadlines."
            raise _Refusal(Outcome.PERMANENT, "5.3.3", text)
        if left <= 0 or (least.isdecimal() and left < int(least[:9])):
            text = f"The deadline is in {left} seconds, too soon for {peer}."
            raise _Refusal(Outcome.PERMANENT, "5.4.7", text)

    def _recipient_paths(self) -> dict[int, Path]:
        paths: dict[int, Path] = {}
        for index, recipient in enumerate(self._envelope.recipients):
            try:
                paths[index] = parse_address(recipient.address)
            except SyntaxFault as fault:
                self._decide(index, Outcome.PERMANENT, "5.1.3", f"The recipient: {fault.text}.")
        return paths

    def _refuse_utf8(self, sender: Path, paths: dict[int, Path]) -> None:
        """No SMTPUTF8 here: all fail, or those recipients whose local part needs it."""
        text = f"{self._link.peer} takes no internationalised addresses or header fields."
        if self._envelope.utf8 or not sender.local.isascii():
            raise _Refusal(Outcome.PERMANENT, "5.6.7", text)
        for index, path in paths.items():
            if not path.local.isascii():
                self._decide(index, Outcome.PERMANENT, "5.6.7", text)

    def _rcpt(self, recipient: Recipient, path: Path, *, utf8: bool) -> bytes:
        others: list[tuple[str, str | None]] = []
        if "DSN" in self._link.features:
            if recipient.notify:
                others.append(("NOTIFY", recipient.notify))
            if recipient.original:
                others.append(("ORCPT", write_orcpt(recipient.original, utf8=utf8)))
        return commands.encode(commands.Rcpt(path, RcptParameters(tuple(others))))

    # The dialogue.

    async def _open(self, mail: bytes, rcpts: dict[int, bytes]) -> bool:
        """MAIL, RCPT and DATA; True when the server waits for the message."""
        if "PIPELINING" in self._link.features:
            data = await self._open_pipelined(mail, rcpts)
        else:
            data = await self._open_in_steps(mail, rcpts)
        if data is None:
            return False
        if data.code == 354:
            return True
        if data.positive or data.intermediate:
            raise self._link.broken(SyntaxFault(f"the reply to DATA is {data.code}"))
        self._decide_rest(data)
        return False

    async def _open_in_steps(self, mail: bytes, rcpts: dict[int, bytes]) -> Reply | None:
        """One command, one reply; the reply to DATA, or None when it was not said."""
        link, timeouts = self._link, self._link.timeouts
        if not self._take_mail(await link.command(mail, timeouts.mail)):
            return None
        for index, line in rcpts.items():
            self._take_rcpt(index, await link.command(line, timeouts.rcpt))
            self._stop_at_421()
        if not self._undecided():
            return None
        return await link.command(b"DATA", timeouts.data)

    async def _open_pipelined(self, mail: bytes, rcpts: dict[int, bytes]) -> Reply | None:
        """Commands in groups; the reply to DATA, or None when it was not said."""
        link, timeouts = self._link, self._link.timeouts
        waiting = list(rcpts.items())
        first = True
        while waiting:
            group, waiting = waiting[:PIPELINED_RECIPIENTS], waiting[PIPELINED_RECIPIENTS:]
            lines = [mail] if first else []
            lines.extend(line for _, line in group)
            # DATA ends a group: the server may not read ahead over it (RFC 2920 3.1).
            if not waiting:
                lines.append(b"DATA")
            if not self._announced:
                link.connection.write(b"\r\n".join(lines) + b"\r\n")
            taken = True
            if first:
                reply = link.ready("MAIL") if self._announced else None
                taken = self._take_mail(reply or await link.reply("MAIL", timeouts.mail))
                first = False
            for index, _ in group:
                self._stop_at_421()
                reply = link.ready("RCPT") or await link.reply("RCPT", timeouts.rcpt)
                if taken:  # else the reply is "MAIL first", and MAIL's reply has decided
                    self._take_rcpt(index, reply)
            self._stop_at_421()
            if not taken and waiting:
                return None
        return link.ready("DATA") or await link.reply("DATA", timeouts.data)

    def _leaves_whole(self, size: int, rcpts: dict[int, bytes]) -> bool:
        """Whether all of the message goes in one segment with its envelope."""
        features = self._link.features
        return (
            "CHUNKING" in features
            and "PIPELINING" in features
            and not (self._announced or self._link.lmtp)
            and size < BLOCK
            and len(rcpts) <= PIPELINED_RECIPIENTS
        )

    async def _send_whole(self, mail: bytes, rcpts: dict[int, bytes], content: bytes) -> None:
        """Envelope and message in one segment, then the replies to all of it (RFC 3030 4.2)."""
        link, timeouts = self._link, self._link.timeouts
        if newlines.has_bare(content):
            text = "Not sent: the message has a CR or LF on its own and cannot be sent as it is."
            raise _Refusal(Outcome.PERMANENT, "5.6.0", text)
        if not content.endswith(b"\r\n"):
            content += b"\r\n"
        chunk = b"BDAT %d LAST" % len(content)
        link.connection.write(b"\r\n".join((mail, *rcpts.values(), chunk, content)))
        taken = self._take_mail(await link.reply("MAIL", timeouts.mail))
        for index in rcpts:
            self._stop_at_421()
            reply = link.ready("RCPT") or await link.reply("RCPT", timeouts.rcpt)
            if taken:
                self._take_rcpt(index, reply)
        self._stop_at_421()
        waiting = self._undecided()
        final = await self._final()
        if waiting:
            self._decide_rest(final)
            self._needs_reset = not final.positive  # RFC 3030 2: nothing else may follow

    def _take_mail(self, reply: Reply) -> bool:
        self._needs_reset = reply.positive
        if reply.positive:
            return True
        self._left.clear()  # it would say the same about them
        self._decide_rest(reply)
        return False

    def _take_rcpt(self, index: int, reply: Reply) -> None:
        if reply.positive:
            return
        # "Too many recipients" was 552 before it was 452, and is meant for later
        # (RFC 5321 4.5.3.1.10); with a status such as 5.2.2 it means a full mailbox.
        if reply.code == 552 and reply.enhanced in ("", "5.5.3") and index:
            self._decide(index, Outcome.TEMPORARY, "4.5.3", str(reply), reply.code)
            return
        self._results[index] = self._link.result(self._address(index), reply)

    async def _deliver(self, content: Content, behind: bytes) -> None:
        """The message and the replies to it; the dot alone when nobody is to get it."""
        link, timeouts = self._link, self._link.timeouts
        taken = self._undecided()
        if taken:
            await self._send(content, behind)
        else:
            link.connection.write(b".\r\n")
        self._needs_reset = False  # the final reply closes the transaction, either way
        if not taken:
            await link.reply("end of DATA", timeouts.end)
            return
        if not link.lmtp:
            self._decide_rest(await self._final())
            return
        for index in taken:  # RFC 2033 4.2: one reply per recipient taken
            self._results[index] = link.result(self._address(index), await self._final())

    async def _final(self) -> Reply:
        """A reply to a whole message."""
        link = self._link
        reply = await link.reply("end of DATA", link.timeouts.end)
        if reply.intermediate:  # it may wait for more, and take the next command for text
            link.usable = False
        return reply

    async def _send(self, content: Content, behind: bytes) -> None:
        """The message, dot-stuffed, at the peer's pace."""
        link = self._link
        link.step = "DATA"
        if isinstance(content, bytes) and len(content) < BLOCK:
            link.connection.write(self._stuffed_whole(content) + behind)
            self.has_opened = bool(behind)
            return
        pieces = _stuffed([content] if isinstance(content, bytes) else content)
        size = 0
        while (piece := await self._next(pieces)) is not None:
            link.connection.write(piece)
            size += len(piece)
            if size >= BLOCK:
                size = 0
                await self._push()

    def _stuffed_whole(self, content: bytes) -> bytes:
        try:
            return b"".join(stuff((content,)))
        except SyntaxFault as fault:
            self._link.abandon()
            raise _Refusal(Outcome.PERMANENT, "5.6.0", f"Not sent: {fault.text}.") from None

    async def _push(self) -> None:
        """Waits until the server has taken what it was sent; a reply already is a refusal."""
        link = self._link
        link.connection.deadline(link.timeouts.block)
        try:
            await link.connection.drain()
        except Fault as fault:
            if fault.kind is not Kind.CLOSED or not link.connection.pending():
                raise link.broken(fault) from None
        if link.connection.pending():
            reply = await link.reply("DATA", link.timeouts.quit)
            if reply.transient or reply.permanent:
                self._decide_rest(reply)
            raise link.broken(SyntaxFault("it replied before the end of the message"))

    async def _next(self, pieces: AsyncIterator[bytes]) -> bytes | None:
        """The next piece, None after the last; a message that cannot be read ends the link.

        To close is the only way not to deliver half a message.
        """
        try:
            return await anext(pieces, None)
        except SyntaxFault as fault:
            self._link.abandon()
            raise _Refusal(Outcome.PERMANENT, "5.6.0", f"Not sent: {fault.text}.") from None
        except Fault as fault:
            self._link.abandon()
            raise _Refusal(Outcome.TEMPORARY, "4.3.0", fault.text) from None

    async def _reset(self) -> None:
        """Ends a transaction of which nothing came, so that the next may begin."""
        reply = await self._link.command(b"RSET", self._link.timeouts.command)
        self._link.usable = self._link.usable and reply.positive

    # Decisions.

    def _address(self, index: int) -> str:
        return self._envelope.recipients[index].address

    def _undecided(self) -> list[int]:
        count = len(self._envelope.recipients)
        return [
            index
            for index in range(count)
            if index not in self._results and index not in self._left
        ]

    def _decide(self, index: int, outcome: Outcome, status: str, text: str, code: int = 0) -> None:
        self._results[index] = self._link.own_result(
            self._address(index), outcome, status, text, code
        )

    def _decide_rest(self, reply: Reply) -> None:
        for index in self._undecided():
            self._results[index] = self._link.result(self._address(index), reply)

    def _refuse(self, outcome: Outcome, status: str, text: str) -> None:
        self._left.clear()
        for index in self._undecided():
            self._decide(index, outcome, status, text)

    def _stop_at_421(self) -> None:
        if not self._link.usable:
            raise Fault(Kind.UNAVAILABLE, f"{self._link.peer} is ending the session.")


def _for_wire(path: Path, *, utf8: bool) -> Path:
    """The path as the peer can read it: A-labels unless it was told SMTPUTF8."""
    return path if utf8 or path.domain.isascii() else Path(path.local, path.ascii_domain())


async def _stuffed(content: Iterable[bytes] | AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """`data.stuff` for content that comes with or without waiting.

    What waits is stuffed in blocks of whole lines: each block is a message of
    its own to `stuff`, less the end marker.
    """
    if not hasattr(content, "__aiter__"):
        for piece in stuff(content):
            yield piece
        return
    line: list[bytes] = []  # a line whose end has not come yet
    async for chunk in content:
        cut = chunk.rfind(b"\n") + 1
        if cut:
            yield b"".join(stuff([*line, chunk[:cut]])).removesuffix(b".\r\n")
            line.clear()
        if cut < len(chunk):
            line.append(chunk[cut:])
    yield b"".join(stuff(line)) if line else b".\r\n"
