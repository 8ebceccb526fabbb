"""Blobs as objects: Blob/copy (RFC 8620 6.3), Blob/upload, /get and /lookup (RFC 9404)."""

from __future__ import annotations

import asyncio
import binascii
import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from merpati.base.faults import Fault
from merpati.model import object_ids
from merpati.model import rights as letters
from merpati.servers.jmap.call import CORE, Access, Call, Method
from merpati.servers.jmap.files import Files, stored
from merpati.servers.jmap.kind import Answer
from merpati.store import email_places, rights
from merpati.store.blobs import Spool
from merpati.wire.jmap.faults import MethodFault, SetFault, invalid, set_fault, wrong
from merpati.wire.jmap.values import (
    Argument,
    check_arguments,
    is_id,
    is_object,
    is_reference,
    is_text,
    is_unsigned,
    list_of,
    map_of,
    needed,
    nullable,
)

if TYPE_CHECKING:
    import mmap

    from merpati.store.engine import Transaction

BLOB: Final = "urn:ietf:params:jmap:blob"
SOURCES_MAX: Final = 64  # of one blob; RFC 9404 3.1 wants at least 64
DIGESTS: Final = {"sha": "sha1", "sha-256": "sha256", "sha-512": "sha512"}
TYPE_NAMES: Final = ("Mailbox", "Thread", "Email")
CHUNK: Final = 64 * 1024
INLINE_MAX: Final = 16 * 1024 * 1024  # octets of one blob that are told within JSON

_TYPE: Final = re.compile(
    r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}(;[ -~]{0,200})?"
)
_DATA: Final = ("data:asText", "data:asBase64")
_PROPERTIES: Final = frozenset({
    "id", "size", "data", *_DATA, *(f"digest:{name}" for name in DIGESTS),
})  # fmt: skip


def capability(upload_size: int) -> dict[str, Any]:
    """What an account can do with blobs (RFC 9404 3.1)."""
    return {
        "maxSizeBlobSet": upload_size,
        "maxDataSources": SOURCES_MAX,
        "supportedTypeNames": TYPE_NAMES,
        "supportedDigestAlgorithms": tuple(DIGESTS),
    }


# Blob/copy


def copy() -> Method:
    """Blob/copy (RFC 8620 6.3)."""
    table = {
        "fromAccountId": needed(is_id),
        "accountId": needed(is_id),
        "blobIds": needed(list_of(is_reference)),
    }

    async def run(call: Call, given: dict[str, Any]) -> Answer:
        arguments = check_arguments(given, table)
        source = call.accounts.get(arguments["fromAccountId"])
        if source is None:
            raise MethodFault("fromAccountNotFound")
        access = call.access(arguments["accountId"], CORE, write=True)
        if len(arguments["blobIds"]) > call.settings.objects_in_set:
            raise MethodFault("requestTooLarge")
        copied: dict[str, str] = {}
        refused: dict[str, Any] = {}
        for id_ in dict.fromkeys(arguments["blobIds"]):
            try:
                found = await _find(call, source, id_)
                if found is None:
                    raise SetFault("notFound", "there is no such file")
                content, type_ = found
                spool = call.services.blob_store.spool()
                copied[id_], _ = await _keep(call, access, spool, [content], type_)
            except Fault as fault:
                refused[id_] = _error(fault)
        answer = {
            "fromAccountId": arguments["fromAccountId"],
            "accountId": arguments["accountId"],
            "copied": copied or None,
            "notCopied": refused or None,
        }
        return [("Blob/copy", answer)]

    return Method(CORE, run)


async def _find(call: Call, access: Access, id_: str) -> tuple[bytes | mmap.mmap, str] | None:
    name = object_ids.read_blob(call.real(id_) or "")
    file = None if name is None else await Files(call.services).find(access, name)
    return None if file is None else (file.whole(), file.type)


def _error(fault: Fault) -> dict[str, Any]:
    known = set_fault(fault)
    if known is None:
        raise fault
    return known.error()


async def _keep(
    call: Call, access: Access, spool: Spool, pieces: list[Any], type_: str
) -> tuple[str, int]:
    """Store slices of bytes as one upload; its blob id and size."""
    services = call.services
    services.blob_store.check_space()
    try:
        for piece in pieces:
            for at in range(0, len(piece), CHUNK):
                spool.add(bytes(piece[at : at + CHUNK]))
                if spool.size > services.settings.upload_size:
                    limit = services.settings.upload_size
                    raise SetFault("tooLarge", f"a file has at most {limit} bytes", maxSize=limit)
                await asyncio.sleep(0)
        body = await spool.finish()
    finally:
        spool.discard()
    name = await Files(services).add(access, body, type_)
    return object_ids.blob(name), body.size


# Blob/upload


def upload() -> Method:
    """Blob/upload (RFC 9404 4.1)."""
    table = {"accountId": needed(is_id), "create": needed(map_of(is_id, is_object))}

    async def run(call: Call, given: dict[str, Any]) -> Answer:
        arguments = check_arguments(given, table)
        access = call.access(arguments["accountId"], CORE, write=True)
        if len(arguments["create"]) > call.settings.objects_in_set:
            raise MethodFault("requestTooLarge")
        created: dict[str, Any] = {}
        refused: dict[str, Any] = {}
        for creation_id, one in arguments["create"].items():
            try:
                made = await _upload(call, access, one)
                created[creation_id] = made
                call.created[creation_id] = made["id"]
            except Fault as fault:
                refused[creation_id] = _error(fault)
        answer = {
            "accountId": arguments["accountId"],
            "created": created or None,
            "notCreated": refused or None,
        }
        return [("Blob/upload", answer)]

    return Method(BLOB, run)


async def _upload(call: Call, access: Access, one: Mapping[str, Any]) -> dict[str, Any]:
    type_ = one.get("type")
    sources = one.get("data")
    unknown = [name for name in one if name not in ("data", "type")]
    if unknown:
        raise wrong("a blob has no such property", *unknown)
    if type_ is not None and not (isinstance(type_, str) and _TYPE.fullmatch(type_)):
        raise wrong("that is no media type", "type")
    if not isinstance(sources, list) or not all(isinstance(source, dict) for source in sources):
        raise wrong("data is a list of sources", "data")
    if len(sources) > SOURCES_MAX:
        raise SetFault("tooLarge", f"a blob has at most {SOURCES_MAX} sources")
    pieces = [await _source(call, access, source) for source in sources]
    spool = call.services.blob_store.spool()
    id_, size = await _keep(call, access, spool, pieces, type_ or "application/octet-stream")
    return {"id": id_, "type": type_, "size": size}


async def _source(call: Call, access: Access, source: Mapping[str, Any]) -> Any:
    """The bytes of one source, not copied. Raises SetFault."""
    kinds = [name for name in (*_DATA, "blobId") if source.get(name) is not None]
    known = {*kinds, "offset", "length"} if kinds == ["blobId"] else set(kinds)
    if len(kinds) != 1 or {name for name, value in source.items() if value is not None} - known:
        raise wrong("a source is a text, base64, or a part of a blob", "data")
    value = source[kinds[0]]
    if not isinstance(value, str):
        raise wrong("the data of a source is text", "data")
    if kinds == ["data:asText"]:
        try:
            return value.encode()
        except UnicodeEncodeError:
            raise wrong("a text holds half a surrogate pair", "data") from None
    if kinds == ["data:asBase64"]:
        try:
            return binascii.a2b_base64(value, strict_mode=bool(value))
        except ValueError:
            raise wrong("that is not base64", "data") from None
    found = await _find(call, access, value)
    if found is None:
        raise SetFault("blobNotFound", "a blob is not there", notFound=[value])
    offset, length = source.get("offset"), source.get("length")
    if not all(one is None or is_unsigned(one) for one in (offset, length)):
        raise wrong("offset and length are numbers of octets", "data")
    content = memoryview(found[0])
    start = offset or 0
    end = len(content) if length is None else start + length
    if start > len(content) or end > len(content):
        raise wrong("the blob is shorter than that", "data")
    return content[start:end]


# Blob/get


def get() -> Method:
    """Blob/get (RFC 9404 4.2)."""
    table = {
        "accountId": needed(is_id),
        "ids": needed(list_of(is_reference)),
        "properties": Argument(nullable(list_of(is_text))),
        "offset": Argument(nullable(is_unsigned)),
        "length": Argument(nullable(is_unsigned)),
    }

    async def run(call: Call, given: dict[str, Any]) -> Answer:
        arguments = check_arguments(given, table)
        access = call.access(arguments["accountId"], CORE)
        properties = arguments["properties"]
        if properties is None:
            properties = ["data", "size"]
        if unknown := [name for name in properties if name not in _PROPERTIES]:
            raise invalid(f"a blob has no property {unknown[0][:100]!r}", "properties")
        if len(arguments["ids"]) > call.settings.objects_in_get:
            raise MethodFault("requestTooLarge")
        found, missing = [], []
        for id_ in dict.fromkeys(arguments["ids"]):
            one = await _find(call, access, id_)
            if one is None:
                missing.append(id_)
                continue
            real = call.real(id_) or id_
            told = await asyncio.to_thread(
                _object, one[0], properties, arguments["offset"] or 0, arguments["length"]
            )
            found.append({"id": real, **told})
        answer = {"accountId": arguments["accountId"], "list": found, "notFound": missing}
        return [("Blob/get", answer)]

    return Method(BLOB, run)


def _object(
    whole: bytes | mmap.mmap, properties: list[str], offset: int, length: int | None
) -> dict[str, Any]:
    size = len(whole)
    start = min(offset, size)
    end = size if length is None else min(offset + length, size)
    told: dict[str, Any] = {}
    if offset > size or (length is not None and offset + length > size):
        told["isTruncated"] = True
    part = memoryview(whole)[start : max(start, end)]
    wanted = frozenset(properties)
    if wanted & {"data", *_DATA}:
        if len(part) > INLINE_MAX:
            raise MethodFault("requestTooLarge", "download that blob, or ask for less of it")
        data = bytes(part)
        text = None
        try:
            text = data.decode()
        except UnicodeDecodeError:
            if wanted & {"data", "data:asText"}:
                told["isEncodingProblem"] = True
        if "data:asText" in wanted or ("data" in wanted and text is not None):
            told["data:asText"] = text
        if "data:asBase64" in wanted or ("data" in wanted and text is None):
            told["data:asBase64"] = b64encode(data).decode()
    for name in properties:
        if name.startswith("digest:"):
            hashed = hashlib.new(DIGESTS[name[7:]], part, usedforsecurity=False)
            told[name] = b64encode(hashed.digest()).decode()
    if "size" in wanted:
        told["size"] = size
    return told


# Blob/lookup


def lookup() -> Method:
    """Blob/lookup (RFC 9404 4.3): in which objects a blob is."""
    table = {
        "accountId": needed(is_id),
        "typeNames": needed(list_of(is_text)),
        "ids": needed(list_of(is_reference)),
    }

    async def run(call: Call, given: dict[str, Any]) -> Answer:
        arguments = check_arguments(given, table)
        access = call.access(arguments["accountId"], CORE)
        names = arguments["typeNames"]
        if unknown := [name for name in names if name not in TYPE_NAMES]:
            raise MethodFault("unknownDataType", f"blobs are not in {unknown[0][:100]!r}")
        if len(arguments["ids"]) > call.settings.objects_in_get:
            raise MethodFault("requestTooLarge")
        found, missing = [], []
        for id_ in dict.fromkeys(arguments["ids"]):
            real = call.real(id_) or id_
            matched = await call.services.store.read(_holders, access, real)
            if matched is None:
                missing.append(id_)
            else:
                told = {name: matched[name] for name in names}
                found.append({"id": real, "matchedIds": told})
        answer = {"accountId": arguments["accountId"], "list": found, "notFound": missing}
        return [("Blob/lookup", answer)]

    return Method(BLOB, run)


async def _holders(tx: Transaction, access: Access, id_: str) -> dict[str, list[str]] | None:
    name = object_ids.read_blob(id_)
    if name is None or await stored(tx, access, name) is None:
        return None
    held: dict[str, list[str]] = {one: [] for one in TYPE_NAMES}
    if name.upload:
        return held
    columns = ("thread_id",)
    places = (await email_places.find(tx, access.account_id, [name.id], columns)).get(name.id, [])
    if not access.is_own:
        mine = (await rights.all_held(tx, access.user_id)).get(access.account_id, {})
        places = [one for one in places if letters.READ in mine.get(one.mailbox_id, "")]
    held["Email"] = [object_ids.email(name.id)]
    held["Thread"] = [object_ids.thread(places[0].row[2])]
    held["Mailbox"] = [object_ids.mailbox(one.mailbox_id) for one in places]
    return held
