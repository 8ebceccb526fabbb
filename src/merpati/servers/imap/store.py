"""STORE, EXPUNGE, COPY, MOVE: changes to many messages, each command one transaction."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Final

from merpati.base.faults import Fault, Kind
from merpati.model import rights as letters
from merpati.model.message import KEYWORDS_MAX
from merpati.servers.imap import rights, rows
from merpati.servers.imap.client import Client, Done, gone, whole
from merpati.servers.imap.events import happened
from merpati.servers.imap.sync import sync
from merpati.servers.imap.view import View
from merpati.services.imap_events import Cause
from merpati.store import email_edit, email_keywords, emails, places, transfer
from merpati.store.email_keywords import Changed
from merpati.store.engine import P, T, Transaction, Unit
from merpati.wire.imap import commands, responses, sets
from merpati.wire.imap.commands import StoreMode
from merpati.wire.imap.fetch import Attribute

CHANGES: Final = {
    StoreMode.REPLACE: email_keywords.Change.SET,
    StoreMode.ADD: email_keywords.Change.ADD,
    StoreMode.REMOVE: email_keywords.Change.REMOVE,
}

LONG: Final = 500  # messages; what changes more of them would hold up the event loop
STEP: Final = 10_000  # messages of one transaction of a STORE, for which others wait 8 to 12 ms

# The place, UIDs here, UIDs there.
Moved = tuple[places.Place, Sequence[int], Sequence[int]]


async def store(client: Client, command: commands.Store) -> Done:
    """STORE and UID STORE, with UNCHANGEDSINCE (RFC 7162 3.1.3)."""
    view = client.writable()
    await view.load(client.services.store)
    if len(command.keywords) > KEYWORDS_MAX:
        raise Fault(Kind.TOO_MANY, f"a message may have at most {KEYWORDS_MAX} keywords")
    if view.rights != letters.ALL and not _may_change(view, command.keywords):
        raise Fault(Kind.DENIED, "none of these flags may be changed in this mailbox")
    conditional = command.unchanged_since is not None
    if conditional:
        client.enable_condstore()
    wanted = rows.named(view, command.set, uid=command.uid)
    changed = await _change(client, view, command, wanted.uids)
    if changed.modseq:
        await happened(
            client, Cause.FLAG, view.name, changed.uids, owner_id=view.account_id,
            keywords=list(command.keywords),
        )  # fmt: skip
    if not command.silent or client.condstore:
        await _tell(client, view, command, wanted, changed)
    modified = changed.modified
    missing = len(wanted.uids) - len(changed.uids) - len(modified)
    if modified:
        shown = modified if command.uid else [view.number(uid) for uid in modified]
        return Done("some messages were changed before", responses.modified(sets.compress(shown)))
    gone(missing, uid=command.uid)
    return Done("STORE completed")


def _may_change(view: View, keywords: Sequence[str]) -> bool:
    """Whether at least one of these, if any, may be changed in a mailbox of somebody else."""
    return not keywords or any(letters.for_keyword(one) in view.rights for one in keywords)


async def _change(
    client: Client, view: View, command: commands.Store, uids: Sequence[int]
) -> Changed:
    """Change the keywords, those of many messages in steps, between which others write."""
    if not uids:
        return Changed(0, (), (), ())
    if len(uids) <= LONG:
        return await _step(client, view, client.services.store.write, command, uids)
    write = client.services.store.write_long
    steps = [
        await _step(client, view, write, command, uids[start : start + STEP])
        for start in range(0, len(uids), STEP)
    ]
    if len(steps) == 1:
        return steps[0]
    each = chain.from_iterable
    is_all = sum(len(one.uids) for one in steps) == len(uids)
    return Changed(
        max(one.modseq for one in steps),
        uids if is_all else array("I", each(one.uids for one in steps)),
        list(each(one.keywords for one in steps)),
        list(each(one.modified for one in steps)),
    )


async def _step(
    client: Client, view: View, write: Callable[..., Any], command: commands.Store,
    uids: Sequence[int],
) -> Changed:  # fmt: skip
    """One transaction of `_change`."""
    changed: Changed = await write(
        email_keywords.change_many, view.account_id, view.mailbox_id, uids, CHANGES[command.mode],
        frozenset(command.keywords), command.unchanged_since, view.rights,
    )  # fmt: skip
    modseq = changed.modseq
    if modseq == view.modseq + 1 and not view.contexts:  # nobody else has changed anything
        view.modseq, client.changed = modseq, False
    elif modseq:
        view.own = (*view.own, modseq)
    return changed


async def _write(
    client: Client, count: int, unit: Unit[P, T], /, *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run a unit that changes so many messages: on the event loop only if they are few."""
    engine = client.services.store
    if count > LONG:
        return await engine.write_long(unit, *args, **kwargs)
    return await engine.write(unit, *args, **kwargs)


async def _tell(
    client: Client,
    view: View,
    command: commands.Store,
    wanted: rows.Selection,
    changed: Changed,
) -> None:
    """Tell the keywords that messages have now, from what the transaction has returned."""
    items: list[Attribute] = []
    if (command.uid or client.condstore) and not client.uidonly:  # RFC 7162 3.2.4
        items.append(Attribute.UID)
    if not command.silent:
        items.append(Attribute.FLAGS)
    if client.condstore:
        items.append(Attribute.MODSEQ)
    how = rows.plan(tuple(items))
    told = wanted
    if len(changed.uids) != len(wanted.uids):
        told = rows.selection(view, changed.uids)
    if client.condstore:
        await rows.send(client, view, how, told)
        return
    keywords = changed.keywords
    if len(keywords) == 1:
        number, uid = told.places[0] + 1, told.uids[0]
        client.connection.write(rows.flag_line(client, view, how, number, uid, keywords[0]))
        return
    start = 0
    for part in told.chunks(how.chunk):
        some = keywords[start : start + how.chunk]
        start += how.chunk
        client.connection.write(rows.flag_lines(client, view, how, part, some))
        if start < len(keywords):
            await client.connection.drain()
            await asyncio.sleep(0)


async def expunge(client: Client, command: commands.Expunge) -> Done:
    """EXPUNGE, and UID EXPUNGE (RFC 4315 2.1)."""
    view = client.writable()
    only = None
    if command.uids is not None:
        await view.load(client.services.store)
        only = _named(view, command.uids)
    modseq = await _write(
        client, view.count, emails.remove_deleted, view.account_id, view.mailbox_id, only,
        client.milliseconds(),
    )  # fmt: skip
    await sync(client, expunge=True, uid=command.uids is not None)
    code = responses.highestmodseq(modseq) if modseq and client.qresync else None
    return Done("EXPUNGE completed", code)


def _named(view: View, wanted: sets.SequenceSet) -> Sequence[int]:
    r"""The UIDs of a UID EXPUNGE; only how many are \Deleted could be too many (RFC 9738 3.1)."""
    if wanted.saved:
        return view.saved
    return rows.within(view.uids, wanted, view.uids[-1] if view.uids else 0)


async def copy(client: Client, command: commands.Copy) -> Done:
    """COPY and UID COPY (RFC 3501 6.4.7), told with COPYUID (RFC 4315 3)."""
    view = client.selected
    await view.load(client.services.store)
    wanted = rows.named(view, command.set, uid=command.uid)
    whole(view)
    found = await _write(
        client, len(wanted.uids), _copy, client.account_id, view, command.mailbox, wanted.uids,
        client.milliseconds(), uid=command.uid,
    )  # fmt: skip
    await happened(client, Cause.COPY, command.mailbox, found[2])
    if view.name == command.mailbox:
        view.made = view.made.union(found[2])
    return Done("COPY completed", _copyuid(found))


async def move(client: Client, command: commands.Move) -> Done:
    """MOVE and UID MOVE (RFC 6851)."""
    view = client.writable()
    await view.load(client.services.store)
    wanted = rows.named(view, command.set, uid=command.uid)
    whole(view)
    found = await _write(
        client, len(wanted.uids), _move, client.account_id, view, command.mailbox, wanted.uids,
        client.milliseconds(),
    )  # fmt: skip
    await happened(client, Cause.COPY, command.mailbox, found[2])
    code = _copyuid(found)
    if code is not None:  # RFC 6851 4.3: untagged, before the EXPUNGEs
        client.connection.write(responses.untagged(responses.Condition.OK, "moved", code))
    await sync(client, expunge=True, uid=command.uid)
    gone(len(wanted.uids) - len(found[1]), uid=command.uid)
    is_told = client.condstore and code is not None  # RFC 6851 4.4
    return Done("MOVE completed", responses.highestmodseq(view.modseq) if is_told else None)


async def _copy(
    tx: Transaction, user_id: int, view: View, path: str, uids: Sequence[int], now: int, *,
    uid: bool,
) -> Moved:  # fmt: skip
    """Copy all of them, or nothing when one that was named by number is gone (RFC 9051 6.4.7)."""
    target = await rights.target(tx, user_id, path)
    mailbox = target.mailbox
    if _stays_whole(view, target):
        _, old, new = await emails.copy(tx, view.account_id, view.mailbox_id, mailbox.id, uids, now)
    else:
        _, old, new = await transfer.transfer(
            tx, view.account_id, view.mailbox_id, target.account_id, mailbox.id, uids,
            rights=target.rights, now=now,
        )  # fmt: skip
    gone(len(uids) - len(old), uid=uid)
    return target, old, new


async def _move(
    tx: Transaction, user_id: int, view: View, path: str, uids: Sequence[int], now: int
) -> Moved:
    target = await rights.target(tx, user_id, path)
    mailbox = target.mailbox
    if _stays_whole(view, target):
        _, old, new = await email_edit.move(
            tx, view.account_id, view.mailbox_id, mailbox.id, uids, now
        )
    else:
        _, old, new = await transfer.transfer(
            tx, view.account_id, view.mailbox_id, target.account_id, mailbox.id, uids,
            rights=target.rights, move=True, now=now,
        )  # fmt: skip
    return target, old, new


def _stays_whole(view: View, target: places.Place) -> bool:
    """Whether messages go there within their account, and with all their flags."""
    return target.account_id == view.account_id and not letters.without(
        letters.FLAGS, target.rights
    )


def _copyuid(found: Moved) -> responses.Code | None:
    target, old, new = found
    if not old or letters.READ not in target.rights:  # RFC 9051 11.4
        return None
    return responses.copyuid(target.mailbox.uidvalidity, sets.compress(old), sets.compress(new))
