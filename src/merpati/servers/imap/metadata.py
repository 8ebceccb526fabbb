"""GETMETADATA and SETMETADATA (RFC 5464), and METADATA in LIST (RFC 9590).

Some entries are not rows: special uses (RFC 6154 4) are what the mailbox has, and the
addresses of administrators (RFC 5464 6.1) what the directory says.
"""

from __future__ import annotations

from typing import Final

from merpati.base.faults import Fault, Kind
from merpati.model import rights as letters
from merpati.servers.imap.client import Client, Done, Handler
from merpati.servers.imap.legal import Refused
from merpati.servers.imap.mailboxes import ROLES, SPECIAL_USE
from merpati.store import directory, mailboxes, metadata, places
from merpati.store.engine import Transaction
from merpati.store.places import Place
from merpati.wire.imap import metadata as wire
from merpati.wire.imap import responses
from merpati.wire.imap.commands import Command

OPEN: Final = frozenset("rswip")  # RFC 5464 3.3: one of these beside `l`
CHANGE: Final = letters.LOOKUP + letters.WRITE
SPECIAL_USE_ENTRY: Final = "/private/specialuse"
ADMIN_ENTRY: Final = "/shared/admin"
MAXSIZE: Final = wire.maxsize(metadata.VALUE_MAX)  # RFC 5464 4.3

Values = list[tuple[str, bytes | None]]


async def get(client: Client, command: wire.GetMetadata) -> Done:
    """GETMETADATA."""
    store = client.services.store
    values = await store.read(
        _get, client.account_id, command.mailbox, command.entries, command.depth
    )
    longest = 0
    if command.max_size is not None:
        longest = max((len(value or b"") for _, value in values), default=0)
        values = [one for one in values if len(one[1] or b"") <= command.max_size]
    if values:
        client.connection.write(wire.metadata(command.mailbox, values, utf8=client.utf8))
    if command.max_size is not None and longest > command.max_size:
        return Done("some values were too long", wire.longentries(longest))
    return Done("GETMETADATA completed")


async def set_(client: Client, command: wire.SetMetadata) -> Done:
    """SETMETADATA: all of it, or nothing."""
    try:
        await client.services.store.write(_set, client.account_id, command.mailbox, command.values)
    except Fault as fault:
        if fault.kind is Kind.TOO_LARGE:
            raise Refused(fault.text, MAXSIZE) from fault
        if fault.kind is Kind.TOO_MANY:
            raise Refused(fault.text, wire.TOOMANY) from fault
        raise
    return Done("SETMETADATA completed")


async def tell(client: Client, place: Place, entries: tuple[str, ...]) -> None:
    """The METADATA response of a listing: every entry, NIL for one that is not there."""
    if OPEN.isdisjoint(place.rights):
        return
    values = await client.services.store.read(_values, client.account_id, place, entries, 0)
    client.connection.write(wire.metadata(place.path, values, utf8=client.utf8))


async def _get(
    tx: Transaction, user_id: int, path: str, entries: tuple[str, ...], depth: int
) -> Values:
    place = await _open(tx, user_id, path) if path else None
    return await _values(tx, user_id, place, entries, depth)


async def _values(
    tx: Transaction, user_id: int, place: Place | None, entries: tuple[str, ...], depth: int
) -> Values:
    """What entries say, of the server without a place; NIL for one that says nothing."""
    mailbox = (place.account_id, place.mailbox.id) if place is not None else metadata.SERVER
    found: dict[str, bytes | None] = {}
    for entry in entries:
        told = dict(await metadata.find(tx, mailbox, user_id, entry, depth))
        told |= await _made(tx, user_id, place, entry)
        if not told and depth == 0:
            found[entry] = None
        found.update(told)
    return list(found.items())


async def _made(tx: Transaction, user_id: int, place: Place | None, entry: str) -> dict[str, bytes]:
    """An entry that is no row."""
    if place is not None and entry == SPECIAL_USE_ENTRY and place.account_id == user_id:
        use = SPECIAL_USE.get(place.mailbox.role)
        return {entry: use} if use else {}
    if place is None and entry == ADMIN_ENTRY:
        account = await directory.account_by_id(tx, user_id)
        domain = account.address.rpartition("@")[2] if account is not None else ""
        return {entry: b"mailto:postmaster@" + domain.encode()} if domain else {}
    return {}


async def _set(tx: Transaction, user_id: int, path: str, values: dict[str, bytes | None]) -> None:
    shared = any(not metadata.split(entry)[0] for entry in values)
    if not path:
        if ADMIN_ENTRY in values:
            raise Refused("that entry is read-only", responses.CANNOT)  # RFC 5464 3.2.1.1
        if shared:
            await _require_administrator(tx, user_id)
        for entry, value in values.items():
            await metadata.put(tx, metadata.SERVER, user_id, entry, value)
        return
    place = await _open(tx, user_id, path)
    if shared:
        place.require(CHANGE)
    for entry, value in values.items():
        if entry == SPECIAL_USE_ENTRY:
            await _set_use(tx, user_id, place, value)
        else:
            mailbox = (place.account_id, place.mailbox.id)
            await metadata.put(tx, mailbox, user_id, entry, value)


async def _open(tx: Transaction, user_id: int, path: str) -> Place:
    """A mailbox whose annotations a user may see. Raises Fault NOT_FOUND, DENIED."""
    place = await places.get(tx, user_id, path, letters.LOOKUP)
    if OPEN.isdisjoint(place.rights):
        place.require(letters.READ)
    return place


async def _require_administrator(tx: Transaction, user_id: int) -> None:
    account = await directory.account_by_id(tx, user_id)
    if account is None or not account.is_admin:
        raise Fault(Kind.DENIED, "only administrators may change what the server tells all")


async def _set_use(tx: Transaction, user_id: int, place: Place, value: bytes | None) -> None:
    """Change the special use of a mailbox (RFC 6154 4): none, or one that no other has."""
    role = ROLES.get((value or b"").lower(), "")
    if place.account_id != user_id or (value and not role) or place.mailbox.role == "inbox":
        raise Refused("that special use cannot be set", responses.CANNOT)
    holder = await mailboxes.by_role(tx, place.account_id, role) if role else None
    if holder not in {None, place.mailbox.id}:
        raise Refused("another mailbox has that special use", responses.USEATTR)
    await mailboxes.set_role(tx, place.account_id, place.mailbox.id, role)


HANDLERS: Final[dict[type[Command], Handler]] = {wire.GetMetadata: get, wire.SetMetadata: set_}
