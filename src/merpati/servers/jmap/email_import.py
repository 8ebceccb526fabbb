"""Email/import and Email/copy (RFC 8621 4.8, 4.7): emails of bytes that are here already."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from merpati.model import object_ids
from merpati.model import rights as letters
from merpati.model.message import Digest
from merpati.servers.jmap import email_making, files, writing
from merpati.servers.jmap.call import MAIL, Access, Call, Method
from merpati.servers.jmap.email import Email
from merpati.servers.jmap.email_making import Ready, checked_keywords
from merpati.servers.jmap.files import Files
from merpati.servers.jmap.kind import Answer, Property, new_object
from merpati.services.digest import LARGE
from merpati.store import blobs, changes, email_places, rights
from merpati.store.engine import Transaction
from merpati.wire import newlines
from merpati.wire.jmap.faults import MethodFault, SetFault, invalid, wrong
from merpati.wire.jmap.values import (
    Argument,
    are_keywords,
    check_arguments,
    is_bool,
    is_id,
    is_id_set,
    is_object,
    is_reference,
    is_text,
    is_utc_date,
    map_of,
    milliseconds,
    needed,
    nullable,
)
from merpati.wire.mime import dates, headers

if TYPE_CHECKING:
    import mmap

CHUNK: Final = 64 * 1024

_IMPORTED: Final = {
    "blobId": Property(is_reference),
    "mailboxIds": Property(is_id_set),
    "keywords": Property(are_keywords, {}),
    "receivedAt": Property(is_utc_date, None),
}
_COPIED: Final = {
    **_IMPORTED,
    "id": Property(is_reference),
    "keywords": Property(are_keywords, None),
}
del _COPIED["blobId"]


class _Import(Email):
    """Email/import as a /set that only creates."""

    def __init__(self) -> None:
        """It finds nothing, so it needs no queries."""

    async def prepare(
        self, call: Call, access: Access, given: dict[str, Any], arguments: Mapping[str, Any]
    ) -> Ready:
        """RFC 8621 4.8."""
        new = new_object(_IMPORTED, given)
        if not new["mailboxIds"]:
            raise wrong("an email is in one mailbox at least", "mailboxIds")
        keywords = checked_keywords(new["keywords"])
        blob_id, content, body = await _content(call, access, new["blobId"])
        if not await _off(content, _is_message):
            raise SetFault("invalidEmail", "that is no message: it has no header")
        received_at = call.now() if new["receivedAt"] is None else milliseconds(new["receivedAt"])
        if new["receivedAt"] is None:
            received_at = _received_at(content, received_at)
        if body is None or await _off(content, _has_bare):
            body, found = await email_making.make(call.services, _mended(content), received_at)
            return Ready(new["mailboxIds"], keywords, received_at, body, found)
        if len(content) > call.services.message_size:
            limit = call.services.message_size
            raise SetFault("tooLarge", f"an email has at most {limit} bytes", maxSize=limit)
        found = await call.services.digester.digest(content, received_at)
        return Ready(new["mailboxIds"], keywords, received_at, body, found, blob_id)


async def _content(
    call: Call, access: Access, blob_id: str
) -> tuple[int, bytes | mmap.mmap, blobs.Body | None]:
    """The bytes of a blob; if they are stored as they are, by which number, and as what."""
    name = object_ids.read_blob(call.real(blob_id) or "")
    if name is None:
        raise wrong("there is no such file", "blobId")
    if name.part is not None:
        file = await Files(call.services).find(access, name)
        if file is None:
            raise wrong("there is no such file", "blobId")
        return 0, file.whole(), None

    async def look(tx: Transaction) -> tuple[blobs.Stored, blobs.Body] | None:
        found = await files.stored(tx, access, name)
        body = None if found is None else await blobs.body(tx, found[0].blob_id)
        return None if found is None or body is None else (found[0], body)

    held = await call.services.store.read(look)
    if held is None:
        raise wrong("there is no such file", "blobId")
    return held[0].blob_id, call.services.blob_store.read(held[0]), held[1]


async def _off(content: bytes | mmap.mmap, judge: Any) -> bool:
    """A judgement of bytes, off the event loop when they are many."""
    found: bool
    if len(content) > LARGE:
        found = await asyncio.to_thread(judge, content)
    else:
        found = judge(content)
    return found


def _is_message(content: bytes | mmap.mmap) -> bool:
    """Whether it begins with a field of a header."""
    fields = headers.split(content, 0, min(len(content), headers.MAX_BYTES)).fields
    return bool(fields) and bool(fields[0].name)


def _chunks(content: bytes | mmap.mmap) -> Iterator[bytes]:
    at = 0
    while at < len(content):
        end = at + CHUNK
        if content[end - 1 : end] == b"\r":  # so that no CRLF is cut in two
            end += 1
        yield content[at:end]
        at = end


def _has_bare(content: bytes | mmap.mmap) -> bool:
    return any(map(newlines.has_bare, _chunks(content)))


def _mended(content: bytes | mmap.mmap) -> Iterator[bytes]:
    return map(newlines.normalise, _chunks(content))


def _received_at(content: bytes | mmap.mmap, now: int) -> int:
    """When the latest Received field says that it came, else now."""
    end = content.find(b"\r\n\r\n", 0, headers.MAX_BYTES)
    fields = headers.split(content, 0, end if end >= 0 else len(content)).fields
    for field in fields:
        if field.key == b"received":
            said = dates.timestamp(field.raw_value.rpartition(b";")[2])
            return now if said is None or said < 0 else said * 1000
    return now


def import_() -> Method:
    """Email/import (RFC 8621 4.8)."""
    kind = _Import()
    table = {
        "accountId": needed(is_id),
        "ifInState": Argument(nullable(is_text)),
        "emails": needed(map_of(is_id, is_object)),
    }

    async def run(call: Call, given: dict[str, Any]) -> Answer:
        arguments = check_arguments(given, table)
        access = call.access(arguments["accountId"], write=True)
        if len(arguments["emails"]) > call.settings.objects_in_set:
            raise MethodFault("requestTooLarge")
        as_set = {
            "accountId": arguments["accountId"], "ifInState": arguments["ifInState"],
            "create": arguments["emails"], "update": {}, "destroy": [],
        }  # fmt: skip
        [(_, told)] = await writing.carry_out(kind, call, access, as_set)
        wanted = ("accountId", "oldState", "newState", "created", "notCreated")
        return [("Email/import", {name: told[name] for name in wanted})]

    return Method(MAIL, run)


# Email/copy


class _Original:
    """An email to be copied, as it is."""

    def __init__(self, body: blobs.Body, stored: blobs.Stored, row: tuple[Any, ...]) -> None:
        _, _, self.keywords, self.received_at, *_ = row
        self.body = body
        self.stored = stored


COPY_ARGUMENTS: Final = {
    "fromAccountId": needed(is_id),
    "ifFromInState": Argument(nullable(is_text)),
    "accountId": needed(is_id),
    "ifInState": Argument(nullable(is_text)),
    "create": needed(map_of(is_id, is_object)),
    "onSuccessDestroyOriginal": Argument(is_bool, default=False),
    "destroyFromIfInState": Argument(nullable(is_text)),
}


class _Copy(_Import):
    """Email/copy as a /set that only creates; `source` is an argument of it."""

    async def prepare(
        self, call: Call, access: Access, given: dict[str, Any], arguments: Mapping[str, Any]
    ) -> Ready:
        """RFC 8621 4.7."""
        new = new_object(_COPIED, given)
        if not new["mailboxIds"]:
            raise wrong("an email is in one mailbox at least", "mailboxIds")
        original = await call.services.store.read(
            _original, arguments["source"], call.real(new["id"])
        )
        if original is None:
            raise SetFault("notFound", "there is no such email to copy")
        keywords = new["keywords"]
        if keywords is None:
            keywords = original.keywords.split()
        received_at = original.received_at
        if new["receivedAt"] is not None:
            received_at = milliseconds(new["receivedAt"])
        content = call.services.blob_store.read(original.stored)
        found: Digest = await call.services.digester.digest(content, received_at)
        return Ready(
            new["mailboxIds"], checked_keywords(keywords), received_at, original.body, found,
            original.stored.blob_id,
        )  # fmt: skip


async def _original(tx: Transaction, access: Access, id_: str | None) -> _Original | None:
    number = object_ids.read_email(id_ or "")
    if number is None:
        return None
    columns = ("keywords", "received_at", "blob_id")
    held = (await email_places.find(tx, access.account_id, [number], columns)).get(number, [])
    if not access.is_own:
        mine = (await rights.all_held(tx, access.user_id)).get(access.account_id, {})
        held = [one for one in held if letters.READ in mine.get(one.mailbox_id, "")]
    if not held:
        return None
    body, stored = await blobs.body(tx, held[0].row[4]), await blobs.find(tx, held[0].row[4])
    return None if body is None or stored is None else _Original(body, stored, held[0].row)


def copy(emails: Email) -> Method:
    """Email/copy (RFC 8620 5.4, RFC 8621 4.7)."""
    kind = _Copy()

    async def run(call: Call, given: dict[str, Any]) -> Answer:
        arguments = check_arguments(given, COPY_ARGUMENTS)
        source = call.accounts.get(arguments["fromAccountId"])
        if source is None:
            raise MethodFault("fromAccountNotFound")
        access = call.access(arguments["accountId"], write=True)
        if arguments["fromAccountId"] == arguments["accountId"]:
            raise invalid("an email is copied to another account", "fromAccountId")
        if len(arguments["create"]) > call.settings.objects_in_set:
            raise MethodFault("requestTooLarge")
        if arguments["ifFromInState"] is not None:
            state = str(await call.services.store.read(changes.current, source.account_id))
            writing.check_state(arguments["ifFromInState"], state)
        as_set = {
            "accountId": arguments["accountId"], "ifInState": arguments["ifInState"],
            "create": arguments["create"], "update": {}, "destroy": [], "source": source,
        }  # fmt: skip
        [(_, told)] = await writing.carry_out(kind, call, access, as_set)
        wanted = ("accountId", "oldState", "newState", "created", "notCreated")
        answer = {"fromAccountId": arguments["fromAccountId"], **{n: told[n] for n in wanted}}
        responses: Answer = [("Email/copy", answer)]
        done = [call.real(arguments["create"][one]["id"]) or "" for one in told["created"] or ()]
        if arguments["onSuccessDestroyOriginal"] and done:
            responses += await implicit_set(emails, call, {
                "accountId": arguments["fromAccountId"], "destroy": done,
                "ifInState": arguments["destroyFromIfInState"],
            })  # fmt: skip
        return responses

    return Method(MAIL, run)


async def implicit_set(kind: Email, call: Call, arguments: dict[str, Any]) -> Answer:
    """A further /set that another method leads to; its failure is a response of its own."""
    try:
        checked, access = writing.check_set(call, arguments, kind)
        return await writing.carry_out(kind, call, access, checked)
    except MethodFault as fault:
        return [("error", fault.arguments())]
