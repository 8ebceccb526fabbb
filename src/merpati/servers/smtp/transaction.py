"""MAIL, RCPT, DATA and BDAT: one message from its sender to the 250 that means durable.

The commands of a pipelined run are answered without waiting for anything, as long as the
router remembers the recipients; only then there is a coroutine. Whatever is refused after
354, or in a chunk of BDAT, is read to its end first, so that the session can go on.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.model.arrival import (
    NO_OPTIONS,
    NO_RECIPIENT_OPTIONS,
    Arrival,
    Options,
    RecipientOptions,
    Route,
)
from merpati.servers.smtp.client import Client, Incoming
from merpati.servers.smtp.legal import (
    DELIVER_BY_MIN,
    Refused,
    Role,
    State,
    check,
    check_parameters,
    refusal,
)
from merpati.store import directory
from merpati.store.blobs import Spool
from merpati.wire.smtp import commands
from merpati.wire.smtp.chunks import ChunkDecoder
from merpati.wire.smtp.data import BareNewlines, DataDecoder
from merpati.wire.smtp.parameters import (
    NO_MAIL_PARAMETERS,
    NO_RCPT_PARAMETERS,
    Body,
    MailParameters,
    RcptParameters,
)
from merpati.wire.smtp.paths import Path

SENDER_OK: Final = b"250 2.1.0 OK\r\n"
RECIPIENT_OK: Final = b"250 2.1.5 OK\r\n"
GO_AHEAD: Final = b"354 End with a line that is only a dot\r\n"
OK: Final = b"250 2.0.0 OK\r\n"

# RFC 5321 4.5.3.2.5: how long a peer may be silent within a message, and how long one
# may take before it has to be of some speed.
DATA_TIMEOUT: Final = 300.0
# What may follow a message that is too large, before the connection is closed on it.
DISCARD_FACTOR: Final = 16


# Sender


def mail(client: Client, command: commands.Mail) -> Awaitable[None] | None:
    """RFC 5321 4.1.1.2."""
    policy = client.policy
    if client.signs_in and not client.account_id:
        raise Fault(Kind.AUTH_REQUIRED, "sign in first")
    if policy.require_tls and client.connection.tls is None:
        raise Refused(530, "5.7.0", "use STARTTLS first")  # RFC 3207 4
    params = command.params
    if params is not NO_MAIL_PARAMETERS:
        _check_mail(client, params)
    _check_again(client)
    path = command.path
    if not params.smtputf8 and not path.is_ascii:
        raise Refused(553, "5.6.7", "the address needs SMTPUTF8")
    if policy.role is Role.DEVICE:
        return _mail_of_device(client, path, params)
    if client.account_id and not path.is_null:
        _check_own(client, path)
    if not client.account_id:
        client.services.rates.begin(client.key)
    _begin(client, path, params)
    return None


def _check_mail(client: Client, params: MailParameters) -> None:
    settings = client.services.settings
    check_parameters(params, client.unoffered)
    if params.size is not None and params.size > settings.message_size:  # RFC 1870 6.1
        raise _too_large(client)
    if params.by and params.by.mode == "R" and params.by.seconds < DELIVER_BY_MIN:
        raise Refused(554, "5.4.7", f"BY with mode R must leave {DELIVER_BY_MIN} seconds")
    if params.hold_for or params.hold_until:
        until = params.hold_until - client.services.clock.now()
        if max(params.hold_for, until) > settings.hold:  # RFC 4865 4.2
            raise Refused(501, "5.5.4", f"held back for {settings.hold} seconds at most")


def _check_again(client: Client) -> None:
    if client.messages >= client.services.settings.messages:
        client.over = True
        raise Refused(421, "4.7.0", "enough for one connection; connect again")


def _check_own(client: Client, path: Path) -> None:
    """Whoever is signed in sends under an address of that account, or with a +tag of it."""
    if client.senders is not None and not client.senders.may(str(path)):
        raise Fault(Kind.DENIED, f"{path} is not an address of {client.account}")


async def _mail_of_device(client: Client, path: Path, params: MailParameters) -> None:
    """A device has no password: what it may do is what its listener says."""
    policy, services = client.policy, client.services
    if policy.messages:
        services.rates.device(client.connection.peer, policy.messages)
    if policy.sender is not None and not client.account_id:
        account = await services.store.read(directory.find_account, str(policy.sender))
        if account is None or account.disabled:
            text = f"{policy.sender}, the sender of this port, is no account that may send"
            raise Refused(451, "4.3.5", text)  # until the administrator has mended it
        client.account_id, client.account = account.id, account.address
    _begin(client, policy.envelope_sender(path), params)


def _begin(client: Client, sender: Path, params: MailParameters) -> None:
    client.sender = sender
    client.smtputf8 = params.smtputf8
    client.binary = params.body is Body.BINARY_MIME
    client.options = _options(client, params)
    client.state = State.MAIL
    client.connection.deadline(client.services.settings.message_timeout)
    client.due = client.connection.due
    client.connection.write(SENDER_OK)


def _options(client: Client, params: MailParameters) -> Options:
    """What the parameters ask of the queue (RFC 2852, RFC 4865, RFC 6710, RFC 8689)."""
    if params is NO_MAIL_PARAMETERS:
        return NO_OPTIONS
    by, hold = params.by, params.hold_until * 1000
    asked = (by, hold, params.hold_for, params.ret, params.envid, params.priority)
    if not any(asked) and not params.require_tls:
        return NO_OPTIONS
    now = int(client.services.clock.now() * 1000)
    if params.hold_for:
        hold = now + params.hold_for * 1000
    return Options(
        ret=params.ret,
        envid=params.envid,
        deliver_by=now + by.seconds * 1000 if by else 0,
        by_mode=by.mode if by else "",
        by_trace=by.trace if by else False,
        hold_until=hold,
        priority=params.priority or 0,
        require_tls=params.require_tls,
    )


# Recipients


def rcpt(client: Client, command: commands.Rcpt) -> Awaitable[None] | None:
    """RFC 5321 4.1.1.3."""
    path, params = command.path, command.params
    if params is not NO_RCPT_PARAMETERS:
        check_parameters(params, client.unoffered)
    if len(client.routes) >= client.services.settings.recipients:
        raise _too_many_recipients(client)
    if not client.smtputf8 and not path.is_ascii:
        raise Refused(553, "5.6.7", "the address needs SMTPUTF8")
    relay = client.account_id != 0
    if client.policy.role is Role.DEVICE:
        if not client.policy.serves(path):
            raise Fault(Kind.DENIED, f"{path} is no address that this device may write to")
        relay = client.policy.relays(path)
    route = client.services.router.known(path, relay=relay)
    if route is None:
        return _look_up(client, path, params, relay=relay)
    _take(client, route, params)
    return None


async def _look_up(client: Client, path: Path, params: RcptParameters, *, relay: bool) -> None:
    _take(client, await client.services.router.route(path, relay=relay), params)


def _take(client: Client, route: Route, params: RcptParameters) -> None:
    if params is not NO_RCPT_PARAMETERS and (params.notify or params.orcpt):
        options = RecipientOptions(params.notify, params.orcpt)
        route = msgspec.structs.replace(route, options=options)
    elif route.options is not NO_RECIPIENT_OPTIONS:
        route = msgspec.structs.replace(route, options=NO_RECIPIENT_OPTIONS)
    client.routes.append(route)
    client.state = State.RCPT
    client.connection.write(RECIPIENT_OK)


def _too_many_recipients(client: Client) -> Fault:
    """RFC 5321 4.5.3.1.10. A client with a long list is told so for each; a flood is an error."""
    client.overshoot += 1
    counts = client.overshoot > client.services.settings.recipients
    return Refused(452, "4.5.3", "too many recipients; send the rest apart", counts=counts)


# The message


async def data(client: Client, _command: commands.Data) -> None:
    """RFC 5321 4.1.1.4."""
    if client.binary:  # RFC 3030 3
        raise Fault(Kind.BAD_SEQUENCE, "a message with BODY=BINARYMIME comes by BDAT")
    try:
        services = client.services
        if (waiting := _may_send(client)) is not None:
            await waiting
        origin = client.origin()
        trace_id, spool = services.accept.begin()
        try:
            client.connection.write(GO_AHEAD)
            decoder = await _receive(client, spool)
            if decoder.fault is not None:
                raise _not_mail(decoder.fault)
            if decoder.size > services.settings.message_size:
                raise _too_large(client)
            arrival = Arrival(
                "" if client.sender.is_null else str(client.sender),
                tuple(client.routes), origin, client.smtputf8, client.options,
                senders=client.senders, apart=client.policy.role is Role.LMTP,
            )  # fmt: skip
            await _accept(client, trace_id, spool, arrival)
        except Fault as fault:
            _refuse_the_others(client, fault)
            raise
        finally:
            spool.discard()
    finally:
        client.reset()


async def _receive(client: Client, spool: Spool) -> DataDecoder:
    """Read a message to its end, whatever becomes of it, so that the session can go on.

    Raises:
        Fault: what the spool refused, once the end has been read.
    """
    decoder = DataDecoder(_newlines(client))
    limit = client.services.settings.message_size
    connection = client.connection
    taken = connection.bytes_in
    refused: Fault | None = None
    while not decoder.done:
        _be_patient(client, connection.bytes_in - taken)
        for piece in decoder.feed(await connection.read_some()):
            if refused is None and decoder.size <= limit:
                try:
                    spool.add(piece)
                except Fault as fault:
                    refused = fault
            else:
                spool.discard()
                _check_flood(client, decoder.size)
    if decoder.rest:
        connection.unread(decoder.rest)
    if refused is not None:
        raise refused
    return decoder


async def _accept(client: Client, trace_id: str, spool: Spool, arrival: Arrival) -> None:
    """Have a whole message taken over, and answer: over LMTP for each recipient (RFC 2033 4.2)."""
    refused = await client.services.accept.take(trace_id, spool, arrival)
    client.messages += 1
    client.errors = 0  # who brings mail may also bring dead addresses
    client.idle = 0
    taken = b"250 2.0.0 Taken as %b\r\n" % trace_id.encode()
    if client.policy.role is not Role.LMTP:
        client.connection.write(taken)
        return
    for route in arrival.routes:
        fault = refused.get(route.address)
        client.connection.write(refusal(fault, utf8=client.smtputf8) if fault else taken)


def _refuse_the_others(client: Client, fault: Fault) -> None:
    """Over LMTP a message is refused for each recipient; the last reply is the session's."""
    if client.policy.role is Role.LMTP and fault.kind not in {Kind.CLOSED, Kind.TIMEOUT}:
        reply = refusal(fault, utf8=client.smtputf8)
        client.connection.write(reply * (len(client.routes) - 1))


def _be_patient(client: Client, size: int) -> None:
    """Set the deadline of the next bytes: nobody may be silent for long, nor slow for ever."""
    client.be_patient(DATA_TIMEOUT)
    settings = client.services.settings
    if settings.slowest:
        begun = client.due - settings.message_timeout
        allowed = begun + DATA_TIMEOUT + size / settings.slowest
        client.connection.due = min(client.connection.due, allowed)


def _check_flood(client: Client, size: int) -> None:
    """End a session that goes on and on with a message that was refused long ago."""
    if size > client.services.settings.message_size * DISCARD_FACTOR:
        client.over = True
        raise _too_large(client)


def _newlines(client: Client) -> BareNewlines:
    """Devices write what they like; anyone else could be cutting one message into two."""
    if client.binary:
        return BareNewlines.KEEP
    return BareNewlines.NORMALISE if client.policy.role is Role.DEVICE else BareNewlines.REFUSE


def _too_large(client: Client) -> Fault:
    most = client.services.settings.message_size
    return Fault(Kind.TOO_LARGE, f"the message may have {most} bytes at most")


def _not_mail(fault: Fault) -> Fault:
    return Refused(550, "5.6.0", fault.text)


# The message in chunks


@dataclass(slots=True)
class Chunk:
    """A chunk on its way: how many of its octets are still to come."""

    left: int


async def bdat(client: Client, command: commands.Bdat) -> None:
    """RFC 3030 2: a part of the message, whose octets follow at once."""
    chunk = Chunk(command.size)
    try:
        check(client.legal, client.state, command)
        if client.incoming is None and (waiting := _may_send(client)) is not None:
            await waiting
        incoming = client.incoming or _begin_chunks(client)
        if incoming.decoder.size + command.size > client.services.settings.message_size:
            raise _too_large(client)
        await _read_chunk(client, incoming, chunk)
        if incoming.decoder.fault is not None:
            raise _not_mail(incoming.decoder.fault)
        if not command.last:
            client.connection.write(b"250 2.0.0 %d octets received\r\n" % command.size)
            return
        if rest := incoming.decoder.finish():
            incoming.spool.add(rest)
        if incoming.decoder.fault is not None:
            raise _not_mail(incoming.decoder.fault)
        sender = "" if client.sender.is_null else str(client.sender)
        arrival = Arrival(
            sender,
            tuple(client.routes),
            incoming.origin,
            client.smtputf8,
            client.options,
            senders=client.senders,
            binary=client.binary,
            apart=client.policy.role is Role.LMTP,
        )
        await _accept(client, incoming.trace_id, incoming.spool, arrival)
    except Fault as fault:
        if fault.kind in {Kind.CLOSED, Kind.TIMEOUT}:
            raise
        await skip(client, chunk.left)
        if command.last:
            _refuse_the_others(client, fault)
        if fault.kind is not Kind.BAD_SEQUENCE:
            client.reset()
        raise
    client.reset()


def _may_send(client: Client) -> Awaitable[None] | None:
    """Raises Fault TOO_MANY, DENIED when the client has used up what it may send."""
    services = client.services
    if not client.account_id:
        services.rates.address(client.key, len(client.routes))
    elif services.guard is not None:
        return services.guard.check(client.account_id, client.routes, client.connection.peer)
    return None


def _begin_chunks(client: Client) -> Incoming:
    services = client.services
    origin = client.origin()
    trace_id, spool = services.accept.begin()
    client.incoming = Incoming(trace_id, spool, ChunkDecoder(_newlines(client)), origin)
    client.state = State.CHUNKS
    return client.incoming


async def _read_chunk(client: Client, incoming: Incoming, chunk: Chunk) -> None:
    """Read the chunk, or up to what the decoder or the spool refuses of it."""
    connection = client.connection
    decoder = incoming.decoder
    while chunk.left and decoder.fault is None:
        _be_patient(client, decoder.size)
        piece = await connection.read_some()
        if len(piece) > chunk.left:
            connection.unread(piece[chunk.left :])
            piece = piece[: chunk.left]
        chunk.left -= len(piece)
        if judged := decoder.feed(piece):
            incoming.spool.add(judged)


async def skip(client: Client, left: int) -> None:
    """Read over the octets of a chunk that is refused, so that they are not taken for commands.

    A chunk that is larger than anything we would take ends the session instead.
    """
    if left > client.services.settings.message_size * DISCARD_FACTOR:
        client.over = True
        return
    connection = client.connection
    client.be_patient(client.services.settings.message_timeout)
    while left:
        piece = await connection.read_some()
        if len(piece) > left:
            connection.unread(piece[left:])
        left -= min(left, len(piece))


# The end of it


def rset(client: Client, _command: commands.Rset) -> None:
    """RFC 5321 4.1.1.5."""
    client.reset()
    client.connection.write(OK)
