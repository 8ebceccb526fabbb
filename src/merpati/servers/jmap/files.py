"""Bytes by blob id: uploaded files, whole emails, and their parts with the encoding undone."""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Final, Protocol

from merpati.base.faults import Fault, Kind
from merpati.model.account import Account
from merpati.model.object_ids import BlobName
from merpati.servers.jmap.call import Access, Services
from merpati.store import blobs, email_places, uploads
from merpati.store.blobs import Body, Stored
from merpati.store.engine import UNDONE, Transaction
from merpati.wire.mime import text, tree
from merpati.wire.mime.tree import Part

CHUNK: Final = 64 * 1024


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
        found = await self._services.store.read(_stored, access.account_id, name)
        if found is None:
            return None
        stored, type_, structure = found
        content = self._services.blob_store.read(stored)
        if name.part is None:
            return File(content, type_)
        parts = all_parts(tree.decode(structure))
        if name.part >= len(parts):
            return None
        part = parts[name.part]
        decoded = await asyncio.to_thread(text.content, content, part)
        return File(decoded, f"{part.type}/{part.subtype}")


def all_parts(root: Part) -> list[Part]:
    """The parts of a message in the order of their headers; a blob id has the place in it."""
    found: list[Part] = []
    waiting = [root]
    while waiting:
        part = waiting.pop()
        found.append(part)
        waiting += reversed(part.children)
    return found


async def _stored(
    tx: Transaction, account_id: int, name: BlobName
) -> tuple[Stored, str, bytes] | None:
    if name.upload:
        upload = await uploads.find(tx, account_id, name.id)
        stored = None if upload is None else await blobs.find(tx, upload.blob_id)
        return None if upload is None or stored is None else (stored, upload.type, b"")
    places = await email_places.find(tx, account_id, [name.id], ("blob_id", "structure"))
    if name.id not in places:
        return None
    _, _, blob_id, structure = places[name.id][0].row
    stored = await blobs.find(tx, blob_id)
    return None if stored is None else (stored, "message/rfc822", structure)
