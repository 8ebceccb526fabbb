"""Bytes by blob id: uploaded files, whole emails, and their parts with the encoding undone."""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Final, Protocol
from zlib import crc32

from merpati.base.faults import Fault, Kind
from merpati.model import object_ids
from merpati.model import rights as letters
from merpati.model.account import Account
from merpati.model.object_ids import BlobName
from merpati.servers.jmap.call import Access, Services
from merpati.store import blobs, email_places, rights, sieve, uploads
from merpati.store.blobs import Body, Stored
from merpati.store.engine import UNDONE, Transaction
from merpati.wire.mime import text, tree
from merpati.wire.mime.tree import Part
from merpati.wire.smime import message as smime

CHUNK: Final = 64 * 1024
SCRIPT_MARKS: Final = 1_000_000  # texts that blob ids of one script tell apart


class Accounts(Protocol):
    """Who may use which accounts."""

    async def named(self, user: Account) -> Mapping[str, tuple[Access, str]]:
        """The accounts a user may use, with their names, by their JMAP ids."""


class File:
    """Bytes to be downloaded."""

    def __init__(self, content: bytes | mmap.mmap, type_: str) -> None:
        self._content = content
        self.size: Final = len(content)
        self.type: Final = type_

    async def chunks(self, start: int, end: int) -> AsyncIterator[bytes]:
        """A slice of them, a piece at a time."""
        for at in range(start, end, CHUNK):
            yield bytes(self._content[at : min(at + CHUNK, end)])
            await asyncio.sleep(0)

    def whole(self) -> bytes | mmap.mmap:
        """All of them."""
        return self._content


class Files:
    """Takes and gives the bytes of accounts."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def keep(
        self, access: Access, chunks: AsyncIterable[bytes], type_: str
    ) -> tuple[BlobName, int]:
        """Take an upload; its name, and its size in bytes.

        Raises:
            Fault: TOO_LARGE, NO_SPACE, UNAVAILABLE.
        """
        services = self._services
        services.blob_store.check_space()
        spool = services.blob_store.spool()
        try:
            async for chunk in chunks:
                spool.add(chunk)
                if spool.size > services.settings.upload_size:
                    text = f"a file has at most {services.settings.upload_size} bytes"
                    raise Fault(Kind.TOO_LARGE, text)
            body = await spool.finish()
        finally:
            spool.discard()
        return await self.add(access, body, type_), body.size

    async def add(self, access: Access, body: Body, type_: str) -> BlobName:
        """Keep bytes that are ready, as an upload. Raises Fault NO_SPACE, UNAVAILABLE."""
        services = self._services
        now = int(services.clock.now() * 1000)
        try:
            id_, superfluous = await services.store.write(
                uploads.add, access.account_id, body, type_, now
            )
        except Fault as fault:
            if body.location and fault.kind in UNDONE:
                services.blob_store.remove(body.location)
            raise
        if superfluous:
            services.blob_store.remove(body.location)
        return BlobName(upload=True, id=id_)

    async def find(self, access: Access, name: BlobName) -> File | None:
        """The bytes of a name, or None when the account has none such. Raises Fault CORRUPT."""
        if name.script:
            source = await self._services.store.read(_script, access, name)
            return None if source is None else File(source, "application/sieve")
        found = await self._services.store.read(stored, access, name)
        if found is None:
            return None
        where, type_, structure = found
        content = self._services.blob_store.read(where)
        if name.part is None:
            return File(content, type_)
        root = tree.decode(structure) if structure else await asyncio.to_thread(tree.parse, content)
        parts = all_parts(root)
        if name.part >= len(parts):
            return None
        part = parts[name.part]
        if name.inner is None:
            decoded = await asyncio.to_thread(text.content, content, part)
            return File(decoded, f"{part.type}/{part.subtype}")
        return await asyncio.to_thread(_within, content, part, name.inner)


def _within(content: bytes | mmap.mmap, part: Part, inner: int) -> File | None:
    """A part of the message that lies in a part, encoded or signed."""
    message = smime.opened(content, part)
    parts = all_parts(tree.parse(message))
    if inner >= len(parts):
        return None
    found = parts[inner]
    return File(text.content(message, found), f"{found.type}/{found.subtype}")


def all_parts(root: Part) -> list[Part]:
    """The parts of a message in the order of their headers; a blob id has the place in it."""
    found: list[Part] = []
    waiting = [root]
    while waiting:
        part = waiting.pop()
        found.append(part)
        waiting += reversed(part.children)
    return found


async def stored(
    tx: Transaction, access: Access, name: BlobName
) -> tuple[Stored, str, bytes] | None:
    """Where the bytes of a name, or of the message it is of, are; their type and structure.

    None when there are none that the user may read.
    """
    if name.script:
        return None
    if name.upload:
        upload = await uploads.find(tx, access.account_id, name.id)
        found = None if upload is None else await blobs.find(tx, upload.blob_id)
        return None if upload is None or found is None else (found, upload.type, b"")
    columns = ("blob_id", "structure")
    held = (await email_places.find(tx, access.account_id, [name.id], columns)).get(name.id, [])
    if not access.is_own:
        mine = (await rights.all_held(tx, access.user_id)).get(access.account_id, {})
        held = [one for one in held if letters.READ in mine.get(one.mailbox_id, "")]
    if not held:
        return None
    _, _, blob_id, structure = held[0].row
    found = await blobs.find(tx, blob_id)
    return None if found is None else (found, "message/rfc822", structure)


def script_blob(id_: int, source: bytes) -> str:
    """The blob id of a script's text: another one when the text changes."""
    part = crc32(source) % SCRIPT_MARKS
    return object_ids.blob(BlobName(upload=False, id=id_, part=part, script=True))


async def _script(tx: Transaction, access: Access, name: BlobName) -> bytes | None:
    """The text of an own script, unless it is another one by now."""
    if not access.is_own:
        return None
    for one in await sieve.scripts(tx, access.account_id):
        if one.id == name.id:
            source = await sieve.source(tx, access.account_id, one.name)
            return source if crc32(source) % SCRIPT_MARKS == name.part else None
    return None
