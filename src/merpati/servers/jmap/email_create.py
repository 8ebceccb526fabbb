"""Email/set create (RFC 8621 4.6): the message of an Email object, made ready to be stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from merpati.model import object_ids
from merpati.servers.jmap import email_making
from merpati.servers.jmap.call import Access, Call
from merpati.servers.jmap.email_making import Ready, checked_keywords
from merpati.servers.jmap.files import Files
from merpati.wire.jmap import email_builder, email_fields
from merpati.wire.jmap.email_builder import Draft
from merpati.wire.jmap.faults import SetFault, wrong
from merpati.wire.jmap.values import are_keywords, is_id_set, is_utc_date, milliseconds
from merpati.wire.mime import dates

if TYPE_CHECKING:
    import mmap

OUR_FIELDS: Final = ("Message-ID", "Date", "MIME-Version")
_CHECKS: Final = {"mailboxIds": is_id_set, "keywords": are_keywords, "receivedAt": is_utc_date}


async def prepare(call: Call, access: Access, given: Mapping[str, Any]) -> Ready:
    """The email that an object describes.

    Raises:
        SetFault: invalidProperties, blobNotFound, tooManyKeywords, tooLarge.
        Fault: NO_SPACE, UNAVAILABLE.
    """
    draft = _read(given)
    keywords = checked_keywords(given.get("keywords", ()))
    blobs = await gather(call, access, draft)
    services = call.services
    received_at = milliseconds(given["receivedAt"]) if "receivedAt" in given else call.now()
    pieces = written(call, draft, blobs)
    body, found = await email_making.make(services, pieces, received_at)
    return Ready(given["mailboxIds"], keywords, received_at, body, found)


def _read(given: Mapping[str, Any]) -> Draft:
    """The message; all that is wrong with the object is told at once."""
    bad = [name for name, check in _CHECKS.items() if name in given and not check(given[name])]
    if not given.get("mailboxIds"):
        bad.append("mailboxIds")
    rest = {name: value for name, value in given.items() if name not in _CHECKS}
    try:
        draft = email_builder.read(rest)
    except SetFault as fault:
        raise wrong(fault.text, *dict.fromkeys(bad), *fault.properties) from None
    if bad:
        text = "these properties are missing or have a wrong value"
        raise wrong(text, *dict.fromkeys(bad))
    return draft


async def gather(call: Call, access: Access, draft: Draft) -> dict[str, bytes | mmap.mmap]:
    """The content of the blobs that a message needs. Raises SetFault blobNotFound."""
    files = Files(call.services)
    blobs: dict[str, bytes | mmap.mmap] = {}
    missing = []
    for blob_id in draft.blob_ids:
        name = object_ids.read_blob(call.real(blob_id) or "")
        file = None if name is None else await files.find(access, name)
        if file is None:
            missing.append(blob_id)
        else:
            blobs[blob_id] = file.whole()
    email_builder.check_blobs(missing)
    return blobs


def written(call: Call, draft: Draft, blobs: Mapping[str, bytes | mmap.mmap]) -> Iterator[bytes]:
    """The message, a piece at a time, with those fields of ours that it does not have."""
    services = call.services
    there = email_fields.names([*draft.fields, *draft.root.fields])
    domain = call.user.address.rpartition("@")[2]
    ours = {
        "Message-ID": f"<{services.ids.token(18)}@{domain}>".encode(),
        "Date": dates.format(int(services.clock.now())),
        "MIME-Version": b"1.0",
    }
    more = [
        email_fields.field(name, value) for name, value in ours.items() if name.lower() not in there
    ]
    return email_builder.pieces(draft, more, blobs, services.ids.token(18))
