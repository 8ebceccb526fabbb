"""SETACL, DELETEACL, GETACL, LISTRIGHTS and MYRIGHTS (RFC 4314 3).

The owner of a mailbox holds every right in it, always; an identifier is the address of an
account, `anyone` for everybody in the domain, or `@domain` for everybody in another one.
"""

from __future__ import annotations

from typing import Final

from merpati.base.faults import Fault, Kind
from merpati.model import rights as letters
from merpati.servers.imap.client import Client, Done, Handler
from merpati.servers.imap.rights import NAMED
from merpati.store import directory, places, rights, share_notifications
from merpati.store.engine import Transaction
from merpati.store.places import Place
from merpati.wire.imap import acl as wire
from merpati.wire.imap.commands import Command, StoreMode

NEGATIVE: Final = "-"


async def set_(client: Client, command: wire.SetAcl) -> Done:
    """SETACL."""
    await client.services.store.write(
        _set,
        client.account_id,
        command.mailbox,
        command.identifier,
        command.mode,
        command.rights,
        client.milliseconds(),
    )
    return Done("SETACL completed")


async def delete(client: Client, command: wire.DeleteAcl) -> Done:
    """DELETEACL."""
    await client.services.store.write(
        _set,
        client.account_id,
        command.mailbox,
        command.identifier,
        StoreMode.REPLACE,
        "",
        client.milliseconds(),
    )
    return Done("DELETEACL completed")


async def get(client: Client, command: wire.GetAcl) -> Done:
    """GETACL."""
    entries = await client.services.store.read(_get, client.account_id, command.mailbox)
    client.connection.write(wire.acl(command.mailbox, entries, utf8=client.utf8))
    return Done("GETACL completed")


async def list_rights(client: Client, command: wire.ListRights) -> Done:
    """LISTRIGHTS."""
    is_owner = await client.services.store.read(
        _is_owner, client.account_id, command.mailbox, command.identifier
    )
    if is_owner:
        always, optional = letters.shown(letters.ALL), ""
    else:
        always, optional = "", letters.shown(letters.ALL)
    client.connection.write(
        wire.list_rights(command.mailbox, command.identifier, always, optional, utf8=client.utf8)
    )
    return Done("LISTRIGHTS completed")


async def my_rights(client: Client, command: wire.MyRights) -> Done:
    """MYRIGHTS."""
    place = await client.services.store.read(
        places.get, client.account_id, command.mailbox, letters.NONE
    )
    if not set(place.rights) & set(letters.KNOWING):
        raise Fault(Kind.NOT_FOUND, f"there is no mailbox {command.mailbox}")
    shown = letters.shown(place.rights)
    client.connection.write(wire.my_rights(command.mailbox, shown, utf8=client.utf8))
    return Done("MYRIGHTS completed")


async def _set(
    tx: Transaction, user_id: int, path: str, identifier: str, mode: StoreMode, given: str,
    now: int,
) -> None:  # fmt: skip
    place = await places.get(tx, user_id, path, NAMED[wire.SetAcl])
    negative = identifier.startswith(NEGATIVE)
    subject = await rights.subject(tx, place.account_id, identifier.removeprefix(NEGATIVE))
    wanted = letters.canonical(given)
    if subject == place.account_id:
        if (
            negative
            or mode is StoreMode.REMOVE
            or (mode is StoreMode.REPLACE and wanted != letters.ALL)
        ):
            raise Fault(Kind.DENIED, "the owner of a mailbox keeps all rights in it")
        return
    if mode is not StoreMode.REPLACE:
        before = letters.NONE
        for entry in await rights.entries(tx, place.account_id, place.mailbox.id):
            if entry.subject == subject and entry.negative == negative:
                before = entry.rights
        adding = mode is StoreMode.ADD
        wanted = letters.union(before, wanted) if adding else letters.without(before, wanted)
    await share_notifications.grant(
        tx, place.account_id, place.mailbox.id, subject, wanted, user_id, now, negative=negative
    )


async def _get(tx: Transaction, user_id: int, path: str) -> list[tuple[str, str]]:
    place = await places.get(tx, user_id, path, NAMED[wire.GetAcl])
    owner = await directory.account_by_id(tx, place.account_id)
    told = [(owner.address, letters.shown(letters.ALL))] if owner is not None else []
    for entry in await rights.entries(tx, place.account_id, place.mailbox.id):
        name = NEGATIVE + entry.name if entry.negative else entry.name
        told.append((name, letters.shown(entry.rights)))
    return told


async def _is_owner(tx: Transaction, user_id: int, path: str, identifier: str) -> bool:
    place: Place = await places.get(tx, user_id, path, NAMED[wire.ListRights])
    subject = await rights.subject(tx, place.account_id, identifier.removeprefix(NEGATIVE))
    return subject == place.account_id


HANDLERS: Final[dict[type[Command], Handler]] = {
    wire.SetAcl: set_,
    wire.DeleteAcl: delete,
    wire.GetAcl: get,
    wire.ListRights: list_rights,
    wire.MyRights: my_rights,
}
