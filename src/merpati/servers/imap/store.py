"""STORE, EXPUNGE, COPY, MOVE: changes to many messages, each command one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from merpati.base.faults import Fault, Kind
from merpati.model.mailbox import Mailbox
from merpati.model.message import KEYWORDS_MAX
from merpati.servers.imap import rows
from merpati.servers.imap.client import Client, Done, gone
from merpati.servers.imap.legal import Refused
from merpati.servers.imap.sync import sync
from merpati.servers.imap.view import View
from merpati.store import emails, mailboxes
from merpati.store.engine import Transaction
from merpati.wire.imap import commands, responses, sets
from merpati.wire.imap.commands import StoreMode
from merpati.wire.imap.fetch import Attribute

CHANGES: Final = {
    StoreMode.REPLACE: emails.Change.SET,
    StoreMode.ADD: emails.Change.ADD,
    StoreMode.REMOVE: emails.Change.REMOVE,
}

Moved = tuple[int, Sequence[int], Sequence[int]]  # UIDVALIDITY there, UIDs here, UIDs there


async def store(client: Client, command: commands.Store) -> Done:
    """STORE and UID STORE, with UNCHANGEDSINCE (RFC 7162 3.1.3)."""
    view = client.writable()
    await view.load(client.services.store)
    if len(command.keywords) > KEYWORDS_MAX:
        raise Fault(Kind.TOO_MANY, f"a message may have at most {KEYWORDS_MAX} keywords")
    conditional = command.unchanged_since is not None
    if conditional:
        client.enable_condstore()
    wanted = rows.named(view, command.set, uid=command.uid)
    modseq, now, modified = await client.services.store.write(
        emails.set_keywords, view.account_id, view.mailbox_id, wanted.uids,
        CHANGES[command.mode], frozenset(command.keywords), command.unchanged_since,
    )  # fmt: skip
    if modseq == view.modseq + 1:  # nobody else has changed anything meanwhile
        view.modseq, client.changed = modseq, False
    elif modseq:
        view.own = (*view.own, modseq)
    if not command.silent or client.condstore:
        await _tell(client, view, command, now)
    missing = len(wanted.uids) - len(now) - len(modified)
    if modified:
        shown = modified if command.uid else [view.number(uid) for uid in modified]
        return Done("some messages were changed before", responses.modified(sets.compress(shown)))
    gone(missing, uid=command.uid)
    return Done("STORE completed")


async def _tell(
    client: Client, view: View, command: commands.Store, now: Sequence[tuple[int, str]]
) -> None:
    """Tell the keywords that messages have now, from what the transaction has returned."""
    items: list[Attribute] = []
    if command.uid:
        items.append(Attribute.UID)
    if not command.silent:
        items.append(Attribute.FLAGS)
    if client.condstore:
        items.append(Attribute.MODSEQ)
    how = rows.plan(tuple(items))
    told = rows.selection(view, [uid for uid, _ in now])
    if client.condstore or len(now) > rows.CHUNK:
        await rows.send(client, view, how, told)
    elif now:
        found = [(uid, *[uid if name == "uid" else keywords for name in how.columns[1:]])
                 for uid, keywords in now]  # fmt: skip
        client.connection.write(rows.render(client, view, how, found, told.numbers(found)))


async def expunge(client: Client, command: commands.Expunge) -> Done:
    """EXPUNGE, and UID EXPUNGE (RFC 4315 2.1)."""
    view = client.writable()
    only = None
    if command.uids is not None:
        await view.load(client.services.store)
        only = rows.named(view, command.uids, uid=True).uids
    modseq = await client.services.store.write(
        remove_deleted, view.account_id, view.mailbox_id, only
    )
    await sync(client, expunge=True, uid=command.uids is not None)
    code = responses.highestmodseq(modseq) if modseq and client.qresync else None
    return Done("EXPUNGE completed", code)


async def remove_deleted(
    tx: Transaction, account_id: int, mailbox_id: int, only: Sequence[int] | None = None
) -> int:
    r"""Take out all messages that are \Deleted, or those of these UIDs; the modseq."""
    uids = await emails.deleted(tx, account_id, mailbox_id)
    if only is not None:
        wanted = set(only)
        uids = [uid for uid in uids if uid in wanted]
    if not uids:
        return 0
    modseq, _ = await emails.remove(tx, account_id, mailbox_id, uids)
    return modseq


async def copy(client: Client, command: commands.Copy) -> Done:
    """COPY and UID COPY (RFC 3501 6.4.7), told with COPYUID (RFC 4315 3)."""
    view = client.selected
    await view.load(client.services.store)
    wanted = rows.named(view, command.set, uid=command.uid)
    found = await client.services.store.write(_copy, view, command.mailbox, wanted.uids)
    gone(len(wanted.uids) - len(found[1]), uid=command.uid)
    return Done("COPY completed", _copyuid(found))


async def move(client: Client, command: commands.Move) -> Done:
    """MOVE and UID MOVE (RFC 6851)."""
    view = client.writable()
    await view.load(client.services.store)
    wanted = rows.named(view, command.set, uid=command.uid)
    found = await client.services.store.write(_move, view, command.mailbox, wanted.uids)
    code = _copyuid(found)
    if code is not None:  # RFC 6851 4.3: untagged, before the EXPUNGEs
        client.connection.write(responses.untagged(responses.Condition.OK, "moved", code))
    await sync(client, expunge=True, uid=command.uid)
    gone(len(wanted.uids) - len(found[1]), uid=command.uid)
    return Done("MOVE completed")


async def _copy(tx: Transaction, view: View, path: str, uids: Sequence[int]) -> Moved:
    target = await _target(tx, view.account_id, path)
    _, old, new = await emails.copy(tx, view.account_id, view.mailbox_id, target.id, uids)
    return target.uidvalidity, old, new


async def _move(tx: Transaction, view: View, path: str, uids: Sequence[int]) -> Moved:
    target = await _target(tx, view.account_id, path)
    _, old, new = await emails.move(tx, view.account_id, view.mailbox_id, target.id, uids)
    return target.uidvalidity, old, new


async def _target(tx: Transaction, account_id: int, path: str) -> Mailbox:
    """The mailbox to put messages into. Raises Fault with TRYCREATE (RFC 3501 7.1)."""
    found = await mailboxes.find(tx, account_id, path)
    if found is None:
        raise Refused("there is no such mailbox; create it first", responses.TRYCREATE)
    return found


def _copyuid(found: Moved) -> responses.Code | None:
    uidvalidity, old, new = found
    if not old:
        return None
    return responses.copyuid(uidvalidity, sets.compress(old), sets.compress(new))
