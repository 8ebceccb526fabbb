"""MDN/send and MDN/parse (RFC 9007): telling somebody that their mail was read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from merpati.base.faults import Fault
from merpati.model import object_ids
from merpati.model.arrival import Arrival, Origin
from merpati.model.object_ids import BlobName
from merpati.servers.jmap import email_import, email_parse, identity
from merpati.servers.jmap.call import Access, Call, Method
from merpati.servers.jmap.email import Email
from merpati.servers.jmap.files import Files
from merpati.servers.jmap.kind import Answer
from merpati.store import email_places
from merpati.wire import newlines
from merpati.wire.jmap import email_fields, email_headers, mdn
from merpati.wire.jmap.email_headers import CONVENIENT, Wanted
from merpati.wire.jmap.faults import MethodFault, SetFault, set_fault
from merpati.wire.jmap.values import (
    Argument,
    check_arguments,
    is_id,
    is_object,
    is_reference,
    list_of,
    map_of,
    needed,
    nullable,
)
from merpati.wire.mime import dates, headers
from merpati.wire.smtp.paths import Path, parse_address

if TYPE_CHECKING:
    from merpati.servers.jmap.call import Sending
    from merpati.store.engine import Transaction
    from merpati.store.identities import Identity

MDN: Final = "urn:ietf:params:jmap:mdn"
SENT: Final = "$mdnsent"
TEXT: Final = "This is a receipt for the mail that you sent.\r\n"


def send(emails: Email) -> Method:
    """MDN/send (RFC 9007 2.1)."""
    table = {
        "accountId": needed(is_id),
        "identityId": needed(is_reference),
        "send": needed(map_of(is_id, is_object)),
        "onSuccessUpdateEmail": Argument(nullable(map_of(is_reference, is_object))),
    }

    async def run(call: Call, given: dict[str, Any]) -> Answer:
        arguments = check_arguments(given, table)
        access = call.access(arguments["accountId"], MDN, write=True)
        if len(arguments["send"]) > call.settings.objects_in_set:
            raise MethodFault("requestTooLarge")
        id_ = call.real(arguments["identityId"]) or ""
        who = await call.services.store.read(identity.find, access, id_)
        sent: dict[str, Any] = {}
        refused: dict[str, Any] = {}
        for creation_id, one in arguments["send"].items():
            try:
                sent[creation_id] = await _send(call, access, who, one)
            except Fault as fault:
                known = set_fault(fault)
                if known is None:
                    raise
                refused[creation_id] = known.error()
        answer = {
            "accountId": arguments["accountId"], "sent": sent or None, "notSent": refused or None,
        }  # fmt: skip
        responses: Answer = [("MDN/send", answer)]
        update: dict[str, Any] = {}
        for reference, patch in (arguments["onSuccessUpdateEmail"] or {}).items():
            if reference[1:] in sent and reference.startswith("#"):
                email_id = call.real(arguments["send"][reference[1:]]["forEmailId"]) or ""
                update.setdefault(email_id, {}).update(patch)
        if update:
            implicit = {"accountId": arguments["accountId"], "update": update}
            responses += await email_import.implicit_set(emails, call, implicit)
        return responses

    return Method(MDN, run)


async def _send(
    call: Call, access: Access, who: Identity | None, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Send one; what the server gave it."""
    sending = call.services.sending
    mdn.check(given)
    if who is None or sending is None:
        raise SetFault("forbiddenFrom", "there is no such identity")
    number = object_ids.read_email(call.real(given["forEmailId"]) or "")
    name = BlobName(upload=False, id=number or 0)
    file = None if number is None else await Files(call.services).find(access, name)
    if number is None or file is None:
        raise SetFault("notFound", "there is no such email")

    async def look(tx: Transaction) -> str:
        held = await email_places.find(tx, access.account_id, [number], ("keywords",))
        return str(held[number][0].row[2]) if number in held else ""

    if SENT in (await call.services.store.read(look)).split():
        raise SetFault("mdnAlreadySent", "a receipt for that email was sent before")
    content = file.whole()
    fields = headers.split(content).fields
    asked = email_headers.value(fields, Wanted("disposition-notification-to", "Addresses"))
    if not asked:
        raise SetFault("forbidden", "its sender does not ask for a receipt")
    message_id = email_headers.value(fields, CONVENIENT["messageId"]) or [""]
    told = {
        "finalRecipient": given.get("finalRecipient") or f"rfc822; {who.email}",
        "originalMessageId": f"<{message_id[0]}>" if message_id[0] else None,
        "subject": given.get("subject")
        or f"Read: {email_headers.value(fields, CONVENIENT['subject']) or ''}".strip(),
    }
    whole = {**given, **told}
    path = parse_address(asked[0]["email"])
    arrival = await _arrival(call, access, sending, path)
    trace, spool = sending.accept.begin()
    try:
        for piece in _letter(call, who, asked, whole, content):
            spool.add(piece)
        await sending.accept.take(trace, spool, arrival)
    finally:
        spool.discard()
    server_set = {"originalMessageId": told["originalMessageId"]}
    return {**server_set, **{k: v for k, v in told.items() if given.get(k) is None}}


async def _arrival(call: Call, access: Access, sending: Sending, path: Path) -> Arrival:
    """The transaction of a receipt: it has no return path (RFC 8098 3)."""
    route = await sending.router.route(path, relay=True)
    if sending.guard is not None:
        await sending.guard.check(access.account_id, (route,), call.peer)
    origin = Origin(
        peer=call.peer, helo="", protocol="HTTP", account_id=access.account_id,
        account=call.user.address,
    )  # fmt: skip
    return Arrival("", (route,), origin, not path.is_ascii)


def _letter(
    call: Call, who: Identity, to: list[dict[str, Any]], whole: Mapping[str, Any], content: Any
) -> Iterator[bytes]:
    """The message (RFC 8098 3)."""
    ids = call.services.ids
    boundary = ids.token(18)
    written = {
        "From": ("Addresses", [{"name": who.name or None, "email": who.email}]),
        "To": ("Addresses", to),
        "Subject": ("Text", whole["subject"]),
    }
    for name, (form, value) in written.items():
        yield b"".join(email_fields.lines(name, Wanted(name.lower(), form), value))
    if whole["originalMessageId"]:
        reference = whole["originalMessageId"].encode()
        yield b"In-Reply-To: %b\r\nReferences: %b\r\n" % (reference, reference)
    domain = who.email.rpartition("@")[2]
    yield (
        f"Message-ID: <{ids.token(18)}@{domain}>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=disposition-notification;\r\n"
        f' boundary="{boundary}"\r\n'
    ).encode()
    yield b"Date: %b\r\n\r\n" % dates.format(int(call.services.clock.now()))
    text = newlines.normalise((whole.get("textBody") or TEXT).encode("utf-8", "replace"))
    mark = f"--{boundary}".encode()
    yield (
        b"%b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
        b"\r\n%b\r\n%b\r\nContent-Type: message/disposition-notification\r\n\r\n%b"
        % (mark, text, mark, mdn.report(whole))
    )
    if whole.get("includeOriginalMessage"):
        kind = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n"
        yield b"\r\n%b\r\n%b\r\n" % (mark, kind)
        for at in range(0, len(content), 65536):
            yield bytes(content[at : at + 65536])
    yield b"\r\n%b--\r\n" % mark


def parse() -> Method:
    """MDN/parse (RFC 9007 2.2)."""
    table = {"accountId": needed(is_id), "blobIds": needed(list_of(is_reference))}

    async def run(call: Call, given: dict[str, Any]) -> Answer:
        arguments = check_arguments(given, table)
        access = call.access(arguments["accountId"], MDN)
        if len(arguments["blobIds"]) > call.settings.objects_in_get:
            raise MethodFault("requestTooLarge")
        parsed: dict[str, Any] = {}
        not_parsable, not_found = [], []
        for id_ in dict.fromkeys(arguments["blobIds"]):
            name = object_ids.read_blob(call.real(id_) or "")
            found = None if name is None else await email_parse.message(call, access, name)
            if found is None:
                not_found.append(id_)
                continue
            told = await asyncio.to_thread(mdn.read, found.buffer, found.root)
            if told is None:
                not_parsable.append(id_)
            else:
                parsed[id_] = {"forEmailId": None, **told}
        answer = {
            "accountId": arguments["accountId"],
            "parsed": parsed or None,
            "notParsable": not_parsable or None,
            "notFound": not_found or None,
        }
        return [("MDN/parse", answer)]

    return Method(MDN, run)
