"""Email/parse (RFC 8621 4.9): a file read as an email that is in no mailbox."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from merpati.model import object_ids
from merpati.model.object_ids import BlobName
from merpati.servers.jmap import email, files, reminders
from merpati.servers.jmap.call import MAIL, Access, Call, Method
from merpati.servers.jmap.kind import Answer
from merpati.wire.jmap.email_headers import CONVENIENT
from merpati.wire.jmap.faults import MethodFault
from merpati.wire.jmap.values import (
    Argument,
    check_arguments,
    is_id,
    is_reference,
    is_text,
    list_of,
    needed,
    nullable,
)
from merpati.wire.mime import headers, text, tree
from merpati.wire.mime.tree import Part
from merpati.wire.smime import message as smime

if TYPE_CHECKING:
    import mmap

DEFAULTS: Final = frozenset({
    *CONVENIENT, "hasAttachment", "preview", "bodyValues", "textBody", "htmlBody", "attachments",
})  # fmt: skip
_ARGUMENTS: Final = {
    "accountId": needed(is_id),
    "blobIds": needed(list_of(is_reference)),
    "properties": Argument(nullable(list_of(is_text))),
    **email.BODY_ARGUMENTS,
}
_NOT_OF_FILES: Final = (
    *("id", "mailboxIds", "keywords", "receivedAt", "threadId"),
    *reminders.PROPERTIES,
)


class Message(NamedTuple):
    """A message within bytes.

    Attributes:
        buffer: what it lies in.
        root: its structure there.
        size: its own, in octets.
        name: of the message around it, or of the part it lies in, after which its parts are
            named; None where none can be.
        first: the number of its root among their parts.
    """

    buffer: bytes | mmap.mmap
    root: Part
    size: int
    name: BlobName | None
    first: int

    def part_id(self, n: int) -> str | None:
        """The blob id of a part by its number in this message."""
        if self.name is None:
            return None
        if self.name.part is None:
            return object_ids.blob(self.name._replace(part=self.first + n))
        return object_ids.blob(self.name._replace(inner=self.first + n))


def parse(kind: email.Email) -> Method:
    """Email/parse."""

    async def run(call: Call, given: dict[str, Any]) -> Answer:
        arguments = check_arguments(given, _ARGUMENTS)
        access = call.access(arguments["accountId"])
        wanted = arguments["properties"]
        if wanted is not None:
            kind.check_properties(wanted, call.using)
        what = email.plan(DEFAULTS if wanted is None else frozenset(wanted), arguments)
        if len(arguments["blobIds"]) > call.settings.objects_in_get:
            raise MethodFault("requestTooLarge")
        ids = dict.fromkeys(arguments["blobIds"])
        parsed: dict[str, Any] = {}
        not_found, not_parsable = [], []
        for id_ in ids:
            name = object_ids.read_blob(call.real(id_) or "")
            found = None if name is None else await message(call, access, name)
            if found is None:
                not_found.append(id_)
            elif not await asyncio.to_thread(_is_message, found):
                not_parsable.append(id_)
            else:
                parsed[id_] = await asyncio.to_thread(_object, id_, found, what)
        answer = {
            "accountId": arguments["accountId"],
            "parsed": parsed or None,
            "notParsable": not_parsable or None,
            "notFound": not_found or None,
        }
        return [("Email/parse", answer)]

    return Method(MAIL, run)


async def message(call: Call, access: Access, name: BlobName) -> Message | None:
    """The message of a blob id; None when the account has no such file."""
    services = call.services
    found = await services.store.read(files.stored, access, name)
    if found is None:
        return None
    stored, _, structure = found
    content = services.blob_store.read(stored)
    root = tree.decode(structure) if structure else await asyncio.to_thread(tree.parse, content)
    whole = name._replace(part=None)
    if name.part is None:
        return Message(content, root, len(content), whole, 0)
    parts = files.all_parts(root)
    if name.part >= len(parts):
        return None
    part = parts[name.part]
    if name.inner is None and _has_message(part):
        # Its parts are among those of the message around it.
        return Message(content, part.children[0], part.size, whole, name.part + 1)
    return await asyncio.to_thread(_within, content, part, name)


def _within(content: bytes | mmap.mmap, part: Part, name: BlobName) -> Message | None:
    """The message in an encoded or signed part, or one in a part of that."""
    decoded = smime.opened(content, part)
    own = tree.parse(decoded)
    if name.inner is None:
        return Message(decoded, own, len(decoded), name, 0)
    parts = files.all_parts(own)
    if name.inner >= len(parts):
        return None
    inner = parts[name.inner]
    if _has_message(inner):
        there = name._replace(inner=None)
        return Message(decoded, inner.children[0], inner.size, there, name.inner + 1)
    last = text.content(decoded, inner)
    return Message(last, tree.parse(last), len(last), None, 0)


def _has_message(part: Part) -> bool:
    return bool(part.children) and (part.type, part.subtype) == ("message", "rfc822")


def _is_message(found: Message) -> bool:
    root = found.root
    fields = headers.split(found.buffer, root.header_start, root.body_start).fields
    return bool(fields) and bool(fields[0].name)


def _object(id_: str, found: Message, what: email.Plan) -> dict[str, Any]:
    told: dict[str, Any] = {name: None for name in _NOT_OF_FILES if name in what.properties}
    if "blobId" in what.properties:
        told["blobId"] = id_
    if "size" in what.properties:
        told["size"] = found.size
    if "preview" in what.properties:
        told["preview"] = text.preview(found.buffer, found.root)
    told.update(email.of_bytes(found.buffer, found.root, what, found.part_id))
    return told
