"""Commands on mailboxes as such: SELECT, CREATE, DELETE, RENAME, LIST, LSUB, STATUS ..."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Final

from merpati.base.faults import Fault, Kind
from merpati.model import rights as letters
from merpati.model.mailbox import INBOX_ID, OTHER_USERS, SEPARATOR, SHARED, Mailbox
from merpati.servers.imap import rights, rows
from merpati.servers.imap.client import Client, Done
from merpati.servers.imap.legal import Refused
from merpati.servers.imap.sync import claim, put_together
from merpati.servers.imap.view import View
from merpati.store import changes, email_edit, emails, mailboxes, metadata, places
from merpati.store.engine import Transaction
from merpati.wire.imap import commands, names, responses, sets
from merpati.wire.imap.commands import StatusItem
from merpati.wire.imap.fetch import Attribute
from merpati.wire.imap.quota import UNIT
from merpati.wire.imap.responses import Condition, ObjectId

# RFC 6154 2, by the role of RFC 8621.
SPECIAL_USE: Final = {
    "archive": b"\\Archive",
    "drafts": b"\\Drafts",
    "junk": b"\\Junk",
    "sent": b"\\Sent",
    "trash": b"\\Trash",
    "important": b"\\Important",
    "snoozed": b"\\Snoozed",  # as Cyrus and Fastmail call it
}
ROLES: Final = {flag.lower(): role for role, flag in SPECIAL_USE.items()}

CLOSED: Final = responses.untagged(
    Condition.OK, "the other mailbox is closed", responses.CLOSED
)  # RFC 7162 3.2.11
FLAGS: Final = responses.flag_list(rows.USUAL)

EXAMINED: Final = Done("EXAMINE completed", responses.READ_ONLY)
SELECTED: Final = Done("SELECT completed", responses.READ_WRITE)
UNCHANGING: Final = Done("SELECT completed", responses.READ_ONLY)

STATED: Final = Done("STATUS completed")

# What of STATUS stands in the mailbox's row.
COUNTED: Final = {
    StatusItem.MESSAGES: "total",
    StatusItem.UIDNEXT: "uidnext",
    StatusItem.UIDVALIDITY: "uidvalidity",
    StatusItem.UNSEEN: "unseen",
    StatusItem.HIGHESTMODSEQ: "modseq",
    StatusItem.SIZE: "size",
}

# [UNSEEN n] takes a search from the start; in a bigger mailbox it is left out, as RFC 3501
# 7.1 lets a server, and RFC 9051 dropped it.
UNSEEN_MAX: Final = 1000


async def select(client: Client, command: commands.Select) -> Done:
    """SELECT and EXAMINE (RFC 3501 6.3.1, 6.3.2), with CONDSTORE and QRESYNC (RFC 7162)."""
    if command.qresync is not None and not client.qresync:
        raise Refused("say ENABLE QRESYNC first", bad=True)  # RFC 7162 3.2.5
    if client.view is not None:
        client.leave()
        client.connection.write(CLOSED)
    place, modseq, unseen = await client.services.store.read(
        _select, client.account_id, command.mailbox, unseen=not (client.rev2 or client.uidonly)
    )
    mailbox = place.mailbox
    view = View(
        account_id=place.account_id,
        mailbox_id=mailbox.id,
        name=place.path,
        object_id=places.object_id(client.account_id, place),
        uidvalidity=mailbox.uidvalidity,
        count=mailbox.total,
        uidnext=mailbox.uidnext,
        modseq=modseq,
        read_only=command.read_only or not letters.may_change(place.rights),
        rights=place.rights,
        limit=client.services.settings.messages_at_once,
    )
    client.open(view)
    await claim(client, view, mailbox)
    client.condstore |= command.condstore
    await _describe(client, view, mailbox, unseen, command.written)
    if command.qresync is not None and command.qresync.uidvalidity == view.uidvalidity:
        await _resynchronise(client, view, command.qresync)
    if client.full:  # RFC 9208 4.3.1: not before a mailbox is selected
        client.full = False
        text = client.said("your mailbox is nearly full")
        client.connection.write(responses.untagged(Condition.NO, text, responses.OVERQUOTA))
    if command.read_only:
        return EXAMINED
    return UNCHANGING if view.read_only else SELECTED


async def _select(
    tx: Transaction, user_id: int, path: str, *, unseen: bool
) -> tuple[places.Place, int, int]:
    """The mailbox, the modseq of its account and the number of the first unseen message, or 0."""
    place, modseq = await places.get_now(tx, user_id, path, rights.NAMED[commands.Select])
    mailbox, number = place.mailbox, 0
    if unseen and mailbox.unseen and mailbox.total <= UNSEEN_MAX:
        number = await emails.first_unseen(tx, place.account_id, mailbox.id)
    return place, modseq, number


async def _describe(
    client: Client, view: View, mailbox: Mailbox, unseen: int, written: str
) -> None:
    """What SELECT must tell (RFC 3501 6.3.1)."""
    recent = None if client.rev2 else await view.recent(client.services.store)
    lines = [
        FLAGS,
        rights.permanent_flags(view),
        responses.selected(
            view.count, recent, view.uidvalidity, view.uidnext, view.object_id, mailbox.modseq
        ),
    ]
    if client.rev2:  # RFC 9051 6.3.2: the name instead, as the server spells it
        attributes = await _attributes(client, view, mailbox)
        lines.append(responses.mailbox_list(view.name, attributes, utf8=True, old_name=written))
    if unseen:
        lines.append(responses.untagged(Condition.OK, "first unseen", responses.unseen(unseen)))
    client.connection.write(b"".join(lines))


async def _attributes(client: Client, view: View, mailbox: Mailbox) -> list[bytes]:
    """What LIST tells of an own mailbox; what can be seen below another's takes a listing."""
    if view.account_id != client.account_id:
        return []
    has_children = await client.services.store.read(
        mailboxes.has_children, view.account_id, mailbox.id
    )
    attributes = [b"\\HasChildren" if has_children else b"\\HasNoChildren"]
    role = SPECIAL_USE.get(mailbox.role)
    return [*attributes, role] if role else attributes


async def _resynchronise(client: Client, view: View, known: commands.QResync) -> None:
    """Tell what has changed since the client last looked (RFC 7162 3.2.5)."""
    store = client.services.store
    uids = await view.load(store)
    found = await store.read(changes.since, view.account_id, view.mailbox_id, known.modseq)
    news = put_together(found)
    removed, changed = news.removed, sorted({*news.added, *news.flagged})
    if known.known is not None:
        removed = rows.within(removed, known.known, view.uidnext - 1)
        changed = rows.within(changed, known.known, view.uidnext - 1)
    removed = view.without(removed)  # what goes in this moment is told as any EXPUNGE is
    if removed:
        client.connection.write(responses.vanished(sets.compress(removed), earlier=True))
    there = set(uids)
    how = rows.plan((Attribute.UID, Attribute.FLAGS, Attribute.MODSEQ))
    changed = [uid for uid in changed if uid in there]
    await rows.send(client, view, how, rows.selection(view, changed))


async def close(client: Client, _command: commands.Close) -> Done:
    """CLOSE (RFC 3501 6.4.2): expunges in silence."""
    view = client.selected
    expunges = not view.read_only and await rights.may_expunge(client)
    client.close()
    if expunges:
        await client.services.store.write(
            emails.remove_deleted, view.account_id, view.mailbox_id, None, client.milliseconds()
        )
    return Done("CLOSE completed")


async def unselect(client: Client, _command: commands.Unselect) -> Done:
    """UNSELECT (RFC 3691)."""
    client.close()
    return Done("UNSELECT completed")


# Their tree


async def create(client: Client, command: commands.Create) -> Done:
    """CREATE (RFC 3501 6.3.3), with USE (RFC 6154 3)."""
    _check_name(command.mailbox)
    if len(command.use) > 1 or any(use.lower() not in ROLES for use in command.use):
        raise Refused("a mailbox has one special use, of those LIST shows", responses.USEATTR)
    role = ROLES[command.use[0].lower()] if command.use else ""
    object_id = await client.services.store.write(
        _create, client.account_id, command.mailbox, client.milliseconds(), role
    )
    client.tell_spelling(command.mailbox, command.written)
    return Done("CREATE completed", responses.mailboxid(object_id))  # RFC 8474 4.1


async def _create(tx: Transaction, user_id: int, path: str, now: int, role: str) -> str:
    """Make it; its object id."""
    spot = await places.above(tx, user_id, path, rights.ABOVE[commands.Create])
    if role and spot.account_id != user_id:  # it says where the owner's mail is put
        raise Refused("that special use cannot be set", responses.USEATTR)
    if role and await mailboxes.by_role(tx, spot.account_id, role) is not None:
        raise Refused("another mailbox has that special use", responses.USEATTR)
    made = await mailboxes.create(tx, spot.account_id, spot.path, now, role=role)
    return places.object_id(user_id, places.Place(spot.account_id, made, letters.ALL, path))


async def delete(client: Client, command: commands.Delete) -> Done:
    """DELETE (RFC 3501 6.3.4). The client's own selected mailbox is closed by it."""
    try:
        gone = await client.services.store.write(
            _delete, client.account_id, command.mailbox, client.milliseconds()
        )
    except Fault as fault:
        if fault.kind is Kind.IN_USE:
            raise Refused(fault.text, responses.HASCHILDREN) from fault
        raise
    view = client.view
    if view is not None and (view.account_id, view.mailbox_id) == gone:
        client.close()
        client.connection.write(CLOSED)
    client.tell_spelling(command.mailbox, command.written, (b"\\NonExistent",))
    return Done("DELETE completed")


async def _delete(tx: Transaction, user_id: int, path: str, now: int) -> tuple[int, int]:
    """Delete it; its account and its id."""
    place = await places.get(tx, user_id, path, rights.NAMED[commands.Delete])
    if place.mailbox.id == INBOX_ID:
        raise Refused("INBOX cannot be deleted", responses.CANNOT)
    await mailboxes.destroy(tx, place.account_id, place.mailbox.name, now)
    return place.account_id, place.mailbox.id


async def rename(client: Client, command: commands.Rename) -> Done:
    """RENAME (RFC 3501 6.3.5)."""
    _check_name(command.new_name)
    await client.services.store.write(
        _rename, client.account_id, command.mailbox, command.new_name, client.milliseconds()
    )
    client.tell_spelling(command.new_name, command.written)
    return Done("RENAME completed")


async def _rename(tx: Transaction, user_id: int, old: str, new: str, now: int) -> None:
    place = await places.get(tx, user_id, old, rights.NAMED[commands.Rename])
    spot = await places.above(tx, user_id, new, rights.ABOVE[commands.Rename])
    account_id = place.account_id
    if spot.account_id != account_id:
        raise Refused("a mailbox stays in its account; copy the messages", responses.CANNOT)
    if place.mailbox.id != INBOX_ID:
        if spot.path.startswith(place.mailbox.name + SEPARATOR):
            raise Refused("a mailbox cannot move below itself", responses.CANNOT)
        await mailboxes.rename(tx, account_id, place.mailbox.name, spot.path, now)
        return
    # RFC 3501 6.3.5: INBOX stays; what it holds goes into the new mailbox.
    place.require(letters.DELETE_MESSAGES + letters.EXPUNGE)
    target = await mailboxes.create(tx, account_id, spot.path, now)
    await metadata.copy(tx, account_id, INBOX_ID, target.id)  # RFC 5464 4.1
    uids = await emails.uids_of(tx, account_id, INBOX_ID)
    await email_edit.move(tx, account_id, INBOX_ID, target.id, uids)


async def subscribe(client: Client, command: commands.Subscribe) -> Done:
    """SUBSCRIBE (RFC 3501 6.3.6)."""
    _check_name(command.mailbox)
    await client.services.store.write(_subscribe, client.account_id, command.mailbox)
    return Done("SUBSCRIBE completed")


async def _subscribe(tx: Transaction, user_id: int, path: str) -> None:
    """Any name may be subscribed to, but not one whose mailbox this user may not see."""
    place = await places.find(tx, user_id, path)
    if place is not None:
        place.require(rights.NAMED[commands.Subscribe])
    await mailboxes.subscribe(tx, user_id, path)


async def unsubscribe(client: Client, command: commands.Unsubscribe) -> Done:
    """UNSUBSCRIBE (RFC 3501 6.3.7)."""
    _check_name(command.mailbox)
    await client.services.store.write(mailboxes.unsubscribe, client.account_id, command.mailbox)
    return Done("UNSUBSCRIBE completed")


def _check_name(name: str) -> None:
    objection = names.objection(name)
    if objection:
        raise Refused(objection, responses.CANNOT)
    try:
        mailboxes.levels(name)
    except Fault as fault:
        raise Refused(fault.text, responses.CANNOT) from fault


async def namespace(client: Client, _command: commands.Namespace) -> Done:
    """NAMESPACE (RFC 2342)."""
    client.connection.write(namespaces(client))
    return Done("NAMESPACE completed")


def namespaces(client: Client) -> bytes:
    """The NAMESPACE response: one's own mailboxes, those of other users, shared ones."""
    others, shared = OTHER_USERS + SEPARATOR, SHARED + SEPARATOR
    return responses.namespace(
        others=(others,), shared=(shared,), utf8=client.utf8, say=client.said
    )


# STATUS


async def status(client: Client, command: commands.Status) -> Done:
    """STATUS (RFC 3501 6.3.10), with HIGHESTMODSEQ (RFC 7162) and SIZE (RFC 8438)."""
    if StatusItem.HIGHESTMODSEQ in command.items:
        client.enable_condstore()
    store = client.services.store
    place = await store.read(
        places.get, client.account_id, command.mailbox, rights.NAMED[commands.Status]
    )
    client.connection.write(await status_line(client, place, command.items))
    return STATED


async def status_line(client: Client, place: places.Place, items: tuple[StatusItem, ...]) -> bytes:
    """The STATUS response of a mailbox."""
    counts = _counts(items)
    if counts is not None:  # as nearly always
        values: Sequence[int | ObjectId] = counts(place.mailbox)
    else:
        values = [await _value(client, place, item) for item in items]
    return responses.status(place.path, items, values, utf8=client.utf8)


@lru_cache(maxsize=64)
def _counts(items: tuple[StatusItem, ...]) -> Callable[[Mailbox], tuple[int, ...]] | None:
    """What gives the values of several items that all stand in the row; else None."""
    names = [COUNTED[item] for item in items if item in COUNTED]
    return attrgetter(*names) if 1 < len(names) == len(items) else None


async def _value(client: Client, place: places.Place, item: StatusItem) -> int | ObjectId:
    if item in COUNTED:
        count: int = getattr(place.mailbox, COUNTED[item])
        return count
    return await _looked_up(client, place, item)


async def _looked_up(client: Client, place: places.Place, item: StatusItem) -> int | ObjectId:
    """The value of an item that its row alone does not tell."""
    store, mailbox = client.services.store, place.mailbox
    match item:
        case StatusItem.RECENT:
            return await _recent(client, place)
        case StatusItem.APPENDLIMIT:
            return client.services.settings.message_size
        case StatusItem.MAILBOXID:
            return responses.object_id(places.object_id(client.account_id, place))
        case StatusItem.DELETED:
            return len(await store.read(emails.deleted, place.account_id, mailbox.id))
        case StatusItem.DELETED_STORAGE:
            size = await store.scan(emails.deleted_size, place.account_id, mailbox.id)
            return -(-size // UNIT)
        case _:
            raise TypeError(item)


async def _recent(client: Client, place: places.Place) -> int:
    r"""How many messages no session has been told of."""
    mailbox = place.mailbox
    first = mailbox.recent_from
    if first == 1 or first >= mailbox.uidnext:
        return mailbox.total if first == 1 else 0
    store = client.services.store
    return len(await store.read(emails.uids_of, place.account_id, mailbox.id, first - 1))
