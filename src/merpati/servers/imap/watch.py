"""NOTIFY (RFC 5465): telling a client what happens in mailboxes that it has not selected.

What it is told is a view of the accounts' change logs after a number, as IDLE's is of the
selected mailbox (`sync`). An announcement only wakes the session, which then asks the log; so
nothing is gathered for a client that does not read, and while nothing happens it costs nothing.
Names are remembered only for who wants to hear of renamed and deleted mailboxes.
"""

from __future__ import annotations

from typing import Final

import msgspec

from merpati.model.change import ChangeKind
from merpati.model.mailbox import RESERVED, SEPARATOR, Mailbox
from merpati.servers.imap.client import Client, Done
from merpati.servers.imap.listing import parents
from merpati.servers.imap.mailboxes import SPECIAL_USE
from merpati.servers.imap.sync import sync
from merpati.servers.imap.watched import Key, Watch
from merpati.store import changes, mailboxes, places
from merpati.store.engine import Topic, Transaction
from merpati.store.metadata import of_server
from merpati.store.places import Place
from merpati.wire.imap import commands, metadata, responses
from merpati.wire.imap import notify as grammar
from merpati.wire.imap.commands import StatusItem
from merpati.wire.imap.names import INBOX
from merpati.wire.imap.notify import OF_MESSAGES, Event
from merpati.wire.imap.responses import Condition

LINES_MAX: Final = 1000  # told in one go; a client that asked for more is told less (5.8)

OF_THE_TREE: Final = frozenset(
    {ChangeKind.MAILBOX_CREATED, ChangeKind.MAILBOX_CHANGED, ChangeKind.MAILBOX_DESTROYED}
)
# Commands by which a client changes names.
OWN: Final = frozenset({
    commands.Create, commands.Delete, commands.Rename, commands.Subscribe, commands.Unsubscribe,
})  # fmt: skip
COUNTED: Final = frozenset({ChangeKind.EMAILS_ADDED, ChangeKind.EMAILS_REMOVED})


class Scene(msgspec.Struct):
    """What a user sees: mailboxes, subscribed names, and how far each account has come."""

    places: list[Place]
    others: dict[int, tuple[str, dict[int, str]]]
    subscribed: set[str]
    modseqs: dict[int, int]
    touched: dict[Key, set[int]]  # kinds of change since; the mailbox is 0 for those of none
    entries: dict[Key, list[str]]  # annotations that changed since


async def notify(client: Client, command: grammar.Notify) -> Done:
    """NOTIFY: what it asks for replaces all that was asked for before."""
    if client.view is not None and command.groups:  # RFC 5465 3.1: an implicit NOOP
        await sync(client, expunge=True)
    end(client)
    watch = Watch(command.groups)
    client.watch = watch
    if watch.groups:
        scene = await client.services.store.read(_scene, client.account_id, {})
        _listen(client, watch, scene)
        _listen_to(client, watch, Topic.DIRECTORY, 0)  # members, and names of accounts
        _remember(watch, scene)
        if watch.wants(Event.SERVER_METADATA_CHANGE):
            _listen_to(client, watch, Topic.METADATA, 0)
            await _server_annotations(client, watch)
        lines = _hidden(client, watch, scene)
        if command.status:
            lines += _statuses(client, watch, scene)
        client.connection.write(b"".join(lines))
    return Done("NOTIFY completed")


def end(client: Client) -> None:
    """Tell the client of nothing that it had asked for with NOTIFY."""
    if client.watch is not None:
        for stop in client.watch.stops:
            stop()
        client.watch = None


async def tell(client: Client, *, expunge: bool = True) -> None:
    """Tell a waiting client what has happened: what NOTIFY asked for, or else the selected."""
    watch = client.watch
    if client.view is not None and (watch is None or watch.selected is not None):
        await sync(client, expunge=expunge)
    if watch is not None and watch.groups and not client.over:
        await tell_others(client, watch)


async def tell_others(client: Client, watch: Watch) -> None:
    """What has happened in mailboxes that are not selected."""
    watch.stale = False
    store = client.services.store
    if watch.wants(Event.SERVER_METADATA_CHANGE):
        client.connection.write(await _server_annotations(client, watch))
    if not await store.read(_moved, client.account_id, watch.since, watch.others):
        return
    scene = await store.read(_scene, client.account_id, watch.since)
    lines = _messages(client, watch, scene)
    if watch.wants(Event.MAILBOX_NAME, Event.SUBSCRIPTION_CHANGE):
        lines += _names(client, watch, scene)
    if watch.wants(Event.MAILBOX_METADATA_CHANGE):
        lines += _annotations(client, watch, scene)
    _listen(client, watch, scene)
    _remember(watch, scene)
    if len(lines) > LINES_MAX:
        code = grammar.NOTIFICATIONOVERFLOW
        text = client.said("too much happens to tell it all")
        client.connection.write(responses.untagged(Condition.OK, text, code))
        end(client)
        client.watch = Watch(())  # as if NOTIFY NONE had come
        return
    client.connection.write(b"".join(lines))


async def own(client: Client, watch: Watch, command: commands.Command) -> None:
    """Know of what the client itself has done to names, so that it is not told (RFC 5465 5)."""
    match command:
        case commands.Create(mailbox=path):
            if not watch.wants(Event.MAILBOX_NAME):
                return
            for place in await client.services.store.read(places.listing, client.account_id):
                if _is_within(path, place.path):  # those above it were made with it
                    watch.paths.setdefault(_key(place), place.path)
        case commands.Delete(mailbox=path):
            watch.paths = {key: its for key, its in watch.paths.items() if its != path}
        case commands.Rename(mailbox=old, new_name=new) if old != INBOX:
            watch.paths = {
                key: new + its[len(old) :] if _is_within(its, old) else its
                for key, its in watch.paths.items()
            }
        case commands.Subscribe(mailbox=path):
            watch.subscribed = watch.subscribed | {path}
        case commands.Unsubscribe(mailbox=path):
            watch.subscribed = watch.subscribed - {path}
        case _:
            pass


def _is_within(path: str, above: str) -> bool:
    return path == above or path.startswith(above + SEPARATOR)


def _listen(client: Client, watch: Watch, scene: Scene) -> None:
    """Hear of changes in every account that the user sees something of."""
    for account_id in scene.modseqs.keys() - watch.since.keys():
        _listen_to(client, watch, Topic.ACCOUNT, account_id)
    watch.since = {**watch.since, **scene.modseqs}


def _listen_to(client: Client, watch: Watch, topic: Topic, number: int) -> None:
    def heard() -> None:
        watch.stale = True
        if client.idling:
            client.connection.wake()

    watch.stops.append(client.services.notify.listen(topic, number, heard))


def _remember(watch: Watch, scene: Scene) -> None:
    watch.others = scene.others
    if watch.wants(Event.MAILBOX_NAME):
        watch.paths = {_key(place): place.path for place in scene.places}
    if watch.wants(Event.SUBSCRIPTION_CHANGE):
        watch.subscribed = scene.subscribed


def _key(place: Place) -> Key:
    return place.account_id, place.mailbox.id


# Messages


def _statuses(client: Client, watch: Watch, scene: Scene) -> list[bytes]:
    """How the mailboxes are at the beginning (RFC 5465 3.1)."""
    found = []
    for place in scene.places:
        events = _wanted(client, watch, scene, place)
        if events & OF_MESSAGES:
            found.append(_status(client, place.path, place.mailbox, events))
    return found


def _messages(client: Client, watch: Watch, scene: Scene) -> list[bytes]:
    """A STATUS for each mailbox in which something wanted has happened."""
    found = []
    for place in scene.places:
        kinds = scene.touched.get(_key(place))
        if kinds is None:
            continue
        events = _wanted(client, watch, scene, place)
        counted = Event.MESSAGE_NEW in events and not kinds.isdisjoint(COUNTED)
        flagged = Event.FLAG_CHANGE in events and ChangeKind.KEYWORDS_CHANGED in kinds
        if counted or flagged:
            found.append(_status(client, place.path, place.mailbox, events))
    return found


def _annotations(client: Client, watch: Watch, scene: Scene) -> list[bytes]:
    """A METADATA for each mailbox of which an annotation changed, without values (5.6)."""
    return [
        metadata.changed(place.path, scene.entries[_key(place)], utf8=client.utf8)
        for place in scene.places
        if scene.entries.get(_key(place))
        and Event.MAILBOX_METADATA_CHANGE in _wanted(client, watch, scene, place)
    ]


async def _server_annotations(client: Client, watch: Watch) -> bytes:
    """A METADATA for those of the server's that changed since the last time (5.7)."""
    found = await client.services.store.read(of_server, client.account_id)
    now = {entry: hash(value) for entry, value in found.items()}
    changed = sorted(entry for entry, _ in now.items() ^ watch.server.items())
    watch.server = now
    return metadata.changed("", dict.fromkeys(changed)) if changed else b""


def _wanted(client: Client, watch: Watch, scene: Scene, place: Place) -> frozenset[Event]:
    """What the client wants of a mailbox and may see; of the selected one nothing of messages."""
    if "r" not in place.rights:
        return frozenset()
    own = place.account_id == client.account_id
    wanted = watch.events(own, place.path, scene.subscribed)
    view = client.view
    if view is not None and _key(place) == (view.account_id, view.mailbox_id):
        wanted -= OF_MESSAGES
    return wanted


def _status(client: Client, path: str, mailbox: Mailbox, events: frozenset[Event]) -> bytes:
    items: dict[StatusItem, int | responses.ObjectId] = {
        StatusItem.MESSAGES: mailbox.total,
        StatusItem.UIDNEXT: mailbox.uidnext,
        StatusItem.UIDVALIDITY: mailbox.uidvalidity,
    }
    if Event.FLAG_CHANGE in events:
        items[StatusItem.UNSEEN] = mailbox.unseen
    if Event.FLAG_CHANGE in events or client.condstore:
        items[StatusItem.HIGHESTMODSEQ] = mailbox.modseq
    return responses.status(path, tuple(items), items.values(), utf8=client.utf8)


# Names


def _hidden(client: Client, watch: Watch, scene: Scene) -> list[bytes]:
    r"""Mailboxes that are named, and seen, but not to be read, are \NoAccess (RFC 5465 3.1)."""
    named = {name for group in watch.groups for name in group.names}
    return [
        responses.mailbox_list(place.path, (b"\\NoAccess",), utf8=client.utf8)
        for place in scene.places
        if place.path in named and "r" not in place.rights
    ]


def _names(client: Client, watch: Watch, scene: Scene) -> list[bytes]:
    """A LIST for each name that came, went, changed, or whose subscription did (5.4, 5.5)."""
    names = _Names(client, watch, scene)
    if watch.wants(Event.MAILBOX_NAME):
        names.tell_tree()
    if watch.wants(Event.SUBSCRIPTION_CHANGE):
        for path in sorted(scene.subscribed ^ watch.subscribed):
            names.add(path, Event.SUBSCRIPTION_CHANGE)
    return list(names.lines.values())


class _Names:
    """The LIST responses of one look at the names that a user sees."""

    def __init__(self, client: Client, watch: Watch, scene: Scene) -> None:
        self.lines: dict[str, bytes] = {}
        self._client = client
        self._watch = watch
        self._scene = scene
        self._places = {place.path: place for place in scene.places}
        self._above = parents(self._places)
        self._subscribed = scene.subscribed | watch.subscribed

    def tell_tree(self) -> None:
        """What was made, removed and renamed; and the direct parents of the former (5.4)."""
        before, now = self._watch.paths, {_key(place): place.path for place in self._scene.places}
        gone = [path for key, path in before.items() if key not in now]
        come = [path for key, path in now.items() if key not in before]
        moved = {old: now[key] for key, old in before.items() if now.get(key, old) != old}
        for path in (*gone, *come):
            self.add(path, Event.MAILBOX_NAME)
        for old, new in moved.items():
            if not _follows(moved, old, new):
                self.add(new, Event.MAILBOX_NAME, old)
        for path in (*gone, *come):
            above = path.rpartition(SEPARATOR)[0]
            if above and above not in self.lines:
                self.add(above, Event.MAILBOX_NAME)

    def add(self, path: str, event: Event, old: str = "") -> None:
        """A line for a name, if it is wanted, or was under its old name."""
        place = self._places.get(path)
        is_own = path.partition(SEPARATOR)[0] not in RESERVED
        if not any(
            event in self._watch.events(is_own, name, self._subscribed)
            for name in (path, old) if name
        ):  # fmt: skip
            return
        attributes = [] if place is not None else [b"\\NonExistent"]
        if path in self._above:
            attributes.append(b"\\HasChildren")
        elif place is not None:
            attributes.append(b"\\HasNoChildren")
        if path in self._scene.subscribed:
            attributes.append(b"\\Subscribed")
        if place is not None and is_own and (use := SPECIAL_USE.get(place.mailbox.role)):
            attributes.append(use)
        self.lines[path] = responses.mailbox_list(
            path, attributes, utf8=self._client.utf8, old_name=old
        )


def _follows(moved: dict[str, str], old: str, new: str) -> bool:
    """Whether a mailbox was renamed because one above it was; nothing is told of it (5.4)."""
    above_old, above_new = old.rpartition(SEPARATOR)[0], new.rpartition(SEPARATOR)[0]
    while above_old and above_new and old[len(above_old) :] == new[len(above_new) :]:
        if moved.get(above_old) == above_new:
            return True
        above_old = above_old.rpartition(SEPARATOR)[0]
        above_new = above_new.rpartition(SEPARATOR)[0]
    return False


# The store


async def _moved(
    tx: Transaction, user_id: int, since: dict[int, int],
    others: dict[int, tuple[str, dict[int, str]]],
) -> bool:  # fmt: skip
    """Whether anything happened in these accounts, or to which others the user sees."""
    for account_id, modseq in since.items():
        if await changes.current(tx, account_id) != modseq:
            return True
    return await places.of_others(tx, user_id) != others


async def _scene(tx: Transaction, user_id: int, since: dict[int, int]) -> Scene:
    """What a user sees, and what was touched after these modseqs."""
    found = await places.listing(tx, user_id)
    accounts = {user_id, *since, *(place.account_id for place in found)}
    others = await places.of_others(tx, user_id)
    scene = Scene(found, others, set(await mailboxes.subscriptions(tx, user_id)), {}, {}, {})
    for account_id in accounts:
        current = await changes.current(tx, account_id)
        scene.modseqs[account_id] = current
        before = since.get(account_id, current)
        if before != current:
            for mailbox_id, kinds in (await changes.touched(tx, account_id, before)).items():
                scene.touched[account_id, mailbox_id] = kinds
            annotated = await changes.entries(tx, account_id, before, user_id)
            for mailbox_id, names in annotated.items():
                scene.entries[account_id, mailbox_id] = names
    return scene
