"""An IMAP session (RFC 3501, and the extensions that `legal` lists).

The session is one coroutine. It reads a command with its literals, looks in the table
whether it is legal now, and lets the command's function act on the `Client`. That one
writes untagged responses; here the view is brought up to date and the tagged answer
written. Answers leave when the session next waits, so a pipelined batch costs one packet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from merpati.base.faults import Fault, Kind
from merpati.net.stream import Connection, LongLine
from merpati.servers.imap import (
    acl,
    append,
    batches,
    context,
    fetch,
    idle,
    listing,
    mailboxes,
    metadata,
    multisearch,
    options,
    quota,
    rights,
    search,
    sign_in,
    sort,
    store,
    thread,
    uidonly,
    urlauth,
    watch,
)
from merpati.servers.imap.client import ANSWERED, Client, Done, ImapSettings, Services
from merpati.servers.imap.legal import (
    HOLDS_EXPUNGE,
    Refused,
    check,
    refusal,
)
from merpati.servers.imap.matching import asks_numbers
from merpati.servers.imap.sync import sync
from merpati.servers.imap.view import View
from merpati.wire.imap import append as append_grammar
from merpati.wire.imap import commands, finding, parser, responses
from merpati.wire.imap import session as grammar
from merpati.wire.imap import urlauth as url_grammar
from merpati.wire.imap.lexer import (
    AFTER_LOGIN,
    BEFORE_LOGIN,
    BadCommand,
    CommandReader,
    Literal,
    tag_of,
)
from merpati.wire.imap.metadata import TooLarge
from merpati.wire.imap.notify import BADEVENT, BadEvent, Notify
from merpati.wire.imap.parser import BadCharset
from merpati.wire.imap.responses import Condition
from merpati.wire.imap.search import CHARSETS

__all__ = ["ImapSettings", "Services", "Session", "refuse"]

TURN: Final = 16  # commands that came together, before other sessions have their turn
WRONG: Final = frozenset({Kind.SYNTAX, Kind.BAD_SEQUENCE, Kind.AUTH_FAILED})
TOO_LONG: Final = "this literal is too long"
ENDS: Final = frozenset({Kind.CLOSED, Kind.TIMEOUT})


class Session:
    """One client's session on one connection."""

    __slots__ = ("_client", "_connection", "_errors", "_services")

    def __init__(self, connection: Connection, services: Services, login_without_tls: bool) -> None:
        """Prepares; `run` serves.

        `login_without_tls` lets clients on this machine sign in without TLS.
        """
        self._connection = connection
        self._services = services
        self._client = Client(connection, services, login_without_tls=login_without_tls)
        self._errors = 0

    async def run(self) -> None:
        """Serve the client until it leaves, is silent for too long, or makes too many errors."""
        client, connection = self._client, self._connection
        connection.deadline(self._services.settings.login_timeout)
        code = responses.capability_code(sign_in.offered(client))
        connection.write(responses.untagged(Condition.OK, "Merpati is ready", code))
        idle_timeout = self._services.settings.idle_timeout
        try:
            turn = 0
            while not (client.over or connection.draining):
                if client.account_id:
                    connection.deadline(idle_timeout)
                await self._step()
                turn += 1
                if turn % TURN == 0:
                    await asyncio.sleep(0)
        except Fault as fault:
            if fault.kind is Kind.TIMEOUT:
                client.end("nothing was said for too long")
            elif fault.kind is not Kind.CLOSED and not connection.draining:
                raise
        finally:
            watch.end(client)
            client.close()
        if connection.draining and not client.over:
            client.end("restarting, connect again in a moment")
        await connection.close()

    async def _step(self) -> None:
        """One command and its answer."""
        tag: bytes | None = None
        client, connection = self._client, self._connection
        reader: CommandReader | None = None
        try:
            limits = AFTER_LOGIN if client.account_id else BEFORE_LOGIN
            if client.watch is not None:
                await idle.wait(client, expunge=not client.watch.delays_expunge)
            line = await connection.read_line(limits.line, idle=True)
            if line.endswith(b"}"):  # it may announce a literal
                reader = CommandReader(limits)
                command = await self._read(reader, line)
            else:
                command = parser.parse_line(line, utf8=client.utf8)
            tag = command.tag
            await self._obey(command, reader)
            if client.account_id:
                self._errors = 0
        except BadCharset as fault:
            if fault.saves and self._client.view is not None:  # RFC 5182 2.1
                self._client.view.saved = ()
            code = responses.badcharset(CHARSETS)
            condition = Condition.BAD if fault.filters else Condition.NO
            self._refuse(responses.tagged(fault.tag or b"*", condition, fault.text, code))
        except BadEvent as fault:
            self._refuse(responses.tagged(fault.tag or b"*", Condition.NO, fault.text, BADEVENT))
        except TooLarge as fault:
            code = metadata.MAXSIZE
            self._refuse(responses.tagged(fault.tag or b"*", Condition.NO, fault.text, code))
        except BadCommand as fault:
            self._refuse(refusal(fault.tag, fault, self._client.said), wrong=True)
        except LongLine as fault:
            tag = tag_of(fault.beginning) if reader is None else reader.head()[0]
            self._refuse(responses.bad(tag, client.said(fault.text)), wrong=True)
        except Fault as fault:
            if fault.kind in ENDS or self._connection.draining:
                raise
            answer = refusal(tag, fault, self._client.said)
            self._refuse(answer, wrong=tag is None or fault.kind in WRONG)

    async def _read(self, reader: CommandReader, line: bytes) -> commands.Command:
        """A command whose first line may announce a literal; an APPEND up to its message.

        Raises:
            BadCommand: it is none; its literals have been read or will not come.
            Fault: as `Connection.read_line`.
        """
        client, connection = self._client, self._connection
        literal = reader.feed(line)
        while literal is not None:
            if self._client.account_id and _brings_messages(reader):
                try:
                    command = append_grammar.first(reader, literal, utf8=client.utf8)
                except BadCommand as fault:
                    if literal.synchronising:
                        raise
                    await append.skip(self._client, literal.size)
                    reader.skip(fault.text)
                else:
                    if command is not None:
                        return command
                    await self._literal(reader, literal)
            else:
                await self._literal(reader, literal)
            literal = reader.feed(await connection.read_line(reader.limits.line))
        if reader.refused == TOO_LONG:
            raise self._too_long(reader)
        return parser.parse(reader, utf8=client.utf8)

    async def _literal(self, reader: CommandReader, literal: Literal) -> None:
        """Take a literal into the command."""
        if literal.fits:
            if literal.synchronising:
                parser.check_head(reader)
                self._connection.write(append.GO_AHEAD)
            reader.fill(await self._connection.read_exactly(literal.size))
        elif literal.synchronising:
            raise self._too_long(reader)
        else:
            if not self._client.account_id and literal.size > BEFORE_LOGIN.total:
                self._client.end("sign in before sending that much")
                raise Fault(Kind.CLOSED, "a long literal before signing in")
            await append.skip(self._client, literal.size)
            reader.skip(TOO_LONG)

    def _too_long(self, reader: CommandReader) -> BadCommand:
        """The refusal of a command with a literal longer than any that is read."""
        tag, name = reader.head()
        is_value = name == b"SETMETADATA" and self._client.account_id
        return TooLarge(TOO_LONG, tag) if is_value else BadCommand(TOO_LONG, tag)

    async def _obey(self, command: commands.Command, reader: CommandReader | None) -> None:
        """Do what a command says, if it is legal here and now, and answer it.

        `reader`: that has read its literals, if it has any.
        """
        client, view = self._client, self._client.view
        kind = type(command)
        try:
            check(client.state, command)
            if client.uidonly:
                uidonly.check(command)
            if view is not None:
                view.lowest = 0
                if view.account_id != client.account_id:
                    await rights.check(client, command)
        except Fault as fault:
            if isinstance(command, commands.Append):
                await append.decline(client, reader or CommandReader(), command, fault)
            raise
        try:
            if isinstance(command, commands.Append):
                done = await append.receive(client, reader or CommandReader(), command)
            else:
                done = await HANDLERS[kind](client, command)
        except Refused as refusal:
            if refusal.code == responses.EXPUNGEISSUED and client.view and client.view.lowest:
                self._connection.write(_limited(client, client.view, Condition.NO))
            raise
        if done is ANSWERED or client.over:
            return
        view = client.view
        if client.watch is not None or (
            view is not None and (client.changed or view.held or view.lowest or kind in LOOKS)
        ):
            done = await self._tell(command, done)
        # Also after a BYE, as LOGOUT has it: what was done need not be done again.
        text = client.said(done.text)
        self._connection.write(responses.tagged(command.tag, Condition.OK, text, done.code))

    async def _tell(self, command: commands.Command, done: Done) -> Done:
        """Tell what has happened besides, as far as this command allows; the answer to it."""
        client, watched, view = self._client, self._client.watch, self._client.view
        kind = type(command)
        if watched is not None and kind in watch.OWN:
            await watch.own(client, watched, command)
        if view is not None and view.lowest:
            if done.code is not None:
                self._connection.write(responses.untagged(Condition.OK, done.text, done.code))
            code = grammar.messagelimit(view.limit, view.lowest)
            done = Done("only the newest of them were taken", code)
        if view is not None and (watched is None or watched.selected):
            expunge = not (_holds_expunge(command) or self._connection.pending())
            if client.changed or kind in LOOKS or (view.held and expunge):
                await sync(client, expunge=expunge, uid=names_uids(command))
            # RFC 7162 3.2: how far all has been told
            if client.qresync and view.held and not client.over:
                code = responses.highestmodseq(max(view.safe, 1))
                text = client.said("what was removed is told later")
                self._connection.write(responses.untagged(Condition.OK, text, code))
        if watched is not None and watched.stale and not client.over:
            await watch.tell_others(client, watched)
        return done

    def _refuse(self, answer: bytes, *, wrong: bool = False) -> None:
        self._connection.write(answer)
        self._errors += wrong
        # What speaks another protocol here, or guesses, has not signed in.
        most = self._services.settings.errors * (5 if self._client.account_id else 1)
        if self._errors >= most and not self._client.over:
            self._client.end("too many wrong commands")


def _holds_expunge(command: commands.Command) -> bool:
    """Whether no EXPUNGE may be sent during a command: its numbers would mean others."""
    if type(command) not in HOLDS_EXPUNGE:
        return False
    if isinstance(command, commands.Search | finding.Sort | finding.Thread):
        return not command.uid or asks_numbers(command.key)
    if isinstance(command, finding.MultiSearch):
        return asks_numbers(command.key)
    return not getattr(command, "uid", False)


def names_uids(command: commands.Command) -> bool:
    """Whether a command begins with UID, so that what it tells has UIDs, too (RFC 9051 6.4.9)."""
    if isinstance(command, commands.Expunge):
        return command.uids is not None
    return getattr(command, "uid", False)


def _limited(client: Client, view: View, condition: Condition) -> bytes:
    """How far a command came that took only the newest messages."""
    code = grammar.messagelimit(view.limit, view.lowest)
    return responses.untagged(condition, client.said("only the newest of them were taken"), code)


def _brings_messages(reader: CommandReader) -> bool:
    """Whether the literal just announced may be a message that is streamed."""
    return reader.head()[1] in append_grammar.COMMANDS and not reader.refused


def refuse(fault: Fault) -> bytes:
    """What a client is told that is not let in at all."""
    return responses.untagged(Condition.BYE, fault.text)


async def _noop(_client: Client, _command: commands.Noop) -> Done:
    return NOTHING_DONE


async def _check(_client: Client, _command: commands.Check) -> Done:
    return Done("CHECK completed")


NOTHING_DONE: Final = Done("NOOP completed")


async def _logout(client: Client, command: commands.Logout) -> Done:
    client.end("see you")
    text = client.said("LOGOUT completed")
    client.connection.write(responses.tagged(command.tag, Condition.OK, text))
    return ANSWERED


# After these the client is told of changes even if none was announced.
LOOKS: Final = frozenset({commands.Noop, commands.Check})

Handler = Callable[[Client, Any], Awaitable[Done]]

HANDLERS: Final[dict[type[commands.Command], Handler]] = {
    commands.Capability: options.capability,
    commands.Noop: _noop,
    commands.Logout: _logout,
    commands.Id: options.id_,
    commands.Enable: options.enable,
    grammar.Language: options.language,
    grammar.Compress: options.compress,
    grammar.GetJmapAccess: options.get_jmap_access,
    commands.StartTls: sign_in.starttls,
    commands.Authenticate: sign_in.authenticate,
    commands.Login: sign_in.login,
    grammar.Unauthenticate: sign_in.unauthenticate,
    commands.Namespace: mailboxes.namespace,
    commands.Select: mailboxes.select,
    commands.Create: mailboxes.create,
    commands.Delete: mailboxes.delete,
    commands.Rename: mailboxes.rename,
    commands.Subscribe: mailboxes.subscribe,
    commands.Unsubscribe: mailboxes.unsubscribe,
    commands.List: listing.list_,
    commands.Lsub: listing.lsub,
    commands.Status: mailboxes.status,
    **acl.HANDLERS,
    **quota.HANDLERS,
    **metadata.HANDLERS,
    commands.Idle: idle.idle,
    Notify: watch.notify,
    grammar.UidBatches: batches.uid_batches,
    commands.Check: _check,
    commands.Close: mailboxes.close,
    commands.Unselect: mailboxes.unselect,
    commands.Expunge: store.expunge,
    commands.Search: search.search,
    finding.Sort: sort.sort,
    finding.Thread: thread.thread,
    finding.MultiSearch: multisearch.multisearch,
    finding.CancelUpdate: context.cancel,
    commands.Fetch: fetch.fetch,
    commands.Store: store.store,
    commands.Copy: store.copy,
    url_grammar.GenUrlAuth: urlauth.generate,
    url_grammar.UrlFetch: urlauth.fetch,
    url_grammar.ResetKey: urlauth.reset,
    commands.Move: store.move,
}
