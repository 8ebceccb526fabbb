"""APPEND (RFC 3501 6.3.11): messages streamed to the store, byte for byte as they came.

With MULTIAPPEND (RFC 3502) all messages of one command are stored in one transaction, so
that all are there or none. What is too large is refused before the client is told to go
ahead, or else read and thrown away.
"""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.model.message import Digest
from merpati.servers.imap.client import Client, Done
from merpati.servers.imap.legal import Refused
from merpati.services.digest import digest
from merpati.store import emails, mailboxes
from merpati.store.blobs import Body, Spool
from merpati.store.engine import UNDONE, Transaction
from merpati.wire.imap import append, commands, flags, responses, sets
from merpati.wire.imap.commands import AppendMessage
from merpati.wire.imap.lexer import CommandReader

LARGE: Final = 512 * 1024  # bytes; parsing more would hold up the event loop
MESSAGES_MAX: Final = 100  # of one command
GO_AHEAD: Final = b"+ OK\r\n"
SKIP_MAX: Final = 10 * 1024 * 1024  # bytes read for nothing before the connection is closed


class Ready(msgspec.Struct):
    """One message, ready for its rows."""

    body: Body
    digest: Digest
    keywords: str
    received_at: int


async def receive(client: Client, reader: CommandReader, command: commands.Append) -> Done:
    """Take the messages of an APPEND and store them.

    Raises:
        Fault: why it is refused. The command has been read to its end then, but for a
            literal that the client was not told to send.
    """
    ready: list[Ready] = []
    try:
        await _receive_all(client, reader, command, ready)
    except BaseException:
        _forget(client, ready)
        raise
    try:
        uidvalidity, added = await client.services.store.write(
            _add, client.account_id, command.mailbox, ready
        )
    except Fault as fault:
        if fault.kind in UNDONE:
            _forget(client, ready)
        raise
    for one, stored in zip(ready, added, strict=True):
        if stored.superfluous and one.body.location:
            client.services.blob_store.remove(one.body.location)
    uids = sets.compress([stored.placed[0].uid for stored in added])
    return Done("APPEND completed", responses.appenduid(uidvalidity, uids))


def _forget(client: Client, ready: list[Ready]) -> None:
    """Remove the files of messages that no row will name."""
    for one in ready:
        if one.body.location:
            client.services.blob_store.remove(one.body.location)


async def _receive_all(
    client: Client, reader: CommandReader, command: commands.Append, ready: list[Ready]
) -> None:
    """Read every message of the command; once one is refused, the rest is thrown away."""
    fault: Fault | None = None
    try:
        await client.services.store.read(_mailbox_id, client.account_id, command.mailbox)
    except Fault as problem:
        fault = problem
    message: AppendMessage | None = command.message
    while message is not None:
        if fault is None:
            fault = _objection(client, message, len(ready))
        if message.synchronising:
            if fault is not None:
                raise fault
            client.connection.write(GO_AHEAD)
        client.connection.deadline(client.services.settings.message_timeout)
        if fault is None:
            try:
                ready.append(await _receive(client, message))
            except Fault as problem:
                if problem.kind in {Kind.CLOSED, Kind.TIMEOUT}:
                    raise
                fault = problem
        else:
            await skip(client, message.size)
        reader.leave()
        line = await client.connection.read_line(reader.limits.line)
        message = append.following(line, command.tag, reader.feed(line))
    if fault is not None:
        raise fault


def _objection(client: Client, message: AppendMessage, before: int) -> Fault | None:
    """Why a message is not wanted, before it comes."""
    limit = client.services.settings.message_size
    if message.size > limit:
        return Fault(Kind.TOO_LARGE, f"a message may have {limit} bytes at most")
    if before == MESSAGES_MAX:
        return Fault(Kind.TOO_MANY, f"at most {MESSAGES_MAX} messages at once")
    try:
        client.services.blob_store.check_space()
    except Fault as fault:
        return fault
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


async def _receive(client: Client, message: AppendMessage) -> Ready:
    """One message, from its literal, which has been read to its end in any case."""
    services = client.services
    received_at = client.milliseconds() if message.date is None else message.date * 1000
    spool = services.blob_store.spool()
    try:
        await _fill(client, spool, message.size)
        content = spool.content()
        if message.size > LARGE:
            found = await asyncio.to_thread(digest, content, received_at)
        else:
            found = digest(content, received_at)
        body = await spool.finish()
    finally:
        spool.discard()
    return Ready(body, found, flags.store_form(message.keywords), received_at)


async def _fill(client: Client, spool: Spool, size: int) -> None:
    """Read a literal into the spool; when that refuses, to its end all the same."""
    connection = client.connection
    while size > 0:
        piece = await connection.read_some()
        if len(piece) > size:
            connection.unread(piece[size:])
            piece = piece[:size]
        size -= len(piece)
        try:
            spool.add(piece)
        except Fault:
            await skip(client, size)
            raise


async def _mailbox_id(tx: Transaction, account_id: int, path: str) -> int:
    """The id of the mailbox to append to. Raises Fault with TRYCREATE."""
    found = await mailboxes.find(tx, account_id, path)
    if found is None:
        raise Refused("there is no such mailbox; create it first", responses.TRYCREATE)
    return found.id


async def _add(
    tx: Transaction, account_id: int, path: str, ready: list[Ready]
) -> tuple[int, list[emails.Added]]:
    """All messages or none; the mailbox's UIDVALIDITY, and what became of each."""
    mailbox_id = await _mailbox_id(tx, account_id, path)
    added = []
    for one in ready:
        placement = emails.Placement(account_id, mailbox_id, one.keywords)
        stored = await emails.add(tx, one.body, one.digest, [placement], one.received_at)
        if not stored.placed:
            raise Fault(Kind.OVER_QUOTA, "the message would exceed the quota")
        added.append(stored)
    mailbox = await mailboxes.counters(tx, account_id, mailbox_id)
    assert mailbox is not None
    return mailbox.uidvalidity, added
