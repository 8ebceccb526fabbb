"""New emails, however they come: from an object, from a file, from another account.

Their bytes are made ready before the transaction that stores them: spooled, parsed, and
durable. What of them is not kept in the end is removed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from merpati.model import object_ids
from merpati.model import rights as letters
from merpati.model.message import DELETED, KEYWORDS_MAX, Digest
from merpati.model.object_ids import BlobName
from merpati.servers.jmap.call import Access, Call, Services
from merpati.store import blobs, email_edit, email_places, emails, mailbox_tree, rights
from merpati.store.blobs import Body, Spool
from merpati.wire.jmap.faults import SetFault, wrong

if TYPE_CHECKING:
    from merpati.store.engine import Transaction

TURN: Final = 16  # pieces of a message, before other sessions have their turn


@dataclass(slots=True)
class Ready:
    """An email that is ready to be stored.

    Attributes:
        mailbox_ids: as the client names them.
        keywords: in lower case.
        received_at: Unix milliseconds.
        blob_id: of bytes that are stored already; 0: they are the email's own.
        is_kept: whether a row names the body's own file.
    """

    mailbox_ids: Mapping[str, Any]
    keywords: frozenset[str]
    received_at: int
    body: Body
    digest: Digest
    blob_id: int = 0
    is_kept: bool = False


def checked_keywords(keywords: Iterable[str]) -> frozenset[str]:
    """Keywords in their stored form. Raises SetFault tooManyKeywords."""
    found = frozenset(one.lower() for one in keywords) - {DELETED}  # which is IMAP's alone
    if len(found) > KEYWORDS_MAX:
        raise SetFault("tooManyKeywords", f"an email has at most {KEYWORDS_MAX} keywords")
    return found


async def fill(services: Services, spool: Spool, pieces: Iterator[bytes]) -> None:
    """Write a message to its spool. Raises SetFault tooLarge, Fault NO_SPACE, UNAVAILABLE."""
    limit = services.message_size
    for n, piece in enumerate(pieces, 1):
        spool.add(piece)
        if spool.size > limit:
            raise SetFault("tooLarge", f"an email has at most {limit} bytes", maxSize=limit)
        if n % TURN == 0:
            await asyncio.sleep(0)


async def make(
    services: Services, pieces: Iterator[bytes], received_at: int
) -> tuple[Body, Digest]:
    """A message's bytes, durable, and what they hold.

    Raises:
        SetFault: tooLarge.
        Fault: NO_SPACE, UNAVAILABLE.
    """
    services.blob_store.check_space()
    spool = services.blob_store.spool()
    try:
        await fill(services, spool, pieces)
        found = await services.digester.digest(spool.content(), received_at)
        return await spool.finish(), found
    finally:
        spool.discard()


async def store(tx: Transaction, call: Call, access: Access, new: Ready) -> dict[str, Any]:
    """Put a new email into its mailboxes; what /set, /import and /copy tell of it.

    Raises:
        SetFault: invalidProperties, forbidden, overQuota, blobNotFound.
    """
    new.is_kept = False
    mailboxes = await target_mailboxes(tx, call, access, new.mailbox_ids)
    await _check_insert(tx, access, mailboxes, new.keywords)
    if new.blob_id and await blobs.find(tx, new.blob_id) is None:
        raise SetFault("blobNotFound", "the file is not there any more")
    first, *others = sorted(mailboxes)
    placement = emails.Placement(access.account_id, first, " ".join(sorted(new.keywords)))
    added = await emails.add(
        tx, new.body, new.digest, [placement], new.received_at, call.now(), disabled=True
    )
    if not added.placed:
        raise SetFault("overQuota", "that would exceed the quota; delete some mail first")
    new.is_kept = bool(new.blob_id) or not added.superfluous
    email_id = added.placed[0].email_id
    columns = email_edit.COLUMNS
    places = (await email_places.find(tx, access.account_id, [email_id], columns))[email_id]
    if others:
        await email_edit.set_mailboxes(tx, access.account_id, places, mailboxes, call.now())
    return {
        "id": object_ids.email(email_id),
        "blobId": object_ids.blob(BlobName(upload=False, id=email_id)),
        "threadId": object_ids.thread(places[0].row[2]),
        "size": new.body.size,
    }


def settle(services: Services, prepared: Iterable[Any], *, undone: bool) -> None:
    """Remove the files of emails that were not stored after all."""
    for one in prepared:
        if not isinstance(one, Ready) or not one.body.location or one.blob_id:
            continue
        if undone or not one.is_kept:
            services.blob_store.remove(one.body.location)


async def target_mailboxes(
    tx: Transaction, call: Call, access: Access, wanted: Mapping[str, Any]
) -> set[int]:
    """The mailboxes that are to hold an email.

    Raises:
        SetFault: invalidProperties when there are none, or one does not exist.
    """
    if not wanted:
        raise wrong("an email is in one mailbox at least", "mailboxIds")
    tree = await mailbox_tree.nodes(tx, access.account_id)
    held = None
    if not access.is_own:
        held = (await rights.all_held(tx, access.user_id)).get(access.account_id, {})
    found = set()
    for one in wanted:
        number = object_ids.read_mailbox(call.refer(one, "mailboxIds")) or 0
        if number not in tree or (
            held is not None and letters.LOOKUP not in held.get(number, letters.NONE)
        ):
            raise wrong(f"there is no mailbox {one}", "mailboxIds")
        found.add(number)
    return found


async def _check_insert(
    tx: Transaction, access: Access, mailboxes: set[int], keywords: frozenset[str]
) -> None:
    """Raise SetFault when the user may not put such an email into these mailboxes."""
    if access.is_own:
        return
    held = (await rights.all_held(tx, access.user_id)).get(access.account_id, {})
    needed = {letters.INSERT, *map(letters.for_keyword, keywords)}
    if any(needed - set(held.get(one, letters.NONE)) for one in mailboxes):
        raise SetFault("forbidden", "that is not allowed in one of these mailboxes")
