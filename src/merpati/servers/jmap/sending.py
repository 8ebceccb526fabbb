"""Sending an email (RFC 8621 7.5): who gets it, whether its sender may, and its bytes made ready.

All of that is done before the transaction, and the message goes the way that every
submission goes (services/accept.py). What leaves has no Bcc.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from merpati.base import faults
from merpati.base.faults import Fault, SyntaxFault
from merpati.model import object_ids
from merpati.model.arrival import NO_OPTIONS, Arrival, Options, Origin, RecipientOptions, Route
from merpati.model.senders import Senders
from merpati.servers.jmap import files, identity
from merpati.servers.jmap.call import Access, Call, Sending
from merpati.services import authorship
from merpati.services.accept import Ready
from merpati.store import blobs, email_places
from merpati.store.identities import Identity
from merpati.wire.jmap import email_headers
from merpati.wire.jmap.faults import SetFault, wrong
from merpati.wire.jmap.values import utc_date
from merpati.wire.mime import headers
from merpati.wire.smtp import parameters
from merpati.wire.smtp.parameters import MailParameters
from merpati.wire.smtp.paths import NULL, Path, parse_address

if TYPE_CHECKING:
    import mmap

    from merpati.store.engine import Transaction

CHUNK: Final = 64 * 1024
_HIDDEN: Final = frozenset({b"bcc", b"resent-bcc"})
_XTEXT: Final = frozenset({"ENVID", "ORCPT"})  # JMAP has them without that encoding
_KEYWORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")


@dataclass(slots=True)
class Outgoing:
    """A message that is ready to be taken in.

    Attributes:
        envelope: as RFC 8621 7 has it.
        send_at: Unix milliseconds.
        is_sent: whether it was taken in.
        unused: files that no row names then.
    """

    identity_id: int
    email_id: int
    thread_id: int
    trace: str
    envelope: dict[str, Any]
    send_at: int
    arrival: Arrival
    ready: Ready
    is_sent: bool = False
    unused: Sequence[str] = ()


class _Email(msgspec.Struct, frozen=True):
    """The email to be sent, and as whom."""

    identity: Identity | None
    senders: Senders
    email_id: int = 0
    thread_id: int = 0
    stored: blobs.Stored | None = None


async def _look(
    tx: Transaction, call: Call, access: Access, identity_id: str, email_id: str
) -> _Email:
    senders = await identity.senders(tx, call)
    who = await identity.find(tx, access, identity_id)
    number = object_ids.read_email(email_id)
    name = object_ids.BlobName(upload=False, id=number or 0)
    found = None if number is None else await files.stored(tx, access, name)
    if number is None or found is None:
        return _Email(who, senders)
    held = await email_places.find(tx, access.account_id, [number], ("thread_id",))
    thread_id = held[number][0].row[2]
    return _Email(who, senders, number, thread_id, found[0])


async def prepare(call: Call, access: Access, sending: Sending, new: Mapping[str, Any]) -> Outgoing:
    """All that sending takes but the transaction.

    Raises:
        SetFault: as RFC 8621 7.5.
        Fault: NO_SPACE, UNAVAILABLE.
    """
    found = await call.services.store.read(
        _look, call, access, call.real(new["identityId"]) or "", call.real(new["emailId"]) or ""
    )
    if found.identity is None:
        raise wrong("there is no such identity", "identityId")
    if found.stored is None:
        raise wrong("there is no such email", "emailId")
    limit = call.services.message_size
    if found.stored.size > limit:
        raise SetFault("tooLarge", f"an email has at most {limit} bytes", maxSize=limit)
    content = call.services.blob_store.read(found.stored)
    fields = headers.split(content).fields
    senders = found.senders
    _check_whole(fields)
    envelope = _whole(new["envelope"]) or _envelope(fields, found.identity, senders)
    sender, options = _sender(call, sending, envelope["mailFrom"], senders)
    await _check_author(call, content, senders, sender)
    routes = await _routes(sending, envelope["rcptTo"])
    await _check_rate(call, access, sending, routes)
    utf8 = not (sender.is_ascii and all(route.address.isascii() for route in routes))
    origin = Origin(
        peer=call.peer, helo="", protocol="HTTP", account_id=access.account_id,
        account=call.user.address,
    )  # fmt: skip
    address = "" if sender.is_null else str(sender)
    arrival = Arrival(address, routes, origin, utf8, options, senders=senders)
    trace, ready = await _ready(sending, content, fields, arrival)
    send_at = max(ready.now, options.hold_until)
    return Outgoing(
        found.identity.id, found.email_id, found.thread_id, trace, envelope, send_at, arrival,
        ready,
    )  # fmt: skip


async def _ready(
    sending: Sending, content: bytes | mmap.mmap, fields: Sequence[headers.Field], arrival: Arrival
) -> tuple[str, Ready]:
    """The message as it leaves: without its Bcc, and with an end to its last line."""
    trace, spool = sending.accept.begin()
    try:
        at = 0
        for field in fields:
            if field.key in _HIDDEN:
                _copy(spool.add, content, at, field.start)
                at = field.end
        _copy(spool.add, content, at, len(content))
        if content[-2:] != b"\r\n":
            spool.add(b"\r\n")
        return trace, await sending.accept.prepare(trace, spool, arrival)
    except Fault as fault:
        if fault.kind in {faults.Kind.DENIED, faults.Kind.LOOP}:
            raise SetFault("forbiddenToSend", fault.text) from None
        raise
    finally:
        spool.discard()


def _copy(add: Any, content: bytes | mmap.mmap, start: int, end: int) -> None:
    for at in range(start, end, CHUNK):
        add(bytes(content[at : min(at + CHUNK, end)]))


def _addresses(fields: Sequence[headers.Field], key: bytes) -> list[str]:
    """The addresses of the last field of a name."""
    found = [field.raw_value for field in fields if field.key == key]
    if not found:
        return []
    return [str(one["email"]) for one in email_headers.flat(found[-1]) if one["email"]]


def _check_whole(fields: Sequence[headers.Field]) -> None:
    """Whether a message says whom it is from and when it was written."""
    there = [field.key for field in fields]
    writers = _addresses(fields, b"from")
    bad = []
    if there.count(b"from") != 1 or not writers or not all(map(_is_address, writers)):
        bad.append("from")
    if there.count(b"date") != 1:
        bad.append("sentAt")
    if there.count(b"sender") > 1 or (len(writers) > 1 and b"sender" not in there):
        bad.append("sender")
    if bad:
        text = "a message has one From, one Date, and a Sender if several wrote it (RFC 5322 3.6)"
        raise SetFault("invalidEmail", text, list(dict.fromkeys(bad)))


async def _check_author(
    call: Call, content: bytes | mmap.mmap, senders: Senders, sender: Path
) -> None:
    """Whether the message may be from whom it says it is."""
    try:
        envelope = "" if sender.is_null else str(sender)
        await authorship.check(call.services.store, content, senders, envelope)
    except Fault as fault:
        raise SetFault("forbiddenFrom", fault.text) from None


def _is_address(text: str) -> bool:
    try:
        return not parse_address(text).is_null and "@" in text
    except SyntaxFault:
        return False


def _whole(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """An envelope with the parameters that it leaves out; empty when there is none."""
    if given is None:
        return {}
    sender, *recipients = (
        {"email": one["email"], "parameters": one.get("parameters")}
        for one in (given["mailFrom"], *given["rcptTo"])
    )
    return {"mailFrom": sender, "rcptTo": recipients}


def _envelope(fields: Sequence[headers.Field], who: Identity, senders: Senders) -> dict[str, Any]:
    """The envelope of a message that was given none: by its own fields."""
    sender = (_addresses(fields, b"sender") or _addresses(fields, b"from"))[0]
    if not senders.may(sender):
        sender = who.email
    recipients: dict[str, str] = {}
    for key in (b"to", b"cc", b"bcc"):
        for one in _addresses(fields, key):
            recipients.setdefault(one.lower(), one)
    return {
        "mailFrom": {"email": sender, "parameters": None},
        "rcptTo": [{"email": one, "parameters": None} for one in recipients.values()],
    }


def _sender(
    call: Call, sending: Sending, given: Mapping[str, Any], senders: Senders
) -> tuple[Path, Options]:
    """The return path, and what its parameters ask for."""
    try:
        path = parse_address(given["email"]) if given["email"] else NULL
    except SyntaxFault:
        raise wrong("the sender of the envelope is no address", "envelope") from None
    if not path.is_null and not senders.may(str(path)):
        raise SetFault("forbiddenMailFrom", f"you may not send mail as {path}")
    try:
        asked = parameters.parse_mail(_written(given))
    except SyntaxFault as fault:
        raise wrong(fault.text, "envelope") from None
    if asked.others:
        raise wrong(f"there is no parameter {asked.others[0][0][:64]}", "envelope")
    return path, _options(call, sending, asked)


def _written(given: Mapping[str, Any]) -> str:
    """Parameters of SMTP as a command has them. Raises SyntaxFault."""
    words = []
    for name, value in (given.get("parameters") or {}).items():
        if not _KEYWORD.fullmatch(name):
            raise SyntaxFault(f"{name[:64]!r} is no parameter")
        if value is None:
            words.append(name)
            continue
        written = parameters.to_xtext(value) if name.upper() in _XTEXT else value
        if not written or " " in written or not written.isprintable():
            raise SyntaxFault(f"the value of {name} cannot be sent")
        words.append(f"{name}={written}")
    return " ".join(words)


def _options(call: Call, sending: Sending, asked: MailParameters) -> Options:
    """What parameters ask of the queue (RFC 2852, RFC 4865, RFC 6710, RFC 8689)."""
    now = call.now()
    hold = asked.hold_until * 1000
    if asked.hold_for:
        hold = now + asked.hold_for * 1000
    if hold > now + sending.hold * 1000:
        raise wrong(f"a message is held back for {sending.hold} seconds at most", "envelope")
    by = asked.by
    options = Options(
        ret=asked.ret,
        envid=asked.envid,
        deliver_by=now + by.seconds * 1000 if by else 0,
        by_mode=by.mode if by else "",
        by_trace=by.trace if by else False,
        hold_until=hold,
        priority=asked.priority or 0,
        require_tls=asked.require_tls,
    )
    return NO_OPTIONS if options == NO_OPTIONS else options


async def _routes(sending: Sending, recipients: Sequence[Mapping[str, Any]]) -> tuple[Route, ...]:
    """Where the recipients lead."""
    if not recipients:
        raise SetFault("noRecipients", "nobody is to get it")
    if len(recipients) > sending.recipients:
        raise SetFault("tooManyRecipients", maxRecipients=sending.recipients)
    routes: dict[str, Route] = {}
    bad = []
    for one in recipients:
        address = one["email"]
        try:
            path = parse_address(address)
            if path.is_null:
                raise SyntaxFault("a recipient is an address")
            route = await sending.router.route(path, relay=True)
        except Fault as fault:
            if fault.kind not in {faults.Kind.SYNTAX, faults.Kind.NOT_FOUND, faults.Kind.DENIED}:
                raise
            bad.append(address)
            continue
        try:
            asked = parameters.parse_rcpt(_written(one))
        except SyntaxFault as fault:
            raise wrong(fault.text, "envelope") from None
        if asked.others:
            raise wrong(f"there is no parameter {asked.others[0][0][:64]}", "envelope")
        options = RecipientOptions(asked.notify, asked.orcpt)
        routes.setdefault(str(path).lower(), msgspec.structs.replace(route, options=options))
    if bad:
        text = "mail cannot be sent to some of the recipients"
        raise SetFault("invalidRecipients", text, invalidRecipients=bad)
    return tuple(routes.values())


async def _check_rate(
    call: Call, access: Access, sending: Sending, routes: tuple[Route, ...]
) -> None:
    if sending.guard is None:
        return
    try:
        await sending.guard.check(access.account_id, routes, call.peer)
    except Fault as fault:
        raise SetFault("forbiddenToSend", fault.text) from None


async def take_in(tx: Transaction, sending: Sending, one: Outgoing) -> None:
    """Take a message in, within the transaction that notes its submission."""
    unused: list[str] = []
    ready = one.ready
    superfluous = await sending.accept.take_in(
        tx, one.trace, ready.body, ready.found, one.arrival, ready.now, patient=True,
        decisions=ready.decisions, unused=unused,
    )  # fmt: skip
    one.unused = [*unused, *([ready.body.location] if superfluous else [])]
    one.is_sent = True


def settle(call: Call, sending: Sending, one: Outgoing, *, undone: bool) -> None:
    """The transaction is over."""
    if one.is_sent and not undone:
        sending.accept.taken(one.ready.body, one.arrival, one.unused)
        return
    for location in one.ready.locations:
        call.services.blob_store.remove(location)


def send_at(one: Outgoing) -> str:
    """When it leaves, as UTCDate."""
    return utc_date(one.send_at)
