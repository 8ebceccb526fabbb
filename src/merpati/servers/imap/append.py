"""APPEND and REPLACE: messages streamed to the store, byte for byte as they came.

RFC 3501 6.3.11 and RFC 8508. With MULTIAPPEND (RFC 3502) all messages of one command are
stored in one transaction, so that all are there or none. A message may be put together from
others (CATENATE, RFC 4469), and have binary parts (RFC 3516), which are encoded for those who
read lines. What is too large is refused before the client is told to go ahead, or else read
and thrown away. However large a message is, no more of it than a piece is in memory.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Final, NoReturn

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.model import rights as letters
from merpati.model.message import Digest
from merpati.servers.imap import rights, rows
from merpati.servers.imap.client import Client, Done
from merpati.servers.imap.events import happened
from merpati.servers.imap.legal import Refused
from merpati.servers.imap.linked import linked
from merpati.servers.imap.sync import sync
from merpati.services import binary
from merpati.services.imap_events import Cause
from merpati.store import blobs, emails, places
from merpati.store.blobs import Body, Spool
from merpati.store.engine import UNDONE, Transaction
from merpati.wire.imap import append, commands, flags, responses, sets, urls
from merpati.wire.imap.append import Begin, Following, FromUrl, Octets, Step, UrlLiteral
from merpati.wire.imap.lexer import BadCommand, CommandReader, Literal
from merpati.wire.mime import downgrade

MESSAGES_MAX: Final = 1_000  # of one command
HELD_MAX: Final = 8 * 1024 * 1024  # bytes of one command in memory; what comes then goes to files
SHORT_MAX: Final = 16  # messages whose rows do not hold up the event loop
GO_AHEAD: Final = b"+ OK\r\n"
NUL: Final = "a message with NUL in it must be sent as a binary literal, ~{size}"
SKIP_MAX: Final = 10 * 1024 * 1024  # bytes read for nothing before the connection is closed
GONE: Final = frozenset({Kind.CLOSED, Kind.TIMEOUT})  # nobody is there to hear why


class Ready(msgspec.Struct):
    """One message, ready for its rows."""

    body: Body
    digest: Digest
    keywords: str
    received_at: int


async def decline(
    client: Client, reader: CommandReader, command: commands.Append, fault: Fault
) -> NoReturn:
    """Read an APPEND or REPLACE that is not legal now to its end, and raise `fault`.

    Otherwise the messages, which some clients send without being asked, would be taken for
    commands.
    """
    await _Taking(client, reader, command, fault).all()
    raise fault


async def receive(client: Client, reader: CommandReader, command: commands.Append) -> Done:
    """Take the messages of an APPEND or REPLACE and store them.

    Raises:
        Fault: why it is refused. The command has been read to its end then, but for a
            literal that the client was not told to send.
    """
    taking = _Taking(client, reader, command)
    try:
        await taking.all()
        replaced = await _replaced(client, command)
    except BaseException:
        _forget(client, taking.ready)
        raise
    ready = taking.ready
    try:
        store = client.services.store
        write = store.write if len(ready) <= SHORT_MAX else store.write_long
        place, added = await write(
            _add, client.account_id, command.mailbox, ready, client.milliseconds(), replaced
        )
    except Fault as fault:
        client.filled = ""
        if fault.kind in UNDONE:
            _forget(client, ready)
        raise
    client.filled = command.mailbox
    for one, stored in zip(ready, added, strict=True):
        if stored.superfluous and one.body.location:
            client.services.blob_store.remove(one.body.location)
    numbers = [stored.placed[0].uid for stored in added]
    await happened(client, Cause.APPEND, command.mailbox, numbers)
    client.tell_spelling(command.mailbox, command.written)
    if client.view is not None and client.view.name == command.mailbox:
        client.view.made = client.view.made.union(numbers)
    code = None
    if letters.READ in place.rights:  # RFC 9051 11.4
        code = responses.appenduid(place.mailbox.uidvalidity, sets.compress(numbers))
    if isinstance(command, commands.Replace):  # RFC 8508 4.3: untagged, before the EXPUNGE
        client.connection.write(responses.untagged(responses.Condition.OK, "replaced", code))
        await sync(client, expunge=True, uid=command.uid)
        told = responses.highestmodseq(client.selected.modseq) if client.condstore else None
        return Done("REPLACE completed", told)  # RFC 8508 4.5
    return Done("APPEND completed", code)


def _forget(client: Client, ready: list[Ready]) -> None:
    """Remove the files of messages that no row will name."""
    for one in ready:
        if one.body.location:
            client.services.blob_store.remove(one.body.location)


class _Taking:
    """The messages of one command, as they come; once one is refused, the rest is thrown away."""

    def __init__(
        self, client: Client, reader: CommandReader, command: commands.Append,
        fault: Fault | None = None,
    ) -> None:  # fmt: skip
        self.ready: list[Ready] = []
        self._client = client
        self._reader = reader
        self._command = command
        self._literal: Literal | None = command.literal  # announced, and not yet read
        self._fault = fault
        self._begun = Begin((), None)
        self._spool = client.services.blob_store.spool()
        self._is_binary = False
        self._count = 0
        self._held = 0

    async def all(self) -> None:
        """Read the command to its end. Raises Fault, as `receive`.

        A client that moves its mail here fills one mailbox: whether that still is there needs
        not be asked before each message, as the transaction does so after it.
        """
        client, mailbox = self._client, self._command.mailbox
        try:
            if self._fault is None and client.filled != mailbox:
                await client.services.store.read(rights.target, client.account_id, mailbox)
        except Fault as problem:
            self._fault = problem
        steps = append.messages(self._command)
        try:
            step = _next(steps, None)
            while step is not None:
                step = _next(steps, await self._do(step))
        except BadCommand:
            await self._skip_rest()
            raise
        finally:
            self._spool.discard()
        if self._fault is not None:
            raise self._fault

    async def _do(self, step: Step) -> Following | None:
        """One step; what followed it, if that took a literal."""
        if isinstance(step, Octets):
            await self._octets(step)
            return await self._following()
        if isinstance(step, UrlLiteral):
            return await self._following(await self._url_literal(step.literal))
        if isinstance(step, Begin):
            self._begin(step)
        elif self._fault is None:
            try:
                if isinstance(step, FromUrl):
                    await self._from_url(step.url)
                else:
                    await self._finish()
            except Fault as fault:
                self._refuse(fault)
        return None

    def _begin(self, step: Begin) -> None:
        self._begun = step
        self._is_binary = False
        room = min(blobs.INLINE_MAX, max(HELD_MAX - self._held, 0))
        self._spool = self._client.services.blob_store.spool(room)
        self._count += 1
        if self._fault is None and self._count > MESSAGES_MAX:
            self._fault = Fault(Kind.TOO_MANY, f"at most {MESSAGES_MAX} messages at once")

    async def _octets(self, step: Octets) -> None:
        """A literal of the message, into its spool."""
        if self._fault is None:
            self._fault = self._objection(step.size)
        if step.synchronising:
            if self._fault is not None:
                raise self._fault
            self._client.connection.write(GO_AHEAD)
        self._deadline()
        self._literal = None
        if self._fault is not None:
            await skip(self._client, step.size)
            return
        self._is_binary |= step.binary
        try:
            await _fill(self._client, self._spool, step)
        except Fault as fault:
            self._refuse(fault)

    async def _url_literal(self, literal: Literal) -> bytes:
        """A URL that comes as a literal; empty when it is too long for one."""
        if literal.synchronising:
            if literal.size > urls.URL_MAX:
                raise BadCommand("this literal is too long", self._command.tag)
            self._client.connection.write(GO_AHEAD)
        self._deadline()
        self._literal = None
        if literal.size > urls.URL_MAX:
            await skip(self._client, literal.size)
            return b""
        return await self._client.connection.read_exactly(literal.size)

    async def _following(self, data: bytes = b"") -> Following:
        """The line after a literal."""
        reader = self._reader
        reader.leave()
        line = await self._client.connection.read_line(reader.limits.line)
        self._literal = reader.feed(line)
        return Following(line, self._literal, data)

    async def _from_url(self, url: bytes) -> None:
        """A piece of another message, into the spool (RFC 4469 4)."""
        content, found = await linked(self._client, url)
        size = len(found) if isinstance(found, bytes) else found[1] - found[0]
        objection = self._objection(size)
        if objection is not None:
            raise objection
        async for piece in content.pieces(found):
            self._spool.add(piece)
            self._deadline()

    async def _finish(self) -> None:
        """The message is whole: parse it, and make its bytes safe."""
        client, begun = self._client, self._begun
        received_at = client.milliseconds() if begun.date is None else begun.date * 1000
        try:
            if not self._spool.size:  # RFC 3502: it takes back the whole command
                raise Refused("a message may not be empty")
            if self._is_binary:
                await self._armour()
            self._check_header()
            found = await client.services.digester.digest(self._spool.content(), received_at)
            body = await self._spool.finish()
        finally:
            self._spool.discard()
        self._held += len(body.data)
        keywords = flags.store_form(begun.keywords)
        self.ready.append(Ready(body, found, keywords, received_at))

    def _check_header(self) -> None:
        """Raise Refused for a message with addresses in UTF-8 from who never said so (RFC 9755 4).

        The RFC means every 8-bit character. But much old mail has them in subjects and names,
        and programs that move it here know nothing of UTF8=ACCEPT: refused, it would be lost.
        """
        if self._client.utf8:
            return
        raw = self._spool.content()
        end = raw.find(b"\r\n\r\n", 0, downgrade.HEADER_MAX) + 4
        head = raw[:end] if end >= 4 else b""
        if not head.isascii() and downgrade.is_wanted(head):
            raise Refused("addresses that are not ASCII need ENABLE UTF8=ACCEPT", responses.CANNOT)

    async def _armour(self) -> None:
        """Encode binary parts, so that lines can tell of them."""
        raw = self._spool
        self._spool = await binary.without_nul(raw, self._client.services.blob_store.spool())
        if self._spool is not raw:
            raw.discard()
        self._deadline()

    async def _skip_rest(self) -> None:
        """Read what the client sends of a command that cannot be obeyed, without being asked."""
        while self._literal is not None and not self._literal.synchronising:
            self._deadline()
            await skip(self._client, self._literal.size)
            await self._following()

    def _objection(self, more: int) -> Fault | None:
        """Why the message is not wanted, before more of it comes."""
        limit = self._client.services.settings.message_size
        if self._spool.size + more > limit:
            return Fault(Kind.TOO_LARGE, f"a message may have {limit} bytes at most")
        try:
            self._client.services.blob_store.check_space()
        except Fault as fault:
            return fault
        return None

    def _refuse(self, fault: Fault) -> None:
        """Throw the rest away, if there still is somebody who sends it."""
        if fault.kind in GONE:
            raise fault
        self._fault = fault
        self._spool.discard()

    def _deadline(self) -> None:
        self._client.connection.deadline(self._client.services.settings.message_timeout)


def _next(
    steps: Generator[Step, Following | None, None], following: Following | None
) -> Step | None:
    try:
        return steps.send(following)
    except StopIteration:
        return None


async def skip(client: Client, size: int) -> None:
    """Read a literal that nobody wants.

    Raises:
        Fault: CLOSED, after BYE, when it is too large for that.
    """
    if size > SKIP_MAX:
        client.end("that is more than can be ignored")
        raise Fault(Kind.CLOSED, "a literal was announced that is too large")
    connection = client.connection
    while size > 0:
        piece = await connection.read_some()
        if len(piece) > size:
            connection.unread(piece[size:])
        size -= len(piece)


async def _fill(client: Client, spool: Spool, step: Octets) -> None:
    """Read a literal into the spool; when that refuses, to its end all the same.

    Raises:
        Refused: it holds NUL and is no `literal8` (RFC 9051 9, CHAR8): what was sent could not
            be told again.
        Fault: as `Spool.add`, `Connection.read_some`.
    """
    connection, size = client.connection, step.size
    while size > 0:
        piece = await connection.read_some()
        if len(piece) > size:
            connection.unread(piece[size:])
            piece = piece[:size]
        size -= len(piece)
        try:
            if not step.binary and 0 in piece:
                raise Refused(NUL, responses.CANNOT)
            spool.add(piece)
        except Fault:
            await skip(client, size)
            raise


class Replaced(msgspec.Struct, frozen=True):
    """The message that a REPLACE takes away."""

    account_id: int
    mailbox_id: int
    uid: int


async def _replaced(client: Client, command: commands.Append) -> Replaced | None:
    """What a REPLACE names. Raises Fault when there is no such message (RFC 8508 3.5)."""
    if not isinstance(command, commands.Replace):
        return None
    view = client.writable()
    await view.load(client.services.store)
    only = (command.number, command.number)
    wanted = rows.named(view, sets.SequenceSet((only,)), uid=command.uid)
    if not wanted.uids:
        raise Refused("there is no such message", responses.NONEXISTENT)
    return Replaced(view.account_id, view.mailbox_id, wanted.uids[0])


async def _add(
    tx: Transaction,
    user_id: int,
    path: str,
    ready: Sequence[Ready],
    now: int,
    replaced: Replaced | None,
) -> tuple[places.Place, list[emails.Added]]:
    """All messages or none; where they are now, and what became of each."""
    place = await rights.target(tx, user_id, path)
    account_id, mailbox_id = place.account_id, place.mailbox.id
    if replaced is not None:  # first, so that the room it took is there for its successor
        _, gone = await emails.remove(tx, replaced.account_id, replaced.mailbox_id, [replaced.uid])
        if not gone:
            raise Refused("the message is gone", responses.EXPUNGEISSUED)
    added = []
    for one in ready:
        keywords = letters.settable(one.keywords, place.rights)
        placement = emails.Placement(account_id, mailbox_id, keywords)
        stored = await emails.add(
            tx, one.body, one.digest, [placement], one.received_at, now, disabled=True
        )
        if not stored.placed:
            raise Fault(Kind.OVER_QUOTA, "the message would exceed the quota")
        added.append(stored)
    return place, added
